"""A Shopware 5 shop without weight: parts of its lists along their IDs, and single customers.

`python -m tests.benchmarks.shopware5_server CUSTOMERS GUEST_ORDERS` prints its port. Every guest is a customer, too.
"""

from __future__ import annotations

import datetime as dt
import random
from bisect import bisect_left
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import parse_qs

import orjson

from tests.benchmarks.light_shop import run
from tests.benchmarks.shop_server import invented

_BEGAN: Final = dt.datetime(2019, 1, 1, tzinfo=dt.UTC)
_SPAN: Final = 150_000_000  # seconds in which the shop grew


def _time(number: int, count: int) -> str:
    return f"{_BEGAN + dt.timedelta(seconds=number * _SPAN // max(count, 1)):%Y-%m-%dT%H:%M:%S+0000}"


def _customer(number: int, people: int, draw: random.Random, *, guest: bool) -> dict[str, Any]:
    first, last, billing = invented(f"{'g' if guest else ''}{number:x}", draw)
    created = _time(number, people)
    address = {
        "company": billing["company"],
        "street": billing["address_1"],
        "zipcode": billing["postcode"],
        "city": billing["city"],
        "phone": billing["phone"],
        "country": {"iso": billing["country"]},
        "state": None,
    }
    return {
        "id": number + 1,
        "number": str(20_000 + number),
        "email": billing["email"],
        "accountMode": int(guest),
        "changed": created,
        "firstLogin": created,
        "groupKey": "EK",
        "salutation": "ms",
        "title": None,
        "firstname": first,
        "lastname": last,
        "birthday": None,
        "newsletter": 0,
        "hashPassword": "x" * 60,
        "doubleOptinRegister": False,
        "sessionId": "s" * 26,
        "defaultBillingAddress": address,
    }


def _order(number: int, orders: int, buyer: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    created = _time(number, orders)
    return {
        "id": number + 1,
        "changed": created,
        "number": str(50_000 + number),
        "customerId": buyer["id"],
        "customer": {"id": buyer["id"], "email": buyer["email"]},
        "orderStatusId": 0,
        "paymentStatusId": 17,
        "invoiceAmount": draw.randrange(500, 30000) / 100,
        "orderTime": created,
        "currency": "EUR",
    }


class Shop:
    """What the shop holds, in the order of every date, and the parts that were asked for already."""

    def __init__(self, customers: int, orders: int) -> None:
        draw = random.Random(1)
        count = customers + orders
        people = [_customer(number, count, draw, guest=number >= customers) for number in range(count)]
        self._single = people
        listed = [{name: value for name, value in each.items() if name != "defaultBillingAddress"} for each in people]
        guests = people[customers:]
        self._rows = {
            "customers": listed,
            "orders": [_order(number, orders, guest, draw) for number, guest in enumerate(guests)],
        }
        self._dates = {
            name: [row["changed"][:19].replace("T", " ") for row in rows] for name, rows in self._rows.items()
        }
        self._parts: dict[str, bytes] = {}
        self.delay = 0.0
        self.requests = 0

    def begin(self, delay: float, with_orders: bool) -> None:
        """From now on every answer takes `delay` seconds."""
        self.delay, self.requests = delay, 0

    def answer(self, method: str, target: str, host: str, body: bytes) -> bytes:
        """The headers and body of an answer. Raises KeyError for what is not served."""
        self.requests += 1
        content = self._parts.get(target)
        if content is None:
            content = self._parts[target] = self._part(target)
        head = b"content-type: application/json\r\ndate: %b\r\ncontent-length: %d\r\n\r\n"
        return head % (formatdate(usegmt=True).encode(), len(content)) + content

    def _part(self, target: str) -> bytes:
        path, _, query = target.partition("?")
        name, _, number = path.removeprefix("/api/").partition("/")
        if number:
            return orjson.dumps({"data": self._single[int(number) - 1], "success": True})
        asked = {key: values[0] for key, values in parse_qs(query).items()}
        rows, start = self._rows[name], int(asked["filter[0][value]"])
        if "filter[1][value]" in asked:
            start = max(start, bisect_left(self._dates[name], asked["filter[1][value]"]))
        shown = rows[start : start + int(asked["limit"])]
        return orjson.dumps({"data": shown, "total": max(0, len(rows) - start), "success": True})


if __name__ == "__main__":
    run(Shop, __doc__)
