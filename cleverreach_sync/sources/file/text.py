"""Opens an export, plain or gzip, a file or standard input, and hands out its lines as text, block by block."""

from __future__ import annotations

import glob
import io
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from cleverreach_sync.errors import TemporaryError, UsageError
from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources.file.encodings import Texts

_BLOCK: Final = 1 << 18
_LONGEST_LINE: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx, which is a ZIP file, and .xls
# Stands for a line that is too long; longer than any cell a csv.reader accepts, so it is an error there too.
OVERLONG: Final = "x" * 200_000 + "\n"


def find(path: str, base: Path) -> Path:
    """The file `path` names, relative to `base`; of a glob the last one by name. Raises UsageError."""
    try:
        return _find(os.path.expanduser(path), base)  # noqa: PTH111 - that of Path raises for an unknown user
    except OSError as error:
        raise UsageError(
            say("file.cannot_open", "cannot open {path}: {reason}", path=path, reason=error.strerror)
        ) from error


def _find(path: str, base: Path) -> Path:
    whole = base / path
    if glob.has_magic(path) and not whole.exists():
        # root_dir: a folder above may have brackets in its name
        found = sorted(glob.glob(path, root_dir=base, recursive=True))  # noqa: PTH207
        matches = [base / name for name in found if (base / name).is_file()]
        if not matches:
            raise UsageError(
                say("file.none_matches", "no file matches '{path}'", path=path),
                hint=say(
                    "file.looked_in", "looked in {folder}; `path` in the config says where", folder=base.resolve()
                ),
            )
        return matches[-1]
    try:
        kind = whole.stat().st_mode  # of `exists` it depends on Python's version which errors it raises
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(say("file.not_there", "no such file: {path}", path=path), hint=_put(path, whole)) from None
    if stat.S_ISDIR(kind):
        raise UsageError(
            say("file.is_a_folder", "{path} is a folder", path=path),
            hint=say("file.name_file", "name a file in it, or a pattern such as exports/*.csv"),
        )
    return whole


def _put(path: str, whole: Path) -> Message:
    if whole == Path(path):
        return say("file.put_there", "put your export there, or change `path` in the config")
    return say(
        "file.looked_for",
        "put your export there, or change `path` in the config (looked for {path})",
        path=whole,
    )


class TextFile:
    """An open export. `done` and `total` count its bytes as they are stored, `total` is None where nobody knows.

    Raises UsageError for what cannot be opened or is no text, TemporaryError for what is cut short or changes.
    """

    def __init__(self, path: Path | None, name: str, encoding: str | None, longest: int | None = None) -> None:
        """`path` None is standard input; `encoding` None: UTF-8, or Windows-1252 if it cannot be UTF-8. `longest`: how
        many characters a line may have."""
        self.name = name
        self._longest = _LONGEST_LINE if longest is None else longest
        self.done = 0
        self.total: int | None = None
        self._gzip_expected = path is not None and path.suffix.lower() == ".gz"
        self._before: os.stat_result | None = None
        self.texts = Texts(name, encoding)
        self._own = path is not None
        self._raw = self._open(path)

    def _open(self, path: Path | None) -> BinaryIO:
        if path is None:
            stdin: BinaryIO | None = getattr(sys.stdin, "buffer", None)  # None if the caller closed it
            if stdin is None:
                raise UsageError(say("file.no_standard_input", "there is no standard input to read"))
            return _unlocked(stdin)
        try:
            raw: BinaryIO = path.open("rb", buffering=0)
        except OSError as error:
            raise UsageError(
                say("file.cannot_open_this", "cannot open the file: {reason}", reason=error.strerror), where=self.name
            ) from error
        before = os.fstat(raw.fileno())
        if stat.S_ISREG(before.st_mode):
            self._before, self.total = before, before.st_size
        return raw

    def lines(self) -> Iterator[list[str]]:
        """Lists of lines with their ends, in order; none for an empty file. A line without end is bounded: OVERLONG."""
        tail, dropping = "", False
        for text in self._texts():
            if "\n" in text or "\r" in text or tail.endswith("\r"):
                lines = io.StringIO(tail + text, newline="").readlines()
                # a single \r at the end may be half of \r\n
                tail = "" if not lines or lines[-1].endswith("\n") else lines.pop()
            else:  # a long line goes on
                lines = []
                tail += text
            if dropping and lines:
                lines[0], dropping = OVERLONG, False
            if dropping or len(tail) > self._longest:
                tail, dropping = "", True
            if lines:
                yield lines
        if dropping or tail:
            yield [OVERLONG if dropping else tail]
        self._unchanged()

    def _texts(self) -> Iterator[str]:
        first = b""
        blocks = self._blocks()
        for block in blocks:
            first += block
            if len(first) >= 4:
                break
        if first.startswith(_WORKBOOKS):
            raise UsageError(
                say("file.not_csv", "this is an Excel or ZIP file, not CSV"),
                where=self.name,
                hint=say("file.save_as_csv", "in Excel, save it as CSV (UTF-8); a ZIP file has to be unpacked"),
            )
        if first.startswith(_GZIP):
            plain = self._inflate(_chain(first, blocks))
        elif first and self._gzip_expected:
            raise UsageError(say("file.not_gzip", "not a gzip file, in spite of its name"), where=self.name)
        else:
            plain = _chain(first, blocks)
        yield from self.texts.read(plain)

    def _blocks(self) -> Iterator[bytes]:
        try:
            while block := self._raw.read(_BLOCK):
                self.done += len(block)
                yield block
        except OSError as error:
            raise TemporaryError(
                say("file.cannot_go_on", "cannot continue reading: {reason}", reason=error.strerror), where=self.name
            ) from error

    def _inflate(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Bounded in both directions; a file of several gzip members is one text."""
        member = zlib.decompressobj(wbits=31)
        try:
            for block in blocks:
                rest = block
                while rest:
                    if member.eof:
                        rest = rest.lstrip(b"\0")  # padding after the last member
                        member = zlib.decompressobj(wbits=31) if rest else member
                    else:
                        yield member.decompress(rest, _BLOCK)
                        rest = member.unused_data or member.unconsumed_tail
            yield member.flush()
        except zlib.error as error:
            raise UsageError(say("file.gzip_damaged", "the gzip file is damaged"), where=self.name) from error
        if not member.eof:
            raise TemporaryError(
                say("file.gzip_cut_short", "the gzip file is cut short"),
                where=self.name,
                hint=say("file.wait", "wait until it is written completely"),
            )

    def _unchanged(self) -> None:
        """A file that changes while it is read is neither the old nor the new one."""
        if self._before is None:
            return
        now = os.fstat(self._raw.fileno())
        if (now.st_size, now.st_mtime_ns) != (self._before.st_size, self._before.st_mtime_ns):
            raise TemporaryError(
                say("file.changed", "the file changed while it was read"),
                where=self.name,
                hint=say("file.rename", "write exports under another name and rename them when they are complete"),
            )

    def close(self) -> None:
        if self._own:
            self._raw.close()


def _unlocked(stdin: BinaryIO) -> BinaryIO:
    """Standard input without its buffer: a thread that waits there holds a lock, without which Python cannot end."""
    try:
        return open(stdin.fileno(), "rb", buffering=0, closefd=False)
    except OSError:  # it is no file of the system
        return stdin


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest
