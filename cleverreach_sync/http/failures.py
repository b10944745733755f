"""Why an exchange gave no usable answer."""

from __future__ import annotations

from math import isfinite
from typing import Final

from cleverreach_sync.errors import CrsyncError, TemporaryError, UsageError
from cleverreach_sync.messages import Message, say

LET_THROUGH: Final = say(
    "http.allow_this_machine",
    "a firewall or security plug-in protects the shop: allow this machine's address",
)
IN_THE_SHOP: Final = say(
    "http.wrong_in_the_shop",
    "something is wrong in the shop, not in the network: open it in a browser, and look at the error logs of PHP and "
    "of the web server; the next run resumes",
)
IN_BETWEEN: Final = say(
    "http.something_in_between",
    "is there a proxy or a cache in front of it? If this keeps happening, please report it",
)
_CHECK_NETWORK: Final = say(
    "http.check_network", "check the network and the server's status page; the next run resumes"
)


def with_words(status: int, words: str) -> str:
    """What an answer says, in short: its status, and what it has of words."""
    return say("http.status_and_words", "{status}: {words}", status=status, words=words) if words else str(status)


def not_json(system: str, said: str) -> Message:
    return say(
        "http.not_json", "{system} answered with something that is not JSON ({answer})", system=system, answer=said
    )


class TryAgain(TemporaryError):
    """The request may succeed later. `after` is what the server asked to wait, in seconds. `ambiguous`: it may have
    been carried out all the same. `timed_out`: nothing came back in time."""

    def __init__(
        self,
        message: Message,
        *,
        after: float | None = None,
        ambiguous: bool = False,
        timed_out: bool = False,
        hint: Message | None = None,
    ) -> None:
        super().__init__(message, hint=hint or _CHECK_NETWORK)
        # NaN compares with nothing and would be waited for no time at all, again and again.
        self.after = max(0.0, after) if after is not None and isfinite(after) else None
        self.ambiguous = ambiguous
        self.timed_out = timed_out


class Ineffective(TryAgain):
    """The server answers, and has not done what it was asked for."""


class NotCarriedOut(TemporaryError):
    """Likewise several times over. It says nothing about anybody else."""


class GivenUp(TemporaryError):
    """No usable answer for as long as anybody tries. `fails`: it is this request that the server fails at, rather than
    that it wants to be left alone for a while."""

    def __init__(self, message: Message, *, fails: bool, hint: Message | None = None) -> None:
        super().__init__(message, hint=hint)
        self.fails = fails


class Refused(CrsyncError):
    """The server understood and said no: 400, 413, 422, or another status that a repetition will not change."""

    code = 2
    kind = "usage"

    def __init__(self, message: Message, *, status: int, hint: Message | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class NotFound(Refused):
    """404."""


class Conflict(Refused):
    """409: it exists already."""


class Redirected(UsageError):
    """The server wants to be called elsewhere. `where` is that place, as far as it may be shown."""

    def __init__(self, message: Message, *, where: str, hint: Message) -> None:
        super().__init__(message, hint=hint)
        self.target = where
