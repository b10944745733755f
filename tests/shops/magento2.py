"""A Magento 2 shop on loopback: its REST API as far as crsync asks for it, and how real ones mistreat their readers.

What moves `updated_at`, what is absent, what a refusal says, is that of the real shop; `limits`, `rights`,
`bearer_allowed` and `tells_subscribed` are the version's and the merchant's.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import re
from typing import Any, Final
from urllib.parse import quote, unquote

from tests.shops.magento2_search import Limits, Refusal, search
from tests.shops.server import HTML, Asked, Reply, ShopServer

KEYS: Final = {
    "consumer_key": "ckey0123456789",
    "consumer_secret": "csecret0123456789",
    "access_token": "atoken0123456789",
    "access_token_secret": "asecret0123456789",
}
CUSTOMER_RIGHT, ORDER_RIGHT, STORE_RIGHT = (
    "Magento_Customer::customer",
    "Magento_Sales::actions_view",
    "Magento_Backend::store",
)
BASE, OUTLET = "base", "outlet"
_API: Final = "/rest/all/V1/"
_WEBSITES: Final = {0: "admin", 1: BASE, 2: OUTLET}
_IDS: Final = {code: ident for ident, code in _WEBSITES.items()}
_VIEWS: Final = {1: ("default", "German", "de_DE"), 2: ("outlet", "French", "fr_FR")}  # one of each website
_NAMES: Final = {"first_name": "firstname", "last_name": "lastname", "salutation": "prefix", "birthday": "dob"}
_ADDRESS: Final = {
    "company": "company",
    "zip": "postcode",
    "city": "city",
    "country": "country_id",
    "phone": "telephone",
}
_FUTURE: Final = 600


class FakeMagento(ShopServer):
    """The shop. `customers` and `orders` by ID, as the API has them with everything in them."""

    planted: tuple[str, ...] = ("rp-geheim", "konfirm-geheim", "192.0.2.77", "protect-code", "1234-kreditkarte")

    def __init__(self) -> None:
        super().__init__()
        self.customers: dict[int, dict[str, Any]] = {}
        self.orders: dict[int, dict[str, Any]] = {}
        self.keys: dict[str, str] | None = dict(KEYS)
        self.bearer_allowed = False
        self.rights = {CUSTOMER_RIGHT, ORDER_RIGHT, STORE_RIGHT}
        self.limits = Limits()
        self.tells_subscribed = True
        self.is_magento = True
        self.nonces: set[str] = set()
        self._count = 0

    # The contract with the tests of every source

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"type": "magento2", "url": self.url, "reconcile_every": 0, **KEYS, **more}

    def with_bearer(self, **more: Any) -> dict[str, Any]:
        return {"type": "magento2", "url": self.url, "bearer_token": KEYS["access_token"], **more}

    def secrets(self) -> tuple[str, ...]:
        return tuple(KEYS.values())

    def add_customer(self, email: str, *, consent: bool | None = None, website: str = BASE, **fields: str) -> int:
        with self.lock:
            self._count += 1
            number, view = self._count, _IDS[website]
            self.customers[number] = {
                "id": number,
                "group_id": 1,
                "created_at": self.time(),
                "updated_at": self.time(),
                "created_in": _VIEWS[view][1],
                "email": email,
                "firstname": "",
                "lastname": "",
                "store_id": view,
                "website_id": view,
                "rp_token": "rp-geheim",
                "confirmation": "konfirm-geheim",
                "addresses": self._addresses(fields),
                "extension_attributes": {"is_subscribed": bool(consent), "assistance_allowed": 1},
                **{_NAMES[name]: value for name, value in fields.items() if name in _NAMES},
                **({"gender": int(fields["gender"])} if "gender" in fields else {}),
            }
            return number

    def add_order(self, customer: int, total: str = "10.00", *, state: str = "processing", website: str = "") -> int:
        """The customer's own date stays as it is."""
        owner = self.customers[customer]
        number = self._order(owner["email"], total, state, _IDS[website] if website else owner["website_id"], {})
        self.orders[number] |= {"customer_id": customer, "customer_is_guest": 0}
        return number

    def add_guest_order(
        self, email: str, total: str = "10.00", *, state: str = "processing", website: str = BASE, **fields: str
    ) -> int:
        return self._order(email, total, state, _IDS[website], fields)

    def set_consent(self, customer: int, *, given: bool) -> None:
        """As in the administration, or by a link in a newsletter: no date moves."""
        with self.lock:
            self.customers[customer]["extension_attributes"]["is_subscribed"] = given

    def change_profile(self, customer: int, **fields: str) -> None:
        with self.lock:
            row = self.customers[customer]
            row |= {_NAMES[name]: value for name, value in fields.items() if name in _NAMES}
            if "email" in fields:
                row["email"] = fields["email"]
            address = {_ADDRESS[name]: value for name, value in fields.items() if name in _ADDRESS}
            if address and not row["addresses"]:
                row["addresses"] = self._addresses(fields)
            elif address:
                row["addresses"][0] |= address
            row["updated_at"] = self.time()

    def delete_customer(self, customer: int) -> None:
        """The orders lose their account, without a date."""
        with self.lock:
            del self.customers[customer]
            for order in self.orders.values():
                if order.get("customer_id") == customer:
                    del order["customer_id"]

    def cancel_order(self, order: int, state: str = "canceled") -> None:
        with self.lock:
            self.orders[order] |= {"state": state, "status": state, "updated_at": self.time()}

    def refuse(self) -> None:
        self.keys = None

    def is_page(self, asked: Asked) -> bool:
        return asked.path in (f"{_API}customers/search", f"{_API}orders")

    # More of this shop

    def time(self) -> str:
        return dt.datetime.fromtimestamp(self.now, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")

    def pages(self, path: str) -> list[dict[str, str]]:
        """What was asked of a list."""
        return [asked.query for asked in self.log if asked.path == _API + path]

    def _addresses(self, fields: dict[str, str]) -> list[dict[str, Any]]:
        found = {_ADDRESS[name]: value for name, value in fields.items() if name in _ADDRESS}
        if not found and "street" not in fields and "state" not in fields:
            return []
        region = {"region_code": None, "region": fields.get("state"), "region_id": 0}
        return [
            {"id": self._count, "region": region, "country_id": "DE", "street": fields.get("street", "").split("\n")}
            | found
            | {"default_billing": True}
        ]

    def _order(self, email: str, total: str, state: str, view: int, fields: dict[str, str]) -> int:
        with self.lock:
            self._count += 1
            number = self._count
            _, name, _ = _VIEWS[view]
            billing = {_ADDRESS[each]: value for each, value in fields.items() if each in _ADDRESS}
            self.orders[number] = {
                "entity_id": number,
                "increment_id": f"M{number:09d}",
                "state": state,
                "status": state,
                "store_id": view,
                "store_name": f"Main Website\nMain Website Store\n{name}",
                "created_at": self.time(),
                "updated_at": self.time(),
                "base_grand_total": float(total),
                "base_currency_code": "EUR",
                "order_currency_code": "USD",
                "customer_email": email,
                "customer_is_guest": 1,
                "protect_code": "protect-code",
                "remote_ip": "192.0.2.77",
                "payment": {"cc_last4": "1234-kreditkarte"},
                "billing_address": {"email": email, "street": fields.get("street", "").split("\n"), **billing},
                **{f"customer_{_NAMES[each]}": value for each, value in fields.items() if each in _NAMES},
            }
            return number

    # The API

    def answer(self, asked: Asked) -> Reply:
        if not self.is_magento:
            return Reply(404, b"<html><body>Seite nicht gefunden</body></html>", {}, HTML)
        try:
            return Reply.json(self._answer(asked))
        except Refusal as refusal:
            return Reply.json(refusal.body, refusal.status)

    def _answer(self, asked: Asked) -> Any:
        match asked.path.removeprefix(_API):
            case "customers/search":
                self._let_in(asked, CUSTOMER_RIGHT)
                return search([self._shown(row) for row in self.customers.values()], "id", asked.query, self.limits)
            case "orders":
                self._let_in(asked, ORDER_RIGHT)
                return search(list(self.orders.values()), "entity_id", asked.query, self.limits)
            case "store/storeConfigs":
                self._let_in(asked, STORE_RIGHT)
                return [
                    {"id": view, "code": code, "website_id": view, "locale": locale, "timezone": "Europe/Berlin"}
                    for view, (code, _, locale) in _VIEWS.items()
                ]
            case "store/websites":
                self._let_in(asked, STORE_RIGHT)
                return [{"id": ident, "code": code, "name": code.title()} for ident, code in _WEBSITES.items()]
        raise Refusal(404, "Request does not match any route.")

    def _shown(self, row: dict[str, Any]) -> dict[str, Any]:
        return row if self.tells_subscribed else {**row, "extension_attributes": {}}

    def _let_in(self, asked: Asked, right: str) -> None:
        scheme, _, rest = asked.headers.get("authorization", "").partition(" ")
        known = self.keys
        if scheme == "Bearer":
            good = self.bearer_allowed and known is not None and rest == known["access_token"]
        else:
            good = scheme == "OAuth" and known is not None and self._signed(asked, rest, known)
        if not good or right not in self.rights:
            message = "The consumer isn't authorized to access %resources."
            raise Refusal(401, message, {"resources": right})

    def _signed(self, asked: Asked, header: str, keys: dict[str, str]) -> bool:
        given = {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', header)}
        if given.get("oauth_signature_method") != "HMAC-SHA256":
            raise Refusal(400, "Signature method %1 is not supported", [given.get("oauth_signature_method")])
        if not 0 < int(given["oauth_timestamp"]) <= self.now + _FUTURE:
            raise Refusal(401, "The timestamp value in the oauth_timestamp parameter is incorrect")
        if given["oauth_nonce"] in self.nonces:
            raise Refusal(401, "The nonce is already being used by the consumer with ID %1.", [1])
        self.nonces.add(given["oauth_nonce"])
        if (given["oauth_consumer_key"], given["oauth_token"]) != (keys["consumer_key"], keys["access_token"]):
            return False
        signature = given.pop("oauth_signature")
        pairs = sorted((quote(n, safe=""), quote(v, safe="")) for n, v in (*asked.pairs, *given.items()))
        parts = (asked.method, f"http://{asked.headers['host']}{asked.path}", "&".join(f"{n}={v}" for n, v in pairs))
        secret = f"{keys['consumer_secret']}&{keys['access_token_secret']}"
        text = "&".join(quote(part, safe="") for part in parts)
        made = base64.b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha256)).decode()
        if made != signature:
            raise Refusal(401, "The signature is invalid. Verify and try again.")
        return True
