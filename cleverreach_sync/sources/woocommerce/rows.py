"""Rows of WooCommerce: what is kept of them, and what they say about a person. Pure.

Facts (WooCommerce 9.4): `*_gmt` dates are UTC without a zone, `date_modified_gmt` of a customer may be null; e-mails
keep the case typed; orders include carts (`checkout-draft`) and erased ones, whose e-mail is `deleted@site.invalid`.
MailPoet writes such an address, too, where it erases a subscriber.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, tzinfo
from functools import partial
from typing import Any, Final

import orjson

from cleverreach_sync.domain.address import normalise
from cleverreach_sync.domain.model import RANK_CUSTOMER, RANK_GUEST, Consent, ConsentState, Order, Record
from cleverreach_sync.http.client import unescaped
from cleverreach_sync.http.foreign import identifier
from cleverreach_sync.sources.dates import shop_time
from cleverreach_sync.sources.interface import Row, Unreadable, Warned
from cleverreach_sync.sources.records import Named, customer, not_an_amount, order, subscriber, without_email
from cleverreach_sync.sources.values import json_text, read_amount, read_time, utc_text
from cleverreach_sync.sources.woocommerce.consent import MetaRule, mailpoet_state

DRAFT: Final = frozenset({"checkout-draft", "auto-draft"})
TRASH: Final = "trash"
CUSTOMER_FIELDS: Final = (
    *("id", "email", "first_name", "last_name", "role", "billing"),
    *("date_created_gmt", "date_modified_gmt"),
)
ORDER_FIELDS: Final = (
    *("id", "status", "customer_id", "billing", "date_created_gmt", "date_modified_gmt", "total", "currency"),
)
_CUSTOMER_KEPT: Final = ("id", "first_name", "last_name", "role", "date_created_gmt", "date_modified_gmt")
_ORDER_KEPT: Final = ("id", "status", "date_created_gmt", "total", "currency")
_BILLING: Final = {
    "company": "company",
    "postcode": "zip",
    "city": "city",
    "state": "state",
    "country": "country",
    "phone": "phone",
}
_BILLING_KEPT: Final = ("first_name", "last_name", "address_1", "address_2", *_BILLING)


def customer_row(raw: Mapping[str, Any], rule: MetaRule | None) -> Row | Unreadable:
    """What is kept of a customer. `raw` has `meta_data` where there is a rule."""
    ident = raw["id"]
    email = normalise(_text(raw.get("email")))
    if email is None:
        return without_email(customer(ident))
    kept = {name: raw.get(name) for name in _CUSTOMER_KEPT}
    kept["billing"] = _billing(raw)
    if rule is not None:
        kept["meta"] = rule.find(raw.get("meta_data"))
    return Row(email, str(ident), orjson.dumps(kept), 0)


def order_row(raw: Mapping[str, Any], rule: MetaRule | None, counting: Collection[str]) -> Row | Unreadable | None:
    """What is kept of an order; None for a cart, and for what makes nobody a person and names nobody either."""
    status = raw["status"]
    if status in DRAFT:
        return None
    ident, account = raw["id"], raw.get("customer_id")
    billing = raw.get("billing")
    email = normalise(_text(billing.get("email")) if isinstance(billing, dict) else "")
    owner = _account(account)
    if email is None and owner is None:
        return without_email(order(ident)) if status in counting else None
    kept = {name: raw.get(name) for name in _ORDER_KEPT}
    if status != TRASH:
        kept["billing"] = _billing(raw)
    if rule is not None:
        kept["meta"] = rule.find(raw.get("meta_data"))
    return Row(email or "", str(ident), orjson.dumps(kept), 0, owner)


def subscriber_row(raw: Mapping[str, Any]) -> Row | Unreadable:
    """What is kept of a subscriber of MailPoet."""
    email = normalise(_text(raw.get("email")))
    if email is None:
        return without_email(subscriber(raw["id"]))
    kept = {name: raw.get(name) for name in ("id", "last_subscribed_at")}
    kept["consent"] = mailpoet_state(raw).value
    return Row(email, str(raw["id"]), orjson.dumps(kept), 0)


def customer_record(row: Row, rule: MetaRule | None, warn: Callable[[Warned], None]) -> Record:
    """A customer: profile, and consent where there is a rule."""
    raw = orjson.loads(row.body)
    billing = raw["billing"]
    profile = _address(billing)
    for name in ("first_name", "last_name"):
        profile[name] = _unescaped(_text(raw[name])) or profile.get(name, "")
    profile |= {"customer_number": str(raw["id"]), "source_id": str(raw["id"]), "customer_type": _text(raw["role"])}
    what = partial(customer, raw["id"])
    created = _time(raw, "date_created_gmt", what, warn)
    changed = _time(raw, "date_modified_gmt", what, warn)
    if created is not None:
        profile["created_at"] = utc_text(created)
    if changed is not None:
        profile["updated_at"] = utc_text(changed)
    return Record(
        row.email,
        row.ident,
        RANK_CUSTOMER,
        created if changed is None else changed,
        created,
        profile,
        None if rule is None else rule.consent(raw["meta"]),
    )


def order_record(row: Row, rule: MetaRule | None, counting: Collection[str], warn: Callable[[Warned], None]) -> Record:
    """An order: a purchase if its status counts, a guest's address, and consent where there is a rule."""
    raw = orjson.loads(row.body)
    what = partial(order, raw["id"])
    at = _time(raw, "date_created_gmt", what, warn)
    counts = raw["status"] in counting
    total = read_amount(text) if (text := json_text(raw["total"])) else None
    if total is None and counts:
        warn(Warned(not_an_amount(what()), 0))
    consent = None if rule is None else rule.consent(raw["meta"])
    if consent is not None and consent.state is not ConsentState.UNKNOWN:
        consent = consent._replace(at=at)
    bought = Order(str(raw["id"]), counts, at, total, _text(raw["currency"]) or None)
    return Record(
        row.email,
        row.ident,
        RANK_GUEST,
        at,
        None,
        _address(raw["billing"]) if row.owner is None and "billing" in raw else {},
        consent,
        None,
        (bought,),
        None,
        counts,
    )


def subscriber_record(row: Row, warn: Callable[[Warned], None], zone: tzinfo = UTC) -> Record:
    """A subscriber of MailPoet: consent only. Its times are UTC, but what older versions wrote is in the zone of the
    shop: a yes that is dated too late would revive somebody who left."""
    raw = orjson.loads(row.body)
    state, at = ConsentState(raw["consent"]), None
    if state is ConsentState.YES:
        at = _time(raw, "last_subscribed_at", partial(subscriber, raw["id"]), warn)
        there = None if at is None or zone is UTC else read_time(_text(raw["last_subscribed_at"]), zone=zone)
        at = at if at is None or there is None else min(at, there)
    return Record(row.email, row.ident, RANK_GUEST, None, None, {}, Consent(state, at))


def modified(raw: Mapping[str, Any]) -> int:
    """When an order was changed last, in unix seconds; 0 if it does not say."""
    return read_time(_text(raw.get("date_modified_gmt"))) or 0


def _account(ident: object) -> str | None:
    """The account an order belongs to, None for a guest's. Plug-ins make texts of numbers."""
    return identifier(ident)


def _billing(raw: Mapping[str, Any]) -> dict[str, str]:
    billing = raw.get("billing")
    return (
        {name: _text(billing[name]) for name in _BILLING_KEPT if name in billing} if isinstance(billing, dict) else {}
    )


def _address(billing: Mapping[str, str]) -> dict[str, str]:
    billing = {name: _unescaped(text) for name, text in billing.items()}
    profile = {field: billing[name] for name, field in _BILLING.items() if name in billing}
    profile |= {name: billing[name] for name in ("first_name", "last_name") if name in billing}
    lines = [billing[name] for name in ("address_1", "address_2") if name in billing]
    if lines:
        profile["street"] = ", ".join(filter(None, lines))
    return profile


def _unescaped(text: str) -> str:
    """WordPress keeps what people type as HTML: `Anna &amp; Tom`, `D&#039;Arc`. Undone once, and only what is one."""
    return unescaped(text).strip() if "&" in text else text


def _time(raw: Mapping[str, Any], name: str, what: Named, warn: Callable[[Warned], None]) -> int | None:
    return shop_time(raw[name], name, what, warn)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
