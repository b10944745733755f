"""Answers of a real Magento 2.4.7 (synthetic people): what its rows mean, and what its refusals are told as."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from cleverreach_sync.domain.model import ConsentState
from cleverreach_sync.errors import AuthError, CrsyncError, UsageError
from cleverreach_sync.http.failures import Refused
from tests.shops.magento2 import FakeMagento
from tests.shops.reading import Known, Watched, opening
from tests.shops.server import Reply

RECORDED: Final[dict[str, Any]] = orjson.loads(
    (Path(__file__).parents[1] / "cassettes" / "magento2" / "answers.json").read_bytes()
)


@pytest.fixture
def shop() -> Iterator[FakeMagento]:
    found = FakeMagento()
    found.customers = {row["id"]: row for row in RECORDED["customers"]}
    found.orders = {row["entity_id"]: row for row in RECORDED["orders"]}
    yield found
    found.close()


def test_every_row_is_somebody(shop: FakeMagento) -> None:
    with opening(shop, Watched()) as opened:
        found = Known().run(opened())
    expected = {row["email"].lower(): row["extension_attributes"]["is_subscribed"] for row in RECORDED["customers"]}
    for email, subscribed in expected.items():
        person = found[email]
        assert person.consent.state is (ConsentState.YES if subscribed else ConsentState.NO)
        assert person.profile["first_name"]
        assert person.profile["language"] == "de-DE"
        assert person.created_at is not None
        assert person.purchases is None
    for row in RECORDED["orders"]:
        purchases = found[row["customer_email"]].purchases
        assert purchases is not None
        assert (purchases.number, purchases.total) == (1, f"{row['base_grand_total']:.2f}")
        assert found[row["customer_email"]].profile["city"] == row["billing_address"]["city"]
    assert len(found) == len(RECORDED["customers"]) + len(RECORDED["orders"])


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("error-search-criteria-missing", Refused, '400: "searchCriteria" is required'),
        ("error-unknown-field", Refused, 'The "nope" attribute name is invalid'),
        ("error-no-route", UsageError, "no API of Magento 2"),
        ("auth-none", AuthError, "Magento_Customer::customer"),
        ("auth-bearer-disabled", AuthError, "Magento_Customer::customer"),
        ("auth-oauth1-hmac-sha1", Refused, "Signature method HMAC-SHA1 is not supported"),
    ],
)
def test_refusals(shop: FakeMagento, name: str, kind: type[CrsyncError], expected: str) -> None:
    recorded = RECORDED["refusals"][name]
    shop.fail(lambda _asked, _answer: Reply.json(recorded["body"], recorded["status"]), 100)
    with opening(shop, Watched()) as opened, pytest.raises(kind) as caught:
        Known().run(opened())
    assert expected in caught.value.message
    assert caught.value.hint
