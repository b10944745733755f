"""The REST API of plentymarkets: pages of rows, and refusals in the merchant's words.

Facts: lists come as `{page, totalsCount, isLastPage, lastPageNumber, entries}`, some short ones as a plain list.
Contacts and newsletter recipients know no order; date filters of contacts know whole days only. `orders/search` sorts
by ID and takes `orderId=gt:N`; an operator stands before the value (`updatedAt=gte:...`), and relations are given only
when they are named in `with[]`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cleverreach_sync.errors import AuthError, CrsyncError, UsageError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.failures import Refused, TryAgain
from cleverreach_sync.http.foreign import identifier, whole
from cleverreach_sync.http.headers import parse_date
from cleverreach_sync.http.paging import Doubts, Insisting, Page, RawRow
from cleverreach_sync.http.request import Query
from cleverreach_sync.http.shop import TIMEOUT, ShopApi
from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources import records
from cleverreach_sync.sources.plentymarkets.session import ADDRESS, CallsLeft, Session, said_by
from cleverreach_sync.sources.shop import Refusal, Refusals, explain, status_and
from cleverreach_sync.sources.values import utc_text

PER_PAGE: Final = 250  # the most plentymarkets gives
READERS: Final = 2
_ROLES: Final = say("plentymarkets.where_roles", "plentymarkets: Setup > Settings > User > Rights > Roles")
CONTACT_LIST: Final = say("plentymarkets.contacts", "contacts")
_CONTACTS: Final = "/rest/accounts/contacts"
_RECIPIENTS: Final = "/rest/newsletters/list_recipients"
_ORDERS: Final = "/rest/orders/search"
_RELATIONS: Final = ("addresses", "addressRelations", "contactReceiver", "relations", "amounts", "properties")
_SALES_ORDER: Final = 1

_SESSION_LOST: Final = Refusal(
    AuthError,
    lambda said: say("plentymarkets.session_lost", "plentymarkets no longer knows the session ({said})", said=said),
    say(
        "plentymarkets.user_unchanged",
        "check that nobody changed the user of the API, or its password, in the meantime",
    ),
)

_THIS: Final = say("plentymarkets.this", "this")


class NotAllowed(AuthError):
    """The user of the API lacks a right. `said` is the status, and what plentymarkets says."""

    def __init__(self, what: Message, said: str) -> None:
        super().__init__(
            say("plentymarkets.may_not_read", "the user of the API may not read {what} ({said})", what=what, said=said),
            hint=say(
                "plentymarkets.give_role",
                "give the user a role with the right to see {what}: {where}",
                what=what,
                where=_ROLES,
            ),
        )
        self.said = said


class SmallerPages(Exception):
    """A list has pages of `size` rows, whatever was asked for."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class PlentyApi:
    """One system. Errors are in the merchant's words. A first page that is smaller than it should be raises
    SmallerPages."""

    def __init__(self, url: str, username: str, password: str, means: HttpContext) -> None:
        self.url = url
        self.doubts = Doubts()
        self._http = HttpClient(means, url, TIMEOUT)
        self._session = Session(self._http, username, password)
        self._api = ShopApi(
            self._http,
            explain=self._explain,
            credentials=self._session,
            no_json=say(
                "plentymarkets.not_the_system",
                "if this keeps happening: is {url} the system itself, without a shop window or maintenance page in "
                "front of it?",
                url=url,
            ),
            at_once=READERS,
            pace=CallsLeft(means.clock, means.sleep, means.log),
        )
        self._refusals: Refusals = {
            401: _SESSION_LOST,
            403: lambda answer: NotAllowed(_THIS, status_and(said_by(answer, self._http), answer)),
            404: Refusal(
                UsageError,
                lambda said: say(
                    "plentymarkets.no_api",
                    "there is no REST API of plentymarkets at {url} ({said})",
                    url=url,
                    said=said,
                ),
                ADDRESS,
            ),
        }
        self._relations: Query = {"with[]": list(_RELATIONS)}

    @property
    def time(self) -> float | None:
        """What time the system says it is, in unix seconds (the `Date` of its last answer)."""
        return self._http.server_time

    @property
    def clock_ahead(self) -> float | None:
        return self._http.clock_ahead

    def contacts(self, page: int, query: Mapping[str, str | int], size: int = PER_PAGE) -> Page:
        """A page of contacts with their addresses, in no order. `query` are filters."""
        with_ = {"with": "addresses,primaryBillingAddress"}
        return self._page(CONTACT_LIST, _CONTACTS, {**query, **with_, "page": page, "itemsPerPage": size})

    def recipients(self, page: int, folder: int | None, size: int = PER_PAGE) -> Page:
        """A page of newsletter recipients, confirmed or not, in no order."""
        query: dict[str, str | int] = {} if folder is None else {"folderId": folder}
        return self._page(records.RECIPIENTS, _RECIPIENTS, {**query, "page": page, "itemsPerPage": size})

    def orders(self, after: int, since: int | None, size: int = PER_PAGE) -> Page:
        """The first sales orders with an ID above `after` that were changed since a time, by ID."""
        query: dict[str, str | int] = {
            "orderTypeId": _SALES_ORDER,
            "orderId": f"gt:{after}",
            "sortBy": "orderId",
            "sortOrder": "asc",
            "itemsPerPage": size,
        }
        if since is not None:
            query["updatedAt"] = f"gte:{utc_text(since).removesuffix('Z')}+00:00"
        try:
            return self._page(records.ORDERS, _ORDERS, {**query, **self._relations})
        except Refused:
            if "lazyLoaded" in self._relations:
                raise
            # A system that does not know one of them by name gives the usual ones unasked.
            self._relations = {"lazyLoaded": "false", "with[]": ["addresses", "contactReceiver"]}
            return self._page(records.ORDERS, _ORDERS, {**query, **self._relations})

    def referrers(self) -> list[RawRow]:
        return self._list(say("plentymarkets.origins", "order origins (referrers)"), "/rest/orders/referrers")

    def types(self) -> list[RawRow]:
        return self._list(say("plentymarkets.types", "customer types"), f"{_CONTACTS}/types")

    def folders(self) -> list[RawRow]:
        return self._list(say("plentymarkets.folders", "newsletter folders"), "/rest/newsletters/folders")

    def countries(self) -> list[RawRow]:
        return self._list(say("plentymarkets.countries", "countries"), "/rest/orders/shipping/countries")

    def close(self) -> None:
        """Ends the session. May be called twice."""
        self._session.logout()
        self._http.close()

    def _page(self, what: Message, path: str, query: Query) -> Page:
        found: list[Page] = []
        empty = Insisting()

        def check(answer: Answer) -> None:
            body = answer.body
            rows = body.get("entries") if isinstance(body, dict) else None
            if not isinstance(rows, list) or not all(map(_has_id, rows)):
                raise TryAgain(_not_a_list(what))
            total = whole(body.get("totalsCount"))
            if total and not rows and query.get("page", 1) == 1:
                if not empty.on(total):
                    raise TryAgain(
                        say(
                            "plentymarkets.empty_page",
                            "plentymarkets answered with an empty page where there are {total} {what}",
                            total=total,
                            what=what,
                        )
                    )
                self.doubts.add(what)
            size = whole(body.get("itemsPerPage"))
            if query.get("page") == 1 and size and size < int(str(query["itemsPerPage"])):
                raise SmallerPages(size)
            at = parse_date(answer.headers.get("date"))
            found[:] = [Page(rows, total, at)]

        self._get(what, path, query, check)
        return found[0]

    def _list(self, what: Message, path: str) -> list[RawRow]:
        def check(answer: Answer) -> None:
            if not isinstance(_entries(answer.body), list):
                raise TryAgain(_not_a_list(what))

        answer = self._get(what, path, None, check)
        return [row for row in _entries(answer.body) if isinstance(row, dict)]

    def _get(self, what: Message, path: str, query: Query | None, check: Any) -> Answer:
        try:
            return self._api.get(path, query, check=check)
        except NotAllowed as denied:
            raise NotAllowed(what, denied.said) from None

    def _explain(self, answer: Answer) -> CrsyncError | None:
        said = said_by(answer, self._http)
        known = explain(self._refusals, answer, said)
        if known is not None:
            return known
        words = _violations(answer.body)
        detail = self._http.redact.excerpt(words) if words else said
        return Refused(
            say("plentymarkets.refused", "plentymarkets refused the request ({said})", said=status_and(detail, answer)),
            status=answer.status,
        )


def _not_a_list(what: Message) -> Message:
    return say(
        "plentymarkets.not_a_list", "plentymarkets answered with something that is not a list of {what}", what=what
    )


def _has_id(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("id"), int) and identifier(row["id"]) is not None


def _entries(body: Any) -> Any:
    return body.get("entries", list(body.values())) if isinstance(body, dict) else body


def _violations(body: Any) -> str:
    """The names of the values that were refused, and why."""
    found = body.get("validation_errors") if isinstance(body, dict) else None
    if not isinstance(found, dict):
        return ""
    return "; ".join(f"{name}: {_words(why)}" for name, why in found.items())


def _words(why: Any) -> str:
    return " ".join(str(part) for part in why) if isinstance(why, Sequence) and not isinstance(why, str) else str(why)
