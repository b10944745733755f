"""Sessions at plentymarkets: login, tokens that run out, logout, and how fast the API may be asked.

Facts: `POST /rest/login` gives a token for 24 hours, its fields in camelCase or snake_case; `POST /rest/login/refresh`
exchanges it. A user has three sessions at most, a fourth login is 429 `too_many_concurrent_sessions`. Answers count
down the calls that are left (`...-Calls-Left`) and the seconds until there are more (`...-Decay`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import inf
from typing import Any, Final

from cleverreach_sync.errors import AuthError, CrsyncError, TemporaryError, UsageError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.failures import TryAgain
from cleverreach_sync.http.foreign import seconds
from cleverreach_sync.http.request import Request
from cleverreach_sync.http.tokens import Issued, IssuedToken, bearer, life_of, usable_token
from cleverreach_sync.messages import Message, say
from cleverreach_sync.sources.shop import status_and

LOGIN: Final = "/rest/login"
REFRESH: Final = "/rest/login/refresh"
LOGOUT: Final = "/rest/logout"
USERS: Final = say("plentymarkets.where_users", "plentymarkets: Setup > Settings > User > Accounts")
ADDRESS: Final = say("plentymarkets.address", "source.url is the address of the system or of its shop, without /rest")
_TOO_MANY: Final = "too_many_concurrent_sessions"
_DEFAULT_LIFE: Final = 86400.0
_FEW_CALLS: Final = 2
_LONGEST_PAUSE: Final = 120.0  # a day's calls used up are the server's to refuse
_LIMITS: Final = ("x-plenty-global-short-period", "x-plenty-route")


class Session(IssuedToken):
    """One session, opened when it is needed, renewed before it ends, and closed by `logout`."""

    def __init__(self, http: HttpClient, username: str, password: str) -> None:
        super().__init__(http)
        self._user = {"username": username, "password": password}
        self._refresh = ""
        self._closed = False

    def logout(self) -> None:
        """Frees one of the user's three sessions; one that is gone already does not matter."""
        with self._lock:
            issued, self._issued, self._refresh = self._issued, None, ""
            self._closed = True
        if issued is not None:
            with suppress(CrsyncError):
                self._http.exchange(Request("POST", LOGOUT, headers=bearer(issued.token), last=True))

    def _issue(self) -> Issued:
        """With the refresh token, else by a new login."""
        if self._closed:  # a page that nobody waits for any more opens no other session
            raise TemporaryError(say("plentymarkets.session_closed", "the session at plentymarkets is closed"))
        refresh, self._refresh = self._refresh, ""
        retries = self._http.context.retries
        if refresh and (issued := self._taken(retries(lambda: self._ask(REFRESH, {"refresh_token": refresh})))):
            return issued
        answer = retries(lambda: self._ask(LOGIN, self._user))
        issued = self._taken(answer)
        if issued is None:
            raise self._refused(answer)
        return issued

    def _taken(self, answer: Answer) -> Issued | None:
        body = answer.body if answer.ok and isinstance(answer.body, dict) else {}
        token = usable_token(answer, _either(body, "access_token", "accessToken"))
        if token is None:
            return None
        refresh = _either(body, "refresh_token", "refreshToken")
        self._refresh = refresh if isinstance(refresh, str) else ""
        self._http.redact.add(self._refresh)
        return Issued(token, life_of(_either(body, "expires_in", "expiresIn"), _DEFAULT_LIFE))

    def _ask(self, path: str, sent: Mapping[str, str]) -> Answer:
        answer = self._http.exchange(Request("POST", path, json=sent))
        if answer.status == 429 and _TOO_MANY in str(answer.body):
            raise TryAgain(
                say(
                    "plentymarkets.sessions",
                    "the user already has three sessions open at plentymarkets, and may not have more",
                ),
                after=answer.retry_after,
                hint=say(
                    "plentymarkets.own_user",
                    "give crsync a user of its own, which no other program uses; sessions that nobody closed end after "
                    "24 hours ({where})",
                    where=USERS,
                ),
            )
        page = answer.is_page(401, 404, 405)
        if answer.status in (408, 429) or answer.status >= 500 or page:
            raise TryAgain(
                say(
                    "plentymarkets.no_login",
                    "plentymarkets allows no login at the moment ({status})",
                    status=answer.status,
                ),
                after=answer.retry_after,
            )
        if answer.ok and not answer.readable:
            raise TryAgain(
                say(
                    "plentymarkets.login_not_json",
                    "plentymarkets answered the login with something that is not JSON: {text}",
                    text=answer.text,
                )
            )
        return answer

    def _refused(self, answer: Answer) -> CrsyncError:
        said = said_by(answer, self._http)
        if answer.status in (404, 405) or (answer.ok and not said):
            return UsageError(
                say(
                    "plentymarkets.not_there",
                    "there is no plentymarkets at {url} ({status})",
                    url=self._http.base_url,
                    status=answer.status,
                ),
                hint=ADDRESS,
            )
        return AuthError(
            say(
                "plentymarkets.login_refused",
                "plentymarkets refuses username and password ({said})",
                said=status_and(said, answer),
            ),
            hint=say(
                "plentymarkets.check_login",
                "check source.username and source.password; the user needs the access type API ({where})",
                where=USERS,
            ),
        )


class CallsLeft:
    """Waits until there are calls again when hardly any are left. Thread-safe."""

    def __init__(
        self, clock: Callable[[], float], sleep: Callable[[float], None], log: Callable[[Message], None]
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._log = log
        self._lock = threading.Lock()
        self._not_before = 0.0

    def wait(self) -> None:
        with self._lock:
            pause = self._not_before - self._clock()
        if pause > 0:
            self._log(
                say(
                    "plentymarkets.few_calls",
                    "hardly any calls to plentymarkets are left this minute: waiting {seconds:.0f} seconds",
                    seconds=pause,
                )
            )
            self._sleep(pause)

    def note(self, answer: Answer) -> None:
        for limit in _LIMITS:
            left, decay = (seconds(answer.headers.get(f"{limit}-{what}"), most=inf) for what in ("calls-left", "decay"))
            if left is not None and decay is not None and left <= _FEW_CALLS and 0 < decay <= _LONGEST_PAUSE:
                with self._lock:
                    self._not_before = max(self._not_before, self._clock() + decay)


def said_by(answer: Answer, http: HttpClient) -> str:
    """What an answer says about its status, for a message; "" if nothing."""
    body = answer.body if isinstance(answer.body, dict) else {}
    error = body.get("error")
    words = error.get("message") if isinstance(error, dict) else error
    words = words or body.get("message")
    return http.redact.excerpt(words) if isinstance(words, str) and words else ""


def _either(body: Mapping[str, Any], *names: str) -> Any:
    return next((body[name] for name in names if body.get(name)), None)
