"""Person fields -> data fields (attributes) of the target, and the fingerprint of what was sent. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from cleverreach_sync.domain.model import Person


class FieldType(StrEnum):
    """How values of a data field are compared; what a target calls its types is its own matter."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"


class DataField(NamedTuple):
    """One data field. `name` is the technical name, `written` the name as the preset or the config writes it,
    `person_field` where the value comes from, `word` the target's own name of the type. `buyers_only`: sent only for
    people sent as Buyer. `compose` makes the value of several person fields, None for a missing one; then
    `person_field` only names it."""

    name: str
    written: str
    person_field: str
    type: FieldType
    word: str
    buyers_only: bool = False
    compose: Callable[[Person], str | None] | None = None


_TYPES: Final[Mapping[str, FieldType]] = {
    "birthday": FieldType.DATE,
    "last_order_at": FieldType.DATE,
    "subscribed_at": FieldType.DATE,
    "created_at": FieldType.DATE,
    "updated_at": FieldType.DATE,
    "orders": FieldType.NUMBER,
    "total_spent": FieldType.NUMBER,
}


def type_of(person_field: str) -> FieldType:
    """The type of a person field's values."""
    return _TYPES.get(person_field, FieldType.TEXT)


def _day(at: int | None) -> str | None:
    return None if at is None else _day_of(at // 86400)


@lru_cache(maxsize=4096)
def _day_of(days: int) -> str | None:
    try:
        return dt.date.fromordinal(719163 + days).isoformat()
    except (ValueError, OverflowError):
        return None  # beyond the calendar: a missing value


# Person fields that are no plain values of the profile.
_COMPUTED: Final[Mapping[str, Callable[[Person], str | None]]] = {
    "email": lambda person: person.email or None,
    "subscribed": lambda person: person.consent.state.value,
    "subscribed_at": lambda person: _day(person.consent.at),
    "orders": lambda person: None if person.purchases is None else str(person.purchases.number),
    "last_order_at": lambda person: None if person.purchases is None else _day(person.purchases.last_at),
    "total_spent": lambda person: None if person.purchases is None else person.purchases.total,
}
_DAYS_OF_TIMES: Final = frozenset({"created_at", "updated_at"})


class FieldMap:
    """The data fields of a run, ready to be filled."""

    def __init__(self, chosen: tuple[DataField, ...]) -> None:
        self.fields = chosen
        self.types = {field.name: field.type for field in chosen}
        computed = {field.name: field.compose or _COMPUTED.get(field.person_field) for field in chosen}
        plain = [(field.name, field.person_field) for field in chosen if computed[field.name] is None]
        self._plain = tuple(each for each in plain if each[1] not in _DAYS_OF_TIMES)
        self._days = tuple(each for each in plain if each[1] in _DAYS_OF_TIMES)
        self._computed = tuple(
            (field.name, compute, field.buyers_only)
            for field in chosen
            if (compute := computed[field.name]) is not None
        )
        self._buyers_only = tuple(field.name for field in chosen if field.buyers_only)
        self._zeros = tuple(field.name for field in chosen if field.buyers_only and field.person_field == "orders")

    def values(self, person: Person, *, buyer: bool) -> dict[str, str]:
        """The values by data field name. Missing ones are left out, empty ones are `""`, and so is what only buyers
        have for somebody who is known to have no order."""
        profile = person.profile
        filled = {name: profile[source] for name, source in self._plain if source in profile}
        for name, source in self._days:
            if source in profile:
                filled[name] = profile[source][:10]
        for name, compute, buyers_only in self._computed:
            if buyer or not buyers_only:
                value = compute(person)
                if value is not None:
                    filled[name] = value
        return filled if buyer else filled | self.emptied(person)

    def emptied(self, person: Person) -> dict[str, str]:
        """What somebody loses who is no buyer any more: the fields that only buyers have, if there is no order left."""
        if person.purchases is None or person.purchases.number:
            return {}
        return dict.fromkeys(self._buyers_only, "")

    def without_emptied(self, values: Mapping[str, str]) -> dict[str, str]:
        """The values without what somebody lost who is no buyer any more."""
        return {name: value for name, value in values.items() if value or name not in self._buyers_only}

    def zeroed(self, values: dict[str, str]) -> dict[str, str]:
        """The values as they are sent: a number of orders that became empty is 0."""
        for name in self._zeros:
            if values.get(name) == "":
                values = {**values, name: "0"}
        return values
