"""Whole runs from a system at plentymarkets into the list."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cleverreach_sync.domain.decision import Outcome
from cleverreach_sync.errors import AuthError, GuardError, TemporaryError
from cleverreach_sync.sandbox.server import RunningSandbox
from tests.e2e.gate import UPSERT, Gate, refusal
from tests.e2e.meddling import interrupt_at
from tests.e2e.program import Program
from tests.shops.plentymarkets import PASSWORD, USER, PlentySystem
from tests.shops.server import Asked

SUBSCRIBER, BUYER, CONTACT = (f"plentymarkets-Special.{kind}" for kind in ("Subscriber", "Buyer", "Contact"))
DAY = 86_400
EXAMPLE = Path(__file__).parents[2] / "examples" / "plentymarkets-daily"


@pytest.fixture
def shop() -> Iterator[PlentySystem]:
    found = PlentySystem()
    yield found
    found.close()


@pytest.fixture
def plenty(shop: PlentySystem, program: Program) -> Program:
    program.settings["source"] = shop.settings()
    program.config()
    return program


def tags(program: Program) -> dict[str, set[str]]:
    return {email.partition("@")[0]: set(shown.tags) for email, shown in program.list().items()}


def values(program: Program, email: str) -> dict[str, Any]:
    """The data fields that are filled."""
    return {name: value for name, value in program.list()[email].values.items() if value}


def nothing(program: Program, gate: Gate) -> bool:
    """A run without a change writes nothing."""
    gate.calls.clear()
    program.counts()
    return gate.writes() == []


def everybody(shop: PlentySystem) -> None:
    """Old ones and new ones of every sort."""
    anna = shop.add_customer("Anna@Mail.example", consent=True, first_name="Anna", last_name="Größle", city="Köln")
    shop.add_order(anna)
    shop.add_customer("ben@mail.example")
    shop.add_guest_order("gast@post.example", first_name="Gustav", at=shop.now - 2 * DAY)
    old = shop.add_customer("old@mail.example", consent=True, at=shop.now - 50 * DAY)
    shop.add_order(old, at=shop.now - 40 * DAY)
    shop.add_guest_order("oldguest@post.example", at=shop.now - 40 * DAY)
    shop.add_recipient("news@news.example", at=shop.now - 40 * DAY)
    shop.add_guest_order("ebayer@post.example", referrer=2.01)
    shop.add_customer("amazone@mail.example", referrer=4.01)
    shop.add_guest_order("waits@post.example", status=3)
    shop.add_guest_order("cancelled@post.example", status=8)
    shop.add_guest_order("x77@marketplace.amazon.de")


# Automatic


def test_the_first_run_and_one_without_a_change(plenty: Program, shop: PlentySystem, gate: Gate) -> None:
    everybody(shop)
    finished = plenty.run()
    assert finished.error is None
    document = finished.document
    assert document["counts"]["people"] == 6
    assert document["skipped"] == {"excluded": 3, "not_selected": 1}
    assert document["kinds"] == {"subscriber": 1, "buyer": 2, "contact": 0}
    assert document["source"] == {"type": "plentymarkets", "name": "plentymarkets"}
    assert tags(plenty) == {"anna": {SUBSCRIBER, BUYER}, "gast": {BUYER}}
    assert values(plenty, "anna@mail.example") == {"firstname": "Anna", "lastname": "Größle", "city": "Köln"}
    assert document["requests"]["source"] == len(shop.log)
    assert shop.tokens == {}  # logged out
    assert nothing(plenty, gate)
    shop.now += 3 * DAY
    assert nothing(plenty, gate)


def test_what_was_known_of_somebody_counts_when_they_are_brought_in(plenty: Program, shop: PlentySystem) -> None:
    plenty.state.create_attribute("ordercount", "number")
    plenty.config(attributes={"map": {"ordercount": "orders", "city": "city"}})
    old = shop.add_customer("old@mail.example", consent=True, at=shop.now - 50 * DAY)
    for days in (40, 30):
        shop.add_order(old, at=shop.now - days * DAY)
    shop.add_guest_order("OLD@mail.example", at=shop.now - 20 * DAY)
    shop.add_guest_order("guest@post.example", at=shop.now - 20 * DAY)
    shop.add_recipient("guest@post.example")
    shop.add_customer("new@mail.example", consent=True)
    assert plenty.counts() == {"rows": 8, "people": 1, "created": 1}
    shop.now += DAY
    shop.change_profile(old, city="Kiel")
    shop.add_guest_order("Guest@Post.example")
    finished = plenty.run()
    assert finished.document["counts"]["created"] == 2
    assert tags(plenty) == {"new": {SUBSCRIBER}, "old": {SUBSCRIBER, BUYER}, "guest": {SUBSCRIBER, BUYER}}
    assert values(plenty, "old@mail.example") == {"city": "Kiel", "ordercount": "3"}
    assert values(plenty, "guest@post.example")["ordercount"] == "2"


def test_one_person_three_ways_and_every_way_alone(plenty: Program, shop: PlentySystem, gate: Gate) -> None:
    plenty.state.create_attribute("ordercount", "number")
    plenty.config(attributes={"map": {"ordercount": "orders", "city": "city"}})
    anna = shop.add_customer("Anna@Mail.example", city="Köln")
    assert plenty.counts()["skipped"] == 1
    shop.now += DAY
    shop.add_guest_order("ANNA@mail.example", city="Bonn")
    assert plenty.counts()["created"] == 1
    assert (tags(plenty), values(plenty, "anna@mail.example")) == (
        {"anna": {BUYER}}, {"ordercount": "1", "city": "Köln"},
    )  # fmt: skip
    shop.now += DAY
    shop.add_recipient("anna@MAIL.example")
    assert plenty.counts()["updated"] == 1
    assert tags(plenty) == {"anna": {BUYER, SUBSCRIBER}}
    shop.now += DAY
    shop.add_order(anna)
    assert plenty.counts()["updated"] == 1
    assert values(plenty, "anna@mail.example")["ordercount"] == "2"
    shop.now += DAY
    shop.change_profile(anna, city="Kiel")
    assert plenty.counts()["updated"] == 1
    assert values(plenty, "anna@mail.example")["city"] == "Kiel"
    shop.now += DAY
    shop.recipients.clear()
    assert plenty.counts()["deactivated"] == 1
    assert (plenty.active(), tags(plenty)) == (set(), {"anna": {BUYER}})
    assert nothing(plenty, gate)


def test_a_resync_reaches_nobody_else(plenty: Program, shop: PlentySystem, gate: Gate) -> None:
    everybody(shop)
    plenty.run()
    shop.now += 30 * DAY
    shop.add_customer("late@mail.example", consent=True)
    counts = plenty.counts("resync")
    assert (counts["created"], counts["updated"], counts["people"]) == (1, 2, 7)
    assert set(tags(plenty)) == {"anna", "gast", "late"}
    assert nothing(plenty, gate)


def test_a_kind_is_added(plenty: Program, shop: PlentySystem, gate: Gate) -> None:
    everybody(shop)
    plenty.run()
    shop.now += 30 * DAY
    plenty.config(tags=["subscriber", "buyer", "contact"])
    gate.calls.clear()
    counts = plenty.counts()
    assert (counts["created"], counts["skipped"]) == (1, 3)
    assert tags(plenty)["ben"] == {CONTACT}
    assert [asked.emails for asked in gate.writes()] == [["ben@mail.example"]]


def test_without_the_changed_ones(plenty: Program, shop: PlentySystem) -> None:
    old = shop.add_customer("old@mail.example", consent=True, at=shop.now - 50 * DAY)
    plenty.config(source={**shop.settings(), "include_changed": False})
    plenty.run()
    shop.now += DAY
    shop.change_profile(old, city="Kiel")
    shop.add_customer("new@mail.example", consent=True)
    assert plenty.counts()["created"] == 1
    assert set(tags(plenty)) == {"new"}


def test_a_first_run_that_is_cut_off_keeps_its_beginning(plenty: Program, shop: PlentySystem, gate: Gate) -> None:
    """What it read is too old by then, and whoever came in the days before it would be lost."""
    shop.add_customer("anna@mail.example", consent=True, at=shop.now - 2 * DAY)
    gate.always(UPSERT, refusal(503))
    assert isinstance(plenty.failing(), TemporaryError)
    assert shop.tokens == {}
    gate.meddle = None
    plenty.clock.passed += 2 * DAY
    shop.now += 2 * DAY
    assert plenty.counts()["created"] == 1
    assert set(tags(plenty)) == {"anna"}


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_run_that_is_killed_goes_on(plenty: Program, shop: PlentySystem, at: int) -> None:
    for number in range(180):
        shop.add_order(shop.add_customer(f"p{number}@mail.example", consent=number % 2 == 0))
    process = plenty.start("sync", "-q")
    interrupt_at(plenty, process, at)
    assert process.wait(30) == -9
    process.communicate()
    plenty.state.before_write = None
    assert plenty.run().error is None
    assert len(plenty.list()) == 180
    assert sum(SUBSCRIBER in found for found in tags(plenty).values()) == 90
    plenty.check_ledger()


def test_a_run_that_is_stopped_while_it_reads_logs_out(plenty: Program, shop: PlentySystem) -> None:
    everybody(shop)
    process = plenty.start("sync", "-q")

    def before(asked: Asked) -> None:
        if asked.path.endswith("/search"):
            process.send_signal(signal.SIGTERM)

    shop.before_page = before
    assert process.wait(30) == 143
    process.communicate()
    assert shop.tokens == {}
    shop.before_page = None
    assert plenty.counts()["created"] == 2


def test_a_system_that_breaks_down_while_it_is_read(plenty: Program, shop: PlentySystem, gate: Gate) -> None:
    everybody(shop)
    plenty.run()
    before = plenty.checkpoint
    shop.now += DAY
    shop.add_guest_order("neu@post.example")
    gate.calls.clear()
    shop.fail("503", 10_000, lambda asked: asked.path.endswith("/search"))
    assert isinstance(plenty.failing(), TemporaryError)
    assert gate.writes() == []
    assert plenty.checkpoint == before
    assert shop.tokens == {}  # after an error, too
    shop.well()
    assert plenty.counts()["created"] == 1


# Who may be transferred


def test_an_order_that_is_returned_is_taken_back(plenty: Program, shop: PlentySystem) -> None:
    anna = shop.add_customer("anna@mail.example", consent=True)
    order = shop.add_order(anna)
    plenty.run()
    assert tags(plenty) == {"anna": {SUBSCRIBER, BUYER}}
    shop.now += DAY
    shop.cancel_order(order, 9)
    assert plenty.counts()["updated"] == 1
    assert tags(plenty) == {"anna": {SUBSCRIBER}}


def test_consent_lets_somebody_from_a_marketplace_in_and_its_end_is_heeded(
    plenty: Program, shop: PlentySystem, gate: Gate
) -> None:
    plenty.config(tags=["subscriber", "buyer", "contact"])
    ebay = shop.add_customer("anna@mail.example", referrer=2.01, first_name="Ebay")
    shop.add_order(ebay, referrer=2.01)
    finished = plenty.run()
    assert finished.document["skipped"] == {"excluded": 1}
    shop.now += DAY
    shop.set_consent(ebay, given=True)
    assert plenty.counts()["created"] == 1
    assert tags(plenty) == {"anna": {SUBSCRIBER}}
    assert values(plenty, "anna@mail.example") == {}
    shop.now += DAY
    shop.set_consent(ebay, given=False)
    assert plenty.counts()["deactivated"] == 1
    assert plenty.active() == set()
    assert nothing(plenty, gate)


def test_origins_that_are_named_later(plenty: Program, shop: PlentySystem, gate: Gate) -> None:
    shop.add_guest_order("ebayer@post.example", referrer=2.01)
    shop.add_guest_order("gast@post.example")
    plenty.run()
    assert set(tags(plenty)) == {"gast"}
    shop.now += DAY
    plenty.config(source=shop.settings(order_referrers=[1, 2.01]))
    assert plenty.counts()["created"] == 1
    assert tags(plenty)["ebayer"] == {BUYER}
    shop.now += DAY
    plenty.config(source=shop.settings(order_referrers=[1]))
    gate.calls.clear()
    finished = plenty.run()
    assert finished.document["skipped"] == {"excluded": 1}
    assert gate.writes() == []  # only what comes later is concerned
    assert tags(plenty)["ebayer"] == {BUYER}


def test_a_right_that_is_lost_ends_nobodys_consent(plenty: Program, shop: PlentySystem, gate: Gate) -> None:
    shop.add_customer("anna@mail.example", consent=True)
    plenty.run()
    shop.denied = {"recipients"}
    gate.calls.clear()
    assert isinstance(plenty.failing(), AuthError)
    assert gate.writes() == []
    assert plenty.active() == {"anna@mail.example"}


def test_the_fallback_is_said(plenty: Program, shop: PlentySystem) -> None:
    shop.denied = {"recipients"}
    shop.add_customer("anna@mail.example", consent=True)
    assert plenty.counts()["created"] == 1
    assert any("newsletterAllowanceAt" in warning for warning in plenty.said.warnings)


@pytest.mark.parametrize("before", [{}, {"transfer": "manual"}], ids=["the changed ones", "everybody"])
def test_who_is_brought_in_no_longer_stays_subscribed_by_their_contact(
    plenty: Program, shop: PlentySystem, gate: Gate, before: dict[str, str]
) -> None:
    shop.denied = {"recipients"}
    plenty.config(source={**shop.settings(), **before})
    shop.add_customer("anna@mail.example", consent=True)
    old = shop.add_customer("old@mail.example", consent=True, at=shop.now - 50 * DAY)
    plenty.run()
    shop.now += DAY
    shop.change_profile(old, city="Kiel")
    plenty.run()
    assert plenty.active() == {"anna@mail.example", "old@mail.example"}
    shop.now += DAY
    plenty.config(source={**shop.settings(), "transfer": "automatic", "include_changed": False})
    gate.calls.clear()
    assert "deactivated" not in plenty.counts()
    assert gate.writes() == []
    shop.set_consent(old, given=False)
    shop.now += 2 * DAY
    plenty.config(source={**shop.settings(), "reconcile_every": "0s"})
    assert plenty.counts()["deactivated"] == 1
    assert plenty.active() == {"anna@mail.example"}


# Manual


@pytest.fixture
def manual(shop: PlentySystem, plenty: Program) -> Program:
    plenty.config(source=shop.settings(transfer="manual", customer_type="Kunde"))
    return plenty


def test_a_manual_transfer_is_one_type_in_full(manual: Program, shop: PlentySystem, gate: Gate) -> None:
    everybody(shop)
    shop.add_customer("supplier@mail.example", consent=True, type=4)
    finished = manual.run()
    assert finished.document["skipped"] == {"excluded": 1, "not_selected": 1}
    assert tags(manual) == {"anna": {SUBSCRIBER, BUYER}, "old": {SUBSCRIBER, BUYER}}
    assert nothing(manual, gate)
    shop.now += DAY
    ben = next(ident for ident, row in shop.contacts.items() if row["email"] == "ben@mail.example")
    shop.add_order(ben)
    shop.add_guest_order("gast@post.example")
    shop.contacts[next(i for i, row in shop.contacts.items() if row["typeId"] == 4)]["typeId"] = 1
    assert manual.counts()["created"] == 2
    assert set(tags(manual)) == {"anna", "old", "ben", "supplier"}


def test_a_manual_one_after_an_automatic_one(plenty: Program, shop: PlentySystem, gate: Gate) -> None:
    everybody(shop)
    plenty.run()
    shop.now += DAY
    plenty.config(source=shop.settings(transfer="manual", customer_type="1"))
    assert plenty.counts()["created"] == 1
    assert set(tags(plenty)) == {"anna", "gast", "old"}  # whoever was transferred before stays
    plenty.config(source=shop.settings())
    shop.now += DAY
    shop.add_customer("new@mail.example", consent=True)
    assert plenty.counts()["created"] == 1
    assert nothing(plenty, gate)


@pytest.mark.parametrize("transfer", ["automatic", "manual"])
def test_an_address_changes(plenty: Program, shop: PlentySystem, transfer: str) -> None:
    plenty.config(source=shop.settings(transfer=transfer))
    anna = shop.add_customer("old@mail.example", consent=True)
    shop.add_order(anna)
    shop.add_customer("ben@mail.example", consent=True)
    plenty.run()
    shop.now += DAY
    shop.change_profile(anna, email="new@mail.example")
    counts = plenty.counts()
    assert (counts["created"], counts["deactivated"]) == (1, 1)
    assert plenty.active() == {"new@mail.example", "ben@mail.example"}
    assert tags(plenty)["new"] == {SUBSCRIBER, BUYER}


def test_an_address_changes_of_somebody_who_was_not_brought_in_before(plenty: Program, shop: PlentySystem) -> None:
    anna = shop.add_customer("old@mail.example", consent=True, at=shop.now - 90 * DAY)
    shop.add_order(anna, at=shop.now - 80 * DAY)
    shop.add_customer("ben@mail.example", consent=True)
    assert plenty.counts()["created"] == 1
    shop.now += DAY
    shop.change_profile(anna, email="new@mail.example")
    counts = plenty.counts()
    assert (counts["created"], counts["people"]) == (1, 2)
    assert tags(plenty) == {"ben": {SUBSCRIBER}, "new": {SUBSCRIBER, BUYER}}


@pytest.mark.parametrize("later", [60, 2 * DAY], ids=["what was read counts", "read anew"])
def test_an_interruption_forgets_no_subscription_that_left_with_its_account(
    plenty: Program, shop: PlentySystem, gate: Gate, later: int
) -> None:
    """The old address goes on with a guest's order, which is not read again."""
    anna = shop.add_customer("old@mail.example", consent=True)
    shop.add_guest_order("old@mail.example")
    shop.now += 3600
    shop.add_guest_order("other@post.example")
    plenty.run()
    shop.now += DAY
    shop.change_profile(anna, email="new@mail.example")
    gate.always(UPSERT, refusal(503))
    assert isinstance(plenty.failing(), TemporaryError)
    gate.meddle = None
    plenty.clock.passed += later
    shop.now += later
    counts = plenty.counts()
    assert (counts["created"], counts["deactivated"]) == (1, 1)
    assert plenty.active() == {"new@mail.example", "other@post.example"}
    assert tags(plenty) == {"old": {BUYER}, "new": {SUBSCRIBER}, "other": {BUYER}}
    assert nothing(plenty, gate)


def test_a_system_that_seems_empty_is_not_believed(manual: Program, shop: PlentySystem) -> None:
    shop.add_customer("anna@mail.example", consent=True)
    manual.run()
    shop.contacts.clear()
    shop.recipients.clear()
    assert isinstance(manual.failing("resync"), GuardError)
    assert manual.active() == {"anna@mail.example"}


# The manual, step by step


def test_a_diff_says_what_a_run_does(plenty: Program, shop: PlentySystem, gate: Gate) -> None:
    everybody(shop)
    would = plenty.run("diff").document
    assert gate.writes() == []
    did = plenty.run().document
    for part in ("counts", "skipped", "kinds"):
        assert would[part] == did[part]
    assert would["counts"][Outcome.CREATED] == 2


def test_init_fields_check_and_sync_from_the_command_line(
    tmp_path: Path, shop: PlentySystem, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from cleverreach_sync.cli.app import run

    monkeypatch.chdir(tmp_path)
    assert run(["init", "--source", "plentymarkets", "--yes"]) == 0
    assert "crsync check" in capsys.readouterr().err
    config = Path("sync.yaml").read_text(encoding="utf-8")
    assert "access type: API" in config
    config = config.replace('"https://p12345.my.plentysystems.com"', shop.url)
    config = config.replace("  list: Online shop", f"  base_url: {sandbox.url}\n  list: Online shop")
    config += "  map: {Birthday: null}\n"
    Path("sync.yaml").write_text(config, encoding="utf-8")
    access = {"CLEVERREACH_CLIENT_ID": "id-1", "CLEVERREACH_CLIENT_SECRET": "s3cret"}
    for name, value in {"PLENTY_USERNAME": USER, "PLENTY_PASSWORD": PASSWORD, **access}.items():
        monkeypatch.setenv(name, value)
    shop.add_customer(
        "anna@mail.example", consent=True, first_name="Anna", last_name="Größle", gender="female", birthday="1980-05-17",
    )  # fmt: skip
    group = sandbox.state.add_group("Online shop")
    assert run(["attrs", "create", "-q"]) == 0
    assert set(sandbox.state.fields(int(group))) == {"vorname", "gender", "lang", "nachname"}
    capsys.readouterr()
    assert run(["check", "--format", "json"]) == 0
    lines = [each for each in json.loads(capsys.readouterr().out)["checks"] if each["name"] == "source"]
    assert lines[0]["message"] == f"1 contact at {shop.url}"
    assert "104.02 Kaufland.de" in lines[-1]["message"]
    assert shop.tokens == {}
    assert run(["sync"]) == 0
    assert sandbox.state.receivers(group)["anna@mail.example"]["attributes"] == {
        "vorname": "Anna", "nachname": "Größle", "gender": "female", "lang": "de",
    }  # fmt: skip
    shop.refuse()
    capsys.readouterr()
    assert run(["check"]) == 6
    assert run(["sync", "--format", "json"]) == 6
    out, err = capsys.readouterr()
    assert "refuses username and password" in out + err
    assert PASSWORD not in out + err
    kept = b"".join(path.read_bytes() for path in Path(".crsync").rglob("*") if path.is_file())
    assert PASSWORD.encode() not in kept


def test_the_example_step_by_step(
    tmp_path: Path, shop: PlentySystem, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from cleverreach_sync.cli.app import run

    monkeypatch.chdir(tmp_path)
    config = (EXAMPLE / "sync.yaml").read_text(encoding="utf-8")
    config = config.replace("https://p12345.my.plentysystems.com", shop.url)
    Path("sync.yaml").write_text(
        config.replace("target:\n", f"target:\n  base_url: {sandbox.url}\n", 1), encoding="utf-8"
    )
    access = {"CLEVERREACH_CLIENT_ID": "id-1", "CLEVERREACH_CLIENT_SECRET": "s3cret"}
    for name, value in {"PLENTY_USERNAME": USER, "PLENTY_PASSWORD": PASSWORD, **access}.items():
        monkeypatch.setenv(name, value)
    everybody(shop)
    commands = re.findall(
        r"^crsync (\S.*?)(?: +#.*)?$", (EXAMPLE / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [command.split()[0] for command in commands] == ["check", "attrs", "diff", "sync", "diff", "sync"]
    for command in commands:
        assert run(command.split()) == 0, capsys.readouterr().err
        assert shop.tokens == {}
    lists = {group.name: sandbox.state.receivers(str(number)) for number, group in sandbox.state.groups.items()}
    assert set(lists["plentymarkets"]) == {"anna@mail.example", "gast@post.example"}
    assert set(lists["Retail"]) == {"anna@mail.example", "old@mail.example"}
    assert lists["Retail"]["anna@mail.example"]["attributes"]["vorname"] == "Anna"
    assert [email for email, shown in lists["plentymarkets"].items() if shown["active"]] == ["anna@mail.example"]


def test_fields_that_are_not_there_are_left_out(plenty: Program, shop: PlentySystem) -> None:
    plenty.settings["attributes"] = {"preset": "plentymarkets"}
    plenty.config()
    shop.add_customer("anna@mail.example", consent=True, first_name="Anna")
    assert plenty.counts()["created"] == 1
    assert any("left out: birthday" in warning for warning in plenty.said.warnings)


def test_who_orders_or_subscribes_long_after_they_came_comes_in_with_their_name(
    plenty: Program, shop: PlentySystem
) -> None:
    plenty.config(tags=["subscriber", "buyer"])
    dora = shop.add_customer("dora@mail.example", consent=False, first_name="Dora", city="Ulm")
    emil = shop.add_customer("emil@mail.example", consent=False, first_name="Emil", city="Bonn")
    assert plenty.counts()["skipped"] == 2
    shop.now += 3 * 86_400
    shop.add_customer("new@mail.example", consent=True)
    plenty.run()
    shop.now += 3 * 86_400
    shop.add_order(dora)
    shop.set_consent(emil, given=True)
    assert plenty.counts()["created"] == 2
    found = plenty.list()
    assert [found[f"{name}@mail.example"].values["city"] for name in ("dora", "emil")] == ["Ulm", "Bonn"]
