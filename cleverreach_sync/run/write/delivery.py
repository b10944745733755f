"""One batch on its way to the target: read, decide again, write, check row by row; repeat or split where needed.

Runs in worker threads; touches neither ledger nor spool.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

from cleverreach_sync.domain.decision import WHOLE, Change, Decision, Outcome, Part
from cleverreach_sync.domain.memory import end_waits, remember, settle, unconfirmed
from cleverreach_sync.domain.model import ConsentState, LastSynced, Recipient, SkipReason, Status
from cleverreach_sync.errors import CrsyncError
from cleverreach_sync.http.failures import NotCarriedOut, Refused, TryAgain
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.plan import OPEN, UNCHANGED, Step, absent, entry, outcome_to_keep
from cleverreach_sync.run.recheck import Rechecked, decided, recipients_of
from cleverreach_sync.run.write.batch import Batch, Result, Split
from cleverreach_sync.run.write.unseen import end_unseen
from cleverreach_sync.state.entries import Entry
from cleverreach_sync.state.plans import PlanRow
from cleverreach_sync.targets.interface import AMBIGUOUS, NOT_CONFIRMED, STILL_ACTIVE, RowAnswer, Verdict

OLDEST_READING: Final = 60.0
_TIMEOUTS_WHOLE: Final = 2
_TOO_LARGE: Final = 413
_ENDS: Final = frozenset({Step.END, Step.GONE, Step.MOVED})


class BatchSender:
    """Delivers batches. Thread-safe."""

    def __init__(self, run: Run, write_slots: threading.Semaphore) -> None:
        self._run = run
        self._slots = write_slots
        self._lock = threading.Lock()
        self.batch_size = run.batch_size
        self._echoes_registered = False
        self.put_off: CrsyncError | None = None  # ends the run when all others are through

    def deliver(self, batch: Batch) -> list[Result]:
        """Everybody of the batch with what became of them. Raises the errors that end a run."""
        results = self._delivered(batch)
        # No tag and no data field may stand in the way of an end.
        refused = [one.row for one in results if one.decision.outcome is Outcome.REJECTED and one.row.kinds]
        if batch.step is not Step.END or not refused:
            return results
        keys = {row.key for row in refused}
        settled = [one for one in results if one.row.key not in keys]
        batch.answered = list(settled)  # of the others nothing is certain yet, should this fail, too
        again = batch.part(refused)
        again.end_only = True
        return settled + self._delivered(again)

    def _delivered(self, batch: Batch) -> list[Result]:
        try:
            return self._run.retries(lambda: self._attempt(batch))
        except Split:
            return self._halves(batch, too_large=True)
        except Refused as refusal:
            if len(batch.rows) > 1:
                return self._halves(batch, too_large=refusal.status == _TOO_LARGE)
            return [self._rejected(batch.rows[0], batch, f"refused_{refusal.status}")]

    def _halves(self, batch: Batch, *, too_large: bool) -> list[Result]:
        middle = (len(batch.rows) + 1) // 2
        if too_large:  # a bad row says nothing about the size of further batches
            with self._lock:
                self.batch_size = min(self.batch_size, middle)
        results: list[Result] = []
        for rows in (batch.rows[:middle], batch.rows[middle:]):
            results += self._delivered(batch.part(rows))
        return results

    def _attempt(self, batch: Batch) -> list[Result]:
        seen = self._decide(batch)
        answers = self._delete(seen)
        changes = _to_write(seen)
        if changes:
            target = self._run.target
            delivery = target.deliver(changes)  # made ready while nobody waits for a slot
            try:
                with self._slots:
                    if self._too_old(batch):
                        seen = self._decide(batch)
                        changes = _to_write(seen)
                        delivery = target.deliver(changes)
                    self._run.request.stop.check()
                    answers |= dict(delivery) if changes else {}
            except TryAgain as failure:
                self._failed(batch, failure)
                raise
            except Refused:
                batch.found = None
                raise
        results = self._results(batch, seen, answers)
        batch.answered += results
        return results

    def _delete(self, seen: Sequence[Rechecked]) -> dict[str, RowAnswer]:
        """Deletes whose data were erased in the shop, as read just now, one by one."""
        answers: dict[str, RowAnswer] = {}
        for one in seen:
            change, recipient = one.decision.change, one.case.recipient
            if change is not None and change.status is Status.ABSENT and recipient is not None:
                with self._slots:
                    self._run.request.stop.check()
                    answers[change.email] = self._deleted(recipient)
        return answers

    def _deleted(self, recipient: Recipient) -> RowAnswer:
        try:
            self._run.target.erase(recipient.id)
        except (NotCarriedOut, Refused) as failure:  # no reason not to write to the others
            self.put_off = self.put_off or failure
            return RowAnswer(Verdict.LATER, reason=NOT_CONFIRMED)
        return RowAnswer(Verdict.ACCEPTED, recipient._replace(status=Status.ABSENT))

    def _failed(self, batch: Batch, failure: TryAgain) -> None:
        if failure.ambiguous:
            batch.attempted = True
            batch.before = {key: found.id for key, found in (batch.found or {}).items()} | batch.before
        batch.found = None
        batch.fresh = False
        if failure.timed_out:
            batch.timeouts += 1
            if batch.timeouts >= _TIMEOUTS_WHOLE and len(batch.rows) > 1:
                raise Split from failure

    def _too_old(self, batch: Batch) -> bool:
        if batch.found is None or self._run.request.clock.now() - batch.read_at <= OLDEST_READING:
            return False
        batch.found = None
        return True

    def _decide(self, batch: Batch) -> list[Rechecked]:
        """Everybody of the batch against the list as read just now; only the first attempt into a list that this run
        created needs no reading."""
        run = self._run
        if run.created_list and batch.fresh and batch.step is Step.NEW:
            return [decided(run, row, None) for row in batch.rows]
        if batch.found is None or self._too_old(batch):
            batch.read_at = run.request.clock.now()
            batch.found = recipients_of(run, batch.rows)
        return [self._seen(batch, row, batch.found.get(row.key)) for row in batch.rows]

    def _seen(self, batch: Batch, row: PlanRow, recipient: Recipient | None) -> Rechecked:
        attempted = batch.attempted or row.key in self._run.attempted
        one = decided(self._run, row, recipient, end_only=batch.end_only, attempted=attempted)
        if recipient is None or one.decision.change is None or one.by_id or not self._remade(batch, one, recipient):
            return one
        try:
            self._run.target.end_mailings(recipient.id)
        except (NotCarriedOut, Refused) as failure:
            self.put_off = self.put_off or failure
            return one._replace(decision=one.decision.instead(Outcome.REJECTED, STILL_ACTIVE))
        decision = one.decision.instead(Outcome.SKIPPED, SkipReason.DELETED)
        return one._replace(case=one.case._replace(recipient=None), decision=decision)

    def _remade(self, batch: Batch, one: Rechecked, recipient: Recipient) -> bool:
        """Whether they were deleted, and made again under another ID by a write whose answer was lost: earlier in this
        process, or in one that died."""
        before = batch.before.get(one.row.key)
        if before is not None:
            return before != recipient.id
        memory = one.case.memory
        return (
            one.row.key in self._run.attempted
            and memory.transferred
            and memory.recipient_id != recipient.id
            and bool(self._run.rules.own.among(recipient.tags))
        )

    def _results(self, batch: Batch, seen: Sequence[Rechecked], answers: dict[str, RowAnswer]) -> list[Result]:
        self._learn(seen, answers)
        results = []
        for one in seen:
            change = one.decision.change
            if one.by_id:
                results.append(self._ended_by_id(batch, one))
            elif one.decision.outcome is Outcome.REJECTED:
                results.append(self._rejected(one.row, batch, one.decision.reason, one)._replace(sent=False))
            elif change is None:
                results.append(self._at_rest(batch, one))
            else:
                results.append(self._answered(batch, one, change, answers[change.email]))
        return results

    def _learn(self, seen: Sequence[Rechecked], answers: dict[str, RowAnswer]) -> None:
        """Whether the target gives back the registration date it was sent: then another one tells that somebody was
        there already."""
        if self._echoes_registered:
            return
        for one in seen:
            change = one.decision.change
            if change is not None and change.creates and change.registered:
                answer = answers[change.email].recipient
                if answer is not None and answer.registered == change.registered:
                    self._echoes_registered = True
                    return

    def _at_rest(self, batch: Batch, one: Rechecked) -> Result:
        """Nothing was written: unchanged after all, or skipped."""
        case, decision, run = one.case, one.decision, self._run
        try:
            ended = end_unseen(run, case, batch.step) if one.case.recipient is None else None
        except (NotCarriedOut, Refused):
            return self._rejected(one.row, batch, STILL_ACTIVE, one)
        if ended is not None:
            return Result(one.row, case, ended[0], entry(one.row, ended[1], OPEN, ended[0].kinds), sent=True)
        memory = settle(decision, case.person, absent(one.case.recipient, case.memory), run.now)
        if decision.outcome is Outcome.INVALID:
            return Result(one.row, case, decision, None, sent=False)
        due = end_waits(case.person.consent.state, memory)
        kept = entry(one.row, memory, outcome_to_keep(decision, memory), decision.kinds, due=due)
        return Result(one.row, case, decision, kept, sent=False)

    def _ended_by_id(self, batch: Batch, one: Rechecked) -> Result:
        """The end of a consent that no row with an address can bring: the list would take it for another's."""
        case, run, decision, own = one.case, self._run, one.decision, one.case.recipient
        memory = case.memory
        if own is not None:
            try:
                run.target.end_mailings(own.id)
            except (NotCarriedOut, Refused):
                return self._rejected(one.row, batch, STILL_ACTIVE, one)
            inactive = own._replace(status=run.rules.policy.ended, stamps=None)
            memory = remember(decision, case, inactive, run.rules, run.now)
        return Result(one.row, case, decision, entry(one.row, memory, OPEN, decision.kinds), sent=True)

    def _answered(self, batch: Batch, one: Rechecked, change: Change, answer: RowAnswer) -> Result:
        case, run, decision = one.case, self._run, one.decision
        confirmed = answer.recipient
        if answer.reason == AMBIGUOUS and confirmed is not None and change.status is run.rules.policy.mailed:
            # They came into the list between reading and writing; whether they want to be mailed nobody knows here.
            run.target.end_mailings(confirmed.id)
        whole = answer.confirmed == WHOLE
        if confirmed is None or answer.verdict is not Verdict.ACCEPTED or not (whole or _will_do(decision, answer)):
            return self._rejected(one.row, batch, answer.reason or NOT_CONFIRMED, one)
        if not change.creates and confirmed.id != change.recipient_id:
            return self._made_again(one, confirmed)
        if change.creates and self._was_there(change, confirmed):
            confirmed, decision = self._met_a_form(one, change, confirmed)
        memory = remember(decision, case, confirmed, run.rules, run.now)
        if not whole:
            memory = unconfirmed(memory, case.memory, confirmed, answer.confirmed, run.rules)
        if self._made_before(batch, one):
            decision = decision._replace(
                outcome=Outcome.CREATED, activates=False, change=_as_created(change, confirmed)
            )
            woken_at = run.now if confirmed.status is Status.SUBSCRIBED else None
            made = confirmed.status is run.rules.policy.unmailed and _made_unmailed(one, confirmed, memory)
            memory = memory._replace(made_inactive=made, woken_at=woken_at)
        elif decision.outcome is Outcome.CREATED and _is_active(change) is not _is_active(confirmed):
            decision = decision._replace(change=_as_created(change, confirmed))
        elif decision.activates and confirmed.status is not Status.SUBSCRIBED:
            decision = decision._replace(activates=False)
        kept = UNCHANGED if whole and decision.kinds and decision.outcome is not Outcome.DEACTIVATED else OPEN
        return Result(one.row, case, decision, entry(one.row, memory, kept, decision.kinds), sent=True)

    def _made_before(self, batch: Batch, one: Rechecked) -> bool:
        """Whether an earlier attempt of this run, whose answer was lost, created the recipient that was found now."""
        if one.decision.outcome is not Outcome.UPDATED or one.case.recipient is None:
            return False
        if one.case.memory.transferred:
            return one.row.key in self._run.made
        tried = batch.attempted or one.row.key in self._run.attempted
        return tried and bool(self._run.rules.own.among(one.case.recipient.tags))

    def _made_again(self, one: Rechecked, confirmed: Recipient) -> Result:
        """They were deleted between reading and writing, and the write made them again: undone at once."""
        case, run = one.case, self._run
        run.target.end_mailings(confirmed.id)
        decision = one.decision.instead(Outcome.SKIPPED, SkipReason.DELETED)
        memory = settle(decision, case.person, absent(None, case.memory), run.now)
        if not memory.transferred:
            memory = memory._replace(recipient_id=one.case.recipient.id if one.case.recipient else confirmed.id)
        kept = entry(one.row, memory, OPEN, decision.kinds)
        return Result(one.row, case, decision, kept, sent=True)

    def _was_there(self, change: Change, confirmed: Recipient) -> bool:
        return bool(
            self._echoes_registered
            and change.registered
            and confirmed.registered
            and confirmed.registered != change.registered
        )

    def _met_a_form(self, one: Rechecked, change: Change, confirmed: Recipient) -> tuple[Recipient, Decision]:
        """Somebody came into the list between reading and writing, by a form. Without a consent of the shop they are
        left as a form leaves people until they confirm: unmailed."""
        decision = one.decision._replace(outcome=Outcome.UPDATED, activates=False)
        if change.status is self._run.rules.policy.mailed and one.case.person.consent.state is not ConsentState.YES:
            self._run.target.end_mailings(confirmed.id)
            confirmed = confirmed._replace(status=self._run.rules.policy.ended)
        return confirmed, decision._replace(
            change=change._replace(creates=False, recipient_id=confirmed.id, status=None)
        )

    def _rejected(self, row: PlanRow, batch: Batch, reason: str, one: Rechecked | None = None) -> Result:
        if one is None:
            one = decided(self._run, row, (batch.found or {}).get(row.key))
        case = one.case
        decision = one.decision.instead(Outcome.REJECTED, reason)
        due = batch.step in _ENDS
        kept: Entry | None = entry(one.row, case.memory, OPEN, decision.kinds, due=due)
        if case.person.erased and self._run.rules.delete_erased:
            kept = None  # as long as all is remembered of them, the next run sees again that they are to be deleted
        return Result(one.row, case, decision, kept, sent=True)


def _to_write(seen: Sequence[Rechecked]) -> list[Change]:
    changes = (one.decision.change for one in seen if not one.by_id)
    return [change for change in changes if change is not None and change.status is not Status.ABSENT]


def _made_unmailed(one: Rechecked, confirmed: Recipient, memory: LastSynced) -> bool:
    """Whether somebody whom a lost answer was about gets no mailings because crsync created them so. Who came in by a
    form, and has not confirmed yet, has another date of registration."""
    if one.case.memory.transferred or one.row.created is None:
        return memory.made_inactive
    _, _, active, _, registered, *_ = one.row.created
    return not active and confirmed.registered == registered


def _will_do(decision: Decision, answer: RowAnswer) -> bool:
    """Whether an answer confirms what matters: the status, and with an end of consent the tags that go with it."""
    needed = Part.STATUS | Part.TAGS if decision.outcome is Outcome.DEACTIVATED else Part.STATUS
    return needed in answer.confirmed


def _is_active(side: Change | Recipient) -> bool:
    return side.status is Status.SUBSCRIBED


def _as_created(change: Change, confirmed: Recipient) -> Change:
    return change._replace(creates=True, status=confirmed.status)
