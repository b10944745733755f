"""Orders that go over to somebody else, and records that are gone: the list says what a full read of the shop would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.program import Program
from tests.e2e.running import counted
from tests.shops.plentymarkets import PlentySystem
from tests.shops.shopware6 import FakeShopware
from tests.shops.woocommerce import WooShop

ANNA, BEN, GUEST, OTHER = (f"{name}@mail.example" for name in ("anna", "ben", "guest", "other"))
DAY = 86_400


@pytest.fixture
def woo() -> Iterator[WooShop]:
    found = WooShop()
    yield found
    found.close()


@pytest.fixture
def shopware() -> Iterator[FakeShopware]:
    found = FakeShopware()
    yield found
    found.close()


class Merchant:
    """Runs every day; a diff says beforehand what a run does."""

    def __init__(self, program: Program, shop: WooShop | FakeShopware | PlentySystem, **settings: Any) -> None:
        self.program, self.shop = program, shop
        for name, kind in (
            ("phone", "text"),
            ("ordercount", "number"),
            ("totalspent", "number"),
            ("lastorderdate", "date"),
        ):
            program.state.create_attribute(name, kind)
        program.settings["source"] = shop.settings(**settings)
        program.config(
            tags=["subscriber", "buyer", "contact"], attributes={"preset": "shop", "missing": "ignore", "map": {}}
        )
        self.day(0)

    def day(self, days: float = 1) -> dict[str, int]:
        self.shop.now += int(days * DAY)
        self.program.clock.passed += days * DAY
        told = counted(self.program.run("diff").document)
        counts = self.program.counts()
        assert counts == told
        return counts

    def kinds(self, email: str) -> set[str]:
        return {tag.rpartition(".")[2] for tag in self.program.list()[email].tags}

    def values(self, email: str) -> dict[str, str]:
        shown = self.program.list()[email].values
        return {name: value for name, value in shown.items() if value}

    def active(self, email: str) -> bool:
        return bool(self.program.list()[email].active)


class TestAnOrderThatGoesOver:
    """Who is left with no order is no buyer any more."""

    def hand_over(self, woo: WooShop, order: int, customer: int, email: str) -> None:
        woo.orders[order] |= {"customer_id": customer, "billing": {**woo.orders[order]["billing"], "email": email}}
        woo.touch(order)

    def test_to_another_account(self, program: Program, woo: WooShop) -> None:
        anna, ben = woo.add_customer(ANNA), woo.add_customer(BEN)
        order = woo.add_order(anna, "12.50")
        merchant = Merchant(program, woo)
        assert (merchant.kinds(ANNA), merchant.kinds(BEN)) == ({"Buyer"}, {"Contact"})
        woo.now += DAY
        self.hand_over(woo, order, ben, BEN)
        merchant.day()
        assert (merchant.kinds(ANNA), merchant.kinds(BEN)) == ({"Contact"}, {"Buyer"})
        assert merchant.values(ANNA) == {"ordercount": "0"}
        assert merchant.values(BEN)["totalspent"] == "12.50"
        assert merchant.day()["unchanged"] == 2

    def test_one_of_two(self, program: Program, woo: WooShop) -> None:
        anna, ben = woo.add_customer(ANNA), woo.add_customer(BEN)
        order = woo.add_order(anna, "12.50")
        woo.add_order(anna, "2.50")
        merchant = Merchant(program, woo)
        self.hand_over(woo, order, ben, BEN)
        merchant.day()
        assert (merchant.kinds(ANNA), merchant.kinds(BEN)) == ({"Buyer"}, {"Buyer"})
        assert (merchant.values(ANNA)["totalspent"], merchant.values(ANNA)["ordercount"]) == ("2.50", "1")

    def test_of_a_guest_whose_address_is_corrected(self, program: Program, woo: WooShop) -> None:
        woo.add_customer(OTHER)
        order = woo.add_guest_order(GUEST)
        merchant = Merchant(program, woo)
        self.hand_over(woo, order, 0, BEN)
        merchant.day()
        assert (merchant.kinds(GUEST), merchant.kinds(BEN)) == (set(), {"Buyer"})
        assert merchant.active(GUEST), "nobody unsubscribed"
        assert merchant.values(GUEST) == {"ordercount": "0"}
        before = program.state.traffic.writes
        merchant.day()
        assert program.state.traffic.writes == before

    def test_of_a_guest_to_an_account(self, program: Program, woo: WooShop) -> None:
        ben = woo.add_customer(BEN)
        order = woo.add_guest_order(GUEST)
        merchant = Merchant(program, woo)
        self.hand_over(woo, order, ben, GUEST)
        merchant.day()
        assert (merchant.kinds(GUEST), merchant.kinds(BEN)) == (set(), {"Buyer"})

    def test_with_buyers_and_subscribers_selected_only(self, program: Program, woo: WooShop) -> None:
        anna, ben = woo.add_customer(ANNA, consent=False), woo.add_customer(BEN, consent=True)
        order = woo.add_order(anna)
        merchant = Merchant(program, woo)
        program.config(tags=["subscriber", "buyer"])
        self.hand_over(woo, order, ben, BEN)
        merchant.day()
        assert (merchant.kinds(ANNA), merchant.kinds(BEN)) == (set(), {"Subscriber", "Buyer"})


class TestWhatIsGone:
    def test_orders_that_the_shop_purges(self, program: Program, woo: WooShop) -> None:
        anna = woo.add_customer(ANNA, consent=True, first_name="Anna")
        purged = [woo.add_order(anna), woo.add_guest_order(GUEST)]
        woo.add_guest_order(BEN)
        merchant = Merchant(program, woo, reconcile_every="30d")
        for order in purged:
            del woo.orders[order]
        merchant.day(6)
        assert (merchant.kinds(ANNA), merchant.kinds(GUEST)) == ({"Subscriber", "Buyer"}, {"Buyer"}), "nobody tells"
        merchant.day(1)
        assert (merchant.kinds(ANNA), merchant.kinds(GUEST)) == ({"Subscriber"}, set())
        assert merchant.kinds(BEN) == {"Buyer"}
        assert merchant.values(ANNA) == {"firstname": "Anna", "ordercount": "0"}
        assert merchant.active(GUEST)

    def test_a_resync_notices_it(self, program: Program, woo: WooShop) -> None:
        woo.add_customer(ANNA)
        order = woo.add_guest_order(GUEST)
        merchant = Merchant(program, woo)
        del woo.orders[order]
        assert program.run("resync").error is None
        assert merchant.kinds(GUEST) == set()

    def test_a_deleted_account_freezes_no_name(self, program: Program, woo: WooShop) -> None:
        woo.add_customer(OTHER)
        anna = woo.add_customer(ANNA, first_name="Anna", city="Ulm", phone="123")
        order = woo.add_order(anna)
        merchant = Merchant(program, woo)
        woo.delete_customer(anna)
        woo.orders[order]["billing"]["phone"] = ""
        merchant.day()
        assert merchant.kinds(ANNA) == {"Buyer"}, "the order is still there"
        assert merchant.values(ANNA)["firstname"] == "Anna"
        woo.add_guest_order(ANNA, first_name="Änne", city="Bonn")
        merchant.day()
        values = merchant.values(ANNA)
        assert (values["firstname"], values["city"], values["ordercount"]) == ("Änne", "Bonn", "2")
        merchant.day(7)
        assert merchant.values(ANNA) == {name: value for name, value in values.items() if name != "phone"}

    def test_an_order_whose_account_is_not_listed(self, program: Program, woo: WooShop) -> None:
        """It has a name and an address of its own."""
        woo.add_customer(OTHER)
        woo.add_guest_order(GUEST, first_name="Gustav", city="Bonn")
        for row in woo.orders.values():
            row["customer_id"] = 4711
        merchant = Merchant(program, woo)
        assert merchant.kinds(GUEST) == {"Buyer"}
        assert (merchant.values(GUEST)["firstname"], merchant.values(GUEST)["city"]) == ("Gustav", "Bonn")

    def test_an_account_of_whom_nothing_else_is_known(self, program: Program, woo: WooShop) -> None:
        """They stay in the list as they are, but without a tag that is not true."""
        woo.add_customer(OTHER)
        anna, ben = woo.add_customer(ANNA, consent=True), woo.add_customer(BEN)
        merchant = Merchant(program, woo)
        woo.delete_customer(anna)
        woo.delete_customer(ben)
        assert merchant.day()["deactivated"] == 1
        assert (merchant.kinds(ANNA), merchant.active(ANNA)) == (set(), False)
        assert (merchant.kinds(BEN), merchant.active(BEN)) == ({"Contact"}, True)
        before = program.state.traffic.writes
        merchant.day()
        assert program.state.traffic.writes == before

    def test_many_ends_are_refused(self, program: Program, woo: WooShop) -> None:
        woo.add_customer(OTHER)
        people = [woo.add_customer(f"p{number}@mail.example", consent=True) for number in range(3)]
        merchant = Merchant(program, woo)
        program.config(limits={"max_deactivated": 2})
        for customer in people:
            woo.delete_customer(customer)
        error = program.failing()
        assert "max_deactivated" in error.message
        assert merchant.kinds("p0@mail.example") == {"Subscriber"}

    def test_an_order_of_a_guest_that_is_cancelled(self, program: Program, shopware: FakeShopware) -> None:
        """A guest without an order that counts is nobody."""
        shopware.add_customer(OTHER)
        order = shopware.add_guest_order(GUEST, "9.00")
        merchant = Merchant(program, shopware)
        assert merchant.kinds(GUEST) == {"Buyer"}
        shopware.now += DAY
        shopware.cancel_order(order)
        merchant.day()
        assert merchant.kinds(GUEST) == set()
        assert merchant.values(GUEST)["ordercount"] == "0"
        shopware.add_guest_order(BEN, state="cancelled")
        merchant.day()
        assert BEN not in program.list()

    @pytest.mark.parametrize("billing", [ANNA, GUEST])
    @pytest.mark.parametrize("consent", [None, True])
    def test_an_account_that_had_withdrawn(
        self, program: Program, woo: WooShop, billing: str, *, consent: bool | None
    ) -> None:
        """What it said last holds for its orders, which are a guest's from then on, also at the address they name."""
        woo.add_customer(OTHER, consent=True)
        anna = woo.add_customer(ANNA, consent=consent)
        order = woo.add_order(anna)
        woo.orders[order]["billing"]["email"] = billing
        woo.set_meta(woo.orders[order], "newsletter_optin", "yes")
        program.settings["source"] = woo.settings()
        program.config(tags=["subscriber"])

        def active_after(days: int, command: str = "sync") -> set[str]:
            woo.now += days * DAY
            program.clock.passed += days * DAY
            program.counts(command)
            return program.active()

        if consent:
            assert active_after(0) == {ANNA, OTHER}
        woo.set_consent(anna, given=False)
        assert active_after(1) == {OTHER}
        woo.delete_customer(anna)
        woo.touch(order)
        assert active_after(1) == active_after(8) == active_after(1, "resync") == {OTHER}

    def test_an_opt_out_that_is_cleaned_up(self, program: Program, shopware: FakeShopware) -> None:
        anna = shopware.add_customer(ANNA, consent=True)
        shopware.add_customer(OTHER)
        merchant = Merchant(program, shopware)
        shopware.now += DAY
        shopware.set_consent(anna, given=False)
        merchant.day()
        assert not merchant.active(ANNA)
        shopware.recipients.clear()
        merchant.day(8)
        shopware.add_order(anna)
        merchant.day()
        assert not merchant.active(ANNA)
        assert "Subscriber" not in merchant.kinds(ANNA)

    def test_an_opt_out_that_becomes_a_mere_no(self, program: Program, shopware: FakeShopware) -> None:
        """They have subscribed again without confirming it."""
        shopware.add_customer(OTHER)
        shopware.add_order(shopware.add_customer(ANNA))
        row = shopware.add_recipient(ANNA, "optOut")
        merchant = Merchant(program, shopware)
        assert ANNA not in program.list()
        shopware.set_status(row, "notSet")
        merchant.day()
        merchant.day(8)
        assert ANNA not in program.list()
        shopware.set_status(row, "optIn")
        merchant.day()
        assert (merchant.kinds(ANNA), merchant.active(ANNA)) == ({"Subscriber", "Buyer"}, True)

    def test_a_newsletter_row_that_is_deleted(self, program: Program, shopware: FakeShopware) -> None:
        shopware.add_customer(ANNA, consent=True)
        merchant = Merchant(program, shopware)
        shopware.recipients.clear()
        assert merchant.day(2)["deactivated"] == 1
        assert (merchant.kinds(ANNA), merchant.active(ANNA)) == ({"Contact"}, False)


@pytest.fixture
def plenty() -> Iterator[PlentySystem]:
    found = PlentySystem()
    yield found
    found.close()


class TestPlentymarkets:
    def test_a_newsletter_row_that_is_deleted(self, program: Program, plenty: PlentySystem) -> None:
        """The contact is not read again by that."""
        anna = plenty.add_customer(ANNA, consent=True, first_name="Anna")
        plenty.add_customer(BEN, consent=True)
        merchant = Merchant(program, plenty)
        plenty.now += DAY
        plenty.add_customer(OTHER)
        merchant.day(2)
        assert (merchant.kinds(ANNA), merchant.active(ANNA)) == ({"Subscriber"}, True)
        plenty.set_consent(anna, given=False)
        assert merchant.day()["deactivated"] == 1
        assert (merchant.kinds(ANNA), merchant.active(ANNA)) == ({"Contact"}, False)
        assert merchant.values(ANNA)["firstname"] == "Anna"

    def test_a_contact_that_is_deleted(self, program: Program, plenty: PlentySystem) -> None:
        """Who came before the transfer began is not brought in by what is left of them."""
        anna = plenty.add_customer(ANNA, first_name="Anna")
        plenty.add_order(anna)
        plenty.add_customer(BEN)
        merchant = Merchant(program, plenty)
        merchant.day(3)
        assert merchant.kinds(ANNA) == {"Buyer"}
        plenty.orders.clear()
        plenty.delete_customer(anna)
        merchant.day(3)
        assert merchant.kinds(ANNA) == {"Buyer"}, "nobody tells"
        merchant.day(3)
        assert (merchant.kinds(ANNA), merchant.active(ANNA)) == (set(), True)

    def test_orders_of_contacts_that_are_not_listed(self, program: Program, plenty: PlentySystem) -> None:
        plenty.add_customer(BEN)
        gone = plenty.add_customer(ANNA)
        plenty.add_order(gone)
        del plenty.contacts[gone]
        Merchant(program, plenty)
        program.run("resync")
        assert any("1 contact" in warning for warning in program.said.warnings)
        assert ANNA not in program.list()


def test_who_unsubscribed_elsewhere_is_not_made_active_as_an_account_is_gone(program: Program, woo: WooShop) -> None:
    """Created inactive, they would be active by now, but for their unsubscribing; of the account no row is left."""
    merchant = Merchant(program, woo)
    program.config(activate=["subscriber"])
    account = woo.add_customer(ANNA)
    woo.add_order(account)
    merchant.day()
    woo.add_guest_order(GUEST)
    other = program.state.add_group("Another list")
    program.state.write(other, {"email": ANNA, "activated": 1, "deactivated": int(program.clock.wall())})
    program.config(activate=["subscriber", "buyer"])
    assert merchant.day()["skipped"] == 1
    woo.delete_customer(account)
    merchant.day(0.2)
    assert program.active() == {GUEST}
