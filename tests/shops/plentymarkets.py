"""A system at plentymarkets on loopback, with what real ones do that a source has to mind."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from tests.shops.server import Asked, Reply, ShopServer

USER, PASSWORD = "crsync-api", "geheim-0815"
ZONE: Final = dt.timezone(dt.timedelta(hours=1))  # the system's
SESSIONS: Final = 3
SESSIONS_BY: Final = ("/rest/login", "/rest/login/refresh", "/rest/logout")
LIFE: Final = 86_400
REFERRERS: Final = (
    (0, "Manuelle Eingabe", "system"), (1, "Mandant (Shop)", "system"), (2, "eBay", "system"),
    (2.01, "eBay Deutschland", "system"), (4.01, "Amazon Germany", "system"), (7, "Google Shopping", "system"),
    (104.02, "Kaufland.de", "plugin"), (150, "Neuer Kanal", "plugin"), (160, "Messe Köln", "manual"),
)  # fmt: skip
TYPES: Final = ((1, "Kunde", "Customer"), (2, "Interessent", "Sales lead"), (4, "Lieferant", "Supplier"))
FOLDERS: Final = ((1, "Kunden"), (2, "Händler"))
ROUTES: Final = {
    "/rest/accounts/contacts": "contacts",
    "/rest/accounts/contacts/types": "types",
    "/rest/newsletters/list_recipients": "recipients",
    "/rest/newsletters/folders": "folders",
    "/rest/orders/search": "orders",
    "/rest/orders/referrers": "referrers",
    "/rest/orders/shipping/countries": "countries",
}
_RELATIONS: Final = ("addresses", "addressRelations", "contactReceiver", "relations", "amounts", "properties")


CONTACT_DATES = {
    "createdAtAfter": "createdAt",
    "updatedAtAfter": "updatedAt",
    "lastOrderAtAfter": "lastOrderAt",
    "newsletterAllowanceAfter": "newsletterAllowanceAt",
}


class Refusal(Exception):
    """An error of plentymarkets."""

    def __init__(self, status: int, body: Mapping[str, Any], **headers: str) -> None:
        super().__init__(status)
        self.reply = Reply.json(body, status, **headers)


class PlentySystem(ShopServer):
    """The system. Rows are as the API shows them, by ID; `denied` are the names of routes its user may not use."""

    planted: tuple[str, ...] = ("auth-geheim", "confirm=geheim", "paypal-geheim", "orderItems", "klarna")

    def __init__(self) -> None:
        super().__init__()
        self.contacts: dict[int, dict[str, Any]] = {}
        self.recipients: dict[int, dict[str, Any]] = {}
        self.orders: dict[int, dict[str, Any]] = {}
        self.password = PASSWORD
        self.tokens: dict[str, int] = {}  # until when each is good
        self.refreshes: dict[str, str] = {}
        self.snake = True
        self.denied: set[str] = set()
        self.calls: list[int] | None = None  # left, as the headers count them down; None: no such headers
        self.shuffled: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda rows: rows
        self.unknown_relations: frozenset[str] = frozenset()
        self.most_rows = 250
        self.unheeded: frozenset[str] = frozenset()  # filters of orders and recipients
        self.default_referrer: float = 1
        self._next = 100

    # The contract with the tests of every source

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"type": "plentymarkets", "url": self.url, "username": USER, "password": PASSWORD, **more}

    def secrets(self) -> tuple[str, ...]:
        return (PASSWORD,)

    def add_customer(self, email: str, *, consent: bool | None = None, **fields: Any) -> int:
        """`type` and `referrer` are its own; `at` is when it was created, and changed last."""
        at = fields.get("at")
        with self.lock:
            ident = self._ident()
            self.contacts[ident] = {
                "id": ident,
                "number": f"C-{ident}",
                "typeId": fields.get("type", 1),
                "firstName": fields.get("first_name", ""),
                "lastName": fields.get("last_name", ""),
                "email": email,
                "gender": fields.get("gender"),
                "title": "",
                "formOfAddress": "",
                "newsletterAllowanceAt": None,
                "lastOrderAt": None,
                "classId": 1,
                "blocked": False,
                "lang": fields.get("language", "de"),
                "referrerId": fields.get("referrer", self.default_referrer),
                "plentyId": 12345,
                "birthdayAt": fields.get("birthday"),
                "paypalEmail": "paypal-geheim",
                "createdAt": self.stamp(at),
                "updatedAt": self.stamp(at),
                "addresses": [self._address("", **fields)],
            }
            if consent:
                self.set_consent(ident, given=True)
            return ident

    def add_order(self, customer: int, total: str = "10.00", **more: Any) -> int:
        owner = self.contacts[customer]
        return self._order(customer, self._address(owner["email"]), total, **more)

    def add_guest_order(self, email: str, total: str = "10.00", **fields: Any) -> int:
        more = {name: fields.pop(name) for name in ("status", "referrer", "at", "type") if name in fields}
        return self._order(0, self._address(email, **fields), total, **more)

    def set_consent(self, customer: int, *, given: bool) -> None:
        """Unsubscribing deletes the recipient; no date of the contact moves."""
        with self.lock:
            contact = self.contacts[customer]
            contact["newsletterAllowanceAt"] = self.stamp() if given else None
            gone = [ident for ident, row in self.recipients.items() if row["contactId"] == customer]
            for ident in gone:
                del self.recipients[ident]
            if given:
                self.add_recipient(contact["email"], contact=customer)

    def change_profile(self, customer: int, **fields: str) -> None:
        with self.lock:
            row = self.contacts[customer]
            names = {"first_name": "firstName", "last_name": "lastName", "email": "email"}
            row |= {names[name]: value for name, value in fields.items() if name in names}
            row["addresses"][0] |= {"town": fields.get("city", row["addresses"][0]["town"])}
            row["updatedAt"] = self.stamp()
            if "email" in fields:
                for recipient in self.recipients.values():
                    if recipient["contactId"] == customer:
                        recipient["email"] = fields["email"]

    def delete_customer(self, customer: int) -> None:
        """Orders stay, without their contact."""
        with self.lock:
            self.set_consent(customer, given=False)
            del self.contacts[customer]
            for order in self.orders.values():
                if order["contactReceiverId"] == customer:
                    order["contactReceiverId"] = None

    def cancel_order(self, order: int, status: float = 8) -> None:
        with self.lock:
            self.orders[order] |= {"statusId": status, "updatedAt": self.stamp()}

    def refuse(self) -> None:
        """From now on the credentials are no good, nor the sessions."""
        self.password = "another"
        self.tokens.clear()
        self.refreshes.clear()

    def is_page(self, asked: Asked) -> bool:
        return asked.method == "GET"

    # More of this system

    def stamp(self, at: int | None = None) -> str:
        return dt.datetime.fromtimestamp(self.now if at is None else at, ZONE).isoformat()

    def add_recipient(
        self,
        email: str,
        *,
        confirmed: bool = True,
        folder: int = 1,
        contact: int = 0,
        at: int | None = None,
        **names: str,
    ) -> int:
        with self.lock:
            ident = self._ident()
            self.recipients[ident] = {
                "id": ident,
                "folderId": folder,
                "contactId": contact,
                "firstName": names.get("first_name", ""),
                "lastName": names.get("last_name", ""),
                "email": email,
                "gender": "",
                "birthday": "0000-00-00",
                "timestamp": self.now,
                "templateLang": "de",
                "confirmedTimestamp": (self.now if at is None else at) if confirmed else 0,
                "confirmAuthString": "auth-geheim",
                "confirmationURL": "https://shop.example/?confirm=geheim",
            }
            return ident

    def asked(self, what: str) -> list[Asked]:
        return [asked for asked in self.log if ROUTES.get(asked.path) == what]

    def paths(self) -> list[str]:
        return [asked.path for asked in self.log]

    def _ident(self) -> int:
        with self.lock:
            self._next += 1
            return self._next

    def _address(self, email: str, **fields: Any) -> dict[str, Any]:
        options = [{"typeId": 4, "value": "089/1"}, {"typeId": 5, "value": email}] if email else []
        return {
            "id": self._ident(),
            "name1": fields.get("company", ""),
            "name2": fields.get("first_name", ""),
            "name3": fields.get("last_name", ""),
            "address1": fields.get("street", "Hauptstr."),
            "address2": "1",
            "postalCode": fields.get("zip", "80331"),
            "town": fields.get("city", "München"),
            "countryId": 1,
            "options": options,
        }

    def _order(
        self,
        customer: int,
        billing: dict[str, Any],
        total: str,
        *,
        status: float = 7,
        referrer: float | None = None,
        at: int | None = None,
        type: int = 1,  # noqa: A002
    ) -> int:
        with self.lock:
            ident = self._ident()
            if customer in self.contacts:
                self.contacts[customer]["lastOrderAt"] = self.stamp(at)
            delivery = self._address("courier@elsewhere.example", city="Packstation")
            self.orders[ident] = {
                "id": ident,
                "typeId": type,
                "statusId": status,
                "referrerId": self.default_referrer if referrer is None else referrer,
                "plentyId": 12345,
                "createdAt": self.stamp(at),
                "updatedAt": self.stamp(at),
                "contactReceiverId": customer or None,
                "addresses": [delivery, billing],
                "addressRelations": [
                    {"typeId": 2, "addressId": delivery["id"]},
                    {"typeId": 1, "addressId": billing["id"]},
                ],
                "amounts": [
                    {"isSystemCurrency": False, "currency": "CHF", "invoiceTotal": float(total) * 2},
                    {"isSystemCurrency": True, "currency": "EUR", "invoiceTotal": float(total), "grossTotal": 0},
                ],
                "properties": [{"typeId": 6, "value": "en"}],
                "klarna": "klarna",
            }
            return ident

    # The API

    def answer(self, asked: Asked) -> Reply:
        try:
            return self._answered(asked)
        except Refusal as refusal:
            return refusal.reply

    def _answered(self, asked: Asked) -> Reply:
        wanted = {**dict.fromkeys(ROUTES, "GET"), **dict.fromkeys(SESSIONS_BY, "POST")}.get(asked.path)
        if wanted is not None and asked.method != wanted:
            raise Refusal(405, {"error": {"code": 405, "message": "Method not allowed"}})
        if asked.path == "/rest/login":
            return self._login(asked)
        if asked.path == "/rest/login/refresh":
            return self._refresh(asked)
        what = ROUTES.get(asked.path)
        if what is None and asked.path != "/rest/logout":
            raise Refusal(404, {"error": {"code": 404, "message": "Not found"}})
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, 0) <= self.now:
            raise Refusal(401, {"error": {"code": 0, "message": "Unauthenticated"}})
        if asked.path == "/rest/logout":
            del self.tokens[token]
            return Reply(200)
        if what in self.denied:
            body = {"error": {"code": 403, "message": "This action is unauthorized."}, "missing_permissions": [what]}
            raise Refusal(403, body)
        return self._counted(getattr(self, f"_{what}")(asked))

    def _counted(self, reply: Reply) -> Reply:
        """With the calls that are left; when there are none, the answer is no more."""
        if self.calls is None:
            return reply
        left = self.calls.pop(0) if self.calls else 0
        named = {
            "X-Plenty-Global-Short-Period-Limit": "80",
            "X-Plenty-Global-Short-Period-Calls-Left": str(max(0, left)),
            "X-Plenty-Global-Short-Period-Decay": "23",
        }
        if left < 0:
            body = {"error": {"code": 429, "message": "short period read limit reached"}}
            return Reply.json(body, 429)._replace(headers={**named, "Retry-After": "23"})
        return reply._replace(headers={**reply.headers, **named})

    def _login(self, asked: Asked) -> Reply:
        sent = orjson.loads(asked.body)
        if sent != {"username": USER, "password": self.password}:
            raise Refusal(401, {"error": {"code": 401, "message": "The user credentials were incorrect."}})
        self.tokens = {token: until for token, until in self.tokens.items() if until > self.now}
        if len(self.tokens) >= SESSIONS:
            raise Refusal(429, {"error": "too_many_concurrent_sessions", "max_current_sessions": SESSIONS})
        return self._token()

    def _refresh(self, asked: Asked) -> Reply:
        old = self.refreshes.pop(orjson.loads(asked.body)["refresh_token"], None)
        if old is None:
            raise Refusal(401, {"error": {"code": 0, "message": "The refresh token is invalid."}})
        self.tokens.pop(old, None)
        return self._token()

    def _token(self) -> Reply:
        number = self._ident()
        token, refresh = f"token-{number}", f"refresh-{number}"
        self.tokens[token] = self.now + LIFE
        self.refreshes[refresh] = token
        names = ("access_token", "refresh_token", "expires_in", "token_type")
        if not self.snake:
            names = ("accessToken", "refreshToken", "expiresIn", "tokenType")
        return Reply.json(dict(zip(names, (token, refresh, LIFE, "Bearer"), strict=True)))

    def _contacts(self, asked: Asked) -> Reply:
        query = asked.query
        rows = [row for row in self.contacts.values() if "typeId" not in query or row["typeId"] == int(query["typeId"])]
        for name, field in CONTACT_DATES.items():
            if name in query:
                day = self._day(name, query[name])
                rows = [row for row in rows if (row[field] or "")[:10] > day]
        related = query.get("with", "").split(",")
        shown = [{key: value for key, value in row.items() if key != "addresses" or key in related} for row in rows]
        return self._paged(self.shuffled(shown), query)

    @staticmethod
    def _day(name: str, text: str) -> str:
        """Filters know days only."""
        try:
            return dt.date.fromisoformat(text).isoformat()
        except ValueError:
            raise _invalid(name, "The date has to be yyyy-mm-dd.") from None

    def _recipients(self, asked: Asked) -> Reply:
        query = asked.query
        rows = list(self.recipients.values())
        if "folderId" in query and "folderId" not in self.unheeded:
            rows = [row for row in rows if row["folderId"] == int(query["folderId"])]
        if query.get("isConfirmed") == "true":
            rows = [row for row in rows if row["confirmedTimestamp"]]
        return self._paged(self.shuffled(rows), query)

    def _orders(self, asked: Asked) -> Reply:
        query = asked.query
        related = {value for name, value in asked.pairs if name == "with[]"}
        if query.get("lazyLoaded") == "false":
            related |= {"addressRelations", "relations", "amounts", "properties"}
        elif wrong := related & self.unknown_relations:
            raise _invalid("with", f"{min(wrong)} is not a relation.")
        rows = [row for row in self.orders.values() if all(self._fits(row, name, value) for name, value in asked.pairs)]
        rows.sort(key=lambda row: row["id"], reverse=query.get("sortOrder", "desc") != "asc")
        return self._paged([self._shown(row, related) for row in rows], query)

    def _fits(self, row: dict[str, Any], name: str, text: str) -> bool:
        fields = {"orderTypeId": "typeId", "orderId": "id", "statusId": "statusId", "updatedAt": "updatedAt"}
        if name not in fields or name in self.unheeded:
            return True
        operator, _, value = text.partition(":") if ":" in text[:4] else ("eq", "", text)
        known: Any = row[fields[name]]
        asked: Any = float(value) if name != "updatedAt" else self._moment(name, value)
        if name == "updatedAt":
            known = dt.datetime.fromisoformat(known)
        return bool({"eq": known == asked, "gt": known > asked, "gte": known >= asked, "lt": known < asked}[operator])

    @staticmethod
    def _moment(name: str, text: str) -> dt.datetime:
        """W3C form; a plus that was not encoded arrives as a space."""
        try:
            moment = dt.datetime.fromisoformat(text)
        except ValueError:
            raise _invalid(name, "The date has to be W3C.") from None
        if moment.tzinfo is None:
            raise _invalid(name, "The date has to have an offset.")
        return moment

    def _shown(self, row: dict[str, Any], related: Iterable[str]) -> dict[str, Any]:
        shown = {key: value for key, value in row.items() if key not in _RELATIONS}
        account = row["contactReceiverId"]
        if "contactReceiver" in related:
            shown["contactReceiver"] = self.contacts.get(account) if account else None
        if "relations" in related:
            receiver = {"referenceType": "contact", "referenceId": account, "relation": "receiver"}
            shown["relations"] = [receiver] if account else []
        return shown | {name: row[name] for name in _RELATIONS if name in related and name in row}

    def _referrers(self, asked: Asked) -> Reply:
        del asked
        return Reply.json(
            [{"id": ident, "backendName": name, "name": name, "origin": origin} for ident, name, origin in REFERRERS]
        )

    def _types(self, asked: Asked) -> Reply:
        del asked
        return Reply.json(
            [
                {"id": ident, "names": [{"lang": "de", "name": german}, {"lang": "en", "name": english}]}
                for ident, german, english in TYPES
            ]
        )

    def _folders(self, asked: Asked) -> Reply:
        del asked
        return Reply.json([{"id": ident, "name": name} for ident, name in FOLDERS])

    def _countries(self, asked: Asked) -> Reply:
        del asked
        return Reply.json([{"id": 1, "isoCode2": "DE"}, {"id": 2, "isoCode2": "AT"}])

    def _paged(self, rows: list[dict[str, Any]], query: Mapping[str, str]) -> Reply:
        size, page = int(query.get("itemsPerPage", "50")), int(query.get("page", "1"))
        if not 1 <= size <= 250:
            raise _invalid("itemsPerPage", "The items per page may not be greater than 250.")
        size = min(size, self.most_rows)
        start = (page - 1) * size
        shown = rows[start : start + size]
        pages = max(1, -(-len(rows) // size))
        return Reply.json(
            {
                "page": page,
                "totalsCount": len(rows),
                "isLastPage": page >= pages,
                "lastPageNumber": pages,
                "firstOnPage": start + 1,
                "lastOnPage": start + len(shown),
                "itemsPerPage": size,
                "entries": shown,
            }
        )


def _invalid(name: str, why: str) -> Refusal:
    return Refusal(422, {"error": {"code": 422, "message": "Validation failed"}, "validation_errors": {name: [why]}})


def always_shuffled(seed: int = 1) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    """An order that has nothing to do with the IDs, but stays the same."""
    return lambda rows: sorted(rows, key=lambda row: random.Random(f"{seed} {row['id']}").random())
