"""Person fields -> data fields (attributes) of the target, and the fingerprint of what was sent. Pure."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

import orjson

from cleverreach_sync.model import Person


class FieldType(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    GENDER = "gender"


class DataField(NamedTuple):
    """One data field. `name` is the technical name, `written` the name as the preset or the config writes it,
    `person_field` where the value comes from. `buyers_only`: sent only for people sent as Buyer."""

    name: str
    written: str
    person_field: str
    type: FieldType
    buyers_only: bool = False


_TYPES: Final[Mapping[str, FieldType]] = {
    "birthday": FieldType.DATE,
    "last_order_at": FieldType.DATE,
    "subscribed_at": FieldType.DATE,
    "created_at": FieldType.DATE,
    "updated_at": FieldType.DATE,
    "orders": FieldType.NUMBER,
    "total_spent": FieldType.NUMBER,
}
_BUYERS_ONLY: Final = frozenset({"lastorderdate", "ordercount", "totalspent"})

_SHOP: Final[Mapping[str, str]] = {
    "salutation": "salutation",
    "title": "title",
    "firstname": "first_name",
    "lastname": "last_name",
    "street": "street",
    "zip": "zip",
    "city": "city",
    "company": "company",
    "state": "state",
    "country": "country",
    "phone": "phone",
    "language": "language",
    "shop": "shop",
    "customernumber": "customer_number",
    "birthday": "birthday",
    "lastorderdate": "last_order_at",
    "ordercount": "orders",
    "totalspent": "total_spent",
}
_PLENTYMARKETS: Final[Mapping[str, str]] = {
    "Birthday": "birthday",
    "Vorname": "first_name",
    "Gender": "gender",
    "Lang": "language",
    "Nachname": "last_name",
}
PRESETS: Final[Mapping[str, Mapping[str, str]]] = {"shop": _SHOP, "plentymarkets": _PLENTYMARKETS, "none": {}}


def technical_name(written: str) -> str:
    """The name the target derives: lower case, blanks become `_`."""
    return written.strip().lower().replace(" ", "_")


def data_fields(preset: str, mapping: Mapping[str, str | None]) -> tuple[DataField, ...]:
    """The preset's fields with `mapping` (written name -> person field; None drops a field) laid over them."""
    chosen: dict[str, tuple[str, str]] = {
        technical_name(name): (name, field) for name, field in PRESETS[preset].items()
    }
    for written, person_field in mapping.items():
        name = technical_name(written)
        if person_field is None:
            chosen.pop(name, None)
        else:
            chosen[name] = (chosen[name][0] if name in chosen else written, person_field)
    return tuple(
        DataField(
            name,
            written,
            person_field,
            FieldType.GENDER
            if preset == "plentymarkets" and person_field == "gender"
            else _TYPES.get(person_field, FieldType.TEXT),
            name in _BUYERS_ONLY and preset == "shop",
        )
        for name, (written, person_field) in chosen.items()
    )


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
        self._plain = tuple(
            (field.name, field.person_field)
            for field in chosen
            if field.person_field not in _COMPUTED and field.person_field not in _DAYS_OF_TIMES
        )
        self._days = tuple((field.name, field.person_field) for field in chosen if field.person_field in _DAYS_OF_TIMES)
        self._computed = tuple(
            (field.name, _COMPUTED[field.person_field], field.buyers_only)
            for field in chosen
            if field.person_field in _COMPUTED
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


class Packed(NamedTuple):
    """Data fields made ready to be sent: the filled ones as a JSON object, and their fingerprint."""

    json: bytes
    fingerprint: bytes

    def values(self) -> dict[str, str]:
        found: dict[str, str] = orjson.loads(self.json)
        return found


_NAME: Final = 3
_VALUE: Final = 5
_PIECE: Final = _NAME + _VALUE
_CACHE_SIZE: Final = 16384
_SELDOM: Final = 2048  # values of one field in a full cache: more, and they hardly ever come again


class Fingerprints:
    """Keyed hashes of data fields, one piece of 8 bytes a field, so that two fingerprints can be compared field by
    field without anybody reading a value out of them."""

    def __init__(self, key: bytes) -> None:
        self._salt, self._person = key[:16], key[16:32]
        self._names: dict[str, bytes] = {}
        self._pieces: dict[tuple[str, str], bytes] = {}
        self._begun: dict[str, tuple[bytes, Callable[[], blake2b]]] = {}  # copies of hashes that have taken in a name
        self._seldom: frozenset[str] = frozenset()

    def _name(self, name: str) -> bytes:
        known = self._names.get(name)
        if known is None:
            known = blake2b(name.encode(), digest_size=_NAME, salt=self._salt, person=self._person).digest()
            begun = blake2b(known, digest_size=_VALUE, salt=self._salt, person=self._person)
            self._begun[name] = known, begun.copy
            self._names[name] = known
        return known

    def piece(self, name: str, value: str) -> bytes:
        return self._pieces.get((name, value)) or self._hash((name, value))

    def _hash(self, field: tuple[str, str]) -> bytes:
        name, value = field
        self._name(name)
        head, begin = self._begun[name]
        hashed = begin()
        hashed.update(value.encode())
        piece = head + hashed.digest()
        if name not in self._seldom:
            self._keep(field, piece)
        return piece

    def _keep(self, field: tuple[str, str], piece: bytes) -> None:
        """Most values of some fields come again and again; those of others are not worth their place."""
        pieces = self._pieces
        if len(pieces) >= _CACHE_SIZE:
            often = Counter(name for name, _ in list(pieces))
            self._seldom |= {name for name, number in often.items() if number > _SELDOM}
            pieces.clear()
        pieces[field] = piece

    def of(self, values: Mapping[str, str]) -> bytes:
        known, seldom, begun = self._pieces.get, self._seldom, self._begun
        pieces: list[bytes] = []
        for field in values.items():
            if field[0] in seldom:  # as `_hash` does it, without the calls
                head, begin = begun[field[0]]
                hashed = begin()
                hashed.update(field[1].encode())
                pieces += (head, hashed.digest())
            else:
                pieces.append(known(field) or self._hash(field))
        return b"".join(pieces)

    def outgoing(self, values: Mapping[str, str], confirmed: bytes) -> dict[str, str]:
        """The values to send: the filled ones, and `""` where a value that was sent became empty in the shop."""
        if "" not in values.values():
            return dict(values)
        had = split(confirmed)
        return {name: value for name, value in values.items() if value or self._clears(name, had)}

    def _clears(self, name: str, had: Mapping[bytes, bytes]) -> bool:
        return self._name(name) in had

    def changed(self, values: Mapping[str, str], confirmed: bytes) -> bool:
        """Whether sending `values` would change anything that `confirmed` does not have already."""
        new = self.of(values)
        if new == confirmed:
            return False
        had = split(confirmed)
        return any(had.get(name) != value for name, value in split(new).items())

    def joined(self, values: Mapping[str, str], confirmed: bytes) -> bytes:
        """The fingerprint after `values` were confirmed: theirs, and what was sent before of other fields."""
        new = self.of(values)
        if not confirmed or new == confirmed:
            return new
        had = split(confirmed)
        had.update(split(new))
        return b"".join(name + value for name, value in had.items())


def unknown_values(fingerprint: bytes) -> bytes:
    """A fingerprint of the same fields, with values that nothing has: they are sent again, or cleared."""
    return b"".join(name + bytes(_VALUE) for name in split(fingerprint))


def split(fingerprint: bytes) -> dict[bytes, bytes]:
    """A fingerprint's pieces: hash of the name -> hash of the value."""
    return {
        fingerprint[at : at + _NAME]: fingerprint[at + _NAME : at + _PIECE] for at in range(0, len(fingerprint), _PIECE)
    }
