"""Rows of a shop read by plain values: which value of a row is which person field, what its words and statuses mean.

Every text that names a value is its path in the row: `billing.city`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

import orjson

from cleverreach_sync.domain.address import normalise
from cleverreach_sync.domain.model import RANK_CUSTOMER, RANK_GUEST, Consent, ConsentState, Order, Record
from cleverreach_sync.http.foreign import identifier
from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources.dates import shop_time
from cleverreach_sync.sources.interface import Row, Unreadable, Warned
from cleverreach_sync.sources.records import Named, not_an_amount, without_email
from cleverreach_sync.sources.shop import Statuses
from cleverreach_sync.sources.values import json_text, read_amount, read_time, utc_text

_UNKNOWN: Final = Consent(ConsentState.UNKNOWN)


class ConsentWords(NamedTuple):
    """Where a row says who subscribed, since when, and what its words mean. Case does not matter. A row without a word
    says nothing; any other word makes the person invalid."""

    path: str
    words: Mapping[str, ConsentState]
    at: str | None = None


class OrderValues(NamedTuple):
    """Where an order says whether it counts, when it was made, and what it came to."""

    status: str
    statuses: Statuses
    at: str
    total: str
    currency: str


class RowMap(NamedTuple):
    """How the rows of one stream are read. `what` says what the one with an ID is called. A row belongs to the
    record of another stream whose ID is at `owner`; then its fields are not those of a person. Only what is named here
    is kept."""

    what: Callable[[object], Message]
    fields: Mapping[str, str]
    created: str
    changed: str
    consent: ConsentWords | None = None
    order: OrderValues | None = None
    owner: str | None = None
    ident: str = "id"
    email: str = "email"

    def ident_of(self, raw: Mapping[str, Any]) -> int:
        return int(raw[self.ident])

    def changed_at(self, raw: Mapping[str, Any]) -> int:
        """When a row was changed last, or came in, in unix seconds; 0 if it does not say."""
        return max(read_time(_text(at_path(raw, path))) or 0 for path in (self.changed, self.created))

    def row(self, raw: Mapping[str, Any]) -> Row | Unreadable | None:
        """What is kept of a row; None for an order that makes nobody a person and names nobody either."""
        ident = str(raw[self.ident])
        email = normalise(_text(at_path(raw, self.email)))
        owner = None if self.owner is None else identifier(at_path(raw, self.owner))
        if email is None and owner is None:
            if self.order is not None and not self._counts(self.order, raw):
                return None
            return without_email(self.what(ident))
        kept = {path: at_path(raw, path) for path in self._paths(fields=owner is None)}
        return Row(email or "", ident, orjson.dumps(kept), 0, owner)

    def _paths(self, *, fields: bool) -> tuple[str, ...]:
        consent, order = self.consent, self.order
        return (
            *(self.fields.values() if fields else ()),
            *(self.created, self.changed),
            *((consent.path, *([] if consent.at is None else [consent.at])) if consent is not None else ()),
            *((order.status, order.at, order.total, order.currency) if order is not None else ()),
        )

    def _counts(self, order: OrderValues, raw: Mapping[str, Any]) -> bool:
        return order.statuses.count(_text(at_path(raw, order.status)).lower())

    def record(self, row: Row, warn: Callable[[Warned], None]) -> Record:
        """What a row says about a person."""
        kept, what = orjson.loads(row.body), partial(self.what, row.ident)
        created, changed = (shop_time(kept[path], path, what, warn) for path in (self.created, self.changed))
        profile = {}
        if row.owner is None:
            profile = {field: _text(kept[path]) for field, path in self.fields.items()}
        if self.order is not None:
            return self._of_order(row, self.order, kept, profile, warn)
        profile |= {name: utc_text(at) for name, at in (("created_at", created), ("updated_at", changed)) if at}
        consent, invalid = self._consent(kept, what, warn)
        at = created if changed is None else changed
        return Record(row.email, row.ident, RANK_CUSTOMER, at, created, profile, consent, invalid=invalid)

    def _of_order(
        self,
        row: Row,
        values: OrderValues,
        kept: Mapping[str, Any],
        profile: dict[str, str],
        warn: Callable[[Warned], None],
    ) -> Record:
        what = partial(self.what, row.ident)
        status, total, currency = (_text(kept[path]) for path in (values.status, values.total, values.currency))
        at = shop_time(kept[values.at], values.at, what, warn)
        counts = values.statuses.count(status.lower())
        amount = read_amount(total) if total else None
        if amount is None and counts:
            warn(Warned(not_an_amount(what()), 0))
        order = Order(row.ident or "", counts, at, amount, currency or None)
        consent, invalid = self._consent(kept, what, warn)
        return Record(
            *(row.email, row.ident, RANK_GUEST, at, None, profile, consent),
            orders=(order,),
            invalid=invalid,
            makes_person=counts,
        )

    def _consent(
        self, kept: Mapping[str, Any], what: Named, warn: Callable[[Warned], None]
    ) -> tuple[Consent | None, str | None]:
        """What a row says about the newsletter, and the field that makes the person invalid."""
        if self.consent is None:
            return None, None
        word = _text(kept[self.consent.path]).lower()
        if not word:
            return _UNKNOWN, None
        state = self.consent.words.get(word)
        if state is None:
            warn(Warned(_unknown_word(what(), self.consent.path), 0))
            return None, "subscribed"
        at = self.consent.at
        return Consent(state, None if at is None else shop_time(kept[at], at, what, warn)), None


def _unknown_word(record: Message, field: str) -> Message:
    return say("shop.unknown_word", "{record}: {field} has no word that is known", record=record, field=field)


def at_path(raw: Any, path: str) -> Any:
    """The value at a path; None where there is none."""
    for name in path.split("."):
        if not isinstance(raw, dict):
            return None
        raw = raw.get(name)
    return raw


def _text(value: object) -> str:
    """A value as text, numbers too; "" for none."""
    return "" if value is None else (json_text(value) or "").strip()
