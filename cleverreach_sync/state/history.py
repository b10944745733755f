"""One line a run: its result document without `changes`. The last 1,000 are kept."""

from __future__ import annotations

from typing import Any, Final

import orjson

from cleverreach_sync.state.store import Document

KEPT: Final = 1000


def load(kept: Document) -> list[dict[str, Any]]:
    """The runs, oldest first. A line cut short by a crash is passed over. Raises StateError."""
    runs = []
    for line in (kept.read() or b"").splitlines():
        try:
            run = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(run, dict):
            runs.append(run)
    return runs


def append(kept: Document, document: dict[str, Any]) -> None:
    """Adds a run. The file is replaced as a whole, so that a crash leaves the one before."""
    run = {name: value for name, value in document.items() if name != "changes"}
    runs = [*load(kept)[-(KEPT - 1) :], run]
    kept.write(b"".join(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in runs))
