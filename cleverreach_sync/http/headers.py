"""What headers of an answer say about time."""

from __future__ import annotations

import datetime as dt
import email.utils
from math import isfinite
from typing import Final

LONGEST_PAUSE: Final = 1e12
"""Seconds; a server that asks to wait longer says no more than that."""
_YEARS: Final = range(2020, 2100)
_LONGEST: Final = 64  # characters of a date


def parse_date(value: str | None) -> float | None:
    """Unix seconds of a `Date` header; None if there is none that can be read, or that can be true."""
    if value is None or len(value) > _LONGEST:
        return None
    try:
        when = email.utils.parsedate_to_datetime(value)
        when = when if when.tzinfo else when.replace(tzinfo=dt.UTC)
        return when.timestamp() if when.year in _YEARS else None
    except (ValueError, TypeError, IndexError, OverflowError):  # of a year, a number or a zone that cannot be
        return None


def parse_retry_after(value: str | None) -> float | None:
    """Seconds of a `Retry-After` value, a number or a date; None if it is neither. Never negative."""
    if value is None or len(value) > _LONGEST:
        return None
    try:
        pause = float(value)
    except ValueError:
        when = parse_date(value)
        if when is None:
            return None
        pause = when - dt.datetime.now(dt.UTC).timestamp()
    return min(max(0.0, pause), LONGEST_PAUSE) if isfinite(pause) else None
