"""The lists of a Shopware 5 shop, walked along their IDs, and what was changed in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo
from functools import partial
from typing import Final

from cleverreach_sync.http.paging import Listing, Page, RawRow, in_order
from cleverreach_sync.messages import Message
from cleverreach_sync.sources.interface import Chunk
from cleverreach_sync.sources.shopware5.api import PER_PAGE, NoSuchField, Shopware5Api
from cleverreach_sync.sources.shopware5.rows import ident, moved
from cleverreach_sync.sources.walks import ByKey, Cursor, ReadAll, RowOf, Stopped, Walked

Details = Callable[[Sequence[RawRow], Stopped], Iterator[Page]]
_READERS: Final = 2
_TOGETHER: Final = 100  # single rows of one chunk


class ShopList:
    """One list: its path, what its rows are called, and what every row has to have."""

    def __init__(self, api: Shopware5Api, path: str, what: Message, needs: Sequence[str], zone: tzinfo) -> None:
        self.listing = Listing(what, api.doubts)
        self._fetch = partial(api.rows, path, what, needs)
        self._doubts = api.doubts
        self._zone = zone

    def first(self) -> Page:
        return self._fetch()

    def moved(self, row: RawRow) -> int:
        return moved(row, self._zone)

    def above(self, after: int, stopped: Stopped) -> Iterator[Page]:
        """What came in after an ID."""
        return ByKey(lambda above: self._fetch(after=above), ident, size=PER_PAGE, after=after)(stopped)

    def since(self, date: str, moment: int, stopped: Stopped) -> Iterator[Page]:
        """What reaches a moment by one of its dates."""
        pages = ByKey(lambda above: self._fetch(after=above, since=(date, moment)), ident, size=PER_PAGE)
        for page in pages(stopped):
            yield page._replace(rows=[row for row in page.rows if self.moved(row) >= moment])

    def __call__(self, stopped: Stopped) -> Iterator[Page]:
        """All of it. An answer that is empty by mistake looks like the end: where the shop counts more than it showed,
        nobody is gone."""
        total: int | None = None
        shown = 0
        for page in self.above(0, stopped):
            total = page.total or 0 if total is None else total
            shown += len(page.rows)
            yield page
        if shown < (total or 0) and not stopped() and (self._fetch(limit=1).total or 0) > shown:
            self._doubts.add(self.listing.what)


class NewAndChanged:
    """All of a list once, then what came in since, by its ID, and what was changed since, by its date; all of it again
    when `every` seconds have passed (None: never) or the shop's clock was put back. `details` makes what is read of the
    rows of a page, `also` gives further ones that changes elsewhere concern; with those the cursor goes by the shop's
    time, else by the newest change. Its mark is the highest ID.
    """

    def __init__(
        self,
        rows: ShopList,
        *,
        every: float | None = None,
        details: Details | None = None,
        also: Callable[[int, Stopped], Iterator[Page]] | None = None,
    ) -> None:
        self._rows = rows
        self._every = every
        self._details = details or (lambda rows, _: iter((Page(rows),)))
        self._also = also

    def __call__(self, row: RowOf, known: Cursor | None, stopped: Stopped) -> Iterator[Chunk]:
        if known is not None and known.mark.isascii() and (known.mark or "0").isdecimal():
            try:
                yield from self._since(row, known, stopped)
            except (ReadAll, NoSuchField):  # before Shopware 5.5 orders have no date of change
                pass
            else:
                return
        yield from self._all(row, stopped)

    def _all(self, row: RowOf, stopped: Stopped) -> Iterator[Chunk]:
        walked = Walked(row, self._rows.moved)
        highest = 0
        for page in self._rows(stopped):
            highest = max([highest, *map(ident, page.rows)])
            for part in self._details(page.rows, stopped):
                yield walked(part._replace(at=page.at, total=page.total))
        if stopped():
            return
        whole = not self._rows.listing.in_doubt
        cursor = None
        if highest and walked.began is not None and whole:
            cursor = Cursor.of_all(walked.newest if self._also is None else 0, walked.began, str(highest))
        yield walked.end(complete=whole, cursor=cursor)

    def _since(self, row: RowOf, known: Cursor, stopped: Stopped) -> Iterator[Chunk]:
        walked = Walked(row, self._rows.moved)
        highest = int(known.mark or 0)
        began: float | None = None
        seen: set[int] = set()
        for number, page in enumerate(self._changes(known, highest, stopped)):
            if not number and self._is_due(known, page.at):
                raise ReadAll
            began = page.at if not number else began
            fresh = [each for each in page.rows if ident(each) not in seen]
            seen.update(map(ident, fresh))
            highest = max([highest, *map(ident, fresh)])
            for part in self._details(fresh, stopped):
                yield walked(part._replace(at=began))
        if stopped():
            return
        cursor = known
        if began is not None:
            cursor = known.moved_on(walked.newest if self._also is None else int(began), int(began))
        sure = not self._rows.listing.in_doubt
        yield walked.end(complete=False, cursor=cursor._replace(mark=str(highest)) if sure else None)

    def _changes(self, known: Cursor, highest: int, stopped: Stopped) -> Iterator[Page]:
        yield from self._rows.since("changed", known.since, stopped)
        yield from self._rows.above(highest, stopped)
        if self._also is not None:
            yield from self._also(known.since, stopped)

    def _is_due(self, known: Cursor, now: float | None) -> bool:
        if now is not None and now < known.since:
            return True
        return self._every is not None and known.is_due(now, self._every)


def single(api: Shopware5Api) -> Details:
    """Each customer asked for alone, which shows the addresses; who is gone meanwhile is left out."""

    def one(number: int) -> Page:
        found = api.customer(number)
        return Page(() if found is None else (found,))

    def details(rows: Sequence[RawRow], stopped: Stopped) -> Iterator[Page]:
        together: list[RawRow] = []
        for page in in_order(one, map(ident, rows), readers=_READERS, stopped=stopped):
            together += page.rows
            if len(together) >= _TOGETHER:
                yield Page(together)
                together = []
        if not stopped():
            yield Page(together)

    return details
