"""What a server is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from cleverreach_sync.http.body import PAGE, Limit

Query = Mapping[str, str | int | Sequence[str]]
"""The query of a request; a name with several values stands there once for each."""


class Request(NamedTuple):
    """A request that can be made any number of times. `path` may be a full address, `json` bytes that are JSON already.

    `limit` is how large the answer may be. `last`: it is made although the run ends, and gets but a few seconds.
    """

    method: str
    path: str
    params: Query | None = None
    json: Any = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None
    limit: Limit = PAGE
    last: bool = False

    def url_at(self, base_url: str) -> str:
        return self.path if self.path.startswith(("http://", "https://")) else f"{base_url}{self.path}"

    @property
    def content(self) -> bytes | None:
        """The body, unless it is a form."""
        return self.json if self.json is None or isinstance(self.json, bytes) else orjson.dumps(self.json)

    @property
    def own_headers(self) -> dict[str, str]:
        told = {} if self.json is None else {"content-type": "application/json; charset=utf-8"}
        return {**(self.headers or {}), **told}
