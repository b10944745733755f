"""Phase 1: all streams of the source side by side, and who is not to be written to, into the spool."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any, Final

from cleverreach_sync.domain.address import PLACEHOLDERS, Patterns
from cleverreach_sync.errors import CrsyncError
from cleverreach_sync.messages import say
from cleverreach_sync.run.context import Reader, Run
from cleverreach_sync.run.departures import note_time
from cleverreach_sync.run.erasures import find_unaddressed
from cleverreach_sync.run.in_flight import look_up
from cleverreach_sync.run.read.latest import keep_latest
from cleverreach_sync.run.read.pump import Pump
from cleverreach_sync.run.read.suppressions import suppress, suppress_known
from cleverreach_sync.sources.interface import Chunk, StreamEnd

DIGEST_BYTES: Final = 12


def read(run: Run, cursors: dict[str, str | None]) -> bool:
    """Reads everything into the spool. False if it was stopped before the end; then nothing may be decided."""
    readers = run.readers
    iterators: dict[Any, Callable[[], Iterator[Any]]] = {}
    stopped: list[Callable[[], bool]] = []
    for number, reader in enumerate(readers):
        iterators[number] = _stream(reader, cursors.get(reader.label), lambda: stopped[0]())  # noqa: PLW0108 - set below
    note_time(run)
    suppress_known(run)
    iterators["suppressions"] = run.target.suppressions
    pump = Pump(iterators, run.stop_waiting)
    stopped.append(pump.stopped)

    units = {reader.stream.unit for reader in readers}
    run.request.progress.begin("read", None, units.pop() if len(units) == 1 else "rows")
    spooled = _Spooled(run)
    patterns: list[str] = []
    for name, item in pump:
        if run.request.stop.asked(run.request.clock.now()):
            run.request.stop.check()
            run.request.progress.end()
            return False
        if isinstance(name, int):
            spooled.add(name, item)
        elif name is not None:
            patterns += suppress(run, item)
    run.request.progress.end()
    run.blocked = Patterns(patterns)
    spooled.take_ends()
    keep_latest(run)
    _give_to_owners(run)
    look_up(run)
    if spooled.placeholders:
        find_unaddressed(run)
    run.spool.commit()
    return True


def _stream(reader: Reader, since: str | None, stopped: Callable[[], bool]) -> Callable[[], Iterator[Chunk]]:
    return lambda: reader.source.read(reader.stream.name, since, stopped)


class _Spooled:
    """Puts chunks into the spool and counts. `placeholders`: an address stands for none."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._ended: dict[str, StreamEnd] = {}
        self._done = [(0, 0)] * len(run.readers)
        self.placeholders = False

    def take_ends(self) -> None:
        """How far each stream was read."""
        missing = [reader.label for reader in self._run.readers if reader.label not in self._ended]
        if missing:
            raise CrsyncError(
                say("run.stream_without_end", "stream {stream} ended without an end", stream=missing[0]),
                hint=say("run.please_report", "please report this"),
            )
        self._run.complete = {label: end.complete for label, end in self._ended.items()}
        self._run.unnumbered = frozenset(label for label, end in self._ended.items() if not end.numbered)
        self._run.cursors = {label: end.cursor for label, end in self._ended.items() if end.cursor is not None}

    def add(self, number: int, chunk: Chunk) -> None:
        """A chunk of the stream with that number."""
        self._spool(number, chunk)
        if chunk.end is not None:
            self._ended[self._run.readers[number].label] = chunk.end
        done = self._done
        done[number] = (chunk.done, chunk.total or 0)
        total = sum(each[1] for each in done) if all(each[1] for each in done) else None
        self._run.request.progress.advance(sum(each[0] for each in done), total)

    def _spool(self, number: int, chunk: Chunk) -> None:
        run = self._run
        address, salt = run.keys.address, run.salt
        rows = chunk.rows
        self.placeholders = self.placeholders or any(row.email.endswith(PLACEHOLDERS) for row in rows)
        run.tally.read(len(rows) + len(chunk.unreadable), Counter(bad.reason for bad in chunk.unreadable))
        run.spool.add_rows(
            [
                (
                    address(email),
                    number,
                    ident,
                    place,
                    email,
                    blake2b(body, digest_size=DIGEST_BYTES, salt=salt).digest(),
                    body,
                    0,
                    owner,
                )
                for email, ident, body, place, owner in rows
            ]
        )
        if chunk.unreadable:
            location = run.readers[number].source.location(run.readers[number].stream.name)
            for bad in chunk.unreadable:
                run.warnings.add(location, bad.place, bad.message)


def _give_to_owners(run: Run) -> None:
    """An order of an account belongs to the account's address, whatever the order says."""
    numbers = {reader.label: number for number, reader in enumerate(run.readers)}
    for number, reader in enumerate(run.readers):
        if reader.stream.owners is not None:
            orphans = reader.stream.orphans and run.complete[reader.stream.owners]
            lost = run.spool.give_to_owners(number, numbers[reader.stream.owners], orphans=orphans)
            if lost:
                run.tally.read(0, {"email": lost})
