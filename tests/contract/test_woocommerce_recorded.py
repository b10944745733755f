"""Answers of a real WooCommerce 9.4 (synthetic people), replayed: what its rows mean, and what its errors are told as.

`tests/cassettes/woocommerce/`: `customers.json` and `orders.json` are rows of two lists, without members that crsync
does not ask for; `answers.json` are refusals and oddities, by name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cleverreach_sync.errors import AuthError, CrsyncError, UsageError
from cleverreach_sync.model import ConsentState, Record
from cleverreach_sync.sources.interface import Source
from tests.shops.reading import Watched, open_source, read
from tests.shops.server import Asked, Reply, ShopServer

FOLDER = Path(__file__).parents[1] / "cassettes" / "woocommerce"
ANSWERS: dict[str, Any] = json.loads((FOLDER / "answers.json").read_text(encoding="utf-8"))
LISTS = {name: json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")) for name in ("customers", "orders")}
YES, NO, UNKNOWN = ConsentState.YES, ConsentState.NO, ConsentState.UNKNOWN


class Replaying(ShopServer):
    """Gives the recorded answers: the two lists, or always the same one."""

    def __init__(self) -> None:
        super().__init__()
        self.always: dict[str, Any] | None = None

    def answer(self, asked: Asked) -> Reply:
        found = self.always or LISTS[asked.path.rpartition("/")[2]]
        if asked.query.get("status") == "trash":
            return Reply.json([])
        headers = {name: value for name, value in found["headers"].items() if name != "Content-Type"}
        if "body_text" in found:
            return Reply(found["status"], found["body_text"].encode(), headers)
        return Reply.json(found["body"], found["status"])._replace(headers=headers)


@pytest.fixture
def server() -> Iterator[Replaying]:
    found = Replaying()
    yield found
    found.close()


@pytest.fixture
def opened(server: Replaying) -> Iterator[Callable[..., Source]]:
    found: list[Source] = []

    def open_it(subscribed_by: str = "none") -> Source:
        access = {"url": server.url, "consumer_key": "ck_1", "consumer_secret": "cs_1"}
        settings = {"type": "woocommerce", **access, "subscribed_by": subscribed_by}
        found.append(open_source(settings, Watched()))
        return found[-1]

    yield open_it
    for source in found:
        source.close()


def records(source: Source, stream: str) -> dict[int, Record]:
    def fail(warned: object) -> None:
        pytest.fail(str(warned))

    return {int(row.ident or 0): source.decode(stream, row, fail) for row in read(source, stream).rows}


def test_customers(opened: Callable[..., Source]) -> None:
    found = records(opened(), "customers")
    assert {ident: record.email for ident, record in found.items()} == {
        raw["id"]: raw["email"].lower() for raw in LISTS["customers"]["body"]
    }
    finn = found[3]
    assert finn.email == "finn.krueger1@mail.example"  # not the address bills go to
    assert finn.profile["first_name"] == "Finn"
    assert finn.profile["updated_at"] == "2026-05-14T00:21:47Z"
    assert found[1].profile["customer_type"] == "administrator"
    assert found[12].at == found[12].created_at  # its date of change is null
    erased = found[19].profile
    assert (erased["first_name"], erased["city"], erased["street"]) == ("Özlem", "", "")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("meta:newsletter_optin", {4: NO, 6: YES, 12: NO}),
        ("meta:mc_consent:status=subscribed", {3: YES, 53: YES}),
        ("meta:_wc_newsletter_hidden", {5: YES}),
    ],
)
def test_consent_of_customers(opened: Callable[..., Source], rule: str, expected: dict[int, ConsentState]) -> None:
    found = records(opened(rule), "customers")
    stated = {ident: record.consent.state for ident, record in found.items() if record.consent is not None}
    assert {ident: state for ident, state in stated.items() if state is not UNKNOWN} == expected
    assert len(stated) == len(found)


def test_orders(opened: Callable[..., Source]) -> None:
    source = opened("meta:newsletter_optin")
    found = records(source, "orders")
    bad = [each.message for each in read(source, "orders").unreadable]
    assert bad == ["order 32: its personal data were erased in the shop"]
    assert 1700 not in found  # a cart
    counting = {ident for ident, record in found.items() if record.orders[0].counts}
    assert counting == {15, 21, 22, 36, 42, 43, 67}
    assert found[42].email == "gast.koehler27@invite.example"
    assert (found[43].orders[0].total, found[43].orders[0].currency) == ("73.69", "CHF")
    assert found[43].profile == {}  # an account's
    stated = {ident: record.consent for ident, record in found.items() if record.consent is not None}
    assert {ident for ident, consent in stated.items() if consent.state is YES} == {16, 22, 28, 36, 42}
    assert {ident for ident, consent in stated.items() if consent.state is NO} == {19}
    assert stated[16].at == found[16].orders[0].at
    owners = {row.ident: row.owner for row in read(source, "orders").rows}
    assert (owners["43"], owners["42"]) == ("732", None)


REFUSALS: dict[str, tuple[type[CrsyncError], str, str]] = {
    "auth-none": (AuthError, "knows no such key", "Permalinks"),
    "auth-unknown-key": (AuthError, "knows no such key", "consumer_key"),
    "auth-basic-over-plain-http": (AuthError, "knows no such key", "https"),
    "auth-wrong-secret": (AuthError, "refuses the key", "consumer_secret"),
    "auth-write-key-get": (AuthError, "may not read", "'Read'"),
    "auth-owner-lacks-capability-customers": (AuthError, "does not allow", "administrator or shop manager"),
    "auth-owner-lacks-capability-orders": (AuthError, "does not allow", "administrator or shop manager"),
    "error-no-route": (UsageError, "no WooCommerce", "its API is at https://shop.example.com/wp-json"),
    "error-unknown-namespace": (UsageError, "no WooCommerce", "its API is at https://shop.example.com/wp-json"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(server: Replaying, opened: Callable[..., Source], name: str) -> None:
    kind, words, hint = REFUSALS[name]
    server.always = ANSWERS[name]
    with pytest.raises(kind, match=words) as caught:
        read(opened(), "customers")
    assert hint in str(caught.value.hint)


def test_a_shop_managers_key(server: Replaying, opened: Callable[..., Source]) -> None:
    server.always = ANSWERS["customers-shop-manager-key-no-meta"]
    with pytest.raises(AuthError, match="meta data"):
        read(opened("meta:newsletter_optin"), "customers")


@pytest.mark.parametrize("name", ["auth-read-key-get", "server-php-warning-before-json"])
def test_rows_that_are_there(server: Replaying, opened: Callable[..., Source], name: str) -> None:
    server.always = {**ANSWERS[name], "headers": {}}  # the totals are those of the whole list
    assert len(read(opened(), "customers").rows) >= 1
