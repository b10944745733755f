"""`crsync attrs create` and `crsync attrs list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cleverreach_sync.cli import options as opt
from cleverreach_sync.cli.invocation import Invocation, signals

if TYPE_CHECKING:
    from cleverreach_sync.config.schema import Config
    from cleverreach_sync.progress import Progress


def create(
    config: opt.ConfigPath = opt.DEFAULT_CONFIG,
    dry_run: opt.DryRun = False,
    form: opt.Format = opt.ResultFormat.TEXT,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
    log_format: opt.Logs = opt.LogFormat.TEXT,
    no_color: opt.NoColor = False,
) -> None:
    """Create the data fields that are missing."""
    call = Invocation(form, verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    _attributes(call, call_path=config, creates=True, dry_run=dry_run)


def list_(
    config: opt.ConfigPath = opt.DEFAULT_CONFIG,
    form: opt.Format = opt.ResultFormat.TEXT,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
    log_format: opt.Logs = opt.LogFormat.TEXT,
    no_color: opt.NoColor = False,
) -> None:
    """Show the data fields that are filled, and those that exist."""
    call = Invocation(form, verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    _attributes(call, call_path=config, creates=False, dry_run=True)


def _attributes(call: Invocation, *, call_path: Any, creates: bool, dry_run: bool) -> None:
    with call.ending():
        from cleverreach_sync.phases.run import Clock, Stop
        from cleverreach_sync.report.text import attributes_text

        config = call.config(call_path)
        stop = Stop()
        with signals(stop), call.progress() as progress:
            document = _document(config, progress, Clock(), stop, creates=creates, dry_run=dry_run)
        call.show(document, attributes_text)


def _document(
    config: Config, progress: Progress, clock: Any, stop: Any, *, creates: bool, dry_run: bool
) -> dict[str, Any]:
    from contextlib import closing

    from cleverreach_sync.errors import UsageError
    from cleverreach_sync.fields import data_fields
    from cleverreach_sync.http.redaction import Redaction
    from cleverreach_sync.phases import opening
    from cleverreach_sync.phases.setting import open_target
    from cleverreach_sync.state import checkpoint
    from cleverreach_sync.state.files import StateFolder

    wanted = data_fields(config.attributes.preset, config.attributes.map)
    scope = config.attributes.scope
    target, _ = open_target(
        config, progress, clock, lambda seconds: stop.pause(clock, seconds), Redaction(config.secrets())
    )
    with closing(target):
        found = None
        if scope == "list":
            known = checkpoint.load(StateFolder(config.state_path).checkpoint)
            found = opening.find_list(target, config, known, progress)
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
