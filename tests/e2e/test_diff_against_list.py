"""`diff --against list`: the shop against the list alone, as on a machine that has no state."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from tests.e2e.people import BUYER, SUBSCRIBER, B, S, both, buyer, neither, opted_out, person, subscriber
from tests.e2e.program import Shop
from tests.e2e.running import Ran

ANNA, BEN = "anna@example.org", "ben@example.org"


def people(number: int) -> list[dict[str, str]]:
    return [both(f"p{n:03}@example.org", first_name=f"N{n}", city="Ulm", total_spent="10.50") for n in range(number)]


def without_state(shop: Shop, *options: str, code: int = 0) -> Ran:
    """What the diff says on a machine that has never run crsync; with the state it says the same."""
    here = shop.diff("--against", "list", "--show-pii", *options, code=code)
    away = shop.folder / "away"
    (shop.folder / ".crsync").rename(away)
    try:
        there = shop.diff("--against", "list", "--show-pii", *options, code=code)
        assert not (shop.folder / ".crsync").exists()
    finally:
        away.rename(shop.folder / ".crsync")
    for part in ("counts", "skipped", "changes", "activation"):
        assert here.doc[part] == there.doc[part], part
    return there


def agreed(shop: Shop) -> list[dict[str, Any]]:
    """The changes without state, which are those that a sync with state then makes."""
    told, alone = shop.diff("--show-pii"), without_state(shop)
    assert alone.changes == told.changes
    assert alone.doc["counts"] == told.doc["counts"]
    assert not [guard for guard in alone.doc["guards"] if guard["refuses"]]
    ran = shop.sync()
    assert ran.doc["counts"] == alone.doc["counts"]
    return alone.changes


class TestInAFilledList:
    @pytest.fixture(autouse=True)
    def transferred(self, shop: Shop) -> None:
        shop.preset("shop")
        shop.config(attributes={"preset": "shop", "map": None})
        shop.write(*people(104))
        shop.sync()

    def test_nothing_changed(self, shop: Shop) -> None:
        assert agreed(shop) == []
        assert shop.diff("--against", "list", "--exit-code").counts == {"unchanged": 104}

    def test_only_what_a_sync_would_change(self, shop: Shop) -> None:
        rows = people(104)
        rows[7]["first_name"] = "Rita"
        rows[50] = opted_out(rows[50]["email"])
        changes = agreed(shop)
        shop.write(*rows)
        changes = agreed(shop)
        assert [(change["action"], change["email"]) for change in changes] == [
            ("update", "p007@example.org"),
            ("deactivate", "p050@example.org"),
        ]
        assert changes[0]["attributes"] == {"firstname": ["N7", "Rita"]}
        assert agreed(shop) == []

    def test_without_the_option_it_shows_no_more(self, shop: Shop) -> None:
        """A first run into a list that is filled: nobody is an update who has it all."""
        rows = people(104)
        rows[7]["first_name"] = "Rita"
        shop.write(*rows)
        shutil.rmtree(shop.folder / ".crsync")
        ran = shop.diff()
        assert ran.counts == {"updated": 1, "unchanged": 103}
        assert len(ran.changes) == 1
        assert ran.guard("foreign_tags")["refuses"] is True

    def test_new_cleared_and_ended(self, shop: Shop) -> None:
        rows = people(104)
        rows[1]["city"] = ""
        rows[2]["subscribed"] = "no"
        rows[3]["orders"] = "3"
        shop.write(*rows, both(ANNA), neither(BEN))
        assert [change["email"] for change in agreed(shop)] == [*(f"p00{n}@example.org" for n in (1, 2, 3)), ANNA]

    def test_no_buyer_any_more(self, shop: Shop) -> None:
        rows = people(104)
        rows[1]["orders"] = "0"
        rows[2] |= {"orders": "0", "subscribed": "no"}
        rows[3] |= {"subscribed": "no", "city": ""}
        shop.write(*rows)
        changes = agreed(shop)
        lost = {"ordercount": ["2", "0"], "totalspent": ["10.50", ""]}
        assert [change["attributes"] for change in changes] == [lost, lost, {"city": ["Ulm", ""]}]
        assert agreed(shop) == []

    def test_who_left_the_list(self, shop: Shop) -> None:
        shop.state.unsubscribe("p000@example.org")
        assert without_state(shop).skipped == {"unsubscribed_in_target": 1}

    def test_ended_before(self, shop: Shop) -> None:
        rows = people(104)
        rows[0]["subscribed"] = "opted_out"
        rows[1]["subscribed"] = "no"
        shop.write(*rows)
        shop.sync()
        assert agreed(shop) == []
        rows[0]["subscribed"] = "yes"
        rows[1]["subscribed"] = "yes"
        shop.write(*rows)
        assert shop.diff().changes == without_state(shop).changes == []

    def test_guards_that_count(self, shop: Shop) -> None:
        shop.config(limits={"max_deactivated": 1})
        shop.write(*(opted_out(row["email"]) for row in people(2)), *people(104)[2:])
        ran = without_state(shop, "--exit-code", code=7)
        assert [guard["name"] for guard in ran.doc["guards"] if guard["refuses"]] == ["max_deactivated"]
        assert ran.guard("max_deactivated")["value"] == 2


def test_nobody_is_shown_losing_a_tag_that_they_keep(shop: Shop) -> None:
    """Created inactive, or not confirmed yet."""
    shop.config(activate=[B])
    shop.put(BEN, tags=["Form.Web"], activated=0)
    shop.write(subscriber(ANNA), subscriber(BEN))
    shop.sync()
    assert not shop.list()[ANNA].active
    assert agreed(shop) == []
    assert shop.list()[ANNA].tags == {SUBSCRIBER}


def test_somebody_of_a_form(shop: Shop) -> None:
    shop.put(BEN, tags=["Form.Web"])
    shop.put("away@example.org")
    shop.write(both(ANNA), both(BEN), opted_out("away@example.org"))
    shop.sync("--limit", "0")
    changes = agreed(shop)
    assert [(change["action"], change["email"]) for change in changes] == [("create", ANNA), ("update", BEN)]
    assert changes[1]["tags"] == [f"+{SUBSCRIBER}", f"+{BUYER}"]


def test_a_list_that_is_still_to_be_created(shop: Shop) -> None:
    shop.config(target={"list": "Brand new", "create_list": True})
    shop.write(both(ANNA))
    assert shop.diff("--against", "list").counts == {"created": 1}


def test_the_advice_where_there_is_no_state(shop: Shop) -> None:
    shop.put(BEN, tags=[SUBSCRIBER])
    shop.write(both(ANNA))
    for form in ("text", "markdown"):
        told = shop.command("diff", "--format", form)
        assert "--force" not in told.out
        assert "--against list" in told.out
        assert "copy of the state folder" in " ".join(told.out.split())
    told = shop.command("sync", "--dry-run")
    assert "--force" not in told.out
    told = shop.command("sync")
    assert "look at the people" not in told.out
    assert "only if an official plug-in filled the list" in " ".join(told.out.split())
    ran = shop.sync(code=7)
    assert "only if an official plug-in filled the list" in ran.doc["error"]["hint"]
    assert f"`crsync diff -c {shop.folder / 'sync.yaml'} --against list`" in ran.doc["error"]["hint"]


def test_the_advice_of_a_guard_names_how_to_see_the_people(shop: Shop) -> None:
    shop.config(limits={"max_deactivated": 0})
    shop.write(both(ANNA))
    shop.sync()
    shop.write(opted_out(ANNA))
    for form in ("text", "markdown"):
        told = " ".join(shop.command("diff", "--format", form).out.split())
        assert "--show-pii" in told
        assert "--force max_deactivated" in told
    assert "--show-pii" in shop.sync(code=7).doc["error"]["hint"]


def test_a_state_that_is_lost_does_not_matter(shop: Shop) -> None:
    shop.write(both(ANNA), buyer(BEN))
    shop.sync()
    (shop.state_path / "ledger.sqlite3").unlink()
    ran = shop.diff("--against", "list", "--exit-code")
    assert ran.counts == {"unchanged": 2}
    assert [guard["refuses"] for guard in ran.doc["guards"]] == [False] * len(ran.doc["guards"])


class TestRowsWithoutADifference:
    """A run sends nothing that is there already, and a diff does not list it."""

    def test_changed_by_hand_to_what_the_shop_says(self, shop: Shop) -> None:
        shop.write(both(ANNA, city="Ulm"))
        shop.sync()
        shop.put(ANNA, global_attributes={"city": "Bonn"})
        shop.write(both(ANNA, city="Bonn"))
        ran = shop.agreed_sync()
        assert (ran.counts, ran.writes) == ({"unchanged": 1}, 0)
        shop.write(both(ANNA, city="Ulm"))
        assert shop.sync().counts == {"updated": 1}, "what the list showed was taken for confirmed"
        assert shop.list()[ANNA].values == {"city": "Ulm"}

    def test_a_resync_sends_all_and_lists_what_differs(self, shop: Shop) -> None:
        shop.write(both(ANNA), both(BEN, city="Ulm"))
        shop.sync()
        shop.put(BEN, global_attributes={"city": "Bonn"})
        told = shop.resync("--dry-run", "--show-pii")
        assert told.counts == {"updated": 2}
        assert [change["email"] for change in told.changes] == [BEN]
        text = shop.command("resync", "--dry-run").out
        assert "Changes (1)" in text
        assert shop.resync().counts == {"updated": 2}

    def test_an_end_of_somebody_inactive(self, shop: Shop) -> None:
        shop.config(activate=[S])
        shop.write(buyer(ANNA))
        shop.sync()
        shop.write(person(ANNA, subscribed="opted_out", orders="2"))
        told = shop.diff()
        assert told.counts == {"deactivated": 1}
        assert told.changes == []
        assert shop.sync().counts == {"deactivated": 1}

    def test_against_the_target(self, shop: Shop) -> None:
        """Contact is never given after an opt-out, so its lack is no difference."""
        shop.config(tags=["subscriber", "buyer", "contact"])
        shop.write(both(ANNA))
        shop.sync()
        shop.write(opted_out(ANNA, orders="0"))
        shop.sync()
        shop.write(neither(ANNA))
        shop.sync()
        ran = shop.diff("--against", "target")
        assert ran.changes == []
        assert "updated" not in ran.counts


def test_an_export_without_anybody_would_be_refused(shop: Shop) -> None:
    shop.write()
    assert not refusing(shop.diff("--against", "list"))
    shop.write(*people(3))
    shop.sync()
    shop.write()
    shop.sync(code=7)
    assert refusing(without_state(shop, "--exit-code", code=7)) == ["empty_source"]


def refusing(ran: Ran) -> list[str]:
    return [guard["name"] for guard in ran.doc["guards"] if guard["refuses"]]
