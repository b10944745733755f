"""`crsync sandbox`."""

from __future__ import annotations

from pathlib import Path

import typer

from cleverreach_sync.cli import options as opt
from cleverreach_sync.cli.invocation import Invocation


def sandbox(
    port: int = typer.Option(
        8787, "--port", min=0, max=65535, metavar="PORT", help="Port on this machine; 0 takes any free one."
    ),
    db: Path | None = typer.Option(
        None, "--db", metavar="PATH", help="Keep the data in this file. Default: in memory."
    ),
    fault: list[str] = typer.Option(
        [],
        "--fault",
        metavar="NAME=RATE",
        show_default=False,
        help="Misbehave (repeatable): rate_limit, unavailable, reset, error_200, false, drop_row, unauthorized, "
        "too_large with a rate from 0 to 1, slow with seconds.",
    ),
    log_format: opt.Logs = opt.LogFormat.TEXT,
    no_color: opt.NoColor = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Run a CleverReach-compatible server on this machine, to try things out."""
    call = Invocation("text", verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    with call.ending():
        from cleverreach_sync.sandbox.faults import parse_faults
        from cleverreach_sync.sandbox.server import serve

        def ready(url: str) -> None:
            if not quiet:
                typer.echo(f"sandbox: {url} (takes any client ID and secret; Ctrl-C ends it)", err=True)
                typer.echo(f"in the config, below target: base_url: {url}", err=True)

        serve(port, db, parse_faults(fault), ready)
