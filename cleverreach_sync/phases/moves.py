"""Customers who have another address now: the old recipient's mailing ends, and who had left stays away."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from cleverreach_sync.consent import Shop
from cleverreach_sync.merge import Facts
from cleverreach_sync.model import (
    ENDED_MOVED,
    ENDED_NO,
    NOTHING,
    Consent,
    ConsentState,
    Memory,
    Person,
    Recipient,
    RecipientState,
)
from cleverreach_sync.phases.decide import split_idents
from cleverreach_sync.phases.planned import OPEN, Class, candidate, plan_row
from cleverreach_sync.phases.run import Run
from cleverreach_sync.plan import Outcome, Plan
from cleverreach_sync.state.ledger import memory_tuple, read_body
from cleverreach_sync.state.spool import BLACKLISTED

_ARRIVALS_AT_ONCE: Final = 100_000
_MAY_STILL_COME: Final = frozenset({Class.NEW, Class.CHECK})


class Move(NamedTuple):
    """A customer whose record was at `old` before and is at `new` now. `facts` are the old address's without it.
    `certain`: no other record has the old address."""

    old: bytes
    new: bytes
    memory: Memory
    facts: Facts
    certain: bool


def follow_moves(run: Run) -> int:
    """Plans the ends of old addresses, and bars new ones whose old one had left. Returns the number of ends."""
    arrived = run.spool.arrived()
    ends = 0
    while part := dict(islice(arrived, _ARRIVALS_AT_ONCE)):
        moves = list(_moves(run, part))
        for start in range(0, len(moves), run.batch_size):
            ends += _settle(run, moves[start : start + run.batch_size])
    run.spool.commit()
    return ends


def _moves(run: Run, arrived: dict[bytes, bytes]) -> Iterator[Move]:
    for old, moved in _left_behind(run, arrived):
        entry = run.ledger.entries([old])[old]
        facts, memory = read_body(entry)
        gone = {ident.hex() for ident in moved}
        kept = tuple(record for record in facts.records if record.ident not in gone)
        certain = all(run.complete.get(record.stream, False) for record in kept)
        yield Move(old, next(iter(moved.values())), memory, facts._replace(records=kept), certain)


def _left_behind(run: Run, arrived: dict[bytes, bytes]) -> Iterator[tuple[bytes, dict[bytes, bytes]]]:
    """The addresses this read brought nothing of, whose customer IDs are at another one now: ID -> new address. IDs
    that yet another address has are no identity."""
    left: dict[bytes, list[bytes]] = {}
    shared: set[bytes] = set()
    for key, idents in run.ledger.idents():
        moved = [ident for ident in split_idents(idents) if arrived.get(ident, key) != key]
        if not moved:
            continue
        if run.spool.holds(key):
            shared.update(ident for ident in moved if _still_has(run, key, ident))
        else:
            left[key] = moved
    for key, moved in left.items():
        known = {ident: arrived[ident] for ident in moved if ident not in shared}
        if known:
            yield key, known


def _still_has(run: Run, key: bytes, ident: bytes) -> bool:
    row = run.spool.planned_for(key)
    return row is None or ident in split_idents(row.idents)


def _settle(run: Run, moves: list[Move]) -> int:
    ids = [move.memory.receiver_id for move in moves if move.memory.receiver_id is not None]
    found = run.target.read_ids(ids) if ids and run.list_exists else {}
    ends = 0
    for move in moves:
        recipient = found.get(move.memory.receiver_id or "")
        reason = _left(run, move, recipient)
        if reason is not None:
            _bar(run, move, reason)
        if not move.certain:
            continue
        standing = recipient is not None and recipient.state in (RecipientState.ACTIVE, RecipientState.INACTIVE)
        ending = standing and move.memory.ended is None
        ends += ending
        person = Person("", {}, Consent(ConsentState.UNKNOWN), None, None)
        plan = Plan(
            Outcome.DEACTIVATED if ending else Outcome.SKIPPED,
            ENDED_MOVED if ending else OPEN,
            frozenset(),
            Shop.UNKNOWN,
        )
        run.spool.drop_planned(move.old)
        class_ = Class.MOVED if ending else Class.RECORD
        run.spool.plan([plan_row(class_, 0, move.old, person, plan, move.memory, move.facts, b"", None)])
    return ends


def _left(run: Run, move: Move, recipient: Recipient | None) -> str | None:
    """Why the old address had left; None if it had not."""
    memory = move.memory
    suppressed = run.spool.suppressed_at(move.old)
    if suppressed == BLACKLISTED or (recipient is not None and run.blocked.match(recipient.email)):
        return "blacklisted"
    if memory.barred is not None:
        return memory.barred
    if recipient is not None and recipient.state is RecipientState.UNSUBSCRIBED:
        return "unsubscribed_in_target"
    if suppressed is not None and recipient is None:
        return "unsubscribed_in_target"
    if memory.transferred and recipient is None:
        return "deleted_in_target"
    if memory.ended is not None and memory.ended != ENDED_MOVED:
        return "opted_out"
    return None


def _bar(run: Run, move: Move, reason: str) -> None:
    """Skips the new address, in this run and later, even if another reason counts first for now."""
    row = run.spool.planned_for(move.new)
    if row is None or row.receiver_id is not None or row.class_ not in (*_MAY_STILL_COME, Class.RECORD):
        return
    who = candidate(row)
    memory = who.memory if who.memory is not NOTHING else Memory()
    memory = memory._replace(barred=reason, ended=memory.ended or ENDED_NO, ended_at=run.now)
    run.spool.drop_planned(move.new)
    if row.class_ in _MAY_STILL_COME:
        run.tally.skip(reason)
    run.spool.plan(
        [row._replace(class_=int(Class.RECORD), outcome=OPEN, memory=memory_tuple(memory), fields=None, created=None)]
    )
