"""The REST API of Salesforce: queries, descriptions of objects, and refusals in the merchant's words.

Facts (vendor documentation): errors are lists of `{"message", "errorCode"}`; a batch may have fewer rows than were
asked for, then `done` is false; a field that the user may not see is one that does not exist; the requests of 24 hours
are counted, and used up they answer 403.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, Final

from cleverreach_sync.errors import AuthError, CrsyncError, TemporaryError, UsageError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.failures import Refused, TryAgain
from cleverreach_sync.http.foreign import whole
from cleverreach_sync.http.headers import parse_date
from cleverreach_sync.http.paging import Doubts, Page
from cleverreach_sync.http.shop import TIMEOUT, ShopApi
from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources.salesforce.session import JwtToken, SalesforceToken, no_org
from cleverreach_sync.sources.shop import not_a_list, not_the_shop, status_and

if TYPE_CHECKING:
    from cleverreach_sync.sources.salesforce.settings import SalesforceSettings

_BUSY: Final = frozenset({"SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "UNABLE_TO_LOCK_ROW", "CONCURRENT_API_LIMIT"})
_WRONG: Final = frozenset(
    {"MALFORMED_QUERY", "INVALID_FIELD", "INVALID_TYPE", "INVALID_QUERY_FILTER_OPERATOR", "INVALID_OPERATION"}
)
RIGHTS: Final = say(
    "salesforce.rights",
    "in Setup > Permission Sets, the user that crsync reads as needs API Enabled and Read on Contacts, Leads and "
    "Opportunities, with their fields",
)
_EVERYBODY: Final = say(
    "salesforce.sees_part", "it has to see everybody: View All Records on the objects, if sharing is private"
)
IsRow = Callable[[Any], bool]


class SalesforceApi:
    """One org. Thread-safe."""

    def __init__(self, settings: SalesforceSettings, means: HttpContext) -> None:
        self.url = settings.url
        self.doubts = Doubts()
        self._path = f"/services/data/v{settings.api_version}"
        self._version = settings.api_version
        self._lock = threading.Lock()
        self._fields: dict[str, frozenset[str] | None] = {}
        http = HttpClient(means, self.url, TIMEOUT)
        self._api = ShopApi(
            http,
            explain=self._explain,
            credentials=(SalesforceToken if settings.private_key is None else JwtToken)(http, settings),
            no_json=not_the_shop(self.url),
        )

    @property
    def clock_ahead(self) -> float | None:
        return self._api.http.clock_ahead

    def page(self, what: Message, soql: str, is_row: IsRow, *, limit: int, deleted: bool = False) -> Page:
        """The first rows of a query; `deleted`: with those that were deleted. `is_row` says whether a row has all
        that it must have."""
        found: list[Page] = []

        def check(answer: Answer) -> None:
            body = answer.body if isinstance(answer.body, dict) else {}
            rows, done, total = body.get("records"), body.get("done"), whole(body.get("totalSize"))
            if not isinstance(rows, list) or not isinstance(done, bool) or not all(map(is_row, rows)):
                raise TryAgain(not_a_list(what))
            if total is None or (done and total != len(rows)) or (not done and not rows):
                raise TryAgain(
                    say(
                        "salesforce.short_answer",
                        "Salesforce answered with {shown} {what}, but not with as many as it says",
                        shown=len(rows),
                        what=what,
                    )
                )
            found[:] = [Page(rows, None, parse_date(answer.headers.get("date")), done and len(rows) < limit)]

        self._api.get(f"{self._path}/{'queryAll' if deleted else 'query'}", {"q": soql}, check=check)
        return found[0]

    def count(self, soql: str) -> int:
        """The answer to a SELECT COUNT()."""
        found: list[int] = []

        def check(answer: Answer) -> None:
            total = whole(answer.body.get("totalSize")) if isinstance(answer.body, dict) else None
            if total is None:
                raise TryAgain(say("salesforce.no_count", "Salesforce did not say how many rows there are"))
            found[:] = [total]

        self._api.get(f"{self._path}/query", {"q": soql}, check=check)
        return found[0]

    def fields(self, name: str) -> frozenset[str] | None:
        """The fields of an object that the user may see; None if they may not see the object. Asked once."""
        with self._lock:
            if name not in self._fields:
                self._fields[name] = self._described(name)
            return self._fields[name]

    def _described(self, name: str) -> frozenset[str] | None:
        found: list[frozenset[str] | None] = []

        def check(answer: Answer) -> None:
            body = answer.body if isinstance(answer.body, dict) else {}
            fields = body.get("fields")
            if not isinstance(fields, list) or not fields or not all(map(_has_name, fields)):
                raise TryAgain(not_a_list(say("salesforce.fields", "fields")))
            found[:] = [None if body.get("queryable") is False else frozenset(field["name"] for field in fields)]

        try:
            self._api.get(f"{self._path}/sobjects/{name}/describe", check=check)
        except _NoSuchThing:
            return None
        return found[0]

    def needed(self, name: str, wanted: Iterable[str]) -> frozenset[str]:
        """The fields of an object, all of those `wanted` among them. Raises AuthError."""
        there = self.fields(name)
        if there is None:
            raise AuthError(
                say("salesforce.no_object", "the user may not read the object {name}", name=name),
                hint=say(
                    "salesforce.allow_object",
                    "{rights}; or leave it out with source.objects or source.bought_when",
                    rights=RIGHTS,
                ),
            )
        missing = sorted(set(wanted).difference(there))
        if missing:
            raise _fields_hidden(name, missing)
        return there

    def _explain(self, answer: Answer) -> CrsyncError | None:
        code, words = _error(answer)
        said = status_and(self._api.http.redact.excerpt(words) or self._api.words(answer), answer)
        if code == "REQUEST_LIMIT_EXCEEDED" and "concurrent" not in words.lower():
            return TemporaryError(
                say("salesforce.limit", "the API requests of 24 hours are used up ({said})", said=said),
                hint=say(
                    "salesforce.wait_for_limit",
                    "they come back within 24 hours, and the next run resumes; Setup > System Overview shows who uses "
                    "them",
                ),
            )
        if code in _BUSY or code == "REQUEST_LIMIT_EXCEEDED":
            return TryAgain(say("salesforce.busy", "Salesforce is busy ({said})", said=said), after=answer.retry_after)
        if code in _WRONG:
            return UsageError(
                say("salesforce.query_refused", "Salesforce does not take a query ({said})", said=said),
                hint=say(
                    "salesforce.check_conditions",
                    "check source.subscribed_when and source.bought_when: names of fields, quotes, and whether the "
                    "user may see those fields",
                ),
            )
        if answer.status == 401:
            return AuthError(
                say("salesforce.session_refused", "Salesforce refuses the session it gave ({said})", said=said),
                hint=RIGHTS,
            )
        if answer.status == 403:
            return AuthError(
                say("salesforce.not_allowed", "the user may not read this ({said})", said=said),
                hint=say("salesforce.rights_and_all", "{rights}; {everybody}", rights=RIGHTS, everybody=_EVERYBODY),
            )
        if answer.status == 410 or code == "UNSUPPORTED_API_VERSION":
            return UsageError(
                say("salesforce.old_version", "Salesforce has no version {version} of its API", version=self._version),
                hint=say("salesforce.check_version", "check source.api_version"),
            )
        if answer.status == 404:
            return _NoSuchThing() if code == "NOT_FOUND" else no_org(self.url)
        return Refused(
            say("salesforce.refused", "Salesforce refuses the request ({said})", said=said), status=answer.status
        )

    def close(self) -> None:
        self._api.http.close()


class _NoSuchThing(UsageError):
    """What was asked for does not exist, or not for this user."""

    def __init__(self) -> None:
        super().__init__(say("salesforce.no_such_thing", "Salesforce does not have what was asked for"), hint=RIGHTS)


def _fields_hidden(name: str, missing: Collection[str]) -> AuthError:
    return AuthError(
        say(
            "salesforce.fields_hidden",
            "the user may not see fields of {name} that are needed: {fields}",
            name=name,
            fields=", ".join(missing),
        ),
        hint=say(
            "salesforce.allow_fields",
            "give them Read on these fields: Setup > Object Manager > {name} > Fields & Relationships > Set "
            "Field-Level Security",
            name=name,
        ),
    )


def _has_name(field: object) -> bool:
    return isinstance(field, dict) and isinstance(field.get("name"), str)


def _error(answer: Answer) -> tuple[str, str]:
    """The code and the words of the first error."""
    body = answer.body
    first = body[0] if isinstance(body, list) and body and isinstance(body[0], dict) else {}
    code, words = first.get("errorCode"), first.get("message")
    return code if isinstance(code, str) else "", words if isinstance(words, str) else ""
