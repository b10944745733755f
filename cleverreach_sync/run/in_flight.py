"""What became of the batches that were under way when the run before was cut off.

They are looked up in the list before anybody is decided, and recorded as they stand: whoever got in is known, even if
the shop has lost them since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cleverreach_sync.domain.consent import weigh
from cleverreach_sync.domain.decision import Case, Change, Decision, Outcome
from cleverreach_sync.domain.fingerprints import unknown_values
from cleverreach_sync.domain.memory import remember
from cleverreach_sync.domain.merge import PersonFacts
from cleverreach_sync.domain.model import (
    ENDED_ERASED,
    ENDED_MOVED,
    Consent,
    ConsentState,
    Kind,
    LastSynced,
    Person,
    Recipient,
    Status,
)
from cleverreach_sync.errors import CrsyncError
from cleverreach_sync.http.failures import NotCarriedOut, Refused
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.plan import OPEN, Step
from cleverreach_sync.run.recheck import batches
from cleverreach_sync.state.entries import (
    CONSENTS,
    Entry,
    body,
    facts_json,
    kinds_in,
    memory_tuple,
    read_body,
)
from cleverreach_sync.state.flights import Flight
from cleverreach_sync.state.plans import PlanRow

_ENDS = frozenset({Step.GONE, Step.END, Step.MOVED})


class Fate(NamedTuple):
    """What became of somebody. `made`: the write whose answer was lost brought them into the list. `remade`: it made
    them again under this ID after they were deleted."""

    entry: Entry | None = None
    made: bool = False
    remade: str | None = None


def flight(row: PlanRow, now: int) -> Flight:
    """Somebody of the plan, who is about to be written."""
    made = None if row.recipient_id is not None else row.created
    state, at, _, _, _, withdrew, _, after, _, erased = row.person
    return Flight(
        row.key,
        int(row.step),
        now,
        row.email,
        bool(row.active),
        None if made is None else made[4],
        row.kinds,
        ConsentState.OPTED_OUT.value if withdrew else state,
        None if withdrew else at,
        None if withdrew else after,
        erased,
        row.recipient_id,
        row.fingerprint if made is None else made[-1],
        row.idents,
        body(row.facts, row.memory),
    )


def look_up(run: Run) -> None:
    """Reads how those stand who were under way, for this run to decide on."""
    left = {each.key: each for people in run.ledger.flights().values() for each in people}
    if not left:
        return
    run.attempted = frozenset(left)
    settled: list[Entry] = []
    for each, recipient in _found(run, left.values()):
        fate = _fate(run, each, recipient)
        if fate.entry is not None:
            settled.append(fate.entry)
        if fate.made:
            run.made.add(each.key)
        if fate.remade is not None:
            run.remade.append((each, fate.remade))
    run.ledger.settle(settled)


def record(run: Run) -> CrsyncError | None:
    """Records what was looked up, and ends the mailing of those who were made again. Returns why that cannot be done of
    some: they stay under way, so that the next run tries again."""
    failed: CrsyncError | None = None
    left: list[Flight] = []
    for each, recipient_id in run.remade:
        try:
            run.target.end_mailings(recipient_id)
        except (NotCarriedOut, Refused) as failure:
            failed = failed or failure
            left.append(each)
    run.ledger.record_settled(left)
    return failed


def _found(run: Run, left: Iterable[Flight]) -> Iterator[tuple[Flight, Recipient]]:
    if run.recipient_list is None:
        return
    left = [each for each in left if each.body]
    for part in batches((each for each in left if each.email), run.batch_size):
        run.request.stop.check()
        read = run.target.read([each.email for each in part])
        by_address = {email: found for email, found in read.items() if found.email == email}  # not another's
        yield from ((each, by_address[each.email]) for each in part if each.email in by_address)
    for part in batches((each for each in left if not each.email and each.recipient_id), run.batch_size):
        run.request.stop.check()
        by_id = run.target.look_up([each.recipient_id for each in part if each.recipient_id])
        yield from ((each, by_id[each.recipient_id]) for each in part if each.recipient_id in by_id)


def _fate(run: Run, left: Flight, recipient: Recipient) -> Fate:
    facts, memory = read_body(Entry(left.key, b"", OPEN, 0, 0, left.recipient_id, left.fingerprint, b"", left.body))
    own = run.rules.own.among(recipient.tags)
    made_again = memory.transferred and memory.recipient_id != recipient.id
    if made_again and not (run.rules.include_deleted and left.step == Step.UPDATE):
        return Fate(remade=recipient.id) if own else Fate()
    if left.step in _ENDS:
        after = _after_end(run, left, memory, recipient, own)
    elif not memory.transferred and not own:
        return Fate()  # somebody else's: the write did not arrive
    else:
        after = _after_write(run, left, memory, recipient, own)
    if after is None:
        return Fate()
    due = left.step in _ENDS and after.ended is None
    made = made_again or left.step == Step.NEW
    return Fate(_entry(left, facts, after, due=due), made)


def _after_end(
    run: Run, left: Flight, memory: LastSynced, recipient: Recipient, own: frozenset[Kind]
) -> LastSynced | None:
    """After an end that may have been written; None where nothing has to be remembered but what is known."""
    arrived = recipient.status is run.rules.policy.ended and (left.step == Step.MOVED or Kind.SUBSCRIBER not in own)
    if left.erased and run.rules.delete_erased:
        return None  # still to be deleted
    if left.step == Step.MOVED:
        ended = memory._replace(status=recipient.status, ended=ENDED_MOVED, ended_at=left.at, stamps=None)
        return ended if arrived else None
    if arrived:
        return _remembered(run, left, memory, recipient, Outcome.DEACTIVATED)._replace(tags=own)
    if memory.transferred or not own or left.erased:
        return None
    return LastSynced(recipient.id, recipient.status, own)  # still to be ended, even if the shop loses them


def _after_write(run: Run, left: Flight, memory: LastSynced, recipient: Recipient, own: frozenset[Kind]) -> LastSynced:
    outcome = Outcome.CREATED if left.step == Step.NEW else Outcome.UPDATED
    after = _remembered(run, left, memory, recipient, outcome)
    # Who came in by a form, and has not confirmed yet, has another date of registration.
    ours = memory.transferred or (left.registered is not None and recipient.registered == left.registered)
    unmailed = recipient.status is run.rules.policy.unmailed
    return after._replace(tags=own, made_inactive=after.made_inactive and unmailed and ours)


def _remembered(run: Run, left: Flight, memory: LastSynced, recipient: Recipient, outcome: Outcome) -> LastSynced:
    """What is remembered as if the answer had come, but for the data, of which nobody knows whether it arrived, and for
    the stamps that the write left: somebody else may have had a hand in them since. Whose stamps are those of the write
    before was not reached by this one."""
    consent = Consent(CONSENTS[left.consent], left.consent_at, left.consent_after)
    shop = weigh(consent, memory)
    creates = outcome is Outcome.CREATED
    policy = run.rules.policy
    state = policy.mailed if left.active else policy.unmailed if creates else None
    change = Change(left.email, creates, recipient.id, state, None, None, (), (), {})
    activates = left.active and recipient.status is Status.SUBSCRIBED
    decision = Decision(outcome, ENDED_ERASED if left.erased else "", kinds_in(left.kinds), shop, change, activates)
    person = Person(left.email, {}, consent, None, None)
    after = remember(decision, Case(person, memory, recipient), recipient, run.rules, left.at)
    stamps = memory.stamps if recipient.stamps == memory.stamps else None
    return after._replace(fingerprint=unknown_values(left.fingerprint), run="", stamps=stamps)


def _entry(left: Flight, facts: PersonFacts, memory: LastSynced, *, due: bool) -> Entry:
    return Entry(
        left.key,
        b"",
        OPEN,
        left.kinds,
        int(due),
        memory.recipient_id,
        memory.fingerprint,
        left.idents,
        body(facts_json(facts), memory_tuple(memory)),
    )
