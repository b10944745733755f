from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from cleverreach_sync.sources.values import (
    DecimalMark,
    read_amount,
    read_count,
    read_day,
    read_time,
    utc_text,
)

FIRST, LAST = datetime.fromisoformat("1900-01-02"), datetime.fromisoformat("9998-12-30")
MOMENTS = st.datetimes(FIRST, LAST).map(lambda moment: moment.replace(microsecond=0))
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
AMOUNTS = st.decimals(min_value=-(10**12), max_value=10**12, places=2, allow_nan=False, allow_infinity=False)


@given(MOMENTS)
def test_times_without_a_zone_are_utc(moment: datetime) -> None:
    expected = int(moment.replace(tzinfo=UTC).timestamp())
    written = [
        moment.isoformat(),
        moment.isoformat(" "),
        moment.isoformat() + "Z",
        moment.isoformat(timespec="milliseconds") + "Z",
        moment.isoformat(timespec="microseconds"),
        moment.strftime("%Y%m%dT%H%M%S").rjust(15, "0"),
        utc_text(expected),
    ]
    assert {read_time(text) for text in written} == {expected}


@given(MOMENTS, ZONES)
def test_times_with_a_zone(moment: datetime, zone: timezone) -> None:
    aware = moment.replace(tzinfo=zone)
    text = aware.isoformat()
    assert read_time(text) == read_time(text[:-3] + text[-2:]) == int(aware.timestamp())


@given(MOMENTS)
def test_written_times_round_trip(moment: datetime) -> None:
    expected = read_time(moment.isoformat())
    assert read_time(f"{moment:%d.%m.%Y %H:%M:%S}", "dmy") == expected
    assert read_time(f"{moment:%m/%d/%Y %I:%M:%S %p}", "mdy") == expected


@given(st.dates(date(1900, 1, 1)))
def test_days_round_trip(day: date) -> None:
    assert read_day(day.isoformat()) == day.isoformat()
    assert read_day(f"{day.day}.{day.month}.{day.year}", "dmy") == day.isoformat()
    assert read_day(f"{day.month}/{day.day}/{day.year}", "mdy") == day.isoformat()


@given(AMOUNTS)
def test_amounts_round_trip(amount: Decimal) -> None:
    plain = f"{amount:.2f}"
    english, spaced = f"{amount:,.2f}", f"{amount:,.2f}".replace(",", "\u202f")
    german = english.translate(str.maketrans(",.", ".,"))
    expected = "0.00" if amount == 0 else plain
    assert {read_amount(text) for text in (plain, english, spaced, f"{english} EUR", f"${plain}")} == {expected}
    assert {read_amount(text, ",") for text in (german, f"{german}\u00a0€", plain.replace(".", ","))} == {expected}


@given(st.text(max_size=30), st.sampled_from([".", ","]))
def test_whatever_is_written_is_read_or_not(text: str, mark: DecimalMark) -> None:
    amount = read_amount(text, mark)
    assert amount is None or amount == f"{Decimal(amount):f}"
    count = read_count(text, mark)
    assert count is None or count >= 0
    for order in ("iso", "dmy", "mdy"):
        seconds = read_time(text, order)
        assert seconds is None or isinstance(seconds, int)
        day = read_day(text, order)
        assert day is None or date.fromisoformat(day).isoformat() == day


@given(st.text(alphabet="0123456789-:.TZ+ /,APM", max_size=26))
def test_nearly_dates_are_read_or_not(text: str) -> None:
    for order in ("iso", "dmy", "mdy"):
        seconds = read_time(text, order)
        assert seconds is None or -2_300_000_000 < seconds < 253_500_000_000
