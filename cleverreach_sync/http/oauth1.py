"""OAuth 1.0a (RFC 5849): every request is signed with two secrets, by HMAC-SHA256."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.credentials import Attempt, Credentials

_METHOD: Final = "HMAC-SHA256"
_FORM: Final = "application/x-www-form-urlencoded"
_PORTS: Final = {"http": 80, "https": 443}
_TIMESTAMP: Final = re.compile(r'oauth_timestamp="(\d+)"')
_OFF: Final = 60  # seconds between two clocks that are worth another try


class OAuth1Keys(NamedTuple):
    """The key and secret of the program, and those of the one who let it in."""

    consumer_key: str
    consumer_secret: str
    token: str
    token_secret: str


class OAuth1(Credentials):
    """Signs by the server's clock as soon as that is known: a server may refuse what was signed in its future."""

    def __init__(self, keys: OAuth1Keys, http: HttpClient) -> None:
        self._keys = keys
        self._http = http

    def sign(self, attempt: Attempt) -> Mapping[str, str]:
        keys = self._keys
        added = {
            "oauth_consumer_key": keys.consumer_key,
            "oauth_nonce": secrets.token_hex(16),
            "oauth_signature_method": _METHOD,
            "oauth_timestamp": str(self._now()),
            "oauth_token": keys.token,
            "oauth_version": "1.0",
        }
        secret = f"{_escaped(keys.consumer_secret)}&{_escaped(keys.token_secret)}"
        digest = hmac.digest(secret.encode(), base_string(attempt, added.items()).encode(), hashlib.sha256)
        signature = base64.b64encode(digest).decode()
        self._http.redact.add_passing(signature)
        listed = ", ".join(
            f'{name}="{_escaped(value)}"' for name, value in (*added.items(), ("oauth_signature", signature))
        )
        return {"authorization": f"OAuth {listed}"}

    def are_refused(self, answer: Answer) -> bool:
        return answer.status == 401 or says_timestamp(answer)

    def renewed(self, signed: Mapping[str, str], answer: Answer) -> bool:
        """Whether it is the time that is wrong, and the server has told its own."""
        found = _TIMESTAMP.search(signed["authorization"])
        return says_timestamp(answer) and found is not None and abs(self._now() - int(found[1])) > _OFF

    def _now(self) -> int:
        return max(1, int(self._http.context.wall() + (self._http.clock_ahead or 0.0)))


def says_timestamp(answer: Answer) -> bool:
    """Whether a refusal names the time of the signature."""
    message = answer.body.get("message") if isinstance(answer.body, dict) else None
    return answer.status in (400, 401) and isinstance(message, str) and "timestamp" in message.lower()


def base_string(attempt: Attempt, added: Iterable[tuple[str, str]]) -> str:
    """What is signed (section 3.4.1): the method, the address, and all parameters in order."""
    parts = urlsplit(attempt.url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _PORTS.get(parts.scheme)) else f":{parts.port}"
    parameters = [*parse_qsl(parts.query, keep_blank_values=True), *added]
    if attempt.headers.get("content-type", "").partition(";")[0].strip() == _FORM:
        parameters += parse_qsl(attempt.body.decode(), keep_blank_values=True)
    pairs = sorted((_escaped(name), _escaped(value)) for name, value in parameters)
    address = f"{parts.scheme}://{host}{port}{parts.path or '/'}"
    return "&".join(
        (attempt.method.upper(), _escaped(address), _escaped("&".join(f"{name}={value}" for name, value in pairs)))
    )


def _escaped(text: str) -> str:
    return quote(text, safe="")
