"""The people the target rejected, until accepted, gone or too old: facts with addresses in clear, decided anew."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from cleverreach_sync.address import mask
from cleverreach_sync.errors import StateError
from cleverreach_sync.state.files import write_atomically


class Fact(NamedTuple):
    """One spooled row of a rejected person, as the source gave it."""

    stream: str
    ident: str | None
    place: int
    body: bytes


class Reject(NamedTuple):
    """`email` is masked, and `facts` empty, where nothing personal may be kept. `key` is the keyed hash, hex. `since` is
    a time in unix seconds. `context` is what the source needs to read the facts."""

    email: str
    key: str
    reason: str
    since: int
    attempts: int
    facts: tuple[Fact, ...] = ()

    @property
    def masked(self) -> str:
        return self.email if "***@" in self.email else mask(self.email)


class Rejects(NamedTuple):
    people: dict[str, Reject]
    contexts: dict[str, bytes]


def load(path: Path) -> Rejects:
    """The open rejects by key, and what each stream needs to read their facts. Raises StateError for a corrupt file."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return Rejects({}, {})
    except OSError as error:
        raise StateError(f"cannot read {path}: {error.strerror}", hint="check owner and permissions") from None
    found: dict[str, Reject] = {}
    contexts: dict[str, bytes] = {}
    for number, line in enumerate(lines, 1):
        try:
            item = orjson.loads(line)
            if "contexts" in item:
                contexts = {name: _bytes(text) for name, text in item["contexts"].items()}
                continue
            reject = _reject(item)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise StateError(
                f"{path}:{number} cannot be read",
                hint="restore the file from a backup, or move it away: rejected people are then sent again when the "
                "source yields them next",
            ) from None
        found[reject.key] = reject
    return Rejects(found, contexts)


def _reject(item: dict[str, Any]) -> Reject:
    facts = tuple(
        Fact(str(fact["stream"]), fact["ident"], int(fact["place"]), _bytes(fact["row"]))
        for fact in item.get("facts", ())
    )
    return Reject(
        str(item["email"]), str(item["key"]), str(item["reason"]), int(item["since"]), int(item["attempts"]), facts
    )


def _bytes(text: str) -> bytes:
    return base64.b85decode(text)


def save(path: Path, people: Iterable[Reject], contexts: dict[str, bytes], *, keep: bool) -> None:
    """Replaces the file. With `keep` false only the reason and a masked address are written."""
    lines: list[dict[str, Any]] = []
    for reject in people:
        line: dict[str, Any] = {
            "email": reject.email if keep else reject.masked,
            "key": reject.key,
            "reason": reject.reason,
            "since": reject.since,
            "attempts": reject.attempts,
        }
        if keep and reject.facts:
            line["facts"] = [
                {
                    "stream": fact.stream,
                    "ident": fact.ident,
                    "place": fact.place,
                    "row": base64.b85encode(fact.body).decode(),
                }
                for fact in reject.facts
            ]
        lines.append(line)
    if keep and contexts and any("facts" in line for line in lines):
        kept = {name: base64.b85encode(body).decode() for name, body in contexts.items()}
        lines.insert(0, {"contexts": kept})
    if lines or path.exists():
        write_atomically(path, b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines))
