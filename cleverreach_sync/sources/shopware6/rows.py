"""Customers, orders and newsletter recipients of Shopware 6: answer -> raw row -> record. Pure.

Facts: guests are customers of their own, several for one address; `confirmedAt` of a recipient stays when they opt out,
and is empty for those who never had to confirm; `customer.orderCount` counts completed orders only and is never used.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Final

import orjson

from cleverreach_sync.domain.address import normalise
from cleverreach_sync.domain.model import RANK_CUSTOMER, RANK_GUEST, Consent, ConsentState, Order, Record
from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources.dates import shop_day, shop_time
from cleverreach_sync.sources.interface import Row, Unreadable, Warned
from cleverreach_sync.sources.records import (
    Named,
    customer,
    not_an_amount,
    order,
    recipient,
    without_email,
)
from cleverreach_sync.sources.shop import Statuses
from cleverreach_sync.sources.values import json_amount, utc_text

CANCELLED: Final = frozenset({"cancelled"})
_CUSTOMER_KEPT: Final = ("guest", "birthday", "createdAt", "updatedAt")
_RECIPIENT_KEPT: Final = ("status", "confirmedAt", "createdAt", "updatedAt")
_GENDERS: Final = {"mr": "m", "mrs": "f", "ms": "f"}
_NO_SALUTATION: Final = frozenset({"", "not_specified", "undefined"})
_YES: Final = frozenset({"optIn", "direct"})


def customer_row(raw: Mapping[str, Any]) -> Row | Unreadable:
    """What is kept of a customer, guests included."""
    ident = _text(raw.get("id"))
    email = normalise(_text(raw.get("email")))
    if email is None:
        return without_email(customer(ident))
    kept = {name: raw.get(name) for name in _CUSTOMER_KEPT}
    kept["pending"] = bool(raw.get("doubleOptInRegistration")) and not raw.get("doubleOptInConfirmDate")
    address = _object(raw, "defaultBillingAddress")
    kept["moved"] = address.get("updatedAt")
    kept["profile"] = {
        **_who(raw),
        **_where(address),
        "company": _text(address.get("company")) or _text(raw.get("company")),
        "customer_number": _text(raw.get("customerNumber")),
        "customer_type": _name(raw, "group"),
        "source_id": ident,
    }
    return Row(email, ident, orjson.dumps(kept), 0)


def order_row(raw: Mapping[str, Any], statuses: Statuses, channels: Collection[str] | None) -> Row | Unreadable | None:
    """What is kept of an order; None for one that makes nobody a person and names nobody either.

    An order of an account belongs to the address that the account has now. `channels` are the sales channels whose
    customers are read, None for all; whoever has an account in another one counts as a guest.
    """
    ident, buyer = _text(raw.get("id")), _object(raw, "orderCustomer")
    state = _text(_object(raw, "stateMachineState").get("technicalName"))
    account = _object(buyer, "customer")
    registered = bool(account) and not account.get("guest")
    known = registered and (channels is None or account.get("salesChannelId") in channels)
    typed = _text(buyer.get("email"))
    email = normalise(_text(account.get("email")) or typed if registered else typed)
    owner = (_text(buyer.get("customerId")) or None) if known else None
    if email is None and owner is None:
        if not statuses.count(state.lower()):
            return None
        return without_email(order(ident))
    kept: dict[str, Any] = {
        "id": ident,
        "state": state,
        "at": raw.get("orderDateTime"),
        "total": raw.get("amountTotal"),
        "currency": _text(_object(raw, "currency").get("isoCode")),
    }
    if not known:
        kept["profile"] = _of_guest(raw, buyer)
    return Row(email or "", ident, orjson.dumps(kept), 0, owner)


def recipient_row(raw: Mapping[str, Any]) -> Row | Unreadable:
    """What is kept of a newsletter recipient; never its `hash`."""
    ident = _text(raw.get("id"))
    email = normalise(_text(raw.get("email")))
    if email is None:
        return without_email(recipient(ident))
    kept = {name: raw.get(name) for name in _RECIPIENT_KEPT}
    kept["id"] = ident
    kept["profile"] = {
        **_who(raw),
        "street": _text(raw.get("street")),
        "zip": _text(raw.get("zipCode")),
        "city": _text(raw.get("city")),
    }
    return Row(email, ident, orjson.dumps(kept), 0)


def customer_record(row: Row, warn: Callable[[Warned], None]) -> Record:
    """A customer: profile. A guest, or an account that was never confirmed, counts less than an account and is nobody
    by that alone."""
    raw, what = orjson.loads(row.body), partial(customer, row.ident)
    profile = raw["profile"]
    created = _time(raw, "createdAt", what, warn)
    changed = _time(raw, "updatedAt", what, warn)
    moved = _time(raw, "moved", what, warn)
    latest = max((moment for moment in (created, changed, moved) if moment is not None), default=None)
    profile["birthday"] = shop_day(raw["birthday"], "birthday", what, warn)
    if created is not None:
        profile["created_at"] = utc_text(created)
    if latest is not None and latest != created:
        profile["updated_at"] = utc_text(latest)
    return Record(
        row.email,
        row.ident,
        RANK_GUEST if raw["guest"] or raw["pending"] else RANK_CUSTOMER,
        latest,
        created,
        profile,
        makes_person=not (raw["guest"] or raw["pending"]),
    )


def order_record(row: Row, statuses: Statuses, warn: Callable[[Warned], None]) -> Record:
    """An order: a purchase if its state counts, and the address of somebody without an account."""
    raw = orjson.loads(row.body)
    what, counts = partial(order, raw["id"]), statuses.count(raw["state"].lower())
    at = _time(raw, "at", what, warn)
    total = json_amount(raw["total"])
    if total is None and counts:
        warn(Warned(not_an_amount(what()), 0))
    bought = Order(raw["id"], counts, at, total, raw["currency"] or None)
    return Record(
        row.email, row.ident, RANK_GUEST, at, None, raw.get("profile", {}), orders=(bought,), makes_person=counts
    )


def recipient_record(row: Row, warn: Callable[[Warned], None]) -> Record:
    """A newsletter recipient: consent, and the name they gave.

    A yes is dated with its confirmation, else with the creation: what moves `updatedAt` may have nothing to do with
    consent, and a yes that is dated too late would revive somebody who left. An opt-out is dated with the update.
    """
    raw = orjson.loads(row.body)
    what, status = partial(recipient, raw["id"]), str(raw["status"] or "")
    created = _time(raw, "createdAt", what, warn)
    changed = _time(raw, "updatedAt", what, warn)
    consent, invalid = None, None
    if status in _YES:
        confirmed = _time(raw, "confirmedAt", what, warn)
        consent = Consent(ConsentState.YES, created if confirmed is None else confirmed)
    elif status == "optOut":
        # A date of change that is none is no reason to take that of the creation: they withdrew after it.
        consent = Consent(ConsentState.OPTED_OUT, changed if raw["updatedAt"] else created)
    elif status in ("notSet", ""):
        consent = Consent(ConsentState.NO)
    else:
        warn(Warned(_unknown_status(what()), 0))
        invalid = "subscribed"
    return Record(
        row.email,
        row.ident,
        RANK_GUEST,
        created if changed is None else changed,
        created,
        raw["profile"],
        consent,
        invalid=invalid,
    )


def _of_guest(raw: Mapping[str, Any], buyer: Mapping[str, Any]) -> dict[str, str]:
    address = _object(raw, "billingAddress")
    shared = {name: raw.get(name) for name in ("language", "salesChannel")}
    return {
        **_who({**buyer, **shared}),
        **_where(address),
        "company": _text(address.get("company")) or _text(buyer.get("company")),
        "customer_number": _text(buyer.get("customerNumber")),
    }


def _who(raw: Mapping[str, Any]) -> dict[str, str]:
    """All of it is asked for, so what is null is empty."""
    key = _text(_object(raw, "salutation").get("salutationKey"))
    return {
        "salutation": "" if key in _NO_SALUTATION else _name(raw, "salutation", "displayName") or key,
        "gender": _GENDERS.get(key, ""),
        "title": _text(raw.get("title")),
        "first_name": _text(raw.get("firstName")),
        "last_name": _text(raw.get("lastName")),
        "language": _text(_object(_object(raw, "language"), "locale").get("code")),
        "shop": _name(raw, "salesChannel"),
    }


def _where(address: Mapping[str, Any]) -> dict[str, str]:
    lines = (_text(address.get(name)) for name in ("street", "additionalAddressLine1", "additionalAddressLine2"))
    return {
        "street": ", ".join(filter(None, lines)),
        "zip": _text(address.get("zipcode")),
        "city": _text(address.get("city")),
        "state": _text(_object(address, "countryState").get("shortCode")) or _name(address, "countryState"),
        "country": _text(_object(address, "country").get("iso")),
        "phone": _text(address.get("phoneNumber")),
    }


def _name(raw: Mapping[str, Any], association: str, field: str = "name") -> str:
    """A name in the language of the shop's system, or whichever there is."""
    return name_of(_object(raw, association), field)


def name_of(found: Mapping[str, Any], field: str = "name") -> str:
    """The name of something that may be translated."""
    return _text(found.get(field)) or _text(_object(found, "translated").get(field))


def _object(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def _unknown_status(record: Message) -> Message:
    return say("shopware.unknown_status", "{record}: its status is unknown", record=record)


def _time(raw: Mapping[str, Any], name: str, what: Named, warn: Callable[[Warned], None]) -> int | None:
    return shop_time(raw[name], name, what, warn)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
