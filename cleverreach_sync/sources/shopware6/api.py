"""The Admin API of Shopware 6: parts of lists, and refusals in the merchant's words.

Facts (vendor source): a token lives 600 seconds and cannot be refreshed; too many logins give 429, whose pause stands
in `meta.parameters.seconds` and in no header before 6.8; a page has 500 rows at most, or what the hosting allows, and
more is a 400; without `Accept: application/json` the answer is JSON:API; `missingPrivileges` is a list or, with gaps,
an object, written as JSON into the text of the error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from cleverreach_sync.errors import AuthError, CrsyncError, UsageError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.failures import Refused, TryAgain
from cleverreach_sync.http.foreign import seconds, whole
from cleverreach_sync.http.headers import LONGEST_PAUSE, parse_date
from cleverreach_sync.http.paging import Doubts, Insisting, Page
from cleverreach_sync.http.shop import TIMEOUT, ShopApi
from cleverreach_sync.http.tokens import OAuthToken, TokenAnswers, client_credentials
from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources.shop import (
    Refusal,
    Refusals,
    explain,
    not_a_list,
    not_the_shop,
    password_asked,
    status_and,
)
from cleverreach_sync.sources.shopware6.criteria import Entity, Filter, Slice, criteria, number_of

if TYPE_CHECKING:
    from cleverreach_sync.sources.shopware6.settings import Shopware6Settings

LARGEST_PAGE: Final = 500
_SMALLEST_PAGE: Final = 10
_TOKEN_PATH: Final = "/api/oauth/token"  # noqa: S105 - a path
_JSON: Final = {"accept": "application/json"}
_INTEGRATIONS: Final = say("shopware.where_integrations", "Settings > System > Integrations")
_ROLES: Final = say(
    "shopware.roles",
    "in Shopware under Settings > System > Users & permissions > Roles, the role of the integration needs View for "
    "Customers, Orders and (Marketing) Newsletter recipients",
)
_WHERE: Final = say(
    "shopware.address",
    "source.url is the address of the shop without the part for a language (/de) and without /admin",
)
_ID: Final = re.compile(r"[0-9a-fA-F]{1,64}")
_MAX_LIMIT: Final = re.compile(r"MAX_LIMIT\(=(\d+)\)")

_TOKEN_REFUSED: Final = Refusal(
    AuthError,
    lambda said: say("shopware.token_refused", "Shopware refuses the token it gave ({said})", said=said),
    say(
        "shopware.pass_on",
        "the web server has to pass the header Authorization on to PHP, and to ask for no password itself",
    ),
)
_NOT_ALLOWED: Final = Refusal(
    AuthError, lambda said: say("shopware.not_allowed", "Shopware does not allow this ({said})", said=said), _ROLES
)


class MissingPrivileges(AuthError):
    """The integration may not read something. `names` as Shopware has them: `customer:read`."""

    def __init__(self, names: Sequence[str]) -> None:
        listed = ", ".join(sorted(set(names)))
        super().__init__(
            say("shopware.privileges", "the integration may not read everything that is needed (403)"),
            hint=say("shopware.missing_privileges", "{roles}; missing are {names}", roles=_ROLES, names=listed)
            if listed
            else _ROLES,
        )
        self.names = tuple(names)


class _LimitExceeded(Refused):
    """A page must not be that large; `largest` is what may be, if the shop says so."""

    def __init__(self, largest: int | None) -> None:
        super().__init__(say("shopware.page_size", "the shop does not return pages of that size"), status=400)
        self.largest = largest


class ShopwareApi:
    """One shop. Thread-safe; `limit` is the size of a page, which gets smaller when the hosting allows less.

    A page with fewer rows than its total says is taken when it comes again and again; `doubts` tells of its list.
    """

    def __init__(self, settings: Shopware6Settings, means: HttpContext) -> None:
        self.url = settings.url
        self.limit = LARGEST_PAGE
        self.doubts = Doubts()
        self._refusals: Refusals = {401: _TOKEN_REFUSED, 403: _NOT_ALLOWED, 404: lambda _: self._no_shop()}
        http = HttpClient(means, self.url, TIMEOUT)
        self._api = ShopApi(
            http,
            explain=self._explain,
            credentials=OAuthToken(
                http,
                client_credentials(_TOKEN_PATH, settings.credentials(), as_json=True),
                TokenAnswers(self._no_token, _pause, _says_key_is_none),
            ),
            no_json=not_the_shop(self.url),
        )

    @property
    def clock_ahead(self) -> float | None:
        return self._api.http.clock_ahead

    def first(self, entity: Entity, filters: Sequence[Filter], sort: Sequence[str], *, counted: bool) -> Page:
        """The first rows of a list; `total` only if `counted`. Raises MissingPrivileges, UsageError, AuthError."""
        while True:
            limit = self.limit
            try:
                return self._page(entity, Slice(filters, limit, counted, sort))
            except _LimitExceeded as refused:
                smaller = refused.largest if refused.largest and refused.largest < limit else limit // 2
                if smaller < 1 or (limit <= _SMALLEST_PAGE and not refused.largest):
                    raise
                self.limit = min(self.limit, smaller)

    def numbered(self, entity: Entity, filters: Sequence[Filter], number: int, limit: int) -> Page:
        """Page `number` of `limit` rows by ID, with the total."""
        return self._page(entity, Slice(filters, limit, True, ("id",), number))

    def _page(self, entity: Entity, part: Slice) -> Page:
        found: list[Page] = []
        short = Insisting()

        def check(answer: Answer) -> None:
            rows = _data(answer)
            if rows is None or not all(_is_row(row, entity) for row in rows):
                raise TryAgain(not_a_list(entity.words))
            total = _total(answer) if part.counted else None
            if part.counted and total is None:
                raise TryAgain(_no_total(entity))
            if total is not None and part.page is None and len(rows) < min(part.limit, total):
                if not short.on(total, *(hash(row["id"]) for row in rows)):
                    raise TryAgain(_short(entity, len(rows), total))
                self.doubts.add(entity.words)
            before = 0 if part.page is None else (part.page - 1) * part.limit
            last = len(rows) < part.limit if total is None else not rows or before + len(rows) >= total
            found[:] = [Page(rows, total, parse_date(answer.headers.get("date")), last)]

        self._api.post(f"/api/search/{entity.path}", criteria(entity, part), headers=_JSON, check=check)
        return found[0]

    def count(self, entity: Entity, filters: Sequence[Filter]) -> int:
        found: list[int] = []

        def check(answer: Answer) -> None:
            total = _total(answer)
            if total is None:
                raise TryAgain(_no_total(entity))
            found[:] = [total]

        self._api.post(f"/api/search/{entity.path}", number_of(entity, filters), headers=_JSON, check=check)
        return found[0]

    def version(self) -> str:
        """Shopware's own, "" if it keeps that to itself."""
        try:
            body = self._api.get("/api/_info/version", headers=_JSON).body
        except (Refused, AuthError, UsageError):
            return ""
        version = body.get("version") if isinstance(body, dict) else None
        return version if isinstance(version, str) else ""

    def _explain(self, answer: Answer) -> CrsyncError | None:
        said, code = self._said(answer), _error(answer).get("code")
        if code == "FRAMEWORK__QUERY_LIMIT_EXCEEDED":
            return _LimitExceeded(_largest(_error(answer)))
        if answer.status != 401 and code == "FRAMEWORK__MISSING_PRIVILEGE_ERROR":
            return MissingPrivileges(_privileges(_error(answer)))
        if (known := explain(self._refusals, answer, said)) is not None:
            return known
        return Refused(
            say("shopware.refused", "Shopware refuses the request ({said})", said=status_and(said, answer)),
            status=answer.status,
            hint=say(
                "shopware.check_config",
                "check what the config says about the shop (sales_channels, buyer_states); if that is right, the shop "
                "is older than Shopware 6.4, or an extension changes its API",
            ),
        )

    def _no_token(self, answer: Answer) -> CrsyncError:
        if answer.status in (404, 405) or (answer.ok and answer.readable):
            return self._no_shop()
        if not answer.readable:
            return password_asked(str(answer.status))
        return AuthError(
            say(
                "shopware.integration_unknown",
                "Shopware does not know this integration, or the secret is wrong ({said})",
                said=status_and(self._said(answer), answer),
            ),
            hint=say(
                "shopware.check_integration",
                "check source.client_id (SWIA...) and source.client_secret: {where}",
                where=_INTEGRATIONS,
            ),
        )

    def _no_shop(self) -> UsageError:
        return UsageError(say("shopware.not_there", "there is no Shopware 6 at {url}", url=self.url), hint=_WHERE)

    def _said(self, answer: Answer) -> str:
        error = _error(answer)
        words = next((error[name] for name in ("detail", "title") if isinstance(error.get(name), str)), "")
        return self._api.http.redact.excerpt(words) or self._api.words(answer)

    def close(self) -> None:
        self._api.http.close()


def _no_total(entity: Entity) -> Message:
    return say("shopware.no_total", "the shop did not say how many {what} there are", what=entity.words)


def _short(entity: Entity, shown: int, total: int) -> Message:
    return say(
        "shopware.short_page",
        "the shop answered with {shown} {what} of {total}",
        shown=shown,
        what=entity.words,
        total=total,
    )


def _data(answer: Answer) -> list[Any] | None:
    rows = answer.body.get("data") if isinstance(answer.body, dict) else None
    return rows if isinstance(rows, list) else None


def _is_row(row: Any, entity: Entity) -> bool:
    """Whether it can be told from others, and stands somewhere in its list."""
    if not isinstance(row, dict) or not isinstance(row.get("id"), str) or _ID.fullmatch(row["id"]) is None:
        return False
    key = row.get(entity.key)
    return isinstance(key, str) if entity.key != "autoIncrement" else isinstance(key, int) and whole(key) is not None


def _total(answer: Answer) -> int | None:
    return whole(answer.body.get("total")) if isinstance(answer.body, dict) else None


def _error(answer: Answer) -> Mapping[str, Any]:
    """The first error of an answer."""
    errors = answer.body.get("errors") if isinstance(answer.body, dict) else None
    return errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}


def _parameters(error: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = error.get("meta")
    found = meta.get("parameters") if isinstance(meta, dict) else None
    return found if isinstance(found, dict) else {}


def _says_key_is_none(answer: Answer) -> bool:
    """Whether a key that does not look like one is refused, which Shopware does with 500."""
    detail = _error(answer).get("detail")
    return isinstance(detail, str) and "access key" in detail.lower()


def _pause(answer: Answer) -> float | None:
    pause = seconds(_parameters(_error(answer)).get("seconds"), most=LONGEST_PAUSE)
    return answer.retry_after if pause is None else pause


def _largest(error: Mapping[str, Any]) -> int | None:
    allowed = whole(_parameters(error).get("maxLimit"))
    detail = error.get("detail")
    if not allowed and isinstance(detail, str) and (named := _MAX_LIMIT.search(detail)) is not None:
        allowed = whole(named[1])
    return allowed or None


def _privileges(error: Mapping[str, Any]) -> list[str]:
    found = _parameters(error).get("missingPrivileges")
    if found is None:
        detail = error.get("detail")
        try:
            detail = orjson.loads(detail) if isinstance(detail, str) else None
        except orjson.JSONDecodeError:
            return []
        found = detail.get("missingPrivileges") if isinstance(detail, dict) else None
    names = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
    return [name for name in names if isinstance(name, str)]
