"""Who was changed since a moment, page by page.

Facts: a page has 250 customers at most; a query may be too expensive at that size; sorted by UPDATED_AT, whoever is
changed meanwhile comes again at the end, and nobody is passed over; `updatedAt` may move without a visible change.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, Final

from cleverreach_sync.errors import TemporaryError
from cleverreach_sync.http.graphql import TooExpensive
from cleverreach_sync.messages import say
from cleverreach_sync.sources.shopify.access import Access
from cleverreach_sync.sources.shopify.queries import PAGE, updated_since
from cleverreach_sync.sources.shopify.rows import Customer, NoCustomer, read_customer
from cleverreach_sync.sources.values import utc_text

LARGEST_PAGE: Final = 250


class Pages:
    """Pages of customers; their size adapts to what one query may cost."""

    def __init__(self, access: Access, first: int = LARGEST_PAGE) -> None:
        self._access = access
        self._first = first

    def page(self, query: str | None, after: str | None) -> tuple[list[Customer], str | None]:
        """One page, and where the next begins (None: it was the last). Raises TemporaryError for a page that leads
        back to itself."""
        while True:
            try:
                variables = {"first": self._first, "after": after, "query": query}
                customers, following, more = self._access.ask(PAGE, _page, variables)
                break
            except TooExpensive:
                if self._first == 1:
                    raise
                self._first = max(1, self._first // 2)
        if more and following in (None, after):
            raise TemporaryError(
                say("shopify.page_again", "Shopify returned a page of customers that it had returned before")
            )
        return customers, following if more else None


def _page(data: Mapping[str, Any]) -> tuple[list[Customer], str | None, bool]:
    """The customers, the cursor of the last one, and whether there are more."""
    found = data["customers"]
    info = found["pageInfo"]
    try:
        return [read_customer(node) for node in found["nodes"]], info["endCursor"], bool(info["hasNextPage"])
    except NoCustomer:
        raise TemporaryError(
            say("shopify.not_a_customer", "Shopify answered with something that is not a customer")
        ) from None


def changed_since(
    access: Access, moment: int, stopped: Callable[[], bool]
) -> Generator[int, None, list[Customer] | None]:
    """Everybody changed since `moment` (unix seconds), each of them once, as they were last; yields how many so far.
    Returns None when it was stopped.

    What the shop's filter lets through is filtered again: it may round to the shop's day.
    """
    pages = Pages(access)
    query = updated_since(utc_text(moment))
    found: dict[str, Customer] = {}
    after: str | None = None
    while not stopped():
        customers, after = pages.page(query, after)
        for customer in customers:
            known = found.get(customer.ident)
            if customer.updated_at >= moment and (known is None or customer.updated_at >= known.updated_at):
                found[customer.ident] = customer
        if after is None:
            return list(found.values())
        yield len(found)
    return None
