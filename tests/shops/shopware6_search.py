"""How Shopware 6 answers a search: filters, order, pages, associations, includes, and its refusals."""

from __future__ import annotations

import datetime as dt
import json
import operator
import random
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final

_MARK: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
_COMPARES: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


class Refusal(Exception):
    """An error of Shopware."""

    def __init__(self, status: int, code: str, detail: str, **parameters: Any) -> None:
        super().__init__(detail)
        self.status = status
        meta = {"parameters": parameters} if parameters else {}
        self.body = {"errors": [{"status": str(status), "code": code, "title": "No", "detail": detail, "meta": meta}]}


def search(
    alias: str,
    rows: Sequence[Mapping[str, Any]],
    body: Mapping[str, Any],
    *,
    max_limit: int,
    limit_named_in: str,
    privileges: Collection[str],
    gaps: bool,
    chance: random.Random,
) -> dict[str, Any]:
    """The body of an answer."""
    _check_privileges(alias, body, rows, privileges, gaps=gaps)
    limit = body.get("limit")
    if limit is not None and limit > max_limit:
        parameters = {"maxLimit": max_limit, "limit": limit} if limit_named_in == "parameters" else {}
        said = f"MAX_LIMIT(={max_limit})" if limit_named_in == "text" else "the maximum"
        raise Refusal(
            400,
            "FRAMEWORK__QUERY_LIMIT_EXCEEDED",
            f"The limit must be lower than or equal to {said}. Given: {limit}",
            **parameters,
        )
    found = [row for row in rows if all(_fits(row, each) for each in body.get("filter", ()))]
    chance.shuffle(found)  # what is not sorted has no order
    for sort in reversed(body.get("sort", ())):
        found.sort(key=partial(_sortable, sort["field"]), reverse=sort.get("order") == "DESC")
    # A page without a limit begins at the first row, whatever its number.
    start = limit * (body["page"] - 1) if limit is not None and "page" in body else 0
    page = found[start : start + (limit or max_limit)]
    includes = body.get("includes", {})
    data = [_shown(row, body.get("associations", {}), includes) for row in page]
    counted = body.get("total-count-mode", 1) == 1
    return {"total": len(found) if counted else len(page), "data": data, "aggregations": []}


def _check_privileges(
    alias: str,
    body: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    privileges: Collection[str],
    *,
    gaps: bool,
) -> None:
    needed = [f"{alias}:read"]
    for row in rows[:1]:
        needed += _associated(row, body.get("associations", {}))
    missing = [name for name in dict.fromkeys(needed) if name not in privileges]
    if missing:
        listed: Any = {str(number * 2): name for number, name in enumerate(missing)} if gaps else missing
        detail = json.dumps({"message": "Missing privilege", "missingPrivileges": listed})
        raise Refusal(403, "FRAMEWORK__MISSING_PRIVILEGE_ERROR", detail)


def _associated(row: Mapping[str, Any], associations: Mapping[str, Any]) -> list[str]:
    found = []
    for name, nested in associations.items():
        if name not in row:
            raise Refusal(400, "FRAMEWORK__ASSOCIATION_NOT_FOUND", f"Can not find association by name {name}")
        if isinstance(row[name], dict):
            found += [f"{row[name]['apiAlias']}:read", *_associated(row[name], nested.get("associations", {}))]
    return found


def _value(row: Mapping[str, Any], path: str) -> Any:
    value: Any = row
    for name in path.split("."):
        if value is None:
            return None
        if name not in value:
            raise Refusal(400, "FRAMEWORK__UNMAPPED_FIELD", f"Field {path} is not mapped")
        value = value[name]
    return value


def _sortable(field: str, row: Mapping[str, Any]) -> Any:
    value = _value(row, field)
    return (value is not None, value if value is not None else "")


def _fits(row: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    match asked["type"]:
        case "equals":
            return bool(_value(row, asked["field"]) == asked["value"])
        case "equalsAny":
            # As the database compares texts: case does not count.
            return str(_value(row, asked["field"])).casefold() in {str(each).casefold() for each in asked["value"]}
        case "multi":
            fits = [_fits(row, each) for each in asked["queries"]]
            return any(fits) if asked["operator"].upper() == "OR" else all(fits)
        case "not":
            return not any(_fits(row, each) for each in asked["queries"])
        case "range":
            return _within(_value(row, asked["field"]), asked["field"], asked["parameters"])
        case other:
            raise Refusal(400, "FRAMEWORK__INVALID_FILTER_QUERY", f"Unsupported filter type: {other}")


def _within(value: Any, field: str, bounds: Mapping[str, Any]) -> bool:
    """IDs are bytes in the database, dates texts without a zone: what is written otherwise compares with nothing."""
    if value is None or field == "id":
        return False
    if isinstance(value, str) and _DATE.fullmatch(value):
        value = f"{dt.datetime.fromisoformat(value):%Y-%m-%d %H:%M:%S.%f}"[:23]
        if not all(isinstance(bound, str) and _MARK.fullmatch(bound) for bound in bounds.values()):
            return False
    return all(_COMPARES[name](value, bound) for name, bound in bounds.items())


def _shown(
    row: Mapping[str, Any], associations: Mapping[str, Any], includes: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    wanted = includes.get(row["apiAlias"])
    found: dict[str, Any] = {}
    for name, value in row.items():
        if wanted is not None and name not in wanted and name != "apiAlias":
            continue
        if isinstance(value, dict) and "apiAlias" in value:
            nested = associations.get(name)
            found[name] = None if nested is None else _shown(value, nested.get("associations", {}), includes)
        else:
            found[name] = value
    return found
