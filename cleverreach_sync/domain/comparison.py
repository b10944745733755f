"""Whether the list has already what a change would make of a recipient. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from cleverreach_sync.domain.decision import Change
from cleverreach_sync.domain.fields import FieldType
from cleverreach_sync.domain.model import Recipient
from cleverreach_sync.domain.tags import fold

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


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
    if change.status is not None and change.status is not recipient.status:
        return True
    if any(not carries(recipient, tag) for tag in change.tags_added):
        return True
    if any(carries(recipient, tag) for tag in change.tags_removed):
        return True
    there = recipient.attributes
    return any(not has_value(there, name, new, types) for name, new in change.values().items())


def carries(recipient: Recipient, tag: str) -> bool:
    return tag in recipient.tags or fold(tag) in recipient.tags


def has_value(there: Mapping[str, str], name: str, new: str, types: Mapping[str, FieldType]) -> bool:
    """Whether a data field has the value; one that is not there is as good as empty."""
    return same(there.get(name) or "", new, types.get(name, FieldType.TEXT))
