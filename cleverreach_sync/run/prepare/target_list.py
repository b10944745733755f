"""The list a run writes to, and which data fields it has."""

from __future__ import annotations

import contextlib

from cleverreach_sync.config.schema import Config
from cleverreach_sync.domain.fields import DataField, FieldMap
from cleverreach_sync.errors import StateError, UsageError
from cleverreach_sync.messages import Message, say
from cleverreach_sync.progress import Progress
from cleverreach_sync.run.prepare.state import UNDO_OR_START_ANEW
from cleverreach_sync.state.checkpoint import Checkpoint
from cleverreach_sync.targets.interface import RecipientList, Target


def find_list(target: Target, config: Config, known: Checkpoint | None, progress: Progress) -> RecipientList | None:
    """The list, by its ID once that is known. Raises UsageError if it is gone, StateError if the config names
    another."""
    recorded = known.identity if known is not None and known.identity.list_id else None
    wanted = config.target.list_spelling
    if recorded is not None and wanted not in (recorded.list, recorded.list_id):
        found = None
        with contextlib.suppress(UsageError):  # there is none, or more than one
            found = target.find_list(None)
        if found is None or found.id != recorded.list_id:
            raise StateError(
                say(
                    "state.of_another_list",
                    "the state in {path} belongs to the list {list!r} ({id}), the config names {wanted!r}",
                    path=config.state_path,
                    list=recorded.list_name,
                    id=recorded.list_id,
                    wanted=wanted,
                ),
                hint=UNDO_OR_START_ANEW,
            )
    found = target.find_list(recorded.list_id if recorded is not None else None)
    if recorded is not None and found is not None and found.name != recorded.list_name:
        progress.warn(
            say(
                "list.renamed",
                "the list {id} was renamed from {before!r} to {now!r}",
                id=recorded.list_id,
                before=recorded.list_name,
                now=found.name,
            )
        )
    if found is None and not config.target.may_create_list:
        raise UsageError(
            say("list.no_such_name", "there is no recipient list called {list!r}", list=wanted),
            hint=say(
                "list.create_it",
                "create it in {system}, or set target.create_list: true",
                system=config.target.system,
            ),
        )
    return found


def mapped_fields(target: Target, config: Config, progress: Progress) -> FieldMap:
    """The data fields that are filled. Raises UsageError when mapped ones are missing and that is not to be ignored."""
    wanted = config.attributes.data_fields()
    if not wanted:
        return FieldMap(())
    there = target.existing_fields()
    missing = [field for field in wanted if field.name not in there]
    if not missing:
        return FieldMap(wanted)
    names = ", ".join(field.name for field in missing)
    if config.attributes.missing == "refuse":
        raise UsageError(
            say(
                "fields.do_not_exist",
                "these data fields do not exist in {system}: {fields}",
                system=config.target.system,
                fields=names,
            ),
            hint=_how_to_go_on(target, config.target.system, len(there), len(missing)),
        )
    progress.warn(
        say(
            "fields.left_out",
            "these data fields do not exist in {system} and are left out: {fields}",
            system=config.target.system,
            fields=names,
        )
    )
    return FieldMap(_without(wanted, missing))


def _how_to_go_on(target: Target, system: str, there: int, missing: int) -> Message:
    """What to do about data fields that are missing. Those that an account has no room for nobody can create."""
    limit = target.field_limit()
    if there + missing <= limit:
        return say(
            "fields.create_or_ignore",
            "`crsync attrs create` creates them; attributes.missing: ignore leaves them out",
        )
    return say(
        "fields.no_room",
        "there may be only {limit} data fields, and {existing} exist: delete some that nobody needs in {system}, or "
        "leave some out with attributes.map: {{name: null}}; attributes.missing: ignore leaves them out",
        limit=limit,
        existing=there,
        system=system,
    )


def _without(wanted: tuple[DataField, ...], missing: list[DataField]) -> tuple[DataField, ...]:
    return tuple(field for field in wanted if field not in missing)
