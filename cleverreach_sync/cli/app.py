"""The command line: which commands there are, and what becomes of wrong usage."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

import typer

from cleverreach_sync import __version__
from cleverreach_sync.cli import attrs, check, demo, diff, init, resync, sandbox, schema, status, sync
from cleverreach_sync.cli.help import Command, Group, told
from cleverreach_sync.cli.invocation import Invocation
from cleverreach_sync.messages import Message, say, spoken

# The base of what typer raises for wrong usage; it has no public name of its own.
_WrongUsage: Final = typer.BadParameter.__mro__[2]

_SET_UP: Final = say("help.panel_set_up", "Set up")
_TRANSFER: Final = say("help.panel_transfer", "Transfer")
_TRY_OUT: Final = say("help.panel_try_out", "Try out")
_COMMANDS: Final[tuple[tuple[Message, str, Callable[..., None], Message], ...]] = (
    (_SET_UP, "init", init.init, say("help.init", "Write a config to start with, every choice explained.")),
    (
        _SET_UP,
        "check",
        check.check,
        say("help.check", "Check everything a run needs: config, credentials, list, data fields. Writes nothing."),
    ),
    (_SET_UP, "schema", schema.schema, say("help.schema", "Print the JSON Schema of the config, for editors.")),
    (_TRANSFER, "diff", diff.diff, say("help.diff", "Show what sync would do. Writes nothing.")),
    (_TRANSFER, "sync", sync.sync, say("help.sync", "Transfer what is new or changed since the last run.")),
    (_TRANSFER, "resync", resync.resync, say("help.resync", "Transfer everybody selected once more, changed or not.")),
    (
        _TRANSFER,
        "status",
        status.status,
        say("help.status", "Show the last runs, how far the shop was read, and who was rejected."),
    ),
    (
        _TRY_OUT,
        "demo",
        demo.demo,
        say("help.demo", "See it work: sample customers, a sandbox, all in ./crsync-demo/. Needs no account."),
    ),
    (
        _TRY_OUT,
        "sandbox",
        sandbox.sandbox,
        say("help.sandbox", "Run a CleverReach-compatible server on this machine, to try things out."),
    ),
)


def tree() -> typer.Typer:
    """All commands, their help in the language of the process."""
    top = typer.Typer(
        name="crsync",
        cls=Group,
        help=spoken(
            say(
                "help.crsync",
                "Get a shop's customers into CleverReach: correctly tagged, never mailing anybody who left.",
            )
        ),
        epilog=spoken(say("help.start_with", "Start with `crsync demo`, then `crsync init`.")),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    top.callback()(told(_root))
    for panel, name, does, text in _COMMANDS:
        top.command(name, cls=Command, rich_help_panel=spoken(panel), help=spoken(text))(told(does))
    top.add_typer(_attributes(), rich_help_panel=spoken(_SET_UP))
    return top


def _attributes() -> typer.Typer:
    group = typer.Typer(
        name="attrs",
        cls=Group,
        help=spoken(say("help.attrs", "Create or list the data fields in CleverReach.")),
        no_args_is_help=True,
    )
    create = say("help.attrs_create", "Create the data fields that are missing.")
    group.command("create", cls=Command, help=spoken(create))(told(attrs.create))
    list_ = say("help.attrs_list", "Show the data fields that are filled, and those that exist.")
    group.command("list", cls=Command, help=spoken(list_))(told(attrs.list_))
    return group


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"crsync {__version__}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False,
        "--version",
        metavar="",
        callback=_version,
        is_eager=True,
        help=say("help.version", "Show the version and exit."),
    ),
) -> None:
    del version


@cache
def commands() -> Any:
    """All commands, put together once a process: its language is chosen before."""
    return typer.main.get_command(tree())


def run(arguments: Sequence[str]) -> int:
    """Runs a command line; its exit code."""
    try:
        code = commands()(list(arguments), standalone_mode=False, prog_name="crsync")
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
    hint = say("usage.see_help", "`{command} --help` shows what there is", command=command)
    return call.fail(UsageError(_in_catalogue(words, getattr(error, "message", "")), hint=hint))


def _in_catalogue(words: str, reason: str) -> Message:
    """What typer says of wrong usage as one of our messages, as far as it is known; `reason` may be one already."""
    if found := re.fullmatch(r"no such option: (\S+)", words):
        return say("usage.no_option", "no such option: {option}", option=found[1])
    if found := re.fullmatch(r"no such option: (\S+) \(Possible options: (.*)\)", words):
        return say(
            "usage.no_option_but",
            "no such option: {option} (Possible options: {options})",
            option=found[1],
            options=found[2],
        )
    if found := re.fullmatch(r"no such command ('[^']*')", words):
        return say("usage.no_command", "no such command {command}", command=found[1])
    if found := re.fullmatch(r"no such command ('[^']*')\. Did you mean (.*)\?", words):
        return say(
            "usage.no_command_but",
            "no such command {command}. Did you mean {commands}?",
            command=found[1],
            commands=found[2],
        )
    if found := re.fullmatch(r"got unexpected extra argument\(s\) \((.*)\)", words):
        return say("usage.extra", "got unexpected extra argument(s) ({arguments})", arguments=found[1])
    if found := re.fullmatch(r"option ('[^']*') requires an argument", words):
        return say("usage.lacks_value", "option {option} requires an argument", option=found[1])
    if found := re.fullmatch(r"invalid value for ([^:(]+(?: \(env var: '[^']*'\))?): (.*)", words, re.DOTALL):
        if not isinstance(reason, Message):
            reason = _reason(found[2])
        return say("usage.invalid_value", "invalid value for {option}: {reason}", option=found[1], reason=reason)
    return say("usage.said", "{reason}", reason=words)


def _option(name: str, arguments: Sequence[str], default: str) -> str:
    """An option's value where the command line could not be read as a whole."""
    for at, argument in enumerate(arguments):
        if argument == name and at + 1 < len(arguments):
            return arguments[at + 1]
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2]
    return default


def _reason(words: str) -> str:
    """Why typer does not take a value."""
    if found := re.fullmatch(r"('.*') is not one of (.*)", words, re.DOTALL):
        return say("usage.not_one_of", "{value} is not one of {choices}", value=found[1], choices=found[2])
    if found := re.fullmatch(r"Input should be less than or equal to (\S+)", words):
        return say("usage.at_most", "expected {number} or less", number=found[1])
    if found := re.fullmatch(r"Input should be greater than or equal to (\S+)", words):
        return say("usage.at_least", "expected {number} or more", number=found[1])
    if words.startswith("Input should be a valid integer"):
        return say("usage.whole_number", "expected a whole number")
    if words.startswith("Input should be a valid number"):
        return say("usage.number", "expected a number")
    return words
