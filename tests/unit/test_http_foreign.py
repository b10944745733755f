"""Numbers and IDs of servers, which may be anything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleverreach_sync.http.foreign import MOST, identifier, seconds, whole

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        (0, 0),
        ("7", 7),
        (" 007 ", 7),
        (7.0, 7),
        (-1, None),
        ("-1", None),
        (7.5, None),
        ("7.0", None),
        (True, None),
        (None, None),
        ("", None),
        ("-", None),
        ("\u00b2", None),
        ("\u0663", None),
        ([], None),
        ({}, None),
        (1e308, None),
        (float("nan"), None),
        (float("inf"), None),
        (2**63, None),
        ("9" * 5000, None),
        (MOST, MOST),
    ],
)
def test_whole_numbers(value: object, number: int | None) -> None:
    assert whole(value) == number


@pytest.mark.parametrize(
    ("value", "known"),
    [
        *[(7, "7"), ("7", "7"), ("007", "7"), (7.0, "7"), (0, None), (-7, None), ("", None), (None, None)],
        *[("../7", None), ("7/..", None), ("7?a=b", None), ("%2e%2e", None), ("\u00b2", None), (1e30, None)],
        *[(True, None), ("9" * 19, None), ({"id": 7}, None)],
    ],
)
def test_identifiers(value: object, known: str | None) -> None:
    assert identifier(value) == known


def test_seconds() -> None:
    assert [seconds(value, most=60) for value in (0, 1.5, "60", 61, "nan", float("inf"), -1, True, None, 10**400)] == [
        *(0, 1.5, 60),
        *[None] * 7,
    ]


@given(ANYTHING)
def test_nothing_is_ever_raised(value: Any) -> None:
    for found in (whole(value), seconds(value, most=1e9)):
        assert found is None or found >= 0
    assert (identifier(value) or "1").isdecimal()
