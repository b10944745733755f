"""The state folder and how its files are written: whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from cleverreach_sync.errors import StateError


class StateFolder:
    """`<state_dir>/<config file stem>/`, or that of a named transfer below it; readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = path / "checkpoint.json"
        self.ledger = path / "ledger.sqlite3"
        self.key = path / "key"
        self.spool = path / "spool.sqlite3"
        self.rejects = path / "rejects.jsonl"
        self.history = path / "history.jsonl"
        self.lock = path / "lock"

    def create(self, root: Path | None = None) -> None:
        """Makes it, and what is between `root` and it. Raises StateError when that cannot be or belongs to somebody
        else."""
        above = [path for path in reversed(self.path.parents) if root is not None and path.is_relative_to(root)]
        try:
            for path in (*above, self.path):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.chmod(0o700)
        except OSError as error:
            raise StateError(
                f"cannot use the state folder {self.path}: {error.strerror}",
                hint="check its owner and permissions, or set state_dir in the config",
            ) from None

    def writable(self) -> bool:
        """Whether it could be made, or written into, as far as that shows without trying."""
        there = next(path for path in (self.path, *self.path.absolute().parents) if os.path.exists(path))  # noqa: PTH110
        return os.access(there, os.W_OK | os.X_OK)

    def sweep(self) -> None:
        """Removes what a run that was killed has left: its spool, and what it was about to put in the place of a file.
        Only for who holds the lock."""
        remove(self.spool)
        for path in (self.checkpoint, self.rejects, self.history):
            for left in self.path.glob(f".{path.name}.*"):
                with contextlib.suppress(OSError):
                    left.unlink()


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces `path` as a whole: temporary file, fsync, rename, fsync of the folder. Mode 0600."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise StateError(
            f"cannot write {path}: {error.strerror}", hint="free some disk space or check the permissions"
        ) from None


def sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def private(path: Path) -> None:
    """Creates an empty file with mode 0600 where there is none, so that nobody else ever reads what comes into it."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise StateError(f"cannot write {path}: {error.strerror}", hint="check owner and permissions") from None


def remove(path: Path) -> None:
    """Removes an SQLite file and what SQLite keeps beside it."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}-journal"):
        with contextlib.suppress(FileNotFoundError):
            (path.parent / name).unlink()
