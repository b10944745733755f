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
from cleverreach_sync.messages import Message, say, say_many
from cleverreach_sync.sources.shop import Refusal, Refusals, explain, status_and
from cleverreach_sync.sources.shopify.queries import COUNT

if TYPE_CHECKING:
    from cleverreach_sync.sources.shopify.settings import ShopifySettings

T = TypeVar("T")
_TOKEN_PATH: Final = "/admin/oauth/access_token"  # noqa: S105 - a path
_TIMEOUT: Final = 120.0
_SCOPE: Final = re.compile(r"\b(?:read|write)_[a-z_]+\b")
_OAUTH_ERROR: Final = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
_GRANT: Final = say(
    "shopify.grant",
    "give the app the scopes read_customers and read_orders: Dev Dashboard (dev.shopify.com) > your app > Versions, "
    "release the version and let the shop accept it; for a custom app of the shop's admin: Settings > Apps > Develop "
    "apps > your app > Configuration",
)
_LEVEL_2: Final = say(
    "shopify.level_2",
    "the app needs access to protected customer data with name, e-mail, phone and address (level 2): Dev Dashboard "
    "(dev.shopify.com) or Partner Dashboard > your app > API access; custom apps get the personal fields only on some "
    "plans of Shopify",
)
_CHECK_SHOP: Final = say(
    "shopify.check_shop",
    "check source.shop: the name that ends in .myshopify.com, in Shopify under Settings > Domains",
)
_OF_TOKEN_REFUSED: Final = {
    "shop_not_permitted": say(
        "shopify.other_organisation", "client_id and client_secret need an app and a shop of the same organisation"
    ),
    "app_not_installed": say(
        "shopify.install", "install the app: Dev Dashboard (dev.shopify.com) > your app > Install app"
    ),
}
_CHECK_CLIENT: Final = say(
    "shopify.check_client",
    "check source.client_id and source.client_secret: Dev Dashboard (dev.shopify.com) > your app > Settings",
)


def _token_refused(said: str) -> Message:
    return say("shopify.token_refused", "Shopify refuses the access token ({said})", said=said)


_OTHER_TOKEN: Final = Refusal(
    AuthError,
    _token_refused,
    say("shopify.other_token", "source.access_token was revoked, or is that of another shop"),
)
_NOT_INSTALLED: Final = Refusal(
    AuthError, _token_refused, say("shopify.not_installed", "is the app still installed in the shop?")
)
_CLOSED: Final = Refusal(
    AuthError,
    lambda said: say("shopify.closed", "the shop is closed or locked ({said})", said=said),
    say("shopify.log_in", "log in to Shopify's admin"),
)
_NOT_ALLOWED: Final = Refusal(
    AuthError, lambda said: say("shopify.not_allowed", "Shopify does not allow this ({said})", said=said), _GRANT
)


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
            403: _NOT_ALLOWED,
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
                say(
                    "shopify.redirected",
                    "{shop} is not the shop's own name at Shopify: it redirects to {address}",
                    shop=self._settings.shop,
                    address=error.target,
                ),
                hint=_CHECK_SHOP,
            )
        return UsageError(
            say(
                "shopify.not_understood",
                "API version {version}: {reason}",
                version=self._settings.api_version,
                reason=error.message,
            ),
            hint=say("shopify.tested_version", "leave source.api_version out for the version that was tested"),
        )

    def _refused(self, answer: Answer) -> CrsyncError:
        """The error of a status that a repetition does not change."""
        detail = _detail(answer, self._http)
        return explain(self._refusals, answer, detail) or Refused(
            say("shopify.refused", "Shopify refused the request ({said})", said=status_and(detail, answer)),
            status=answer.status,
        )

    def _not_found(self, answer: Answer) -> UsageError:
        shop = self._settings.shop
        if not answer.readable:
            return UsageError(say("shopify.no_shop", "there is no shop {shop} (404)", shop=shop), hint=_CHECK_SHOP)
        return UsageError(
            say(
                "shopify.no_version",
                "{shop} has no API version {version} (404)",
                shop=shop,
                version=self._settings.api_version,
            ),
            hint=say(
                "shopify.check_version",
                "leave source.api_version out for the version that was tested; if it is right, check source.shop",
            ),
        )

    def _no_token(self, answer: Answer) -> CrsyncError:
        if answer.status in (402, 404, 423):
            return self._refused(answer)
        detail = _detail(answer, self._http)
        found = _OAUTH_ERROR.search(detail)
        return AuthError(
            say(
                "shopify.client_refused",
                "Shopify refuses client_id and client_secret ({said})",
                said=status_and(detail, answer),
            ),
            hint=_OF_TOKEN_REFUSED.get(found[0] if found else "", _CHECK_CLIENT),
        )

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
        return AuthError(
            say("shopify.held_back", "Shopify holds back protected customer data: {reason}", reason=error.detail),
            hint=_LEVEL_2,
        )
    named = _SCOPE.search(error.detail)
    scope = named[0] if named else "read_orders" if "rder" in error.path else "read_customers"
    return AuthError(_lacks_scope(scope, error), hint=_GRANT)


def _lacks_scope(scope: str, error: Denied) -> Message:
    if not error.path:
        return say("shopify.no_scope", "the app lacks the scope {scope}: {reason}", scope=scope, reason=error.detail)
    return say(
        "shopify.no_scope_for",
        "the app lacks the scope {scope} for {field}: {reason}",
        scope=scope,
        field=error.path,
        reason=error.detail,
    )


def no_personal_data(customers: int) -> AuthError:
    """The customers are there, but not one e-mail address."""
    return AuthError(
        say_many(
            "shopify.no_emails",
            "Shopify does not show the e-mail address of the {number:,} customer",
            "Shopify shows no e-mail address of any of the {number:,} customers",
            number=customers,
        ),
        hint=_LEVEL_2,
    )


def _detail(answer: Answer, http: HttpClient) -> str:
    """What the answer says about it, for a message."""
    body = answer.body if isinstance(answer.body, dict) else {}
    parts = [body.get(key) for key in ("error", "error_description", "errors")]
    words = " ".join(part for part in parts if isinstance(part, str)) or answer.text
    return http.redact.excerpt(words) if words else ""
