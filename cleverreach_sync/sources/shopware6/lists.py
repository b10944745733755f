"""The lists of a Shopware 6 shop. They are walked along a key that no change moves, so that nothing that changes
meanwhile is lost or doubled; and it is checked whether a walk showed all that there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from cleverreach_sync.errors import TemporaryError
from cleverreach_sync.http.paging import Keyset, Listing, Numbered, Page, RawRow, keyset_pages, numbered_pages
from cleverreach_sync.messages import say
from cleverreach_sync.sources.shopware6.api import ShopwareApi
from cleverreach_sync.sources.shopware6.criteria import Entity, Filter, beyond, created_at, milliseconds_of
from cleverreach_sync.sources.walks import Stopped

_FROM_THE_START: Final = -1


class Shown:
    """How many rows a walk showed, and which: their order does not count."""

    def __init__(self, until: int | None = None) -> None:
        self._until = until
        self.number = 0
        self._sum = 0

    def add(self, rows: Iterable[RawRow]) -> None:
        """Those created until then, in milliseconds; None: all."""
        for row in rows:
            if self._until is None or (milliseconds_of(row.get("createdAt")) or 0) <= self._until:
                self.number += 1
                self._sum += hash(row["id"])

    def agrees(self, other: Shown) -> bool:
        return (self.number, self._sum) == (other.number, other._sum)


class Lists:
    """All lists of one shop."""

    def __init__(self, api: ShopwareApi) -> None:
        self._api = api

    def all(self, entity: Entity, filters: Sequence[Filter], stopped: Stopped) -> Iterator[Page]:
        """All of a list. A page that is not full is its end, unless there were to be more rows than that."""
        done = total = 0
        last = Page(())
        for page in self.walk(entity, filters, stopped, counted=False):
            done += len(page.rows)
            total = max(total, page.total or 0)
            last = page if page.rows else last
            yield page
        if not last.rows or total <= done or stopped():
            return
        known = {row["id"] for row in last.rows}
        after = max(map(_key(entity), last.rows)) - 1
        for page in self.walk(entity, filters, stopped, counted=False, to_empty=True, after=after):
            yield page._replace(rows=[row for row in page.rows if row["id"] not in known])

    def walk(
        self,
        entity: Entity,
        filters: Sequence[Filter],
        stopped: Stopped,
        *,
        counted: bool,
        to_empty: bool = False,
        after: int = _FROM_THE_START,
    ) -> Iterator[Page]:
        """A list along its key. `counted`: every page tells how many are left, else the first one alone. `to_empty`: an
        empty page is the end, no other."""
        by_number = entity.key == "autoIncrement"

        def fetch(after: int) -> Page:
            first = after == _FROM_THE_START
            asked = filters if first else [*filters, beyond(entity, after)]
            sort = (entity.key,) if by_number else (entity.key, "id")
            page = self._api.first(entity, asked, sort, counted=counted or first)
            return page._replace(last=not page.rows) if to_empty else page

        def one_moment(moment: int) -> Iterator[Page]:
            """Rows of one moment have no order of their own; their IDs do."""
            limit = self._api.limit
            pages = Numbered(
                lambda number: self._api.numbered(entity, [*filters, created_at(moment)], number, limit),
                lambda row: int(row["id"], 16),
                limit,
                readers=1,
            )
            return numbered_pages(pages, Listing(entity.words, self._api.doubts), stopped)

        pages = Keyset(
            fetch,
            _key(entity),
            (lambda row: row["id"]) if by_number else (lambda row: (row["id"], str(row.get("updatedAt")))),
            self._api.limit,
            tied=None if by_number else one_moment,
        )
        return keyset_pages(pages, after, stopped)

    def check_whole(self, entity: Entity, filters: Sequence[Filter], shown: Shown, stopped: Stopped) -> None:
        """An answer that was empty by mistake looks like the end of a list, and who comes after it like somebody who is
        gone, or was not changed. What is older than the reading can only have become less. Where a second walk shows
        the same, the shop counts others than it shows; nobody is gone then."""
        there = self._api.count(entity, filters)
        if there <= shown.number:
            return
        again = Shown()
        for page in self.walk(entity, filters, stopped, counted=False, to_empty=True):
            again.add(page.rows)
        if shown.agrees(again) and not stopped():
            self._api.doubts.add(entity.words)
        elif not stopped():
            raise TemporaryError(
                say(
                    "shopware.shown_less",
                    "the shop has {there} {what}, but showed only {shown} of them",
                    there=there,
                    what=entity.words,
                    shown=shown.number,
                ),
                hint=say(
                    "shopware.look_for_cache",
                    "run again; if this keeps happening, look for a cache or a plug-in that changes the answers of "
                    "the API",
                ),
            )


def _key(entity: Entity) -> Callable[[RawRow], int]:
    return (lambda row: int(row["autoIncrement"])) if entity.key == "autoIncrement" else _created


def _created(row: RawRow) -> int:
    moment = milliseconds_of(row["createdAt"])
    if moment is None:
        raise TemporaryError(
            say("shopware.no_creation", "the shop has a newsletter recipient without a date of creation")
        )
    return moment
