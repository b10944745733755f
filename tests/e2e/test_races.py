"""Somebody leaves or joins while a run is at work: between its reading of them and its writing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from starlette.responses import Response

from tests.e2e.gate import READ, UPSERT, Answered, Asked, Gate, answer, lost, refusal
from tests.e2e.people import BUYER, SUBSCRIBER, customer, people
from tests.e2e.program import Program
from tests.e2e.running import counted

ONE = customer(3)["email"]


def meanwhile(program: Program, act: Callable[[], object]) -> None:
    """Once, right before the next batch is written."""
    done: list[bool] = []

    def before(path: str, _rows: Sequence[Any]) -> None:
        if not done and path.endswith("upsertplus"):
            done.append(True)
            act()

    program.state.before_write = before


def first_run(program: Program) -> None:
    program.write(*people(10))
    assert program.counts()["created"] == 10


class TestUpdates:
    """Everybody's city changes; one of them changes, too."""

    @pytest.fixture(autouse=True)
    def known(self, program: Program) -> None:
        first_run(program)
        program.write(*[customer(number, city="Neustadt") for number in range(10)])

    def test_unsubscribes(self, program: Program) -> None:
        meanwhile(program, lambda: program.state.unsubscribe(ONE))
        program.counts()
        assert ONE not in program.active()
        program.write(*[customer(number, city="Altstadt") for number in range(10)])
        assert program.run().document["skipped"] == {"unsubscribed_in_target": 1}
        assert program.list()[ONE].values["city"] == "Neustadt"

    def test_bounces(self, program: Program) -> None:
        meanwhile(program, lambda: program.state.bounce(ONE))
        program.counts()
        assert ONE not in program.active()
        program.write(*[customer(number, city="Altstadt") for number in range(10)])
        assert program.run().document["skipped"] == {"bounced_in_target": 1}

    def test_is_deleted(self, program: Program) -> None:
        before = program.list()[ONE].id
        meanwhile(program, lambda: program.state.delete(ONE))
        finished = program.run()
        assert counted(finished.document) == {"rows": 10, "people": 10, "updated": 9, "skipped": 1}
        assert finished.document["skipped"] == {"deleted_in_target": 1}
        assert program.list()[ONE].id != before
        assert ONE not in program.active()
        # And so it stays, whatever the shop says later.
        program.write(*[customer(number, city="Altstadt") for number in range(10)])
        program.counts()
        program.counts("resync")
        assert ONE not in program.active()

    @pytest.mark.parametrize("late", [lost, refusal(504)])
    def test_is_deleted_and_the_answer_is_lost(self, program: Program, gate: Gate, late: Any) -> None:
        """The repetition finds somebody under another ID: the lost attempt has made them."""

        def carried_out(asked: Asked, carry_out: Answered) -> Response:
            program.state.delete(ONE)
            carry_out()
            response: Response = late(asked, Response)
            return response

        gate.on(UPSERT, carried_out)
        finished = program.run()
        assert ONE not in program.active()
        assert finished.document["skipped"] == {"deleted_in_target": 1}
        assert finished.document["counts"]["updated"] == 9

    def test_is_deleted_and_the_run_dies(self, program: Program, gate: Gate) -> None:
        def carried_out(asked: Asked, carry_out: Answered) -> Response:
            program.state.delete(ONE)
            carry_out()
            return refusal(403)(asked, carry_out)

        gate.on(UPSERT, carried_out)
        assert program.failing().code == 6
        finished = program.run()
        assert finished.document["resumed"]
        assert ONE not in program.active()
        assert finished.document["skipped"] == {"deleted_in_target": 1}

    def test_is_deleted_and_comes_back_by_a_form(self, program: Program) -> None:
        def back() -> None:
            program.state.delete(ONE)
            program.state.subscribe(ONE, program.list_id, confirmed=False)

        meanwhile(program, back)
        program.counts()
        assert ONE not in program.active()

    def test_is_blacklisted(self, program: Program) -> None:
        program.state.switches.auto_blacklist = True
        meanwhile(program, lambda: program.state.unsubscribe(ONE))
        finished = program.run()
        assert ONE not in program.list()
        assert finished.document["rejected"] == {"not_confirmed": 1}
        assert program.run().document["skipped"] == {"blacklisted": 1}
        assert ONE not in program.list()


class TestCreates:
    """New people, into a list that is there already."""

    @pytest.fixture(autouse=True)
    def there(self, program: Program) -> None:
        first_run(program)
        program.state.switches.clock_offset = 5  # somebody new is told by a date of registration that was not sent
        program.write(*people(20))

    def test_added_by_a_form_pending_with_a_consent_in_the_shop(self, program: Program) -> None:
        new = customer(15)["email"]
        meanwhile(program, lambda: program.state.subscribe(new, program.list_id, confirmed=False))
        assert program.counts() == {"rows": 20, "people": 20, "created": 9, "updated": 1, "unchanged": 10}
        assert new in program.active()

    def test_added_by_a_form_pending_without_one(self, program: Program) -> None:
        new = customer(15, subscribed="no")
        program.write(*people(15), new, *people(4, 16))
        meanwhile(program, lambda: program.state.subscribe(new["email"], program.list_id, confirmed=False))
        assert program.counts() == {"rows": 20, "people": 20, "created": 9, "updated": 1, "unchanged": 10}
        assert new["email"] not in program.active()
        assert program.list()[new["email"]].tags == {BUYER}
        assert program.counts() == {"rows": 20, "people": 20, "unchanged": 20}

    def test_added_by_a_form_and_confirmed(self, program: Program) -> None:
        new = customer(15)["email"]
        meanwhile(program, lambda: program.state.subscribe(new, program.list_id))
        program.counts()
        assert new in program.active()

    def test_blacklisted_meanwhile(self, program: Program) -> None:
        new = customer(15)["email"]
        meanwhile(program, lambda: program.state.list_address(new))
        assert program.counts()["rejected"] == 1
        assert new not in program.list()

    def test_unsubscribed_meanwhile_in_another_list(self, program: Program) -> None:
        """The account is asked once more at the end of the run."""
        new, other = customer(15)["email"], program.state.add_group("Other")
        program.state.write(other, {"email": new})
        meanwhile(program, lambda: program.state.unsubscribe(new, other))
        program.counts()
        assert new not in program.active()
        program.write(*[customer(number, city="Neustadt") for number in range(20)])
        assert program.counts()["updated"] == 19

    def test_unsubscribes_while_the_answer_is_lost(self, program: Program, gate: Gate) -> None:
        new = customer(15)["email"]

        def gone(_asked: Asked, carry_out: Answered) -> Response:
            carry_out()
            program.state.unsubscribe(new)
            return lost(_asked, Response)

        gate.on(UPSERT, gone)
        finished = program.run()
        assert finished.document["skipped"] == {"unsubscribed_in_target": 1}
        assert new not in program.active()
        assert finished.document["counts"]["created"] == 9


class TestEnds:
    """Somebody's consent ends in the shop."""

    @pytest.fixture(autouse=True)
    def ending(self, program: Program) -> None:
        first_run(program)
        program.write(*people(3), customer(3, subscribed="opted_out"), *people(6, 4))

    @pytest.mark.parametrize("what", ["unsubscribe", "bounce"])
    def test_who_leaves_by_themselves(self, program: Program, what: str) -> None:
        meanwhile(program, lambda: getattr(program.state, what)(ONE))
        assert program.counts() == {"rows": 10, "people": 10, "unchanged": 9, "deactivated": 1}
        assert ONE not in program.active()

    def test_who_is_deleted(self, program: Program) -> None:
        meanwhile(program, lambda: program.state.delete(ONE))
        program.run()
        assert ONE not in program.active()
        program.write(*people(10))
        program.run()
        assert ONE not in program.active()

    def test_whose_answer_is_lost(self, program: Program, gate: Gate) -> None:
        gate.on(UPSERT, lost, lost)
        assert program.counts() == {"rows": 10, "people": 10, "unchanged": 9, "deactivated": 1}
        assert ONE not in program.active()
        assert SUBSCRIBER not in program.list()[ONE].tags

    def test_that_is_not_confirmed_is_repeated(self, program: Program, gate: Gate) -> None:
        shown = [program.rows()[ONE]]
        gate.on(UPSERT, answer(200, shown))
        finished = program.run()
        assert finished.document["rejected"] == {"still_active": 1}
        assert ONE in program.active()
        assert program.counts()["deactivated"] == 1
        assert ONE not in program.active()


class TestReadBeforeWrite:
    def check(self, gate: Gate, *, exempt: int = 0) -> None:
        """Every write has, at most 60 s before it, one reading of exactly its addresses; none serves two writes, but for
        one that is repeated at once because its token had run out."""
        used: set[int] = set()
        for asked in [asked for asked in gate.writes() if asked.status != 401][exempt:]:
            before = gate.calls[: next(n for n, call in enumerate(gate.calls) if call is asked)]
            fits = [
                number
                for number, call in enumerate(before)
                if call.name == READ and number not in used and call.emails == asked.emails and asked.at - call.at <= 60
            ]
            assert fits, f"a write of {len(asked.emails)} without a reading"
            used.add(fits[-1])

    def test_a_new_list_needs_none(self, program: Program, gate: Gate) -> None:
        program.write(*people(200))
        program.counts()
        assert not gate.named(READ)

    def test_but_a_repetition_does(self, program: Program, gate: Gate) -> None:
        program.config(target={"concurrency": 1, "batch_size": 100})
        program.write(*people(100))
        gate.on(UPSERT, lost, answer(200, False))
        gate.clock = program.clock.now
        program.counts()
        assert [len(asked.body) for asked in gate.writes()] == [100, 100, 50, 50]
        self.check(gate, exempt=1)

    @pytest.mark.parametrize("rate", [0.0, 0.1])
    def test_in_a_list_that_was_there(self, program: Program, gate: Gate, rate: float) -> None:
        program.state.add_group("Online shop")
        program.write(*people(300))
        gate.clock = program.clock.now
        for name in ("rate_limit", "unavailable", "reset", "error_200", "false", "unauthorized"):
            program.state.faults.set(name, rate, only="upsertplus")
        program.counts()
        program.write(*[customer(number, city="Neustadt", subscribed="no") for number in range(300)])
        program.counts()
        program.write(*[customer(number, city="Neustadt", subscribed="opted_out") for number in range(300)])
        program.counts()
        self.check(gate)

    def test_a_wait_makes_a_reading_stale(self, program: Program, gate: Gate) -> None:
        program.state.add_group("Online shop")
        program.write(*people(30))
        gate.clock = program.clock.now
        gate.on(UPSERT, refusal(429, Retry_After="90"), refusal(401), refusal(503, Retry_After="70"))
        program.counts()
        assert len(gate.writes()) == 4
        self.check(gate)

    def test_a_token_that_is_slow_to_come_makes_a_reading_stale(self, program: Program, gate: Gate) -> None:
        program.state.add_group("Online shop")
        program.write(*people(30))
        gate.clock = program.clock.now

        def no_token(asked: Asked, carry_out: Answered) -> Response:
            program.state.tokens.clear()
            program.state.faults.set("reset", 1, times=9, only="token")
            return refusal(401)(asked, carry_out)

        gate.on(UPSERT, no_token)
        program.counts()
        assert program.clock.passed > 60
        self.check(gate)


def test_nobody_who_left_is_made_active_by_an_interrupted_run(program: Program, gate: Gate) -> None:
    """They leave between two processes that carry out one run."""
    first_run(program)
    program.write(*people(10), *people(90, 10))
    program.config(target={"batch_size": 10})
    gate.on(UPSERT, None, None, *[refusal(403)] * 9)
    assert program.failing().code == 6
    created = program.active()
    assert 10 < len(created) < 100
    left = {row["email"] for row in people(90, 10)} & created
    listed = {row["email"] for row in people(90, 10)} - created
    one, other = min(left), min(listed)
    program.state.unsubscribe(one)
    program.state.list_address(other)
    gate.meddle = None
    finished = program.run()
    assert finished.document["resumed"]
    assert not program.active() & {one, other}
    assert len(program.active()) == 98
