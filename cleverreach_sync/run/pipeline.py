"""The pipeline in its three phases: read, decide, write. The only place where all meet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, NamedTuple

from cleverreach_sync.clock import Clock, OutOfTime, Stop
from cleverreach_sync.config.schema import Config
from cleverreach_sync.domain.guards import Guard
from cleverreach_sync.errors import CrsyncError, GuardError, RejectedError, StateError, TemporaryError, as_crsync_error
from cleverreach_sync.progress import Progress, Silent
from cleverreach_sync.run.context import Options, Run
from cleverreach_sync.run.decide.deciding import Decider, Summary
from cleverreach_sync.run.decide.moves import follow_moves
from cleverreach_sync.run.decide.run_guards import Numbers, People, clock_words, guards, people, refusal
from cleverreach_sync.run.finish import checkpoint
from cleverreach_sync.run.finish import rejects as rejected
from cleverreach_sync.run.finish.result import Phase, document, failed, reading, refuses
from cleverreach_sync.run.plan import Step
from cleverreach_sync.run.prepare import state
from cleverreach_sync.run.prepare.connect import RunRequest
from cleverreach_sync.run.prepare.setup import Prepared, prepare
from cleverreach_sync.run.preview.rehearse import preview
from cleverreach_sync.run.read.reading import read
from cleverreach_sync.run.recheck import resolve_checks
from cleverreach_sync.run.write.writing import Writer
from cleverreach_sync.state import history, rejects
from cleverreach_sync.state.copies import sweep_copies
from cleverreach_sync.state.files import StateFolder
from cleverreach_sync.state.lock import held


class Finished(NamedTuple):
    """A run's result document, and the error that ended it, if one did."""

    document: dict[str, Any]
    error: CrsyncError | None


def run(config: Config, options: Options, progress: Progress, clock: Clock, stop: Stop, *, shown_path: str) -> Finished:
    """Runs `sync`, `resync` or `diff`. Raises what went wrong before anything was read; later errors come with the
    document of what was done until then."""
    call = RunRequest(config, options, progress, clock, stop, StateFolder(config.state_path), shown_path)
    if options.max_duration is not None:
        stop.deadline = clock.now() + options.max_duration
    with ExitStack() as stack:
        call.folder.refuse_links()
        sweep_copies(clock.wall())
        if not options.dry_run:
            call.folder.create(config.state_root)
            stack.enter_context(held(call.folder.lock, options.lock_timeout, clock.now, call.sleep))
            call.folder.sweep()
        began = clock.wall()
        try:
            setting, started = prepare(call, stack)
            return _Pipeline(setting, started).all()
        except Exception as unknown:
            failure = as_crsync_error(unknown)
            # What failed before it read anything is in the history, too, unless the state is to be left as it is.
            if not options.dry_run and not isinstance(failure, StateError):
                with suppress(CrsyncError):
                    history.append(call.folder.history, failed(call, began, failure))
            if failure is unknown:
                raise
            raise failure from unknown


def note(config: Config, options: Options, clock: Clock, error: CrsyncError, *, shown_path: str) -> None:
    """Notes in the history that a run could not even begin, if no other one is under way and the state can be used."""
    stop, folder = Stop(), StateFolder(config.state_path)
    call = RunRequest(config, options, Silent(), clock, stop, folder, shown_path)
    with suppress(CrsyncError):
        folder.refuse_links()
        folder.create(config.state_root)
        with held(folder.lock, 0, clock.now, call.sleep):
            history.append(folder.history, failed(call, clock.wall(), error))


class _Pipeline:
    def __init__(self, setting: Prepared, started: Run) -> None:
        self._setting = setting
        self._call = setting.call
        self._run = started
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
            error = self._too_short()
        run.warnings.show()
        result = self._document(error)
        if not run.options.dry_run:
            try:
                history.append(self._call.folder.history, result)
            except StateError as failure:
                error = error or failure
                result = self._document(error)
        return Finished(result, error)

    def _too_short(self) -> CrsyncError | None:
        """The error of a run whose time was up before anything was written: the next one would get no further. Of one
        that wrote something the document says that it is not complete, and why."""
        run = self._run
        if self._complete or self._wrote or self._call.stop.reason != "max_duration":
            return None
        what = "compared" if run.options.dry_run else "written"
        took = reading(self._phases, run.tally.rows, self._call.folder)
        return TemporaryError(
            f"the time given for the run was up before anything was {what}; {took}",
            hint="raise --max-duration: the next run starts reading again",
        )

    def _document(self, error: CrsyncError | None) -> dict[str, Any]:
        return document(
            self._setting, self._run, complete=self._complete, phases=self._phases, guards=self._guards, error=error
        )

    def _three_phases(self) -> None:
        if not self._read():
            return
        summary = self._decide()
        if summary is None:
            return
        if self._run.options.dry_run:
            with self._timed("compare"):
                self._guard(summary)
                preview(self._run)
            self._complete = self._call.stop.reason is None
        else:
            self._guard(summary)
            held_back = self._admit()
            self._write(summary, hold_back_new=held_back is not None)
            if held_back is not None:
                raise held_back
        rejected = self._too_many_rejected()
        if rejected is None:
            return
        if refuses(self._run.options, self._guards, self._setting.forced):  # that is graver
            self._run.progress.warn(rejected.message)
            return
        raise rejected

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        clock, tally = self._call.clock, self._run.tally
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
                run.progress.warn(note)
        self._go_by_the_servers_time()
        lacking = state.missing_consent(self._call.config, self._setting.source)
        if lacking is not None:
            run.progress.warn(lacking)
        rejected.spool_rejects(run, self._call.config.limits.rejects_days)
        run.spool.commit()
        return True

    def _go_by_the_servers_time(self) -> None:
        """What happens without a date of its own is dated by it. The beginning of an interrupted run was before."""
        run, setting = self._run, self._setting
        ahead = setting.ahead
        run.now += ahead
        if setting.interrupted is None:
            run.began += ahead

    def _cursors(self) -> dict[str, str | None]:
        """Where each stream goes on; None: from its start."""
        run, known = self._run, self._setting.known
        before = known.cursors if known is not None and not run.full else {}
        anew = {reader.label for reader in run.readers if reader.stream.full_read}
        if not run.ledger.knows_owners:  # written by a version that did not write down whose an order is
            anew |= {reader.label for reader in run.readers if reader.stream.owners is not None}
        return {reader.label: None if reader.label in anew else before.get(reader.label) for reader in run.readers}

    def _decide(self) -> Summary | None:
        run, consent = self._run, self._call.config.consent
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
        run, limits = self._run, self._call.config.limits
        if (words := clock_words(self._setting.skew)) is not None:
            run.progress.warn(words)
        _, more_activates = resolve_checks(run) if run.spool.count(Step.CHECK) else (0, 0)
        size = self._size()
        counted = people(run, summary.activates + more_activates, size, limits)
        self._guards = guards(self._numbers(summary, counted, size), limits)

    def _admit(self) -> GuardError | None:
        """Raises the refusal of the guards; that of `max_created`, which holds back the new people only, is
        returned."""
        forced = self._setting.forced
        error = refusal([guard for guard in self._guards if guard.name != "max_created"], forced)
        if error is not None:
            raise error
        return refusal([guard for guard in self._guards if guard.name == "max_created"], forced)

    def _size(self) -> int | None:
        setting = self._setting
        if setting.found is None:
            return 0
        told = setting.target.size()
        return None if told is None else max(told, self._run.ledger.in_list())

    def _numbers(self, summary: Summary, counted: People, size: int | None) -> Numbers:
        setting, run = self._setting, self._run
        known, url = setting.known, setting.source.url
        moved = None
        if known is not None and known.shop_url and url and known.shop_url != url:
            moved = f"the shop's address changed from {known.shop_url} to {url}"
        return Numbers(
            people=summary.people,
            people_before=known.full_people if known is not None else None,
            full=checkpoint.reads_everything(run),
            deactivated=counted.deactivated,
            activated=counted.activated,
            created=counted.created,
            size=size,
            lost=setting.lost,
            first_run=setting.first_run,
            carriers=0 if setting.shared else setting.carriers,
            moved=moved,
            silent=summary.silent,
            skew=setting.skew,
            in_list_before=self._in_list_before() if not summary.people else None,
        )

    def _in_list_before(self) -> int | None:
        """How many special tags of the source the list carries, where nothing but it tells of earlier runs."""
        run, setting = self._run, self._setting
        if not run.options.against_list or setting.found is None:
            return None
        return setting.target.count_tagged(list(run.rules.own.by_kind.values()))

    def _write(self, summary: Summary, *, hold_back_new: bool) -> None:
        run, setting, folder = self._run, self._setting, self._call.folder
        keep = self._call.config.limits.keep_rejects
        begun = checkpoint.begin_writing(setting, run)
        if setting.found is None and run.spool.count(Step.NEW) and not hold_back_new:
            setting.found = setting.target.create_list()
            run.list_exists = run.created_list = True
            begun = checkpoint.begin_writing(setting, run)
        writing = Writer(run, setting.retries)
        complete = False
        try:
            with self._timed("write"):
                writing.all(hold_back_new=hold_back_new)
            complete = writing.complete
        finally:
            self._wrote = writing.wrote
            left = rejected.open_rejects(run, writing.rejected, writing.accepted, complete=complete, keep=keep)
            rejects.save(folder.rejects, left, keep=keep)
        self._complete = complete
        if complete:
            checkpoint.end_complete(setting, run, begun, summary.people)
        else:
            checkpoint.end_early(setting, run, begun)

    def _too_many_rejected(self) -> RejectedError | None:
        tally = self._run.tally
        allowed = self._call.config.limits.max_rejected.of(tally.people)
        if not tally.failed or (allowed is not None and tally.failed <= allowed):
            return None
        who = "1 person is invalid or was rejected"
        if tally.failed > 1:
            who = f"{tally.failed:,} people are invalid or were rejected"
        says = ["the warnings name the rows that are invalid"] if tally.outcomes["invalid"] else []
        says += ["`crsync status` says who was rejected and why"] if tally.outcomes["rejected"] else []
        return RejectedError(
            f"{who}, {allowed or 0:,} are allowed",
            hint="; ".join([*says, "correct them, or raise limits.max_rejected"]),
        )
