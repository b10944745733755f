"""What a search of Magento's REST API gives: criteria, pages, members, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_FILTER = re.compile(r"searchCriteria\[filterGroups\]\[(\d+)\]\[filters\]\[(\d+)\]\[(field|conditionType|value)\]")
_WORD = re.compile(r"[^\[\],]+|[\[\],]")
FIELDS = ("entity_id", "email", "updated_at", "created_at", "website_id", "store_id", "state", "status", "customer_id")


class Refusal(Exception):
    """An answer that says no. `parameters` fill the message in, by name or by place."""

    def __init__(self, status: int, message: str, parameters: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message} | ({} if parameters is None else {"parameters": parameters})


class Limits(NamedTuple):
    """How a shop is set up: the largest page (None: any), and whether a page beyond the end is the last one again."""

    largest_page: int | None = None
    repeats_the_last_page: bool = False


def search(rows: Sequence[dict[str, Any]], key: str, query: Mapping[str, str], limits: Limits) -> dict[str, Any]:
    """The answer to a search for rows whose ID is at `key`."""
    if not any(name.startswith("searchCriteria") for name in query):
        raise Refusal(400, '"%fieldName" is required. Enter and try again.', {"fieldName": "searchCriteria"})
    for group in _groups(query).values():
        rows = [row for row in rows if any(_meets(row, key, each) for each in group.values())]
    if query.get("searchCriteria[sortOrders][0][field]") == "entity_id":
        direction = query.get("searchCriteria[sortOrders][0][direction]")
        if direction not in ("ASC", "DESC"):
            raise Refusal(400, "The sort order has to be specified as %1 or %2.", ["ASC", "DESC"])
        rows = sorted(rows, key=lambda row: int(row[key]), reverse=direction == "DESC")
    size = int(query.get("searchCriteria[pageSize]", len(rows) or 1))
    if limits.largest_page is not None and size > limits.largest_page:
        raise Refusal(400, f"Maximum SearchCriteria pageSize is {limits.largest_page}")
    number = max(1, int(query.get("searchCriteria[currentPage]", 1)))
    if limits.repeats_the_last_page:
        number = min(number, max(1, -(-len(rows) // size)))
    shown = list(rows[(number - 1) * size : number * size])
    body = {"items": shown, "search_criteria": {"page_size": size}, "total_count": len(rows)}
    wanted = query.get("fields")
    return body if wanted is None else _only(body, _members(iter(_WORD.findall(wanted))))


def _groups(query: Mapping[str, str]) -> dict[str, dict[str, dict[str, str]]]:
    groups: dict[str, dict[str, dict[str, str]]] = {}
    for name, value in query.items():
        if (found := _FILTER.fullmatch(name)) is not None:
            groups.setdefault(found[1], {}).setdefault(found[2], {})[found[3]] = value
    return groups


def _meets(row: Mapping[str, Any], key: str, asked: Mapping[str, str]) -> bool:
    field, condition, wanted = asked["field"], asked.get("conditionType", "eq"), asked["value"]
    if field not in FIELDS:
        raise Refusal(400, 'The "%1" attribute name is invalid. Reset the name and try again.', [field])
    value = row.get(key if field == "entity_id" else field)
    if value is None:
        return condition == "null"
    if isinstance(value, int):
        return _compared(value, condition, [int(each) for each in wanted.split(",") if each])
    return _compared(str(value), condition, wanted.split(","))


def _compared(value: Any, condition: str, wanted: Sequence[Any]) -> bool:
    match condition:
        case "eq" | "in":
            return value in wanted
        case "gt":
            return bool(value > wanted[0])
        case "gteq":
            return bool(value >= wanted[0])
    return False  # a condition that is unknown: no row, and no word about it


def _members(words: Any) -> dict[str, Any]:
    """`a[b,c],d` as nested names."""
    found: dict[str, Any] = {}
    last = ""
    for word in words:
        if word == "[":
            found[last] = _members(words)
        elif word == "]":
            return found
        elif word != ",":
            last = word
            found[word] = None
    return found


def _only(value: Any, members: Mapping[str, Any]) -> Any:
    """What is asked for of a value; an empty list becomes null, as in the real shop."""
    if isinstance(value, list):
        return [_only(each, members) for each in value] or None
    if not value:
        return None
    return {
        name: _only(value[name], inner) if inner is not None and isinstance(value[name], dict | list) else value[name]
        for name, inner in members.items()
        if name in value
    }
