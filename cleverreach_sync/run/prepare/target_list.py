"""The list a run writes to, and which data fields it has."""

from __future__ import annotations

import contextlib

from cleverreach_sync.config.schema import Config
from cleverreach_sync.domain.fields import DataField, FieldMap
from cleverreach_sync.errors import StateError, UsageError
from cleverreach_sync.progress import Progress
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
                f"the state in {config.state_path} belongs to the list {recorded.list_name!r} ({recorded.list_id}), "
                f"the config names {wanted!r}",
                hint="undo the change, or start from scratch with another state_dir (or another name of the "
                "config file)",
            )
    found = target.find_list(recorded.list_id if recorded is not None else None)
    if recorded is not None and found is not None and found.name != recorded.list_name:
        progress.warn(f"the list {recorded.list_id} was renamed from {recorded.list_name!r} to {found.name!r}")
    if found is None and not config.target.may_create_list:
        raise UsageError(
            f"there is no recipient list called {wanted!r}",
            hint=f"create it in {config.target.system}, or set target.create_list: true",
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
            f"these data fields do not exist in {config.target.system}: {names}",
            hint=_how_to_go_on(target, config.target.system, len(there), len(missing)),
        )
    progress.warn(f"these data fields do not exist in {config.target.system} and are left out: {names}")
    return FieldMap(_without(wanted, missing))


def _how_to_go_on(target: Target, system: str, there: int, missing: int) -> str:
    """What to do about data fields that are missing. Those that an account has no room for nobody can create."""
    ignore = "attributes.missing: ignore leaves them out"
    limit = target.field_limit()
    if there + missing <= limit:
        return f"`crsync attrs create` creates them; {ignore}"
    return (
        f"there may be only {limit} data fields, and {there} exist: delete some that nobody needs in {system}, or "
        f"leave some out with attributes.map: {{name: null}}; {ignore}"
    )


def _without(wanted: tuple[DataField, ...], missing: list[DataField]) -> tuple[DataField, ...]:
    return tuple(field for field in wanted if field not in missing)
