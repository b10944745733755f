"""The walk of phase 2: spool and ledger side by side, once, in the order of the hash (a merge join)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cleverreach_sync.run.context import Run
from cleverreach_sync.state.entries import Entry
from cleverreach_sync.state.spool import NOTE_ONLY, RawRow


class JoinedPerson(NamedTuple):
    """One person on the walk: their rows of this read, their entry, what the account says about the address.
    `still_mailed`: the account mails them although they are blacklisted."""

    key: bytes
    rows: Sequence[RawRow]
    entry: Entry | None
    blacklisted: bool
    unsubscribed_at: int
    still_mailed: bool = False


def meet(run: Run, *, absent_too: bool) -> Iterator[JoinedPerson]:
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
        listed, at = (left[1], left[2]) if left is not None and left[0] == key else (0, 0)
        if entry is not None and entry[0] == key:
            yield JoinedPerson(key, group, entry, listed < 0, at, listed == NOTE_ONLY)
            entry = next(entries, None)
        else:
            yield JoinedPerson(key, group, None, listed < 0, at, listed == NOTE_ONLY)
    while absent_too and entry is not None:
        while left is not None and left[0] < entry[0]:
            left = next(suppressed, None)
        yield _absent(entry, left)
        entry = next(entries, None)


def _absent(entry: Entry, left: tuple[bytes, int, int] | None) -> JoinedPerson:
    listed = left[1] if left is not None and left[0] == entry[0] else 0
    return JoinedPerson(entry[0], (), entry, listed < 0, 0, listed == NOTE_ONLY)
