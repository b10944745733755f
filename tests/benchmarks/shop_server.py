"""A WooCommerce shop without weight: pages of customers and orders that were written before they are asked for.

`python -m tests.benchmarks.shop_server CUSTOMERS GUEST_ORDERS` prints its port. Served are `customers` and `orders` of
wc/v3 with `page`, `per_page`, `_fields`, `status`, `modified_after` and `modified_before`, in the order of the ID, which is
that of the changes too. A page asked for a second time costs next to nothing.
"""

from __future__ import annotations

import datetime as dt
import random
from bisect import bisect_left, bisect_right
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import orjson

from cleverreach_sync.sandbox.sample import LAST_NAMES, PLACES, STREETS
from tests.benchmarks.exports import ASCII, FIRST, HOSTS
from tests.benchmarks.light_shop import run

_API: Final = "/wp-json/wc/v3/"
_BEGAN: Final = dt.datetime(2019, 1, 1)  # noqa: DTZ001 - the shop's *_gmt dates carry no zone
_PRODUCTS: Final = ("Tea", "Mug", "Coffee", "Candle", "Notebook", "Scarf")


def _customer(number: int, people: int, draw: random.Random) -> dict[str, Any]:
    """An account as the shop gives it, with everything that is not asked for too."""
    first, last, billing = invented(f"{number:x}", draw)
    created = _BEGAN + dt.timedelta(seconds=number * (150_000_000 // max(people, 1)))
    changed = created + dt.timedelta(days=draw.randrange(1, 300), seconds=draw.randrange(86400))
    shipping = {name: value for name, value in billing.items() if name not in ("email", "phone")}
    return {
        "id": number + 2,
        "date_created": created.isoformat(),
        "date_created_gmt": created.isoformat(),
        "date_modified": changed.isoformat() if number % 11 else None,
        "date_modified_gmt": changed.isoformat() if number % 11 else None,
        "email": billing["email"] if number % 14 else billing["email"].capitalize(),
        "first_name": first,
        "last_name": last,
        "role": "customer" if number % 40 else "subscriber",
        "username": billing["email"].partition("@")[0],
        "billing": billing,
        "shipping": shipping,
        "is_paying_customer": number % 3 == 0,
        "avatar_url": f"https://secure.gravatar.example/avatar/{number:032x}?s=96&d=mm&r=g",
        "meta_data": [{"id": number * 3 + 1, "key": "newsletter_optin", "value": ("yes", "no")[number % 2]}],
        "_links": {"self": [{"href": f"https://shop.example{_API}customers/{number + 2}"}]},
    }


def _order(number: int, orders: int, draw: random.Random) -> dict[str, Any]:
    """The order of a guest; every guest has one."""
    _, _, billing = invented(f"g{number:x}", draw)
    created = _BEGAN + dt.timedelta(seconds=number * (150_000_000 // max(orders, 1)))
    total = f"{draw.randrange(500, 30000) / 100:.2f}"
    line: dict[str, Any] = {
        "id": number + 1,
        "name": draw.choice(_PRODUCTS),
        "quantity": 1,
        "total": total,
        "taxes": [],
        "meta_data": [],
    }
    return {
        "id": number + 10,
        "parent_id": 0,
        "status": "completed" if number % 4 else "processing",
        "currency": "EUR",
        "date_created_gmt": created.isoformat(),
        "date_modified_gmt": (created + dt.timedelta(seconds=60)).isoformat(),
        "date_paid_gmt": created.isoformat(),
        "total": total,
        "customer_id": 0,
        "order_key": f"wc_order_{number:013x}",
        "billing": billing,
        "number": str(number + 10),
        "meta_data": [],
        "line_items": [line],
    }


def invented(mark: str, draw: random.Random) -> tuple[str, str, dict[str, str]]:
    _, _, first = draw.choice(FIRST)
    last = draw.choice(LAST_NAMES)
    code, city, country = draw.choice(PLACES)
    pick = draw.randrange(1 << 30)
    return first, last, {
        "first_name": first,
        "last_name": last,
        "company": f"{last} & {first}, GmbH" if pick % 11 == 0 else "",
        "address_1": f"{STREETS[pick % 8]} {pick % 199 + 1}",
        "address_2": "",
        "city": city,
        "postcode": code,
        "country": country,
        "state": "",
        "email": f"{first[0].translate(ASCII).lower()}.{mark}@{HOSTS[pick % 5]}",
        "phone": f"+49 40 {pick % 10**7:07}",
    }  # fmt: skip


class Shop:
    """What the shop holds, and the pages that were asked for already."""

    def __init__(self, customers: int, orders: int) -> None:
        draw = random.Random(1)
        self._rows = {
            "customers": [_customer(number, customers, draw) for number in range(customers)],
            "orders": [_order(number, orders, draw) for number in range(orders)],
        }
        self._changes = [row["date_modified_gmt"] for row in self._rows["orders"]]
        self._pages: dict[tuple[str, bool], tuple[bytes, int, int]] = {}
        self._with_orders = True
        self.delay = 0.0
        self.requests = 0

    def begin(self, delay: float, with_orders: bool) -> None:
        """From now on every answer takes `delay` seconds."""
        self.delay, self._with_orders, self.requests = delay, with_orders, 0

    def answer(self, method: str, target: str, host: str, body: bytes) -> bytes:
        """The headers and body of an answer. Raises KeyError for what is not served."""
        self.requests += 1
        if method != "GET":
            raise KeyError(method)
        key = target, self._with_orders
        found = self._pages.get(key)
        if found is None:
            path, _, query = target.partition("?")
            if not path.startswith(_API):
                raise KeyError(path)
            found = self._pages[key] = self._page(path.removeprefix(_API), dict(parse_qsl(query)))
        content, total, pages = found
        return b"content-type: application/json; charset=UTF-8\r\nx-wp-total: %d\r\nx-wp-totalpages: %d\r\n%b" % (
            total, pages, _next(target, pages, host)
        ) + b"date: %b\r\ncontent-length: %d\r\n\r\n%b" % (formatdate(usegmt=True).encode(), len(content), content)  # fmt: skip

    def _page(self, name: str, query: dict[str, str]) -> tuple[bytes, int, int]:
        rows = self._rows[name]
        if name == "orders":
            if query.get("status") == "trash" or not self._with_orders:
                rows = []
            else:
                start = bisect_right(self._changes, query.get("modified_after", ""))
                rows = rows[start : bisect_left(self._changes, query.get("modified_before", "~"))]
        size, number = int(query.get("per_page", 10)), int(query.get("page", 1))
        shown = rows[(number - 1) * size : number * size]
        if fields := query.get("_fields"):
            wanted = fields.split(",")
            shown = [{field: row[field] for field in wanted if field in row} for row in shown]
        return orjson.dumps(shown), len(rows), -(-len(rows) // size)


def _next(target: str, pages: int, host: str) -> bytes:
    path, _, query = target.partition("?")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    following = int(asked.get("page", 1)) + 1
    if following > pages:
        return b""
    link = f"http://{host}{path}?{urlencode({**asked, 'page': following})}"
    return f'link: <{link}>; rel="next"\r\n'.encode()


if __name__ == "__main__":
    run(Shop, __doc__)
