"""An SQLite connection that is really closed when it is closed."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote
from weakref import WeakSet


class Database(sqlite3.Connection):
    """Ends its readers when it is closed. One that was left half-way (a run was stopped) would otherwise keep the file
    locked for as long as anything refers to it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._readers: WeakSet[sqlite3.Cursor] = WeakSet()

    def execute(self, *args: Any) -> sqlite3.Cursor:
        reader = super().execute(*args)
        self._readers.add(reader)
        return reader

    def close(self) -> None:
        for reader in list(self._readers):
            reader.close()
        super().close()


def read_only_uri(path: Path) -> str:
    """The URI of a file that is only read; on Windows also of one on a share, whose `as_uri` SQLite refuses."""
    name = path.resolve().as_posix()
    return f"file://{quote(name if name.startswith('/') else f'/{name}')}?mode=ro"


def connect(path: str, *, uri: bool = False) -> Database:
    """Opens a database that several threads may use in turn. Raises sqlite3.Error."""
    return sqlite3.connect(path, uri=uri, check_same_thread=False, factory=Database)
