"""The file source: what a row says about a person."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from cleverreach_sync.domain.model import RANK_CUSTOMER, Consent, ConsentState, Purchases, Signal
from cleverreach_sync.errors import UsageError
from cleverreach_sync.messages import Message
from cleverreach_sync.sources.file.settings import FileOptions
from cleverreach_sync.sources.file.source import open_consent
from cleverreach_sync.sources.interface import Row, Source, Stream, StreamEnd, Unreadable, Warned
from tests.unit.file_exports import consent_file, export, never, opened, read

YES, NO, UNKNOWN, OPTED_OUT = ConsentState.YES, ConsentState.NO, ConsentState.UNKNOWN, ConsentState.OPTED_OUT


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[misc,arg-type]


def test_a_whole_row(tmp_path: Path) -> None:
    found = export(
        tmp_path,
        "source_id,email,first_name,birthday,subscribed,subscribed_at,orders,last_order_at,total_spent,created_at,"
        "updated_at,VIP\n"
        " 17 , Anna@Example.ORG ,  Anna ,1980-05-04,yes,2025-01-02,3,2025-03-04T05:06:07Z,99.90,2024-01-01,"
        "2025-06-01 12:00:00,gold\n",
    )
    assert found.rows[0]._replace(body=b"") == Row("anna@example.org", "17", b"", 2)
    record = found.only
    assert (record.email, record.ident, record.rank) == ("anna@example.org", "17", RANK_CUSTOMER)
    assert record.at == at(2025, 6, 1, 12)
    assert record.created_at == at(2024, 1, 1)
    assert record.consent == Consent(YES, at(2025, 1, 2))
    assert record.purchases == Purchases(3, at(2025, 3, 4, 5, 6, 7), "99.90")
    assert record.profile == {
        "source_id": "17",
        "first_name": "Anna",
        "birthday": "1980-05-04",
        "created_at": "2024-01-01T00:00:00Z",
        "updated_at": "2025-06-01T12:00:00Z",
        "extra.VIP": "gold",
    }
    assert (record.invalid, record.orders, record.makes_person) == (None, (), True)
    assert (found.unreadable, found.warned, found.end) == ([], [], StreamEnd(complete=False))


def test_the_source_itself(tmp_path: Path) -> None:
    source: Source = opened(tmp_path, "exports/customers.csv", name="Hofladen")
    assert (source.type, source.name, source.url) == ("file", "Hofladen", None)
    assert source.location("rows") == "customers.csv"
    assert opened(tmp_path, "x.csv").name == "Shop"
    assert list(source.streams()) == [Stream("rows", frozenset(Signal), full_read=True, followed=False, unit="bytes")]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("yes", YES), ("TRUE", YES), (" 1 ", YES), ("no", NO), ("False", NO), ("0", NO),
        ("opted_out", OPTED_OUT), ("Unsubscribed", OPTED_OUT), ("", UNKNOWN), ("  ", UNKNOWN),
    ],
)  # fmt: skip
def test_words_of_consent(tmp_path: Path, word: str, state: ConsentState) -> None:
    record = export(tmp_path, f"email,subscribed\na@example.org,{word}\n").only
    assert record.consent == Consent(state)
    assert record.invalid is None


@pytest.mark.parametrize("word", ["ja", "subscribed", "unknown", "y", "2"])
def test_any_other_word_makes_the_person_invalid(tmp_path: Path, word: str) -> None:
    found = export(tmp_path, f"email,subscribed\na@example.org,{word}\n")
    assert found.only.invalid == "subscribed"
    assert found.warned == [Warned(Message("column 'subscribed': not a known word (yes, no, opted_out)"), 2)]


def test_words_of_the_file(tmp_path: Path) -> None:
    found = export(
        tmp_path,
        "email,subscribed,salutation,subscribed_at\n"
        "a@example.org,JA,f,0000-00-00\nb@example.org,Nein,m,\nc@example.org,,x,\nd@example.org,pending,,\n",
        values={
            "subscribed": {"Ja": "yes", "nein": "opted_out", "": "no", "pending": "unknown"},
            "salutation": {"F": "Frau", "m": "Herr"},
            "subscribed_at": {"0000-00-00": ""},
        },
    )
    assert [r.consent for r in found.records] == [Consent(YES), Consent(OPTED_OUT), Consent(NO), Consent(UNKNOWN)]
    assert [r.profile["salutation"] for r in found.records] == ["Frau", "Herr", "x", ""]
    assert found.warned == []


def test_without_a_column_the_record_says_nothing_about_it(tmp_path: Path) -> None:
    found = export(tmp_path, "email\na@example.org\n")
    assert (found.only.consent, found.only.purchases, found.only.profile) == (None, None, {})
    assert not found.source.has_consent


def test_empty_cells_are_empty_values(tmp_path: Path) -> None:
    record = export(
        tmp_path,
        "email,city,birthday,created_at,orders,subscribed_at,total_spent,last_order_at,source_id\na@example.org,,,,,,,,\n",
    ).only
    assert record.profile == {"city": "", "birthday": "", "created_at": "", "source_id": ""}
    assert (record.ident, record.at, record.created_at, record.purchases, record.invalid) == (None,) * 5


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subscribed_at", "yesterday"), ("subscribed_at", "2025-02-30"), ("subscribed_at", "31.12.2025"),
        ("orders", "many"), ("orders", "-1"), ("orders", "1.5"), ("last_order_at", "45678"),
    ],
)  # fmt: skip
def test_what_decides_must_be_readable(tmp_path: Path, field: str, value: str) -> None:
    found = export(tmp_path, f"email,subscribed,{field}\na@example.org,opted_out,{value}\nb@example.org,yes,\n")
    assert [record.invalid for record in found.records] == [field, None]
    assert found.records[0].consent is not None
    assert found.records[0].consent.state is OPTED_OUT
    (warned,) = found.warned
    assert warned.place == 2
    assert warned.message.startswith(f"column '{field}': not a ")
    assert value not in warned.message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("birthday", "0000-00-00"), ("birthday", "31.12.1980"), ("birthday", "1980-02-30"),
        ("created_at", "soon"), ("updated_at", "0001-01-01 00:00:00"), ("total_spent", "a lot of 1"),
    ],
)  # fmt: skip
def test_other_values_are_lost_alone(tmp_path: Path, field: str, value: str) -> None:
    found = export(tmp_path, f"email,orders,{field},city\na@example.org,2,{value},Köln\n")
    assert found.only.invalid is None
    assert found.only.profile == {"city": "Köln"}
    assert found.only.purchases == Purchases(2)
    (warned,) = found.warned
    assert warned.place == 2
    assert warned.message.startswith(f"column '{field}': not a")
    assert value not in warned.message


def test_formats_of_a_spreadsheet(tmp_path: Path) -> None:
    record = export(
        tmp_path,
        "E-Mail;Umsatz;Käufe;Geburtstag;Seit;PLZ;Telefon;Ort\n"
        "a@example.org;1.234,50 €;3,0;4.5.1980;31.12.2025 14:30;=\"01067\";'+49 40 1;'s-Gravenhage\n",
        dates="dmy",
        decimal=",",
        columns={
            "email": "e-mail ", "total_spent": "UMSATZ", "orders": "Ka\u0308ufe", "birthday": "Geburtstag",
            "created_at": "seit", "zip": "PLZ", "phone": "Telefon", "city": "Ort",
        },
    ).only  # fmt: skip
    assert record.purchases == Purchases(3, None, "1234.50")
    assert record.profile == {
        "birthday": "1980-05-04",
        "created_at": "2025-12-31T14:30:00Z",
        "zip": "01067",
        "phone": "+49 40 1",
        "city": "'s-Gravenhage",
    }


def test_an_id_kept_as_text_is_the_same_id(tmp_path: Path) -> None:
    found = export(tmp_path, 'email,source_id\na@example.org,"=""017"""\n="b@example.org",\'018\n')
    assert [(row.email, row.ident) for row in found.rows] == [("a@example.org", "017"), ("b@example.org", "018")]


def test_the_separator_of_a_body_in_a_cell_does_no_harm(tmp_path: Path) -> None:
    found = export(tmp_path, "email,city,zip\na@example.org,K\x1föln,50667\n")
    assert found.only.profile == {"city": "K öln", "zip": "50667"}


# JSON Lines


def lines(*items: Any) -> bytes:
    return b"".join(orjson.dumps(item) + b"\n" for item in items)


def test_json_values(tmp_path: Path) -> None:
    found = export(
        tmp_path,
        lines(
            {"Email": " A@example.org", "subscribed": True, "orders": 3.0, "total_spent": 12.5, "zip": 1067},
            {"Email": "b@example.org", "subscribed": 0, "zip": None, "source_id": 17, "city": "", "birthday": None},
            {"Email": "c@example.org", "extra.vip": False, "Tags": ["x"], "note": {"a": 1}, "big": 1e30},
        ),
        name="customers.jsonl",
    )
    first, second, third = found.records
    assert first.consent == Consent(YES)
    assert first.purchases == Purchases(3, None, "12.5")
    assert first.profile == {"zip": "1067"}
    assert second.consent == Consent(NO)
    assert second.profile == {"source_id": "17", "city": ""}
    assert second.ident == "17"
    assert third.consent is None
    assert third.profile == {"extra.vip": "false"}
    assert found.warned == [
        Warned(Message(f"column '{key}': not a single value"), 3) for key in ("Tags", "note", "big")
    ]
    assert found.source.has_consent


def test_json_numbers_have_a_dot_whatever_the_decimal_mark(tmp_path: Path) -> None:
    found = export(
        tmp_path,
        lines(
            {"email": "a@example.org", "orders": 2, "total_spent": 1.234},
            {"email": "b@example.org", "orders": "2", "total_spent": "1.234"},
        ),
        name="customers.ndjson",
        decimal=",",
    )
    assert [record.purchases for record in found.records] == [Purchases(2, None, "1.234"), Purchases(2, None, "1234")]


def test_json_lines_that_are_none(tmp_path: Path) -> None:
    found = export(
        tmp_path,
        b'\xef\xbb\xbf{"email": "a@example.org"}\n\n  \n[1]\nnonsense\n{"email": ""}\n{"email": 7}\n{"city": "x"}\n'
        b'{"email": null}\n{"email": "b@example.org", "city": "\\ud800"}\n{"email": "c@example.org"}',
        name="customers.jsonl",
    )
    assert [(row.email, row.place) for row in found.rows] == [
        ("a@example.org", 1),
        ("b@example.org", 10),
        ("c@example.org", 11),
    ]
    assert found.unreadable == [
        Unreadable("columns", Message("not a JSON object"), 4),
        Unreadable("columns", Message("not JSON"), 5),
        Unreadable("email", Message("the e-mail is empty"), 6),
        Unreadable("email", Message("the e-mail is not a usable address"), 7),
        Unreadable("email", Message("the e-mail is empty"), 8),
        Unreadable("email", Message("the e-mail is empty"), 9),
    ]


@pytest.mark.parametrize("text", ['[{"email": "a@example.org"}]', '[\n{"email": "a@example.org"}\n]', "{\n"])
def test_json_that_is_not_in_lines(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="one complete object per line"):
        export(tmp_path, text, name="customers.jsonl")


def test_json_columns_may_be_missing_in_a_line_but_not_in_all(tmp_path: Path) -> None:
    people = lines({"email": "a@example.org"}, {"email": "b@example.org", "Ort": "Köln"})
    found = export(tmp_path, people, name="customers.jsonl", columns={"city": "ort"})
    assert [record.profile for record in found.records] == [{}, {"city": "Köln"}]
    with pytest.raises(UsageError, match="no column 'Stadt' for city"):
        export(tmp_path, people, name="customers.jsonl", columns={"city": "Stadt"})
    with pytest.raises(UsageError, match="no e-mail column") as error:
        export(tmp_path, lines({"E-Mail": "a@example.org"}), name="customers.jsonl")
    assert error.value.hint == "did you mean `columns: {email: E-Mail}`?"


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_json_without_lines_is_an_empty_shop(tmp_path: Path, text: str) -> None:
    found = export(tmp_path, text, name="customers.jsonl", columns={"city": "Ort"})
    assert (found.rows, found.unreadable, found.end) == ([], [], StreamEnd(complete=False, numbered=False))


# The consent file


def test_the_consent_file_says_nothing_else(tmp_path: Path) -> None:
    found = consent_file(
        tmp_path,
        "email,subscribed,subscribed_at,city,orders,birthday\na@example.org,yes,2025-01-02,Köln,many,never\n",
    )
    assert list(found.source.streams()) == [
        Stream("consent", frozenset({Signal.CONSENT}), full_read=True, followed=False, unit="bytes")
    ]
    record = found.only
    assert record.consent == Consent(YES, at(2025, 1, 2))
    assert (record.profile, record.purchases, record.invalid, record.at) == ({}, None, None, None)
    assert found.warned == []


@pytest.mark.parametrize(("absent", "complete"), [("no", True), ("unknown", False)])
def test_who_is_absent_from_the_consent_file(tmp_path: Path, absent: str, complete: bool) -> None:
    assert consent_file(tmp_path, "email,subscribed\n", absent).end == StreamEnd(complete=complete, numbered=False)


def test_a_consent_file_without_consent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no column 'subscribed'"):
        consent_file(tmp_path, "email\na@example.org\n")
    (tmp_path / "newsletter.jsonl").write_bytes(lines({"email": "a@example.org"}))
    with pytest.raises(UsageError, match="no column 'subscribed'"):
        read(open_consent(FileOptions(path="newsletter.jsonl"), tmp_path, "unknown"))
    (tmp_path / "newsletter.jsonl").write_bytes(b"")
    assert read(open_consent(FileOptions(path="newsletter.jsonl"), tmp_path, "unknown")).rows == []


# Completeness and stopping


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("email,subscribed\na@example.org,yes\n", True),
        ("email,subscribed\n", True),
        ("email,subscribed\nkaputt,yes\n", True),
        ("email,subscribed\na@example.org,yes\nb@example.org\n", False),  # nobody knows whose row that was
        ("email,city\na@example.org,Köln\n", False),  # no consent stream
    ],
)
def test_complete_files(tmp_path: Path, text: str, complete: bool) -> None:
    assert export(tmp_path, text, complete=True).end == StreamEnd(complete=complete, numbered=False)
    assert export(tmp_path, text).end == StreamEnd(complete=False, numbered=False)


def test_a_torn_row_of_a_complete_file_is_told(tmp_path: Path) -> None:
    found = export(tmp_path, "email,subscribed\na@example.org\n", complete=True)
    assert found.source.warnings == ["not every row could be read, so nobody counts as gone from the file in this run"]


def test_chunks_progress_and_stopping(tmp_path: Path) -> None:
    text = "email\n" + "".join(f"p{number}@example.org\n" for number in range(2500))
    found = export(tmp_path, text)
    assert [len(chunk.rows) for chunk in found.chunks] == [1000, 1000, 500, 0]
    assert [chunk.end is None for chunk in found.chunks] == [True, True, True, False]
    assert {chunk.total for chunk in found.chunks} == {len(text)}
    assert found.chunks[-1].done == len(text)
    answers = iter([False, True])
    chunks = list(found.source.read("rows", None, lambda: next(answers)))
    assert [chunk.end for chunk in chunks] == [None]


def test_a_reader_that_goes_away_leaves_no_open_file(tmp_path: Path) -> None:
    source = export(tmp_path, "email\na@example.org\n").source
    pages = source.read("rows", None, never)
    next(pages)
    source.close()
    assert read(source).only.email == "a@example.org"
    del pages
