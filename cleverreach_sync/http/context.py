"""By what means a source or a target talks to its server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cleverreach_sync.http.redaction import Redaction
from cleverreach_sync.http.retries import Retries
from cleverreach_sync.http.traffic import RequestCount
from cleverreach_sync.messages import Message


@dataclass(frozen=True, slots=True)
class HttpContext:
    """By what means a source talks to its shop: the run's one clock, its repetition of requests, its counts. `wanted`
    is called while a request is under way, and raises when nobody wants its answer any more."""

    redact: Redaction
    traffic: RequestCount
    retries: Retries
    wall: Callable[[], float]
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    log: Callable[[Message], None]
    wanted: Callable[[], None] = lambda: None
