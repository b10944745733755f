"""The data fields of CleverReach: presets, technical names, types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from cleverreach_sync.domain.fields import DataField, FieldType, type_of


class Preset(NamedTuple):
    """A ready set of data fields. `fields`: the person field of each, by its name as written; `types`: CleverReach's
    type of a person field where it is not the usual one; `buyers_only`: technical names of those that only people sent
    as Buyer have; `scope`, `missing`: what these keys are if the config does not say."""

    fields: Mapping[str, str]
    types: Mapping[str, str] = {}
    buyers_only: frozenset[str] = frozenset()
    scope: Literal["global", "list"] = "global"
    missing: Literal["refuse", "ignore"] = "refuse"


PRESETS: Final[Mapping[str, Preset]] = {
    "shop": Preset(
        {
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
        },
        buyers_only=frozenset({"lastorderdate", "ordercount", "totalspent"}),
    ),
    "plentymarkets": Preset(
        {
            "Birthday": "birthday",
            "Vorname": "first_name",
            "Gender": "gender",
            "Lang": "language",
            "Nachname": "last_name",
        },
        types={"gender": "gender"},
        scope="list",
        missing="ignore",  # its users delete the fields they do not want
    ),
    "none": Preset({}),
}
_WORDS: Final = {FieldType.TEXT: "text", FieldType.NUMBER: "number", FieldType.DATE: "date"}


def technical_name(written: str) -> str:
    """The name that CleverReach derives: lower case, blanks become `_`."""
    return written.strip().lower().replace(" ", "_")


def data_fields(preset: str, mapping: Mapping[str, str | None]) -> tuple[DataField, ...]:
    """The preset's fields with `mapping` (written name -> person field; None drops a field) laid over them."""
    ready = PRESETS[preset]
    chosen: dict[str, tuple[str, str]] = {technical_name(name): (name, field) for name, field in ready.fields.items()}
    for written, person_field in mapping.items():
        name = technical_name(written)
        if person_field is None:
            chosen.pop(name, None)
        else:
            chosen[name] = (chosen[name][0] if name in chosen else written, person_field)
    return tuple(_data_field(name, written, field, ready) for name, (written, field) in chosen.items())


def _data_field(name: str, written: str, person_field: str, preset: Preset) -> DataField:
    type_ = type_of(person_field)
    word = preset.types.get(person_field, _WORDS[type_])
    return DataField(name, written, person_field, type_, word, name in preset.buyers_only)
