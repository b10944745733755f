"""Where reading goes on: one form for every shop, and those that earlier versions wrote."""

from __future__ import annotations

import pytest

from cleverreach_sync.sources.values import read_time
from cleverreach_sync.sources.walks import OVERLAP, Cursor

SINCE, WHOLE = "2026-11-01T08:00:01Z", "2026-10-31T20:00:00Z"
AT, ALL = read_time(SINCE) or 0, read_time(WHOLE) or 0


@pytest.mark.parametrize(
    ("text", "cursor"),
    [
        (f"{SINCE} {WHOLE}", Cursor(AT, ALL)),
        (f"{SINCE} {WHOLE} recipients", Cursor(AT, ALL, "recipients")),
    ],
)
def test_a_cursor_is_what_it_was_written_as(text: str, cursor: Cursor) -> None:
    assert Cursor.parse(text) == cursor
    assert str(cursor) == text


def test_that_of_shopify_was_an_object_once() -> None:
    assert Cursor.parse(f'{{"changed":"{SINCE}","everybody":"{WHOLE}"}}') == Cursor(AT, ALL)


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", " ", "x", SINCE, f"x {WHOLE}", f"{SINCE} x", f"{SINCE} {WHOLE} a b", "{", "{}", "[]", "null"),
        *('{"changed": 1, "everybody": 2}', f'{{"changed":"{SINCE}"}}', f'{{"changed":"{SINCE}","everybody":null}}'),
    ],
)
def test_from_what_is_no_cursor_everything_is_read(text: str | None) -> None:
    assert Cursor.parse(text) is None


def test_it_never_passes_what_was_seen_nor_the_time_of_the_shop() -> None:
    assert Cursor.of_all(ALL, AT) == Cursor(ALL - OVERLAP, AT)
    assert Cursor.of_all(AT + 5000, AT) == Cursor(AT - OVERLAP, AT)
    known = Cursor(AT, ALL)
    assert known.moved_on(0, AT + 9000) == known
    assert known.moved_on(AT + 600, AT + 9000) == Cursor(AT + 600 - OVERLAP, ALL)
    assert known.moved_on(AT + 600, AT + 400) == Cursor(AT + 400 - OVERLAP, ALL)
    assert known.moved_on(AT + 10, AT + 400) == known, "nor does it go back"


@pytest.mark.parametrize(
    ("now", "due"), [(None, True), (ALL, False), (ALL + 99, False), (ALL + 100, True), (ALL - 1, True)]
)
def test_when_all_is_to_be_read_again(now: float | None, due: bool) -> None:
    assert Cursor(AT, ALL).is_due(now, 100) is due
