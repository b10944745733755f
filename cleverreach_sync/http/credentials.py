"""How requests prove who asks.

A new scheme is a subclass of `Credentials` here or beside its source; the client need not know of it. It is not one of
httpx: its `Auth` reads the answer to a 401 without any limit, is not counted, and has no way to leave the deadline of
an exchange for that of a token.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final, NamedTuple

from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.redaction import Redaction


class Attempt(NamedTuple):
    """A request as it is about to be sent: `url` with its query as it goes over the line, `headers` but for those of
    the credentials."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class Credentials:
    """Nobody's: what every scheme starts from. Thread-safe, and so is every scheme.

    A scheme hides what it adds from messages and logs: `Redaction.add` for what stays good, `add_passing` for what was
    good once.
    """

    def base_url(self) -> str | None:
        """Where requests go, if not to the address of the client."""
        return None

    def sign(self, attempt: Attempt) -> Mapping[str, str]:
        """The headers to add. Called for every attempt anew, in no one's time: it may ask for a token first, and raises
        what that raises."""
        del attempt
        return {}

    def are_refused(self, answer: Answer) -> bool:
        return answer.status == 401

    def renewed(self, signed: Mapping[str, str], answer: Answer) -> bool:
        """Hears of a refusal of what was `signed`. True: the same request may succeed if it is signed anew, which is
        done once."""
        del signed, answer
        return False


NOBODY: Final = Credentials()


class Basic(Credentials):
    """A user and a password, or two halves of a key, in every request."""

    def __init__(self, user: str, password: str, redact: Redaction) -> None:
        self._pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._redact = redact

    def sign(self, attempt: Attempt) -> Mapping[str, str]:
        del attempt
        self._redact.add(self._pair)  # how it goes over the line, and may come back
        return {"authorization": f"Basic {self._pair}"}
