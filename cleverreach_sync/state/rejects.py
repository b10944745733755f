"""The people the target rejected, until accepted, gone or too old: facts with addresses in clear, decided anew."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import orjson

from cleverreach_sync.domain.address import mask
from cleverreach_sync.domain.model import Consent, ConsentState, Order, Purchases, Record
from cleverreach_sync.errors import StateError
from cleverreach_sync.messages import say
from cleverreach_sync.state.checksums import of_bytes
from cleverreach_sync.state.store import Document

_KEY_BYTES: Final = 16


class Fact(NamedTuple):
    """One record of a rejected person: its stream, the keyed hash of its identity, the record as JSON, the keyed hash
    of its owner."""

    stream: str
    ident: str
    record: list[Any]
    owner: str = ""


class Reject(NamedTuple):
    """`email` is masked, and `facts` empty, where nothing personal may be kept. `key` is the keyed hash, hex. `since`
    is a time in unix seconds. `generation`: that of the run that wrote it down, 0 of older versions."""

    email: str
    key: str
    reason: str
    since: int
    attempts: int
    facts: tuple[Fact, ...] = ()
    generation: int = 0

    @property
    def masked(self) -> str:
        return self.email if "***@" in self.email else mask(self.email)


def load(kept: Document, since: int = 0) -> dict[str, Reject]:
    """The open rejects by key, without those of a generation before `since`: they are from a backup, and what they say
    may have been taken back. Raises StateError for a file that cannot be read."""
    found: dict[str, Reject] = {}
    for number, line in enumerate((kept.read() or b"").splitlines(), 1):
        try:
            reject = _reject(orjson.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            raise StateError(
                say("state.unreadable_reject", "{path}:{line} cannot be read", path=kept, line=number),
                hint=say(
                    "state.restore_rejects",
                    "restore the file from a backup, or move it away: rejected people are then sent again when the "
                    "source yields them next",
                ),
            ) from None
        if reject.generation >= since:
            found[reject.key] = reject
    return found


def is_stale(kept: Document, since: int) -> bool:
    """Whether the file is from a backup. Raises StateError."""
    return any(reject.generation < since for reject in load(kept).values())


def _reject(item: dict[str, Any]) -> Reject:
    if item.pop("check", None) not in (None, _check(item)):  # older versions wrote none
        raise ValueError
    if len(bytes.fromhex(item["key"])) != _KEY_BYTES or not isinstance(item["email"], str):
        raise ValueError
    facts = tuple(
        Fact(str(fact["stream"]), str(fact["ident"]), fact["record"], str(fact.get("owner", "")))
        for fact in item.get("facts", ())
    )
    for fact in facts:
        record_of(fact.record)
    generation = int(item.get("generation", 0))
    if not (0 <= int(item["attempts"]) < 1 << 53 and 0 <= generation < 1 << 53):
        raise ValueError
    since = int(dt.datetime.fromisoformat(item["since"]).timestamp())
    attempts = int(item["attempts"])
    return Reject(str(item["email"]), str(item["key"]), str(item["reason"]), since, attempts, facts, generation)


def save(kept: Document, people: Iterable[Reject], *, keep: bool, generation: int) -> None:
    """Replaces the file. With `keep` false only the reason and a masked address are written. `generation`: that of the
    ledger, by which a file from a backup is known."""
    lines: list[dict[str, Any]] = []
    for reject in people:
        line: dict[str, Any] = {
            "email": reject.email if keep else reject.masked,
            "key": reject.key,
            "reason": reject.reason,
            "since": dt.datetime.fromtimestamp(reject.since, dt.UTC).isoformat().replace("+00:00", "Z"),
            "attempts": reject.attempts,
            "generation": generation,
        }
        if keep and reject.facts:
            line["facts"] = [fact._asdict() for fact in reject.facts]
        lines.append({**line, "check": _check(line)})
    if lines or kept.exists():
        kept.write(b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines))


def _check(line: dict[str, Any]) -> str:
    return of_bytes(orjson.dumps(line, option=orjson.OPT_SORT_KEYS)).hex()


def record_json(record: Record) -> list[Any]:
    """A record as JSON can hold it."""
    return orjson.loads(orjson.dumps(record, default=tuple))  # type: ignore[no-any-return]


def record_of(document: list[Any]) -> Record:
    """The record of `record_json`. Raises ValueError, TypeError, KeyError for anything else."""
    email, ident, rank, at, created_at, profile, consent, purchases, orders, invalid, makes_person = document
    if not isinstance(email, str) or not isinstance(profile, dict):
        raise TypeError
    return Record(
        email,
        ident,
        rank,
        at,
        created_at,
        profile,
        None if consent is None else Consent(ConsentState(consent[0]), *consent[1:3]),
        None if purchases is None else Purchases(*purchases),
        tuple(Order(*order) for order in orders),
        invalid,
        makes_person,
    )
