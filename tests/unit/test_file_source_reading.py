"""The file source: finding, opening, decoding and splitting a file."""

from __future__ import annotations

import gzip
import io
import os
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from cleverreach_sync.domain.model import Consent, ConsentState
from cleverreach_sync.errors import CrsyncError, TemporaryError, UsageError
from cleverreach_sync.messages import Message
from cleverreach_sync.sources.file import encodings
from cleverreach_sync.sources.file import text as text_files
from cleverreach_sync.sources.interface import Chunk, StreamEnd, Unreadable
from tests.unit.file_exports import export, never, opened, read

# Finding


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("customers.csv", "no such file: customers.csv"),
        ("exports/*.csv", "no file matches 'exports/"),
        (".", r"\. is a folder"),
        ("x" * 5000, "cannot open"),
    ],
)
def test_no_file(tmp_path: Path, path: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(opened(tmp_path, path))


def test_of_a_glob_the_last_file_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "shop [1]"  # brackets above the glob are no part of it
    folder.mkdir()
    for day, email in (("2026-01-02", "b"), ("2026-01-10", "c"), ("2026-01-01", "a")):
        (folder / f"export-{day}.csv").write_text(f"email\n{email}@example.org\n")
    (folder / "export-z.csv").mkdir()
    found = read(opened(folder, "export-*.csv"))
    assert found.only.email == "c@example.org"
    assert found.source.location("rows") == "export-2026-01-10.csv"
    assert read(opened(tmp_path, str(folder / "export-2026-01-0?.csv").replace("[1]", "[[]1]"))).rows


def test_a_name_with_brackets_is_a_name(tmp_path: Path) -> None:
    assert export(tmp_path, "email\na@example.org\n", name="export [1].csv").only.email == "a@example.org"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").touch(mode=0o000)
    with pytest.raises(UsageError, match="cannot open the file"):
        read(opened(tmp_path, "customers.csv"))


# Standard input


def stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize(
    "content",
    [
        b"email;city\na@example.org;x\n",
        b'{"email": "a@example.org", "city": "x"}\n',
        b'\n  {"email": "a@example.org", "city": "x"}',
        gzip.compress(b"email;city\na@example.org;x\n", mtime=0),
        gzip.compress(b'{"email": "a@example.org", "city": "x"}\n', mtime=0),
    ],
)
def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    stdin(monkeypatch, content)
    source = opened(tmp_path, "-")
    found = read(source)
    assert (found.only.email, found.only.profile) == ("a@example.org", {"city": "x"})
    assert source.location("rows") == "stdin"
    assert {chunk.total for chunk in found.chunks} == {None}
    assert found.chunks[-1].done == len(content)
    assert not sys.stdin.buffer.closed
    with pytest.raises(UsageError, match="only once"):
        read(source)


def test_no_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, b"")
    with pytest.raises(UsageError, match="empty"):
        read(opened(tmp_path, "-"))
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="no standard input"):
        read(opened(tmp_path, "-"))


def test_a_named_pipe_has_no_size(tmp_path: Path) -> None:
    import threading

    os.mkfifo(tmp_path / "customers.csv")
    writer = threading.Thread(
        target=(tmp_path / "customers.csv").write_bytes, args=(b"email\na@example.org\n" * 20_000,)
    )
    writer.start()
    found = read(opened(tmp_path, "customers.csv"))
    writer.join()
    assert len(found.rows) == 20_000
    assert {chunk.total for chunk in found.chunks} == {None}


# gzip


def test_gzip(tmp_path: Path) -> None:
    text = "email\n" + "".join(f"p{number}@example.org\n" for number in range(50_000))
    half = len(text) // 2
    packed = gzip.compress(text[:half].encode()) + gzip.compress(text[half:].encode()) + b"\0" * 100
    found = export(tmp_path, packed, name="customers.csv.gz")
    assert len(found.rows) == 50_000
    assert found.chunks[-1].done == found.chunks[-1].total == len(packed)
    line = gzip.compress(b'{"email": "a@example.org"}\n')
    assert export(tmp_path, line, name="customers.jsonl.gz").only.email == "a@example.org"


def test_gzip_that_packs_extremely_well_stays_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "_BLOCK", 1000)
    text = "email\n" + "a@example.org\n" * 30_000
    assert len(export(tmp_path, gzip.compress(text.encode()), name="customers.csv.gz").rows) == 30_000


@pytest.mark.parametrize("name", ["customers.csv.gz", "customers.jsonl.gz"])
def test_gzip_cut_short_has_no_end(tmp_path: Path, name: str) -> None:
    lines = [f'{{"email": "p{n}@example.org"}}' if "json" in name else f"p{n}@example.org" for n in range(20_000)]
    packed = gzip.compress("\n".join(["email" if "csv" in name else "", *lines]).encode())
    for length in (len(packed) // 2, len(packed) - 1, 12):
        (tmp_path / name).write_bytes(packed[:length])
        source = opened(tmp_path, name)
        chunks: list[Chunk] = []
        with pytest.raises(TemporaryError, match="cut short") as error:
            chunks.extend(source.read("rows", None, never))
        assert [chunk for chunk in chunks if chunk.end is not None] == []
        assert error.value.where == name


@pytest.mark.parametrize("begins", [b"PK\x03\x04rest", b"\xd0\xcf\x11\xe0rest"])
@pytest.mark.parametrize("name", ["customers.csv", "customers.xlsx"])
def test_a_workbook_is_called_one(tmp_path: Path, begins: bytes, name: str) -> None:
    with pytest.raises(UsageError, match="Excel") as caught:
        export(tmp_path, begins, name=name)
    assert "save it as CSV" in str(caught.value.hint)


def test_damaged_gzip(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(os.urandom(5000).hex().encode()))
    packed[2000] ^= 0xFF
    packed[2001] ^= 0xFF
    with pytest.raises(UsageError, match=r"damaged|no e-mail column"):
        export(tmp_path, bytes(packed), name="customers.csv.gz")
    with pytest.raises(UsageError, match="not a gzip file"):
        export(tmp_path, b"email\na@example.org\n", name="customers.csv.gz")


# A file that changes


@pytest.mark.parametrize("change", ["shorter", "longer"])
def test_a_file_that_changes_has_no_end(tmp_path: Path, change: str) -> None:
    text = "email\n" + "".join(f"p{number}@example.org\n" for number in range(60_000))
    path = tmp_path / "customers.csv"
    path.write_text(text)
    pages = opened(tmp_path, "customers.csv").read("rows", None, never)
    seen = [next(pages)]
    path.write_text(text[:400_000] if change == "shorter" else text * 2)
    with pytest.raises(TemporaryError, match="changed while it was read"):
        seen.extend(pages)
    assert {chunk.end for chunk in seen} == {None}


def test_a_file_that_is_replaced_is_read_as_it_was(tmp_path: Path) -> None:
    text = "email\n" + "".join(f"p{number}@example.org\n" for number in range(60_000))
    (tmp_path / "customers.csv").write_text(text)
    pages = opened(tmp_path, "customers.csv").read("rows", None, never)
    first = next(pages)
    (tmp_path / "new").write_text("email\n")
    (tmp_path / "new").rename(tmp_path / "customers.csv")
    rest = list(pages)
    assert len(first.rows) + sum(len(chunk.rows) for chunk in rest) == 60_000
    assert rest[-1].end == StreamEnd(complete=False, numbered=False)


# Encodings

UMLAUTS = "email,city\na@example.org,Köln\n"


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (UMLAUTS.encode(), {}),
        (UMLAUTS.encode("utf-8-sig"), {}),
        (UMLAUTS.encode("cp1252"), {}),
        (UMLAUTS.encode(), {"encoding": "utf-8"}),
        (UMLAUTS.encode("utf-8-sig"), {"encoding": "UTF8"}),
        (UMLAUTS.encode("utf-8-sig"), {"encoding": "utf-8-sig"}),
        (UMLAUTS.encode("cp1252"), {"encoding": "cp1252"}),
        (UMLAUTS.encode("utf-16"), {"encoding": "utf-16"}),
        (UMLAUTS.replace("ö", "\u010d").encode("cp1250"), {"encoding": "cp1250"}),
    ],
)
def test_encodings(tmp_path: Path, content: bytes, options: dict[str, Any]) -> None:
    assert export(tmp_path, content, **options).only.profile["city"] in ("Köln", "K\u010dln")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
@pytest.mark.parametrize("block", [1, 7, 1 << 18])
def test_the_first_umlaut_comes_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, block: int
) -> None:
    monkeypatch.setattr(text_files, "_BLOCK", block)
    plain = "".join(f"p{number}@example.org,Bonn\n" for number in range(10 if block < 10 else 60_000))
    text = f"email,city\n{plain}x@example.org,Köln €\ny@example.org,Zürich"
    found = export(tmp_path, text.encode(encoding))
    assert [record.profile["city"] for record in found.records[-3:]] == ["Bonn", "Köln €", "Zürich"]


def test_the_last_character_is_an_umlaut(tmp_path: Path) -> None:
    for encoding in ("utf-8", "cp1252"):
        assert export(tmp_path, "email,x\na@example.org,é".encode(encoding)).only.profile == {"extra.x": "é"}


NAMES = ["Köln", "Zürich", "Málaga", "Århus", "Łódź"]
ROWS = [f"p{number}@example.org,{NAMES[number % 4]}" for number in range(300)]


def table(*rows: bytes, name: str = "customers.csv") -> bytes:
    """Some rows of e-mail, city and consent, in either form."""
    if name.startswith("customers.csv"):
        return b"\n".join((b"email,city,subscribed", *rows))
    cells = (row.split(b",") for row in rows)
    return b"\n".join(b'{"email": "%s", "city": "%s", "subscribed": "%s"}' % tuple(row) for row in cells)


def all_rows(encoding: str, name: str = "customers.csv") -> list[bytes]:
    return [f"{row},yes".encode(encoding) for row in ROWS]


@pytest.mark.parametrize("name", ["customers.csv", "customers.jsonl", "customers.csv.gz"])
@pytest.mark.parametrize("damage", [b"Berl\xffin", b"Berl\x81in", b"\xc3", b"Ber\0lin"])
@pytest.mark.parametrize("options", [{}, {"encoding": "utf-8"}])
def test_a_bad_byte_costs_its_row(tmp_path: Path, name: str, damage: bytes, options: dict[str, Any]) -> None:
    content = table(*all_rows("utf-8"), b"x@example.org," + damage + b",yes", b"y@example.org,Bonn,yes", name=name)
    found = export(
        tmp_path, gzip.compress(content) if name.endswith("gz") else content, name=name, complete=True, **options
    )
    assert [row.reason for row in found.unreadable] == ["encoding"]
    assert found.unreadable[0].place == (302 if "csv" in name else 301)
    assert [found.rows[0].email, found.rows[-1].email, len(found.rows)] == ["p0@example.org", "y@example.org", 301]
    assert {record.profile["city"] for record in found.records} == {*NAMES[:4], "Bonn"}
    assert found.end == StreamEnd(complete=False, numbered=False)


@pytest.mark.parametrize("name", ["customers.csv", "customers.jsonl"])
def test_who_opted_out_in_a_row_with_a_bad_byte_has_opted_out(tmp_path: Path, name: str) -> None:
    rows = [
        *all_rows("utf-8")[:100],
        b"out@example.org,Berl\xffin,unsubscribed",
        b"no\xffone@example.org,Berlin,unsubscribed",
    ]
    found = export(tmp_path, table(*rows, *all_rows("utf-8"), name=name), name=name)
    assert [row.reason for row in found.unreadable] == ["encoding"]
    (record,) = [record for record in found.records if record.email == "out@example.org"]
    assert (record.consent, record.invalid) == (Consent(ConsentState.OPTED_OUT), "encoding")
    assert record.profile == {}
    assert [warned.place for warned in found.warned] == [102 if "csv" in name else 101]


def test_standard_input_is_read_likewise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = table(*all_rows("utf-8"), b"x@example.org,\xff,yes")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    found = read(opened(tmp_path, "-"))
    assert (len(found.rows), [row.reason for row in found.unreadable]) == (300, ["encoding"])


def test_one_bad_row_of_a_few_is_no_wrong_encoding(tmp_path: Path) -> None:
    found = export(tmp_path, table("a@example.org,Köln,".encode(), b"b@example.org,K\xf6ln,", b"c@example.org,Bonn,"))
    assert [row.email for row in found.rows] == ["a@example.org", "c@example.org"]


def test_bad_bytes_far_behind_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodings, "_SAMPLE", 1000)
    monkeypatch.setattr(text_files, "_BLOCK", 100)
    rows = all_rows("utf-8")
    found = export(tmp_path, table(*rows, b"x@example.org,\xff,yes", *rows))
    assert (len(found.rows), len(found.unreadable)) == (600, 1)
    with pytest.raises(UsageError, match="9 of 309 rows cannot be read") as caught:
        export(tmp_path, table(*rows, *(b"x@example.org,\xff,yes" for _ in range(9))))
    assert "`encoding: cp1252`" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["customers.csv", "customers.jsonl", "customers.csv.gz"])
@pytest.mark.parametrize(
    ("encoding", "declared", "fits"),
    [
        ("cp1252", "utf-8", "cp1252"),
        ("cp1252", "ascii", "cp1252"),
        ("utf-8", "cp1252", "utf-8"),
        ("utf-8", "latin-1", "utf-8"),
        ("utf-8", "utf-16", "utf-8"),
        ("utf-8", "cp932", "utf-8"),
        ("cp850", "utf-8", "cp850"),
        ("cp850", None, "cp850"),
        ("utf-16", None, "utf-16"),
        ("utf-16", "utf-8", "utf-16"),
        ("utf-16", "cp1252", "utf-16"),
        ("utf-16-le", None, "utf-16-le"),
        ("utf-16-be", "utf-8", "utf-16-be"),
        ("utf-32", None, "utf-32"),
    ],
)
def test_a_wrong_encoding_is_recognised(
    tmp_path: Path, name: str, encoding: str, declared: str | None, fits: str
) -> None:
    text = table(*all_rows("utf-8"), name=name).decode().replace("Århus", "Über")
    content = text.encode(encoding)
    packed = gzip.compress(content) if name.endswith("gz") else content
    with pytest.raises(UsageError) as caught:
        export(tmp_path, packed, name=name, **({} if declared is None else {"encoding": declared}))
    assert caught.value.code == 2
    assert caught.value.where == name
    assert f"`encoding: {fits}`" in str(caught.value.hint)
    assert (
        export(tmp_path, content, name=name.removesuffix(".gz"), encoding=fits).records[1].profile["city"] == "Zürich"
    )


def test_parts_in_two_encodings(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="225 of 451 rows are UTF-8, and 225 are not"):
        export(tmp_path, table(*all_rows("utf-8")[:225], *all_rows("cp1252")[:225]))


# Delimiters and headers


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found(tmp_path: Path, delimiter: str) -> None:
    text = delimiter.join(["email", '"Name, Vorname; oder | so"', "city"]) + "\n"
    text += delimiter.join(["a@example.org", "x", "y"])
    assert export(tmp_path, text).only.profile == {"extra.Name, Vorname; oder | so": "x", "city": "y"}


def test_the_delimiter_is_the_one_that_gives_the_headings(tmp_path: Path) -> None:
    text = "E-Mail;Preis, netto, EUR, gerundet\na@example.org;1,2\n"
    found = export(tmp_path, text, columns={"email": "E-Mail"})
    assert found.only.profile == {"extra.Preis, netto, EUR, gerundet": "1,2"}


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("email#city\na@example.org#x\n", {"delimiter": "#"}),
        ("email\tcity\na@example.org\tx\n", {"delimiter": "tab"}),
        ("email;city\na@example.org;x\n", {"delimiter": ";"}),
        ("sep=^\nemail^city\na@example.org^x\n", {}),
        ("\n\r\nemail,city\r\n\r\na@example.org,x\r\n", {}),
        ("email,city\ra@example.org,x\r", {}),
        ('"email","city"\n"a@example.org","x"', {}),
        (" EMAIL ,City\na@example.org,x\n", {}),
    ],
)
def test_shapes_of_a_table(tmp_path: Path, text: str, options: dict[str, Any]) -> None:
    assert export(tmp_path, text, **options).only.profile == {"city": "x"}


@pytest.mark.parametrize(
    "option", [{"delimiter": ";;"}, {"delimiter": '"'}, {"encoding": "klingon"}, {"encoding": "hex"}]
)
def test_options_that_cannot_be(tmp_path: Path, option: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(option))):
        opened(tmp_path, "x.csv", **option)


@pytest.mark.parametrize(
    ("text", "columns", "message", "hint"),
    [
        ("", {}, "empty", None),
        ("\n \n", {}, "empty", None),
        ("city\nx\n", {}, r"no e-mail column \('email'\)", "name the heading of email"),
        ("E-Mail\nx\n", {}, "no e-mail column", "did you mean `columns: {email: E-Mail}`?"),
        ("Mail\nx\n", {"email": "E-Mail"}, r"no e-mail column \('E-Mail'\)", None),
        ("email,Vornamen\nx,y\n", {"first_name": "Vorname"}, "no column 'Vorname' for first_name", "did you mean 'Vornamen'?"),
        ("anna@example.org,Anna\nb@example.org,B\n", {}, "no e-mail column", "seems to be data"),
        ("email,Email \nx,y\n", {}, "two columns could be 'email'", None),
        ("email,Ort,ort\nx,y,z\n", {"city": "Ort"}, "two columns could be 'city'", None),
        (",".join(["email"] * 2 + ["x" * 200_000]), {}, "header is too long", None),
    ],
)  # fmt: skip
def test_headers_that_do_not_fit(
    tmp_path: Path, text: str, columns: dict[str, str], message: str, hint: str | None
) -> None:
    with pytest.raises(UsageError, match=message) as error:
        export(tmp_path, text, columns=columns)
    assert error.value.where == "customers.csv"
    assert "anna@" not in str(error.value.message) + str(error.value.hint)
    if hint is not None:
        assert hint in (error.value.hint or "")


def test_headings_and_columns(tmp_path: Path) -> None:
    found = export(
        tmp_path,
        "E-Mail,email,Name,city,Extra.Vip,Note,Note,,phone\na@example.org,2,3,4,5,6,7,8,9\n",
        columns={"email": "e-mail", "first_name": "name", "company": "NAME", "zip": "Phone", "extra.no": "x"}
        | {"extra.no": "city"},
    )
    assert found.only.profile == {
        "first_name": "3",
        "company": "3",
        "extra.no": "4",
        "extra.Vip": "5",
        "extra.Note": "6",
        "extra.email": "2",
        "zip": "9",
    }
    assert found.source.warnings == ["two columns are called 'Note'; the first one counts"]
    assert {"email", "first_name", "extra.Vip"} <= found.source.fields


@pytest.mark.parametrize("text", ["email,city", "email,city\n", "\ufeffemail,city\n\n\n"])
def test_only_a_header_is_an_empty_shop(tmp_path: Path, text: str) -> None:
    found = export(tmp_path, text)
    assert (found.rows, found.unreadable, found.end) == ([], [], StreamEnd(complete=False, numbered=False))


# Rows


def test_line_numbers_with_newlines_in_cells(tmp_path: Path) -> None:
    found = export(
        tmp_path,
        'email,note\n\na@example.org,"one\ntwo\r\nthree"\nkaputt,x\n \t\n"b@example.org","say ""hi"""\n',
    )
    assert [(row.email, row.place) for row in found.rows] == [("a@example.org", 3), ("b@example.org", 8)]
    assert [record.profile["extra.note"] for record in found.records] == ["one\ntwo\r\nthree", 'say "hi"']
    assert found.unreadable == [Unreadable("email", Message("the e-mail is not a usable address"), 6)]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("a@example.org", Unreadable("columns", Message("1 column, but the header has 2"), 2)),
        ("a@example.org,x,", Unreadable("columns", Message("3 columns, but the header has 2"), 2)),
        (",x", Unreadable("email", Message("the e-mail is empty"), 2)),
        (",", Unreadable("email", Message("the e-mail is empty"), 2)),
        ("a@b,x", Unreadable("email", Message("the e-mail is not a usable address"), 2)),
        ("a@example.org,b@example.org", None),
    ],
)
def test_rows_that_cannot_be_read(tmp_path: Path, row: str, problem: Unreadable | None) -> None:
    found = export(tmp_path, f"email,city\n{row}\nz@example.org,x\n")
    assert found.unreadable == ([] if problem is None else [problem])
    assert found.rows[-1].email == "z@example.org"
    assert found.rows[-1].place == 3


def test_one_column(tmp_path: Path) -> None:
    found = export(tmp_path, 'email\na@example.org\n\n  \n""\nb@example.org\n')
    assert [row.place for row in found.rows] == [2, 6]
    assert found.unreadable == [Unreadable("email", Message("the e-mail is empty"), 5)]


@pytest.mark.parametrize("width", [2, 3, 5])
def test_a_quotation_mark_left_open_takes_nobody_along_unseen(tmp_path: Path, width: int) -> None:
    more = [f"x{number}" for number in range(width - 1)]
    rows = [",".join([f"p{number}@example.org", *more]) for number in range(5)]
    rows[1] = rows[1].replace(more[-1], f'"{more[-1]}')
    found = export(tmp_path, "\n".join([",".join(["email", *more]), *rows]))
    assert [row.email for row in found.rows] == ["p0@example.org"]
    assert found.unreadable == [Unreadable("columns", Message("a quotation mark is open until line 6"), 3)]


def test_prose_of_several_lines_is_no_row(tmp_path: Path) -> None:
    note = "Dear all,\nfirst, second, third, fourth\nwrite to me, please"
    assert export(tmp_path, f'email,city,note\na@example.org,x,"{note}"\n').only.profile["extra.note"] == note


def test_after_an_endless_cell_the_rest_goes_on(tmp_path: Path) -> None:
    filler = "".join(f"p{number}@example.org,x\n" for number in range(10_000))
    found = export(tmp_path, f'email,city\na@example.org,"x\n{filler}')
    assert found.unreadable[0].place == 2
    assert found.unreadable[0].message.startswith("a cell that goes on to line ")
    assert found.rows[-1].email == "p9999@example.org"
    assert found.rows[-1].place == 10_002
    places = [row.place for row in found.rows]
    assert places == list(range(places[0], 10_003))


@pytest.mark.parametrize("name", ["customers.csv", "customers.jsonl"])
def test_an_endless_line_is_one_problem(tmp_path: Path, name: str) -> None:
    good = "a@example.org,x" if name.endswith("csv") else '{"email": "a@example.org"}'
    header = "email,city\n" if name.endswith("csv") else ""
    for filler in ("y" * 3_000_000, '"' + "y," * 1_500_000):
        found = export(tmp_path, f"{header}{good}\nb@example.org,{filler}\n{good}\n{good},{filler}", name=name)
        first = 2 if header else 1
        assert [row.place for row in found.rows] == [first, first + 2]
        assert [(row.reason, row.place) for row in found.unreadable] == [("columns", first + 1), ("columns", first + 3)]
        assert all("too long" in row.message for row in found.unreadable)


@pytest.mark.parametrize("block", [1, 2, 5, 64])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blocks_may_end_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, end: str) -> None:
    monkeypatch.setattr(text_files, "_BLOCK", block)
    text = end.join(["email,city", 'a@example.org,"Kö', 'ln"', "", "b@example.org,€", "c@example.org,x"])
    found = export(tmp_path, text)
    assert [row.place for row in found.rows] == [2, 5, 6]
    assert [record.profile["city"] for record in found.records] == [f"Kö{end}ln", "€", "x"]


def test_chunks_of_unreadable_rows_are_bounded_too(tmp_path: Path) -> None:
    found = export(tmp_path, "email\n" + "x\n" * 1999 + '"' + "y" * 140_000 + "\n" + "x\n" * 10)
    assert [len(chunk.unreadable) for chunk in found.chunks] == [1000, 1000, 10, 0]


def test_without_a_telling_name_the_first_character_decides(tmp_path: Path) -> None:
    line = orjson.dumps({"email": "a@example.org"})
    for name in ("export", "export.gz", "export.data"):
        content = gzip.compress(line) if name.endswith(".gz") else line
        assert export(tmp_path, content, name=name).only.email == "a@example.org"
    with pytest.raises(UsageError, match="no e-mail column"):
        export(tmp_path, line, name="export.csv")


@pytest.mark.parametrize("name", ["customers.csv", "customers.jsonl", "customers.csv.gz", "customers"])
def test_errors_name_the_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(CrsyncError) as error:
        export(tmp_path, b"\xff\xfe", name=name)
    assert error.value.where == name
