"""One line for each thing a run depends on; read-only."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any, Final

from cleverreach_sync.clock import Clock, Stop
from cleverreach_sync.config.schema import Config
from cleverreach_sync.errors import CrsyncError, Interrupted, exit_object, exit_of
from cleverreach_sync.http.redaction import Redaction
from cleverreach_sync.messages import Message, say, say_many
from cleverreach_sync.progress import Finding, Progress
from cleverreach_sync.run.context import least
from cleverreach_sync.run.decide.run_guards import DAY, clock_words
from cleverreach_sync.run.prepare import state
from cleverreach_sync.run.prepare.connect import open_source, open_target
from cleverreach_sync.run.prepare.target_list import find_list, mapped_fields
from cleverreach_sync.sources.interface import Source
from cleverreach_sync.sources.registry import open_consent
from cleverreach_sync.state import checkpoint, rejects
from cleverreach_sync.state.files import StateFolder
from cleverreach_sync.targets.interface import RecipientList

_RETRY_SECONDS: Final = 10.0


def check_document(config: Config, path: str, progress: Progress, clock: Clock, stop: Stop) -> dict[str, Any]:
    """The document `crsync.check/1`; `path` is the config as the user named it."""
    checks = _Checks(config, progress, clock, stop)
    checks.all(path)
    return checks.document()


class _Checks:
    """Runs the checks; one that fails does not keep the others from running where they can."""

    def __init__(self, config: Config, progress: Progress, clock: Clock, stop: Stop) -> None:
        self._config = config
        self._progress, self._clock, self._stop = progress, clock, stop
        self._lines: list[dict[str, Any]] = []
        self._failed: CrsyncError | None = None

    def all(self, path: str) -> None:
        self._put("config", say("check.config_valid", "{path} is valid", path=path))
        redact = Redaction(self._config.secrets())
        self._sources(redact)
        self._consent_file()
        self._check("state", self._state)
        clock, stop = self._clock, self._stop
        target, _ = open_target(self._impatient(), self._progress, clock, stop, redact)
        with closing(target):
            self._target = target
            for each in target.inspect(self._find):
                if not self._check(each.about, each.look) and each.needed:
                    return
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
            "exit": exit_object() if self._failed is None else exit_of(self._failed),
        }

    def _put(self, name: str, message: Message, level: str = "ok", hint: Message | None = None) -> None:
        self._lines.append({"name": name, "ok": level != "error", "level": level, "message": message, "hint": hint})

    def _check(self, name: str, look: Callable[[], Finding | None]) -> bool:
        """Puts down what a look showed, or why it failed; whether it showed anything."""
        try:
            found = look()
        except Interrupted:
            raise
        except CrsyncError as error:
            message = error.message
            if error.where:
                message = say("check.at_place", "{place}: {message}", place=error.where, message=message)
            self._put(name, message, "error", error.hint)
            self._failed = self._failed or error
            return False
        if found is None:
            return False
        self._put(name, found.message, "warning" if found.hint is not None else "ok", found.hint)
        return True

    def _sources(self, redact: Redaction) -> None:
        """Looks at the beginning of every stream of the source."""
        clock, stop = self._clock, self._stop
        source, _ = open_source(self._impatient(), self._progress, clock, stop, redact)
        self._source = source
        self._look("source", source)
        lacking = state.missing_consent(self._config, source)
        if lacking is not None:
            hint = say(
                "check.name_consent_column",
                "name its heading with `columns: {subscribed: ...}`; or take subscriber out of tags",
            )
            self._put("source", lacking, "warning", hint)

    def _consent_file(self) -> None:
        options = self._config.consent
        if options is not None:
            self._look(
                "consent file", open_consent(options, self._config.base, options.absent, self._config.source.zone)
            )

    def _look(self, name: str, source: Source) -> None:
        """A line for everything a look at a source showed."""
        with closing(source):
            findings = source.inspect()
            while self._check(name, lambda: next(findings, None)):
                pass

    def _state(self) -> Finding:
        folder = StateFolder(self._config.state_path)
        known = state.load_checkpoint(folder, self._config, self._source)
        rejects.load(folder.rejects)
        if not folder.writable():
            hint = say(
                "check.state_needed", "a run needs it: check its owner and permissions, or set state_dir in the config"
            )
            message = say("check.state_not_writable", "{path} cannot be written by this user", path=folder.path)
            return Finding(message, hint)
        memory = state.open_memory(folder, known, read_only=True)
        memory.ledger.close()
        if memory.lost is not None:
            hint = say(
                "check.ledger_will_refuse",
                "the guard `ledger` will refuse a run; restore the state folder from a backup",
            )
            return Finding(memory.lost, hint)
        if known is None:
            return Finding(say("check.no_run_so_far", "no run so far"))
        if known.interrupted is not None:
            message = say("check.interrupted", "the last run was interrupted; the next one does the rest")
            return Finding(message, say("check.run_sync", "run `crsync sync`"))
        if known.initial_sync_at is None:
            return Finding(say("check.first_not_finished", "first full transfer not finished yet"))
        return Finding(say("check.first_transfer", "first full transfer {time}", time=known.initial_sync_at))

    def _find(self) -> RecipientList | None:
        known = checkpoint.load(StateFolder(self._config.state_path).checkpoint)
        return find_list(self._target, self._config, known, self._progress)

    def _fields(self) -> Finding:
        fields = mapped_fields(self._target, self._config, self._progress).fields
        text = say_many(
            "check.fields_there", "{number:,} data field is there", "{number:,} data fields are there", len(fields)
        )
        return Finding(text)

    def _clocks(self) -> Finding:
        """A clock that is wrong dates consents wrongly."""
        ahead = least(self._target.clock_ahead, self._source.clock_ahead)
        words = clock_words(ahead)
        if words is None:
            return Finding(say("check.clock_in_step", "in step with the servers"))
        if ahead is None:
            return Finding(words, say("check.goes_on", "a run goes on without that"))
        if abs(ahead) > DAY:
            hint = say("check.clock_will_refuse", "set the clock (NTP); the guard `clock` will refuse a run")
        else:
            hint = say("check.set_clock", "set the clock (NTP)")
        return Finding(words, hint)
