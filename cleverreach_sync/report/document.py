"""The documents themselves: JSON of them, and those that are made outside a run."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

from cleverreach_sync.errors import CrsyncError, error_object

_RUN_KEYS: Final = (
    "schema", "command", "run_id", "dry_run", "complete", "resumed", "started_at", "finished_at", "source", "target",
    "config", "transfer", "tags", "counts", "skipped", "invalid", "rejected", "kinds", "activation", "guards",
    "requests", "phases", "changes", "changes_total", "warnings", "error", "exit",
)  # fmt: skip
_INNER_KEYS: Final = {
    "source": ("type", "name"),
    "target": ("type", "list_id", "list_name"),
    "counts": (
        "rows", "people", "created", "updated", "deactivated", "unchanged", "skipped", "invalid", "rejected",
    ),
    "kinds": ("subscriber", "buyer", "contact"),
    "activation": ("created_active", "created_inactive", "activated", "without_consent"),
    "requests": ("source", "target", "retries"),
    "error": ("code", "class", "retryable", "message", "hint"),
    "exit": ("code", "class", "retryable"),
}  # fmt: skip


# What JSON lets stand though it steers a terminal or is not seen: DEL, C1, format characters, line separators.
_UNSEEN: Final = re.compile(
    "[\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)


def dumps(doc: dict[str, Any]) -> str:
    """One JSON document: indented, keys of a run always in the same order, a newline at the end. Nothing in it steers a
    terminal that it is shown on."""
    ordered = _ordered(doc)
    try:
        text = orjson.dumps(ordered, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    except orjson.JSONEncodeError:  # half a surrogate pair in a foreign value, or a number beyond 64 bits
        text = json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"
        text = text.encode("utf-8", "backslashreplace").decode()
    return (
        text if text.isascii() and "\x7f" not in text else _UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], text)
    )


def _ordered(doc: dict[str, Any]) -> dict[str, Any]:
    if doc.get("schema") == "crsync.runs/1":
        return {**doc, "runs": [_ordered(run) for run in doc["runs"]]}
    if doc.get("schema") == "crsync.status/1":
        return {**doc, "runs": [_ordered(run) for run in doc.get("runs") or ()]}
    if doc.get("schema") == "crsync.statuses/1":
        return {**doc, "statuses": [_ordered(status) for status in doc["statuses"]]}
    if doc.get("schema") != "crsync.run/1":
        return doc
    ordered = _first(doc, _RUN_KEYS)
    for key, inner in _INNER_KEYS.items():
        if isinstance(ordered.get(key), dict):
            ordered[key] = _first(ordered[key], inner)
    for key in ("skipped", "invalid", "rejected"):
        if isinstance(ordered.get(key), dict):
            ordered[key] = dict(sorted(ordered[key].items()))
    return ordered


def _first(found: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """The known keys in their order, then the others in theirs, `exit` last."""
    ordered = {key: found[key] for key in keys if key in found and key != "exit"}
    ordered.update((key, value) for key, value in found.items() if key not in ordered and key != "exit")
    if "exit" in found:
        ordered["exit"] = found["exit"]
    return ordered


def error_document(error: CrsyncError) -> dict[str, Any]:
    """The document of a command that failed before anything was read."""
    return {"schema": "crsync.error/1", "error": error_object(error)}
