"""WooCommerce: customers and their orders, and who subscribed, from a meta key or from MailPoet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cleverreach_sync.domain.model import Signal
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.failures import Refused
from cleverreach_sync.http.paging import Keyset, Listing, Page, keyset_pages
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources import records
from cleverreach_sync.sources.interface import Stream
from cleverreach_sync.sources.shop import ShopSource, ShopStream, Statuses
from cleverreach_sync.sources.walks import ByNumber, Cursor, InFull, ReadAll, Stopped, ThenChanges
from cleverreach_sync.sources.woocommerce.api import PER_PAGE, READERS, WooApi, ident, since
from cleverreach_sync.sources.woocommerce.inspect import look
from cleverreach_sync.sources.woocommerce.rows import (
    TRASH,
    customer_record,
    customer_row,
    modified,
    order_record,
    order_row,
    subscriber_record,
    subscriber_row,
)
from cleverreach_sync.sources.woocommerce.settings import MAILPOET, WooCommerceSettings

CUSTOMERS: Final = "customers"
ORDERS: Final = "orders"


def open_source(settings: WooCommerceSettings, base: Path, means: HttpContext) -> WooCommerce:  # noqa: ARG001 - no files
    """The source; nothing is asked of the shop yet."""
    return WooCommerce(settings, means)


class WooCommerce(ShopSource):
    """A WooCommerce shop. Customers are read in full every time, since they cannot be asked for by date; orders by
    their changes once they have been read in full."""

    def __init__(self, settings: WooCommerceSettings, means: HttpContext) -> None:
        self._rule = settings.meta_rule
        self._statuses = Statuses(frozenset(settings.buyer_statuses))
        self._asks_mailpoet = settings.subscribed_by == MAILPOET
        self._reconcile_every = settings.reconcile_every
        self._zone = settings.zone
        key = (settings.consumer_key.get_secret_value(), settings.consumer_secret.get_secret_value())
        password = settings.application_password
        login = (settings.username or "", password.get_secret_value()) if password is not None else None
        self._api = WooApi(settings.url, key, login, means)
        super().__init__(settings, settings.url, self._api, list(self._streams()))

    def _streams(self) -> Iterator[ShopStream]:
        api, rule, counting, zone = self._api, self._rule, self._statuses.only or (), self._zone
        consent = {Signal.CONSENT} if rule is not None else set()
        told_by = "" if rule is None else rule.text
        customers = ByNumber(
            lambda page: api.customers(page, meta=rule is not None),
            ident,
            Listing(records.CUSTOMERS, api.doubts),
            size=PER_PAGE,
            readers=READERS,
        )
        yield ShopStream(
            Stream(CUSTOMERS, frozenset({Signal.PROFILE} | consent), full_read=True, told_by=told_by),
            InFull(customers, Listing(records.CUSTOMERS, api.doubts)),
            lambda raw: customer_row(raw, rule),
            lambda row, warn: customer_record(row, rule, warn),
        )
        orders = frozenset({Signal.PROFILE, Signal.PURCHASES} | consent)
        yield ShopStream(
            Stream(ORDERS, orders, full_read=False, owners=CUSTOMERS, orphans=True, told_by=told_by),
            ThenChanges(
                self._all_orders,
                self._changed_orders,
                modified,
                Listing(records.ORDERS, api.doubts),
                every=None if rule is None else self._reconcile_every,
                ordered=True,
            ),
            lambda raw: order_row(raw, rule, counting),
            lambda row, warn: order_record(row, rule, counting, warn),
        )
        if self._asks_mailpoet:
            listing = Listing(records.SUBSCRIBERS, api.doubts)
            subscribers = ByNumber(api.subscribers, ident, listing, size=PER_PAGE, readers=READERS)
            yield ShopStream(
                Stream(MAILPOET, frozenset({Signal.CONSENT}), full_read=True),
                InFull(subscribers, listing),
                subscriber_row,
                lambda row, warn: subscriber_record(row, warn, zone),
            )

    def _all_orders(self, stopped: Stopped) -> Iterator[Page]:
        """By ID, which no change moves."""
        yield from self._numbered(stopped, orderby="id")
        yield from self._trashed(stopped)

    def _changed_orders(self, known: Cursor, stopped: Stopped) -> Iterator[Page]:
        """By the time of the change, each page going on a second before the end of the last."""
        yield from self._keyset(known.since, stopped)
        yield from self._trashed(stopped, modified_after=since(known.since - 1), dates_are_gmt="true")

    def _keyset(self, after: int, stopped: Stopped) -> Iterator[Page]:
        def changed(after: int) -> Page:
            page = self._orders(1, orderby="modified", modified_after=since(after), dates_are_gmt="true")
            if any(modified(row) <= after for row in page.rows):
                raise ReadAll  # WooCommerce before 5.8 does not heed the date
            return page

        def one_second(second: int) -> Iterator[Page]:
            """Rows of one second come in any order; their IDs do not."""
            around = {
                "modified_after": since(second - 1),
                "modified_before": since(second + 1),
                "dates_are_gmt": "true",
            }
            return self._numbered(stopped, orderby="id", **around)

        pages = Keyset(
            changed,
            modified,
            lambda row: (row["id"], str(row.get("date_modified_gmt")), row["status"]),
            PER_PAGE,
            tied=one_second,
        )
        return keyset_pages(pages, after - 1, stopped)

    def _trashed(self, stopped: Stopped, **query: str | int) -> Iterator[Page]:
        """Orders in the trash are in no other list; what they bought is taken back."""
        try:
            for page in self._numbered(stopped, orderby="id", status=TRASH, **query):
                yield page._replace(rows=[row for row in page.rows if row.get("status") == TRASH], total=None)
        except Refused:
            return  # a shop without a trash

    def _numbered(self, stopped: Stopped, **query: str | int) -> Iterator[Page]:
        pages = ByNumber(
            lambda number: self._orders(number, **query),
            ident,
            Listing(records.ORDERS, self._api.doubts),
            size=PER_PAGE,
            readers=READERS,
        )
        return pages(stopped)

    def _orders(self, number: int, **query: str | int) -> Page:
        return self._api.orders(number, meta=self._rule is not None, **query)

    def inspect(self) -> Iterator[Finding]:
        """One page of every stream."""
        return look(self._api, self._rule, self._statuses, mailpoet=self._asks_mailpoet)
