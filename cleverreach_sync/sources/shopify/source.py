"""Shopify: one stream of customers, guests included, with consent and a summary of their orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cleverreach_sync.domain.model import Signal
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.messages import Message, say, say_many
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources import records
from cleverreach_sync.sources.interface import Chunk, Row, Stream, StreamEnd
from cleverreach_sync.sources.shop import ShopSource, ShopStream
from cleverreach_sync.sources.shopify.access import Access, no_personal_data
from cleverreach_sync.sources.shopify.changes import Pages, changed_since
from cleverreach_sync.sources.shopify.export import Export, download, prepare
from cleverreach_sync.sources.shopify.queries import INSTALLATION, updated_since
from cleverreach_sync.sources.shopify.rows import Customer, consent_of, read_record
from cleverreach_sync.sources.shopify.settings import ShopifySettings
from cleverreach_sync.sources.values import utc_text
from cleverreach_sync.sources.walks import Cursor, RowOf, Stopped, chunk_of

STREAM: Final = "customers"
OVERLAP: Final = 24 * 3600
"""Seconds that an increment reaches back: Shopify may round a moment to its shop's midnight."""
_CHUNK: Final = 1000
_LOOKED_AT: Final = 50
_TELLING: Final = 10  # customers without a single e-mail address among them, which is no coincidence


def open_source(settings: ShopifySettings, base: Path, means: HttpContext) -> ShopifySource:  # noqa: ARG001 - no files
    """The source; nothing is asked of the shop yet."""
    return ShopifySource(settings, means)


class ShopifySource(ShopSource):
    """Reads everybody by a bulk operation, or who was changed page by page.

    `updated_at` filters increments, but whether a change of consent moves it is unknown; so everybody is read at least
    every `reconcile_every` seconds. A cursor holds the latest change that was read; an increment reaches back from it.
    """

    def __init__(self, settings: ShopifySettings, means: HttpContext) -> None:
        self._settings = settings
        self._means = means
        self._access = Access(settings, means)
        self._doubts = self._access.doubts
        customers = ShopStream(
            Stream(STREAM, frozenset(Signal), full_read=False),
            self._customers,
            lambda customer: customer.row,
            read_record,
        )
        super().__init__(settings, f"https://{settings.shop}", self._access, [customers])

    def location(self, stream: str) -> str:  # noqa: ARG002 - there is one stream
        return self._settings.shop

    def _customers(self, row: RowOf, known: Cursor | None, stopped: Stopped) -> Iterator[Chunk]:
        """Yields chunks of about 1000 customers; `done` and `total` count customers, the first half of them while the
        shop writes its export, the second while it is read.

        Raises UsageError for a wrong shop or version, AuthError for access that is refused, also in part,
        TemporaryError for an export that failed or does not hold what it should.
        """
        self.noted = []
        if known is None:
            yield from self._everybody(row, stopped)
        else:
            total, exact = self._access.count(updated_since(utc_text(known.since - OVERLAP)))
            if exact and not known.is_due(self._access.time, self._settings.reconcile_every):
                yield from self._changes(row, known, total, stopped)
            else:
                yield from self._everybody(row, stopped)
        if (other := self._access.other_version) is not None:
            self.noted.append(
                say(
                    "shopify.answered_with_version",
                    "Shopify answered with API version {answered} instead of {asked}; set source.api_version, or "
                    "update crsync",
                    answered=other,
                    asked=self._settings.api_version,
                )
            )

    def _changes(self, row: RowOf, known: Cursor, total: int, stopped: Stopped) -> Iterator[Chunk]:
        began = self._access.time
        pages = changed_since(self._access, known.since - OVERLAP, stopped)
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
            yield chunk_of(map(row, customers[start : start + _CHUNK]), len(customers), len(customers))
        latest = max((customer.updated_at for customer in customers), default=0)
        cursor = known.moved_on(latest, latest if began is None else began, overlap=0)
        yield Chunk((), (), len(customers), len(customers), StreamEnd(False, str(cursor)))

    def _everybody(self, row: RowOf, stopped: Stopped) -> Iterator[Chunk]:
        total, _ = self._access.count(None)
        began = self._access.time
        export = yield from self._exported(total, stopped)
        if export is not None and _lacks_all(export, total):
            total, _ = self._access.count(None)
            export = yield from self._exported(total, stopped)
            if export is not None and _lacks_all(export, total):
                self._doubts.add(records.CUSTOMERS)
        if export is None:
            return
        total, done, latest, with_email = export.customers, 0, 0, 0
        parts = download(self._access, self._means, export)
        while True:
            try:
                customers = next(parts)
            except StopIteration as end:
                if end.value:
                    self._doubts.add(records.CUSTOMERS)
                break
            if stopped():
                return
            done += len(customers)
            chunk = chunk_of(map(row, customers), (total + done) // 2, max(total, done))
            with_email += len(chunk.rows)
            latest = max(latest, max((customer.updated_at for customer in customers), default=0))
            yield chunk
        if not with_email and done >= _TELLING:
            raise no_personal_data(done)
        # Nobody is gone from where nothing is seen; and where not everybody is, the next run reads all again.
        whole = records.CUSTOMERS not in self._doubts
        complete = (bool(with_email) or not done) and whole
        cursor = None
        if began is not None and whole:
            cursor = str(Cursor.of_all(latest, began, overlap=0))
        yield Chunk((), (), total, total, StreamEnd(complete, cursor))

    def _exported(self, total: int, stopped: Stopped) -> Generator[Chunk, None, Export | None]:
        """Lets the shop write a file of everybody; None when it was stopped."""
        preparing = prepare(self._access, self._means, stopped)
        while True:
            try:
                written = next(preparing)
            except StopIteration as end:
                found: Export | None = end.value
                return found
            self._means.log(
                say_many(
                    "shopify.export_written",
                    "Shopify writes its export: {written:,} of {number:,} customer so far",
                    "Shopify writes its export: {written:,} of {number:,} customers so far",
                    total,
                    written=written,
                )
            )
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
            say_many(
                "shopify.seen",
                "shop {name!r}: {number:,} customer, guests included (API version {version})",
                "shop {name!r}: {number:,} customers, guests included (API version {version})",
                total,
                name=name,
                version=other or asked,
            ),
            None
            if other is None
            else say(
                "shopify.not_served", "source.api_version is {version}, which Shopify does not serve", version=asked
            ),
        )
        if without:
            yield Finding(
                say(
                    "shopify.without_email",
                    "{number} of {seen} customers looked at have no e-mail address",
                    number=without,
                    seen=len(customers),
                ),
                say(
                    "shopify.they_are_invalid",
                    "they count as invalid; limits.max_rejected says how many there may be",
                ),
            )
        yield Finding(_consents(Counter(consent_of(row) for row in rows)))
        yield Finding(_orders(all_of_them="read_all_orders" in scopes))


def _consents(states: Counter[str]) -> Message:
    if not states:
        return say("shopify.consent_seen", "consent can be read")
    listed = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return say("shopify.consents_seen", "consent can be read: {states}", states=listed)


def _orders(*, all_of_them: bool) -> Message:
    if all_of_them:
        return say("shopify.orders_seen", "number, sum and last date of the orders can be read")
    return say(
        "shopify.orders_seen_in_part",
        "number, sum and last date of the orders can be read; a last order older than 60 days may be missing",
    )


def _lacks_all(export: Export, total: int) -> bool:
    """Whether nobody is in it, though somebody should be."""
    return export.url is None and bool(total or export.customers)


def _installation(data: Mapping[str, Any]) -> tuple[str, set[str]]:
    """The name of the shop, and what the app may do there."""
    scopes = data["currentAppInstallation"]["accessScopes"]
    return data["shop"]["name"], {str(scope["handle"]) for scope in scopes}
