"""What the records and the lists of shops are called, and what may be wrong with a record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources.interface import Unreadable

Named = Callable[[], Message]
"""What a record is called, once somebody asks."""

CUSTOMERS: Final = say("shop.customers", "customers")
ORDERS: Final = say("shop.orders", "orders")
SUBSCRIBERS: Final = say("shop.subscribers", "subscribers")
RECIPIENTS: Final = say("shop.recipients", "newsletter recipients")


def customer(ident: object) -> Message:
    return say("shop.customer", "customer {ident}", ident=ident)


def order(ident: object) -> Message:
    return say("shop.order", "order {ident}", ident=ident)


def subscriber(ident: object) -> Message:
    return say("shop.subscriber", "subscriber {ident}", ident=ident)


def recipient(ident: object) -> Message:
    return say("shop.recipient", "newsletter recipient {ident}", ident=ident)


def without_email(record: Message) -> Unreadable:
    """A record that is nobody's."""
    return Unreadable("email", say("shop.no_email", "{record}: no usable e-mail address", record=record), 0)


def not_a_date(record: Message, field: str) -> Message:
    return say("shop.not_a_date", "{record}: {field} is not a date", record=record, field=field)


def not_an_amount(record: Message) -> Message:
    return say("shop.not_an_amount", "{record}: its total is not an amount", record=record)
