"""Keeps away, at their new address, who had left the old one."""

from __future__ import annotations

from typing import Final

from cleverreach_sync.domain.decision import Outcome
from cleverreach_sync.domain.identity import is_no_reason, parted
from cleverreach_sync.domain.model import ENDED_MOVED, ENDED_NO, NOTHING, LastSynced, Recipient, SkipReason, Status
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.decide.addresses import Addresses, Departure, facts_of
from cleverreach_sync.run.plan import OPEN, UNCHANGED, Step, remembered
from cleverreach_sync.state.entries import memory_tuple
from cleverreach_sync.state.plans import PlanRow

_MAY_STILL_COME: Final = frozenset({Step.NEW, Step.CHECK})
_GONE: Final = frozenset({Status.ABSENT, Status.ARCHIVED})
_NOT_MAILED: Final = _GONE | {Status.NOT_SUBSCRIBED, Status.PENDING}
_MAILED: Final = frozenset({UNCHANGED, Outcome.UPDATED.value})


class Bars:
    """Bars new addresses. `by_customers`: the addresses that a customer left."""

    def __init__(self, run: Run, addresses: Addresses, by_customers: set[bytes]) -> None:
        self._run = run
        self._addresses = addresses
        self._by_customers = by_customers

    def bar(self, move: Departure, new: bytes, reason: SkipReason, ended_at: int) -> None:
        """Skips the new address, in this run and later, until a consent later than `ended_at`, even if another reason
        counts first for now."""
        run, addresses = self._run, self._addresses
        row = run.spool.planned_for(new)
        addresses.known(new)
        known = addresses.memories[new]
        if not known.transferred or known.ended is not None:  # for a run after one that dies; for somebody invalid
            addresses.memories[new] = _left_before(known, reason, ended_at)
        if row is None:
            return
        before = remembered(row)
        memory = _left_before(before, reason, ended_at)
        if row.outcome in _MAILED and self._is_taken_over(move, row):
            addresses.take_back(new)
            addresses.ended |= {new, move.entry.key}  # should this run die before the end, it is to be seen again
            ended = row._replace(step=int(Step.MOVED), email="", seq=0, memory=memory_tuple(memory), fields=None)
            run.spool.plan([ended._replace(counted=None)])
            return
        if before.transferred and before.ended is None:
            self._leave_as_is(new, reason, ended_at)
            return
        if row.recipient_id is not None:  # inactive, and to go on from there
            run.spool.drop_planned(new)
            run.spool.plan([row._replace(memory=memory_tuple(memory))])
            return
        if row.step not in (*_MAY_STILL_COME, Step.RECORD):
            return
        run.spool.drop_planned(new)
        if row.step in _MAY_STILL_COME:
            run.tally.skip(reason)
            row = row._replace(counted=(Outcome.SKIPPED.value, reason.value))
        row = row._replace(step=int(Step.RECORD), outcome=OPEN, memory=memory_tuple(memory), fields=None, created=None)
        run.spool.plan([row])

    def _leave_as_is(self, new: bytes, reason: SkipReason, ended_at: int) -> None:
        """Somebody who is in the list for a reason of their own stays there, and gets nothing of whoever came."""
        addresses = self._addresses
        before = addresses.decided.get(new) or addresses.joined(new)
        known = addresses.memories[new]
        addresses.memories[new] = known._replace(left_before=reason, ended_at=max(ended_at, known.ended_at or 0))
        addresses.decide_again(before)

    def _is_taken_over(self, move: Departure, row: PlanRow) -> bool:
        """Whether the recipient at a new address was that of customers who have left it in this read, too, and nobody
        has the address now but those who had left theirs."""
        addresses = self._addresses
        if row.key not in addresses.decided or row.key not in self._by_customers:
            return False
        memory = remembered(row)
        if not memory.transferred or memory.ended is not None or memory.status is not Status.SUBSCRIBED:
            return False
        others, _ = parted(facts_of(row), {ident for ident, key in move.to.items() if key == row.key})
        brought = {self._run.ident_of(each) for each in addresses.rows[row.key]}
        there = any(each.ident in brought and not is_no_reason(each, others) for each in others.records)
        return not there and not others.orders and addresses.is_empty(others)


def why_left(run: Run, move: Departure, recipient: Recipient | None) -> SkipReason | None:
    """Why the old address had left; None if it had not."""
    memory = move.memory
    suppressed = run.spool.suppression(move.entry.key)
    if suppressed.blacklisted or (recipient is not None and run.blocked.match(recipient.email)):
        return SkipReason.BLACKLISTED
    if memory.left_before is not None:
        return memory.left_before
    status = Status.ABSENT if recipient is None else recipient.status
    by_crsync = memory.ended is not None and status is run.rules.policy.ended
    if status is Status.UNSUBSCRIBED and not by_crsync:
        return SkipReason.UNSUBSCRIBED
    if suppressed.unsubscribed_at is not None and status in _NOT_MAILED:
        return SkipReason.UNSUBSCRIBED
    if memory.transferred and status in _GONE:
        return SkipReason.DELETED
    if memory.ended is not None and memory.ended != ENDED_MOVED:
        return SkipReason.OPTED_OUT
    return None


def _left_before(memory: LastSynced, reason: SkipReason, ended_at: int) -> LastSynced:
    known = memory if memory is not NOTHING else LastSynced()
    return known._replace(
        left_before=reason, ended=known.ended or ENDED_NO, ended_at=max(ended_at, known.ended_at or 0)
    )
