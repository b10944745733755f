"""Reads rows out of JSON Lines: every line an object with keys of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any, Final

import orjson

from cleverreach_sync.domain.address import normalise
from cleverreach_sync.errors import UsageError
from cleverreach_sync.json_reading import read_json
from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources.file.columns import Matched, match, missing
from cleverreach_sync.sources.file.encodings import Texts, is_damaged, mended
from cleverreach_sync.sources.file.tables import LOST, NO_TEXT, ROWS, Some, no_address
from cleverreach_sync.sources.file.text import OVERLONG
from cleverreach_sync.sources.interface import Row, Unreadable
from cleverreach_sync.sources.values import json_text

_NOT_JSON: Final = say("file.not_json", "not JSON")
_NOT_AN_OBJECT: Final = say("file.not_an_object", "not a JSON object")
_TOO_LONG: Final = say("file.line_too_long", "the line is too long")


class Keys:
    """The keys of JSON objects as headings: every set of keys is a header of its own."""

    def __init__(self, columns: Mapping[str, str], where: str) -> None:
        self._columns = columns
        self._where = where
        self._known: dict[tuple[str, ...], Matched] = {}
        self.seen: dict[str, str] = {}  # heading by person field
        self.notes: dict[Message, None] = {}

    def match(self, keys: tuple[str, ...]) -> Matched:
        """Raises UsageError if two keys could be the same field."""
        found = self._known.get(keys)
        if found is None:
            found = match(keys, self._columns, self._where)
            if len(self._known) >= 1024:
                self._known.clear()
            self._known[keys] = found
            self.seen.update(found.headings)
            self.notes.update(dict.fromkeys(found.notes))
        return found


class JsonRows:
    """Rows of a JSON Lines file; the body of a row is its line."""

    def __init__(
        self,
        keys: Keys,
        columns: Mapping[str, str],
        where: str,
        blocks: Iterator[list[str]],
        texts: Texts,
        withdrew: Callable[[str], bool],
    ) -> None:
        self._keys = keys
        self._columns = columns
        self._where = where
        self._lines = enumerate(chain.from_iterable(blocks), 1)
        self._objects = 0
        self._texts = texts
        self._withdrew = withdrew
        self.torn = 0
        self.damaged = 0

    def chunks(self) -> Iterator[Some]:
        """Lists of rows in the order of the file. Raises UsageError at the end for a column that never came."""
        while True:
            rows, unreadable = self._some()
            if self._objects and "email" not in self._keys.seen:
                raise missing("email", self._columns, self._headings(), self._where)
            if rows or unreadable:
                yield rows, unreadable
            if len(rows) + len(unreadable) < ROWS:
                break
        if self._objects:
            for field in self._columns:
                if field not in self._keys.seen:
                    raise missing(field, self._columns, self._headings(), self._where)

    def _headings(self) -> list[str]:
        return list(self._keys.seen.values())

    def _some(self) -> Some:
        rows: list[Row] = []
        unreadable: list[Unreadable] = []
        for place, line in self._lines:
            found = self._row(line, place)
            if isinstance(found, Row):
                rows.append(found)
            elif found is not None:
                unreadable.append(found)
            if len(rows) + len(unreadable) >= ROWS:
                break
        return rows, unreadable

    def _row(self, line: str, place: int) -> Row | Unreadable | None:
        if self._texts.damaged and is_damaged(line):
            return self._damaged(line, place)
        body = None
        try:
            item = orjson.loads(line)
        except orjson.JSONDecodeError:
            try:
                item = read_json(line.encode("utf-8", "replace"))
            except orjson.JSONDecodeError:
                return self._not_json(line, place)
            body = orjson.dumps(item)
        if not isinstance(item, dict):
            return self._torn(_NOT_AN_OBJECT, place, line)
        self._objects += 1
        keys = tuple(item)
        at = self._keys.match(keys).positions
        raw = item[keys[at["email"]]] if "email" in at else None
        address = normalise(raw) if isinstance(raw, str) else None
        if address is None:
            return no_address(None if raw is None else str(raw), place)
        ident = item[keys[at["source_id"]]] if "source_id" in at else None
        identity = None if ident is None else (json_text(ident) or "").strip() or None
        return Row(address, identity, body or line.strip().encode(), place)

    def _damaged(self, line: str, place: int) -> Row | Unreadable:
        """As that of a CSV row."""
        self.damaged += 1
        try:
            item = read_json(mended(line).encode("utf-8", "replace"))
        except orjson.JSONDecodeError:
            item = None
        if isinstance(item, dict):
            self._objects += 1
            keys = tuple(item)
            at = self._keys.match(keys).positions
            raw, stated = (item[keys[at[name]]] if name in at else None for name in ("email", "subscribed"))
            address = normalise(raw) if isinstance(raw, str) else None
            if address is not None and self._withdrew(json_text(stated) or ""):
                return Row(address, None, orjson.dumps(item) + LOST, place)
        self.torn += 1
        return Unreadable("encoding", NO_TEXT, place)

    def _not_json(self, line: str, place: int) -> Unreadable | None:
        if not line.strip():
            return None
        if line is OVERLONG:
            return self._torn(_TOO_LONG, place, "")
        return self._torn(_NOT_JSON, place, line)

    def _torn(self, message: Message, place: int, line: str) -> Unreadable:
        text = line.strip()
        if not self._objects and not self.torn and (text == "{" or text.startswith("[")):
            raise UsageError(
                say("file.not_json_lines", "JSON Lines has one complete object per line"),
                where=self._where,
                hint=say("file.make_json_lines", "`jq -c '.[]' export.json > export.jsonl` converts an array"),
            )
        self.torn += 1
        return Unreadable("columns", message, place)


def json_cells(item: dict[str, Any], warn: Callable[[str], None]) -> list[str | None]:
    """The values of a JSON object as cells: None is missing; what is no single value goes to `warn` by its key."""
    cells: list[str | None] = []
    for key, value in item.items():
        if type(value) is str or value is None:
            cells.append(value)
            continue
        text = json_text(value)
        if text is None:
            warn(key)
        cells.append(text)
    return cells
