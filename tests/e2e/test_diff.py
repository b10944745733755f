"""`diff`, and dry runs: what would be done, without a write request and without a trace."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from tests.e2e.people import BUYER, CONTACT, SUBSCRIBER, B, C, S, both, buyer, person, subscriber
from tests.e2e.program import Shop

ANNA, BEN = "anna@example.org", "ben@example.org"
SECRETS = (ANNA, BEN, "carla@example.org", "Beatrice", "Ludwigsburg", "Buxtehude")


def changed_shop(shop: Shop) -> None:
    """One to be created, one to be updated, one whose consent ends."""
    shop.write(
        both(ANNA, first_name="Ann", city="Ludwigsburg"),
        both(BEN, first_name="Benno", city="Ludwigsburg"),
    )
    shop.sync()
    shop.write(
        both("carla@example.org", first_name="Carla", city="Buxtehude"),
        both(BEN, first_name="Beatrice", city=""),
        person(ANNA, subscribed="opted_out", orders="2"),
    )


class TestWithoutATrace:
    def test_without_state_it_is_a_first_run(self, shop: Shop) -> None:
        shop.write(both(ANNA), subscriber(BEN))
        for ran in (shop.diff(), shop.sync("--dry-run"), shop.resync("--dry-run")):
            assert ran.counts == {"created": 2}
            assert ran.doc["dry_run"] is True
        assert not (shop.folder / ".crsync").exists()
        assert shop.list() == {}

    def test_not_even_the_list_is_created(self, shop: Shop) -> None:
        shop.config(target={"list": "Brand new", "create_list": True})
        shop.write(both(ANNA))
        ran = shop.diff()
        assert ran.counts == {"created": 1}
        assert ran.doc["target"] == {"type": "cleverreach", "list_id": None, "list_name": "Brand new"}
        assert len(shop.state.groups) == 1

    def test_diff_and_sync_agree(self, shop: Shop) -> None:
        changed_shop(shop)
        shop.state.unsubscribe(BEN)
        shop.agreed_sync()

    def test_resync_agrees_with_its_dry_run(self, shop: Shop) -> None:
        changed_shop(shop)
        shop.state.delete(BEN)
        told = shop.resync("--dry-run")
        ran = shop.resync()
        assert told.doc["counts"] == ran.doc["counts"]
        assert told.skipped == ran.skipped == {"deleted_in_target": 1}

    def test_a_limit(self, shop: Shop) -> None:
        shop.write(*(both(f"p{n}@example.org") for n in range(5)))
        told, ran = shop.sync("--dry-run", "--limit", "2"), shop.sync("--limit", "2")
        assert told.doc["counts"] == ran.doc["counts"]
        assert ran.counts == {"created": 2}
        assert told.doc["complete"] is ran.doc["complete"] is False
        assert shop.sync().counts == {"created": 3, "unchanged": 2}

    def test_history_knows_no_dry_runs(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        shop.sync()
        shop.diff()
        runs = json.loads(shop.command("status", "--format", "json").out)["runs"]
        assert [(run["command"], run["dry_run"]) for run in runs] == [("sync", False)]
        assert "changes" not in runs[0]


class TestChanges:
    def test_old_and_new_values(self, shop: Shop) -> None:
        changed_shop(shop)
        carla, ben, anna = shop.diff("--show-pii").changes
        assert carla == {
            "action": "create",
            "email": "carla@example.org",
            "kinds": [S, B],
            "tags": [f"+{SUBSCRIBER}", f"+{BUYER}"],
            "attributes": {"firstname": [None, "Carla"], "city": [None, "Buxtehude"]},
            "state": [None, "active"],
            "reason": "",
        }
        assert ben == {
            "action": "update",
            "email": BEN,
            "kinds": [S, B],
            "tags": [],
            "attributes": {"firstname": ["Benno", "Beatrice"], "city": ["Ludwigsburg", ""]},
            "state": ["active", "active"],
            "reason": "",
        }
        assert anna == {
            "action": "deactivate",
            "email": ANNA,
            "kinds": [],
            "tags": [f"-{SUBSCRIBER}"],
            "attributes": {},
            "state": ["active", "inactive"],
            "reason": "opted_out",
        }

    def test_masked(self, shop: Shop) -> None:
        changed_shop(shop)
        changes = shop.diff().changes
        assert [change["email"] for change in changes] == ["c***@example.org", "b***@example.org", "a***@example.org"]
        assert [change["attributes"] for change in changes] == [
            {"firstname": [None, "***"], "city": [None, "***"]},
            {"firstname": ["***", "***"], "city": ["***", ""]},
            {},
        ]

    @pytest.mark.parametrize(
        ("command", "form"),
        [
            ("diff", "text"),
            ("diff", "json"),
            ("diff", "csv"),
            ("diff", "markdown"),
            ("sync", "text"),
            ("sync", "json"),
            ("resync", "text"),
            ("resync", "json"),
        ],
    )
    def test_masked_in_every_form(self, shop: Shop, command: str, form: str) -> None:
        changed_shop(shop)
        options = [] if command == "diff" else ["--dry-run"]
        ran = shop.command(command, "--format", form, "-vv", *options)
        assert ran.code == 0
        assert "***@example.org" in ran.out
        assert not [secret for secret in SECRETS if secret in ran.out + ran.err]
        clear = shop.command(command, "--format", form, "--show-pii", *options)
        assert ANNA in clear.out
        assert "Beatrice" in clear.out

    def test_a_real_run_shows_nobody(self, shop: Shop) -> None:
        changed_shop(shop)
        ran = shop.command("sync", "-vv")
        assert not [secret for secret in SECRETS if secret in ran.out + ran.err]

    def test_csv_is_one_line_a_field(self, shop: Shop) -> None:
        changed_shop(shop)
        rows = list(csv.DictReader(io.StringIO(shop.command("diff", "--format", "csv", "--show-pii").out)))
        assert [(row["action"], row["email"], row["field"]) for row in rows] == [
            ("create", "carla@example.org", "firstname"),
            ("create", "carla@example.org", "city"),
            ("update", BEN, "firstname"),
            ("update", BEN, "city"),
            ("deactivate", ANNA, ""),
        ]

    def test_in_the_order_of_the_source(self, shop: Shop) -> None:
        emails = [f"{name}@example.org" for name in ("zoe", "adam", "mia", "ben", "yann", "carl", "lea", "otto")]
        shop.write(*(both(email) for email in emails))
        shop.sync("--limit", "3")
        shop.write(*(both(email, first_name="New") for email in emails))
        assert [change["email"] for change in shop.diff("--show-pii").changes] == emails

    def test_details(self, shop: Shop) -> None:
        shop.write(*(both(f"p{n:02}@example.org") for n in range(60)))
        assert len(shop.diff().changes) == 50
        some = shop.diff("--details", "2", "--show-pii")
        assert [change["email"] for change in some.changes] == ["p00@example.org", "p01@example.org"]
        assert some.counts == {"created": 60}, "the counts are always complete"
        assert len(shop.diff("--details", "all").changes) == 60
        assert shop.diff("--details", "0").changes == []

    def test_somebody_in_the_list_already_is_an_update(self, shop: Shop) -> None:
        shop.put(ANNA, global_attributes={"city": "Ulm", "lastname": "Berg"}, tags=["Form.Web"])
        shop.write(both(ANNA, city="Bonn"))
        (change,) = shop.diff("--show-pii").changes
        assert change["action"] == "update"
        assert change["attributes"] == {"city": ["Ulm", "Bonn"]}
        assert change["tags"] == [f"+{SUBSCRIBER}", f"+{BUYER}"]

    def test_created_inactive(self, shop: Shop) -> None:
        shop.config(activate=[S])
        shop.write(buyer(ANNA))
        assert shop.diff().changes[0]["state"] == [None, "inactive"]

    def test_umlauts_that_the_account_does_not_keep(self, shop: Shop) -> None:
        shop.state.switches.tags_ascii = True
        shop.config(tags=[S, B, C], source={"name": "Möbel"})
        shop.write(person(ANNA, subscribed="no", orders="0"))
        shop.sync()
        shop.write(both(ANNA, first_name="Anna"))
        (change,) = shop.diff().changes
        assert change["tags"] == ["+Möbel-Special.Subscriber", "+Möbel-Special.Buyer", "-Möbel-Special.Contact"]
        shop.sync()
        shop.write(both(ANNA, first_name="Anne"))
        (change,) = shop.diff().changes
        assert change["tags"] == [], "they carry them already"


class TestAgainstTheTarget:
    """Changes made in CleverReach by hand."""

    @pytest.fixture(autouse=True)
    def transferred(self, shop: Shop) -> None:
        shop.preset("shop")
        shop.config(attributes={"preset": "shop", "map": None})
        shop.write(both(ANNA, first_name="Anna", birthday="1990-02-28", total_spent="10.50"), both(BEN))
        shop.sync()

    def against(self, shop: Shop) -> dict[str, Any]:
        assert shop.diff().counts == {"unchanged": 2}, "the state knows nothing of it"
        ran = shop.diff("--against", "target", "--show-pii")
        assert ran.counts == {"updated": 1, "unchanged": 1}
        (change,) = ran.changes
        assert change["email"] == ANNA
        return change

    def test_nothing_changed(self, shop: Shop) -> None:
        ran = shop.diff("--against", "target", "--exit-code")
        assert ran.counts == {"unchanged": 2}

    def test_a_value(self, shop: Shop) -> None:
        shop.put(ANNA, global_attributes={"firstname": "Hanna"})
        change = self.against(shop)
        assert change["attributes"] == {"firstname": ["Hanna", "Anna"]}
        assert change["reason"] == "differs_in_list"

    def test_the_same_value_in_another_form(self, shop: Shop) -> None:
        shop.put(ANNA, global_attributes={"totalspent": "10.5"})
        assert shop.diff("--against", "target").counts == {"unchanged": 2}

    def test_a_tag_that_is_gone(self, shop: Shop) -> None:
        shop.put(ANNA, tags=[f"-{BUYER}"])
        assert self.against(shop)["tags"] == [f"+{BUYER}"]

    def test_an_own_tag_that_contradicts(self, shop: Shop) -> None:
        shop.config(tags=[S, B, C])
        shop.put(ANNA, tags=[CONTACT])
        assert self.against(shop)["tags"] == [f"-{CONTACT}"]

    def test_a_foreign_tag_is_none_of_our_business(self, shop: Shop) -> None:
        shop.put(ANNA, tags=["Form.Web"])
        assert shop.diff("--against", "target").counts == {"unchanged": 2}

    def test_somebody_left_or_was_deleted(self, shop: Shop) -> None:
        shop.state.unsubscribe(ANNA)
        shop.state.delete(BEN)
        ran = shop.diff("--against", "target")
        assert ran.skipped == {"unsubscribed_in_target": 1, "deleted_in_target": 1}

    def test_what_resync_then_does(self, shop: Shop) -> None:
        shop.put(ANNA, global_attributes={"firstname": "Hanna"}, tags=[f"-{BUYER}"])
        self.against(shop)
        shop.resync()
        assert shop.list()[ANNA].values["firstname"] == "Anna"
        assert shop.diff("--against", "target").counts == {"unchanged": 2}


class TestExitCode:
    def test_differences(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        ran = shop.diff("--exit-code", code=3)
        assert ran.doc["exit"] == {"code": 3, "class": "differences", "retryable": False}
        assert shop.diff().code == 0
        shop.sync()
        assert shop.diff("--exit-code").doc["exit"]["class"] == "ok"

    def test_an_end_of_consent_is_one(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        shop.sync()
        shop.write(person(ANNA, subscribed="opted_out", orders="2"))
        shop.diff("--exit-code", code=3)

    def test_somebody_skipped_is_none(self, shop: Shop) -> None:
        shop.write(person(ANNA, subscribed="opted_out", orders="2"))
        shop.diff("--exit-code")

    def test_a_guard_that_would_refuse_is_graver(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        shop.sync()
        shop.config(limits={"max_deactivated": 0})
        shop.write(person(ANNA, subscribed="opted_out", orders="2"), both(BEN))
        ran = shop.diff("--exit-code", code=7)
        assert ran.doc["exit"] == {"code": 7, "class": "guard", "retryable": False}
        assert "error" not in ran.doc, "a guard ends no diff"
        assert ran.counts == {"created": 1, "deactivated": 1}
        told = shop.command("diff", "--exit-code")
        assert told.code == 7
        assert "dry run, nothing was written: 2 people would change; a guard would refuse it" in " ".join(
            told.out.split()
        )
        assert told.err == ""
        assert shop.diff(code=0).guard("max_deactivated")["refuses"] is True
        assert shop.command("diff", "--exit-code", "--format", "csv").code == 7

    def test_new_people_held_back(self, shop: Shop) -> None:
        shop.config(limits={"max_created": 1})
        shop.write(both(ANNA), both(BEN))
        shop.diff("--exit-code", code=7)
        assert shop.sync(code=7).counts == {}

    def test_too_many_invalid(self, shop: Shop) -> None:
        shop.config(limits={"max_rejected": 0, "max_created": 0})
        shop.write(subscriber("no address"), both(ANNA))
        ran = shop.diff("--exit-code", code=7)
        assert "1 person is invalid" in ran.err
        shop.config(limits={"max_created": None})
        assert shop.diff("--exit-code", code=4).doc["error"]["code"] == 4
