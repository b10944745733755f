"""Whole runs from a WooCommerce shop into the list."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cleverreach_sync.config.loading import load_config
from cleverreach_sync.errors import AuthError, TemporaryError
from cleverreach_sync.sandbox.server import RunningSandbox
from tests.e2e.gate import UPSERT, Gate, refusal
from tests.e2e.program import Program
from tests.shops.woocommerce import KEY, META, PASSWORD, SECRET, USER, Key, WooShop

SUBSCRIBER, BUYER, CONTACT = (f"WooCommerce-Special.{kind}" for kind in ("Subscriber", "Buyer", "Contact"))
DAY = 86_400


@pytest.fixture
def shop() -> Iterator[WooShop]:
    found = WooShop()
    yield found
    found.close()


@pytest.fixture
def woo(shop: WooShop, program: Program) -> Program:
    program.settings["source"] = shop.settings()
    program.config()
    return program


def tags(program: Program) -> dict[str, set[str]]:
    return {email: set(shown.tags) for email, shown in program.list().items()}


def values(program: Program, email: str) -> dict[str, Any]:
    return dict(program.list()[email].values)


def test_the_first_sync_and_one_without_a_change(woo: Program, shop: WooShop, gate: Gate) -> None:
    anna = shop.add_customer("Anna@Mail.example", consent=True, first_name="Anna", last_name="Größle", city="Köln")
    shop.add_order(anna)
    shop.add_customer("ben@mail.example", consent=False)
    shop.add_customer("cora@mail.example", consent=True)
    shop.add_guest_order("Gast@Post.example", first_name="Gustav", city="Bonn")
    shop.add_guest_order("ANNA@mail.example", city="Bonn")
    shop.add_guest_order("pending@post.example", status="pending")
    shop.add_guest_order("cart@post.example", status="checkout-draft")
    shop.erase_order(shop.add_guest_order("erased@post.example"))
    finished = woo.run()
    assert finished.error is None
    counts = finished.document["counts"]
    assert (counts["created"], counts["invalid"], counts["skipped"]) == (3, 0, 2)
    assert finished.document["requests"]["source"] == len(shop.log)
    assert finished.document["source"] == {"type": "woocommerce", "name": "WooCommerce"}
    assert tags(woo) == {
        "anna@mail.example": {SUBSCRIBER, BUYER},
        "cora@mail.example": {SUBSCRIBER},
        "gast@post.example": {BUYER},
    }
    assert values(woo, "anna@mail.example") == {"firstname": "Anna", "lastname": "Größle", "city": "Köln"}
    assert values(woo, "gast@post.example")["firstname"] == "Gustav"
    gate.calls.clear()
    assert woo.counts()["unchanged"] == 3
    assert gate.writes() == []


def test_a_second_currency_leaves_no_total(woo: Program, shop: WooShop) -> None:
    for name, kind in (("ordercount", "number"), ("totalspent", "number"), ("lastorderdate", "date")):
        woo.state.create_attribute(name, kind)
    woo.config(attributes={"preset": "shop", "missing": "ignore", "map": {}})
    anna = shop.add_customer("anna@mail.example", consent=True)
    shop.add_order(anna, "10.00")
    woo.run()
    assert values(woo, "anna@mail.example")["totalspent"] == "10.00"
    shop.now += DAY
    francs = shop.add_order(anna, "7.00", currency="CHF")
    woo.run()
    assert values(woo, "anna@mail.example")["ordercount"] == "2"
    assert values(woo, "anna@mail.example").get("totalspent", "") == ""
    shop.now += DAY
    shop.cancel_order(francs)
    woo.run()
    assert values(woo, "anna@mail.example")["totalspent"] == "10.00"


@pytest.mark.parametrize(("every", "days"), [({}, 7), ({"full_read_every": "2d"}, 2), ({"full_read_every": 0}, 0)])
def test_everything_is_read_again_from_time_to_time(
    woo: Program, shop: WooShop, every: dict[str, Any], days: int
) -> None:
    woo.config(source=shop.settings(subscribed_by="none", **every))
    shop.add_guest_order("guest@post.example")

    def reads_all(command: str = "sync") -> bool:
        shop.log.clear()
        assert woo.run(command).error is None
        queries = [asked.query for asked in shop.pages("orders")]
        return any("modified_after" not in query and "status" not in query for query in queries)

    assert reads_all()
    for _ in range(1, days):
        shop.now += DAY
        woo.clock.passed += DAY
        assert not reads_all()
    shop.now += DAY
    woo.clock.passed += DAY
    assert reads_all("diff")
    assert reads_all()
    assert reads_all() is (days == 0)


def test_a_guest_orders_again(woo: Program, shop: WooShop, gate: Gate) -> None:
    woo.state.create_attribute("ordercount", "number")
    woo.config(attributes={"map": {"ordercount": "orders", "city": "city"}})
    shop.add_guest_order("gast@post.example", city="Bonn")
    for number in range(300):
        shop.add_guest_order(f"g{number}@post.example")
    woo.run()
    shop.now += DAY
    shop.add_guest_order("Gast@post.example", city="Köln")
    gate.calls.clear()
    shop.log.clear()
    assert woo.counts()["updated"] == 1
    assert [asked.emails for asked in gate.writes()] == [["gast@post.example"]]
    found = values(woo, "gast@post.example")
    assert (found["ordercount"], found["city"]) == ("2", "Köln")
    assert len(shop.log) < 10


def test_consent_is_withdrawn_and_given_again(woo: Program, shop: WooShop) -> None:
    customer = shop.add_customer("anna@mail.example", consent=True)
    woo.run()
    assert woo.active() == {"anna@mail.example"}
    shop.set_consent(customer, given=False)
    assert woo.counts()["deactivated"] == 1
    assert woo.active() == set()
    assert tags(woo) == {"anna@mail.example": set()}
    assert "deactivated" not in woo.counts()


@pytest.mark.parametrize("again", ["sync", "resync"])
def test_an_accounts_own_withdrawal_beats_its_older_order(woo: Program, shop: WooShop, again: str) -> None:
    customer = shop.add_customer("anna@mail.example")
    order = shop.add_order(customer)
    shop.set_meta(shop.orders[order], META, "yes")
    woo.run()
    assert tags(woo) == {"anna@mail.example": {SUBSCRIBER, BUYER}}
    shop.set_consent(customer, given=False)
    assert woo.counts()["deactivated"] == 1
    assert "activated" not in woo.counts(again)
    assert woo.active() == set()
    assert tags(woo) == {"anna@mail.example": {BUYER}}


def test_a_withdrawal_before_the_first_sync_beats_the_order_before_it(woo: Program, shop: WooShop) -> None:
    customer = shop.add_customer("anna@mail.example", consent=False)
    shop.set_meta(shop.orders[shop.add_order(customer)], META, "yes")
    woo.run()
    assert tags(woo) == {"anna@mail.example": {BUYER}}


def test_a_consent_whose_key_is_deleted_has_ended(woo: Program, shop: WooShop) -> None:
    customer = shop.add_customer("anna@mail.example", consent=True)
    shop.add_customer("ben@mail.example", consent=True)
    woo.run()
    shop.set_meta(shop.customers[customer], META, None)
    assert woo.counts()["deactivated"] == 1
    assert woo.active() == {"ben@mail.example"}
    shop.set_consent(customer, given=True)
    woo.run()
    assert woo.active() == {"ben@mail.example"}  # the key came back; nobody said anything


def test_an_undated_consent_given_again_counts_from_the_run_that_saw_it_first(woo: Program, shop: WooShop) -> None:
    customer = shop.add_customer("anna@mail.example", consent=True)
    woo.run()
    shop.set_consent(customer, given=False)
    woo.run()
    woo.clock.passed += DAY
    shop.set_consent(customer, given=True)
    woo.run()
    assert woo.active() == {"anna@mail.example"}
    assert tags(woo) == {"anna@mail.example": {SUBSCRIBER}}
    assert abs(woo.list()["anna@mail.example"].activated - woo.clock.wall()) < 60


def test_an_undated_consent_given_again_counts_after_a_run_that_was_cut_short(
    woo: Program, shop: WooShop, gate: Gate
) -> None:
    customer = shop.add_customer("anna@mail.example", consent=True)
    woo.run()
    shop.set_consent(customer, given=False)
    woo.run()
    woo.clock.passed += DAY
    shop.set_consent(customer, given=True)
    gate.always(UPSERT, refusal(503))
    assert isinstance(woo.failing(), TemporaryError)
    gate.meddle = None
    woo.run("resync")
    assert woo.active() == {"anna@mail.example"}


def test_an_undated_consent_brings_nobody_back_who_unsubscribed_since_the_no(woo: Program, shop: WooShop) -> None:
    customer = shop.add_customer("anna@mail.example", consent=False)
    woo.config(tags=["subscriber"])
    woo.run()
    elsewhere = woo.state.add_group("Another list")
    left = {"email": "anna@mail.example", "activated": 1, "deactivated": int(woo.clock.wall()) + 60}
    woo.state.write(elsewhere, left)
    woo.clock.passed += DAY
    shop.set_consent(customer, given=True)
    assert woo.run().document["skipped"] == {"unsubscribed_in_target": 1}


def test_guests_whom_mailpoet_put_in_are_buyers_who_never_opted_out(woo: Program, shop: WooShop) -> None:
    woo.config(source=shop.settings(subscribed_by="mailpoet", username=USER, application_password=PASSWORD))
    shop.add_guest_order("gast@post.example")
    shop.add_synced_guest("gast@post.example")
    shop.add_guest_order("left@post.example")
    shop.add_subscriber("left@post.example", "unsubscribed", is_woocommerce_user=1)
    subscriber = shop.add_subscriber("anna@mail.example")
    finished = woo.run()
    assert finished.document["skipped"] == {"opted_out": 1}
    assert tags(woo) == {"gast@post.example": {BUYER}, "anna@mail.example": {SUBSCRIBER}}
    shop.subscribers[subscriber]["subscriptions"] = []  # their only list was deleted
    assert woo.counts()["deactivated"] == 1
    assert woo.active() == {"gast@post.example"}


def test_a_subscription_that_mailpoet_dated_in_the_zone_of_the_shop_is_not_later_than_it_was(
    woo: Program, shop: WooShop
) -> None:
    login = {"username": USER, "application_password": PASSWORD}
    woo.config(source=shop.settings(subscribed_by="mailpoet", timezone="Australia/Sydney", **login))
    now = int(woo.clock.wall())
    there = dt.datetime.fromtimestamp(now - 3 * 3600, ZoneInfo("Australia/Sydney"))
    shop.add_subscriber("anna@mail.example", at=there.strftime("%Y-%m-%d %H:%M:%S"))
    elsewhere = woo.state.add_group("Another list")
    woo.state.write(elsewhere, {"email": "anna@mail.example", "activated": 1, "deactivated": now - 2 * 3600})
    assert woo.run().document["skipped"] == {"unsubscribed_in_target": 1}


def test_a_subscriber_who_deletes_the_account_is_not_mailed_any_more(woo: Program, shop: WooShop) -> None:
    customer = shop.add_customer("anna@mail.example", consent=True)
    shop.add_customer("ben@mail.example", consent=True)
    woo.run()
    shop.delete_customer(customer)
    assert woo.counts()["deactivated"] == 1
    assert woo.active() == {"ben@mail.example"}


def test_an_address_changes(woo: Program, shop: WooShop) -> None:
    customer = shop.add_customer("old@mail.example", consent=True, first_name="Anna")
    shop.add_customer("ben@mail.example", consent=True)
    woo.run()
    shop.now += DAY
    shop.change_profile(customer, email="new@mail.example")
    counts = woo.counts()
    assert (counts["created"], counts["deactivated"]) == (1, 1)
    assert woo.active() == {"new@mail.example", "ben@mail.example"}


def test_the_orders_of_an_account_move_with_its_address(woo: Program, shop: WooShop) -> None:
    """A day later every order is read again, for the consent stated with it."""
    customer = shop.add_customer("old@mail.example", consent=True)
    shop.add_order(customer)
    shop.add_customer("ben@mail.example", consent=True)
    shop.now += DAY
    shop.add_guest_order("gast@post.example")
    woo.run()
    shop.now += DAY
    shop.change_profile(customer, email="new@mail.example")
    counts = woo.counts()
    assert (counts["created"], counts["deactivated"]) == (1, 1)
    assert woo.active() == {"new@mail.example", "ben@mail.example", "gast@post.example"}
    assert tags(woo)["new@mail.example"] == {SUBSCRIBER, BUYER}


def test_a_kind_is_added(woo: Program, shop: WooShop, gate: Gate) -> None:
    shop.add_customer("anna@mail.example", consent=True)
    shop.add_customer("ben@mail.example", consent=False)
    shop.add_guest_order("pending@post.example", status="pending")
    woo.run()
    assert set(tags(woo)) == {"anna@mail.example"}
    woo.config(tags=["subscriber", "buyer", "contact"])
    gate.calls.clear()
    assert woo.counts()["created"] == 1
    assert tags(woo)["ben@mail.example"] == {CONTACT}
    assert [asked.emails for asked in gate.writes()] == [["ben@mail.example"]]


def test_a_cancelled_order_is_taken_back(woo: Program, shop: WooShop) -> None:
    customer = shop.add_customer("anna@mail.example", consent=True)
    order = shop.add_order(customer)
    woo.run()
    assert tags(woo)["anna@mail.example"] == {SUBSCRIBER, BUYER}
    shop.now += DAY
    shop.cancel_order(order)
    assert woo.counts()["updated"] == 1
    assert tags(woo)["anna@mail.example"] == {SUBSCRIBER}


def test_an_order_that_does_not_count_may_bring_a_newer_address(woo: Program, shop: WooShop) -> None:
    shop.add_guest_order("gast@post.example", city="Bonn")
    woo.run()
    shop.now += DAY
    shop.add_guest_order("gast@post.example", status="pending", city="Köln")
    shop.add_guest_order("gast@post.example", status="checkout-draft", city="Ulm")
    assert woo.counts()["updated"] == 1
    assert values(woo, "gast@post.example")["city"] == "Köln"


def test_a_shop_that_grows(woo: Program, shop: WooShop) -> None:
    for week in range(4):
        for number in range(60):
            ident = shop.add_customer(f"p{week}-{number}@mail.example", consent=number % 2 == 0)
            shop.now += 60
            if number % 3 == 0:
                shop.add_order(ident)
        created = woo.counts()["created"]
        assert created == 40
        shop.now += 7 * DAY
    assert len(woo.list()) == 160
    woo.check_ledger()


def test_a_diff_writes_nothing_and_says_the_same(woo: Program, shop: WooShop, gate: Gate) -> None:
    shop.add_customer("anna@mail.example", consent=True)
    shop.add_guest_order("gast@post.example")
    would = woo.run("diff").document["counts"]
    assert gate.writes() == []
    did = woo.run().document["counts"]
    assert (would["created"], would["people"]) == (did["created"], did["people"]) == (2, 2)


def test_a_shop_that_breaks_down_while_it_is_read(woo: Program, shop: WooShop, gate: Gate) -> None:
    for number in range(250):
        shop.add_customer(f"p{number}@mail.example", consent=True)
    shop.add_guest_order("gast@post.example")
    woo.run()
    cursors = woo.checkpoint["cursors"]
    shop.now += DAY
    shop.add_guest_order("neu@post.example")
    gate.calls.clear()
    shop.fail("503", 10_000, lambda asked: asked.path.endswith("/customers") and asked.query["page"] == "2")
    error = woo.failing()
    assert isinstance(error, TemporaryError)
    assert gate.writes() == []
    assert woo.checkpoint["cursors"] == cursors
    shop.well()
    assert woo.counts()["created"] == 1


def test_a_shop_that_seems_empty_is_not_believed(woo: Program, shop: WooShop) -> None:
    shop.add_customer("anna@mail.example", consent=True)
    woo.run()
    shop.customers.clear()
    assert woo.failing("resync").code == 7
    assert woo.active() == {"anna@mail.example"}


def test_a_key_that_lost_its_rights_ends_nobodys_consent(woo: Program, shop: WooShop, gate: Gate) -> None:
    shop.add_customer("anna@mail.example", consent=True)
    woo.run()
    shop.keys[KEY] = Key(SECRET, role="shop_manager")
    gate.calls.clear()
    assert isinstance(woo.failing(), AuthError)
    assert gate.writes() == []
    assert woo.active() == {"anna@mail.example"}


def test_init_check_and_sync_from_the_command_line(
    tmp_path: Path, shop: WooShop, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from cleverreach_sync.cli.app import run

    monkeypatch.chdir(tmp_path)
    assert run(["init", "--source", "woocommerce", "--yes"]) == 0
    config = Path("sync.yaml").read_text(encoding="utf-8")
    assert "WooCommerce > Settings > Advanced > REST API" in config
    config = config.replace('"https://shop.example.com"', shop.url).replace(
        "  # subscribed_by: meta", "  subscribed_by: meta"
    )
    config = config.replace("  list: Online shop", f"  base_url: {sandbox.url}\n  list: Online shop")
    Path("sync.yaml").write_text(config, encoding="utf-8")
    access = {"CLEVERREACH_CLIENT_ID": "id-1", "CLEVERREACH_CLIENT_SECRET": "s3cret"}
    for name, value in {"WOO_CONSUMER_KEY": KEY, "WOO_CONSUMER_SECRET": SECRET, **access}.items():
        monkeypatch.setenv(name, value)
    shop.add_customer("anna@mail.example", consent=True, first_name="Anna")
    assert run(["attrs", "create", "-q"]) == 0
    capsys.readouterr()
    assert run(["check", "--format", "json"]) == 0
    lines = [each for each in json.loads(capsys.readouterr().out)["checks"] if each["name"] == "source"]
    assert [line["message"].partition(";")[0] for line in lines] == [
        f"1 customer at {shop.url}",
        "0 orders",
        "newsletter_optin: of the first 1 customers and orders 1 have it, 1 of them say yes",
    ]
    assert run(["sync"]) == 0
    shop.keys.clear()
    assert run(["check"]) == 6
    assert run(["sync", "--format", "json"]) == 6
    out, err = capsys.readouterr()
    assert "does not know this key" in out + err
    assert KEY not in out + err
    assert SECRET not in out + err


def test_an_order_counts_that_came_while_the_consent_could_not_be_read(woo: Program, shop: WooShop) -> None:
    newsletter = woo.config_path.parent / "newsletter.csv"
    newsletter.write_text("email,subscribed\nanna@mail.example,yes\n", encoding="utf-8")
    woo.config(
        source={"subscribed_by": "none"},
        consent={"path": "newsletter.csv", "absent": "unknown"},
        limits={"max_rejected": 5},
    )
    anna = shop.add_customer("anna@mail.example", first_name="Anna")
    woo.run()
    assert tags(woo) == {"anna@mail.example": {SUBSCRIBER}}

    shop.now += DAY
    shop.add_order(anna)
    shop.now += 3600
    shop.add_guest_order("later@post.example")  # the next read begins here, but for an overlap
    newsletter.write_text("email,subscribed\nanna@mail.example,perhaps\n", encoding="utf-8")
    assert woo.counts()["invalid"] == 1
    assert tags(woo)["anna@mail.example"] == {SUBSCRIBER}

    shop.now += DAY
    shop.log.clear()
    newsletter.write_text("email,subscribed\nanna@mail.example,yes\n", encoding="utf-8")
    assert woo.counts()["updated"] == 1
    assert tags(woo)["anna@mail.example"] == {SUBSCRIBER, BUYER}
    assert not [asked for asked in shop.log if "orders" in asked.path and "modified_after" not in asked.query]


def test_check_does_not_wait_for_a_shop_that_does_not_get_well(woo: Program, shop: WooShop) -> None:
    from cleverreach_sync.clock import Stop
    from cleverreach_sync.commands.check import check_document

    shop.fail("html", 10_000)
    document = check_document(load_config(woo.config_path, {}), "sync.yaml", woo.said, woo.clock, Stop())
    assert document["exit"]["code"] == TemporaryError.code
    (line,) = [each for each in document["checks"] if each["name"] == "source"]
    assert "something that is not JSON" in line["message"]
    assert woo.clock.passed <= 10
