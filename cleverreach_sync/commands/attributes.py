"""The data fields that are filled, and those that exist; creates those that are missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from enum import Enum, auto
from typing import Any

from cleverreach_sync.clock import Clock, Stop
from cleverreach_sync.config.schema import Config
from cleverreach_sync.domain.fields import DataField
from cleverreach_sync.errors import UsageError, exit_object
from cleverreach_sync.http.redaction import Redaction
from cleverreach_sync.messages import say, say_many
from cleverreach_sync.progress import Progress
from cleverreach_sync.run.prepare.connect import open_target
from cleverreach_sync.run.prepare.target_list import find_list
from cleverreach_sync.state import checkpoint
from cleverreach_sync.state.files import StateFolder
from cleverreach_sync.targets.interface import ExistingField, RecipientList, Target


class Mode(Enum):
    LIST = auto()
    PREVIEW = auto()  # what CREATE would do
    CREATE = auto()


def attributes_document(config: Config, mode: Mode, progress: Progress, clock: Clock, stop: Stop) -> dict[str, Any]:
    """The document `crsync.attributes/1`. Raises UsageError where there is no room for those that are missing."""
    wanted = config.attributes.data_fields()
    scope = config.attributes.scope
    target, _ = open_target(config, progress, clock, stop, Redaction(config.secrets()))
    with closing(target):
        found = _list(target, config, mode, progress) if scope == "list" else None
        there = target.existing_fields()
        missing = [field for field in wanted if field.name not in there]
        limit = target.field_limit() if mode is not Mode.LIST else None
        if limit is not None and len(there) + len(missing) > limit:
            raise UsageError(
                say_many(
                    "fields.too_many",
                    "{number:,} data field is missing, but there may be only {limit:,} and there are {there:,}",
                    "{number:,} data fields are missing, but there may be only {limit:,} and there are {there:,}",
                    len(missing),
                    limit=limit,
                    there=len(there),
                ),
                hint=say(
                    "fields.delete_some",
                    "delete data fields in {target}, or leave some out with attributes.map: {{name: null}}",
                    target=config.target.system,
                ),
            )
        created = set()
        if mode is Mode.CREATE:
            for field in missing:
                target.create_field(field)
                created.add(field.name)
    return {
        "schema": "crsync.attributes/1",
        "scope": scope,
        "list": found.name if found is not None else config.target.list_spelling,
        "fields": list(_fields(wanted, there, created)),
        "limit": limit,
        "dry_run": mode is not Mode.CREATE,
        "exit": exit_object(),
    }


def _list(target: Target, config: Config, mode: Mode, progress: Progress) -> RecipientList | None:
    known = checkpoint.load(StateFolder(config.state_path).checkpoint)
    found = find_list(target, config, known, progress)
    return target.create_list() if found is None and mode is Mode.CREATE else found


def _fields(
    wanted: Sequence[DataField], there: Mapping[str, ExistingField], created: set[str]
) -> Iterator[dict[str, Any]]:
    """Those wanted, then the others that there are."""
    for field in wanted:
        has = there.get(field.name)
        state = "created" if field.name in created else "missing" if has is None else "exists"
        if has is not None and has.type and has.type != field.word:
            state = "wrong_type"
        yield {
            "name": field.name,
            "type": field.word,
            "person_field": field.person_field,
            "state": state,
            "existing_type": has.type if has is not None else None,
        }
    names = {field.name for field in wanted}
    for name, has in sorted(there.items()):
        if name not in names:
            yield {"name": name, "type": has.type, "person_field": None, "state": "unused", "existing_type": has.type}
