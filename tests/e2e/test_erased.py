"""Whoever has their data erased in the shop is not mailed any more, and does not come back by another purchase."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from starlette.responses import Response

from cleverreach_sync.errors import GuardError, TemporaryError
from tests.e2e.gate import UPSERT, Gate, answer, dropped
from tests.e2e.program import Program
from tests.e2e.running import counted
from tests.shops.contract import FAKES, FakeShop
from tests.shops.woocommerce import META, PASSWORD, USER, WooShop

BUYER, CONTACT = "WooCommerce-Special.Buyer", "WooCommerce-Special.Contact"
GUEST = "gast@post.example"
DAY = 86_400


@pytest.fixture
def shop() -> Iterator[WooShop]:
    found = WooShop()
    yield found
    found.close()


@pytest.fixture
def woo(shop: WooShop, program: Program) -> Program:
    program.settings["source"] = shop.settings()
    program.state.create_attribute("ordercount", "number")
    program.config(attributes={"map": {"ordercount": "orders", "firstname": "first_name", "city": "city"}})
    return program


def tags(program: Program, email: str) -> set[str]:
    return set(program.list()[email].tags)


def agreed(program: Program) -> dict[str, int]:
    """A sync that does what a diff said before."""
    told = program.run("diff")
    ran = program.run()
    assert ran.error is None
    for part in ("counts", "skipped", "kinds", "activation"):
        assert told.document[part] == ran.document[part], part
    return counted(ran.document)


def test_a_guest_is_erased(woo: Program, shop: WooShop, gate: Gate) -> None:
    order = shop.add_guest_order(GUEST, first_name="Gustav")
    shop.add_guest_order("other@post.example")
    woo.run()
    assert woo.active() == {GUEST, "other@post.example"}
    shop.now += DAY
    shop.erase_order(order)
    told = woo.run("diff", details=None).document
    (change,) = told["changes"]
    assert (change["action"], change["reason"], change["state"]) == ("deactivate", "erased", ["active", "inactive"])
    assert agreed(woo)["deactivated"] == 1
    assert woo.history[-1]["skipped"] == {"erased": 1}
    assert woo.active() == {"other@post.example"}
    assert tags(woo, GUEST) == set()
    gate.calls.clear()
    for command in ("sync", "sync"):
        assert "deactivated" not in woo.counts(command)
    assert gate.writes() == []
    woo.run("resync")
    assert woo.active() == {"other@post.example"}


def test_only_a_later_consent_brings_somebody_erased_back(woo: Program, shop: WooShop) -> None:
    order = shop.add_guest_order(GUEST)
    woo.run()
    shop.erase_order(order)
    woo.run()
    shop.now += DAY
    shop.add_guest_order(GUEST)
    woo.run()
    assert woo.history[-1]["skipped"]["erased"] >= 1
    assert woo.active() == set()
    for include_deleted in (False, True):
        woo.run("resync", include_deleted=include_deleted)
        assert woo.active() == set()
    woo.clock.passed += DAY
    shop.now = int(woo.clock.wall())
    again = shop.add_guest_order(GUEST)
    shop.set_meta(shop.orders[again], META, "yes")
    assert woo.counts()["updated"] == 1
    assert woo.active() == {GUEST}


def test_whose_data_were_erased_is_deleted_if_that_is_asked_for(woo: Program, shop: WooShop, gate: Gate) -> None:
    woo.config(erased="delete")
    orders = [shop.add_guest_order(email) for email in (GUEST, "left@post.example", "stays@post.example")]
    woo.run()
    woo.state.unsubscribe("left@post.example")
    for order in orders[:2]:
        shop.erase_order(order)
    told = woo.run("diff", details=None).document
    assert [change["state"] for change in told["changes"]] == [["active", "absent"]]
    gate.calls.clear()
    assert agreed(woo)["deactivated"] == 1
    assert set(woo.list()) == {"left@post.example", "stays@post.example"}
    shop.now += DAY
    shop.add_guest_order(GUEST)
    shop.add_guest_order("left@post.example")
    woo.run()
    assert set(woo.list()) == {"left@post.example", "stays@post.example"}
    woo.clock.passed += DAY
    shop.now = int(woo.clock.wall())
    for email in (GUEST, "left@post.example"):
        shop.set_meta(shop.orders[shop.add_guest_order(email)], META, "yes")
    woo.run()
    assert woo.active() == {GUEST, "stays@post.example"}


def test_who_unsubscribed_in_another_list_is_not_deleted(woo: Program, shop: WooShop) -> None:
    woo.config(erased="delete")
    order = shop.add_guest_order(GUEST)
    woo.run()
    woo.clock.passed += DAY
    other = woo.state.add_group("Another list")
    woo.state.write(other, {"email": GUEST, "activated": 1, "deactivated": int(woo.clock.wall())})
    shop.erase_order(order)
    assert agreed(woo)["deactivated"] == 1
    assert [shown.active for shown in woo.list().values()] == [False]


@pytest.mark.parametrize("odd", [answer(200, False), answer(404, b"<h1>Not found</h1>")])
def test_a_deletion_that_was_not_carried_out_is_tried_again(
    woo: Program, shop: WooShop, gate: Gate, odd: Callable[..., Response]
) -> None:
    woo.config(erased="delete")
    order = shop.add_guest_order(GUEST)
    woo.run()
    shop.erase_order(order)
    gate.on("DELETE /v3/groups/{id}/receivers/{receiver}", odd)
    assert woo.counts()["deactivated"] == 1
    assert woo.list() == {}


def test_a_guest_with_another_order_stays(woo: Program, shop: WooShop) -> None:
    first = shop.add_guest_order(GUEST)
    shop.add_guest_order(GUEST)
    woo.run()
    shop.now += DAY
    shop.erase_order(first)
    woo.run()
    assert woo.active() == {GUEST}
    assert tags(woo, GUEST) == {BUYER}
    assert woo.list()[GUEST].values["ordercount"] == "1"


def test_an_account_outlives_its_orders(woo: Program, shop: WooShop) -> None:
    """WooCommerce anonymises old orders, and takes them away from the account."""
    woo.config(tags=["subscriber", "buyer", "contact"])
    anna = shop.add_customer("anna@mail.example", consent=True)
    ben = shop.add_customer("ben@mail.example", consent=False)
    orders = [shop.add_order(anna), shop.add_order(ben)]
    woo.run()
    shop.now += DAY
    for order in orders:
        shop.erase_order(order)
    assert "deactivated" not in agreed(woo)
    assert woo.active() == {"anna@mail.example", "ben@mail.example"}
    assert BUYER not in tags(woo, "anna@mail.example") | tags(woo, "ben@mail.example")
    assert CONTACT in tags(woo, "ben@mail.example")


def test_many_erased_orders_are_no_fault_of_the_data(woo: Program, shop: WooShop) -> None:
    woo.config(limits={"max_rejected": "0"})
    for number in range(60):
        shop.erase_order(shop.add_guest_order(f"gast{number}@post.example"))
    customer = shop.add_customer("gone@mail.example")
    shop.erase_order(order := shop.add_order(customer))
    shop.delete_customer(customer)
    shop.orders[order]["customer_id"] = customer
    shop.add_guest_order("stays@post.example")
    finished = woo.run()
    assert finished.error is None
    assert finished.document["skipped"] == {"erased": 61}
    assert woo.said.warnings == []


def test_erasing_many_at_once_is_asked_about(woo: Program, shop: WooShop) -> None:
    orders = [shop.add_guest_order(f"gast{number}@post.example") for number in range(30)]
    woo.config(limits={"max_deactivated": "10"})
    woo.run()
    for order in orders:
        shop.erase_order(order)
    assert isinstance(woo.failing(), GuardError)
    assert len(woo.active()) == 30
    woo.config(limits={"max_deactivated": "30"})
    assert woo.counts()["deactivated"] == 30
    assert woo.active() == set()


@pytest.mark.parametrize("how", ["bounced", "blacklisted", "pattern"])
def test_the_end_waits_for_a_bounce_or_the_blacklist(woo: Program, shop: WooShop, how: str) -> None:
    order, entry = shop.add_guest_order(GUEST), GUEST if how == "blacklisted" else "*@post.example"
    woo.run()
    if how == "bounced":
        woo.state.bounce(GUEST)
    else:
        woo.state.list_address(entry)
    shop.erase_order(order)
    woo.run()
    if how == "bounced":
        woo.state.person(GUEST).bounced = 0
    else:
        woo.state.unlist(0, entry)
    woo.run()
    assert woo.active() == set()
    shop.now += DAY
    shop.add_guest_order(GUEST)
    woo.run()
    assert woo.active() == set()


def test_who_was_never_transferred_is_not_touched_and_stays_away(woo: Program, shop: WooShop) -> None:
    woo.config(tags=["subscriber"])
    shop.add_customer("anna@mail.example", consent=True)
    order = shop.add_guest_order(GUEST)
    woo.run()
    shop.erase_order(order)
    woo.run()
    woo.config(tags=["subscriber", "buyer"])
    shop.now += DAY
    shop.add_guest_order(GUEST)
    woo.run()
    assert set(woo.list()) == {"anna@mail.example"}


@pytest.fixture(params=FAKES)
def any_shop(request: pytest.FixtureRequest) -> Iterator[FakeShop]:
    found = FAKES[request.param]()
    yield found
    found.close()


def test_an_account_is_anonymised(any_shop: FakeShop, program: Program) -> None:
    program.settings["source"] = any_shop.settings()
    anna = any_shop.add_customer("anna@mail.example", consent=True, first_name="Anna")
    ben = any_shop.add_customer("ben@mail.example", consent=True)
    if not any_shop.tells_consent:  # who bought is transferred, too
        any_shop.add_order(anna)
        any_shop.add_order(ben)
    program.run()
    assert program.active() == {"anna@mail.example", "ben@mail.example"}
    any_shop.now += DAY
    program.clock.passed += DAY
    any_shop.change_profile(anna, email="deleted-7@site.invalid", first_name="Anonymous")
    assert agreed(program)["deactivated"] == 1
    assert program.active() == {"ben@mail.example"}
    assert set(program.list()) == {"anna@mail.example", "ben@mail.example"}
    any_shop.now += DAY
    any_shop.add_guest_order("anna@mail.example")
    program.run()
    program.run("resync", include_deleted=True)
    assert program.active() == {"ben@mail.example"}


def test_a_subscriber_of_mailpoet_is_erased(woo: Program, shop: WooShop) -> None:
    woo.config(source=shop.settings(subscribed_by="mailpoet", username=USER, application_password=PASSWORD))
    ident = shop.add_subscriber("anna@mail.example")
    woo.run()
    assert woo.active() == {"anna@mail.example"}
    shop.subscribers[ident] |= {"email": "deleted-0af3@site.invalid", "status": "unsubscribed"}
    assert woo.counts()["deactivated"] == 1
    assert woo.active() == set()


def test_an_erasure_that_was_cut_off_is_carried_out_by_the_next_run(woo: Program, shop: WooShop, gate: Gate) -> None:
    order = shop.add_guest_order(GUEST)
    woo.run()
    shop.erase_order(order)
    gate.always(UPSERT, dropped)
    assert isinstance(woo.failing(), TemporaryError)
    gate.meddle = None
    woo.run()
    assert woo.active() == set()
    shop.now += DAY
    shop.add_guest_order(GUEST)
    woo.run()
    assert woo.active() == set()


def test_a_placeholder_in_a_file_is_skipped(program: Program) -> None:
    program.write(*[{"email": email, "subscribed": "yes"} for email in ("a@mail.example", "deleted@site.invalid")])
    finished = program.run()
    assert (counted(finished.document)["created"], finished.document["skipped"]) == (1, {"erased": 1})
