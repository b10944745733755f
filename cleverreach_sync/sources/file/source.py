"""The file source: an export of a shop as CSV or JSON Lines, and the consent file beside another source."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from itertools import chain
from pathlib import Path
from typing import Final, Literal

import orjson

from cleverreach_sync.domain.model import PERSON_FIELDS, ConsentState, Record, Signal
from cleverreach_sync.errors import UsageError
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.messages import Message, say, say_many
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources.file.columns import EMAIL_HEADINGS, Matched, match, missing
from cleverreach_sync.sources.file.encodings import mended
from cleverreach_sync.sources.file.exports import Export, recognised
from cleverreach_sync.sources.file.json_lines import JsonRows, Keys, json_cells
from cleverreach_sync.sources.file.rows import Formats, Plan
from cleverreach_sync.sources.file.settings import STDIN, FileOptions, FileSettings
from cleverreach_sync.sources.file.tables import LOST, NO_TEXT, CsvRows, Header, csv_cells, read_header
from cleverreach_sync.sources.file.text import TextFile, find
from cleverreach_sync.sources.interface import Chunk, Row, Stream, StreamEnd, Warned

_JSON_NAMES: Final = (".jsonl", ".ndjson")
_CSV_NAMES: Final = (".csv", ".tsv", ".txt")
_HEADER_LINES: Final = 50
_MOST_PLANS: Final = 1024
_ENOUGH: Final = 100  # rows that show a file can be read


def open_source(settings: FileSettings, base: Path, means: HttpContext | None = None) -> FileSource:  # noqa: ARG001 - no HTTP
    """The source; its file is opened when it is read."""
    return FileSource(settings, base, name=settings.tag_source, complete=settings.complete, zone=settings.zone)


def open_consent(options: FileOptions, base: Path, absent: Literal["no", "unknown"], zone: tzinfo = UTC) -> FileSource:
    """The consent file beside a shop: records with e-mail and consent only, in a stream called `consent`.

    `absent` "no": who had a yes in it and is gone from it has none any more.
    """
    return FileSource(options, base, name="consent", complete=absent == "no", consent_only=True, zone=zone)


class FileSource:
    """An export as a source with one stream, read in full every time.

    `warnings`, `has_consent` and `fields` (the person fields that have a column) are known when the first chunk has
    been read; `warnings` may grow until the last. The body of a row is the cells of a CSV row, or the line of JSON.
    """

    type = "file"
    url = None
    clock_ahead = None

    def __init__(
        self,
        options: FileOptions,
        base: Path,
        *,
        name: str,
        complete: bool,
        consent_only: bool = False,
        zone: tzinfo = UTC,
    ) -> None:
        self.name = name
        self.warnings: list[Message] = []
        self.fields: frozenset[str] = frozenset()
        self._options = options
        self._base = base
        self._complete = complete
        self._consent_only = consent_only
        self._stream = "consent" if consent_only else "rows"
        self._zone = zone
        self._export: Export | None = None
        self._columns: Mapping[str, str] = options.columns
        self._formats = Formats(options.dates, options.decimal, options.values, zone)
        self._location = "stdin" if options.path == STDIN else Path(options.path).name
        self._spent = False  # standard input can be read once
        self._file: TextFile | None = None
        self._header: list[str] | None = None  # None: JSON Lines
        self._plan: Plan | None = None
        self._keys = Keys(options.columns, self._location)
        self._plans: dict[tuple[str, ...], Plan] = {}

    @property
    def has_consent(self) -> bool:
        """Whether the file says who subscribed."""
        return "subscribed" in self.fields

    @property
    def lacks_consent(self) -> Message | None:
        if not self.fields or self.has_consent:
            return None
        return say(
            "file.without_consent",
            "{file}: no column 'subscribed', so nobody is known to have subscribed",
            file=self._location,
        )

    def streams(self) -> Sequence[Stream]:
        signals = (Signal.CONSENT,) if self._consent_only else tuple(Signal)
        return (Stream(self._stream, frozenset(signals), full_read=True, followed=False, unit="bytes"),)

    def location(self, stream: str) -> str:  # noqa: ARG002 - there is one stream
        return self._location

    def inspect(self) -> Iterator[Finding]:
        """Reads the beginning of the file."""
        for stream in self.streams():
            chunks = self.read(stream.name, None, lambda: False)
            rows, more = 0, True
            for chunk in chunks:  # whether there are more than enough, the chunk after them tells
                if rows >= _ENOUGH and (chunk.rows or chunk.unreadable):
                    break
                rows += len(chunk.rows) + len(chunk.unreadable)
                more = chunk.end is None
            if isinstance(chunks, Generator):
                chunks.close()
            yield Finding(
                _beginning(self.location(stream.name), rows, len(self.fields), more=more),
                None
                if rows
                else say("file.nobody_in_it", "nobody is in it: is it the right file, and a whole export?"),
            )
            if self._export is not None:
                yield Finding(
                    say(
                        "file.export_recognised",
                        "{file}: has the headings of {export}",
                        file=self.location(stream.name),
                        export=self._export.name,
                    )
                )
            for note in self.warnings:
                yield Finding(note, say("file.see_columns", "see `columns` of the file source"))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def read(self, stream: str, since: str | None, stopped: Callable[[], bool]) -> Iterator[Chunk]:  # noqa: ARG002
        """Yields chunks of at most 1000 rows; `done` and `total` are bytes of the file as it is stored.

        Raises UsageError for a file that is not there, is no table or lacks a column, TemporaryError for one that is
        cut short or changes meanwhile; then no chunk carries an `end`.
        """
        self.close()
        file = self._file = self._open()
        try:
            table = self._table(file)
            count = 0
            for rows, unreadable in table.chunks():
                if stopped():
                    return
                count += len(rows) + len(unreadable)
                self._learn_keys()
                yield Chunk(rows, unreadable, file.done, file.total)
            if stopped():
                return
            file.texts.check(table.damaged, count)
            self._learn_keys()
            if self._consent_only and self.fields and not self.has_consent:
                raise self._no_consent()
            yield Chunk((), (), file.done, file.total, self._end(table.torn))
        finally:
            file.close()

    def _open(self) -> TextFile:
        self.warnings = []
        if self._options.path != STDIN:
            found = find(self._options.path, self._base)
            self._location = found.name
            return TextFile(found, found.name, self._options.encoding)
        if self._spent:
            raise UsageError(
                say("file.read_once", "standard input can be read only once"),
                hint=say("file.write_first", "write it into a file first"),
            )
        self._spent = True
        return TextFile(None, self._location, self._options.encoding)

    def _table(self, file: TextFile) -> CsvRows | JsonRows:
        blocks = file.lines()
        first: list[str] = []
        for lines in blocks:
            first += lines
            if len(first) >= _HEADER_LINES:
                break
        if self._is_json(first):
            self._header, self._plan, self._plans = None, None, {}
            self._keys = Keys(self._options.columns, self._location)
            whole = chain((first,), blocks)
            return JsonRows(self._keys, self._options.columns, self._location, whole, file.texts, self._withdrew)
        header, matched = self._csv_header(first)
        rest = chain((first[header.next_line - 1 :],), blocks)
        return CsvRows(header, matched, rest, file.texts, self._withdrew)

    def _withdrew(self, word: str) -> bool:
        """Whether a cell says that somebody withdrew their consent."""
        return self._formats.typed["subscribed"](word) is ConsentState.OPTED_OUT

    def _is_json(self, first: Sequence[str]) -> bool:
        """By the name of the file, else by its first character."""
        suffixes = [] if self._options.path == STDIN else [s.lower() for s in Path(self._location).suffixes]
        suffix = next((s for s in reversed(suffixes) if s != ".gz"), "")
        if suffix in _JSON_NAMES or suffix in _CSV_NAMES:
            return suffix in _JSON_NAMES
        return next((line.lstrip()[0] for line in first if line.strip()), "") in ("{", "[")

    def _csv_header(self, first: Sequence[str]) -> tuple[Header, Matched]:
        where = self._location
        wanted = (*self._options.columns.values(), *PERSON_FIELDS, *EMAIL_HEADINGS)
        header = read_header([*map(mended, first)], self._options.delimiter, wanted, where)
        columns = self._recognise(header.headings)
        matched = self._use_header(header.headings)
        for field in (*matched.absent, "email"):
            if field not in matched.positions:
                raise missing(field, columns, header.headings, where)
        if self._consent_only and not self.has_consent:
            raise self._no_consent()
        self.warnings.extend(matched.notes)
        return header, matched

    def _recognise(self, headings: Sequence[str]) -> Mapping[str, str]:
        """The columns, also those of a consent file in the shape of an export that is known, where the config names
        none."""
        options = self._options
        found = recognised(headings) if self._consent_only and not options.columns else None
        if found is not self._export:
            self._formats = Formats(options.dates, options.decimal, options.values, self._zone, found)
        self._export = found
        self._columns = options.columns if found is None else found.columns
        return self._columns

    def _use_header(self, headings: list[str]) -> Matched:
        matched = match(headings, self._columns, self._location)
        self._header = headings
        self._plan = Plan(matched, self._formats, consent_only=self._consent_only, sparse=False)
        self.fields = frozenset(matched.positions)
        return matched

    def _learn_keys(self) -> None:
        if self._header is None:
            self.fields = frozenset(self._keys.seen)
            self.warnings.extend(note for note in self._keys.notes if note not in self.warnings)

    def _no_consent(self) -> UsageError:
        return UsageError(
            say("file.no_consent_column", "no column 'subscribed' in the consent file"),
            where=self._location,
            hint=say("file.name_consent_column", "name its heading with `columns: {subscribed: ...}`"),
        )

    def _end(self, torn: int) -> StreamEnd:
        """Who is in a row that could not be read is not gone, but nobody knows who that is."""
        if self._complete and torn:
            self.warnings.append(
                say(
                    "file.nobody_gone",
                    "not every row could be read, so nobody counts as gone from the file in this run",
                )
            )
        whole = self._complete and self.has_consent and not torn
        return StreamEnd(whole, numbered="source_id" in self.fields)

    def decode(self, stream: str, row: Row, warn: Callable[[Warned], None]) -> Record:
        if row.body.endswith(LOST):
            whole = row._replace(body=row.body.removesuffix(LOST))
            record = self.decode(stream, whole, lambda _: None)
            warn(Warned(NO_TEXT, row.place))
            return Record(record.email, record.ident, consent=record.consent, invalid="encoding")
        if self._plan is not None:
            return self._plan.record(row, csv_cells(row.body), warn)
        item = orjson.loads(row.body)
        plan = self._plan_of(tuple(item))
        cells = json_cells(item, lambda key: warn(Warned(_not_single(key), row.place)))
        if self._options.decimal == ",":  # a number of JSON has a dot all the same
            values = list(item.values())
            for position in plan.numbers:
                if isinstance(values[position], float):
                    cells[position] = (cells[position] or "").replace(".", ",")
        return plan.record(row, cells, warn)

    def _plan_of(self, keys: tuple[str, ...]) -> Plan:
        plan = self._plans.get(keys)
        if plan is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            matched = self._keys.match(keys)
            plan = self._plans[keys] = Plan(matched, self._formats, consent_only=self._consent_only, sparse=True)
        return plan


def _not_single(column: str) -> Message:
    return say("file.not_a_single_value", "column '{column}': not a single value", column=column)


def _beginning(file: str, rows: int, columns: int, *, more: bool) -> Message:
    """What `check` says of the rows at the beginning."""
    shown = _rows(rows, more=more)
    if not columns:
        return say("file.seen_rows", "{file}: {rows}", file=file, rows=shown)
    return say_many(
        "file.seen_rows_and_columns",
        "{file}: {rows}, {number:,} column in use",
        "{file}: {rows}, {number:,} columns in use",
        number=columns,
        file=file,
        rows=shown,
    )


def _rows(rows: int, *, more: bool) -> Message:
    if more:
        return say_many("file.more_rows", "more than {number:,} row", "more than {number:,} rows", number=rows)
    return say_many("file.rows", "{number:,} row", "{number:,} rows", number=rows)
