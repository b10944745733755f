"""A Shopware 6 shop on loopback: searches of the Admin API, with what real ones do to those who read them.

What a login, an order or an edited address changes, and what it does not, is that of the real shop; `max_limit`,
`privileges` and `throttled` are the host's and the merchant's.
"""

from __future__ import annotations

import datetime as dt
import random
from typing import Any, Final

import orjson

from cleverreach_sync.domain.address import normalise
from tests.shops.server import HTML, Asked, Reply, ShopServer
from tests.shops.shopware6_search import Refusal, search

CLIENT_ID, CLIENT_SECRET = "SWIA-key-of-the-integration", "secret-of-the-integration"
STOREFRONT, OUTLET = "a" * 32, "b" * 32
CHANNELS: Final = {STOREFRONT: "Storefront", OUTLET: "Outlet"}
PRIVILEGES: Final = frozenset(
    f"{name}:read"
    for name in (
        *("customer", "customer_address", "customer_group", "salutation", "language", "locale", "country"),
        *("country_state", "sales_channel", "newsletter_recipient", "order", "order_customer", "order_address"),
        *("state_machine_state", "currency"),
    )
)
_ADDRESS: Final = {
    "street": "street",
    "zip": "zipcode",
    "city": "city",
    "company": "company",
    "phone": "phoneNumber",
    "street_2": "additionalAddressLine1",
}
_OWN: Final = {"first_name": "firstName", "last_name": "lastName", "title": "title", "birthday": "birthday"}
_SALUTATIONS: Final = {"mr": "Herr", "mrs": "Frau", "not_specified": "Keine Angabe"}
_FIRST: Final = 10**31  # IDs are 32 hexadecimal digits; these have decimal ones only
_PATHS: Final = {
    "customer": "customers",
    "order": "orders",
    "newsletter-recipient": "recipients",
    "sales-channel": "channels",
}


def uuid(number: int) -> str:
    return f"{number:032d}"


def entity(alias: str, **fields: Any) -> dict[str, Any]:
    return {**fields, "translated": {}, "apiAlias": alias}


def named(alias: str, name: str, **fields: Any) -> dict[str, Any]:
    """Something whose name is there in the shop's other language only."""
    return {**entity(alias, name=None, **fields), "translated": {"name": name}}


def country(code: str) -> dict[str, Any]:
    return entity("country", iso=code, iso3="XXX")


class FakeShopware(ShopServer):
    """The shop. `customers` and `orders` by number, `recipients` by ID, as the API has them with everything in them."""

    planted: tuple[str, ...] = ("geheimer-hash", "192.0.2.77", "deep-link", "$2y$10", "apiAlias")

    def __init__(self) -> None:
        super().__init__()
        self.customers: dict[int, dict[str, Any]] = {}
        self.orders: dict[int, dict[str, Any]] = {}
        self.recipients: dict[str, dict[str, Any]] = {}
        self.channels = {ident: named("sales_channel", name, id=ident) for ident, name in CHANNELS.items()}
        self.clients = {CLIENT_ID: CLIENT_SECRET}
        self.tokens: dict[str, int] = {}
        self.life = 600
        self.throttled = 0
        self.max_limit = 500
        self.limit_named_in = "parameters"
        self.privileges = PRIVILEGES
        self.privileges_have_gaps = False
        self.is_shopware = True
        self.version = "6.7.10.1"
        self._count = self._given = 0
        self._chance = random.Random(1)

    # The contract with the tests of every source

    def settings(self, **more: Any) -> dict[str, Any]:
        access = {"type": "shopware6", "url": self.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        return {**access, **more}

    def secrets(self) -> tuple[str, ...]:
        return CLIENT_ID, CLIENT_SECRET, "eyJ-token"

    def add_customer(
        self,
        email: str,
        *,
        consent: bool | None = None,
        channel: str = STOREFRONT,
        salutation: str = "mrs",
        **fields: str,
    ) -> int:
        number = self._customer(email, guest=False, channel=channel, salutation=salutation, fields=fields)
        if consent is not None:
            self.add_recipient(email, "optIn" if consent else "notSet", channel=channel)
        return number

    def add_guest(self, email: str, *, channel: str = STOREFRONT, salutation: str = "mr", **fields: str) -> int:
        return self._customer(email, guest=True, channel=channel, salutation=salutation, fields=fields)

    def add_order(self, customer: int, total: str = "10.00", *, state: str = "open", channel: str = "") -> int:
        """`updatedAt` of the customer stays, and so does their number of orders."""
        with self.lock:
            owner, number = self.customers[customer], self._number()
            address = {**owner["defaultBillingAddress"], "apiAlias": "order_address", "updatedAt": None}
            channel = channel or owner["salesChannelId"]
            self.orders[number] = {
                **entity("order", id=uuid(number), autoIncrement=self._count, orderNumber=str(self._count)),
                "orderDateTime": self.time(),
                "amountTotal": float(total),
                "createdAt": self.time(),
                "updatedAt": None,
                "deepLinkCode": "deep-link",
                "salesChannelId": channel,
                "salesChannel": self.channels[channel],
                "stateMachineState": entity("state_machine_state", technicalName=state),
                "currency": entity("currency", isoCode="EUR"),
                "language": owner["language"],
                "billingAddress": address,
                "orderCustomer": {
                    **entity(
                        "order_customer", email=owner["email"], customerId=owner["id"], remoteAddress="192.0.2.77"
                    ),
                    **{name: owner[name] for name in ("firstName", "lastName", "title", "company", "customerNumber")},
                    "salutation": owner["salutation"],
                    "createdAt": self.time(),
                    "updatedAt": None,
                },
            }
            return number

    def add_guest_order(self, email: str, total: str = "10.00", *, state: str = "open", **fields: str) -> int:
        """Every guest order makes a customer of its own."""
        return self.add_order(self.add_guest(email, **fields), total, state=state)

    def set_consent(self, customer: int, *, given: bool) -> None:
        email = self.customers[customer]["email"]
        if not any(self._is_of(row, email) for row in self.recipients.values()):
            self.add_recipient(email, "notSet")
        for row in self.recipients.values():
            if self._is_of(row, email):
                self.set_status(row["id"], "optIn" if given else "optOut")

    def change_profile(self, customer: int, **fields: str) -> None:
        """An address has dates of its own. The newsletter of a subscriber follows a new e-mail address without any date;
        who has opted out stays at the old one."""
        with self.lock:
            row = self.customers[customer]
            own = {_OWN[name]: value for name, value in fields.items() if name in _OWN}
            email = fields.get("email")
            if email is not None:
                for recipient in self.recipients.values():
                    if self._is_of(recipient, row["email"]) and recipient["status"] in ("optIn", "direct"):
                        recipient["email"] = email
                own["email"] = email
            if own:
                row |= {**own, "updatedAt": self.time()}
            if found := {_ADDRESS[name]: value for name, value in fields.items() if name in _ADDRESS}:
                row["defaultBillingAddress"] |= {**found, "updatedAt": self.time()}

    def delete_customer(self, customer: int) -> None:
        """Their orders and their subscription stay."""
        with self.lock:
            gone = self.customers.pop(customer)["id"]
            for order in self.orders.values():
                if order["orderCustomer"]["customerId"] == gone:
                    order["orderCustomer"]["customerId"] = None

    def cancel_order(self, order: int, state: str = "cancelled") -> None:
        with self.lock:
            self.orders[order]["stateMachineState"]["technicalName"] = state
            self.orders[order]["updatedAt"] = self.time()

    def refuse(self) -> None:
        self.clients.clear()
        self.tokens.clear()

    def is_page(self, asked: Asked) -> bool:
        return asked.path.startswith("/api/search/")

    # More of this shop

    def add_recipient(
        self, email: str, status: str = "optIn", *, channel: str = STOREFRONT, confirmed: bool = True, **fields: Any
    ) -> str:
        with self.lock:
            ident = f"{self._chance.getrandbits(128):032x}"
            names = ("title", "firstName", "lastName", "zipCode", "city", "street", "updatedAt", "salutation")
            self.recipients[ident] = {
                **entity("newsletter_recipient", id=ident, email=email, status=status, hash="geheimer-hash"),
                **dict.fromkeys(names),
                "confirmedAt": self.time() if status in ("optIn", "optOut") and confirmed else None,
                "createdAt": self.time(),
                "salesChannelId": channel,
                "salesChannel": self.channels[channel],
                "language": self._language("de-DE"),
                **fields,
            }
            return ident

    def set_status(self, recipient: str, status: str) -> None:
        """`confirmedAt` stays when somebody opts out."""
        with self.lock:
            row = self.recipients[recipient]
            row |= {"status": status, "updatedAt": self.time()}
            if status == "optIn":
                row["confirmedAt"] = self.time()

    def log_in(self, customer: int) -> None:
        self.customers[customer] |= {"lastLogin": self.time(), "updatedAt": self.time()}

    def time(self, milliseconds: int = 0) -> str:
        moment = dt.datetime.fromtimestamp(self.now, dt.UTC) + dt.timedelta(milliseconds=milliseconds)
        return moment.isoformat(timespec="milliseconds")

    def pages(self, path: str) -> list[dict[str, Any]]:
        """The searches of a list, as they were asked."""
        return [orjson.loads(asked.body) for asked in self.log if asked.path == f"/api/search/{path}"]

    def _customer(self, email: str, *, guest: bool, channel: str, salutation: str, fields: dict[str, str]) -> int:
        with self.lock:
            number = self._number()
            self.customers[number] = {
                **entity("customer", id=uuid(number), autoIncrement=self._count, email=email, guest=guest, active=True),
                **dict.fromkeys(("firstName", "lastName"), ""),
                **dict.fromkeys(("title", "company", "birthday", "updatedAt", "lastLogin")),
                **{_OWN[name]: value for name, value in fields.items() if name in _OWN},
                "customerNumber": str(self._count),
                "orderCount": 0,
                "lastOrderDate": None,
                "password": "$2y$10$abc",
                "hash": "geheimer-hash",
                "remoteAddress": "192.0.2.77",
                "doubleOptInRegistration": False,
                "doubleOptInConfirmDate": None,
                "createdAt": self.time(),
                "salesChannelId": channel,
                "salesChannel": self.channels[channel],
                "salutation": self._salutation(salutation),
                "language": self._language("de-DE"),
                "group": named("customer_group", "Standard"),
                "defaultBillingAddress": self._address("customer_address", fields),
            }
            return number

    def _number(self) -> int:
        self._count += 1
        return _FIRST + self._count

    @staticmethod
    def _is_of(row: dict[str, Any], email: str) -> bool:
        return (normalise(row["email"]) or row["email"]) == (normalise(email) or email)

    @staticmethod
    def _salutation(key: str) -> dict[str, Any]:
        return entity("salutation", salutationKey=key, displayName=_SALUTATIONS.get(key))

    @staticmethod
    def _language(code: str) -> dict[str, Any]:
        return entity("language", name="Deutsch", locale=entity("locale", code=code))

    @staticmethod
    def _address(alias: str, fields: dict[str, str]) -> dict[str, Any]:
        found = {name: fields.get(field) for field, name in _ADDRESS.items()}
        state = entity("country_state", shortCode=fields["state"], name="Bayern") if "state" in fields else None
        where = country(fields.get("country", "DE"))
        return entity(alias, **found, country=where, countryState=state, updatedAt=None, hash="geheimer-hash")

    # The API

    def answer(self, asked: Asked) -> Reply:
        if not self.is_shopware:
            return Reply(404, b"<html><body>Seite nicht gefunden</body></html>", {}, HTML)
        try:
            if asked.path == "/api/oauth/token":
                return self._token(orjson.loads(asked.body))
            self._let_in(asked)
            if asked.path == "/api/_info/version":
                return Reply.json({"version": self.version})
            return self._searched(asked)
        except Refusal as refusal:
            return Reply.json(refusal.body, refusal.status)

    def _token(self, body: dict[str, str]) -> Reply:
        if self.throttled:
            seconds, self.throttled = self.throttled, 0
            raise Refusal(429, "FRAMEWORK__AUTH_THROTTLED", f"Auth throttled for {seconds} seconds.", seconds=seconds)
        known = self.clients.get(body.get("client_id", ""))
        if body.get("grant_type") != "client_credentials" or known is None or known != body.get("client_secret"):
            raise Refusal(401, "10", "Client authentication failed")
        self._given += 1
        token = f"eyJ-token-{self._given}"
        self.tokens[token] = self.now + self.life
        return Reply.json({"token_type": "Bearer", "expires_in": self.life, "access_token": token})

    def _let_in(self, asked: Asked) -> None:
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, 0) <= self.now:
            raise Refusal(401, "9", "The resource owner or authorization server denied the request.")

    def _searched(self, asked: Asked) -> Reply:
        name = _PATHS.get(asked.path.removeprefix("/api/search/"))
        if name is None or asked.method != "POST":
            raise Refusal(404, "0", "No route found")
        rows = list(getattr(self, name).values())
        if name == "orders":
            accounts = {row["id"]: row for row in self.customers.values()}
            rows = [
                {**row, "orderCustomer": {**buyer, "customer": accounts.get(buyer["customerId"] or "")}}
                for row in rows
                if (buyer := row["orderCustomer"])
            ]
        found = search(
            asked.path.rpartition("/")[2].replace("-", "_"),
            rows,
            orjson.loads(asked.body),
            max_limit=self.max_limit,
            limit_named_in=self.limit_named_in,
            privileges=self.privileges,
            gaps=self.privileges_have_gaps,
            chance=self._chance,
        )
        if asked.headers.get("accept") != "application/json":
            data = [{"id": row.get("id"), "type": name, "attributes": row} for row in found["data"]]
            return Reply.json({"data": data, "meta": {"total": found["total"]}})
        return Reply.json(found)
