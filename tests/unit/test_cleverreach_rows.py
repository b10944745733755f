from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from cleverreach_sync.domain.decision import Change
from cleverreach_sync.domain.model import Recipient, Stamps, Status
from cleverreach_sync.targets.cleverreach.rows import answers, item, recipient, stamp, status_of
from cleverreach_sync.targets.interface import RowAnswer, Verdict

ACTIVE, INACTIVE = Status.SUBSCRIBED, Status.NOT_SUBSCRIBED
UNSUBSCRIBED, BOUNCED = Status.UNSUBSCRIBED, Status.BOUNCED
UPDATE = Change("anna@x.de", False, "7", None, None, None, (), (), {})
CREATE = Change("anna@x.de", True, None, Status.SUBSCRIBED, 50, 40, ("Shop-Special.Buyer",), (), {"city": "Kiel"})
END = UPDATE._replace(status=Status.NOT_SUBSCRIBED, tags_removed=("Shop-Special.Subscriber",))


# What is sent


def test_somebody_new() -> None:
    assert item(CREATE, "global") == {
        "email": "anna@x.de",
        "activated": 50,
        "registered": 40,
        "tags": ["Shop-Special.Buyer"],
        "global_attributes": {"city": "Kiel"},
    }
    assert item(CREATE._replace(status=Status.NOT_SUBSCRIBED, at=None), "list") == {
        "email": "anna@x.de",
        "activated": 0,
        "registered": 40,
        "tags": ["Shop-Special.Buyer"],
        "attributes": {"city": "Kiel"},
    }


def test_an_update_has_no_stamps() -> None:
    change = UPDATE._replace(registered=5, tags_added=("a.b",), tags_removed=("a.c",), attributes={"city": ""})
    assert item(change, "global") == {
        "email": "anna@x.de",
        "tags": ["a.b", "-a.c"],
        "global_attributes": {"city": ""},
    }
    assert item(UPDATE, "global") == {"email": "anna@x.de"}


def test_an_end_and_a_reactivation() -> None:
    assert item(END, "global") == {"email": "anna@x.de", "activated": 0, "tags": ["-Shop-Special.Subscriber"]}
    assert item(UPDATE._replace(status=Status.SUBSCRIBED, at=77), "global") == {"email": "anna@x.de", "activated": 77}


def test_deactivated_is_never_sent_and_nobody_new_without_activated() -> None:
    for creates, state, registered in product((True, False), (None, *Status), (None, 0, -1, 5)):
        change = CREATE._replace(creates=creates, status=state, registered=registered)
        row = item(change, "global")
        assert "deactivated" not in row
        assert ("activated" in row) is (state in (Status.SUBSCRIBED, Status.NOT_SUBSCRIBED))
        assert ("registered" in row) is (creates and registered == 5)


# What is read


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0),
        (5, 5),
        ("5", 5),
        ("0", 0),
        (" 5 ", 5),
        (5.9, 5),
        ("1537774206.0", 1537774206),
        (True, 1),
        (False, 0),
        (None, 0),
        ("", 0),
        ("soon", 0),
        ([], 0),
        ({}, 0),
        (float("nan"), 0),
        (float("inf"), 0),
        ("1e999", 0),
        ("nan", 0),
        (-3, -3),
        (1e308, 253_402_300_799),
        ("1e308", 253_402_300_799),
        (10**30, 253_402_300_799),
    ],
)
def test_stamps(value: object, expected: int) -> None:
    found = stamp(value)
    assert found == expected
    assert type(found) is int


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"active": True, "activated": 5, "deactivated": 0, "bounced": 0}, ACTIVE),
        ({"active": False, "activated": 0, "deactivated": 0}, INACTIVE),
        ({"active": False, "activated": 5, "deactivated": 9}, UNSUBSCRIBED),
        ({"active": True, "activated": 5, "deactivated": "9"}, UNSUBSCRIBED),
        ({"active": True, "activated": 5, "bounced": 9}, BOUNCED),
        ({"active": False, "activated": 5, "bounced": 9}, BOUNCED),
        ({"active": False, "activated": 5, "deactivated": 3, "bounced": 9}, UNSUBSCRIBED),
        ({"active": False, "activated": 5, "deactivated": 0}, INACTIVE),
        ({"active": True, "activated": 0}, ACTIVE),
        # without the server's own word
        ({"activated": 5, "deactivated": 0}, ACTIVE),
        ({"activated": "5"}, ACTIVE),
        ({"activated": "0"}, INACTIVE),
        ({"active": None, "activated": 5}, ACTIVE),
        ({}, INACTIVE),
        # as a number
        ({"active": 0, "activated": 5}, INACTIVE),
        ({"active": 1, "activated": 0}, ACTIVE),
    ],
)
def test_states(row: dict[str, Any], expected: Status) -> None:
    assert status_of(row) is expected


ROW = {
    "id": "4285",
    "email": "anna@x.de",
    "activated": 5,
    "registered": "40",
    "deactivated": 0,
    "active": True,
    "attributes": {"town": "Ulm"},
    "global_attributes": {"city": "Kiel", "zip": ""},
    "tags": ["a.b", "c"],
}


def test_a_recipient() -> None:
    assert recipient(ROW, "global") == Recipient(
        "4285", "anna@x.de", ACTIVE, frozenset({"a.b", "c"}), {"city": "Kiel", "zip": ""}, 40
    )
    found = recipient(ROW, "list")
    assert found is not None
    assert found.attributes == {"town": "Ulm"}


def test_the_stamps_of_somebody_inactive() -> None:
    gives: dict[str, Any] = {**ROW, "active": False, "activated": "0", "last_changed": 77}
    found = recipient(gives, "global")
    assert found is not None
    assert found.stamps == Stamps(40, 0, 0, 77)
    found = recipient({**gives, "last_changed": "", "registered": None}, "global")
    assert found is not None
    assert found.stamps == Stamps(None, 0, 0, None)


@pytest.mark.parametrize("empty", [[], {}, None, "", 0])
def test_empty_maps_and_lists_in_any_form(empty: object) -> None:
    found = recipient({**ROW, "global_attributes": empty, "tags": empty}, "global")
    assert found is not None
    assert (found.attributes, found.tags) == ({}, frozenset())


def test_what_is_missing() -> None:
    assert recipient({"id": 7, "email": "anna@x.de"}, "global") == Recipient("7", "anna@x.de", INACTIVE)
    found = recipient({**ROW, "tags": ["a.b", 5, None, ["c"]]}, "global")
    assert found is not None
    assert found.tags == {"a.b"}


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("Anna@X.DE", "anna@x.de"),
        (" anna@x.de ", "anna@x.de"),
        ("anna@bücher.de", "anna@xn--bcher-kva.de"),
        ("MÜLLER@x.de", "müller@x.de"),
        ("no address", "no address"),
        (" NO Address ", "no address"),
    ],
)
def test_addresses_come_back_in_their_one_form(email: str, expected: str) -> None:
    found = recipient({**ROW, "email": email}, "global")
    assert found is not None
    assert found.email == expected


@pytest.mark.parametrize(
    "row",
    [
        None,
        "text",
        5,
        [],
        {},
        {"id": "1"},
        {"email": "anna@x.de"},
        {"id": "", "email": "a@x.de"},
        {"id": None, "email": "a@x.de"},
        {"id": [], "email": "a@x.de"},
        {"id": "1", "email": None},
        {"error": {"code": 400}},
    ],
)
def test_what_is_no_recipient(row: object) -> None:
    assert recipient(row, "global") is None


# What was confirmed


def row(email: str = "anna@x.de", **other: Any) -> dict[str, Any]:
    return {**ROW, "email": email, **other}


def verdicts(changes: list[Change], body: object) -> dict[str, tuple[Verdict, str]]:
    found = answers(changes, body, "global")
    assert list(found) == [change.email for change in changes]
    return {email: (answer.verdict, answer.reason) for email, answer in found.items()}


def people(*emails: str) -> list[Change]:
    return [UPDATE._replace(email=email) for email in emails]


ACCEPTED = (Verdict.ACCEPTED, "")
LATER = (Verdict.LATER, "not_confirmed")


def test_an_answer_row_by_row() -> None:
    found = answers([UPDATE], [row()], "global")
    assert found == {"anna@x.de": RowAnswer(Verdict.ACCEPTED, recipient(row(), "global"))}


def test_rows_are_matched_by_address_not_by_place() -> None:
    body = [row("otto@x.de", id="2"), row("ANNA@x.de", id="1")]
    found = answers(people("anna@x.de", "otto@x.de"), body, "global")
    assert {email: answer.recipient.id for email, answer in found.items() if answer.recipient} == {
        "anna@x.de": "1",
        "otto@x.de": "2",
    }


@pytest.mark.parametrize(
    "body", [[], {}, None, "", True, False, [None], [5], [[]], {"error": {"code": 400}}, [{"id": "1"}], ["nothing"]]
)
def test_who_is_missing_in_the_answer_is_not_confirmed(body: object) -> None:
    assert verdicts([UPDATE], body) == {"anna@x.de": LATER}


def test_a_missing_row_costs_one_row() -> None:
    assert verdicts(people("anna@x.de", "otto@x.de"), [row("otto@x.de")]) == {"anna@x.de": LATER, "otto@x.de": ACCEPTED}


def test_one_row_may_come_without_a_list() -> None:
    assert verdicts([UPDATE], row()) == {"anna@x.de": ACCEPTED}


def test_a_row_that_went_to_somebody_else() -> None:
    changes = people("jörg@x.de", "otto@x.de")
    found = answers(changes, [row("jorg@x.de", id="5"), row("otto@x.de")], "global")
    answer = found["jörg@x.de"]
    assert (answer.verdict, answer.reason) == (Verdict.REFUSED, "ambiguous_address")
    assert answer.recipient is not None
    assert answer.recipient.id == "5"
    assert found["otto@x.de"].verdict is Verdict.ACCEPTED


def test_more_rows_than_were_sent() -> None:
    assert verdicts([UPDATE], [row("otto@x.de"), row(), row("eva@x.de")]) == {"anna@x.de": ACCEPTED}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("invalid address 'anna@x.de';", "invalid_address"),
        ("Insert failed: Invalid address 'ANNA@X.DE'", "invalid_address"),
        ("duplicate address 'anna@x.de'", "duplicate_address"),
        ('Duplicate address "anna@x.de".', "duplicate_address"),
        ("anna@x.de: invalid", "invalid_address"),
        ("invalid: anna@x.de", "invalid_address"),
        ("invalid <anna@x.de>, sorry", "invalid_address"),
    ],
)
def test_a_text_in_place_of_a_row_is_a_refusal(text: str, reason: str) -> None:
    body = [text, row("otto@x.de")]
    assert verdicts(people("anna@x.de", "otto@x.de"), body) == {
        "anna@x.de": (Verdict.REFUSED, reason),
        "otto@x.de": ACCEPTED,
    }


@pytest.mark.parametrize(
    "other", ["hanna@x.de", "anna@x.de.com", "joe.anna@x.de", "joe-anna@x.de", "anna@x.dev", "o'anna@x.de"]
)
def test_a_refusal_of_another_address_is_none_of_this(other: str) -> None:
    assert verdicts(people("anna@x.de", other), [f"invalid address '{other}';"]) == {
        "anna@x.de": LATER,
        other: (Verdict.REFUSED, "invalid_address"),
    }


def test_whom_the_answer_shows_is_confirmed_whatever_a_text_says() -> None:
    assert verdicts([UPDATE], ["duplicate address 'anna@x.de'", row()]) == {"anna@x.de": ACCEPTED}


def test_who_is_still_active_after_an_end_is_not_confirmed() -> None:
    found = answers([END], [row()], "global")["anna@x.de"]
    assert (found.verdict, found.reason) == (Verdict.LATER, "still_active")
    left: list[dict[str, Any]] = [{"active": False, "activated": 0}, {"deactivated": 9}, {"bounced": 9}]
    for stands in left:
        assert verdicts([END], [row(**stands)]) == {"anna@x.de": ACCEPTED}


def test_who_was_to_become_active_and_is_not_is_taken_as_they_are() -> None:
    found = answers([CREATE], [row(active=False, activated=0)], "global")["anna@x.de"]
    assert (found.verdict, found.recipient and found.recipient.status) == (Verdict.ACCEPTED, INACTIVE)
