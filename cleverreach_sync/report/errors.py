"""An error on stderr: what, where, and what to do about it. Never a traceback, but with -vv."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.text import Text

from cleverreach_sync.errors import ConfigError, CrsyncError, as_crsync_error, exit_of
from cleverreach_sync.report import words
from cleverreach_sync.report.forms.page import printable

if TYPE_CHECKING:
    from rich.console import Console

    from cleverreach_sync.fleet.naming import RunName


def print_error(
    error: BaseException,
    console: Console,
    *,
    log_format: str = "text",
    verbosity: int = 0,
    name: RunName | None = None,
) -> None:
    """Print `error` to stderr, as lines or, with `log_format` json, as one JSON line a problem. `name`: whose it is."""
    known = as_crsync_error(error)
    for where, message, hint in _problems(known):
        if log_format == "json":
            put_json(console, "error", message, name, where=where, hint=hint, **exit_of(known))
            continue
        put_labelled(console, "error", "bold red", message, name, where)
        if hint:
            put_labelled(console, "hint", "cyan", hint, name)
    if verbosity >= 2:
        _put_traceback(error, console, log_format)


def _problems(error: CrsyncError) -> Iterator[tuple[str | None, str, str | None]]:
    if isinstance(error, ConfigError):
        yield from ((problem.where, problem.message, problem.hint) for problem in error.problems)
    else:
        yield error.where, error.message, error.hint


def _put_traceback(error: BaseException, console: Console, log_format: str) -> None:
    trace = "".join(_trace(error))
    if log_format == "json":
        put_json(console, "debug", trace)
        return
    for line in trace.splitlines():
        console.print(Text(printable(line, console.encoding), style="dim"), soft_wrap=True)


def _trace(error: BaseException) -> Iterator[str]:
    """The traceback, that of the first cause first. Foreign errors tell their type only: their text may hold an address
    or a name."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    for link in reversed(chain):
        text = f": {link.message}" if isinstance(link, CrsyncError) else ""
        yield "Traceback (most recent call last):\n"
        yield from traceback.format_tb(link.__traceback__)
        yield f"{type(link).__module__}.{type(link).__qualname__}{text}\n"


def put_labelled(
    console: Console, level: str, style: str, message: str, name: RunName | None = None, where: str | None = None
) -> None:
    """`warning: ...`, or `[shop-a] warning: ...`; a line is never wrapped, so that tools find `file:line:column` in
    it."""
    text = Text() if name is None else Text(f"[{printable(name.label, console.encoding)}] ", style="dim")
    text.append(f"{printable(words.LEVELS[level], console.encoding)}:", style=style)
    place = f"{printable(where, console.encoding)}: " if where else ""
    text.append(f" {place}{printable(message, console.encoding)}", style="default")
    console.print(text, soft_wrap=True)


def put_json(console: Console, level: str, message: str, name: RunName | None = None, **more: object) -> None:
    """One JSON line, ASCII only; what is None is left out. `time` is UTC."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    line = {"level": level, "time": now, "message": message}
    if name is not None:
        more = {"config": name.config, "transfer": name.transfer, **more}
    line.update((key, value) for key, value in more.items() if value is not None)  # type: ignore[misc]
    console.print(Text(json.dumps(line)), soft_wrap=True)
