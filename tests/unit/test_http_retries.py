"""Waiting and trying again, with a clock that only counts."""

from __future__ import annotations

import pytest

from cleverreach_sync.errors import AuthError, Interrupted, TemporaryError
from cleverreach_sync.http.failures import GivenUp, TryAgain
from cleverreach_sync.http.headers import parse_date, parse_retry_after
from cleverreach_sync.http.retries import FIRST_WAIT, LONGEST_WAIT, Retries
from cleverreach_sync.messages import say

BUSY = say("test.busy", "busy")


class Time:
    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        self.told: list[str] = []

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds
        self.waits.append(seconds)

    def retries(self, limit: float) -> Retries:
        return Retries(limit, lambda: self.now, self.sleep, lambda failure, _: self.told.append(failure.message))


def failing(times: int, failure: Exception) -> tuple[list[int], object]:
    calls: list[int] = []

    def attempt() -> str:
        calls.append(1)
        if len(calls) <= times:
            raise failure
        return "done"

    return calls, attempt


@pytest.mark.parametrize("times", [0, 1, 5])
def test_until_it_works(times: int) -> None:
    time = Time()
    calls, attempt = failing(times, TryAgain(BUSY))
    assert time.retries(300)(attempt) == "done"  # type: ignore[arg-type]
    assert len(calls) == times + 1
    assert time.told == ["busy"] * times
    assert len(time.waits) == times


def test_waits_grow_with_jitter_up_to_a_minute() -> None:
    time = Time()
    _, attempt = failing(12, TryAgain(BUSY))
    time.retries(3600)(attempt)  # type: ignore[arg-type]
    for number, wait in enumerate(time.waits):
        ceiling = min(LONGEST_WAIT, FIRST_WAIT * 2**number)
        assert ceiling / 2 <= wait <= ceiling
    other = Time()
    _, attempt = failing(12, TryAgain(BUSY))
    other.retries(3600)(attempt)  # type: ignore[arg-type]
    assert time.waits != other.waits


@pytest.mark.parametrize("limit", [0.0, 1.0, 60.0, 300.0])
def test_never_longer_than_the_limit(limit: float) -> None:
    time = Time()
    _, attempt = failing(10_000, TryAgain(BUSY, hint=say("test.wait", "wait")))
    with pytest.raises(TemporaryError) as caught:
        time.retries(limit)(attempt)  # type: ignore[arg-type]
    assert time.now <= limit
    assert type(caught.value) is GivenUp
    assert "busy" in caught.value.message
    assert caught.value.hint == "wait"


def test_what_a_server_asks_for_is_waited() -> None:
    time = Time()
    _, attempt = failing(2, TryAgain(BUSY, after=100))
    time.retries(300)(attempt)  # type: ignore[arg-type]
    assert all(100 <= wait <= 101 for wait in time.waits)


@pytest.mark.parametrize("after", [301.0, 3600.0, 1e12])
def test_what_is_too_long_ends_at_once(after: float) -> None:
    time = Time()
    calls, attempt = failing(9, TryAgain(BUSY, after=after))
    with pytest.raises(TemporaryError) as caught:
        time.retries(300)(attempt)  # type: ignore[arg-type]
    assert (len(calls), time.now) == (1, 0)
    assert f"{after:,.0f} seconds" in caught.value.message
    assert time.told == []


def test_exactly_what_is_left_is_waited() -> None:
    time = Time()
    _, attempt = failing(1, TryAgain(BUSY, after=300))
    assert time.retries(300)(attempt) == "done"  # type: ignore[arg-type]
    assert time.now == 300


@pytest.mark.parametrize("error", [AuthError(say("test.no", "no")), ValueError("bug"), Interrupted(2)])
def test_other_errors_are_not_repeated(error: Exception) -> None:
    time = Time()
    calls, attempt = failing(1, error)
    with pytest.raises(type(error)):
        time.retries(300)(attempt)  # type: ignore[arg-type]
    assert len(calls) == 1


def test_a_signal_ends_the_waiting() -> None:
    def interrupted(_seconds: float) -> None:
        raise Interrupted(15)

    _, attempt = failing(1, TryAgain(BUSY))
    with pytest.raises(Interrupted):
        Retries(300, lambda: 0.0, interrupted, lambda *_: None)(attempt)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("Sun, 22 Nov 2020 00:00:00 GMT", 0.0),
        ("Sun, 99 Nov 2020 00:00:00 GMT", None),
        ("Sun, 22 Nov 99999 00:00:00 GMT", None),
        ("Sun, 22 Nov 9999 00:00:00 GMT", None),
        ("-1e308", 0.0),
        ("1e308", 1e12),
        ("9" * 400, None),
        ("\u0663", 3.0),
    ],
)
def test_retry_after_in_every_form(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value) == seconds


def test_dates_of_headers() -> None:
    assert parse_date("Sun, 22 Nov 2026 00:00:00 GMT") == parse_date("Sun, 22 Nov 2026 01:00:00 +0100") == 1795305600
    assert parse_date("Sun, 22 Nov 2026 00:00:00 -0000") == 1795305600
    assert parse_date("yesterday") is None


@pytest.mark.parametrize(
    "value",
    [
        *("", "0", "-1", "Sun", "Sun,", "Sun, 22 Nov", "Sun, 22 Nov 2026", "1e308", "NaN", ",,,,", ":::"),
        *(
            f"Sun, 22 Nov {year} 00:00:00 GMT"
            for year in ("0", "-1", "1999", "2019", "2100", "9999", "9" * 9, "9" * 30)
        ),
        *(f"Sun, 22 Nov 2026 {clock} GMT" for clock in ("99:00:00", "9" * 30, "00:00:9" + "9" * 20)),
        *(f"Sun, 22 Nov 2026 00:00:00 {zone}" for zone in ("+9999", "-9999", "+" + "9" * 20)),
        "Sun, 22 Nov 2026 00:00:00 GMT" + " " * 10_000,
    ],
)
def test_a_date_that_cannot_be_is_no_statement(value: str) -> None:
    assert parse_date(value) is None


@pytest.mark.parametrize("after", [float("nan"), float("inf"), -1.0, -1e308])
def test_a_pause_that_cannot_be_is_never_waited_for(after: float) -> None:
    time = Time()
    calls, attempt = failing(1000, TryAgain(BUSY, after=after))
    with pytest.raises(TemporaryError):
        time.retries(60)(attempt)  # type: ignore[arg-type]
    assert 2 < len(calls) < 100
