"""Magento 2 and Adobe Commerce: customers, whether they subscribed, and orders, over the REST API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from cleverreach_sync.domain.model import Signal
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.foreign import identifier
from cleverreach_sync.http.paging import Keyset, Listing, Page, RawRow, keyset_pages
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources.interface import Stream
from cleverreach_sync.sources.magento2.api import MagentoApi, number
from cleverreach_sync.sources.magento2.criteria import (
    ACCOUNT,
    CUSTOMER,
    ORDER,
    PURCHASE,
    Entity,
    Filter,
    changed_since,
    of_ids,
)
from cleverreach_sync.sources.magento2.inspect import look
from cleverreach_sync.sources.magento2.rows import (
    ACCOUNT_OF,
    changed,
    customer_record,
    customer_row,
    order_record,
    order_row,
)
from cleverreach_sync.sources.magento2.settings import Magento2Settings
from cleverreach_sync.sources.magento2.stores import Stores
from cleverreach_sync.sources.shop import ShopSource, ShopStream, Statuses
from cleverreach_sync.sources.walks import OVERLAP, Cursor, ReadAll, Stopped, ThenChanges

CUSTOMERS: Final = "customers"
ORDERS: Final = "orders"


def open_source(settings: Magento2Settings, base: Path, means: HttpContext) -> Magento2:  # noqa: ARG001 - no files
    """The source; nothing is asked of the shop yet."""
    return Magento2(settings, means)


class Magento2(ShopSource):
    """A shop made with Magento 2. Both lists are read in full once, then by their changes; the customers in full every
    `reconcile_every` seconds, as who subscribes or unsubscribes leaves no trace in any change."""

    def __init__(self, settings: Magento2Settings, means: HttpContext) -> None:
        self._api = MagentoApi(settings, means)
        self._stores = Stores(self._api, settings.websites)
        self._statuses = Statuses(frozenset(settings.buyer_states))
        super().__init__(settings, settings.url, self._api, self._streams(settings.reconcile_every))

    def _streams(self, every: float) -> Sequence[ShopStream]:
        statuses, language = self._statuses, self._stores.language
        return (
            ShopStream(
                Stream(CUSTOMERS, frozenset({Signal.PROFILE, Signal.CONSENT}), full_read=False),
                ThenChanges(
                    partial(self._everything, CUSTOMER),
                    self._changed_customers,
                    changed,
                    Listing(CUSTOMER.words, self._api.doubts),
                    every=every,
                ),
                lambda raw: customer_row(raw, language),
                customer_record,
            ),
            ShopStream(
                Stream(ORDERS, frozenset({Signal.PROFILE, Signal.PURCHASES}), full_read=False, owners=CUSTOMERS),
                ThenChanges(
                    lambda stopped: self._with_accounts(self._everything(ORDER, stopped), stopped),
                    lambda known, stopped: self._with_accounts(self._changed(ORDER, known, stopped), stopped),
                    changed,
                    Listing(ORDER.words, self._api.doubts),
                ),
                lambda raw: order_row(raw, statuses, language),
                lambda row, warn: order_record(row, statuses, warn),
            ),
        )

    def _walk(self, entity: Entity, filters: Sequence[Filter], stopped: Stopped) -> Iterator[Page]:
        """A list by ID, which no change moves."""
        key: Callable[[RawRow], int] = partial(number, entity)
        fetch = partial(self._api.above, entity, filters)
        return keyset_pages(Keyset(fetch, key, key, self._api.limit), 0, stopped)

    def _whole(self, entity: Entity, filters: Sequence[Filter], stopped: Stopped) -> Iterator[Page]:
        """Likewise; a walk that showed fewer rows than there are is doubted, unless they were deleted meanwhile."""
        count = total = 0
        for page in self._walk(entity, filters, stopped):
            total = total or page.total or 0
            count += len(page.rows)
            yield page
        if count < total and not stopped() and count < (self._api.first(entity, filters, most=1).total or 0):
            self._api.doubts.add(entity.words)

    def _limits(self, entity: Entity) -> list[Filter]:
        return self._stores.of_customers() if entity.path == CUSTOMER.path else self._stores.of_orders()

    def _everything(self, entity: Entity, stopped: Stopped) -> Iterator[Page]:
        for place, page in enumerate(self._whole(entity, self._limits(entity), stopped)):
            if not (place or page.rows or page.total):
                self._api.check_filters(entity)
            yield page

    def _changed(self, entity: Entity, known: Cursor, stopped: Stopped) -> Iterator[Page]:
        """What was changed in a list. The newest change that was seen is newer than the cursor. Where nothing is, that
        row is gone, or the shop did not understand the filter; where older rows come, it did not heed it."""
        filters = [*self._limits(entity), changed_since(known.since)]
        for place, page in enumerate(self._whole(entity, filters, stopped)):
            if not place and (not page.rows or any(changed(row) < known.since for row in page.rows)):
                raise ReadAll
            yield page

    def _changed_customers(self, known: Cursor, stopped: Stopped) -> Iterator[Page]:
        seen: set[int] = set()
        for page in self._changed(CUSTOMER, known, stopped):
            seen.update(number(CUSTOMER, row) for row in page.rows)
            yield page
        yield from self._of_changed_orders(known, seen, stopped)

    def _of_changed_orders(self, known: Cursor, seen: set[int], stopped: Stopped) -> Iterator[Page]:
        """Customers, but for those `seen`, with an order that was changed since all customers were read: it may make
        somebody a buyer of whose names and addresses nothing was kept."""
        since = changed_since(max(known.since, known.whole - OVERLAP))
        for page in self._whole(PURCHASE, [*self._stores.of_orders(), since], stopped):
            owners = {int(owner) for row in page.rows if (owner := identifier(row.get("customer_id")))} - seen
            seen |= owners
            yield from self._of(CUSTOMER, self._stores.of_customers(), owners, stopped)

    def _with_accounts(self, pages: Iterable[Page], stopped: Stopped) -> Iterator[Page]:
        """Every order with the account that it belongs to, as that is now: an order keeps the address of its day."""
        for page in pages:
            owners = [identifier(row.get("customer_id")) for row in page.rows]
            accounts: dict[str, Any] = {}
            for found in self._of(ACCOUNT, (), {int(owner) for owner in owners if owner}, stopped):
                accounts |= {
                    str(number(ACCOUNT, row)): row for row in found.rows if self._stores.is_read(row.get("website_id"))
                }
            yield page._replace(
                rows=[
                    {**row, ACCOUNT_OF: accounts.get(owner or "")} for row, owner in zip(page.rows, owners, strict=True)
                ]
            )

    def _of(self, entity: Entity, limits: Sequence[Filter], idents: set[int], stopped: Stopped) -> Iterator[Page]:
        """The customers with some IDs."""
        if not idents:
            return
        found = 0
        for page in self._walk(entity, [*limits, of_ids(map(str, sorted(idents)))], stopped):
            found += len(page.rows)
            yield page
        if not (found or limits or stopped()):
            self._api.check_filters(entity)

    def inspect(self) -> Iterator[Finding]:
        """The first rows of every list. What the integration may not read is told all at once."""
        return look(self._api, self._stores, self._statuses)
