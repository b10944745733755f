"""Everything a run needs before the first row is read: source, target, list, data fields, state, rules."""

from __future__ import annotations

import datetime as dt
import secrets
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

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
from cleverreach_sync.run import other_transfers
from cleverreach_sync.run.context import Options, Reader, Run
from cleverreach_sync.run.prepare import state
from cleverreach_sync.run.prepare.connect import RunRequest, open_source, open_target
from cleverreach_sync.run.prepare.target_list import find_list, mapped_fields
from cleverreach_sync.sources.interface import Anchored, Source
from cleverreach_sync.sources.registry import open_consent
from cleverreach_sync.state import rejects
from cleverreach_sync.state.checkpoint import Checkpoint, InterruptedRun
from cleverreach_sync.state.spool import Spool
from cleverreach_sync.targets.interface import RecipientList, Target

_IN_STEP: Final = 60  # seconds; no two clocks show the same, and an answer takes its time
_KEPT: Final = 2  # what is kept of a row; another number and everybody's is read once more


@dataclass(slots=True)
class Prepared:
    """What was found when the run began. `lost`: why the ledger cannot be used. `carriers`: recipients that carry an
    own special tag, looked at on a first run only; None if the target does not say. `shared`: all of them come from
    other transfers of the same config. `behind`: the checkpoint knows less than the ledger."""

    call: RunRequest
    began: float
    source: Source
    read_traffic: RequestCount
    target: Target
    retries: Retries
    known: Checkpoint | None
    found: RecipientList | None
    lost: str | None
    behind: bool
    interrupted: InterruptedRun | None
    first_run: bool
    carriers: int | None
    run_id: str
    digest: str
    shared: bool

    @property
    def resumed(self) -> bool:
        """Whether the run follows an interrupted one and reads again from where that had begun."""
        return self.interrupted is not None and not self.call.options.dry_run

    @property
    def full(self) -> bool:
        """Whether the source is read from the start, whatever the cursors say."""
        known, interrupted = self.known, self.interrupted
        return (
            known is None
            or known.initial_sync_at is None
            or known.digest != self.digest
            or self.call.options.command == "resync"
            or self.lost is not None
            or self._is_due(known)
            or self.behind
            or (interrupted is not None and (interrupted.full or interrupted.digest != self.digest))
        )

    def _is_due(self, known: Checkpoint) -> bool:
        """Whether everything is to be read again, as what a shop purges shows in no change; also where the clock was
        put back."""
        every = self.call.config.source.reads_all_every
        if every is None:
            return False
        last = _seconds(known.full_read_at)
        return last is None or not 0 <= self.began - last < every

    @property
    def skew(self) -> float | None:
        """By how many seconds our clock is behind, as far as target and shop say so; None if none of them does."""
        return least(self.target.clock_ahead, self.source.clock_ahead)

    @property
    def ahead(self) -> int:
        """By how many seconds the servers' time differs from ours, if that is more than clocks do."""
        skew = self.skew
        return 0 if skew is None or abs(skew) < _IN_STEP else round(skew)

    @property
    def forced(self) -> frozenset[str]:
        """The guards overridden, by this call or by that of the interrupted run it follows."""
        before = self.interrupted.forced if self.interrupted is not None else ()
        return self.call.options.forced | frozenset(before)


def _seconds(time: str | None) -> float | None:
    """Unix seconds of a time of the checkpoint; None for none, and for what is no time."""
    try:
        return None if time is None else dt.datetime.fromisoformat(time).timestamp()
    except ValueError:
        return None


def least(*ahead: float | None) -> float | None:
    """By how many seconds servers are ahead of our clock, by the one that says least; None if none tells the time.
    Where one of two says something else, its own clock is wrong."""
    return min((seconds for seconds in ahead if seconds is not None), key=abs, default=None)


def prepare(call: RunRequest, stack: ExitStack) -> tuple[Prepared, Run]:
    """Opens what a run needs; `stack` closes it. Raises the errors of the tree, before anything is read or written."""
    config, options, progress = call.config, call.options, call.progress
    began = call.clock.wall()
    redact = Redaction(config.secrets())
    source, read_traffic = open_source(config, progress, call.clock, call.stop, redact)
    stack.callback(source.close)
    alone = options.against_list  # whatever is remembered of earlier runs
    known = None if alone else state.load_checkpoint(call.folder, config, source)
    if known is not None and isinstance(source, Anchored):
        source.anchor = known.anchor
    rejected = {} if alone else rejects.load(call.folder.rejects)
    target, retries = open_target(config, progress, call.clock, call.stop, redact)
    stack.callback(target.close)
    found = find_list(target, config, known, progress)
    fields = mapped_fields(target, config, progress)
    memory = state.nothing() if alone else state.open_memory(call.folder, known, read_only=options.dry_run)
    lost = memory.lost
    if lost is not None and "ledger" in options.forced and not options.dry_run:
        memory.ledger.close()
        memory = state.fresh_memory(call.folder, lost)
    stack.callback(memory.ledger.close)
    others = (
        other_transfers.OtherTransfers(())
        if alone
        else other_transfers.open_other_transfers(config, source, found, progress)
    )
    stack.callback(others.close)
    # An interrupted run that a checkpoint from a backup knows of was followed by another one.
    interrupted = None if lost is not None or known is None or memory.behind else known.interrupted
    first_run = not alone and interrupted is None and lost is None and memory.ledger.in_list() == 0
    own = OwnTags(config.source.tag_source)
    carriers = target.count_tagged(list(own.by_kind.values())) if found and first_run else 0
    setting = Prepared(
        call=call,
        began=began,
        source=source,
        read_traffic=read_traffic,
        target=target,
        retries=retries,
        known=known,
        found=found,
        lost=lost,
        behind=memory.behind,
        interrupted=interrupted,
        first_run=first_run,
        carriers=carriers,
        run_id=_run_id(options, interrupted),
        digest=decision_digest(config),
        shared=other_transfers.account_for(config, source, found, carriers),
    )
    started = _run(setting, memory, rejected, fields, own, stack)
    started.other_transfers = others
    return setting, started


def _run_id(options: Options, interrupted: InterruptedRun | None) -> str:
    """A run goes on under the ID of the interrupted one, but for a resync, which sends anew."""
    if interrupted is not None and (interrupted.resend or options.command != "resync"):
        return interrupted.run_id
    return secrets.token_hex(8)


def _run(
    setting: Prepared,
    memory: state.OpenState,
    rejected: dict[str, rejects.Reject],
    fields: FieldMap,
    own: OwnTags,
    stack: ExitStack,
) -> Run:
    call = setting.call
    config = call.config
    rules = _rules(setting, memory, fields, own)
    decides = f"{_KEPT} {setting.digest} {sorted(field.name for field in fields.fields)} {rules.adopt}"
    readers = _readers(config, setting.source, stack)
    return Run(
        options=call.options,
        rules=rules,
        readers=readers,
        target=setting.target,
        ledger=memory.ledger,
        keys=memory.keys,
        spool=_spool(setting, stack),
        progress=call.progress,
        clock=call.clock,
        stop=call.stop,
        now=int(setting.began),
        began=int(setting.began) if setting.interrupted is None else _began(setting.interrupted, int(setting.began)),
        salt=blake2b(decides.encode(), digest_size=16).digest(),
        rejects=_rejects(setting, memory, rejected),
        list_exists=setting.found is not None,
        followed=_followed(setting, readers),
        retold=_retold(setting, readers),
        own_tags_in_list=not (setting.first_run and setting.carriers == 0),
        full=setting.full,
        batch_size=config.target.people_per_write,
        concurrency=config.target.writes_at_once,
        goes_on=setting.interrupted is not None,
        unsubscribed_in_account=config.target.account_wide,
    )


def _began(interrupted: InterruptedRun, now: int) -> int:
    return min(int(_seconds(interrupted.started_at) or now), now)


def _rules(setting: Prepared, memory: state.OpenState, fields: FieldMap, own: OwnTags) -> Rules:
    config, options, interrupted = setting.call.config, setting.call.options, setting.interrupted
    alone = options.against_list
    # A run that is not forced is refused, and counts for the guards as one that is.
    adopt = alone or setting.lost is not None or setting.carriers != 0
    return Rules(
        selection=config.selected,
        activate=config.activated,
        exclude=Patterns(config.exclude),
        own=own,
        fields=fields,
        fingerprints=Fingerprints(memory.keys.secret),
        policy=setting.target.policy,
        resend=alone or options.command == "resync" or (interrupted is not None and interrupted.resend),
        include_deleted=options.include_deleted or (interrupted is not None and interrupted.include_deleted),
        adopt=adopt or (interrupted is not None and interrupted.adopt),
        run=setting.run_id,
        delete_erased=config.erased == "delete",
    )


def _readers(config: Config, source: Source, stack: ExitStack) -> tuple[Reader, ...]:
    readers = [Reader(stream.name, source, stream) for stream in source.streams()]
    if config.consent is not None:
        overlay = open_consent(config.consent, config.base, config.consent.absent, config.source.zone)
        stack.callback(overlay.close)
        readers += [Reader(f"file:{stream.name}", overlay, stream) for stream in overlay.streams()]
    return tuple(readers)


def _followed(setting: Prepared, readers: tuple[Reader, ...]) -> dict[str, int]:
    known = setting.known
    last_read = (known.read_at or 0) if known is not None and known.digest == setting.digest else 0
    return {reader.label: last_read if reader.stream.full_read else 0 for reader in readers if reader.stream.followed}


def _retold(setting: Prepared, readers: tuple[Reader, ...]) -> frozenset[str]:
    known = setting.known
    if known is None:
        return frozenset()
    telling = [(reader.label, reader.stream.told_by) for reader in readers if reader.stream.told_by]
    return frozenset(label for label, by in telling if setting.behind or known.told_by.get(label, by) != by)


def _spool(setting: Prepared, stack: ExitStack) -> Spool:
    """A new spool; a dry run's is nowhere near the state."""
    call = setting.call
    spool = Spool.create(None if call.options.dry_run else call.folder.spool)
    stack.callback(spool.delete)
    return spool


def _rejects(setting: Prepared, memory: state.OpenState, known: dict[str, rejects.Reject]) -> dict[str, rejects.Reject]:
    """The open rejects under the hashes of today: an address may have had another form in an earlier version, and the
    key is gone where the ledger is lost."""
    found: dict[str, rejects.Reject] = {}
    for item in known.values():
        if not item.facts:
            if setting.lost is None:
                found[item.key] = item
            continue
        email = normalise(item.email) or item.email
        key = memory.keys.address(email).hex()
        if key == item.key or key not in known:
            found[key] = item._replace(email=email, key=key)
    return found
