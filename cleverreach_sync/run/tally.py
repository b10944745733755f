"""What became of whom, counted. The counts always add up to the people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from cleverreach_sync.domain.decision import Decision, Outcome
from cleverreach_sync.domain.model import ConsentState, Kind, Status


class Tally:
    """The numbers of the result document."""

    def __init__(self) -> None:
        self.rows = 0
        self.outcomes: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.invalid: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.activation: Counter[str] = Counter()

    @property
    def people(self) -> int:
        return sum(self.outcomes.values())

    @property
    def failed(self) -> int:
        """The people that count against `limits.max_rejected`."""
        return self.outcomes[Outcome.INVALID] + self.outcomes[Outcome.REJECTED]

    def read(self, rows: int, unreadable: Mapping[str, int]) -> None:
        """Rows that were read; each without a usable address is a person of its own."""
        self.rows += rows
        self.invalid.update(unreadable)
        self.outcomes[Outcome.INVALID] += sum(unreadable.values())

    def take_back(self, outcome: str, reason: str, kinds: frozenset[Kind]) -> None:
        """Somebody to whom nothing was to be written, and who is to be counted again."""
        self.outcomes[outcome] -= 1
        if outcome == Outcome.SKIPPED:
            self.skipped[reason] -= 1
        elif outcome == Outcome.INVALID:
            self.invalid[reason] -= 1
        else:
            self.kinds.subtract(kinds)

    def unchanged(self, kinds: frozenset[Kind], number: int = 1) -> None:
        self.outcomes[Outcome.UNCHANGED] += number
        for kind in kinds:
            self.kinds[kind] += number

    def skip(self, reason: str, number: int = 1) -> None:
        self.outcomes[Outcome.SKIPPED] += number
        self.skipped[reason] += number

    def reject(self, reason: str) -> None:
        self.outcomes[Outcome.REJECTED] += 1
        self.rejected[reason] += 1

    def undone(self, without_consent: int | None) -> None:
        """Somebody whom this run had made active is so no more: somebody new (`without_consent` or not), or None for
        who was there."""
        if without_consent is None:
            self.activation["activated"] -= 1
            return
        self.activation["created_active"] -= 1
        self.activation["created_inactive"] += 1
        self.activation["without_consent"] -= without_consent

    def deactivate(self) -> None:
        self.outcomes[Outcome.DEACTIVATED] += 1

    def done(self, decision: Decision, consent: ConsentState) -> None:
        """One person whose decision was carried out, or would be."""
        if decision.outcome is Outcome.SKIPPED:
            self.skip(decision.reason)
        elif decision.outcome is Outcome.INVALID:
            self.outcomes[Outcome.INVALID] += 1
            self.invalid[decision.reason] += 1
        elif decision.outcome is Outcome.REJECTED:
            self.reject(decision.reason)
        elif decision.outcome is Outcome.DEACTIVATED:
            self.deactivate()
        else:
            self.outcomes[decision.outcome] += 1
            for kind in decision.kinds:
                self.kinds[kind] += 1
            self._activation(decision, consent)

    def _activation(self, decision: Decision, consent: ConsentState) -> None:
        if decision.outcome is Outcome.CREATED and decision.change is not None:
            if decision.change.status is Status.SUBSCRIBED:
                self.activation["created_active"] += 1
                if consent is not ConsentState.YES:
                    self.activation["without_consent"] += 1
            else:
                self.activation["created_inactive"] += 1
        elif decision.activates:
            self.activation["activated"] += 1

    def counts(self) -> dict[str, int]:
        return {
            "rows": self.rows,
            "people": self.people,
            **{outcome.value: self.outcomes[outcome] for outcome in Outcome},
        }

    def documents(self) -> dict[str, dict[str, int]]:
        """The parts of the result document that are numbers by name."""
        return {
            "counts": self.counts(),
            "skipped": {str(name): number for name, number in self.skipped.items() if number},
            "invalid": {name: number for name, number in self.invalid.items() if number},
            "rejected": dict(self.rejected),
            "kinds": {kind.value: self.kinds[kind] for kind in Kind},
            "activation": {
                name: self.activation[name]
                for name in ("created_active", "created_inactive", "activated", "without_consent")
            },
        }
