"""What a run leaves behind: rejects and checkpoint."""

from __future__ import annotations

from typing import Any

from cleverreach_sync.clock import timestamp
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.prepare.state import identity_of
from cleverreach_sync.sources.interface import Anchored
from cleverreach_sync.state import checkpoint as checkpoints
from cleverreach_sync.state.checkpoint import Checkpoint, InterruptedRun


def reads_everything(run: Run) -> bool:
    """Whether this run read the whole source."""
    return run.start.full or all(reader.stream.full_read for reader in run.readers)


def begin_writing(run: Run) -> Checkpoint:
    """The checkpoint before the first write: a run that has begun."""
    known, options, interrupted = run.start.known, run.request.options, run.start.interrupted
    usable = known if known is not None and run.start.lost is None else None
    checkpoint = Checkpoint(
        identity=identity_of(run.request.config, run.source, run.recipient_list),
        shop_url=run.source.url,
        digest=known.digest if known is not None else None,
        selection=known.selection if known is not None else [],
        cursors=usable.cursors if usable is not None else {},
        initial_sync_at=usable.initial_sync_at if usable is not None else None,
        full_people=known.full_people if known is not None else None,
        full_read_at=usable.full_read_at if usable is not None else None,
        read_at=usable.read_at if usable is not None else None,
        told_by={**(known.told_by if known is not None else {}), **dict.fromkeys(run.retold, "")},
        zones=list(dict.fromkeys([*(known.zones if known is not None else ()), run.request.config.source.timezone])),
        ledger_id=run.ledger.id,
        generation=run.ledger.raise_generation(known.generation if known is not None else 0),
        rejects=known.rejects if known is not None else 0,
        anchor=run.source.anchor if isinstance(run.source, Anchored) else None,
        interrupted=InterruptedRun(
            run_id=run.start.run_id,
            command=options.command if interrupted is None else interrupted.command,
            started_at=timestamp(run.began),
            digest=run.start.digest,
            full=run.start.full,
            resend=run.rules.resend,
            include_deleted=run.rules.include_deleted,
            adopt=run.rules.adopt,
            forced=sorted(run.forced),
        ),
    )
    checkpoints.save(run.request.folder.checkpoint, checkpoint)
    return checkpoint


def end_complete(run: Run, begun: Checkpoint, people: int) -> None:
    """The checkpoint of a run that is through: cursors move, since everything before them is confirmed or accounted
    for."""
    if all(run.complete.get(reader.label) for reader in run.readers if reader.stream.owners is not None):
        run.ledger.learn_owners()
    config, clock = run.request.config, run.request.clock
    update: dict[str, Any] = {
        "rejects": begun.generation,
        "generation": run.ledger.raise_generation(begun.generation),  # with it all that was recorded is on the disk
        "digest": run.start.digest,
        "selection": sorted(kind.value for kind in config.selected),
        "cursors": {**begun.cursors, **run.cursors},
        "initial_sync_at": begun.initial_sync_at or timestamp(clock.wall()),
        "full_people": people if reads_everything(run) else begun.full_people,
        "full_read_at": timestamp(run.start.at) if reads_everything(run) else begun.full_read_at,
        "read_at": run.now,
        "told_by": {**begun.told_by, **_told_by(run)},
        "zones": [config.source.timezone],
        "interrupted": None,
    }
    checkpoints.save(run.request.folder.checkpoint, begun.model_copy(update=update))


def _told_by(run: Run) -> dict[str, str]:
    return {reader.label: reader.stream.told_by for reader in run.readers if reader.stream.told_by}


def end_early(run: Run, begun: Checkpoint) -> None:
    """The checkpoint of a run that was cut short. One that a limit ended was not interrupted, but a resync stays
    one."""
    pending = begun.interrupted
    if run.request.stop.reason != "max_duration" and pending is not None and not (pending.resend or pending.adopt):
        pending = None
    raised = run.ledger.raise_generation(begun.generation)
    update = {"interrupted": pending, "generation": raised, "rejects": begun.generation}
    checkpoints.save(run.request.folder.checkpoint, begun.model_copy(update=update))
