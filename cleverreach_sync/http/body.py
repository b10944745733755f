"""The body of an answer within limits: nothing is unpacked, or made objects of, that is larger than it may be."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final, NamedTuple

from cleverreach_sync.json_reading import read_json
from cleverreach_sync.messages import Message, say

ENCODINGS: Final = "gzip, deflate"
"""What a server may pack an answer with."""
_UNPACKED_AT_ONCE: Final = 1 << 20
_DEEPEST: Final = 100
_ANOTHER: Final = b"\x1f"  # how what is packed with gzip begins
_NO_MARKS: Final = bytes(sorted(set(range(256)) - set(b"[]{},:")))


class Limit(NamedTuple):
    """How large an answer may be: its bytes unpacked, and the marks `[]{},:` of its JSON, which are what takes memory:
    a megabyte of `[],` takes thirty."""

    size: int
    marks: int


PAGE: Final = Limit(64 << 20, 4_000_000)
"""What a page of a list is a small part of."""
WHOLE: Final = Limit(256 << 20, 16_000_000)
"""For what comes in one answer, however much it is: two million entries of a blacklist."""


class NotPacked(Exception):
    """The body is not packed as its header says."""


class TooMuch(Exception):
    """The body is larger than it may be; `amount` says in which way."""

    def __init__(self, amount: Message) -> None:
        super().__init__(amount)
        self.amount = amount


def unpacked(parts: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The parts of a body, each of a megabyte at most. Raises NotPacked for what is not packed as it says."""
    named = [word for name in encoding.lower().split(",") if (word := name.strip()) not in ("", "identity")]
    if not named:
        yield from parts
    elif named in (["gzip"], ["x-gzip"]):
        yield from _inflated(parts, 16 + zlib.MAX_WBITS)
    elif named == ["deflate"]:
        yield from _deflated(parts)
    else:
        raise NotPacked("packed in a way that was not asked for")


def _deflated(parts: Iterable[bytes]) -> Iterator[bytes]:
    """With the header that there should be, or without."""
    rest = iter(parts)
    first = next((part for part in rest if part), b"")
    bits = zlib.MAX_WBITS if first[:1] and first[0] & 0x0F == 8 else -zlib.MAX_WBITS
    yield from _inflated(chain((first,), rest), bits)


def _inflated(parts: Iterable[bytes], bits: int) -> Iterator[bytes]:
    unpack, begun = zlib.decompressobj(bits), False
    try:
        for part in parts:
            begun = begun or bool(part)
            while part:
                if unpack.eof:
                    if not part.startswith(_ANOTHER):
                        break  # what stands behind the end is nothing
                    unpack = zlib.decompressobj(bits)
                if found := unpack.decompress(part, _UNPACKED_AT_ONCE):
                    yield found
                part = unpack.unconsumed_tail or unpack.unused_data  # noqa: PLW2901 - what is left of it
            while not unpack.eof and (found := unpack.decompress(b"", _UNPACKED_AT_ONCE)):
                yield found
    except zlib.error:
        raise NotPacked("not packed as it says") from None
    if begun and not unpack.eof:
        raise NotPacked("cut short")


def joined(parts: Iterable[bytes], limit: Limit) -> bytes:
    """All of a body. Raises TooMuch."""
    found, size = [], 0
    for part in parts:
        found.append(part)
        size += len(part)
        if size > limit.size:
            raise TooMuch(say("http.too_many_bytes", "more than {megabytes} MB", megabytes=limit.size >> 20))
    return b"".join(found)


def parse(content: bytes, limit: Limit) -> Any:
    """The JSON of a body. Raises TooMuch, and ValueError for what is no JSON, or is nested beyond all measure."""
    marks = content.translate(None, _NO_MARKS)
    if len(marks) > limit.marks:
        raise TooMuch(say("http.too_many_values", "more than {values:,} values", values=limit.marks // 2))
    body = read_json(content)
    if not _are_shallow(marks) and _is_deep(body):
        raise ValueError("nested too deeply")
    return body


def _are_shallow(marks: bytes) -> bool:
    """Whether the brackets are certainly nested reasonably: those in texts count, too."""
    brackets = marks.translate(None, b",:")
    for _ in range(_DEEPEST):
        outer = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not outer:
            return True
        if len(outer) == len(brackets):
            return False
        brackets = outer
    return False


def _is_deep(body: Any) -> bool:
    level = [body]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, (list, dict))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (list, dict))
        ]
        if not level:
            return False
    return True
