"""`crsync sync`."""

from __future__ import annotations

from cleverreach_sync.cli import options as opt
from cleverreach_sync.cli.invocation import Invocation
from cleverreach_sync.cli.runs import carry_out


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
