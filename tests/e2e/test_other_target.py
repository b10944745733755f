"""Whole runs into an e-mail system that is unlike CleverReach: nothing but its package knows that it is another."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cleverreach_sync.clock import timestamp
from cleverreach_sync.targets import registry
from tests.e2e import running
from tests.e2e.people import BUYER, DAY, SUBSCRIBER, B, S, both, buyer, subscriber
from tests.e2e.running import Ran, adds_up
from tests.mailers.loft import Loft
from tests.shops.server import Asked

ANNA, BEN, CARLA, DORA = "anna@example.org", "ben@example.org", "carla@example.org", "dora@example.org"
COLUMNS = ("email", "first_name", "city", "subscribed", "subscribed_at", "orders", "source_id")
THEN = "2025-03-01T10:00:00Z"


class World:
    """An export, a config, and a loft."""

    def __init__(self, folder: Path, loft: Loft) -> None:
        self.folder = folder
        self.loft = loft

    def config(self, *, erased: str = "deactivate", **target: Any) -> None:
        settings = {
            "version": 1,
            "source": {"type": "file", "path": "customers.csv", "name": "Shop"},
            "tags": [S, B],
            "activate": [S],
            "target": {"type": "pigeon", "url": self.loft.url, "token": "t", "loft": self.loft.title, **target},
            "attributes": {"map": {"given": "first_name", "town": "city"}},
            "erased": erased,
            "limits": {"max_rejected": "100%", "max_deactivated": "100%", "max_activated": "100%"},
        }
        (self.folder / "sync.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")

    def run(self, *words: str) -> Ran:
        self.loft.written.clear()
        self.loft.now += DAY
        ran = running.here(self.folder, [*words, "--format", "json"], wall=lambda: self.loft.now)
        assert ran.code == 0, ran.err
        adds_up(ran.doc)
        return ran

    def sync(self, *rows: dict[str, str]) -> Ran:
        """A run with this export, of which a diff said before what it would do."""
        self.write(*rows)
        told = self.run("diff")
        assert self.loft.written == []
        ran = self.run("sync")
        assert (told.counts, told.skipped) == (ran.counts, ran.skipped)
        return ran

    def write(self, *rows: dict[str, str]) -> None:
        with (self.folder / "customers.csv").open("w", encoding="utf-8", newline="") as file:
            lines = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
            lines.writeheader()
            lines.writerows(rows)

    @property
    def now(self) -> str:
        return timestamp(self.loft.now)

    def yes(self, row: dict[str, str]) -> dict[str, str]:
        """Somebody who agrees now."""
        return {**row, "subscribed": "yes", "subscribed_at": self.now}

    def rests(self, *rows: dict[str, str]) -> Ran:
        """The run after that writes nothing."""
        ran = self.sync(*rows)
        assert self.loft.written == []
        return ran


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setitem(registry._SYSTEMS, "pigeon", ("tests.mailers.pigeon", "PigeonSettings"))
    monkeypatch.setattr(registry, "TARGET_TYPES", (*registry.TARGET_TYPES, "pigeon"))
    loft = Loft()
    world = World(tmp_path, loft)
    world.config()
    yield world
    loft.close()


PEOPLE = (
    both(ANNA, first_name="Anna", city="Ulm", subscribed_at=THEN, source_id="1"),
    buyer(BEN, first_name="Ben", source_id="2"),
    subscriber(CARLA, subscribed_at=THEN, source_id="3"),
    subscriber(DORA, subscribed_at=THEN, source_id="4"),
)


RINGS = {"given": "Anna", "town": "Bonn"}


def out(row: dict[str, str]) -> dict[str, str]:
    return {**row, "subscribed": "opted_out", "subscribed_at": ""}


def test_first_run_and_one_without_changes(world: World) -> None:
    loft = world.loft
    assert world.sync(*PEOPLE).counts == {"created": 4}
    assert loft.states == {ANNA: "in", BEN: "guest", CARLA: "in", DORA: "in"}
    assert loft.tags_of(ANNA) == {SUBSCRIBER, BUYER}
    assert world.rests(*PEOPLE).counts == {"unchanged": 4}
    moved_house = {**PEOPLE[0], "city": "Bonn"}
    assert world.sync(moved_house, *PEOPLE[1:]).counts == {"updated": 1, "unchanged": 3}
    assert [row for row in loft.written if "tags" not in row] == [{"email": ANNA, "rings": RINGS}], "and no state"


def test_whoever_opts_out_is_unsubscribed_until_they_agree_again(world: World) -> None:
    loft = world.loft
    world.sync(*PEOPLE)
    left = (out(PEOPLE[0]), *PEOPLE[1:])
    assert world.sync(*left).counts == {"deactivated": 1, "unchanged": 3}
    assert (loft.state_of(ANNA), loft.tags_of(ANNA)) == ("out", {BUYER})
    assert world.rests(*left).skipped == {"opted_out": 1}
    old = {**PEOPLE[0], "subscribed_at": THEN}
    world.rests(old, *PEOPLE[1:])
    again = (world.yes(PEOPLE[0]), *PEOPLE[1:])
    assert world.sync(*again).counts == {"updated": 1, "unchanged": 3}
    assert (loft.state_of(ANNA), loft.tags_of(ANNA)) == ("in", {BUYER, SUBSCRIBER})
    world.rests(*again)


def test_an_end_that_the_member_made_their_own_is_not_undone_by_a_yes_from_before(world: World) -> None:
    loft = world.loft
    world.sync(*PEOPLE)
    world.sync(out(PEOPLE[0]), *PEOPLE[1:])
    again = world.yes(PEOPLE[0])
    loft.now += DAY
    loft.act(ANNA, "in")
    loft.act(ANNA, "out")  # by themselves, later than they agreed in the shop
    world.rests(again, *PEOPLE[1:])
    assert loft.state_of(ANNA) == "out"


@pytest.mark.parametrize(
    ("state", "reason"),
    [("out", "unsubscribed_in_target"), ("failed", "bounced_in_target"), ("shelved", "deleted_in_target")],
)
def test_whoever_left_the_loft_stays_away(world: World, state: str, reason: str) -> None:
    loft = world.loft
    world.sync(*PEOPLE)
    loft.act(CARLA, state)
    changed = {**PEOPLE[2], "first_name": "Carla", "subscribed_at": world.now}
    assert world.rests(*PEOPLE[:2], changed, PEOPLE[3]).skipped == {reason: 1}
    world.rests(*PEOPLE[:2], {**changed, "city": "Bonn"}, PEOPLE[3])
    assert loft.state_of(CARLA) == state
    loft.act(DORA, state)
    new = subscriber("eve@example.org", source_id="4", subscribed_at=THEN)  # the same customer at another address
    assert "eve@example.org" not in loft.states
    world.sync(*PEOPLE[:3], new)
    assert ("eve@example.org" in loft.states) is (state == "failed")


def test_whoever_was_there_before(world: World) -> None:
    loft = world.loft
    for email, state in ((ANNA, "out"), (BEN, "in"), (CARLA, "asked"), (DORA, "guest")):
        loft.act(email, state)
    ran = world.sync(*PEOPLE)
    assert ran.skipped == {"unsubscribed_in_target": 1}
    assert loft.states == {ANNA: "out", BEN: "in", CARLA: "asked", DORA: "in"}
    assert (loft.tags_of(BEN), loft.tags_of(CARLA)) == ({BUYER}, {SUBSCRIBER})
    world.rests(*PEOPLE)


def test_another_address_follows_the_customer(world: World) -> None:
    loft = world.loft
    world.sync(*PEOPLE)
    moved = {**PEOPLE[0], "email": "anna@example.com"}
    ran = world.sync(moved, *PEOPLE[1:])
    assert ran.counts == {"created": 1, "deactivated": 1, "unchanged": 3}
    assert (loft.state_of(ANNA), loft.state_of("anna@example.com")) == ("out", "in")
    world.rests(moved, *PEOPLE[1:])
    back = {**PEOPLE[0], "email": "anna@example.net"}
    world.sync(back, *PEOPLE[1:])
    assert loft.state_of("anna@example.net") == "in"


def test_whoever_has_still_to_confirm(world: World) -> None:
    world.config(confirm=True)
    loft = world.loft
    ran = world.sync(*PEOPLE)
    assert loft.states == {ANNA: "asked", BEN: "guest", CARLA: "asked", DORA: "asked"}
    assert (ran.counts, ran.doc["activation"]["created_active"]) == ({"created": 4}, 0)
    world.rests(*PEOPLE)
    loft.act(ANNA, "in")
    world.rests(*PEOPLE)
    people = (PEOPLE[0], PEOPLE[1], out(PEOPLE[2]), {**PEOPLE[3], "email": "dora@example.com"})
    assert world.sync(*people).counts["deactivated"] == 2
    assert (loft.state_of(CARLA), loft.state_of(DORA), loft.state_of("dora@example.com")) == ("out", "out", "asked")
    world.rests(*people)


def test_answers_by_row_and_tags_apart(world: World) -> None:
    loft = world.loft
    loft.refused = {BEN}
    loft.deaf = {CARLA}
    world.write(*PEOPLE)
    ran = world.run("sync")
    assert (ran.counts, ran.doc["rejected"]) == ({"created": 3, "rejected": 1}, {"invalid_address": 1})
    loft.refused, loft.deaf = set(), set()
    assert world.sync(*PEOPLE).counts == {"created": 1, "updated": 1, "unchanged": 2}
    assert loft.tags_of(CARLA) == {SUBSCRIBER}
    world.rests(*PEOPLE)


def test_whoever_is_barred_comes_when_that_is_lifted(world: World) -> None:
    loft = world.loft
    loft.barred = [{"who": "*@example.org", "at": loft.now}]
    assert world.sync(*PEOPLE).skipped == {"blacklisted": 4}
    loft.barred.clear()
    assert world.sync(*PEOPLE).counts == {"created": 4}


def test_whoever_is_barred_during_a_run_has_not_unsubscribed(world: World) -> None:
    world.config(everywhere=True)
    loft = world.loft
    looks = []

    def barred_between_two_looks(asked: Asked) -> None:
        if asked.path == "/barred":
            looks.append(asked)
            if len(looks) == 2:
                loft.shoot(BEN)

    world.write(*PEOPLE)
    loft.before_page = barred_between_two_looks
    assert world.run("sync").counts == {"created": 4}
    assert len(looks) > 1
    assert world.rests(*PEOPLE).skipped == {"blacklisted": 1}
    loft.barred.clear()
    assert world.rests(*PEOPLE).counts == {"unchanged": 4}


def test_whoever_is_put_away_stays_so_and_whoever_is_erased_is_gone(world: World) -> None:
    loft = world.loft
    world.config(erased="delete")
    world.sync(*PEOPLE)
    loft.act(BEN, "shelved")
    assert world.run("resync").skipped == {"deleted_in_target": 1}
    assert loft.state_of(BEN) == "shelved"
    erased = {**PEOPLE[2], "email": "erased-3@shop.invalid", "first_name": "", "subscribed": ""}
    assert world.sync(*PEOPLE[:2], erased, PEOPLE[3]).counts["deactivated"] == 1
    assert loft.state_of(CARLA) is None
