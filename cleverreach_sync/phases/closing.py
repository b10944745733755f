"""What a run leaves behind: rejects and checkpoint."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from itertools import groupby
from typing import Any

import orjson

from cleverreach_sync.phases.decoding import fresh
from cleverreach_sync.phases.opening import identity_of
from cleverreach_sync.phases.run import Run
from cleverreach_sync.phases.setting import Setting
from cleverreach_sync.sources.interface import Anchored, Row
from cleverreach_sync.state import checkpoint as checkpoints
from cleverreach_sync.state.checkpoint import Checkpoint, InterruptedRun
from cleverreach_sync.state.rejects import Fact, Reject, record_json

_DAY = 86400


def timestamp(seconds: float) -> str:
    """RFC 3339, UTC, to the second."""
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC).isoformat().replace("+00:00", "Z")


def spool_rejects(run: Run, days: int) -> None:
    """Puts the facts about people rejected earlier beside this read, so that they are decided anew; forgets the old,
    and what a stream that was read completely would have shown again."""
    labels = {reader.label: number for number, reader in enumerate(run.readers)}
    for key, reject in list(run.rejects.items()):
        if run.now - reject.since > days * _DAY:
            del run.rejects[key]
            continue
        erased = run.erased.get(bytes.fromhex(key), ())
        kept = tuple(
            fact for fact in reject.facts if fact.ident not in erased and not run.complete.get(fact.stream, False)
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
                    orjson.dumps(fact.record),
                    1,
                    fact.owner,
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


def reads_everything(run: Run) -> bool:
    """Whether this run read the whole source."""
    return run.full or all(reader.stream.full_read for reader in run.readers)


def begin_writing(setting: Setting, run: Run) -> Checkpoint:
    """The checkpoint before the first write: a run that has begun."""
    known, options, interrupted = setting.known, setting.call.options, setting.interrupted
    usable = known if known is not None and setting.lost is None else None
    checkpoint = Checkpoint(
        identity=identity_of(setting.call.config, setting.source, setting.found),
        shop_url=setting.source.url,
        digest=known.digest if known is not None else None,
        selection=known.selection if known is not None else [],
        cursors=usable.cursors if usable is not None else {},
        initial_sync_at=usable.initial_sync_at if usable is not None else None,
        full_people=known.full_people if known is not None else None,
        full_read_at=usable.full_read_at if usable is not None else None,
        read_at=usable.read_at if usable is not None else None,
        ledger_id=run.ledger.id,
        generation=run.ledger.raise_generation(known.generation if known is not None else 0),
        anchor=setting.source.anchor if isinstance(setting.source, Anchored) else None,
        interrupted=InterruptedRun(
            run_id=setting.run_id,
            command=options.command if interrupted is None else interrupted.command,
            started_at=timestamp(run.began),
            digest=setting.digest,
            full=run.full,
            resend=run.rules.resend,
            include_deleted=run.rules.include_deleted,
            adopt=run.rules.adopt,
            forced=sorted(setting.forced),
        ),
    )
    checkpoints.save(setting.call.folder.checkpoint, checkpoint)
    return checkpoint


def end_complete(setting: Setting, run: Run, begun: Checkpoint, people: int) -> None:
    """The checkpoint of a run that is through: cursors move, since everything before them is confirmed or accounted
    for."""
    if all(run.complete.get(reader.label) for reader in run.readers if reader.stream.owners is not None):
        run.ledger.learn_owners()
    config, clock = setting.call.config, setting.call.clock
    update: dict[str, Any] = {
        "generation": run.ledger.raise_generation(begun.generation),  # with it all that was recorded is on the disk
        "digest": setting.digest,
        "selection": sorted(kind.value for kind in config.selected),
        "cursors": {**begun.cursors, **run.cursors},
        "initial_sync_at": begun.initial_sync_at or timestamp(clock.wall()),
        "full_people": people if reads_everything(run) else begun.full_people,
        "full_read_at": timestamp(setting.began) if reads_everything(run) else begun.full_read_at,
        "read_at": run.now,
        "interrupted": None,
    }
    checkpoints.save(setting.call.folder.checkpoint, begun.model_copy(update=update))


def end_early(setting: Setting, run: Run, begun: Checkpoint) -> None:
    """The checkpoint of a run that was cut short. One that a limit ended was not interrupted, but a resync stays
    one."""
    pending = begun.interrupted
    if setting.call.stop.reason != "max_duration" and pending is not None and not (pending.resend or pending.adopt):
        pending = None
    update = {"interrupted": pending, "generation": run.ledger.raise_generation(begun.generation)}
    checkpoints.save(setting.call.folder.checkpoint, begun.model_copy(update=update))
