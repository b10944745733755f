"""Access tokens: one that stays as it is, or one that credentials are exchanged for and that runs out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Final, Protocol

from cleverreach_sync.errors import CrsyncError, TemporaryError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.failures import IN_THE_SHOP, LET_THROUGH, TryAgain
from cleverreach_sync.http.foreign import seconds
from cleverreach_sync.http.retries import Retries

_SHARE_OF_LIFE: Final = 0.8
_DEFAULT_LIFE: Final = 600.0
_LONGEST_LIFE: Final = 24 * 3600.0
_LONGEST_TOKEN: Final = 16_384


class Tokens(Protocol):
    """Where the token of the next request comes from."""

    def current(self) -> str:
        """A token that should be good."""
        ...

    def renewed(self, refused: str) -> str | None:
        """Another one, in place of `refused`; None if there is no other."""
        ...


def usable_token(answer: Answer, value: object, whose: str) -> str | None:
    """A token of an answer, as it goes into a header; None if there is none. Raises TemporaryError for what cannot be
    sent: it would be refused, and renewed, again and again."""
    text = value.strip() if isinstance(value, str) else ""
    if not answer.ok or not text:
        return None
    if len(text) > _LONGEST_TOKEN or not text.isascii() or not text.isprintable() or " " in text:
        raise TemporaryError(
            f"{whose} gave an access token that cannot be sent: it contains spaces or line ends, or is far too long",
            hint="does something in front of the server change its answers?",
        )
    return text


class FixedToken:
    """A token that lives until it is revoked."""

    def __init__(self, token: str) -> None:
        self._token = token.strip()

    def current(self) -> str:
        return self._token

    def renewed(self, refused: str) -> str | None:  # noqa: ARG002 - there is one
        return None


class ClientCredentials:
    """OAuth 2.0 client credentials: a token is fetched when it is needed, and anew before it runs out. Thread-safe.

    `sent` is what the token endpoint gets beside `grant_type`, as a form, or as JSON where that is what a system
    reads. `refused` makes the error of an answer that brings no token, `pause` tells how many seconds a server that is
    busy asks to wait, `final` whether an answer that looks like that of a busy server is its last word. `expires_in`
    counts in seconds.
    """

    def __init__(
        self,
        http: HttpClient,
        path: str,
        sent: Mapping[str, str],
        *,
        retries: Retries,
        clock: Callable[[], float],
        refused: Callable[[Answer], CrsyncError],
        pause: Callable[[Answer], float | None] = lambda answer: answer.retry_after,
        as_json: bool = False,
        final: Callable[[Answer], bool] = lambda _: False,
    ) -> None:
        self._final = final
        self._http = http
        self._path = path
        self._sent = {"grant_type": "client_credentials", **sent}
        self._retries = retries
        self._clock = clock
        self._refused = refused
        self._pause = pause
        self._as_json = as_json
        self._lock = threading.Lock()
        self._token = ""
        self._expires = 0.0

    def current(self) -> str:
        with self._lock:
            if not self._token or self._clock() >= self._expires:
                self._fetch()
            return self._token

    def renewed(self, refused: str) -> str | None:
        with self._lock:
            if self._token == refused:  # else another thread has renewed it meanwhile
                self._fetch()
            return self._token

    def _fetch(self) -> None:
        self._token = ""
        answer = self._retries(self._ask)
        body = answer.body if isinstance(answer.body, dict) else {}
        token = usable_token(answer, body.get("access_token"), "the shop")
        if token is None:
            raise self._refused(answer)
        self._http.redact.add(token)
        self._token = token
        self._expires = self._clock() + _life(body.get("expires_in")) * _SHARE_OF_LIFE

    def _ask(self) -> Answer:
        sent: dict[str, Any] = {"json": self._sent} if self._as_json else {"form": self._sent}
        answer = self._http.exchange("POST", self._path, **sent)
        page = answer.is_page(400, 401, 402, 404, 405, 423)
        if self._final(answer):
            return answer
        if answer.status in (408, 429) or answer.status >= 500 or page:
            said = "" if answer.readable or not answer.text else f": {answer.text}"
            raise TryAgain(
                f"the server gives no access token at the moment ({answer.status}{said})",
                after=self._pause(answer),
                hint=IN_THE_SHOP if answer.status >= 500 else LET_THROUGH if page else None,
            )
        if answer.ok and not answer.readable:
            raise TryAgain(f"the answer is not JSON and has no access token: {answer.text}", hint=IN_THE_SHOP)
        return answer


def _life(value: object) -> float:
    return min(seconds(value, most=inf) or _DEFAULT_LIFE, _LONGEST_LIFE)
