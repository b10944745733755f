"""A shop at Shopify on loopback: answers queries of the Admin API by its schema, and misbehaves as the real one does.

`shop.script` answers in place of the shop; what else can go wrong is an attribute. The shop has its own clock.
"""

from __future__ import annotations

import base64
import functools
import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import graphql
from graphql import GraphQLError

from cleverreach_sync.domain.address import normalise
from tests.shops.server import HTML, Asked, Reply, ShopServer

SCHEMA = graphql.build_schema(
    (Path(__file__).parents[1] / "schemas" / "shopify" / "admin_2026-07.pruned.graphql").read_text(), assume_valid=True
)
NOW = float(ShopServer.START)
SHOP = "my-shop.myshopify.com"
TOKEN = "shpat_permanent-0815"
CLIENT = {"client_id": "id-of-the-app", "client_secret": "secret-of-the-app"}
SUPPORTED = ("2026-01", "2026-04", "2026-07", "2026-10")
SCOPES = frozenset({"read_customers", "read_orders"})
_HOUR = 3600.0
_CUSTOMER_COST = 3


RESET = Reply(200, b"never to arrive", cut=0)


def html(status: int) -> Reply:
    return Reply(status, b"<!DOCTYPE html><title>Something went wrong</title>", {}, HTML)


def errors(code: str, message: str, **more: Any) -> Reply:
    """HTTP 200 with an error in it."""
    return Reply.json({"data": None, "errors": [{"message": message, "extensions": {"code": code, **more}}]})


def time_text(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class FakeShopify(ShopServer):
    """`customers` by ID, each as the schema has it; `add` and `change` make them. `seen` names the requests:
    `token`, `file`, or the operation; `queries` are the filters of pages. `passed` is how long somebody waited, in
    seconds; the shop's clock goes on meanwhile."""

    planted: tuple[str, ...] = ("not to be read",)

    def __init__(self) -> None:
        self.passed: Callable[[], float] = lambda: 0.0
        super().__init__()
        self.customers: dict[int, dict[str, Any]] = {}
        self.time_zone = timedelta(hours=10)
        self.tokens: dict[str, float] = {TOKEN: float("inf")}
        self.token_life = 86399
        self.scopes = SCOPES
        self.personal_data = True
        self.script: dict[str, deque[Reply | None]] = {}
        self.seen: list[str] = []
        self.queries: list[str | None] = []
        self.served = 0
        self.before: Callable[[str], None] = lambda _name: None
        self.version: str | None = None  # that answers, whatever is asked for
        self.max_cost = 1000.0
        self.maximum, self.restore_rate = 4000.0, 200.0
        self._points, self._paid_at = self.maximum, self.clock()
        self.operations: dict[str, dict[str, Any]] = {}
        self.bulk_polls = 2
        self.bulk_ends = "COMPLETED"
        self.bulk_error: str | None = None
        self.bulk_busy: deque[str] = deque()
        self.bulk_loses = 0
        self.url_expired = False
        self._orders: dict[int, tuple[int, str, float]] = {}
        self._last = 0  # no ID is given twice

    @property
    def now(self) -> int:
        return int(self.clock())

    @now.setter
    def now(self, value: int) -> None:
        self._set = value - self.passed()

    def clock(self) -> float:
        return self._set + self.passed()

    # The contract with the tests of every source

    def settings(self, **more: Any) -> dict[str, Any]:
        """Everybody is read every time: who was deleted leaves no trace otherwise."""
        access = {"type": "shopify", "shop": SHOP, "url": self.url, "access_token": TOKEN}
        return {**access, "reconcile_every": 0, **more}

    def secrets(self) -> tuple[str, ...]:
        return (TOKEN, "signed-0815")

    def add_customer(self, email: str, *, consent: bool | None = None, **fields: str) -> int:
        number = self._last = max(self._last, *self.customers, 10) + 1
        state, at = ("SUBSCRIBED", self.clock()) if consent else ("NOT_SUBSCRIBED", None)
        self.add(number, email, at=self.clock(), state=state, state_at=at)
        self.change_profile(number, **fields)
        return number

    def add_order(self, customer: int, total: str = "10.00") -> int:
        order = max(self._orders, default=0) + 1
        self._orders[order] = (customer, total, self.clock())
        self._sum_up(customer)
        return order

    def add_guest_order(self, email: str, total: str = "10.00", **fields: str) -> int:
        """Whoever is known by the address keeps their data; a guest is a customer without an account."""
        wanted = normalise(email)
        for number, customer in self.customers.items():
            if normalise((customer["defaultEmailAddress"] or {}).get("emailAddress", "")) == wanted:
                return self.add_order(number, total)
        guest = self.add_customer(email)
        self.change_profile(guest, **fields)
        return self.add_order(guest, total)

    def set_consent(self, customer: int, *, given: bool) -> None:
        self.change(customer, touch=False, state="SUBSCRIBED" if given else "UNSUBSCRIBED")

    def change_profile(self, customer: int, **fields: str) -> None:
        own = {"first_name": "firstName", "last_name": "lastName"}
        found: dict[str, Any] = {own[name]: value for name, value in fields.items() if name in own}
        found |= {"email": fields["email"]} if "email" in fields else {}
        self.change(customer, address={k: v for k, v in fields.items() if k not in (*own, "email")}, **found)

    def delete_customer(self, customer: int) -> None:
        del self.customers[customer]

    def cancel_order(self, order: int) -> None:
        found = self._orders.pop(order, None)
        if found is not None and found[0] in self.customers:
            self._sum_up(found[0])

    def refuse(self) -> None:
        self.tokens.clear()

    def is_page(self, asked: Asked) -> bool:
        return asked.path != "/admin/oauth/access_token"

    def _sum_up(self, customer: int) -> None:
        mine = [(total, at) for owner, total, at in self._orders.values() if owner == customer]
        last = max((at for _, at in mine), default=None)
        self.change(
            customer,
            numberOfOrders=str(len(mine)),
            amountSpent={"amount": str(sum(Decimal(total) for total, _ in mine)), "currencyCode": "EUR"},
            lastOrder=None
            if last is None
            else {"id": "gid://shopify/Order/1", "name": "#1", "createdAt": time_text(last)},
        )

    # Customers

    def add(self, number: int, email: str | None = "", *, at: float | None = None, **fields: Any) -> dict[str, Any]:
        """A subscriber who never bought, unless `fields` say otherwise. `state` and `state_at` are those of the
        consent."""
        when = self.clock() - 90 * 24 * _HOUR + number if at is None else at
        state, state_at = fields.pop("state", "SUBSCRIBED"), fields.pop("state_at", when)
        orders, last = fields.pop("orders", 0), fields.pop("last_order", None)
        address = f"person{number:05}@example.org" if email == "" else email
        self.customers[number] = {
            "__typename": "Customer",
            "id": f"gid://shopify/Customer/{number}",
            "legacyResourceId": str(number),
            "firstName": f"Vorname{number:05}",
            "lastName": f"Nachname{number:05}",
            "displayName": f"Vorname{number:05} Nachname{number:05}",
            "locale": "de",
            "state": "DISABLED",
            "verifiedEmail": True,
            "tags": [],
            "note": "not to be read",
            "createdAt": time_text(when),
            "updatedAt": time_text(when),
            "numberOfOrders": str(orders),
            "amountSpent": {"amount": f"{49.25 * orders:.2f}", "currencyCode": "EUR"},
            "lastOrder": None if last is None else {"id": "gid://shopify/Order/1", "name": "#1", "createdAt": last},
            "defaultEmailAddress": None if address is None else _email(address, state, state_at),
            "defaultPhoneNumber": None,
            "defaultAddress": _address(),
            **fields,
        }
        return self.customers[number]

    def change(self, number: int, *, touch: bool = True, **fields: Any) -> None:
        """Changes a customer; `touch`: so that `updatedAt` tells. `email`, `state` and `address` go deeper."""
        customer = self.customers[number]
        if touch:
            customer["updatedAt"] = time_text(self.clock())
        if "email" in fields:
            customer["defaultEmailAddress"]["emailAddress"] = fields.pop("email")
        if "state" in fields:
            state = {"marketingState": fields.pop("state"), "marketingUpdatedAt": time_text(self.clock())}
            customer["defaultEmailAddress"].update(state)
        if "address" in fields:
            customer["defaultAddress"].update(fields.pop("address"))
        customer.update(fields)

    def orders(self, number: int, orders: int) -> None:
        """So many orders, the last one now."""
        when = time_text(self.clock())
        last = {"id": "gid://shopify/Order/9", "name": "#9", "createdAt": when}
        spent = {"amount": f"{49.25 * orders:.2f}", "currencyCode": "EUR"}
        self.change(number, numberOfOrders=str(orders), lastOrder=last, amountSpent=spent)

    def matching(self, query: str | None) -> list[dict[str, Any]]:
        """The customers of a filter, in the order of UPDATED_AT."""
        since = None if query is None else self._since(query)
        found = [customer for customer in self.customers.values() if since is None or _moved(customer) >= since]
        return sorted(found, key=lambda customer: (_moved(customer), int(customer["legacyResourceId"])))

    def _since(self, query: str) -> float:
        """A quoted moment is exact; of an unquoted one only the day counts, in the shop's time zone. `>` is `>=`."""
        match = re.fullmatch(r"updated_at:>=?(?:'([^']+)'|(\S+))", query)
        assert match is not None, query
        if match[1]:
            return datetime.fromisoformat(match[1]).timestamp()
        day = datetime.fromisoformat(match[2][:10]).replace(tzinfo=UTC)
        return (day - self.time_zone).timestamp()

    # Requests

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/admin/oauth/access_token":
            return self._scripted("token", lambda: self._token(asked))
        if asked.path.startswith("/bulk/"):
            return self._scripted("file", lambda: self._file(asked))
        match = re.fullmatch(r"/admin/api/([^/]+)/graphql\.json", asked.path)
        if asked.method != "POST" or match is None:
            return html(404)
        sent = json.loads(asked.body)
        named = re.search(r"(?:query|mutation) +(\w+)", sent["query"])
        name = named[1] if named else "query"
        return self._scripted(name, lambda: self._graphql(match[1], sent, asked.headers))

    def _scripted(self, name: str, carry_out: Callable[[], Reply]) -> Reply:
        self.seen.append(name)
        self.before(name)
        planned = self.script.get(name) or self.script.get("*")
        instead = planned.popleft() if planned else None
        return carry_out() if instead is None else instead

    def _token(self, asked: Asked) -> Reply:
        if "json" in asked.headers.get("content-type", ""):
            sent = json.loads(asked.body)
        else:
            sent = {key: values[0] for key, values in parse_qs(asked.body.decode()).items()}
        if sent != {"grant_type": "client_credentials", **CLIENT}:
            told = {"error": "invalid_client", "error_description": "The client credentials are wrong"}
            return Reply.json(told, 400)
        token = f"shpat_{len(self.tokens)}-for-a-day"
        self.tokens[token] = self.clock() + self.token_life
        granted = {"access_token": token, "scope": ",".join(sorted(self.scopes)), "expires_in": self.token_life}
        return Reply.json(granted)

    def _graphql(self, version: str, sent: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        if version > SUPPORTED[-1]:
            return Reply(404, b'{"errors":"Not Found"}')
        if self.tokens.get(headers.get("x-shopify-access-token", ""), 0.0) <= self.clock():
            return Reply(401, b'{"errors":"[API] Invalid API key or access token (unrecognized login)"}')
        used = {"X-Shopify-API-Version": self.version or max(version, SUPPORTED[0])}
        found = _checked(sent["query"])
        if isinstance(found, str):
            return _with(errors("undefinedField", found), used)
        cost, refusal = self._pay(sent)
        if refusal is not None:
            return _with(refusal, used)
        result = graphql.execute_sync(SCHEMA, found, self._root(), variable_values=sent.get("variables"))
        shown: dict[str, Any] = {"data": result.data, "extensions": {"cost": cost}}
        if result.errors:
            shown["errors"] = [error.formatted for error in result.errors]
        return Reply.json(shown)._replace(headers=used)

    def _pay(self, sent: Mapping[str, Any]) -> tuple[dict[str, Any], Reply | None]:
        """The price tag of a query, and the refusal if it is too high for now, or for ever."""
        requested = 2 + _CUSTOMER_COST * int((sent.get("variables") or {}).get("first") or 0)
        now = self.clock()
        self._points = min(self.maximum, self._points + max(0.0, now - self._paid_at) * self.restore_rate)
        self._paid_at = now
        if requested > self.max_cost:
            text = f"Query cost is {requested}, which exceeds the single query max cost limit ({self.max_cost:.0f})."
            return {}, errors("MAX_COST_EXCEEDED", text, cost=requested, maxCost=self.max_cost)
        paid = requested <= self._points
        self._points -= requested if paid else 0
        status = {
            "maximumAvailable": self.maximum,
            "currentlyAvailable": self._points,
            "restoreRate": self.restore_rate,
        }
        cost = {"requestedQueryCost": requested, "actualQueryCost": requested, "throttleStatus": status}
        if paid:
            return cost, None
        body = {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}], "extensions": {"cost": cost}}
        return cost, Reply.json(body)

    # Fields

    def _root(self) -> dict[str, Any]:
        return {
            "shop": {"name": "My Shop"},
            "currentAppInstallation": {"accessScopes": [{"handle": scope} for scope in sorted(self.scopes)]},
            "customers": self._customers,
            "customersCount": self._count,
            "node": lambda _info, id: self._operation(id),  # noqa: A006 - the schema's name
            "bulkOperationRunQuery": self._run_bulk,
            "bulkOperationCancel": self._cancel_bulk,
        }

    def _allow(self, scope: str, field: str) -> None:
        if scope not in self.scopes:
            needed = f"`{scope}` access scope."
            raise GraphQLError(
                f"Access denied for {field} field. Required access: {needed}",
                extensions={"code": "ACCESS_DENIED", "requiredAccess": needed},
            )

    def _count(self, _info: Any, limit: int | None = 10000, query: str | None = None) -> dict[str, Any]:
        self._allow("read_customers", "customersCount")
        number = len(self.matching(query))
        if limit is not None and number > limit:
            return {"count": limit, "precision": "AT_LEAST"}
        return {"count": number, "precision": "EXACT"}

    def _customers(self, _info: Any, **asked: Any) -> dict[str, Any]:
        self._allow("read_customers", "customers")
        first, query = asked.get("first"), asked.get("query")
        if first is None or not 1 <= first <= 250:
            raise GraphQLError("first must be between 1 and 250", extensions={"code": "BAD_REQUEST"})
        assert asked.get("sortKey") == "UPDATED_AT"
        self.queries.append(query)
        left = self.matching(query)
        if asked.get("after"):
            behind = tuple(json.loads(base64.b64decode(asked["after"])))
            left = [one for one in left if (_moved(one), int(one["legacyResourceId"])) > behind]
        page = left[:first]
        self.served += len(page)
        end = [_moved(page[-1]), int(page[-1]["legacyResourceId"])] if page else None
        cursor = base64.b64encode(json.dumps(end).encode()).decode() if end else None
        return {
            "pageInfo": {"hasNextPage": len(left) > first, "endCursor": cursor},
            "nodes": [self._guarded(customer) for customer in page],
        }

    def _guarded(self, customer: dict[str, Any]) -> dict[str, Any]:
        """With fields that answer by an error where the app may not see them; the nulls come beside."""

        def last_order(_info: Any) -> Any:
            self._allow("read_orders", "lastOrder")
            return customer["lastOrder"]

        def email(_info: Any) -> Any:
            if not self.personal_data:
                raise GraphQLError(
                    "This app is not approved to use the defaultEmailAddress field. See "
                    "https://shopify.dev/docs/apps/launch/protected-customer-data for more details.",
                    extensions={"code": "ACCESS_DENIED"},
                )
            return customer["defaultEmailAddress"]

        return {**customer, "lastOrder": last_order, "defaultEmailAddress": email}

    # Bulk operations

    def _run_bulk(self, _info: Any, query: str, groupObjects: bool | None = None) -> dict[str, Any]:  # noqa: N803
        assert groupObjects is False, "the default differs between versions"
        if self.bulk_busy:
            code = self.bulk_busy.popleft()
            return {"bulkOperation": None, "userErrors": [{"message": "A bulk operation is running", "code": code}]}
        found = _checked(query)
        if isinstance(found, str):
            return {"bulkOperation": None, "userErrors": [{"message": found, "code": "INVALID"}]}
        number = str(len(self.operations) + 1)
        lines = _lines(found, self.matching(None))
        denied = not self.personal_data or not self.scopes >= SCOPES
        self.operations[number] = {
            "__typename": "BulkOperation",
            "id": f"gid://shopify/BulkOperation/{number}",
            "status": "CREATED",
            "errorCode": None,
            "objectCount": "0",
            "rootObjectCount": "0",
            "url": None,
            "partialDataUrl": None,
            "lines": lines,
            "polls": self.bulk_polls,
            "ends": "FAILED" if denied else self.bulk_ends,
            "error": "ACCESS_DENIED" if denied else self.bulk_error,
        }
        return {"bulkOperation": self.operations[number], "userErrors": []}

    def _operation(self, gid: str) -> dict[str, Any] | None:
        operation = self.operations.get(gid.rpartition("/")[2])
        if operation is None or operation["status"] not in ("CREATED", "RUNNING"):
            return operation
        total = len(operation["lines"])
        if operation["polls"] > 0:
            operation["polls"] -= 1
            operation.update(status="RUNNING", objectCount=str(total // (operation["polls"] + 2)))
            return operation
        where = f"{self.url}/bulk/{gid.rpartition('/')[2]}.jsonl?Signature=signed-0815"
        operation.update(status=operation["ends"], errorCode=operation["error"])
        if operation["status"] != "COMPLETED":
            operation["partialDataUrl"] = where
            return operation
        operation.update(objectCount=str(total), rootObjectCount=str(total), url=where if total else None)
        return operation

    def _cancel_bulk(self, _info: Any, id: str) -> dict[str, Any]:  # noqa: A002 - the schema's name
        operation = self.operations[id.rpartition("/")[2]]
        operation["status"] = "CANCELED"
        return {"bulkOperation": operation, "userErrors": []}

    def _file(self, asked: Asked) -> Reply:
        if asked.headers.keys() & {"x-shopify-access-token", "authorization", "cookie"}:
            return Reply(400, b"<Error><Code>InvalidArgument</Code></Error>")
        if asked.query != {"Signature": "signed-0815"} or self.url_expired:
            return Reply(403, b"<Error><Code>ExpiredToken</Code></Error>")
        lines = self.operations[asked.path.removeprefix("/bulk/").removesuffix(".jsonl")]["lines"]
        kept = lines[: len(lines) - self.bulk_loses]
        return Reply(200, b"".join(line + b"\n" for line in kept), type="application/jsonl")


def _email(address: str, state: str, state_at: float | None) -> dict[str, Any]:
    return {
        "emailAddress": address,
        "marketingState": state,
        "marketingOptInLevel": "CONFIRMED_OPT_IN",
        "marketingUpdatedAt": None if state_at is None else time_text(state_at),
        "validFormat": True,
    }


def _address() -> dict[str, Any]:
    return {
        "firstName": None,
        "lastName": None,
        "company": None,
        "address1": "Hauptstr. 1",
        "address2": None,
        "zip": "80331",
        "city": "München",
        "province": "Bavaria",
        "provinceCode": "BY",
        "countryCodeV2": "DE",
        "phone": None,
    }


def _moved(customer: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(customer["updatedAt"]).timestamp()


def _with(reply: Reply, headers: Mapping[str, str]) -> Reply:
    return reply._replace(headers={**reply.headers, **headers})


@functools.cache
def _checked(text: str) -> graphql.DocumentNode | str:
    """The query as a document, or what is wrong with it."""
    try:
        document = graphql.parse(text)
    except GraphQLError as error:
        return error.message
    found = graphql.validate(SCHEMA, document)
    return found[0].message if found else document


def _lines(document: graphql.DocumentNode, customers: list[dict[str, Any]]) -> list[bytes]:
    """What a bulk operation writes: the nodes of the one connection, with the fields that were asked for."""
    (operation,) = document.definitions
    assert isinstance(operation, graphql.OperationDefinitionNode)
    assert not operation.variable_definitions
    wanted = _fields(operation.selection_set)
    assert list(wanted) == ["customers"]
    assert list(wanted["customers"]) == ["edges"]
    node = wanted["customers"]["edges"]["node"]
    return [json.dumps(_picked(customer, node)).encode() for customer in customers]


def _fields(selection: graphql.SelectionSetNode | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in selection.selections if selection else ():
        assert isinstance(field, graphql.FieldNode)
        found[field.name.value] = _fields(field.selection_set)
    return found


def _picked(value: Any, wanted: Mapping[str, Any]) -> Any:
    if not wanted or value is None:
        return value
    return {name: _picked(value[name], below) for name, below in wanted.items()}
