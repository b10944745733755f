"""A Magento 2 shop without weight: the first rows of its lists, written before they are asked for.

`python -m tests.benchmarks.magento_server CUSTOMERS GUEST_ORDERS` prints its port. Served are store views, and searches of
customers and orders along `entity_id`, whole, since a date, or by IDs, as rows that have what is asked for and nothing more.
Signatures are not looked at. A page that is asked for a second time costs next to nothing.
"""

from __future__ import annotations

import datetime as dt
import random
from bisect import bisect_left
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import orjson

from tests.benchmarks.light_shop import run
from tests.benchmarks.shop_server import invented

_API: Final = "/rest/all/V1/"
_BEGAN: Final = dt.datetime(2019, 1, 1, tzinfo=dt.UTC)
_SPAN: Final = 150_000_000  # seconds in which the shop grew
_STORES: Final = [{"id": 1, "code": "default", "website_id": 1, "locale": "de_DE"}]


def _customer(number: int, people: int, draw: random.Random) -> dict[str, Any]:
    first, last, billing = invented(f"{number:x}", draw)
    created = _time(number, people)
    return {
        "id": number + 1,
        "email": billing["email"],
        "firstname": first,
        "lastname": last,
        "store_id": 1,
        "website_id": 1,
        "created_in": "Default Store View",
        "created_at": created,
        "updated_at": created,
        "addresses": [{**_address(billing), "region": {"region": None, "region_code": None}, "default_billing": True}],
        "extension_attributes": {"is_subscribed": bool(number % 2)},
    }


def _order(number: int, orders: int, draw: random.Random) -> dict[str, Any]:
    first, last, billing = invented(f"g{number:x}", draw)
    created = _time(number, orders)
    return {
        "entity_id": number + 1,
        "state": "processing",
        "status": "processing",
        "store_id": 1,
        "store_name": "Main Website\nMain Website Store\nDefault Store View",
        "created_at": created,
        "updated_at": created,
        "base_grand_total": draw.randrange(500, 30000) / 100,
        "base_currency_code": "EUR",
        "customer_email": billing["email"],
        "customer_firstname": first,
        "customer_lastname": last,
        "billing_address": {**_address(billing), "firstname": first, "lastname": last},
    }


def _address(billing: Mapping[str, str]) -> dict[str, Any]:
    return {
        "company": billing["company"],
        "street": [billing["address_1"]],
        "postcode": billing["postcode"],
        "city": billing["city"],
        "country_id": billing["country"],
        "telephone": billing["phone"],
    }


def _time(number: int, count: int) -> str:
    return (_BEGAN + dt.timedelta(seconds=number * _SPAN / max(count, 1))).strftime("%Y-%m-%d %H:%M:%S")


class Shop:
    """What the shop holds, and the pages that were asked for already. Lists are in the order of every date."""

    def __init__(self, customers: int, orders: int) -> None:
        draw = random.Random(1)
        self._rows = {
            "customers/search": [_customer(number, customers, draw) for number in range(customers)],
            "orders": [_order(number, orders, draw) for number in range(orders)],
        }
        self._dates = {name: [row["updated_at"] for row in rows] for name, rows in self._rows.items()}
        self._pages: dict[str, bytes] = {}
        self._with_orders = True
        self.delay = 0.0
        self.requests = 0

    def begin(self, delay: float, with_orders: bool) -> None:
        """From now on every answer takes `delay` seconds."""
        if with_orders is not self._with_orders:
            self._pages.clear()
        self.delay, self.requests, self._with_orders = delay, 0, with_orders

    def answer(self, method: str, target: str, host: str, body: bytes) -> bytes:
        """The headers and body of an answer. Raises KeyError for what is not served."""
        self.requests += 1
        content = self._pages.get(target)
        if content is None:
            content = self._pages[target] = self._page(target)
        head = b"content-type: application/json\r\ndate: %b\r\ncontent-length: %d\r\n\r\n"
        return head % (formatdate(usegmt=True).encode(), len(content)) + content

    def _page(self, target: str) -> bytes:
        parts = urlsplit(target)
        name = parts.path.removeprefix(_API)
        if name == "store/storeConfigs":
            return orjson.dumps(_STORES)
        query = dict(parse_qsl(parts.query))
        rows, dates = self._rows[name], self._dates[name]
        if name == "orders" and not self._with_orders:
            rows, dates = [], []
        start = 0
        for number in range(4):
            field = f"searchCriteria[filterGroups][{number}][filters][0]"
            value = query.get(f"{field}[value]", "")
            match query.get(f"{field}[conditionType]"):
                case "gt":
                    start = max(start, int(value))
                case "gteq":
                    start = max(start, bisect_left(dates, value))
                case "in":
                    wanted = set(map(int, value.split(",")))
                    rows = [row for row in rows if row["id"] in wanted]
        shown = rows[start : start + int(query["searchCriteria[pageSize]"])]
        return orjson.dumps({"items": shown or None, "total_count": max(0, len(rows) - start)})


if __name__ == "__main__":
    run(Shop, __doc__)
