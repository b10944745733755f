"""Types of config values that sources, targets and the config share. Errors here never hold the value itself."""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Iterable
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from cleverreach_sync.domain.guards import Limit
from cleverreach_sync.domain.model import PERSON_FIELDS
from cleverreach_sync.http.loopback import is_loopback
from cleverreach_sync.messages import Message, say

EXTRA: Final = "extra."
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) *([smhd]?)")
_LIMIT: Final = r"^[0-9]+(\.[0-9]+)? *%$"
_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f\\]")


class Plain(str):
    """A text that stood without quotes in the config: `list: 123` is an ID, `list: "123"` a name."""

    __slots__ = ()


class Question(NamedTuple):
    """What `crsync init` asks: the name of the answer, the words, and what holds if nothing is answered."""

    key: str
    text: Message
    default: str = ""


ASK_ADDRESS: Final = Question(
    "url", say("init.address", "What is the address of your shop?"), "https://shop.example.com"
)


def wrong(message: Message) -> PydanticCustomError:
    """A problem in words of ours, for validators; it is shown as it is, so it must not hold the value.
    Its details hold the message itself, the text of the error a copy.
    """
    return PydanticCustomError("crsync", "{message}", {"message": message})


def did_you_mean(text: str, known: Iterable[str]) -> Message | None:
    """`did you mean 'target'?`, or None if nothing is near."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(text.lower(), by_lower, n=1, cutoff=0.6)
    return suggestion(by_lower[near[0]]) if near else None


def suggestion(name: str) -> Message:
    """What may have been meant."""
    return say("config.did_you_mean", "did you mean '{name}'?", name=name)


def _url(text: str) -> str:
    if _UNSAFE.search(text):
        raise wrong(say("config.address_odd", "an address must not contain spaces, control characters or backslashes"))
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise wrong(
            say("config.no_address", "this is not a web address; expected one such as https://shop.example.com")
        ) from None
    if parts.scheme not in ("http", "https") or not host:
        raise wrong(say("config.expected_address", "expected a web address such as https://shop.example.com"))
    if parts.username is not None or parts.password is not None:
        raise wrong(
            say(
                "config.address_with_login",
                "an address must not contain a user name or password; use the keys meant for them",
            )
        )
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise wrong(say("config.address_with_query", "an address must not contain '?' or '#'"))
    if parts.scheme == "http" and not is_loopback(host):
        raise wrong(say("config.address_unencrypted", "http:// would send customers' data unencrypted; use https://"))
    return parts._replace(netloc=parts.netloc.lower(), path=parts.path.rstrip("/")).geturl()


def _duration(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if math.isfinite(value) and value >= 0:
            return float(value)
    elif isinstance(value, str):
        found = _DURATION.fullmatch(value.strip().lower())
        if found is not None:
            return float(found[1]) * _UNITS[found[2]]
    raise wrong(say("config.expected_duration", "expected a number of seconds, or a time such as 90s, 15m, 24h or 2d"))


def _limit(value: object) -> Limit:
    if isinstance(value, Limit):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Limit(people=value)
    if value is None:
        raise wrong(say("config.limit_empty", "is empty; remove the line for the default, or set 100% for no limit"))
    if not isinstance(value, str) or not value.isascii() or len(value) > 20:
        raise wrong(say("config.expected_limit", "expected a number of people such as 20, or a percentage such as 5%"))
    try:
        return Limit.parse(value)
    except ValueError:
        raise wrong(
            say(
                "config.expected_limit_in_range",
                "expected a number of people such as 20, or a percentage from 0% to 100%",
            )
        ) from None


def _person_field(value: str) -> str:
    if value in PERSON_FIELDS or (value.startswith(EXTRA) and value[len(EXTRA) :].strip()):
        return value
    known = [*PERSON_FIELDS, f"{EXTRA}{value.removeprefix(EXTRA)}"]
    near = did_you_mean(value, PERSON_FIELDS)
    hint = near or say(
        "config.known_person_fields",
        "known are {fields}; a column of your own is extra.<name>",
        fields=", ".join(PERSON_FIELDS),
    )
    raise PydanticCustomError("crsync_unknown", "no such person field", {"hint": hint, "known": known})


def zone_of(name: str) -> tzinfo:
    """The time zone of an IANA name. Raises ValueError for one that does not exist."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, OSError):  # a folder of zones, too
        raise ValueError from None


def _timezone(value: str) -> str:
    try:
        zone_of(value)
    except ValueError:
        pass
    else:
        return value
    known = available_timezones()
    hint = did_you_mean(value, known) or say(
        "config.expected_timezone", "expected a name of the IANA time zone database, such as Europe/Berlin"
    )
    if not known:
        hint = say("config.no_timezones", "this system has no time zone database; install the package tzdata")
    raise PydanticCustomError("crsync_timezone", "no such time zone", {"hint": hint, "known": []})


def _words(value: str) -> str:
    text = value.strip()
    if not text:
        raise wrong(say("config.empty", "is empty"))
    return text


def _path(value: Any) -> Path:
    text = str(value) if isinstance(value, (str, Path)) else ""
    if not text.strip():
        raise wrong(say("config.expected_path", "expected the path of a file or folder"))
    if "\x00" in text:
        raise wrong(say("config.path_with_nul", "a path must not contain a NUL character"))
    return Path(os.path.expanduser(text))  # noqa: PTH111 - expanduser of Path raises for an unknown user


HttpUrl = Annotated[
    str,
    AfterValidator(_url),
    WithJsonSchema({"type": "string", "pattern": r"^(https?://|.*\$\{)"}),
]
"""A web address without slash at the end, user or query; `http://` on loopback only."""

ShopUrl = HttpUrl
"""The web address of a shop."""

Duration = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? *[smhdSMHD]?$"},
            ]
        }
    ),
]
"""Seconds; written as a number of seconds, or with a unit: `90s`, `15m`, `24h`, `2d`."""

FullReadEvery = Annotated[
    Duration,
    Field(
        description="At least this often everything is read again, because deletions do not show up as changes: 7d, "
        "or 0 for every run."
    ),
]
"""Seconds after which all streams of a shop are read completely."""
FULL_READ_EVERY: Final = 7 * 86400.0

LimitOption = Annotated[
    Limit,
    PlainValidator(_limit),
    PlainSerializer(list),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": rf"^[0-9]+$|{_LIMIT}"}]}
    ),
]
"""A number of people or a percentage."""

PersonField = Annotated[
    str,
    AfterValidator(_person_field),
    WithJsonSchema({"anyOf": [{"enum": list(PERSON_FIELDS)}, {"type": "string", "pattern": r"^extra\..+"}]}),
]
"""A field of `model.Person`: one of `PERSON_FIELDS`, or `extra.<name>`."""

Timezone = Annotated[str, AfterValidator(_timezone), WithJsonSchema({"type": "string", "minLength": 1})]
"""A time zone by its IANA name."""

Words = Annotated[str, AfterValidator(_words), WithJsonSchema({"type": "string", "minLength": 1})]
"""A text that is not blank, trimmed."""

PathOption = Annotated[
    Path, BeforeValidator(_path), WithJsonSchema({"type": "string", "format": "path", "minLength": 1})
]
"""A path as written, `~` for the home folder; relative ones count from the config's folder."""
