"""One call of the program: where its output goes, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from cleverreach_sync.clock import Stop
    from cleverreach_sync.fleet.choice import Choice, Refused
    from cleverreach_sync.fleet.engine import Stops
    from cleverreach_sync.fleet.naming import RunName
    from cleverreach_sync.report.live.bars import Lines

QUIET = -1
_SHOW_CURSOR = "\x1b[?25h"  # bars hide it


class Invocation:
    """Results go to stdout and nothing else does; progress, warnings and errors go to stderr."""

    def __init__(self, form: str, verbose: int, *, quiet: bool, log_format: str, no_color: bool) -> None:
        self.form = form
        self.verbosity = QUIET if quiet else verbose
        self.log_format = log_format
        self.no_color = no_color
        self.about: RunName | None = None  # the transfer of a call that is about one

    @property
    def out(self) -> Console:
        from cleverreach_sync.report.forms.page import open_console

        return open_console(sys.stdout, no_color=self.no_color)

    @property
    def err(self) -> Console:
        from cleverreach_sync.report.forms.page import open_console

        return open_console(sys.stderr, no_color=self.no_color, beside=True)

    def progress(self) -> Lines:
        from cleverreach_sync.report.live.bars import observer

        lines = observer(self.err, self.verbosity, self.log_format)
        lines.about = self.about
        return lines

    def choice(
        self, paths: Sequence[Path], transfers: Sequence[str], *, writes: bool = True, refused: Refused | None = None
    ) -> Choice:
        """The transfers that the options of the call name; see `choose` for `writes` and `refused`."""
        from cleverreach_sync.fleet.choice import choose

        chosen = choose(paths, transfers, os.environ, writes=writes, refused=refused)
        self.about = None if chosen.several else chosen.chosen[0].name
        return chosen

    def show(self, document: dict[str, Any], text: Callable[[dict[str, Any], Console], None]) -> None:
        """Prints a result in the form asked for; quiet prints none of a run that ended well, and a line if it did not
        come to its end."""
        if self.verbosity == QUIET and document.get("exit", {"code": 0})["code"] == 0:
            self._show_unfinished(document)
            return
        from cleverreach_sync.report.addressing import addressed_document

        about = self.about
        config, transfer = (None, None) if about is None else (about.config, about.transfer)
        document = addressed_document(document, config, transfer)
        if self.form == "text":
            text(document if about is None else {"config": config, "transfer": transfer, **document}, self.out)
            return
        from cleverreach_sync.report.stream import write

        write(_rendered(self.form, document), sys.stdout)

    def _show_unfinished(self, document: dict[str, Any]) -> None:
        from cleverreach_sync.report.errors import put_json, put_labelled
        from cleverreach_sync.report.summary import unfinished_runs

        for message, name in unfinished_runs(document):
            if self.log_format == "json":
                put_json(self.err, "warning", message, name)
            else:
                put_labelled(self.err, "warning", "yellow", message, name)

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Turns errors into messages and exit codes."""
        try:
            yield
        except typer.Exit:
            raise
        except BaseException as error:
            raise typer.Exit(self.fail(error)) from error

    def fail(self, error: BaseException, *, document_shown: bool = False) -> int:
        """Prints an error; its exit code."""
        from cleverreach_sync.errors import as_crsync_error
        from cleverreach_sync.report.document import dumps, error_document
        from cleverreach_sync.report.stream import write

        known = as_crsync_error(error)
        self.tell(known, self.err)
        if self.form == "json" and not document_shown:
            with suppress(OSError):  # nobody can be told; the exit code still says it
                write(dumps(error_document(known)), sys.stdout)
        return known.code

    def tell(self, error: BaseException, console: Console, name: RunName | None = None) -> None:
        """Prints an error on stderr; `name` says which of several transfers it is about."""
        from cleverreach_sync.errors import as_crsync_error
        from cleverreach_sync.report.addressing import addressed
        from cleverreach_sync.report.errors import print_error

        error = as_crsync_error(error)
        error.hint = addressed(error.hint, name or self.about) if error.hint else None
        error.message = addressed(error.message, name or self.about)
        print_error(error, console, log_format=self.log_format, verbosity=self.verbosity, name=name)


def _rendered(form: str, document: dict[str, Any]) -> str:
    if form == "csv":
        from cleverreach_sync.report.forms.tabular import run_csv

        return run_csv(document)
    if form == "markdown":
        from cleverreach_sync.report.forms.markdown import run_markdown

        return run_markdown(document)
    from cleverreach_sync.report.document import dumps

    return dumps(document)


@contextmanager
def signals(stop: Stop | Stops) -> Iterator[None]:
    """SIGINT and SIGTERM ask the run to end; the second one does not wait."""

    def ask(signum: int, _frame: FrameType | None) -> None:
        if stop.signum is not None:
            # What is under way may wait for a server for minutes. The state is made for a run that dies.
            if sys.stderr.isatty():
                sys.stderr.write(_SHOW_CURSOR)
                sys.stderr.flush()
            os._exit(128 + signum)
        stop.signum = signum

    def ask_by_break(_signum: int, frame: FrameType | None) -> None:
        ask(signal.SIGTERM, frame)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    if (by_break := getattr(signal, "SIGBREAK", None)) is not None:  # how Windows ends a process of a console
        before[by_break] = signal.signal(by_break, ask_by_break)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
