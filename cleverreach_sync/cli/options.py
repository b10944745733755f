"""Options that several commands share, declared once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from cleverreach_sync.domain.guards import FORCEABLE
from cleverreach_sync.messages import say


class ResultFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class DiffFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class Against(StrEnum):
    STATE = "state"
    TARGET = "target"
    LIST = "list"


DEFAULT_CONFIG: Final = Path("sync.yaml")
DEFAULT_CONFIGS: Final = [DEFAULT_CONFIG]
ALL: Final[list[str]] = []
OUTPUT: Final = say("help.panel_output", "Output")
_RUN: Final = say("help.panel_run", "Run")
_FORM: Final = say("help.format", "Form of the result.")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(value: float | None) -> float | None:
    if value is not None and not 0 <= value < float("inf"):
        raise typer.BadParameter(say("usage.seconds", "expected a number of seconds, 0 or more"))
    return value


def _duration(value: str) -> float:
    """Seconds of `90`, `90s`, `15m`, `2h`, `1d`."""
    text = str(value).strip().lower()
    number, unit = (text[:-1], _UNITS[text[-1]]) if text[-1:] in _UNITS else (text, 1)
    try:
        seconds = float(number) * unit
    except ValueError:
        raise typer.BadParameter(
            say("usage.duration", "expected a number of seconds, or a time such as 90s, 15m or 2h")
        ) from None
    return float(_seconds(seconds) or 0)


def _guard(values: list[str]) -> list[str]:
    for value in values:
        if value not in FORCEABLE:
            message = say(
                "usage.no_guard",
                "{value!r} is not a guard; the guards are {guards}",
                value=value,
                guards=", ".join(FORCEABLE),
            )
            raise typer.BadParameter(message)
    return values


def _details(value: str) -> str:
    if value != "all" and not value.isdigit():
        raise typer.BadParameter(say("usage.details", "expected a number or 'all'"))
    return value


ConfigPaths = Annotated[
    list[Path],
    typer.Option(
        "-c",
        "--config",
        envvar="CRSYNC_CONFIG",
        metavar="PATH",
        help=say(
            "help.config", "The config file. Several (repeatable), or a pattern such as 'shops/*.yaml': all of them."
        ),
    ),
]
Transfers = Annotated[
    list[str],
    typer.Option(
        "--transfer",
        metavar="NAME",
        show_default=False,
        help=say("help.transfer", "Only this one of the transfers in the config (repeatable). Default: all."),
    ),
]
Jobs = Annotated[
    int,
    typer.Option(
        "--jobs", min=1, max=32, metavar="N", help=say("help.jobs", "With several configs: how many at a time.")
    ),
]
Format = Annotated[
    ResultFormat,
    typer.Option("--format", envvar="CRSYNC_FORMAT", help=_FORM, rich_help_panel=OUTPUT),
]
FormatOfDiff = Annotated[
    DiffFormat,
    typer.Option("--format", envvar="CRSYNC_FORMAT", help=_FORM, rich_help_panel=OUTPUT),
]
Verbose = Annotated[
    int,
    typer.Option(
        "-v",
        "--verbose",
        count=True,
        metavar="",
        show_default=False,
        help=say("help.verbose", "Print more details; twice: with tracebacks."),
        rich_help_panel=OUTPUT,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "-q",
        "--quiet",
        metavar="",
        help=say("help.quiet", "Print nothing when all is well, warnings included."),
        rich_help_panel=OUTPUT,
    ),
]
Logs = Annotated[
    LogFormat,
    typer.Option(
        "--log-format",
        envvar="CRSYNC_LOG_FORMAT",
        help=say("help.log_format", "Form of warnings and errors."),
        rich_help_panel=OUTPUT,
    ),
]
NoColor = Annotated[
    bool,
    typer.Option(
        "--no-color",
        metavar="",
        envvar="CRSYNC_NO_COLOR",
        help=say("help.no_color", "No colours (as with NO_COLOR)."),
        rich_help_panel=OUTPUT,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", metavar="", help=say("help.dry_run", "Show what would be done, write nothing."))
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        min=0,
        metavar="N",
        help=say("help.limit", "Send at most N people. Those who left are deactivated regardless."),
        rich_help_panel=_RUN,
    ),
]
Force = Annotated[
    list[str],
    typer.Option(
        "--force",
        metavar="GUARD",
        callback=_guard,
        show_default=False,
        help=say("help.force", "Override a guard for this run (repeatable): {guards}.", guards=", ".join(FORCEABLE)),
        rich_help_panel=_RUN,
    ),
]
LockTimeout = Annotated[
    float,
    typer.Option(
        "--lock-timeout",
        envvar="CRSYNC_LOCK_TIMEOUT",
        metavar="SECONDS",
        callback=_seconds,
        show_default="0",
        help=say("help.lock_timeout", "Wait this long for another run to end."),
        rich_help_panel=_RUN,
    ),
]
MaxDuration = Annotated[
    float | None,
    typer.Option(
        "--max-duration",
        envvar="CRSYNC_MAX_DURATION",
        metavar="SECONDS|2h",
        parser=_duration,
        help=say(
            "help.max_duration",
            "Stop cleanly after this time; the next run carries on. Exit code 5 if nothing was written by then.",
        ),
        rich_help_panel=_RUN,
    ),
]
MaxDurationOfDiff = Annotated[
    float | None,
    typer.Option(
        "--max-duration",
        envvar="CRSYNC_MAX_DURATION",
        metavar="SECONDS|2h",
        parser=_duration,
        help=say("help.max_duration_of_diff", "Give up after this time, with exit code 5."),
        rich_help_panel=_RUN,
    ),
]
ShowPii = Annotated[
    bool,
    typer.Option(
        "--show-pii",
        metavar="",
        help=say("help.show_pii", "Show e-mail addresses and values unmasked."),
        rich_help_panel=OUTPUT,
    ),
]
Details = Annotated[
    str,
    typer.Option(
        "--details",
        metavar="N|all",
        callback=_details,
        help=say("help.details", "How many people a dry run lists."),
        rich_help_panel=OUTPUT,
    ),
]


def details(value: str) -> int | None:
    """The number of people to list; None for all."""
    return None if value == "all" else int(value)
