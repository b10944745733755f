"""Which receivers a read returns: list parameters, and the rules of `receivers/filter`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from cleverreach_sync.sandbox.account import Account
from cleverreach_sync.sandbox.records import Group, Member
from cleverreach_sync.sandbox.refusals import Refused

Test = Callable[[Member], bool]

_PAGE_SIZE: Final = 50
_LONGEST_PAGE: Final = 5000
_STAMPS: Final = ("activated", "deactivated", "registered", "last_changed")

_TYPES: Final[Mapping[str, Test]] = {
    "all": lambda _: True,
    "active": lambda member: member.active,
    "inactive": lambda member: member.activated == 0 or member.deactivated > 0,
    "bounced": lambda member: member.person.bounced > 0,
    "bounce": lambda member: member.person.bounced > 0,
}
_ORDERS: Final[Mapping[str, Callable[[Member], Any]]] = {
    "id": lambda member: member.person.id,
    "email": lambda member: member.person.email,
    "bounced": lambda member: member.person.bounced,
    **{name: operator.attrgetter(name) for name in _STAMPS},
}


def number(value: object, default: int) -> int:
    """Parameters come as text or as numbers; what is neither counts as not given."""
    try:
        return default if value in (None, "") else int(str(value))
    except ValueError:
        return default


def page_of(rows: Sequence[Member], wanted: Mapping[str, Any]) -> Sequence[Member]:
    """`page` counts from 0; `pagesize` is 50 by default and at most 5000."""
    size = min(max(number(wanted.get("pagesize"), _PAGE_SIZE), 1), _LONGEST_PAGE)
    start = max(number(wanted.get("page"), 0), 0) * size
    return rows[start : start + size]


def listed(account: Account, group: Group, wanted: Mapping[str, Any]) -> Sequence[Member]:
    """A page of a list, by `type`, `email_list`, `id_list`, `order_by`, `page`, `pagesize`."""
    kind = str(wanted.get("type") or "all").lower()
    if kind not in _TYPES:
        raise Refused(400, "invalid type")
    rows: Iterable[Member] = group.members.values()
    emails, ids = _values(wanted.get("email_list")), _values(wanted.get("id_list"))
    if emails is not None:
        people = {p.id: None for e in emails if (p := account.find(e.lower())) is not None}
        rows = [group.members[i] for i in people if i in group.members]
    if ids is not None:
        chosen = {int(i): None for i in ids if i.isdecimal()}
        if emails is None:
            rows = [group.members[i] for i in chosen if i in group.members]
        else:
            rows = [member for member in rows if member.person.id in chosen]
    if kind != "all":
        rows = filter(_TYPES[kind], rows)
    return page_of(_ordered(list(rows), wanted.get("order_by")), wanted)


def _values(given: object) -> list[str] | None:
    """An array or a comma list."""
    if given is None or given == "":
        return None
    parts = given if isinstance(given, list) else str(given).split(",")
    return [str(part).strip() for part in parts]


def _ordered(rows: list[Member], order: object) -> list[Member]:
    column, _, direction = str(order or "").strip().lower().partition(" ")
    if not column:
        return rows
    key = _ORDERS.get(column)
    if key is None or direction.strip() not in {"", "asc", "desc"}:
        raise Refused(400, "invalid order")
    rows.sort(key=key, reverse=direction.strip() == "desc")
    return rows


def filtered(account: Account, body: Mapping[str, Any]) -> Sequence[Member]:
    """A page of the receivers of some lists (none given: all) that fulfil the rules."""
    rules = body.get("rules") or []
    groups = body.get("groups") or []
    if not isinstance(rules, list) or not isinstance(groups, list):
        raise Refused(400, "invalid filter")
    test = _Rules(account, rules, str(body.get("operator") or "AND")).test()
    active_only = str(body.get("activeonly")).lower() in {"true", "1"}
    found = [
        member
        for group in account.chosen_groups(groups)
        for member in group.members.values()
        if (not active_only or member.active) and test(member)
    ]
    return page_of(_ordered(found, body.get("orderby")), body)


class _Rules:
    """Rules one after the other, each joined to those before it by its operator; `(` and `)` are rules too."""

    def __init__(self, account: Account, rules: list[Any], default: str) -> None:
        self._account = account
        self._default = default.upper()
        self._rules = [rule for rule in rules if isinstance(rule, Mapping)]
        self._at = 0

    def test(self) -> Test:
        test = self._sequence()
        if self._at < len(self._rules):
            raise Refused(400, "invalid filter")
        return test

    def _sequence(self) -> Test:
        test: Test | None = None
        while self._at < len(self._rules):
            rule = self._rules[self._at]
            field = str(rule.get("field", "")).strip()
            if field == ")":
                break
            self._at += 1
            if field == "(":
                right = self._sequence()
                self._at += 1
            else:
                right = self._rule(field.lower(), rule)
            joined = str(rule.get("operator") or self._default).upper()
            test = right if test is None else _either(test, right) if joined == "OR" else _both(test, right)
        return test or _TYPES["all"]

    def _rule(self, field: str, rule: Mapping[str, Any]) -> Test:
        logic = str(rule.get("logic", "")).strip().upper()
        condition = str(rule.get("condition", ""))
        if field == "tags":
            return self._tag_rule(logic, condition)
        compare = _LOGIC.get(logic)
        if compare is None:
            raise Refused(400, "invalid filter")
        value = self._value_of(field)
        return lambda member: compare(value(member), condition)

    def _tag_rule(self, logic: str, condition: str) -> Test:
        wanted = {text.strip() for text in condition.split(",") if text.strip()}
        if logic not in {"EQ", "CONTAINS", "NOCONTAINS"}:
            raise Refused(400, "invalid filter")
        account, has = self._account, logic != "NOCONTAINS"
        return lambda member: wanted.isdisjoint(visible_tags(account, member)) != has

    def _value_of(self, field: str) -> Callable[[Member], str]:
        if field == "email":
            return lambda member: member.person.email
        if field == "bounced":
            return lambda member: str(member.person.bounced)
        if field in _STAMPS:
            return lambda member: str(getattr(member, field))
        if field.endswith(".value") and field[1:-6].isdecimal():
            attribute = self._account.attributes.get(int(field[1:-6]))
            field = attribute.name if attribute else field
        if not any(attribute.name == field for attribute in self._account.attributes.values()):
            raise Refused(400, "invalid filter")
        return lambda member: member.attributes.get(field) or member.person.attributes.get(field, "")


def visible_tags(account: Account, member: Member) -> Sequence[str]:
    """Filters and counts see a change of tags late."""
    delay = account.switches.tag_delay
    if delay and account.now - member.tags_changed < delay:
        return member.tags_before
    return member.tags


def _both(left: Test, right: Test) -> Test:
    return lambda member: left(member) and right(member)


def _either(left: Test, right: Test) -> Test:
    return lambda member: left(member) or right(member)


def _compared(value: str, condition: str) -> int:
    """Below 0, 0 or above 0; as numbers where both are."""
    try:
        left, right = float(value), float(condition)
    except ValueError:
        low, high = value.casefold(), condition.casefold()
        return (low > high) - (low < high)
    return (left > right) - (left < right)


_LOGIC: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "EQ": lambda value, condition: _compared(value, condition) == 0,
    "BG": lambda value, condition: _compared(value, condition) > 0,
    "SM": lambda value, condition: _compared(value, condition) < 0,
    "CONTAINS": lambda value, condition: condition.casefold() in value.casefold(),
    "NOCONTAINS": lambda value, condition: condition.casefold() not in value.casefold(),
}
