"""Writes a config to start with, every choice explained, and the schema for editors beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from cleverreach_sync.config.json_schema import schema_text
from cleverreach_sync.config.starter import how_to_get_access, starter_config, variables
from cleverreach_sync.errors import UsageError
from cleverreach_sync.messages import say
from cleverreach_sync.state.files import make_folder, write_private

SCHEMA_NAME = "crsync.schema.json"


class Written(NamedTuple):
    """What was written, the environment variables that the config asks for, and how to get what goes into them."""

    config: Path
    schema: Path
    variables: list[str]
    access: str


def write_config(path: Path, source: str, answers: Mapping[str, str]) -> Written:
    """Raises UsageError for answers that are none, and where nothing can be written."""
    try:
        text = starter_config(source, answers)
    except ValueError as error:
        raise UsageError(error.args[0]) from None
    schema = path.parent / SCHEMA_NAME
    try:
        make_folder(path.parent)
        write_private(path, text)  # secrets may come into it one day
        write_private(schema, schema_text())
    except OSError as error:
        hint = say("init.other_folder", "go to a folder of your own, or give another path")
        message = say("init.cannot_write", "cannot write {path}: {reason}", path=path, reason=error.strerror)
        raise UsageError(message, hint=hint) from None
    return Written(path, schema, variables(text), how_to_get_access())
