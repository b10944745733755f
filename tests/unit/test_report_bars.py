from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from cleverreach_sync.messages import say
from cleverreach_sync.progress import Progress
from cleverreach_sync.report.forms.page import open_console
from cleverreach_sync.report.live.bars import Bars, Lines, observer

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def terminal() -> tuple[Terminal, Console]:
    stream = Terminal()
    return stream, Console(file=stream, width=100, force_terminal=True, _environ={"TERM": "xterm"})


def phases(progress: Progress, clock: Clock) -> None:
    progress.begin("read", unit="bytes")
    clock.now += 1.5
    progress.advance(1_500_000)
    progress.end()
    progress.warn(say("test.text", "customers.csv:5: too many columns"))
    progress.begin("write", 9)
    clock.now += 0.5
    progress.advance(9)
    progress.info(say("test.text", "batch of 9 confirmed"))
    progress.end()


def told(verbosity: int, log_format: str = "text") -> str:
    stream, clock = io.StringIO(), Clock()
    with observer(open_console(stream), verbosity, log_format, clock) as progress:
        assert type(progress) is Lines
        phases(progress, clock)
    return stream.getvalue()


def test_without_a_terminal_only_warnings_are_printed() -> None:
    assert told(0) == "warning: customers.csv:5: too many columns\n"


def test_verbose_tells_every_phase() -> None:
    assert told(1) == (
        "info: read: 1.5 MB in 1.5 s\n"
        "warning: customers.csv:5: too many columns\n"
        "info: batch of 9 confirmed\n"
        "info: write: 9 people in 0.5 s\n"
    )


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_quiet_prints_nothing(log_format: str) -> None:
    assert told(-1, log_format) == ""


def test_what_quiet_held_back_is_told_once_when_a_run_fails() -> None:
    stream = io.StringIO()

    def break_off() -> None:
        with observer(open_console(stream), -1) as progress:
            phases(progress, Clock())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert stream.getvalue() == "warning: customers.csv:5: too many columns\n"
    with observer(open_console(stream), -1) as progress:
        phases(progress, Clock())
    progress.release()
    progress.release()
    assert stream.getvalue() == 2 * "warning: customers.csv:5: too many columns\n"


def test_json_lines() -> None:
    (line,) = told(0, "json").splitlines()
    found = json.loads(line)
    assert found.pop("time").endswith("Z")
    assert found == {"level": "warning", "message": "customers.csv:5: too many columns"}


def test_bars_on_a_terminal_and_the_cursor_back_after_them() -> None:
    stream, console = terminal()
    clock = Clock()
    with observer(console, 1, clock=clock) as progress:
        assert type(progress) is Bars
        phases(progress, clock)
    page = stream.getvalue()
    assert "1.5 MB" in page
    assert "9/9 people" in page
    assert "customers.csv:5" in page
    assert page.rindex(SHOW) > page.rindex(HIDE)


@pytest.mark.parametrize("ending", [KeyboardInterrupt, ValueError])
def test_the_terminal_is_given_back_when_a_run_breaks_off(ending: type[BaseException]) -> None:
    stream, console = terminal()

    def break_off() -> None:
        with observer(console) as progress:
            progress.begin("read", 10)
            raise ending

    with pytest.raises(ending):
        break_off()
    page = stream.getvalue()
    assert page.rindex(SHOW) > page.rindex(HIDE)


@pytest.mark.parametrize(("verbosity", "log_format"), [(-1, "text"), (0, "json")])
def test_no_bars_when_quiet_or_when_lines_are_wanted(verbosity: int, log_format: str) -> None:
    _, console = terminal()
    assert type(observer(console, verbosity, log_format)) is Lines


def test_forced_colour_draws_no_bars_into_a_file() -> None:
    assert type(observer(Console(file=io.StringIO(), force_terminal=True))) is Lines


def test_many_steps_cost_no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    _, console = terminal()
    updates: list[int] = []
    with Bars(console) as progress:
        progress.begin("read", 100_000)
        assert progress._bars is not None
        monkeypatch.setattr(progress._bars, "update", lambda *_, **now: updates.append(now["completed"]))
        for done in range(100_000):
            progress.advance(done, 100_000)
        assert len(updates) <= 10
        progress._bars.refresh()
        assert updates[-1] == 99_999


def test_a_bar_tells_why_nothing_moves_as_long_as_that_lasts() -> None:
    stream, console = terminal()
    clock = Clock()
    with observer(console, clock=clock) as progress:
        assert isinstance(progress, Bars)
        progress.begin("read", 9)
        drawing = progress._bars
        assert drawing is not None
        progress.waiting(say("test.text", "the shop gets too many requests (429)"), 30.0)
        clock.now += 12
        drawing.refresh()
        assert "waiting 18 s: the shop gets too many requests (429)" in stream.getvalue()
        progress.waiting(say("test.text", "a dropped connection"), 0.4)  # over before anybody could read it
        clock.now += 18
        stream.seek(0)
        stream.truncate()
        drawing.refresh()
        assert "waiting" not in stream.getvalue()
        progress.end()
