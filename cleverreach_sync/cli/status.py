"""`crsync status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from cleverreach_sync.cli import options as opt
from cleverreach_sync.cli.invocation import Invocation

if TYPE_CHECKING:
    from pathlib import Path

    from cleverreach_sync.cli.choice import Choice
    from cleverreach_sync.config.schema import Config


def status(
    config: opt.ConfigPaths = opt.DEFAULT_CONFIGS,
    transfer: opt.Transfers = opt.ALL,
    form: opt.Format = opt.ResultFormat.TEXT,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
    log_format: opt.Logs = opt.LogFormat.TEXT,
    no_color: opt.NoColor = False,
) -> None:
    """Show the last runs, how far the shop was read, and who was rejected."""
    call = Invocation(form, verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    with call.ending():
        choice = call.choice(config, transfer, writes=False)
        if choice.several:
            raise typer.Exit(_several(call, choice))
        from cleverreach_sync.report.text import status_text

        call.show(status_document(choice.only), status_text)


def _several(call: Invocation, choice: Choice) -> int:
    from cleverreach_sync.cli.fleet import Done, Fleet, Task
    from cleverreach_sync.report.overview import statuses_text

    def work(task: Task) -> Done:
        return Done({**status_document(task.config), "config": task.path, "transfer": task.config.transfer})

    document = Fleet(call, choice, "status").document("statuses", work)
    call.show(document, statuses_text)
    return int(document["exit"]["code"])


def status_document(config: Config) -> dict[str, Any]:
    """The document `crsync.status/1`, of the state alone."""
    from cleverreach_sync.clock import timestamp
    from cleverreach_sync.state import checkpoint, history, rejects
    from cleverreach_sync.state.files import StateFolder

    folder = StateFolder(config.state_path)
    known = checkpoint.load(folder.checkpoint)
    identity = known.identity if known is not None else None
    interrupted = known.interrupted if known is not None else None
    return {
        "schema": "crsync.status/1",
        "source": {"type": config.source.type, "name": config.source.tag_source},
        "target": {
            "type": config.target.type,
            "list_id": identity.list_id or None if identity else None,
            "list_name": identity.list_name if identity else str(config.target.list),
        },
        "tags": sorted(kind.value for kind in config.selected),
        "cursors": known.cursors if known is not None else {},
        "initial_sync_at": known.initial_sync_at if known is not None else None,
        "totals": _totals(folder.ledger),
        "interrupted": None
        if interrupted is None
        else {"command": interrupted.command, "started_at": interrupted.started_at},
        "runs": list(reversed(history.load(folder.history))),
        "rejects": [
            {
                "email": item.masked,
                "reason": item.reason,
                "since": timestamp(item.since),
                "attempts": item.attempts,
            }
            for item in rejects.load(folder.rejects).values()
        ],
    }


def _totals(path: Path) -> dict[str, int] | None:
    """How many people are known, and how many of them CleverReach has confirmed; None where no ledger tells."""
    from contextlib import closing

    from cleverreach_sync.errors import LockedError
    from cleverreach_sync.state.ledger import Ledger

    if not path.exists():
        return None
    try:
        with closing(Ledger(path, read_only=True)) as ledger:
            return {"people_known": ledger.people(), "in_the_list": ledger.in_list()}
    except LockedError:
        return None
