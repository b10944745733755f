"""The pipeline in its three phases: read, decide, write. The only place where all meet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, NamedTuple

from cleverreach_sync.clock import Clock, OutOfTime, Stop
from cleverreach_sync.config.schema import Config
from cleverreach_sync.domain.guards import Guard, are_allowed
from cleverreach_sync.errors import CrsyncError, GuardError, RejectedError, StateError, TemporaryError, as_crsync_error
from cleverreach_sync.messages import say, say_many
from cleverreach_sync.progress import Progress, Silent
from cleverreach_sync.run.context import Options, Run, RunRequest
from cleverreach_sync.run.decide.deciding import Decider, Summary
from cleverreach_sync.run.decide.moves import follow_moves
from cleverreach_sync.run.decide.run_guards import Numbers, People, clock_words, guards, people, refusal
from cleverreach_sync.run.finish import checkpoint
from cleverreach_sync.run.finish import rejects as rejected
from cleverreach_sync.run.finish.result import (
    Ending,
    Phase,
    document,
    failed,
    reading,
    refuses,
    where_failures_are_told,
)
from cleverreach_sync.run.plan import Step
from cleverreach_sync.run.prepare import state
from cleverreach_sync.run.prepare.setup import prepare
from cleverreach_sync.run.preview.rehearse import preview
from cleverreach_sync.run.read.reading import read
from cleverreach_sync.run.recheck import resolve_checks
from cleverreach_sync.run.write.writing import Writer
from cleverreach_sync.sources.interface import HandsOn
from cleverreach_sync.state import history, rejects
from cleverreach_sync.state.copies import sweep_copies
from cleverreach_sync.state.files import StateFolder, write_atomically
from cleverreach_sync.state.lock import held


class Finished(NamedTuple):
    """A run's result document, and the error that ended it, if one did."""

    document: dict[str, Any]
    error: CrsyncError | None


def run(config: Config, options: Options, progress: Progress, clock: Clock, stop: Stop, *, shown_path: str) -> Finished:
    """Runs `sync`, `resync` or `diff`. Raises what went wrong before anything was read; later errors come with the
    document of what was done until then."""
    request = RunRequest(config, options, progress, clock, stop, StateFolder(config.state_path), shown_path)
    if options.max_duration is not None:
        stop.deadline = clock.now() + options.max_duration
    with ExitStack() as stack:
        request.folder.refuse_links()
        sweep_copies(clock.wall())
        if not options.dry_run:
            request.folder.create(config.state_root)
            stack.enter_context(held(request.folder.lock, options.lock_timeout, clock.now, request.sleep))
            request.folder.sweep()
        began = clock.wall()
        try:
            return _Pipeline(prepare(request, stack)).all()
        except Exception as unknown:
            failure = as_crsync_error(unknown)
            # What failed before it read anything is in the history, too, unless the state is to be left as it is.
            if not options.dry_run and not isinstance(failure, StateError):
                with suppress(CrsyncError):
                    history.append(request.folder.history, failed(request, began, failure))
            if failure is unknown:
                raise
            raise failure from unknown


def note(config: Config, options: Options, clock: Clock, error: CrsyncError, *, shown_path: str) -> None:
    """Notes in the history that a run could not even begin, if no other one is under way and the state can be used."""
    stop, folder = Stop(), StateFolder(config.state_path)
    request = RunRequest(config, options, Silent(), clock, stop, folder, shown_path)
    with suppress(CrsyncError):
        folder.refuse_links()
        folder.create(config.state_root)
        with held(folder.lock, 0, clock.now, request.sleep):
            history.append(folder.history, failed(request, clock.wall(), error))


class _Pipeline:
    def __init__(self, started: Run) -> None:
        self._run = started
        self._request = started.request
        self._phases: list[Phase] = []
        self._guards: list[Guard] = []
        self._complete = False
        self._wrote = False

    def all(self) -> Finished:
        run, error = self._run, None
        try:
            self._three_phases()
        except OutOfTime:
            error = self._too_short()
        except Exception as unknown:  # noqa: BLE001 - whatever it was, it ends with a document of what was done
            failure = as_crsync_error(unknown)
            if not run.tally.rows and len(self._phases) <= 1:
                raise failure from failure.__cause__
            error = failure
        else:
            error = self._too_short() or self._hand_on()
        run.warnings.show()
        result = self._document(error)
        if not run.request.options.dry_run:
            try:
                history.append(self._request.folder.history, result)
            except StateError as failure:
                error = error or failure
                result = self._document(error)
        return Finished(result, error)

    def _too_short(self) -> CrsyncError | None:
        """The error of a run whose time was up before anything was written: the next one would get no further. Of one
        that wrote something the document says that it is not complete, and why."""
        run = self._run
        if self._complete or self._wrote or self._request.stop.reason != "max_duration":
            return None
        took = reading(self._phases, run.tally.rows, self._request.folder)
        return TemporaryError(
            say(
                "run.too_short_to_compare",
                "the time given for the run was up before anything was compared; {took}",
                took=took,
            )
            if run.request.options.dry_run
            else say(
                "run.too_short_to_write",
                "the time given for the run was up before anything was written; {took}",
                took=took,
            ),
            hint=say("run.raise_max_duration", "raise --max-duration: the next run starts reading again"),
        )

    def _hand_on(self) -> CrsyncError | None:
        """Tells whoever feeds the source where to go on, now that everything before that is confirmed."""
        source = self._run.source
        if not self._complete or self._request.options.dry_run or not isinstance(source, HandsOn):
            return None
        if (handed := source.to_hand_on) is not None:
            try:
                write_atomically(*handed)
            except StateError as error:
                return error
        return None

    def _document(self, error: CrsyncError | None) -> dict[str, Any]:
        return document(self._run, Ending(self._complete, self._phases, self._guards, error))

    def _three_phases(self) -> None:
        if not self._read():
            return
        summary = self._decide()
        if summary is None:
            return
        if self._request.options.dry_run:
            with self._timed("compare"):
                self._guard(summary)
                preview(self._run)
            self._complete = self._request.stop.reason is None
        else:
            self._guard(summary)
            held_back = self._admit()
            self._write(summary, hold_back_new=held_back is not None)
            if held_back is not None:
                raise held_back
        rejected = self._too_many_rejected()
        if rejected is None:
            return
        if refuses(self._request.options, self._guards, self._run.forced):  # that is graver
            self._request.progress.warn(rejected.message)
            return
        raise rejected

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        clock, tally = self._request.clock, self._run.tally
        began, before = clock.now(), tally.people
        phase = Phase(name)
        self._phases.append(phase)
        try:
            yield
        finally:
            phase.seconds = round(clock.now() - began, 3)
            phase.people = tally.rows if name == "read" else tally.people - before

    def _read(self) -> bool:
        try:
            return self._read_all()
        finally:  # what is left to do needs no shop, and takes long
            for reader in self._run.readers:
                reader.source.close()

    def _read_all(self) -> bool:
        run = self._run
        with self._timed("read"):
            if not read(run, self._cursors()):
                return False
        for reader in run.readers:
            for note in reader.source.warnings:
                run.request.progress.warn(note)
        self._go_by_the_servers_time()
        lacking = state.missing_consent(self._request.config, run.source)
        if lacking is not None:
            run.request.progress.warn(lacking)
        rejected.spool_rejects(run, self._request.config.limits.rejects_days)
        run.spool.commit()
        return True

    def _go_by_the_servers_time(self) -> None:
        """What happens without a date of its own is dated by it. The beginning of an interrupted run was before."""
        run = self._run
        ahead = run.ahead
        run.now += ahead + run.put_forward()
        if run.start.interrupted is None:
            run.began += ahead

    def _cursors(self) -> dict[str, str | None]:
        """Where each stream goes on; None: from its start."""
        run = self._run
        known = run.start.known
        before = known.cursors if known is not None and not run.start.full else {}
        from_start = {reader.label for reader in run.readers if reader.stream.full_read}
        if not run.ledger.knows_owners:  # written by a version that did not write down whose an order is
            from_start |= {reader.label for reader in run.readers if reader.stream.owners is not None}
        return {
            reader.label: None if reader.label in from_start else before.get(reader.label) for reader in run.readers
        }

    def _decide(self) -> Summary | None:
        run, consent = self._run, self._request.config.consent
        with self._timed("decide"):
            implied_by = run.readers[-1].label if consent is not None and consent.absent == "no" else None
            deciding = Decider(run, implied_by)
            decided = deciding.everybody(run.tally.rows or None)
            if decided:
                follow_moves(run, deciding)
        run.warnings.show()
        return deciding.summary() if decided else None

    def _guard(self, summary: Summary) -> None:
        """Evaluates the guards, alike in a dry run and in the run that follows it."""
        run, limits = self._run, self._request.config.limits
        if (words := clock_words(run.skew)) is not None:
            run.request.progress.warn(words)
        _, more_activates = resolve_checks(run) if run.spool.count(Step.CHECK) else (0, 0)
        size = self._size()
        counted = people(run, summary.activates + more_activates, size, limits)
        self._guards = guards(self._numbers(summary, counted, size), limits)

    def _admit(self) -> GuardError | None:
        """Raises the refusal of the guards; that of `max_created`, which holds back the new people only, is
        returned."""
        forced = self._run.forced
        error = refusal([guard for guard in self._guards if guard.name != "max_created"], forced)
        if error is not None:
            raise error
        return refusal([guard for guard in self._guards if guard.name == "max_created"], forced)

    def _size(self) -> int | None:
        run = self._run
        if run.recipient_list is None:
            return 0
        told = run.target.size()
        return None if told is None else max(told, run.ledger.in_list())

    def _numbers(self, summary: Summary, counted: People, size: int | None) -> Numbers:
        run = self._run
        known, url = run.start.known, run.source.url
        moved = None
        if known is not None and known.shop_url and url and known.shop_url != url:
            moved = say(
                "guard.shop_moved",
                "the shop's address changed from {before} to {now}",
                before=known.shop_url,
                now=url,
            )
        return Numbers(
            people=summary.people,
            people_before=known.full_people if known is not None else None,
            full=checkpoint.reads_everything(run),
            deactivated=counted.deactivated,
            activated=counted.activated,
            created=counted.created,
            size=size,
            lost=run.start.lost,
            first_run=run.start.first_run,
            tagged=0 if run.start.shared else run.start.tagged,
            moved=moved,
            silent=summary.silent,
            skew=run.skew,
            in_list_before=self._in_list_before() if not summary.people else None,
        )

    def _in_list_before(self) -> int | None:
        """How many special tags of the source the list carries, where nothing but it tells of earlier runs."""
        run = self._run
        if not run.request.options.against_list or run.recipient_list is None:
            return None
        return run.target.count_tagged(list(run.rules.own.by_kind.values()))

    def _write(self, summary: Summary, *, hold_back_new: bool) -> None:
        run, folder = self._run, self._request.folder
        keep = self._request.config.limits.keep_rejects
        begun = checkpoint.begin_writing(run)
        if run.recipient_list is None and run.spool.count(Step.NEW) and not hold_back_new:
            run.recipient_list = run.target.create_list()
            run.created_list = run.recipient_list.new
            begun = checkpoint.begin_writing(run)
        writing = Writer(run)
        complete = False
        try:
            with self._timed("write"):
                writing.all(hold_back_new=hold_back_new)
            complete = writing.complete
        finally:
            self._wrote = writing.wrote
            left = rejected.open_rejects(run, writing.rejected, writing.accepted, complete=complete, keep=keep)
            rejects.save(folder.rejects, left, keep=keep, generation=begun.generation)
        self._complete = complete
        if complete:
            checkpoint.end_complete(run, begun, summary.people)
        else:
            checkpoint.end_early(run, begun)

    def _too_many_rejected(self) -> RejectedError | None:
        tally = self._run.tally
        allowed = self._request.config.limits.max_rejected.of(tally.people)
        if not tally.failed or (allowed is not None and tally.failed <= allowed):
            return None
        who = say_many(
            "run.failed",
            "{number:,} person is invalid or was rejected",
            "{number:,} people are invalid or were rejected",
            tally.failed,
        )
        return RejectedError(
            say("run.too_many_failed", "{failed}, {allowed}", failed=who, allowed=are_allowed(allowed or 0)),
            hint=where_failures_are_told(tally),
        )
