"""Lists in pages, without a server."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from cleverreach_sync.errors import TemporaryError
from cleverreach_sync.http.paging import (
    Doubts,
    Keyset,
    Listing,
    Numbered,
    Page,
    RawRow,
    in_order,
    keyset_pages,
    numbered_pages,
)
from cleverreach_sync.messages import say


def rows(*idents: int) -> list[RawRow]:
    return [{"id": ident} for ident in idents]


def ident(row: RawRow) -> int:
    return int(row["id"])


def in_pages(
    fetch: Callable[[int], Page], size: int, what: str = "rows", *, readers: int = 2, doubts: Doubts | None = None
) -> Iterator[Page]:
    return numbered_pages(Numbered(fetch, ident, size, readers), Listing(what, doubts or Doubts()))


def by_key(fetch: Callable[[int], Page], size: int) -> Iterator[Page]:
    return keyset_pages(Keyset(fetch, ident, ident, size), 0)


def numbered(all_rows: Callable[[], list[RawRow]], size: int = 2) -> Callable[[int], Page]:
    def fetch(number: int) -> Page:
        found = all_rows()
        return Page(found[(number - 1) * size : number * size], len(found))

    return fetch


def idents(pages: object) -> list[int]:
    return [ident(row) for page in pages for row in page.rows]  # type: ignore[attr-defined]


@pytest.mark.parametrize("count", range(9))
def test_every_row_once_in_order(count: int) -> None:
    found = in_pages(numbered(lambda: rows(*range(1, count + 1))), 2, "rows")
    assert idents(found) == list(range(1, count + 1))


def test_a_list_that_never_holds_still() -> None:
    left = list(range(1, 1000))

    def shrinking() -> list[RawRow]:
        left.pop(0)
        return rows(*left)

    with pytest.raises(TemporaryError, match="the people changed while they were read, 5 times"):
        idents(in_pages(numbered(shrinking, 100), 100, "people"))


@pytest.mark.parametrize("count", range(8))
def test_a_server_that_does_not_count_and_gives_less_than_it_is_asked_for(count: int) -> None:
    fetch = numbered(lambda: rows(*range(1, count + 1)), 2)
    found = in_pages(lambda number: fetch(number)._replace(total=None), 100, "rows")
    assert idents(found) == list(range(1, count + 1))


@pytest.mark.parametrize("size", [2, 3])
def test_a_row_that_moves_up_where_nobody_counts(size: int) -> None:
    """The server gives two rows at most; the first is deleted once they were read."""
    there = [1, 2, 3]

    def fetch(number: int) -> Page:
        found = rows(*there[(number - 1) * 2 : number * 2])
        there[:1] = [] if there[0] == 1 else there[:1]
        return Page(found)

    assert idents(in_pages(fetch, size, "people")) == [1, 2, 3]


def test_a_server_that_does_not_count_and_knows_one_page_only() -> None:
    with pytest.raises(TemporaryError, match="page 2 of a list only has rows of earlier pages"):
        idents(in_pages(lambda _: Page(rows(1, 2)), 2, "people"))


SHUFFLED = (5, 3, 8, 1, 7, 2, 6, 4)


@pytest.mark.parametrize(("order", "walks"), [(SHUFFLED, 2), (tuple(range(8, 0, -1)), 1)])
def test_a_list_in_no_order_is_read_twice(order: tuple[int, ...], walks: int) -> None:
    fetched: list[int] = []
    fetch = numbered(lambda: rows(*order))

    def noted(number: int) -> Page:
        fetched.append(number)
        return fetch(number)

    assert sorted(idents(in_pages(noted, 2, "rows"))) == list(range(1, 9))
    assert fetched.count(3) == walks


def test_a_row_that_moves_to_a_page_read_before_is_found_all_the_same() -> None:
    order = list(SHUFFLED)
    fetch = numbered(lambda: rows(*order))

    def moving(number: int) -> Page:
        if number == 3 and order[-1] == 4:
            order.insert(0, order.pop())
        return fetch(number)

    assert sorted(idents(in_pages(moving, 2, "rows", readers=1))) == list(range(1, 9))


def test_pages_come_in_order_whichever_is_ready_first() -> None:
    second_is_there = threading.Event()

    def fetch(number: int) -> Page:
        if number == 1:
            assert second_is_there.wait(10)
        if number == 2:
            second_is_there.set()
        return Page(rows(number))

    assert idents(in_order(fetch, range(1, 6), readers=2, stopped=lambda: False)) == [1, 2, 3, 4, 5]


def test_a_failure_is_that_of_its_page() -> None:
    def fetch(number: int) -> Page:
        if number == 3:
            raise TemporaryError(say("test.page", "page 3"))
        return Page(rows(number))

    found = []
    with pytest.raises(TemporaryError, match="page 3"):
        found += [ident(page.rows[0]) for page in in_order(fetch, range(1, 6), readers=2, stopped=lambda: False)]


def test_reading_stops_when_it_is_asked_to() -> None:
    asked: list[int] = []

    def fetch(number: int) -> Page:
        asked.append(number)
        return Page(rows(number))

    assert len(list(in_order(fetch, range(1, 100), readers=2, stopped=lambda: len(asked) >= 5))) < 10
    assert len(asked) < 12


@pytest.mark.parametrize("count", range(9))
def test_a_unique_key_is_walked_along(count: int) -> None:
    def fetch(after: int) -> Page:
        return Page(rows(*range(after + 1, count + 1))[:3])

    assert idents(by_key(fetch, 3)) == list(range(1, count + 1))


def test_what_is_kept_of_a_long_list_that_is_read_twice() -> None:
    """Their IDs, once a time; a list may have a million rows."""
    many, size = 100_000, 100
    tracemalloc.start()
    try:
        found = in_pages(lambda page: Page(rows(*range(many)[(page - 1) * size : page * size])), size, "people")
        assert sum(len(page.rows) for page in found) == many
        assert tracemalloc.get_traced_memory()[1] < 225 * many
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("total", [0, 2, 3, 9, None])
def test_a_total_that_lies_ends_nothing_too_early(total: int | None) -> None:
    found = by_key(lambda after: Page(rows(*range(after + 1, 8))[:3], total), 3)
    assert idents(found) == list(range(1, 8))


def test_a_server_that_does_not_heed_the_key() -> None:
    with pytest.raises(TemporaryError, match="not asked for"):
        idents(by_key(lambda _: Page(rows(1, 2, 3)), 3))


def test_a_server_that_gives_less_than_it_is_asked_for_says_where_the_end_is() -> None:
    def fetch(after: int) -> Page:
        found = rows(*range(after + 1, 8))
        return Page(found[:2], last=len(found) <= 2)

    assert idents(by_key(fetch, 500)) == list(range(1, 8))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("off", [-6, 1, 2, 3, 50, 10**14])
def test_a_total_that_never_fits(count: int, off: int) -> None:
    """Everybody is read, whether it says too much or too little, and nobody is taken for gone."""
    asked: list[int] = []
    told = max(0, count + off)

    def fetch(number: int) -> Page:
        asked.append(number)
        found = rows(*range(1, count + 1))
        return Page(found[(number - 1) * 2 : number * 2], told)

    doubts = Doubts()
    assert idents(in_pages(fetch, 2, "orders", doubts=doubts)) == list(range(1, count + 1))
    assert "orders" in doubts
    assert "number of orders" in doubts.warnings[0]
    assert len(asked) < 60


def test_a_list_that_moves_once_leaves_no_doubt() -> None:
    left, asked = list(range(1, 8)), 0

    def fetch(number: int) -> Page:
        nonlocal asked
        asked += 1
        if asked == 4:
            left.pop(0)
        return Page(rows(*left[(number - 1) * 2 : number * 2]), len(left))

    doubts = Doubts()
    assert set(idents(in_pages(fetch, 2, "rows", readers=1, doubts=doubts))) == set(range(1, 8))
    assert doubts.warnings == []


def test_nothing_at_all_where_there_should_be_something_is_doubted() -> None:
    doubts = Doubts()
    assert idents(in_pages(lambda _: Page((), 5), 2, "rows", doubts=doubts)) == []
    assert "rows" in doubts
