"""A yes without a date, after a no of the same record: who comes back by it, and who does not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.program import Program
from tests.e2e.test_shopify import at
from tests.shops.shopify import CLIENT, SHOP, FakeShopify
from tests.shops.woocommerce import PASSWORD, USER, WooShop

HOUR, DAY = 3600, 86_400
ANNA = "anna@mail.example"


@pytest.fixture
def woo(program: Program) -> Iterator[WooShop]:
    shop = WooShop()
    program.settings["source"] = shop.settings()
    program.config(tags=["subscriber"])
    yield shop
    shop.close()


def left_elsewhere(program: Program) -> None:
    """Unsubscribed in another list of the account, now, and not in this one."""
    other = program.state.add_group("Another list")
    program.state.write(other, {"email": ANNA, "activated": 1, "deactivated": int(program.clock.wall())})


def test_a_state_folder_from_a_backup_makes_no_yes_a_new_one(program: Program, woo: WooShop) -> None:
    customer = woo.add_customer(ANNA, consent=False)
    woo.add_customer("ben@mail.example", consent=True)
    program.run()
    shutil.copytree(program.state_path, program.folder / "backup")
    program.clock.passed += DAY
    woo.set_consent(customer, given=True)
    program.run()
    assert ANNA in program.active()
    program.clock.passed += DAY
    left_elsewhere(program)
    program.state.delete(ANNA, program.list_id)
    program.clock.passed += DAY
    shutil.rmtree(program.state_path)
    shutil.copytree(program.folder / "backup", program.state_path)
    for command in ("sync", "resync"):
        assert program.run(command).document["skipped"] == {"unsubscribed_in_target": 1}
    assert ANNA not in program.list()


def test_who_left_elsewhere_before_the_no_was_read_last_comes_back(program: Program, woo: WooShop) -> None:
    customer = woo.add_customer(ANNA, consent=False)
    program.run()
    program.clock.passed += DAY
    left_elsewhere(program)
    program.clock.passed += DAY
    program.run()
    program.clock.passed += DAY
    woo.set_consent(customer, given=True)
    assert program.counts()["created"] == 1
    assert program.active() == {ANNA}


def test_it_goes_on_to_hold_in_later_runs(program: Program, woo: WooShop) -> None:
    customer = woo.add_customer(ANNA, consent=True)
    program.run()
    for given in (False, True):
        program.clock.passed += DAY
        woo.set_consent(customer, given=given)
        program.run()
        assert program.active() == ({ANNA} if given else set())
    for command in ("sync", "resync", "sync"):
        program.clock.passed += DAY
        woo.change_profile(customer, city=f"Ort {command}")
        program.run(command)
        assert program.active() == {ANNA}


def test_another_plug_in_has_the_newsletter_now(program: Program, woo: WooShop) -> None:
    program.settings["source"] = woo.settings(subscribed_by="mailpoet", username=USER, application_password=PASSWORD)
    program.config()
    ben = "ben@mail.example"
    anna, other = woo.add_customer(ANNA), woo.add_customer(ben)
    for email in (ANNA, ben):
        woo.add_subscriber(email)
    program.run()
    assert program.active() == {ANNA, ben}
    woo.set_consent(anna, given=False)
    woo.set_consent(other, given=True)
    program.settings["source"] = woo.settings()
    program.config()
    assert program.counts()["deactivated"] == 1
    assert program.active() == {ben}


# Shopify, where only a state that never changed has no date


def state_of(shop: FakeShopify, number: int, state: str) -> None:
    shop.customers[number]["defaultEmailAddress"] |= {"marketingState": state, "marketingUpdatedAt": None}


def read_everybody(program: Program, shop: FakeShopify) -> dict[str, Any]:
    program.clock.passed += DAY + HOUR
    return program.run().document


@pytest.fixture
def merchant(program: Program, shopify: FakeShopify) -> FakeShopify:
    shopify.now = int(program.clock.wall())
    before = program.clock.passed
    shopify.passed = lambda: program.clock.passed - before
    program.settings["source"] = {"type": "shopify", "shop": SHOP, "url": shopify.url, **CLIENT}
    program.config()
    shopify.add(1)
    shopify.add(2)
    program.run()
    return shopify


def test_shopify_after_a_no(program: Program, merchant: FakeShopify) -> None:
    for state, active in (("NOT_SUBSCRIBED", {at(2)}), ("SUBSCRIBED", {at(1), at(2)})):
        state_of(merchant, 1, state)
        read_everybody(program, merchant)
        assert program.active() == active


@pytest.mark.parametrize("then", ["NOT_SUBSCRIBED", "SUBSCRIBED"])
def test_shopify_at_another_address_after_an_opt_out(program: Program, merchant: FakeShopify, then: str) -> None:
    """Of somebody who was never in the list."""
    anna = merchant.add_customer(ANNA)
    merchant.add_order(anna)
    for state in ("UNSUBSCRIBED", then):
        state_of(merchant, anna, state)
        assert read_everybody(program, merchant)["skipped"] == {"opted_out": 1}
    for _ in range(2):
        program.clock.passed += HOUR
        merchant.change_profile(anna, email="new@mail.example")
        assert program.run().document["skipped"] == {"opted_out": 1}
    assert program.active() == {at(1), at(2)}


@pytest.mark.parametrize("changed", [True, False])
def test_shopify_after_an_opt_out(program: Program, merchant: FakeShopify, *, changed: bool) -> None:
    state_of(merchant, 1, "UNSUBSCRIBED")
    read_everybody(program, merchant)
    assert program.active() == {at(2)}
    state_of(merchant, 1, "SUBSCRIBED")
    if changed:
        program.clock.passed += HOUR
        merchant.change_profile(1, city="Kiel")
    read_everybody(program, merchant)
    assert (at(1) in program.active()) is changed


@pytest.mark.parametrize("cut_off", [False, True])
def test_another_key_and_back_makes_no_yes_a_new_one(program: Program, woo: WooShop, cut_off: bool) -> None:
    """Who withdrew under the key of another plug-in still has the yes of the old one."""
    program.config(tags=["subscriber"])
    names = ("anna", "ben", "carl")
    customers = [woo.add_customer(f"{name}@mail.example", consent=True, first_name=name) for name in names]
    program.run()
    for customer in customers:
        woo.set_meta(woo.customers[customer], "other_plugin", "no" if customer == customers[0] else "yes")
        woo.change_profile(customer, first_name="Neu")
    before = program.settings["source"]["subscribed_by"]
    for key in ("meta:other_plugin", before, "meta:other_plugin", before):
        program.clock.passed += DAY
        program.config(source={"subscribed_by": key})
        cut = cut_off and key != before
        assert program.run(limit=1 if cut else None).document["complete"] is not cut
        assert ANNA not in program.active()
        for customer in customers:
            woo.change_profile(customer, first_name=key)
    for given in (False, True):
        program.clock.passed += DAY
        woo.set_consent(customers[0], given=given)
        program.run()
    assert ANNA in program.active()
