"""The guards: each refuses before anything is written, says why, and can be overridden for one run."""

from __future__ import annotations

import shutil

import pytest

from tests.e2e.meddling import change_checkpoint
from tests.e2e.people import BUYER, CONTACT, SUBSCRIBER, B, C, S, both, buyer, neither, person, subscriber
from tests.e2e.program import Shop
from tests.e2e.running import Ran

ANNA, BEN = "anna@example.org", "ben@example.org"


def crowd(number: int, **values: str) -> list[dict[str, str]]:
    return [both(f"p{n}@example.org", **values) for n in range(number)]


def refused(shop: Shop, name: str, *options: str) -> Ran:
    """A sync that a guard refuses: exit 7, nothing written, and a hint how to override it."""
    before = shop.list()
    told = shop.diff()
    assert told.guard(name)["refuses"] is True, "a diff says so"
    ran = shop.sync(*options, code=7)
    assert ran.writes == 0
    assert shop.list() == before
    assert ran.doc["exit"] == {"code": 7, "class": "guard", "retryable": False}
    assert ran.doc["error"]["message"].startswith(f"refused by {name}: ")
    assert f"--force {name}" in ran.doc["error"]["hint"]
    assert f"error: refused by {name}" in ran.err
    assert "hint: " in ran.err
    guard = ran.guard(name)
    assert guard["refuses"] is True
    assert [g["name"] for g in ran.doc["guards"] if g["refuses"]] == [name]
    assert told.guard(name) == guard, "a diff says the same"
    return ran


class TestMaxDeactivated:
    @pytest.fixture(autouse=True)
    def people(self, shop: Shop) -> None:
        shop.write(*crowd(10))
        shop.sync()

    def end(self, shop: Shop, number: int) -> None:
        shop.write(*(person(f"p{n}@example.org", subscribed="opted_out") for n in range(number)), *crowd(10)[number:])

    @pytest.mark.parametrize(("limit", "most"), [(2, 2), ("20%", 2), ("25%", 2), (0, 0)])
    def test_the_limit(self, shop: Shop, limit: int | str, most: int) -> None:
        shop.config(limits={"max_deactivated": limit})
        self.end(shop, most + 1)
        ran = refused(shop, "max_deactivated")
        assert ran.guard("max_deactivated") == {
            "name": "max_deactivated",
            "limit": most,
            "value": most + 1,
            "refuses": True,
            "reason": f"{most + 1} {'person' if most == 0 else 'people'}, {most} are allowed",
        }
        self.end(shop, most)
        assert shop.sync().counts.get("deactivated", 0) == most

    def test_forced_for_one_run(self, shop: Shop) -> None:
        shop.config(limits={"max_deactivated": 0})
        self.end(shop, 1)
        ran = shop.sync("--force", "max_deactivated")
        assert ran.counts["deactivated"] == 1
        assert ran.guard("max_deactivated")["refuses"] is False
        assert ran.guard("max_deactivated")["forced"] is True
        self.end(shop, 2)
        refused(shop, "max_deactivated")

    def test_another_guards_force_does_not_help(self, shop: Shop) -> None:
        shop.config(limits={"max_deactivated": 0})
        self.end(shop, 1)
        refused(shop, "max_deactivated", "--force", "max_activated")

    def test_nobody_is_within_any_limit(self, shop: Shop) -> None:
        shop.config(limits={"max_deactivated": 0, "max_activated": 0, "max_created": 0})
        assert shop.sync().counts == {"unchanged": 10}

    def test_absence_counts_too(self, shop: Shop) -> None:
        shop.config(source={"complete": True}, limits={"max_deactivated": 3})
        shop.write(*crowd(6))
        assert refused(shop, "max_deactivated").guard("max_deactivated")["value"] == 4


def test_max_deactivated_by_default_is_the_larger_of_10_percent_and_20(shop: Shop) -> None:
    shop.write(*crowd(30))
    assert shop.sync().guard("max_deactivated")["limit"] == 20
    shop.state.write(shop.list_id, *({"email": f"x{n}@example.com"} for n in range(220)))
    ran = shop.sync()
    assert (ran.guard("max_deactivated")["limit"], ran.guard("max_activated")["limit"]) == (25, 25)
    assert all(guard["name"] != "max_created" for guard in ran.doc["guards"]), "no limit unless one is set"


def test_max_activated(shop: Shop) -> None:
    shop.config(activate=[S], limits={"max_activated": 1})
    shop.write(buyer(ANNA), buyer(BEN))
    shop.sync()
    shop.config(activate=None)
    assert refused(shop, "max_activated").guard("max_activated")["value"] == 2
    assert not any(recipient.active for recipient in shop.list().values())
    ran = shop.sync("--force", "max_activated")
    assert ran.doc["activation"]["activated"] == 2


def test_new_people_are_no_activations(shop: Shop) -> None:
    shop.config(limits={"max_activated": 0})
    shop.write(*crowd(3))
    assert shop.sync().counts == {"created": 3}


class TestMaxCreated:
    def test_holds_back_the_new_people_only(self, shop: Shop) -> None:
        shop.write(both(ANNA), both(BEN))
        shop.sync()
        shop.config(limits={"max_created": 1})
        shop.write(person(ANNA, subscribed="opted_out", orders="2"), both(BEN, first_name="Ben"), *crowd(2))
        assert shop.diff().guard("max_created")["refuses"] is True
        ran = shop.sync(code=7)
        assert ran.counts == {"deactivated": 1, "updated": 1}
        assert ran.doc["complete"] is False
        assert ran.doc["error"]["message"].startswith("refused by max_created: 2 people, 1 is allowed")
        assert shop.list().keys() == {ANNA, BEN}
        assert not shop.list()[ANNA].active
        assert shop.list()[BEN].values == {"firstname": "Ben"}
        assert shop.sync("--force", "max_created").counts == {"created": 2, "unchanged": 1, "skipped": 1}
        assert shop.sync().counts["unchanged"] == 3

    def test_a_share_of_an_empty_list_refuses(self, shop: Shop) -> None:
        shop.config(limits={"max_created": "100%"})
        shop.write(both(ANNA))
        ran = refused(shop, "max_created")
        assert ran.guard("max_created") == {
            "name": "max_created",
            "limit": 0,
            "value": 1,
            "refuses": True,
            "reason": "1 person, 0 are allowed",
        }
        shop.sync("--force", "max_created")
        assert ANNA in shop.list()

    def test_a_list_that_is_still_to_be_created(self, shop: Shop) -> None:
        shop.config(target={"list": "Brand new", "create_list": True}, limits={"max_created": "50%"})
        shop.write(both(ANNA))
        ran = shop.sync(code=7)
        assert ran.writes == 0
        assert [group.name for group in shop.state.groups.values()] == ["Online shop"]

    def test_who_is_in_the_list_already_is_not_new(self, shop: Shop) -> None:
        shop.config(limits={"max_created": 0})
        shop.put(ANNA)
        shop.write(both(ANNA))
        assert shop.agreed_sync().counts == {"updated": 1}

    def test_within(self, shop: Shop) -> None:
        shop.config(limits={"max_created": 2})
        shop.write(*crowd(2))
        ran = shop.sync()
        assert (ran.guard("max_created")["limit"], ran.guard("max_created")["value"]) == (2, 2)


class TestEmptySource:
    def test_an_empty_shop_at_the_first_run_is_fine(self, shop: Shop) -> None:
        shop.write()
        assert shop.sync().counts == {}
        assert shop.sync().counts == {}

    @pytest.mark.parametrize("complete", [True, False])
    def test_nobody_where_there_was_somebody(self, shop: Shop, complete: bool) -> None:
        shop.config(source={"complete": complete}, limits={"max_deactivated": "100%"})
        shop.write(*crowd(2))
        shop.sync()
        shop.write()
        refused(shop, "empty_source")
        assert all(recipient.active for recipient in shop.list().values())
        ran = shop.sync("--force", "empty_source")
        assert ran.counts == ({"deactivated": 2} if complete else {})
        assert shop.sync().counts == {}, "nobody is what the last run found"

    def test_rows_that_cannot_be_read_are_nobody(self, shop: Shop) -> None:
        shop.write(*crowd(2))
        shop.sync()
        shop.write(subscriber("x"), subscriber("y"))
        assert shop.sync(code=7).doc["counts"]["invalid"] == 2

    def test_resync(self, shop: Shop) -> None:
        shop.write(*crowd(2))
        shop.sync()
        shop.write()
        assert shop.resync(code=7).writes == 0


class TestForeignTags:
    """A first run into a list that already carries this source's special tags."""

    @pytest.fixture(autouse=True)
    def plug_in(self, shop: Shop) -> None:
        shop.put("reader@example.org", tags=[SUBSCRIBER, "Form.Web"])
        shop.put("left@example.org", tags=[SUBSCRIBER], activated=0, registered=1_600_000_000)
        shop.put("buyer@example.org", tags=[BUYER])
        shop.put("form@example.org")
        shop.put("stranger@example.org", tags=[SUBSCRIBER])

    def test_refuses(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        assert refused(shop, "foreign_tags").guard("foreign_tags")["value"] == 4
        refused(shop, "foreign_tags")

    def test_tags_of_another_source_are_not_foreign(self, shop: Shop) -> None:
        shop.config(source={"name": "Other shop"})
        shop.write(both(ANNA))
        shop.sync()

    @pytest.mark.parametrize("ascii_only", [True, False])
    def test_with_umlauts(self, shop: Shop, ascii_only: bool) -> None:
        shop.state.switches.tags_ascii = ascii_only
        shop.config(source={"name": "Möbel"})
        shop.put("reader@example.org", tags=["Möbel-Special.Contact"])
        shop.write(both(ANNA))
        refused(shop, "foreign_tags")

    def test_forced_they_count_as_transferred_by_crsync(self, shop: Shop) -> None:
        """A Subscriber tag is a consent given before, and who is inactive stays so."""
        shop.write(
            buyer("reader@example.org", first_name="Rita"),
            both("left@example.org", first_name="Lea", subscribed_at="2026-09-20"),
            buyer("buyer@example.org", first_name="Bo"),
            subscriber("form@example.org"),
            both(ANNA),
        )
        told = shop.diff()
        ran = shop.sync("--force", "foreign_tags")
        assert told.doc["counts"] == ran.doc["counts"]
        assert ran.counts == {"deactivated": 1, "updated": 3, "created": 1}
        found = shop.list()
        assert not found["reader@example.org"].active
        assert found["reader@example.org"].tags == {"Form.Web", BUYER}
        assert not found["left@example.org"].active
        assert found["left@example.org"].values == {"firstname": "Lea"}
        assert found["buyer@example.org"].active
        assert found["form@example.org"].tags == {SUBSCRIBER}
        assert found["stranger@example.org"].tags == {SUBSCRIBER}
        shop.sync()
        assert not shop.list()["reader@example.org"].active
        assert not shop.list()["left@example.org"].active
        assert shop.sync().writes == 0

    def test_forced_opted_out(self, shop: Shop) -> None:
        shop.write(
            *(person(f"{who}@example.org", subscribed="opted_out", orders="1") for who in ("reader", "buyer", "form"))
        )
        ran = shop.sync("--force", "foreign_tags")
        assert (ran.counts, ran.skipped) == ({"deactivated": 2, "skipped": 1}, {"opted_out": 1})
        assert [e for e, r in shop.list().items() if r.active] == ["form@example.org", "stranger@example.org"]

    def test_forced_and_not_sent_they_are_remembered(self, shop: Shop) -> None:
        """Excluded at first, their consent can end all the same."""
        shop.config(exclude=["reader@*"])
        shop.write(subscriber("reader@example.org"), both(ANNA))
        assert shop.sync("--force", "foreign_tags").skipped == {"excluded": 1}
        shop.write(neither("reader@example.org"), both(ANNA))
        assert shop.sync().counts == {"deactivated": 1, "unchanged": 1}
        assert not shop.list()["reader@example.org"].active

    def test_forced_counts_for_the_other_guards(self, shop: Shop) -> None:
        shop.config(limits={"max_deactivated": 0})
        shop.write(buyer("reader@example.org"))
        ran = shop.sync("--force", "foreign_tags", code=7)
        assert ran.writes == 0
        assert ran.doc["error"]["message"].startswith("refused by max_deactivated")


class TestLedger:
    @pytest.fixture(autouse=True)
    def transferred(self, shop: Shop) -> None:
        shop.write(both(ANNA), both(BEN), both("gone@example.org"))
        shop.sync()

    def change(self, shop: Shop) -> None:
        shop.state.delete("gone@example.org")
        shop.write(buyer(ANNA), both(BEN, first_name="Ben"), both("gone@example.org"), both("new@example.org"))

    def test_missing(self, shop: Shop) -> None:
        (shop.state_path / "ledger.sqlite3").unlink()
        self.change(shop)
        ran = refused(shop, "ledger")
        assert "the ledger is missing" in ran.err
        refused(shop, "ledger")

    def test_its_key_is_missing(self, shop: Shop) -> None:
        (shop.state_path / "key").unlink()
        assert "key" in refused(shop, "ledger").err

    def test_anothers(self, shop: Shop) -> None:
        change_checkpoint(shop.state_path / "checkpoint.json", ledger_id="0123456789abcdef")
        refused(shop, "ledger")

    def test_forced(self, shop: Shop) -> None:
        shop.write(person(BEN, subscribed="opted_out", orders="2"), both(ANNA), both("gone@example.org"))
        shop.sync()
        (shop.state_path / "ledger.sqlite3").unlink()
        self.change(shop)
        told = shop.diff()
        ran = shop.sync("--force", "ledger")
        assert told.doc["counts"] == ran.doc["counts"]
        assert ran.counts == {"deactivated": 1, "updated": 1, "created": 2}
        assert not shop.list()[ANNA].active, "a Subscriber tag was a consent given before"
        assert not shop.list()[BEN].active, "inactive means that somebody ended it"
        assert shop.list()[BEN].values == {"firstname": "Ben"}
        assert shop.list()["gone@example.org"].active, "absent means new"
        shop.write(buyer(ANNA), both(BEN, subscribed_at="2026-09-21"), both("gone@example.org"))
        shop.sync()
        assert not shop.list()[BEN].active, "and it stays so"
        assert shop.sync().writes == 0

    def test_without_a_checkpoint(self, shop: Shop) -> None:
        """The state is lost in part; the list tells."""
        (shop.state_path / "checkpoint.json").unlink()
        ran = shop.sync(code=7)
        assert ran.writes == 0

    def test_without_any_state(self, shop: Shop) -> None:
        shutil.rmtree(shop.folder / ".crsync")
        refused(shop, "foreign_tags")
        ran = shop.sync("--force", "foreign_tags")
        assert (ran.counts, ran.writes) == ({"unchanged": 3}, 0), "the list has it all"
        shop.write(buyer(ANNA), both(BEN), both("gone@example.org"))
        assert shop.sync().counts == {"deactivated": 1, "unchanged": 2}


def test_guards_that_refuse_together_are_all_named(shop: Shop) -> None:
    shop.config(source={"complete": True}, limits={"max_deactivated": 0})
    shop.write(*crowd(2))
    shop.sync()
    shop.write()
    ran = shop.sync(code=7)
    assert "empty_source" in ran.err
    assert "max_deactivated" in ran.err
    assert "--force empty_source --force max_deactivated" in ran.doc["error"]["hint"]
    ran = shop.sync("--force", "empty_source", code=7)
    assert "empty_source" not in ran.doc["error"]["message"]


def test_an_unknown_guard_is_wrong_usage(shop: Shop) -> None:
    ran = shop.command("sync", "--force", "everything")
    assert ran.code == 2
    assert "max_deactivated" in ran.err


def test_contacts_selected_do_not_trip_a_guard(shop: Shop) -> None:
    shop.config(tags=[S, B, C], limits={"max_deactivated": 0, "max_activated": 0})
    shop.write(neither(ANNA))
    shop.sync()
    assert shop.list()[ANNA].tags == {CONTACT}
