"""A diff counts for the guards what the run that follows counts: what is remembered first, and, where that would
refuse, what the list says about those people."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.e2e.people import BUYER, SUBSCRIBER, B, C, S, both, buyer, neither, person, subscriber
from tests.e2e.program import Shop
from tests.e2e.running import Ran


def crowd(number: int, **values: str) -> list[dict[str, str]]:
    return [both(f"p{n}@example.org", **values) for n in range(number)]


def left(number: int) -> list[dict[str, str]]:
    return [person(f"p{n}@example.org", subscribed="opted_out", orders="2") for n in range(number)]


def agreed_guards(shop: Shop, name: str = "sync", *options: str) -> Ran:
    """A run whose guards a diff and a dry run told before. What it does is told as well, unless it is refused."""
    told = [shop.result(name, "--dry-run", *options)]
    if name == "sync" and not options:
        told.append(shop.diff())
    ran = shop.result(name, *options, code=None)
    for foretold in told:
        assert foretold.doc["guards"] == ran.doc["guards"]
        if ran.code == 0:
            assert foretold.doc["counts"] == ran.doc["counts"]
    return ran


class TestPeopleWhoHadLeftAnyway:
    """Most of those to be deactivated are unsubscribed in the list, or gone from it."""

    @pytest.fixture(autouse=True)
    def people(self, shop: Shop) -> None:
        shop.write(*crowd(12))
        shop.sync()
        shop.state.unsubscribe("p0@example.org")
        shop.state.delete("p1@example.org")
        shop.write(*left(12))

    def test_what_is_remembered_counts_first(self, shop: Shop) -> None:
        shop.config(limits={"max_deactivated": 12})
        ran = agreed_guards(shop)
        assert ran.guard("max_deactivated")["value"] == 12
        assert ran.counts["deactivated"] == 10

    def test_where_it_would_refuse_the_list_is_asked(self, shop: Shop) -> None:
        shop.config(limits={"max_deactivated": 10})
        ran = agreed_guards(shop)
        assert ran.code == 0
        assert ran.guard("max_deactivated")["value"] == 10

    def test_too_many_all_the_same(self, shop: Shop) -> None:
        shop.config(limits={"max_deactivated": 9})
        ran = agreed_guards(shop)
        assert (ran.code, ran.writes) == (7, 0)
        assert "10 people, 9 are allowed" in ran.err

    def test_absent_from_a_complete_export(self, shop: Shop) -> None:
        shop.config(limits={"max_deactivated": 9}, source={"complete": True})
        shop.write(both("other@example.org"))
        assert agreed_guards(shop).guard("max_deactivated")["value"] == 10


def test_people_who_cannot_become_active_any_more(shop: Shop) -> None:
    shop.config(activate=[S], limits={"max_activated": 1})
    shop.write(buyer("a@example.org"), buyer("b@example.org"))
    shop.sync()
    shop.state.unsubscribe("a@example.org")
    shop.config(activate=None)
    ran = agreed_guards(shop)
    assert (ran.code, ran.guard("max_activated")["value"]) == (0, 1)


def test_new_people_of_whom_some_are_in_the_list_already(shop: Shop) -> None:
    shop.config(limits={"max_created": 2})
    shop.put("p0@example.org")
    shop.write(*crowd(3))
    ran = agreed_guards(shop)
    assert (ran.code, ran.guard("max_created")["value"]) == (0, 2)
    shop.write(*crowd(6))
    ran = agreed_guards(shop)
    assert (ran.code, ran.guard("max_created")["value"]) == (7, 3)


def test_a_lost_state_counts_for_the_other_guards_before_it_is_forced(shop: Shop) -> None:
    shop.config(limits={"max_deactivated": 1})
    shop.write(*crowd(3))
    shop.sync()
    (shop.state_path / "ledger.sqlite3").unlink()
    shop.write(*left(2), *crowd(3)[2:])
    ran = agreed_guards(shop)
    assert [guard["name"] for guard in ran.doc["guards"] if guard["refuses"]] == ["max_deactivated", "ledger"]


_ROWS = (both, both, subscriber, buyer, neither)


def _row(chance: random.Random, email: str) -> dict[str, str]:
    extra: dict[str, str] = {"first_name": chance.choice(["", "Ann", "Bo"])}
    if chance.random() < 0.25:
        return person(email, subscribed="opted_out", orders=chance.choice(["0", "2"]), **extra)
    if chance.random() < 0.3:
        extra["subscribed_at"] = chance.choice(["2026-01-01", "2026-09-21"])
    return chance.choice(_ROWS)(email, **extra)


def _happens_in_the_list(chance: random.Random, shop: Shop, email: str) -> None:
    there = email in shop.list()
    event = chance.choice(["unsubscribe", "delete", "inactive", "form", "untagged", "tagged", "bounce", "value"])
    if event == "unsubscribe" and there:
        shop.state.unsubscribe(email)
    elif event == "delete" and there:
        shop.state.delete(email)
    elif event == "inactive" and there:
        shop.put(email, activated=0)
    elif event == "form":
        shop.put(email)
    elif event == "untagged" and there:
        shop.put(email, tags=[f"-{SUBSCRIBER}", f"-{BUYER}"])
    elif event == "tagged":
        shop.put(email, tags=[chance.choice([SUBSCRIBER, BUYER])])
    elif event == "value" and there:
        shop.put(email, global_attributes={"firstname": "Hand"})


def _limits(chance: random.Random) -> dict[str, Any]:
    names = ("max_deactivated", "max_activated", "max_created")
    return {"max_rejected": "100%", **{name: chance.choice([0, 1, 2, 4, "20%", "100%"]) for name in names}}


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happened_before(shop: Shop, seed: int) -> None:
    chance = random.Random(seed)
    emails = [f"p{n}@example.org" for n in range(9)]
    shop.config(target={"batch_size": 3}, limits=_limits(chance))
    for _ in range(4):
        shop.later(days=1)
        for email in chance.sample(emails, 3):
            _happens_in_the_list(chance, shop, email)
        shop.write(*(_row(chance, email) for email in chance.sample(emails, chance.randrange(5, 9))))
        if chance.random() < 0.3:
            shop.config(activate=chance.choice([None, [S], [B]]))
        if chance.random() < 0.3:
            shop.config(tags=chance.choice([[S], [S, B], [S, B, C]]))
        if chance.random() < 0.2:
            shop.config(source={"complete": chance.random() < 0.5})
        shop.config(limits=_limits(chance))
        if chance.random() < 0.15 and (shop.state_path / "checkpoint.json").exists():
            (shop.state_path / chance.choice(["ledger.sqlite3", "key", "checkpoint.json"])).unlink(missing_ok=True)
        if chance.random() < 0.2:
            agreed_guards(shop, "resync", *chance.choice([[], ["--include-deleted"]]))
        ran = agreed_guards(shop)
        refusing = [guard["name"] for guard in ran.doc["guards"] if guard["refuses"]]
        assert (ran.code == 7) is bool(refusing)
        for name in refusing:
            agreed_guards(shop, "sync", "--force", name)
