"""The plan of a run in its spool: who was decided, and how. Kept in parcels of people, which cost a fraction of rows.

Only the process that made a plan reads it.
"""

from __future__ import annotations

import marshal
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

_PARCEL: Final = 250
TABLE: Final = """
create table plan (
  step integer not null, number integer not null, first blob not null, last blob not null, people blob not null);
"""


class PlanRow(NamedTuple):
    """One decided person. `step` is the order of writing, `seq` the order of the source; `fields` are the data field
    values (the filled ones as JSON, the names of the empty ones), `person` and `memory` who they are and what was
    agreed as plain tuples (None: nothing), `unsubscribed_at` when they did so elsewhere, `still_mailed` whether the
    target mails them although they are blacklisted, `created` how they are created if they are not in the list,
    `by_other_transfer` whether another transfer had put them there, `counted` the outcome and reason by which they were
    counted already. Values of built-in types only."""

    step: int
    seq: int
    key: bytes
    email: str
    outcome: str
    kinds: int
    active: int
    person: tuple[Any, ...]
    fields: tuple[bytes, tuple[str, ...]] | None
    memory: tuple[Any, ...] | None
    recipient_id: str | None
    fingerprint: bytes
    facts: bytes
    seen: bytes
    idents: bytes
    unsubscribed_at: int | None
    still_mailed: bool
    created: tuple[Any, ...] | None
    by_other_transfer: bool
    counted: tuple[str, str] | None


class Plans:
    """The plan's part of a spool."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self._open: defaultdict[int, list[Sequence[Any]]] = defaultdict(list)

    def plan(self, rows: Iterable[Sequence[Any]]) -> None:
        """Rows in the form of PlanRow."""
        parcels = self._open
        for row in rows:
            parcel = parcels[row[0]]
            parcel.append(row)
            if len(parcel) == _PARCEL:
                self._close_parcel(row[0])

    def _close_parcel(self, step: int) -> None:
        parcel = self._open.pop(step)
        self._db.execute("insert into plan values (?, ?, ?, ?, ?)", (step, *_packed(parcel)))

    def planned(self, step: int) -> Iterator[PlanRow]:
        """The people of one step, in the order they were decided, which is that of the ledger."""
        self.close_parcels()
        make = PlanRow._make
        for (people,) in self._db.execute("select people from plan where step = ? order by rowid", (step,)):
            yield from map(make, marshal.loads(people))  # noqa: S302 - what this process packed

    def close_parcels(self) -> None:
        """Puts everybody into the table."""
        for step in list(self._open):
            self._close_parcel(step)

    def count(self, step: int) -> int:
        self.close_parcels()
        return int(self._db.execute("select total(number) from plan where step = ?", (step,)).fetchone()[0])

    def drop_step(self, step: int) -> None:
        self.close_parcels()
        self._db.execute("delete from plan where step = ?", (step,))

    def planned_for(self, key: bytes) -> PlanRow | None:
        """The plan of one person; for the few that have to be looked up."""
        for _, people in self._parcels_with(key):
            for row in people:
                if row[2] == key:
                    return PlanRow._make(row)
        return None

    def drop_planned(self, key: bytes) -> None:
        """Forgets the plan of one person."""
        for rowid, people in self._parcels_with(key):
            kept = [row for row in people if row[2] != key]
            if kept:
                packed = (*_packed(kept), rowid)
                self._db.execute("update plan set number = ?, first = ?, last = ?, people = ? where rowid = ?", packed)
            else:
                self._db.execute("delete from plan where rowid = ?", (rowid,))

    def _parcels_with(self, key: bytes) -> list[tuple[int, list[tuple[Any, ...]]]]:
        self.close_parcels()
        found = self._db.execute("select rowid, people from plan where ? between first and last", (key,)).fetchall()
        return [(rowid, marshal.loads(people)) for rowid, people in found]  # noqa: S302 - what this process packed


def _packed(parcel: Sequence[Sequence[Any]]) -> tuple[int, bytes, bytes, bytes]:
    keys = [row[2] for row in parcel]
    return len(parcel), min(keys), max(keys), marshal.dumps([tuple(row) for row in parcel])
