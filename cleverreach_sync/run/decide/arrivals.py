"""What this read brought at other addresses than before: whose ID it was, and the rows of both."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from cleverreach_sync.run.context import Run
from cleverreach_sync.run.decide.join import JoinedPerson
from cleverreach_sync.state.entries import Entry, split_idents
from cleverreach_sync.state.spool import RawRow

_ARRIVALS_AT_ONCE: Final = 100_000


def changed_addresses(run: Run) -> dict[bytes, dict[str, bytes]]:
    """The addresses of which something is at another one now: ident -> new address."""
    arrived = run.spool.arrived()
    gone: dict[bytes, dict[str, bytes]] = {}
    while part := dict(islice(arrived, _ARRIVALS_AT_ONCE)):
        for key, idents in run.ledger.idents():
            for ident in split_idents(idents):
                if part.get(ident, key) != key:
                    gone.setdefault(key, {})[ident.hex()] = part[ident]
    return gone


def rows_of(run: Run, keys: Sequence[bytes]) -> dict[bytes, list[RawRow]]:
    """What this read brought of some people."""
    rows: dict[bytes, list[RawRow]] = {}
    for row in run.spool.rows_of(keys):
        rows.setdefault(row.key, []).append(row)
    return rows


def leave_out_shared(run: Run, gone: dict[bytes, dict[str, bytes]], rows: dict[bytes, list[RawRow]]) -> None:
    """IDs that this read brought at an old address, too, are no identity: nothing is known to have moved."""
    shared = {
        ident
        for old, to in gone.items()
        for ident in {run.ident_of(row) for row in rows.get(old, ()) if not row.carried} & to.keys()
    }
    for old in list(gone):
        gone[old] = {ident: key for ident, key in gone[old].items() if ident not in shared}
        if not gone[old]:
            del gone[old]


def without_left(run: Run, rows: list[RawRow], gone: dict[str, bytes]) -> list[RawRow]:
    """The rows of an address, without what an earlier run left of somebody who has another address now."""
    left = {run.ident_of(row) for row in rows if row.carried and (row.ident in gone or row.owner in gone)}
    if not left:
        return rows
    reject = run.rejects.pop(rows[0].key.hex(), None)
    if reject is not None and (kept := tuple(fact for fact in reject.facts if fact.ident not in left)):
        run.rejects[reject.key] = reject._replace(facts=kept)
    return [row for row in rows if not row.carried or row.ident not in left]


def join_one(run: Run, key: bytes, rows: Sequence[RawRow], entry: Entry | None) -> JoinedPerson:
    """One person, as the join of everybody gives them."""
    return JoinedPerson(key, rows, entry, run.spool.suppression(key))
