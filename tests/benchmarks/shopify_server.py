"""A shop at Shopify without weight: an export and pages that were written before they are asked for.

`python -m tests.benchmarks.shopify_server CUSTOMERS GUEST_ORDERS` prints its port. Served are tokens, the number of customers,
their pages since a time with a cursor, and a bulk operation with its file of JSON lines, which is finished when it is asked
for the first time. Every guest is a customer, every second customer a subscriber. A page asked for a second time costs next
to nothing.
"""

from __future__ import annotations

import datetime as dt
import random
import re
from bisect import bisect_left
from email.utils import formatdate
from typing import Any, Final

import orjson

from tests.benchmarks.light_shop import run
from tests.benchmarks.shop_server import invented

_BEGAN: Final = dt.datetime(2019, 1, 1, tzinfo=dt.UTC)
_SPAN: Final = 150_000_000  # seconds in which the shop grew
_FILE: Final = "/bulk/1.jsonl"
_OPERATION: Final = re.compile(r"\b(?:query|mutation) (\w+)")
_RUN: Final = {"bulkOperationRunQuery": {"bulkOperation": {"id": "gid://1", "status": "CREATED"}, "userErrors": []}}


def _customer(number: int, people: int, draw: random.Random, *, guest: bool) -> dict[str, Any]:
    first, last, billing = invented(f"{'g' if guest else ''}{number:x}", draw)
    created, total = _time(number, people), f"{draw.randrange(500, 30000) / 100:.2f}"
    state = "SUBSCRIBED" if number % 2 and not guest else "NOT_SUBSCRIBED"
    return {
        "id": f"gid://shopify/Customer/{number + 1000}",
        "legacyResourceId": str(number + 1000),
        "firstName": first,
        "lastName": last,
        "locale": "de",
        "tags": ["vip"] if number % 20 == 0 else [],
        "createdAt": created,
        "updatedAt": created,
        "numberOfOrders": "1" if guest else "0",
        "amountSpent": {"amount": total if guest else "0.0"},
        "lastOrder": {"createdAt": created} if guest else None,
        "defaultEmailAddress": {
            "emailAddress": billing["email"],
            "marketingState": state,
            "marketingOptInLevel": "SINGLE_OPT_IN",
            "marketingUpdatedAt": created if state == "SUBSCRIBED" else None,
        },
        "defaultPhoneNumber": None,
        "defaultAddress": {
            "firstName": first,
            "lastName": last,
            "company": billing["company"] or None,
            "address1": billing["address_1"],
            "address2": None,
            "zip": billing["postcode"],
            "city": billing["city"],
            "provinceCode": None,
            "countryCodeV2": billing["country"],
            "phone": billing["phone"],
        },
    }


def _time(number: int, count: int) -> str:
    return f"{_BEGAN + dt.timedelta(seconds=number * (_SPAN // max(count, 1))):%Y-%m-%dT%H:%M:%SZ}"


class Shop:
    """What the shop holds, and the pages that were asked for already. Customers are in the order of their changes."""

    def __init__(self, customers: int, orders: int) -> None:
        draw, people = random.Random(1), customers + orders
        self._customers = [_customer(number, people, draw, guest=number >= customers) for number in range(people)]
        self._dates = [customer["updatedAt"] for customer in self._customers]
        self._file = b"".join(orjson.dumps(customer) + b"\n" for customer in self._customers)
        self._pages: dict[bytes, bytes] = {}
        self.delay = 0.0
        self.requests = 0

    def begin(self, delay: float, with_orders: bool) -> None:
        """From now on every answer takes `delay` seconds."""
        self.delay, self.requests = delay, 0

    def answer(self, method: str, target: str, host: str, body: bytes) -> bytes:
        """The headers and body of an answer. Raises KeyError for what is not served."""
        self.requests += 1
        if target == _FILE:
            content = self._file
        elif target == "/admin/oauth/access_token":
            content = b'{"access_token":"shpat_0","scope":"read_customers,read_orders","expires_in":86399}'
        else:
            found = self._pages.get(body)
            if found is None:
                found = self._pages[body] = orjson.dumps({"data": self._data(orjson.loads(body), host)})
            content = found
        head = b"content-type: application/json\r\ndate: %b\r\ncontent-length: %d\r\n\r\n"
        return head % (formatdate(usegmt=True).encode(), len(content)) + content

    def _data(self, asked: dict[str, Any], host: str) -> dict[str, Any]:
        named, given = _OPERATION.search(asked["query"]), asked["variables"]
        operation = "" if named is None else named[1]
        if operation == "RunBulk":
            return _RUN
        if operation == "Bulk":
            count = str(len(self._customers))
            done = {"status": "COMPLETED", "errorCode": None, "objectCount": count, "rootObjectCount": count}
            return {"node": {"id": given["id"], **done, "url": f"http://{host}{_FILE}" if self._customers else None}}
        since = bisect_left(self._dates, (given["query"] or "").partition("'")[2].rstrip("'"))
        if operation == "CustomersCount":
            return {"customersCount": {"count": len(self._customers) - since, "precision": "EXACT"}}
        if operation != "Customers":
            raise KeyError(operation)
        start = max(since, int(given["after"] or 0))
        end = start + given["first"]
        info = {"hasNextPage": end < len(self._customers), "endCursor": str(end)}
        return {"customers": {"pageInfo": info, "nodes": self._customers[start:end]}}


if __name__ == "__main__":
    run(Shop, __doc__)
