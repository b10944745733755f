"""`crsync diff`."""

from __future__ import annotations

import typer

from cleverreach_sync.cli import options as opt
from cleverreach_sync.cli.invocation import Invocation
from cleverreach_sync.cli.runs import carry_out
from cleverreach_sync.messages import say


def diff(
    config: opt.ConfigPaths = opt.DEFAULT_CONFIGS,
    transfer: opt.Transfers = opt.ALL,
    jobs: opt.Jobs = 1,
    against: opt.Against = typer.Option(
        opt.Against.STATE,
        "--against",
        help=say(
            "help.against",
            "state: what sync would do now. target: also find what was changed in CleverReach by hand. list: the shop "
            "against the list alone, for a machine that has no state.",
        ),
    ),
    exit_code: bool = typer.Option(
        False,
        "--exit-code",
        metavar="",
        help=say(
            "help.exit_code", "Exit with code 7 when a guard would refuse, otherwise with 3 when anything would change."
        ),
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
