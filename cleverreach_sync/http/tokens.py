"""Access tokens: one that stays as it is, or one that is asked for and runs out."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Final, NamedTuple

from cleverreach_sync.errors import CrsyncError, TemporaryError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.credentials import Attempt, Credentials
from cleverreach_sync.http.failures import IN_THE_SHOP, LET_THROUGH, TryAgain, with_words
from cleverreach_sync.http.foreign import seconds
from cleverreach_sync.http.request import Request
from cleverreach_sync.messages import say

_SHARE_OF_LIFE: Final = 0.8
_DEFAULT_LIFE: Final = 600.0
_LONGEST_LIFE: Final = 24 * 3600.0
_LONGEST_TOKEN: Final = 16_384

Carried = Callable[[str], Mapping[str, str]]
"""The headers that carry a token."""


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def usable_token(answer: Answer, value: object) -> str | None:
    """A token of an answer, as it goes into a header; None if there is none. Raises TemporaryError for what cannot be
    sent: it would be refused, and renewed, again and again."""
    text = value.strip() if isinstance(value, str) else ""
    if not answer.ok or not text:
        return None
    if len(text) > _LONGEST_TOKEN or not text.isascii() or not text.isprintable() or " " in text:
        raise TemporaryError(
            say(
                "http.odd_token",
                "the server gave an access token that cannot be sent: it contains spaces or line ends, or is far too "
                "long",
            ),
            hint=say("http.changed_on_the_way", "does something in front of the server change its answers?"),
        )
    return text


def life_of(expires_in: object, default: float, share: float = _SHARE_OF_LIFE) -> float:
    """For how many seconds a token is used that lives so many, a day at most; `default` if that is no number."""
    return min(seconds(expires_in, most=inf) or default, _LONGEST_LIFE) * share


class FixedToken(Credentials):
    """A token, or an API key, that lives until it is revoked."""

    def __init__(self, token: str, carried: Carried = bearer) -> None:
        self._headers = carried(token.strip())

    def sign(self, attempt: Attempt) -> Mapping[str, str]:
        del attempt
        return self._headers


class Issued(NamedTuple):
    """A token that was given, and for how many seconds it is used; `base_url` is where, if not at the client's
    address."""

    token: str
    life: float
    base_url: str | None = None


class IssuedToken(Credentials, ABC):
    """A token that is asked for when it is needed, anew before it runs out, and once when it is refused, whichever
    threads use it. A subclass knows how to ask."""

    def __init__(self, http: HttpClient, carried: Carried = bearer) -> None:
        self._http = http
        self._carried = carried
        self._lock = threading.Lock()
        self._issued: Issued | None = None
        self._expires = 0.0

    @abstractmethod
    def _issue(self) -> Issued:
        """Asks for a token; called by one thread at a time."""

    def base_url(self) -> str | None:
        return self._current().base_url

    def sign(self, attempt: Attempt) -> Mapping[str, str]:
        del attempt
        return self._carried(self._current().token)

    def renewed(self, signed: Mapping[str, str], answer: Answer) -> bool:
        del answer
        with self._lock:
            if self._issued is None or self._carried(self._issued.token) == signed:
                self._fetch()  # else another thread has renewed it meanwhile
        return True

    def _current(self) -> Issued:
        with self._lock:
            if self._issued is None or self._http.context.clock() >= self._expires:
                return self._fetch()
            return self._issued

    def _fetch(self) -> Issued:
        self._issued = None
        try:
            issued = self._issue()
        except TryAgain as failure:
            failure.ambiguous = failure.timed_out = False  # what it was needed for was not carried out
            raise
        self._http.redact.add(issued.token)
        self._issued = issued
        self._expires = self._http.context.clock() + issued.life
        return issued


class TokenAnswers(NamedTuple):
    """What the answers of a token endpoint mean. `refused` makes the error of one that brings no token. `pause` tells
    how many seconds a busy server asks to wait, `final` whether an answer that looks like that of a busy server is its
    last word."""

    refused: Callable[[Answer], CrsyncError]
    pause: Callable[[Answer], float | None] = lambda answer: answer.retry_after
    final: Callable[[Answer], bool] = lambda _: False


def client_credentials(path: str, sent: Mapping[str, str], *, as_json: bool = False) -> Request:
    """OAuth 2.0 client credentials, as a form, or as JSON where that is what a system reads."""
    grant = {"grant_type": "client_credentials", **sent}
    return Request("POST", path, json=grant) if as_json else Request("POST", path, form=grant)


class OAuthToken(IssuedToken):
    """A token of OAuth 2.0, for what the request `grant` tells of who asks."""

    def __init__(self, http: HttpClient, grant: Request, answers: TokenAnswers, carried: Carried = bearer) -> None:
        super().__init__(http, carried)
        self._grant = grant
        self._answers = answers

    def _issue(self) -> Issued:
        answer = self._http.context.retries(self._ask)
        body = answer.body if isinstance(answer.body, dict) else {}
        token = usable_token(answer, body.get("access_token"))
        if token is None:
            raise self._answers.refused(answer)
        return self._read(token, body)

    def _read(self, token: str, body: Mapping[str, Any]) -> Issued:
        """What an answer gives; a subclass may read more of it."""
        return Issued(token, life_of(body.get("expires_in"), _DEFAULT_LIFE))

    def _request(self) -> Request:
        """What is asked; a subclass may make it anew every time."""
        return self._grant

    def _ask(self) -> Answer:
        answer = self._http.exchange(self._request())
        page = answer.is_page(400, 401, 402, 404, 405, 423)
        if self._answers.final(answer):
            return answer
        if answer.status in (408, 429) or answer.status >= 500 or page:
            raise TryAgain(
                say(
                    "http.no_token_now",
                    "the server gives no access token at the moment ({answer})",
                    answer=with_words(answer.status, "" if answer.readable else answer.text),
                ),
                after=self._answers.pause(answer),
                hint=IN_THE_SHOP if answer.status >= 500 else LET_THROUGH if page else None,
            )
        if answer.ok and not answer.readable:
            raise TryAgain(
                say("http.no_token_in", "the answer is not JSON and has no access token: {answer}", answer=answer.text),
                hint=IN_THE_SHOP,
            )
        return answer
