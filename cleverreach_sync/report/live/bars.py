"""Progress on stderr: bars on a terminal, else nothing but warnings, and with -v a line a phase."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Self

from rich.filesize import decimal
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from cleverreach_sync.messages import Message, say, spoken
from cleverreach_sync.report import words
from cleverreach_sync.report.addressing import addressed
from cleverreach_sync.report.effort import duration
from cleverreach_sync.report.errors import put_json, put_labelled
from cleverreach_sync.report.forms.page import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from rich.console import Console, RenderableType

    from cleverreach_sync.fleet.naming import RunName

REFRESHES: Final = 8  # a second
QUIET: Final = -1
_KILO: Final = 1000  # below it a number of bytes has a word behind it
_WORTH_A_LINE: Final = 1.0  # seconds


def observer(
    console: Console,
    verbosity: int = 0,
    log_format: str = "text",
    clock: Callable[[], float] = time.monotonic,
    name: RunName | None = None,
) -> Lines:
    """The observer that suits `console` (stderr). Verbosity -1 is quiet, 1 and more tells about every phase. `name`:
    which of several transfers it watches."""
    kind = Bars if draws(console, verbosity, log_format) else Lines
    return kind(console, verbosity, log_format, clock, name)


def draws(console: Console, verbosity: int, log_format: str) -> bool:
    """Whether bars may be drawn on `console`."""
    on_terminal = console.is_terminal and console.file.isatty() and not console.is_dumb_terminal
    return on_terminal and verbosity > QUIET and log_format == "text"


class Lines:
    """Warnings, and with -v steps and phases, as lines of text or JSON. Use as a context manager.

    A quiet one holds warnings back: they are told when a run did not end well (`release`, or an error that leaves the
    context)."""

    def __init__(
        self,
        console: Console,
        verbosity: int = 0,
        log_format: str = "text",
        clock: Callable[[], float] = time.monotonic,
        name: RunName | None = None,
    ) -> None:
        self.console = console
        self._name = name
        self.about = name  # the transfer that commands in warnings are about, also where it is the only one
        self._verbosity = verbosity
        self._json = log_format == "json"
        self._clock = clock
        self._phase = ""
        self._unit = ""
        self._since = 0.0
        self._done = 0
        self._held: list[Message] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if error is not None:
            self.release()

    def close(self) -> None:
        """Give the terminal back."""

    def release(self) -> None:
        """Tells the warnings that were held back."""
        held, self._held = self._held, []
        for message in held:
            self._put("warning", "yellow", message)

    def begin(self, phase: str, total: int | None = None, unit: str = "people") -> None:  # noqa: ARG002
        if self._phase:
            self.end()
        self._done, self._unit, self._since = 0, unit, self._clock()
        self._phase = phase

    def advance(self, done: int, total: int | None = None) -> None:  # noqa: ARG002
        self._done = done

    def end(self) -> None:
        if not self._phase:
            return
        phase, time = words.of(words.PHASES, self._phase), duration(self._clock() - self._since)
        if self._done:
            amount = amount_of(self._done, self._unit)
            self.info(say("phase.done_some", "{phase}: {amount} in {time}", phase=phase, amount=amount, time=time))
        else:
            self.info(say("phase.done", "{phase}: {time}", phase=phase, time=time))
        self._phase = ""

    def warn(self, message: Message) -> None:
        if self._verbosity == QUIET:
            self._held.append(message)
        else:
            self._put("warning", "yellow", message)

    def info(self, message: Message) -> None:
        if self._verbosity >= 1:
            self._put("info", "dim", message)

    def waiting(self, message: Message, seconds: float) -> None:
        """Only a bar has a place for this."""

    def _put(self, level: str, style: str, message: Message) -> None:
        message = addressed(message, self.about)
        if self._json:
            put_json(self.console, level, message, self._name)
        else:
            put_labelled(self.console, level, style, message, self._name)


class Bars(Lines):
    """One bar a phase, with rate and remaining time; warnings go above it. Use as a context manager."""

    def __init__(
        self,
        console: Console,
        verbosity: int = 0,
        log_format: str = "text",
        clock: Callable[[], float] = time.monotonic,
        name: RunName | None = None,
    ) -> None:
        super().__init__(console, verbosity, log_format, clock, name)
        self._bars: Progress | None = None
        self._task = TaskID(0)
        self._total: int | None = None
        self._waiting: tuple[Message, float] | None = None

    def begin(self, phase: str, total: int | None = None, unit: str = "people") -> None:
        if self._phase:
            self.end()
        if self._verbosity > QUIET:
            bars = self._bars or Drawing(self)
            shown = spoken(words.of(words.PHASES, phase))
            if self._name is not None:
                shown = f"{self._name.label} {shown}"
            self._task = bars.add_task(printable(shown, self.console.encoding), total=total, unit=unit)
            self._total = total
            if self._bars is None:
                self._bars = bars
                bars.start()
        super().begin(phase, total, unit)

    def advance(self, done: int, total: int | None = None) -> None:
        """Costs next to nothing when called for every person: the bar fetches the number when it is drawn."""
        self._done = done
        if total is not None:
            self._total = total

    def fetch(self) -> None:
        """Tell the bar how far the phase is."""
        if self._bars is not None and self._phase:
            self._bars.update(self._task, completed=self._done, total=self._total)

    def waiting(self, message: Message, seconds: float) -> None:
        """Below the bar, as long as it lasts."""
        if seconds >= _WORTH_A_LINE:
            self._waiting = (message, self._clock() + seconds)

    def still_waiting(self) -> Message | None:
        """Why nothing moves just now, if a request waits to be tried again."""
        if self._waiting is None:
            return None
        message, until = self._waiting
        left = until - self._clock()
        if left <= 0:
            return None
        return say("live.waiting", "waiting {time}: {reason}", time=duration(left), reason=message)

    def end(self) -> None:
        self._total = self._done
        self.fetch()
        super().end()

    def close(self) -> None:
        bars, self._bars = self._bars, None
        if bars is not None:
            bars.stop()


class Drawing(Progress):
    """The bars as rich draws them, a few times a second."""

    def __init__(self, bars: Bars) -> None:
        self._fetch = bars.fetch
        self._still_waiting = bars.still_waiting
        super().__init__(
            TextColumn("{task.description:<7}", markup=False),
            BarColumn(bar_width=24),
            Amount(),
            Rate(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=bars.console,
            refresh_per_second=REFRESHES,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        self._fetch()
        yield from super().get_renderables()
        waiting = self._still_waiting()
        if waiting is not None:
            yield Text(printable(waiting, self.console.encoding), style="yellow", no_wrap=True, overflow="ellipsis")


def amount_of(number: float, unit: str) -> str:
    """`20,000 people`, `1.2 MB`."""
    large = unit == "bytes" and number >= _KILO
    return decimal(int(number)) if large else words.amount(words.UNITS, unit, int(number))


class Amount(ProgressColumn):
    """How much is done, of how much."""

    max_refresh = 0.1

    def render(self, task: Task) -> Text:
        unit = task.fields["unit"]
        if task.total is None:
            return Text(spoken(amount_of(task.completed, unit)))
        done = amount_of(task.completed, unit) if unit == "bytes" else f"{int(task.completed):,}"
        return Text(f"{spoken(done)}/{spoken(amount_of(task.total, unit))}")


class Rate(ProgressColumn):
    """How much of it in a second."""

    max_refresh = 0.1

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        shown = amount_of(speed, "bytes") if task.fields["unit"] == "bytes" else f"{int(speed):,}"
        return Text(f"{spoken(shown)}/s", style="dim")
