"""Batches under way: who is in them and what is meant to become of them, from before they are sent until answered.

The only addresses in the ledger. A run that is cut off leaves them, and the next one looks up what became of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson


class Flight(NamedTuple):
    """Somebody in a batch under way, since `at`. `step` is what is done about them, `email` "" where only the
    recipient ID is known, `active` whether they are made active, `registered` the date they are created with, `consent`
    and what follows is what the shop says. The rest is as in an entry: what was known, and agreed before the write. Of
    what an older version left only `key` is known."""

    key: bytes
    step: int = -1
    at: int = 0
    email: str = ""
    active: bool = False
    registered: int | None = None
    kinds: int = 0
    consent: str = "unknown"
    consent_at: int | None = None
    consent_after: int | None = None
    erased: bool = False
    recipient_id: str | None = None
    fingerprint: bytes = b""
    idents: bytes = b""
    body: bytes = b""


def packed(flights: Iterable[Flight]) -> bytes:
    """Flights as the ledger keeps them."""
    return orjson.dumps([_document(flight) for flight in flights])


def _document(flight: Flight) -> list[Any]:
    document: list[Any] = [bytes(part).hex() if isinstance(part, bytes) else part for part in flight[:-1]]
    return [*document, orjson.Fragment(flight.body or b"null")]


def unpacked(people: bytes) -> list[Flight]:
    """What was packed. Raises ValueError or TypeError for anything else."""
    return [_flight(document) for document in orjson.loads(people)]


def _flight(document: list[Any]) -> Flight:
    key, *plain, fingerprint, idents, body = document
    content = b"" if body is None else orjson.dumps(body)
    return Flight._make((bytes.fromhex(key), *plain, bytes.fromhex(fingerprint), bytes.fromhex(idents), content))
