"""A ledger's file, opened and looked through: whether it is one, whole, and of a version that can be read.

Nothing here changes a file that is refused, nor leaves anything beside it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from cleverreach_sync.errors import CrsyncError, StateError
from cleverreach_sync.messages import say
from cleverreach_sync.state import checksums
from cleverreach_sync.state.copies import needs_copy, open_copy
from cleverreach_sync.state.database import connect, read_only_uri
from cleverreach_sync.state.files import FREE_SPACE, USE_THAT_VERSION, being_written, cannot_read, open_file

SCHEMA: Final = "3"
# In version 1 nobody wrote down which account an order belongs to, and which record brought it. Neither it nor
# version 2 had checksums, a generation, or the addresses of batches under way.
WITHOUT_OWNERS: Final = "1"
WITHOUT_CHECKS: Final = frozenset({WITHOUT_OWNERS, "2"})
_SQLITE: Final = b"SQLite format 3\0"
_BESIDE: Final = ("-wal", "-shm")
# What SQLite says of files that are as they should be, but cannot be got at.
_OTHER_REASONS: Final = frozenset(
    {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}
)
_PRIMARY: Final = 0xFF  # of an extended error code


class Opened(NamedTuple):
    """An open connection that cannot write, and what the ledger says about itself."""

    database: sqlite3.Connection
    meta: dict[str, str]


def open_ledger(path: Path, *, may_mend: bool) -> Opened:
    """Opens a ledger to read it. `may_mend`: what a run left that was killed may be rolled back. Raises StateError for
    a file that is no ledger, damaged or newer, LockedError for one that another run is just writing."""
    try:
        with os.fdopen(open_file(path, os.O_RDONLY), "rb") as file:
            begins = file.read(len(_SQLITE))
    except OSError as error:
        raise cannot_read(path, error) from None
    if begins != _SQLITE:
        raise damaged(path)
    if may_mend and path.with_name(f"{path.name}-journal").exists():
        _roll_back(path)
    there = {name for name in _BESIDE if path.with_name(path.name + name).exists()}
    database: sqlite3.Connection | None = None
    try:
        with reading(path):
            database = _connected(path, copy=not may_mend)
        return Opened(database, _looked_through(database, path))
    except BaseException:
        if database is not None:
            database.close()
        for name in set(_BESIDE) - there:
            path.with_name(path.name + name).unlink(missing_ok=True)
        raise


def _connected(path: Path, *, copy: bool) -> sqlite3.Connection:
    database = connect(read_only_uri(path), uri=True)
    try:
        database.execute("select name from sqlite_master limit 1").fetchall()
    except sqlite3.DatabaseError as error:
        database.close()
        if copy and needs_copy(error):
            return open_copy(path)
        raise
    return database


def _looked_through(database: sqlite3.Connection, path: Path) -> dict[str, str]:
    with reading(path):
        database.execute("pragma cache_size = -8000")
        if database.execute("pragma quick_check(1)").fetchone() != ("ok",):
            raise damaged(path)
        meta = {str(name): str(value) for name, value in database.execute("select name, value from meta")}
        known = meta.get("schema")
        if known != SCHEMA and (known not in WITHOUT_CHECKS or "check" in meta):
            raise StateError(
                say("state.ledger_of_another_version", "{path} was written by another version of crsync", path=path),
                hint=USE_THAT_VERSION,
            )
        if known == SCHEMA and meta.get("check") != checksums.of_meta(meta, checksums.schema_of(database)):
            raise damaged(path)
        return meta


def _roll_back(path: Path) -> None:
    with reading(path), contextlib.closing(connect(str(path))) as database:
        database.execute("select name from sqlite_master limit 1").fetchall()


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """What SQLite says of a file while it is read, as an error of the tree."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise unusable(path, error) from None
    except (ValueError, TypeError, AttributeError):
        raise damaged(path) from None


def unusable(path: Path, error: sqlite3.Error) -> CrsyncError:
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if code == sqlite3.SQLITE_BUSY:
        return being_written(path)
    if code in _OTHER_REASONS:
        return StateError(
            say("state.cannot_use", "cannot read or write {path}: {reason}", path=path, reason=str(error)),
            hint=FREE_SPACE,
        )
    return damaged(path)


def damaged(path: Path) -> StateError:
    return StateError(
        say("state.damaged_ledger", "{path} is damaged, or is not a crsync ledger", path=path),
        hint=say(
            "state.replace_ledger",
            "restore it from a backup; or move it away and run `crsync diff`, then `crsync sync --force ledger`",
        ),
    )
