"""What a change looks like to people: old and new values, masked unless asked for. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from cleverreach_sync.domain.address import mask
from cleverreach_sync.domain.decision import Change, Outcome, Plan, Wanted
from cleverreach_sync.domain.fields import FieldType
from cleverreach_sync.domain.model import Kind, Recipient
from cleverreach_sync.domain.tags import fold

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


def has_effect(change: Change, recipient: Recipient, types: Mapping[str, FieldType]) -> bool:
    """Whether `change` would make anything of a recipient that is not there already."""
    if change.state is not None and change.state.value != recipient.state.value:
        return True
    if any(not _carries(recipient, tag) for tag in change.tags_added):
        return True
    if any(_carries(recipient, tag) for tag in change.tags_removed):
        return True
    there = recipient.attributes
    return any(not _has(there, name, new, types) for name, new in change.values().items())


def _carries(recipient: Recipient, tag: str) -> bool:
    return tag in recipient.tags or fold(tag) in recipient.tags


def _has(there: Mapping[str, str], name: str, new: str, types: Mapping[str, FieldType]) -> bool:
    """Whether a data field has the value; one that is not there is as good as empty."""
    return same(there.get(name) or "", new, types.get(name, FieldType.TEXT))


def shown_change(
    plan: Plan, recipient: Recipient | None, types: Mapping[str, FieldType], *, show_pii: bool
) -> dict[str, object]:
    """One entry of `changes` of the result document; empty where nothing would be different."""
    change = plan.change
    if change is None or (recipient is not None and not has_effect(change, recipient, types)):
        return {}
    tags = [f"+{tag}" for tag in change.tags_added if recipient is None or not _carries(recipient, tag)]
    tags += [f"-{tag}" for tag in change.tags_removed if recipient is None or _carries(recipient, tag)]
    before = None if recipient is None else recipient.state.value
    after = before if change.state is None else _BECOMES[change.state]
    attributes = {}
    for name, new in change.values().items():
        old = None if recipient is None else recipient.attributes.get(name)
        if recipient is None or not _has(recipient.attributes, name, new, types):
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
