"""Shopware 6: customers, guests included, their orders, and the recipients of the newsletter, over the Admin API."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from cleverreach_sync.domain.model import Signal
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.paging import Listing, Page, RawRow
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources.interface import Stream
from cleverreach_sync.sources.shop import ShopSource, ShopStream, Statuses
from cleverreach_sync.sources.shopware6.api import ShopwareApi
from cleverreach_sync.sources.shopware6.channels import SalesChannels
from cleverreach_sync.sources.shopware6.criteria import (
    ACCOUNT,
    CUSTOMER,
    ORDER,
    PURCHASE,
    RECIPIENT,
    SUBSCRIPTION,
    Entity,
    Filter,
    changed_since,
    created_until,
    newest,
    of_accounts,
    of_addresses,
    of_ids,
)
from cleverreach_sync.sources.shopware6.inspect import look
from cleverreach_sync.sources.shopware6.lists import Lists, Shown
from cleverreach_sync.sources.shopware6.rows import (
    CANCELLED,
    customer_record,
    customer_row,
    order_record,
    order_row,
    recipient_record,
    recipient_row,
)
from cleverreach_sync.sources.shopware6.settings import Shopware6Settings
from cleverreach_sync.sources.walks import OVERLAP, Cursor, Stopped, ThenChanges

CUSTOMERS: Final = "customers"
ORDERS: Final = "orders"
RECIPIENTS: Final = "recipients"


def open_source(settings: Shopware6Settings, base: Path, means: HttpContext) -> Shopware6:  # noqa: ARG001 - no files
    """The source; nothing is asked of the shop yet."""
    return Shopware6(settings, means)


class Shopware6(ShopSource):
    """A shop made with Shopware 6. Every list is read in full once, then by its changes; the newsletter's recipients
    are read in full every `reconcile_every` seconds, as one who is deleted leaves no trace in any change."""

    def __init__(self, settings: Shopware6Settings, means: HttpContext) -> None:
        self._api = ShopwareApi(settings, means)
        self._lists = Lists(self._api)
        self._statuses = Statuses(
            None if settings.buyer_states is None else frozenset(settings.buyer_states), CANCELLED
        )
        self._channels = SalesChannels(self._api, settings.sales_channels)
        super().__init__(settings, settings.url, self._api, self._streams(settings.reconcile_every))

    def _streams(self, every: float) -> Sequence[ShopStream]:
        statuses, channels = self._statuses, self._channels
        return (
            ShopStream(
                Stream(CUSTOMERS, frozenset({Signal.PROFILE}), full_read=False),
                self._walk(CUSTOMER, self._changed_customers),
                customer_row,
                customer_record,
            ),
            ShopStream(
                Stream(ORDERS, frozenset({Signal.PROFILE, Signal.PURCHASES}), full_read=False, owners=CUSTOMERS),
                self._walk(ORDER, self._changed_orders),
                lambda raw: order_row(raw, statuses, channels.chosen()),
                lambda row, warn: order_record(row, statuses, warn),
            ),
            ShopStream(
                Stream(RECIPIENTS, frozenset({Signal.PROFILE, Signal.CONSENT}), full_read=False),
                self._walk(RECIPIENT, self._changed_recipients, every),
                recipient_row,
                recipient_record,
            ),
        )

    def _walk(
        self, entity: Entity, changes: Callable[[Cursor, Stopped], Iterator[Page]], every: float | None = None
    ) -> ThenChanges:
        listing = Listing(entity.words, self._api.doubts)
        return ThenChanges(partial(self._everything, entity), changes, partial(newest, entity), listing, every=every)

    def _everything(self, entity: Entity, stopped: Stopped) -> Iterator[Page]:
        limits = self._channels.filters()
        began: int | None = None
        old: Shown | None = None
        for page in self._lists.all(entity, limits, stopped):
            if old is None:
                began = None if page.at is None else int(page.at)
                old = Shown(None if began is None else (began - OVERLAP) * 1000)
            old.add(page.rows)
            yield page
        if began is not None and old is not None and not stopped():
            self._lists.check_whole(entity, [*limits, created_until(began - OVERLAP)], old, stopped)

    def _changed(self, entity: Entity, known: Cursor, seen: set[str], stopped: Stopped) -> Iterator[Page]:
        """What was changed in a list; `seen` gets the IDs."""
        limits = [*self._channels.filters(), changed_since(entity, known.since)]
        total: int | None = None
        shown = Shown()
        for page in self._lists.walk(entity, limits, stopped, counted=True):
            total = page.total or 0 if total is None else total
            shown.add(row for row in page.rows if row["id"] not in seen)
            seen.update(row["id"] for row in page.rows)
            yield page
        if shown.number < (total or 0) and not stopped():
            self._lists.check_whole(entity, limits, shown, stopped)

    def _changed_customers(self, known: Cursor, stopped: Stopped) -> Iterator[Page]:
        seen: set[str] = set()
        yield from self._changed(CUSTOMER, known, seen, stopped)
        yield from self._of_changed_facts(known, seen, stopped)

    def _changed_orders(self, known: Cursor, stopped: Stopped) -> Iterator[Page]:
        yield from self._changed(ORDER, known, set(), stopped)

    def _changed_recipients(self, known: Cursor, stopped: Stopped) -> Iterator[Page]:
        yield from self._changed(RECIPIENT, known, set(), stopped)
        yield from self._of_changed_accounts(known, stopped)

    def _of_changed_facts(self, known: Cursor, seen: Collection[str], stopped: Stopped) -> Iterator[Page]:
        """Customers, but for those `seen`, with an order or a newsletter entry that was changed: it may make somebody a
        buyer or subscriber of whose names and addresses nothing was kept."""
        limits = self._channels.filters()
        changed = [*limits, changed_since(PURCHASE, known.since)]
        for orders in self._lists.walk(PURCHASE, changed, stopped, counted=True):
            owners = {_owner(row) for row in orders.rows}.difference(seen, ("",))
            yield from self._customers([*limits, of_ids(sorted(owners))] if owners else [], seen, stopped)
        changed = [*limits, changed_since(SUBSCRIPTION, known.since)]
        for entries in self._lists.walk(SUBSCRIPTION, changed, stopped, counted=True):
            emails = {row["email"] for row in entries.rows if isinstance(row.get("email"), str)}
            yield from self._customers([*limits, of_addresses(sorted(emails))] if emails else [], seen, stopped)

    def _customers(self, filters: Sequence[Filter], seen: Collection[str], stopped: Stopped) -> Iterator[Page]:
        """Those of some filters, none without any."""
        for page in self._lists.walk(CUSTOMER, filters, stopped, counted=True) if filters else ():
            yield page._replace(rows=[row for row in page.rows if row["id"] not in seen])

    def _of_changed_accounts(self, known: Cursor, stopped: Stopped) -> Iterator[Page]:
        """Recipients with the address of an account that was changed, and how new these changes are: when an account
        gets another address, the newsletter follows without any date."""
        filters = [of_accounts(), changed_since(ACCOUNT, max(known.since, known.whole - OVERLAP))]
        for accounts in self._lists.walk(ACCOUNT, filters, stopped, counted=True):
            latest = max((newest(ACCOUNT, row) for row in accounts.rows), default=0)
            emails = [row["email"] for row in accounts.rows if row.get("email")]
            theirs = [*self._channels.filters(), of_addresses(emails)]
            for page in self._lists.walk(RECIPIENT, theirs, stopped, counted=True) if emails else ():
                yield page._replace(newest=latest)
            yield Page((), newest=latest)

    def inspect(self) -> Iterator[Finding]:
        """The first rows of every list. What the integration may not read is told all at once."""
        return look(self._api, self._channels, self._statuses)


def _owner(row: RawRow) -> str:
    buyer = row.get("orderCustomer")
    owner = buyer.get("customerId") if isinstance(buyer, dict) else None
    return owner if isinstance(owner, str) else ""
