"""Reads who unsubscribed in the account, so that nobody is missed while people come and go between two pages.

Facts (REST API v3): `receivers/filter` gives bare pages without a total; a rule may ask for stamps above a number.
Whether it orders by stamps is not known, so page after page is read until two walks agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from cleverreach_sync.domain.address import normalise
from cleverreach_sync.errors import TemporaryError
from cleverreach_sync.http.failures import IN_BETWEEN
from cleverreach_sync.messages import say
from cleverreach_sync.targets.cleverreach.rows import stamp

PAGE: Final = 5000
_PAGES_AT_MOST: Final = 100_000
_WALKS_AT_MOST: Final = 6
_TELLING: Final = ("id", "group_id", "email", "deactivated")  # one row from another

Rows = list[dict[str, Any]]
Ask = Callable[[dict[str, Any]], Rows]
Page = list[tuple[str, int]]


def unsubscribed(ask: Ask, since: int) -> Iterator[Page]:
    """Addresses and stamps of those who unsubscribed later than `since` (unix seconds), in pages; somebody may come
    twice. `ask` sends the body of one `receivers/filter`. A walk ends at an empty page, and the reading with the first
    walk that brings nobody whom those before it had not brought."""
    seen: set[int] = set()
    latest = 0  # whoever unsubscribes after the first walk is no sign of one that lost somebody
    for walk in range(_WALKS_AT_MOST):
        fresh = False
        for body in _pages(ask, since):
            rows = {hash(tuple(str(row.get(name)) for name in _TELLING)): row for row in body}
            new = {ident: row for ident, row in rows.items() if ident not in seen}
            seen |= new.keys()
            stamps = [stamp(row.get("deactivated")) for row in new.values()]
            if walk == 0:
                latest = max([latest, *stamps])
            fresh = fresh or any(each <= latest for each in stamps)
            yield _left(list(new.values()))
        if not fresh:
            return
    raise TemporaryError(
        say(
            "cleverreach.unsubscribed_change",
            "the account's unsubscribed recipients change faster than they can be read",
        ),
        hint=say("cleverreach.run_again_later", "run again later"),
    )


def _pages(ask: Ask, since: int) -> Iterator[Rows]:
    before: Rows = []
    for number in range(_PAGES_AT_MOST):
        body = ask(_asked(since, number))
        if not body or _same(body, before):
            return
        yield body
        before = body
    raise _endless()


def _asked(since: int, number: int) -> dict[str, Any]:
    return {
        "groups": [],
        "operator": "AND",
        "rules": [{"field": "deactivated", "logic": "bg", "condition": str(since)}],
        "orderby": "email asc",
        "detail": 0,
        "activeonly": False,
        "pagesize": PAGE,
        "page": number,
    }


def _same(body: Rows, before: Rows) -> bool:
    """Whether a server takes no notice of the number of the page. Raises TemporaryError if that hides people."""
    if body != before:
        return False
    if len(body) >= PAGE:
        raise TemporaryError(
            say(
                "cleverreach.same_page",
                "CleverReach gives the same page of unsubscribed recipients again and again; the others cannot be read",
            ),
            hint=IN_BETWEEN,
        )
    return True


def _left(body: Rows) -> Page:
    """Whose address can be none of a shop's customers is left out."""
    page = []
    for row in body:
        email = normalise(str(row.get("email", "")))
        at = stamp(row.get("deactivated"))
        if email is not None and at > 0:
            page.append((email, at))
    return page


def _endless() -> TemporaryError:
    return TemporaryError(
        say("cleverreach.endless_pages", "CleverReach never stops giving pages of unsubscribed recipients"),
        hint=IN_BETWEEN,
    )
