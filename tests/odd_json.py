"""Answers with something odd at one place: what a broken plug-in, a proxy or an adversary makes of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

import orjson

ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1e308, -1e308, 2**63, 2**64 - 1, 0.5, 3.0),
    *("", " ", "x", "-1", "1e308", "NaN", "9" * 5000, "\u00b2", "../..", "a\r\nb", "\x00", "\u202e", "@", "a@b@c"),
    *("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "0000-00-00 00:00:00", "2026-13-45"),
    *([], {}, [[]], [None], ["x"], {"": None}, {"0": 1}, [{"id": 1}]),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


def mutated(body: bytes, chance: random.Random) -> bytes:
    """The JSON with one to three of its values replaced, or gone; raw bytes now and then."""
    if chance.random() < 0.08:
        return chance.choice(
            (b"", b"null", b"{", b"[1", b"\xff\xfe", b"[" * 500, b"<html>", body[: len(body) // 2], body * 2)
        )
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    for _ in range(chance.randint(1, 3)):
        path = chance.choice(list(places(value)))
        if not path:
            value = chance.choice(ODD)
            continue
        holder = value
        for step in path[:-1]:
            holder = holder[step]
        if chance.random() < 0.2:
            del holder[path[-1]]
        else:
            holder[path[-1]] = chance.choice(ODD)
    return orjson.dumps(value)
