"""Waiting and trying again, in one place."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, TypeVar

import tenacity

from cleverreach_sync.errors import TemporaryError
from cleverreach_sync.http.failures import GivenUp, TryAgain
from cleverreach_sync.messages import say, say_many

T = TypeVar("T")
FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 60.0


class Retries:
    """Repeats an attempt that raises TryAgain, with growing waits and jitter, for at most `limit` seconds.

    `clock` and `sleep` are the run's; `sleep` may raise to end the waiting (a signal). Raises GivenUp when the time is
    used up, and TemporaryError at once when a server asks to wait longer than what is left. `on_retry` hears of every
    failure and of the seconds until the next attempt, in the thread that waits.
    """

    def __init__(
        self,
        limit: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        on_retry: Callable[[TryAgain, float], None],
    ) -> None:
        self.limit = limit
        self._clock = clock
        self._sleep = sleep
        self._on_retry = on_retry

    def __call__(self, attempt: Callable[[], T]) -> T:
        began = self._clock()
        try:
            return attempt()  # mostly that is all; what tenacity keeps of an attempt lives until a search for garbage
        except TryAgain as failure:
            first = failure
        return self._repeat(attempt, first, began)

    def _repeat(self, attempt: Callable[[], T], first: TryAgain, began: float) -> T:
        failed = [first]

        def again() -> T:
            if failed:
                raise failed.pop()
            return attempt()

        def wait(state: tenacity.RetryCallState) -> float:
            seconds, asked, left = _wait(state), _asked(state), self.limit - (self._clock() - began)
            return min(seconds, left) if asked is not None and asked <= left else seconds

        def used_up(state: tenacity.RetryCallState) -> bool:
            return self._clock() - began + state.upcoming_sleep > self.limit

        def before_wait(state: tenacity.RetryCallState) -> None:
            failure = _failure(state)
            if failure is not None:
                self._on_retry(failure, state.upcoming_sleep)

        def give_up(state: tenacity.RetryCallState) -> T:
            raise _given_up(_failure(state), self._clock() - began, self.limit) from None

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TryAgain),
            wait=wait,
            stop=used_up,
            sleep=self._sleep,
            before_sleep=before_wait,
            retry_error_callback=give_up,
        )
        return retrying(again)


def _failure(state: tenacity.RetryCallState) -> TryAgain | None:
    error = state.outcome.exception() if state.outcome is not None else None
    return error if isinstance(error, TryAgain) else None


def _asked(state: tenacity.RetryCallState) -> float | None:
    """How long the server asks to wait, if it does."""
    failure = _failure(state)
    return failure.after or None if failure is not None else None


def _wait(state: tenacity.RetryCallState) -> float:
    asked = _asked(state)
    if asked is not None:
        return max(FIRST_WAIT, asked + random.random() * min(1.0, 0.1 * asked))
    ceiling = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (state.attempt_number - 1))
    return ceiling / 2 + random.random() * ceiling / 2


def _given_up(failure: TryAgain | None, spent: float, limit: float) -> TemporaryError:
    if failure is None:
        return TemporaryError(say("http.no_answer", "no answer"))
    if failure.after is not None and failure.after > limit - spent:
        return TemporaryError(
            say_many(
                "http.asks_to_wait_longer",
                "{failure}; the server asks to wait {number:,} second, limits.retry_for leaves {left:,.0f}",
                "{failure}; the server asks to wait {number:,} seconds, limits.retry_for leaves {left:,.0f}",
                round(failure.after),
                failure=failure.message,
                left=max(0.0, limit - spent),
            ),
            hint=say_many(
                "http.run_again_in",
                "run again in {number:,} second, or raise limits.retry_for",
                "run again in {number:,} seconds, or raise limits.retry_for",
                round(failure.after),
            ),
        )
    tried = say_many(
        "http.tried_for",
        "{failure} (tried for {number:,} second)",
        "{failure} (tried for {number:,} seconds)",
        round(spent),
        failure=failure.message,
    )
    return GivenUp(tried, fails=failure.ambiguous, hint=failure.hint)
