"""The error tree. The class carries exit code, name and whether a later run may succeed.

CrsyncError                 1  bug        unexpected: report it
  UsageError                2  usage      wrong usage, a list or data field that does not exist
    ConfigError             2  usage      one or more problems in the config file, with positions
  RejectedError             4  rejected   more people rejected or invalid than allowed
  TemporaryError            5  temporary  network, timeout, 429 or 5xx for too long; the next run resumes
  AuthError                 6  auth       credentials or permissions refused
  GuardError                7  guard      a guard refused the run
  LockedError               8  locked     another run holds the lock
  StateError                9  state      state file unusable, or of another source or target
  Interrupted         130/143  signal     SIGINT, SIGTERM
"""

from __future__ import annotations

import errno
import signal
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from cleverreach_sync.messages import Message, say, say_many

_OF_THE_DISK: Final = frozenset(
    getattr(errno, name)
    for name in (
        *("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EIO"),
        *("EACCES", "EPERM", "EBUSY", "ETXTBSY", "ESTALE", "ENOLCK", "EMFILE", "ENFILE"),  # a network share, say
    )
    if hasattr(errno, name)
)


class CrsyncError(Exception):
    """Unexpected error; the base of all others.

    `message` says what happened, `where` the place (`sync.yaml:3:5`), `hint` what to do. None of the three may
    hold a secret, a full e-mail address or the value of a person field.
    """

    code: ClassVar[int] = 1
    kind: ClassVar[str] = "bug"
    retryable: ClassVar[bool] = False

    def __init__(self, message: Message, *, hint: Message | None = None, where: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where


class UsageError(CrsyncError):
    """Wrong usage, or a list or data field that does not exist."""

    code = 2
    kind = "usage"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a config file. `where` is `file:line:column`, line and column counted from 1."""

    where: str
    message: Message
    hint: Message | None = None


class ConfigError(UsageError):
    """The config file has problems; all of them are in `problems`, in the order of the file."""

    def __init__(self, problems: list[Problem]) -> None:
        first, *more = problems
        message = first.message
        if more:
            message = say_many(
                "config.problems",
                "{problem} (and {number:,} more)",
                "{problem} (and {number:,} more)",
                len(more),
                problem=first.message,
            )
        super().__init__(message, hint=first.hint, where=first.where)
        self.problems = problems


class RejectedError(CrsyncError):
    """More people rejected or invalid than `limits.max_rejected` allows, or every batch refused."""

    code = 4
    kind = "rejected"


class TemporaryError(CrsyncError):
    """Network, timeout, 429 or 5xx for longer than `limits.retry_for`."""

    code = 5
    kind = "temporary"
    retryable = True


class AuthError(CrsyncError):
    """Credentials or permissions refused."""

    code = 6
    kind = "auth"


class GuardError(CrsyncError):
    """A guard refused the run; nothing, or nothing more, was written."""

    code = 7
    kind = "guard"


class LockedError(CrsyncError):
    """Another run holds the lock."""

    code = 8
    kind = "locked"
    retryable = True


class StateError(CrsyncError):
    """A state file is unusable, or belongs to another source or target."""

    code = 9
    kind = "state"


class Interrupted(CrsyncError):
    """SIGINT or SIGTERM arrived; in-flight batches were finished or abandoned."""

    kind = "signal"
    retryable = True

    def __init__(self, signum: int) -> None:
        super().__init__(
            say("signal.stopped", "stopped by signal"),
            hint=say("signal.continues", "nothing is lost: the next run continues where this one stopped"),
        )
        self.signum = signum

    @property
    def code(self) -> int:  # type: ignore[override]
        return 128 + self.signum


def as_crsync_error(error: BaseException) -> CrsyncError:
    """`error` itself, or what it means. A bug names only its type: a foreign text may hold personal data."""
    if isinstance(error, CrsyncError):
        return error
    known: CrsyncError
    if isinstance(error, KeyboardInterrupt):
        known = Interrupted(signal.SIGINT)
    elif type(error).__module__ == "sqlite3":  # not imported here: a command line starts without it
        known = StateError(
            say("state.unusable", "the state on this machine cannot be read or written: {reason}", reason=error),
            hint=say("state.look_or_restore", "look for a full disk, or restore the state folder from a backup"),
        )
    elif isinstance(error, OSError) and error.errno in _OF_THE_DISK:
        known = StateError(
            say("disk.full", "cannot write to the disk: {reason}", reason=error.strerror),
            hint=say("disk.free_some", "free some disk space, or check who else uses the files, owner and permissions"),
        )
    else:
        known = CrsyncError(
            say("bug.unexpected", "unexpected error ({kind})", kind=type(error).__name__),
            hint=say("bug.report_it", "this is a bug: run again with -vv and report what it prints"),
        )
    known.__cause__ = error
    return known


def exit_object(code: int = 0, name: str = "ok", retryable: bool = False) -> dict[str, Any]:
    """How a command ended, for its document; `name` is the class of the exit code."""
    return {"code": code, "class": name, "retryable": retryable}


def exit_of(error: CrsyncError) -> dict[str, Any]:
    """How a command ended that failed, for its document."""
    return exit_object(error.code, error.kind, error.retryable)


def error_object(error: CrsyncError) -> dict[str, Any]:
    """What went wrong, for a document. `where` and `problems` are there only if they say something."""
    found: dict[str, Any] = {**exit_of(error), "message": error.message, "hint": error.hint}
    if error.where:
        found["where"] = error.where
    if isinstance(error, ConfigError):
        found["problems"] = [
            {"where": problem.where, "message": problem.message, "hint": problem.hint} for problem in error.problems
        ]
    return found
