"""Turns the bytes of an export into text: what encoding it has, and where bytes fit none.

Nothing in a file tells its encoding, and programs name a wrong one. What its rows are made of tells: text in a one-byte
encoding is hardly ever valid UTF-8, and a few bytes that are not may be damage.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from cleverreach_sync.errors import UsageError
from cleverreach_sync.messages import Message, say, say_many

DAMAGED: Final = "\udcff"  # stands where bytes fit no encoding; no text holds it
NUL: Final = "\0"
_HANDLER: Final = "crsync-damaged"
_SAMPLE: Final = 1 << 22
_PIECE: Final = 1 << 18
_HEAD: Final = 4096
_UTF8: Final = "utf-8"
_WINDOWS: Final = "cp1252"
_FITTING: Final = (_UTF8, _WINDOWS, "cp850")  # the last is what DOS programs write
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

codecs.register_error(_HANDLER, lambda error: (DAMAGED, error.end))  # type: ignore[attr-defined]


def is_damaged(text: str) -> bool:
    """Whether bytes were lost in a text."""
    return DAMAGED in text or NUL in text


def mended(text: str) -> str:
    """The text with U+FFFD for what was lost."""
    return text.replace(DAMAGED, "\ufffd").replace(NUL, "\ufffd")


def too_many(damaged: int, rows: int) -> bool:
    """Whether so many damaged rows mean another encoding: more than one, and more than 1 %."""
    return damaged > max(1, rows // 100)


class Texts:
    """Decodes one export. `encoding` is known with the first text; `damaged` tells whether bytes were lost so far."""

    def __init__(self, name: str, declared: str | None) -> None:
        """`declared` None: UTF-8 or Windows-1252, whichever it is."""
        self.damaged = False
        self.encoding = declared or _UTF8
        self._name = name
        self._declared = declared
        self._decoder: codecs.IncrementalDecoder | None = None

    def read(self, blocks: Iterable[bytes]) -> Iterator[str]:
        """Raises UsageError for what has another encoding than it should, naming the one that fits."""
        rest = iter(blocks)
        begins = True
        while self._decoder is None:
            sample, whole = _gathered(rest)
            if self._declared is None and sample.isascii() and b"\0" not in sample:
                yield from (piece.decode("ascii") for piece in _pieces(sample))  # tells nothing yet
                if whole:
                    return
            else:
                self._choose(sample, whole=whole, begins=begins)
                for number, piece in enumerate(_pieces(sample)):
                    text = self._decoded(piece)
                    yield text.removeprefix("\ufeff") if begins and not number else text
            begins = False
        for block in rest:
            yield self._decoded(block)
        yield self._decoded(b"", final=True)

    def _choose(self, sample: bytes, *, whole: bool, begins: bool) -> None:
        self.encoding = self._chosen(sample, whole=whole, begins=begins)
        name = "utf-8-sig" if codecs.lookup(self.encoding).name == _UTF8 else self.encoding
        self._decoder = codecs.getincrementaldecoder(name)(_HANDLER)

    def _decoded(self, block: bytes, *, final: bool = False) -> str:
        if self._decoder is None:
            return ""
        try:
            text = self._decoder.decode(block, final)
        except UnicodeError as error:  # some decoders know no handlers
            raise self._wrong(
                say("file.undecodable", "the file is not {encoding}: the bytes cannot be read", encoding=self.encoding),
                None,
            ) from error
        self.damaged = self.damaged or is_damaged(text)
        return text

    def _chosen(self, sample: bytes, *, whole: bool, begins: bool) -> str:
        wide = _wide(sample) if begins else None
        declared = self._declared
        narrow = declared is None or not codecs.lookup(declared).name.startswith(("utf-16", "utf-32"))
        if wide is not None and narrow:
            raise UsageError(
                _is_wide(wide.upper(), declared),
                where=self._name,
                hint=say("file.save_as_utf8", "save it as UTF-8, or set `encoding: {encoding}`", encoding=wide),
            )
        lines = _lines(sample, whole=whole)
        if declared is None:
            return self._detected(lines)
        if narrow:
            self._check(declared, lines)
        elif wide is None and begins and sample:
            raise self._wrong(
                say("file.no_nul", "the file is not {encoding}: it has no NUL byte", encoding=declared),
                lines.fitting(declared),
            )
        return declared

    def _detected(self, lines: _Lines) -> str:
        bad, good, rows = lines.unreadable(_UTF8), lines.utf8, lines.rows
        if bad and not good and lines.unreadable(_WINDOWS) and too_many(lines.unreadable(_WINDOWS), rows):
            raise self._wrong(_unreadable_in_both(bad, rows), lines.fitting(_WINDOWS))
        if bad and (not good or (too_many(bad, rows) and not too_many(good, rows))):
            return _WINDOWS
        if too_many(bad, rows):
            raise UsageError(
                say(
                    "file.mixed",
                    "{good:,} of {rows:,} rows are UTF-8, and {bad:,} are not",
                    good=good,
                    rows=rows,
                    bad=bad,
                ),
                where=self._name,
                hint=say(
                    "file.export_in_one_encoding",
                    "parts of the file have another encoding: export it again in one encoding; or set `encoding: "
                    "cp1252` if most of it then looks right",
                ),
            )
        return _UTF8

    def _check(self, declared: str, lines: _Lines) -> None:
        known = codecs.lookup(declared).name
        if known not in (_UTF8, "utf-8-sig") and lines.utf8 and not lines.unreadable(_UTF8):
            raise self._wrong(
                say("file.all_utf8", "the file is not {encoding}: every row is UTF-8", encoding=declared), _UTF8
            )
        bad = lines.unreadable(declared)
        if too_many(bad, lines.rows):
            raise self._wrong(_unreadable(declared, bad, lines.rows), lines.fitting(declared))

    def check(self, damaged: int, rows: int) -> None:
        """Raises UsageError where so many rows were damaged in the end that another encoding fits."""
        if too_many(damaged, rows):
            fits = _WINDOWS if codecs.lookup(self.encoding).name.startswith(_UTF8) else None
            raise self._wrong(_unreadable(self.encoding, damaged, rows), fits)

    def _wrong(self, what: Message, fits: str | None) -> UsageError:
        return UsageError(what, where=self._name, hint=self._hint(fits))

    def _hint(self, fits: str | None) -> Message:
        if self._declared is None:
            if fits is None:
                return say("file.export_as_utf8", "export it again as UTF-8")
            return say("file.set_encoding", "set `encoding: {encoding}`, which fits", encoding=fits)
        if fits is None:
            return say("file.detect_encoding", "leave `encoding` out to have it detected")
        return say(
            "file.set_or_detect_encoding", "set `encoding: {encoding}`, which fits, or leave it out", encoding=fits
        )


def _is_wide(encoding: str, declared: str | None) -> Message:
    if declared is None:
        return say("file.encoded", "the file is {encoding}", encoding=encoding)
    return say("file.encoded_otherwise", "the file is {encoding}, not {declared}", encoding=encoding, declared=declared)


def _unreadable(encoding: str, bad: int, rows: int) -> Message:
    return say_many(
        "file.not_encoded",
        "the file is not {encoding}: {bad:,} of {number:,} row cannot be read",
        "the file is not {encoding}: {bad:,} of {number:,} rows cannot be read",
        number=rows,
        encoding=encoding,
        bad=bad,
    )


def _unreadable_in_both(bad: int, rows: int) -> Message:
    return say_many(
        "file.encoded_in_neither",
        "the file is neither UTF-8 nor Windows-1252: {bad:,} of {number:,} row cannot be read",
        "the file is neither UTF-8 nor Windows-1252: {bad:,} of {number:,} rows cannot be read",
        number=rows,
        bad=bad,
    )


class _Lines(NamedTuple):
    """The lines of a sample: their number, those with other than ASCII letters, and how many of these are UTF-8."""

    rows: int
    odd: Sequence[bytes]
    utf8: int

    def unreadable(self, encoding: str) -> int:
        if codecs.lookup(encoding).name in (_UTF8, "utf-8-sig"):
            return len(self.odd) - self.utf8
        return sum(not _reads(line, encoding) for line in self.odd)

    def fitting(self, but: str) -> str | None:
        """The encoding in which nearly all lines can be read."""
        other = codecs.lookup(but).name
        return next(
            (name for name in _FITTING if name != other and not too_many(self.unreadable(name), self.rows)), None
        )


def _lines(sample: bytes, *, whole: bool) -> _Lines:
    lines = sample.removeprefix(codecs.BOM_UTF8).split(b"\n")
    if len(lines) > 1 and (not whole or not lines[-1]):
        lines.pop()  # cut, or nothing
    odd = [line for line in lines if not line.isascii()]
    return _Lines(len(lines), odd, sum(_reads(line, _UTF8) for line in odd))


def _reads(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeError:
        return False
    return True


def _wide(sample: bytes) -> str | None:
    """The encoding of several bytes a letter, by its mark or its NUL bytes."""
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name
    head = sample[:_HEAD]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if (even + odd) * 5 < len(head) or even + odd < 2:
        return None
    if even and odd:
        return "utf-32-be" if head[0] == 0 else "utf-32-le"
    return "utf-16-le" if odd else "utf-16-be"


def _pieces(sample: bytes) -> Iterator[bytes]:
    for start in range(0, len(sample), _PIECE):
        yield sample[start : start + _PIECE]


def _gathered(blocks: Iterator[bytes]) -> tuple[bytes, bool]:
    """The next blocks, as many as are needed to tell; and whether these were all."""
    parts: list[bytes] = []
    size = 0
    for block in blocks:
        parts.append(block)
        size += len(block)
        if size >= _SAMPLE:
            return b"".join(parts), False
    return b"".join(parts), True
