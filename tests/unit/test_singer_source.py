"""What is read of the lines of a Singer tap, or of an Airbyte connector."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cleverreach_sync.domain.address import WITHOUT_ADDRESS
from cleverreach_sync.domain.model import RANK_CUSTOMER, RANK_GUEST, Consent, ConsentState, Record
from cleverreach_sync.errors import CrsyncError, TemporaryError, UsageError
from cleverreach_sync.sources.interface import Row, Unreadable, Warned
from cleverreach_sync.sources.singer.settings import SingerSettings
from cleverreach_sync.sources.singer.source import SingerSource, open_source
from tests.unit.file_exports import never

YES, NO, OUT, UNKNOWN = ConsentState.YES, ConsentState.NO, ConsentState.OPTED_OUT, ConsentState.UNKNOWN
CUSTOMERS = {
    "signal": ["profile", "consent"],
    "fields": {"email": "email", "first_name": "name.given", "subscribed": "news", "subscribed_at": "news_at"},
}
ORDERS = {
    "signal": "purchases",
    "fields": {"email": "billing.email", "last_order_at": "made", "total_spent": "total"},
    "counts": "status",
    "counting": ["paid"],
    "currency": "currency",
}


def schema(stream: str = "customers", keys: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"properties": properties},
        "key_properties": ["id"] if keys is None else keys,
    }


def record(stream: str = "customers", /, **values: Any) -> dict[str, Any]:
    return {"type": "RECORD", "stream": stream, "record": values}


def state(value: Any) -> dict[str, Any]:
    return {"type": "STATE", "value": value}


def airbyte(stream: str, **values: Any) -> dict[str, Any]:
    return {"type": "RECORD", "record": {"stream": stream, "data": values, "emitted_at": 1}}


def text(*messages: Any) -> bytes:
    return b"".join((each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n" for each in messages)


def opened(folder: Path, *messages: Any, **options: Any) -> SingerSource:
    (folder / "tap.jsonl").write_bytes(text(*messages))
    options = {"path": "tap.jsonl", "streams": {"customers": CUSTOMERS, "orders": ORDERS}, **options}
    return open_source(SingerSettings.model_validate({"type": "singer", **options}), folder)


def rows(source: SingerSource, stream: str = "customers") -> list[Row | Unreadable]:
    chunks = list(source.read(stream, None, never))
    found: list[Row | Unreadable] = []
    for chunk in chunks:
        found += [*chunk.rows, *chunk.unreadable]
    return found


def records(source: SingerSource, stream: str = "customers", warned: list[Warned] | None = None) -> list[Record]:
    notes: list[Warned] = [] if warned is None else warned
    return [source.decode(stream, row, notes.append) for row in rows(source, stream) if isinstance(row, Row)]


def only(source: SingerSource, stream: str = "customers", warned: list[Warned] | None = None) -> Record:
    (found,) = records(source, stream, warned)
    return found


def refusal(source: SingerSource) -> CrsyncError:
    with pytest.raises(UsageError) as raised:
        rows(source)
    return raised.value


def test_a_record_by_its_paths(tmp_path: Path) -> None:
    anna: dict[str, Any] = {
        "id": 7,
        "email": " Anna@Mail.example",
        "name": {"given": "Anna"},
        "news": True,
        "news_at": "2026-01-02T03:04:05Z",
    }
    source = opened(tmp_path, schema(), record(**anna, password_hash="s3cret"), state({"a": 1}))
    (row,) = rows(source)
    assert isinstance(row, Row)
    assert (row.email, row.ident, row.place) == ("anna@mail.example", "7", 2)
    assert b"s3cret" not in row.body
    found = source.decode("customers", row, lambda warned: pytest.fail(warned.message))
    assert (found.rank, found.profile) == (RANK_CUSTOMER, {"first_name": "Anna"})
    assert found.consent == Consent(YES, 1767323045)


def test_a_missing_value_is_missing_and_null_is_empty(tmp_path: Path) -> None:
    source = opened(
        tmp_path,
        schema(),
        record(id=1, email="a@mail.example"),
        record(id=2, email="b@mail.example", name={"given": None}, news=None),
        record(id=3, email="c@mail.example", name=None),
    )
    found = records(source)
    assert [each.profile for each in found] == [{}, {"first_name": ""}, {"first_name": ""}]
    assert [each.consent for each in found] == [Consent(UNKNOWN)] * 3


def test_a_key_that_has_dots_goes_before_the_path(tmp_path: Path) -> None:
    assert only(opened(tmp_path, schema(), record(id=1, email="a@mail.example", **{"name.given": "Ada"}))).profile == {
        "first_name": "Ada"
    }


def test_an_unknown_word_of_consent_makes_the_person_invalid(tmp_path: Path) -> None:
    warned: list[Warned] = []
    source = opened(tmp_path, schema(), record(id=1, email="a@mail.example", news="perhaps"))
    assert only(source, warned=warned).invalid == "subscribed"
    assert "perhaps" not in warned[0].message


@pytest.mark.parametrize(
    ("flag", "news", "state", "invalid"),
    [
        (True, True, OUT, None),
        ("true", None, OUT, None),
        (False, True, YES, None),
        (None, True, YES, None),
        (False, None, UNKNOWN, None),
        ("perhaps", True, YES, "subscribed"),
        ([True], True, YES, "subscribed"),
    ],
)
def test_an_opt_out_beside_a_yes(
    tmp_path: Path, flag: Any, news: Any, state: ConsentState, invalid: str | None
) -> None:
    streams = {"customers": {**CUSTOMERS, "opted_out": "left"}}
    found = only(
        opened(tmp_path, schema(), record(id=1, email="a@mail.example", left=flag, news=news), streams=streams)
    )
    assert (found.invalid, found.consent is not None and found.consent.state) == (invalid, state)


@pytest.mark.parametrize("path", ["HasOptedOutOfEmail", "opt_out", "unsubscribed", "DoNotMail", "is_suppressed"])
def test_an_opt_out_is_not_taken_for_a_yes(path: str) -> None:
    stream = {"signal": "consent", "fields": {"email": "email", "subscribed": path}}
    with pytest.raises(ValidationError, match="looks like an opt-out"):
        SingerSettings.model_validate({"type": "singer", "streams": {"a": stream}})
    stream["values"] = {"subscribed": {"true": "opted_out", "false": "unknown"}}
    SingerSettings.model_validate({"type": "singer", "streams": {"a": stream}})


def test_another_rule_of_consent_is_told_apart(tmp_path: Path) -> None:
    def told(**more: Any) -> str:
        return opened(tmp_path, streams={"customers": {**CUSTOMERS, **more}}).streams()[0].told_by

    fields = {**CUSTOMERS["fields"], "subscribed": "other"}  # type: ignore[dict-item]
    found = {told(), told(opted_out="left"), told(values={"subscribed": {"x": "yes"}}), told(fields=fields)}
    assert len(found) == 4
    assert "" not in found


def test_an_order(tmp_path: Path) -> None:
    order = {
        "id": 9,
        "billing": {"email": "gast@post.example"},
        "made": "2026-01-02T03:04:05Z",
        "total": 12.5,
        "currency": "EUR",
    }
    source = opened(
        tmp_path, schema("orders"), record("orders", **order, status="Paid"), record("orders", **order, status="open")
    )
    counting, other = records(source, "orders")
    assert counting.orders == (("orders 9", True, 1767323045, "12.5", "EUR", False, ""),)
    assert (counting.rank, counting.purchases, counting.makes_person) == (RANK_GUEST, None, True)
    assert (other.orders[0].counts, other.makes_person) == (False, False)


def test_a_status_without_a_rule_makes_nobody_a_buyer(tmp_path: Path) -> None:
    streams = {"orders": {**ORDERS, "counting": []}}
    order = record("orders", id=1, billing={"email": "a@mail.example"}, status="completed")
    found = only(opened(tmp_path, schema("orders"), order, streams=streams), "orders")
    assert (found.invalid, found.orders[0].counts) == ("orders", False)


@pytest.mark.parametrize("name", ["_sdc_deleted_at", "_ab_cdc_deleted_at"])
def test_a_deleted_record_counts_no_more(tmp_path: Path, name: str) -> None:
    gone: dict[str, Any] = {name: "2026-02-01T00:00:00Z"}
    order = {"billing": {"email": "a@mail.example"}, "status": "paid", "total": "3"}
    source = opened(
        tmp_path,
        schema(),
        schema("orders"),
        record(id=1, email="a@mail.example", name={"given": "Anna"}, news=True, **gone),
        record(id=2, email="b@mail.example", news="opted_out", **gone),
        record(id=3, email="c@mail.example", news=True, **{name: None}),
        record("orders", id=1, **order, **gone),
    )
    yes, out, there = records(source)
    assert (yes.consent, yes.profile, yes.makes_person) == (Consent(NO), {"first_name": ""}, False)
    assert out.consent == Consent(OUT)
    assert there.makes_person
    (bought,) = records(source, "orders")
    assert (bought.orders[0].counts, bought.makes_person) == (False, False)


def test_who_has_no_address_any_more_is_erased_only_if_deleted_and_an_order_of_nobody_is_none(tmp_path: Path) -> None:
    source = opened(
        tmp_path,
        schema(),
        schema("orders"),
        record(id=1, email=None),
        record(id=2, _sdc_deleted_at="2026-02-01T00:00:00Z"),
        record(id=3, email="not an address"),
        record("orders", id=1, status="open"),
        record("orders", id=2, status="paid"),
    )
    first, second, third = rows(source)
    assert isinstance(first, Row)
    assert isinstance(second, Row)
    assert first.email == WITHOUT_ADDRESS != second.email
    assert second.email.endswith(".invalid")
    assert (first.ident, second.ident) == ("1", "2")
    assert isinstance(third, Unreadable)
    (order,) = rows(source, "orders")
    assert isinstance(order, Unreadable)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"type": "RECORD", "stream": "custo', "not JSON"),
        (b"INFO starting", "not JSON"),
        (b'{"a": "\xe4"}', "UTF-8"),
        ({"type": "BATCH", "stream": "customers"}, "BATCH"),
        ({"type": "CATALOG"}, "no message"),
        (["a"], "no message"),
        ({"type": ["RECORD"]}, "no message"),
        ({"type": "STATE"}, "STATE"),
        ({"type": "RECORD", "stream": "customers"}, "RECORD"),
        (record(email="a@mail.example"), "no value of its keys"),
        (record(id=None, email="a@mail.example"), "no value of its keys"),
        ({"type": "TRACE", "trace": {"type": "ERROR", "error": {"message": "anna@mail.example"}}}, "failed"),
        ({"type": "TRACE", "trace": {"type": "STREAM_STATUS", "stream_status": {"stream_descriptor": {"name": "customers"}, "status": "INCOMPLETE"}}}, "failed"),
        (b'{"type": "STATE", "value": "' + b"x" * (17 << 20) + b'"}', "too long"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_message_ends_the_run(tmp_path: Path, line: Any, said: str) -> None:
    error = refusal(opened(tmp_path, schema(), line))
    assert said in error.message
    assert error.where == "tap.jsonl:2"
    assert "anna@" not in f"{error.message} {error.hint}"


def test_what_a_tap_says_beside_its_records_is_left_out(tmp_path: Path) -> None:
    source = opened(
        tmp_path,
        schema(),
        schema("other"),
        {"type": "ACTIVATE_VERSION", "stream": "customers", "version": 2},
        {"type": "LOG", "log": {"level": "INFO", "message": "x"}},
        {"type": "TRACE", "trace": {"type": "ESTIMATE"}},
        record("other", id=1, email="x@mail.example"),
        b"",
        record(id=1, email="a@mail.example"),
    )
    assert len(rows(source)) == 1
    assert list(source.warnings) == ["the input has nothing of the stream orders"]


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([record(id=1, email="a@mail.example")], "before its SCHEMA"),
        ([schema(id={}, email={}, name={}, newz={}, news_at={})], "has no news"),
        ([schema("contacts")], "none of the streams"),
        ([schema("orders", []), record("orders", billing={"email": "a@mail.example"})], "have no key"),
        ([airbyte("customers", mail="a@mail.example")], "has no email"),
    ],
)
def test_what_does_not_fit_the_config(tmp_path: Path, messages: list[Any], said: str) -> None:
    assert said in refusal(opened(tmp_path, *messages)).message


def test_nothing_at_all_is_a_tap_that_failed(tmp_path: Path) -> None:
    with pytest.raises(TemporaryError):
        rows(opened(tmp_path))


def test_an_input_without_news(tmp_path: Path) -> None:
    source = opened(tmp_path, state({"a": 1}), state_out="state.json")
    assert rows(source) == rows(opened(tmp_path, schema())) == []
    assert source.to_hand_on == (tmp_path / "state.json", b'{"a":1}\n')


def test_airbyte_lines(tmp_path: Path) -> None:
    def of(name: str, value: int) -> dict[str, Any]:
        return {"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": {"at": value}}}

    streams = {"customers": {**CUSTOMERS, "keys": ["id"]}, "shop.orders": {**ORDERS, "keys": ["shop", "id"]}}
    order = airbyte("orders", id=1, shop="de", billing={"email": "b@mail.example"}, status="paid")
    order["record"]["namespace"] = "shop"
    source = opened(
        tmp_path,
        airbyte("customers", id=1, email="a@mail.example", news=True),
        *({"type": "STATE", "state": each} for each in (of("customers", 1), of("orders", 1), of("customers", 2))),
        order,
        streams=streams,
        state_out="state.json",
    )
    assert only(source).ident == "1"
    assert only(source, "shop.orders").orders[0].id == 'shop.orders ["de","1"]'
    handed = source.to_hand_on
    assert handed is not None
    assert json.loads(handed[1]) == [of("customers", 2), of("orders", 1)]
    assert "customers: no record has name.given" in source.warnings


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ({"type": "LEGACY", "data": {"at": 1}}, {"at": 1}),
        ({"type": "GLOBAL", "global": {"shared_state": 1}}, [{"type": "GLOBAL", "global": {"shared_state": 1}}]),
    ],
)
def test_other_states_of_airbyte(tmp_path: Path, state: Any, kept: Any) -> None:
    source = opened(tmp_path, {"type": "STATE", "state": state}, state_out="state.json")
    rows(source)
    assert source.to_hand_on is not None
    assert json.loads(source.to_hand_on[1]) == kept


def test_standard_input_is_read_once_and_never_by_a_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO(text(schema(), record(id=1, email="a@mail.example"))))
    )
    source = opened(tmp_path, path="-")
    assert [each.message for each in source.inspect()] == [
        "standard input is read by a run only; `crsync diff` shows what is in it"
    ]
    assert len(rows(source)) == 1
    assert "read only once" in refusal(source).message


def test_a_look_at_a_file(tmp_path: Path) -> None:
    source = opened(tmp_path, schema(), record(id=1, email="a@mail.example", news=True), record(id=2, email=None))
    assert [str(each.message) for each in source.inspect()] == [
        "tap.jsonl: 1 record of customers at its beginning, 1 of them a yes to the newsletter",
        "tap.jsonl: 0 records of orders at its beginning, 0 of them a yes to the newsletter",
    ]


def test_a_folder_for_the_state_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be written" in refusal(opened(tmp_path, schema(), state_out="no/state.json")).message


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        ({"signal": "profile", "fields": {"first_name": "a"}}, "needs email"),
        ({"signal": "profile", "fields": {"email": "e", "subscribed": "s"}}, "subscribed needs the signal consent"),
        ({"signal": "profile", "fields": {"email": "e", "orders": "o"}}, "orders needs the signal purchases"),
        ({"signal": "profile", "fields": {"email": "e"}, "opted_out": "o"}, "opted_out needs the signal consent"),
        ({"signal": "consent", "fields": {"email": "e"}}, "needs fields.subscribed"),
        ({"signal": "profile", "fields": {"email": "e"}, "counts": "c"}, "single orders"),
        ({"signal": "purchases", "fields": {"email": "e"}, "counting": ["c"]}, "counting needs counts"),
    ],
)
def test_settings_that_do_not_fit(stream: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SingerSettings.model_validate({"type": "singer", "streams": {"a": stream}})


def test_the_state_is_not_written_over_the_input() -> None:
    stream = {"signal": "profile", "fields": {"email": "e"}}
    with pytest.raises(ValidationError, match="same file"):
        SingerSettings.model_validate({"type": "singer", "path": "a", "state_out": "a", "streams": {"a": stream}})
