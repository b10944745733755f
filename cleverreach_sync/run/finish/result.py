"""The result document of a run (`crsync.run/1`)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from cleverreach_sync.clock import timestamp
from cleverreach_sync.domain.guards import Guard, refusing
from cleverreach_sync.errors import CrsyncError, GuardError, Interrupted, exit_object, exit_of
from cleverreach_sync.messages import Message, say, say_many
from cleverreach_sync.run.context import Options, Run, RunRequest
from cleverreach_sync.run.tally import Tally
from cleverreach_sync.state import history
from cleverreach_sync.state.files import StateFolder
from cleverreach_sync.targets.interface import RecipientList

SCHEMA: Final = "crsync.run/1"


@dataclass(slots=True)
class Phase:
    """How long a phase took, and how many it dealt with: rows when reading, else people."""

    name: str
    seconds: float = 0.0
    people: int = 0


class Ending(NamedTuple):
    """How far a run came."""

    complete: bool
    phases: Sequence[Phase]
    guards: Sequence[Guard]
    error: CrsyncError | None


def document(run: Run, ending: Ending) -> dict[str, Any]:
    """The document. Holds neither addresses nor values but in `changes`, where they are masked unless asked for."""
    request, start = run.request, run.start
    options, traffic, read = request.options, run.target.traffic, run.source_requests
    began = _Began(start.run_id, start.at, options.dry_run, ending.complete)
    result: dict[str, Any] = {
        **_head(request, began, run.recipient_list),
        **run.tally.documents(),
        "guards": guard_documents(ending.guards, run.forced),
        "requests": {
            "source": read.requests,
            "target": traffic.requests,
            "retries": read.retries + traffic.retries,
        },
        "resumed": run.resumed,
        "warnings": run.warnings.shown,
        "phases": [{"name": phase.name, "seconds": phase.seconds, "people": phase.people} for phase in ending.phases],
    }
    stopped = "signal" if isinstance(ending.error, Interrupted) else request.stop.reason
    if stopped is not None:
        result["stopped"] = stopped
    if options.dry_run:
        result["changes"] = [orjson.loads(line) for line in run.spool.shown(options.details)]
        result["changes_total"] = run.spool.number_shown()
    result |= _ending(run, ending.error, refused=refuses(options, ending.guards, run.forced))
    return result


class _Began(NamedTuple):
    run_id: str
    at: float
    dry_run: bool
    complete: bool


def _head(request: RunRequest, began: _Began, found: RecipientList | None) -> dict[str, Any]:
    """What a document says of any run."""
    config = request.config
    return {
        "schema": SCHEMA,
        "command": request.options.command,
        "run_id": began.run_id,
        "dry_run": began.dry_run,
        "complete": began.complete,
        "started_at": timestamp(began.at),
        "finished_at": timestamp(request.clock.wall()),
        "source": {"type": config.source.type, "name": config.source.tag_source},
        "target": {
            "type": config.target.type,
            "list_id": found.id if found else None,
            "list_name": found.name if found else config.target.list_spelling,
        },
        "config": request.shown_path,
        "transfer": config.transfer,
        "tags": sorted(kind.value for kind in config.selected),
    }


def failed(request: RunRequest, at: float, error: CrsyncError) -> dict[str, Any]:
    """The document of a run that ended before it read anything, for the history. It began `at`, in unix seconds."""
    ending = exit_of(error)
    return {
        **_head(request, _Began(secrets.token_hex(8), at, dry_run=False, complete=False), None),
        **Tally().documents(),
        "guards": [],
        "requests": {"source": 0, "target": 0, "retries": 0},
        "resumed": False,
        "warnings": [],
        "phases": [],
        "error": {**ending, "message": error.message, "hint": error.hint},
        "exit": ending,
    }


def reading(phases: Sequence[Phase], rows: int, folder: StateFolder) -> Message:
    """How long reading takes, as far as this run or an earlier one tells."""
    spent = phases[0].seconds if phases else 0.0
    if len(phases) > 1:
        return say_many(
            "run.reading_took",
            "reading took {time} of it ({number:,} row)",
            "reading took {time} of it ({number:,} rows)",
            rows,
            time=_seconds(spent),
        )
    until_then = say_many(
        "run.read_until_then",
        "{number:,} row had been read after {time}",
        "{number:,} rows had been read after {time}",
        rows,
        time=_seconds(spent),
    )
    for run in reversed(history.load(folder.history)):
        took = next((phase for phase in run.get("phases") or () if phase.get("name") == "read"), None)
        if run.get("complete") and took is not None:
            return say(
                "run.earlier_run_read",
                "{until_then}, the run of {started_at} read for {time}",
                until_then=until_then,
                started_at=run.get("started_at"),
                time=_seconds(took.get("seconds") or 0),
            )
    return until_then


def _seconds(spent: float) -> Message:
    return say_many("run.seconds", "{number:,} second", "{number:,} seconds", round(spent))


def refuses(options: Options, guards: Sequence[Guard], forced: frozenset[str]) -> bool:
    """Whether a dry run that was asked for its exit code ends with that of a guard."""
    return options.exit_code and bool(refusing(guards, forced))


def _ending(run: Run, error: CrsyncError | None, *, refused: bool) -> dict[str, Any]:
    if error is not None:
        ending = exit_of(error)
        return {"error": {**ending, "message": error.message, "hint": error.hint}, "exit": ending}
    if refused:
        return {"exit": exit_object(GuardError.code, GuardError.kind)}
    if run.request.options.exit_code and any(
        run.tally.outcomes[name] for name in ("created", "updated", "deactivated")
    ):
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


def where_failures_are_told(tally: Tally) -> Message:
    """What to do about people that are invalid or were rejected."""
    if not tally.outcomes["rejected"]:
        return say(
            "run.see_warnings",
            "the warnings name the rows that are invalid; correct them, or raise limits.max_rejected",
        )
    if not tally.outcomes["invalid"]:
        return say(
            "run.see_status",
            "`crsync status` says who was rejected and why; correct them, or raise limits.max_rejected",
        )
    return say(
        "run.see_warnings_and_status",
        "the warnings name the rows that are invalid; `crsync status` says who was rejected and why; correct them, "
        "or raise limits.max_rejected",
    )
