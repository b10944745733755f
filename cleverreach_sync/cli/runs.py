"""`sync`, `resync` and `diff`: the same run, asked for differently."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cleverreach_sync.cli import options as opt
from cleverreach_sync.cli.invocation import Invocation, signals

if TYPE_CHECKING:
    from cleverreach_sync.cli.choice import Choice, Refused
    from cleverreach_sync.config.schema import Config
    from cleverreach_sync.errors import CrsyncError
    from cleverreach_sync.run.context import Options


def carry_out(call: Invocation, paths: list[Path], transfers: list[str], jobs: int, asked: Options) -> None:
    """Runs, prints the result, exits with its code."""
    from cleverreach_sync.cli.process import set_up

    set_up()
    with call.ending():
        choice = call.choice(paths, transfers, refused=None if asked.dry_run else _noting(asked))
        raise typer.Exit(_several(call, choice, jobs, asked) if choice.several else _one(call, choice, asked))


def _noting(asked: Options) -> Refused:
    """Notes a run that lacks its secrets in the history, as every one that could not begin."""

    def refused(config: Config, path: str, error: CrsyncError) -> None:
        from cleverreach_sync.clock import Clock
        from cleverreach_sync.run.pipeline import note

        note(config, asked, Clock(), error, shown_path=path)

    return refused


def _one(call: Invocation, choice: Choice, asked: Options) -> int:
    from cleverreach_sync.clock import Clock, Stop
    from cleverreach_sync.report.text import run_text
    from cleverreach_sync.run.pipeline import run

    stop = Stop()
    with signals(stop), call.progress() as progress:
        finished = run(choice.only, asked, progress, Clock(), stop, shown_path=choice.chosen[0].name.config)
    if finished.document["exit"]["code"]:
        progress.release()
    try:
        call.show(finished.document, run_text)
    except OSError:
        if finished.error is None:  # else that is what matters
            raise
    if finished.error is not None:
        return call.fail(finished.error, document_shown=True)
    return int(finished.document["exit"]["code"])


def _several(call: Invocation, choice: Choice, jobs: int, asked: Options) -> int:
    from dataclasses import replace

    from cleverreach_sync.cli.fleet import Done, Fleet, Task
    from cleverreach_sync.clock import Clock
    from cleverreach_sync.errors import UsageError
    from cleverreach_sync.report.overview import runs_text
    from cleverreach_sync.run.pipeline import run

    if asked.forced and len(choice.chosen) > 1:
        raise UsageError(
            f"--force is for one transfer at a time, these are {len(choice.chosen)}",
            hint="look at the one that was refused, then name it with -c and --transfer",
        )

    def work(task: Task) -> Done:
        options = replace(asked, max_duration=task.left)
        return Done(*run(task.config, options, task.progress, Clock(), task.stop, shown_path=task.path))

    fleet = Fleet(call, choice, asked.command, jobs=jobs, max_duration=asked.max_duration)
    document = fleet.document("runs", work)
    call.show(document, runs_text)
    return int(document["exit"]["code"])


def sync(
    config: opt.ConfigPaths = opt.DEFAULT_CONFIGS,
    transfer: opt.Transfers = opt.ALL,
    jobs: opt.Jobs = 1,
    dry_run: opt.DryRun = False,
    limit: opt.Limit = None,
    force: opt.Force = [],  # noqa: B006 - typer reads it
    lock_timeout: opt.LockTimeout = 0.0,
    max_duration: opt.MaxDuration = None,
    details: opt.Details = "50",
    show_pii: opt.ShowPii = False,
    form: opt.Format = opt.ResultFormat.TEXT,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
    log_format: opt.Logs = opt.LogFormat.TEXT,
    no_color: opt.NoColor = False,
) -> None:
    """Transfer what is new or changed since the last run."""
    from cleverreach_sync.run.context import Options

    call = Invocation(form, verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    asked = Options(
        command="sync",
        dry_run=dry_run,
        limit=limit,
        forced=frozenset(force),
        max_duration=max_duration,
        lock_timeout=lock_timeout,
        details=opt.details(details),
        show_pii=show_pii,
    )
    carry_out(call, config, transfer, jobs, asked)


def resync(
    config: opt.ConfigPaths = opt.DEFAULT_CONFIGS,
    transfer: opt.Transfers = opt.ALL,
    jobs: opt.Jobs = 1,
    dry_run: opt.DryRun = False,
    include_deleted: bool = typer.Option(
        False,
        "--include-deleted",
        metavar="",
        help="Also transfer those who were deleted from the list by hand.",
    ),
    limit: opt.Limit = None,
    force: opt.Force = [],  # noqa: B006 - typer reads it
    lock_timeout: opt.LockTimeout = 0.0,
    max_duration: opt.MaxDuration = None,
    details: opt.Details = "50",
    show_pii: opt.ShowPii = False,
    form: opt.Format = opt.ResultFormat.TEXT,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
    log_format: opt.Logs = opt.LogFormat.TEXT,
    no_color: opt.NoColor = False,
) -> None:
    """Transfer everybody selected once more, changed or not."""
    from cleverreach_sync.run.context import Options

    call = Invocation(form, verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    asked = Options(
        command="resync",
        dry_run=dry_run,
        limit=limit,
        forced=frozenset(force),
        max_duration=max_duration,
        lock_timeout=lock_timeout,
        include_deleted=include_deleted,
        details=opt.details(details),
        show_pii=show_pii,
    )
    carry_out(call, config, transfer, jobs, asked)


def diff(
    config: opt.ConfigPaths = opt.DEFAULT_CONFIGS,
    transfer: opt.Transfers = opt.ALL,
    jobs: opt.Jobs = 1,
    against: opt.Against = typer.Option(
        opt.Against.STATE,
        "--against",
        help="state: what sync would do now. target: also find what was changed in CleverReach by hand. list: the shop "
        "against the list alone, for a machine that has no state.",
    ),
    exit_code: bool = typer.Option(
        False,
        "--exit-code",
        metavar="",
        help="Exit with code 7 when a guard would refuse, else with 3 when anything would change.",
    ),
    max_duration: opt.MaxDurationOfDiff = None,
    details: opt.Details = "50",
    show_pii: opt.ShowPii = False,
    form: opt.FormatOfDiff = opt.DiffFormat.TEXT,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
    log_format: opt.Logs = opt.LogFormat.TEXT,
    no_color: opt.NoColor = False,
) -> None:
    """Show what sync would do. Writes nothing."""
    from cleverreach_sync.run.context import Options

    call = Invocation(form, verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    asked = Options(
        command="diff",
        dry_run=True,
        against_target=against is opt.Against.TARGET,
        against_list=against is opt.Against.LIST,
        max_duration=max_duration,
        details=opt.details(details),
        show_pii=show_pii,
        exit_code=exit_code,
    )
    carry_out(call, config, transfer, jobs, asked)
