"""What every shop system that is asked over HTTP repeats, as plain values: a table of its streams, what its statuses
and words mean, and what its refusals mean to a merchant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from cleverreach_sync.domain.model import ConsentState, Record, Signal
from cleverreach_sync.errors import CrsyncError, UsageError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.failures import TryAgain
from cleverreach_sync.http.foreign import identifier, whole
from cleverreach_sync.http.headers import parse_date
from cleverreach_sync.http.paging import Doubts, Insisting, Page
from cleverreach_sync.http.request import Query
from cleverreach_sync.http.shop import ShopApi
from cleverreach_sync.progress import Finding
from cleverreach_sync.settings.source import SourceSettings
from cleverreach_sync.sources.interface import Chunk, Row, Stream, Warned
from cleverreach_sync.sources.walks import Cursor, RowOf, Stopped, Walk

Warn = Callable[[Warned], None]
RecordOf = Callable[[Row, Warn], Record]


class ShopStream(NamedTuple):
    """One line of a shop's table: what the stream tells, how it is walked, what is kept of a raw row, and what a kept
    row says about a person."""

    stream: Stream
    walk: Walk
    row: RowOf
    record: RecordOf


class Access(Protocol):
    """The way into a shop, as far as every source uses it."""

    @property
    def doubts(self) -> Doubts: ...
    @property
    def clock_ahead(self) -> float | None: ...
    def close(self) -> None: ...


class JsonLists:
    """The way into a shop whose lists come as an object: `rows` and `total` are the names of the list and of the number
    of all its rows, `ident` is that of a row's ID. Every page is asked for until it makes sense."""

    def __init__(self, api: ShopApi, *, rows: str, total: str, ident: str = "id") -> None:
        self.doubts = Doubts()
        self._api = api
        self._names = rows, total, ident

    @property
    def clock_ahead(self) -> float | None:
        return self._api.http.clock_ahead

    def page(self, what: str, path: str, query: Query, needs: Sequence[str] = ()) -> Page:
        """A page of a list; `what` is the list in words, `needs` what every row has: an order whose status is not shown
        would take its purchase back."""
        name, total_name, ident = self._names
        found: list[Page] = []
        empty = Insisting()

        def is_row(row: object) -> bool:
            return isinstance(row, dict) and identifier(row.get(ident)) is not None and all(key in row for key in needs)

        def check(answer: Answer) -> None:
            body = answer.body if isinstance(answer.body, dict) else {}
            rows, total = body.get(name), whole(body.get(total_name))
            if not isinstance(rows, list) or not all(map(is_row, rows)):
                raise TryAgain(f"the shop answered with something that is not a list of {what}")
            if total and not rows and query.get("page", 1) == 1:
                if not empty.on(total):
                    raise TryAgain(f"the shop answered with an empty page where there are {total} {what}")
                self.doubts.add(what)
            found[:] = [Page(rows, total, parse_date(answer.headers.get("date")))]

        self._api.get(path, query, check=check)
        return found[0]

    def close(self) -> None:
        self._api.http.close()


class ShopSource:
    """A shop, by the table of its streams. `noted` is what the user should know beside the doubts about its lists."""

    def __init__(self, settings: SourceSettings, url: str, access: Access, table: Sequence[ShopStream]) -> None:
        self.type = settings.type
        self.name = settings.tag_source
        self.url: str | None = url
        self.noted: list[str] = []
        self._shop = access
        self._table = {each.stream.name: each for each in table}

    @property
    def clock_ahead(self) -> float | None:
        return self._shop.clock_ahead

    @property
    def warnings(self) -> Sequence[str]:
        return [*self.noted, *self._shop.doubts.warnings]

    def streams(self) -> Sequence[Stream]:
        return [each.stream for each in self._table.values()]

    def location(self, stream: str) -> str:
        return f"{self.name} {stream}"

    def read(self, stream: str, since: str | None, stopped: Stopped) -> Iterator[Chunk]:
        """Yields a chunk for every page; `done` and `total` are rows of the shop."""
        found = self._table[stream]
        return found.walk(found.row, Cursor.parse(since), stopped)

    def decode(self, stream: str, row: Row, warn: Warn) -> Record:
        return self._table[stream].record(row, warn)

    def inspect(self) -> Iterator[Finding]:
        """The first rows of every stream: how many there are, who subscribed, which orders count."""
        where = f" at {self.url}"
        for name, each in self._table.items():
            chunk = next(each.walk(each.row, None, lambda: False))
            records = [each.record(row, lambda _: None) for row in chunk.rows]
            yield _seen(f"{chunk.total} {name}{where}", records, each.stream.signals)
            where = ""

    def close(self) -> None:
        self._shop.close()


def _seen(words: str, records: Sequence[Record], signals: Collection[Signal]) -> Finding:
    hint = None
    if Signal.CONSENT in signals and records:
        yes = sum(record.consent is not None and record.consent.state is ConsentState.YES for record in records)
        words = f"{words}; of the first {len(records)} {yes} say yes to the newsletter"
        hint = None if yes else "nobody is a subscriber by what they say"
    if Signal.PURCHASES in signals and records:
        counting = sum(any(order.counts for order in record.orders) for record in records)
        words = f"{words}; of the first {len(records)} {counting} make somebody a buyer"
        hint = hint if counting else "nobody is a buyer by the statuses that they have"
    return Finding(words, hint)


class Statuses(NamedTuple):
    """Which orders make somebody a buyer: those with a status in `only` (None: all), but `never` those."""

    only: Collection[str] | None
    never: Collection[str] = ()

    def count(self, status: str) -> bool:
        return status not in self.never if self.only is None else status in self.only

    def finding(self, seen: Sequence[str], total: int | None, key: str, words: str = "statuses") -> Finding:
        """What the first orders show; `key` says in the config which count."""
        counting = sum(map(self.count, seen))
        others = sorted({status for status in seen if not self.count(status)})
        message = f"{total} orders; of the first {len(seen)} {counting} make somebody a buyer"
        hint = f"the {words} seen are {', '.join(others)}; {key} says which count"
        return Finding(message, hint if others and not counting else None)


def allowed(wanted: Sequence[str], there: Sequence[tuple[str, str]], key: str, what: str) -> dict[str, str]:
    """The names by ID of those that the config lets in under `key`, by name or ID; `there` are all IDs and names.
    Raises UsageError for a word that none or several have."""
    chosen = {}
    for word in wanted:
        found = [each for each in there if _plain(each[0]) == _plain(word)] or [
            each for each in there if each[1] == word
        ]
        found = found or [each for each in there if each[1].casefold() == word.casefold()]
        if len(found) != 1:
            names = ", ".join(sorted(f"{name} ({ident})" for ident, name in found or there))
            wrong = f"is the name of several {what}s" if found else f"is not a {what} of the shop"
            raise UsageError(f"{key}: {word!r} {wrong}", hint=f"there are: {names}")
        chosen[found[0][0]] = found[0][1]
    return chosen


def _plain(ident: str) -> str:
    return ident.lower().replace("-", "")


class Refusal(NamedTuple):
    """What a status means: an error of the tree with its words, where `{said}` is the status and what the shop says of
    it, and what to do."""

    error: type[CrsyncError]
    message: str
    hint: str

    def as_error(self, said: str) -> CrsyncError:
        return self.error(self.message.replace("{said}", said), hint=self.hint)


Refusals = Mapping[int, Refusal | Callable[[Answer], CrsyncError]]
"""By HTTP status; a function where more than the status tells."""


def explain(refusals: Refusals, answer: Answer, words: str) -> CrsyncError | None:
    """The error of an answer that refuses; None for a status of which nothing is known. `words` are the shop's."""
    found = refusals.get(answer.status)
    if isinstance(found, Refusal):
        return found.as_error(f"{answer.status}: {words}" if words else str(answer.status))
    return None if found is None else found(answer)
