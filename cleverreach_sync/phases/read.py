"""Phase 1: all streams of the source side by side, and who is not to be written to, into the spool."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any, Final

from cleverreach_sync.domain.address import PLACEHOLDERS, Patterns
from cleverreach_sync.errors import CrsyncError
from cleverreach_sync.phases.departures import note_time
from cleverreach_sync.phases.erasures import find_erased
from cleverreach_sync.phases.inflight import look_up
from cleverreach_sync.phases.run import Reader, Run
from cleverreach_sync.sources.interface import Chunk
from cleverreach_sync.state.spool import BLACKLISTED, NOTED

DIGEST_BYTES: Final = 12
_QUEUED: Final = 4
_REST_SECONDS: Final = 5.0


class _Pump:
    """Runs iterators in threads of their own and hands what they yield to one consumer, a few items ahead at most."""

    def __init__(self, iterators: dict[Any, Callable[[], Iterator[Any]]], stop_waiting: Callable[[], None]) -> None:
        self._queue: queue.Queue[tuple[Any, Any, BaseException | None]] = queue.Queue(maxsize=_QUEUED)
        self._stopped = threading.Event()
        self._left = len(iterators)
        self._stop_waiting = stop_waiting
        self._threads = [
            threading.Thread(target=self._run, args=(name, start), name=f"read-{name}", daemon=True)
            for name, start in iterators.items()
        ]

    @property
    def stopped(self) -> Callable[[], bool]:
        return self._stopped.is_set

    def _put(self, item: tuple[Any, Any, BaseException | None]) -> None:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=0.2)
            except queue.Full:
                continue
            return

    def _run(self, name: Any, start: Callable[[], Iterator[Any]]) -> None:
        try:
            for item in start():
                self._put((name, item, None))
                if self._stopped.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - it is raised again where it can be handled
            self._put((name, None, error))
        else:
            self._put((name, None, None))

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for thread in self._threads:
            thread.start()
        try:
            while self._left:
                try:
                    name, item, error = self._queue.get(timeout=0.2)
                except queue.Empty:
                    yield None, None  # a chance to notice a signal
                    continue
                if error is not None:
                    raise error
                if item is None:
                    self._left -= 1
                    continue
                yield name, item
        finally:
            self._stopped.set()
            if self._left:  # an error, or no more time: the others are not to wait for a server to get well
                self._stop_waiting()
            until = time.monotonic() + _REST_SECONDS
            for thread in self._threads:  # daemons all: one that hangs keeps no run from its end
                thread.join(max(0.0, until - time.monotonic()))


def read(run: Run, cursors: dict[str, str | None]) -> bool:
    """Reads everything into the spool. False if it was stopped before the end; then nothing may be decided."""
    readers = run.readers
    iterators: dict[Any, Callable[[], Iterator[Any]]] = {}
    stopped: list[Callable[[], bool]] = []
    for number, reader in enumerate(readers):
        iterators[number] = _stream(reader, cursors.get(reader.label), lambda: stopped[0]())  # noqa: PLW0108 - set below
    note_time(run)
    iterators |= _suppressions(run)
    pump = _Pump(iterators, run.stop_waiting)
    stopped.append(pump.stopped)

    run.progress.begin("read", None, "bytes" if all(_by_bytes(reader) for reader in readers) else "rows")
    spooled = _Spooled(run)
    ended: dict[str, tuple[bool, str | None]] = {}
    done = [(0, 0)] * len(readers)
    patterns: list[str] = []
    for name, item in pump:
        if run.stop.asked(run.clock.now()):
            run.stop.check()
            run.progress.end()
            return False
        if name is None:
            continue
        if isinstance(name, int):
            spooled.add(name, item)
            done[name] = (item.done, item.total or 0)
            if item.end is not None:
                ended[readers[name].label] = (item.end.complete, item.end.cursor)
            total = sum(each[1] for each in done) if all(each[1] for each in done) else None
            run.progress.advance(sum(each[0] for each in done), total)
        else:
            patterns += _suppress(run, name, item)
    run.progress.end()
    missing = [reader.label for reader in readers if reader.label not in ended]
    if missing:
        raise CrsyncError(f"stream {missing[0]} ended without an end", hint="please report this")
    run.blocked = Patterns(patterns)
    run.complete = {label: complete for label, (complete, _) in ended.items()}
    run.cursors = {label: cursor for label, (_, cursor) in ended.items() if cursor is not None}
    _give_to_owners(run)
    look_up(run)
    if spooled.placeholders:
        find_erased(run)
    run.spool.commit()
    return True


def _stream(reader: Reader, since: str | None, stopped: Callable[[], bool]) -> Callable[[], Iterator[Chunk]]:
    return lambda: reader.source.read(reader.stream.name, since, stopped)


def _by_bytes(reader: Reader) -> bool:
    return reader.source.type == "file"


def _suppressions(run: Run) -> dict[Any, Callable[[], Iterator[Any]]]:
    found: dict[Any, Callable[[], Iterator[Any]]] = {"blacklist": run.target.blacklist}
    if run.unsubscribed_in_account:
        run.spool.suppress(run.ledger.departed(), known=True)
        found["unsubscribed"] = run.target.unsubscribed
    return found


def _suppress(run: Run, name: str, page: Any) -> list[str]:
    """Spools a page of addresses; the patterns among them are returned."""
    address = run.keys.address
    if name == "unsubscribed":
        run.spool.suppress([(address(email), at) for email, at in page])
        return []
    entries = [(text, NOTED if mailed else BLACKLISTED) for text, mailed in page]
    run.spool.suppress([(address(text), how) for text, how in entries if not _is_pattern(text)])
    return [text for text, _ in entries if _is_pattern(text)]


def _is_pattern(entry: str) -> bool:
    return "*" in entry or "?" in entry


class _Spooled:
    """Puts chunks into the spool and counts."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.placeholders = False

    def add(self, number: int, chunk: Chunk) -> None:
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
