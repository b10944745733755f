"""Many rows in one statement: SQLite hands over to other threads after every statement, and getting back takes time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final, TypeVar

T = TypeVar("T")
_AT_ONCE: Final = 250


def insert(database: sqlite3.Connection, into: str, rows: Sequence[Sequence[object]]) -> None:
    """Adds rows of equal length; `into` is the statement up to the values."""
    for part in slices(rows, _AT_ONCE):
        database.execute(_statement(into, len(part[0]), len(part)), list(chain.from_iterable(part)))


def slices(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


@lru_cache(maxsize=64)
def _statement(into: str, width: int, rows: int) -> str:
    marks = f"({','.join('?' * width)})"
    return f"{into} values {','.join([marks] * rows)}"
