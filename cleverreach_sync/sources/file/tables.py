"""Reads rows out of CSV: a header, then rows with their line numbers."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final, NamedTuple

from cleverreach_sync.domain.address import normalise
from cleverreach_sync.errors import UsageError
from cleverreach_sync.messages import Message, say, say_many
from cleverreach_sync.sources.file.columns import Matched, fold
from cleverreach_sync.sources.file.encodings import Texts, is_damaged, mended
from cleverreach_sync.sources.interface import Row, Unreadable

ROWS: Final = 1000  # in one chunk
_DELIMITERS: Final = ",;\t|"
_HEADER_LINES: Final = 50
_SEP: Final = re.compile(r"sep=(.)\s*", re.IGNORECASE)  # the line with which spreadsheets name the delimiter
_ODD: Final = re.compile(r"=\"(.*)\"|'(?=[-+=@\d])(.*)", re.DOTALL)  # how spreadsheets are made to keep `01234`
NO_TEXT: Final = say("file.damaged_row", "bytes that fit no encoding")
_NO_EMAIL: Final = say("file.no_email", "the e-mail is empty")
_NOT_AN_EMAIL: Final = say("file.not_an_email", "the e-mail is not a usable address")
LOST: Final = b"\x1e"  # the record separator behind the body of a row that lost bytes
_UNIT: Final = "\x1f"  # the unit separator stands between the cells in the body of a row: twice as fast as JSON

Some = tuple[list[Row], list[Unreadable]]


class Header(NamedTuple):
    """The headings of a CSV file, the delimiter between them, and the number of the line after them."""

    headings: list[str]
    delimiter: str
    next_line: int


def plain(cell: str) -> str:
    """The cell without the marks that make a spreadsheet keep it as text: `="01234"`, `'01234`."""
    found = _ODD.fullmatch(cell)
    return cell if found is None else found[1] or found[2] or ""


def _body(cells: list[str]) -> bytes:
    text = _UNIT.join(cells)
    if text.count(_UNIT) >= len(cells):
        text = _UNIT.join(cell.replace(_UNIT, " ") for cell in cells)
    return text.encode()


def csv_cells(body: bytes) -> list[str]:
    """The cells of a CSV row out of its body."""
    cells = body.decode().split(_UNIT)
    if b"=" in body or b"'" in body:
        return [plain(cell.strip()) for cell in cells]
    return cells


def _usable(raw: str) -> str | None:
    return normalise(raw) if raw[:1] != "=" else normalise(plain(raw))


def read_header(lines: Sequence[str], delimiter: str | None, wanted: Sequence[str], where: str) -> Header:
    """Finds the headings in the first lines; the delimiter is the one that gives most of the `wanted` headings.

    Raises UsageError if there are none.
    """
    skipped = 0
    while skipped < len(lines) and not lines[skipped].strip():
        skipped += 1
    named = _SEP.fullmatch(lines[skipped]) if skipped < len(lines) else None
    if named is not None:
        skipped += 1
        delimiter = delimiter or named[1]
    first = lines[skipped : skipped + _HEADER_LINES]
    if not first:
        raise UsageError(
            say("file.empty", "the file is empty: it does not even have a header"),
            where=where,
            hint=say("file.export_with_header", "export it again; the first line must contain the headings"),
        )
    folded = {fold(heading) for heading in wanted}
    best: tuple[tuple[int, int], Header] | None = None
    for candidate in delimiter or _DELIMITERS:
        reader = csv.reader(first, delimiter=candidate)
        try:
            cells = next(reader)
        except csv.Error:
            continue
        score = (sum(fold(cell) in folded for cell in cells), len(cells))
        if best is None or score > best[0]:
            best = (score, Header(cells, candidate, skipped + reader.line_num + 1))
    if best is None:
        raise UsageError(say("file.header_too_long", "the header is too long"), where=where)
    return best[1]


class CsvRows:
    """Rows of a CSV file; the body of a row is its cells, as `csv_cells` reads them."""

    def __init__(
        self,
        header: Header,
        matched: Matched,
        blocks: Iterator[list[str]],
        texts: Texts,
        withdrew: Callable[[str], bool],
    ) -> None:
        self._width = len(header.headings)
        self._delimiter = header.delimiter
        self._line = header.next_line
        self._email = matched.positions["email"]
        self._ident = matched.positions.get("source_id")
        self._reader = csv.reader(chain.from_iterable(blocks), delimiter=header.delimiter)
        self._offset = header.next_line
        self._texts = texts
        self._withdrew = withdrew
        self._stated = matched.positions.get("subscribed")
        self.torn = 0
        self.damaged = 0

    def chunks(self) -> Iterator[Some]:
        """Lists of rows in the order of the file."""
        while True:
            rows, unreadable = self._some()
            if rows or unreadable:
                yield rows, unreadable
            if len(rows) + len(unreadable) < ROWS:
                return

    def _some(self) -> Some:
        rows: list[Row] = []
        unreadable: list[Unreadable] = []
        while True:
            try:
                self._fill(rows, unreadable)
                return rows, unreadable
            except csv.Error:
                start, end = self._line, self._offset + self._reader.line_num
                self._line = end
                unreadable.append(self._torn(_too_long(start, end), start))
                if len(rows) + len(unreadable) >= ROWS:
                    return rows, unreadable

    def _fill(self, rows: list[Row], unreadable: list[Unreadable]) -> None:
        reader, offset, width, email, ident = (
            self._reader, self._offset, self._width, self._email, self._ident
        )  # fmt: skip
        add, room, texts = rows.append, ROWS - len(unreadable) - len(rows), self._texts
        line = self._line
        for cells in reader:
            start, line = line, offset + reader.line_num
            self._line = line
            if len(cells) != width or (line - start > 1 and self._swallowed(cells)):
                problem = self._problem(cells, start, line)
                if problem is None:
                    continue
                unreadable.append(problem)
            elif texts.damaged and any(map(is_damaged, cells)):
                found = self._damaged(cells, start)
                if isinstance(found, Row):
                    add(found)
                else:
                    unreadable.append(found)
            elif (address := _usable(cells[email])) is None:
                if width == 1 and cells[0].isspace():
                    continue
                unreadable.append(no_address(cells[email], start))
            else:
                identity = None if ident is None else plain(cells[ident].strip()) or None
                add(Row(address, identity, _body(cells), start))
            room -= 1
            if not room:
                return

    def _damaged(self, cells: list[str], start: int) -> Row | Unreadable:
        """A row with bytes that fit no encoding is lost, unless it ends somebody's consent."""
        self.damaged += 1
        address, stated = _usable(cells[self._email]), "" if self._stated is None else cells[self._stated]
        if address is not None and not is_damaged(stated) and self._withdrew(stated):
            identity = "" if self._ident is None else plain(cells[self._ident].strip())
            known = None if is_damaged(identity) else identity or None
            return Row(address, known, _body(list(map(mended, cells))) + LOST, start)
        self.torn += 1
        return Unreadable("encoding", NO_TEXT, start)

    def _problem(self, cells: list[str], start: int, line: int) -> Unreadable | None:
        """None for a blank line."""
        if not cells or (len(cells) == 1 and cells[0].isspace()):
            return None
        if line - start > 1 and self._swallowed(cells):
            return self._torn(
                say("file.open_quotation", "a quotation mark is open until line {line}", line=line - 1), start
            )
        return self._torn(_odd_width(len(cells), self._width), start)

    def _swallowed(self, cells: list[str]) -> bool:
        """Whether a cell of several lines holds whole rows, because a quotation mark was not closed."""
        return any(self._is_row(line) for cell in cells for line in cell.splitlines()[1:])

    def _is_row(self, line: str) -> bool:
        pieces = line.split(self._delimiter)
        return len(pieces) >= self._width and any(normalise(piece.strip(' "')) for piece in pieces)

    def _torn(self, message: Message, place: int) -> Unreadable:
        self.torn += 1
        return Unreadable("columns", message, place)


@lru_cache(64)  # for every row of a file that is torn throughout
def _odd_width(cells: int, width: int) -> Message:
    return say_many(
        "file.odd_width",
        "{number:,} column, but the header has {width:,}",
        "{number:,} columns, but the header has {width:,}",
        number=cells,
        width=width,
    )


def _too_long(start: int, end: int) -> Message:
    if end - start < 2:
        return say("file.quoted_line_too_long", "the line is too long; is a quotation mark missing?")
    return say(
        "file.cell_too_long",
        "a cell that goes on to line {line} is too long; is a quotation mark missing?",
        line=end - 1,
    )


def no_address(raw: str | None, place: int) -> Unreadable:
    """A row without a usable e-mail."""
    return Unreadable("email", _NO_EMAIL if raw is None or not raw.strip() else _NOT_AN_EMAIL, place)
