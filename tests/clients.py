"""A client of a server on loopback, outside a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.redaction import Redaction
from tests.shops.reading import Watched


def http_client(
    url: str, timeout: float = 5.0, *, secrets: Iterable[str] = (), wanted: Callable[[], None] = lambda: None
) -> HttpClient:
    """Waiting takes no time."""
    return HttpClient(replace(Watched().means, redact=Redaction(secrets), wall=time.time, wanted=wanted), url, timeout)
