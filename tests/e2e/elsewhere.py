"""crsync where what POSIX alone has is missing, as on Windows: `python -m tests.e2e.elsewhere ARGUMENTS`.

Arguments after a `+` are a command of their own, in the same process; the first that fails is the last.

A folder cannot be opened, a file that is open neither replaced nor removed, the locked byte of another process not read;
the console takes Windows' own encoding, and a file whose encoding is left to the system is an error.
"""

from __future__ import annotations

import asyncio  # noqa: F401 - what others bring for each system is there before it is taken away
import os
import signal
import subprocess  # noqa: F401
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import filelock  # noqa: F401

OF_POSIX = {
    os: (
        "chown", "chroot", "confstr", "ctermid", "eventfd", "fchdir", "fchmod", "fchown", "fdatasync", "fork", "forkpty",
        "fpathconf", "fstatvfs", "getegid", "geteuid", "getgid", "getgrouplist", "getgroups", "getloadavg", "getpgid", "getpgrp",
        "getpriority", "getresgid", "getresuid", "getsid", "getuid", "getxattr", "initgroups", "killpg", "lchown", "listxattr",
        "lockf", "major", "makedev", "memfd_create", "minor", "mkfifo", "mknod", "nice", "openpty", "pathconf", "pipe2",
        "posix_fadvise", "posix_fallocate", "posix_spawn", "posix_spawnp", "pread", "preadv", "pwrite", "pwritev", "readv",
        "register_at_fork", "removexattr", "sched_getaffinity", "sched_yield", "sendfile", "setegid", "seteuid", "setgid",
        "setgroups", "setpgid", "setpriority", "setsid", "setuid", "setxattr", "statvfs", "sync", "sysconf", "tcgetpgrp",
        "tcsetpgrp", "ttyname", "uname", "unshare", "wait", "wait3", "wait4", "waitid", "writev",
        "O_ASYNC", "O_CLOEXEC", "O_DIRECT", "O_DIRECTORY", "O_DSYNC", "O_NOATIME", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK",
        "O_PATH", "O_RSYNC", "O_SYNC", "O_TMPFILE", "WNOHANG",
    ),
    signal: (
        "SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP", "SIGTSTP", "SIGUSR1", "SIGUSR2",
        "SIGWINCH", "alarm", "pause", "pthread_kill", "pthread_sigmask", "setitimer", "siginterrupt", "sigpending", "sigwait",
    ),
    time: ("tzset", "clock_gettime", "clock_settime", "pthread_getcpuclockid"),
}  # fmt: skip
AND = "+"
MODULES = ("fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog")


def main() -> int:
    for module, names in OF_POSIX.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    for name in ("replace", "rename", "unlink", "remove"):
        setattr(os, name, _while_closed(getattr(os, name)))
    os.open = _no_folder(os.open)
    os.read = _not_the_locked_byte(os.read)
    from cleverreach_sync.cli.app import run

    code, arguments = 0, iter(sys.argv[1:])
    while not code and (words := list(iter(partial(next, arguments, AND), AND))):
        code = run(words)
    return code


def _while_closed(change: Callable[..., Any]) -> Callable[..., Any]:
    def changed(*paths: Any, **how: Any) -> Any:
        wanted = {os.path.realpath(path) for path in paths if isinstance(path, str | Path)}
        for handle in Path("/proc/self/fd").iterdir():
            try:
                held = str(handle.readlink())
            except OSError:  # that of the listing
                continue
            if held in wanted:
                raise PermissionError(13, "it is used by a process", held)
        return change(*paths, **how)

    return changed


def _no_folder(opened: Callable[..., int]) -> Callable[..., int]:
    def open_(path: Any, flags: int, *more: Any, **how: Any) -> int:
        if Path(path).is_dir():
            raise PermissionError(13, "Permission denied", path)
        return opened(path, flags, *more, **how)

    return open_


def _not_the_locked_byte(read: Callable[[int, int], bytes]) -> Callable[[int, int], bytes]:
    def read_(handle: int, count: int) -> bytes:
        if Path(f"/proc/self/fd/{handle}").readlink().name == "lock" and not os.lseek(handle, 0, os.SEEK_CUR):
            raise PermissionError(13, "it is locked")
        return read(handle, count)

    return read_


if __name__ == "__main__":
    sys.exit(main())
