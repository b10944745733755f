"""What is asked of Shopware's Admin API: the criteria of every search. Pure.

Facts (vendor source): `customer` and `order` have an `autoIncrement`, `newsletter_recipient` has none, and its ID
cannot be searched by range; `updatedAt` is null until the first update; an edited address touches only
`customer_address`; a login moves a customer's `updatedAt`, an order does not; dates are compared in UTC, as
`YYYY-MM-DD HH:MM:SS.mmm` without a zone; without a mode the rows are counted every time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources import records

Filter = Mapping[str, Any]
EXACT: Final = 1
UNCOUNTED: Final = 0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_YEARS: Final = range(1900, 9999)

_SALUTATION: Final = ("salutationKey", "displayName", "translated")
_COUNTRY: Final[Mapping[str, Sequence[str]]] = {
    "country": ("iso",),
    "country_state": ("shortCode", "name", "translated"),
}
_NAMES: Final[Mapping[str, Sequence[str]]] = {
    "salutation": _SALUTATION,
    "language": ("locale",),
    "locale": ("code",),
    "sales_channel": ("name", "translated"),
}
_ADDRESS: Final = (
    *("street", "additionalAddressLine1", "additionalAddressLine2", "zipcode", "city", "company", "phoneNumber"),
    *("country", "countryState"),
)
_LANGUAGE: Final[Mapping[str, Any]] = {"associations": {"locale": {}}}
_PLACE: Final[Mapping[str, Any]] = {"associations": {"country": {}, "countryState": {}}}


class Entity(NamedTuple):
    """One list. `key` is the field it is walked along, `dates` tell what was changed since when."""

    path: str
    words: Message
    key: str
    dates: tuple[str, ...]
    associations: Mapping[str, Any]
    includes: Mapping[str, Sequence[str]]


CUSTOMER: Final = Entity(
    "customer",
    records.CUSTOMERS,
    "autoIncrement",
    ("updatedAt", "createdAt", "defaultBillingAddress.updatedAt"),
    {
        "salutation": {},
        "language": _LANGUAGE,
        "group": {},
        "salesChannel": {},
        "defaultBillingAddress": _PLACE,
    },
    {
        "customer": (
            *("id", "autoIncrement", "email", "guest", "firstName", "lastName", "title", "company", "birthday"),
            *("customerNumber", "doubleOptInRegistration", "doubleOptInConfirmDate", "createdAt", "updatedAt"),
            *("salutation", "language", "group", "salesChannel", "defaultBillingAddress"),
        ),
        "customer_address": (*_ADDRESS, "updatedAt"),
        "customer_group": ("name", "translated"),
        **_NAMES,
        **_COUNTRY,
    },
)
ORDER: Final = Entity(
    "order",
    records.ORDERS,
    "autoIncrement",
    ("updatedAt", "createdAt", "orderCustomer.updatedAt"),
    {
        "stateMachineState": {},
        "currency": {},
        "language": _LANGUAGE,
        "salesChannel": {},
        "billingAddress": _PLACE,
        "orderCustomer": {"associations": {"salutation": {}, "customer": {}}},
    },
    {
        "order": (
            *("id", "autoIncrement", "orderDateTime", "amountTotal", "createdAt", "updatedAt"),
            *("stateMachineState", "currency", "language", "salesChannel", "billingAddress", "orderCustomer"),
        ),
        "order_customer": (
            *("email", "customerId", "firstName", "lastName", "title", "company", "customerNumber", "updatedAt"),
            *("salutation", "customer"),
        ),
        "customer": ("email", "guest", "salesChannelId"),
        "order_address": _ADDRESS,
        "state_machine_state": ("technicalName",),
        "currency": ("isoCode",),
        **_NAMES,
        **_COUNTRY,
    },
)
RECIPIENT: Final = Entity(
    "newsletter-recipient",
    records.RECIPIENTS,
    "createdAt",
    ("updatedAt", "createdAt"),
    {"salutation": {}, "language": _LANGUAGE, "salesChannel": {}},
    {
        "newsletter_recipient": (
            *("id", "email", "title", "firstName", "lastName", "zipCode", "city", "street", "status", "confirmedAt"),
            *("createdAt", "updatedAt", "salutation", "language", "salesChannel"),
        ),
        **_NAMES,
    },
)
ACCOUNT: Final = Entity(
    "customer",
    records.CUSTOMERS,
    "autoIncrement",
    ("updatedAt", "createdAt"),
    {},
    {"customer": ("id", "autoIncrement", "email", "createdAt", "updatedAt")},
)
"""What is asked about accounts to find the newsletter recipients who may have got another address with them."""
PURCHASE: Final = Entity(
    "order",
    records.ORDERS,
    "autoIncrement",
    ORDER.dates,
    {"orderCustomer": {}},
    {
        "order": ("id", "autoIncrement", "createdAt", "updatedAt", "orderCustomer"),
        "order_customer": ("customerId", "updatedAt"),
    },
)
SUBSCRIPTION: Final = Entity(
    "newsletter-recipient",
    records.RECIPIENTS,
    "createdAt",
    RECIPIENT.dates,
    {},
    {"newsletter_recipient": ("id", "email", "createdAt", "updatedAt")},
)
"""What is asked about orders and newsletter recipients to find the customers they are of."""
SALES_CHANNEL: Final = Entity(
    "sales-channel",
    say("shopware.sales_channels", "sales channels"),
    "id",
    (),
    {},
    {"sales_channel": ("id", "name", "translated")},
)


class Slice(NamedTuple):
    """A part of a list. `page` counts from 1 and goes with `sort` alone; without it the first `limit` rows."""

    filters: Sequence[Filter]
    limit: int
    counted: bool
    sort: Sequence[str]
    page: int | None = None


def criteria(entity: Entity, part: Slice) -> dict[str, Any]:
    """The body of a search."""
    body: dict[str, Any] = {
        "limit": part.limit,
        "total-count-mode": EXACT if part.counted else UNCOUNTED,
        "filter": list(part.filters),
        "sort": [{"field": field, "order": "ASC"} for field in part.sort],
        "associations": entity.associations,
        "includes": entity.includes,
    }
    if part.page is not None:
        body["page"] = part.page
    return body


def number_of(entity: Entity, filters: Sequence[Filter]) -> dict[str, Any]:
    """The body of a search that only counts."""
    name = entity.path.replace("-", "_")
    return {"limit": 1, "total-count-mode": EXACT, "filter": list(filters), "includes": {name: ["id"]}}


def changed_since(entity: Entity, moment: int) -> Filter:
    """What was changed or created since `moment`, in unix seconds."""
    mark = in_milliseconds(moment * 1000)
    queries = [ranged(field, gte=mark) for field in entity.dates]
    return {"type": "multi", "operator": "OR", "queries": queries}


def created_until(moment: int) -> Filter:
    """What was there at `moment`, in unix seconds."""
    return ranged("createdAt", lte=in_milliseconds(moment * 1000))


def beyond(entity: Entity, key: int) -> Filter:
    """What comes behind a key; that of a `createdAt` is in milliseconds."""
    return ranged(entity.key, gt=key if entity.key == "autoIncrement" else in_milliseconds(key))


def created_at(key: int) -> Filter:
    """What was created in one millisecond."""
    mark = in_milliseconds(key)
    return ranged("createdAt", gte=mark, lte=mark)


def of_accounts() -> Filter:
    """What leaves guests out."""
    return {"type": "equals", "field": "guest", "value": False}


def of_addresses(emails: Sequence[str]) -> Filter:
    """Who has one of these addresses; case does not count."""
    return {"type": "equalsAny", "field": "email", "value": list(emails)}


def of_ids(idents: Sequence[str]) -> Filter:
    return {"type": "equalsAny", "field": "id", "value": list(idents)}


def of_channels(idents: Sequence[str]) -> Filter:
    return {"type": "equalsAny", "field": "salesChannelId", "value": list(idents)}


def ranged(field: str, **bounds: int | str) -> Filter:
    return {"type": "range", "field": field, "parameters": bounds}


def in_milliseconds(milliseconds: int) -> str:
    """A time as Shopware compares it."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{milliseconds % 1000:03d}"


def milliseconds_of(text: object) -> int | None:
    """Unix milliseconds of a time as Shopware answers it (`2026-11-01T08:00:01.123+00:00`); None for what is none."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND if moment.year in _YEARS else None


def newest(entity: Entity, row: Mapping[str, Any]) -> int:
    """When a row was changed last by any of its dates, in unix seconds; 0 if it does not say."""
    latest = 0
    for path in entity.dates:
        value: Any = row
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        latest = max(latest, milliseconds_of(value) or 0)
    return latest // 1000
