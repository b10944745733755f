"""The state folder and how its files are written: whole or not at all, and for their owner only, whatever the umask.

Windows knows no such modes: there a file may be read by whom its folder lets in.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Final

from cleverreach_sync.errors import LockedError, StateError
from cleverreach_sync.messages import Message, say

_FOLDER: Final = ".crsync"
_FLAGS: Final[int] = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_UNSYNCED: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF})  # network shares
_TAKES: Final = 20  # Windows moves no file onto one that somebody else, a virus scanner say, is just reading
_TAKE_SECONDS: Final = 0.05
_CHECK_PERMISSIONS: Final = say("state.check_permissions", "check owner and permissions")
USE_THAT_VERSION: Final = say("state.use_that_version", "use that version, or a newer one that still reads it")
FREE_SPACE: Final = say("state.free_space", "free some disk space, or check owner and permissions")


class StateFolder:
    """`<state_dir>/<config file stem>/`, or that of a named transfer below it; readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = LocalDocument(path / "checkpoint.json")
        self.key = LocalDocument(path / "key")
        self.rejects = LocalDocument(path / "rejects.jsonl")
        self.history = LocalDocument(path / "history.jsonl")
        self.ledger = path / "ledger.sqlite3"
        self.spool = path / "spool.sqlite3"
        self.lock = path / "lock"

    def create(self, root: Path | None = None) -> None:
        """Makes it, and what is between `root` and it. Raises StateError when that cannot be or belongs to somebody
        else."""
        above = [path for path in reversed(self.path.parents) if root is not None and path.is_relative_to(root)]
        try:
            for path in (*above, self.path):
                make_folder(path)
                path.chmod(0o700)
            if (outer := (root or self.path).parent).name == _FOLDER:
                _keep_strangers_out(outer)
        except OSError as error:
            raise StateError(
                say(
                    "state.unusable_folder",
                    "cannot use the state folder {path}: {reason}",
                    path=self.path,
                    reason=error.strerror,
                ),
                hint=say("state.check_folder", "check its owner and permissions, or set state_dir in the config"),
            ) from None

    def refuse_links(self) -> None:
        """Raises StateError if one of its files is a link."""
        documents = (self.key, self.checkpoint, self.rejects, self.history)
        for path in (self.lock, self.ledger, self.spool, *(document.path for document in documents)):
            refuse_link(path)

    def writable(self) -> bool:
        """Whether it could be made, or written into, as far as that shows without trying."""
        there = next(path for path in (self.path, *self.path.absolute().parents) if os.path.exists(path))  # noqa: PTH110
        return os.access(there, os.W_OK | os.X_OK)

    def sweep(self) -> None:
        """Removes what a run that was killed has left: its spool, and what it was about to put in the place of a file.
        Only for who holds the lock."""
        remove(self.spool)
        for document in (self.checkpoint, self.key, self.rejects, self.history):
            for left in self.path.glob(f".{document.path.name}.*"):
                with contextlib.suppress(OSError):
                    left.unlink()


class LocalDocument:
    """A document of the state in a file (see `store.Document`)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: bytes | None = None  # what tells the content that was last read or written

    def __str__(self) -> str:
        return str(self.path)

    def read(self) -> bytes | None:
        content = self._content()
        self._seen = _version(content)
        return content

    def exists(self) -> bool:
        return self.path.exists()

    def write(self, content: bytes) -> None:
        if self._seen is not None and _version(self._content()) != self._seen:
            raise changed_meanwhile(self.path)
        write_atomically(self.path, content)
        self._seen = _version(content)

    def _content(self) -> bytes | None:
        try:
            return content_of(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise cannot_read(self.path, error) from None


def _version(content: bytes | None) -> bytes:
    return b"" if content is None else blake2b(content, digest_size=16).digest()


def write_atomically(path: Path, content: bytes, sleep: Callable[[float], None] = time.sleep) -> None:
    """Replaces `path` as a whole: temporary file, fsync, rename, fsync of the folder. Mode 0600."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(open_file(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            _narrow(file.fileno())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        replace(temporary, path, sleep)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise _cannot_write(path, error, FREE_SPACE) from None


def replace(new: Path, path: Path, sleep: Callable[[float], None] = time.sleep) -> None:
    """Puts `new` in the place of `path`. Where somebody holds that open (on Windows), they get a second to let go."""
    for left in range(_TAKES, -1, -1):
        try:
            new.replace(path)
        except PermissionError:
            if not left or os.name != "nt":
                raise
            sleep(_TAKE_SECONDS)
        else:
            return


def sync_folder(path: Path) -> None:
    """Puts a rename on the disk. Nothing where folders cannot be opened: Windows keeps a journal of renames itself."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _UNSYNCED:
            raise
    finally:
        os.close(handle)


def open_file(path: Path, flags: int) -> int:
    """A handle for a file that is no link; a new one has mode 0600. Raises StateError for a link, and OSError."""
    refuse_link(path)
    return os.open(path, flags | _FLAGS, 0o600)


def refuse_link(path: Path) -> None:
    """Who can put a link into the folder could have other files read, written or locked. Raises StateError."""
    if path.is_symlink():
        raise StateError(
            say("state.link", "{path} is a link; files of the state must not be links", path=path),
            hint=say("state.remove_link", "remove it; to keep the state elsewhere, set state_dir in the config"),
        )


def content_of(path: Path) -> bytes:
    """What is in a file of the state. Raises StateError for a link, and OSError."""
    with os.fdopen(open_file(path, os.O_RDONLY), "rb") as file:
        return file.read()


def make_folder(path: Path) -> None:
    """Makes a folder, and those above it that are missing, for their owner only. Raises OSError."""
    for missing in reversed([one for one in (path, *path.parents) if not one.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
        missing.chmod(0o700)


def private(path: Path) -> None:
    """Creates an empty file with mode 0600 where there is none, so that nobody else ever reads what comes into it."""
    try:
        handle = open_file(path, os.O_WRONLY | os.O_CREAT)
        try:
            _narrow(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise _cannot_write(path, error, _CHECK_PERMISSIONS) from None


def write_private(path: Path, text: str) -> None:
    """Writes a text that is not of the state; a new file has mode 0600, whatever the umask. Raises OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


def remove(path: Path) -> None:
    """Removes an SQLite file and what SQLite keeps beside it."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}-journal"):
        with contextlib.suppress(FileNotFoundError):
            (path.parent / name).unlink()


def _narrow(handle: int) -> None:
    if hasattr(os, "fchmod"):
        os.fchmod(handle, 0o600)


def _keep_strangers_out(path: Path) -> None:
    """Our own folder, if everybody may write into it: a version that heeded the umask alone may have made it so."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        with contextlib.suppress(PermissionError):
            path.chmod(mode & ~0o007)


def cannot_read(path: Path, error: OSError) -> StateError:
    message = say("state.cannot_read", "cannot read {path}: {reason}", path=path, reason=error.strerror)
    return StateError(message, hint=_CHECK_PERMISSIONS)


def _cannot_write(path: Path, error: OSError, hint: Message) -> StateError:
    return StateError(
        say("state.cannot_write", "cannot write {path}: {reason}", path=path, reason=error.strerror), hint=hint
    )


def changed_meanwhile(path: Path) -> StateError:
    return StateError(
        say("state.changed_meanwhile", "{path} was changed while crsync was using it", path=path),
        hint=say(
            "state.change_only_between_runs",
            "restore or change files of the state only while no run is under way; then run the command again",
        ),
    )


def being_written(path: Path) -> LockedError:
    return LockedError(
        say("state.being_written", "{path} is being written right now", path=path),
        hint=say("state.run_under_way", "another run is under way; try again"),
    )
