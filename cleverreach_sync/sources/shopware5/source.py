"""Shopware 5: customers, guests included, their addresses and their orders, over the REST API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cleverreach_sync.domain.model import Signal
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.foreign import identifier
from cleverreach_sync.http.paging import Page
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources import records
from cleverreach_sync.sources.interface import Stream
from cleverreach_sync.sources.shop import ShopSource, ShopStream, Statuses
from cleverreach_sync.sources.shopware5.api import Shopware5Api
from cleverreach_sync.sources.shopware5.inspect import look
from cleverreach_sync.sources.shopware5.lists import NewAndChanged, ShopList, single
from cleverreach_sync.sources.shopware5.rows import (
    CUSTOMER_NEEDS,
    NO_BUYERS,
    ORDER_NEEDS,
    address_record,
    address_row,
    customer_record,
    customer_row,
    order_record,
    order_row,
)
from cleverreach_sync.sources.shopware5.settings import Shopware5Settings
from cleverreach_sync.sources.walks import InFull, Stopped

CUSTOMERS: Final = "customers"
ADDRESSES: Final = "addresses"
ORDERS: Final = "orders"


def open_source(settings: Shopware5Settings, base: Path, means: HttpContext) -> Shopware5:  # noqa: ARG001 - no files
    """The source; nothing is asked of the shop yet."""
    return Shopware5(settings, means)


class Shopware5(ShopSource):
    """A shop made with Shopware 5. Customers are read in full every time, as what they change themselves moves no date;
    orders, and the addresses, by what came in or was changed."""

    def __init__(self, settings: Shopware5Settings, means: HttpContext) -> None:
        api = self._api = Shopware5Api(settings, means)
        only = None if settings.buyer_statuses is None else frozenset(map(str, settings.buyer_statuses))
        self._statuses = Statuses(only, NO_BUYERS)
        self._zone = settings.zone
        self._customers = ShopList(api, "/customers", records.CUSTOMERS, CUSTOMER_NEEDS, self._zone)
        self._orders = ShopList(api, "/orders", records.ORDERS, ORDER_NEEDS, self._zone)
        super().__init__(settings, settings.url, api, list(self._streams(settings)))

    def _streams(self, settings: Shopware5Settings) -> Iterator[ShopStream]:
        statuses, zone = self._statuses, self._zone
        yield ShopStream(
            Stream(CUSTOMERS, frozenset({Signal.PROFILE}), full_read=True),
            InFull(self._customers, self._customers.listing),
            customer_row,
            lambda row, warn: customer_record(row, zone, warn),
        )
        if settings.addresses:
            yield ShopStream(
                Stream(ADDRESSES, frozenset({Signal.PROFILE}), full_read=False),
                NewAndChanged(self._customers, details=single(self._api), also=self._of_new_orders),
                address_row,
                lambda row, warn: address_record(row, zone, warn),
            )
        yield ShopStream(
            Stream(ORDERS, frozenset({Signal.PURCHASES}), full_read=False, owners=CUSTOMERS, orphans=True),
            NewAndChanged(self._orders, every=settings.reconcile_every),
            lambda raw: order_row(raw, statuses),
            lambda row, warn: order_record(row, statuses, zone, warn),
        )

    def _of_new_orders(self, since: int, stopped: Stopped) -> Iterator[Page]:
        """The customers with a new order: it may make somebody a buyer of whose address nothing was kept."""
        for page in self._orders.since("orderTime", since, stopped):
            owners = {identifier(row["customerId"]) for row in page.rows}
            yield Page([{"id": owner} for owner in sorted(filter(None, owners))])

    def inspect(self) -> Iterator[Finding]:
        """The first rows of every list."""
        return look(self._api, self._customers, self._orders, self._statuses)
