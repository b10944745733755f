"""The pipeline in its three phases: read, decide, write. The only place where all meet."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from cleverreach_sync.address import Patterns
from cleverreach_sync.config.digest import decision_digest
from cleverreach_sync.config.schema import Config
from cleverreach_sync.errors import CrsyncError, GuardError, RejectedError, TemporaryError
from cleverreach_sync.fields import FieldMap, Fingerprints
from cleverreach_sync.guards import Guard
from cleverreach_sync.http.client import HttpClient, Traffic
from cleverreach_sync.http.failures import TryAgain
from cleverreach_sync.http.redaction import Redaction
from cleverreach_sync.http.retries import Retries
from cleverreach_sync.model import Consent, ConsentState
from cleverreach_sync.phases import closing, opening
from cleverreach_sync.phases.admission import Numbers, guards, refusal
from cleverreach_sync.phases.decide import Summary, decide_everybody
from cleverreach_sync.phases.moves import follow_moves
from cleverreach_sync.phases.planned import Class
from cleverreach_sync.phases.read import read, read_suppressions, resume
from cleverreach_sync.phases.run import Clock, Options, Reader, Run, Stop
from cleverreach_sync.phases.survey import count_new, rehearse, sort_out_checks
from cleverreach_sync.phases.write import Writing
from cleverreach_sync.plan import Rules
from cleverreach_sync.progress import Progress
from cleverreach_sync.selection import OwnTags
from cleverreach_sync.sources.file import open_consent
from cleverreach_sync.sources.interface import Source
from cleverreach_sync.state import checkpoint as checkpoints
from cleverreach_sync.state import history, rejects
from cleverreach_sync.state.checkpoint import Checkpoint, InterruptedRun
from cleverreach_sync.state.files import StateFolder
from cleverreach_sync.state.lock import held
from cleverreach_sync.state.spool import Spool
from cleverreach_sync.targets.cleverreach.target import CleverReach
from cleverreach_sync.targets.interface import RecipientList


class Finished(NamedTuple):
    """A run's result document, and the error that ended it, if one did."""

    document: dict[str, Any]
    error: CrsyncError | None


def run(config: Config, options: Options, progress: Progress, clock: Clock, stop: Stop, *, shown_path: str) -> Finished:
    """Runs `sync`, `resync` or `diff`. Raises what went wrong before anything was read; later errors come with the
    document of what was done until then."""
    if options.max_duration is not None:
        stop.deadline = clock.now() + options.max_duration
    with ExitStack() as stack:
        folder = StateFolder(config.state_path)
        if not options.dry_run:
            folder.create()
            stack.enter_context(held(folder.lock, options.lock_timeout, clock.now, _sleep(stop, clock)))
        return _Pipeline(config, options, progress, clock, stop, folder, stack, shown_path).run()


def _sleep(stop: Stop, clock: Clock) -> Any:
    return lambda seconds: stop.pause(clock, seconds)


def open_target(
    config: Config, progress: Progress, clock: Clock, stop: Stop, redact: Redaction
) -> tuple[CleverReach, Retries]:
    """The target of a config, and how its requests are repeated."""
    traffic = Traffic()

    def on_retry(failure: TryAgain) -> None:
        traffic.retry()
        progress.info(f"trying again: {failure.message}")

    retries = Retries(config.limits.retry_for, clock.now, _sleep(stop, clock), on_retry)
    http = HttpClient(
        config.target.base_url,
        timeout=config.target.timeout,
        redact=redact,
        traffic=traffic,
        connections=2 * config.target.concurrency + 4,
        log=progress.info,
    )
    return CleverReach(config.target, http, retries, clock.now, scope=config.attributes.scope), retries


@dataclass
class _Phase:
    name: str
    seconds: float
    people: int


@dataclass
class _Pipeline:
    config: Config
    options: Options
    progress: Progress
    clock: Clock
    stop: Stop
    folder: StateFolder
    stack: ExitStack
    shown_path: str
    phases: list[_Phase] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)
    found: RecipientList | None = None
    known: Checkpoint | None = None
    resumed: bool = False
    complete: bool = False
    began: float = 0.0
    run_id: str = ""
    digest: str = ""
    source_requests: int = 0

    def run(self) -> Finished:
        self.began = self.clock.wall()
        run = self._open()
        error: CrsyncError | None = None
        try:
            self._three_phases(run)
        except CrsyncError as failure:
            error = failure
        run.warnings.show()
        document = self._document(run, error)
        if not self.options.dry_run:
            history.append(self.folder.history, document)
        return Finished(document, error)

    # before anything is read

    def _open(self) -> Run:
        config, options = self.config, self.options
        source = config.source.open(config.base)
        self.stack.callback(source.close)
        self.known = known = opening.load_checkpoint(self.folder, config, source)
        redact = Redaction(config.secrets())
        target, self.retries = open_target(config, self.progress, self.clock, self.stop, redact)
        self.target = target
        self.stack.callback(target.close)
        self.found = opening.find_list(target, config, known, self.progress)
        fields = opening.mapped_fields(target, config, self.found, self.progress)
        memory = opening.open_memory(self.folder, known, read_only=options.dry_run)
        self.lost = memory.lost
        if memory.lost is not None and "ledger" in options.forced and not options.dry_run:
            memory = opening.fresh_memory(self.folder, memory.lost)
        self.stack.callback(memory.ledger.close)
        interrupted = None if memory.lost is not None or known is None else known.interrupted
        self.interrupted = interrupted
        self.first_run = interrupted is None and memory.ledger.in_list() == 0
        own = OwnTags(config.source.tag_source)
        self.carriers = target.carriers(list(own.by_kind.values())) if self.found and self.first_run else 0
        self._identify()
        rules = self._rules(memory, fields, own)
        readers = self._readers(source)
        self.digest = decision_digest(config)
        return Run(
            options=options,
            rules=rules,
            readers=readers,
            target=target,
            ledger=memory.ledger,
            keys=memory.keys,
            spool=self._spool_of(interrupted),
            progress=self.progress,
            clock=self.clock,
            stop=self.stop,
            now=int(self.began),
            salt=blake2b(
                f"{self.digest} {sorted(f.name for f in fields.fields)} {rules.adopt}".encode(), digest_size=16
            ).digest(),
            rejects=self._rejects(memory),
            attempted=frozenset(key for keys in memory.ledger.attempts().values() for key in keys),
            list_exists=self.found is not None,
            own_tags_in_list=not (self.first_run and self.carriers == 0),
            full=self._is_full(),
            batch_size=config.target.batch_size,
            concurrency=config.target.concurrency,
            unsubscribed_in_account=config.target.unsubscribed_in == "account",
        )

    def _identify(self) -> None:
        """A run goes on under the ID of the interrupted one, but for a resync, which sends anew."""
        interrupted, resync = self.interrupted, self.options.command == "resync"
        if interrupted is not None and (interrupted.resend or not resync):
            self.run_id = interrupted.run_id
        else:
            self.run_id = secrets.token_hex(8)

    def _rules(self, memory: opening.Memory, fields: FieldMap, own: OwnTags) -> Rules:
        config, options, interrupted = self.config, self.options, self.interrupted
        lost = memory.lost is not None and ("ledger" in options.forced or options.dry_run)
        foreign = self.first_run and self.carriers != 0 and ("foreign_tags" in options.forced or options.dry_run)
        return Rules(
            selection=config.selected,
            activate=config.activated,
            exclude=Patterns(config.exclude),
            own=own,
            fields=fields,
            fingerprints=Fingerprints(memory.keys.secret),
            resend=options.command == "resync" or (interrupted is not None and interrupted.resend),
            include_deleted=options.include_deleted or (interrupted is not None and interrupted.include_deleted),
            adopt=lost or foreign or (interrupted is not None and interrupted.adopt),
            run=self.run_id,
        )

    def _readers(self, source: Source) -> tuple[Reader, ...]:
        readers = [Reader(stream.name, source, stream) for stream in source.streams()]
        if self.config.consent is not None:
            overlay = open_consent(self.config.consent, self.config.base, self.config.consent.absent)
            self.stack.callback(overlay.close)
            readers += [Reader(f"file:{stream.name}", overlay, stream) for stream in overlay.streams()]
        return tuple(readers)

    def _spool_of(self, interrupted: InterruptedRun | None) -> Spool:
        if self.options.dry_run:
            folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="crsync-")))
            spool = Spool.create(folder / "spool.sqlite3")
            self.stack.callback(spool.close)
            return spool
        if interrupted is not None and interrupted.digest == self._digest_now():
            left = Spool.reopen(self.folder.spool, interrupted.spool, self.clock.wall())
            if left is not None:
                self.resumed = True
                self.stack.callback(left.close)
                return left
        return self._fresh_spool()

    def _digest_now(self) -> str:
        return decision_digest(self.config)

    def _is_full(self) -> bool:
        known, interrupted = self.known, self.interrupted
        return (
            known is None
            or known.initial_sync_at is None
            or known.digest != self._digest_now()
            or self.options.command == "resync"
            or self.lost is not None
            or (interrupted is not None and (interrupted.full or interrupted.digest != self._digest_now()))
        )

    def _rejects(self, memory: opening.Memory) -> dict[str, rejects.Reject]:
        known = rejects.load(self.folder.rejects)
        if self.lost is None:
            return known
        kept = [item for item in known.values() if item.facts]
        keyed = [item._replace(key=memory.keys.address(item.email).hex()) for item in kept]
        return {item.key: item for item in keyed}

    # the phases

    def _three_phases(self, run: Run) -> None:
        if not self._read(run):
            return
        summary = self._decide(run)
        if summary is None:
            return
        if self.options.dry_run:
            self._rehearse(run, summary)
            return
        new_guards = self._admit(run, summary)
        self._write(run, hold_back_new=new_guards is not None)
        if new_guards is not None:
            raise new_guards
        self._check_rejected(run)

    @contextmanager
    def _timed(self, name: str, run: Run) -> Iterator[None]:
        began, before = self.clock.now(), run.tally.people
        phase = _Phase(name, 0.0, 0)
        self.phases.append(phase)
        try:
            yield
        finally:
            phase.seconds = round(self.clock.now() - began, 3)
            phase.people = run.tally.rows if name == "read" else run.tally.people - before

    def _read(self, run: Run) -> bool:
        with self._timed("read", run):
            if self.resumed and resume(run):
                read_suppressions(run)
            else:
                if self.resumed:
                    run.spool = self._fresh_spool()
                self.resumed = self.resumed and False
                cursors = dict.fromkeys(reader.label for reader in run.readers) if run.full else self._cursors(run)
                if not read(run, cursors):
                    return False
        self._notes(run)
        closing.spool_rejects(run, self.config.limits.rejects_days)
        run.spool.commit()
        return True

    def _fresh_spool(self) -> Spool:
        spool = Spool.create(self.folder.spool)
        self.stack.callback(spool.close)
        return spool

    def _cursors(self, run: Run) -> dict[str, str | None]:
        before = self.known.cursors if self.known is not None else {}
        return {reader.label: None if reader.stream.full_read else before.get(reader.label) for reader in run.readers}

    def _notes(self, run: Run) -> None:
        for reader in run.readers:
            for note in reader.source.warnings:
                self.progress.warn(note)

    def _decide(self, run: Run) -> Summary | None:
        with self._timed("decide", run):
            absent = self.config.consent.absent if self.config.consent is not None else "unknown"
            implied = Consent(ConsentState.NO) if absent == "no" else None
            summary = decide_everybody(run, implied, run.tally.rows or None)
        run.warnings.show()
        if summary is not None:
            summary.classes[Class.MOVED] += follow_moves(run)
        return summary

    def _numbers(self, run: Run, summary: Summary, ends: int, activates: int, created: int | None) -> Numbers:
        known = self.known
        size: int | None = 0
        if self.found is not None:
            told = self.target.size()
            size = None if told is None else max(told, run.ledger.in_list())
        moved = None
        url = self.config_source_url(run)
        if known is not None and known.shop_url is not None and url is not None and known.shop_url != url:
            moved = f"the shop's address changed from {known.shop_url} to {url}"
        return Numbers(
            people=summary.people,
            people_before=known.full_people if known is not None else None,
            full=run.full or all(reader.stream.full_read for reader in run.readers),
            deactivated=ends,
            activated=activates,
            created=created,
            size=size,
            lost=self.lost,
            first_run=self.first_run,
            carriers=self.carriers,
            moved=moved,
        )

    @staticmethod
    def config_source_url(run: Run) -> str | None:
        return run.readers[0].source.url

    def _admit(self, run: Run, summary: Summary) -> GuardError | None:
        """Evaluates the guards. Raises their refusal; that of `max_created`, which holds back the new people only, is
        returned."""
        classes = summary.classes
        more_ends, more_activates = sort_out_checks(run) if classes[Class.CHECK] else (0, 0)
        ends = classes[Class.END] + classes[Class.GONE] + classes[Class.MOVED] + more_ends
        created: int | None = None
        if self.config.limits.max_created is not None:
            created = count_new(run)
        numbers = self._numbers(run, summary, ends, summary.activates + more_activates, created)
        self.guards = guards(numbers, self.config.limits)
        forced = self._forced()
        error = refusal([guard for guard in self.guards if guard.name != "max_created"], forced)
        if error is not None:
            raise error
        return refusal([guard for guard in self.guards if guard.name == "max_created"], forced)

    def _forced(self) -> frozenset[str]:
        return self.options.forced | frozenset(self.interrupted.forced if self.interrupted is not None else ())

    def _rehearse(self, run: Run, summary: Summary) -> None:
        with self._timed("compare", run):
            if summary.classes[Class.CHECK]:
                sort_out_checks(run)
            rehearse(run)
        tally = run.tally
        numbers = self._numbers(
            run,
            summary,
            tally.outcomes["deactivated"],
            tally.activation["activated"],
            tally.outcomes["created"],
        )
        self.guards = guards(numbers, self.config.limits)
        self.complete = self.stop.reason is None
        self._check_rejected(run)

    def _write(self, run: Run, *, hold_back_new: bool) -> None:
        self._begin_writing(run)
        if self.found is None and run.spool.count(Class.NEW) and not hold_back_new:
            self.found = self.target.create_list()
            run.list_exists = run.created_list = True
            self._begin_writing(run)
        writing = Writing(run, self.retries)
        complete = False
        try:
            with self._timed("write", run):
                writing.all(hold_back_new=hold_back_new)
            complete = writing.complete and not hold_back_new
        finally:
            kept = closing.open_rejects(
                run,
                writing.rejected,
                writing.accepted,
                complete=complete,
                keep=self.config.limits.keep_rejects,
            )
            rejects.save(self.folder.rejects, kept, keep=self.config.limits.keep_rejects)
        self.complete = complete
        self._end_writing(run)

    def _begin_writing(self, run: Run) -> None:
        """The checkpoint before the first write."""
        options, interrupted = self.options, self.interrupted
        known = self.known
        checkpoint = Checkpoint(
            identity=opening.identity_of(self.config, run.readers[0].source, self.found),
            shop_url=self.config_source_url(run),
            digest=known.digest if known is not None else None,
            selection=known.selection if known is not None else [],
            cursors=known.cursors if known is not None and self.lost is None else {},
            initial_sync_at=known.initial_sync_at if known is not None and self.lost is None else None,
            full_people=known.full_people if known is not None else None,
            ledger_id=run.ledger.id,
            interrupted=InterruptedRun(
                run_id=self.run_id,
                command=options.command if interrupted is None else interrupted.command,
                started_at=closing.timestamp(self.began),
                digest=self.digest,
                spool=run.spool.id,
                full=run.full,
                resend=run.rules.resend,
                include_deleted=run.rules.include_deleted,
                adopt=run.rules.adopt,
                forced=sorted(self._forced()),
            ),
        )
        checkpoints.save(self.folder.checkpoint, checkpoint)
        self.begun = checkpoint

    def _end_writing(self, run: Run) -> None:
        """Cursors move only after everything that was read is confirmed or accounted for. A run cut short by a limit
        reads anew next time; one whose time was up goes on with what it has read."""
        begun = self.begun
        if not self.complete:
            pending = begun.interrupted
            if self.stop.reason != "max_duration" and pending is not None:
                pending = pending.model_copy(update={"spool": ""}) if pending.resend or pending.adopt else None
                run.spool.delete()
            checkpoints.save(self.folder.checkpoint, begun.model_copy(update={"interrupted": pending}))
            return
        run.ledger.forget_all_attempts()
        run.ledger.commit()
        full = run.full or all(reader.stream.full_read for reader in run.readers)
        update: dict[str, Any] = {
            "digest": self.digest,
            "selection": sorted(kind.value for kind in self.config.selected),
            "cursors": {**begun.cursors, **run.cursors},
            "initial_sync_at": begun.initial_sync_at or closing.timestamp(self.clock.wall()),
            "full_people": run.tally.people if full else begun.full_people,
            "interrupted": None,
        }
        checkpoints.save(self.folder.checkpoint, begun.model_copy(update=update))
        run.spool.delete()

    def _check_rejected(self, run: Run) -> None:
        tally = run.tally
        allowed = self.config.limits.max_rejected.of(tally.people)
        if tally.failed and (allowed is None or tally.failed > allowed):
            raise RejectedError(
                f"{tally.failed} people are invalid or were rejected, {allowed} are allowed",
                hint="the warnings above and `crsync status` say who and why; limits.max_rejected sets the number",
            )

    # the result

    def _document(self, run: Run, error: CrsyncError | None) -> dict[str, Any]:
        options, config = self.options, self.config
        differences = any(run.tally.outcomes[name] for name in ("created", "updated", "deactivated"))
        traffic = self.target.traffic
        document: dict[str, Any] = {
            "schema": "crsync.run/1",
            "command": options.command,
            "run_id": self.run_id,
            "dry_run": options.dry_run,
            "complete": self.complete,
            "started_at": closing.timestamp(self.began),
            "finished_at": closing.timestamp(self.clock.wall()),
            "source": {"type": config.source.type, "name": config.source.tag_source},
            "target": {
                "type": config.target.type,
                "list_id": self.found.id if self.found else None,
                "list_name": self.found.name if self.found else str(config.target.list),
            },
            "config": self.shown_path,
            "transfer": None,
            "tags": sorted(kind.value for kind in config.selected),
            **run.tally.documents(),
            "guards": closing.guard_documents(self.guards, self._forced()),
            "requests": {
                "source": self.source_requests,
                "target": traffic.requests,
                "retries": traffic.retries,
            },
            "resumed": self.resumed,
            "phases": [{"name": phase.name, "seconds": phase.seconds, "people": phase.people} for phase in self.phases],
        }
        if self.stop.reason is not None:
            document["stopped"] = self.stop.reason
        if options.dry_run:
            document["changes"] = [orjson.loads(line) for line in run.spool.shown(options.details)]
        if error is not None:
            document["error"] = {
                "code": error.code,
                "class": error.kind,
                "retryable": error.retryable,
                "message": error.message,
                "hint": error.hint,
            }
            document["exit"] = {"code": error.code, "class": error.kind, "retryable": error.retryable}
        elif options.exit_code and differences:
            document["exit"] = {"code": 3, "class": "differences", "retryable": False}
        else:
            document["exit"] = {"code": 0, "class": "ok", "retryable": False}
        return document


__all__ = ["Finished", "TemporaryError", "open_target", "run"]
