"""`crsync init`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cleverreach_sync.cli import options as opt
from cleverreach_sync.cli.invocation import Invocation

if TYPE_CHECKING:
    from cleverreach_sync.commands.init import Written


def init(
    path: Path = typer.Argument(opt.DEFAULT_CONFIG, metavar="PATH", help="Where to write the config."),
    source: str | None = typer.Option(None, "--source", metavar="TYPE", help="The shop system.", show_default="file"),
    yes: bool = typer.Option(False, "--yes", "-y", metavar="", help="Ask nothing, take the defaults."),
    force: bool = typer.Option(False, "--force", metavar="", help="Overwrite an existing file."),
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
    log_format: opt.Logs = opt.LogFormat.TEXT,
    no_color: opt.NoColor = False,
) -> None:
    """Write a config to start with, every choice explained."""
    call = Invocation("text", verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    with call.ending():
        from cleverreach_sync.commands.init import write_config
        from cleverreach_sync.errors import UsageError
        from cleverreach_sync.sources.registry import SOURCE_TYPES

        if path.exists() and not force:
            raise UsageError(f"{path} already exists", hint="--force overwrites it, or give another path")
        asks = not yes and sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
        try:
            kind = source or (_asked_type(SOURCE_TYPES) if asks else SOURCE_TYPES[0])
            if kind not in SOURCE_TYPES:
                raise UsageError(f"there is no source {kind!r}", hint=f"one of {', '.join(SOURCE_TYPES)}")
            answers = _answers(kind) if asks else {}
        except typer.Abort:
            typer.echo("\nnothing was written", err=True)
            raise typer.Exit(130) from None
        written = write_config(path, kind, answers)
        if not quiet:
            _tell_next(written)


def _asked_type(types: tuple[str, ...]) -> str:
    while True:
        asked = f"Where do your customers come from ({', '.join(types)})?"
        answer = str(typer.prompt(asked, default=types[0], err=True)).strip().lower()
        if answer in types:
            return answer
        typer.echo(f"expected one of {', '.join(types)}; please answer again", err=True)


def _answers(kind: str) -> dict[str, str]:
    from cleverreach_sync.config.starter import questions, starter_config

    found: dict[str, str] = {}
    for question in questions(kind):
        while True:
            found[question.key] = str(typer.prompt(question.text, default=question.default, err=True))
            try:
                starter_config(kind, found)
            except ValueError as error:
                typer.echo(f"{error}; please answer again", err=True)
            else:
                break
    return found


def _tell_next(written: Written) -> None:
    path = written.config
    option = "" if path == opt.DEFAULT_CONFIG else f" -c {shlex.quote(str(path))}"
    typer.echo(f"wrote {path} and {written.schema}", err=True)
    typer.echo(
        f"next: look through {path}, {written.access}, and give crsync its access:\n"
        + "".join(f"  export {name}=...\n" for name in written.variables)
        + f"  crsync attrs create{option}\n  crsync check{option}",
        err=True,
    )
