"""One run at a time: an advisory lock that ends with the process, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from cleverreach_sync.errors import LockedError
from cleverreach_sync.state.files import private

_POLL_SECONDS: Final = 0.2


@contextlib.contextmanager
def held(path: Path, timeout: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> Iterator[None]:
    """Holds the lock. Waits up to `timeout` seconds for another run, then raises LockedError naming it."""
    private(path)
    handle = os.open(path, os.O_RDWR)
    try:
        _acquire(handle, path, clock() + timeout, clock, sleep)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, path: Path, until: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            left = until - clock()
            if left <= 0:
                holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
                who = f" (process {holder})" if holder.isdigit() else ""
                raise LockedError(
                    f"another run{who} holds the lock {path}",
                    hint="wait for it to end, or give --lock-timeout SECONDS",
                ) from None
            sleep(min(_POLL_SECONDS, left))
        else:
            return
