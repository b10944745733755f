"""`crsync sandbox`."""

from __future__ import annotations

from pathlib import Path

import typer

from cleverreach_sync.cli import options as opt
from cleverreach_sync.cli.invocation import Invocation
from cleverreach_sync.messages import say, spoken


def sandbox(
    port: int = typer.Option(
        8787,
        "--port",
        min=0,
        max=65535,
        metavar="PORT",
        help=say("help.sandbox_port", "Port on this machine; 0 takes any free one."),
    ),
    db: Path | None = typer.Option(
        None, "--db", metavar="PATH", help=say("help.sandbox_db", "Keep the data in this file. Default: in memory.")
    ),
    fault: list[str] = typer.Option(
        [],
        "--fault",
        metavar="NAME=RATE",
        show_default=False,
        help=say(
            "help.sandbox_fault",
            "Misbehave (repeatable): rate_limit, unavailable, reset, error_200, false, drop_row, unauthorized, "
            "too_large with a rate from 0 to 1, slow with seconds.",
        ),
    ),
    log_format: opt.Logs = opt.LogFormat.TEXT,
    no_color: opt.NoColor = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    call = Invocation("text", verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    with call.ending():
        from cleverreach_sync.sandbox.faults import parse_faults
        from cleverreach_sync.sandbox.server import serve

        def ready(url: str) -> None:
            if not quiet:
                runs = say("sandbox.runs", "sandbox: {url} (takes any client ID and secret; Ctrl-C ends it)", url=url)
                in_config = say("sandbox.in_config", "in the config, below target: base_url: {url}", url=url)
                typer.echo(spoken(runs), err=True)
                typer.echo(spoken(in_config), err=True)

        serve(port, db, parse_faults(fault), ready)
