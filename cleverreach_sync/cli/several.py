"""A call about several transfers: what is shown while it lasts, and its result."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cleverreach_sync.cli.invocation import Invocation, signals
from cleverreach_sync.clock import Clock
from cleverreach_sync.fleet.engine import Fleet, Job, Stops
from cleverreach_sync.report.live.bars import Lines, draws, observer
from cleverreach_sync.report.live.fleet_bar import FleetBar

if TYPE_CHECKING:
    from rich.console import Console

    from cleverreach_sync.errors import CrsyncError
    from cleverreach_sync.fleet.choice import Choice, Chosen


def show_several(
    call: Invocation,
    choice: Choice,
    job: Job,
    text: Callable[[dict[str, Any], Console], None],
    *,
    jobs: int = 1,
    max_duration: float | None = None,
) -> int:
    """Does the job for all, prints the document about them; its exit code."""
    stops = Stops()
    fleet = Fleet(choice.chosen, stops, Clock(), jobs=jobs, max_duration=max_duration)
    watcher = _Watcher(call, len(choice.chosen), together=fleet.width > 1)
    with signals(stops), watcher.bar:
        document = fleet.document(job, watcher)
    call.show(document, text)
    return int(document["exit"]["code"])


class _Watcher:
    """One bar for all where they go together, else those of the one that is under way; errors as they come."""

    def __init__(self, call: Invocation, total: int, *, together: bool) -> None:
        self._call, self._err = call, call.err
        self._together = together
        self._lock = threading.Lock()
        shown = together and draws(self._err, call.verbosity, call.log_format)
        self.bar = FleetBar(self._err, total, shown=shown)

    def begun(self, one: Chosen) -> None:
        self.bar.begun(one.name.label)

    def ended(self, one: Chosen) -> None:
        self.bar.ended(one.name.label)

    def failed(self, one: Chosen, error: CrsyncError) -> None:
        with self._lock:  # message and hint stay together
            self._call.tell(error, self._err, one.name)

    def observer(self, one: Chosen) -> Lines:
        watches = Lines if self._together else observer
        return watches(self._err, self._call.verbosity, self._call.log_format, name=one.name)
