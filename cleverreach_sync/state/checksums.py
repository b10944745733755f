"""Checksums of the state: a bit that flipped on the disk is noticed before it decides about anybody."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

CHECK_BYTES: Final = 8
_begun: Final = blake2b(digest_size=CHECK_BYTES).copy


def of_bytes(content: bytes) -> bytes:
    hashed = _begun()
    hashed.update(content)
    return hashed.digest()


def of_entry(entry: Sequence[Any]) -> bytes:
    """The checksum of an entry's columns, in the order of `Entry`; one it already has is left out. Raises TypeError,
    ValueError or AttributeError for a value of another type than it can have."""
    key, seen, outcome, kinds, due, recipient_id, fingerprint, idents, body = entry[:9]
    receiver = b"" if recipient_id is None else recipient_id.encode()
    lengths = len(seen), len(fingerprint), len(idents), -1 if recipient_id is None else len(receiver)
    hashed = _begun()
    hashed.update(b"".join((_head(outcome, kinds, due, *lengths), key, seen, fingerprint, idents, receiver, body)))
    return hashed.digest()


@lru_cache(maxsize=4096)
def _head(outcome: str, kinds: int, due: int, *lengths: int) -> bytes:
    return f"{outcome!r} {kinds:d} {due:d} {lengths}".encode()


def of_flight(batch: int, people: bytes) -> bytes:
    """The checksum of a batch under way."""
    return of_bytes(b"%d %b" % (batch, people))


def of_meta(meta: Mapping[str, str], schema: Sequence[Sequence[Any]]) -> str:
    """The checksum of what a ledger says about itself, and of how its tables are made."""
    told = sorted((name, value) for name, value in meta.items() if name != "check")
    return of_bytes(repr((told, [tuple(row) for row in schema])).encode("utf-8", "surrogatepass")).hex()


def schema_of(database: sqlite3.Connection) -> list[Any]:
    """How the tables of a ledger are made."""
    return database.execute("select type, name, tbl_name, rootpage, sql from sqlite_master order by name").fetchall()
