"""One customer of Shopify: JSON -> raw row -> record. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import orjson

from cleverreach_sync.domain.address import normalise
from cleverreach_sync.domain.model import RANK_CUSTOMER, Consent, ConsentState, Purchases, Record
from cleverreach_sync.messages import say
from cleverreach_sync.sources.interface import Row, Unreadable, Warned
from cleverreach_sync.sources.values import read_amount, read_count, read_time, utc_text

# PENDING: asked, but not confirmed. REDACTED is a state of the sibling types: the data was erased on request.
_CONSENT: Final = {
    "SUBSCRIBED": ConsentState.YES,
    "UNSUBSCRIBED": ConsentState.OPTED_OUT,
    "NOT_SUBSCRIBED": ConsentState.NO,
    "PENDING": ConsentState.NO,
    "REDACTED": ConsentState.OPTED_OUT,
}
_FIELDS: Final = frozenset(
    (
        *("legacyResourceId", "firstName", "lastName", "locale", "tags", "createdAt", "updatedAt", "numberOfOrders"),
        *("amountSpent", "lastOrder", "defaultEmailAddress", "defaultPhoneNumber", "defaultAddress"),
    )
)
_OBJECTS: Final = ("amountSpent", "lastOrder", "defaultEmailAddress", "defaultPhoneNumber", "defaultAddress")
_NO_EMAIL: Final = Unreadable("email", say("shopify.no_email", "a customer without an e-mail address"), 0)
_INVALID: Final = say("shopify.invalid_state", "the state of the e-mail marketing is invalid in Shopify")
_BAD_EMAIL: Final = Unreadable("email", say("shopify.bad_email", "a customer with an unusable e-mail address"), 0)


class Customer(NamedTuple):
    """What is taken out of a customer while reading. `updated_at` is unix seconds."""

    ident: str
    updated_at: int
    row: Row | Unreadable


class NoCustomer(Exception):
    """The JSON is no customer as it was asked for."""


def read_customer(node: Any) -> Customer:
    """Takes identity, date and e-mail out of a customer as it was answered. Raises NoCustomer."""
    if not isinstance(node, dict) or not node.keys() >= _FIELDS or not isinstance(node["tags"], list):
        raise NoCustomer
    if not all(node[name] is None or isinstance(node[name], dict) for name in _OBJECTS):
        raise NoCustomer
    try:
        ident, updated = node["legacyResourceId"], read_time(node["updatedAt"])
        given = node["defaultEmailAddress"]
        address = None if given is None else given.pop("emailAddress")
    except (KeyError, TypeError, AttributeError):
        raise NoCustomer from None
    if not isinstance(ident, str) or updated is None:
        raise NoCustomer
    if not address or not isinstance(address, str):
        return Customer(ident, updated, _NO_EMAIL)
    email = normalise(address)
    return Customer(ident, updated, _BAD_EMAIL if email is None else Row(email, ident, orjson.dumps(node), 0))


def read_record(row: Row, warn: Callable[[Warned], None]) -> Record:
    """The record of a row whose `body` is a customer as JSON."""
    node = orjson.loads(row.body)
    created_at, updated_at = _moment(node["createdAt"]), _moment(node["updatedAt"])
    given = node["defaultEmailAddress"]
    state = _CONSENT.get(str(given.get("marketingState")))
    consent, invalid = None, None
    if state is None:  # INVALID, or a state that is not known yet
        warn(Warned(_INVALID, row.place))
        invalid = "subscribed"
    else:
        # null: it never changed, and nobody knows since when it holds
        consent = Consent(state, _moment(given.get("marketingUpdatedAt")))
    return Record(
        email=row.email,
        ident=row.ident,
        rank=RANK_CUSTOMER,
        at=updated_at,
        created_at=created_at,
        profile=_profile(node, created_at, updated_at),
        consent=consent,
        purchases=_purchases(node),
        invalid=invalid,
    )


def consent_of(row: Row) -> str:
    """What a row says about the newsletter, in a word to show."""
    state = _CONSENT.get(str(orjson.loads(row.body)["defaultEmailAddress"].get("marketingState")))
    return "invalid" if state is None else state.value


def _purchases(node: Mapping[str, Any]) -> Purchases | None:
    """`numberOfOrders` is a number of 64 bits, as a text."""
    number = read_count(str(node["numberOfOrders"]))
    if number is None:
        return None
    last, spent = node["lastOrder"], node["amountSpent"]
    return Purchases(
        number,
        _moment(last.get("createdAt")) if last else None,
        read_amount(str(spent.get("amount"))) if spent else None,
    )


def _profile(node: Mapping[str, Any], created_at: int | None, updated_at: int | None) -> dict[str, str]:
    """All fields are asked for, so what is null is empty."""
    address = node["defaultAddress"] or {}
    phone = node["defaultPhoneNumber"] or {}
    street = (_text(address.get("address1")), _text(address.get("address2")))
    level = node["defaultEmailAddress"].get("marketingOptInLevel")
    return {
        "first_name": _text(node["firstName"]) or _text(address.get("firstName")),
        "last_name": _text(node["lastName"]) or _text(address.get("lastName")),
        "language": _text(node["locale"]),
        "company": _text(address.get("company")),
        "street": ", ".join(part for part in street if part),
        "zip": _text(address.get("zip")),
        "city": _text(address.get("city")),
        "state": _text(address.get("provinceCode")),
        "country": _text(address.get("countryCodeV2")),
        "phone": _text(phone.get("phoneNumber")) or _text(address.get("phone")),
        "customer_number": node["legacyResourceId"],
        "source_id": node["legacyResourceId"],
        "created_at": _time(created_at),
        "updated_at": _time(updated_at),
        "extra.tags": ", ".join(sorted(map(_text, node["tags"]))),
        "extra.opt_in_level": _text(level).lower(),
    }


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _moment(value: Any) -> int | None:
    """Unix seconds; None for what is empty, or no time."""
    return read_time(value) if isinstance(value, str) and value else None


def _time(moment: int | None) -> str:
    return "" if moment is None else utc_text(moment)
