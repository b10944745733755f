"""plentymarkets (PlentyONE): contacts, who subscribed to the newsletter, and orders."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from cleverreach_sync.domain.model import Record, Signal
from cleverreach_sync.errors import AuthError, TemporaryError
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.paging import Page, RawRow, keyset_pages, numbered_pages
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources.interface import Chunk, Row, Stream, StreamEnd, Unreadable, Warned
from cleverreach_sync.sources.plentymarkets.api import PER_PAGE, READERS, NotAllowed, PlentyApi, SmallerPages
from cleverreach_sync.sources.plentymarkets.inspect import look
from cleverreach_sync.sources.plentymarkets.names import folder_id, iso_codes, type_id
from cleverreach_sync.sources.plentymarkets.origins import Origins
from cleverreach_sync.sources.plentymarkets.rows import (
    Reading,
    changed,
    contact_record,
    created,
    order_record,
    recipient_record,
    recipient_row,
    touched,
)
from cleverreach_sync.sources.plentymarkets.settings import AUTOMATIC, PlentymarketsSettings
from cleverreach_sync.sources.plentymarkets.window import (
    CONTACTS,
    RECIPIENTS,
    Anchor,
    Cursor,
    day_before,
    moved_on,
)

ORDERS: Final = "orders"
NEWSLETTER: Final = "newsletter recipients"
_Fetch = Callable[[int, int], Page]
"""A page of a number and a size."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """What is known before the first row. `type` and `folder` are IDs, None for all. `first`: no run was before, so
    nobody was changed since."""

    anchor: Anchor
    reading: Reading
    type: int | None
    folder: int | None
    first: bool

    @property
    def floor(self) -> int | None:
        """Since when who comes in is brought in; None in a manual transfer."""
        return self.anchor.floor


def open_source(settings: PlentymarketsSettings, base: Path, means: HttpContext) -> Plentymarkets:  # noqa: ARG001 - no files
    """The source; nothing is asked of the shop yet."""
    return Plentymarkets(settings, means)


class Plentymarkets:
    """A system at plentymarkets.

    In an automatic transfer only contacts and guests' orders since the floor of the first run bring people in;
    newsletter recipients and older orders are facts about those. In a manual one only contacts of the customer type do.
    Recipients are read in full every time, since unsubscribing deletes them; orders by their changes once all were
    read.
    """

    type = "plentymarkets"

    def __init__(self, settings: PlentymarketsSettings, means: HttpContext) -> None:
        self.name = settings.tag_source
        self.url: str | None = settings.url
        self.anchor: str | None = None
        self._noted: list[str] = []
        self._settings = settings
        self._automatic = settings.transfer == AUTOMATIC
        self._lock = threading.Lock()
        self._begun: _Begun | None = None
        self._listed: set[int] | None = None
        self._named: set[int] | None = None
        self._api = PlentyApi(settings.url, settings.username, settings.password.get_secret_value(), means)
        self._doubts = self._api.doubts

    @property
    def clock_ahead(self) -> float | None:
        return self._api.clock_ahead

    @property
    def warnings(self) -> Sequence[str]:
        return [*self._noted, *self._doubts.warnings]

    def streams(self) -> Sequence[Stream]:
        return (
            Stream(CONTACTS, frozenset({Signal.PROFILE, Signal.CONSENT}), full_read=not self._automatic),
            Stream(RECIPIENTS, frozenset({Signal.CONSENT}), full_read=True),
            Stream(ORDERS, frozenset({Signal.PROFILE, Signal.PURCHASES}), full_read=False, owners=CONTACTS),
        )

    def location(self, stream: str) -> str:
        return f"{self.name} {stream}"

    def close(self) -> None:
        self._api.close()

    def decode(self, stream: str, row: Row, warn: Callable[[Warned], None]) -> Record:
        if stream == CONTACTS:
            return contact_record(row)
        if stream == RECIPIENTS:
            return recipient_record(row)
        return order_record(row, warn)

    def read(self, stream: str, since: str | None, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        """Yields pages of at most 250 rows; `done` and `total` are rows of the system."""
        begun = self._begin()
        if stream == RECIPIENTS:
            return self._recipients(begun, stopped)
        known = Cursor.parse(since)
        return self._contacts(begun, known, stopped) if stream == CONTACTS else self._orders(begun, known, stopped)

    # What has to be known first

    def _begin(self) -> _Begun:
        """Settles, once, what all streams go by."""
        with self._lock:
            if self._begun is None:
                self._begun = self._settle()
                self.anchor = str(self._begun.anchor)
            return self._begun

    def _settle(self) -> _Begun:
        settings, before = self._settings, Anchor.parse(self.anchor)
        folder = folder_id(self._api, settings.folder)
        consent = self._who_says_who_subscribed(before, folder)
        now = self._now()
        anchor = Anchor(consent) if before is None else before._replace(consent=consent)
        if self._automatic:
            anchor = anchor.automatic(now, settings.first_run_days)
        origins = Origins(settings.order_referrers, self._referrers())
        if origins.unknown:
            self._noted.append(f"plentymarkets lists no order origin {', '.join(origins.unknown)} (order_referrers)")
        reading = Reading(origins, settings.order_status, iso_codes(self._api), settings.zone)
        first = before is None or before.floor is None
        return _Begun(anchor, reading, type_id(self._api, settings.customer_type), folder, first)

    def _now(self) -> int:
        now = self._api.time
        if now is None:
            raise TemporaryError("plentymarkets does not tell what time it is", hint="is there a proxy before it?")
        return int(now)

    def _who_says_who_subscribed(self, before: Anchor | None, folder: int | None) -> str:
        """Newsletter recipients, unless the user never could read them."""
        try:
            self._api.recipients(1, folder, size=1)
        except NotAllowed as denied:
            if before is not None and before.consent == RECIPIENTS:
                # Who unsubscribed since then would not be noticed.
                raise AuthError(f"{denied.message}, but could before", hint=denied.hint) from None
            self._noted.append(f"{denied.message}; who subscribed is taken from the contacts (newsletterAllowanceAt)")
            return CONTACTS
        return RECIPIENTS

    def _referrers(self) -> Sequence[Mapping[str, Any]] | None:
        try:
            return self._api.referrers()
        except NotAllowed as denied:
            self._noted.append(f"{denied.message}; without order_referrers only the system's own origins (0, 1) count")
            return None

    # Contacts

    def _contacts(self, begun: _Begun, known: Cursor | None, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        by_contact = begun.anchor.consent == CONTACTS
        if known is not None and (known.consent != begun.anchor.consent or (by_contact and self._is_due(known))):
            known = None
        began: float | None = None
        newest = done = total = 0
        seen: set[int] = set()
        listed: set[int] = set()
        for query in self._windows(begun, known, by_contact=by_contact):
            for page in self._numbered(partial(self._contact_page, query), CONTACTS, stopped):
                began = began or page.at
                fresh = [raw for raw in page.rows if raw["id"] not in seen]
                seen.update(raw["id"] for raw in fresh)
                newest = max((newest, *map(changed, fresh)))
                done += len(fresh)
                total = max(done, page.total or 0)
                listed.update(raw["id"] for raw in fresh if begun.floor is None or created(raw) >= begun.floor)
                found = (self._contact(begun, raw, by_contact=by_contact) for raw in fresh if _since(raw, known))
                yield _chunk(found, done, total)
        if not stopped():
            if known is None and begun.type is None:
                self._listed = listed
                self._warn_of_unlisted()
            whole = CONTACTS not in self._doubts
            moves = self._automatic and (done > 0 or whole)
            cursor = self._cursor(begun, known, newest, began) if moves else None
            yield Chunk((), (), done, done, StreamEnd(complete=known is None and whole, cursor=cursor))

    def _contact_page(self, query: Mapping[str, str | int], number: int, size: int) -> Page:
        return self._api.contacts(number, query, size)

    def _is_due(self, known: Cursor) -> bool:
        """Whether all contacts are read for the consent stated with them; also where the clock was put back."""
        return not 0 <= self._now() - known.whole < self._settings.reconcile_every

    def _cursor(self, begun: _Begun, known: Cursor | None, newest: int, began: float | None) -> str:
        """Where a stream goes on, `began` is when its first page was read."""
        now = self._now() if began is None else int(began)
        return str(moved_on(known, newest, now, begun.anchor.consent))

    def _windows(self, begun: _Begun, known: Cursor | None, *, by_contact: bool) -> Iterator[dict[str, str | int]]:
        """The filters of the walks that find whoever may be brought in, or was changed since the cursor."""
        if by_contact and known is None:
            yield {}  # who subscribed; whoever is of another type, or older than the floor, is not gone
            return
        floor, first = begun.floor, begun.anchor.began
        if not self._automatic or floor is None or first is None:
            yield {} if begun.type is None else {"typeId": begun.type}
            return
        since = 0 if known is None else known.since
        yield {"createdAtAfter": day_before(max(floor, since))}
        if self._settings.include_changed and (known is not None or not begun.first):
            yield {"updatedAtAfter": day_before(max(first, since))}
        if known is not None:
            for happened in ("lastOrderAtAfter", "newsletterAllowanceAfter"):
                yield {happened: day_before(since)}

    def _contact(self, begun: _Begun, raw: RawRow, *, by_contact: bool) -> Row | Unreadable | None:
        brings = self._brings(begun, raw)
        return begun.reading.contact(raw, brings=brings, consent=by_contact) if brings or by_contact else None

    def _brings(self, begun: _Begun, raw: RawRow) -> bool:
        floor, first = begun.floor, begun.anchor.began
        if not self._automatic or floor is None or first is None:
            return begun.type is None or raw.get("typeId") == begun.type
        return created(raw) >= floor or (self._settings.include_changed and changed(raw) >= first)

    # Newsletter recipients

    def _recipients(self, begun: _Begun, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        if begun.anchor.consent == CONTACTS:
            yield Chunk((), (), 0, 0, StreamEnd(complete=False))
            return
        done = total = 0
        for page in self._numbered(partial(self._recipient_page, begun), NEWSLETTER, stopped):
            done += len(page.rows)
            total = max(done, page.total or 0)
            yield _chunk(
                (recipient_row(raw, begun.reading.zone) for raw in page.rows if _is_in(raw, begun.folder)), done, total
            )
        if not stopped():
            yield Chunk((), (), done, total, StreamEnd(complete=NEWSLETTER not in self._doubts))

    def _recipient_page(self, begun: _Begun, number: int, size: int) -> Page:
        return self._api.recipients(number, begun.folder, size)

    # Orders

    def _orders(self, begun: _Begun, known: Cursor | None, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        began: float | None = None
        since = None if known is None else known.since
        floor = begun.floor if self._automatic else None
        newest = done = left = 0
        named: set[int] = set()
        pages = keyset_pages(
            lambda after: self._api.orders(after, since),
            _ident,
            _ident,
            0,
            size=PER_PAGE,
            stopped=stopped,
        )
        for page in pages:
            began = began or page.at
            newest = max((newest, *map(changed, page.rows)))
            left = max(page.total or 0, len(page.rows))
            named.update(account for raw in page.rows if (account := begun.reading.buyer(raw, floor)) is not None)
            found = (begun.reading.order(raw, floor) for raw in page.rows)
            yield _chunk(found, done + len(page.rows), done + left)
            done += len(page.rows)
        if not stopped():
            if known is None:
                self._named = named
                self._warn_of_unlisted()
            whole = ORDERS not in self._doubts  # else they are asked for again from the same time on
            cursor = self._cursor(begun, known, newest, began) if whole else None
            yield Chunk((), (), done, done, StreamEnd(complete=known is None and whole, cursor=cursor))

    def _warn_of_unlisted(self) -> None:
        """Orders may name contacts of guests that the list of contacts does not show. IDs only grow, so that whoever
        came in later than somebody who is listed should be listed, too."""
        with self._lock:
            if not self._listed or self._named is None:
                return
            first = min(self._listed)
            unlisted = sum(ident > first and ident not in self._listed for ident in self._named)
            self._named = None
        if unlisted:
            contacts = "1 contact" if unlisted == 1 else f"{unlisted} contacts"
            self._noted.append(f"orders name {contacts} that plentymarkets does not list; they are not transferred")

    def _numbered(self, fetch: _Fetch, what: str, stopped: Callable[[], bool]) -> Iterator[Page]:
        """All pages of a list. Nothing was given yet when the first page turns out to be smaller than it should be."""

        def pages(size: int) -> Iterator[Page]:
            return numbered_pages(
                lambda number: fetch(number, size),
                _ident,
                size=size,
                what=what,
                readers=READERS,
                stopped=stopped,
                doubts=self._doubts,
            )

        try:
            yield from pages(PER_PAGE)
        except SmallerPages as smaller:
            yield from pages(smaller.size)

    def inspect(self) -> Iterator[Finding]:
        """One page of every stream, and every order origin."""
        return look(self._api, self._settings)


def _ident(raw: RawRow) -> int:
    return int(raw["id"])


def _is_in(raw: RawRow, folder: int | None) -> bool:
    """Whether a recipient is in a folder, where the system gave others, too."""
    return folder is None or raw.get("folderId") in (None, folder)


def _since(raw: RawRow, known: Cursor | None) -> bool:
    """The filters know whole days; this knows seconds."""
    return known is None or touched(raw) >= known.since


def _chunk(found: Iterator[Row | Unreadable | None] | Any, done: int, total: int) -> Chunk:
    rows: list[Row] = []
    unreadable: list[Unreadable] = []
    for each in found:
        if isinstance(each, Row):
            rows.append(each)
        elif each is not None:
            unreadable.append(each)
    return Chunk(rows, unreadable, done, total)
