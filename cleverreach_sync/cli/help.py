"""The help of the commands in the language of the process. typer takes plain texts only, so it gets them in that
language when the commands are put together."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import copy
from functools import wraps
from typing import Annotated, Any, cast, get_args, get_origin

from typer.core import TyperCommand, TyperGroup
from typer.models import ParameterInfo

from cleverreach_sync.messages import say, speaks_english, spoken


class _Spoken:
    """Help in the language of the process, with --help listed like every other switch, without a type."""

    def get_help_option(self, ctx: Any) -> Any:
        return _switch(super().get_help_option(ctx))  # type: ignore[misc]

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        _write_usage(self, ctx, formatter)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _name_parts()
        super().format_help(ctx, formatter)  # type: ignore[misc]


class Command(_Spoken, TyperCommand):
    """A command."""


class Group(_Spoken, TyperGroup):
    """What has commands below it."""


def _switch(option: Any) -> Any:
    if option is not None:
        option.metavar = ""
        option.help = spoken(say("help.help", "Show this message and exit."))
    return option


def _write_usage(command: Any, ctx: Any, formatter: Any) -> None:
    pieces = " ".join(command.collect_usage_pieces(ctx))
    formatter.write_usage(ctx.command_path, pieces, prefix=spoken(say("help.usage", "Usage: ")))


def _name_parts() -> None:
    """What typer itself calls the parts of a help."""
    from typer import rich_utils

    rich_utils.ARGUMENTS_PANEL_TITLE = spoken(say("help.arguments", "Arguments"))
    rich_utils.OPTIONS_PANEL_TITLE = spoken(say("help.options", "Options"))
    rich_utils.COMMANDS_PANEL_TITLE = spoken(say("help.commands", "Commands"))
    rich_utils.DEFAULT_STRING = spoken(say("help.default", "[default: {}]"))
    rich_utils.ENVVAR_STRING = spoken(say("help.variable", "[env var: {}]"))


def told(does: Callable[..., None]) -> Callable[..., None]:
    """`does`, the help of its options in the language of the process."""
    if speaks_english():  # as it is, without the time that it takes
        return does

    @wraps(does)
    def done(**given: Any) -> None:
        does(**given)

    signature = inspect.signature(does, eval_str=True)
    parameters = [
        parameter.replace(annotation=_annotation(parameter.annotation), default=_info(parameter.default))
        for parameter in signature.parameters.values()
    ]
    done.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    done.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return done


def _annotation(annotation: Any) -> Any:
    if get_origin(annotation) is not Annotated:
        return annotation
    kind, *more = get_args(annotation)
    return cast("Any", Annotated)[(kind, *map(_info, more))]


def _info(value: Any) -> Any:
    """What typer knows of an option."""
    if not isinstance(value, ParameterInfo):
        return value
    copied = copy(value)
    copied.help = spoken(value.help or "")
    copied.rich_help_panel = value.rich_help_panel and spoken(value.rich_help_panel)
    return copied
