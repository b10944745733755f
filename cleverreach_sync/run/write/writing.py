"""Phase 3: ends of consent first, then updates, then new people. Reading, writing and recording overlap.

Worker threads read a batch's addresses, decide and write; one thread feeds them and records what was confirmed, one
commit a batch. No more than `concurrency` write requests run at the same time.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from itertools import islice
from typing import Final

from cleverreach_sync.domain.address import folded
from cleverreach_sync.domain.decision import Outcome
from cleverreach_sync.domain.model import ENDED_MOVED, ConsentState, Status
from cleverreach_sync.errors import CrsyncError, RejectedError
from cleverreach_sync.http.failures import NotCarriedOut, Refused
from cleverreach_sync.http.threads import Workers
from cleverreach_sync.messages import say
from cleverreach_sync.run import in_flight
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.departures import catch_up, record_departed, undo
from cleverreach_sync.run.plan import Step, entry, remembered, still_due, stored
from cleverreach_sync.run.recheck import batches
from cleverreach_sync.run.write.batch import Batch, Result
from cleverreach_sync.run.write.delivery import BatchSender
from cleverreach_sync.state.entries import Entry
from cleverreach_sync.state.plans import PlanRow
from cleverreach_sync.targets.interface import UNCERTAIN

_RECORDED_AT_ONCE: Final = 2000
_REFUSED_BATCHES: Final = 3
_POLL_SECONDS: Final = 0.5
_REST_SECONDS: Final = 15.0  # whoever hangs longer than that is looked up by the next run


class Writer:
    """Carries out the plan of a run. `rejected` are the keys and reasons of those the target did not take; `wrote`:
    something was sent."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.rejected: dict[bytes, tuple[str, str]] = {}
        self.accepted: set[bytes] = set()
        self._delivery = BatchSender(run, threading.BoundedSemaphore(run.concurrency))
        self._number = 0
        self._sent = 0
        self._batches_answered = 0
        self._done = 0
        self._woken = False
        self._put_off: CrsyncError | None = None
        self.complete = True
        self.wrote = False

    def all(self, *, hold_back_new: bool) -> None:
        """Writes everything. Raises what ends a run early; whatever was confirmed until then is recorded."""
        run = self._run
        steps = [Step.GONE, Step.END, Step.UPDATE] + ([] if hold_back_new else [Step.NEW])
        total = sum(run.spool.count(step) for step in (Step.MOVED, *steps))
        run.request.progress.begin("write", total)
        failed = in_flight.record(run)
        record_departed(run)
        self._hand_over()
        self._record_ends()
        self._moved()
        if self._put_off is None:
            self._record_decided()
        else:  # who has a new address must not be recorded there: the next run would not see where they were before
            steps = [Step.GONE, Step.END]
        pool = Workers(2 * run.concurrency, "write")
        pending: dict[Future[list[Result]], Batch] = {}
        try:
            for step in steps:
                if step is Step.NEW and run.spool.count(step):
                    catch_up(run)
                self._step(step, pool, pending)
                self._drain(pending, 0)  # ends are through before the first update is sent
        except BaseException:
            run.stop_waiting()
            self._collect_rest(pending)
            raise
        finally:
            pool.close()
        if (
            self._woken or run.resumed
        ) and run.request.stop.reason != "max_duration":  # then the next run goes on with it
            failed = undo(run) or failed
        if (failure := self._put_off or self._delivery.put_off or failed) is not None:
            raise failure
        run.request.progress.end()
        if hold_back_new and run.spool.count(Step.NEW):
            self.complete = False

    def _record_decided(self) -> None:
        """What is to be remembered of those to whom nothing is written."""
        run = self._run
        for rows in batches(run.spool.planned(Step.RECORD), _RECORDED_AT_ONCE):
            run.ledger.record([stored(row) for row in rows])
            run.ledger.commit()
            run.request.stop.check()

    def _hand_over(self) -> None:
        """What came along to another address is there before anything of it leaves the old one."""
        run = self._run
        for entries in batches(run.spool.handed_over(), _RECORDED_AT_ONCE):
            run.ledger.record([Entry._make(each) for each in entries])
        run.ledger.commit()

    def _record_ends(self) -> None:
        """Whose consent ended is known before anything is written: should this run be cut off, the shop may have lost
        them by the next one. What it erased it shows again, to those of whom all is still remembered."""
        run = self._run
        for step in (Step.GONE, Step.END):
            rows = (row for row in run.spool.planned(step) if row.recipient_id is not None and not row.person[-1])
            for part in batches(rows, _RECORDED_AT_ONCE):
                run.ledger.record([still_due(row) for row in part])
        run.ledger.commit()

    def _moved(self) -> None:
        run = self._run
        for rows in batches(run.spool.planned(Step.MOVED), run.batch_size):
            number = self._next_number()
            run.ledger.take_off(number, (in_flight.flight(row, run.now) for row in rows))
            left = []
            for row in rows:
                run.request.stop.check()
                if not self._made_inactive(row):
                    left.append(row)
                    continue
                self.wrote = True
                memory = remembered(row)._replace(status=run.rules.policy.ended, ended=ENDED_MOVED, ended_at=run.now)
                run.ledger.record([entry(row, memory, "", frozenset())])
                run.ledger.commit()
                run.tally.deactivate()
            if left:
                run.ledger.still_under_way(number, (in_flight.flight(row, run.now) for row in left))
            else:
                run.ledger.landed(number)
            run.ledger.commit()

    def _made_inactive(self, row: PlanRow) -> bool:
        """Ends the mailing of one old address. One that the list does not end is no reason to go on mailing others,
        whose consent ended; after these it ends the run."""
        try:
            self._run.target.end_mailings(row.recipient_id or "")
        except (NotCarriedOut, Refused) as failure:
            self._put_off = self._put_off or failure
            return False
        return True

    def _step(self, step: Step, pool: Workers, pending: dict[Future[list[Result]], Batch]) -> None:
        rows = self._run.spool.planned(step)
        if step is not Step.NEW:
            self._feed(step, rows, pool, pending)
            return
        accented: list[PlanRow] = []
        self._feed(step, _plain(rows, accented), pool, pending)
        self._accented(accented, pool, pending)

    def _accented(self, rows: list[PlanRow], pool: Workers, pending: dict[Future[list[Result]], Batch]) -> None:
        """New people whose address a list may take for another's come one after the other, when all others are there to
        be found by the reading before the write."""
        while rows and self.complete:
            self._drain(pending, 0)
            alike = {folded(row.email): row for row in reversed(rows)}
            rows = [row for row in rows if alike[folded(row.email)] is not row]
            self._feed(Step.NEW, iter(alike.values()), pool, pending, fresh=False)

    def _feed(
        self,
        step: Step,
        rows: Iterator[PlanRow],
        pool: Workers,
        pending: dict[Future[list[Result]], Batch],
        *,
        fresh: bool = True,
    ) -> None:
        run = self._run
        counted = step in (Step.UPDATE, Step.NEW)
        while True:
            if run.request.stop.asked(run.request.clock.now()):
                run.request.stop.check()
                self.complete = False
                return
            first = next(rows, None)
            if first is None:
                return
            size = self._room(pending) if counted else self._delivery.batch_size
            if size <= 0:
                run.request.stop.reason = "limit"
                self.complete = False
                return
            part = [first, *islice(rows, size - 1)]
            self._submit(Batch(self._next_number(), step, part, fresh), pool, pending)
            self._drain(pending, 2 * run.concurrency)

    def _room(self, pending: dict[Future[list[Result]], Batch]) -> int:
        """How many people may be in the next batch; with a limit nobody is sent before it is clear that they are
        within it."""
        run = self._run
        limit = run.request.options.limit
        if limit is None:
            return self._delivery.batch_size
        while True:
            left = limit - self._sent - sum(len(batch.rows) for batch in pending.values())
            if left > 0 or not pending:
                break
            self._drain(pending, len(pending) - 1)
        if left <= 0:
            return 0
        return min(self._delivery.batch_size, left)

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _submit(self, batch: Batch, pool: Workers, pending: dict[Future[list[Result]], Batch]) -> None:
        run = self._run
        run.ledger.take_off(batch.number, (in_flight.flight(row, run.now) for row in batch.rows))
        pending[pool.submit(partial(self._delivery.deliver, batch))] = batch

    def _drain(self, pending: dict[Future[list[Result]], Batch], most: int) -> None:
        """Records finished batches until no more than `most` are under way."""
        while pending and len(pending) > most:
            finished, _ = wait(pending, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in finished:
                batch = pending.pop(future)
                try:
                    results = future.result()
                except Exception:
                    self._record(batch, batch.answered, last=True)
                    raise
                self._record(batch, results)

    def _collect_rest(self, pending: dict[Future[list[Result]], Batch]) -> None:
        """After an error: whatever the others under way confirm is still recorded."""
        for future in pending:
            future.cancel()
        ended, _ = wait(pending, timeout=_REST_SECONDS)
        for future, batch in pending.items():
            if future.cancelled() or future not in ended:
                continue
            try:
                results = future.result()
            except Exception:  # noqa: BLE001 - the first error is the one that is reported
                self._record(batch, batch.answered, last=True)
                continue
            self._record(batch, results, last=True)

    def _record(self, batch: Batch, results: list[Result], *, last: bool = False) -> None:
        """One commit a batch: who was confirmed, and who is no longer under way."""
        run = self._run
        run.ledger.record([result.entry for result in results if result.entry is not None])
        self._land(batch, results)
        run.ledger.commit()
        woken = [(result.row.key, _without_consent(result)) for result in results if _is_woken(result)]
        run.spool.wake(woken)
        self._woken = self._woken or bool(woken)
        verdicts: Counter[bool] = Counter()
        for result in results:
            key = result.row.key
            self.wrote = self.wrote or result.sent
            if result.decision.outcome is Outcome.REJECTED:
                verdicts[False] += result.sent
                run.tally.reject(result.decision.reason)
                self.rejected[key] = (result.case.person.email, result.decision.reason)
            else:
                if result.sent:
                    verdicts[True] += 1
                if key.hex() in run.rejects:
                    self.accepted.add(key)
                run.tally.done(result.decision, result.case.person.consent.state)
            if result.sent and batch.step in (Step.UPDATE, Step.NEW):
                self._sent += 1
        self._done += len(results)
        run.request.progress.advance(self._done)
        if not last:
            self._notice_refusals(verdicts)

    def _land(self, batch: Batch, results: list[Result]) -> None:
        """Who is not among the results, or of whom the answer said nothing, may have been written all the same: the
        next run looks them up first."""
        run = self._run
        # Ends are repeated until confirmed; whom the next run takes for deleted must not be ended as made again by it.
        as_told = batch.step not in (Step.UPDATE, Step.NEW) or run.rules.include_deleted
        certain = {result.row.key for result in results if as_told or result.decision.reason not in UNCERTAIN}
        left = [row for row in batch.rows if row.key not in certain]
        if not left:
            run.ledger.landed(batch.number)
        elif results:
            run.ledger.still_under_way(batch.number, (in_flight.flight(row, run.now) for row in left))

    def _notice_refusals(self, verdicts: Counter[bool]) -> None:
        """A target that refuses the first batches row for row will not like the rest any better."""
        if not verdicts[True] and not verdicts[False]:
            return
        self._batches_answered += 1
        if verdicts[True]:
            self._batches_answered = _REFUSED_BATCHES + 1
        elif self._batches_answered == _REFUSED_BATCHES:
            raise RejectedError(
                say("run.all_refused", "every row of the first three batches was refused; the rest is not sent"),
                hint=say(
                    "run.check_fields_and_list",
                    "`crsync status` lists who was refused and why; check the data fields and the list",
                ),
            )


def _plain(rows: Iterator[PlanRow], accented: list[PlanRow]) -> Iterator[PlanRow]:
    """The rows whose address no list takes for another's; the rest is put aside."""
    for row in rows:
        if row.email.isascii():
            yield row
        else:
            accented.append(row)


def _is_woken(result: Result) -> bool:
    """Whether this run has made somebody active."""
    decision = result.decision
    if not result.sent or decision.change is None:
        return False
    return decision.activates or (decision.outcome is Outcome.CREATED and decision.change.status is Status.SUBSCRIBED)


def _without_consent(result: Result) -> bool | None:
    if result.decision.outcome is not Outcome.CREATED:
        return None
    return result.case.person.consent.state is not ConsentState.YES
