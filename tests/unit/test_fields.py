from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleverreach_sync.domain.fields import DataField, FieldMap, FieldType
from cleverreach_sync.domain.fingerprints import Fingerprints, split
from cleverreach_sync.domain.model import PERSON_FIELDS, Consent, Person, Purchases
from cleverreach_sync.targets.cleverreach.fields import data_fields, technical_name
from tests.people import ANNA, FINGERPRINTS, NO, OUT, UNKNOWN, YES

TEXT, NUMBER, DATE = FieldType.TEXT, FieldType.NUMBER, FieldType.DATE

SHOP = [
    ("salutation", "salutation", TEXT, False),
    ("title", "title", TEXT, False),
    ("firstname", "first_name", TEXT, False),
    ("lastname", "last_name", TEXT, False),
    ("street", "street", TEXT, False),
    ("zip", "zip", TEXT, False),
    ("city", "city", TEXT, False),
    ("company", "company", TEXT, False),
    ("state", "state", TEXT, False),
    ("country", "country", TEXT, False),
    ("phone", "phone", TEXT, False),
    ("language", "language", TEXT, False),
    ("shop", "shop", TEXT, False),
    ("customernumber", "customer_number", TEXT, False),
    ("birthday", "birthday", DATE, False),
    ("lastorderdate", "last_order_at", DATE, True),
    ("ordercount", "orders", NUMBER, True),
    ("totalspent", "total_spent", NUMBER, True),
]
PLENTYMARKETS = [
    DataField("birthday", "Birthday", "birthday", DATE, "date"),
    DataField("vorname", "Vorname", "first_name", TEXT, "text"),
    DataField("gender", "Gender", "gender", TEXT, "gender"),
    DataField("lang", "Lang", "language", TEXT, "text"),
    DataField("nachname", "Nachname", "last_name", TEXT, "text"),
]


def test_preset_shop() -> None:
    assert [(f.name, f.person_field, f.type, f.buyers_only) for f in data_fields("shop", {})] == SHOP
    assert all(field.name == field.written for field in data_fields("shop", {}))


def test_preset_plentymarkets() -> None:
    assert list(data_fields("plentymarkets", {})) == PLENTYMARKETS


def test_preset_none() -> None:
    assert data_fields("none", {}) == ()
    assert data_fields("none", {"City": "city"}) == (DataField("city", "City", "city", TEXT, "text"),)


@pytest.mark.parametrize(
    ("written", "name"),
    [("Birthday", "birthday"), ("VIP Level", "vip_level"), (" a  B ", "a__b"), ("vip_level", "vip_level")],
)
def test_technical_names(written: str, name: str) -> None:
    assert technical_name(written) == name


def test_a_map_adds_replaces_and_drops() -> None:
    chosen = {f.name: f for f in data_fields("shop", {"VIP Level": "extra.vip", "Phone": None, "CITY": "extra.town"})}
    assert chosen["vip_level"] == DataField("vip_level", "VIP Level", "extra.vip", TEXT, "text")
    assert "phone" not in chosen
    assert chosen["city"] == DataField("city", "city", "extra.town", TEXT, "text")
    assert len(chosen) == len(SHOP)
    assert data_fields("none", {"phone": None}) == ()


@pytest.mark.parametrize(
    ("person_field", "type_"),
    [
        ("birthday", DATE),
        ("last_order_at", DATE),
        ("subscribed_at", DATE),
        ("created_at", DATE),
        ("updated_at", DATE),
        ("orders", NUMBER),
        ("total_spent", NUMBER),
        ("email", TEXT),
        ("subscribed", TEXT),
        ("gender", TEXT),
        ("extra.birthday", TEXT),
        ("extra.orders", TEXT),
    ],
)
def test_types_follow_the_person_field(person_field: str, type_: FieldType) -> None:
    assert data_fields("none", {"x": person_field})[0].type is type_


NOTHING_SAID = Consent(UNKNOWN)


def person(consent: Consent = NOTHING_SAID, purchases: Purchases | None = None, **profile: str) -> Person:
    return Person(ANNA, profile, consent, purchases, None)


def values(who: Person, *, buyer: bool = True, preset: str = "none", **mapping: str | None) -> dict[str, str]:
    return FieldMap(data_fields(preset, mapping)).values(who, buyer=buyer)


def test_missing_values_are_left_out_and_empty_ones_kept() -> None:
    who = person(first_name="Anna", city="")
    assert values(who, preset="shop") == {"firstname": "Anna", "city": ""}


def test_every_person_field_can_be_mapped() -> None:
    profile = dict.fromkeys(PERSON_FIELDS, "2020-01-02") | {"extra.vip": "gold"}
    who = Person(ANNA, profile, Consent(YES, 86400), Purchases(3, 2 * 86400, "9.90"), None)
    found = FieldMap(data_fields("none", {name: name for name in profile})).values(who, buyer=True)
    assert set(found) == {technical_name(name) for name in profile}
    assert found["email"] == ANNA
    assert found["subscribed"] == "yes"
    assert found["subscribed_at"] == "1970-01-02"
    assert found["orders"] == "3"
    assert found["last_order_at"] == "1970-01-03"
    assert found["total_spent"] == "9.90"
    assert found["extra.vip"] == "gold"


def test_a_target_may_make_a_value_of_several_fields() -> None:
    def address(who: Person) -> str | None:
        parts = [who.profile.get(name, "") for name in ("street", "zip", "city")]
        return "|".join(parts) if all(parts) else None

    fields = FieldMap((DataField("ADDRESS", "ADDRESS", "address", TEXT, "address", compose=address),))
    assert fields.values(person(street="Weg 1", zip="24103", city="Kiel"), buyer=False) == {
        "ADDRESS": "Weg 1|24103|Kiel"
    }
    assert fields.values(person(street="Weg 1", city="Kiel"), buyer=False) == {}


def test_some_fields_are_for_people_sent_as_buyer() -> None:
    who = person(purchases=Purchases(3, 0, "12.50"), first_name="Anna")
    bought = {"lastorderdate": "1970-01-01", "ordercount": "3", "totalspent": "12.50"}
    assert values(who, preset="shop") == {"firstname": "Anna"} | bought
    assert values(who, preset="shop", buyer=False) == {"firstname": "Anna"}
    assert values(who, buyer=False, number="orders") == {"number": "3"}  # a field of one's own is for everybody


def test_unknown_purchases_are_missing_values() -> None:
    assert values(person(), preset="shop") == {}
    assert values(person(purchases=Purchases(1)), preset="shop") == {"ordercount": "1"}


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (0, "1970-01-01"),
        (86399, "1970-01-01"),
        (86400, "1970-01-02"),
        (-1, "1969-12-31"),
        (-86400, "1969-12-31"),
        (-86401, "1969-12-30"),
        (-2208988800, "1900-01-01"),
        (1_709_164_800, "2024-02-29"),
        (253402300799, "9999-12-31"),
        (253402300800, None),
        (1 << 62, None),
        (-62135596801, None),
    ],
)
def test_days(at: int, day: str | None) -> None:
    expected = {} if day is None else {"last": day}
    assert values(person(purchases=Purchases(1, at)), last="last_order_at") == expected


@given(st.datetimes(min_value=dt.datetime(1, 1, 1), max_value=dt.datetime(9999, 12, 31)))  # noqa: DTZ001 - any day
def test_days_are_those_of_the_calendar_in_utc(moment: dt.datetime) -> None:
    seconds = int(moment.replace(tzinfo=dt.UTC, microsecond=0).timestamp())
    found = values(person(Consent(YES, seconds)), since="subscribed_at")
    assert found == {"since": moment.date().isoformat()}


def test_times_of_the_profile_become_days() -> None:
    who = person(created_at="1969-07-20T20:17:40Z", updated_at="2024-01-02")
    assert values(who, a="created_at", b="updated_at") == {"a": "1969-07-20", "b": "2024-01-02"}


@pytest.mark.parametrize("state", [YES, NO, OUT, UNKNOWN])
def test_consent_as_a_value(state: object) -> None:
    assert values(person(Consent(state)), said="subscribed") == {"said": str(state)}  # type: ignore[arg-type]


# Fingerprints

OTHER_KEY = Fingerprints(bytes(range(1, 33)))
VALUES = st.dictionaries(st.sampled_from([f"field{n}" for n in range(6)]), st.sampled_from(["", "a", "b", "ä"]))


def test_what_is_equal_changed_lacking_or_further() -> None:
    changed = FINGERPRINTS.changed
    sent = FINGERPRINTS.of({"city": "Kiel", "zip": "24103"})
    assert not changed({"city": "Kiel", "zip": "24103"}, sent)
    assert not changed({"zip": "24103", "city": "Kiel"}, sent)
    assert not changed({"zip": "24103"}, sent)  # lacks what is no longer mapped, or withheld
    assert not changed({}, sent)
    assert changed({"zip": "24104"}, sent)
    assert changed({"zip": "24103", "title": "Dr."}, sent)
    assert changed({"city": "24103", "zip": "Kiel"}, sent)
    assert changed({"city": ""}, sent)
    assert changed({"city": "Kiel"}, b"")
    assert not changed({}, b"")


def test_a_value_that_became_empty_is_sent_once() -> None:
    sent = FINGERPRINTS.of({"city": "Kiel"})
    outgoing = FINGERPRINTS.outgoing({"city": "", "zip": ""}, sent)
    assert outgoing == {"city": ""}
    assert FINGERPRINTS.changed(outgoing, sent)
    then = FINGERPRINTS.joined(outgoing, sent)
    assert not FINGERPRINTS.changed(FINGERPRINTS.outgoing({"city": "", "zip": ""}, then), then)
    again = FINGERPRINTS.outgoing({"city": "Kiel", "zip": ""}, then)
    assert FINGERPRINTS.changed(again, then)


@given(VALUES, VALUES)
def test_what_was_confirmed_is_not_sent_again(first: dict[str, str], second: dict[str, str]) -> None:
    confirmed = b""
    for current in (first, second):
        outgoing = FINGERPRINTS.outgoing(current, confirmed)
        confirmed = FINGERPRINTS.joined(outgoing, confirmed)
        assert not FINGERPRINTS.changed(FINGERPRINTS.outgoing(current, confirmed), confirmed)
    assert not FINGERPRINTS.changed(FINGERPRINTS.outgoing({**second}, confirmed), confirmed)
    for name in second:
        fewer = {other: value for other, value in second.items() if other != name}
        assert not FINGERPRINTS.changed(FINGERPRINTS.outgoing(fewer, confirmed), confirmed)
        assert FINGERPRINTS.changed({name: "else"}, confirmed)


@given(VALUES, VALUES)
def test_what_was_sent_of_other_fields_stays_known(first: dict[str, str], second: dict[str, str]) -> None:
    joined = FINGERPRINTS.joined(second, FINGERPRINTS.of(first))
    assert split(joined) == split(FINGERPRINTS.of({**first, **second}))
    assert len(joined) == 8 * len({**first, **second})


@given(VALUES.filter(bool))
def test_fingerprints_are_keyed_and_tell_nothing(current: dict[str, str]) -> None:
    mine = FINGERPRINTS.of(current)
    assert mine == Fingerprints(bytes(range(32))).of(current)
    other = OTHER_KEY.of(current)
    assert mine != other
    assert not set(split(mine)) & set(split(other))
    assert not set(split(mine).values()) & set(split(other).values())


def test_no_value_stands_in_a_fingerprint() -> None:
    mine = FINGERPRINTS.of({"first": "Anna", "city": "Rom", "vip": "1"})
    assert all(word not in mine for word in (b"first", b"city", b"vip", b"Anna", b"Rom"))
    same_value = FINGERPRINTS.of({"a": "Anna", "b": "Anna"})
    assert len(set(split(same_value).values())) == 2  # nor can it be seen that two fields have the same


def test_many_values_do_not_pile_up() -> None:
    prints = Fingerprints(bytes(32))
    first = prints.piece("city", "0")
    for number in range(20_000):
        prints.piece("city", str(number))
    assert len(prints._pieces) <= 8192
    assert prints.piece("city", "0") == first
