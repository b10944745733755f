"""The command line: which commands there are, and what becomes of wrong usage."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from cleverreach_sync import __version__
from cleverreach_sync.cli import attrs, check, demo, diff, init, resync, sandbox, schema, status, sync
from cleverreach_sync.cli.invocation import Invocation

# The base of what typer raises for wrong usage; it has no public name of its own.
_WrongUsage: Final = typer.BadParameter.__mro__[2]

_SET_UP: Final = "Set up"
_TRANSFER: Final = "Transfer"
_TRY_OUT: Final = "Try out"


class _Command(TyperCommand):
    """A command whose --help is listed like every other switch, without a type."""

    def get_help_option(self, ctx: Any) -> Any:
        return _switch(super().get_help_option(ctx))


class _Group(TyperGroup):
    def get_help_option(self, ctx: Any) -> Any:
        return _switch(super().get_help_option(ctx))


def _switch(option: Any) -> Any:
    if option is not None:
        option.metavar = ""
    return option


app = typer.Typer(
    name="crsync",
    cls=_Group,
    help="Get a shop's customers into CleverReach: correctly tagged, never mailing anybody who left.",
    epilog="Start with `crsync demo`, then `crsync init`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
attributes = typer.Typer(
    name="attrs", cls=_Group, help="Create or list the data fields in CleverReach.", no_args_is_help=True
)
attributes.command("create", cls=_Command)(attrs.create)
attributes.command("list", cls=_Command)(attrs.list_)

for _panel, _name, _does in (
    (_SET_UP, "init", init.init),
    (_SET_UP, "check", check.check),
    (_SET_UP, "schema", schema.schema),
    (_TRANSFER, "diff", diff.diff),
    (_TRANSFER, "sync", sync.sync),
    (_TRANSFER, "resync", resync.resync),
    (_TRANSFER, "status", status.status),
    (_TRY_OUT, "demo", demo.demo),
    (_TRY_OUT, "sandbox", sandbox.sandbox),
):
    app.command(_name, cls=_Command, rich_help_panel=_panel)(_does)
app.add_typer(attributes, rich_help_panel=_SET_UP)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"crsync {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", metavar="", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    del version


@cache
def _commands() -> Any:
    """All commands, put together once a process."""
    return typer.main.get_command(app)


def run(arguments: Sequence[str]) -> int:
    """Runs a command line; its exit code."""
    try:
        code = _commands()(list(arguments), standalone_mode=False, prog_name="crsync")
    except KeyboardInterrupt:
        return 130
    except typer.Abort:
        return 130
    except Exception as error:
        if isinstance(error, _WrongUsage):
            return _wrong_usage(error, arguments)
        if isinstance(error, OSError):  # the disk that a help or schema was to go to is full
            from cleverreach_sync.report.stream import abandon

            abandon(sys.stdout)
            return _invocation(arguments).fail(error)
        raise
    return code if isinstance(code, int) else 0


def _invocation(arguments: Sequence[str]) -> Invocation:
    """Where the output goes of a call whose options nobody has read."""
    return Invocation(
        _option("--format", arguments, os.environ.get("CRSYNC_FORMAT", "text")),
        0,
        quiet=False,
        log_format=_option("--log-format", arguments, os.environ.get("CRSYNC_LOG_FORMAT", "text")),
        no_color="--no-color" in arguments,
    )


def _wrong_usage(error: Exception, arguments: Sequence[str]) -> int:
    from cleverreach_sync.errors import UsageError

    message = error.format_message() if hasattr(error, "format_message") else str(error)
    if not message:  # no command given: the help was shown
        return 2
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "crsync"
    call = _invocation(arguments)
    sys.stdout.flush()
    words = (message[0].lower() + message[1:]).replace("Value error, ", "").rstrip(".")
    return call.fail(UsageError(words, hint=f"`{command} --help` shows what there is"))


def _option(name: str, arguments: Sequence[str], default: str) -> str:
    """An option's value where the command line could not be read as a whole."""
    for at, argument in enumerate(arguments):
        if argument == name and at + 1 < len(arguments):
            return arguments[at + 1]
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2]
    return default
