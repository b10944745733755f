"""Answers of a real WooCommerce 9.4 (synthetic people), replayed: what its rows mean, and what its errors are told as.

`tests/cassettes/woocommerce/`: `customers.yaml` and `orders.yaml` are rows of two lists, without members that crsync
does not ask for, and with totals to match; the others are refusals and oddities, each given to whatever is asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import vcr
import yaml

from cleverreach_sync.domain.model import ConsentState, Record
from cleverreach_sync.errors import AuthError, CrsyncError, UsageError
from cleverreach_sync.sources.interface import Source
from tests.shops.reading import Watched, open_source, read

FOLDER = Path(__file__).parents[1] / "cassettes" / "woocommerce"
YES, NO, UNKNOWN = ConsentState.YES, ConsentState.NO, ConsentState.UNKNOWN


def _same_list(asked: Any, recorded: Any) -> None:
    """One list has the trash apart; crsync may ask for other members and pages of it than the recording did."""
    assert asked.host == recorded.host
    assert asked.path == recorded.path
    statuses = [parse_qs(urlsplit(request.uri).query).get("status") == ["trash"] for request in (asked, recorded)]
    assert statuses[0] is statuses[1]


RECORDED = vcr.VCR(cassette_library_dir=str(FOLDER), record_mode=vcr.mode.NONE)
RECORDED.register_matcher("list", _same_list)


@pytest.fixture
def replay() -> Iterator[Callable[..., None]]:
    """Puts the shop of a cassette into the place of the network; `always`: whatever is asked."""
    with ExitStack() as stack:

        def play(name: str, *, always: bool = False) -> None:
            match_on = ["method", *(() if always else ("list",))]
            cassette = RECORDED.use_cassette(f"{name}.yaml", match_on=match_on, allow_playback_repeats=True)
            stack.enter_context(cassette)

        yield play


@pytest.fixture
def opened() -> Iterator[Callable[..., Source]]:
    found: list[Source] = []

    def open_it(subscribed_by: str = "none") -> Source:
        access = {"url": "https://shop.example.com", "consumer_key": "ck_1", "consumer_secret": "cs_1"}
        settings = {"type": "woocommerce", **access, "subscribed_by": subscribed_by}
        found.append(open_source(settings, Watched()))
        return found[-1]

    yield open_it
    for source in found:
        source.close()


def rows_of(name: str) -> list[dict[str, Any]]:
    """The rows of a recorded list, as the shop gave them."""
    cassette = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = json.loads(cassette["interactions"][0]["response"]["body"]["string"])
    return found


def records(source: Source, stream: str) -> dict[int, Record]:
    def fail(warned: object) -> None:
        pytest.fail(str(warned))

    return {int(row.ident or 0): source.decode(stream, row, fail) for row in read(source, stream).rows}


def test_customers(replay: Callable[..., None], opened: Callable[..., Source]) -> None:
    replay("customers")
    found = records(opened(), "customers")
    assert {ident: record.email for ident, record in found.items()} == {
        raw["id"]: raw["email"].lower() for raw in rows_of("customers")
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
def test_consent_of_customers(
    replay: Callable[..., None], opened: Callable[..., Source], rule: str, expected: dict[int, ConsentState]
) -> None:
    replay("customers")
    found = records(opened(rule), "customers")
    stated = {ident: record.consent.state for ident, record in found.items() if record.consent is not None}
    assert {ident: state for ident, state in stated.items() if state is not UNKNOWN} == expected
    assert len(stated) == len(found)


def test_orders(replay: Callable[..., None], opened: Callable[..., Source]) -> None:
    replay("orders")
    source = opened("meta:newsletter_optin")
    found = records(source, "orders")
    assert found[32].email == "deleted@site.invalid"
    assert 1700 not in found  # a cart
    counting = {ident for ident, record in found.items() if record.orders[0].counts}
    assert counting == {15, 21, 22, 32, 36, 42, 43, 67}
    assert found[42].email == "gast.koehler27@invite.example"
    assert (found[43].orders[0].total, found[43].orders[0].currency) == ("73.69", "CHF")
    assert found[43].profile == {}  # an account's
    stated = {ident: record.consent for ident, record in found.items() if record.consent is not None}
    assert {ident for ident, consent in stated.items() if consent.state is YES} == {16, 22, 28, 36, 42}
    assert {ident for ident, consent in stated.items() if consent.state is NO} == {19, 32}
    assert stated[16].at == found[16].orders[0].at
    owners = {row.ident: row.owner for row in read(source, "orders").rows}
    assert (owners["43"], owners["42"]) == ("732", None)


REFUSALS: dict[str, tuple[type[CrsyncError], str, str]] = {
    "auth-none": (AuthError, "does not know this key", "Permalinks"),
    "auth-unknown-key": (AuthError, "does not know this key", "consumer_key"),
    "auth-basic-over-plain-http": (AuthError, "does not know this key", "https"),
    "auth-wrong-secret": (AuthError, "refuses the key", "consumer_secret"),
    "auth-write-key-get": (AuthError, "may not read", "'Read'"),
    "auth-owner-lacks-capability-customers": (AuthError, "does not allow", "administrator or shop manager"),
    "auth-owner-lacks-capability-orders": (AuthError, "does not allow", "administrator or shop manager"),
    "error-no-route": (UsageError, "no WooCommerce", "activate the plug-in"),
    "error-unknown-namespace": (UsageError, "no WooCommerce", "activate the plug-in"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(replay: Callable[..., None], opened: Callable[..., Source], name: str) -> None:
    kind, words, hint = REFUSALS[name]
    replay(name, always=True)
    with pytest.raises(kind, match=words) as caught:
        read(opened(), "customers")
    assert hint in str(caught.value.hint)


def test_a_shop_managers_key(replay: Callable[..., None], opened: Callable[..., Source]) -> None:
    replay("customers-shop-manager-key-no-meta", always=True)
    with pytest.raises(AuthError, match="meta data"):
        read(opened("meta:newsletter_optin"), "customers")


@pytest.mark.parametrize("name", ["auth-read-key-get", "server-php-warning-before-json"])
def test_rows_that_are_there(replay: Callable[..., None], opened: Callable[..., Source], name: str) -> None:
    replay(name, always=True)
    assert len(next(opened().read("customers", None, lambda: False)).rows) >= 1
