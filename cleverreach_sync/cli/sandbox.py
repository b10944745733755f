"""`crsync sandbox`."""

from __future__ import annotations

from pathlib import Path

import typer

from cleverreach_sync.cli import options as opt
from cleverreach_sync.cli.invocation import Invocation


def sandbox(
    port: int = typer.Option(8787, "--port", min=0, max=65535, help="Port on 127.0.0.1; 0 takes any that is free."),
    db: Path | None = typer.Option(None, "--db", metavar="PATH", help="Keep the data in a file; default in memory."),
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
    """Run a local CleverReach-compatible server."""
    call = Invocation("text", verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    with call.ending():
        from cleverreach_sync.sandbox.faults import parse_faults
        from cleverreach_sync.sandbox.server import serve

        def ready(url: str) -> None:
            if not quiet:
                typer.echo(f"sandbox: {url} (any client ID and secret; stop with Ctrl-C)", err=True)
                typer.echo(f"in the config: target.base_url: {url}", err=True)

        serve(port, db, parse_faults(fault), ready)
