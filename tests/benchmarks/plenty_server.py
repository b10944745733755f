"""A system at plentymarkets without weight: pages that were written before they are asked for.

`python -m tests.benchmarks.plenty_server CUSTOMERS GUEST_ORDERS` prints its port. Served are the login, contacts since a day,
newsletter recipients, sales orders above an ID and since a time, and the short lists, as rows with what is asked for and more.
Every second customer is a recipient. A page asked for a second time costs next to nothing.
"""

from __future__ import annotations

import datetime as dt
import random
from bisect import bisect_left, bisect_right
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from tests.benchmarks.light_shop import run
from tests.benchmarks.shop_server import invented

_BEGAN: Final = dt.datetime(2019, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))
_SPAN: Final = 150_000_000  # seconds in which it grew
_LISTS: Final[dict[str, Any]] = {
    "/rest/orders/referrers": [{"id": 1, "backendName": "Mandant (Shop)", "origin": "system"}],
    "/rest/orders/shipping/countries": [
        {"id": number, "isoCode2": code} for number, code in enumerate(("DE", "AT"), 1)
    ],
    "/rest/login": {"token_type": "Bearer", "expires_in": 86400, "access_token": "eyJ", "refresh_token": "def"},
    "/rest/logout": None,
}
_CONTACTS, _RECIPIENTS, _ORDERS = "/rest/accounts/contacts", "/rest/newsletters/list_recipients", "/rest/orders/search"


def _time(number: int, count: int) -> str:
    return (_BEGAN + dt.timedelta(seconds=number * (_SPAN // max(count, 1)))).isoformat()


def _address(ident: int, billing: dict[str, str]) -> dict[str, Any]:
    return {
        "id": ident,
        "name1": billing["company"],
        "name2": billing["first_name"],
        "name3": billing["last_name"],
        "name4": "",
        "address1": billing["address_1"],
        "address2": "",
        "address3": "",
        "postalCode": billing["postcode"],
        "town": billing["city"],
        "countryId": 1,
        "stateId": None,
        "readOnly": False,
        "options": [{"typeId": 4, "value": billing["phone"]}, {"typeId": 5, "value": billing["email"]}],
    }


def _contact(number: int, people: int, draw: random.Random) -> dict[str, Any]:
    first, last, billing = invented(f"{number:x}", draw)
    created = _time(number, people)
    return {
        "id": number + 100,
        "number": f"C-{number}",
        "externalId": None,
        "typeId": 1,
        "firstName": first,
        "lastName": last,
        "fullName": f"{first} {last}",
        "email": billing["email"] if number % 14 else billing["email"].capitalize(),
        "gender": ("female", "male")[number % 2],
        "title": "",
        "formOfAddress": "",
        "newsletterAllowanceAt": created if number % 2 else None,
        "classId": 1,
        "blocked": 0,
        "lang": "de",
        "referrerId": 1,
        "plentyId": 12345,
        "birthdayAt": None,
        "createdAt": created,
        "updatedAt": created,
        "privatePhone": billing["phone"],
        "addresses": [_address(number + 5, billing)],
    }


def _recipient(number: int, contact: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": number + 1,
        "folderId": 1,
        "contactId": contact["id"],
        "firstName": contact["firstName"],
        "lastName": contact["lastName"],
        "email": contact["email"],
        "gender": contact["gender"],
        "birthday": "0000-00-00",
        "timestamp": 1_700_000_000,
        "templateLang": "de",
        "confirmedTimestamp": 1_600_000_000 + number if number % 8 else 0,
        "confirmAuthString": f"{number:032x}",
    }


def _order(number: int, orders: int, draw: random.Random) -> dict[str, Any]:
    """The order of a guest; every guest has one."""
    _, _, billing = invented(f"g{number:x}", draw)
    created, total = _time(number, orders), draw.randrange(500, 30000) / 100
    return {
        "id": number + 1,
        "typeId": 1,
        "statusId": 7,
        "referrerId": 1,
        "plentyId": 12345,
        "createdAt": created,
        "updatedAt": created,
        "contactReceiver": None,
        "relations": [],
        "addresses": [_address(number, billing)],
        "addressRelations": [{"typeId": 1, "addressId": number}, {"typeId": 2, "addressId": number}],
        "amounts": [{"isSystemCurrency": True, "currency": "EUR", "invoiceTotal": total, "grossTotal": total}],
        "properties": [{"typeId": 6, "value": "de"}],
    }


class System:
    """What the system holds, and the pages that were asked for already. Contacts and orders are in the order of dates."""

    def __init__(self, customers: int, orders: int) -> None:
        draw = random.Random(1)
        contacts = [_contact(number, customers, draw) for number in range(customers)]
        self._rows: dict[str, list[dict[str, Any]]] = {
            _CONTACTS: contacts,
            _RECIPIENTS: [_recipient(number, contact) for number, contact in enumerate(contacts[::2])],
            _ORDERS: [_order(number, orders, draw) for number in range(orders)],
        }
        self._dates = {name: [row.get("createdAt", "") for row in rows] for name, rows in self._rows.items()}
        self._pages: dict[str, bytes] = {}
        self.delay = 0.0
        self.requests = 0

    def begin(self, delay: float, with_orders: bool) -> None:
        """From now on every answer takes `delay` seconds."""
        self.delay, self.requests = delay, 0

    def answer(self, method: str, target: str, host: str, body: bytes) -> bytes:
        """The headers and body of an answer. Raises KeyError for what is not served."""
        self.requests += 1
        content = self._pages.get(target)
        if content is None:
            content = self._pages[target] = self._page(*target.partition("?")[::2])
        head = b"content-type: application/json\r\ndate: %b\r\ncontent-length: %d\r\n\r\n"
        return head % (formatdate(usegmt=True).encode(), len(content)) + content

    def _page(self, path: str, query: str) -> bytes:
        if path in _LISTS:
            return b"" if _LISTS[path] is None else orjson.dumps(_LISTS[path])
        rows, dates, asked = self._rows[path], self._dates[path], dict(parse_qsl(query))
        for name in ("createdAtAfter", "updatedAtAfter", "lastOrderAtAfter", "newsletterAllowanceAfter", "updatedAt"):
            if name in asked:
                rows = rows[bisect_left(dates, asked[name].removeprefix("gte:")[:19]) :]
        if "orderId" in asked:
            after = int(asked["orderId"].removeprefix("gt:"))
            rows = rows[bisect_right(rows, after, key=lambda row: row["id"]) :]
        size, page = int(asked["itemsPerPage"]), int(asked.get("page", 1))
        shown = rows[(page - 1) * size : page * size]
        return orjson.dumps(
            {"page": page, "totalsCount": len(rows), "isLastPage": len(rows) <= page * size, "entries": shown}
        )


if __name__ == "__main__":
    run(System, __doc__)
