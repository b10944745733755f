"""Values that came from a server, where a number or an ID should stand. Nothing here raises, whatever it gets."""

from __future__ import annotations

from math import isfinite
from typing import Final

MOST: Final = 10**15  # of anything that is counted; no database and no float has trouble with it
_MOST_DIGITS: Final = 18


def whole(value: object, *, least: int = 0, most: int = MOST) -> int | None:
    """A whole number, also one in a text or with `.0`; None for anything else, true and false included, and for one
    out of bounds."""
    number: int
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        number = value
    elif isinstance(value, float):
        if not value.is_integer() or abs(value) > MOST:  # infinity is an integer as little as NaN
            return None
        number = int(value)
    elif isinstance(value, str):
        digits = value.strip()
        sign = -1 if digits.startswith("-") else 1
        digits = digits.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal()) or len(digits) > _MOST_DIGITS:
            return None
        number = sign * int(digits)
    else:
        return None
    return number if least <= number <= most else None


def seconds(value: object, *, most: float) -> float | None:
    """A span of time in seconds, 0 or more; None for what is none, or is longer than `most`."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) and 0 <= number <= most else None


def identifier(value: object) -> str | None:
    """The digits of an ID, which may stand in the path of a request; None for anything but a number from 1."""
    number = whole(value, least=1, most=10**_MOST_DIGITS)
    return None if number is None else str(number)
