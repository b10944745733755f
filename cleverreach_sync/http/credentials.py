"""How requests prove who asks. A new scheme is a subclass of `Credentials`, here or beside its source; the client need
not know of it."""

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
    """Nobody's, and what every scheme starts from. Threads share them.

    A scheme hides what it adds from messages and logs: with `Redaction.add` what stays good, with `add_passing` what is
    good once.
    """

    def base_url(self) -> str | None:
        """Where requests go, if not to the address of the client."""
        return None

    def sign(self, attempt: Attempt) -> Mapping[str, str]:
        """The headers to add. Called anew for every attempt, before its time begins to run: a token may be asked for
        first, and what that raises is raised."""
        del attempt
        return {}

    def are_refused(self, answer: Answer) -> bool:
        return answer.status == 401

    def renewed(self, signed: Mapping[str, str], answer: Answer) -> bool:
        """Hears that they were refused as `signed`. True: the request may succeed when it is signed anew, which is done
        once."""
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
