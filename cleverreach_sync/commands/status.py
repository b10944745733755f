"""Where a transfer stands: the last runs, how far the shop was read, who was rejected."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from cleverreach_sync.clock import timestamp
from cleverreach_sync.config.schema import Config
from cleverreach_sync.errors import LockedError
from cleverreach_sync.state import checkpoint, history, rejects
from cleverreach_sync.state.files import StateFolder
from cleverreach_sync.state.ledger import Ledger


def status_document(config: Config) -> dict[str, Any]:
    """The document `crsync.status/1`, of the state alone."""
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
            "list_name": identity.list_name if identity else config.target.list_spelling,
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
            for item in rejects.load(folder.rejects, known.rejects if known is not None else 0).values()
        ],
    }


def _totals(path: Path) -> dict[str, int] | None:
    """How many people are known, and how many of them the target has confirmed; None where no ledger tells."""

    if not path.exists():
        return None
    try:
        with closing(Ledger(path, read_only=True)) as ledger:
            return {"people_known": ledger.people(), "in_the_list": ledger.in_list()}
    except LockedError:
        return None
