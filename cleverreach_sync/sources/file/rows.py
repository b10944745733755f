"""Turns the cells of one row into what they say about a person, by a plan made once for a header."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any, Final

from cleverreach_sync.domain.model import RANK_CUSTOMER, Consent, ConsentState, Purchases, Record
from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources.file.columns import Matched, fold
from cleverreach_sync.sources.file.exports import Export
from cleverreach_sync.sources.interface import Row, Warned
from cleverreach_sync.sources.values import (
    EARLIEST,
    DateOrder,
    DecimalMark,
    Memo,
    is_no_date,
    read_amount,
    read_consent,
    read_count,
    read_day,
    read_time,
    utc_text,
)

_UNREADABLE: Final = object()
_NO_DATE: Final = object()
_NO_TIME: Final = (None, "")
_UNKNOWN: Final = Consent(ConsentState.UNKNOWN)
# Deciding fields first: one that cannot be read makes the person invalid, and the first of several names the reason.
_DECIDING: Final = ("subscribed", "subscribed_at", "orders", "last_order_at")
_CONSENT_ONLY: Final = ("subscribed", "subscribed_at")
_TYPED: Final = (*_DECIDING, "total_spent", "birthday", "created_at", "updated_at")
_DATES: Final = frozenset(("subscribed_at", "last_order_at", "birthday", "created_at", "updated_at"))
Cells = Sequence[str | None]


class Formats:
    """How the values of a file are written. Remembers values across rows and headers."""

    def __init__(
        self,
        dates: DateOrder,
        decimal: DecimalMark,
        words: Mapping[str, Mapping[str, str]],
        zone: tzinfo = UTC,
        export: Export | None = None,
    ) -> None:
        zones = {zone, *(() if export is None else export.zones)}
        if export is not None and export.words:
            words = {**words, "subscribed": {**export.words, **words.get("subscribed", {})}}
        self.words = {
            field: {fold(word): _meaning(field, meaning) for word, meaning in meanings.items()}
            for field, meanings in words.items()
        }

        def time(text: str) -> int | None:
            if len(text) <= 10:
                return days[text]
            return read_time(text, dates, zone) if len(zones) == 1 else _earliest(text, dates, zones)

        def stamp(text: str) -> tuple[int, str] | None:
            seconds = time(text)
            if seconds is None:
                return None
            same = len(text) == 20 and text[10] == "T" and text[19] == "Z"
            return seconds, text if same else utc_text(seconds)

        # Words, numbers and days come again and again, times do not.
        days = Memo(lambda text: _earliest(text, dates, zones))
        self._dates = dates
        # A day, or a time that was twice as the clock was put back: who gave their consent then did so early, who
        # withdrew late.
        self.latest = self._reading("subscribed_at", partial(_latest, order=dates, zones=zones))
        self.typed = {
            "subscribed": self._subscribed(export, time),
            "subscribed_at": self._quick("subscribed_at", time, lambda seconds, _: seconds),
            "orders": self._memo("orders", lambda text: read_count(text, decimal)),
            "last_order_at": self._quick("last_order_at", time, lambda seconds, _: seconds),
            "total_spent": self._memo("total_spent", lambda text: read_amount(text, decimal)),
            "birthday": self._memo("birthday", lambda text: read_day(text, dates)),
            "created_at": self._quick("created_at", stamp, lambda seconds, text: (seconds, text)),
            "updated_at": self._quick("updated_at", stamp, lambda seconds, text: (seconds, text)),
        }

    def _subscribed(self, export: Export | None, time: Callable[[str], int | None]) -> Callable[[str], Any]:
        """In an export of a known shape a word that is not its own means nothing, not even `yes` or `1`."""
        if export is None:
            return self._memo("subscribed", read_consent)
        own = export.reading(time, lambda text: is_no_date(text, self._dates))
        if own is None:
            words = self.words["subscribed"]
            return lambda raw: _known(fold(raw), words)
        return lambda raw: _UNREADABLE if (state := own(raw)) is None else state

    def _memo(self, field: str, read: Callable[[str], Any]) -> Callable[[str], Any]:
        return Memo(self._reading(field, read)).__getitem__

    def _quick(self, field: str, read: Callable[[str], Any], made: Callable[[int, str], Any]) -> Callable[[str], Any]:
        """As `_reading`, with a short way for what nearly every export has: `2025-12-31T14:30:00Z`."""
        slow = self._reading(field, read)
        if field in self.words:
            return slow

        def value(raw: str) -> Any:
            if len(raw) == 20 and raw[19] == "Z" and raw[10] == "T" and raw[13] == ":":
                try:
                    moment = datetime.fromisoformat(raw)
                except ValueError:
                    return slow(raw)
                if moment.year >= EARLIEST:
                    return made(int(moment.timestamp()), raw)
            return slow(raw)

        return value

    def _reading(self, field: str, read: Callable[[str], Any]) -> Callable[[str], Any]:
        """None for an empty cell, _UNREADABLE for one that cannot be read, _NO_DATE for one that says there is none."""
        words = self.words.get(field, {})
        is_date, dates = field in _DATES, self._dates

        def value(raw: str) -> Any:
            text = raw.strip()
            if words:
                text = words.get(fold(text), text)
            if not text:
                return None
            found = read(text)
            if found is not None:
                return found
            return _NO_DATE if is_date and is_no_date(text, dates) else _UNREADABLE

        return value


def _known(word: str, words: Mapping[str, str]) -> Any:
    """What a word of an export means; nothing is said by none."""
    if not word:
        return None
    meaning = words.get(word)
    if meaning is None:
        return _UNREADABLE
    return read_consent(meaning) if meaning else None


def _earliest(text: str, order: DateOrder, zones: Collection[tzinfo]) -> int | None:
    """The first moment that a time may be, in one of some zones."""
    found = [at for zone in zones if (at := read_time(text, order, zone)) is not None]
    return min(found, default=None)


def _latest(text: str, *, order: DateOrder, zones: Collection[tzinfo]) -> int | None:
    found = [at for zone in zones if (at := read_time(text, order, zone, later=True)) is not None]
    return max(found, default=None)


def _meaning(field: str, meaning: str) -> str:
    """`unknown` is what an empty cell means; as a word of the file it stays unreadable."""
    return "" if field == "subscribed" and meaning.strip().lower() == "unknown" else meaning


class Plan:
    """What to do with the cells of one header. `sparse`: a cell may be None, the value is missing then.

    `numbers` are the positions of what is read with the decimal mark.
    """

    def __init__(self, matched: Matched, formats: Formats, *, consent_only: bool, sparse: bool) -> None:
        at = matched.positions
        wanted = _CONSENT_ONLY if consent_only else _TYPED
        self._headings = matched.headings
        self._typed = [(at[field], field, formats.typed[field]) for field in wanted if field in at]
        self.numbers = [at[field] for field in ("orders", "total_spent") if field in at]
        self._has_consent = "subscribed" in at
        self._stated_at = at.get("subscribed_at")
        self._latest = formats.latest
        texts = [] if consent_only else [field for field in at if field != "email" and field not in _TYPED]
        self._names = texts
        self._pick = _picker([at[field] for field in texts])
        self._words = [(field, formats.words[field]) for field in texts if field in formats.words]
        self._sparse = sparse

    def record(self, row: Row, cells: Cells, warn: Callable[[Warned], None]) -> Record:
        """The record of one row; what cannot be read goes to `warn`."""
        profile = self._texts(cells)
        values: dict[str, Any] = {}
        unreadable: list[str] = []
        for position, field, read in self._typed:
            cell = cells[position]
            if cell is None:
                continue
            value = read(cell)
            if value is _UNREADABLE:
                unreadable.append(field)
            elif value is _NO_DATE:
                warn(Warned(_unreadable(field, self._headings[field]), row.place, no_date=True))
            else:
                values[field] = value
        if "birthday" in values:
            profile["birthday"] = values["birthday"] or ""
        created_at = updated_at = None
        if "created_at" in values:
            created_at, profile["created_at"] = values["created_at"] or _NO_TIME
        if "updated_at" in values:
            updated_at, profile["updated_at"] = values["updated_at"] or _NO_TIME
        count = values.get("orders")
        return Record(
            row.email,
            row.ident,
            RANK_CUSTOMER,
            created_at if updated_at is None else updated_at,
            created_at,
            profile,
            self._consent(values, cells),
            None if count is None else Purchases(count, values.get("last_order_at"), values.get("total_spent")),
            (),
            self._report(unreadable, row, warn) if unreadable else None,
        )

    def _texts(self, cells: Cells) -> dict[str, str]:
        if self._sparse:
            picked = zip(self._names, self._pick(cells), strict=True)
            profile = {field: cell.strip() for field, cell in picked if cell is not None}
        else:
            profile = dict(zip(self._names, map(str.strip, self._pick(cells)), strict=True))  # type: ignore[arg-type]
        for field, words in self._words:
            text = profile.get(field)
            if text is not None:
                profile[field] = words.get(fold(text), text)
        return profile

    def _consent(self, values: dict[str, Any], cells: Cells) -> Consent | None:
        if not self._has_consent:
            return None
        state, at = values.get("subscribed"), values.get("subscribed_at")
        if at is not None and state is ConsentState.OPTED_OUT and self._stated_at is not None:
            latest = self._latest(cells[self._stated_at] or "")
            if isinstance(latest, int) and latest != at:
                return Consent(state, latest, at)
        return _UNKNOWN if state is None else Consent(state, at)

    def _report(self, unreadable: list[str], row: Row, warn: Callable[[Warned], None]) -> str | None:
        for field in unreadable:
            warn(Warned(_unreadable(field, self._headings[field]), row.place))
        return unreadable[0] if unreadable[0] in _DECIDING else None


@lru_cache(64)  # for every row where the dates are written otherwise
def _unreadable(field: str, column: str) -> Message:
    """What is wrong with a value that cannot be read."""
    if field in _DATES:
        return say("file.not_a_date", "column '{column}': not a date", column=column)
    if field == "subscribed":
        return say(
            "file.not_a_word_of_consent", "column '{column}': not a known word (yes, no, opted_out)", column=column
        )
    if field == "orders":
        return say("file.not_a_number", "column '{column}': not a number of orders", column=column)
    return say("file.not_an_amount", "column '{column}': not an amount", column=column)


def _picker(positions: list[int]) -> Callable[[Cells], Iterable[str | None]]:
    """The cells at `positions`, in that order."""
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda cells: [cells[position] for position in positions]
