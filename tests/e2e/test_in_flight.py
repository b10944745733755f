"""Batches whose answer never came: who was in them is looked up first by the next run, whatever the shop says by then."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from starlette.responses import Response

from tests.e2e.gate import READ, UPSERT, Answered, Asked, Gate, refusal
from tests.e2e.people import BUYER, SUBSCRIBER, customer, people
from tests.e2e.program import Program
from tests.e2e.running import counted

ROOT = Path(__file__).parents[2]
PUT = "PUT /v3/groups/{id}/receivers/{receiver}"
ANNA, BEN = people(2)
NOBODY = customer(99)


def cut_off(program: Program, gate: Gate, name: str = UPSERT) -> None:
    """A run whose writes are carried out, and which ends without having heard so."""

    def carried_out(asked: Asked, carry_out: Answered) -> Response:
        carry_out()
        return refusal(403)(asked, carry_out)

    gate.always(name, carried_out)
    assert program.failing().code == 6
    gate.meddle = None


def addresses(program: Program) -> bytes:
    """What of the state may hold addresses."""
    return b"".join(content for name, content in program.files().items() if name.startswith("ledger"))


@pytest.fixture
def whole(program: Program) -> Program:
    """Of a shop whose export always holds everybody."""
    program.config(source={"complete": True})
    return program


class TestCreated:
    def test_and_gone_from_the_shop_since(self, whole: Program, gate: Gate) -> None:
        whole.write(ANNA, BEN)
        cut_off(whole, gate)
        assert whole.active() == {ANNA["email"], BEN["email"]}
        assert whole.recorded() == set()
        assert ANNA["email"].encode() in addresses(whole)
        whole.write(BEN)
        assert whole.counts()["deactivated"] == 1
        assert whole.active() == {BEN["email"]}
        assert b"@example.org" not in addresses(whole)

    def test_and_killed_before_the_answer(self, whole: Program) -> None:
        """As the kernel kills: whatever was not on the disk by then is lost."""
        whole.write(ANNA, BEN)
        whole.killed("targets.cleverreach.target:CleverReach._write")
        assert whole.active() == {ANNA["email"], BEN["email"]}
        whole.write({**BEN, "subscribed": "opted_out"})
        assert whole.counts()["deactivated"] == 2
        assert not whole.active()
        assert set(whole.files()) == {"checkpoint.json", "history.jsonl", "key", "ledger.sqlite3", "lock"}
        assert b"@example.org" not in addresses(whole)

    def test_is_known_even_where_absence_says_nothing(self, program: Program, gate: Gate) -> None:
        program.write(ANNA)
        cut_off(program, gate)
        program.write(BEN)
        program.counts()
        assert len(program.recorded()) == 2
        program.write({**ANNA, "subscribed": "opted_out"}, BEN)
        assert program.counts()["deactivated"] == 1
        assert program.active() == {BEN["email"]}

    def test_and_left_in_the_list_since(self, program: Program, gate: Gate) -> None:
        program.write(ANNA, BEN)
        cut_off(program, gate)
        program.state.unsubscribe(ANNA["email"])
        finished = program.run()
        assert finished.document["skipped"] == {"unsubscribed_in_target": 1}
        assert program.active() == {BEN["email"]}

    def test_and_made_inactive_by_hand_since(self, program: Program, gate: Gate) -> None:
        program.write(ANNA, BEN)
        cut_off(program, gate)
        program.state.write(program.list_id, {"email": ANNA["email"], "activated": 0})
        program.run()
        program.run("resync")
        assert program.active() == {BEN["email"]}

    def test_counts_as_created_and_gets_what_changed(self, program: Program, gate: Gate) -> None:
        program.write(ANNA, BEN)
        cut_off(program, gate)
        program.write({**ANNA, "city": ""}, {**BEN, "city": "Neustadt"})
        told = counted(program.run("diff").document)
        assert program.counts() == told == {"rows": 2, "people": 2, "created": 2}
        cities = {email: shown.values.get("city", "") for email, shown in program.list().items()}
        assert cities == {ANNA["email"]: "", BEN["email"]: "Neustadt"}
        assert program.counts()["unchanged"] == 2

    def test_a_diff_looks_up_and_changes_nothing(self, program: Program, gate: Gate) -> None:
        program.write(ANNA)
        cut_off(program, gate)
        before = program.files()
        gate.calls.clear()
        program.run("diff")
        assert gate.named(READ)[0].emails == [ANNA["email"]]
        assert program.files() == before

    def test_not_after_all(self, program: Program, gate: Gate) -> None:
        program.write(ANNA, BEN)
        gate.always(UPSERT, refusal(403))
        assert program.failing().code == 6
        gate.meddle = None
        program.write(BEN)
        assert program.counts()["created"] == 1
        assert set(program.list()) == {BEN["email"]}


class TestUpdated:
    def test_gets_what_changed_since(self, program: Program, gate: Gate) -> None:
        program.write(ANNA)
        program.counts()
        program.write({**ANNA, "city": "Neustadt"})
        cut_off(program, gate)
        program.write(ANNA)  # as it was confirmed before
        assert program.counts()["updated"] == 1
        assert program.list()[ANNA["email"]].values["city"] == ANNA["city"]

    def test_somebody_of_a_form_is_known(self, whole: Program, gate: Gate) -> None:
        whole.write(ANNA)
        whole.counts()
        whole.state.write(whole.list_id, {"email": BEN["email"], "activated": 1_600_000_000})
        whole.write(ANNA, BEN)
        cut_off(whole, gate)
        assert SUBSCRIBER in whole.list()[BEN["email"]].tags
        whole.write(ANNA)
        assert whole.counts()["deactivated"] == 1
        assert whole.active() == {ANNA["email"]}

    def test_who_never_confirmed_a_form_stays_inactive(self, program: Program, gate: Gate) -> None:
        program.write(NOBODY)
        program.counts()
        program.state.write(program.list_id, {"email": ANNA["email"], "registered": 1_600_000_000, "activated": 0})
        program.config(activate=["buyer"])
        program.write(NOBODY, {**ANNA, "orders": "0"})
        cut_off(program, gate)
        program.write(NOBODY, ANNA)
        program.run()
        program.run()
        assert BUYER in program.list()[ANNA["email"]].tags
        assert ANNA["email"] not in program.active()

    def test_deleted_and_made_again_by_it(self, program: Program, gate: Gate) -> None:
        program.write(ANNA, BEN)
        program.counts()
        program.write({**ANNA, "city": "Neustadt"}, BEN)

        def gone(asked: Asked, carry_out: Answered) -> Response:
            program.state.delete(ANNA["email"])
            carry_out()
            return refusal(403)(asked, carry_out)

        gate.always(UPSERT, gone)
        assert program.failing().code == 6
        gate.meddle = None
        assert ANNA["email"] in program.list()
        program.write(BEN)
        program.run()
        assert program.active() == {BEN["email"]}

    @pytest.mark.parametrize("status", [400, 503])
    def test_and_the_list_does_not_end_it(self, program: Program, gate: Gate, status: int) -> None:
        self.test_deleted_and_made_again_by_it(program, gate)
        program.write({**ANNA, "city": "Neustadt"}, BEN)
        program.state.delete(ANNA["email"])
        program.counts("resync", include_deleted=True)
        program.write({**ANNA, "city": "Altstadt"}, BEN)

        def gone(asked: Asked, carry_out: Answered) -> Response:
            program.state.delete(ANNA["email"])
            carry_out()
            return refusal(403)(asked, carry_out)

        gate.always(UPSERT, gone)
        assert program.failing().code == 6
        gate.always(PUT, refusal(status))
        for number in (1, 2):
            program.write({**ANNA, "city": "Altstadt"}, BEN, customer(number + 5))
            assert program.failing().code in (2, 5)
            assert customer(number + 5)["email"] in program.active(), "nobody else is kept from anything"
        gate.meddle = None
        assert program.run().document["skipped"] == {"deleted_in_target": 1}
        assert ANNA["email"] not in program.active()


class TestEnded:
    OUT: Mapping[str, str] = {**ANNA, "subscribed": "opted_out"}

    @pytest.fixture
    def known(self, program: Program) -> Program:
        program.write(ANNA, BEN)
        program.counts()
        return program

    @pytest.mark.parametrize("arrives", [True, False])
    def test_and_gone_from_the_shop_since(self, known: Program, gate: Gate, arrives: bool) -> None:
        known.write(self.OUT, BEN)
        if arrives:
            cut_off(known, gate)
        else:
            gate.always(UPSERT, refusal(403))
            assert known.failing().code == 6
            gate.meddle = None
        known.write(BEN)
        known.run()
        assert known.active() == {BEN["email"]}
        known.write(ANNA, BEN)  # an old yes
        known.run()
        known.run("resync")
        assert known.active() == {BEN["email"]}
        assert SUBSCRIBER not in known.list()[ANNA["email"]].tags

    def test_and_gone_before_anything_was_sent(self, known: Program, gate: Gate) -> None:
        """More ends than one batch, of which the first fails: the others are not forgotten with what was read."""
        many = people(30, 2)
        known.config(target={"batch_size": 5, "concurrency": 1})
        known.write(ANNA, BEN, *many)
        known.counts()
        known.write(ANNA, BEN, *({**row, "subscribed": "opted_out"} for row in many))
        gate.always(UPSERT, refusal(403))
        assert known.failing().code == 6
        gate.meddle = None
        known.write(ANNA, BEN)
        known.run()
        assert known.active() == {ANNA["email"], BEN["email"]}

    def test_and_agreed_again_since(self, known: Program, gate: Gate) -> None:
        known.write(self.OUT, BEN)
        cut_off(known, gate)
        again = {**ANNA, "subscribed_at": "2026-12-24T00:00:00Z"}
        known.clock.passed += 40 * 86400
        known.write(again, BEN)
        known.run()
        assert known.active() == {ANNA["email"], BEN["email"]}

    def test_by_absence(self, whole: Program, gate: Gate) -> None:
        whole.write(ANNA, BEN)
        whole.counts()
        whole.write(BEN)
        cut_off(whole, gate)
        before = whole.state.traffic.writes
        whole.run()
        assert whole.state.traffic.writes == before
        assert whole.active() == {BEN["email"]}

    def test_by_another_address(self, known: Program, gate: Gate) -> None:
        moved = {**ANNA, "email": "anna@new.example"}
        known.write(moved, BEN)
        cut_off(known, gate, PUT)
        assert known.active() == {BEN["email"]}
        known.run()
        known.write(moved, BEN, {**ANNA, "source_id": "77"})  # an old yes of somebody else at the address she left
        known.run()
        assert known.active() == {"anna@new.example", BEN["email"]}
