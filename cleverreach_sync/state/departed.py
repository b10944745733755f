"""The part of the ledger that says who has unsubscribed in the account, known from the shop or not, by keyed hash.

It only grows: a list that is emptied or deleted in the account takes nothing of it away.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final

TABLE: Final = """
create table if not exists departed (
  key blob primary key,          -- keyed hash of the address
  at integer not null,           -- when they last unsubscribed
  checksum blob not null
) without rowid;
"""
_THERE: Final = "select 1 from sqlite_master where type = 'table' and name = 'departed'"
_ADD: Final = (
    "insert into departed values (?, ?, ?) on conflict (key) do update set at = excluded.at, "
    "checksum = excluded.checksum where excluded.at > at"
)


def departed(database: sqlite3.Connection) -> Iterator[tuple[bytes, int]]:
    """Everybody who has unsubscribed, and when (unix seconds). Raises ValueError for a damaged entry."""
    if database.execute(_THERE).fetchone() is None:  # written by a version that did not keep it
        return
    for key, at, checksum in database.execute("select key, at, checksum from departed"):
        if not isinstance(key, bytes) or not isinstance(at, int) or checksum != _checksum(key, at):
            raise ValueError
        yield key, at


def depart(database: sqlite3.Connection, rows: Iterable[tuple[bytes, int]]) -> None:
    """Counts from the next commit; an earlier date takes no later one back."""
    database.executemany(_ADD, ((key, at, _checksum(key, at)) for key, at in rows))


def _checksum(key: bytes, at: int) -> bytes:
    return blake2b(b"%b %d" % (key, at), digest_size=8).digest()
