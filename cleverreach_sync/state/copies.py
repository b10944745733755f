"""A database that SQLite cannot open where it lies, since it may create nothing there: read from a copy.

A run that was cut off leaves `-wal` or `-journal` beside the file, which SQLite has to work through before it can read.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Final

from cleverreach_sync.errors import StateError
from cleverreach_sync.messages import say
from cleverreach_sync.state.database import connect
from cleverreach_sync.state.files import being_written

_PREFIX: Final = "crsync-"
_LEFT: Final = re.compile(r"(spool|ledger)\.sqlite3(-wal|-shm|-journal)?")
_LEFT_SECONDS: Final = 3600
_BESIDE: Final = ("", "-wal", "-journal")
_NOTHING_TO_CREATE: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})


def sweep_copies(now: float) -> None:
    """Removes what a process left in the temporary folder that was killed more than an hour ago, and nothing else: a
    copy of here, or the spool that a `diff` of an earlier version kept there."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}????????"):
        with contextlib.suppress(OSError):
            files = list(left.iterdir())
            if left.is_symlink() or now - left.stat().st_mtime < _LEFT_SECONDS:
                continue
            if all(_LEFT.fullmatch(file.name) for file in files):
                for file in files:
                    file.unlink()
                left.rmdir()


def needs_copy(error: sqlite3.Error) -> bool:
    """Whether that is all that is wrong with the file."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _NOTHING_TO_CREATE


def open_copy(path: Path) -> sqlite3.Connection:
    """What the file holds at this moment, in a place of its own that ends with the connection. Raises LockedError if it
    is being written right now, StateError if it cannot be read, and sqlite3.Error."""
    before = _signs(path)
    try:
        with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder:
            for beside in _BESIDE:
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(f"{path}{beside}", Path(folder, f"{path.name}{beside}"))
            if _signs(path) != before:
                raise being_written(path)
            return _taken_over(Path(folder, path.name))
    except OSError as error:
        raise StateError(
            say(
                "state.cannot_copy",
                "cannot read {path} or make a copy of it: {reason}",
                path=path,
                reason=error.strerror,
            ),
            hint=say(
                "state.check_both_folders",
                "check owner and permissions of the state folder, and the space in the temporary folder",
            ),
        ) from None


def _taken_over(copy: Path) -> sqlite3.Connection:
    with contextlib.closing(connect(str(copy))) as source:
        taken = connect("")  # SQLite's own temporary database: it has no name that anybody could open
        try:
            source.backup(taken)
        except sqlite3.Error:
            taken.close()
            raise
        return taken


def _signs(path: Path) -> list[tuple[int, int, int] | None]:
    found: list[tuple[int, int, int] | None] = []
    for beside in _BESIDE:
        try:
            there = Path(f"{path}{beside}").stat()
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((there.st_ino, there.st_size, there.st_mtime_ns))
    return found
