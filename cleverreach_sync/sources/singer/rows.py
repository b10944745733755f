"""What is kept of a record of a tap, and what it says about a person: by the paths of the config and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

import orjson

from cleverreach_sync.domain.address import PLACEHOLDERS, WITHOUT_ADDRESS, normalise
from cleverreach_sync.domain.model import (
    RANK_CUSTOMER,
    RANK_GUEST,
    Consent,
    ConsentState,
    Order,
    Purchases,
    Record,
)
from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources.file.columns import Matched
from cleverreach_sync.sources.file.rows import Formats, Plan
from cleverreach_sync.sources.interface import Row, Unreadable, Warned
from cleverreach_sync.sources.singer.settings import SingerStream
from cleverreach_sync.sources.values import json_text

DELETED: Final = ("_sdc_deleted_at", "_ab_cdc_deleted_at")
_MISSING: Final = object()
_NOT_SINGLE: Final[list[str]] = []  # stands for a list or an object, which no field can hold
_YES: Final = frozenset({"true", "yes", "1", "t", "y"})
_NO: Final = frozenset({"false", "no", "0", "f", "n", ""})
_GONE: Final = (ConsentState.YES, ConsentState.UNKNOWN)
_ERASED: Final = f"gone@singer{PLACEHOLDERS}"
Warn = Callable[[Warned], None]


def path_of(text: str) -> Callable[[Mapping[str, Any]], Any]:
    """The value at a path; _MISSING where there is none. A key that has dots itself goes before."""
    parts = text.split(".")
    if len(parts) == 1:
        return lambda record: record.get(text, _MISSING)

    def value(record: Mapping[str, Any]) -> Any:
        if text in record:
            return record[text]
        found: Any = record
        for part in parts:
            if found is None:
                return None
            if not isinstance(found, dict) or part not in found:
                return _MISSING
            found = found[part]
        return found

    return value


class StreamRows:
    """Reads the records of one stream. `keys` identify a record; they come from the config or from the tap."""

    def __init__(self, name: str, options: SingerStream, zone: tzinfo) -> None:
        self.name = name
        self.options = options
        self.keys: tuple[str, ...] = options.keys
        self.unseen = dict.fromkeys(options.fields.values())  # paths that no record has had so far
        self.rows = 0
        fields = options.fields
        self._email = path_of(fields["email"])
        self._names = [field for field in fields if field != "email"]
        self._paths = [(fields[field], path_of(fields[field])) for field in self._names]
        self._flags = [
            None if path is None else path_of(path) for path in (options.opted_out, options.counts, options.currency)
        ]
        self._formats = Formats(options.dates, options.decimal, options.values, zone)
        matched = Matched({field: at for at, field in enumerate(self._names)}, dict(fields), (), ())
        self._plan = Plan(matched, self._formats, consent_only=False, sparse=True)
        self._rank = RANK_CUSTOMER if "profile" in options.signal else RANK_GUEST
        self._counting = frozenset(word.lower() for word in options.counting)

    def ident(self, record: Mapping[str, Any]) -> str | None:
        """By its keys, None for a stream without. Raises KeyError for a record that lacks one."""
        if not self.keys:
            return None
        texts = [json_text(record[key]) for key in self.keys]
        if None in texts or "" in texts:
            raise KeyError
        return texts[0] if len(texts) == 1 else orjson.dumps(texts).decode()

    def row(self, record: Mapping[str, Any], place: int) -> Row | Unreadable | None:
        """None for a record that is nobody's. Raises KeyError for one without its keys."""
        self.rows += 1
        ident = self.ident(record)
        raw = self._email(record)
        if self.unseen:
            self._look_for_fields(record)
        deleted = any(record.get(name) for name in DELETED)
        counts = self._flag(1, record)
        if raw is _MISSING or raw is None or raw == "":
            return self._of_nobody(ident, place, deleted=deleted, counts=counts)
        email = normalise(raw) if isinstance(raw, str) else None
        if email is None:
            return Unreadable("email", say("singer.no_address", "not an e-mail address"), place)
        cells = [_kept(read(record)) for _, read in self._paths]
        flags = [self._flag(0, record), counts, self._flag(2, record)]
        return Row(email, ident, orjson.dumps([*cells, *flags, deleted]), place)

    def _of_nobody(self, ident: str | None, place: int, *, deleted: bool, counts: Any) -> Row | Unreadable | None:
        """A customer who has no address any more is ended wherever they were, and is erased if the record is marked as
        deleted; an order that is deleted is taken back wherever it was, another one makes nobody a buyer."""
        order = self.options.single_orders
        if ident is not None and (deleted or not order):
            return Row(_ERASED if deleted and not order else WITHOUT_ADDRESS, ident, b"", place)
        if order and not deleted and self._counts(counts) is False:
            return None
        return Unreadable("email", say("singer.without_address", "a record without an e-mail address"), place)

    def _look_for_fields(self, record: Mapping[str, Any]) -> None:
        for path in [path for path in self.unseen if path_of(path)(record) is not _MISSING]:
            del self.unseen[path]

    def _flag(self, number: int, record: Mapping[str, Any]) -> Any:
        read = self._flags[number]
        value = None if read is None else _kept(read(record))
        return None if value == "" else value

    def _counts(self, value: Any) -> bool | None:
        """Whether an order counts; None for a word that nobody knows."""
        if self.options.counts is None:
            return True
        word = (_text(value) or "").strip().lower()
        if self._counting:
            return word in self._counting
        return True if word in _YES else False if word in _NO else None

    def record(self, row: Row, warn: Warn) -> Record:
        """What a kept record says."""
        *values, out, counts, currency, deleted = orjson.loads(row.body)
        cells = self._cells(values, row.place, warn)
        record = self._plan.record(row, cells, warn)._replace(rank=self._rank)
        record = self._consented(record, out, row.place, warn)
        if self.options.single_orders:
            record = self._ordered(record, cells, counts, currency, row.place, warn)
        return self._deleted(record) if deleted else record

    def _cells(self, values: Sequence[Any], place: int, warn: Warn) -> list[str | None]:
        cells: list[str | None] = []
        for name, value in zip(self._names, values, strict=True):
            if type(value) is str or value is None:
                cells.append(value)
                continue
            text = _text(value)
            if text is None:
                warn(Warned(self._not_single(name), place))
            elif isinstance(value, float) and self.options.decimal == ",":
                text = text.replace(".", ",")  # a number of JSON has a dot all the same
            cells.append(text)
        return cells

    def _not_single(self, field: str) -> Message:
        path = self.options.fields[field]
        return say("singer.not_a_single_value", "{stream}: {path} is not a single value", stream=self.name, path=path)

    def _consented(self, record: Record, out: Any, place: int, warn: Warn) -> Record:
        if self.options.opted_out is None:
            return record
        word = (_text(out) or "").strip().lower()
        if word in _YES:
            said = record.consent
            if said is None or said.state is not ConsentState.OPTED_OUT:
                said = Consent(ConsentState.OPTED_OUT)
            return record._replace(consent=said)
        if word not in _NO or out == _NOT_SINGLE:
            path = self.options.opted_out
            warn(
                Warned(
                    say("singer.not_a_flag", "{stream}: {path} is not true or false", stream=self.name, path=path),
                    place,
                )
            )
            return record._replace(invalid="subscribed")
        return record._replace(consent=record.consent or Consent(ConsentState.UNKNOWN))

    def _ordered(
        self, record: Record, cells: Sequence[str | None], counts: Any, currency: Any, place: int, warn: Warn
    ) -> Record:
        at, total = self._typed("last_order_at", cells), self._typed("total_spent", cells)
        counting = self._counts(counts)
        invalid = record.invalid
        if counting is None:
            path = self.options.counts
            warn(
                Warned(
                    say(
                        "singer.no_word",
                        "{stream}: {path} is neither true nor false; see counting",
                        stream=self.name,
                        path=path,
                    ),
                    place,
                )
            )
            invalid = invalid or "orders"
        order = Order(
            f"{self.name} {record.ident}",
            bool(counting),
            at if isinstance(at, int) else None,
            total if isinstance(total, str) else None,
            _text(currency) or None,
        )
        return record._replace(
            at=record.at if record.at is not None else order.at,
            purchases=None,
            orders=(order,),
            invalid=invalid,
            makes_person=order.counts or "profile" in self.options.signal,
        )

    def _typed(self, field: str, cells: Sequence[str | None]) -> Any:
        cell = cells[self._names.index(field)] if field in self._names else None
        return None if cell is None else self._formats.typed[field](cell)

    def _deleted(self, record: Record) -> Record:
        """A record that is gone counts no more: a yes is a no from now on, an order is none, a withdrawal holds."""
        consent = record.consent
        if consent is not None and consent.state in _GONE:
            consent = Consent(ConsentState.NO)
        return record._replace(
            profile=dict.fromkeys(record.profile, ""),
            consent=consent,
            purchases=None if record.purchases is None else Purchases(0),
            orders=tuple(order._replace(counts=False) for order in record.orders),
            invalid=None,
            makes_person=False,
        )


def _kept(value: Any) -> Any:
    """A value as it is kept: None for one that is missing, an empty text for one that is empty."""
    if value is _MISSING:
        return None
    if value is None:
        return ""
    return _NOT_SINGLE if isinstance(value, (dict, list)) else value


def _text(value: Any) -> str | None:
    return "" if value is None else None if isinstance(value, list) else json_text(value)
