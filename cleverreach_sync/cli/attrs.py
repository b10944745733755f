"""`crsync attrs create` and `crsync attrs list`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cleverreach_sync.cli import options as opt
from cleverreach_sync.cli.invocation import Invocation, signals

if TYPE_CHECKING:
    from cleverreach_sync.cli.choice import Choice
    from cleverreach_sync.config.schema import Config
    from cleverreach_sync.progress import Progress


def create(
    config: opt.ConfigPaths = opt.DEFAULT_CONFIGS,
    transfer: opt.Transfers = opt.ALL,
    dry_run: opt.DryRun = False,
    form: opt.Format = opt.ResultFormat.TEXT,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
    log_format: opt.Logs = opt.LogFormat.TEXT,
    no_color: opt.NoColor = False,
) -> None:
    """Create the data fields that are missing."""
    call = Invocation(form, verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    _attributes(call, config, transfer, creates=True, dry_run=dry_run)


def list_(
    config: opt.ConfigPaths = opt.DEFAULT_CONFIGS,
    transfer: opt.Transfers = opt.ALL,
    form: opt.Format = opt.ResultFormat.TEXT,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
    log_format: opt.Logs = opt.LogFormat.TEXT,
    no_color: opt.NoColor = False,
) -> None:
    """Show the data fields that are filled, and those that exist."""
    call = Invocation(form, verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    _attributes(call, config, transfer, creates=False, dry_run=True)


def _attributes(call: Invocation, paths: list[Path], transfers: list[str], *, creates: bool, dry_run: bool) -> None:
    with call.ending():
        choice = call.choice(paths, transfers)
        if choice.several:
            raise typer.Exit(_several(call, choice, creates=creates, dry_run=dry_run))
        from cleverreach_sync.clock import Clock, Stop
        from cleverreach_sync.report.text import attributes_text

        stop = Stop()
        with signals(stop), call.progress() as progress:
            document = _document(choice.only, progress, Clock(), stop, creates=creates, dry_run=dry_run)
        call.show(document, attributes_text)


def _several(call: Invocation, choice: Choice, *, creates: bool, dry_run: bool) -> int:
    from cleverreach_sync.cli.fleet import Done, Fleet, Task
    from cleverreach_sync.clock import Clock
    from cleverreach_sync.report.overview import field_lists_text

    def work(task: Task) -> Done:
        found = _document(task.config, task.progress, Clock(), task.stop, creates=creates, dry_run=dry_run)
        return Done({**found, "config": task.path, "transfer": task.config.transfer})

    document = Fleet(call, choice, f"attrs {'create' if creates else 'list'}").document("field_lists", work)
    call.show(document, field_lists_text)
    return int(document["exit"]["code"])


def _document(
    config: Config, progress: Progress, clock: Any, stop: Any, *, creates: bool, dry_run: bool
) -> dict[str, Any]:
    from contextlib import closing

    from cleverreach_sync.domain.fields import data_fields
    from cleverreach_sync.errors import UsageError
    from cleverreach_sync.http.redaction import Redaction
    from cleverreach_sync.run.prepare.connect import open_target
    from cleverreach_sync.run.prepare.target_list import find_list
    from cleverreach_sync.state import checkpoint
    from cleverreach_sync.state.files import StateFolder

    wanted = data_fields(config.attributes.preset, config.attributes.map)
    scope = config.attributes.scope
    target, _ = open_target(config, progress, clock, stop, Redaction(config.secrets()))
    with closing(target):
        found = None
        if scope == "list":
            known = checkpoint.load(StateFolder(config.state_path).checkpoint)
            found = find_list(target, config, known, progress)
            if found is None and creates and not dry_run:
                found = target.create_list()
        there = target.existing_fields(scope) if scope == "global" or found is not None else {}
        missing = [field for field in wanted if field.name not in there]
        limit = target.field_limit() if creates else None
        if creates and limit is not None and len(there) + len(missing) > limit:
            raise UsageError(
                f"{len(missing)} data fields are missing, but there may be only {limit} and there are {len(there)}",
                hint="delete data fields in CleverReach, or leave some out with attributes.map: {name: null}",
            )
        created = set()
        if creates and not dry_run:
            for field in missing:
                target.create_field(field, scope)
                created.add(field.name)
    fields = []
    for field in wanted:
        has = there.get(field.name)
        state = "created" if field.name in created else "missing" if has is None else "exists"
        if has is not None and has.type and has.type != field.type.value:
            state = "wrong_type"
        fields.append(
            {
                "name": field.name,
                "type": field.type.value,
                "person_field": field.person_field,
                "state": state,
                "existing_type": has.type if has is not None else None,
            }
        )
    names = {field.name for field in wanted}
    fields += [
        {"name": name, "type": has.type, "person_field": None, "state": "unused", "existing_type": has.type}
        for name, has in sorted(there.items())
        if name not in names
    ]
    return {
        "schema": "crsync.attributes/1",
        "scope": scope,
        "list": found.name if found is not None else str(config.target.list),
        "fields": fields,
        "limit": limit,
        "dry_run": dry_run,
        "exit": {"code": 0, "class": "ok", "retryable": False},
    }
