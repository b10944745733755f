"""A Shopware 5 shop on loopback: lists filtered by any of their fields, single customers, Basic and Digest."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re
from typing import Any
from zoneinfo import ZoneInfo

from tests.shops.server import Asked, Reply, ShopServer

USER, KEY = "crsync", "sw5-KEY-0123456789abcdef"
REALM = "Shopware REST-API"
ZONE = ZoneInfo("Europe/Berlin")
_NAMES = {"first_name": "firstname", "last_name": "lastname", "title": "title", "salutation": "salutation"}
_SECRET = {"hashPassword": "$2y$10$geheim", "sessionId": "geheim", "confirmationKey": "geheim", "encoderName": "bcrypt"}
_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')
_FIELDS = {"customers": {"id", "changed", "firstLogin", "email"}, "orders": {"id", "changed", "orderTime", "status"}}


class FakeShopware5(ShopServer):
    """Dates are in the time of Berlin. `digest_only` is a shop that does not take Basic; its `nonce` may change."""

    tells_consent = False
    planted: tuple[str, ...] = ("geheim",)

    def __init__(self) -> None:
        super().__init__()
        self.customers: dict[int, dict[str, Any]] = {}
        self.addresses: dict[int, dict[str, Any]] = {}
        self.orders: dict[int, dict[str, Any]] = {}
        self.key: str | None = KEY
        self.digest_only = False
        self.nonce = "0" * 32
        self.used: set[tuple[str, str]] = set()
        self.fields = {name: set(fields) for name, fields in _FIELDS.items()}
        self._last = 10

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"type": "shopware5", "url": self.url, "username": USER, "api_key": KEY, **more}

    def secrets(self) -> tuple[str, ...]:
        return (KEY,)

    def date(self) -> str:
        return dt.datetime.fromtimestamp(self.now, ZONE).strftime("%Y-%m-%dT%H:%M:%S%z")

    def _new(self) -> int:
        self._last += 1
        return self._last

    def add_customer(self, email: str, *, consent: bool | None = None, **fields: str) -> int:
        """The flag `newsletter` says nothing, so it is set for those who did not agree."""
        with self.lock:
            ident = self._new()
            self.customers[ident] = {
                "number": str(20_000 + ident),
                "id": ident,
                "changed": None,
                "groupKey": "EK",
                "shopId": 1,
                "active": True,
                "email": email,
                "firstLogin": f"{self.date()[:10]}T00:00:00+0100",
                "accountMode": 0,
                "newsletter": int(not consent),
                "languageId": "1",
                "salutation": "ms",
                "title": None,
                "firstname": "",
                "lastname": "",
                "birthday": None,
                "internalComment": "geheim",
                "doubleOptinRegister": False,
                "doubleOptinConfirmDate": None,
                **_SECRET,
            }
            self.addresses[ident] = {
                "id": ident,
                "company": "",
                "street": "",
                "zipcode": "",
                "city": "",
                "phone": None,
                "additionalAddressLine1": None,
                "additionalAddressLine2": None,
                "state": None,
                "country": {"id": 2, "name": "Deutschland", "iso": "DE"},
            }
            self._put(ident, fields)
            return ident

    def _put(self, ident: int, fields: dict[str, str]) -> None:
        for name, value in fields.items():
            if name in _NAMES or name == "email":
                self.customers[ident][_NAMES.get(name, name)] = value
            else:
                self.addresses[ident][name] = value

    def add_order(self, customer: int, total: str = "10.00") -> int:
        with self.lock:
            ident = self._new()
            self.orders[ident] = {
                "id": ident,
                "changed": None,
                "number": str(ident),
                "customerId": customer,
                "orderStatusId": 0,
                "orderTime": self.date(),
                "invoiceAmount": float(total),
                "currency": "EUR",
                "paymentStatusId": 17,
                "temporaryId": "geheim",
                "remoteAddress": "203.0.113.7",
                "internalComment": "geheim",
            }
            return ident

    def add_guest_order(self, email: str, total: str = "10.00", **fields: str) -> int:
        with self.lock:
            guest = self.add_customer(email)
            self._put(guest, fields)
            self.customers[guest]["accountMode"] = 1
            return self.add_order(guest, total)

    def set_consent(self, customer: int, *, given: bool) -> None:
        """Shopware keeps it where its API does not look."""

    def change_profile(self, customer: int, **fields: str) -> None:
        with self.lock:
            self._put(customer, fields)
            self.customers[customer]["changed"] = self.date()

    def delete_customer(self, customer: int) -> None:
        with self.lock:
            del self.customers[customer]

    def cancel_order(self, order: int) -> None:
        with self.lock:
            self.orders[order] |= {"orderStatusId": 4, "changed": self.date()}

    def refuse(self) -> None:
        self.key = None

    def is_page(self, asked: Asked) -> bool:
        return asked.path in ("/api/customers", "/api/orders")

    def _lets_in(self, asked: Asked) -> bool:
        given = asked.headers.get("authorization", "")
        if given.startswith("Basic ") and not self.digest_only:
            return base64.b64decode(given[6:]).decode() == f"{USER}:{self.key}"
        if not given.startswith("Digest "):
            return False
        said = {name: quoted or plain for name, quoted, plain in _PARAMETER.findall(given)}
        target = asked.path + (f"?{asked.raw_query}" if asked.raw_query else "")
        once = (said["nonce"], said["nc"] + said["cnonce"])
        if said["nonce"] != self.nonce or said["uri"] != target or once in self.used:
            return False
        self.used.add(once)
        who = _md5(f"{USER}:{REALM}:{self.key}")
        what = _md5(f"{asked.method}:{target}")
        return str(said["response"]) == _md5(f"{who}:{self.nonce}:{said['nc']}:{said['cnonce']}:auth:{what}")

    def answer(self, asked: Asked) -> Reply:
        if not self._lets_in(asked):
            challenge = (
                f'Digest realm="{REALM}", domain="/", nonce="{self.nonce}", opaque="{"1" * 32}", algorithm="MD5", '
                'qop="auth"'
            )
            return Reply.json({"success": False, "message": "Invalid or missing auth"}, 401, WWW_Authenticate=challenge)
        match asked.path.split("/")[1:]:
            case ["api", "version"]:
                return Reply.json({"data": {"version": "5.7.18"}, "success": True})
            case ["api", "customers", number]:
                return self._single(int(number))
            case ["api", "customers"]:
                return self._list(asked, "customers", list(self.customers.values()))
            case ["api", "orders"]:
                return self._list(asked, "orders", [self._shown(order) for order in self.orders.values()])
        return Reply.json({"success": False, "message": "Resource not found"}, 404)

    def _shown(self, order: dict[str, Any]) -> dict[str, Any]:
        buyer = self.customers.get(order["customerId"])
        shown = None if buyer is None else {"id": buyer["id"], "email": buyer["email"]}
        return {**order, "customer": shown}

    def _single(self, number: int) -> Reply:
        if number not in self.customers:
            message = f"Customer by id {number} not found"
            return Reply.json({"success": False, "message": message, "code": 404}, 404)
        row = {**self.customers[number], "defaultBillingAddress": self.addresses[number], "paymentData": []}
        return Reply.json({"data": row, "success": True})

    def _list(self, asked: Asked, name: str, rows: list[dict[str, Any]]) -> Reply:
        for number in range(9):
            field = asked.query.get(f"filter[{number}][property]")
            if field is None:
                break
            if field not in self.fields[name]:
                said = (
                    f"[Semantical Error] near '{field}': Error: Class Model has no field or association named {field}"
                )
                return Reply.json({"success": False, "message": f"Error message: {said}"}, 500)
            value = asked.query[f"filter[{number}][value]"]
            least = asked.query[f"filter[{number}][expression]"] == ">="
            rows = [row for row in rows if _reaches(row[field], value, least=least)]
        assert asked.query["sort[0][property]"] == "id"
        rows.sort(key=lambda row: int(row["id"]))
        start, limit = int(asked.query.get("start", 0)), int(asked.query.get("limit", 1000))
        return Reply.json({"data": rows[start : start + limit], "total": len(rows), "success": True})


def _reaches(value: Any, bound: str, *, least: bool) -> bool:
    """As the database compares: numbers, or dates without their zone; null never."""
    if value is None:
        return False
    if isinstance(value, int):
        return value >= int(bound) if least else value > int(bound)
    there = str(value)[:19].replace("T", " ")
    return there >= bound if least else there > bound


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
