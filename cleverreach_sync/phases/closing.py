"""How a run ends: rejects, checkpoint, history, and the result document."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import orjson

from cleverreach_sync.guards import Guard
from cleverreach_sync.phases.run import Run
from cleverreach_sync.sources.interface import Row
from cleverreach_sync.state.rejects import Fact, Reject, record_json

_DAY = 86400


def timestamp(seconds: float) -> str:
    """RFC 3339, UTC, to the second."""
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC).isoformat().replace("+00:00", "Z")


def spool_rejects(run: Run, days: int) -> None:
    """Puts the facts about people rejected earlier beside this read, so that they are decided anew; forgets the old."""
    labels = {reader.label: number for number, reader in enumerate(run.readers)}
    for key, reject in list(run.rejects.items()):
        if run.now - reject.since > days * _DAY:
            del run.rejects[key]
            continue
        run.spool.add_rows(
            [
                (
                    bytes.fromhex(key),
                    labels[fact.stream],
                    fact.ident,
                    0,
                    reject.email,
                    b"",
                    orjson.dumps(fact.record),
                    1,
                )
                for fact in reject.facts
                if fact.stream in labels
            ]
        )


def open_rejects(
    run: Run, rejected: dict[bytes, tuple[str, str]], settled: set[bytes], *, complete: bool, keep: bool
) -> list[Reject]:
    """Who is rejected now: those of this run, and earlier ones who were neither accepted nor are gone."""
    gone: set[str] = set()
    if complete and all(run.complete.get(reader.label) for reader in run.readers):
        gone = {key for key in run.rejects if not run.spool.holds(bytes.fromhex(key))}
    found = {
        key: reject
        for key, reject in run.rejects.items()
        if key not in gone and bytes.fromhex(key) not in settled and bytes.fromhex(key) not in rejected
    }
    facts = _facts(run, rejected) if keep and rejected else {}
    for key, (email, reason) in rejected.items():
        before = run.rejects.get(key.hex())
        found[key.hex()] = Reject(
            email=email,
            key=key.hex(),
            reason=reason,
            since=before.since if before else run.now,
            attempts=(before.attempts if before else 0) + 1,
            facts=tuple(facts.get(key, ())),
        )
    return sorted(found.values(), key=lambda reject: (reject.since, reject.key))


def _facts(run: Run, rejected: dict[bytes, tuple[str, str]]) -> dict[bytes, list[Fact]]:
    """The records of those who were rejected, read once more from the spool."""
    found: dict[bytes, list[Fact]] = {}
    for row in run.spool.rows_of(list(rejected)):
        reader = run.readers[row.stream]
        if row.carried:
            fact = Fact(reader.label, row.ident or "", orjson.loads(row.body))
        else:
            ident = run.keys.ident(f"{reader.label}\0{row.ident}") if row.ident else ""
            raw = Row(row.email, row.ident, row.body, row.place)
            fact = Fact(reader.label, ident, record_json(reader.source.decode(reader.stream.name, raw, lambda _: None)))
        found.setdefault(row.key, []).append(fact)
    return found


def guard_documents(found: Sequence[Guard], forced: frozenset[str]) -> list[dict[str, Any]]:
    """The guards of the result document."""
    documents = []
    for guard in found:
        document: dict[str, Any] = {
            "name": guard.name,
            "limit": guard.limit,
            "value": guard.value,
            "refuses": guard.refuses and guard.name not in forced,
            "reason": guard.reason if guard.refuses else "",
        }
        if guard.refuses and guard.name in forced:
            document["forced"] = True
        documents.append(document)
    return documents
