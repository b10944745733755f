"""Some people of the plan who are written together, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cleverreach_sync.domain.decision import Case, Decision
from cleverreach_sync.domain.model import Recipient
from cleverreach_sync.run.plan import Step
from cleverreach_sync.state.entries import Entry
from cleverreach_sync.state.plans import PlanRow


@dataclass(slots=True)
class Batch:
    """Some people of one step. `fresh`: nobody has tried to write it yet; `attempted`: a write may have been carried
    out without an answer; `before`: the recipient IDs as read before such a write. `end_only`: ends of consent
    bring nothing else along. `answered`: what became of some of its people, should it fail after a split."""

    number: int
    step: Step
    rows: Sequence[PlanRow]
    fresh: bool = True
    attempted: bool = False
    timeouts: int = 0
    found: dict[bytes, Recipient] | None = None
    before: dict[bytes, str] = field(default_factory=dict)
    read_at: float = field(default=0.0)
    end_only: bool = False
    answered: list[Result] = field(default_factory=list)

    def part(self, rows: Sequence[PlanRow]) -> Batch:
        """Some of its people, to be tried once more."""
        again = Batch(self.number, self.step, rows, False, self.attempted, before=self.before, end_only=self.end_only)
        again.answered = self.answered
        return again


class Result(NamedTuple):
    """What became of one person. `case` as it was read, `decision` as it was carried out; `sent`: a row about them was
    in a write request."""

    row: PlanRow
    case: Case
    decision: Decision
    entry: Entry | None
    sent: bool


class Split(Exception):
    """The batch is to be tried in halves."""
