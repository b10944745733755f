"""The account on disk: every change is written through, so that it survives a restart."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from cleverreach_sync.errors import UsageError
from cleverreach_sync.messages import Message, say

_APPLICATION: Final = 0x63725362  # says that the file is a sandbox's
_VERSION: Final = 1
_OTHER_FILE: Final = say("sandbox.other_db", "give another --db")


class Storage:
    """One table of JSON objects by kind and key. Not safe for several threads: the account's lock guards it."""

    def __init__(self, path: Path) -> None:
        _create_private(path)
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=0.5)
        except sqlite3.Error as error:
            raise UsageError(_cannot_open(path, error), hint=_OTHER_FILE) from error
        try:
            self._prepare(path)
        except sqlite3.Error as error:
            self._db.close()
            busy = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            in_use = say("sandbox.db_in_use", "another sandbox uses it")
            no_database = say("sandbox.no_database", "it is not a sandbox database: give another --db")
            message = say("sandbox.cannot_use", "cannot use {path}: {reason}", path=path, reason=error)
            raise UsageError(message, hint=in_use if busy else no_database) from error
        except UsageError:
            self._db.close()
            raise

    def _prepare(self, path: Path) -> None:
        db = self._db
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        application = db.execute("PRAGMA application_id").fetchone()[0]
        version = db.execute("PRAGMA user_version").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and (application, version) != (_APPLICATION, _VERSION):
            message = say("sandbox.other_version", "{path} is not a sandbox database of this version", path=path)
            raise UsageError(message, hint=_OTHER_FILE)
        path.chmod(0o600)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("BEGIN IMMEDIATE")
        db.execute(
            "CREATE TABLE IF NOT EXISTS object (kind TEXT NOT NULL, key TEXT NOT NULL, json BLOB NOT NULL,"
            " PRIMARY KEY (kind, key)) WITHOUT ROWID"
        )
        db.execute(f"PRAGMA application_id={_APPLICATION}")
        db.execute(f"PRAGMA user_version={_VERSION}")
        db.execute("COMMIT")

    def read(self, kind: str) -> Iterator[tuple[str, Any]]:
        for key, text in self._db.execute("SELECT key, json FROM object WHERE kind = ?", (kind,)):
            yield key, orjson.loads(text)

    def write(self, changes: Mapping[tuple[str, str], Mapping[str, Any] | None]) -> None:
        """All changes in one transaction; None deletes."""
        kept: list[tuple[str, str, bytes]] = []
        gone: list[tuple[str, str]] = []
        for (kind, key), value in changes.items():
            if value is None:
                gone.append((kind, key))
            else:
                kept.append((kind, key, orjson.dumps(value)))
        self._transaction(kept, gone)

    def _transaction(self, kept: Iterable[tuple[str, str, bytes]], gone: Iterable[tuple[str, str]]) -> None:
        self._db.execute("BEGIN")
        try:
            self._db.executemany("REPLACE INTO object VALUES (?, ?, ?)", kept)
            self._db.executemany("DELETE FROM object WHERE kind = ? AND key = ?", gone)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def empty(self) -> None:
        self._db.execute("DELETE FROM object")

    def close(self) -> None:
        self._db.close()


def _cannot_open(path: Path, reason: object) -> Message:
    return say("sandbox.cannot_open", "cannot open {path}: {reason}", path=path, reason=reason)


def _create_private(path: Path) -> None:
    """A new file is its owner's alone, whatever the umask, and so is what SQLite puts beside it. Raises UsageError."""
    if path.is_symlink():
        message = say("sandbox.db_is_link", "{path} is a link", path=path)
        raise UsageError(message, hint=say("sandbox.name_file_itself", "name the file itself with --db"))
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise UsageError(_cannot_open(path, error.strerror), hint=_OTHER_FILE) from error
    os.close(handle)
    path.chmod(0o600)
