from __future__ import annotations

import json
import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleverreach_sync.json_reading import read_json


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (rb'"\ud83d"', "\ufffd"),
        (rb'"a\ud83db"', "a\ufffdb"),
        (rb'"\uDE00"', "\ufffd"),
        (rb'"\ude00\ud83d"', "\ufffd\ufffd"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (rb'"\ud83d\u00e4"', "\ufffdä"),
        (rb'"\ud83d\\ude00"', "\ufffd\\ude00"),
        (rb'"\\ud83d \ud83d"', "\\ud83d \ufffd"),
        (rb'"\\\ud83d"', "\\\ufffd"),
        (rb'"\"\ud83d"', '"\ufffd'),
        (b'"M\xfcller"', "M\ufffdller"),
        (b'"\xed\xa0\xbd\\ud83d"', "\ufffd\ufffd\ufffd\ufffd"),
    ],
)
def test_half_a_pair_is_one_lost_letter(content: bytes, expected: str) -> None:
    assert read_json(content) == expected


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": "\xff', rb'{"a": "\ud83d', rb'"\ud83', b"<html>\\ud83d</html>"])
def test_what_is_no_json_stays_none(content: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        read_json(content)


@given(st.recursive(st.text(st.characters()), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_everything_else_is_as_it_was(value: object) -> None:
    content = json.dumps(value).encode()
    assert str(read_json(content)).replace("\ufffd", "") == str(json.loads(mended(content))).replace("\ufffd", "")


def mended(content: bytes) -> bytes:
    """What the standard library reads, which knows halves, without them."""
    text = json.dumps(json.loads(content), ensure_ascii=False)
    return json.dumps(json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))).encode()


def test_megabytes_of_halves_take_no_time() -> None:
    began = time.process_time()
    assert read_json(b'"' + rb"\ud83d" * 500_000 + b'"') == "\ufffd" * 500_000
    assert time.process_time() - began < 5
