"""A Shopware 6 shop without weight: parts of its lists, written before they are asked for.

`python -m tests.benchmarks.shopware_server CUSTOMERS GUEST_ORDERS` prints its port. Served are tokens, and searches of
`customer`, `order` and `newsletter-recipient` along `autoIncrement` and `createdAt`, whole or since a date, as rows that
have what is asked for and nothing more. Every guest is a customer too, every second customer a recipient. A part that is
asked for a second time costs next to nothing.
"""

from __future__ import annotations

import datetime as dt
import random
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, Final

import orjson

from tests.benchmarks.light_shop import run
from tests.benchmarks.shop_server import invented

_SEARCH: Final = "/api/search/"
_BEGAN: Final = dt.datetime(2019, 1, 1, tzinfo=dt.UTC)
_SPAN: Final = 150_000_000  # seconds in which the shop grew
_NAMED: Final[Mapping[str, Any]] = {
    "salutation": {"salutationKey": "mrs", "displayName": "Frau", "translated": {}, "apiAlias": "salutation"},
    "language": {"locale": {"code": "de-DE", "apiAlias": "locale"}, "apiAlias": "language"},
    "salesChannel": {"name": "Storefront", "translated": {"name": "Storefront"}, "apiAlias": "sales_channel"},
}
_GROUP: Final = {"name": None, "translated": {"name": "Standard"}, "apiAlias": "customer_group"}


def _customer(number: int, people: int, draw: random.Random, *, guest: bool) -> dict[str, Any]:
    first, last, billing = invented(f"{'g' if guest else ''}{number:x}", draw)
    created = _time(number, people)
    return {
        "id": f"{number:032x}",
        "autoIncrement": number + 1,
        "email": billing["email"],
        "guest": guest,
        "firstName": first,
        "lastName": last,
        "title": None,
        "company": None,
        "birthday": None,
        "customerNumber": str(10_000 + number),
        "doubleOptInRegistration": False,
        "doubleOptInConfirmDate": None,
        "createdAt": created,
        "updatedAt": created if number % 3 else None,
        "group": _GROUP,
        "defaultBillingAddress": _address(billing, "customer_address"),
        "apiAlias": "customer",
        **_NAMED,
    }


def _address(billing: Mapping[str, str], alias: str) -> dict[str, Any]:
    return {
        "street": billing["address_1"],
        "additionalAddressLine1": None,
        "additionalAddressLine2": None,
        "zipcode": billing["postcode"],
        "city": billing["city"],
        "company": billing["company"] or None,
        "phoneNumber": billing["phone"],
        "country": {"iso": billing["country"], "apiAlias": "country"},
        "countryState": None,
        "updatedAt": None,
        "apiAlias": alias,
    }


def _order(number: int, orders: int, buyer: Mapping[str, Any], draw: random.Random) -> dict[str, Any]:
    created = _time(number, orders)
    owner = {name: buyer[name] for name in ("email", "firstName", "lastName", "title", "company", "customerNumber")}
    account = {"email": buyer["email"], "guest": buyer["guest"], "salesChannelId": "a" * 32, "apiAlias": "customer"}
    return {
        "id": f"{number:032x}",
        "autoIncrement": number + 1,
        "orderDateTime": created,
        "amountTotal": draw.randrange(500, 30000) / 100,
        "createdAt": created,
        "updatedAt": created,
        "stateMachineState": {"technicalName": "open", "apiAlias": "state_machine_state"},
        "currency": {"isoCode": "EUR", "apiAlias": "currency"},
        "billingAddress": {**buyer["defaultBillingAddress"], "apiAlias": "order_address"},
        "orderCustomer": {
            **owner,
            "customerId": buyer["id"],
            "updatedAt": None,
            "salutation": _NAMED["salutation"],
            "customer": account,
            "apiAlias": "order_customer",
        },
        "apiAlias": "order",
        "language": _NAMED["language"],
        "salesChannel": _NAMED["salesChannel"],
    }


def _recipient(number: int, people: int, customer: Mapping[str, Any], draw: random.Random) -> dict[str, Any]:
    created = _time(number, people)
    return {
        "id": f"{draw.getrandbits(128):032x}",
        "email": customer["email"],
        **{name: customer[name] for name in ("title", "firstName", "lastName")},
        **dict.fromkeys(("zipCode", "city", "street", "updatedAt")),
        "status": "optIn" if number % 8 else "optOut",
        "confirmedAt": created,
        "createdAt": created,
        "apiAlias": "newsletter_recipient",
        **_NAMED,
    }


def _time(number: int, count: int) -> str:
    moment = _BEGAN + dt.timedelta(seconds=number * _SPAN / max(count, 1))
    return moment.isoformat(timespec="milliseconds")


class Shop:
    """What the shop holds, and the parts that were asked for already. Lists are in the order of every date."""

    def __init__(self, customers: int, orders: int) -> None:
        draw = random.Random(1)
        people = [_customer(number, customers + orders, draw, guest=False) for number in range(customers)]
        guests = [
            _customer(number, customers + orders, draw, guest=True) for number in range(customers, customers + orders)
        ]
        self._rows = {
            "customer": [*people, *guests],
            "order": [_order(number, orders, guest, draw) for number, guest in enumerate(guests)],
            "newsletter-recipient": [
                _recipient(number, customers, person, draw) for number, person in enumerate(people[::2])
            ],
        }
        self._dates = {
            name: [row["createdAt"][:23].replace("T", " ") for row in rows] for name, rows in self._rows.items()
        }
        self._parts: dict[tuple[str, bytes], bytes] = {}
        self.delay = 0.0
        self.requests = 0

    def begin(self, delay: float, with_orders: bool) -> None:
        """From now on every answer takes `delay` seconds."""
        self.delay, self.requests = delay, 0

    def answer(self, method: str, target: str, host: str, body: bytes) -> bytes:
        """The headers and body of an answer. Raises KeyError for what is not served."""
        self.requests += 1
        if target == "/api/oauth/token":
            content = b'{"token_type":"Bearer","expires_in":600,"access_token":"eyJ"}'
        else:
            found = self._parts.get((target, body))
            if found is None:
                found = self._parts[target, body] = self._part(target.removeprefix(_SEARCH), orjson.loads(body))
            content = found
        head = b"content-type: application/json\r\ndate: %b\r\ncontent-length: %d\r\n\r\n"
        return head % (formatdate(usegmt=True).encode(), len(content)) + content

    def _part(self, name: str, asked: Mapping[str, Any]) -> bytes:
        rows, dates = self._rows[name], self._dates[name]
        start, end = 0, len(rows)
        for each in asked["filter"]:
            if each["type"] == "equalsAny":  # whom something that was changed belongs to: hardly any
                wanted, field = set(each["value"]), each["field"]
                found = [row for row in rows if row[field] in wanted]
                return orjson.dumps({"total": len(found), "data": found, "aggregations": []})
            if each["type"] == "equals":
                continue
            if each["type"] == "multi":
                start = max(start, bisect_left(dates, each["queries"][0]["parameters"]["gte"]))
                continue
            bounds = each["parameters"]
            if each["field"] == "autoIncrement":
                start = max(start, bounds["gt"])
            elif "gt" in bounds:
                start = max(start, bisect_right(dates, bounds["gt"]))
            else:
                end = bisect_right(dates, bounds["lte"])
        shown = rows[start:end][: asked["limit"]]
        total = max(0, end - start) if asked["total-count-mode"] else len(shown)
        return orjson.dumps({"total": total, "data": shown, "aggregations": []})


if __name__ == "__main__":
    run(Shop, __doc__)
