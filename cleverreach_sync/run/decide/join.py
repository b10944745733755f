"""The join of phase 2: spool and ledger side by side, once, in the order of the hash (a merge join)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cleverreach_sync.domain.decision import NOT_SUPPRESSED, Suppression
from cleverreach_sync.run.context import Run
from cleverreach_sync.state.entries import Entry
from cleverreach_sync.state.spool import RawRow


class JoinedPerson(NamedTuple):
    """One person: their rows of this read, their entry, and what the account says about the address."""

    key: bytes
    rows: Sequence[RawRow]
    entry: Entry | None
    suppressed: Suppression = NOT_SUPPRESSED


def join(run: Run, *, absent_too: bool) -> Iterator[JoinedPerson]:
    """The merge join. People of the ledger of whom this read brought nothing come along only with `absent_too`."""
    entries = run.ledger.walk()
    suppressed = run.spool.suppressed()
    rows = run.spool.rows()
    entry = next(entries, None)
    left = next(suppressed, None)
    row = next(rows, None)
    while row is not None:
        key = row[0]
        group = [row]
        row = next(rows, None)
        while row is not None and row[0] == key:
            group.append(row)
            row = next(rows, None)
        while entry is not None and entry[0] < key:
            if absent_too:
                while left is not None and left[0] < entry[0]:
                    left = next(suppressed, None)
                yield _absent(entry, left)
            entry = next(entries, None)
        while left is not None and left[0] < key:
            left = next(suppressed, None)
        known = left[1] if left is not None and left[0] == key else NOT_SUPPRESSED
        if entry is not None and entry[0] == key:
            yield JoinedPerson(key, group, entry, known)
            entry = next(entries, None)
        else:
            yield JoinedPerson(key, group, None, known)
    while absent_too and entry is not None:
        while left is not None and left[0] < entry[0]:
            left = next(suppressed, None)
        yield _absent(entry, left)
        entry = next(entries, None)


def _absent(entry: Entry, left: tuple[bytes, Suppression] | None) -> JoinedPerson:
    """Somebody of whom this read brought nothing."""
    return JoinedPerson(entry[0], (), entry, left[1] if left is not None and left[0] == entry[0] else NOT_SUPPRESSED)
