"""The REST API of WooCommerce (wc/v3) and MailPoet: pages of rows, and refusals in the merchant's words.

Facts (seen with WooCommerce 9.4): customers know no date filter and ignore unknown parameters, `role` hides everybody
but role customer unless it is `all`, and only `orderby=id` is a stable order. Orders: `modified_after` is exclusive,
has seconds, and is UTC only without a zone and with `dates_are_gmt=true`. A key that is unknown, one that the web
server keeps back, and plain permalinks all give the same 401.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from cleverreach_sync.errors import AuthError, CrsyncError, UsageError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.credentials import NOBODY, Basic
from cleverreach_sync.http.failures import Redirected, TryAgain
from cleverreach_sync.http.foreign import identifier, whole
from cleverreach_sync.http.headers import parse_date
from cleverreach_sync.http.paging import Doubts, Insisting, Page, RawRow
from cleverreach_sync.http.request import Request
from cleverreach_sync.http.shop import TIMEOUT, ShopApi
from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources import records
from cleverreach_sync.sources.shop import Refusal, Refusals, empty_page, explain, not_a_list, password_asked, status_and
from cleverreach_sync.sources.values import utc_text
from cleverreach_sync.sources.woocommerce.rows import CUSTOMER_FIELDS, ORDER_FIELDS

PER_PAGE: Final = 100  # the most WooCommerce gives
READERS: Final = 2
_API: Final = "/wp-json/wc/v3"
_NEWSLETTER: Final = "/wp-json/mailpoet/v1/subscribers"
_KEYS: Final = say("woocommerce.where_keys", "WooCommerce > Settings > Advanced > REST API")
_PERMALINKS: Final = say("woocommerce.permalinks", "WordPress > Settings > Permalinks must not be 'Plain'")
_WHERE: Final = say("woocommerce.address", "source.url is the address of the shop, with its subdirectory if it has one")
_ROWS: Final = say("shop.rows", "rows")
_LISTS: Final = {"/customers": records.CUSTOMERS, "/orders": records.ORDERS}
_LINK: Final = re.compile(r'\s*<([^<>]*)>\s*;.*rel="?https://api\.w\.org/"?')

_NOT_ALLOWED: Final = Refusal(
    AuthError,
    lambda said: say(
        "woocommerce.not_allowed",
        "WooCommerce does not allow this key to read customers and orders ({said})",
        said=said,
    ),
    say(
        "woocommerce.roles",
        "the user of the key needs the role administrator or shop manager: {where}",
        where=_KEYS,
    ),
)
_NO_MAILPOET_LOGIN: Final = Refusal(
    AuthError,
    lambda said: say(
        "woocommerce.mailpoet_refused",
        "WordPress does not let this user read MailPoet's subscribers ({said})",
        said=said,
    ),
    say(
        "woocommerce.check_login",
        "check source.username and source.application_password (WordPress > Users > Profile > Application Passwords); "
        "the user has to be an administrator",
    ),
)


class WooApi:
    """One shop. `login` is a WordPress user and an application password, for MailPoet."""

    def __init__(self, url: str, key: tuple[str, str], login: tuple[str, str] | None, means: HttpContext) -> None:
        self.url = url
        self.doubts = Doubts()
        http = HttpClient(means, url, TIMEOUT)
        self._api = ShopApi(
            http,
            explain=lambda answer: explain(self._refusals, answer, self._api.words(answer)),
            credentials=Basic(*key, http.redact),
            no_json=say(
                "woocommerce.not_the_shop",
                "if this keeps happening: is {url} the shop itself, without a cache or maintenance page in front of "
                "it? {permalinks}",
                url=url,
                permalinks=_PERMALINKS,
            ),
            at_once=READERS,
        )
        self._newsletter = ShopApi(
            http,
            explain=lambda answer: explain(self._refusals_of_mailpoet, answer, self._newsletter.words(answer)),
            credentials=NOBODY if login is None else Basic(*login, http.redact),
            at_once=1,
        )
        self._refusals: Refusals = {401: self._not_known, 403: _NOT_ALLOWED, 404: self._no_api}
        self._refusals_of_mailpoet: Refusals = {
            401: _NO_MAILPOET_LOGIN,
            403: _NO_MAILPOET_LOGIN,
            404: Refusal(
                UsageError,
                lambda said: say(
                    "woocommerce.no_mailpoet",
                    "there is no list of MailPoet's subscribers at {url} ({said})",
                    url=url,
                    said=said,
                ),
                say(
                    "woocommerce.activate_mailpoet",
                    "activate the plug-in MailPoet, or update it; or give crsync a file instead (consent:)",
                ),
            ),
        }

    @property
    def clock_ahead(self) -> float | None:
        return self._api.http.clock_ahead

    def customers(self, page: int, *, meta: bool) -> Page:
        """A page of all accounts by ID. Raises AuthError where their meta data are wanted, but not shown."""
        fields = (*CUSTOMER_FIELDS, "meta_data") if meta else CUSTOMER_FIELDS
        query: dict[str, str | int] = {
            "role": "all",
            "orderby": "id",
            "order": "asc",
            "page": page,
            "per_page": PER_PAGE,
        }
        found = self._page("/customers", query, fields)
        if meta and not all("meta_data" in row for row in found.rows):
            raise AuthError(
                say(
                    "woocommerce.meta_data_hidden",
                    "WooCommerce does not show this key the meta data of customers, so crsync cannot see who "
                    "subscribed",
                ),
                hint=say(
                    "woocommerce.role_administrator",
                    "the user of the key needs the role administrator (a shop manager is not enough): {where}",
                    where=_KEYS,
                ),
            )
        return found

    def orders(self, page: int, *, meta: bool, **query: str | int) -> Page:
        """A page of orders of every status but trash, unless `query` says otherwise."""
        fields = (*ORDER_FIELDS, "meta_data") if meta else ORDER_FIELDS
        return self._page("/orders", {"order": "asc", **query, "page": page, "per_page": PER_PAGE}, fields)

    def subscribers(self, page: int) -> Page:
        """A page of MailPoet's subscribers of every status, by ID. The listing is MailPoet's own and may change."""
        query: dict[str, str | int] = {
            "orderby": "id",
            "order": "asc",
            "group": "all",
            "page": page,
            "per_page": PER_PAGE,
        }
        found: list[Page] = []

        def check(answer: Answer) -> None:
            body = answer.body.get("data", answer.body) if isinstance(answer.body, dict) else None
            items = body.get("items") if isinstance(body, dict) else None
            meta = body.get("meta") if isinstance(body, dict) else None
            if not isinstance(items, list) or not all(_has_id(item) and _has_status(item) for item in items):
                raise TryAgain(
                    say(
                        "woocommerce.not_subscribers",
                        "MailPoet answered with something that is not a list of subscribers",
                    )
                )
            total = whole(meta.get("count")) if isinstance(meta, dict) else None
            rows = [{**item, "id": ident(item)} for item in items]
            found[:] = [Page(rows, total, _date(answer))]

        self._newsletter.get(_NEWSLETTER, query, check=check)
        return found[0]

    def _page(self, path: str, query: Mapping[str, str | int], fields: Sequence[str]) -> Page:
        found: list[Page] = []
        empty = Insisting()

        def check(answer: Answer) -> None:
            rows = answer.body
            if not isinstance(rows, list) or not all(map(_has_id, rows)):
                raise TryAgain(not_a_list(_ROWS))
            if "status" in fields and not all(map(_has_status, rows)):  # else every purchase would be taken back
                raise TryAgain(not_a_list(_ROWS))
            total = whole(answer.headers.get("x-wp-total"))
            if total and not rows and query["page"] == 1:
                if not empty.on(total):
                    raise TryAgain(empty_page(_ROWS, total))
                self.doubts.add(_LISTS[path])
            found[:] = [Page(rows, total, _date(answer))]

        try:
            self._api.get(_API + path, {**query, "_fields": ",".join(fields)}, check=check)
        except Redirected as error:
            # So do plain permalinks behind nginx: what WordPress does not know it takes for a page that has moved.
            error.hint = say(
                "woocommerce.redirected",
                "if the address is right, look at the permalinks: {permalinks}; {hint}",
                permalinks=_PERMALINKS,
                hint=error.hint,
            )
            raise
        return found[0]

    def _not_known(self, answer: Answer) -> AuthError:
        words = self._api.words(answer)
        said = status_and(words, answer)
        code = answer.body.get("code") if isinstance(answer.body, dict) else None
        if not isinstance(code, str):
            return password_asked(said)
        words = words.lower()
        if code != "woocommerce_rest_authentication_error":
            return AuthError(
                say(
                    "woocommerce.key_unknown",
                    "WooCommerce does not know this key, or did not see it ({said})",
                    said=said,
                ),
                hint=self._see_key(),
            )
        if "permission" in words or "berechtig" in words:
            return AuthError(
                say("woocommerce.key_may_not_read", "the key may not read ({said})", said=said),
                hint=say(
                    "woocommerce.permit_key",
                    "give the key the permission 'Read', or 'Read/Write': {where}",
                    where=_KEYS,
                ),
            )
        return AuthError(
            say("woocommerce.key_refused", "WooCommerce refuses the key ({said})", said=said),
            hint=say(
                "woocommerce.check_secret",
                "check source.consumer_secret (cs_...), it does not match source.consumer_key (ck_...): {where}",
                where=_KEYS,
            ),
        )

    def _see_key(self) -> Message:
        """Why a key may not be seen."""
        hint = say(
            "woocommerce.check_key",
            "check source.consumer_key: {where}. If it is right: {permalinks}; the web server has to pass the header "
            "Authorization on to PHP; behind a proxy WordPress has to know that it is called over https",
            where=_KEYS,
            permalinks=_PERMALINKS,
        )
        if not self.url.startswith("http://"):
            return hint
        return say(
            "woocommerce.unencrypted",
            "source.url begins with http://, and WooCommerce only accepts a key over https: use the https:// address; "
            "{otherwise}",
            otherwise=hint,
        )

    def _no_api(self, _: Answer) -> UsageError:
        """Where WordPress says that its API is; asked without any credentials."""
        missing = say("woocommerce.not_there", "there is no WooCommerce at {url} (404)", url=self.url)
        try:
            front = self._api.http.exchange(Request("GET", "/"))
        except CrsyncError:
            return UsageError(missing, hint=_WHERE)
        found = next(filter(None, map(_LINK.match, front.headers.get("link", "").split(","))), None)
        if found is None:
            return UsageError(missing, hint=_WHERE)
        if "rest_route=" in found[1]:
            return UsageError(
                say("woocommerce.no_api", "WordPress offers no API that crsync can use"), hint=_PERMALINKS
            )
        try:
            there = urlsplit(found[1])
        except ValueError:
            return UsageError(missing, hint=_WHERE)
        root = self._api.http.redact.excerpt(f"{there.scheme}://{there.netloc}{there.path}".rstrip("/"))
        if root == f"{self.url}/wp-json":
            return UsageError(
                say(
                    "woocommerce.wordpress_alone",
                    "WordPress answers at {url}, but there is no WooCommerce",
                    url=self.url,
                ),
                hint=say(
                    "woocommerce.activate",
                    "activate the plug-in WooCommerce, or update it (5.8 or later); a security plug-in may have "
                    "switched its API off",
                ),
            )
        return UsageError(
            missing,
            hint=say(
                "woocommerce.elsewhere",
                "WordPress says that its API is at {address}: set source.url to the part before /wp-json",
                address=root,
            ),
        )

    def close(self) -> None:
        self._api.http.close()


def since(seconds: int) -> str:
    """A time as orders are asked for it: UTC, without a zone."""
    return utc_text(seconds).removesuffix("Z")


def _date(answer: Answer) -> float | None:
    return parse_date(answer.headers.get("date"))


def _has_id(row: object) -> bool:
    return isinstance(row, dict) and identifier(row.get("id")) is not None


def _has_status(row: Mapping[str, object]) -> bool:
    return isinstance(row.get("status"), str)


def ident(row: RawRow) -> int:
    """The ID of a row."""
    return int(row["id"])
