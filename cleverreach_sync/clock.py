"""The one clock of a run, its one sleep, and what asks it to stop."""

from __future__ import annotations

import datetime as dt
import time
from typing import Final

from cleverreach_sync.errors import CrsyncError, Interrupted, TemporaryError
from cleverreach_sync.messages import say

_SLICE: Final = 0.5  # seconds; how fast a signal is noticed while waiting


class Clock:
    """The run's one clock and one sleep. `wall` is unix seconds, `now` only counts on."""

    def wall(self) -> float:
        return time.time()

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class OutOfTime(TemporaryError):
    """`--max-duration` is over: the run is to end well, and the next one goes on."""


class Stop:
    """Asked to stop: by a signal, or because the time is up. Set from a signal handler."""

    def __init__(self) -> None:
        self.signum: int | None = None
        self.deadline: float | None = None
        self.reason: str | None = None
        self.abandoned = False
        self._since: float | None = None

    def asked(self, now: float) -> bool:
        if self.signum is not None:
            return True
        if self.deadline is not None and now >= self.deadline:
            self.reason = "max_duration"
            return True
        return False

    def check(self) -> None:
        """Raises Interrupted after a signal, and where the run has failed elsewhere."""
        if self.signum is not None:
            raise Interrupted(self.signum)
        if self.abandoned:
            raise CrsyncError(say("run.ended_meanwhile", "the run ended meanwhile"))

    def check_wanted(self, clock: Clock, grace: float) -> None:
        """Raises when there has been a reason to end for `grace` seconds: what is under way is not waited for any more.
        Only the request of a run that has failed elsewhere gets more time, as it may bring what is to be recorded."""
        now = clock.now()
        if not self.abandoned and not self.asked(now):
            return
        if self._since is None:
            self._since = now
        if now - self._since >= (grace if self.asked(now) else 3 * grace):
            self.check()
            raise OutOfTime(
                say("run.time_up_waiting", "the time given for the run was up while it waited for an answer")
            )

    def pause(self, clock: Clock, seconds: float) -> None:
        """Waits, unless there is a reason to end. Raises OutOfTime when the run's time is up before."""
        until = clock.now() + seconds
        while (left := until - clock.now()) > 0:
            self.check()
            if self.asked(clock.now()):
                raise OutOfTime(
                    say("run.time_up_pausing", "the time given for the run was up while it waited to try again")
                )
            clock.sleep(min(left, _SLICE))
        self.check()


def timestamp(seconds: float) -> str:
    """RFC 3339, UTC, to the second."""
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC).isoformat().replace("+00:00", "Z")
