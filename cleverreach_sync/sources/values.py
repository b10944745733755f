"""Reads the values people and shops write: dates, amounts, numbers, words of consent. Pure.

Every reader takes text that is not empty and gives None for what it cannot read; what emptiness means is for the
caller. Times are whole unix seconds. Amounts are decimal text with a dot.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from math import floor
from typing import Any, Final, Literal, TypeVar

from cleverreach_sync.domain.model import ConsentState

DateOrder = Literal["iso", "dmy", "mdy"]
DecimalMark = Literal[".", ","]

_V = TypeVar("_V")

_CLOCK: Final = r"(\d{1,2})(?::?(\d\d)(?::?(\d\d)(?:[.,]\d+)?)?)?(?: ?([ap])\.?m\.?)?"
_ZONE: Final = r"(?: ?(z|utc|gmt|[+-]\d\d(?::?\d\d)?))?"
_ISO: Final = re.compile(rf"(\d{{4}})(-?)(\d\d)\2(\d\d)(?:[t ]{_CLOCK})?{_ZONE}", re.ASCII | re.IGNORECASE)
_WRITTEN: Final = re.compile(
    rf"(\d{{1,2}})([./-])(\d{{1,2}})\2(\d{{4}}|\d\d)(?:(?:,? |t){_CLOCK}(?: uhr)?)?{_ZONE}",
    re.ASCII | re.IGNORECASE,
)
_FULL: Final = frozenset((19, 20, 24, 25, 29))  # 2025-12-31T14:30:00 and Z, .000Z, +01:00, .000+01:00
EARLIEST: Final = 1900  # the zero dates of databases and spreadsheets lie before: 0000-00-00, 0001-01-01, 1899-12-30
LATEST: Final = 9998  # the end of the next year is the end of time: in another zone it is no date any more
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# What databases, spreadsheets and programs write where there is no date.
_NO_DATES: Final = frozenset(("null", "(null)", "<null>", "\\n", "none", "nil", "nan", "nat", "n/a", "#n/a", "-", "--"))
_LONGEST_DATE: Final = 40
_ZEROS: Final = re.compile(r"[-+]?[0:./tz +-]*0[0:./tz +-]*|-0*1-.*")  # and what PHP makes of 0000-00-00: -0001-11-30
_DAY: Final = 86_400
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()

_SPACES: Final = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'", "\u2212": "-"})
# signs, codes and names of currencies: `€`, `EUR`, `kr.`, `US$`
_CURRENCY: Final = r"(?:[^\W\d_]{0,3}[$€£¥₣₤₩₪₫₱₴₹₺₽]|[^\W\d_]{1,5}\.?)?"
_MOST_DIGITS: Final = 18
_MOST_ORDERS: Final = 1_000_000_000
_WHOLE: Final = re.compile(r"\d+(?:[.,]0{1,2})?", re.ASCII)  # three zeros could be a group of thousands
_EXACT_FLOAT: Final = 2**53


def _amounts(mark: str, groups: str) -> re.Pattern[str]:
    whole = rf"[0-9]{{1,3}}(?:(?P<group>[{groups}' ])[0-9]{{3}}(?:(?P=group)[0-9]{{3}})*)|[0-9]+"
    number = rf"(?P<whole>{whole})?(?:{re.escape(mark)}(?P<part>[0-9]+|-{{1,2}}|\u2013|\u2014)?)?"
    return re.compile(rf"(?P<sign>[+-]?) ?{_CURRENCY} ?(?P<inner>[+-]?) ?{number}(?P<after>-?) ?{_CURRENCY}")


_AMOUNTS: Final = {".": _amounts(".", ","), ",": _amounts(",", ".")}

_CONSENT: Final = {
    "yes": ConsentState.YES,
    "true": ConsentState.YES,
    "1": ConsentState.YES,
    "no": ConsentState.NO,
    "false": ConsentState.NO,
    "0": ConsentState.NO,
    "opted_out": ConsentState.OPTED_OUT,
    "unsubscribed": ConsentState.OPTED_OUT,
}
CONSENT_WORDS: Final = tuple(_CONSENT)


def read_consent(text: str) -> ConsentState | None:
    """One of CONSENT_WORDS; case does not count."""
    return _CONSENT.get(text.lower())


def is_no_date(text: str, order: DateOrder = "iso") -> bool:
    """Whether a text that cannot be read as a date says that there is none: `NULL`, `0000-00-00`, the year 1."""
    if len(text) > _LONGEST_DATE:
        return False
    text = text.strip().translate(_SPACES).lower()
    if text in _NO_DATES or _ZEROS.fullmatch(text) is not None:
        return True
    written = _written(text, order)
    return written is not None and (not EARLIEST <= written[0] <= LATEST or not written[1] or not written[2])


def read_time(text: str, order: DateOrder = "iso", zone: tzinfo = UTC, *, later: bool = False) -> int | None:
    """Unix seconds of a day (its beginning) or a time; without a zone it is in `zone`. Where the clock there is put
    back, or on, one time may be two: it is the earlier one. `later`: the last moment that may be meant, of a day its
    end.

    ISO 8601 is read in every order: `2025-12-31`, `20251231`, `2025-12-31 14:30`, `2025-12-31T14:30:00.5+01:00`;
    dmy reads `31.12.2025` and `31/12/25 14:30` too, mdy `12/31/2025 2:30 PM`. Years before 1900 are zero dates.
    """
    size = len(text)
    if size in _FULL and text[10] in "T " and text[13] == ":":
        try:  # what nearly every export has, at a fifth of the cost
            moment = datetime.fromisoformat(text if size != 19 or zone is not UTC else text + "Z")
        except ValueError:
            return _read_time(text, order, zone, later=later)
        if size == 19 and zone is not UTC and EARLIEST <= moment.year <= LATEST:
            moments = _moments(moment, zone)
            return max(moments) if later else min(moments)
        if moment.tzinfo is not None and EARLIEST <= moment.year <= LATEST:
            return floor(moment.timestamp())
    return _read_time(text, order, zone, later=later)


def _read_time(text: str, order: DateOrder, zone: tzinfo, *, later: bool) -> int | None:
    found = _parts(text, order)
    if found is None:
        return None
    day, (hour, minute, second, half), offset, _ = found
    seconds = _seconds(hour, minute, second, half)
    if seconds is None:
        return None
    there = (day.toordinal() - _EPOCH_DAY) * _DAY + seconds
    if later and hour is None:
        there += _DAY - 1
    if offset is not None or zone is UTC:
        return there - _offset(offset)
    moments = _moments((_EPOCH + timedelta(seconds=there)).replace(tzinfo=None), zone)
    if later:
        return max(moments)
    return moments[0] if hour is None else min(moments)


def _moments(naive: datetime, zone: tzinfo) -> tuple[int, int]:
    """What a time there may mean, if it is read before and after a change of the clock; mostly twice the same."""
    before, after = (naive.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return floor(before.timestamp()), floor(after.timestamp())


def read_day(text: str, order: DateOrder = "iso") -> str | None:
    """The day as `YYYY-MM-DD`, as it is written: time and zone do not move it. A year of two digits is not guessed."""
    found = _parts(text, order)
    if found is None:
        return None
    day, clock, _, guessed = found
    return None if guessed or _seconds(*clock) is None else day.isoformat()


_Clock = tuple[str | None, str | None, str | None, str | None]


def _parts(text: str, order: DateOrder) -> tuple[date, _Clock, str | None, bool] | None:
    """The day, its clock, its zone, and whether the century was guessed."""
    text = text.translate(_SPACES)
    written = _written(text, order)
    if written is None or not EARLIEST <= written[0] <= LATEST:
        return None
    year, month, day, match, guessed = written
    try:
        found = date(year, month, day)
    except ValueError:
        return None
    return found, (match[5], match[6], match[7], match[8]), match[9], guessed


def _written(text: str, order: DateOrder) -> tuple[int, int, int, re.Match[str], bool] | None:
    """Year, month and day, as they are written."""
    match = _ISO.fullmatch(text)
    if match is not None:
        return int(match[1]), int(match[3]), int(match[4]), match, False
    if order == "iso" or (match := _WRITTEN.fullmatch(text)) is None:
        return None
    day, month = (match[1], match[3]) if order == "dmy" else (match[3], match[1])
    year, guessed = int(match[4]), len(match[4]) == 2
    if guessed:
        year += 1900 if year >= 69 else 2000  # as POSIX has it
    return year, int(month), int(day), match, guessed


def _seconds(hour: str | None, minute: str | None, second: str | None, half: str | None) -> int | None:
    """Seconds since midnight; `half` is the a or p of a twelve-hour clock. 24:00 and leap seconds are allowed."""
    hours, minutes, seconds = int(hour or 0), int(minute or 0), int(second or 0)
    if half is not None:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half in "pP" else 0)
    if minutes > 59 or seconds > 60 or hours > 24 or (hours == 24 and (minutes or seconds)):
        return None
    return hours * 3600 + minutes * 60 + seconds


def _offset(zone: str | None) -> int:
    if zone is None or zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return seconds if zone[0] == "+" else -seconds


def utc_text(seconds: int) -> str:
    """`2025-12-31T13:30:00Z`."""
    return f"{(_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]}Z"


def read_amount(text: str, mark: DecimalMark = ".") -> str | None:
    """An amount as decimal text (`1234.50`), with the digits after the mark as written.

    Thousands may be grouped by the other mark, spaces or apostrophes, and a currency may stand at either end.
    """
    whole, point, part = text.partition(mark)
    if whole.isdecimal() and (part.isdecimal() or not point) and text.isascii() and len(text) <= _MOST_DIGITS:
        return f"{whole.lstrip('0') or '0'}.{part}" if point else whole.lstrip("0") or "0"
    return _read_amount(text, mark)


def _read_amount(text: str, mark: DecimalMark) -> str | None:
    match = _AMOUNTS[mark].fullmatch(text.translate(_SPACES))
    if match is None or any(c.isnumeric() and not c.isascii() for c in text):
        return None
    whole = re.sub("[^0-9]", "", match["whole"] or "")
    part = match["part"] or ""
    if not part.isdecimal():
        part = ""  # `12,-`
    signs = (match["sign"] + match["inner"] + match["after"]).strip("+")
    if not 1 <= len(whole + part) <= _MOST_DIGITS or len(signs) > 1:
        return None
    amount = Decimal(f"{whole or 0}.{part}" if part else whole)
    return f"{-amount if signs and amount else amount:f}"


def read_count(text: str, mark: DecimalMark = ".") -> int | None:
    """A number of things, 0 or more. `3.0` is 3 whatever the decimal mark."""
    if _WHOLE.fullmatch(text) is not None:
        text = re.split("[.,]", text)[0]
    else:
        amount = None if any(c.isalpha() for c in text) else read_amount(text, mark)
        if amount is None or amount.partition(".")[2].strip("0"):
            return None
        text = amount.partition(".")[0]
    text = text.lstrip("0") or "0"
    if len(text) > _MOST_DIGITS or text.startswith("-"):
        return None
    count = int(text)
    return count if count <= _MOST_ORDERS else None


def json_text(value: Any) -> str | None:
    """A JSON value as the text of a cell; None for what is no single value, or a number that lost digits on the way."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if value.is_integer():
            return str(int(value)) if abs(value) < _EXACT_FLOAT else None
        return f"{Decimal(repr(value)):f}"
    return None


def json_amount(value: object) -> str | None:
    """A JSON number as an amount, with two digits behind the dot at least; None for what is none."""
    text = json_text(round(value, 4) if isinstance(value, float) else value)
    amount = read_amount(text) if text else None
    if amount is None:
        return None
    whole, _, part = amount.partition(".")
    return f"{whole}.{part.ljust(2, '0')}"


class Memo(dict[str, _V]):
    """Remembers what was read, by the raw text; starts anew when it holds `most` values."""

    def __init__(self, read: Callable[[str], _V], most: int = 8192) -> None:
        super().__init__()
        self._read = read
        self._most = most

    def __missing__(self, raw: str) -> _V:
        value = self._read(raw)
        if len(self) >= self._most:
            self.clear()
        self[raw] = value
        return value
