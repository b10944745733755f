"""Shopify: one stream of customers, guests included, with consent and a summary of their orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from cleverreach_sync.domain.model import Record, Signal
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.paging import Doubts
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources.interface import Chunk, Row, Stream, StreamEnd, Unreadable, Warned
from cleverreach_sync.sources.shopify.access import Access, no_personal_data
from cleverreach_sync.sources.shopify.changes import Pages, changed_since
from cleverreach_sync.sources.shopify.export import Export, download, prepare
from cleverreach_sync.sources.shopify.queries import INSTALLATION, updated_since
from cleverreach_sync.sources.shopify.rows import Customer, consent_of, read_record
from cleverreach_sync.sources.shopify.settings import ShopifySettings
from cleverreach_sync.sources.values import read_time, utc_text

STREAM: Final = "customers"
OVERLAP: Final = 24 * 3600
"""Seconds that an increment reaches back: Shopify may round a moment to its shop's midnight."""
_CHUNK: Final = 1000
_LOOKED_AT: Final = 50
_TELLING: Final = 10  # customers without a single e-mail address among them, which is no coincidence


class Cursor(NamedTuple):
    """Where the next increment goes on: unix seconds of the latest change that was read, and of the last time that
    everybody was read, both by the shop's clock."""

    changed: int
    everybody: int

    @classmethod
    def parse(cls, text: str | None) -> Cursor | None:
        """None for what is no cursor; then everybody is read."""
        try:
            known = orjson.loads(text or "")
            changed, everybody = read_time(known["changed"]), read_time(known["everybody"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return None
        return None if changed is None or everybody is None else cls(changed, everybody)

    def __str__(self) -> str:
        return orjson.dumps({"changed": utc_text(self.changed), "everybody": utc_text(self.everybody)}).decode()


def open_source(settings: ShopifySettings, base: Path, means: HttpContext) -> ShopifySource:  # noqa: ARG001 - no files
    """The source; nothing is asked of the shop yet."""
    return ShopifySource(settings, means)


class ShopifySource:
    """Reads everybody by a bulk operation, or who was changed page by page.

    `updated_at` filters increments, but whether a change of consent moves it is unknown; so everybody is read at least
    every `reconcile_every` seconds.
    """

    type = "shopify"

    def __init__(self, settings: ShopifySettings, means: HttpContext) -> None:
        self.name = settings.tag_source
        self.url = f"https://{settings.shop}"
        self._noted: list[str] = []
        self._doubts = Doubts()
        self._settings = settings
        self._means = means
        self._access = Access(settings, means)

    @property
    def clock_ahead(self) -> float | None:
        return self._access.clock_ahead

    @property
    def warnings(self) -> Sequence[str]:
        return [*self._noted, *self._doubts.warnings]

    def streams(self) -> Sequence[Stream]:
        return (Stream(STREAM, frozenset(Signal), full_read=False),)

    def location(self, stream: str) -> str:  # noqa: ARG002 - there is one stream
        return self._settings.shop

    def decode(self, stream: str, row: Row, warn: Callable[[Warned], None]) -> Record:  # noqa: ARG002
        return read_record(row, warn)

    def close(self) -> None:
        self._access.close()

    def read(self, stream: str, since: str | None, stopped: Callable[[], bool]) -> Iterator[Chunk]:  # noqa: ARG002
        """Yields chunks of about 1000 customers; `done` and `total` count customers, the first half of them while the
        shop writes its export, the second while it is read.

        Raises UsageError for a wrong shop or version, AuthError for access that is refused, also in part,
        TemporaryError for an export that failed or does not hold what it should.
        """
        self._noted = []
        cursor = Cursor.parse(since)
        if cursor is None:
            yield from self._everybody(stopped)
        else:
            moment = cursor.changed - OVERLAP
            total, exact = self._access.count(updated_since(utc_text(moment)))
            if exact and not self._is_due(cursor):
                yield from self._changes(cursor, total, stopped)
            else:
                yield from self._everybody(stopped)
        if (other := self._access.other_version) is not None:
            self._noted.append(
                f"Shopify answered with API version {other} in place of {self._settings.api_version}; "
                "set source.api_version, or update crsync"
            )

    def _is_due(self, cursor: Cursor) -> bool:
        """Whether everybody is to be read; also where the shop's clock says nothing, or was put back."""
        now = self._access.time
        return now is None or not 0 <= now - cursor.everybody < self._settings.reconcile_every

    def _changes(self, cursor: Cursor, total: int, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        began = self._access.time
        pages = changed_since(self._access, cursor.changed - OVERLAP, stopped)
        customers: list[Customer] | None = None
        while True:
            try:
                yield Chunk((), (), next(pages), total)
            except StopIteration as end:
                customers = end.value
                break
        if customers is None:
            return
        for start in range(0, len(customers), _CHUNK):
            yield _chunk(customers[start : start + _CHUNK], len(customers), len(customers))
        latest = max((customer.updated_at for customer in customers), default=cursor.changed)
        changed = max(cursor.changed, latest if began is None else min(latest, began))
        yield Chunk((), (), len(customers), len(customers), StreamEnd(False, str(Cursor(changed, cursor.everybody))))

    def _everybody(self, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        total, _ = self._access.count(None)
        began = self._access.time
        export = yield from self._exported(total, stopped)
        if export is not None and _lacks_all(export, total):
            total, _ = self._access.count(None)
            export = yield from self._exported(total, stopped)
            if export is not None and _lacks_all(export, total):
                self._doubts.add(STREAM)
        if export is None:
            return
        total, done, latest, with_email = export.customers, 0, 0, 0
        parts = download(self._access, self._means, export)
        while True:
            try:
                customers = next(parts)
            except StopIteration as end:
                if end.value:
                    self._doubts.add(STREAM)
                break
            if stopped():
                return
            done += len(customers)
            chunk = _chunk(customers, (total + done) // 2, max(total, done))
            with_email += len(chunk.rows)
            latest = max(latest, max((customer.updated_at for customer in customers), default=0))
            yield chunk
        if not with_email and done >= _TELLING:
            raise no_personal_data(done)
        # Nobody is gone from where nothing is seen; and where not everybody is, the next run reads all again.
        whole = STREAM not in self._doubts
        complete = (bool(with_email) or not done) and whole
        cursor = None
        if began is not None and whole:
            cursor = str(Cursor(min(latest, began) if latest else began, began))
        yield Chunk((), (), total, total, StreamEnd(complete, cursor))

    def _exported(self, total: int, stopped: Callable[[], bool]) -> Generator[Chunk, None, Export | None]:
        """Lets the shop write a file of everybody; None when it was stopped."""
        preparing = prepare(self._access, self._means, stopped)
        while True:
            try:
                written = next(preparing)
            except StopIteration as end:
                found: Export | None = end.value
                return found
            self._means.log(f"Shopify writes its export: {written} of {total} customers so far")
            yield Chunk((), (), min(written, total) // 2, total)

    def inspect(self) -> Iterator[Finding]:
        name, scopes = self._access.ask(INSTALLATION, _installation)
        other, asked = self._access.other_version, self._settings.api_version
        total, _ = self._access.count(None)
        customers, _ = Pages(self._access, _LOOKED_AT).page(None, None)
        rows = [customer.row for customer in customers if isinstance(customer.row, Row)]
        without = len(customers) - len(rows)
        if not rows and without >= _TELLING:
            raise no_personal_data(total)
        yield Finding(
            f"shop {name!r}: {total} customers, guests included (API version {other or asked})",
            None if other is None else f"source.api_version is {asked}, which Shopify does not serve",
        )
        if without:
            yield Finding(
                f"{without} of {len(customers)} customers looked at have no e-mail address",
                "they count as invalid; limits.max_rejected says how many may be",
            )
        states = Counter(consent_of(row) for row in rows)
        words = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        yield Finding(f"consent can be read{': ' if words else ''}{words}")
        old = "" if "read_all_orders" in scopes else "; a last order older than 60 days may be missing"
        yield Finding(f"number, sum and last date of the orders can be read{old}")


def _lacks_all(export: Export, total: int) -> bool:
    """Whether nobody is in it, though somebody should be."""
    return export.url is None and bool(total or export.customers)


def _installation(data: Mapping[str, Any]) -> tuple[str, set[str]]:
    """The name of the shop, and what the app may do there."""
    scopes = data["currentAppInstallation"]["accessScopes"]
    return data["shop"]["name"], {str(scope["handle"]) for scope in scopes}


def _chunk(customers: Sequence[Customer], done: int, total: int) -> Chunk:
    rows = [customer.row for customer in customers if isinstance(customer.row, Row)]
    unreadable = [customer.row for customer in customers if isinstance(customer.row, Unreadable)]
    return Chunk(rows, unreadable, done, total)
