"""Many transfers in one call: one after the other, or several at a time; one that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from itertools import groupby
from typing import Any, Final, NamedTuple, Protocol

from cleverreach_sync.clock import Clock, Stop
from cleverreach_sync.config.schema import Config
from cleverreach_sync.errors import CrsyncError, as_crsync_error
from cleverreach_sync.fleet.choice import NO_CONFIG, Chosen
from cleverreach_sync.fleet.document import failed_entry, several_document
from cleverreach_sync.progress import Progress
from cleverreach_sync.state.files import StateFolder

_SLICE: Final = 0.05  # seconds

Lane = list[tuple[int, Chosen]]


class Observer(Progress, Protocol):
    """What one transfer tells while it is dealt with."""

    def release(self) -> None:
        """It did not end well: what was held back is to be told."""


class Watcher(Protocol):
    """Sees how the transfers of a call go, from any thread. It shows it; the engine prints nothing."""

    def begun(self, one: Chosen) -> None: ...
    def ended(self, one: Chosen) -> None: ...
    def observer(self, one: Chosen) -> AbstractContextManager[Observer]: ...

    def failed(self, one: Chosen, error: CrsyncError) -> None:
        """Told as they come, also of one that could not begin."""


class Done(NamedTuple):
    """What was done for one transfer: its document, and the error that ended it, if one did."""

    document: dict[str, Any]
    error: CrsyncError | None = None


class Task(NamedTuple):
    """What is done for one transfer. `left`: seconds until the call has to end, None for no such time."""

    config: Config
    path: str
    progress: Progress
    stop: Stop
    left: float | None


class Job(NamedTuple):
    """What is done for every transfer. `command` is what the user called it, `key` the name of the documents."""

    command: str
    key: str
    work: Callable[[Task], Done]


class Stops:
    """Asks all runs of a call to end, those that are still to begin included. Set from a signal handler."""

    def __init__(self) -> None:
        self._stops: list[Stop] = []
        self._signum: int | None = None

    @property
    def signum(self) -> int | None:
        return self._signum

    @signum.setter
    def signum(self, signum: int) -> None:
        self._signum = signum
        for stop in list(self._stops):
            stop.signum = signum

    def one(self) -> Stop:
        """The stop of one more run."""
        stop = Stop()
        self._stops.append(stop)
        stop.signum = self._signum  # only now: a signal may come in between
        return stop


class Fleet:
    """Deals with every transfer of a call. The transfers of one config follow one another, whatever `jobs` says: they
    are about one shop, and often one list. `max_duration` in seconds."""

    def __init__(
        self, chosen: Sequence[Chosen], stops: Stops, clock: Clock, *, jobs: int = 1, max_duration: float | None = None
    ) -> None:
        self._stops = stops
        self._clock = clock
        self._until = None if max_duration is None else clock.now() + max_duration
        self._lanes = [list(lane) for _, lane in groupby(enumerate(chosen), key=lambda item: item[1].name.config)]
        if self._until is not None:
            self._lanes.sort(key=_last_run)
        self.width = min(jobs, len(self._lanes))
        self._entries: dict[int, dict[str, Any]] = {}
        self._left: dict[int, dict[str, Any]] = {}

    def document(self, job: Job, watcher: Watcher) -> dict[str, Any]:
        """Does the job for all; the document `crsync.<key>/1`."""
        if self.width > 1:
            self._side_by_side(job, watcher)
        else:
            for lane in self._lanes:
                self._lane(lane, job, watcher)
        entries = [self._entries[number] for number in sorted(self._entries)]
        left = [self._left[number] for number in sorted(self._left)]
        return several_document(job.key, entries, left, self._stops.signum)

    def _side_by_side(self, job: Job, watcher: Watcher) -> None:
        with ThreadPoolExecutor(self.width, thread_name_prefix="transfer") as pool:
            waiting = {pool.submit(self._lane, lane, job, watcher) for lane in self._lanes}
            while waiting:
                # A signal may arrive in another thread; it is handled in this one, once it runs again.
                ended, waiting = wait(waiting, timeout=_SLICE, return_when=FIRST_COMPLETED)
                for future in ended:
                    future.result()

    def _lane(self, lane: Lane, job: Job, watcher: Watcher) -> None:
        for number, one in lane:
            reason = self._reason_to_end()
            if reason is not None and one.error is None:
                self._left[number] = {"config": one.name.config, "transfer": one.name.transfer, "reason": reason}
                continue
            watcher.begun(one)
            done = self._done(one, job, watcher)
            self._entries[number] = done.document
            watcher.ended(one)
            if done.error is not None:
                watcher.failed(one, done.error)

    def _reason_to_end(self) -> str | None:
        if self._stops.signum is not None:
            return "signal"
        return "max_duration" if self._until is not None and self._clock.now() >= self._until else None

    def _done(self, one: Chosen, job: Job, watcher: Watcher) -> Done:
        if one.config is None:
            return _failed(one, job, one.error or CrsyncError(NO_CONFIG))
        try:
            left = None if self._until is None else max(self._until - self._clock.now(), 0.0)
            with watcher.observer(one) as progress:
                done = job.work(Task(one.config, one.name.config, progress, self._stops.one(), left))
                if done.document.get("exit", {}).get("code"):
                    progress.release()
                return done
        except Exception as error:  # noqa: BLE001 - the others go on
            return _failed(one, job, as_crsync_error(error))


def _failed(one: Chosen, job: Job, error: CrsyncError) -> Done:
    return Done(failed_entry(job.command, one.name.config, one.name.transfer, error), error)


def _last_run(lane: Lane) -> float:
    """When one of these ran last, the one for which it is longest ago; 0 for never. Where the time may not suffice for
    all, those come first, so that nobody is left out every time."""
    found = []
    for _, one in lane:
        try:
            found.append(StateFolder(one.config.state_path).history.path.stat().st_mtime if one.config else 0.0)
        except OSError:
            found.append(0.0)
    return min(found)
