"""plentymarkets (PlentyONE): contacts, who subscribed to the newsletter, and orders."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from cleverreach_sync.domain.model import Signal
from cleverreach_sync.errors import AuthError, TemporaryError
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.paging import Listing, Page, RawRow
from cleverreach_sync.messages import Message, say
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources import records
from cleverreach_sync.sources.interface import Chunk, Row, Stream, StreamEnd, Unreadable
from cleverreach_sync.sources.plentymarkets.api import (
    CONTACT_LIST,
    PER_PAGE,
    READERS,
    NotAllowed,
    PlentyApi,
    SmallerPages,
)
from cleverreach_sync.sources.plentymarkets.inspect import look
from cleverreach_sync.sources.plentymarkets.names import folder_id, iso_codes, type_id
from cleverreach_sync.sources.plentymarkets.notes import consent_of_contacts, own_origins, unknown_origins, unlisted
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
from cleverreach_sync.sources.plentymarkets.window import CONTACTS, RECIPIENTS, Anchor, day_before
from cleverreach_sync.sources.shop import ShopSource, ShopStream
from cleverreach_sync.sources.walks import (
    ByKey,
    ByNumber,
    Cursor,
    InFull,
    RowOf,
    Stopped,
    ThenChanges,
    Walked,
)

ORDERS: Final = "orders"
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

    @property
    def by_contact(self) -> bool:
        """Whether the contacts say who subscribed."""
        return self.anchor.consent == CONTACTS


def open_source(settings: PlentymarketsSettings, base: Path, means: HttpContext) -> Plentymarkets:  # noqa: ARG001 - no files
    """The source; nothing is asked of the shop yet."""
    return Plentymarkets(settings, means)


class Plentymarkets(ShopSource):
    """A system at plentymarkets.

    In an automatic transfer only contacts and guests' orders since the floor of the first run bring people in;
    newsletter recipients and older orders are facts about those. In a manual one only contacts of the customer type do.
    Recipients are read in full every time, since unsubscribing deletes them; orders by their changes once all were
    read.
    """

    def __init__(self, settings: PlentymarketsSettings, means: HttpContext) -> None:
        self.anchor: str | None = None
        self._settings = settings
        self._automatic = settings.transfer == AUTOMATIC
        self._lock = threading.Lock()
        self._begun: _Begun | None = None
        self._listed: set[int] | None = None
        self._named: set[int] | None = None
        self._api = PlentyApi(settings.url, settings.username, settings.password.get_secret_value(), means)
        self._doubts = self._api.doubts
        super().__init__(settings, settings.url, self._api, self._streams())

    def _streams(self) -> Sequence[ShopStream]:
        return (
            ShopStream(
                Stream(CONTACTS, frozenset({Signal.PROFILE, Signal.CONSENT}), full_read=not self._automatic),
                self._contacts,
                self._contact,
                lambda row, _: contact_record(row),
            ),
            ShopStream(
                Stream(RECIPIENTS, frozenset({Signal.CONSENT}), full_read=True),
                self._recipients,
                self._recipient,
                lambda row, _: recipient_record(row),
            ),
            ShopStream(
                Stream(ORDERS, frozenset({Signal.PROFILE, Signal.PURCHASES}), full_read=False, owners=CONTACTS),
                ThenChanges(self._orders, self._changed_orders, changed, Listing(records.ORDERS, self._doubts)),
                self._order,
                order_record,
            ),
        )

    def read(self, stream: str, since: str | None, stopped: Stopped) -> Iterator[Chunk]:
        """Yields pages of at most 250 rows; `done` and `total` are rows of the system."""
        self._begin()
        return super().read(stream, since, stopped)

    # What has to be known first

    def _begin(self) -> _Begun:
        """Settles, once, what all streams go by."""
        if self._begun is not None:
            return self._begun
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
            self.noted.append(unknown_origins(", ".join(origins.unknown)))
        reading = Reading(origins, settings.order_status, iso_codes(self._api), settings.zone)
        first = before is None or before.floor is None
        return _Begun(anchor, reading, type_id(self._api, settings.customer_type), folder, first)

    def _now(self) -> int:
        now = self._api.time
        if now is None:
            raise TemporaryError(
                say("plentymarkets.no_time", "plentymarkets does not tell what time it is"),
                hint=say("plentymarkets.proxy", "is there a proxy in front of it?"),
            )
        return int(now)

    def _who_says_who_subscribed(self, before: Anchor | None, folder: int | None) -> str:
        """Newsletter recipients, unless the user never could read them."""
        try:
            self._api.recipients(1, folder, size=1)
        except NotAllowed as denied:
            if before is not None and before.consent == RECIPIENTS:
                # Who unsubscribed since then would not be noticed.
                raise AuthError(
                    say("plentymarkets.could_before", "{denied}, but could before", denied=denied.message),
                    hint=denied.hint,
                ) from None
            self.noted.append(consent_of_contacts(denied.message))
            return CONTACTS
        return RECIPIENTS

    def _referrers(self) -> Sequence[Mapping[str, Any]] | None:
        try:
            return self._api.referrers()
        except NotAllowed as denied:
            self.noted.append(own_origins(denied.message))
            return None

    # Contacts

    def _contacts(self, row: RowOf, known: Cursor | None, stopped: Stopped) -> Iterator[Chunk]:
        begun = self._begin()
        consent, by_contact = begun.anchor.consent, begun.by_contact
        if known is not None and (known.mark != consent or (by_contact and self._is_due(known))):
            known = None
        walked = Walked(lambda raw: row(raw) if _since(raw, known) else None, changed)
        seen: set[int] = set()
        listed: set[int] = set()
        for query in self._windows(begun, known):
            for page in self._numbered(partial(self._contact_page, query), CONTACT_LIST, stopped):
                fresh = [raw for raw in page.rows if raw["id"] not in seen]
                seen.update(raw["id"] for raw in fresh)
                listed.update(raw["id"] for raw in fresh if begun.floor is None or created(raw) >= begun.floor)
                yield walked(page._replace(rows=fresh))
        if not stopped():
            if known is None and begun.type is None:
                self._listed = listed
                self._warn_of_unlisted()
            whole = CONTACT_LIST not in self._doubts
            cursor = None
            if self._automatic and (walked.done > 0 or whole):
                now = self._now() if walked.began is None else walked.began
                cursor = known.moved_on(walked.newest, now) if known else Cursor.of_all(walked.newest, now, consent)
            yield walked.end(complete=known is None and whole, cursor=cursor)

    def _contact_page(self, query: Mapping[str, str | int], number: int, size: int) -> Page:
        return self._api.contacts(number, query, size)

    def _is_due(self, known: Cursor) -> bool:
        """Whether all contacts are read for the consent stated with them."""
        return known.is_due(self._now(), self._settings.reconcile_every)

    def _windows(self, begun: _Begun, known: Cursor | None) -> Iterator[dict[str, str | int]]:
        """The filters of the walks that find whoever may be brought in, or was changed since the cursor."""
        if begun.by_contact and known is None:
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

    def _contact(self, raw: RawRow) -> Row | Unreadable | None:
        begun = self._begin()
        brings = self._brings(begun, raw)
        if not brings and not begun.by_contact:
            return None
        return begun.reading.contact(raw, brings=brings, consent=begun.by_contact)

    def _brings(self, begun: _Begun, raw: RawRow) -> bool:
        floor, first = begun.floor, begun.anchor.began
        if not self._automatic or floor is None or first is None:
            return begun.type is None or raw.get("typeId") == begun.type
        return created(raw) >= floor or (self._settings.include_changed and changed(raw) >= first)

    # Newsletter recipients

    def _recipients(self, row: RowOf, known: Cursor | None, stopped: Stopped) -> Iterator[Chunk]:
        begun = self._begin()
        if begun.by_contact:
            yield Chunk((), (), 0, 0, StreamEnd(complete=False))
            return

        def fetch(number: int, size: int) -> Page:
            return self._api.recipients(number, begun.folder, size)

        pages = partial(self._numbered, fetch, records.RECIPIENTS)
        yield from InFull(pages, Listing(records.RECIPIENTS, self._doubts))(row, known, stopped)

    def _recipient(self, raw: RawRow) -> Row | None:
        begun = self._begin()
        return recipient_row(raw, begun.reading.zone) if _is_in(raw, begun.folder) else None

    # Orders

    def _orders(self, stopped: Stopped) -> Iterator[Page]:
        begun = self._begin()
        floor = begun.floor if self._automatic else None
        named: set[int] = set()
        for page in self._orders_since(None, stopped):
            named.update(account for raw in page.rows if (account := begun.reading.buyer(raw, floor)) is not None)
            yield page
        if not stopped():
            self._named = named
            self._warn_of_unlisted()

    def _changed_orders(self, known: Cursor, stopped: Stopped) -> Iterator[Page]:
        return self._orders_since(known.since, stopped)

    def _orders_since(self, since: int | None, stopped: Stopped) -> Iterator[Page]:
        return ByKey(lambda after: self._api.orders(after, since), _ident, size=PER_PAGE)(stopped)

    def _order(self, raw: RawRow) -> Row | Unreadable | None:
        begun = self._begin()
        return begun.reading.order(raw, begun.floor if self._automatic else None)

    def _warn_of_unlisted(self) -> None:
        """Orders may name contacts of guests that the list of contacts does not show. IDs only grow, so that whoever
        came in later than somebody who is listed should be listed, too."""
        with self._lock:
            if not self._listed or self._named is None:
                return
            first = min(self._listed)
            number = sum(ident > first and ident not in self._listed for ident in self._named)
            self._named = None
        if number:
            self.noted.append(unlisted(number))

    def _numbered(self, fetch: _Fetch, what: Message, stopped: Stopped) -> Iterator[Page]:
        """All pages of a list. Nothing was given yet when the first page turns out to be smaller than it should be."""

        def pages(size: int) -> Iterator[Page]:
            listing = Listing(what, self._doubts)
            return ByNumber(lambda number: fetch(number, size), _ident, listing, size=size, readers=READERS)(stopped)

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
