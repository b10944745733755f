"""Reads how people stand in the list without writing: for the guards before a run, and for a dry run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

from cleverreach_sync.clock import OutOfTime
from cleverreach_sync.domain.comparison import has_effect
from cleverreach_sync.domain.decide import decide
from cleverreach_sync.domain.decision import Case, Decision, Outcome, Suppression
from cleverreach_sync.domain.memory import as_it_stands, settle
from cleverreach_sync.domain.model import Kind, Recipient, SkipReason
from cleverreach_sync.domain.standing import adopted, remembered_recipient
from cleverreach_sync.messages import say
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.plan import OPEN, Step, case_of, created, outcome_to_keep, pack
from cleverreach_sync.state.entries import kind_bits, memory_tuple
from cleverreach_sync.state.plans import PlanRow
from cleverreach_sync.targets.interface import AMBIGUOUS

T = TypeVar("T")
_BUFFER = 1000


class Rechecked(NamedTuple):
    """Somebody as they stand, and what is to happen to them. `by_id`: their address is taken for another's, so that
    only the ID tells who is meant."""

    row: PlanRow
    case: Case
    decision: Decision
    by_id: bool = False


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part


def recipients_of(run: Run, rows: Sequence[PlanRow]) -> dict[bytes, Recipient]:
    """The recipients of a batch by the person's key, read by address, or by ID where only that is known."""
    if run.recipient_list is None:
        return {}
    ids = [row.recipient_id for row in rows if not row.email and row.recipient_id]
    emails = [row.email for row in rows if row.email]
    known = run.target.look_up(ids) if ids else {}
    for row in rows:  # what one answer about many lacks must not be the end of the matter
        ident = row.recipient_id
        if not row.email and ident and ident not in known and row.step in (Step.GONE, Step.END, Step.CHECK):
            found_alone = run.target.look_up_one(ident)
            known = known if found_alone is None else {**known, ident: found_alone}
    found = run.target.read(emails) if emails else {}
    there = {row.key: found[row.email] for row in rows if row.email in found}
    there |= _by_id(run, [row for row in rows if row.step == Step.END and row.email and row.key not in there])
    return there | {row.key: known[row.recipient_id] for row in rows if not row.email and row.recipient_id in known}


def _by_id(run: Run, rows: Sequence[PlanRow]) -> dict[bytes, Recipient]:
    """Whose consent ended and who is not found by their address, looked up by their ID: one answer that lacks them must
    not be the end of the matter."""
    ids = [row.recipient_id for row in rows if row.recipient_id]
    known = run.target.look_up(ids) if ids else {}
    found = ((row, known.get(row.recipient_id or "")) for row in rows)
    return {row.key: each for row, each in found if each is not None and each.email == row.email}


def decided(
    run: Run, row: PlanRow, recipient: Recipient | None, *, end_only: bool = False, attempted: bool = False
) -> Rechecked:
    """The decision about one row, against the recipient as read. `end_only`: an end of consent brings nothing else
    along. `attempted`: a write may have been carried out without an answer."""
    left_at = run.departed.get(row.key) if run.departed else None
    if left_at is not None and not row.still_mailed:
        row = row._replace(unsubscribed_at=max(row.unsubscribed_at or 0, left_at), created=None)
    decision = created(row, run.rules.policy) if recipient is None else None
    if decision is not None:
        return Rechecked(row, case_of(row, None, filled=False), decision)
    case = case_of(row, recipient)
    if row.email and recipient is not None and recipient.email != row.email:
        return _taken_for_another(run, row, case)
    if not row.email and recipient is not None:
        suppressed = Suppression(blacklisted=True) if run.blocked.match(recipient.email) else case.suppressed
        case = case._replace(person=case.person._replace(email=recipient.email), suppressed=suppressed)
    if run.request.options.against_list and recipient is not None:
        return Rechecked(row, case, against_list(run, case, recipient))
    rules = run.rules._replace(end_only=True) if end_only else run.rules
    if not row.email:  # of whom this read brought nothing: nobody is made again, or sent anew
        rules = rules._replace(resend=False, include_deleted=False)
    decision = decide(case, rules, run.now)
    if recipient is not None and not (attempted or rules.resend) and _is_there(decision, recipient, run):
        decision = as_it_stands(decision, case, recipient, rules, run.now)
    return Rechecked(row, case, decision)


def _is_there(decision: Decision, recipient: Recipient, run: Run) -> bool:
    """Whether an update would change nothing. Of somebody asleep whom crsync knows this is no matter: whether they
    may become active some day depends on how its own last write left them."""
    change = decision.change
    if change is None or decision.outcome is not Outcome.UPDATED:
        return False
    known = recipient.status not in run.rules.policy.asleep or decision.adopted is not None
    return known and not has_effect(change, recipient, run.rules.fields.types)


def _taken_for_another(run: Run, row: PlanRow, case: Case) -> Rechecked:
    """Somebody whose address the list takes for that of somebody else: nothing is written to either. The end of a
    consent goes to the recipient that crsync itself had put there."""
    own = remembered_recipient(case.person.email, case.memory, run.rules)
    case = case._replace(recipient=own)
    decision = decide(case, run.rules._replace(end_only=True), run.now)
    if decision.outcome is Outcome.DEACTIVATED:
        by_id = decision.change is not None and decision.change.status is run.rules.policy.ended
        return Rechecked(row, case, decision, by_id)
    if decision.change is not None:
        decision = decision.instead(Outcome.REJECTED, AMBIGUOUS)
    return Rechecked(row, case, decision)


def recheck(run: Run, step: Step) -> Iterator[Rechecked]:
    """Everybody of a step, as they stand. Raises OutOfTime when the run's time is up."""
    for rows in batches(run.spool.planned(step), run.batch_size):
        if run.request.stop.asked(run.request.clock.now()):
            run.request.stop.check()
            raise OutOfTime(say("run.time_up", "the time given for the run is up"))
        found = recipients_of(run, rows)
        for row in rows:
            yield decided(run, row, found.get(row.key))


def resolve_checks(run: Run) -> tuple[int, int]:
    """Reads those of whom only the list can tell what is to happen, and puts them where they belong. Returns the ends
    of consent and the activations among them."""
    target = {
        Outcome.DEACTIVATED: Step.END,
        Outcome.UPDATED: Step.UPDATE,
        Outcome.CREATED: Step.NEW,
        Outcome.REJECTED: Step.NEW,  # as the reading before the write will find out, too
    }
    ends = activates = 0
    rows: list[PlanRow] = []
    for each in recheck(run, Step.CHECK):
        decision, case = each.decision, each.case
        step = target.get(decision.outcome, Step.RECORD)
        ends += step is Step.END
        activates += decision.activates and step is Step.UPDATE
        row = each.row._replace(step=int(step), outcome=decision.outcome.value, kinds=kind_bits(decision.kinds))
        if row.fields is None and decision.values is not None:
            row = row._replace(fields=pack(decision.values))
        if step is Step.RECORD:
            if row.email:  # the others are nobody of this read
                run.tally.done(decision, case.person.consent.state)
            ends_later = case.suppressed.blacklisted and not row.email and not case.person.erased
            if ends_later or (decision.outcome is Outcome.INVALID and not case.person.withdrew):
                continue  # decided once more by the next run, of what was known before
            if decision.outcome is Outcome.INVALID:  # likewise, but that they withdrew is known
                rows.append(row._replace(outcome=OPEN, fields=None, created=None))
                continue
            memory = settle(decision, case.person, case.memory, run.now)
            row = row._replace(
                outcome=outcome_to_keep(decision, memory), memory=memory_tuple(memory), recipient_id=memory.recipient_id
            )
        rows.append(row)
        if len(rows) >= _BUFFER:
            run.spool.plan(rows)
            rows.clear()
    run.spool.plan(rows)
    run.spool.drop_step(Step.CHECK)
    return ends, activates


def count_new(run: Run) -> int:
    """How many are not in the list."""
    return sum(each.decision.outcome is Outcome.CREATED for each in recheck(run, Step.NEW))


def count_ends(run: Run) -> int:
    """Of how many the list shows that their consent is still to be ended. Those who moved were looked up before."""
    ends = (each for step in (Step.GONE, Step.END) for each in recheck(run, step))
    return run.spool.count(Step.MOVED) + sum(each.decision.outcome is Outcome.DEACTIVATED for each in ends)


def count_activations(run: Run) -> int:
    """How many the list shows to be inactive who would become active."""
    return sum(
        each.decision.activates for each in recheck(run, Step.UPDATE) if each.decision.outcome is Outcome.UPDATED
    )


def against_list(run: Run, case: Case, recipient: Recipient) -> Decision:
    """What is to happen to somebody of whom nothing is known but the list: an own special tag means transferred, and
    what is there already, value by value, needs no update. Whoever is asleep counts as ended, unless they carry the
    Subscriber tag, which an end takes away."""
    own, types, memory = run.rules.own, run.rules.fields.types, case.memory
    carried = own.among(recipient.tags)
    if carried:
        memory = adopted(memory, recipient, carried, run.rules.policy)
        if Kind.SUBSCRIBER in carried:
            memory = memory._replace(ended=None, ended_at=None)
    decision = decide(case._replace(memory=memory), run.rules, run.now)
    change = decision.change
    if change is None:
        return decision
    if decision.outcome in (Outcome.UPDATED, Outcome.DEACTIVATED) and decision.values is not None:
        change = change._replace(attributes=_besides(decision.values, recipient, run))
    if has_effect(change, recipient, types):
        return decision._replace(change=change)
    if decision.outcome is Outcome.DEACTIVATED:
        return decision._replace(outcome=Outcome.SKIPPED, reason=SkipReason.OPTED_OUT, change=None)
    return decision._replace(outcome=Outcome.UNCHANGED, reason="", change=None, activates=False)


def _besides(values: Mapping[str, str], recipient: Recipient, run: Run) -> dict[str, str]:
    """The data fields to send to somebody of whom the list alone tells what they were sent: an empty value clears what
    is there."""
    there = recipient.attributes
    return run.rules.fields.zeroed({name: value for name, value in values.items() if value or there.get(name)})
