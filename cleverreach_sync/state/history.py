"""One line a run: its result document without `changes`. The last 1,000 are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

from cleverreach_sync.errors import StateError
from cleverreach_sync.state.files import content_of, write_atomically

KEPT: Final = 1000


def load(path: Path) -> list[dict[str, Any]]:
    """The runs, oldest first. A line cut short by a crash is passed over. Raises StateError."""
    try:
        lines = content_of(path).splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StateError(f"cannot read {path}: {error.strerror}", hint="check owner and permissions") from None
    runs = []
    for line in lines:
        try:
            run = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(run, dict):
            runs.append(run)
    return runs


def append(path: Path, document: dict[str, Any]) -> None:
    """Adds a run. The file is replaced as a whole, so that a crash leaves the one before."""
    run = {name: value for name, value in document.items() if name != "changes"}
    runs = [*load(path)[-(KEPT - 1) :], run]
    write_atomically(path, b"".join(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in runs))
