"""The REST API of Magento 2 (V1): the first rows of lists, and refusals in the merchant's words.

Facts (seen with 2.4.7): a token that is wrong, one that may not be used as bearer, and a missing right all give the
same 401, which names the right; messages are templates whose `parameters` are an object or a list; requests that were
signed more than 10 minutes in the shop's future are refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from cleverreach_sync.errors import AuthError, CrsyncError, UsageError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.credentials import Credentials
from cleverreach_sync.http.failures import Refused, TryAgain
from cleverreach_sync.http.foreign import identifier, whole
from cleverreach_sync.http.headers import parse_date
from cleverreach_sync.http.oauth1 import OAuth1, OAuth1Keys, says_timestamp
from cleverreach_sync.http.paging import Doubts, Insisting, Page, RawRow
from cleverreach_sync.http.shop import TIMEOUT, ShopApi
from cleverreach_sync.http.tokens import FixedToken
from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources.magento2.criteria import Entity, Filter, above, changed_since, criteria, of_ids
from cleverreach_sync.sources.shop import (
    Refusal,
    Refusals,
    empty_page,
    explain,
    not_a_list,
    not_the_shop,
    password_asked,
    status_and,
)

if TYPE_CHECKING:
    from cleverreach_sync.sources.magento2.settings import Magento2Settings

LARGEST_PAGE: Final = 300  # what is allowed wherever Magento limits the size of pages
_API: Final = "/rest/all/V1"
_PAGE_SIZE: Final = re.compile(r"pageSize is (\d+)")
_TEMPLATE: Final = re.compile(r"%([A-Za-z0-9_]+)")
_TOUCHY: Final = say(
    "magento.web_server",
    "a firewall or the web server may keep the API from this machine: let its address through",
)
_BEARER: Final = say(
    "magento.bearer_not_allowed",
    "since 2.4.4 Magento refuses a bearer_token unless Stores > Configuration > Services > OAuth > Consumer Settings "
    "allows access tokens to be used as standalone bearer tokens; give source.consumer_key, consumer_secret, "
    "access_token and access_token_secret instead. If it is allowed, look whether the integration is active and has "
    "the right: System > Extensions > Integrations > API",
)
_SIGNED: Final = say(
    "magento.check_keys",
    "under System > Extensions > Integrations the integration has to be active and to have the right (API); after its "
    "rights were changed, reauthorize it. Check source.consumer_key, consumer_secret, access_token and "
    "access_token_secret. Behind a proxy Magento has to know that it is called over https, or no signature fits",
)
_FORBIDDEN: Final = Refusal(
    AuthError, lambda said: say("magento.forbidden", "the shop does not let crsync in ({said})", said=said), _TOUCHY
)


class NotAuthorized(AuthError):
    """Something may not be read. `resources` are the names of the rights, as Magento has them."""

    def __init__(self, resources: Sequence[str], hint: Message) -> None:
        listed = ", ".join(sorted(set(resources)))
        super().__init__(
            say(
                "magento.not_authorized",
                "Magento does not let this integration read {resources} (401)",
                resources=listed,
            ),
            hint=hint,
        )
        self.resources = tuple(resources)
        self.advice = hint


class _PageTooLarge(Refused):
    """`largest` is what a page may have."""

    def __init__(self, largest: int) -> None:
        super().__init__(say("magento.page_size", "the shop does not return pages of that size"), status=400)
        self.largest = largest


class MagentoApi:
    """One shop. Thread-safe; `limit` is the size of a page, which gets smaller where the shop allows less.

    A page that is empty though its total says otherwise is taken when it comes again and again; `doubts` tells of its
    list.
    """

    def __init__(self, settings: Magento2Settings, means: HttpContext) -> None:
        self.url = settings.url
        self.limit = LARGEST_PAGE
        self.doubts = Doubts()
        self._advice = _SIGNED if settings.bearer_token is None else _BEARER
        self._refusals: Refusals = {401: self._not_known, 403: _FORBIDDEN, 404: lambda _: self._no_shop()}
        http = HttpClient(means, self.url, TIMEOUT)
        self._api = ShopApi(
            http,
            explain=self._explain,
            credentials=_credentials(settings, http),
            no_json=not_the_shop(self.url),
        )

    @property
    def clock_ahead(self) -> float | None:
        return self._api.http.clock_ahead

    def first(self, entity: Entity, filters: Sequence[Filter], *, most: int | None = None) -> Page:
        """The first rows of a list by ID, `most` at most. Raises NotAuthorized, AuthError, UsageError."""
        while True:
            size = min(self.limit, most or self.limit)
            try:
                return self._page(entity, filters, size)
            except _PageTooLarge as refused:
                if not 0 < refused.largest < size:
                    raise
                self.limit = min(self.limit, refused.largest)

    def above(self, entity: Entity, filters: Sequence[Filter], ident: int) -> Page:
        """The first rows of a list above an ID."""
        page = self.first(entity, [*filters, above(ident)])
        if any(number(entity, row) <= ident for row in page.rows):
            raise UsageError(_ignored(), hint=_extension())
        return page

    def check_filters(self, entity: Entity) -> None:
        """Of a list that came out empty: raises UsageError if there are rows, and a filter that all of them meet shows
        none. What Magento does not know of a filter it answers with nothing."""
        some = self.first(entity, (), most=1).rows
        if not some:
            return
        ident = number(entity, some[0])
        for each in (above(ident - 1), of_ids([str(ident)]), changed_since(0)):
            if not self.first(entity, [each], most=1).rows:
                raise UsageError(_ignored(), hint=_extension())

    def settings_of(self, path: str) -> Sequence[RawRow]:
        """A short list of the shop's own, whole: `store/websites`."""
        found: list[RawRow] = []

        def check(answer: Answer) -> None:
            rows = answer.body
            if not isinstance(rows, list) or not all(isinstance(row, dict) and "id" in row for row in rows):
                raise TryAgain(not_a_list(say("magento.stores", "stores")))
            found[:] = rows

        self._api.get(f"{_API}/{path}", check=check)
        return found

    def _page(self, entity: Entity, filters: Sequence[Filter], size: int) -> Page:
        found: list[Page] = []
        empty = Insisting()

        def check(answer: Answer) -> None:
            rows, total = _rows(answer, entity)
            if rows is None or total is None:
                raise TryAgain(not_a_list(entity.words))
            if total and not rows:
                if not empty.on(total):
                    raise TryAgain(empty_page(entity.words, total))
                self.doubts.add(entity.words)
            last = not rows or (len(rows) < size and len(rows) >= total)
            found[:] = [Page(rows, total, parse_date(answer.headers.get("date")), last)]

        self._api.get(f"{_API}/{entity.path}", criteria(entity, filters, size), check=check)
        return found[0]

    def _explain(self, answer: Answer) -> CrsyncError | None:
        said = self._said(answer)
        if answer.status == 400 and (size := _PAGE_SIZE.search(said)) is not None:
            return _PageTooLarge(whole(size[1]) or 0)
        if says_timestamp(answer):
            return AuthError(
                say(
                    "magento.clock",
                    "the shop refuses the time of the request ({said}): its clock and that of this machine differ",
                    said=status_and(said, answer),
                ),
                hint=say("magento.set_clock", "set the clock of the shop's server, and that of this machine"),
            )
        if (known := explain(self._refusals, answer, said)) is not None:
            return known
        return Refused(
            say("magento.refused", "Magento refuses the request ({said})", said=status_and(said, answer)),
            status=answer.status,
            hint=_extension(),
        )

    def _not_known(self, answer: Answer) -> CrsyncError:
        said = self._said(answer)
        if not isinstance(answer.body, dict):
            return password_asked(status_and(said, answer))
        parameters = answer.body.get("parameters")
        resources = parameters.get("resources") if isinstance(parameters, dict) else None
        if isinstance(resources, str) and resources:
            return NotAuthorized([self._api.http.redact.excerpt(resources)], self._advice)
        return AuthError(
            say(
                "magento.credentials", "Magento does not accept the credentials ({said})", said=status_and(said, answer)
            ),
            hint=self._advice,
        )

    def _no_shop(self) -> UsageError:
        return UsageError(
            say("magento.no_shop", "there is no API of Magento 2 at {url} (404)", url=self.url),
            hint=say(
                "magento.address",
                "source.url is the address of the shop, with its subdirectory if it has one, without the code of a "
                "store view (/de) and without the path of the administration",
            ),
        )

    def _said(self, answer: Answer) -> str:
        """What an answer says, its parameters filled in."""
        body = answer.body
        message = body.get("message") if isinstance(body, dict) else None
        if not isinstance(message, str):
            return self._api.words(answer)
        given = body.get("parameters")
        values = {str(place): value for place, value in enumerate(given, 1)} if isinstance(given, list) else given
        if isinstance(values, dict):
            message = _TEMPLATE.sub(lambda found: str(values.get(found[1], found[0])), message[:1000])
        return self._api.http.redact.excerpt(message)

    def close(self) -> None:
        self._api.http.close()


def number(entity: Entity, row: RawRow) -> int:
    """The ID of a row."""
    return int(row[entity.key])


def _credentials(settings: Magento2Settings, http: HttpClient) -> Credentials:
    if settings.keys is not None:
        return OAuth1(OAuth1Keys(*settings.keys), http)
    return FixedToken("" if settings.bearer_token is None else settings.bearer_token.get_secret_value())


def _rows(answer: Answer, entity: Entity) -> tuple[list[RawRow] | None, int | None]:
    """The rows of an answer and their total; None for what is none. Rows that are out of order were not sorted as
    asked: what stands before the last of them would be lost."""
    body: Any = answer.body
    if not isinstance(body, dict) or "items" not in body:
        return None, None
    items = body["items"] or []
    if not isinstance(items, list) or not all(_is_row(row, entity) for row in items):
        return None, None
    idents = [number(entity, row) for row in items]
    if idents != sorted(idents):
        return None, None
    rows = [row for place, row in enumerate(items) if not place or idents[place] != idents[place - 1]]
    return rows, whole(body.get("total_count"))


def _is_row(row: object, entity: Entity) -> bool:
    if not isinstance(row, dict) or identifier(row.get(entity.key)) is None:
        return False
    return not entity.shows or any(name in row for name in entity.shows)


def _ignored() -> Message:
    return say("magento.filters", "the shop does not filter its lists as it is asked to, and nobody may be missing")


def _extension() -> Message:
    return say(
        "magento.extension",
        "an extension or a proxy in front of the shop changes the answers of its API, or the questions; or the shop is "
        "older than Magento 2.3",
    )
