"""What is asked of Magento's lists: the criteria of every search, and the members of the rows. Pure.

Facts (seen with 2.4.7): a condition that is unknown gives 200 and no rows; without a page size all rows come at once;
the ID is called `entity_id` in filters whatever it is called in rows; dates are UTC without a zone, and an offset is
ignored in silence; `fields` says which members come, and makes `null` of an empty list.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from cleverreach_sync.http.request import Query
from cleverreach_sync.messages import Message
from cleverreach_sync.sources.records import CUSTOMERS, ORDERS
from cleverreach_sync.sources.values import utc_text

_ID: Final = "entity_id"
_ADDRESS: Final = "company,street,postcode,city,region,region_code,country_id,telephone"


class Filter(NamedTuple):
    """A condition on the rows of a list."""

    field: str
    condition: str
    value: str


class Entity(NamedTuple):
    """A list: what it is in words, its path, the member with the ID, and the members that are asked for. Every row has
    to have one of `shows`, if there are any: what is not shown must not be taken for empty."""

    words: Message
    path: str
    key: str
    fields: str
    shows: tuple[str, ...] = ()


CUSTOMER: Final = Entity(
    CUSTOMERS,
    "customers/search",
    "id",
    "id,email,prefix,firstname,lastname,gender,dob,store_id,website_id,created_in,created_at,updated_at,"
    f"addresses[{_ADDRESS},default_billing],extension_attributes[is_subscribed]",
    ("email",),
)
ORDER: Final = Entity(
    ORDERS,
    "orders",
    _ID,
    "entity_id,state,status,store_id,store_name,created_at,updated_at,base_grand_total,base_currency_code,customer_id,"
    "customer_email,customer_prefix,customer_firstname,customer_lastname,customer_gender,customer_dob,"
    f"billing_address[{_ADDRESS},prefix,firstname,lastname]",
    ("state", "status"),
)
ACCOUNT: Final = CUSTOMER._replace(fields="id,email,website_id")
"""Where a customer is reached today, for an order of theirs."""
PURCHASE: Final = ORDER._replace(fields="entity_id,customer_id", shows=())
"""Whose an order is."""


def above(ident: int) -> Filter:
    return Filter(_ID, "gt", str(ident))


def of_ids(idents: Iterable[str]) -> Filter:
    return Filter(_ID, "in", ",".join(idents))


def changed_since(seconds: int) -> Filter:
    return Filter("updated_at", "gteq", utc_text(seconds).replace("T", " ").removesuffix("Z"))


def criteria(entity: Entity, filters: Sequence[Filter], size: int) -> Query:
    """A search for the first rows by ID that meet all filters."""
    query: dict[str, str | int] = {}
    for number, each in enumerate(filters):
        name = f"searchCriteria[filterGroups][{number}][filters][0]"
        query |= {
            f"{name}[field]": each.field,
            f"{name}[conditionType]": each.condition,
            f"{name}[value]": each.value,
        }
    return query | {
        "searchCriteria[sortOrders][0][field]": _ID,
        "searchCriteria[sortOrders][0][direction]": "ASC",
        "searchCriteria[pageSize]": size,
        "searchCriteria[currentPage]": 1,
        "fields": f"items[{entity.fields}],total_count",
    }
