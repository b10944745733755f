"""Runs that end before they are through: killed, stopped by a signal, out of time. The next one goes on."""

from __future__ import annotations

import json
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.gate import UPSERT, Gate, refusal
from tests.e2e.meddling import interrupt_at
from tests.e2e.people import SUBSCRIBER, customer, people
from tests.e2e.program import Program
from tests.e2e.running import until

ROOT = Path(__file__).parents[2]
BATCH, PARALLEL = 20, 3
IN_FLIGHT = BATCH * 2 * (PARALLEL + 1)  # batches that are read ahead included


@pytest.fixture
def many(program: Program) -> Program:
    program.config(target={"batch_size": BATCH, "concurrency": PARALLEL})
    return program


class Sent:
    """How often each address was in a write that was carried out."""

    def __init__(self, program: Program) -> None:
        self.times: Counter[str] = Counter()
        self.writes = 0
        self._lock = threading.Lock()
        self.then: Callable[[], object] = lambda: None
        program.state.after_write = self._note

    def _note(self, _path: str, rows: Sequence[Any]) -> None:
        with self._lock:
            self.writes += 1
            self.times.update(row["email"] for row in rows if "email" in row)
        self.then()


def kill_at_write(program: Program, number: int, *words: str, after: bool = False) -> int:
    """Kills a run at its n-th write, before or after that was carried out; its return code."""
    process = program.start(*words, "-q")
    state, seen, lock = program.state, [0], threading.Lock()

    def strike(_path: str, _rows: Sequence[Any]) -> None:
        with lock:
            seen[0] += 1
            if seen[0] == number:
                process.kill()
                process.wait()

    noted = state.after_write
    if after:

        def noted_first(path: str, rows: list[Any]) -> None:
            if noted is not None:
                noted(path, rows)
            strike(path, rows)

        state.after_write = noted_first
    else:
        state.before_write = strike
    try:
        process.communicate(timeout=60)
    finally:
        state.before_write, state.after_write = None, noted
    assert process.returncode in (0, -signal.SIGKILL)
    return process.returncode


def check_as_undisturbed(program: Program, wanted: Sequence[dict[str, str]], sent: Sent, deaths: int) -> None:
    shown = program.list()
    assert set(shown) == {row["email"] for row in wanted}
    for row in wanted:
        recipient = shown[row["email"]]
        assert recipient.values["city"] == row["city"]
        assert recipient.active == (row["subscribed"] != "opted_out")
        assert (SUBSCRIBER in recipient.tags) == (row["subscribed"] == "yes")
    assert sum(times - 1 for times in sent.times.values()) <= deaths * IN_FLIGHT
    assert program.recorded() == {recipient.id for recipient in shown.values()}
    program.check_ledger()


def goes_on_to_the_end(program: Program, rows: int) -> dict[str, Any]:
    finished = program.run()
    assert finished.error is None
    assert finished.document["complete"]
    assert finished.document["counts"]["people"] == rows
    assert "interrupted" not in {name for name, value in program.checkpoint.items() if value}
    assert not (program.state_path / "spool.sqlite3").exists()
    before = program.state.traffic.writes
    assert program.counts() == {"rows": rows, "people": rows, "unchanged": rows}
    assert program.state.traffic.writes == before
    return finished.document


class TestKill:
    def test_a_first_sync_again_and_again(self, many: Program) -> None:
        rows = people(1200)
        many.write(*rows)
        sent, dice = Sent(many), random.Random(20)
        deaths = 0
        for _ in range(5):
            code = kill_at_write(many, dice.randint(1, 6), "sync", after=dice.random() < 0.5)
            deaths += code != 0
            if many.state_path.joinpath("ledger.sqlite3").exists():
                many.check_ledger()
        assert deaths >= 4
        goes_on_to_the_end(many, len(rows))
        check_as_undisturbed(many, rows, sent, deaths)
        # Whoever was created and not recorded counts in the run that finds them.
        created = sum(run["counts"]["created"] for run in many.history)
        assert created <= len(rows)

    def test_at_any_moment(self, many: Program) -> None:
        rows = people(1000)
        many.write(*rows)
        sent, dice = Sent(many), random.Random(21)
        for _ in range(3):
            process = many.start("sync", "-q")
            threading.Event().wait(0.4 + dice.random() * 0.5)
            process.kill()
            process.communicate()
        goes_on_to_the_end(many, len(rows))
        check_as_undisturbed(many, rows, sent, 3)

    @pytest.mark.parametrize(
        ("place", "when", "number"),
        [
            ("state.ledger:Ledger.create", "before", 1),
            ("state.files:sync_folder", "before", 1),
            ("state.ledger:Ledger.create", "after", 1),
            ("run.read.reading:_give_to_owners", "before", 1),
            ("state.checkpoint:save", "before", 1),
            ("targets.cleverreach.target:CleverReach.create_list", "after", 1),
            ("state.checkpoint:save", "after", 2),
            ("state.ledger:Ledger.record", "before", 1),
            ("state.ledger:Ledger.record", "after", 2),
            ("state.ledger:Ledger.raise_generation", "after", 1),
            ("state.ledger:Ledger.record_settled", "after", 1),
            ("state.ledger:Ledger.take_off", "after", 2),
            ("state.ledger:Ledger.raise_generation", "before", 3),
            ("state.ledger:Ledger.raise_generation", "after", 3),
            ("state.checkpoint:save", "before", 3),
            ("state.checkpoint:save", "after", 3),
            ("state.history:append", "before", 1),
        ],
    )
    def test_at_every_interesting_point(self, many: Program, place: str, when: str, number: int) -> None:
        rows = people(90)
        many.write(*rows)
        sent = Sent(many)
        many.killed(place, when, number)
        goes_on_to_the_end(many, len(rows))
        check_as_undisturbed(many, rows, sent, 1)
        assert len(many.state.groups) == 1

    def test_while_it_follows_another(self, many: Program) -> None:
        rows = people(300)
        many.write(*rows)
        sent = Sent(many)
        assert kill_at_write(many, 3, "sync") != 0
        for place in ("run.decide.moves:follow_moves", "state.checkpoint:save"):
            many.killed(place, "before")
        document = goes_on_to_the_end(many, len(rows))
        assert document["resumed"]
        check_as_undisturbed(many, rows, sent, 3)

    def test_a_resync(self, many: Program) -> None:
        rows = people(300)
        many.write(*rows)
        many.counts()
        sent = Sent(many)
        assert kill_at_write(many, 4, "resync", after=True) != 0
        assert kill_at_write(many, 4, "sync") != 0
        document = goes_on_to_the_end(many, len(rows))
        assert document["resumed"]
        check_as_undisturbed(many, rows, sent, 2)
        assert set(sent.times) == {row["email"] for row in rows}

    def test_an_incremental_run_with_ends_of_consent(self, many: Program) -> None:
        many.write(*people(300))
        many.counts()
        rows = [
            *(customer(number, subscribed="opted_out") for number in range(80)),
            *(customer(number, city="Neustadt") for number in range(80, 300)),
            *people(100, 300),
        ]
        rows[:80] = [{**row, "city": people(1, number)[0]["city"]} for number, row in enumerate(rows[:80])]
        many.write(*rows)
        sent = Sent(many)
        deaths = sum(
            kill_at_write(many, number, "sync", after=after) != 0
            for number, after in ((2, True), (3, False), (6, True))
        )
        assert deaths == 3
        finished = many.run()
        assert finished.error is None
        assert finished.document["resumed"]
        check_as_undisturbed(many, rows, sent, deaths)
        assert not many.active() & {row["email"] for row in rows[:80]}

    def test_with_faults(self, many: Program) -> None:
        rows = people(200)
        many.write(*rows)
        for name in ("reset", "error_200", "false", "unauthorized", "drop_row"):
            many.state.faults.set(name, 0.05, only="upsertplus")
        deaths = sum(kill_at_write(many, number, "sync", after=number % 2 == 0) != 0 for number in (3, 4))
        assert deaths == 2
        many.state.faults.clear()
        many.run()
        many.run()
        shown = many.list()
        assert many.active() == set(shown) == {row["email"] for row in rows}
        assert many.recorded() == {recipient.id for recipient in shown.values()}

    def test_nobody_is_counted_twice(self, many: Program) -> None:
        many.write(*people(200))
        assert kill_at_write(many, 5, "sync", after=True) != 0
        recorded = len(many.recorded())
        document = goes_on_to_the_end(many, 200)
        assert document["counts"]["created"] == 200 - recorded
        assert document["counts"]["unchanged"] == recorded
        assert document["activation"]["created_active"] == 200 - recorded


class TestSignals:
    @pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_while_writing(self, many: Program, signum: int, code: int) -> None:
        many.write(*people(400))
        process = many.start("sync", "--format", "json")
        interrupt_at(many, process, 4, signum)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code
        document = json.loads(out)
        assert document["exit"] == {"code": code, "class": "signal", "retryable": True}
        assert document["error"]["code"] == code
        assert not document["complete"]
        assert err.startswith("error: ")
        assert "hint: " in err
        # What was under way is recorded: the numbers, the list and the ledger agree.
        assert 60 <= document["counts"]["created"] < 400
        assert document["counts"]["created"] == len(many.list()) == len(many.recorded())
        assert many.checkpoint["interrupted"]["run_id"] == document["run_id"]
        many.state.before_write = None
        finished = many.run()
        assert finished.document["resumed"]
        assert finished.document["run_id"] == document["run_id"]
        assert finished.document["counts"]["created"] + document["counts"]["created"] == 400

    def test_while_waiting_to_try_again(self, program: Program) -> None:
        program.write(*people(10))
        program.state.faults.set("rate_limit", 1, only="upsertplus")
        process = program.start("sync", "-v")
        until(lambda: program.state.faults.struck["rate_limit"] >= 1)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=5)
        assert process.returncode == 143
        program.state.faults.clear()
        assert program.run().document["resumed"]
        assert len(program.active()) == 10

    def test_while_reading(self, program: Program) -> None:
        program.write(*people(10))
        program.state.faults.set("unavailable", 1, only="blacklist")
        process = program.start("sync", "--format", "json")
        until(lambda: program.state.faults.struck["unavailable"] >= 1)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=5)
        assert process.returncode == 130
        assert json.loads(out)["schema"] in ("crsync.run/1", "crsync.error/1")
        assert not (program.state_path / "spool.sqlite3").exists()
        program.state.faults.clear()
        assert program.counts()["created"] == 10

    def test_a_second_one_does_not_wait(self, program: Program) -> None:
        program.write(*people(10))
        process = program.start("sync")
        held = threading.Event()

        def hold(_path: str, _rows: Sequence[Any]) -> None:
            process.send_signal(signal.SIGINT)
            held.wait(20)

        program.state.before_write = hold
        until(lambda: program.state.traffic.writes > 1)
        threading.Event().wait(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=5)
        held.set()
        program.state.before_write = None
        assert process.returncode == 130
        assert program.run().document["resumed"]
        assert len(program.active()) == 10

    def test_before_anything_was_begun(self, program: Program) -> None:
        program.write(*people(10))
        program.state.faults.set("unavailable", 1, only="GET /v3/groups")
        process = program.start("sync", "--format", "json")
        until(lambda: program.state.faults.struck["unavailable"] >= 1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=5)
        assert process.returncode == 130
        assert json.loads(out)["error"]["class"] == "signal"
        assert "Traceback" not in err


class TestMaxDuration:
    def test_ends_well_and_the_next_run_goes_on(self, many: Program) -> None:
        many.write(*people(400))
        writes = [0]

        def later(_path: str, _rows: Sequence[Any]) -> None:
            writes[0] += 1
            if writes[0] == 5:
                many.clock.passed += 3600

        many.state.before_write = later
        first = many.run(max_duration=600)
        assert first.error is None
        assert first.document["exit"]["code"] == 0
        assert (first.document["complete"], first.document["stopped"]) == (False, "max_duration")
        assert 0 < first.document["counts"]["created"] < 400
        assert many.checkpoint["interrupted"]
        second = many.run(max_duration=600)
        assert second.document["resumed"]
        assert second.document["complete"]
        assert second.document["counts"]["created"] + first.document["counts"]["created"] == 400

    def test_ends_a_wait_for_a_server(self, program: Program, gate: Gate) -> None:
        program.write(*people(100))
        gate.on(UPSERT, None, refusal(429, Retry_After="200"))
        finished = program.run(max_duration=100)
        assert finished.error is None
        assert finished.document["exit"]["code"] == 0
        assert finished.document["stopped"] == "max_duration"
        assert 0 < sum(program.clock.waits) < 102, "it did not wait for as long as the server asked"
        assert program.run().document["resumed"]
        assert len(program.active()) == 100

    def test_ends_while_reading(self, program: Program, gate: Gate) -> None:
        program.write(*people(10))
        gate.always("GET /v3/blacklist", refusal(503))
        finished = program.run(max_duration=60)
        assert finished.error is not None
        assert (finished.error.code, finished.document["exit"]["code"]) == (5, 5)
        assert not finished.document["complete"]
        gate.meddle = None
        assert program.counts()["created"] == 10

    def test_that_is_long_enough_changes_nothing(self, program: Program) -> None:
        program.write(*people(10))
        assert program.run(max_duration=600).document["complete"]


class TestAfterAnInterruptedRun:
    @pytest.fixture
    def stopped(self, program: Program, gate: Gate) -> Program:
        program.write(*people(200))
        gate.on(UPSERT, None, refusal(403), refusal(403), refusal(403))
        assert program.failing().code == 6
        gate.meddle = None
        assert program.checkpoint["interrupted"]
        assert 0 < len(program.recorded()) < 200
        return program

    def test_what_the_shop_says_now_counts(self, stopped: Program, gate: Gate) -> None:
        left, new = customer(199, subscribed="opted_out"), customer(200)
        stopped.write(*people(199), left, new)
        recorded = {email for email, shown in stopped.list().items() if shown.id in stopped.recorded()}
        gate.calls.clear()
        finished = stopped.run()
        assert finished.document["resumed"]
        assert stopped.active() == {row["email"] for row in people(199)} | {new["email"]}
        sent = {email for asked in gate.writes() for email in asked.emails}
        assert recorded
        assert sent & recorded <= {left["email"]}, "nobody else is sent whom the interrupted run confirmed"

    def test_nobody_becomes_active_who_opted_out_since_a_lost_answer(self, program: Program) -> None:
        rows = people(60)
        program.write(*rows)
        program.state.faults.set("reset", 1, only="upsertplus")
        assert program.failing().code == 5
        program.state.faults.clear()
        program.write(*[{**row, "subscribed": "opted_out"} for row in rows])
        program.run()
        assert not program.active()
        assert program.counts()["people"] == 60
        assert not program.active()

    def test_a_spool_that_was_left_is_removed(self, stopped: Program) -> None:
        assert not list(stopped.state_path.glob("spool*"))
        (stopped.state_path / "spool.sqlite3").write_bytes(b"somebody@example.org")
        stopped.run("diff")
        assert list(stopped.state_path.glob("spool*"))
        stopped.state.faults.set("unavailable", 1)
        assert stopped.failing().code == 5
        assert not list(stopped.state_path.glob("spool*"))

    def test_a_change_of_the_config_meanwhile_is_not_lost(self, stopped: Program) -> None:
        stopped.config(exclude=["person00199@*"], attributes={"map": {"firstname": "first_name", "city": "zip"}})
        finished = stopped.run()
        assert finished.document["skipped"] == {"excluded": 1}
        stopped.config(exclude=[], tags=["subscriber"])
        stopped.run()
        stopped.config(tags=["subscriber", "buyer", "contact"])
        assert stopped.run().error is None
        assert len(stopped.active()) == 200

    def test_diff_changes_nothing(self, stopped: Program) -> None:
        before = stopped.files()
        document = stopped.run("diff").document
        assert not document["resumed"]
        assert document["counts"]["created"] + document["counts"]["unchanged"] == 200
        assert stopped.files() == before
        assert stopped.run().document["resumed"]
