"""A shop on loopback whose rows are made from the values that its source reads them by, the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cleverreach_sync.domain.model import ConsentState
from cleverreach_sync.sources import registry
from cleverreach_sync.sources.mapping import RowMap
from cleverreach_sync.sources.shop import Statuses
from cleverreach_sync.sources.values import read_time, utc_text
from tests.shops.corner.source import CUSTOMERS, orders_of
from tests.shops.server import Asked, Reply, ShopServer

registry._SYSTEMS["corner"] = ("tests.shops.corner", "CornerSettings")
TOKEN = "corner-0123456789"


def put(row: dict[str, Any], path: str, value: object) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        row = row.setdefault(parent, {})
    row[name] = value


class TableShop(ShopServer):
    """Pages of `{"rows": [...], "total": N}`: by number (`page`, `size`), or above an ID (`after`, `size`, `since`)."""

    planted: tuple[str, ...] = ("geheim",)

    def __init__(self, customers: RowMap = CUSTOMERS, orders: RowMap | None = None) -> None:
        super().__init__()
        self.customer_map = customers
        self.order_map = orders or orders_of(Statuses(frozenset({"paid"}), frozenset({"void"})))
        self.customers: dict[int, dict[str, Any]] = {}
        self.orders: dict[int, dict[str, Any]] = {}
        self.token: str | None = TOKEN
        self._last = 10

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"type": "corner", "url": self.url, "token": TOKEN, **more}

    def secrets(self) -> tuple[str, ...]:
        return (TOKEN,)

    def add_customer(self, email: str, *, consent: bool | None = None, **fields: str) -> int:
        with self.lock:
            ident, row = self._new(self.customer_map, email, fields)
            self.customers[ident] = row
            if self.customer_map.consent is not None:
                put(row, self.customer_map.consent.path, None)
            if consent is not None:
                self.set_consent(ident, given=consent)
            return ident

    def add_order(self, customer: int, total: str = "10.00") -> int:
        return self._order(customer, str(self.customers[customer][self.customer_map.email]), total, {})

    def add_guest_order(self, email: str, total: str = "10.00", **fields: str) -> int:
        return self._order(None, email, total, fields)

    def _order(self, customer: int | None, email: str, total: str, fields: Mapping[str, str]) -> int:
        values = self.order_map.order
        assert values is not None
        assert self.order_map.owner is not None
        with self.lock:
            ident, row = self._new(self.order_map, email, fields)
            put(row, self.order_map.owner, customer)
            put(row, values.status, next(iter(values.statuses.only or ())))
            put(row, values.total, total)
            put(row, values.currency, "EUR")
            self.orders[ident] = row
            return ident

    def _new(self, rows: RowMap, email: str, fields: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        self._last += 1
        row: dict[str, Any] = {rows.ident: self._last, "password": "geheim"}
        for path in rows.fields.values():
            put(row, path, "")
        for path in (rows.created, rows.changed):
            put(row, path, utc_text(self.now))
        put(row, rows.email, email)
        for field, value in fields.items():
            put(row, rows.fields[field], value)
        return self._last, row

    def set_consent(self, customer: int, *, given: bool) -> None:
        """No date of change moves, as in most shops."""
        consent = self.customer_map.consent
        assert consent is not None
        wanted = ConsentState.YES if given else ConsentState.NO
        with self.lock:
            put(
                self.customers[customer], consent.path, next(w for w, state in consent.words.items() if state is wanted)
            )
            if consent.at is not None:
                put(self.customers[customer], consent.at, utc_text(self.now))

    def change_profile(self, customer: int, **fields: str) -> None:
        with self.lock:
            row = self.customers[customer]
            for field, value in fields.items():
                put(row, self.customer_map.email if field == "email" else self.customer_map.fields[field], value)
            put(row, self.customer_map.changed, utc_text(self.now))

    def delete_customer(self, customer: int) -> None:
        with self.lock:
            del self.customers[customer]

    def cancel_order(self, order: int) -> None:
        assert self.order_map.order is not None
        with self.lock:
            put(self.orders[order], self.order_map.order.status, "void")
            put(self.orders[order], self.order_map.changed, utc_text(self.now))

    def refuse(self) -> None:
        self.token = None

    def is_page(self, asked: Asked) -> bool:
        return asked.path.startswith("/api/")

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return Reply.json({"message": "Who are you?"}, 401)
        lists = {"/api/customers": self.customers, "/api/orders": self.orders}
        if asked.path not in lists:
            return Reply.json({"message": "There is nothing here."}, 404)
        rows = [row for _, row in sorted(lists[asked.path].items())]
        size = int(asked.query["size"])
        if "page" in asked.query:
            start = (int(asked.query["page"]) - 1) * size
            return Reply.json({"rows": rows[start : start + size], "total": len(rows)})
        since = read_time(asked.query.get("since", "")) or 0
        rows = [
            row
            for row in rows
            if row[self.order_map.ident] > int(asked.query["after"]) and self.order_map.changed_at(row) >= since
        ]
        return Reply.json({"rows": rows[:size], "total": len(rows)})
