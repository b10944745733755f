"""Whole runs from a Shopware 5 shop, with an export of its newsletter beside it, into a list."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.gate import Gate
from tests.e2e.program import Program
from tests.shops.shopware5 import KEY, FakeShopware5

SUBSCRIBER, BUYER = (f"Shopware_5-Special.{kind}" for kind in ("Subscriber", "Buyer"))
HEADINGS = "email;group;salutation;firstName;lastName;street;zipCode;city;lastRead;added;double_optin_confirmed"
ANNA, BEN, CORA = "anna@mail.example", "ben@mail.example", "cora@mail.example"


class Merchant:
    """A shop, its export, a list, and what lies between."""

    def __init__(self, shop: FakeShopware5, program: Program, gate: Gate) -> None:
        self.shop, self.program, self.gate = shop, program, gate
        shop.now = int(program.clock.wall()) - 90 * 86_400
        program.settings["source"] = shop.settings(timezone="Europe/Berlin")
        program.config(consent={"path": "newsletter.csv", "absent": "no"})

    def export(self, **confirmed: str) -> None:
        """The newsletter, with everybody by name and the date of their confirmation."""
        rows = [f"{name}@mail.example;Newsletter;;;;;;;;2026-01-01 10:00:00;{at}" for name, at in confirmed.items()]
        (self.program.folder / "newsletter.csv").write_text("\n".join([HEADINGS, *rows]) + "\n", encoding="utf-8")

    def tags(self) -> dict[str, set[str]]:
        return {email: set(shown.tags) for email, shown in self.program.list().items()}


@pytest.fixture
def shop() -> Iterator[FakeShopware5]:
    found = FakeShopware5()
    yield found
    found.close()


@pytest.fixture
def merchant(shop: FakeShopware5, program: Program, gate: Gate) -> Merchant:
    found = Merchant(shop, program, gate)
    anna = shop.add_customer("Anna@Mail.example", first_name="Anna", last_name="Größle", city="Köln")
    shop.add_order(anna)
    shop.add_customer(BEN, first_name="Ben")
    shop.add_guest_order("gast@post.example", first_name="Gustav", city="Bonn")
    found.export(anna="2026-01-01 10:05:00", ben="", cora="2026-01-02 08:00:00")
    return found


def test_the_first_sync_and_one_without_a_change(merchant: Merchant) -> None:
    assert merchant.program.counts()["created"] == 3
    assert merchant.tags() == {ANNA: {SUBSCRIBER, BUYER}, CORA: {SUBSCRIBER}, "gast@post.example": {BUYER}}
    shown = merchant.program.list()[ANNA].values
    assert (shown["firstname"], shown["lastname"], shown["city"]) == ("Anna", "Größle", "Köln")
    merchant.shop.now += 3600
    writes = merchant.program.state.traffic.writes
    merchant.program.counts()
    assert merchant.program.state.traffic.writes == writes


def test_whoever_is_gone_from_the_export_has_left(merchant: Merchant) -> None:
    merchant.program.counts()
    merchant.export(anna="2026-01-01 10:05:00")
    assert merchant.program.counts()["deactivated"] == 1
    assert CORA not in merchant.program.active()
    merchant.export(anna="2026-01-01 10:05:00", cora="2026-01-02 08:00:00")
    merchant.program.counts()
    assert CORA not in merchant.program.active(), "an older yes is no new one"
    assert SUBSCRIBER not in merchant.tags()[CORA]


def test_the_confirmation_makes_a_subscriber(merchant: Merchant) -> None:
    merchant.program.counts()
    assert BEN not in merchant.tags()
    merchant.export(anna="2026-01-01 10:05:00", ben="2026-01-03 09:00:00", cora="2026-01-02 08:00:00")
    merchant.program.counts()
    assert merchant.tags()[BEN] == {SUBSCRIBER}
    assert BEN in merchant.program.active()


def test_a_cancelled_order_is_taken_back(merchant: Merchant) -> None:
    merchant.program.counts()
    merchant.shop.now += 7200
    merchant.shop.cancel_order(min(merchant.shop.orders))
    merchant.program.counts()
    assert merchant.tags()[ANNA] == {SUBSCRIBER}


def test_secrets_of_the_shop_reach_nothing(merchant: Merchant) -> None:
    ended = merchant.program.here("sync", "-vv")
    assert ended.code == 0, ended
    kept = [*merchant.program.files().values(), ended.out.encode(), ended.err.encode()]
    for secret in (KEY, "geheim", "$2y$10$"):
        assert not [text for text in kept if secret.encode() in text]
