"""Who has said something about the newsletter and says nothing any more: for the guard `consent_signal`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from cleverreach_sync.domain.merge import PersonFacts, SourceRecord
from cleverreach_sync.domain.model import RANK_LEFT, ConsentState, RecordFacts, Signal
from cleverreach_sync.domain.statements import states_something
from cleverreach_sync.run.context import Run
from cleverreach_sync.state.entries import read_body

FEWEST: Final = 3  # people; fewer may well have been deleted one by one


class Silent(NamedTuple):
    """Of a stream that was read completely: of how many people a statement was known, and how many have none now."""

    where: str
    before: int
    gone: int

    @property
    def allowed(self) -> int:
        """How many may have none now: half of them."""
        return self.before // 2


class Silence:
    """Notes, person by person, of whom a statement is gone from the streams that were read completely.

    Somebody whose rows are those of the last run says what they said then, so they are not looked at. A record that is
    found at another address has only moved.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._where = {
            reader.label: reader.source.location(reader.stream.name)
            for reader in run.readers
            if Signal.CONSENT in reader.stream.signals and run.complete.get(reader.label)
        }
        self._gone: dict[str, dict[bytes, frozenset[str]]] = {label: {} for label in self._where}
        self._came: dict[str, set[str]] = {label: set() for label in self._where}
        self._may_move = not run.ledger.is_empty()

    def note(self, key: bytes, before: PersonFacts, found: Sequence[SourceRecord]) -> None:
        """One person: what was known, and what this read brought."""
        if not self._where or not (before.records or self._may_move):
            return
        where = self._where
        had = [(old.stream, old.ident) for old in before.records if old.stream in where and _said(old)]
        has = [(item.stream, item.ident) for item in found if item.stream in where and _says(item)]
        if not (had or has):
            return
        for label, gone in self._gone.items():
            idents = frozenset(ident for stream, ident in had if stream == label)
            here = [ident for stream, ident in has if stream == label]
            if idents and not here:
                gone[key] = idents
            else:
                gone.pop(key, None)
                self._came[label].update(ident for ident in here if ident and ident not in idents)

    def worst(self) -> Silent | None:
        """The stream that lost most of what it said; None while it is not more than happens every day. Counts everybody
        of the ledger only where it has to."""
        found = [
            self._counted(label, gone)
            for label, people in self._gone.items()
            if (gone := sum(not _moved(idents, self._came[label]) for idents in people.values())) >= FEWEST
        ]
        return max(found, key=lambda silent: silent.gone - silent.allowed, default=None)

    def _counted(self, label: str, gone: int) -> Silent:
        before = 0
        for entry in self._run.ledger.walk():
            facts, _ = read_body(entry)
            before += any(old.stream == label and _said(old) for old in facts.records)
        return Silent(self._where[label], before, gone)


def _said(record: RecordFacts) -> bool:
    return record.rank != RANK_LEFT and states_something(record)


def _says(item: SourceRecord) -> bool:
    consent = item.record.consent
    return consent is not None and consent.state is not ConsentState.UNKNOWN


def _moved(idents: frozenset[str], came: set[str]) -> bool:
    return "" not in idents and idents <= came
