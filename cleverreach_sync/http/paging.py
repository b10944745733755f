"""Lists that come in pages, read so that rows that move meanwhile are neither lost nor doubled.

Facts: a shop goes on selling while it is read. A row deleted on a page already read moves all later ones up, and the
first of the next page is never shown; a row changed in a list sorted by its change moves to the end. The only signs are
the totals.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, NamedTuple

from cleverreach_sync.errors import TemporaryError
from cleverreach_sync.http.threads import Workers
from cleverreach_sync.messages import Message, say

PASSES: Final = 5
_OFTEN_ENOUGH: Final = 3
RawRow = Mapping[str, Any]


class Page(NamedTuple):
    """Some rows of a list. `total` are the rows of the whole list, None if the server does not say; `at` is the
    server's time in unix seconds, None if it tells none. `last`: no rows follow, None if only their number tells.
    `newest` is how new a change is that led to these rows and that they do not tell of, in unix seconds."""

    rows: Sequence[RawRow]
    total: int | None = None
    at: float | None = None
    last: bool | None = None
    newest: int = 0

    @property
    def known(self) -> int:
        """How many rows the list has, as far as it is known."""
        return len(self.rows) if self.total is None else self.total


class Doubts:
    """Lists whose total never fits what is in them, as what makes the total counts something else: nobody is gone from
    those. `warnings` tell of them, `raised` is how often one was doubted."""

    def __init__(self) -> None:
        self._lists: dict[str, None] = {}
        self.raised = 0

    def add(self, what: str) -> None:
        self._lists[what] = None
        self.raised += 1

    def __contains__(self, what: object) -> bool:
        return what in self._lists

    @property
    def warnings(self) -> list[Message]:
        return [
            say(
                "shop.doubtful_total",
                "the shop's number of {rows} does not match those that it shows, but it showed the same ones twice; "
                "nobody counts as gone from there",
                rows=what,
            )
            for what in self._lists
        ]


class Listing(NamedTuple):
    """A list of a shop, in words, and the doubts about all its lists."""

    what: str
    doubts: Doubts

    @property
    def in_doubt(self) -> bool:
        return self.what in self.doubts


class Insisting:
    """Whether a server says the same odd thing of a page every time that it is asked: then it is taken for true."""

    def __init__(self) -> None:
        self._said: Counter[tuple[int, ...]] = Counter()

    def on(self, *said: int) -> bool:
        self._said[said] += 1
        return self._said[said] >= _OFTEN_ENOUGH


class _Walk:
    """One walk over all pages. Before it, the list had `started` rows, the last of them `newest`; after it `ended`."""

    def __init__(self) -> None:
        self.ids: set[int] = set()
        self.started: int | None = None
        self.ended: int | None = None
        self.newest = 0
        self.pages = 1
        self.unsteady = False

    def nothing_moved(self) -> bool:
        """Rows that came in meanwhile stand at the end and move nothing; every other change shows in the totals."""
        if self.unsteady:
            return False
        if self.started is None or self.ended is None:
            return self.started is self.ended and not self.ids
        added = sum(ident > self.newest for ident in self.ids)
        return self.ended == self.started + added == len(self.ids)

    def confirms(self, before: set[int]) -> bool:
        """Whether the walk before had the same rows; without totals some may have come in at the end since."""
        if self.started is None:
            latest = max(before, default=0)
            return before <= self.ids and all(ident > latest for ident in self.ids - before)
        return self.ids == before and len(self.ids) == self.started == self.ended


class Numbered(NamedTuple):
    """A list that comes in pages 1, 2, ... of `size` rows, sorted by an ID that never changes, ascending and growing.
    `fetch` may be called by `readers` threads at a time."""

    fetch: Callable[[int], Page]
    ident: Callable[[RawRow], int]
    size: int
    readers: int = 2


def numbered_pages(pages: Numbered, listing: Listing, stopped: Callable[[], bool] = lambda: False) -> Iterator[Page]:
    """All rows of a list, each once, as first seen. A list that is not sorted, or not counted, is read twice, until
    both times it had the same rows.

    When rows may have been missed, the list is read again, PASSES times at most. Where two walks agree and only the
    total does not fit, that is enough, and doubted. Ends early when `stopped()`. Raises TemporaryError for a list that
    never holds still, and whatever `fetch` raises.
    """
    known: set[int] = set()
    before: set[int] | None = None
    counted = True
    for _ in range(PASSES):
        walk = _Walk()
        for page in _pages(pages if counted else _uncounted(pages), walk, stopped):
            walk.ids.update(map(pages.ident, page.rows))
            yield page._replace(rows=_fresh(page.rows, pages.ident, known))
            if stopped():
                return
        if stopped() or walk.nothing_moved():
            return
        if before is not None and walk.confirms(before):
            if not counted:
                listing.doubts.add(listing.what)
            return
        if walk.ids == before and walk.started is not None and not walk.unsteady:
            if not pages.fetch(walk.pages + 1).rows:
                listing.doubts.add(listing.what)
                return
            counted = False  # there is more than the total says
        before = walk.ids
    raise TemporaryError(
        say(
            "shop.never_still",
            "the {rows} changed while they were read, {times} times in a row",
            rows=listing.what,
            times=PASSES,
        ),
        hint=say(
            "shop.run_at_a_quieter_time",
            "run again at a quieter time; look for a plug-in that keeps deleting, or a cache in front of the "
            "shop's API",
        ),
    )


def _fresh(rows: Sequence[RawRow], ident: Callable[[RawRow], int], known: set[int]) -> list[RawRow]:
    """The rows that are not known yet; then they are."""
    fresh = []
    for row in rows:
        if (number := ident(row)) not in known:
            known.add(number)
            fresh.append(row)
    return fresh


def _pages(pages: Numbered, walk: _Walk, stopped: Callable[[], bool]) -> Iterator[Page]:
    first = pages.fetch(1)
    walk.started = walk.ended = first.total
    walk.newest = max(map(pages.ident, first.rows), default=0)
    if first.total is None:
        yield from _until_empty(pages, first, walk)
        return
    if first.total <= pages.size:
        yield first
        return
    # One answer that has both the total and the last row, before anything is read: later this tells rows that were
    # added from rows that took the place of others.
    count = -(-first.total // pages.size)
    last = pages.fetch(count)
    if last.total is None or -(-last.total // pages.size) != count:
        walk.unsteady = True
        return
    walk.started = last.total
    walk.newest = max(map(pages.ident, (*first.rows, *last.rows)), default=0)  # at either end
    for page in in_order(pages.fetch, range(1, count + 1), readers=pages.readers, stopped=stopped):
        walk.ended = page.total
        yield page
        if not page.rows:  # a total may say anything
            return
    walk.pages = count
    while walk.ended is not None and walk.ended > walk.pages * pages.size and not stopped():
        walk.pages += 1
        page = pages.fetch(walk.pages)
        walk.ended = page.total
        yield page
        if not page.rows:
            return


def _uncounted(pages: Numbered) -> Numbered:
    return pages._replace(fetch=lambda number: pages.fetch(number)._replace(total=None))


def _until_empty(pages: Numbered, page: Page, walk: _Walk) -> Iterator[Page]:
    """All pages of a server that does not count. One with fewer rows than were asked for is no end: it may have a limit
    of its own."""
    number = 1
    yield page
    while page.rows:
        number += 1
        page = pages.fetch(number)
        if page.rows and walk.ids.issuperset(map(pages.ident, page.rows)):  # of the pages that were taken
            raise TemporaryError(
                say("shop.same_pages", "page {page} of a list only has rows of earlier pages", page=number)
            )
        yield page


def in_order(
    fetch: Callable[[int], Page], numbers: Iterable[int], *, readers: int, stopped: Callable[[], bool]
) -> Iterator[Page]:
    """Pages fetched by several threads, a few ahead at most, in the order of `numbers`."""
    pool = Workers(readers, "page")
    ahead: deque[Future[Page]] = deque()
    try:
        for number in numbers:
            ahead.append(pool.submit(partial(fetch, number)))
            if len(ahead) > readers:
                yield ahead.popleft().result()
            if stopped():
                return
        while ahead:
            yield ahead.popleft().result()
    finally:
        # After an error nobody waits for a page that is still being tried.
        for future in ahead:
            future.cancel()
        pool.close()


class Keyset(NamedTuple):
    """A list whose rows stand in ascending order of a `key`: `fetch(after)` gives the first `size` above one. `mark`
    tells the versions of a row apart. Where several rows may share a key (a time), `tied(key)` reads all of one;
    without it keys are unique."""

    fetch: Callable[[int], Page]
    key: Callable[[RawRow], int]
    mark: Callable[[RawRow], object]
    size: int
    tied: Callable[[int], Iterator[Page]] | None = None


def keyset_pages(pages: Keyset, after: int, stopped: Callable[[], bool] = lambda: False) -> Iterator[Page]:
    """All rows with a key above `after`, in ascending order of the key; each version of a row once.

    Where keys are shared, the last key of every page is read again from its start, and a page that holds only one key
    by `tied`. Ends early when `stopped()`.
    """
    key, mark = pages.key, pages.mark
    seen: set[object] = set()
    while not stopped():
        page = pages.fetch(after)
        yield page._replace(rows=[row for row in page.rows if mark(row) not in seen])
        if not page.rows or _is_last(page, pages.size):
            return
        last = max(map(key, page.rows))
        if last <= after:
            raise _not_asked_for()
        if pages.tied is None:
            after = last
        elif last - 1 > after:
            seen = {mark(row) for row in page.rows if key(row) == last}
            after = last - 1
        else:
            seen |= {mark(row) for row in page.rows}
            for part in pages.tied(last):
                yield part._replace(rows=[row for row in part.rows if mark(row) not in seen])
            after, seen = last, set()


def following_pages(
    fetch: Callable[[RawRow | None], Page],
    mark: Callable[[RawRow], object],
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Page]:
    """All rows of a list in an order that only the server can tell, such as that of a time and an ID: `fetch(after)`
    gives the first rows behind one, those of the beginning for None, and says whether they are the `last`. `mark` tells
    the versions of a row apart. Ends early when `stopped()`."""
    after: RawRow | None = None
    while not stopped():
        page = fetch(after)
        if after is not None and any(mark(row) == mark(after) for row in page.rows):
            raise _not_asked_for()
        yield page
        if page.last or not page.rows:
            return
        after = page.rows[-1]


def _not_asked_for() -> TemporaryError:
    return TemporaryError(say("shop.rows_not_asked_for", "the shop keeps returning rows that were not asked for"))


def _is_last(page: Page, size: int) -> bool:
    if page.last is not None:
        return page.last
    # A full page is never the last for certain, whatever the total: a proxy may have made that up.
    return len(page.rows) < size and (page.total is None or len(page.rows) >= page.total)
