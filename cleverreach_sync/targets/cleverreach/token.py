"""The token of a CleverReach account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cleverreach_sync.errors import AuthError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.credentials import Basic
from cleverreach_sync.http.failures import TryAgain, not_json, with_words
from cleverreach_sync.http.foreign import whole
from cleverreach_sync.http.request import Request
from cleverreach_sync.http.tokens import Issued, IssuedToken, life_of, usable_token
from cleverreach_sync.messages import say

TOKEN_PATH: Final = "/oauth/token.php"  # noqa: S105 - a path
_SHARE_OF_LIFE: Final = 0.9
_DEFAULT_LIFE: Final = 3600.0
CREDENTIALS_HINT: Final = say(
    "cleverreach.check_credentials",
    "check target.client_id and target.client_secret: in CleverReach, My Account > Extras > REST API, an OAuth app "
    "with the scopes for recipients",
)
_GRANT: Final = Request("POST", TOKEN_PATH, form={"grant_type": "client_credentials"})


def code_of(answer: Answer) -> int:
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


class AccountToken(IssuedToken):
    """A token for an OAuth app, in memory only."""

    def __init__(self, http: HttpClient, client_id: str, client_secret: str) -> None:
        super().__init__(http)
        self._app = Basic(client_id, client_secret, http.redact)

    def are_refused(self, answer: Answer) -> bool:
        return code_of(answer) == 401

    def renewed(self, signed: Mapping[str, str], answer: Answer) -> bool:
        fresh = super().renewed(signed, answer)
        self._http.traffic.retry()
        return fresh

    def _issue(self) -> Issued:
        answer = self._answer()
        body = answer.body if isinstance(answer.body, dict) else {}
        token = usable_token(answer, body.get("access_token"))
        if token is None:
            raise AuthError(
                say(
                    "cleverreach.credentials_refused",
                    "CleverReach refuses the credentials ({answer})",
                    answer=with_words(answer.status, self._said(body, answer)),
                ),
                hint=CREDENTIALS_HINT,
            )
        return Issued(token, life_of(body.get("expires_in"), _DEFAULT_LIFE, _SHARE_OF_LIFE))

    def _answer(self) -> Answer:
        """One attempt. Whoever needs the token begins anew if it fails; a batch is read again before it is sent."""
        answer = self._http.exchange(_GRANT, self._app)
        page = answer.is_page(400, 401, 403, 404, 405)
        if answer.status in (408, 429) or answer.status >= 500 or page:
            raise TryAgain(
                say(
                    "cleverreach.no_token", "CleverReach gives no token at the moment ({answer})", answer=answer.status
                ),
                after=answer.retry_after,
            )
        if answer.ok and not answer.readable:
            raise TryAgain(not_json("CleverReach", with_words(answer.status, answer.text)))
        return answer

    def _said(self, body: Mapping[str, Any], answer: Answer) -> str:
        error = body.get("error")
        words = error.get("message") if isinstance(error, dict) else body.get("error_description") or error
        text = words if isinstance(words, str) else answer.text
        return self._http.redact.excerpt(text) if text else ""
