"""Bodies within limits."""

from __future__ import annotations

import gzip
import zlib

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleverreach_sync.http.body import Limit, NotPacked, TooMuch, joined, parse, unpacked

LIMIT = Limit(1 << 20, 10_000)
RAW_DEFLATE = zlib.compressobj(wbits=-15)
TEXT = b'[{"name": "J\xc3\xb6rg"}]' * 50
PACKED = {
    "": TEXT,
    "identity": TEXT,
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT) + b"\0\0\0",
    "GZIP": gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]),
    "deflate": zlib.compress(TEXT),
    "Deflate": RAW_DEFLATE.compress(TEXT) + RAW_DEFLATE.flush(),
}


@pytest.mark.parametrize("encoding", PACKED)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_whatever_it_is_packed_with(encoding: str, size: int) -> None:
    packed = PACKED[encoding]
    parts = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert joined(unpacked(parts, encoding), LIMIT) == TEXT


@pytest.mark.parametrize(
    ("encoding", "raw"),
    [
        ("gzip", TEXT),
        ("deflate", b"\xff" * 20),
        ("gzip", gzip.compress(TEXT)[:-9]),
        ("br", TEXT),
        ("zstd", TEXT),
        ("gzip, gzip", gzip.compress(gzip.compress(TEXT))),
    ],
    ids=range(6),
)
def test_what_is_not_packed_as_it_says(encoding: str, raw: bytes) -> None:
    with pytest.raises(NotPacked):
        joined(unpacked([raw], encoding), LIMIT)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_not_unpacked(encoding: str) -> None:
    """Parts of a megabyte, however much is packed into one that was read."""
    content = b"\0" * (12 << 20)
    raw = gzip.compress(content) if encoding == "gzip" else zlib.compress(content)
    parts = unpacked([raw], encoding)
    assert max(len(next(parts)) for _ in range(10)) <= 1 << 20
    with pytest.raises(TooMuch, match="more than 1 MB"):
        joined(unpacked([raw], encoding), LIMIT)


@pytest.mark.parametrize("piece", [b"[],", b"{},", b"1,", b'"":0,', b"[[]],", b'"",'])
def test_many_values_are_not_made_objects_of(piece: bytes) -> None:
    with pytest.raises(TooMuch, match="5,000 values"):
        parse(b"[" + piece * 20_000 + b"0]", LIMIT)


NESTED = (
    *(b"[" * 200 + b"]" * 200, b"[" * 2000 + b"]" * 2000, b'{"a":' * 200 + b"1" + b"}" * 200),
    *(b"[{}," * 200 + b"1" + b"]" * 200, b'["[",' * 200 + b"1" + b"]" * 200),
)


@pytest.mark.parametrize("raw", NESTED, ids=range(len(NESTED)))
def test_what_is_nested_beyond_all_measure_is_no_answer(raw: bytes) -> None:
    with pytest.raises(ValueError):
        parse(raw, LIMIT)


def test_brackets_in_texts_are_not_nested() -> None:
    for text in ("[" * 500, "]" * 500, "[" * 500 + "]" * 500, "{[" * 300, '"[' * 300):
        assert parse(orjson.dumps([{"name": text}]), LIMIT) == [{"name": text}]


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_what_is_within_the_limits_is_read_as_it_is(value: object) -> None:
    raw = orjson.dumps(value)
    assert parse(raw, LIMIT) == orjson.loads(raw)
