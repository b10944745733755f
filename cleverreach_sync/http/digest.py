"""HTTP Digest (RFC 7616), for servers that take no password as it is."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.credentials import Attempt, Basic
from cleverreach_sync.http.redaction import Redaction

_DIGEST: Final = re.compile(r"(?:^|,)\s*digest\s+(.*)", re.IGNORECASE | re.DOTALL)
_PARAMETER: Final = re.compile(r'([a-z0-9*]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', re.IGNORECASE)
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST: Final = 4096
_HASHES: Final[Mapping[str, Callable[[bytes], str]]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}


class _Challenge(NamedTuple):
    """What a server asks for, as it came: what was escaped still is."""

    realm: str
    nonce: str
    opaque: str | None
    algorithm: str
    qop: bool

    @classmethod
    def of(cls, answer: Answer) -> _Challenge | None:
        """None for what is none, or is none that can be answered."""
        text = answer.headers.get("www-authenticate", "")
        found = _DIGEST.search(text) if len(text) <= _LONGEST and _UNSAFE.search(text) is None else None
        if found is None:
            return None
        named: dict[str, str] = {}
        for each in _PARAMETER.finditer(found[1]):
            named.setdefault(each[1].lower(), each[3] if each[2] is None else each[2])
        algorithm = named.get("algorithm", "MD5").upper()
        kinds = [kind.strip().lower() for kind in named["qop"].split(",")] if "qop" in named else []
        if not named.get("nonce") or algorithm not in _HASHES or (kinds and "auth" not in kinds):
            return None
        return cls(named.get("realm", ""), named["nonce"], named.get("opaque"), algorithm, bool(kinds))


class BasicOrDigest(Basic):
    """A user and a password as they are, until the server refuses them so and asks for a digest."""

    def __init__(self, user: str, password: str, redact: Redaction) -> None:
        super().__init__(user, password, redact)
        self._user, self._password = user, password
        self._lock = threading.Lock()
        self._asked: _Challenge | None = None
        self._count = 0

    def sign(self, attempt: Attempt) -> Mapping[str, str]:
        with self._lock:
            asked = self._asked
            self._count += 1
            count = f"{self._count:08x}"
        return super().sign(attempt) if asked is None else {"authorization": self._digest(attempt, asked, count)}

    def renewed(self, signed: Mapping[str, str], answer: Answer) -> bool:
        """A server that takes Basic asks for Digest all the same when the key is wrong: the second refusal counts."""
        asked = _Challenge.of(answer)
        if asked is None:
            return False
        with self._lock:
            newer = self._asked is not None and f'nonce="{self._asked.nonce}"' not in signed["authorization"]
            if not newer:  # else another thread has heard of a new one meanwhile
                self._asked, self._count = asked, 0
        return True

    def _digest(self, attempt: Attempt, asked: _Challenge, count: str) -> str:
        digest = _HASHES[asked.algorithm]
        parts = urlsplit(attempt.url)
        uri = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        who = digest(f"{self._user}:{_unquoted(asked.realm)}:{self._password}".encode())
        what = digest(f"{attempt.method}:{uri}".encode())
        own = secrets.token_hex(16)
        within = f"{_unquoted(asked.nonce)}:{count}:{own}:auth" if asked.qop else _unquoted(asked.nonce)
        response = digest(f"{who}:{within}:{what}".encode())
        self._redact.add_passing(response)
        user = self._user.replace("\\", "\\\\").replace('"', '\\"')
        words = [
            f'Digest username="{user}", realm="{asked.realm}", nonce="{asked.nonce}", uri="{uri}"',
            f'response="{response}", algorithm={asked.algorithm}',
        ]
        if asked.opaque is not None:
            words.append(f'opaque="{asked.opaque}"')
        if asked.qop:
            words.append(f'qop=auth, nc={count}, cnonce="{own}"')
        return ", ".join(words)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
