"""Many transfers in one call: one after the other, or several at a time; one that fails does not stop the others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cleverreach_sync.cli.choice import Choice, Chosen
from cleverreach_sync.cli.invocation import Invocation, Stops, signals
from cleverreach_sync.clock import Clock
from cleverreach_sync.errors import CrsyncError, as_crsync_error
from cleverreach_sync.report.bars import Lines, draws, observer
from cleverreach_sync.report.document import failed_entry, several_document
from cleverreach_sync.report.overall import Overall
from cleverreach_sync.state.files import StateFolder

if TYPE_CHECKING:
    from cleverreach_sync.clock import Stop
    from cleverreach_sync.config.schema import Config


_SLICE: Final = 0.05  # seconds


class Done(NamedTuple):
    """What was done for one transfer: its document, and the error that ended it, if one did."""

    document: dict[str, Any]
    error: CrsyncError | None = None


class Task(NamedTuple):
    """What is done for one transfer. `left`: seconds until the call has to end, None for no such time."""

    config: Config
    path: str
    progress: Lines
    stop: Stop
    left: float | None


def _last_run(lane: list[tuple[int, Chosen]]) -> float:
    """When one of these ran last, the one for which it is longest ago; 0 for never. Where the time may not suffice for
    all, those come first, so that nobody is left out every time."""
    found = []
    for _, one in lane:
        try:
            found.append(StateFolder(one.config.state_path).history.stat().st_mtime if one.config else 0.0)
        except OSError:
            found.append(0.0)
    return min(found)


class Fleet:
    """Deals with every transfer of a call. The transfers of one config follow one another, whatever `jobs` says: they
    are about one shop, and often one list."""

    def __init__(
        self, call: Invocation, choice: Choice, command: str, *, jobs: int = 1, max_duration: float | None = None
    ) -> None:
        self._call = call
        self._chosen = choice.chosen
        self._command = command
        self._jobs = jobs
        self._clock = Clock()
        self._until = None if max_duration is None else self._clock.now() + max_duration
        self._err = call.err
        self._stops = Stops()
        self._lock = threading.Lock()
        self._entries: dict[int, dict[str, Any]] = {}
        self._left: dict[int, dict[str, Any]] = {}

    def document(self, key: str, work: Callable[[Task], Done]) -> dict[str, Any]:
        """Does `work` for all; the document `crsync.<key>/1`. Errors are told on stderr as they come."""
        numbered = enumerate(self._chosen)
        lanes = [list(lane) for _, lane in groupby(numbered, key=lambda item: item[1].name.config)]
        if self._until is not None:
            lanes.sort(key=_last_run)
        width = min(self._jobs, len(lanes))
        shown = width > 1 and draws(self._err, self._call.verbosity, self._call.log_format)
        with signals(self._stops), Overall(self._err, len(self._chosen), shown=shown) as overall:
            if width > 1:
                with ThreadPoolExecutor(width, thread_name_prefix="transfer") as pool:
                    waiting = {pool.submit(self._lane, lane, work, overall) for lane in lanes}
                    while waiting:
                        # A signal may arrive in another thread; it is handled in this one, once it runs again.
                        ended, waiting = wait(waiting, timeout=_SLICE, return_when=FIRST_COMPLETED)
                        for future in ended:
                            future.result()
            else:
                for lane in lanes:
                    self._lane(lane, work, overall if shown else None)
        entries = [self._entries[number] for number in sorted(self._entries)]
        left = [self._left[number] for number in sorted(self._left)]
        return several_document(key, entries, left, self._stops.signum)

    def _lane(self, lane: list[tuple[int, Chosen]], work: Callable[[Task], Done], overall: Overall | None) -> None:
        for number, one in lane:
            reason = self._reason_to_end()
            if reason is not None and one.error is None:
                self._left[number] = {"config": one.name.config, "transfer": one.name.transfer, "reason": reason}
                continue
            if overall is not None:
                overall.begun(one.name.label)
            done = self._done(one, work, bars=overall is None)
            self._entries[number] = done.document
            if overall is not None:
                overall.ended(one.name.label)
            if done.error is not None:
                with self._lock:  # message and hint stay together
                    self._call.tell(done.error, self._err, one.name)

    def _reason_to_end(self) -> str | None:
        if self._stops.signum is not None:
            return "signal"
        return "max_duration" if self._until is not None and self._clock.now() >= self._until else None

    def _done(self, one: Chosen, work: Callable[[Task], Done], *, bars: bool) -> Done:
        if one.config is None:
            return self._failed(one, one.error or CrsyncError("there is no config"))
        try:
            left = None if self._until is None else max(self._until - self._clock.now(), 0.0)
            with self._progress(one, bars=bars) as progress:
                done = work(Task(one.config, one.name.config, progress, self._stops.one(), left))
                if done.document.get("exit", {}).get("code"):
                    progress.release()
                return done
        except Exception as error:  # noqa: BLE001 - the others go on
            return self._failed(one, as_crsync_error(error))

    def _failed(self, one: Chosen, error: CrsyncError) -> Done:
        return Done(failed_entry(self._command, one.name.config, one.name.transfer, error), error)

    def _progress(self, one: Chosen, *, bars: bool) -> Lines:
        call = self._call
        if bars:
            return observer(self._err, call.verbosity, call.log_format, name=one.name)
        return Lines(self._err, call.verbosity, call.log_format, name=one.name)
