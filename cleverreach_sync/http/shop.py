"""A shop's JSON API: requests repeated while that may help, and answers in every disguise.

Shops run on hosts with firewalls, maintenance pages and plug-ins that print into the answer. What is no JSON is
therefore an everyday failure and repeated like a 503; a refusal is put into the merchant's words by the source.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from json import JSONDecoder
from typing import Any, Final, Protocol

from cleverreach_sync.errors import AuthError, CrsyncError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.body import PAGE, TooMuch, parse
from cleverreach_sync.http.client import HttpClient, without_markup
from cleverreach_sync.http.credentials import NOBODY, Credentials
from cleverreach_sync.http.failures import IN_THE_SHOP, LET_THROUGH, Refused, TryAgain, with_words
from cleverreach_sync.http.request import Query, Request
from cleverreach_sync.messages import Message, say

TIMEOUT: Final = 90.0  # seconds; a page of 100 orders with everything in it takes half a second where nothing is wrong
AT_ONCE: Final = 2  # requests; shops live on weak hosts
_BUSY: Final = frozenset({408, 425, 429})
_FATAL: Final = "fatal error"  # of PHP, which may come with status 200
_LINE_STARTS: Final = re.compile(rb"^[\[{]", re.MULTILINE)
_BOM: Final = b"\xef\xbb\xbf"
_MOST_STARTS: Final = 20


class Pace(Protocol):
    """How fast a shop may be asked. Thread-safe."""

    def wait(self) -> None:
        """Comes back when the next request may be sent."""
        ...

    def note(self, answer: Answer) -> None:
        """What an answer says about it."""
        ...


class ShopApi:
    """One shop's API. Thread-safe; at most `at_once` requests are under way at a time, whoever asks.

    `explain` makes an error of an answer that refuses (4xx), in the merchant's words, or None for a general one.
    `no_json` is the hint for answers with status 200 that are no JSON. `pace` is kept where a shop tells it. Redirects
    are never followed.
    """

    def __init__(
        self,
        http: HttpClient,
        *,
        explain: Callable[[Answer], CrsyncError | None],
        credentials: Credentials = NOBODY,
        no_json: Message | None = None,
        at_once: int = AT_ONCE,
        pace: Pace | None = None,
    ) -> None:
        self.http = http
        self._pace = pace
        self._credentials = credentials
        self._explain = explain
        self._no_json = no_json
        self._slots = threading.BoundedSemaphore(at_once)

    def get(
        self,
        path: str,
        params: Query | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        check: Callable[[Answer], None] | None = None,
    ) -> Answer:
        """The answer to a GET: a 2xx with JSON. `check` may raise TryAgain for one that makes no sense.

        Raises what `explain` makes of a refusal, TemporaryError when repeating did not help.
        """
        return self._asked(Request("GET", path, params=params, headers=headers), check)

    def post(
        self,
        path: str,
        body: Any,
        *,
        headers: Mapping[str, str] | None = None,
        check: Callable[[Answer], None] | None = None,
    ) -> Answer:
        """The answer to a POST of JSON that only reads, so that it may be repeated; otherwise like `get`."""
        return self._asked(Request("POST", path, json=body, headers=headers), check)

    def _asked(self, request: Request, check: Callable[[Answer], None] | None) -> Answer:
        def attempt() -> Answer:
            with self._slots:
                answer = self._paced(request)
            answer = self.judged(answer)
            if check is not None:
                check(answer)
            return answer

        return self.http.context.retries(attempt)

    def _paced(self, request: Request) -> Answer:
        if self._pace is None:
            return self.http.exchange(request, self._credentials)
        self._pace.wait()
        answer = self.http.exchange(request, self._credentials)
        self._pace.note(answer)
        return answer

    def judged(self, answer: Answer) -> Answer:
        """The answer, if it is a 2xx with JSON. Raises TryAgain, or what `explain` makes of it."""
        status = answer.status
        if answer.ok:
            answer = without_notices(answer)
            if answer.readable and (answer.body is not None or status == 204):
                return answer
            raise TryAgain(
                say(
                    "shop.not_json",
                    "the shop answered with something that is not JSON ({answer})",
                    answer=self._said(answer),
                ),
                after=answer.retry_after,
                hint=IN_THE_SHOP if _FATAL in answer.text.lower() else self._no_json,
            )
        if status in _BUSY or status >= 500:
            hint = IN_THE_SHOP if status >= 500 else None
            raise TryAgain(self._busy(answer), after=answer.retry_after, hint=hint)
        if answer.is_page(401, 404):
            raise TryAgain(
                say("shop.blocked", "the shop blocked the request ({answer})", answer=self._said(answer)),
                after=answer.retry_after,
                hint=LET_THROUGH,
            )
        raise self._explain(answer) or self._refused(answer)

    def _busy(self, answer: Answer) -> Message:
        said = self._said(answer)
        if answer.status == 429:
            return say("shop.too_many_requests", "the shop gets too many requests ({answer})", answer=said)
        if answer.status >= 500 and not answer.readable:
            return say("shop.error_page", "the shop answered with an error page ({answer})", answer=said)
        return say("shop.not_available", "the shop is not available ({answer})", answer=said)

    def _refused(self, answer: Answer) -> CrsyncError:
        """Of a status that the source knows nothing of."""
        said = self._said(answer)
        if answer.status == 401:
            return AuthError(
                say("shop.credentials_refused", "the shop does not accept the credentials ({answer})", answer=said)
            )
        message = say("shop.refused", "the shop refused the request ({answer})", answer=said)
        return Refused(message, status=answer.status)

    def _said(self, answer: Answer) -> str:
        """Its status and its words."""
        empty = say("shop.empty_answer", "empty") if answer.body is None and answer.readable else ""
        return with_words(answer.status, self.words(answer) or empty)

    def words(self, answer: Answer) -> str:
        """What an answer says, in one line, without secrets, addresses and rows; "" if nothing."""
        body = answer.body
        if not answer.readable:
            return answer.text
        message = body.get("message") if isinstance(body, dict) else None
        return self.http.redact.excerpt(without_markup(message)) if isinstance(message, str) else ""


def without_notices(answer: Answer) -> Answer:
    """The answer with the JSON that PHP's notices and warnings stand before or behind; unchanged if there is none.

    What was cut short must never pass for an empty list, so the JSON has to be whole, and to reach up to one end.
    """
    if answer.readable:
        return answer
    raw = answer.raw.removeprefix(_BOM).strip()
    if raw[:1] in (b"[", b"{"):
        return _with(answer, _leading(raw))
    for found, start in zip(range(_MOST_STARTS), _LINE_STARTS.finditer(raw), strict=False):
        del found
        try:
            return answer._replace(body=parse(raw[start.start() :], PAGE), readable=True)
        except (ValueError, TooMuch):
            continue
    return answer


def _leading(raw: bytes) -> Any:
    """The JSON at the beginning of something that goes on with a tag; None if there is none."""
    text = raw.decode("utf-8", "replace")
    try:
        _, end = JSONDecoder().raw_decode(text)
        return parse(text[:end].encode(), PAGE) if text[end:].lstrip().startswith("<") else None
    except (ValueError, RecursionError, TooMuch):
        return None


def _with(answer: Answer, value: Any) -> Answer:
    return answer if value is None else answer._replace(body=value, readable=True)


__all__ = ["AT_ONCE", "TIMEOUT", "ShopApi", "without_notices"]
