"""As much of SOQL as is asked: SELECT with fields of parents, WHERE with semi-joins, ORDER BY, LIMIT, COUNT()."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from cleverreach_sync.sources.values import read_time

_TOKEN: Final = re.compile(
    r"\s*('(?:[^'\\]|\\.)*'|\d{4}-\d\d-\d\dT[\d:.]+Z|-?\d+(?:\.\d+)?|[A-Za-z_][\w.]*|!=|<=|>=|[=<>(),])"
)
_COMPARES: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
Row = Mapping[str, Any]
Test = Callable[[Row], bool]
Value = Callable[[str, Row, str], Any]
"""The value of a path in a row of a table."""


class Malformed(Exception):
    """MALFORMED_QUERY."""


class Query(NamedTuple):
    """A query. `fields` is empty for a COUNT()."""

    fields: tuple[str, ...]
    table: str
    test: Test
    order: tuple[str, ...]
    limit: int | None


class Parser:
    """Of one query. `value` gives a value by path, and raises for what does not exist; `rows` the rows of a table."""

    def __init__(self, text: str, value: Value, rows: Callable[[str], Sequence[Row]]) -> None:
        self._tokens = self._split(text)
        self._value = value
        self._rows = rows
        self._at = 0
        self._joins_allowed = True

    @staticmethod
    def _split(text: str) -> list[str]:
        found, at = [], 0
        text = text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise Malformed(f"unexpected token: {text[at : at + 10]}")
            found.append(match[1])
            at = match.end()
        return found

    def query(self) -> Query:
        found = self._select()
        if self._at < len(self._tokens):
            raise Malformed(f"unexpected token: {self._tokens[self._at]}")
        return found

    def _select(self) -> Query:
        self._want("select")
        fields = []
        if self._peek() == "count":
            self._at += 1
            self._want("(")
            self._want(")")
        else:
            fields.append(self._next())
            while self._take(","):
                fields.append(self._next())
        self._want("from")
        table = self._next()
        test = self._either(table) if self._take("where") else lambda _: True
        order = []
        if self._take("order"):
            self._want("by")
            order.append(self._next())
            while self._take(","):
                order.append(self._next())
        limit = int(self._next()) if self._take("limit") else None
        return Query(tuple(fields), table, test, tuple(order), limit)

    def _either(self, table: str) -> Test:
        tests = [self._both(table)]
        while self._take("or"):
            tests.append(self._both(table))
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _both(self, table: str) -> Test:
        tests = [self._one(table)]
        while self._take("and"):
            tests.append(self._one(table))
        if self._peek() == "or" and len(tests) > 1:
            raise Malformed("unexpected token: OR")  # both beside each other need brackets
        return lambda row: all(test(row) for test in tests)

    def _one(self, table: str) -> Test:
        if self._take("not"):
            inner = self._one(table)
            return lambda row: not inner(row)
        if self._take("("):
            found = self._either(table)
            self._want(")")
            return found
        path = self._next()
        self._value(table, {}, path)
        if self._take("in"):
            return self._among(table, path)
        compare = _COMPARES.get(self._next())
        if compare is None:
            raise Malformed("unexpected token")
        wanted = self._literal()
        return lambda row: _compared(compare, self._value(table, row, path), wanted)

    def _among(self, table: str, path: str) -> Test:
        self._want("(")
        if self._peek() == "select":
            inner = self._select()
            found = {
                self._value(inner.table, row, inner.fields[0]) for row in self._rows(inner.table) if inner.test(row)
            }
        else:
            found = {self._literal()}
            while self._take(","):
                found.add(self._literal())
        self._want(")")
        return lambda row: self._value(table, row, path) in found

    def _literal(self) -> Any:
        token = self._next()
        if token.startswith("'"):
            return re.sub(r"\\(.)", r"\1", token[1:-1])
        if token.lower() in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[token.lower()]
        moment = read_time(token) if "T" in token else None
        if moment is not None:
            return moment
        try:
            return float(token)
        except ValueError:
            raise Malformed(f"unexpected token: {token}") from None

    def _peek(self) -> str:
        return self._tokens[self._at].lower() if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise Malformed("unexpected end")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, word: str) -> bool:
        if self._peek() == word:
            self._at += 1
            return True
        return False

    def _want(self, word: str) -> None:
        if not self._take(word):
            raise Malformed(f"expecting {word}")


def _compared(compare: Callable[[Any, Any], bool], value: Any, wanted: Any) -> bool:
    if wanted is None or value is None:
        return compare(value, wanted) if compare in (operator.eq, operator.ne) else False
    if isinstance(wanted, int) and not isinstance(wanted, bool) and isinstance(value, str):
        value = read_time(value)
    return compare(value, wanted)


def ordered(rows: Sequence[Row], query: Query, value: Value) -> list[Row]:
    found = [row for row in rows if query.test(row)]
    for path in reversed(query.order):
        found.sort(key=lambda row: value(query.table, row, path) or "")
    return found if query.limit is None else found[: query.limit]
