"""`--limit N`: exactly N people are sent; who is not reached is not counted; the next run carries on."""

from __future__ import annotations

import pytest

from tests.e2e.gate import Gate
from tests.e2e.people import customer, people
from tests.e2e.program import LIST, Program
from tests.e2e.running import counted


def sent(gate: Gate) -> set[str]:
    return {email for asked in gate.writes() for email in asked.emails}


@pytest.mark.parametrize(("limit", "size"), [(7, 50), (50, 50), (75, 50), (120, 50), (9, 1)])
def test_exactly_so_many(program: Program, gate: Gate, limit: int, size: int) -> None:
    program.config(target={"batch_size": size})
    program.write(*people(150))
    finished = program.run(limit=limit)
    assert finished.error is None
    assert counted(finished.document) == {"rows": 150, "people": limit, "created": limit}
    assert (finished.document["complete"], finished.document["stopped"]) == (False, "limit")
    assert len(sent(gate)) == len(program.active()) == limit
    assert program.checkpoint["cursors"] == {}
    assert program.checkpoint["initial_sync_at"] is None
    second = program.run()
    assert second.document["complete"]
    assert second.document["counts"]["created"] == 150 - limit
    assert second.document["counts"]["unchanged"] == limit


@pytest.mark.parametrize("size", [1, 10, 50])
def test_who_is_skipped_does_not_count(program: Program, gate: Gate, size: int) -> None:
    """In a list that is there already only the reading before a write shows who left."""
    group = program.state.add_group(LIST)
    for row in people(60):
        program.state.write(group, {"email": row["email"]})
        program.state.unsubscribe(row["email"], group)
    program.config(target={"batch_size": size, "unsubscribed_in": "list"})
    program.write(*people(120))
    finished = program.run(limit=25)
    assert finished.document["counts"]["created"] == 25
    assert len(sent(gate)) == 25
    assert len(program.active()) == 25
    assert program.run(limit=25).document["counts"]["created"] == 25
    finished = program.run()
    assert counted(finished.document) == {"rows": 120, "people": 120, "created": 10, "skipped": 60, "unchanged": 50}


def test_0_sends_nobody(program: Program, gate: Gate) -> None:
    program.write(*people(5))
    assert counted(program.run(limit=0).document) == {"rows": 5}
    assert not gate.writes()
    assert program.counts()["created"] == 5
    assert program.run(limit=0).document["complete"]


def test_as_many_as_there_are_is_complete(program: Program) -> None:
    program.write(*people(5))
    assert program.run(limit=5).document["complete"]


def test_ends_of_consent_do_not_count(program: Program) -> None:
    program.write(*people(30))
    program.counts()
    program.write(*(customer(n, subscribed="opted_out") for n in range(10)), *people(30, 10))
    finished = program.run(limit=4)
    assert counted(finished.document) == {"rows": 40, "people": 34, "deactivated": 10, "created": 4, "unchanged": 20}
    assert len(program.active()) == 24


def test_updates_come_before_new_people(program: Program) -> None:
    program.write(*people(10))
    program.counts()
    program.write(*(customer(n, city="Neustadt") for n in range(10)), *people(10, 10))
    finished = program.run(limit=12)
    assert counted(finished.document) == {"rows": 20, "people": 12, "updated": 10, "created": 2}


def test_a_resync_goes_on(program: Program, gate: Gate) -> None:
    program.write(*people(100))
    program.counts()
    gate.calls.clear()
    runs = [program.run("resync", limit=40).document]
    assert runs[0]["counts"]["updated"] == 40
    runs += [program.run(limit=40).document, program.run("resync", limit=40).document]
    assert [run["counts"]["updated"] for run in runs] == [40, 40, 20]
    assert runs[-1]["complete"]
    emails = [email for asked in gate.writes() for email in asked.emails]
    assert len(emails) == len(set(emails)) == 100
    assert program.counts() == {"rows": 100, "people": 100, "unchanged": 100}


def test_a_dry_run_counts_the_same(program: Program, gate: Gate) -> None:
    program.write(*people(100))
    dry = program.run(dry_run=True, limit=30).document
    assert counted(dry) == {"rows": 100, "people": 30, "created": 30}
    assert not dry["complete"]
    assert not program.state.groups
    assert counted(program.run(limit=30).document) == counted(dry)


def test_with_faults(program: Program, gate: Gate) -> None:
    program.write(*people(200))
    program.config(target={"batch_size": 10})
    for name in ("reset", "error_200", "false", "drop_row"):
        program.state.faults.set(name, 0.1, only="upsertplus")
    finished = program.run(limit=60)
    counts = finished.document["counts"]
    assert counts["created"] + counts["rejected"] == 60
    assert counts["created"] <= len(program.active()) <= 60


def test_a_change_of_the_config_before_the_limit_is_through_is_not_lost(program: Program) -> None:
    program.write(*people(20))
    program.counts()
    program.config(attributes={"map": {"firstname": "first_name"}})
    program.config(attributes={"map": {"firstname": "last_name", "city": "city"}})
    assert program.run(limit=5).document["counts"]["updated"] == 5
    assert program.run(limit=5).document["counts"]["updated"] == 5
    program.counts()
    shown = program.list()
    assert all(shown[row["email"]].values["firstname"] == row["last_name"] for row in people(20))
