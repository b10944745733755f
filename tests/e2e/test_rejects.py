"""People whom the list refused are decided anew by what the shop says now, never by what it said then."""

from __future__ import annotations

import pytest
from starlette.responses import Response

from tests.e2e.gate import UPSERT, Answered, Asked, Gate, refusal
from tests.e2e.people import BUYER, SUBSCRIBER, customer, people
from tests.e2e.program import Program

ANNA, BEN = people(1)[0], customer(1, orders="0")
EVERY = ["subscriber", "buyer", "contact"]


def refuse(gate: Gate, email: str) -> None:
    """From now on the list does not take that address."""

    def meddle(asked: Asked, carry_out: Answered) -> Response:
        if asked.name == UPSERT and email in asked.emails:
            return refusal(400)(asked, carry_out)
        return carry_out()

    gate.meddle = meddle


@pytest.fixture
def refused(program: Program, gate: Gate) -> Program:
    """A shop after a run in which Ben agreed and was not taken."""
    program.write(ANNA, BEN)
    refuse(gate, BEN["email"])
    assert program.counts() == {"rows": 2, "people": 2, "created": 1, "rejected": 1}
    return program


@pytest.mark.parametrize("tags", [["subscriber"], EVERY])
def test_who_takes_the_consent_back_meanwhile_is_no_subscriber(refused: Program, gate: Gate, tags: list[str]) -> None:
    refused.config(tags=tags)
    refused.write(ANNA, {**BEN, "subscribed": "no"})
    refused.run()  # not selected, or refused once more
    gate.meddle = None
    refused.write(ANNA)  # an increment
    refused.run()
    found = refused.list().get(BEN["email"])
    assert found is None or SUBSCRIBER not in found.tags
    assert (BEN["email"] in refused.list()) == (tags == EVERY)


def test_who_bought_meanwhile_keeps_both(refused: Program, gate: Gate) -> None:
    refused.write(ANNA, {**BEN, "city": "Neustadt", "orders": "2"})
    refused.run()
    gate.meddle = None
    assert [item["attempts"] for item in refused.rejects] == [2]
    assert [len(item["facts"]) for item in refused.rejects] == [1]
    refused.write(ANNA)
    assert refused.counts()["created"] == 1
    found = refused.list()[BEN["email"]]
    assert {SUBSCRIBER, BUYER} <= found.tags
    assert found.values["city"] == "Neustadt"


def test_who_is_gone_from_a_file_with_everybody_is_not_brought_in(refused: Program, gate: Gate) -> None:
    refused.config(source={"complete": True})
    gate.meddle = None
    refused.write(ANNA)
    refused.run()
    assert set(refused.list()) == {ANNA["email"]}
    assert refused.rejects == []


def test_who_stays_in_a_file_with_everybody_is_still_the_same_reject(refused: Program) -> None:
    refused.config(source={"complete": True})
    (before,) = refused.rejects
    refused.run()
    (after,) = refused.rejects
    assert (after["since"], after["attempts"]) == (before["since"], 2)
