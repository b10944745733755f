"""Shopware 6: customers, guests included, their orders, and the recipients of the newsletter, over the Admin API."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from cleverreach_sync.domain.model import Record, Signal
from cleverreach_sync.errors import TemporaryError
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.paging import Page, RawRow, keyset_pages, numbered_pages
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources.interface import Chunk, Row, Stream, StreamEnd, Unreadable, Warned
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
    beyond,
    changed_since,
    created_at,
    created_until,
    milliseconds_of,
    newest,
    of_accounts,
    of_addresses,
    of_ids,
)
from cleverreach_sync.sources.shopware6.inspect import look
from cleverreach_sync.sources.shopware6.rows import (
    States,
    customer_record,
    customer_row,
    order_record,
    order_row,
    recipient_record,
    recipient_row,
)
from cleverreach_sync.sources.shopware6.settings import Shopware6Settings
from cleverreach_sync.sources.values import read_time, utc_text

OVERLAP: Final = 300  # seconds that are read again: what was being saved while the last run read
CUSTOMERS: Final = "customers"
ORDERS: Final = "orders"
RECIPIENTS: Final = "recipients"
_ENTITIES: Final = {CUSTOMERS: CUSTOMER, ORDERS: ORDER, RECIPIENTS: RECIPIENT}
_FROM_THE_START: Final = -1


class _Cursor(NamedTuple):
    """Where the reading goes on: changes since `since`; `whole` is when everything was read. Unix seconds by the shop's
    clock."""

    since: int
    whole: int

    @classmethod
    def parse(cls, text: str | None) -> _Cursor | None:
        """None for what is no cursor; then everything is read."""
        times = [time for word in (text or "").split() if (time := read_time(word)) is not None]
        return cls(*times) if len(times) == len(cls._fields) else None

    def __str__(self) -> str:
        return " ".join(map(utc_text, self))


class _Shown:
    """How many rows a walk showed, and which: their order does not count."""

    def __init__(self, until: int | None = None) -> None:
        self._until = until
        self.number = 0
        self._sum = 0

    def add(self, rows: Iterable[RawRow]) -> None:
        """Those created until then, in milliseconds; None: all."""
        for row in rows:
            if self._until is None or (milliseconds_of(row.get("createdAt")) or 0) <= self._until:
                self.number += 1
                self._sum += hash(row["id"])

    def agrees(self, other: _Shown) -> bool:
        return (self.number, self._sum) == (other.number, other._sum)


class _ReadAll(Exception):
    """Changes are not enough this time."""


def open_source(settings: Shopware6Settings, base: Path, means: HttpContext) -> Shopware6:  # noqa: ARG001 - no files
    """The source; nothing is asked of the shop yet."""
    return Shopware6(settings, means)


class Shopware6:
    """A shop made with Shopware 6. Every list is read in full once, then by its changes; the newsletter's recipients
    are read in full every `reconcile_every` seconds, as one who is deleted leaves no trace.

    Lists are walked along a key that no change moves, so nothing that changes meanwhile is lost or doubled. A cursor
    never passes the newest change that was seen, nor the server's own time at the beginning, less OVERLAP.
    """

    type = "shopware6"

    def __init__(self, settings: Shopware6Settings, means: HttpContext) -> None:
        self.name = settings.tag_source
        self.url: str | None = settings.url
        self._api = ShopwareApi(settings, means)
        self._states = States(None if settings.buyer_states is None else frozenset(settings.buyer_states))
        self._channels = SalesChannels(self._api, settings.sales_channels)
        self._reconcile_every = settings.reconcile_every

    @property
    def clock_ahead(self) -> float | None:
        return self._api.clock_ahead

    @property
    def warnings(self) -> Sequence[str]:
        return self._api.doubts.warnings

    def streams(self) -> Sequence[Stream]:
        return (
            Stream(CUSTOMERS, frozenset({Signal.PROFILE}), full_read=False),
            Stream(ORDERS, frozenset({Signal.PROFILE, Signal.PURCHASES}), full_read=False, owners=CUSTOMERS),
            Stream(RECIPIENTS, frozenset({Signal.PROFILE, Signal.CONSENT}), full_read=False),
        )

    def location(self, stream: str) -> str:
        return f"{self.name} {stream}"

    def close(self) -> None:
        self._api.close()

    def decode(self, stream: str, row: Row, warn: Callable[[Warned], None]) -> Record:
        if stream == CUSTOMERS:
            return customer_record(row, warn)
        return order_record(row, self._states, warn) if stream == ORDERS else recipient_record(row, warn)

    def read(self, stream: str, since: str | None, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        """Yields pages of at most 500 rows; `done` and `total` are rows of the shop.

        Raises UsageError for a wrong address or an unknown sales channel, AuthError for access that is refused, also in
        part, TemporaryError for a list that is not whole.
        """
        known = _Cursor.parse(since)
        if known is not None:
            try:
                yield from self._changes(stream, known, stopped)
            except _ReadAll:
                pass
            else:
                return
        yield from self._everything(stream, stopped)

    def _everything(self, stream: str, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        entity, limits = _ENTITIES[stream], self._channels.filters()
        began: int | None = None
        latest = done = total = 0
        old = _Shown()
        for page in self._all(entity, limits, stopped):
            if not done:
                began, total = None if page.at is None else int(page.at), page.total or 0
                old = _Shown(None if began is None else (began - OVERLAP) * 1000)
            old.add(page.rows)
            done += len(page.rows)
            latest = max(latest, max((newest(entity, row) for row in page.rows), default=0))
            yield self._chunk(stream, page.rows, done, max(done, total))
        if stopped():
            return
        if began is not None:
            self._check_whole(entity, [*limits, created_until(began - OVERLAP)], old, stopped)
        complete = entity.words not in self._api.doubts
        cursor = None
        if began is not None and complete:  # else everything is read by the next run, too
            cursor = str(_Cursor(min(latest or began, began) - OVERLAP, began))
        yield Chunk((), (), done, done, StreamEnd(complete=complete, cursor=cursor))

    def _check_whole(
        self, entity: Entity, filters: Sequence[Filter], shown: _Shown, stopped: Callable[[], bool]
    ) -> None:
        """An answer that was empty by mistake looks like the end of a list, and who comes after it like somebody who is
        gone, or was not changed. What is older than the reading can only have become less. Where a second walk shows
        the same, the shop counts others than it shows; nobody is gone then."""
        there = self._api.count(entity, filters)
        if there <= shown.number:
            return
        again = _Shown()
        for page in self._walk(entity, filters, stopped, counted=False, to_empty=True):
            again.add(page.rows)
        if shown.agrees(again) and not stopped():
            self._api.doubts.add(entity.words)
        elif not stopped():
            raise TemporaryError(
                f"the shop has {there} {entity.words}, but showed only {shown.number} of them",
                hint="run again; if this stays so, look for a cache or a plug-in that changes the answers of the API",
            )

    def _changes(self, stream: str, known: _Cursor, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        entity = _ENTITIES[stream]
        limits = [*self._channels.filters(), changed_since(entity, known.since)]
        began: int | None = None
        latest = done = total = 0
        seen: set[str] = set()
        shown = _Shown()
        for page in self._walk(entity, limits, stopped, counted=True):
            if began is None:
                if page.at is None or self._is_due(stream, known, page.at):
                    raise _ReadAll
                began, total = int(page.at), page.total or 0
            done += len(page.rows)
            shown.add(row for row in page.rows if row["id"] not in seen)
            seen.update(row["id"] for row in page.rows)
            latest = max(latest, max((newest(entity, row) for row in page.rows), default=0))
            yield self._chunk(stream, page.rows, done, max(done, total))
        if shown.number < total and not stopped():
            self._check_whole(entity, limits, shown, stopped)
        if stream == CUSTOMERS:
            for page in self._of_changed_facts(known, seen, stopped):
                done += len(page.rows)
                yield self._chunk(stream, page.rows, done, max(done, total))
        if stream == RECIPIENTS:
            for accounts, page in self._of_changed_accounts(known, stopped):
                done += len(page.rows)
                latest = max(latest, accounts)
                yield self._chunk(stream, page.rows, done, max(done, total))
        if not stopped() and began is not None:
            since = min(latest, began) - OVERLAP if latest else known.since
            cursor = known._replace(since=max(known.since, since))
            whole = entity.words not in self._api.doubts
            yield Chunk((), (), done, done, StreamEnd(complete=False, cursor=str(cursor) if whole else None))

    def _of_changed_facts(self, known: _Cursor, seen: Collection[str], stopped: Callable[[], bool]) -> Iterator[Page]:
        """Customers, but for those `seen`, with an order or a newsletter entry that was changed: it may make somebody a
        buyer or subscriber of whose names and addresses nothing was kept."""
        limits = self._channels.filters()
        changed = [*limits, changed_since(PURCHASE, known.since)]
        for orders in self._walk(PURCHASE, changed, stopped, counted=True):
            owners = {_owner(row) for row in orders.rows}.difference(seen, ("",))
            yield from self._customers([*limits, of_ids(sorted(owners))] if owners else [], seen, stopped)
        changed = [*limits, changed_since(SUBSCRIPTION, known.since)]
        for entries in self._walk(SUBSCRIPTION, changed, stopped, counted=True):
            emails = {row["email"] for row in entries.rows if isinstance(row.get("email"), str)}
            yield from self._customers([*limits, of_addresses(sorted(emails))] if emails else [], seen, stopped)

    def _customers(
        self, filters: Sequence[Filter], seen: Collection[str], stopped: Callable[[], bool]
    ) -> Iterator[Page]:
        """Those of some filters, none without any."""
        for page in self._walk(CUSTOMER, filters, stopped, counted=True) if filters else ():
            yield page._replace(rows=[row for row in page.rows if row["id"] not in seen])

    def _of_changed_accounts(self, known: _Cursor, stopped: Callable[[], bool]) -> Iterator[tuple[int, Page]]:
        """Recipients with the address of an account that was changed, and how new these changes are: when an account
        gets another address, the newsletter follows without any date."""
        since = max(known.since, known.whole - OVERLAP)
        for accounts in self._walk(ACCOUNT, [of_accounts(), changed_since(ACCOUNT, since)], stopped, counted=True):
            latest = max((newest(ACCOUNT, row) for row in accounts.rows), default=0)
            emails = [row["email"] for row in accounts.rows if row.get("email")]
            filters = [*self._channels.filters(), of_addresses(emails)]
            for page in self._walk(RECIPIENT, filters, stopped, counted=True) if emails else ():
                yield latest, page
            yield latest, Page(())

    def _is_due(self, stream: str, known: _Cursor, now: float) -> bool:
        """Whether everything is to be read: who is gone from the newsletter shows in nothing else, and a clock that was
        put back hides what was changed since."""
        if now < known.since:
            return True
        return stream == RECIPIENTS and not 0 <= now - known.whole < self._reconcile_every

    def _all(self, entity: Entity, filters: Sequence[Filter], stopped: Callable[[], bool]) -> Iterator[Page]:
        """All of a list. A page that is not full is its end, unless there were to be more rows than that."""
        done = total = 0
        last = Page(())
        for page in self._walk(entity, filters, stopped, counted=False):
            done += len(page.rows)
            total = max(total, page.total or 0)
            last = page if page.rows else last
            yield page
        if not last.rows or total <= done or stopped():
            return
        known = {row["id"] for row in last.rows}
        after = max(map(_key(entity), last.rows)) - 1
        for page in self._walk(entity, filters, stopped, counted=False, to_empty=True, after=after):
            yield page._replace(rows=[row for row in page.rows if row["id"] not in known])

    def _walk(
        self,
        entity: Entity,
        filters: Sequence[Filter],
        stopped: Callable[[], bool],
        *,
        counted: bool,
        to_empty: bool = False,
        after: int = _FROM_THE_START,
    ) -> Iterator[Page]:
        """A list along its key. `counted`: every page tells how many are left, else the first one alone. `to_empty`: an
        empty page is the end, no other."""
        by_number = entity.key == "autoIncrement"

        def fetch(after: int) -> Page:
            first = after == _FROM_THE_START
            asked = filters if first else [*filters, beyond(entity, after)]
            sort = (entity.key,) if by_number else (entity.key, "id")
            page = self._api.first(entity, asked, sort, counted=counted or first)
            return page._replace(last=not page.rows) if to_empty else page

        def one_moment(moment: int) -> Iterator[Page]:
            """Rows of one moment have no order of their own; their IDs do."""
            limit = self._api.limit
            return numbered_pages(
                lambda number: self._api.numbered(entity, [*filters, created_at(moment)], number, limit),
                lambda row: int(row["id"], 16),
                size=limit,
                what=entity.words,
                readers=1,
                stopped=stopped,
                doubts=self._api.doubts,
            )

        return keyset_pages(
            fetch,
            _key(entity),
            (lambda row: row["id"]) if by_number else (lambda row: (row["id"], str(row.get("updatedAt")))),
            after,
            size=self._api.limit,
            tied=None if by_number else one_moment,
            stopped=stopped,
        )

    def _chunk(self, stream: str, raws: Iterable[RawRow], done: int, total: int) -> Chunk:
        rows: list[Row] = []
        unreadable: list[Unreadable] = []
        for each in self._rows(stream, raws):
            if isinstance(each, Row):
                rows.append(each)
            elif each is not None:
                unreadable.append(each)
        return Chunk(rows, unreadable, done, total)

    def _rows(self, stream: str, raws: Iterable[RawRow]) -> Iterator[Row | Unreadable | None]:
        if stream == CUSTOMERS:
            return map(customer_row, raws)
        if stream == RECIPIENTS:
            return map(recipient_row, raws)
        channels = self._channels.chosen()
        return (order_row(raw, self._states, channels) for raw in raws)

    def inspect(self) -> Iterator[Finding]:
        """The first rows of every list. What the integration may not read is told all at once."""
        return look(self._api, self._channels, self._states)


def _key(entity: Entity) -> Callable[[RawRow], int]:
    return (lambda row: int(row["autoIncrement"])) if entity.key == "autoIncrement" else _created


def _owner(row: RawRow) -> str:
    buyer = row.get("orderCustomer")
    owner = buyer.get("customerId") if isinstance(buyer, dict) else None
    return owner if isinstance(owner, str) else ""


def _created(row: RawRow) -> int:
    moment = milliseconds_of(row["createdAt"])
    if moment is None:
        raise TemporaryError("the shop has a newsletter recipient without a date of creation")
    return moment
