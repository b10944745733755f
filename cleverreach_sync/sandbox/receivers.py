"""What a written row does to a receiver: activation, tags, values of data fields. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

ATTRIBUTE_TYPES: Final = ("text", "number", "gender", "date")

_LONGEST_ORIGIN: Final = 49
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ADDRESS = re.compile(
    r"[^\s@,;:<>()\[\]\\\"\x00-\x1f]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
)
_NOT_IN_TAG = re.compile(r"[^\w-]")
_NOT_ASCII_IN_TAG = re.compile(r"[^A-Za-z0-9_-]")
_NOT_IN_NAME = re.compile(r"[^a-z0-9_]")
_INCREMENT = re.compile(r"[+-]\d+")
_UNIX_SECONDS = re.compile(r"-?\d{1,7}|-?\d{9,11}")


class Stamps(NamedTuple):
    """Unix seconds; 0 = never."""

    registered: int
    activated: int
    deactivated: int


def address(raw: object, *, unicode_local: bool = True) -> str | None:
    """The form an address is stored and found under; None for one that is no address."""
    if not isinstance(raw, str):
        return None
    text = raw.strip().lower()
    if _ADDRESS.fullmatch(text) is None or ".." in text or text.startswith(".") or ".@" in text:
        return None
    return text if unicode_local or text.isascii() else None


def without_accents(email: str) -> str:
    """How a database compares an address whose collation knows no accents."""
    return "".join(char for char in unicodedata.normalize("NFKD", email) if not unicodedata.combining(char))


def seconds(value: object) -> int | None:
    """A stamp may come as a number or as a numeric string; None when it was not given or is no number."""
    if isinstance(value, int | float):
        return int(value)
    if isinstance(value, str):
        try:
            return int(float(value))
        except (ValueError, OverflowError):
            return None
    return None


def stamps_of_new(row: Mapping[str, Any], now: int) -> Stamps:
    """Without any stamp somebody new is active at once; with `registered` alone they wait for a confirmation."""
    registered, activated = seconds(row.get("registered")), seconds(row.get("activated"))
    deactivated = seconds(row.get("deactivated")) or 0
    if activated is None:
        activated = now if registered is None and not deactivated else 0
    return Stamps(now if registered is None else registered, activated, deactivated)


def stamps_of_known(row: Mapping[str, Any], before: Stamps, now: int, *, lenient: bool) -> Stamps:
    """`lenient`: `activated` also brings back somebody who opted out in CleverReach."""
    activated, deactivated = seconds(row.get("activated")), seconds(row.get("deactivated"))
    was_out = before.deactivated > 0
    if deactivated:
        return before._replace(
            activated=before.activated if activated is None else activated,
            deactivated=before.deactivated or deactivated,
        )
    if was_out and (deactivated == 0 or (lenient and activated)):
        return Stamps(before.registered, activated or before.activated or now, 0)
    if activated is None or (was_out and activated):
        return before
    return before._replace(activated=activated)


def tag_written(raw: str, *, ascii_only: bool = False) -> str:
    """A tag as the account keeps it: what is not allowed becomes `_`, the origin has 49 characters at most."""
    origin, dot, value = raw.strip().partition(".")
    pattern = _NOT_ASCII_IN_TAG if ascii_only else _NOT_IN_TAG
    if not dot:
        return pattern.sub("_", origin)
    return f"{pattern.sub('_', origin[:_LONGEST_ORIGIN])}.{pattern.sub('_', value)}"


def tags_after(before: Iterable[str], written: object, *, ascii_only: bool = False) -> list[str]:
    """Tags are added, `-tag` and `-Origin.*` remove; in one row a removal wins over an addition."""
    tags = dict.fromkeys(before)
    given = written if isinstance(written, list) else [written]
    texts = [text for text in given if isinstance(text, str) and text.strip("- ")]
    for text in texts:
        if not text.startswith("-"):
            tags[tag_written(text, ascii_only=ascii_only)] = None
    for text in texts:
        if text.startswith("-") and text.endswith(".*"):
            origin = tag_written(text[1:-2], ascii_only=ascii_only)[:_LONGEST_ORIGIN] + "."
            tags = dict.fromkeys(tag for tag in tags if not tag.startswith(origin))
        elif text.startswith("-"):
            tags.pop(tag_written(text[1:], ascii_only=ascii_only), None)
    return list(tags)


def attribute_name(raw: str) -> str:
    """The technical name of a data field: lower case, everything but letters, digits and `_` becomes `_`."""
    return _NOT_IN_NAME.sub("_", raw.strip().lower())


def attribute_value(kind: str, before: str, value: object) -> str | None:
    """The value as it is kept and read back, always a string; None leaves the field as it is.

    Numbers written as `"+1"` or `"-5"` are increments; dates written as unix seconds read back as `YYYY-MM-DD`.
    """
    if value is None or isinstance(value, dict | list):
        return None
    text = str(int(value)) if isinstance(value, bool) else str(value)
    if kind == "number" and isinstance(value, str) and _INCREMENT.fullmatch(text):
        known = float(before) if re.fullmatch(r"-?\d+(\.\d+)?", before) else 0.0
        return f"{known + int(text):.10g}"
    if kind == "date" and _UNIX_SECONDS.fullmatch(text):
        return (_EPOCH + timedelta(seconds=int(text))).strftime("%Y-%m-%d")
    return text
