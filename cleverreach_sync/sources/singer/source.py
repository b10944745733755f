"""Singer taps and Airbyte connectors as a source: what they write is read once, all streams side by side."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from cleverreach_sync.domain.model import ConsentState, Record, Signal
from cleverreach_sync.errors import UsageError
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.messages import Message, say, say_many
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources.file.settings import STDIN
from cleverreach_sync.sources.file.text import TextFile, find
from cleverreach_sync.sources.interface import Chunk, Row, Stream, StreamEnd, Unreadable, Warned
from cleverreach_sync.sources.singer.lines import Lines
from cleverreach_sync.sources.singer.rows import StreamRows
from cleverreach_sync.sources.singer.settings import SingerSettings, SingerStream
from cleverreach_sync.sources.singer.sharing import Sharing
from cleverreach_sync.sources.singer.states import States

_LONGEST: Final = 16 << 20
_READ: Final = "read"


def open_source(settings: SingerSettings, base: Path, means: HttpContext | None = None) -> SingerSource:  # noqa: ARG001 - no HTTP
    """The source; its input is opened when it is read."""
    return SingerSource(settings, base)


class SingerSource:
    """The streams of one input. What reaches it may be no more than what changed, so absence means nothing.

    `anchor` is set once something was read, so that a later run knows that it is not the first.
    """

    type = "singer"
    url = None
    clock_ahead = None

    def __init__(self, settings: SingerSettings, base: Path) -> None:
        self.name = settings.tag_source
        self.anchor: str | None = None
        self._settings = settings
        self._base = base
        self._location = "stdin" if settings.path == STDIN else Path(settings.path).name
        self._lock = threading.Lock()
        self._spent = False  # standard input can be read once
        self._again = False
        self._begin()

    def _begin(self) -> None:
        self._rows = {
            name: StreamRows(name, each, self._settings.zone) for name, each in self._settings.streams.items()
        }
        self._states = States()
        self._file: TextFile | None = None
        self._lines: Lines | None = None
        self._sharing: Sharing[Row | Unreadable] | None = None

    @property
    def warnings(self) -> Sequence[Message]:
        notes: list[Message] = []
        if self._again:
            notes.append(
                say(
                    "singer.not_everything",
                    "the config has changed, or everything is to be sent again: that concerns only whom the tap has "
                    "just written; let it read everything once, without its state",
                )
            )
        there = self._lines.names if self._lines is not None else {}
        notes += [
            say("singer.stream_missing", "the input has nothing of the stream {stream}", stream=name)
            for name in self._rows
            if there and name not in there
        ]
        notes += [
            say("singer.never_there", "{stream}: no record has {path}", stream=rows.name, path=path)
            for rows in self._rows.values()
            for path in (rows.unseen if rows.rows else ())
        ]
        return notes

    @property
    def lacks_consent(self) -> Message | None:
        if any("consent" in each.signal for each in self._settings.streams.values()):
            return None
        return say("singer.without_consent", "no stream has the signal consent, so nobody is known to have subscribed")

    @property
    def to_hand_on(self) -> tuple[Path, bytes] | None:
        path, content = self._settings.state_out, self._states.content
        return None if path is None or content is None else (self._base / path, content)

    def streams(self) -> Sequence[Stream]:
        return [
            Stream(
                name,
                frozenset(map(Signal, each.signal)),
                full_read=False,
                followed=False,
                unit="bytes",
                told_by=_told_by(each),
                latest=True,
            )
            for name, each in self._settings.streams.items()
        ]

    def location(self, stream: str) -> str:  # noqa: ARG002 - there is one input
        return self._location

    def read(self, stream: str, since: str | None, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        """Raises UsageError for a line that cannot be read, before anything of it counts."""
        with self._lock:
            self._again = self._again or (since is None and self.anchor is not None)
            if self._sharing is None or self._sharing.begun(stream):
                self._open()
            sharing, file = self._sharing, self._file
        assert sharing is not None  # noqa: S101 - just opened
        assert file is not None  # noqa: S101
        number, numbered = len(self._rows), True
        for found in sharing.of(stream, stopped):
            rows = [each for each in found if isinstance(each, Row)]
            numbered = numbered and all(row.ident is not None for row in rows)
            unreadable = [each for each in found if isinstance(each, Unreadable)]
            total = None if file.total is None else file.total // number
            yield Chunk(rows, unreadable, file.done // number, total)
        if stopped() or sharing.failed:
            return
        self.anchor = _READ
        done = file.done // number
        yield Chunk((), (), done, done, StreamEnd(complete=False, cursor=_READ, numbered=numbered))

    def _open(self) -> None:
        """Whoever reads a stream first opens the input for all."""
        self.close()
        self._begin()
        self._check_state_out()
        if self._settings.path != STDIN:
            found = find(self._settings.path, self._base)
            self._location = found.name
            self._file = TextFile(found, found.name, "utf-8", _LONGEST)
        elif self._spent:
            raise UsageError(
                say("file.read_once", "standard input can be read only once"),
                hint=say("file.write_first", "write it into a file first"),
            )
        else:
            self._spent = True
            self._file = TextFile(None, self._location, "utf-8", _LONGEST)
        self._lines = Lines(self._rows, self._file, self._states)
        self._sharing = Sharing(self._rows, self._lines.blocks())

    def _check_state_out(self) -> None:
        path = self._settings.state_out
        if path is None:
            return
        whole = self._base / path
        if whole.is_dir() or not whole.parent.is_dir():
            raise UsageError(
                say("singer.no_folder", "the state of the tap cannot be written to {path}", path=path),
                hint=say("singer.make_folder", "state_out names a file in a folder that is there"),
            )

    def decode(self, stream: str, row: Row, warn: Callable[[Warned], None]) -> Record:
        return self._rows[stream].record(row, warn)

    def inspect(self) -> Iterator[Finding]:
        """Reads the beginning of a file. Standard input is left for the run."""
        self._check_state_out()
        if self._settings.path == STDIN:
            yield Finding(
                say("singer.not_looked_at", "standard input is read by a run only; `crsync diff` shows what is in it")
            )
            return
        self._open()
        assert self._lines is not None  # noqa: S101 - just opened
        block = next(self._lines.blocks(), [])
        self.close()
        for name, rows in self._rows.items():
            kept = [each for of, each in block if of == name and isinstance(each, Row) and each.body]
            records = [rows.record(row, lambda _: None) for row in kept]
            yes = sum(each.consent is not None and each.consent.state is ConsentState.YES for each in records)
            yield Finding(
                say_many(
                    "singer.seen",
                    "{file}: {number:,} record of {stream} at its beginning, {yes:,} of them a yes to the newsletter",
                    "{file}: {number:,} records of {stream} at its beginning, {yes:,} of them a yes to the newsletter",
                    number=len(records),
                    file=self._location,
                    stream=name,
                    yes=yes,
                )
            )

    def close(self) -> None:
        if self._sharing is not None:
            self._sharing.close()
        if self._file is not None:
            self._file.close()


def _told_by(stream: SingerStream) -> str:
    """Another text for every other way to tell who subscribed; "" for a stream that does not."""
    if "consent" not in stream.signal:
        return ""
    words = sorted(stream.values.get("subscribed", {}).items())
    told = repr((stream.fields.get("subscribed"), words, stream.opted_out))
    return hashlib.sha256(told.encode()).hexdigest()[:16]
