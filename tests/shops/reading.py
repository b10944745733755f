"""Reads a source as a run does, without a target: rows of every stream, and the people they make."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from cleverreach_sync.domain.merge import NO_FACTS, PersonFacts, ReadScope, SourceRecord, merge
from cleverreach_sync.domain.model import Person
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.redaction import Redaction
from cleverreach_sync.http.retries import Retries
from cleverreach_sync.http.traffic import RequestCount
from cleverreach_sync.sources import registry
from cleverreach_sync.sources.interface import Chunk, Row, Source, StreamEnd, Unreadable
from cleverreach_sync.sources.registry import settings_class
from tests.shops.contract import FakeShop


class Watched:
    """The means of a source, with all that it said and how long it waited. Waiting takes no time."""

    def __init__(self, retry_for: float = 300.0) -> None:
        self.waits: list[float] = []
        self.said: list[str] = []
        self.traffic = RequestCount()
        self.redact = Redaction()
        self._passed = 0.0
        retries = Retries(retry_for, self.clock, self.sleep, self._again)
        self.means = HttpContext(
            self.redact, self.traffic, retries, self.wall, self.clock, self.sleep, self.said.append
        )

    def clock(self) -> float:
        return time.monotonic() + self._passed

    def wall(self) -> float:
        return 0.0  # the machine's clock is wrong; a source must not look at it

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._passed += seconds

    def _again(self, failure: Exception, _seconds: float) -> None:
        self.traffic.retry()
        self.said.append(str(failure))


def open_source(settings: dict[str, Any], watched: Watched, secrets: tuple[str, ...] = ()) -> Source:
    for secret in secrets:
        watched.redact.add(secret)
    return registry.open_source(settings_class(settings["type"]).model_validate(settings), Path(), watched.means)


def close(source: Source) -> None:
    """Closes a source as nobody is asking it any more: after an error a page may be under way still."""
    for thread in threading.enumerate():
        if thread.name.startswith("page"):
            thread.join(timeout=10)
    source.close()


@contextmanager
def opening(shop: FakeShop, watched: Watched) -> Iterator[Callable[..., Source]]:
    """Opens the source of a shop with the settings it is called with, as often as that is."""
    with ExitStack() as stack:

        def open_it(**settings: Any) -> Source:
            source = open_source(shop.settings(**settings), watched, shop.secrets())
            stack.callback(close, source)
            return source

        yield open_it


class Reading(NamedTuple):
    """What one walk over a stream gave."""

    rows: list[Row]
    unreadable: list[Unreadable]
    end: StreamEnd | None
    done: int
    total: int | None


def read(source: Source, stream: str, since: str | None = None, stopped: Callable[[], bool] = lambda: False) -> Reading:
    rows: list[Row] = []
    unreadable: list[Unreadable] = []
    last = Chunk(())
    for chunk in source.read(stream, since, stopped):
        assert last.end is None, "a chunk after the end"
        rows += chunk.rows
        unreadable += chunk.unreadable
        last = chunk
    return Reading(rows, unreadable, last.end, last.done, last.total)


@dataclass
class Known:
    """What a run leaves behind: facts by address, and cursors."""

    facts: dict[str, PersonFacts] = field(default_factory=dict)
    cursors: dict[str, str] = field(default_factory=dict)

    def run(self, source: Source) -> dict[str, Person]:
        """Reads all streams since their cursors; everybody known by now, as they are now."""
        readings = {
            stream.name: read(source, stream.name, self.cursors.get(stream.name)) for stream in source.streams()
        }
        complete = {name for name, reading in readings.items() if reading.end is not None and reading.end.complete}
        found: dict[str, list[SourceRecord]] = {}
        for stream in source.streams():
            for row in _owned(stream.owners, readings, stream.name):
                record = source.decode(stream.name, row, lambda _: None)
                found.setdefault(row.email, []).append(SourceRecord(stream.name, row.ident or "", record))
        people = {}
        for email in {*found, *self.facts}:
            person, self.facts[email] = merge(
                email,
                found.get(email, ()),
                self.facts.get(email, NO_FACTS),
                ReadScope(complete, 1_800_000_000, str),
            )
            people[email] = person
        for name, reading in readings.items():
            if reading.end is not None and reading.end.cursor is not None:
                self.cursors[name] = reading.end.cursor
        return people


def _owned(owners: str | None, readings: dict[str, Reading], stream: str) -> Iterator[Row]:
    """The rows of a stream, each at the address of its account; those without any address are left out."""
    accounts = {row.ident: row.email for row in readings[owners].rows} if owners is not None else {}
    for row in readings[stream].rows:
        email = accounts.get(row.owner, row.email) if row.owner is not None else row.email
        if email:
            yield row._replace(email=email)
