from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cleverreach_sync.domain.model import ConsentState
from cleverreach_sync.sources.values import (
    CONSENT_WORDS,
    DateOrder,
    DecimalMark,
    Memo,
    is_no_date,
    json_text,
    read_amount,
    read_consent,
    read_count,
    read_day,
    read_time,
    utc_text,
)


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-12-31", at(2025, 12, 31)),
        ("20251231", at(2025, 12, 31)),
        ("2025-12-31T10:11:12", at(2025, 12, 31, 10, 11, 12)),
        ("2025-12-31 10:11:12", at(2025, 12, 31, 10, 11, 12)),
        ("2025-12-31 10:11", at(2025, 12, 31, 10, 11)),
        ("2025-12-31T10:11:12Z", at(2025, 12, 31, 10, 11, 12)),
        ("2025-12-31t10:11:12z", at(2025, 12, 31, 10, 11, 12)),
        ("2025-12-31T10:11:12.999Z", at(2025, 12, 31, 10, 11, 12)),
        ("2025-12-31 10:11:12.1234", at(2025, 12, 31, 10, 11, 12)),
        ("2025-12-31T10:11:12,5+01:00", at(2025, 12, 31, 9, 11, 12)),
        ("2025-12-31T10:11:12+01:00", at(2025, 12, 31, 9, 11, 12)),
        ("2025-12-31T10:11:12+0100", at(2025, 12, 31, 9, 11, 12)),
        ("2025-12-31T10:11:12-05", at(2025, 12, 31, 15, 11, 12)),
        ("2025-12-31 10:11:12 +0530", at(2025, 12, 31, 4, 41, 12)),
        ("2025-12-31 10:11:12 UTC", at(2025, 12, 31, 10, 11, 12)),
        ("20251231T101112Z", at(2025, 12, 31, 10, 11, 12)),
        ("2025-12-31T24:00:00Z", at(2026, 1, 1)),
        ("2016-12-31T23:59:60Z", at(2017, 1, 1)),
        ("1950-01-01", at(1950, 1, 1)),
        ("1969-12-31T23:59:59.500Z", -1),
        ("2024-02-29", at(2024, 2, 29)),
    ],
)
def test_iso_times(text: str, expected: int) -> None:
    assert read_time(text) == expected
    assert read_time(text, "dmy") == expected
    assert read_time(text, "mdy") == expected


@pytest.mark.parametrize(
    "text",
    [
        "0000-00-00",
        "0000-00-00 00:00:00",
        "0001-01-01T00:00:00Z",
        "1899-12-30",
        "2025-02-29",
        "2025-13-01",
        "2025-1231",
        "2025-1-1",
        "2025-12",
        "2025-12-31T25:00:00",
        "2025-12-31T24:00:01Z",
        "2025-12-31T10:60:00Z",
        "2025-12-31x10:11:12",
        "1712010100000",  # milliseconds: would be a day in 1712 to a lenient reader
        "1735689600",
        "31.12.2025",
        "12/31/2025",
        "２０２５-12-31",
        "today",
        "-",
    ],
)
def test_no_iso_times(text: str) -> None:
    assert read_time(text) is None


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("31.12.2025", "dmy", at(2025, 12, 31)),
        ("1.2.2025", "dmy", at(2025, 2, 1)),
        ("01/02/2025", "dmy", at(2025, 2, 1)),
        ("01/02/2025", "mdy", at(2025, 1, 2)),
        ("31-12-2025 14:30", "dmy", at(2025, 12, 31, 14, 30)),
        ("31.12.2025, 14:30:05", "dmy", at(2025, 12, 31, 14, 30, 5)),
        ("31.12.2025 14:30 Uhr", "dmy", at(2025, 12, 31, 14, 30)),
        ("31.12.25", "dmy", at(2025, 12, 31)),
        ("31.12.98", "dmy", at(1998, 12, 31)),
        ("12/31/2025 2:30 PM", "mdy", at(2025, 12, 31, 14, 30)),
        ("12/31/2025, 2:30:05\u202fpm", "mdy", at(2025, 12, 31, 14, 30, 5)),
        ("12/31/2025 12:05 a.m.", "mdy", at(2025, 12, 31, 0, 5)),
        ("31.12.2025 14:30:00 +01:00", "dmy", at(2025, 12, 31, 13, 30)),
        ("12/31/2025", "dmy", None),
        ("31/12/2025", "mdy", None),
        ("31.12/2025", "dmy", None),
        ("31.12.2025 13:00 PM", "dmy", None),
        ("30.02.2025", "dmy", None),
    ],
)
def test_written_times(text: str, order: DateOrder, expected: int | None) -> None:
    assert read_time(text, order) == expected


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("1980-05-04", "iso", "1980-05-04"),
        ("1980-05-04T23:30:00-05:00", "iso", "1980-05-04"),
        ("1980-05-04 00:00:00", "iso", "1980-05-04"),
        ("4.5.1980", "dmy", "1980-05-04"),
        ("5/4/1980", "mdy", "1980-05-04"),
        ("4.5.80", "dmy", None),  # 1980 or 2080: a birthday is not guessed
        ("0000-00-00", "iso", None),
        ("1899-12-30", "iso", None),
        ("1980-05-04 99:00", "iso", None),
        ("31.02.1980", "dmy", None),
    ],
)
def test_days(text: str, order: DateOrder, expected: str | None) -> None:
    assert read_day(text, order) == expected


def test_utc_text() -> None:
    assert utc_text(at(2025, 12, 31, 10, 11, 12)) == "2025-12-31T10:11:12Z"
    assert utc_text(-1) == "1969-12-31T23:59:59Z"


@pytest.mark.parametrize(
    ("text", "mark", "expected"),
    [
        ("1234.50", ".", "1234.50"),
        ("0012.5", ".", "12.5"),
        ("0", ".", "0"),
        (".5", ".", "0.5"),
        ("12.", ".", "12"),
        ("1,234.50", ".", "1234.50"),
        ("1,234,567", ".", "1234567"),
        ("1 234.50", ".", "1234.50"),
        ("1\u00a0234.50", ".", "1234.50"),
        ("1'234.50", ".", "1234.50"),
        ("1\u2019234.50", ".", "1234.50"),
        ("CHF 1'234.50", ".", "1234.50"),
        ("$12.50", ".", "12.50"),
        ("US$ 12.50", ".", "12.50"),
        ("-$12.50", ".", "-12.50"),
        ("€ -12.50", ".", "-12.50"),
        ("12.50-", ".", "-12.50"),
        ("\u221212.50", ".", "-12.50"),
        ("+12.50", ".", "12.50"),
        ("-0.00", ".", "0.00"),
        ("12,50", ".", None),
        ("12,345.6,7", ".", None),
        ("1.234,50", ",", "1234.50"),
        ("1.234,50 €", ",", "1234.50"),
        ("1.234.567,8", ",", "1234567.8"),
        ("1\u202f234,50\u00a0EUR", ",", "1234.50"),
        ("12,50 kr.", ",", "12.50"),
        ("12,-", ",", "12"),
        ("12,\u2013 €", ",", "12"),
        ("1.234", ",", "1234"),
        ("12.50", ",", None),
        ("1.23,50", ",", None),
        ("--5", ".", None),
        ("-5-", ".", None),
        ("€", ".", None),
        (".", ".", None),
        ("1e5", ".", None),
        ("1 23", ".", None),
        ("٣.٥", ".", None),
        ("²", ".", None),
        ("1.²", ".", None),
        ("9" * 30, ".", None),
        ("n/a", ".", None),
    ],
)
def test_amounts(text: str, mark: DecimalMark, expected: str | None) -> None:
    assert read_amount(text, mark) == expected


@pytest.mark.parametrize(
    ("text", "mark", "expected"),
    [
        ("3", ".", 3),
        ("3.0", ".", 3),
        ("3.0", ",", 3),
        ("3,00", ".", 3),
        ("1.234", ",", 1234),
        ("1,234", ".", 1234),
        ("3.000", ".", 3),
        ("3.000", ",", 3000),
        ("0", ".", 0),
        ("+2", ".", 2),
        ("-1", ".", None),
        ("-0.0", ".", 0),
        ("2.5", ".", None),
        ("3 x", ".", None),
        ("three", ".", None),
        ("9" * 12, ".", None),
        ("9" * 5000, ".", None),
        ("٣", ".", None),
    ],
)
def test_counts(text: str, mark: DecimalMark, expected: int | None) -> None:
    assert read_count(text, mark) == expected


def test_consent_words() -> None:
    assert {word: read_consent(word.upper()) for word in CONSENT_WORDS} == {
        "yes": ConsentState.YES,
        "true": ConsentState.YES,
        "1": ConsentState.YES,
        "no": ConsentState.NO,
        "false": ConsentState.NO,
        "0": ConsentState.NO,
        "opted_out": ConsentState.OPTED_OUT,
        "unsubscribed": ConsentState.OPTED_OUT,
    }
    assert [read_consent(word) for word in ("ja", "unknown", "y", "2", "yes!")] == [None] * 5


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", "x"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (17.0, "17"),
        (12.5, "12.5"),
        (1e-7, "0.0000001"),
        (2.0**60, None),  # digits are lost
        (None, None),
        ([1], None),
        ({}, None),
    ],
)
def test_json_values_as_text(value: Any, expected: str | None) -> None:
    assert json_text(value) == expected


def test_a_memo_is_bounded_and_reads_once() -> None:
    read: list[str] = []

    def length(text: str) -> int:
        read.append(text)
        return len(text)

    memo = Memo(length, most=2)
    assert [memo["a"], memo["a"], memo["bb"], memo["ccc"]] == [1, 1, 2, 3]
    assert read == ["a", "bb", "ccc"]
    assert len(memo) == 1


@pytest.mark.parametrize(
    "text",
    [
        *("0000-00-00", "0000-00-00 00:00:00", "0000-00-00T00:00:00.000Z", "00000000", "0", "00.00.0000", "00/00/00"),
        *(
            "-0001-11-30T00:00:00",
            "-0001-11-30 00:00:00+00:00",
            "0001-01-01",
            "1899-12-30 00:00:00",
            "2024-00-00",
            "9999-12-31",
        ),
        *("NULL", "null", " Null ", "\\N", "\\n", "None", "nil", "NaN", "NaT", "N/A", "#N/A", "(null)", "-", "--"),
    ],
)
def test_what_says_that_there_is_no_date(text: str) -> None:
    assert is_no_date(text, "dmy")


@pytest.mark.parametrize(
    "text", ["", "soon", "45678", "1700000000", "2025-02-30", "2025-13-01", "31.02.2025", "nothing", "1", "0" * 100_000]
)
def test_what_cannot_be_read_may_be_a_date(text: str) -> None:
    assert not is_no_date(text, "dmy")


def utc(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp())


@pytest.mark.parametrize(
    ("text", "zone", "early", "late"),
    [
        ("2026-01-15 12:00:00", "Europe/Berlin", "2026-01-15 11:00:00", "2026-01-15 11:00:00"),
        ("2026-07-15 12:00", "Europe/Berlin", "2026-07-15 10:00:00", "2026-07-15 10:00:00"),
        ("2026-07-15T12:00:00Z", "Europe/Berlin", "2026-07-15 12:00:00", "2026-07-15 12:00:00"),
        ("2026-07-15 12:00:00+05:00", "Europe/Berlin", "2026-07-15 07:00:00", "2026-07-15 07:00:00"),
        ("2026-07-15", "Europe/Berlin", "2026-07-14 22:00:00", "2026-07-15 21:59:59"),
        ("2026-07-14 24:00", "Europe/Berlin", "2026-07-14 22:00:00", "2026-07-14 22:00:00"),
        ("15.07.2026 12:00", "America/New_York", "2026-07-15 16:00:00", "2026-07-15 16:00:00"),
        # the clock is put back
        ("2026-10-25 02:30:00", "Europe/Berlin", "2026-10-25 00:30:00", "2026-10-25 01:30:00"),
        # and on: there is no half past two
        ("2026-03-29 02:30:00", "Europe/Berlin", "2026-03-29 00:30:00", "2026-03-29 01:30:00"),
        # a day that begins at one, and one that begins twice
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04 03:00:00", "2018-11-05 01:59:59"),
        ("2018-02-18 00:00", "America/Sao_Paulo", "2018-02-18 03:00:00", "2018-02-18 03:00:00"),
        ("1900-01-01", "Asia/Kolkata", "1899-12-31 18:38:50", "1900-01-01 18:38:49"),
    ],
)
def test_times_without_a_zone(text: str, zone: str, early: str, late: str) -> None:
    assert read_time(text, "dmy", ZoneInfo(zone)) == utc(early)
    assert read_time(text, "dmy", ZoneInfo(zone), later=True) == utc(late)
