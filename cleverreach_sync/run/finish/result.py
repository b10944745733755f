"""The result document of a run (`crsync.run/1`)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from cleverreach_sync.clock import timestamp
from cleverreach_sync.domain.guards import Guard, refusing
from cleverreach_sync.errors import CrsyncError, GuardError, Interrupted, exit_object, exit_of
from cleverreach_sync.run.context import Options, Run
from cleverreach_sync.run.prepare.connect import RunRequest
from cleverreach_sync.run.prepare.setup import Prepared
from cleverreach_sync.run.tally import Tally
from cleverreach_sync.state import history
from cleverreach_sync.state.files import StateFolder

SCHEMA: Final = "crsync.run/1"


@dataclass(slots=True)
class Phase:
    """How long a phase took, and how many it dealt with: rows when reading, else people."""

    name: str
    seconds: float = 0.0
    people: int = 0


def document(
    setting: Prepared,
    run: Run,
    *,
    complete: bool,
    phases: Sequence[Phase],
    guards: Sequence[Guard],
    error: CrsyncError | None,
) -> dict[str, Any]:
    """The document. Holds neither addresses nor values but in `changes`, where they are masked unless asked for."""
    call = setting.call
    config, options = call.config, call.options
    found, traffic, read = setting.found, setting.target.traffic, setting.read_traffic
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "command": options.command,
        "run_id": setting.run_id,
        "dry_run": options.dry_run,
        "complete": complete,
        "started_at": timestamp(setting.began),
        "finished_at": timestamp(call.clock.wall()),
        "source": {"type": config.source.type, "name": config.source.tag_source},
        "target": {
            "type": config.target.type,
            "list_id": found.id if found else None,
            "list_name": found.name if found else config.target.list_spelling,
        },
        "config": call.shown_path,
        "transfer": config.transfer,
        "tags": sorted(kind.value for kind in config.selected),
        **run.tally.documents(),
        "guards": guard_documents(guards, setting.forced),
        "requests": {
            "source": read.requests,
            "target": traffic.requests,
            "retries": read.retries + traffic.retries,
        },
        "resumed": setting.resumed,
        "warnings": run.warnings.shown,
        "phases": [{"name": phase.name, "seconds": phase.seconds, "people": phase.people} for phase in phases],
    }
    stopped = "signal" if isinstance(error, Interrupted) else call.stop.reason
    if stopped is not None:
        result["stopped"] = stopped
    if options.dry_run:
        result["changes"] = [orjson.loads(line) for line in run.spool.shown(options.details)]
        result["changes_total"] = run.spool.number_shown()
    result |= _ending(run, error, refused=refuses(options, guards, setting.forced))
    return result


def failed(call: RunRequest, began: float, error: CrsyncError) -> dict[str, Any]:
    """The document of a run that ended before it read anything, for the history. `began` in unix seconds."""
    config = call.config
    ending = exit_of(error)
    return {
        "schema": SCHEMA,
        "command": call.options.command,
        "run_id": secrets.token_hex(8),
        "dry_run": False,
        "complete": False,
        "started_at": timestamp(began),
        "finished_at": timestamp(call.clock.wall()),
        "source": {"type": config.source.type, "name": config.source.tag_source},
        "target": {"type": config.target.type, "list_id": None, "list_name": config.target.list_spelling},
        "config": call.shown_path,
        "transfer": config.transfer,
        "tags": sorted(kind.value for kind in config.selected),
        **Tally().documents(),
        "guards": [],
        "requests": {"source": 0, "target": 0, "retries": 0},
        "resumed": False,
        "warnings": [],
        "phases": [],
        "error": {**ending, "message": error.message, "hint": error.hint},
        "exit": ending,
    }


def reading(phases: Sequence[Phase], rows: int, folder: StateFolder) -> str:
    """How long reading takes, as far as this run or an earlier one tells."""
    spent = phases[0].seconds if phases else 0.0
    if len(phases) > 1:
        return f"reading took {spent:,.0f} seconds of it ({rows:,} rows)"
    until_then = f"{rows:,} rows had been read after {spent:,.0f} seconds"
    for run in reversed(history.load(folder.history)):
        took = next((phase for phase in run.get("phases") or () if phase.get("name") == "read"), None)
        if run.get("complete") and took is not None:
            return f"{until_then}, the run of {run.get('started_at')} read for {took.get('seconds') or 0:,.0f} seconds"
    return until_then


def refuses(options: Options, guards: Sequence[Guard], forced: frozenset[str]) -> bool:
    """Whether a dry run that was asked for its exit code ends with that of a guard."""
    return options.exit_code and bool(refusing(guards, forced))


def _ending(run: Run, error: CrsyncError | None, *, refused: bool) -> dict[str, Any]:
    if error is not None:
        ending = exit_of(error)
        return {"error": {**ending, "message": error.message, "hint": error.hint}, "exit": ending}
    if refused:
        return {"exit": exit_object(GuardError.code, GuardError.kind)}
    if run.options.exit_code and any(run.tally.outcomes[name] for name in ("created", "updated", "deactivated")):
        return {"exit": exit_object(3, "differences")}
    return {"exit": exit_object()}


def guard_documents(found: Sequence[Guard], forced: frozenset[str]) -> list[dict[str, Any]]:
    """The guards of the result document."""
    documents = []
    for guard in found:
        item: dict[str, Any] = {
            "name": guard.name,
            "limit": guard.limit,
            "value": guard.value,
            "refuses": guard.refuses and guard.name not in forced,
            "reason": guard.reason if guard.refuses else "",
        }
        if guard.refuses and guard.name in forced:
            item["forced"] = True
        documents.append(item)
    return documents
