"""How the streams of a shop are walked, and where reading goes on the next time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple, Protocol

import orjson

from cleverreach_sync.http.paging import Keyset, Listing, Numbered, Page, RawRow, keyset_pages, numbered_pages
from cleverreach_sync.sources.interface import Chunk, Row, StreamEnd, Unreadable
from cleverreach_sync.sources.values import read_time, utc_text

OVERLAP: Final = 300  # seconds that are read again: what was being saved while the last run read
Stopped = Callable[[], bool]
Kept = Row | Unreadable | None
RowOf = Callable[[Any], Kept]
"""What is kept of a raw row; None for one that says nothing about anybody."""


class Cursor(NamedTuple):
    """Where the reading of a stream goes on: changes since `since`; `whole` is when all of it was read. Unix seconds by
    the shop's clock. `mark` is a word of the source's own."""

    since: int
    whole: int
    mark: str = ""

    @classmethod
    def parse(cls, text: str | None) -> Cursor | None:
        """None for what is no cursor; then everything is read."""
        if text is not None and text.startswith("{"):
            return cls._of_json(text)
        words = (text or "").split()
        times = [time for word in words[:2] if (time := read_time(word)) is not None]
        return cls(times[0], times[1], *words[2:]) if len(times) == 2 and len(words) <= 3 else None

    @classmethod
    def _of_json(cls, text: str) -> Cursor | None:
        """As it was written for Shopify once."""
        try:
            known = orjson.loads(text)
            since, whole = read_time(known["changed"]), read_time(known["everybody"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return None
        return None if since is None or whole is None else cls(since, whole)

    @classmethod
    def of_all(cls, newest: int, began: int, mark: str = "", overlap: int = OVERLAP) -> Cursor:
        """After all was read: never past the newest change that was seen, nor the shop's own time when it began."""
        return cls(min(newest or began, began) - overlap, began, mark)

    def moved_on(self, newest: int, began: int, overlap: int = OVERLAP) -> Cursor:
        """After the changes were read; `newest` is 0 if there were none."""
        return self._replace(since=max(self.since, min(newest, began) - overlap)) if newest else self

    def is_due(self, now: float | None, every: float) -> bool:
        """Whether all is to be read again; also where the shop tells no time, or its clock was put back."""
        return now is None or not 0 <= now - self.whole < every

    def __str__(self) -> str:
        return f"{utc_text(self.since)} {utc_text(self.whole)} {self.mark}".rstrip()


class ReadAll(Exception):
    """Changes are not enough this time."""


class Walk(Protocol):
    """One way through a stream, from a cursor or from the start. Ends early when `stopped()`, then without an `end`."""

    def __call__(self, row: RowOf, known: Cursor | None, stopped: Stopped) -> Iterator[Chunk]: ...


class Pages(Protocol):
    """All pages of a list. Ends early when `stopped()`."""

    def __call__(self, stopped: Stopped) -> Iterable[Page]: ...


def chunk_of(found: Iterable[Kept], done: int, total: int) -> Chunk:
    """What is kept of some raw rows."""
    rows: list[Row] = []
    unreadable: list[Unreadable] = []
    for each in found:
        if isinstance(each, Row):
            rows.append(each)
        elif each is not None:
            unreadable.append(each)
    return Chunk(rows, unreadable, done, total)


class Walked:
    """What a walk has seen so far: rows, their newest change, and the shop's time at its first page (`began`)."""

    def __init__(self, row: RowOf, changed: Callable[[RawRow], int] | None = None) -> None:
        self._row = row
        self._changed = changed
        self.pages = self.done = self.newest = 0
        self.began: int | None = None
        self._total = 0

    def __call__(self, page: Page) -> Chunk:
        if not self.pages:
            self.began = None if page.at is None else int(page.at)
        self.pages += 1
        if self._changed is not None:
            self.newest = max(self.newest, page.newest, max(map(self._changed, page.rows), default=0))
        self.done += len(page.rows)
        self._total = max(self._total, self.done, page.total or 0)
        return chunk_of(map(self._row, page.rows), self.done, self._total)

    def end(self, *, complete: bool, cursor: Cursor | None = None) -> Chunk:
        end = StreamEnd(complete, None if cursor is None else str(cursor))
        return Chunk((), (), self.done, self.done, end)


class InFull:
    """Every page, in every run."""

    def __init__(self, pages: Pages, listing: Listing) -> None:
        self.pages = pages
        self._listing = listing

    def __call__(self, row: RowOf, known: Cursor | None, stopped: Stopped) -> Iterator[Chunk]:  # noqa: ARG002
        walked = Walked(row)
        for page in self.pages(stopped):
            yield walked(page)
        if not stopped():
            yield walked.end(complete=not self._listing.in_doubt)


class ThenChanges:
    """Everything once, then what was changed since; everything again when `every` seconds have passed (None: never),
    when the shop's clock was put back, and when `changes` raises ReadAll.

    `changed` is when a row was changed last, 0 if it does not say. A list that is empty is read in full again by
    the next run; so is one in doubt, unless it is `ordered`, walked in the order of its changes.
    """

    def __init__(
        self,
        pages: Pages,
        changes: Callable[[Cursor, Stopped], Iterable[Page]],
        changed: Callable[[RawRow], int],
        listing: Listing,
        *,
        every: float | None = None,
        ordered: bool = False,
    ) -> None:
        self.pages = pages
        self._changes = changes
        self._changed = changed
        self._listing = listing
        self._every = every
        self._ordered = ordered

    def __call__(self, row: RowOf, known: Cursor | None, stopped: Stopped) -> Iterator[Chunk]:
        if known is not None:
            try:
                yield from self._since(row, known, stopped)
            except ReadAll:
                pass
            else:
                return
        yield from self._all(row, stopped)

    def _all(self, row: RowOf, stopped: Stopped) -> Iterator[Chunk]:
        walked = Walked(row, self._changed)
        for page in self.pages(stopped):
            yield walked(page)
        if stopped():
            return
        whole = not self._listing.in_doubt
        cursor = None
        if walked.newest and walked.began is not None and (whole or self._ordered):
            cursor = Cursor.of_all(walked.newest, walked.began)
        yield walked.end(complete=whole, cursor=cursor)

    def _since(self, row: RowOf, known: Cursor, stopped: Stopped) -> Iterator[Chunk]:
        walked = Walked(row, self._changed)
        doubts = self._listing.doubts
        before = doubts.raised
        for page in self._changes(known, stopped):
            if not walked.pages and self._is_due(known, page.at):
                raise ReadAll
            yield walked(page)
        if stopped():
            return
        cursor = known if walked.began is None else known.moved_on(walked.newest, walked.began)
        # Changes may be found by way of another list, and be missed because of that one.
        sure = self._ordered or (not self._listing.in_doubt and doubts.raised == before)
        yield walked.end(complete=False, cursor=cursor if sure else None)

    def _is_due(self, known: Cursor, now: float | None) -> bool:
        """A clock that was put back hides what was changed since."""
        if now is not None and now < known.since:
            return True
        return self._every is not None and known.is_due(now, self._every)


class ByNumber:
    """Pages 1, 2, ... of a list sorted by an ID that never changes."""

    def __init__(
        self,
        fetch: Callable[[int], Page],
        ident: Callable[[RawRow], int],
        listing: Listing,
        *,
        size: int,
        readers: int = 2,
    ) -> None:
        self._pages = Numbered(fetch, ident, size, readers)
        self._listing = listing

    def first(self) -> Page:
        return self._pages.fetch(1)

    def __call__(self, stopped: Stopped) -> Iterator[Page]:
        return numbered_pages(self._pages, self._listing, stopped)


class ByKey:
    """What stands above a number that only grows, a page at a time: `fetch(after)` gives the first rows above it."""

    def __init__(
        self, fetch: Callable[[int], Page], key: Callable[[RawRow], int], *, size: int, after: int = 0
    ) -> None:
        self._pages = Keyset(fetch, key, key, size)
        self._after = after

    def first(self) -> Page:
        return self._pages.fetch(self._after)

    def __call__(self, stopped: Stopped) -> Iterator[Page]:
        return keyset_pages(self._pages, self._after, stopped)
