from __future__ import annotations

import pytest

from cleverreach_sync.domain.comparison import has_effect, same
from cleverreach_sync.domain.decide import decide
from cleverreach_sync.domain.decision import Case, Change, Decision
from cleverreach_sync.domain.fields import FieldType
from cleverreach_sync.domain.model import NOTHING, Kind, LastSynced, Person, Recipient, Status
from cleverreach_sync.domain.tags import OwnTags
from cleverreach_sync.run.preview.shown import HIDDEN, shown_change
from tests.people import (
    ANNA,
    BOUGHT,
    BUYER,
    CONTACT,
    NOW,
    OUT,
    SUBSCRIBER,
    TAGS,
    YES,
    B,
    C,
    S,
    person,
    recipient,
    rules,
)

TEXT, NUMBER, DATE = FieldType.TEXT, FieldType.NUMBER, FieldType.DATE
TYPES = {field.name: field.type for field in rules().fields.fields}


@pytest.mark.parametrize(
    ("old", "new", "type_", "expected"),
    [
        ("Kiel", "Kiel", TEXT, True),
        ("Kiel", "kiel", TEXT, False),
        ("1", "1.0", TEXT, False),
        ("1", "1.00", NUMBER, True),
        ("1234.5", "1234.50", NUMBER, True),
        ("1,234.50", "1234.50", NUMBER, False),
        ("", "0", NUMBER, False),
        ("many", "0", NUMBER, False),
        ("nan", "0", NUMBER, False),
        ("sNaN", "0", NUMBER, False),
        ("1993-02-11", "1993-02-11", DATE, True),
        ("1993-02-11 00:00:00", "1993-02-11", DATE, True),
        ("1993-02-11T12:00:00Z", "1993-02-11", DATE, True),
        ("729388800", "1993-02-11", DATE, True),
        ("-86400", "1969-12-31", DATE, True),
        ("0", "1970-01-01", DATE, True),
        ("", "1970-01-01", DATE, False),
        ("99999999999999999999", "1970-01-01", DATE, False),
        ("²", "1970-01-01", DATE, False),
        ("--5", "1970-01-01", DATE, False),
        ("11.02.1993", "1993-02-11", DATE, False),
    ],
)
def test_what_is_the_same_value(old: str, new: str, type_: FieldType, expected: bool) -> None:
    assert same(old, new, type_) is expected


def test_numbers_may_come_back_as_numbers() -> None:
    assert same(5, "5.0", NUMBER)  # type: ignore[arg-type]
    assert same(729388800, "1993-02-11", DATE)  # type: ignore[arg-type]


def plan(who: Person, memory: LastSynced = NOTHING, found: Recipient | None = None) -> Decision:
    return decide(Case(who, memory, found), rules(), NOW)


def shown(decided: Decision, found: Recipient | None, *, show_pii: bool = False) -> dict[str, object]:
    return shown_change(decided, found, TYPES, show_pii=show_pii)


def test_somebody_new() -> None:
    decided = plan(person(YES, purchases=BOUGHT, profile={"first_name": "Anna", "city": ""}))
    entry = shown(decided, None)
    assert entry == {
        "action": "create",
        "email": "a***@example.org",
        "kinds": ["subscriber", "buyer"],
        "tags": [f"+{TAGS[SUBSCRIBER]}", f"+{TAGS[BUYER]}"],
        "attributes": {
            "firstname": [None, HIDDEN],
            "lastorderdate": [None, HIDDEN],
            "ordercount": [None, HIDDEN],
            "totalspent": [None, HIDDEN],
        },
        "state": [None, "active"],
        "reason": "",
    }
    open_entry = shown(decided, None, show_pii=True)
    assert open_entry["email"] == ANNA
    assert open_entry["attributes"] == {
        "firstname": [None, "Anna"],
        "lastorderdate": [None, "2023-11-14"],
        "ordercount": [None, "2"],
        "totalspent": [None, "30.50"],
    }


def test_an_update_shows_what_differs_from_the_list() -> None:
    found = recipient(
        Status.NOT_SUBSCRIBED,
        [CONTACT, BUYER],
        attributes={
            "firstname": "Anne",
            "city": "",
            "zip": "24103",
            "ordercount": "2.0",
            "lastorderdate": "1700000000",
        },
    )
    who = person(YES, purchases=BOUGHT, profile={"first_name": "Anna", "city": "Kiel", "zip": "24103"})
    entry = shown(plan(who, found=found), found)
    assert entry["action"] == "update"
    assert entry["tags"] == [f"+{TAGS[SUBSCRIBER]}", f"-{TAGS[CONTACT]}"]
    assert entry["attributes"] == {"firstname": [HIDDEN, HIDDEN], "city": ["", HIDDEN], "totalspent": [None, HIDDEN]}
    assert entry["state"] == ["inactive", "inactive"]
    assert shown(plan(who, found=found), found, show_pii=True)["attributes"] == {
        "firstname": ["Anne", "Anna"],
        "city": ["", "Kiel"],
        "totalspent": [None, "30.50"],
    }


def test_a_cleared_value_stays_visible_as_empty() -> None:
    memory = LastSynced(
        "7", tags=S, fingerprint=rules().fingerprints.of({"firstname": "Anna", "city": "Kiel"}), agreed=YES
    )
    found = recipient(kinds=S, attributes={"firstname": "Anna", "city": "Kiel"})
    entry = shown(plan(person(YES, profile={"first_name": "Anna", "city": ""}), memory, found), found)
    assert entry["attributes"] == {"city": [HIDDEN, ""]}


def test_an_end() -> None:
    found = recipient(kinds=S | B)
    entry = shown(plan(person(OUT), found=found), found)
    assert entry["action"] == "deactivate"
    assert entry["tags"] == [f"-{TAGS[SUBSCRIBER]}"]
    assert entry["state"] == ["active", "inactive"]
    assert (entry["kinds"], entry["attributes"], entry["reason"]) == ([], {}, "opted_out")
    bare = recipient(kinds=B)
    assert shown(plan(person(OUT), found=bare), bare)["tags"] == []


def test_a_tag_that_came_back_folded_is_there() -> None:
    by = rules()._replace(own=OwnTags("Größe"))
    found = recipient(other_tags=["Gr__e-Special.Contact", "Gr__e-Special.Subscriber"])
    decided = decide(Case(person(YES), NOTHING, found), by, NOW)
    assert shown(decided, found)["tags"] == ["-Größe-Special.Contact"]


def test_nothing_to_write_is_nothing_to_show() -> None:
    assert shown(plan(person(OUT)), None) == {}


def test_nothing_of_a_person_is_shown_unless_asked_for() -> None:
    profile = {"first_name": "Secretanna", "city": "Secretkiel", "birthday": "1990-01-01"}
    found = recipient(attributes={"city": "Secretulm"})
    for decided, who in (
        (plan(person(YES, profile=profile)), None),
        (plan(person(YES, profile=profile), found=found), found),
    ):
        text = repr(shown(decided, who))
        assert "Secret" not in text
        assert "1990" not in text
        assert ANNA not in text


@pytest.mark.parametrize(
    ("values", "added", "removed", "state", "expected"),
    [
        ({"city": "Kiel"}, S, C, None, False),
        ({"city": "Ulm"}, S, C, None, True),
        ({"zip": "24103"}, S, C, None, True),
        ({"city": ""}, S, C, None, True),
        ({"zip": ""}, S, C, None, False),
        ({}, S | B, frozenset(), None, True),
        ({}, frozenset(), S, None, True),
        ({}, frozenset(), B | C, None, False),
        ({}, frozenset(), frozenset(), Status.NOT_SUBSCRIBED, True),
        ({}, frozenset(), frozenset(), Status.SUBSCRIBED, False),
    ],
)
def test_whether_a_change_would_make_a_difference(
    values: dict[str, str], added: frozenset[Kind], removed: frozenset[Kind], state: Status | None, expected: bool
) -> None:
    found = recipient(kinds=S, attributes={"city": "Kiel"})
    own = rules().own
    change = Change(ANNA, False, "7", state, None, None, own.texts(added), own.texts(removed), values)
    assert has_effect(change, found, TYPES) is expected
