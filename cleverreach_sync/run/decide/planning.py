"""Puts people who were decided into the plan of the run."""

from __future__ import annotations

from typing import Final

from cleverreach_sync.domain.fingerprints import Fingerprints
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.plan import Decided, Step, plan_row
from cleverreach_sync.state.plans import PlanRow

_BUFFER: Final = 1000


class Planning:
    """The plan on its way into the spool. `activates`: how many would become active."""

    def __init__(self, run: Run) -> None:
        self._spool = run.spool
        self._buffer: list[tuple[object, ...]] = []
        self._arrivals: list[tuple[bytes, bytes]] = []
        self.activates = 0

    def add(self, step: Step, decided: Decided, fingerprints: Fingerprints | None = None) -> None:
        """One person; with `fingerprints` a creation is made ready to be sent."""
        if step is Step.UPDATE:
            self.activates += decided.decision.activates
        self._buffer.append(plan_row(step, decided, fingerprints))
        if len(self._buffer) >= _BUFFER:
            self.flush()

    def arrive(self, arrivals: list[tuple[bytes, bytes]]) -> None:
        """IDs that are new at an address: (ident, key)."""
        self._arrivals += arrivals

    def forget_arrivals(self) -> None:
        """What is decided once more has arrived before."""
        self._arrivals = []

    def flush(self) -> None:
        """Hands all of it to the spool."""
        self._spool.plan(self._buffer)
        self._spool.arrive(self._arrivals)
        self._buffer, self._arrivals = [], []

    def take_back(self, key: bytes) -> PlanRow | None:
        """Takes somebody out of the plan, to be decided once more; None if they are not in it."""
        row = self._spool.planned_for(key)
        if row is not None:
            if row.step == Step.UPDATE:
                self.activates -= row.active
            self._spool.drop_planned(key)
        return row
