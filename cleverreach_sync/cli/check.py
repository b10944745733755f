"""`crsync check`: one line for each thing a run depends on; read-only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import typer

from cleverreach_sync.cli import options as opt
from cleverreach_sync.cli.invocation import Invocation, signals

if TYPE_CHECKING:
    from cleverreach_sync.cli.choice import Choice
    from cleverreach_sync.config.schema import Config
    from cleverreach_sync.http.redaction import Redaction
    from cleverreach_sync.progress import Progress
    from cleverreach_sync.sources.interface import Finding, Source
    from cleverreach_sync.targets.interface import RecipientList

_RETRY_SECONDS: Final = 10.0


class _NoMore(Exception):
    """Everything was looked at."""


def check(
    config: opt.ConfigPaths = opt.DEFAULT_CONFIGS,
    transfer: opt.Transfers = opt.ALL,
    jobs: opt.Jobs = 1,
    form: opt.Format = opt.ResultFormat.TEXT,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
    log_format: opt.Logs = opt.LogFormat.TEXT,
    no_color: opt.NoColor = False,
) -> None:
    """Check everything a run needs: config, credentials, list, data fields. Writes nothing."""
    call = Invocation(form, verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    with call.ending():
        choice = call.choice(config, transfer)
        raise typer.Exit(_several(call, choice, jobs) if choice.several else _one(call, choice))


def _one(call: Invocation, choice: Choice) -> int:
    from cleverreach_sync.clock import Clock, Stop
    from cleverreach_sync.report.text import check_text

    stop = Stop()
    with signals(stop), call.progress() as progress:
        checks = Checks(choice.only, choice.chosen[0].name.config, progress, Clock(), stop)
        checks.all()
    if checks.code:
        progress.release()
    call.show(checks.document(), check_text)
    return checks.code


def _several(call: Invocation, choice: Choice, jobs: int) -> int:
    from cleverreach_sync.cli.fleet import Done, Fleet, Task
    from cleverreach_sync.clock import Clock
    from cleverreach_sync.report.overview import checks_text

    def work(task: Task) -> Done:
        checks = Checks(task.config, task.path, task.progress, Clock(), task.stop)
        checks.all()
        return Done({**checks.document(), "config": task.path, "transfer": task.config.transfer})

    document = Fleet(call, choice, "check", jobs=jobs).document("checks", work)
    call.show(document, checks_text)
    return int(document["exit"]["code"])


class Checks:
    """Runs the checks; one that fails does not keep the others from running where they can."""

    def __init__(self, config: Config, path: str, progress: Progress, clock: Any, stop: Any) -> None:
        self._config, self._path = config, path
        self._progress, self._clock, self._stop = progress, clock, stop
        self._lines: list[dict[str, Any]] = []
        self.code = 0
        self._class, self._retryable = "ok", False

    def all(self) -> None:
        from contextlib import closing

        from cleverreach_sync.http.redaction import Redaction
        from cleverreach_sync.run.prepare.connect import open_target

        self._put("config", f"{self._path} is valid")
        redact = Redaction(self._config.secrets())
        self._sources(redact)
        self._consent_file()
        self._check("state", self._state)
        clock, stop = self._clock, self._stop
        target, _ = open_target(self._impatient(), self._progress, clock, stop, redact)
        with closing(target):
            self._target = target
            if not self._check("credentials", self._credentials):
                return
            self._found: RecipientList | None = None
            self._check("list", self._list)
            self._check("permissions", self._permissions)
            self._check("data fields", self._fields)
            self._check("clock", self._clocks)

    def _impatient(self) -> Config:
        """Somebody waits for the answer: what is not reachable now is told now."""
        limits = self._config.limits
        brief = limits.model_copy(update={"retry_for": min(limits.retry_for, _RETRY_SECONDS)})
        return self._config.model_copy(update={"limits": brief})

    def document(self) -> dict[str, Any]:
        return {
            "schema": "crsync.check/1",
            "checks": self._lines,
            "exit": {"code": self.code, "class": self._class, "retryable": self._retryable},
        }

    def _put(self, name: str, message: str, level: str = "ok", hint: str | None = None) -> None:
        self._lines.append({"name": name, "ok": level != "error", "level": level, "message": message, "hint": hint})

    def _check(self, name: str, look: Callable[[], tuple[str, ...]]) -> bool:
        from cleverreach_sync.errors import CrsyncError, Interrupted

        try:
            message, *more = look()
        except _NoMore:
            return False
        except Interrupted:
            raise
        except CrsyncError as error:
            place = f"{error.where}: " if error.where else ""
            self._put(name, place + error.message, "error", error.hint)
            if not self.code:
                self.code, self._class, self._retryable = error.code, error.kind, error.retryable
            return False
        self._put(name, message, "warning" if more else "ok", more[0] if more else None)
        return True

    def _sources(self, redact: Redaction) -> None:
        """Looks at the beginning of every stream of the source."""
        from cleverreach_sync.run.prepare import state
        from cleverreach_sync.run.prepare.connect import open_source

        clock, stop = self._clock, self._stop
        source, _ = open_source(self._impatient(), self._progress, clock, stop, redact)
        self._source = source
        self._look("source", source)
        lacking = state.missing_consent(self._config, source)
        if lacking is not None:
            hint = "`columns: {subscribed: ...}` says which heading holds it; or take subscriber out of tags"
            self._put("source", lacking, "warning", hint)

    def _consent_file(self) -> None:
        from cleverreach_sync.sources.file.source import open_consent

        options = self._config.consent
        if options is not None:
            self._look(
                "consent file", open_consent(options, self._config.base, options.absent, self._config.source.zone)
            )

    def _look(self, name: str, source: Source) -> None:
        """A line for everything a look at a source showed."""
        from contextlib import closing

        with closing(source):
            sights = source.inspect()
            while self._check(name, lambda: _next_sight(sights)):
                pass

    def _state(self) -> tuple[str, ...]:
        from cleverreach_sync.run.prepare import state
        from cleverreach_sync.state import rejects
        from cleverreach_sync.state.files import StateFolder

        folder = StateFolder(self._config.state_path)
        known = state.load_checkpoint(folder, self._config, self._source)
        rejects.load(folder.rejects)
        if not folder.writable():
            hint = "a run needs it: check its owner and permissions, or set state_dir in the config"
            return (f"{folder.path} cannot be written by this user", hint)
        memory = state.open_memory(folder, known, read_only=True)
        memory.ledger.close()
        if memory.lost is not None:
            return (memory.lost, "the guard `ledger` will refuse a run; restore the state folder from a backup")
        if known is None:
            return ("no run so far",)
        if known.interrupted is not None:
            return ("the last run was interrupted; the next one does the rest", "run `crsync sync`")
        return (f"first full transfer {known.initial_sync_at or 'not finished yet'}",)

    def _credentials(self) -> tuple[str, ...]:
        account = self._target.account()
        return (f"CleverReach account {account}" if account else "accepted by CleverReach",)

    def _list(self) -> tuple[str, ...]:
        from cleverreach_sync.report.words import counted
        from cleverreach_sync.run.prepare.target_list import find_list
        from cleverreach_sync.state import checkpoint
        from cleverreach_sync.state.files import StateFolder

        known = checkpoint.load(StateFolder(self._config.state_path).checkpoint)
        self._found = found = find_list(self._target, self._config, known, self._progress)
        if found is None:
            return (f"{str(self._config.target.list)!r} does not exist yet; the first sync creates it",)
        size = self._target.size()
        many = "unknown number of recipients" if size is None else counted(size, "recipient")
        return (f"{found.name!r} ({found.id}), {many}",)

    def _permissions(self) -> tuple[str, ...]:
        """Every kind of reading that a run does."""
        next(self._target.blacklist(), None)
        if self._config.target.unsubscribed_in == "account":
            next(self._target.unsubscribed(), None)
        if self._found is not None:
            self._target.read(["nobody@example.org"])
        return ("recipients, blacklist and unsubscriptions can be read",)

    def _fields(self) -> tuple[str, ...]:
        from cleverreach_sync.run.prepare.target_list import mapped_fields

        fields = mapped_fields(self._target, self._config, self._found, self._progress).fields
        return (f"{len(fields)} data fields are there",)

    def _clocks(self) -> tuple[str, ...]:
        """A clock that is wrong dates consents wrongly."""
        from cleverreach_sync.run.decide.run_guards import DAY, clock_words
        from cleverreach_sync.run.prepare.setup import least

        ahead = least(self._target.clock_ahead, self._source.clock_ahead)
        words = clock_words(ahead)
        if words is None:
            return ("in step with the servers",)
        if ahead is None:
            return (words, "a run goes on without that")
        refused = "; the guard `clock` will refuse a run" if abs(ahead) > DAY else ""
        return (words, f"set the clock (NTP){refused}")


def _next_sight(sights: Iterator[Finding]) -> tuple[str, ...]:
    for message, hint in sights:
        return (message,) if hint is None else (message, hint)
    raise _NoMore
