"""An answer that lacks somebody says nothing about them: the write may have been carried out, and they may be there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from starlette.responses import Response

from cleverreach_sync.clock import timestamp
from tests.e2e.gate import READ, UPSERT, Answered, Asked, Gate, answer, dropped, lost, refusal
from tests.e2e.people import DAY, SUBSCRIBER, customer, people
from tests.e2e.program import LIST, Program

ANNA, BEN, CARL = people(1)[0], customer(1, orders="0"), customer(2)
OLD, NEW = BEN["email"], "new@example.org"


def without(name: str, email: str, fits: Callable[[Any], bool] = bool) -> Callable[[Asked, Answered], Response]:
    """All is done that is asked for, and the answer lacks somebody."""

    def meddle(asked: Asked, carry_out: Answered) -> Response:
        response = carry_out()
        if asked.name != name or not fits(asked.body):
            return response
        return Response(orjson.dumps([row for row in orjson.loads(response.body) if row["email"] != email]))

    return meddle


class TestOfAWrite:
    """Ben is in the list, and the run that brought him in does not know."""

    @pytest.fixture(autouse=True)
    def written(self, program: Program, gate: Gate) -> None:
        program.config(source={"complete": True})
        program.write(ANNA, BEN)
        gate.meddle = without(UPSERT, OLD)
        assert program.run().document["rejected"] == {"not_confirmed": 1}
        assert OLD in program.active()
        gate.meddle = None

    def test_another_address(self, program: Program) -> None:
        program.write(ANNA, {**BEN, "email": NEW})
        assert program.counts() == {"rows": 2, "people": 3, "created": 1, "deactivated": 1, "unchanged": 1}
        assert program.active() == {ANNA["email"], NEW}

    @pytest.mark.parametrize("rows", [[ANNA], [ANNA, {**BEN, "subscribed": "no"}]], ids=["gone", "no"])
    def test_the_consent_ends(self, program: Program, rows: list[dict[str, str]]) -> None:
        program.write(*rows)
        assert program.counts()["deactivated"] == 1
        assert program.active() == {ANNA["email"]}
        assert SUBSCRIBER not in program.list()[OLD].tags

    def test_nothing_happens(self, program: Program) -> None:
        assert program.run("diff").document["counts"]["deactivated"] == 0
        assert program.counts() == {"rows": 2, "people": 2, "created": 1, "unchanged": 1}
        assert program.active() == {ANNA["email"], OLD}
        assert program.rejects == []
        assert program.counts() == {"rows": 2, "people": 2, "unchanged": 2}
        assert OLD.encode() not in program.files()["ledger.sqlite3"]


def test_of_the_write_that_made_somebody_active_again(program: Program, gate: Gate) -> None:
    program.write(ANNA, BEN)
    program.run()
    program.write(ANNA, {**BEN, "subscribed": "opted_out"})
    program.run()
    program.clock.passed += 2 * DAY
    again = timestamp(program.clock.wall() - DAY / 2)
    program.write(ANNA, {**BEN, "subscribed_at": again})
    gate.meddle = without(UPSERT, OLD)
    assert program.run().document["rejected"] == {"not_confirmed": 1}
    assert OLD in program.active()
    gate.meddle = None
    program.write(ANNA, {**BEN, "subscribed": "no"})
    program.run()
    assert program.active() == {ANNA["email"]}


class TestOfAReadingById:
    """Ben has another address, and at that moment the list does not show the old one."""

    @pytest.fixture(autouse=True)
    def moved(self, program: Program, gate: Gate) -> None:
        program.write(ANNA, BEN)
        program.counts()
        program.write(ANNA, {**BEN, "email": NEW})
        gate.meddle = without(READ, OLD, lambda body: "id_list" in body)

    def test_the_old_one_ends_and_the_new_one_comes(self, program: Program) -> None:
        assert program.counts("diff")["deactivated"] == 1
        assert program.counts() == {"rows": 2, "people": 3, "created": 1, "deactivated": 1, "unchanged": 1}
        assert program.active() == {ANNA["email"], NEW}
        assert program.counts("resync")["updated"] == 2
        assert program.active() == {ANNA["email"], NEW}

    def test_who_was_deleted_stays_away(self, program: Program) -> None:
        program.state.delete(OLD)
        assert program.run().document["skipped"] == {"deleted_in_target": 1}
        assert program.active() == {ANNA["email"]}

    @pytest.mark.parametrize("status", [404, 500, 503])
    def test_a_server_that_does_not_know_the_question(self, program: Program, gate: Gate, status: int) -> None:
        def meddle(asked: Asked, carry_out: Answered) -> Response:
            if asked.name == "GET /v3/groups/{id}/receivers/{receiver}":
                return refusal(status)(asked, carry_out)
            return without(READ, OLD)(asked, carry_out)

        gate.meddle = meddle
        assert program.run().document["skipped"] == {"deleted_in_target": 1}


class TestARecipientThatDoesNotChange:
    """Whatever is asked of Ben's recipient by its ID, the list does nothing; it may fail for good there."""

    @pytest.fixture(
        params=[answer(200, False), *map(refusal, (400, 500, 503, 504)), dropped],
        ids=["false", "400", "500", "503", "504", "dropped"],
    )
    def stuck(self, program: Program, gate: Gate, request: pytest.FixtureRequest) -> Program:
        program.write(ANNA, BEN, CARL)
        program.counts()
        ident = program.list()[OLD].id

        def meddle(asked: Asked, carry_out: Answered) -> Response:
            if asked.name.startswith(("PUT ", "DELETE ")) and asked.path.endswith(f"/{ident}"):
                made: Response = request.param(asked, carry_out)
                return made
            return carry_out()

        gate.meddle = meddle
        return program

    def test_at_an_old_address_it_keeps_no_consent_from_ending(self, stuck: Program, gate: Gate) -> None:
        stuck.write({**ANNA, "subscribed": "opted_out"}, {**BEN, "email": NEW}, CARL)
        assert stuck.run().error is not None
        assert stuck.active() == {OLD, CARL["email"]}
        assert stuck.run().error is not None
        gate.meddle = None
        assert stuck.counts()["deactivated"] == 1
        assert stuck.active() == {NEW, CARL["email"]}

    def test_to_be_deleted_it_keeps_nobody_from_anything(self, stuck: Program, gate: Gate) -> None:
        stuck.config(erased="delete")
        erased = {**BEN, "email": "deleted-1@erased.invalid", "first_name": "", "last_name": ""}
        stuck.write({**ANNA, "subscribed": "opted_out"}, erased, CARL, customer(4))
        for _ in range(2):
            assert stuck.run().error is not None
            assert stuck.active() == {OLD, CARL["email"], customer(4)["email"]}
        gate.meddle = None
        assert stuck.counts()["deactivated"] == 1
        assert OLD not in stuck.list()

    def test_of_whom_no_reading_tells_it_keeps_nobody_from_anything(self, stuck: Program, gate: Gate) -> None:
        stands = gate.meddle
        assert stands is not None
        hidden = without(READ, OLD)
        gate.meddle = lambda asked, carry_out: (hidden if asked.name == READ else stands)(asked, carry_out)
        stuck.write(ANNA, {**BEN, "subscribed": "opted_out"}, CARL, customer(4))
        for _ in range(2):
            assert stuck.run().document["rejected"] == {"still_active": 1}
            assert OLD in stuck.active()
        assert customer(4)["email"] in stuck.active()
        gate.meddle = None
        assert stuck.counts()["deactivated"] == 1
        assert OLD not in stuck.active()


def test_who_was_transferred_again_on_request_stays_so(program: Program, gate: Gate) -> None:
    program.write(ANNA, BEN)
    program.counts()
    program.state.delete(OLD)
    program.counts("resync")
    gate.meddle = without(UPSERT, OLD)
    assert program.run("resync", include_deleted=True).document["rejected"] == {"not_confirmed": 1}
    gate.meddle = None
    program.counts()
    assert program.active() == {ANNA["email"], OLD}


class TestOfTheLists:
    """The list is there, and some answers about lists do not show it."""

    GROUPS, CREATE = "GET /v3/groups", "POST /v3/groups"

    @pytest.mark.parametrize("lacking", [1, 2])
    def test_one_that_was_just_created_is_not_created_twice(self, program: Program, gate: Gate, lacking: int) -> None:
        program.write(ANNA)
        empty = iter([False] * 2 + [True] * lacking)  # before anything was created there was none indeed

        def meddle(asked: Asked, carry_out: Answered) -> Response:
            response = carry_out()
            if asked.name == self.CREATE:
                return Response(b"<html>")
            return Response(b"[]") if asked.name == self.GROUPS and next(empty, False) else response

        gate.meddle = meddle
        assert program.counts() == {"rows": 1, "people": 1, "created": 1}
        assert len(program.state.groups) == 1
        assert program.active() == {ANNA["email"]}

    def test_one_that_was_there_before_is_not_created_again(self, program: Program, gate: Gate) -> None:
        program.state.add_group(LIST)
        program.write(ANNA, BEN)
        program.put(OLD, activated=0)
        gate.on(self.GROUPS, answer(200, []))
        assert program.failing().retryable
        assert len(program.state.groups) == 1
        assert program.counts()["created"] == 1
        assert program.active() == {ANNA["email"]}

    def test_nobody_is_written_unread_into_one_that_an_earlier_attempt_may_have_made(
        self, program: Program, gate: Gate
    ) -> None:
        program.write(ANNA)
        gate.on(self.CREATE, lost)
        program.counts()
        assert gate.named(READ)


@pytest.mark.parametrize("blocked", [False, True])
@pytest.mark.parametrize("erased", ["deactivate", "delete"])
def test_who_was_erased_is_not_forgotten(program: Program, gate: Gate, erased: str, blocked: bool) -> None:
    program.config(source={"complete": True}, erased=erased)
    if blocked:
        program.state.list_address("*@blocked.example")
    program.write(ANNA, BEN)
    program.counts()
    program.write(ANNA, {**BEN, "email": "deleted-1@erased.invalid", "first_name": "", "last_name": ""})
    gate.meddle = without(READ, OLD, lambda body: "id_list" in body)
    assert program.run().document["counts"]["deactivated"] == 1
    assert program.active() == {ANNA["email"]}
    assert (OLD in program.list()) is (erased == "deactivate")
