"""Whole runs from a Shopware 6 shop into a list: each change in the shop arrives, and nothing else is sent."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from cleverreach_sync.clock import Stop
from cleverreach_sync.errors import AuthError, GuardError, TemporaryError
from cleverreach_sync.sandbox.server import RunningSandbox
from tests.e2e.gate import UPSERT, Gate
from tests.e2e.meddling import change_checkpoint, interrupt_at
from tests.e2e.program import Program
from tests.shops.server import altered
from tests.shops.shopware6 import CLIENT_ID, CLIENT_SECRET, OUTLET, FakeShopware

SUBSCRIBER, BUYER, CONTACT = (f"Shopware_6-Special.{kind}" for kind in ("Subscriber", "Buyer", "Contact"))
HOUR = 3600
ANNA, BEN, CORA, GAST = "anna@mail.example", "ben@mail.example", "cora@mail.example", "gast@post.example"


class Merchant:
    """A shop, a list, and what lies between. The shop's clock begins with the machine's, so that no consent is dated in
    the future."""

    def __init__(self, shop: FakeShopware, program: Program, gate: Gate) -> None:
        self.shop = shop
        self.program = program
        self.gate = gate
        shop.now = int(program.clock.wall()) - 90 * 24 * HOUR
        self.config()

    def config(self, source: dict[str, Any] | None = None, **sections: Any) -> None:
        self.program.settings["source"] = self.shop.settings(**(source or {}))
        self.program.config(**sections)

    def fill(self) -> tuple[int, int]:
        """Anna is known in three ways and has bought as customer and guest; Ben is neither; Cora has no account. Returns
        the numbers of Anna and Ben."""
        anna = self.shop.add_customer("Anna@Mail.example", first_name="Anna", last_name="Größle", city="Köln")
        self.shop.add_order(anna)
        self.shop.add_guest_order("ANNA@mail.example", first_name="A.", city="Bonn")
        self.shop.add_recipient("anna@MAIL.example", firstName="Änne")
        ben = self.shop.add_customer(BEN, first_name="Ben", city="Ulm")
        self.shop.add_recipient(CORA, firstName="Cora")
        self.shop.add_guest_order("Gast@Post.example", first_name="Gustav", city="Bonn")
        return anna, ben

    def sync(self, **options: Any) -> dict[str, int]:
        """The counts of a run; the requests to the shop are in `shop.log`, the writes in `gate`."""
        self.shop.log.clear()
        self.gate.calls.clear()
        return self.program.counts(**options)

    def sent(self) -> list[str]:
        """Whom the last run wrote about."""
        return sorted(email for asked in self.gate.writes() for email in asked.emails)

    def nothing(self) -> bool:
        """Whether a run has nothing to write."""
        writes = self.program.state.traffic.writes
        self.sync()
        return self.program.state.traffic.writes == writes

    def tags(self) -> dict[str, set[str]]:
        return {email: set(shown.tags) for email, shown in self.program.list().items()}

    def field(self, email: str, name: str) -> str:
        return str(self.program.list()[email].values[name])

    def later(self, hours: float = 1) -> None:
        self.shop.now += int(hours * HOUR)


@pytest.fixture
def shop() -> Iterator[FakeShopware]:
    found = FakeShopware()
    yield found
    found.close()


@pytest.fixture
def merchant(shop: FakeShopware, program: Program, gate: Gate) -> Merchant:
    return Merchant(shop, program, gate)


def test_the_first_sync_and_one_without_a_change(merchant: Merchant) -> None:
    merchant.fill()
    merchant.shop.add_guest_order("cancelled@post.example", state="cancelled")
    merchant.shop.add_customer("no address")
    finished = merchant.program.run()
    assert finished.error is None
    counts = finished.document["counts"]
    assert (counts["created"], counts["invalid"], counts["skipped"]) == (3, 1, 1)
    assert finished.document["requests"]["source"] == len(merchant.shop.log)
    assert finished.document["source"] == {"type": "shopware6", "name": "Shopware_6"}
    assert merchant.tags() == {ANNA: {SUBSCRIBER, BUYER}, CORA: {SUBSCRIBER}, GAST: {BUYER}}
    fields = {name: merchant.field(ANNA, name) for name in ("firstname", "lastname", "city")}
    assert fields == {"firstname": "Anna", "lastname": "Größle", "city": "Köln"}
    assert merchant.field(GAST, "firstname") == "Gustav"
    merchant.later()
    assert merchant.nothing()
    assert len(merchant.shop.log) == 9, "a token, what was changed of each list, whose that is, and their recipients"


def test_every_kind(merchant: Merchant) -> None:
    merchant.config(tags=["subscriber", "buyer", "contact"], activate=["subscriber"])
    merchant.fill()
    merchant.shop.add_guest("only-a-guest@post.example")
    merchant.sync()
    assert merchant.tags()[BEN] == {CONTACT}
    assert merchant.program.active() == {ANNA, CORA}


# One change at a time


@pytest.fixture
def known(merchant: Merchant) -> Merchant:
    """A list that has everything, a day ago."""
    merchant.fill()
    merchant.sync()
    merchant.later(23)
    return merchant


def number_of(merchant: Merchant, email: str) -> int:
    (found,) = (n for n, row in merchant.shop.customers.items() if row["email"].lower() == email and not row["guest"])
    return found


def recipient_of(merchant: Merchant, email: str) -> str:
    (found,) = (ident for ident, row in merchant.shop.recipients.items() if row["email"].lower() == email)
    return found


def test_another_name(known: Merchant) -> None:
    known.shop.change_profile(number_of(known, ANNA), last_name="Müller")
    assert known.sync()["updated"] == 1
    assert (known.sent(), known.field(ANNA, "lastname")) == ([ANNA], "Müller")
    assert known.nothing()


def test_another_postal_address(known: Merchant) -> None:
    known.shop.change_profile(number_of(known, ANNA), city="Trier")
    assert known.sync()["updated"] == 1
    assert (known.sent(), known.field(ANNA, "city")) == ([ANNA], "Trier")
    assert known.nothing()


def test_a_login_sends_nothing(known: Merchant) -> None:
    known.shop.log_in(number_of(known, ANNA))
    assert known.nothing()


def test_a_purchase(known: Merchant) -> None:
    known.shop.add_order(number_of(known, BEN))
    assert known.sync()["created"] == 1
    assert (known.sent(), known.tags()[BEN], known.field(BEN, "city")) == ([BEN], {BUYER}, "Ulm")
    assert known.nothing()


@pytest.mark.parametrize("how", ["order", "newsletter"])
def test_somebody_registered_long_ago_comes_in_with_all_that_is_known_of_them(merchant: Merchant, how: str) -> None:
    """Neither an order nor a subscription moves a date of the customer."""
    _, ben = merchant.fill()
    merchant.sync()
    for number in range(2):
        merchant.later()
        merchant.shop.add_order(merchant.shop.add_customer(f"new{number}@mail.example", consent=True))
        merchant.sync()
    merchant.later()
    if how == "newsletter":
        merchant.shop.add_recipient("BEN@mail.example", city="")
    else:
        merchant.shop.add_order(ben)
    assert merchant.sync()["created"] == 1
    assert (merchant.field(BEN, "firstname"), merchant.field(BEN, "city")) == ("Ben", "Ulm")
    merchant.later()
    assert merchant.nothing()


def test_a_guest_orders_again(merchant: Merchant) -> None:
    merchant.program.state.create_attribute("ordercount", "number")
    merchant.config(attributes={"map": {"ordercount": "orders", "city": "city"}})
    merchant.fill()
    merchant.sync()
    merchant.later()
    merchant.shop.add_guest_order("GAST@post.example", city="Trier")
    assert merchant.sync()["updated"] == 1
    assert merchant.sent() == [GAST]
    assert (merchant.field(GAST, "ordercount"), merchant.field(GAST, "city")) == ("2", "Trier")


def test_a_cancelled_order_is_taken_back(known: Merchant) -> None:
    order = known.shop.add_order(number_of(known, BEN))
    known.sync()
    known.later()
    known.shop.add_recipient(BEN)
    known.shop.cancel_order(order)
    assert known.sync()["updated"] == 1
    assert (known.sent(), known.tags()[BEN]) == ([BEN], {SUBSCRIBER})


def test_a_subscription_of_somebody_known(known: Merchant) -> None:
    known.shop.add_recipient("GAST@post.example")
    assert known.sync()["updated"] == 1
    assert (known.sent(), known.tags()[GAST]) == ([GAST], {SUBSCRIBER, BUYER})
    assert known.nothing()


@pytest.mark.parametrize("email", [ANNA, CORA])
def test_who_opts_out_is_deactivated_and_activated_when_they_confirm_again(known: Merchant, email: str) -> None:
    known.shop.set_status(recipient_of(known, email), "optOut")
    assert known.sync()["deactivated"] == 1
    assert email not in known.program.active()
    assert SUBSCRIBER not in known.tags()[email]
    assert known.nothing()
    known.later()
    known.shop.set_status(recipient_of(known, email), "notSet")
    known.sync()
    assert email not in known.program.active(), "they have not confirmed"
    known.later()
    known.program.clock.passed += 3 * HOUR
    known.shop.now = int(known.program.clock.wall())
    known.shop.set_status(recipient_of(known, email), "optIn")
    known.sync()
    assert email in known.program.active()
    assert SUBSCRIBER in known.tags()[email]


@pytest.mark.parametrize("changed", [True, False])
def test_a_yes_that_nobody_confirmed_counts_after_an_opt_out_if_the_entry_was_changed(
    known: Merchant, *, changed: bool
) -> None:
    """`direct` says no date of its own; that it was something else before was read."""
    entry = recipient_of(known, CORA)
    known.shop.set_status(entry, "optOut")
    known.sync()
    before = known.shop.recipients[entry]["updatedAt"]
    known.program.clock.passed += 3 * HOUR
    known.shop.now = int(known.program.clock.wall())
    known.shop.set_status(entry, "direct")
    if not changed:
        known.shop.recipients[entry]["updatedAt"] = before
    known.program.run("resync")
    assert (CORA in known.program.active()) is changed


def test_who_unsubscribed_elsewhere_is_not_revived_by_an_edit(merchant: Merchant) -> None:
    """They left another list of the account; in the shop somebody only edits their entry."""
    other = merchant.program.state.add_group("Old list")
    merchant.program.state.write(other, {"email": CORA, "deactivated": merchant.shop.now + HOUR, "activated": 1})
    merchant.shop.add_recipient(CORA, "direct")
    merchant.later(2)
    merchant.shop.recipients[recipient_of(merchant, CORA)] |= {"city": "Köln", "updatedAt": merchant.shop.time()}
    assert merchant.program.run().document["skipped"] == {"unsubscribed_in_target": 1}
    assert merchant.gate.writes() == []


def test_a_deleted_recipient_is_noticed_within_a_day(known: Merchant) -> None:
    del known.shop.recipients[recipient_of(known, CORA)]
    assert known.nothing()
    assert CORA in known.program.active()
    known.later(1)
    assert known.sync()["deactivated"] == 1
    assert known.program.active() == {ANNA, GAST}
    assert known.nothing()


def test_one_of_two_sales_channels_is_left(known: Merchant) -> None:
    known.shop.add_recipient(CORA, channel=OUTLET)
    known.sync()
    known.later()
    known.shop.set_status(next(i for i, r in known.shop.recipients.items() if r["email"] == CORA), "optOut")
    assert known.sync()["deactivated"] == 1


def test_a_sales_channel_alone(merchant: Merchant) -> None:
    merchant.config({"sales_channels": ["outlet"]})
    merchant.fill()
    merchant.shop.add_recipient("dora@mail.example", channel=OUTLET)
    merchant.sync()
    assert merchant.tags() == {"dora@mail.example": {SUBSCRIBER}}


def test_another_e_mail_address_of_an_account(merchant: Merchant) -> None:
    merchant.config(tags=["contact"])
    customer = merchant.shop.add_customer("old@mail.example", first_name="Anna")
    merchant.sync()
    merchant.later()
    merchant.shop.change_profile(customer, email="new@mail.example")
    counts = merchant.sync()
    assert (counts["created"], counts["deactivated"]) == (1, 1)
    assert merchant.program.active() == {"new@mail.example"}


def test_the_orders_of_an_account_go_along_with_its_address(merchant: Merchant) -> None:
    customer = merchant.shop.add_customer("old@mail.example", first_name="Anna")
    order = merchant.shop.add_order(customer)
    merchant.sync()
    merchant.later()
    merchant.shop.change_profile(customer, email="new@mail.example")
    counts = merchant.sync()
    assert (counts["created"], counts["deactivated"]) == (1, 1)
    assert merchant.program.active() == {"new@mail.example"}
    assert merchant.tags()["new@mail.example"] == {BUYER}
    merchant.later()
    merchant.shop.cancel_order(order)
    merchant.shop.add_recipient("new@mail.example")
    merchant.sync()
    assert merchant.tags()["new@mail.example"] == {SUBSCRIBER}


def test_a_guest_who_is_given_another_address_is_no_account_that_moved(merchant: Merchant) -> None:
    """Whoever stays at the first address keeps their mailings."""
    guest = merchant.shop.add_guest("shared@post.example")
    merchant.shop.add_recipient("shared@post.example")
    merchant.sync()
    merchant.later()
    merchant.shop.change_profile(guest, first_name="Gustav")
    merchant.shop.customers[guest]["email"] = "gustav@post.example"
    merchant.sync()
    assert merchant.program.active() == {"shared@post.example"}


def test_a_subscriber_with_another_e_mail_address_is_one_subscriber(known: Merchant) -> None:
    """The newsletter follows the account without any date."""
    known.later(-22)
    customer = known.shop.add_customer("old@mail.example", consent=True)
    known.shop.add_order(customer)
    known.sync()
    known.later()
    known.shop.change_profile(customer, email="new@mail.example")
    counts = known.sync()
    assert (counts["created"], counts["deactivated"]) == (1, 1)
    assert known.program.active() == {ANNA, CORA, GAST, "new@mail.example"}
    assert known.tags()["new@mail.example"] == {SUBSCRIBER, BUYER}
    for hours in (1, 25):
        known.later(hours)
        assert known.nothing()


def test_who_opted_out_is_not_mailed_at_another_address_either(known: Merchant) -> None:
    """The newsletter does not follow whoever has opted out of it."""
    anna = number_of(known, ANNA)
    known.shop.set_status(recipient_of(known, ANNA), "optOut")
    known.sync()
    known.shop.change_profile(anna, email="new@mail.example")
    known.sync()
    known.later(25)
    known.sync()
    assert known.program.active() == {CORA, GAST}


@pytest.mark.parametrize("when", ["before the first run", "in one run", "long before"])
def test_who_opts_out_and_changes_the_address_has_left(merchant: Merchant, when: str) -> None:
    """What says so stays at the old address, and has said so before the list knew them, or says so only now."""
    customer = merchant.shop.add_customer("old@mail.example", consent=True)
    merchant.shop.add_order(customer)
    merchant.fill()
    recipient = recipient_of(merchant, "old@mail.example")
    if when != "before the first run":
        merchant.sync()
        merchant.later(2)
    merchant.shop.set_status(recipient, "optOut")
    if when != "in one run":
        merchant.sync()
        merchant.later(2)
    merchant.shop.change_profile(customer, email="new@mail.example")
    for _ in range(3):
        merchant.sync()
        assert merchant.program.active() == {ANNA, CORA, GAST}
        merchant.later(13)
    merchant.shop.now = int(merchant.program.clock.wall()) + 1
    merchant.shop.add_recipient("new@mail.example")
    merchant.sync()
    assert merchant.program.active() == {ANNA, CORA, GAST, "new@mail.example"}, "they have agreed anew"


def test_who_agreed_at_the_new_address_since_has_not_left(known: Merchant) -> None:
    anna = number_of(known, ANNA)
    known.shop.set_status(recipient_of(known, ANNA), "optOut")
    known.later()
    known.shop.change_profile(anna, email="new@mail.example")
    known.shop.add_recipient("new@mail.example")
    known.sync()
    assert known.program.active() == {"new@mail.example", CORA, GAST}


def test_a_subscriber_whose_address_is_mended_in_the_newsletter(known: Merchant) -> None:
    recipient = recipient_of(known, CORA)
    known.shop.recipients[recipient] |= {"email": "kora@mail.example", "updatedAt": known.shop.time()}
    known.sync()
    assert known.program.active() == {ANNA, GAST, "kora@mail.example"}
    for hours in (1, 25):
        known.later(hours)
        assert known.nothing()


def test_a_kind_is_added(merchant: Merchant) -> None:
    merchant.config(tags=["subscriber"])
    merchant.fill()
    assert merchant.sync()["created"] == 2
    merchant.later()
    merchant.config(tags=["subscriber", "buyer", "contact"])
    counts = merchant.sync()
    assert (counts["created"], counts["updated"], counts["unchanged"]) == (2, 1, 1)
    assert merchant.tags() == {ANNA: {SUBSCRIBER, BUYER}, CORA: {SUBSCRIBER}, GAST: {BUYER}, BEN: {CONTACT}}


def test_states_that_count_are_changed_in_the_config(merchant: Merchant) -> None:
    merchant.fill()
    merchant.sync()
    merchant.shop.cancel_order(next(iter(merchant.shop.orders)), "completed")
    merchant.later()
    merchant.config({"buyer_states": ["completed"]})
    merchant.sync()
    assert merchant.tags() == {ANNA: {SUBSCRIBER, BUYER}, CORA: {SUBSCRIBER}, GAST: set()}
    merchant.later()
    merchant.shop.cancel_order(next(iter(merchant.shop.orders)))
    merchant.sync()
    assert merchant.tags()[ANNA] == {SUBSCRIBER}


@pytest.mark.parametrize("seed", range(3))
def test_a_shop_that_lives(merchant: Merchant, seed: int) -> None:
    """What increments made of the list is what a full read makes of it, and nobody who is out is mailed."""
    chance, shop = random.Random(seed), merchant.shop
    merchant.config(activate=["subscriber"])
    customers = [shop.add_customer(f"P{n}@mail.example", consent=n % 3 == 0) for n in range(20)]
    orders = [shop.add_guest_order(f"g{n}@post.example") for n in range(5)]
    merchant.sync()
    for step in range(10):
        for _ in range(chance.randint(0, 6)):
            merchant.later(chance.choice((0, 0.01, 0.5, 3)))
            match chance.randint(0, 8):
                case 0:
                    customers.append(shop.add_customer(f"n{len(customers)}@mail.example", city="Köln"))
                case 1:
                    orders.append(shop.add_order(chance.choice(customers)))
                case 2:
                    orders.append(shop.add_guest_order(f"G{chance.randint(0, 9)}@post.example", city=f"Ort {step}"))
                case 3 | 4:
                    shop.set_consent(chance.choice(customers), given=chance.random() < 0.5)
                case 5:
                    shop.change_profile(chance.choice(customers), city=f"Ort {step}")
                case 6:
                    shop.cancel_order(chance.choice(orders))
                case 7:
                    shop.log_in(chance.choice(customers))
                case 8 if shop.recipients:
                    del shop.recipients[chance.choice(list(shop.recipients))]
        merchant.sync()
    merchant.later(24)
    merchant.sync()
    before = merchant.program.list()
    change_checkpoint(merchant.program.state_path / "checkpoint.json", cursors={})
    assert merchant.nothing()
    assert merchant.program.list() == before
    opted_out = {row["email"].lower() for row in shop.recipients.values() if row["status"] == "optOut"}
    assert not opted_out & merchant.program.active()
    merchant.program.check_ledger()


# What goes wrong


def test_a_shop_that_breaks_down_while_it_is_read(merchant: Merchant) -> None:
    for number in range(1200):
        merchant.shop.add_customer(f"p{number}@mail.example", consent=True)
    merchant.sync()
    cursors = merchant.program.checkpoint["cursors"]
    merchant.later(24)
    merchant.shop.set_status(recipient_of(merchant, "p7@mail.example"), "optOut")
    merchant.gate.calls.clear()
    merchant.shop.fail("503", 10_000, lambda asked: b'"gt"' in asked.body or b'"page"' in asked.body)
    assert isinstance(merchant.program.failing(), TemporaryError)
    assert merchant.gate.writes() == []
    assert merchant.program.checkpoint["cursors"] == cursors
    merchant.shop.well()
    assert merchant.sync()["deactivated"] == 1
    assert len(merchant.program.active()) == 1199


def test_a_list_that_is_shown_in_part_ends_nobodys_consent(merchant: Merchant) -> None:
    merchant.shop.max_limit = 10
    for number in range(40):
        merchant.shop.add_recipient(f"p{number}@mail.example")
        merchant.shop.now += 60
    merchant.sync()
    merchant.later(25)

    def emptied(body: bytes) -> bytes:
        return orjson.dumps({**orjson.loads(body), "total": 0, "data": []})

    before = merchant.program.checkpoint["cursors"]
    merchant.shop.fail(altered(emptied), 1000, lambda asked: b'{"gt":' in asked.body)
    merchant.sync()
    assert any("does not match" in warning for warning in merchant.program.said.warnings)
    assert merchant.program.checkpoint["cursors"]["recipients"] == before["recipients"]
    assert len(merchant.program.active()) == 40
    merchant.shop.well()
    assert merchant.nothing()


def test_rights_that_were_taken_away_end_nobodys_consent(known: Merchant) -> None:
    known.later(24)
    known.shop.privileges = known.shop.privileges - {"newsletter_recipient:read"}
    assert isinstance(known.program.failing(), AuthError)
    assert known.program.active() == {ANNA, CORA, GAST}


def test_a_shop_that_seems_empty_is_not_believed(known: Merchant) -> None:
    for table in (known.shop.customers, known.shop.orders, known.shop.recipients):
        table.clear()
    assert isinstance(known.program.failing("resync"), GuardError)
    assert known.program.active() == {ANNA, CORA, GAST}


def test_a_newsletter_that_seems_empty_is_not_believed(merchant: Merchant) -> None:
    for number in range(300):
        merchant.shop.add_customer(f"p{number}@mail.example", consent=True)
    merchant.config(limits={"max_deactivated": "10%"})
    merchant.sync()
    merchant.later(25)
    merchant.shop.recipients.clear()
    assert isinstance(merchant.program.failing(), GuardError)
    assert len(merchant.program.active()) == 300


def test_a_token_that_runs_out_in_the_middle(merchant: Merchant) -> None:
    for number in range(1200):
        merchant.shop.add_customer(f"p{number}@mail.example", consent=True)
    pages = iter(range(1, 1000))

    def before(asked: Any) -> None:
        if merchant.shop.is_page(asked) and next(pages) == 4:
            merchant.shop.tokens.clear()

    merchant.shop.before_page = before
    assert merchant.sync()["created"] == 1200
    assert len(merchant.shop.tokens) == 1, "all readers went on with the new one"


def test_after_an_interrupted_write_the_shop_is_read_again(merchant: Merchant) -> None:
    for number in range(500):
        merchant.shop.add_customer(f"p{number}@mail.example", consent=True)
    merchant.config(target={"concurrency": 1})
    stop = Stop()

    def meddle(asked: Any, carry_out: Any) -> Any:
        if asked.name == UPSERT and len(merchant.gate.writes()) == 4:
            stop.signum = 2
        return carry_out()

    merchant.gate.meddle = meddle
    assert merchant.program.failing(stop=stop).code == 130
    assert 0 < len(merchant.program.list()) < 500
    merchant.gate.meddle = None
    merchant.shop.log.clear()
    assert merchant.sync()["people"] == 500
    assert merchant.shop.log != []
    assert len(merchant.program.active()) == 500
    merchant.later()
    assert merchant.nothing()


@pytest.mark.parametrize("at", [1, 3])
def test_a_kill_at_any_write_loses_nobody(merchant: Merchant, at: int) -> None:
    anna, _ = merchant.fill()
    for number in range(200):
        merchant.shop.add_customer(f"p{number}@mail.example", consent=True)
    merchant.config(target={"concurrency": 1})
    with merchant.program.start("sync", "-q") as process:
        interrupt_at(merchant.program, process, at)
        process.communicate(timeout=60)
    assert process.returncode == -9
    merchant.program.state.before_write = None
    merchant.later()
    merchant.shop.change_profile(anna, city="Trier")
    merchant.sync()
    merchant.sync()
    assert len(merchant.program.active()) == 203
    assert merchant.field(ANNA, "city") == "Trier"
    assert merchant.nothing()
    merchant.program.check_ledger()


def test_a_diff_writes_nothing_and_says_the_same(known: Merchant) -> None:
    known.shop.add_order(number_of(known, BEN))
    known.shop.set_status(recipient_of(known, CORA), "optOut")
    files = known.program.files()
    would = known.sync(command="diff")
    assert (known.sent(), known.program.files()) == ([], files)
    assert known.sync() == would


# From the command line


def test_init_check_and_sync(
    tmp_path: Path,
    shop: FakeShopware,
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from cleverreach_sync.cli.app import run

    monkeypatch.chdir(tmp_path)
    assert run(["init", "--source", "shopware6", "--yes"]) == 0
    assert capsys.readouterr().err.rstrip().endswith("crsync check")
    config = Path("sync.yaml").read_text(encoding="utf-8")
    assert "Settings > System > Integrations" in config
    config = config.replace('"https://shop.example.com"', shop.url)
    config = config.replace("  list: Online shop", f"  base_url: {sandbox.url}\n  list: Online shop")
    Path("sync.yaml").write_text(config, encoding="utf-8")
    access = {"CLEVERREACH_CLIENT_ID": "id-1", "CLEVERREACH_CLIENT_SECRET": "s3cret"}
    mine = {"SHOPWARE_CLIENT_ID": CLIENT_ID, "SHOPWARE_CLIENT_SECRET": CLIENT_SECRET}
    for name, value in {**access, **mine}.items():
        monkeypatch.setenv(name, value)
    shop.add_order(shop.add_customer("Anna@mail.example", consent=True, first_name="Anna"))
    assert run(["attrs", "create", "-q"]) == 0
    capsys.readouterr()
    assert run(["check", "--format", "json"]) == 0
    lines = [each for each in json.loads(capsys.readouterr().out)["checks"] if each["name"] == "source"]
    assert [line["message"] for line in lines] == [
        f"1 customer, guests included, at {shop.url} (Shopware 6.7.10.1)",
        "1 order; of the first 1 1 make somebody a buyer",
        "1 newsletter recipients; of the first ones 1 optIn",
    ]
    assert run(["sync", "-vv"]) == 0
    shop.privileges = frozenset()
    assert run(["check"]) == 6
    shop.refuse()
    assert run(["sync", "--format", "json"]) == 6
    out, err = capsys.readouterr()
    assert "order:read" in out + err
    assert "does not know this integration" in out + err
    for secret in (*shop.secrets(), "nna@mail", "geheimer-hash"):
        assert secret not in out + err
    kept = b"".join(path.read_bytes() for path in Path(".crsync").rglob("*") if path.is_file()).decode("latin-1")
    for secret in (*shop.secrets(), "nna@mail", "geheimer-hash"):
        assert secret not in kept
