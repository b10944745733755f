"""A WooCommerce shop on loopback, with what real ones (9.4, HPOS on) do wrong."""

from __future__ import annotations

import base64
import datetime as dt
import random
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from tests.shops.server import HTML, Asked, Reply, ShopServer

KEY, SECRET = "ck_0123456789abcdef", "cs_fedcba9876543210"
USER, PASSWORD = "chefin", "abcd efgh ijkl mnop"
META: Final = "newsletter_optin"
ROLES: Final = ("administrator", "editor", "subscriber", "customer", "shop_manager")
STATUSES: Final = (
    *("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed", "checkout-draft"),
    *("trash", "auto-draft"),
)
_HIDDEN: Final = frozenset({"trash", "auto-draft"})
_ZONE: Final = dt.timedelta(hours=1)  # the shop's
_API: Final = "/wp-json/wc/v3"


class Key(NamedTuple):
    """An API key. `role` is its user's."""

    secret: str
    permission: str = "read"
    role: str = "administrator"


class Refusal(Exception):
    """An error of WordPress."""

    def __init__(self, status: int, code: str, message: str, **data: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, "data": {"status": status, **data}}


class WooShop(ShopServer):
    """The shop. People and orders are rows as the API shows them, by ID."""

    planted: tuple[str, ...] = ("geheim", "192.0.2.41", "gravatar", "k1", "_links", "line_items")

    def __init__(self) -> None:
        super().__init__()
        self.customers: dict[int, dict[str, Any]] = {}
        self.orders: dict[int, dict[str, Any]] = {}
        self.subscribers: dict[int, dict[str, Any]] = {}
        self.keys = {KEY: Key(SECRET)}
        self.hpos = True
        self.knows_dates = True  # from 5.8 on
        self.plain_permalinks = False
        self.is_https = True
        self.active = True
        self.root = ""
        self._random = random.Random(1)
        self._next = 10

    # The contract with the tests of every source

    def settings(self, **more: Any) -> dict[str, Any]:
        return {
            "type": "woocommerce",
            "url": self.url,
            "consumer_key": KEY,
            "consumer_secret": SECRET,
            "subscribed_by": f"meta:{META}",
            **more,
        }

    def secrets(self) -> tuple[str, ...]:
        return KEY, SECRET, base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()

    def add_customer(self, email: str, *, consent: bool | None = None, role: str = "customer", **billing: str) -> int:
        with self.lock:
            ident = self._ident()
            name = {key: billing.get(key, "") for key in ("first_name", "last_name")}
            self.customers[ident] = {
                "id": ident,
                **self._stamp("date_created"),
                **self._stamp("date_modified", None),
                "email": email,
                **name,
                "role": role,
                "username": f"k{ident}",
                "billing": address(email=email, **billing),
                "shipping": address(),
                "is_paying_customer": False,
                "avatar_url": "https://secure.gravatar.example/avatar",
                "meta_data": [],
                "_links": {"self": []},
            }
            if consent is not None:
                self.set_consent(ident, given=consent)
            return ident

    def add_order(self, customer: int, total: str = "10.00", status: str = "completed", currency: str = "EUR") -> int:
        with self.lock:
            owner = self.customers[customer]
            owner["is_paying_customer"] = True
            owner |= self._stamp("date_modified")
            return self._order(customer, {**owner["billing"], "email": owner["email"]}, status, total, currency)

    def add_guest_order(self, email: str, total: str = "10.00", status: str = "completed", **billing: str) -> int:
        return self._order(0, address(email=email, **billing), status, total)

    def set_consent(self, customer: int, *, given: bool) -> None:
        """As a plug-in does it: no date moves."""
        self.set_meta(self.customers[customer], META, "yes" if given else "no")

    def change_profile(self, customer: int, **fields: str) -> None:
        with self.lock:
            row = self.customers[customer]
            email = fields.pop("email", None)
            if email is not None:
                row["email"] = email
            row["billing"] |= fields
            row |= {name: fields[name] for name in ("first_name", "last_name") if name in fields}
            row |= self._stamp("date_modified")

    def delete_customer(self, customer: int) -> None:
        with self.lock:
            del self.customers[customer]
            for order in self.orders.values():
                if order["customer_id"] == customer:
                    order["customer_id"] = 0

    def cancel_order(self, order: int, status: str = "cancelled") -> None:
        with self.lock:
            self.orders[order]["status"] = status
            self.touch(order)

    def refuse(self) -> None:
        """From now on the credentials are no good."""
        self.keys.clear()

    def is_page(self, asked: Asked) -> bool:
        return asked.path.startswith(_API)

    # More of this shop

    def set_meta(self, row: dict[str, Any], key: str, value: Any) -> None:
        row["meta_data"] = [entry for entry in row["meta_data"] if entry["key"] != key]
        if value is not None:
            row["meta_data"].append({"id": self._ident(), "key": key, "value": value})

    def touch(self, order: int) -> None:
        """Saved again, unchanged."""
        self.orders[order] |= self._stamp("date_modified")

    def erase_order(self, order: int) -> None:
        gone = dict.fromkeys(("first_name", "last_name", "address_1", "city", "postcode"), "[deleted]")
        self.orders[order] |= {"customer_id": 0, "billing": address(email="deleted@site.invalid", **gone)}
        self.touch(order)

    def add_subscriber(
        self,
        email: str,
        status: str = "subscribed",
        at: str | None = "2026-01-02 03:04:05",
        *,
        lists: tuple[str, ...] | None = None,
        **more: Any,
    ) -> int:
        """A subscriber of MailPoet. `lists` are the states of their subscriptions, one that fits the status if left
        out; `more` are members of the row."""
        ident = self._ident()
        if lists is None:
            lists = ("unsubscribed" if status == "unsubscribed" else "subscribed",)
        self.subscribers[ident] = {
            "id": str(ident),
            "email": email,
            "first_name": "",
            "last_name": "",
            "subscriptions": [self._subscription(ident, number, state) for number, state in enumerate(lists)],
            "status": status,
            "count_confirmations": 0,
            "wp_user_id": None,
            "is_woocommerce_user": 0,
            "created_at": at,
            "last_subscribed_at": at,
            "engagement_score": None,
            "tags": [],
            "link_token": "tok-tok-tok",
            **more,
        }
        return ident

    def add_synced_guest(self, email: str, at: str = "2026-01-02 03:04:05") -> int:
        """As MailPoet puts in whoever orders as a guest without ticking anything: unsubscribed, in no list, and dated
        as if subscribed at that moment."""
        return self.add_subscriber(email, "unsubscribed", at, lists=(), is_woocommerce_user=1)

    def _subscription(self, subscriber: int, number: int, status: str) -> dict[str, Any]:
        return {
            "id": self._ident(),
            "subscriber_id": str(subscriber),
            "created_at": "2026-01-02 03:04:05",
            "segment_id": str(number + 3),
            "status": status,
            "updated_at": "2026-01-02 03:04:05",
        }

    def pages(self, what: str = "customers") -> list[Asked]:
        return [asked for asked in self.log if asked.path.endswith(f"/{what}")]

    def _ident(self) -> int:
        with self.lock:
            self._next += 1
            return self._next

    def _stamp(self, name: str, at: int | None = -1) -> dict[str, str | None]:
        if at is None:
            return {name: None, f"{name}_gmt": None}
        utc = dt.datetime.fromtimestamp(self.now if at < 0 else at, dt.UTC).replace(tzinfo=None)
        return {name: (utc + _ZONE).isoformat(), f"{name}_gmt": utc.isoformat()}

    def _order(self, customer: int, billing: dict[str, str], status: str, total: str, currency: str = "EUR") -> int:
        with self.lock:
            ident = self._ident()
            self.orders[ident] = {
                "id": ident,
                "parent_id": 0,
                "status": status,
                "currency": currency,
                **self._stamp("date_created"),
                **self._stamp("date_modified"),
                "total": total,
                "customer_id": customer,
                "order_key": "wc_order_geheim",
                "billing": billing,
                "payment_url": f"{self.url}/pay?key=wc_order_geheim",
                "customer_ip_address": "192.0.2.41",
                "number": str(ident),
                "meta_data": [],
                "line_items": [],
            }
            return ident

    # The API

    def answer(self, asked: Asked) -> Reply:
        try:
            return self._routed(asked)
        except Refusal as refusal:
            return Reply.json(refusal.body, refusal.status, **self._api_link())

    def _api_link(self) -> dict[str, str]:
        path = "/index.php?rest_route=/" if self.plain_permalinks else "/wp-json/"
        return {"Link": f'<{self.url}{self.root}{path}>; rel="https://api.w.org/"'}

    def _routed(self, asked: Asked) -> Reply:
        path = asked.path
        if path == "/":
            return Reply(200, b"<html>Willkommen</html>", self._api_link(), HTML)
        if self.plain_permalinks or not path.startswith(f"{self.root}/wp-json/"):
            return Reply(404, b"<html><body>Seite nicht gefunden</body></html>", {}, HTML)
        path = path.removeprefix(self.root)
        if path == "/wp-json/mailpoet/v1/subscribers":
            return self._mailpoet(asked)
        if not self.active or path not in (f"{_API}/customers", f"{_API}/orders"):
            raise Refusal(404, "rest_no_route", "No route was found matching the URL and request method.")
        key = self._key(asked)
        if path.endswith("/customers"):
            return self._customers(asked.query, key)
        return self._orders(asked.query)

    def _key(self, asked: Asked) -> Key:
        name, secret = basic(asked)
        if not self.is_https or (key := self.keys.get(name)) is None:
            raise Refusal(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        if key.secret != secret:
            raise Refusal(401, "woocommerce_rest_authentication_error", "Consumer secret is invalid.")
        if key.permission == "write":
            message = "The API key provided does not have read permissions."
            raise Refusal(401, "woocommerce_rest_authentication_error", message)
        if key.role not in ("administrator", "shop_manager"):
            raise Refusal(403, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        return key

    def _customers(self, query: Mapping[str, str], key: Key) -> Reply:
        order_by = one_of(query, "orderby", "name", ("id", "include", "name", "registered_date"))
        role = one_of(query, "role", "customer", ("all", *ROLES))
        rows = [row for row in self.customers.values() if role in ("all", row["role"])]
        keys: dict[str, Callable[[dict[str, Any]], Any]] = {
            "id": lambda row: row["id"],
            "name": lambda row: (row["last_name"], self._random.random()),
            "registered_date": lambda row: (row["date_created_gmt"], row["id"]),
        }
        rows.sort(key=keys.get(order_by, keys["id"]), reverse=query.get("order", "asc") == "desc")
        shown = [self._visible(row) for row in self._page(rows, query)]
        if key.role != "administrator":
            shown = [{name: value for name, value in row.items() if name != "meta_data"} for row in shown]
        return self._listed(shown, len(rows), query)

    @staticmethod
    def _visible(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "meta_data": [entry for entry in row["meta_data"] if "wp_" not in entry["key"]]}

    def _orders(self, query: Mapping[str, str]) -> Reply:
        order_by = one_of(query, "orderby", "date", ("date", "id", "include", "title", "slug", "modified"))
        rows = [row for row in self.orders.values() if self._has_status(row, query)]
        if self.knows_dates:
            rows = [row for row in rows if self._was_changed(row, query)]
        keys: dict[str, Callable[[dict[str, Any]], Any]] = {
            "id": lambda row: row["id"],
            "date": lambda row: (row["date_created_gmt"], row["id"]),
            "modified": lambda row: (row["date_modified_gmt"], self._random.random() if self.hpos else row["id"]),
        }
        rows.sort(key=keys.get(order_by, keys["id"]), reverse=query.get("order", "desc") == "desc")
        page = self._page(rows, query)
        past = self.hpos and not page
        return self._listed(page, 0 if past else len(rows), query)

    @staticmethod
    def _has_status(row: dict[str, Any], query: Mapping[str, str]) -> bool:
        wanted = query.get("status", "any").split(",")
        for status in wanted:
            if status not in ("any", *STATUSES):
                raise _invalid("status", f"status[0] is not one of any, {', '.join(STATUSES)}.", "rest_not_in_enum")
        return row["status"] not in _HIDDEN if "any" in wanted else row["status"] in wanted

    @staticmethod
    def _was_changed(row: dict[str, Any], query: Mapping[str, str]) -> bool:
        in_gmt = query.get("dates_are_gmt") == "true"
        changed = row["date_modified_gmt" if in_gmt else "date_modified"]
        for name in ("modified_after", "modified_before"):
            if name not in query:
                continue
            if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)?", query[name]) is None:
                raise _invalid(name, "Invalid date.", "rest_invalid_date")
            mark = dt.datetime.fromisoformat(query[name])
            if mark.tzinfo is not None:  # into the shop's time, even where it is compared with UTC
                mark = mark.astimezone(dt.UTC).replace(tzinfo=None) + _ZONE
            text = mark.isoformat()
            if (changed <= text) if name == "modified_after" else (changed >= text):
                return False
        return True

    @staticmethod
    def _page(rows: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
        size, page = int(query.get("per_page", "10")), int(query.get("page", "1"))
        if not 1 <= size <= 100:
            raise _invalid(
                "per_page", "per_page must be between 1 (inclusive) and 100 (inclusive)", "rest_out_of_bounds"
            )
        if page < 1:
            raise _invalid("page", "page must be greater than or equal to 1", "rest_out_of_bounds")
        start = int(query.get("offset", (page - 1) * size))
        return rows[start : start + size]

    def _listed(self, rows: Iterable[dict[str, Any]], total: int, query: Mapping[str, str]) -> Reply:
        size, page = int(query.get("per_page", "10")), int(query.get("page", "1"))
        if "_fields" in query:
            wanted = set(query["_fields"].split(","))
            rows = [{name: value for name, value in row.items() if name in wanted} for row in rows]
        link = f'<{self.url}{_API}/rows?consumer_secret={SECRET}&page={page + 1}>; rel="next"'
        headers = {"X-WP-Total": str(total), "X-WP-TotalPages": str(-(-total // size)), "Link": link}
        return Reply.json(list(rows))._replace(headers=headers)

    def _mailpoet(self, asked: Asked) -> Reply:
        if basic(asked) != (USER, PASSWORD):
            raise Refusal(401, "rest_forbidden", "Sorry, you are not allowed to do that.")
        rows = sorted(self.subscribers.values(), key=lambda row: int(row["id"]))
        size = min(100, int(asked.query.get("per_page", "20")))
        meta = {"count": len(rows), "pages": -(-len(rows) // size)}
        return Reply.json({"data": {"items": self._page(rows, {**asked.query, "per_page": str(size)}), "meta": meta}})


def address(**fields: str) -> dict[str, str]:
    names = ("first_name", "last_name", "company", "address_1", "address_2", "city", "postcode", "country", "state")
    return {**dict.fromkeys((*names, "email", "phone"), ""), **fields}


def basic(asked: Asked) -> tuple[str, str]:
    """The user and password of a request."""
    kind, _, coded = asked.headers.get("authorization", "").partition(" ")
    user, _, password = base64.b64decode(coded).decode().partition(":") if kind == "Basic" else ("", "", "")
    return user, password


def one_of(query: Mapping[str, str], name: str, default: str, known: Iterable[str]) -> str:
    value = query.get(name, default)
    if value not in known:
        raise _invalid(name, f"{name} is not one of {', '.join(known)}.", "rest_not_in_enum")
    return value


def _invalid(name: str, message: str, code: str) -> Refusal:
    details = {name: {"code": code, "message": message, "data": None}}
    return Refusal(400, "rest_invalid_param", f"Invalid parameter(s): {name}", params={name: message}, details=details)
