"""WooCommerce: customers and their orders, and who subscribed, from a meta key or from MailPoet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from cleverreach_sync.domain.model import ConsentState, Record, Signal
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.failures import Refused
from cleverreach_sync.http.paging import Page, RawRow, keyset_pages, numbered_pages
from cleverreach_sync.sources.interface import Chunk, Finding, Row, Stream, StreamEnd, Unreadable, Warned
from cleverreach_sync.sources.values import read_time, utc_text
from cleverreach_sync.sources.woocommerce.api import PER_PAGE, READERS, WooApi, ident, since
from cleverreach_sync.sources.woocommerce.rows import (
    TRASH,
    customer_record,
    customer_row,
    mailpoet_state,
    modified,
    order_record,
    order_row,
    subscriber_record,
    subscriber_row,
)
from cleverreach_sync.sources.woocommerce.settings import MAILPOET, WooCommerceSettings

OVERLAP: Final = 300  # seconds that are read again: what was being saved while the last run read
CUSTOMERS: Final = "customers"
ORDERS: Final = "orders"


class _Cursor(NamedTuple):
    """Where the reading of orders goes on: changes after `since`; `whole` is when every order was read."""

    since: int
    whole: int | None

    @classmethod
    def parse(cls, text: str | None) -> _Cursor | None:
        times = [read_time(word) for word in (text or "").split()]
        if not times or times[0] is None:
            return None
        return cls(times[0], times[1] if len(times) > 1 else None)

    def __str__(self) -> str:
        return " ".join(utc_text(time) for time in self if time is not None)


class _ReadAll(Exception):
    """Changes are not enough this time."""


def open_source(settings: WooCommerceSettings, base: Path, means: HttpContext) -> WooCommerce:  # noqa: ARG001 - no files
    """The source; nothing is asked of the shop yet."""
    return WooCommerce(settings, means)


class WooCommerce:
    """A WooCommerce shop. Customers are read in full every time, since they cannot be asked for by date; orders by
    their changes once they have been read in full.

    The cursor of orders never passes the newest change that was seen, nor the server's own time, less OVERLAP.
    """

    type = "woocommerce"

    def __init__(self, settings: WooCommerceSettings, means: HttpContext) -> None:
        self.name = settings.tag_source
        self.url: str | None = settings.url
        self._counting = frozenset(settings.buyer_statuses)
        self._rule = settings.meta_rule
        self._asks_mailpoet = settings.subscribed_by == MAILPOET
        self._reconcile_every = settings.reconcile_every
        key = (settings.consumer_key.get_secret_value(), settings.consumer_secret.get_secret_value())
        password = settings.application_password
        login = (settings.username or "", password.get_secret_value()) if password is not None else None
        self._api = WooApi(settings.url, key, login, means)
        self._doubts = self._api.doubts

    @property
    def clock_ahead(self) -> float | None:
        return self._api.clock_ahead

    @property
    def warnings(self) -> Sequence[str]:
        return self._doubts.warnings

    def streams(self) -> Sequence[Stream]:
        consent = {Signal.CONSENT} if self._rule is not None else set()
        found = [
            Stream(CUSTOMERS, frozenset({Signal.PROFILE} | consent), full_read=True),
            Stream(
                ORDERS,
                frozenset({Signal.PROFILE, Signal.PURCHASES} | consent),
                full_read=False,
                owners=CUSTOMERS,
                orphans=True,
            ),
        ]
        if self._asks_mailpoet:
            found.append(Stream(MAILPOET, frozenset({Signal.CONSENT}), full_read=True))
        return found

    def location(self, stream: str) -> str:
        return f"{self.name} {stream}"

    def close(self) -> None:
        self._api.close()

    def read(self, stream: str, since: str | None, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        """Yields pages of at most 100 rows; `done` and `total` are rows of the shop."""
        if stream == ORDERS:
            known = _Cursor.parse(since)
            return self._all_orders(stopped) if known is None else self._changed_orders(known, stopped)
        return self._everybody(stream, stopped)

    def _everybody(self, stream: str, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        rule = self._rule

        def customers(page: int) -> Page:
            return self._api.customers(page, meta=rule is not None)

        fetch, keep = (
            (self._api.subscribers, subscriber_row)
            if stream == MAILPOET
            else (customers, lambda raw: customer_row(raw, rule))
        )
        done = total = 0
        for page in numbered_pages(
            fetch, ident, size=PER_PAGE, what=stream, readers=READERS, stopped=stopped, doubts=self._doubts
        ):
            done += len(page.rows)
            total = max(done, page.total or 0)
            yield _chunk(map(keep, page.rows), done, total)
        if not stopped():
            yield Chunk((), (), done, total, StreamEnd(complete=stream not in self._doubts))

    def _all_orders(self, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        """By ID, which no change moves."""
        now: float | None = None
        newest = done = total = 0
        for page in self._numbered(stopped, orderby="id"):
            now = now or page.at
            newest = max((newest, *map(modified, page.rows)))
            done += len(page.rows)
            total = max(done, page.total or 0)
            yield self._order_chunk(page.rows, done, total)
        for page in self._trashed(stopped):
            yield self._order_chunk(page.rows, done, total)
        if not stopped():
            whole = ORDERS not in self._doubts
            cursor = _moved_on(None, newest, now, whole=int(now) if now else None) if done or whole else None
            yield Chunk((), (), done, total, StreamEnd(complete=whole, cursor=cursor))

    def _changed_orders(self, known: _Cursor, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        try:
            yield from self._changes(known, stopped)
        except _ReadAll:
            yield from self._all_orders(stopped)

    def _changes(self, known: _Cursor, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        """By the time of the change, each page going on a second before the end of the last."""
        first: Page | None = None
        newest = done = 0
        for page in self._keyset(known.since, stopped):
            if first is None:
                first = page
                if self._reconciles(known, page.at):
                    raise _ReadAll
            newest = max((newest, *map(modified, page.rows)))
            done += len(page.rows)
            yield self._order_chunk(page.rows, done, max(done, page.total or 0))
        for page in self._trashed(stopped, modified_after=since(known.since - 1), dates_are_gmt="true"):
            yield self._order_chunk(page.rows, done, done)
        if not stopped() and first is not None:
            cursor = _moved_on(known, newest, first.at, whole=known.whole)
            yield Chunk((), (), done, done, StreamEnd(complete=False, cursor=cursor))

    def _reconciles(self, known: _Cursor, now: float | None) -> bool:
        """Whether it is time to read every order for the consent stated with it."""
        if self._rule is None:
            return False
        return now is None or known.whole is None or now - known.whole >= self._reconcile_every

    def _keyset(self, after: int, stopped: Callable[[], bool]) -> Iterator[Page]:
        def changed(after: int) -> Page:
            page = self._orders(1, orderby="modified", modified_after=since(after), dates_are_gmt="true")
            if any(modified(row) <= after for row in page.rows):
                raise _ReadAll  # WooCommerce before 5.8 does not heed the date
            return page

        def one_second(second: int) -> Iterator[Page]:
            """Rows of one second come in any order; their IDs do not."""
            around = {
                "modified_after": since(second - 1),
                "modified_before": since(second + 1),
                "dates_are_gmt": "true",
            }
            return self._numbered(stopped, orderby="id", **around)

        return keyset_pages(
            changed,
            modified,
            lambda row: (row["id"], str(row.get("date_modified_gmt")), row["status"]),
            after - 1,
            size=PER_PAGE,
            tied=one_second,
            stopped=stopped,
        )

    def _trashed(self, stopped: Callable[[], bool], **query: str | int) -> Iterator[Page]:
        """Orders in the trash are in no other list; what they bought is taken back."""
        try:
            for page in self._numbered(stopped, orderby="id", status=TRASH, **query):
                yield page._replace(rows=[row for row in page.rows if row.get("status") == TRASH])
        except Refused:
            return  # a shop without a trash

    def _numbered(self, stopped: Callable[[], bool], **query: str | int) -> Iterator[Page]:
        return numbered_pages(
            lambda number: self._orders(number, **query),
            ident,
            size=PER_PAGE,
            what=ORDERS,
            readers=READERS,
            stopped=stopped,
            doubts=self._doubts,
        )

    def _orders(self, number: int, **query: str | int) -> Page:
        return self._api.orders(number, meta=self._rule is not None, **query)

    def _order_chunk(self, rows: Sequence[RawRow], done: int, total: int) -> Chunk:
        return _chunk((order_row(raw, self._rule, self._counting) for raw in rows), done, total)

    def decode(self, stream: str, row: Row, warn: Callable[[Warned], None]) -> Record:
        if stream == CUSTOMERS:
            return customer_record(row, self._rule, warn)
        if stream == ORDERS:
            return order_record(row, self._rule, self._counting, warn)
        return subscriber_record(row, warn)

    def inspect(self) -> Iterator[Finding]:
        """One page of every stream."""
        customers = self._api.customers(1, meta=self._rule is not None)
        yield Finding(f"{customers.total} customers at {self.url}")
        orders = self._orders(1, orderby="id")
        counting = sum(raw.get("status") in self._counting for raw in orders.rows)
        seen = sorted({str(raw.get("status")) for raw in orders.rows} - self._counting)
        hint = f"the statuses seen are {', '.join(seen)}; source.buyer_statuses says which count" if seen else None
        words = f"{orders.total} orders; of the first {len(orders.rows)} {counting} make somebody a buyer"
        yield Finding(words, hint if orders.rows and not counting else None)
        yield self._sight_of_consent(customers.rows, orders.rows)

    def _sight_of_consent(self, customers: Sequence[RawRow], orders: Sequence[RawRow]) -> Finding:
        if self._asks_mailpoet:
            page = self._api.subscribers(1)
            yes = sum(mailpoet_state(raw) is ConsentState.YES for raw in page.rows)
            return Finding(f"{page.total} subscribers in MailPoet; of the first {len(page.rows)} {yes} are subscribed")
        if (rule := self._rule) is None:
            return Finding(
                "the shop is not asked who subscribed (subscribed_by: none)",
                "source.subscribed_by, or a file under consent:, says who did; nobody is a subscriber without it",
            )
        values = [rule.find(raw.get("meta_data")) for raw in (*customers, *orders)]
        stated = [rule.consent(value) for value in values if value is not None]
        yes = sum(consent.state is ConsentState.YES for consent in stated)
        words = (
            f"{rule.key}: of the first {len(values)} customers and orders {len(stated)} have it, {yes} of them say yes"
        )
        if not stated:
            return Finding(
                words, "is that the key? WooCommerce hides keys that begin with '_' or the table prefix ('wp_')"
            )
        hint = None if yes else "the values do not mean yes; source.subscribed_values says which do"
        return Finding(words, hint)


def _chunk(found: Any, done: int, total: int) -> Chunk:
    rows: list[Row] = []
    unreadable: list[Unreadable] = []
    for each in found:
        if isinstance(each, Row):
            rows.append(each)
        elif each is not None:
            unreadable.append(each)
    return Chunk(rows, unreadable, done, total)


def _moved_on(known: _Cursor | None, newest: int, now: float | None, *, whole: int | None) -> str | None:
    """The next cursor. A clock that is wrong (that of a proxy, say) costs a second reading, never an order; so does an
    order that was changed in the future, and a server that does not tell the time."""
    if not newest or now is None:
        return None if known is None else str(known._replace(whole=whole))
    return str(_Cursor(int(min(newest, now)) - OVERLAP, whole))
