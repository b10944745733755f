"""`crsync check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cleverreach_sync.cli import options as opt
from cleverreach_sync.cli.invocation import Invocation, signals

if TYPE_CHECKING:
    from cleverreach_sync.fleet.choice import Choice


def check(
    config: opt.ConfigPaths = opt.DEFAULT_CONFIGS,
    transfer: opt.Transfers = opt.ALL,
    jobs: opt.Jobs = 1,
    form: opt.Format = opt.ResultFormat.TEXT,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
    log_format: opt.Logs = opt.LogFormat.TEXT,
    no_color: opt.NoColor = False,
) -> None:
    call = Invocation(form, verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    with call.ending():
        choice = call.choice(config, transfer)
        raise typer.Exit(_several(call, choice, jobs) if choice.several else _one(call, choice))


def _one(call: Invocation, choice: Choice) -> int:
    from cleverreach_sync.clock import Clock, Stop
    from cleverreach_sync.commands.check import check_document
    from cleverreach_sync.report.forms.setup import check_text

    stop = Stop()
    with signals(stop), call.progress() as progress:
        document = check_document(choice.only, choice.chosen[0].name.config, progress, Clock(), stop)
    code = int(document["exit"]["code"])
    if code:
        progress.release()
    call.show(document, check_text)
    return code


def _several(call: Invocation, choice: Choice, jobs: int) -> int:
    from cleverreach_sync.cli.several import show_several
    from cleverreach_sync.clock import Clock
    from cleverreach_sync.commands.check import check_document
    from cleverreach_sync.fleet.engine import Done, Job, Task
    from cleverreach_sync.report.forms.overview import checks_text

    def work(task: Task) -> Done:
        document = check_document(task.config, task.path, task.progress, Clock(), task.stop)
        return Done({**document, "config": task.path, "transfer": task.config.transfer})

    return show_several(call, choice, Job("check", "checks", work), checks_text, jobs=jobs)
