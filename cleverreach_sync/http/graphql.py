"""A GraphQL exchange: HTTP 200 is no success, and a query has its price.

Facts, of Shopify's Admin API: errors come with status 200 in a list `errors`, beside data or in its place; a query
that costs more points than are left is THROTTLED and `extensions.cost` tells how fast they come back; one that could
never be paid is MAX_COST_EXCEEDED.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from cleverreach_sync.errors import CrsyncError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.credentials import Credentials
from cleverreach_sync.http.failures import Refused, TryAgain, not_json, with_words
from cleverreach_sync.http.request import Request
from cleverreach_sync.messages import Message, say

T = TypeVar("T")
_STUMBLES: Final = (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
_PASSING: Final = frozenset({"INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "TIMEOUT"})


class Cost(NamedTuple):
    """What a query costs, and what is left, in points; points per second come back."""

    requested: float
    available: float
    restore_rate: float

    @property
    def wait(self) -> float | None:
        """Seconds until the query could be paid; None where that cannot be told."""
        missing = self.requested - self.available
        return max(0.0, missing) / self.restore_rate if self.restore_rate > 0 else None


class Reply(NamedTuple):
    """Data that came without any error, and the headers it came with."""

    data: dict[str, Any]
    headers: Mapping[str, str]


class TooExpensive(Refused):
    """One query may not cost that much, however long one waits."""


class Denied(Refused):
    """ACCESS_DENIED: a part of the answer, named by its path, is kept back. What came beside it is worth nothing, its
    nulls mean no emptiness."""

    def __init__(self, message: Message, *, path: str, detail: str) -> None:
        super().__init__(message, status=200)
        self.path = path
        self.detail = detail


class NotUnderstood(Refused):
    """The query does not fit the server's schema."""


class GraphQL:
    """One GraphQL endpoint. `ask` repeats what may succeed later.

    `name` is the system in words. `refused` makes the error of an answer with a status that repeating does not change
    (a second 401 included).
    """

    def __init__(
        self,
        http: HttpClient,
        path: str,
        *,
        name: str,
        credentials: Credentials,
        refused: Callable[[Answer], CrsyncError],
    ) -> None:
        self._http = http
        self._path = path
        self._name = name
        self._credentials = credentials
        self._refused = refused

    def ask(self, document: str, variables: Mapping[str, Any], read: Callable[[Reply], T]) -> T:
        """What `read` makes of the reply. Raises TooExpensive, Denied, NotUnderstood, TemporaryError and the errors of
        `refused`."""
        return self._http.context.retries(lambda: self.once(document, variables, read))

    def once(self, document: str, variables: Mapping[str, Any], read: Callable[[Reply], T], *, last: bool = False) -> T:
        """One attempt; raises TryAgain for what may succeed later, and for a reply that `read` stumbles over: something
        stands before the server that changes its answers. `last`: as of a `Request`."""
        sent = {"query": document, "variables": dict(variables)}
        request = Request("POST", self._path, json=sent, last=last)
        reply = self._reply(self._http.exchange(request, self._credentials))
        try:
            return read(reply)
        except _STUMBLES as error:
            raise TryAgain(
                say(
                    "graphql.something_else",
                    "{system} answered with something other than what was asked for",
                    system=self._name,
                )
            ) from error

    def _reply(self, answer: Answer) -> Reply:
        body = answer.body
        errors = _errors(body)
        if answer.status == 429 or any(_code(error) == "THROTTLED" for error in errors):
            after = answer.retry_after if answer.retry_after is not None else _wait(body)
            raise TryAgain(
                say("graphql.too_many_requests", "{system}: too many requests", system=self._name), after=after
            )
        if answer.status == 408 or answer.status >= 500 or answer.is_page(400, 401, 402, 404, 423):
            raise TryAgain(
                say(
                    "graphql.not_available",
                    "{system} is not available ({status})",
                    system=self._name,
                    status=answer.status,
                ),
                after=answer.retry_after,
            )
        if not answer.ok:
            raise self._refused(answer)
        if errors:
            raise self._error(errors)
        data = body.get("data") if isinstance(body, dict) else None
        if not isinstance(data, dict):
            raise TryAgain(
                say("graphql.no_data", "{system} answered without data", system=self._name)
                if answer.readable
                else not_json(self._name, with_words(answer.status, answer.text))
            )
        return Reply(data, answer.headers)

    def _error(self, errors: Sequence[Mapping[str, Any]]) -> CrsyncError:
        for code in ("MAX_COST_EXCEEDED", "ACCESS_DENIED"):
            error = next((error for error in errors if _code(error) == code), None)
            if error is not None:
                break
        else:
            error = errors[0]
        said = error.get("message")
        message = self._http.redact.excerpt(said) if isinstance(said, str) else ""
        code, message = _code(error), message or say("graphql.no_message", "no message")
        steps = error.get("path")
        path = ".".join(step for step in steps if isinstance(step, str)) if isinstance(steps, list) else ""
        if code == "MAX_COST_EXCEEDED":
            return TooExpensive(self._told(message), status=200)
        if code == "ACCESS_DENIED":
            return Denied(
                say("graphql.denied", "{system} denies access: {message}", system=self._name, message=message),
                path=path,
                detail=message,
            )
        if code in _PASSING or "internal error" in message.lower():
            return TryAgain(self._told(message))
        return NotUnderstood(
            say("graphql.not_understood", "{system} refuses the query: {message}", system=self._name, message=message),
            status=200,
        )

    def _told(self, message: str) -> Message:
        return say("graphql.told", "{system}: {message}", system=self._name, message=message)


def _errors(body: Any) -> list[Mapping[str, Any]]:
    """The top-level errors; a single text counts as one."""
    found = body.get("errors") if isinstance(body, dict) else None
    if not found:
        return []
    items = found if isinstance(found, list) else [found]
    return [item if isinstance(item, dict) else {"message": str(item)} for item in items]


def _code(error: Mapping[str, Any]) -> str:
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return code if isinstance(code, str) else ""


def _wait(body: Any) -> float | None:
    cost = cost_of(body)
    return cost.wait if cost is not None else None


def cost_of(body: Any) -> Cost | None:
    """The price tag of an answer; None if it has none."""
    try:
        cost = body["extensions"]["cost"]
        status = cost["throttleStatus"]
        return Cost(
            float(cost["requestedQueryCost"]), float(status["currentlyAvailable"]), float(status["restoreRate"])
        )
    except (LookupError, TypeError, ValueError, OverflowError):
        return None
