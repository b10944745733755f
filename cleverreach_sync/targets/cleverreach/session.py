"""Calls of the CleverReach REST API v3: token, errors in every disguise, repetition.

Facts: the answer's body decides, even with status 200; tokens live as long as `expires_in` says; a 401 is worth one
new token.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from math import inf
from typing import Any, Final

import orjson

from cleverreach_sync.errors import AuthError, TemporaryError, UsageError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.body import PAGE, WHOLE
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.failures import Conflict, NotFound, Refused, TryAgain
from cleverreach_sync.http.foreign import seconds, whole
from cleverreach_sync.http.retries import Retries
from cleverreach_sync.http.tokens import usable_token

TOKEN_PATH: Final = "/oauth/token.php"  # noqa: S105 - a path
API: Final = "/v3"
_IN_ONE_ANSWER: Final = ("/blacklist", "/groups", "/receivers/filter")
_SHARE_OF_LIFE: Final = 0.9
_LONGEST_LIFE: Final = 24 * 3600.0
_DEFAULT_LIFE: Final = 3600.0
_WORD: Final = re.compile(r"\w+")
_CREDENTIALS_HINT: Final = (
    "check target.client_id and target.client_secret: in CleverReach, My Account > Extras > REST API, "
    "an OAuth app with the scopes for recipients"
)
_FORBIDDEN_HINT: Final = (
    "the OAuth app lacks a scope (recipients), or the contact quota of the CleverReach plan is used up: "
    "look at My Account > Plan"
)


class Session:
    """One account's API. Thread-safe; the token is kept in memory only."""

    def __init__(
        self,
        http: HttpClient,
        client_id: str,
        client_secret: str,
        retries: Retries,
        clock: Callable[[], float],
    ) -> None:
        self._http = http
        self._credentials = (client_id, client_secret)
        self._retries = retries
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._expires = 0.0

    def rows(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
        texts: bool = False,
    ) -> list[Any]:
        """For calls that read a list of objects (`texts`: or of strings). An answer that is none is asked for again:
        it must not read as an empty list."""
        return self._retries(lambda: _rows(self.once(method, path, params=params, json=json), texts=texts))

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> Any:
        return self._retries(lambda: self.once("GET", path, params=params))

    def post(self, path: str, json: Any) -> Any:
        """For calls that only read or may be repeated."""
        return self._retries(lambda: self.once("POST", path, json=json))

    def once(self, method: str, path: str, *, params: Mapping[str, str | int] | None = None, json: Any = None) -> Any:
        """One attempt: the parsed body. Raises TryAgain, Refused, AuthError, UsageError."""
        token = self._current_token()
        answer = self._call(method, path, params, json, token)
        if self._code(answer) == 401:
            token = self._renewed_token(token)
            self._http.traffic.retry()
            answer = self._call(method, path, params, json, token)
            if self._code(answer) == 401:
                raise AuthError("CleverReach refuses a fresh token (401)", hint=_CREDENTIALS_HINT)
        return self._body(answer, json)

    def _call(self, method: str, path: str, params: Mapping[str, str | int] | None, json: Any, token: str) -> Answer:
        headers = {"authorization": f"Bearer {token}"}
        limit = WHOLE if path in _IN_ONE_ANSWER else PAGE
        return self._http.exchange(method, API + path, params=params, json=json, headers=headers, limit=limit)

    @staticmethod
    def _code(answer: Answer) -> int:
        """The status that counts: that of an error body, else the answer's own."""
        error = answer.body.get("error") if isinstance(answer.body, dict) else None
        if isinstance(error, dict):
            code = whole(error.get("code"))
            if code is not None and not 200 <= code < 300:
                return code
            return answer.status if not answer.ok else 400
        if isinstance(error, str) and answer.ok:
            return 400
        return answer.status

    def _body(self, answer: Answer, sent: Any) -> Any:
        code = self._code(answer)
        if 200 <= code < 300 and answer.readable:
            return answer.body
        message = self._message(answer, sent)
        if 200 <= code < 300:
            raise TryAgain(f"CleverReach answered with something that is not JSON{message}", ambiguous=True)
        if code == 429:
            raise TryAgain(f"CleverReach: too many requests (429{message})", after=answer.retry_after)
        if code >= 500 or code == 408:
            raise TryAgain(
                f"CleverReach is not available ({code}{message})",
                after=answer.retry_after,
                ambiguous=True,
                timed_out=code in (408, 504),
            )
        if code == 403:
            raise AuthError(f"CleverReach does not allow this (403{message})", hint=_FORBIDDEN_HINT)
        if code == 404:
            if "invalid group" in message.lower():
                raise UsageError(
                    f"the recipient list does not exist (404{message})", hint="check target.list in the config"
                )
            raise NotFound(f"CleverReach: not found (404{message})", status=404)
        if code == 409:
            raise Conflict(f"CleverReach: already exists (409{message})", status=409)
        raise Refused(f"CleverReach refused the request ({code}{message})", status=code)

    def _message(self, answer: Answer, sent: Any) -> str:
        """The server's words, without any that were in the values it was sent: it may repeat what it did not like."""
        error = answer.body.get("error") if isinstance(answer.body, dict) else None
        text = error.get("message") if isinstance(error, dict) else error
        if not isinstance(text, str):
            text = answer.text
        if not text:
            return ""
        values = {word for value in _texts(sent) for word in _WORD.findall(value.lower())}
        shown = _WORD.sub(
            lambda word: "***" if word[0].lower() in values else word[0], self._http.redact.beginning(text)
        )
        return f": {self._http.redact.excerpt(shown)}"

    def _current_token(self) -> str:
        with self._lock:
            if not self._token or self._clock() >= self._expires:
                self._fetch_token()
            return self._token

    def _renewed_token(self, refused: str) -> str:
        with self._lock:
            if self._token == refused:  # else another thread has renewed it meanwhile
                self._fetch_token()
            return self._token

    def _fetch_token(self) -> None:
        answer = self._token_answer()
        body = answer.body if isinstance(answer.body, dict) else {}
        token = usable_token(answer, body.get("access_token"), "CleverReach")
        if token is None:
            raise AuthError(
                f"CleverReach refuses the credentials ({answer.status}{self._token_error(body, answer)})",
                hint=_CREDENTIALS_HINT,
            )
        self._http.redact.add(token)
        self._token = token
        self._expires = (
            self._clock()
            + min(_LONGEST_LIFE, seconds(body.get("expires_in"), most=inf) or _DEFAULT_LIFE) * _SHARE_OF_LIFE
        )

    def _token_answer(self) -> Answer:
        """One attempt. Whoever needs the token begins anew if it fails; a batch is read again before it is sent."""
        try:
            answer = self._http.exchange(
                "POST", TOKEN_PATH, form={"grant_type": "client_credentials"}, basic=self._credentials
            )
        except TryAgain as failure:
            raise TryAgain(failure.message, hint=failure.hint) from None  # what it was needed for was not carried out
        page = answer.is_page(400, 401, 403, 404, 405)
        if answer.status in (408, 429) or answer.status >= 500 or page:
            raise TryAgain(f"CleverReach gives no token at the moment ({answer.status})", after=answer.retry_after)
        if answer.ok and not answer.readable:
            raise TryAgain(f"CleverReach answered with something that is not JSON: {answer.text}")
        return answer

    def _token_error(self, body: Mapping[str, Any], answer: Answer) -> str:
        error = body.get("error")
        words = error.get("message") if isinstance(error, dict) else body.get("error_description") or error
        text = words if isinstance(words, str) else answer.text
        return f": {self._http.redact.excerpt(text)}" if text else ""

    def close(self) -> None:
        self._http.close()


def _rows(body: object, *, texts: bool) -> list[Any]:
    """The objects of a bare array; nothing at all is an empty one, an object with numbers for keys stands for one, and
    so does a single object. Raises TryAgain for anything else."""
    rows: list[Any] | None = None
    if body is None:
        rows = []
    elif isinstance(body, list):
        rows = [row for part in body for row in (part if isinstance(part, list) else [part])]
    elif isinstance(body, dict) and all(key.isdigit() for key in body):
        rows = list(body.values())
    elif isinstance(body, dict) and "id" in body:
        rows = [body]
    if rows is None or not all(isinstance(row, dict) or (texts and isinstance(row, str)) for row in rows):
        raise TryAgain("CleverReach answered with something that is not the list that was asked for")
    return rows


def _texts(value: object) -> Iterator[str]:
    """Every text in what was sent, but for the names of keys."""
    if isinstance(value, bytes):
        yield from _texts(orjson.loads(value))
    elif isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


__all__ = ["Session", "TemporaryError"]
