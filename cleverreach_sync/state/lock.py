"""One run at a time: an advisory lock that ends with the process, however it ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from filelock import lock_descriptor

from cleverreach_sync.errors import LockedError, StateError
from cleverreach_sync.messages import Message, say
from cleverreach_sync.state.files import open_file, private

_POLL_SECONDS: Final = 0.2
_LOCKED_BYTES: Final = 1  # Windows locks the first byte, and nobody else can read it


@contextlib.contextmanager
def held(path: Path, timeout: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> Iterator[None]:
    """Holds the lock. Waits up to `timeout` seconds for another run, then raises LockedError naming it. Raises
    StateError where nothing can be locked."""
    private(path)
    handle = open_file(path, os.O_RDWR)
    try:
        _acquire(handle, path, clock() + timeout, clock, sleep)
        with contextlib.suppress(OSError):  # who holds it is told for convenience; a full disk shows elsewhere
            os.ftruncate(handle, 0)
            os.write(handle, b" " * _LOCKED_BYTES + str(os.getpid()).encode())
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, path: Path, until: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
    while not _locked(handle, path):
        left = until - clock()
        if left <= 0:
            raise LockedError(
                _held_by(_holder(handle), path),
                hint=say("state.wait_for_lock", "wait for it to end, or give --lock-timeout SECONDS"),
            )
        sleep(min(_POLL_SECONDS, left))


def _locked(handle: int, path: Path) -> bool:
    try:
        return lock_descriptor(handle, blocking=False)
    except OSError as error:
        raise StateError(
            say("state.cannot_lock", "cannot lock {path}: {reason}", path=path, reason=error.strerror),
            hint=say(
                "state.disk_without_locks",
                "this disk does not support locks (a network share, perhaps): set state_dir in the config to one on "
                "a disk that does",
            ),
        ) from None


def _held_by(process: str, path: Path) -> Message:
    if not process:
        return say("state.locked", "another run holds the lock {path}", path=path)
    return say("state.locked_by", "another run (process {process}) holds the lock {path}", process=process, path=path)


def _holder(handle: int) -> str:
    try:
        os.lseek(handle, _LOCKED_BYTES, os.SEEK_SET)
        text = os.read(handle, 32).decode("ascii", "replace").strip()
    except OSError:
        return ""
    return text if text.isdigit() else ""
