"""Salesforce: contacts and leads, who of them subscribed, and the opportunities that they won."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from cleverreach_sync.domain.model import Signal
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.paging import Listing, Page, RawRow, following_pages
from cleverreach_sync.messages import Message, say
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources.interface import Stream
from cleverreach_sync.sources.mapping import at_path
from cleverreach_sync.sources.salesforce import soql
from cleverreach_sync.sources.salesforce.api import IsRow, SalesforceApi
from cleverreach_sync.sources.salesforce.inspect import look
from cleverreach_sync.sources.salesforce.layout import COMPANY, CONTACTS, KINDS, ROLES, Kind, Layout, layout
from cleverreach_sync.sources.salesforce.rows import (
    OTHERS,
    SUBSCRIBED,
    buyer_record,
    buyer_row,
    changed,
    is_buyer,
    is_gone,
    is_part,
    is_person,
    is_role,
    part_of,
    person_record,
    person_row,
    role_record,
    role_row,
)
from cleverreach_sync.sources.salesforce.settings import CONTACT, NONE, SalesforceSettings
from cleverreach_sync.sources.shop import ShopSource, ShopStream
from cleverreach_sync.sources.values import utc_text
from cleverreach_sync.sources.walks import Cursor, InFull, Stopped, ThenChanges

PURCHASES: Final = "purchases"
WITH_EMAIL: Final = "Email != null"
STAMP: Final = "SystemModstamp"
_ROLE: Final = "OpportunityContactRole"
_ROLE_STAMPS: Final = (STAMP, f"Opportunity.{STAMP}", f"Contact.{STAMP}")
_ROLE_FIELDS: Final = (
    *(
        "Id",
        "IsDeleted",
        "ContactId",
        "OpportunityId",
        STAMP,
        "Contact.Email",
        "Contact.SystemModstamp",
        "Opportunity.IsWon",
    ),
    *("Opportunity.Amount", "Opportunity.CloseDate", "Opportunity.SystemModstamp"),
)
_OPPORTUNITY: Final = ("IsWon", "Amount", "CloseDate", STAMP)
_CURRENCY: Final = "CurrencyIsoCode"


def open_source(settings: SalesforceSettings, base: Path, means: HttpContext) -> Salesforce:  # noqa: ARG001 - no files
    """The source; nothing is asked of the org yet."""
    return Salesforce(settings, means)


class Salesforce(ShopSource):
    """An org of Salesforce. Everything is read once in the order of the IDs, which no change moves, then by changes;
    contacts and leads again every `reconcile_every` seconds, as a condition may look at anything."""

    def __init__(self, settings: SalesforceSettings, means: HttpContext) -> None:
        self._settings = settings
        self._api = SalesforceApi(settings, means)
        self._layouts: dict[str, Layout] = {}
        super().__init__(settings, settings.url, self._api, list(self._streams()))

    def _streams(self) -> Iterator[ShopStream]:
        for kind in (KINDS[name] for name in dict.fromkeys(self._settings.objects)):
            yield self._people(kind)
        if CONTACT in self._settings.objects and self._settings.bought_when != NONE:
            yield self._purchases(self._settings.bought_when)

    def _people(self, kind: Kind) -> ShopStream:
        condition = self._settings.subscribed(kind.name)
        return ShopStream(
            Stream(
                kind.stream,
                frozenset({Signal.PROFILE, Signal.CONSENT}),
                full_read=False,
                told_by="" if condition is None else condition,
            ),
            ThenChanges(
                partial(self._all_people, kind),
                partial(self._changed_people, kind),
                changed,
                Listing(kind.words, self._api.doubts),
                every=self._settings.reconcile_every,
            ),
            lambda raw: person_row(raw, kind, self._layout(kind)),
            lambda row, warn: person_record(row, kind, warn),
        )

    def _purchases(self, condition: str | None) -> ShopStream:
        signals = frozenset({Signal.PURCHASES})
        if condition is not None:
            stream = Stream(PURCHASES, signals, full_read=True, owners=CONTACTS.stream)
            walk = InFull(partial(self._buyers, condition), Listing(CONTACTS.words, self._api.doubts))
            return ShopStream(stream, walk, buyer_row, buyer_record)
        return ShopStream(
            Stream(PURCHASES, signals, full_read=False, owners=CONTACTS.stream),
            ThenChanges(self._all_roles, self._changed_roles, changed, Listing(ROLES, self._api.doubts)),
            role_row,
            role_record,
        )

    def _layout(self, kind: Kind) -> Layout:
        """What there is of an object. Raises AuthError where nobody can be decided without what is hidden."""
        found = self._layouts.get(kind.name)
        if found is None:
            there = self._api.needed(kind.name, kind.needed)
            company = kind is CONTACTS and "AccountId" in there and "Name" in (self._api.fields("Account") or ())
            found = self._layouts[kind.name] = layout(kind, there, (COMPANY,) if company else ())
            if found.hidden:
                self.noted.append(
                    say(
                        "salesforce.fields_left_out",
                        "fields of {name} that the user may not see are left out: {fields}",
                        name=kind.name,
                        fields=", ".join(found.hidden),
                    )
                )
        return found

    def _all_people(self, kind: Kind, stopped: Stopped) -> Iterator[Page]:
        fields = self._layout(kind).asked(kind)
        there = f"({kind.gone} = false OR HasOptedOutOfEmail = true)"  # an opt-out goes on to hold
        where = [WITH_EMAIL, *([there] if kind.gone else [])]
        is_row = partial(is_person, kind)
        after: str | None = None
        for page in self._by_id(kind.words, fields, kind.name, where, is_row, stopped):
            if page.rows:
                last = page.rows[-1]["Id"]
                yield self._told(kind, page, [*soql.above(after), f"Id <= '{last}'"], stopped)
                after = last
            else:
                yield page

    def _changed_people(self, kind: Kind, known: Cursor, stopped: Stopped) -> Iterator[Page]:
        """Those who were deleted, too. As many at a time as can be asked for by their IDs."""
        fields, is_row = self._layout(kind).asked(kind), partial(is_person, kind)
        pages = partial(self._by_stamp, kind.words, fields, kind.name, is_row, [WITH_EMAIL], soql.IDS_AT_ONCE)
        for page in pages(STAMP, known, stopped):
            idents = [row["Id"] for row in page.rows if not is_gone(kind, row)]
            yield self._told(kind, page, [soql.among(idents)] if idents else [], stopped)

    def _told(self, kind: Kind, page: Page, which: list[str], stopped: Stopped) -> Page:
        """The rows of a page with what the condition says of them now; `which` finds them, nobody if it is empty. A row
        that changes in between is found all the same, by its ID."""
        condition = self._settings.subscribed(kind.name)
        if condition is None or stopped():
            return page
        where = [WITH_EMAIL, *which, "HasOptedOutOfEmail = false", soql.grouped(condition)]
        yes: set[str] = set()
        for part in self._by_id(kind.words, ["Id"], kind.name, where, _has_id, lambda: False) if which else ():
            yes.update(row["Id"] for row in part.rows)
        return page._replace(rows=[{**row, SUBSCRIBED: row["Id"] in yes} for row in page.rows])

    def _buyers(self, condition: str, stopped: Stopped) -> Iterator[Page]:
        where = [WITH_EMAIL, soql.grouped(condition)]
        return self._by_id(CONTACTS.words, ["Id", "Email"], CONTACT, where, is_buyer, stopped)

    def _all_roles(self, stopped: Stopped) -> Iterator[Page]:
        return self._by_id(ROLES, self._role_fields(), _ROLE, ["Contact.Email != null"], is_role, stopped)

    def _changed_roles(self, known: Cursor, stopped: Stopped) -> Iterator[Page]:
        """Those of changed opportunities and contacts, too. One that was deleted takes nothing back from whom another
        role in the opportunity is left."""
        fields, where = self._role_fields(), ["Contact.Email != null"]
        seen: set[object] = set()
        for stamp in _ROLE_STAMPS:
            pages = partial(self._by_stamp, ROLES, fields, _ROLE, is_role, where, soql.LARGEST_PAGE)
            for page in pages(stamp, known, stopped):
                fresh = [row for row in page.rows if _version(row) not in seen]
                seen.update(map(_version, fresh))
                yield page._replace(rows=self._with_others(fresh, stopped))

    def _with_others(self, rows: list[RawRow], stopped: Stopped) -> list[RawRow]:
        idents = sorted({row["OpportunityId"] for row in rows if row["IsDeleted"]})
        left: set[object] = set()
        for start in range(0, len(idents), soql.IDS_AT_ONCE):
            among = soql.among(idents[start : start + soql.IDS_AT_ONCE], "OpportunityId")
            fields = ("Id", "ContactId", "OpportunityId", "Contact.Email")
            for page in self._by_id(ROLES, fields, _ROLE, ["Contact.Email != null", among], is_part, stopped):
                left.update(map(part_of, page.rows))
        return [{**row, OTHERS: part_of(row) in left} if row["IsDeleted"] else row for row in rows]

    def _role_fields(self) -> tuple[str, ...]:
        self._api.needed(_ROLE, ("ContactId", "OpportunityId"))
        there = self._api.needed("Opportunity", _OPPORTUNITY)
        return (*_ROLE_FIELDS, f"Opportunity.{_CURRENCY}") if _CURRENCY in there else _ROLE_FIELDS

    def _by_id(
        self, what: Message, fields: Any, source: str, where: list[str], is_row: IsRow, stopped: Stopped
    ) -> Iterator[Page]:
        def fetch(after: RawRow | None) -> Page:
            conditions = [*where, *soql.above(None if after is None else after["Id"])]
            query = soql.select(fields, source, conditions, "Id")
            return self._api.page(what, query, is_row, limit=soql.LARGEST_PAGE)

        return following_pages(fetch, _ident, stopped)

    def _by_stamp(
        self,
        what: Message,
        fields: Any,
        source: str,
        is_row: IsRow,
        where: list[str],
        limit: int,
        stamp: str,
        known: Cursor,
        stopped: Stopped,
    ) -> Iterator[Page]:
        """What was changed since, by a stamp and the ID: however many share one, none is passed over."""

        def fetch(after: RawRow | None) -> Page:
            moment = None if after is None else soql.literal(at_path(after, stamp))
            place = soql.behind(stamp, after, moment, utc_text(known.since))
            query = soql.select(fields, source, [*where, place], f"{stamp}, Id", limit)
            return self._api.page(what, query, is_row, limit=limit, deleted=True)

        mark: Callable[[RawRow], object] = lambda row: (row["Id"], at_path(row, stamp))  # noqa: E731
        return following_pages(fetch, mark, stopped)

    def inspect(self) -> Iterator[Finding]:
        """How many there are, who subscribed, who bought, and which fields are hidden."""
        yield from look(self._api, self._settings, self._layout, self._role_fields)
        yield from (Finding(note) for note in self.noted)


def _ident(row: RawRow) -> object:
    return row["Id"]


def _version(row: RawRow) -> object:
    return row["Id"], *(str(at_path(row, stamp)) for stamp in _ROLE_STAMPS)


def _has_id(row: object) -> bool:
    return isinstance(row, dict) and soql.is_id(row.get("Id"))
