"""Everything a run needs before the first row is read: source, target, list, data fields, state, rules."""

from __future__ import annotations

import datetime as dt
import secrets
from contextlib import ExitStack, suppress
from hashlib import blake2b
from typing import Final, NamedTuple

from cleverreach_sync.config.digest import decision_digest
from cleverreach_sync.config.schema import Config
from cleverreach_sync.domain.address import Patterns, normalise
from cleverreach_sync.domain.decision import Rules
from cleverreach_sync.domain.fields import FieldMap
from cleverreach_sync.domain.fingerprints import Fingerprints
from cleverreach_sync.domain.tags import OwnTags
from cleverreach_sync.http.redaction import Redaction
from cleverreach_sync.http.retries import Retries
from cleverreach_sync.http.traffic import RequestCount
from cleverreach_sync.messages import say
from cleverreach_sync.run import other_transfers
from cleverreach_sync.run.context import Options, Reader, Run, RunRequest, Start
from cleverreach_sync.run.prepare import state
from cleverreach_sync.run.prepare.connect import open_source, open_target
from cleverreach_sync.run.prepare.target_list import find_list, mapped_fields
from cleverreach_sync.settings.types import zone_of
from cleverreach_sync.sources.interface import Anchored, Source
from cleverreach_sync.sources.registry import open_consent
from cleverreach_sync.state import rejects
from cleverreach_sync.state.checkpoint import Checkpoint, InterruptedRun
from cleverreach_sync.state.spool import Spool
from cleverreach_sync.targets.interface import RecipientList, Target

_KEPT: Final = 2  # what is kept of a row; another number and everybody's is read once more


class _Parts(NamedTuple):
    """What was opened for a run."""

    at: float
    at_now: float
    source: Source
    source_requests: RequestCount
    target: Target
    retries: Retries
    found: RecipientList | None
    fields: FieldMap
    known: Checkpoint | None
    state: state.OpenState
    rejected: dict[str, rejects.Reject]
    others: other_transfers.OtherTransfers


def prepare(request: RunRequest, stack: ExitStack) -> Run:
    """Opens what a run needs; `stack` closes it. Raises the errors of the tree, before anything is read or written."""
    parts = _open(request, stack)
    start = _start(request, parts)
    config = request.config
    rules = _rules(request, parts, start)
    decides = f"{_KEPT} {start.digest} {sorted(field.name for field in parts.fields.fields)} {rules.adopt}"
    readers = _readers(config, parts.source, stack)
    now = int(start.at)
    return Run(
        request=request,
        start=start,
        source=parts.source,
        source_requests=parts.source_requests,
        readers=readers,
        target=parts.target,
        retries=parts.retries,
        recipient_list=parts.found,
        rules=rules,
        ledger=parts.state.ledger,
        keys=parts.state.keys,
        spool=_spool(request, stack),
        other_transfers=parts.others,
        rejects=_rejects(parts),
        followed=_followed(start, readers),
        retold=_retold(parts, readers),
        zones_before=_zones_before(config, parts.known),
        salt=blake2b(decides.encode(), digest_size=16).digest(),
        now=now,
        began=now if start.interrupted is None else _began(start.interrupted, now),
    )


def _open(request: RunRequest, stack: ExitStack) -> _Parts:
    config, options, progress = request.config, request.options, request.progress
    at, at_now = request.clock.wall(), request.clock.now()
    redact = Redaction(config.secrets())
    source, source_requests = open_source(config, progress, request.clock, request.stop, redact)
    stack.callback(source.close)
    alone = options.against_list  # whatever is remembered of earlier runs
    known = None if alone else state.load_checkpoint(request.folder, config, source)
    if known is not None and isinstance(source, Anchored):
        source.anchor = known.anchor
    rejected, stale = ({}, False) if alone else state.open_rejects(request.folder, known, progress)
    target, retries = open_target(config, progress, request.clock, request.stop, redact)
    stack.callback(target.close)
    found = find_list(target, config, known, progress)
    fields = mapped_fields(target, config, progress)
    opened = state.nothing() if alone else state.open_memory(request.folder, known, read_only=options.dry_run)
    if opened.lost is not None and "ledger" in options.forced and not options.dry_run:
        opened.ledger.close()
        opened = state.fresh_memory(request.folder, opened.lost)
    stack.callback(opened.ledger.close)
    others = (
        other_transfers.OtherTransfers(())
        if alone
        else other_transfers.open_other_transfers(config, source, found, progress)
    )
    stack.callback(others.close)
    opened = opened._replace(behind=opened.behind or stale)
    return _Parts(at, at_now, source, source_requests, target, retries, found, fields, known, opened, rejected, others)


def _start(request: RunRequest, parts: _Parts) -> Start:
    config, known, lost = request.config, parts.known, parts.state.lost
    # An interrupted run that a checkpoint from a backup knows of was followed by another one.
    interrupted = None if lost is not None or known is None or parts.state.behind else known.interrupted
    alone = request.options.against_list
    first_run = not alone and interrupted is None and lost is None and parts.state.ledger.in_list() == 0
    own = OwnTags(config.source.tag_source)
    tagged = parts.target.count_tagged(list(own.by_kind.values())) if parts.found and first_run else 0
    digest = decision_digest(config)
    return Start(
        at=parts.at,
        at_now=parts.at_now,
        run_id=_run_id(request.options, interrupted),
        digest=digest,
        known=known,
        interrupted=interrupted,
        lost=lost,
        full=_reads_from_the_start(request, parts, digest, interrupted),
        first_run=first_run,
        tagged=tagged,
        shared=other_transfers.account_for(config, parts.source, parts.found, tagged),
    )


def _reads_from_the_start(request: RunRequest, parts: _Parts, digest: str, interrupted: InterruptedRun | None) -> bool:
    known = parts.known
    return (
        known is None
        or known.initial_sync_at is None
        or known.digest != digest
        or request.options.command == "resync"
        or parts.state.lost is not None
        or _is_due(known, request.config.source.reads_all_every, parts.at)
        or parts.state.behind
        or (interrupted is not None and (interrupted.full or interrupted.digest != digest))
    )


def _is_due(known: Checkpoint, every: float | None, at: float) -> bool:
    """Whether everything is to be read again, as what a shop purges shows in no change; also where the clock was put
    back."""
    if every is None:
        return False
    last = _seconds(known.full_read_at)
    return last is None or not 0 <= at - last < every


def _seconds(time: str | None) -> float | None:
    """Unix seconds of a time of the checkpoint; None for none, and for what is no time."""
    try:
        return None if time is None else dt.datetime.fromisoformat(time).timestamp()
    except ValueError:
        return None


def _run_id(options: Options, interrupted: InterruptedRun | None) -> str:
    """A run goes on under the ID of the interrupted one, but for a resync, which sends anew."""
    if interrupted is not None and (interrupted.resend or options.command != "resync"):
        return interrupted.run_id
    return secrets.token_hex(8)


def _began(interrupted: InterruptedRun, now: int) -> int:
    return min(int(_seconds(interrupted.started_at) or now), now)


def _rules(request: RunRequest, parts: _Parts, start: Start) -> Rules:
    config, options, interrupted = request.config, request.options, start.interrupted
    alone = options.against_list
    # A run that is not forced is refused, and counts for the guards as one that is.
    adopt = alone or start.lost is not None or start.tagged != 0
    return Rules(
        selection=config.selected,
        activate=config.activated,
        exclude=Patterns(config.exclude),
        own=OwnTags(config.source.tag_source),
        fields=parts.fields,
        fingerprints=Fingerprints(parts.state.keys.secret),
        policy=parts.target.policy,
        resend=alone or options.command == "resync" or (interrupted is not None and interrupted.resend),
        include_deleted=options.include_deleted or (interrupted is not None and interrupted.include_deleted),
        adopt=adopt or (interrupted is not None and interrupted.adopt),
        run=start.run_id,
        delete_erased=config.erased == "delete",
    )


def _readers(config: Config, source: Source, stack: ExitStack) -> tuple[Reader, ...]:
    readers = [Reader(stream.name, source, stream) for stream in source.streams()]
    if config.consent is not None:
        overlay = open_consent(config.consent, config.base, config.consent.absent, config.source.zone)
        stack.callback(overlay.close)
        readers += [Reader(f"file:{stream.name}", overlay, stream) for stream in overlay.streams()]
    return tuple(readers)


def _followed(start: Start, readers: tuple[Reader, ...]) -> dict[str, int]:
    known = start.known
    last_read = (known.read_at or 0) if known is not None and known.digest == start.digest else 0
    return {reader.label: last_read if reader.stream.full_read else 0 for reader in readers if reader.stream.followed}


def _retold(parts: _Parts, readers: tuple[Reader, ...]) -> frozenset[str]:
    known = parts.known
    if known is None:
        return frozenset()
    telling = [(reader.label, reader.stream.told_by) for reader in readers if reader.stream.told_by]
    return frozenset(label for label, by in telling if parts.state.behind or known.told_by.get(label, by) != by)


def _zones_before(config: Config, known: Checkpoint | None) -> tuple[dt.tzinfo, ...]:
    zones: list[dt.tzinfo] = []
    for name in known.zones if known is not None else ():
        with suppress(ValueError):  # this machine knows other zones than the one before
            if name != config.source.timezone:
                zones.append(zone_of(name))
    return tuple(zones)


def _spool(request: RunRequest, stack: ExitStack) -> Spool:
    """A new spool; a dry run's is nowhere near the state."""
    spool = Spool.create(None if request.options.dry_run else request.folder.spool)
    stack.callback(_discard, spool, request)
    return spool


def _discard(spool: Spool, request: RunRequest) -> None:
    """What a run has done is done, also if somebody else just holds the file; the next run removes it."""
    try:
        spool.delete()
    except OSError as error:
        request.progress.warn(
            say(
                "spool.stays",
                "cannot remove {path}: {reason}; the next run does",
                path=spool.path,
                reason=error.strerror,
            )
        )


def _rejects(parts: _Parts) -> dict[str, rejects.Reject]:
    """The open rejects under the hashes of today: an address may have had another form in an earlier version, and the
    key is gone where the ledger is lost."""
    found: dict[str, rejects.Reject] = {}
    known = parts.rejected
    for item in known.values():
        if not item.facts:
            if parts.state.lost is None:
                found[item.key] = item
            continue
        email = normalise(item.email) or item.email
        key = parts.state.keys.address(email).hex()
        if key == item.key or key not in known:
            found[key] = item._replace(email=email, key=key)
    return found
