"""The way into a shop at Shopify: tokens, API version, and what its refusals mean to a merchant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from cleverreach_sync.errors import AuthError, CrsyncError, UsageError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.credentials import Credentials
from cleverreach_sync.http.download import stream_lines
from cleverreach_sync.http.failures import Redirected, Refused
from cleverreach_sync.http.foreign import whole
from cleverreach_sync.http.graphql import Denied, GraphQL, NotUnderstood, Reply
from cleverreach_sync.http.loopback import is_loopback
from cleverreach_sync.http.paging import Doubts
from cleverreach_sync.http.tokens import FixedToken, OAuthToken, TokenAnswers, client_credentials
from cleverreach_sync.sources.shop import Refusal, Refusals, explain
from cleverreach_sync.sources.shopify.queries import COUNT

if TYPE_CHECKING:
    from cleverreach_sync.sources.shopify.settings import ShopifySettings

T = TypeVar("T")
_TOKEN_PATH: Final = "/admin/oauth/access_token"  # noqa: S105 - a path
_TIMEOUT: Final = 120.0
_SCOPE: Final = re.compile(r"\b(?:read|write)_[a-z_]+\b")
_OAUTH_ERROR: Final = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
_GRANT: Final = (
    "give the app the scopes read_customers and read_orders: Dev Dashboard (dev.shopify.com) > your app > Versions, "
    "release the version and let the shop accept it; for a custom app of the shop's admin: Settings > Apps > Develop "
    "apps > your app > Configuration"
)
_LEVEL_2: Final = (
    "the app needs access to protected customer data with name, e-mail, phone and address (level 2): Dev Dashboard "
    "(dev.shopify.com) or Partner Dashboard > your app > API access; custom apps get the personal fields only on some "
    "plans of Shopify"
)
_CHECK_SHOP: Final = "check source.shop: the name that ends in .myshopify.com, in Shopify under Settings > Domains"

_REFUSED: Final = "Shopify refuses the access token ({said})"
_OTHER_TOKEN: Final = Refusal(AuthError, _REFUSED, "source.access_token was revoked, or is that of another shop")
_NOT_INSTALLED: Final = Refusal(AuthError, _REFUSED, "is the app still installed in the shop?")
_CLOSED: Final = Refusal(AuthError, "the shop is closed or locked ({said})", "log in to Shopify's admin")


class Access:
    """Asks one shop. Errors are in the merchant's words; `versions` are the API versions that answered."""

    def __init__(self, settings: ShopifySettings, means: HttpContext) -> None:
        self._settings = settings
        self._http = HttpClient(means, settings.base_url, _TIMEOUT)
        self.download = partial(stream_lines, self._http)
        self.versions: set[str] = set()
        self.doubts = Doubts()
        own = settings.access_token is not None
        self._refusals: Refusals = {
            401: _OTHER_TOKEN if own else _NOT_INSTALLED,
            402: _CLOSED,
            403: Refusal(AuthError, "Shopify does not allow this ({said})", _GRANT),
            404: self._not_found,
            423: _CLOSED,
        }
        self._graphql = GraphQL(
            self._http,
            f"/admin/api/{settings.api_version}/graphql.json",
            name="Shopify",
            credentials=self._credentials(),
            refused=self._refused,
        )

    def _credentials(self) -> Credentials:
        settings = self._settings
        if settings.access_token is not None:
            return FixedToken(settings.access_token.get_secret_value(), _carried)
        grant = client_credentials(_TOKEN_PATH, settings.credentials())
        return OAuthToken(self._http, grant, TokenAnswers(self._no_token), _carried)

    @property
    def time(self) -> int | None:
        """What time the shop says it is, in unix seconds (the `Date` of its last answer)."""
        return None if self._http.server_time is None else int(self._http.server_time)

    @property
    def clock_ahead(self) -> float | None:
        return self._http.clock_ahead

    def ask(self, document: str, read: Callable[[dict[str, Any]], T], variables: Mapping[str, Any] | None = None) -> T:
        """What `read` makes of the data of an answer without errors, after as many attempts as are allowed."""
        try:
            return self._graphql.ask(document, variables or {}, lambda reply: read(self._noted(reply)))
        except (Denied, NotUnderstood, Redirected) as error:
            raise self._in_words(error) from None

    def once(
        self,
        document: str,
        read: Callable[[dict[str, Any]], T],
        variables: Mapping[str, Any] | None = None,
        *,
        last: bool = False,
    ) -> T:
        """Likewise, with one attempt; raises TryAgain for what may succeed later. `last`: it is made although the run
        ends."""
        try:
            return self._graphql.once(document, variables or {}, lambda reply: read(self._noted(reply)), last=last)
        except (Denied, NotUnderstood, Redirected) as error:
            raise self._in_words(error) from None

    def count(self, query: str | None) -> tuple[int, bool]:
        """How many customers a filter has, and whether that is all: with a filter, counting ends at 10,000."""
        variables = {"query": query, "limit": None} if query is None else {"query": query}
        return self.ask(COUNT, _number, variables)

    def excerpt(self, text: object) -> str:
        """The shop's words, for a message."""
        return self._http.redact.excerpt(text) if isinstance(text, str) else "without a word"

    def may_download(self, url: str) -> bool:
        """Whether a file may be had from there: never without encryption or from this machine, unless the shop is there
        itself."""
        try:
            there, shop = urlsplit(url), urlsplit(self._settings.base_url)
            host, _ = there.hostname, there.port
        except ValueError:
            return False
        if not host or "@" in there.netloc or not (url.isascii() and url.isprintable()):
            return False
        if shop.scheme == "http":  # on this machine
            return there.scheme in ("http", "https")
        return there.scheme == "https" and not is_loopback(host)

    @property
    def other_version(self) -> str | None:
        """The API version that answered in place of the one asked for."""
        return next(iter(sorted(self.versions - {self._settings.api_version})), None)

    def _noted(self, reply: Reply) -> dict[str, Any]:
        version = reply.headers.get("x-shopify-api-version")
        if version:
            self.versions.add(version)
        return reply.data

    def _in_words(self, error: CrsyncError) -> CrsyncError:
        if isinstance(error, Denied):
            return denied(error)
        if isinstance(error, Redirected):
            return UsageError(
                f"{self._settings.shop} is not the shop's own name at Shopify: it redirects to {error.target}",
                hint=_CHECK_SHOP,
            )
        return UsageError(
            f"API version {self._settings.api_version}: {error.message}",
            hint="leave source.api_version out for the version that was tested",
        )

    def _refused(self, answer: Answer) -> CrsyncError:
        """The error of a status that a repetition does not change."""
        detail = _detail(answer, self._http)
        known = explain(self._refusals, answer, detail.removeprefix(": "))
        return known or Refused(f"Shopify refused the request ({answer.status}{detail})", status=answer.status)

    def _not_found(self, answer: Answer) -> UsageError:
        shop = self._settings.shop
        if not answer.readable:
            return UsageError(f"there is no shop {shop} (404)", hint=_CHECK_SHOP)
        return UsageError(
            f"{shop} has no API version {self._settings.api_version} (404)",
            hint="leave source.api_version out for the version that was tested; if it is right, check source.shop",
        )

    def _no_token(self, answer: Answer) -> CrsyncError:
        if answer.status in (402, 404, 423):
            return self._refused(answer)
        detail = _detail(answer, self._http)
        found = _OAUTH_ERROR.search(detail)
        hint = {
            "shop_not_permitted": "client_id and client_secret need an app and a shop of the same organisation",
            "app_not_installed": "install the app: Dev Dashboard (dev.shopify.com) > your app > Install app",
        }.get(
            found[0] if found else "",
            "check source.client_id and source.client_secret: Dev Dashboard (dev.shopify.com) > your app > Settings",
        )
        return AuthError(f"Shopify refuses client_id and client_secret ({answer.status}{detail})", hint=hint)

    def close(self) -> None:
        self._http.close()


def _carried(token: str) -> dict[str, str]:
    return {"X-Shopify-Access-Token": token}


def _number(data: Mapping[str, Any]) -> tuple[int, bool]:
    found = data["customersCount"]
    if found is None:
        return 0, False
    count = whole(found["count"])
    if count is None:
        raise ValueError("no number")
    return count, found["precision"] == "EXACT"


def denied(error: Denied) -> AuthError:
    """ACCESS_DENIED in the merchant's words: which scope, or that the personal fields are kept back."""
    if "protected" in error.detail or "not approved" in error.detail:
        return AuthError(f"Shopify holds back protected customer data: {error.detail}", hint=_LEVEL_2)
    named = _SCOPE.search(error.detail)
    scope = named[0] if named else "read_orders" if "rder" in error.path else "read_customers"
    at = f" for {error.path}" if error.path else ""
    return AuthError(f"the app lacks the scope {scope}{at}: {error.detail}", hint=_GRANT)


def no_personal_data(customers: int) -> AuthError:
    """The customers are there, but not one e-mail address."""
    return AuthError(f"Shopify shows no e-mail address of any of the {customers} customers", hint=_LEVEL_2)


def _detail(answer: Answer, http: HttpClient) -> str:
    """What the answer says about it, for a message."""
    body = answer.body if isinstance(answer.body, dict) else {}
    parts = [body.get(key) for key in ("error", "error_description", "errors")]
    words = " ".join(part for part in parts if isinstance(part, str)) or answer.text
    return f": {http.redact.excerpt(words)}" if words else ""
