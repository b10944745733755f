"""Whom the target refused: their facts are kept, and decided again in the next run."""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby
from typing import Any

import orjson

from cleverreach_sync.domain.zones import record_read_anew
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.decide.decoding import fresh
from cleverreach_sync.sources.interface import Row
from cleverreach_sync.state.rejects import Fact, Reject, record_json, record_of

_DAY = 86400


def spool_rejects(run: Run, days: int) -> None:
    """Puts the facts about people rejected earlier beside this read, so that they are decided again; forgets the old,
    and what a stream that was read completely would have shown again."""
    labels = {reader.label: number for number, reader in enumerate(run.readers)}
    for key, reject in list(run.rejects.items()):
        if run.now - reject.since > days * _DAY:
            del run.rejects[key]
            continue
        gone = run.unaddressed.get(bytes.fromhex(key), ())
        kept = tuple(
            fact for fact in reject.facts if fact.ident not in gone and not run.complete.get(fact.stream, False)
        )
        if len(kept) < len(reject.facts):
            if not kept and not run.spool.holds(bytes.fromhex(key)):
                del run.rejects[key]
                continue
            reject = run.rejects[key] = reject._replace(facts=kept)  # noqa: PLW2901 - what is left of it
        run.spool.add_rows(
            [
                (
                    bytes.fromhex(key),
                    labels[fact.stream],
                    fact.ident,
                    0,
                    reject.email,
                    b"",
                    orjson.dumps(_in_zone(run, fact)),
                    1,
                    fact.owner,
                )
                for fact in reject.facts
                if fact.stream in labels
            ]
        )


def _in_zone(run: Run, fact: Fact) -> list[Any]:
    """The record of a fact; its dates may have been read in another time zone."""
    if not run.zones_before:
        return fact.record
    zone = run.request.config.source.zone
    return record_json(record_read_anew(record_of(fact.record), run.zones_before, zone))


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
    facts = _facts(run, [*rejected, *map(bytes.fromhex, found)]) if keep else {}
    for ident, reject in found.items():  # what they said since is what counts next time
        found[ident] = reject._replace(facts=tuple(facts.get(bytes.fromhex(ident), reject.facts)))
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


def _facts(run: Run, keys: Collection[bytes]) -> dict[bytes, list[Fact]]:
    """The records that count of those who were rejected, read once more from the spool."""
    found: dict[bytes, list[Fact]] = {}
    for key, rows in groupby(run.spool.rows_of(list(keys)), key=lambda row: row.key) if keys else ():
        reject = run.rejects.get(key.hex())
        known = {(fact.stream, fact.ident) for fact in reject.facts} if reject is not None else set()
        for row in fresh(run, list(rows)):
            reader = run.readers[row.stream]
            if row.carried:
                fact = Fact(reader.label, row.ident or "", orjson.loads(row.body), row.owner or "")
                if (fact.stream, fact.ident) not in known:
                    continue  # it has gone to another address
            else:
                raw = Row(row.email, row.ident, row.body, row.place, row.owner)
                record = record_json(reader.source.decode(reader.stream.name, raw, lambda _: None))
                fact = Fact(reader.label, run.ident_of(row), record, run.owner_of(row))
            found.setdefault(key, []).append(fact)
    return found
