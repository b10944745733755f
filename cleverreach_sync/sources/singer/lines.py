"""The lines of a Singer tap, or of an Airbyte connector: which are records of a stream, which say where to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any, Final

import orjson

from cleverreach_sync.errors import TemporaryError, UsageError
from cleverreach_sync.json_reading import read_json
from cleverreach_sync.messages import Message, say
from cleverreach_sync.settings.types import did_you_mean
from cleverreach_sync.sources.file.encodings import is_damaged
from cleverreach_sync.sources.file.text import OVERLONG, TextFile
from cleverreach_sync.sources.interface import Row, Unreadable
from cleverreach_sync.sources.singer.rows import StreamRows
from cleverreach_sync.sources.singer.states import States

AT_ONCE: Final = 1000
Found = tuple[str, Row | Unreadable]
_STOP: Final = say("singer.see_tap", "nothing was written; see what the tap says on its own output of errors")
_IGNORED: Final = frozenset(("LOG", "ACTIVATE_VERSION", "CONTROL"))


class Lines:
    """The messages of an input, in their order. `names`: the streams that it has, mapped or not."""

    def __init__(self, streams: Mapping[str, StreamRows], file: TextFile, states: States) -> None:
        self.names: dict[str, None] = {}
        self._streams = streams
        self._file = file
        self._states = states
        self._described: set[str] = set()
        self._number = 0
        self._read: dict[str, Callable[[dict[str, Any]], Found | None]] = {
            "RECORD": self._record,
            "SCHEMA": self._schema,
            "STATE": self._state,
            "TRACE": self._trace,
            "BATCH": self._batch,
        }

    def blocks(self) -> Iterator[list[Found]]:
        """Records of mapped streams, some at a time; then the input is closed. Raises UsageError for a line that is no
        message."""
        try:
            yield from self._blocks()
        finally:
            self._file.close()

    def _blocks(self) -> Iterator[list[Found]]:
        found: list[Found] = []
        for line in chain.from_iterable(self._file.lines()):
            self._number += 1
            each = self._message(line)
            if each is not None:
                found.append(each)
                if len(found) >= AT_ONCE:
                    yield found
                    found = []
        if not self._number:
            raise TemporaryError(
                say("singer.nothing", "nothing came in, not even a state"), where=self._file.name, hint=_STOP
            )
        self._check_streams()
        yield found

    def _message(self, line: str) -> Found | None:
        if line.isspace():
            return None
        if line is OVERLONG:
            raise self._wrong(say("singer.line_too_long", "the line is too long"))
        if self._file.texts.damaged and is_damaged(line):
            raise self._wrong(say("singer.not_utf8", "the line is not UTF-8"))
        try:
            message = orjson.loads(line)
        except orjson.JSONDecodeError:
            try:
                message = read_json(line.encode("utf-8", "replace"))
            except orjson.JSONDecodeError:
                raise self._wrong(
                    say("singer.not_json", "the line is not JSON"),
                    say(
                        "singer.only_messages",
                        "the tap may write nothing but messages; if the line is cut off, it failed",
                    ),
                ) from None
        kind = message.get("type") if isinstance(message, dict) else None
        read = self._read.get(kind) if isinstance(kind, str) else None
        if read is not None:
            return read(message)
        if not isinstance(kind, str) or kind not in _IGNORED:
            raise self._wrong(
                say("singer.unknown_type", "the line is no message that is known"),
                say(
                    "singer.known_types",
                    "known are SCHEMA, RECORD, STATE and ACTIVATE_VERSION of Singer, and RECORD, STATE, TRACE, LOG and "
                    "CONTROL of Airbyte",
                ),
            )
        return None

    def _record(self, message: dict[str, Any]) -> Found | None:
        name, record = message.get("stream"), message.get("record")
        singer = isinstance(name, str)
        if not singer and isinstance(record, dict):
            name, record = self._name(record, record.get("stream")), record.get("data")
        if not isinstance(name, str) or not isinstance(record, dict):
            raise self._wrong(say("singer.no_record", "a RECORD needs a stream and a record"))
        self.names[name] = None
        rows = self._streams.get(name)
        if rows is None:
            return None
        if singer and name not in self._described:
            raise self._wrong(
                say("singer.no_schema", "a record of the stream {stream} comes before its SCHEMA", stream=name)
            )
        self._check_keys(rows)
        try:
            row = rows.row(record, self._number)
        except KeyError:
            raise self._wrong(
                say(
                    "singer.no_key",
                    "a record of the stream {stream} has no value of its keys ({keys})",
                    stream=name,
                    keys=", ".join(rows.keys),
                )
            ) from None
        return None if row is None else (name, row)

    def _name(self, of: Mapping[str, Any], name: Any) -> Any:
        """With its namespace where the config names it so."""
        long = f"{of.get('namespace')}.{name}"
        return long if long in self._streams else name

    def _check_keys(self, rows: StreamRows) -> None:
        if rows.options.single_orders and not rows.keys:
            raise self._wrong(
                say("singer.orders_without_keys", "the orders of the stream {stream} have no key", stream=rows.name),
                say("singer.name_keys", "name the property that identifies an order with keys: [id]"),
            )

    def _schema(self, message: dict[str, Any]) -> None:
        name, keys = message.get("stream"), message.get("key_properties")
        if not isinstance(name, str) or not isinstance(keys or [], list):
            raise self._wrong(say("singer.no_stream", "a SCHEMA needs a stream"))
        self.names[name] = None
        self._described.add(name)
        rows = self._streams.get(name)
        if rows is None:
            return
        if not rows.options.keys:
            rows.keys = tuple(str(key) for key in keys or ())
        rows.unseen.clear()
        schema = message.get("schema")
        there = schema.get("properties") if isinstance(schema, dict) else None
        if not isinstance(there, dict) or not there:
            return
        for field, path in rows.options.fields.items():
            if path not in there and path.split(".")[0] not in there:
                raise self._wrong(
                    say(
                        "singer.no_property",
                        "the stream {stream} has no {path} (for {field})",
                        stream=name,
                        path=path,
                        field=field,
                    ),
                    did_you_mean(path, there) or say("singer.select_it", "see whether the tap is told to read it"),
                )

    def _state(self, message: dict[str, Any]) -> None:
        if not self._states.take(message):
            raise self._wrong(say("singer.no_state", "a STATE needs a value"))

    def _trace(self, message: dict[str, Any]) -> None:
        trace = message.get("trace")
        trace = trace if isinstance(trace, dict) else {}
        status = trace.get("stream_status")
        status = status if isinstance(status, dict) else {}
        of = status.get("stream_descriptor")
        name = self._name(of, of.get("name")) if isinstance(of, dict) else None
        incomplete = status.get("status") == "INCOMPLETE" and name in self._streams
        if trace.get("type") == "ERROR" or incomplete:
            raise self._wrong(say("singer.failed", "the connector reports that it failed"), _STOP)

    def _batch(self, _message: dict[str, Any]) -> None:
        raise self._wrong(
            say("singer.batch", "BATCH messages cannot be read"),
            say("singer.no_batch", "take batch_config out of the tap's config, so that it writes records"),
        )

    def _check_streams(self) -> None:
        """Raises UsageError where the input has streams, but none that the config names."""
        if self.names and not self._streams.keys() & self.names.keys():
            raise UsageError(
                say("singer.no_such_streams", "none of the streams in the config is in the input"),
                where=self._file.name,
                hint=say("shop.there_are", "there are: {names}", names=", ".join(sorted(self.names))),
            )
        for rows in self._streams.values():
            if rows.rows and rows.options.fields["email"] in rows.unseen:
                raise UsageError(
                    say(
                        "singer.no_property",
                        "the stream {stream} has no {path} (for {field})",
                        stream=rows.name,
                        path=rows.options.fields["email"],
                        field="email",
                    ),
                    where=self._file.name,
                )

    def _wrong(self, what: Message, hint: Message = _STOP) -> UsageError:
        return UsageError(what, where=f"{self._file.name}:{self._number}", hint=hint)
