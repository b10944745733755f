"""What a change looks like to people: old and new values, masked unless asked for. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from cleverreach_sync.address import mask
from cleverreach_sync.decision import Outcome, Plan, Wanted
from cleverreach_sync.fields import FieldType
from cleverreach_sync.model import Kind, Recipient
from cleverreach_sync.selection import fold

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_ACTIONS = {Outcome.CREATED: "create", Outcome.UPDATED: "update", Outcome.DEACTIVATED: "deactivate"}
_BECOMES = {Wanted.ACTIVE: "active", Wanted.INACTIVE: "inactive", Wanted.DELETED: "absent"}
HIDDEN = "***"


def same(old: str, new: str, type_: FieldType) -> bool:
    """Whether the list has the value already. Dates may come back as unix seconds, numbers in another form."""
    old, new = str(old), str(new)
    if old == new:
        return True
    if type_ is FieldType.DATE:
        return _day(old) == new
    if type_ is FieldType.NUMBER:
        try:
            return Decimal(old) == Decimal(new)
        except InvalidOperation:
            return False
    return False


def _day(text: str) -> str:
    if text.lstrip("-").isdigit():
        try:
            return (_EPOCH + dt.timedelta(seconds=int(text))).date().isoformat()  # Windows: none before 1970
        except (ValueError, OverflowError, OSError):
            return text
    return text[:10]


def differs(
    plan: Plan,
    recipient: Recipient,
    types: Mapping[str, FieldType],
    carried: frozenset[Kind],
    wanted: frozenset[Kind],
) -> bool:
    """Whether the list has other values or lacks a tag, compared with what was confirmed."""
    lacking = wanted - carried
    if Kind.CONTACT in lacking and carried & {Kind.SUBSCRIBER, Kind.BUYER}:
        lacking -= {Kind.CONTACT}
    if lacking:
        return True
    values = plan.values or {}
    return any(
        value and not same(str(recipient.attributes.get(name, "")), value, types[name])
        for name, value in values.items()
    )


def shown_change(
    plan: Plan, recipient: Recipient | None, types: Mapping[str, FieldType], *, show_pii: bool
) -> dict[str, object]:
    """One entry of `changes` of the result document."""
    change = plan.change
    if change is None:
        return {}
    carried = recipient.tags if recipient is not None else frozenset()
    tags = [f"+{tag}" for tag in change.tags_added if tag not in carried and fold(tag) not in carried]
    tags += [f"-{tag}" for tag in change.tags_removed if tag in carried or fold(tag) in carried or recipient is None]
    before = None if recipient is None else recipient.state.value
    after = before if change.state is None else _BECOMES[change.state]
    attributes = {}
    for name, new in change.values().items():
        old = None if recipient is None else recipient.attributes.get(name)
        if old is None or not same(old, new, types.get(name, FieldType.TEXT)):
            attributes[name] = [_shown(old, show_pii=show_pii), _shown(new, show_pii=show_pii)]
    return {
        "action": _ACTIONS[plan.outcome],
        "email": change.email if show_pii else mask(change.email),
        "kinds": [kind.value for kind in Kind if kind in plan.kinds],
        "tags": tags,
        "attributes": attributes,
        "state": [before, after],
        "reason": plan.reason,
    }


def _shown(value: object, *, show_pii: bool) -> object:
    if value is None or value == "":
        return value
    return str(value) if show_pii else HIDDEN
