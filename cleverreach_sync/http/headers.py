"""What headers of an answer say about time."""

from __future__ import annotations

import datetime as dt
import email.utils


def parse_date(value: str | None) -> float | None:
    """Unix seconds of a `Date` header; None if there is none that can be read."""
    if value is None:
        return None
    try:
        when = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=dt.UTC)).timestamp()


def parse_retry_after(value: str | None) -> float | None:
    """Seconds of a `Retry-After` value, a number or a date; None if it is neither. Never negative."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        when = parse_date(value)
        if when is None:
            return None
        seconds = when - dt.datetime.now(dt.UTC).timestamp()
    return max(0.0, seconds) if seconds == seconds and seconds != float("inf") else None  # noqa: PLR0124 - not NaN
