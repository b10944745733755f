"""Contacts, leads and roles in opportunities of Salesforce: raw row -> what is kept -> record. Pure.

Facts: `HasOptedOutOfEmail` false is no consent; a lead that was converted is a contact now; a row that was deleted is
shown for a while, with its address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import orjson

from cleverreach_sync.domain.address import normalise
from cleverreach_sync.domain.model import RANK_CUSTOMER, RANK_GUEST, Consent, ConsentState, Order, Record
from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources.dates import shop_day, shop_time
from cleverreach_sync.sources.interface import Row, Unreadable, Warned
from cleverreach_sync.sources.mapping import at_path
from cleverreach_sync.sources.records import not_an_amount, without_email
from cleverreach_sync.sources.salesforce.layout import Kind, Layout
from cleverreach_sync.sources.salesforce.soql import is_id, literal
from cleverreach_sync.sources.values import json_amount, read_time, utc_text

SUBSCRIBED: Final = "subscribed"
"""What a row gets beside its fields: whether it meets the condition; None where there is none."""
OTHERS: Final = "others"
"""What the row of a deleted role gets: whether the same person has another one in the same opportunity."""
_STATES: Final = {True: ConsentState.YES, False: ConsentState.NO, None: ConsentState.UNKNOWN}
_STAMPS: Final = ("SystemModstamp", "Opportunity.SystemModstamp", "Contact.SystemModstamp")


def is_person(kind: Kind, row: object) -> bool:
    """Whether a row has all that decides about somebody."""
    return (
        isinstance(row, dict)
        and is_id(row.get("Id"))
        and literal(row.get("SystemModstamp")) is not None
        and "Email" in row
        and all(isinstance(row.get(name), bool) for name in kind.needed if name.startswith(("Is", "Has")))
    )


def is_part(row: object) -> bool:
    """Whether a row says who has a part in which opportunity."""
    return isinstance(row, dict) and all(is_id(row.get(name)) for name in ("Id", "ContactId", "OpportunityId"))


def part_of(row: Mapping[str, Any]) -> object:
    return row["OpportunityId"], normalise(_text(at_path(row, "Contact.Email")))


def is_role(row: object) -> bool:
    return (
        isinstance(row, dict)
        and is_part(row)
        and isinstance(row.get("IsDeleted"), bool)
        and (row["IsDeleted"] or isinstance(at_path(row, "Opportunity.IsWon"), bool))
        and literal(row.get("SystemModstamp")) is not None
    )


def changed(row: Mapping[str, Any]) -> int:
    """When a row was changed last, in unix seconds, or what it hangs on."""
    return max(read_time(found) or 0 if isinstance(found := at_path(row, path), str) else 0 for path in _STAMPS)


def is_gone(kind: Kind, raw: Mapping[str, Any]) -> bool:
    return bool(raw["IsDeleted"] or (kind.gone and raw[kind.gone]))


def person_row(raw: Mapping[str, Any], kind: Kind, layout: Layout) -> Row | Unreadable | None:
    """What is kept of a contact or lead; None for one without an address, of which there are many."""
    ident, written = raw["Id"], raw["Email"]
    if written is None or (isinstance(written, str) and not written.strip()):
        return None
    email = normalise(_text(written))
    gone = is_gone(kind, raw)
    if email is None:
        return None if gone else without_email(_named(kind.name, ident))
    kept: dict[str, Any] = {"gone": gone, "out": raw["HasOptedOutOfEmail"], SUBSCRIBED: raw.get(SUBSCRIBED)}
    if not gone:
        kept["dates"] = {name: raw.get(name) for name in layout.dates}
        kept["profile"] = {field: _text(at_path(raw, path)) for field, path in layout.fields.items()}
    return Row(email, ident, orjson.dumps(kept), 0)


def person_record(row: Row, kind: Kind, warn: Callable[[Warned], None]) -> Record:
    """A contact or lead: profile and consent. Who is gone, or somebody else by now, is nobody here, and says yes no
    more; an opt-out stays one."""
    raw, what = orjson.loads(row.body), partial(_named, kind.name, row.ident)
    if raw["gone"]:
        state = ConsentState.OPTED_OUT if raw["out"] else ConsentState.NO
        return Record(row.email, row.ident, RANK_CUSTOMER, consent=Consent(state), makes_person=False)
    profile = raw["profile"]
    created, modified = (
        shop_time(raw["dates"].get(name), name, what, warn) for name in ("CreatedDate", "LastModifiedDate")
    )
    if "birthday" in profile:
        profile["birthday"] = shop_day(profile["birthday"], "Birthdate", what, warn)
    if created is not None:
        profile["created_at"] = utc_text(created)
    if modified is not None:
        profile["updated_at"] = utc_text(modified)
    profile["source_id"] = row.ident
    state = ConsentState.OPTED_OUT if raw["out"] else _STATES[raw[SUBSCRIBED]]
    at = created if modified is None else modified
    return Record(row.email, row.ident, RANK_CUSTOMER, at, created, profile, Consent(state))


def role_row(raw: Mapping[str, Any]) -> Row | None:
    """What is kept of a contact's role in an opportunity: an order of theirs, one for all their roles in it."""
    gone = raw["IsDeleted"] and not raw.get(OTHERS)
    kept = {
        "order": raw["OpportunityId"],
        "won": not gone and bool(at_path(raw, "Opportunity.IsWon")),
        "at": at_path(raw, "Opportunity.CloseDate"),
        "total": at_path(raw, "Opportunity.Amount"),
        "currency": _text(at_path(raw, "Opportunity.CurrencyIsoCode")),
    }
    email = normalise(_text(at_path(raw, "Contact.Email"))) or ""
    return Row(email, raw["Id"], orjson.dumps(kept), 0, raw["ContactId"])


def role_record(row: Row, warn: Callable[[Warned], None]) -> Record:
    """An order, if the opportunity was won. It may have no amount."""
    raw, what = orjson.loads(row.body), partial(_named, "OpportunityContactRole", row.ident)
    at = shop_time(raw["at"], "CloseDate", what, warn)
    total = json_amount(raw["total"])
    if total is None and raw["total"] is not None and raw["won"]:
        warn(Warned(not_an_amount(what()), 0))
    order = Order(raw["order"], raw["won"], at, total, raw["currency"] or None)
    return Record(row.email, row.ident, RANK_GUEST, at, orders=(order,), makes_person=raw["won"])


def buyer_row(raw: Mapping[str, Any]) -> Row | None:
    """Of a contact who meets the condition for buyers."""
    email = normalise(_text(raw["Email"])) or ""
    return Row(email, raw["Id"], b"{}", 0, raw["Id"])


def buyer_record(row: Row, _warn: Callable[[Warned], None]) -> Record:
    """An order of which nothing is known but that there is one."""
    return Record(row.email, row.ident, RANK_GUEST, orders=(Order(row.ident or "", True, None, None, None),))


def is_buyer(row: object) -> bool:
    return isinstance(row, dict) and is_id(row.get("Id")) and "Email" in row


def _named(name: str, ident: object) -> Message:
    return say("salesforce.record", "{name} {ident}", name=name, ident=ident)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
