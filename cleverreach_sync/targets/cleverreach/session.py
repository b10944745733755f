"""Calls of the CleverReach REST API v3: errors in every disguise, repetition.

Facts: the answer's body decides, even with status 200.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from cleverreach_sync.errors import AuthError, CrsyncError, TemporaryError, UsageError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.body import PAGE, WHOLE
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.failures import Conflict, NotFound, Refused, TryAgain, not_json, with_words
from cleverreach_sync.http.request import Request
from cleverreach_sync.messages import say
from cleverreach_sync.targets.cleverreach.token import CREDENTIALS_HINT, AccountToken, code_of

API: Final = "/v3"
_IN_ONE_ANSWER: Final = ("/blacklist", "/groups", "/receivers/filter")
_WORD: Final = re.compile(r"\w+")
_FORBIDDEN_HINT: Final = say(
    "cleverreach.lacks_scope",
    "the OAuth app lacks a scope (recipients), or the contact quota of the CleverReach plan is used up: look at My "
    "Account > Plan",
)


class Session:
    """One account's API. Thread-safe."""

    def __init__(self, http: HttpClient, client_id: str, client_secret: str) -> None:
        self._http = http
        self._token = AccountToken(http, client_id, client_secret)
        self._retries = http.context.retries

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
        limit = WHOLE if path in _IN_ONE_ANSWER else PAGE
        request = Request(method, API + path, params=params, json=json, limit=limit)
        answer = self._http.exchange(request, self._token)
        if code_of(answer) == 401:
            raise AuthError(
                say("cleverreach.fresh_token_refused", "CleverReach refuses a fresh token (401)"), hint=CREDENTIALS_HINT
            )
        return self._body(answer, json)

    def _body(self, answer: Answer, sent: Any) -> Any:
        code = code_of(answer)
        if 200 <= code < 300 and answer.readable:
            return answer.body
        said = with_words(code, self._words(answer, sent))
        if 200 <= code < 300:
            raise TryAgain(not_json("CleverReach", said), ambiguous=True)
        if code == 429:
            raise TryAgain(
                say("cleverreach.too_many_requests", "CleverReach: too many requests ({answer})", answer=said),
                after=answer.retry_after,
            )
        if code >= 500 or code == 408:
            raise TryAgain(
                say("cleverreach.not_available", "CleverReach is not available ({answer})", answer=said),
                after=answer.retry_after,
                ambiguous=True,
                timed_out=code in (408, 504),
            )
        if code == 403:
            raise AuthError(
                say("cleverreach.not_allowed", "CleverReach does not allow this ({answer})", answer=said),
                hint=_FORBIDDEN_HINT,
            )
        raise _refused(code, said)

    def _words(self, answer: Answer, sent: Any) -> str:
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
        return self._http.redact.excerpt(shown)

    def close(self) -> None:
        self._http.close()


def _refused(code: int, said: str) -> CrsyncError:
    if code == 404 and "invalid group" in said.lower():
        return UsageError(
            say("list.not_there", "the recipient list does not exist ({answer})", answer=said),
            hint=say("list.check_config", "check target.list in the config"),
        )
    if code == 404:
        return NotFound(say("cleverreach.not_found", "CleverReach: not found ({answer})", answer=said), status=404)
    if code == 409:
        return Conflict(say("cleverreach.exists", "CleverReach: already exists ({answer})", answer=said), status=409)
    return Refused(say("cleverreach.refused", "CleverReach refused the request ({answer})", answer=said), status=code)


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
        raise TryAgain(
            say(
                "cleverreach.not_the_list",
                "CleverReach answered with something that is not the list that was asked for",
            )
        )
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
