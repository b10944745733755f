"""What every shop system that is asked over HTTP repeats, as plain values: a table of its streams, what its statuses
and words mean, and what its refusals mean to a merchant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from cleverreach_sync.domain.model import ConsentState, Record, Signal
from cleverreach_sync.errors import AuthError, CrsyncError, UsageError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.failures import TryAgain
from cleverreach_sync.http.foreign import identifier, whole
from cleverreach_sync.http.headers import parse_date
from cleverreach_sync.http.paging import Doubts, Insisting, Page
from cleverreach_sync.http.request import Query
from cleverreach_sync.http.shop import ShopApi
from cleverreach_sync.messages import Message, say, say_many
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

    def page(self, what: Message, path: str, query: Query, needs: Sequence[str] = ()) -> Page:
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
                raise TryAgain(not_a_list(what))
            if total and not rows and query.get("page", 1) == 1:
                if not empty.on(total):
                    raise TryAgain(empty_page(what, total))
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
        self.noted: list[Message] = []
        self._shop = access
        self._table = {each.stream.name: each for each in table}

    @property
    def clock_ahead(self) -> float | None:
        return self._shop.clock_ahead

    @property
    def warnings(self) -> Sequence[Message]:
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
        for name, each in self._table.items():
            chunk = next(each.walk(each.row, None, lambda: False))
            records = [each.record(row, lambda _: None) for row in chunk.rows]
            yield Finding(
                say("shop.rows_seen", "{total} {stream} at {url}", total=chunk.total, stream=name, url=self.url)
            )
            yield from _seen(records, each.stream.signals)

    def close(self) -> None:
        self._shop.close()


def not_the_shop(url: str) -> Message:
    """What to look at where the answers are no JSON."""
    return say(
        "shop.not_the_shop",
        "if this keeps happening: is {url} the shop itself, without a cache or maintenance page in front of it?",
        url=url,
    )


def not_a_list(what: Message) -> Message:
    return say("shop.not_a_list", "the shop answered with something that is not a list of {what}", what=what)


def empty_page(what: Message, total: int) -> Message:
    return say(
        "shop.empty_page",
        "the shop answered with an empty page where there are {total} {what}",
        total=total,
        what=what,
    )


def _seen(records: Sequence[Record], signals: Collection[Signal]) -> Iterator[Finding]:
    if Signal.CONSENT in signals and records:
        yes = sum(record.consent is not None and record.consent.state is ConsentState.YES for record in records)
        yield Finding(
            say("shop.yes_seen", "of the first {seen} {yes} say yes to the newsletter", seen=len(records), yes=yes),
            None if yes else say("shop.no_yes_seen", "nobody is a subscriber by what they say"),
        )
    if Signal.PURCHASES in signals and records:
        counting = sum(any(order.counts for order in record.orders) for record in records)
        yield Finding(
            say(
                "shop.buyers_seen",
                "of the first {seen} {counting} make somebody a buyer",
                seen=len(records),
                counting=counting,
            ),
            None if counting else say("shop.no_buyers_seen", "nobody is a buyer by the statuses that they have"),
        )


def _statuses_seen(statuses: str, key: str) -> Message:
    return say(
        "shop.statuses_seen", "the statuses seen are {statuses}; {key} says which count", statuses=statuses, key=key
    )


def states_seen(states: str, key: str) -> Message:
    """The same where a system calls them states."""
    return say("shop.states_seen", "the states seen are {states}; {key} says which count", states=states, key=key)


class Statuses(NamedTuple):
    """Which orders make somebody a buyer: those with a status in `only` (None: all), but `never` those."""

    only: Collection[str] | None
    never: Collection[str] = ()

    def count(self, status: str) -> bool:
        return status not in self.never if self.only is None else status in self.only

    def finding(
        self,
        seen: Sequence[str],
        total: int | None,
        key: str,
        hint: Callable[[str, str], Message] = _statuses_seen,
    ) -> Finding:
        """What the first orders show; `key` says in the config which count, and `hint` says so of other statuses."""
        counting = sum(map(self.count, seen))
        others = sorted({status for status in seen if not self.count(status)})
        message = say_many(
            "shop.orders_seen",
            "{number:,} order; of the first {seen} {counting} make somebody a buyer",
            "{number:,} orders; of the first {seen} {counting} make somebody a buyer",
            number=len(seen) if total is None else total,
            seen=len(seen),
            counting=counting,
        )
        return Finding(message, hint(", ".join(others), key) if others and not counting else None)


class NotOne(NamedTuple):
    """What is said of a word in the config that no name of the shop has, or several."""

    none: Callable[[str], Message]
    several: Callable[[str], Message]


def allowed(wanted: Sequence[str], there: Sequence[tuple[str, str]], not_one: NotOne) -> dict[str, str]:
    """The names by ID of those that the config lets in, by name or ID; `there` are all IDs and names. Raises UsageError
    for a word that none or several have."""
    chosen = {}
    for word in wanted:
        found = [each for each in there if _plain(each[0]) == _plain(word)] or [
            each for each in there if each[1] == word
        ]
        found = found or [each for each in there if each[1].casefold() == word.casefold()]
        if len(found) != 1:
            names = ", ".join(sorted(f"{name} ({ident})" for ident, name in found or there))
            raise UsageError((not_one.several if found else not_one.none)(word), hint=there_are(names))
        chosen[found[0][0]] = found[0][1]
    return chosen


def there_are(names: str) -> Message:
    return say("shop.there_are", "there are: {names}", names=names)


def _plain(ident: str) -> str:
    return ident.lower().replace("-", "")


class Refusal(NamedTuple):
    """What a status means: an error of the tree, its message, made of the status and what the shop says of it, and what
    to do."""

    error: type[CrsyncError]
    message: Callable[[str], Message]
    hint: Message

    def as_error(self, said: str) -> CrsyncError:
        return self.error(self.message(said), hint=self.hint)


Refusals = Mapping[int, Refusal | Callable[[Answer], CrsyncError]]
"""By HTTP status; a function where more than the status tells."""


def explain(refusals: Refusals, answer: Answer, words: str) -> CrsyncError | None:
    """The error of an answer that refuses; None for a status of which nothing is known. `words` are the shop's."""
    found = refusals.get(answer.status)
    if isinstance(found, Refusal):
        return found.as_error(status_and(words, answer))
    return None if found is None else found(answer)


def status_and(words: str, answer: Answer) -> str:
    """The status of an answer, and what it says."""
    return f"{answer.status}: {words}" if words else str(answer.status)


def password_asked(said: str) -> AuthError:
    """The web server in front of the shop has a password of its own."""
    return AuthError(
        say("shop.password", "the web server asks for a password of its own ({said})", said=said),
        hint=say(
            "shop.behind_password",
            "a shop that is not public yet is often locked by a password: let this machine's address through",
        ),
    )
