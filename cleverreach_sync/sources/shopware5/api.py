"""The REST API of Shopware 5: lists along their IDs, single customers, and refusals in the merchant's words.

Facts: a filter compares dates as text in the shop's own time; `total` counts what the filter lets through; a list of
customers has no addresses, and a list of addresses does not say whose they are; an unknown field of a filter is a 500
in JSON; where the key is wrong Digest is asked for, though Basic is taken, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cleverreach_sync.errors import AuthError, CrsyncError, UsageError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.digest import BasicOrDigest
from cleverreach_sync.http.failures import Refused, TryAgain
from cleverreach_sync.http.foreign import identifier
from cleverreach_sync.http.paging import Doubts, Page, RawRow
from cleverreach_sync.http.shop import TIMEOUT, ShopApi
from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources.shop import JsonLists, Refusal, Refusals, explain, password_asked, status_and

if TYPE_CHECKING:
    from cleverreach_sync.sources.shopware5.settings import Shopware5Settings

PER_PAGE: Final = 500
_BEHIND: Final = 43_200  # seconds that a shop's own time may lie behind UTC
_NO_FIELD: Final = "has no field or association"


class NoSuchField(Refused):
    """A filter names what this version of Shopware does not have."""


class _Api(ShopApi):
    """A 500 that says what is wrong with the request says the same the next time."""

    def judged(self, answer: Answer) -> Answer:
        if answer.status == 500 and _NO_FIELD in _message(answer):
            raise NoSuchField(
                say("shopware5.no_field", "Shopware cannot filter that way ({said})", said=self.words(answer)),
                status=500,
            )
        return super().judged(answer)


class Shopware5Api:
    """One shop. Thread-safe."""

    def __init__(self, settings: Shopware5Settings, means: HttpContext) -> None:
        self.url = settings.url
        http = HttpClient(means, f"{self.url}/api", TIMEOUT)
        self._refusals: Refusals = {401: self._unknown, 403: _NOT_ALLOWED, 404: self._not_there}
        self._api = _Api(
            http,
            explain=lambda answer: explain(self._refusals, answer, self._api.words(answer)),
            credentials=BasicOrDigest(settings.username, settings.api_key.get_secret_value(), means.redact),
            no_json=say(
                "shopware5.not_the_shop",
                "if this keeps happening: is {url} the shop itself, without a cache or maintenance page in front of "
                "it?",
                url=self.url,
            ),
        )
        self._lists = JsonLists(self._api, rows="data", total="total")

    @property
    def doubts(self) -> Doubts:
        return self._lists.doubts

    @property
    def clock_ahead(self) -> float | None:
        return self._lists.clock_ahead

    def rows(
        self,
        path: str,
        what: Message,
        needs: Sequence[str],
        *,
        after: int = 0,
        since: tuple[str, int] | None = None,
        limit: int = PER_PAGE,
    ) -> Page:
        """The first rows of a list above an ID; `since` is the name of a date and the unix seconds it has to reach. The
        shop may show what is half a day older, as its own time is not known."""
        query: dict[str, str | int] = {"limit": limit, "sort[0][property]": "id", "sort[0][direction]": "ASC"}
        wanted: list[tuple[str, str, str | int]] = [("id", ">", after)]
        if since is not None:
            moment = datetime.fromtimestamp(max(since[1] - _BEHIND, 0), UTC)
            wanted.append((since[0], ">=", f"{moment:%Y-%m-%d %H:%M:%S}"))
        for number, (name, expression, value) in enumerate(wanted):
            query |= {
                f"filter[{number}][property]": name,
                f"filter[{number}][expression]": expression,
                f"filter[{number}][value]": value,
            }
        return self._lists.page(what, path, query, needs)

    def customer(self, ident: int) -> RawRow | None:
        """A customer with addresses; None for one who is gone."""
        found: list[RawRow] = []

        def check(answer: Answer) -> None:
            data = answer.body.get("data") if isinstance(answer.body, dict) else None
            if not isinstance(data, dict) or identifier(data.get("id")) != str(ident):
                raise TryAgain(
                    say("shopware5.not_the_customer", "the shop did not answer with the customer that was asked for")
                )
            found[:] = [data]

        try:
            self._api.get(f"/customers/{ident}", check=check)
        except _Gone:
            return None
        return found[0]

    def version(self) -> str:
        """Shopware's own, "" if it keeps that to itself."""
        try:
            body = self._api.get("/version").body
        except (Refused, AuthError, UsageError):
            return ""
        data = body.get("data") if isinstance(body, dict) else None
        version = data.get("version") if isinstance(data, dict) else None
        return version if isinstance(version, str) else ""

    def _unknown(self, answer: Answer) -> CrsyncError:
        if not answer.readable:
            return password_asked(str(answer.status))
        return AuthError(
            say(
                "shopware5.key_unknown",
                "Shopware does not know this user and API key ({said})",
                said=status_and(self._api.words(answer), answer),
            ),
            hint=say(
                "shopware5.check_key",
                "check source.username and source.api_key: Configuration > User administration, the user, with API "
                "access ticked; and the web server has to pass the header Authorization on to PHP",
            ),
        )

    def _not_there(self, answer: Answer) -> CrsyncError:
        if _is_gone(answer):
            return _Gone(say("shopware5.gone", "the customer is gone (404)"), status=404)
        return UsageError(
            say(
                "shopware5.not_there",
                "there is no API of Shopware 5 at {url} ({said})",
                url=self.url,
                said=status_and(self._api.words(answer) if answer.readable else "", answer),
            ),
            hint=say("shopware5.address", "source.url is the address of the shop, without /api and without /backend"),
        )

    def close(self) -> None:
        self._lists.close()


class _Gone(Refused):
    """There is no such customer."""


_NOT_ALLOWED: Final = Refusal(
    AuthError,
    lambda said: say("shopware5.not_allowed", "Shopware does not allow this ({said})", said=said),
    say(
        "shopware5.rights",
        "in Shopware under Configuration > User administration, the role of the user needs the right read for customer "
        "and order",
    ),
)


def _message(answer: Answer) -> str:
    message = answer.body.get("message") if isinstance(answer.body, dict) else None
    return message if isinstance(message, str) else ""


def _is_gone(answer: Answer) -> bool:
    """Only what names a single one: a wrong address has no `code`."""
    return isinstance(answer.body, dict) and answer.body.get("code") == 404
