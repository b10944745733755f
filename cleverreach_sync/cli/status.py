"""`crsync status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cleverreach_sync.cli import options as opt
from cleverreach_sync.cli.invocation import Invocation

if TYPE_CHECKING:
    from cleverreach_sync.fleet.choice import Choice


def status(
    config: opt.ConfigPaths = opt.DEFAULT_CONFIGS,
    transfer: opt.Transfers = opt.ALL,
    form: opt.Format = opt.ResultFormat.TEXT,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
    log_format: opt.Logs = opt.LogFormat.TEXT,
    no_color: opt.NoColor = False,
) -> None:
    call = Invocation(form, verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    with call.ending():
        choice = call.choice(config, transfer, writes=False)
        if choice.several:
            raise typer.Exit(_several(call, choice))
        from cleverreach_sync.commands.status import status_document
        from cleverreach_sync.report.forms.text import status_text

        call.show(status_document(choice.only), status_text)


def _several(call: Invocation, choice: Choice) -> int:
    from cleverreach_sync.cli.several import show_several
    from cleverreach_sync.commands.status import status_document
    from cleverreach_sync.fleet.engine import Done, Job, Task
    from cleverreach_sync.report.forms.overview import statuses_text

    def work(task: Task) -> Done:
        return Done({**status_document(task.config), "config": task.path, "transfer": task.config.transfer})

    return show_several(call, choice, Job("status", "statuses", work), statuses_text)
