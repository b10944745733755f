"""One line of progress on stderr for many transfers at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cleverreach_sync.messages import say, spoken
from cleverreach_sync.report.forms.page import printable
from cleverreach_sync.report.live.bars import REFRESHES

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

_NAMED: Final = 3


class FleetBar:
    """How many transfers are through, and which are under way; nothing unless `shown`. Use as a context manager, from
    any thread."""

    def __init__(self, console: Console, total: int, *, shown: bool) -> None:
        self._lock = threading.Lock()
        self._running: list[str] = []
        self._console = console
        self._bar: Progress | None = None
        if shown:
            self._bar = Progress(
                MofNCompleteColumn(),
                BarColumn(bar_width=20),
                TimeElapsedColumn(),
                TextColumn("{task.description}", markup=False),
                console=console,
                refresh_per_second=REFRESHES,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begun(self, label: str) -> None:
        with self._lock:
            self._running.append(label)
            self._tell(0)

    def ended(self, label: str) -> None:
        with self._lock:
            self._running.remove(label)
            self._tell(1)

    def _tell(self, more: int) -> None:
        if self._bar is None:
            return
        named = [printable(label, self._console.encoding) for label in self._running[:_NAMED]]
        rest = len(self._running) - len(named)
        if rest:
            named.append(spoken(say("live.more", "{number} more", number=rest)))
        self._bar.update(self._task, advance=more, description=", ".join(named))
