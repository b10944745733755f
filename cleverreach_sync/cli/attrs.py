"""`crsync attrs create` and `crsync attrs list`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cleverreach_sync.cli import options as opt
from cleverreach_sync.cli.invocation import Invocation, signals

if TYPE_CHECKING:
    from cleverreach_sync.commands.attributes import Mode
    from cleverreach_sync.fleet.choice import Choice


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
    call = Invocation(form, verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    _attributes(call, config, transfer, creates=False, dry_run=True)


def _attributes(call: Invocation, paths: list[Path], transfers: list[str], *, creates: bool, dry_run: bool) -> None:
    with call.ending():
        choice = call.choice(paths, transfers)
        from cleverreach_sync.commands.attributes import Mode

        mode = Mode.LIST if not creates else Mode.PREVIEW if dry_run else Mode.CREATE
        if choice.several:
            raise typer.Exit(_several(call, choice, mode))
        from cleverreach_sync.clock import Clock, Stop
        from cleverreach_sync.commands.attributes import attributes_document
        from cleverreach_sync.report.forms.setup import attributes_text

        stop = Stop()
        with signals(stop), call.progress() as progress:
            document = attributes_document(choice.only, mode, progress, Clock(), stop)
        call.show(document, attributes_text)


def _several(call: Invocation, choice: Choice, mode: Mode) -> int:
    from cleverreach_sync.cli.several import show_several
    from cleverreach_sync.clock import Clock
    from cleverreach_sync.commands.attributes import Mode, attributes_document
    from cleverreach_sync.fleet.engine import Done, Job, Task
    from cleverreach_sync.report.forms.overview import field_lists_text

    def work(task: Task) -> Done:
        document = attributes_document(task.config, mode, task.progress, Clock(), task.stop)
        return Done({**document, "config": task.path, "transfer": task.config.transfer})

    command = f"attrs {'list' if mode is Mode.LIST else 'create'}"
    return show_several(call, choice, Job(command, "field_lists", work), field_lists_text)
