from __future__ import annotations

import csv
import gzip
import io
import tempfile
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleverreach_sync.errors import CrsyncError
from cleverreach_sync.sources.file import text as text_files
from tests.unit.file_exports import Export, export

PIECES = st.sampled_from(
    [
        b"email", b",", b";", b"\n", b"\r\n", b"\r", b'"', b"a@example.org", b"subscribed", b"yes", b"\xc3\xbc", b"\xfc",
        b"\0", b"\xef\xbb\xbf", b"{", b"}", b'{"email":', b'"b@example.org"', b":", b"null", b"[", b"orders", b"1e9",
        b"\x1f", b"\x1f\x8b", b"sep=;\n", b"\x85", b"2025-01-01", b"created_at", b"=", b"'",
    ]
)  # fmt: skip
SOUP = st.lists(PIECES | st.binary(max_size=4), max_size=40).map(b"".join)
NAMES = st.sampled_from(["x.csv", "x.jsonl", "x.csv.gz", "x"])
CELLS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\x1f"), max_size=8)


def read(content: bytes, name: str, block: int) -> Export:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "_BLOCK", block)
        return export(Path(folder), content, name=name)


@given(SOUP, NAMES, st.booleans(), st.sampled_from([1, 3, 1000]))
def test_whatever_a_file_holds_is_read_or_refused(soup: bytes, name: str, packed: bool, block: int) -> None:
    content = gzip.compress(soup) if packed else soup
    try:
        found = read(content, name, block)
    except CrsyncError as error:
        assert error.code in (2, 5)  # noqa: PT017 - either outcome is fine
    else:
        assert found.end is not None
        places = sorted([*(row.place for row in found.rows), *(row.place for row in found.unreadable)])
        assert len(set(places)) == len(places)
        assert all(0 < place <= content.count(b"\n") + content.count(b"\r") + 1 for place in places if not packed)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8), st.sampled_from([1, 5, 1000]), st.sampled_from(",;\t|"))
def test_every_row_of_a_csv_file_comes_back(rows: list[tuple[str, str, str]], block: int, delimiter: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow(["email", "city", "zip", "company"])
    writer.writerows(["a@example.org", *cells] for cells in rows)
    found = read(out.getvalue().encode(), "x.csv", block)
    assert [list(record.profile.values()) for record in found.records] == [
        [_written(cell) for cell in cells] for cells in rows
    ]


def _written(cell: str) -> str:
    text = cell.strip()
    return text[1:] if text[:1] == "'" and text[1:2] in tuple("-+=@0123456789") else text


@given(st.lists(st.dictionaries(st.sampled_from(["city", "zip", "extra.x"]), CELLS | st.none()), max_size=8))
def test_every_line_of_json_comes_back(items: list[dict[str, str | None]]) -> None:
    content = b"\n".join(orjson.dumps({"email": "a@example.org", **item}) for item in items)
    found = read(content, "x.jsonl", 1000)
    assert [record.profile for record in found.records] == [
        {field: value.strip() for field, value in item.items() if value is not None} for item in items
    ]
