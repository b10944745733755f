"""Accounts with orders that have another address now: the orders come along, and count once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.e2e.program import Program
from tests.e2e.running import counted
from tests.shops.contract import FAKES
from tests.shops.woocommerce import WooShop

SUBSCRIBER, BUYER, CONTACT = (f"WooCommerce-Special.{kind}" for kind in ("Subscriber", "Buyer", "Contact"))
HOUR, DAY = 3600, 86_400
A, B, C = "a@mail.example", "b@mail.example", "c@mail.example"
OTHER = "other@mail.example"


class Listed(NamedTuple):
    """A recipient as the test looks at them. `orders` is the data field of their number."""

    active: bool
    tags: frozenset[str]
    orders: str


class World:
    """A shop, and the list it is synchronised into."""

    def __init__(self, shop: WooShop, program: Program, mode: str) -> None:
        self.shop = shop
        self.program = program
        self.consent = True if mode != "none" else None
        program.state.create_attribute("ordercount", "number")
        program.settings["source"] = shop.settings(subscribed_by=mode)
        program.settings["attributes"]["map"] = {"ordercount": "orders", "firstname": "first_name"}
        program.config()
        self.kinds = frozenset({SUBSCRIBER, BUYER} if self.consent else {BUYER})
        self._latest = shop.add_order(shop.add_customer(OTHER, consent=self.consent))

    def account(self, email: str, orders: int = 1) -> int:
        customer = self.shop.add_customer(email, consent=self.consent)
        for _ in range(orders):
            self.shop.add_order(customer)
        return customer

    def address(self, customer: int, email: str) -> None:
        self.shop.change_profile(customer, email=email)

    def order_address(self, order: int, email: str) -> None:
        self.shop.orders[order]["billing"]["email"] = email
        self.shop.touch(order)

    def later(self) -> None:
        """Time passes, and somebody else's order is the newest: those before it are not read again."""
        self.shop.now += HOUR
        self.shop.touch(self._latest)

    def sync(self, command: str = "sync", **options: Any) -> dict[str, int]:
        self.later()
        would = counted(self.program.run("diff").document) if command == "sync" and not options else None
        finished = self.program.run(command, **options)
        assert finished.error is None, finished.error
        counts = counted(finished.document)
        if would is not None:
            assert would == counts
        return {name: number for name, number in counts.items() if name not in ("rows", "people", "unchanged")}

    def list(self) -> dict[str, Listed]:
        return {
            email: Listed(shown.active, frozenset(shown.tags), shown.values.get("ordercount", ""))
            for email, shown in self.program.list().items()
            if email != OTHER
        }

    def at_rest(self) -> None:
        """Another run, and one that reads everything, have nothing to add."""
        writes = self.program.state.traffic.writes
        self.sync()
        self.shop.now += 2 * DAY
        self.sync()
        assert self.program.state.traffic.writes == writes
        self.program.check_ledger()


@pytest.fixture
def shop() -> Iterator[WooShop]:
    found = WooShop()
    yield found
    found.close()


@pytest.fixture(params=["none", "meta:newsletter_optin"])
def world(request: pytest.FixtureRequest, shop: WooShop, program: Program) -> World:
    return World(shop, program, request.param)


@pytest.fixture
def buyers(shop: WooShop, program: Program) -> World:
    """Nobody subscribes in this shop."""
    return World(shop, program, "none")


def test_the_orders_come_along(world: World) -> None:
    customer = world.account(A, orders=2)
    world.sync()
    world.address(customer, B)
    assert world.sync() == {"created": 1, "deactivated": 1}
    found = world.list()
    assert found[B] == Listed(True, world.kinds, "2")
    assert not found[A].active
    world.at_rest()
    assert world.list() == found


def test_a_resync_says_the_same(world: World) -> None:
    customer = world.account(A, orders=2)
    world.sync()
    world.address(customer, B)
    assert world.sync("resync")["deactivated"] == 1
    assert world.list()[B] == Listed(True, world.kinds, "2")
    assert not world.list()[A].active
    world.sync("resync")
    assert not world.list()[A].active
    world.at_rest()


def test_an_order_that_came_along_is_cancelled(world: World) -> None:
    customer = world.account(A)
    order = world.shop.add_order(customer)
    world.sync()
    world.address(customer, B)
    world.sync()
    world.shop.cancel_order(order)
    assert world.sync() == {"updated": 1}
    assert world.list()[B].orders == "1"
    world.at_rest()


def test_the_last_order_is_cancelled_after_the_move(shop: WooShop, program: Program) -> None:
    world = World(shop, program, "meta:newsletter_optin")
    customer = world.account(A, orders=0)
    order = shop.add_order(customer)
    world.sync()
    world.address(customer, B)
    world.sync()
    shop.cancel_order(order)
    world.sync()
    assert world.list()[B].tags == {SUBSCRIBER}
    assert world.list()[A].tags == {SUBSCRIBER, BUYER}
    assert not world.list()[A].active


def test_an_order_is_placed_in_between(world: World) -> None:
    """Before the change of the address, with the old one written on it, and after it."""
    customer = world.account(A)
    world.sync()
    world.shop.add_order(customer)
    world.address(customer, B)
    world.shop.add_order(customer)
    assert world.sync() == {"created": 1, "deactivated": 1}
    assert world.list()[B].orders == "3"
    world.shop.add_order(customer)
    assert world.sync() == {"updated": 1}
    assert world.list()[B].orders == "4"
    world.at_rest()
    assert not world.list()[A].active


def test_an_old_order_is_touched_after_the_move(world: World) -> None:
    """The old address is still written on it."""
    customer = world.account(A, orders=0)
    order = world.shop.add_order(customer)
    world.sync()
    world.address(customer, B)
    world.sync()
    world.shop.touch(order)
    assert world.sync() == {}
    assert world.list()[B].orders == "1"
    assert not world.list()[A].active


def test_the_old_address_ends_once(world: World) -> None:
    """Two moves, one after the other."""
    customer = world.account(A, orders=2)
    world.sync()
    world.address(customer, B)
    world.sync()
    world.address(customer, C)
    assert world.sync() == {"created": 1, "deactivated": 1}
    found = world.list()
    assert {email: each.active for email, each in found.items()} == {A: False, B: False, C: True}
    assert found[C].orders == "2"
    world.at_rest()


def test_there_and_back(world: World) -> None:
    """Nobody is mailed again by it: the mailing of the address was ended, and no later consent is known."""
    customer = world.account(A, orders=2)
    world.sync()
    world.address(customer, B)
    world.sync()
    world.address(customer, A)
    assert world.sync()["deactivated"] == 1
    assert {email: each.active for email, each in world.list().items()} == {A: False, B: False}
    assert world.list()[A].orders == "2"
    world.at_rest()


def test_two_accounts_swap_addresses(world: World) -> None:
    one, two = world.account(A, orders=2), world.account(B)
    world.sync()
    world.address(one, B)
    world.address(two, A)
    assert world.sync() == {"updated": 2}
    assert world.list() == {A: Listed(True, world.kinds, "1"), B: Listed(True, world.kinds, "2")}
    world.at_rest()
    world.address(one, C)
    assert world.sync() == {"created": 1, "deactivated": 1}
    assert world.list() == {
        A: Listed(True, world.kinds, "1"),
        B: Listed(False, world.list()[B].tags, "2"),
        C: Listed(True, world.kinds, "2"),
    }


def test_one_takes_the_address_that_another_leaves(world: World) -> None:
    one, two = world.account(A, orders=3), world.account(B, orders=2)
    world.sync()
    world.address(one, B)
    world.address(two, C)
    assert world.sync() == {"created": 1, "updated": 1, "deactivated": 1}
    found = world.list()
    assert (found[B].orders, found[C].orders) == ("3", "2")
    assert {email: each.active for email, each in found.items()} == {A: False, B: True, C: True}
    world.at_rest()


def test_to_an_address_that_has_ordered_as_a_guest(world: World) -> None:
    customer = world.account(A)
    world.shop.add_guest_order(B)
    world.sync()
    assert world.list()[B] == Listed(True, frozenset({BUYER}), "1")
    world.address(customer, B)
    assert world.sync() == {"updated": 1, "deactivated": 1}
    assert world.list()[B] == Listed(True, world.kinds, "2")
    assert not world.list()[A].active
    world.at_rest()


def test_from_an_address_that_has_ordered_as_a_guest(buyers: World) -> None:
    """It has another record: it remains a buyer, with the one order."""
    customer = buyers.account(A, orders=2)
    buyers.shop.add_guest_order(A)
    buyers.sync()
    assert buyers.list()[A].orders == "3"
    buyers.address(customer, B)
    assert buyers.sync() == {"created": 1, "updated": 1}
    assert buyers.list() == {A: Listed(True, frozenset({BUYER}), "1"), B: Listed(True, frozenset({BUYER}), "2")}
    buyers.at_rest()


def test_a_subscriber_from_an_address_that_has_ordered_as_a_guest(shop: WooShop, program: Program) -> None:
    """The yes was the account's, and is at the new address now."""
    world = World(shop, program, "meta:newsletter_optin")
    customer = world.account(A)
    shop.add_guest_order(A)
    world.sync()
    world.address(customer, B)
    assert world.sync() == {"created": 1, "deactivated": 1}
    assert {email: each.active for email, each in world.list().items()} == {A: False, B: True}
    assert world.list()[B].orders == "1"


def test_an_account_that_subscribed_with_its_order(shop: WooShop, program: Program) -> None:
    """The yes is stated with the order, which goes along."""
    world = World(shop, program, "meta:newsletter_optin")
    customer = shop.add_customer(A)
    shop.set_meta(shop.orders[shop.add_order(customer)], "newsletter_optin", "yes")
    world.sync()
    assert world.list()[A].tags == {SUBSCRIBER, BUYER}
    world.address(customer, B)
    assert world.sync() == {"created": 1, "deactivated": 1}
    assert world.list()[B] == Listed(True, frozenset({SUBSCRIBER, BUYER}), "1")
    assert not world.list()[A].active
    world.at_rest()


@pytest.mark.parametrize("left", ["unsubscribed", "deleted", "blacklisted"])
def test_the_old_address_had_left(world: World, left: str) -> None:
    customer = world.account(A)
    world.sync()
    state = world.program.state
    if left == "unsubscribed":
        state.unsubscribe(A)
    elif left == "deleted":
        state.delete(A, world.program.list_id)
    else:
        state.list_address(A)
    world.address(customer, B)
    for _ in range(2):
        finished = world.program.run()
        reason = f"{left}_in_target" if left != "blacklisted" else left
        assert finished.document["skipped"] == {reason: 1}
    world.shop.add_order(customer)
    world.sync()
    assert B not in world.list()


def test_an_account_is_deleted(buyers: World) -> None:
    """What it bought remains: the shop keeps the orders, with the address written on them."""
    customer = buyers.account(A, orders=0)
    order = buyers.shop.add_order(customer)
    buyers.sync()
    buyers.shop.delete_customer(customer)
    buyers.shop.touch(order)
    assert buyers.sync() == {}
    assert buyers.list()[A] == Listed(True, frozenset({BUYER}), "1")
    buyers.at_rest()


@pytest.mark.parametrize("keeps_number", [False, True])
def test_an_account_is_deleted_whose_order_names_another_address(buyers: World, *, keeps_number: bool) -> None:
    """The other order stays where it was, whether the shop still knows the number of the account or not."""
    customer = buyers.account(A)
    order = buyers.shop.add_order(customer)
    buyers.order_address(order, B)
    buyers.sync()
    assert buyers.list().keys() == {A}
    assert buyers.list()[A].orders == "2"
    buyers.shop.delete_customer(customer)
    for each in buyers.shop.orders.values():
        if keeps_number and each["customer_id"] == 0:
            each["customer_id"] = customer
    buyers.shop.touch(order)
    assert buyers.sync() == {"created": 1, "updated": 1}
    assert (buyers.list()[A].orders, buyers.list()[B].orders) == ("1", "1")
    buyers.at_rest()


def test_a_guest_order_is_corrected(buyers: World) -> None:
    """It counts at the new address only; what remains at the old one is told the list."""
    order = buyers.shop.add_guest_order(A)
    buyers.shop.add_guest_order(A)
    buyers.sync()
    buyers.order_address(order, B)
    assert buyers.sync() == {"created": 1, "updated": 1}
    assert (buyers.list()[A].orders, buyers.list()[B].orders) == ("1", "1")
    buyers.at_rest()
    buyers.shop.cancel_order(order)
    assert buyers.sync() == {"updated": 1}
    assert buyers.list()[A].orders == "1"
    assert buyers.list()[B].tags == frozenset()


def test_a_guest_order_is_corrected_and_cancelled(buyers: World) -> None:
    """Nobody is known by it at the new address."""
    order = buyers.shop.add_guest_order(A)
    buyers.shop.add_guest_order(A)
    buyers.sync()
    buyers.order_address(order, B)
    buyers.shop.cancel_order(order)
    assert buyers.sync() == {"updated": 1}
    assert buyers.list().keys() == {A}
    assert buyers.list()[A].orders == "1"
    buyers.at_rest()


def test_the_only_guest_order_is_corrected(buyers: World) -> None:
    """Like one that is taken back: nothing is left that is transferred, so the tag that is not true any more goes. With
    the next order it counts anew."""
    order = buyers.shop.add_guest_order(A)
    buyers.sync()
    buyers.order_address(order, B)
    assert buyers.sync() == {"created": 1, "updated": 1}
    assert buyers.list()[A] == buyers.list()[A]._replace(active=True, tags=frozenset())
    assert buyers.list()[B] == Listed(True, frozenset({BUYER}), "1")
    buyers.at_rest()
    buyers.shop.add_guest_order(A)
    buyers.shop.add_guest_order(A)
    assert buyers.sync() == {"updated": 1}
    assert buyers.list()[A].orders == "2"


def test_a_guest_order_with_a_yes_is_corrected(shop: WooShop, program: Program) -> None:
    """Nobody at the old address has subscribed."""
    world = World(shop, program, "meta:newsletter_optin")
    order = shop.add_guest_order(A)
    shop.set_meta(shop.orders[order], "newsletter_optin", "yes")
    world.sync()
    world.order_address(order, B)
    assert world.sync() == {"created": 1, "deactivated": 1}
    assert {email: each.active for email, each in world.list().items()} == {A: False, B: True}
    world.at_rest()


def test_a_guest_order_is_given_to_an_account(buyers: World) -> None:
    order = buyers.shop.add_guest_order(A)
    customer = buyers.account(B)
    buyers.sync()
    buyers.shop.orders[order]["customer_id"] = customer
    buyers.shop.touch(order)
    buyers.sync()
    assert buyers.list()[B].orders == "2"
    buyers.address(customer, C)
    assert buyers.sync() == {"created": 1, "deactivated": 1}
    assert buyers.list()[C].orders == "2"


def test_contacts_are_selected(buyers: World) -> None:
    buyers.program.config(tags=["subscriber", "buyer", "contact"])
    customer = buyers.account(A)
    buyers.sync()
    buyers.address(customer, B)
    assert buyers.sync() == {"created": 1, "deactivated": 1}
    assert buyers.list()[B].tags == {BUYER}


def test_the_new_address_is_rejected_and_moves_on(buyers: World) -> None:
    """What waits for a better time belongs to the account, too."""
    customer = buyers.account(A, orders=2)
    buyers.sync()
    buyers.address(customer, B)
    buyers.program.state.faults.set("drop_row", 1, only="upsertplus")
    buyers.later()
    assert counted(buyers.program.run().document)["rejected"] == 1
    buyers.program.state.faults.clear()
    buyers.address(customer, C)
    buyers.sync()
    assert {email for email, each in buyers.list().items() if each.active} == {C}
    assert buyers.list()[C].orders == "2"
    assert buyers.program.rejects == []
    buyers.at_rest()


def test_rejected_and_taken_later(buyers: World) -> None:
    customer = buyers.account(A, orders=2)
    buyers.sync()
    buyers.address(customer, B)
    buyers.program.state.faults.set("drop_row", 1, only="upsertplus")
    buyers.later()
    buyers.program.run()
    buyers.program.state.faults.clear()
    assert buyers.sync() == {"created": 1}
    assert buyers.list()[B].orders == "2"
    buyers.address(customer, C)
    assert buyers.sync() == {"created": 1, "deactivated": 1}
    assert buyers.list()[C].orders == "2"
    buyers.at_rest()


def test_rejected_at_first_and_moved_later(buyers: World) -> None:
    """The orders were read once, while the account was refused, and are taken along from there."""
    buyers.sync()
    customer = buyers.account(B, orders=2)
    buyers.program.state.faults.set("drop_row", 1, only="upsertplus")
    buyers.later()
    buyers.program.run()
    buyers.program.state.faults.clear()
    assert buyers.sync() == {"created": 1}
    buyers.address(customer, C)
    assert buyers.sync() == {"created": 1, "deactivated": 1}
    assert buyers.list()[C].orders == "2"
    buyers.at_rest()


def test_a_limit_holds_the_new_address_back(buyers: World) -> None:
    customer = buyers.account(A, orders=2)
    first = buyers.account("first@mail.example")
    buyers.sync()
    buyers.address(customer, B)
    buyers.address(first, C)
    buyers.later()
    buyers.program.run(limit=1)
    buyers.sync()
    found = buyers.list()
    assert {email for email, each in found.items() if each.active} == {B, C}
    assert (found[B].orders, found[C].orders) == ("2", "1")
    buyers.at_rest()


@pytest.mark.parametrize(
    ("place", "when", "number"),
    [
        ("run.decide.moves:follow_moves", "after", 1),
        ("run.write.writing:Writer._hand_over", "after", 1),
        ("targets.cleverreach.target:CleverReach.end_mailings", "before", 1),
        ("targets.cleverreach.target:CleverReach.end_mailings", "after", 1),
        ("run.write.writing:Writer._moved", "after", 1),
        ("run.write.writing:Writer._record_decided", "after", 1),
        ("targets.cleverreach.target:CleverReach._write", "before", 1),
        ("targets.cleverreach.target:CleverReach._write", "after", 1),
        ("targets.cleverreach.target:CleverReach._write", "after", 2),
    ],
)
def test_killed_on_the_way(buyers: World, place: str, when: str, number: int) -> None:
    """The next run reads all of it again."""
    moving = buyers.account(A, orders=2)
    one, two = buyers.account("one@mail.example"), buyers.account("two@mail.example", orders=3)
    barred = buyers.account("left@mail.example")
    buyers.sync()
    buyers.program.state.list_address("listed@mail.example")
    buyers.address(barred, "listed@mail.example")
    buyers.address(moving, B)
    buyers.address(one, "two@mail.example")
    buyers.address(two, C)
    buyers.later()
    buyers.program.killed(place, when, number)
    buyers.program.run()
    found = buyers.list()
    assert {email: each.orders for email, each in found.items() if each.active} == {
        B: "2",
        "two@mail.example": "1",
        C: "3",
    }
    assert found.keys() == {A, B, C, "one@mail.example", "two@mail.example", "left@mail.example"}
    buyers.at_rest()
    for customer, email in ((moving, A), (one, "one@mail.example"), (two, "last@mail.example")):
        buyers.address(customer, email)
    buyers.sync()
    assert buyers.list()["last@mail.example"] == Listed(True, frozenset({BUYER}), "3")
    assert not buyers.list()["two@mail.example"].active


@pytest.mark.parametrize("place", ["_hand_over", "_moved", "_record_decided"])
def test_killed_while_somebody_who_had_left_moves(world: World, place: str) -> None:
    """The next run still knows that they had, though others have their address now; and nobody mails them at one that
    they took over."""
    one, two, three, four = (world.account(f"{name}@mail.example") for name in ("one", "two", "three", "four"))
    world.sync()
    for left in ("one@mail.example", "three@mail.example"):
        world.program.state.unsubscribe(left)
    world.sync()
    for customer, email in ((one, A), (two, "one@mail.example"), (three, "four@mail.example"), (four, B)):
        world.address(customer, email)
    world.later()
    world.program.killed(f"run.write.writing:Writer.{place}")
    world.program.run()
    assert {email for email, each in world.list().items() if each.active} == {B}
    assert A not in world.list()
    world.sync()  # whose consent ended gets the other tags a run later
    world.at_rest()
    assert {email for email, each in world.list().items() if each.active} == {B}


def test_of_many_only_those_who_moved_are_sent(buyers: World) -> None:
    customers = [buyers.account(f"p{number}@mail.example", orders=1 + number % 2) for number in range(120)]
    buyers.sync()
    for number in range(0, 120, 10):
        buyers.address(customers[number], f"q{number}@mail.example")
    assert buyers.sync() == {"created": 12, "deactivated": 12}
    found = buyers.list()
    assert sum(each.active for each in found.values()) == 120
    assert {each.orders for email, each in found.items() if email.startswith("q")} == {"1"}
    buyers.at_rest()


def test_a_no_of_the_newsletter_is_no_reason_to_mail_a_contact(program: Program) -> None:
    """It stays at the old address, is read again there, and has no name."""
    fake = FAKES["shopware6"]()
    try:
        program.settings["source"] = fake.settings()
        program.config(tags=["subscriber", "buyer", "contact"])
        customer = fake.add_customer(A, consent=False, first_name="Anna")
        fake.add_order(customer)
        program.counts()
        fake.now += HOUR
        fake.change_profile(customer, email=B)
        counts = program.counts()
        assert (counts["created"], counts["deactivated"]) == (1, 1)
        for _ in range(2):
            assert program.active() == {B}
            fake.now += DAY
            program.counts()
    finally:
        fake.close()


@pytest.mark.parametrize("consent", [False, True])
@pytest.mark.parametrize("name", FAKES)
def test_in_every_shop(name: str, program: Program, *, consent: bool) -> None:
    fake = FAKES[name]()
    try:
        program.settings["source"] = fake.settings()
        program.config()
        customer = fake.add_customer(A, consent=consent)
        order = fake.add_order(customer)
        other = fake.add_customer(OTHER, consent=False)
        fake.add_order(other)
        program.counts()
        assert program.active() == {A, OTHER}
        created = deactivated = 0
        for new, wait in ((None, 2 * HOUR), (B, 2 * HOUR), (None, 2 * HOUR), (None, DAY), (None, HOUR)):
            fake.now += wait
            fake.add_order(other)
            if new is not None:
                fake.change_profile(customer, email=new)
            counts = program.counts()
            created += counts.get("created", 0)
            deactivated += counts.get("deactivated", 0)
            if not consent:
                assert (created, deactivated) == ((1, 1) if B in program.active() else (0, 0)), "in the same run"
        # Where the newsletter is another list, it may follow only when all of it is read.
        assert (created, deactivated) == (1, 1)
        assert program.active() == {B, OTHER}
        tags = {tag.rpartition(".")[2] for tag in program.list()[B].tags}
        assert tags == ({"Buyer", "Subscriber"} if consent and fake.tells_consent else {"Buyer"})
        fake.now += 2 * HOUR
        fake.cancel_order(order)
        assert "created" not in program.counts()
        assert program.active() == {B, OTHER}
    finally:
        fake.close()
