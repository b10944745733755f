"""What a server answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from cleverreach_sync.http.headers import parse_retry_after


class Answer(NamedTuple):
    """What came back. `body` is the parsed JSON, None for an empty body or one that is not JSON (`readable` tells).
    `text` is the beginning of one that is not JSON, in words fit for messages; `raw` is all of it."""

    status: int
    headers: Mapping[str, str]
    body: Any
    readable: bool
    text: str
    raw: bytes = b""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def is_page(self, *telling: int) -> bool:
        """Whether this is a refusal by something before the server, a firewall's page, say: one without JSON. `telling`
        are the statuses that say enough by themselves; so does 403 where there are no words to read."""
        if not 400 <= self.status < 500 or self.status in telling:
            return False
        return not self.readable or (self.body is None and self.status != 403)

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, of a `Retry-After` header in either form."""
        return parse_retry_after(self.headers.get("retry-after"))
