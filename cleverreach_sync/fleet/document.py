"""The document of a call about several transfers, and the entry of one that failed before it had a document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cleverreach_sync.errors import CrsyncError, TemporaryError, error_object, exit_object, exit_of

GRAVEST_FIRST: Final = (1, 9, 6, 2, 7, 4, 5, 8, 3, 0)


def failed_entry(command: str, config: str, transfer: str | None, error: CrsyncError) -> dict[str, Any]:
    """The document `crsync.error/1` of one of several: it says whose it is, and how that ended."""
    return {
        "schema": "crsync.error/1",
        "command": command,
        "config": config,
        "transfer": transfer,
        "error": error_object(error),
        "exit": exit_of(error),
    }


def several_document(
    key: str, entries: list[dict[str, Any]], not_started: Sequence[dict[str, Any]] = (), signum: int | None = None
) -> dict[str, Any]:
    """The document `crsync.<key>/1` of a call about several transfers: their documents under `key`; `not_started` if
    the call ended before some of them. The gravest way one of them ended is how the call ends; a signal beats all."""
    exits = [entry.get("exit") or exit_object() for entry in entries]
    if signum is not None:
        exits.append(exit_object(128 + signum, "signal", True))
    elif not_started and not entries:  # the time was up before anything was begun
        exits.append(exit_object(TemporaryError.code, TemporaryError.kind, TemporaryError.retryable))
    found: dict[str, Any] = {"schema": f"crsync.{key}/1", key: entries}
    if not_started:
        found["not_started"] = list(not_started)
    found["exit"] = min(exits, key=_gravity, default=exit_object())
    return found


def _gravity(ending: dict[str, Any]) -> int:
    """The place in GRAVEST_FIRST; a signal comes before all, since it ended the whole call."""
    code = ending["code"]
    return GRAVEST_FIRST.index(code) if code in GRAVEST_FIRST else -1
