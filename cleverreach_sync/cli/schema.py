"""`crsync schema`."""

from __future__ import annotations

import sys

import typer

from cleverreach_sync.cli import options as opt
from cleverreach_sync.cli.invocation import Invocation
from cleverreach_sync.messages import say


def schema(
    form: opt.ResultFormat = typer.Option(
        opt.ResultFormat.JSON,
        "--format",
        help=say("help.schema_format", "Form of errors; the schema is JSON in any case."),
        rich_help_panel=opt.OUTPUT,
    ),
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
    log_format: opt.Logs = opt.LogFormat.TEXT,
    no_color: opt.NoColor = False,
) -> None:
    call = Invocation(form, verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    with call.ending():
        from cleverreach_sync.config.json_schema import schema_text
        from cleverreach_sync.report.stream import write

        if not quiet:
            write(schema_text(), sys.stdout)
