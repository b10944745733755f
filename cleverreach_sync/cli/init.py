"""`crsync init`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cleverreach_sync.cli import options as opt
from cleverreach_sync.cli.invocation import Invocation
from cleverreach_sync.messages import Message, say, spoken

if TYPE_CHECKING:
    from cleverreach_sync.commands.init import Written


def init(
    path: Path = typer.Argument(
        opt.DEFAULT_CONFIG, metavar="PATH", help=say("help.init_path", "Where to write the config.")
    ),
    source: str | None = typer.Option(
        None, "--source", metavar="TYPE", help=say("help.init_source", "The shop system."), show_default="file"
    ),
    yes: bool = typer.Option(
        False, "--yes", "-y", metavar="", help=say("help.init_yes", "Ask nothing, take the defaults.")
    ),
    force: bool = typer.Option(
        False, "--force", metavar="", help=say("help.init_force", "Overwrite an existing file.")
    ),
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
    log_format: opt.Logs = opt.LogFormat.TEXT,
    no_color: opt.NoColor = False,
) -> None:
    call = Invocation("text", verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    with call.ending():
        from cleverreach_sync.commands.init import write_config
        from cleverreach_sync.errors import UsageError
        from cleverreach_sync.sources.registry import SOURCE_TYPES

        if path.exists() and not force:
            raise UsageError(
                say("init.exists", "{path} already exists", path=path),
                hint=say("init.force_or_other", "--force overwrites it, or give another path"),
            )
        asks = not yes and sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
        try:
            kind = source or (_asked_type(SOURCE_TYPES) if asks else SOURCE_TYPES[0])
            if kind not in SOURCE_TYPES:
                raise UsageError(
                    say("init.no_source", "there is no source {kind!r}", kind=kind),
                    hint=say("init.one_of", "one of {types}", types=", ".join(SOURCE_TYPES)),
                )
            answers = _answers(kind) if asks else {}
        except typer.Abort:
            typer.echo(f"\n{spoken(say('init.nothing_written', 'nothing was written'))}", err=True)
            raise typer.Exit(130) from None
        written = write_config(path, kind, answers)
        if not quiet:
            _tell_next(written)


def _asked_type(types: tuple[str, ...]) -> str:
    while True:
        asked = say("init.which_source", "Where do your customers come from ({types})?", types=", ".join(types))
        answer = str(typer.prompt(spoken(asked), default=types[0], err=True)).strip().lower()
        if answer in types:
            return answer
        _ask_again(say("init.expected_one_of", "expected one of {types}", types=", ".join(types)))


def _answers(kind: str) -> dict[str, str]:
    from cleverreach_sync.config.starter import questions, starter_config

    found: dict[str, str] = {}
    for question in questions(kind):
        while True:
            found[question.key] = str(typer.prompt(spoken(question.text), default=question.default, err=True))
            try:
                starter_config(kind, found)
            except ValueError as error:
                _ask_again(error.args[0])
            else:
                break
    return found


def _ask_again(reason: str) -> None:
    typer.echo(spoken(say("init.again", "{reason}; please answer again", reason=reason)), err=True)


def _tell_next(written: Written) -> None:
    path = written.config
    option = "" if path == opt.DEFAULT_CONFIG else f" -c {shlex.quote(str(path))}"
    exports = "".join(f"  export {name}=...\n" for name in written.variables)
    commands = f"  crsync attrs create{option}\n  crsync check{option}"
    typer.echo(spoken(say("init.wrote", "wrote {config} and {schema}", config=path, schema=written.schema)), err=True)
    typer.echo(spoken(_next(written)) + f"\n{exports}{commands}", err=True)


def _next(written: Written) -> Message:
    return say(
        "init.next",
        "next: look through {path}, {access}, and give crsync its access:",
        path=written.config,
        access=written.access,
    )
