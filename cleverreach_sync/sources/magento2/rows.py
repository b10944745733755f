"""Customers and orders of Magento 2: answer -> raw row -> record. Pure.

Facts (seen with 2.4.7): members that are empty are absent; dates are UTC without a zone; the case of an address is as
it was typed; `is_subscribed` is absent before 2.3.4; guest orders have no `customer_id`, nor have those of an account
that was deleted. The 1, 2, 3 of `gender` are those of a shop as it is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import orjson

from cleverreach_sync.domain.address import normalise
from cleverreach_sync.domain.model import RANK_CUSTOMER, RANK_GUEST, Consent, ConsentState, Order, Record
from cleverreach_sync.http.foreign import identifier, whole
from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources.dates import shop_day, shop_time
from cleverreach_sync.sources.interface import Row, Unreadable, Warned
from cleverreach_sync.sources.records import customer, not_an_amount, order, without_email
from cleverreach_sync.sources.shop import Statuses
from cleverreach_sync.sources.values import json_amount, json_text, read_time, utc_text

ACCOUNT_OF: Final = "crsync account"  # where the account of an order is put beside it
_CUSTOMER_KEPT: Final = ("created_at", "updated_at", "dob")
_GENDERS: Final = {1: "m", 2: "f"}
_SUBSCRIBED: Final = {
    "true": ConsentState.YES,
    "1": ConsentState.YES,
    "false": ConsentState.NO,
    "0": ConsentState.NO,
    "": ConsentState.UNKNOWN,
}


def customer_row(raw: Mapping[str, Any], language: Callable[[object], str]) -> Row | Unreadable:
    """What is kept of a customer. `language` is that of a store view."""
    ident = identifier(raw.get("id")) or ""
    email = normalise(_text(raw.get("email")))
    if email is None:
        return without_email(customer(ident))
    kept = {name: raw.get(name) for name in _CUSTOMER_KEPT}
    kept["subscribed"] = _word(_object(raw, "extension_attributes").get("is_subscribed"))
    address = _billing(raw.get("addresses"))
    kept["profile"] = {
        "salutation": _text(raw.get("prefix")),
        "gender": _GENDERS.get(whole(raw.get("gender")) or 0, ""),
        "first_name": _text(raw.get("firstname")),
        "last_name": _text(raw.get("lastname")),
        "language": language(raw.get("store_id")),
        "shop": _text(raw.get("created_in")),
        **_where(address),
        "customer_number": ident,
        "source_id": ident,
    }
    return Row(email, ident, orjson.dumps(kept), 0)


def order_row(raw: Mapping[str, Any], statuses: Statuses, language: Callable[[object], str]) -> Row | Unreadable | None:
    """What is kept of an order; None for one that makes nobody a person and names nobody either.

    `raw` has the account that it belongs to, if that is there and its website is read. Such an order belongs to the
    address that the account has now, every other one to that of the order.
    """
    ident, state = identifier(raw.get("entity_id")) or "", _text(raw.get("state"))
    account = _object(raw, ACCOUNT_OF)
    owner = identifier(account.get("id"))
    typed = _text(raw.get("customer_email"))
    email = normalise(_text(account.get("email")) or typed)
    if email is None and owner is None:
        return without_email(order(ident)) if statuses.count(state.lower()) else None
    kept: dict[str, Any] = {
        "id": ident,
        "state": state,
        "at": raw.get("created_at"),
        "total": raw.get("base_grand_total"),
        "currency": _text(raw.get("base_currency_code")),
    }
    if owner is None:
        kept["dob"] = raw.get("customer_dob")
        kept["profile"] = _of_guest(raw, language)
    return Row(email or "", ident, orjson.dumps(kept), 0, owner)


def customer_record(row: Row, warn: Callable[[Warned], None]) -> Record:
    """A customer: profile, and consent. A yes has no date: what moves `updated_at` may have nothing to do with it."""
    raw, what = orjson.loads(row.body), partial(customer, row.ident)
    profile = raw["profile"]
    created = shop_time(raw["created_at"], "created_at", what, warn)
    changed = shop_time(raw["updated_at"], "updated_at", what, warn)
    profile["birthday"] = shop_day(raw["dob"], "dob", what, warn)
    profile |= {name: utc_text(at) for name, at in (("created_at", created), ("updated_at", changed)) if at}
    state = _SUBSCRIBED.get(raw["subscribed"])
    if state is None:
        warn(Warned(_unknown_word(what()), 0))
    return Record(
        row.email,
        row.ident,
        RANK_CUSTOMER,
        created if changed is None else changed,
        created,
        profile,
        None if state is None else Consent(state),
        invalid="subscribed" if state is None else None,
    )


def order_record(row: Row, statuses: Statuses, warn: Callable[[Warned], None]) -> Record:
    """An order: a purchase if its state counts, and the address of somebody without an account."""
    raw = orjson.loads(row.body)
    what, counts = partial(order, raw["id"]), statuses.count(raw["state"].lower())
    at = shop_time(raw["at"], "created_at", what, warn)
    total = json_amount(raw["total"])
    if total is None and counts:
        warn(Warned(not_an_amount(what()), 0))
    profile = raw.get("profile", {})
    if profile:
        profile["birthday"] = shop_day(raw["dob"], "customer_dob", what, warn)
    bought = Order(raw["id"], counts, at, total, raw["currency"] or None)
    return Record(row.email, row.ident, RANK_GUEST, at, None, profile, orders=(bought,), makes_person=counts)


def changed(raw: Mapping[str, Any]) -> int:
    """When a row was changed last, in unix seconds; 0 if it does not say."""
    return read_time(_text(raw.get("updated_at"))) or 0


def _of_guest(raw: Mapping[str, Any], language: Callable[[object], str]) -> dict[str, str]:
    address = _object(raw, "billing_address")
    return {
        "salutation": _text(raw.get("customer_prefix")) or _text(address.get("prefix")),
        "gender": _GENDERS.get(whole(raw.get("customer_gender")) or 0, ""),
        "first_name": _text(raw.get("customer_firstname")) or _text(address.get("firstname")),
        "last_name": _text(raw.get("customer_lastname")) or _text(address.get("lastname")),
        "language": language(raw.get("store_id")),
        "shop": _text(raw.get("store_name")).rpartition("\n")[2].strip(),  # website, store, store view
        **_where(address),
    }


def _billing(addresses: object) -> Mapping[str, Any]:
    """The default billing address, else the first there is."""
    found = [each for each in addresses if isinstance(each, dict)] if isinstance(addresses, list) else []
    return next((each for each in found if each.get("default_billing")), found[0] if found else {})


def _where(address: Mapping[str, Any]) -> dict[str, str]:
    lines, region = address.get("street"), address.get("region")
    if isinstance(region, dict):  # of a customer; an order has a text
        code, region = region.get("region_code"), region.get("region")
    else:
        code = address.get("region_code")
    return {
        "company": _text(address.get("company")),
        "street": ", ".join(filter(None, map(_text, lines))) if isinstance(lines, list) else _text(lines),
        "zip": _text(address.get("postcode")),
        "city": _text(address.get("city")),
        "state": _text(region) or _text(code),
        "country": _text(address.get("country_id")),
        "phone": _text(address.get("telephone")),
    }


def _word(value: object) -> str:
    """What stands there of a subscription, no more than a word of it; "" for nothing."""
    text = "" if value is None else json_text(value)
    word = "?" if text is None else text.strip().lower()
    return word if word in _SUBSCRIBED else "?"


def _unknown_word(record: Message) -> Message:
    return say("magento.unknown_subscription", "{record}: is_subscribed is neither true nor false", record=record)


def _object(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
