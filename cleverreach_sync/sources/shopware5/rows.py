"""Customers, addresses and orders of Shopware 5: answer -> raw row -> record. Pure.

Facts (Shopware 5.7): guests are customers with `accountMode` 1, several for one address; rows hold `hashPassword`,
`sessionId` and `confirmationKey`; `newsletter` is set and reset by nobody reliably and never used; `changed` is null
until the first change; `firstLogin` is the day of the registration; an aborted order has the number "0".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from functools import partial
from typing import Any, Final

import orjson

from cleverreach_sync.domain.address import normalise
from cleverreach_sync.domain.model import RANK_CUSTOMER, RANK_GUEST, Order, Record
from cleverreach_sync.http.foreign import identifier
from cleverreach_sync.sources.dates import shop_day, shop_time
from cleverreach_sync.sources.interface import Row, Unreadable, Warned
from cleverreach_sync.sources.records import customer, not_an_amount, order, without_email
from cleverreach_sync.sources.shop import Statuses
from cleverreach_sync.sources.values import json_amount, json_text, read_time, utc_text

NO_BUYERS: Final = frozenset({"-1", "4"})
CUSTOMER_NEEDS: Final = ("email", "accountMode")
ORDER_NEEDS: Final = ("number", "orderStatusId", "customerId")
_GENDERS: Final = {"mr": "m", "mrs": "f", "ms": "f"}
_NO_SALUTATION: Final = frozenset({"not_defined", "not_specified"})
_ABORTED: Final = "0"


def customer_row(raw: Mapping[str, Any]) -> Row | Unreadable:
    """What is kept of a customer, guests included."""
    ident = str(raw["id"])
    email = normalise(_text(raw["email"]))
    if email is None:
        return without_email(customer(ident))
    key = _text(raw.get("salutation"))
    kept = {
        **{name: _text(raw.get(name)) for name in ("birthday", "firstLogin", "changed")},
        "minor": _is_minor(raw),
        "profile": {
            "salutation": "" if key in _NO_SALUTATION else key,
            "gender": _GENDERS.get(key, ""),
            "title": _text(raw.get("title")),
            "first_name": _text(raw.get("firstname")),
            "last_name": _text(raw.get("lastname")),
            "customer_number": _text(raw.get("number")),
            "customer_type": _text(raw.get("groupKey")),
            "source_id": ident,
        },
    }
    return Row(email, ident, orjson.dumps(kept), 0)


def address_row(raw: Mapping[str, Any]) -> Row | None:
    """What is kept of the address of a customer, as a single customer shows it; of those without an e-mail address the
    list of customers tells."""
    email = normalise(_text(raw.get("email")))
    if email is None:
        return None
    found = _object(raw, "defaultBillingAddress")
    lines = (_text(found.get(name)) for name in ("street", "additionalAddressLine1", "additionalAddressLine2"))
    state = _object(found, "state")
    kept = {
        **{name: _text(raw.get(name)) for name in ("firstLogin", "changed")},
        "minor": _is_minor(raw),
        "profile": {
            "company": _text(found.get("company")),
            "street": ", ".join(filter(None, lines)),
            "zip": _text(found.get("zipcode")),
            "city": _text(found.get("city")),
            "state": _text(state.get("shortCode")) or _text(state.get("name")),
            "country": _text(_object(found, "country").get("iso")),
            "phone": _text(found.get("phone")),
        },
    }
    return Row(email, str(raw["id"]), orjson.dumps(kept), 0)


def order_row(raw: Mapping[str, Any], statuses: Statuses) -> Row | Unreadable | None:
    """What is kept of an order; None for one that was aborted, and one whose customer is gone: it is nobody's."""
    buyer, owner = _object(raw, "customer"), identifier(raw["customerId"])
    if _text(raw["number"]) == _ABORTED or not buyer or owner is None:
        return None
    ident, status = str(raw["id"]), _text(raw["orderStatusId"])
    email = normalise(_text(buyer.get("email")))
    if email is None:
        return without_email(order(ident)) if statuses.count(status) else None
    kept = {"status": status, "at": _text(raw.get("orderTime")), "currency": _text(raw.get("currency"))}
    return Row(email, ident, orjson.dumps({**kept, "total": json_amount(raw.get("invoiceAmount"))}), 0, owner)


def customer_record(row: Row, zone: tzinfo, warn: Callable[[Warned], None]) -> Record:
    """A customer: profile. A guest, or an account that was never confirmed, counts less than an account and is nobody
    by that alone."""
    raw, what = orjson.loads(row.body), partial(customer, row.ident)
    profile = raw["profile"]
    created, changed = (shop_time(raw[name], name, what, warn, zone) for name in ("firstLogin", "changed"))
    profile["birthday"] = shop_day(raw["birthday"], "birthday", what, warn)
    profile |= {name: utc_text(at) for name, at in (("created_at", created), ("updated_at", changed)) if at is not None}
    return Record(
        row.email,
        row.ident,
        RANK_GUEST if raw["minor"] else RANK_CUSTOMER,
        created if changed is None else changed,
        created,
        profile,
        makes_person=not raw["minor"],
    )


def address_record(row: Row, zone: tzinfo, warn: Callable[[Warned], None]) -> Record:
    """The address of a customer, which makes nobody a person. Of its dates the customer's record warns."""
    del warn
    raw = orjson.loads(row.body)
    at = _latest(raw, zone) or None
    rank = RANK_GUEST if raw["minor"] else RANK_CUSTOMER
    return Record(row.email, row.ident, rank, at, None, raw["profile"], makes_person=False)


def order_record(row: Row, statuses: Statuses, zone: tzinfo, warn: Callable[[Warned], None]) -> Record:
    """An order: a purchase if its status counts."""
    raw, what = orjson.loads(row.body), partial(order, row.ident)
    at = shop_time(raw["at"], "orderTime", what, warn, zone)
    counts = statuses.count(raw["status"])
    if raw["total"] is None and counts:
        warn(Warned(not_an_amount(what()), 0))
    bought = Order(row.ident or "", counts, at, raw["total"], raw["currency"] or None)
    return Record(row.email, row.ident, RANK_GUEST, at, None, {}, orders=(bought,), makes_person=counts)


def ident(raw: Mapping[str, Any]) -> int:
    return int(raw["id"])


def moved(raw: Mapping[str, Any], zone: tzinfo = UTC) -> int:
    """When a customer or an order was changed last, or came in, in unix seconds; 0 if it does not say."""
    return _latest(raw, zone)


def _latest(raw: Mapping[str, Any], zone: tzinfo) -> int:
    names = ("changed", "orderTime", "firstLogin")
    return max(read_time(text, zone=zone) or 0 if (text := _text(raw.get(name))) else 0 for name in names)


def _is_minor(raw: Mapping[str, Any]) -> bool:
    """Whether it is no account: a guest, or one who never confirmed the registration."""
    pending = bool(raw.get("doubleOptinRegister")) and not raw.get("doubleOptinConfirmDate")
    return pending or _text(raw.get("accountMode")) != "0"


def _object(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """Numbers, too: what is one and what is a text changes from version to version."""
    return "" if value is None else (json_text(value) or "").strip()
