"""How a run begins: state, list, data fields, and whether the state belongs to all this."""

from __future__ import annotations

from typing import Final, NamedTuple

from cleverreach_sync.config.schema import Config
from cleverreach_sync.domain.model import Kind
from cleverreach_sync.errors import StateError
from cleverreach_sync.messages import Message, say
from cleverreach_sync.progress import Progress
from cleverreach_sync.sources.interface import LacksConsent, Source
from cleverreach_sync.state import checkpoint as checkpoints
from cleverreach_sync.state import rejects
from cleverreach_sync.state.checkpoint import Checkpoint, Identity
from cleverreach_sync.state.files import StateFolder, remove
from cleverreach_sync.state.keys import Keys
from cleverreach_sync.state.ledger import Ledger
from cleverreach_sync.state.rejects import Reject
from cleverreach_sync.targets.interface import RecipientList

UNDO_OR_START_ANEW: Final = say(
    "state.undo_or_start_anew",
    "undo the change, or start from scratch with another state_dir (or another name of the config file)",
)
_BETWEEN: Final = 1  # a run that is killed between ledger and checkpoint leaves them so far apart


class OpenState(NamedTuple):
    """The opened state. `lost`: why the ledger cannot be used, None if it can; it is then an empty one. `behind`:
    the checkpoint knows less than it, and comes from a backup."""

    ledger: Ledger
    keys: Keys
    lost: Message | None
    behind: bool = False


def identity_of(config: Config, source: Source, found: RecipientList | None) -> Identity:
    return Identity(
        source_type=source.type,
        source_name=source.name,
        base_url=config.target.account_key,
        list=config.target.list_spelling,
        list_id=found.id if found else "",
        list_name=found.name if found else "",
    )


def check_identity(known: Checkpoint, config: Config, source: Source) -> None:
    """Raises StateError when the checkpoint belongs to another source or account."""
    difference = _difference(known.identity, config, source)
    if difference is not None:
        raise StateError(difference, hint=UNDO_OR_START_ANEW)


def _difference(before: Identity, config: Config, source: Source) -> Message | None:
    path, target = config.state_path, config.target
    if before.source_type != source.type:
        return say(
            "state.of_another_source_type",
            "the state in {path} belongs to another source type: {before!r}, the config says {now!r}",
            path=path,
            before=before.source_type,
            now=source.type,
        )
    if before.source_name != source.name:
        return say(
            "state.of_another_source_name",
            "the state in {path} belongs to another source name: {before!r}, the config says {now!r}",
            path=path,
            before=before.source_name,
            now=source.name,
        )
    if before.base_url != target.account_key:
        return say(
            "state.of_another_account",
            "the state in {path} belongs to another {system} address: {before!r}, the config says {now!r}",
            path=path,
            system=target.system,
            before=before.base_url,
            now=target.account_key,
        )
    return None


def missing_consent(config: Config, source: Source) -> Message | None:
    """What is to be said of a source that was read and does not say who subscribed, though that is asked for."""
    if Kind.SUBSCRIBER not in config.selected or config.consent is not None:
        return None
    return source.lacks_consent if isinstance(source, LacksConsent) else None


def nothing() -> OpenState:
    """A memory of nobody."""
    return OpenState(Ledger.in_memory(), Keys.fresh(), None)


def open_memory(folder: StateFolder, known: Checkpoint | None, *, read_only: bool) -> OpenState:
    """The ledger and its key; an empty one in their place when they are missing or another's. Raises StateError for a
    damaged one."""
    keys = Keys.load(folder.key)
    there = folder.ledger.exists()
    lost: Message | None = None
    if known is not None and (not there or keys is None):
        lost = (
            say("state.key_missing", "the key of the ledger is missing")
            if there
            else say("state.ledger_missing", "the ledger is missing")
        )
    if there and keys is not None:
        ledger = Ledger(folder.ledger, read_only=read_only)
        if known is None and not ledger.is_empty():
            lost = say("state.no_checkpoint", "there is a ledger, but no checkpoint that belongs to it")
        elif known is not None and known.ledger_id != ledger.id:
            lost = say("state.ledger_of_another", "the ledger belongs to another state")
        elif not ledger.made_with(keys):
            lost = say("state.key_of_another", "the key is not that of the ledger")
        elif known is not None and ledger.generation < known.generation:
            lost = say(
                "state.ledger_from_backup",
                "the ledger is older than the checkpoint: it comes from a backup, or lost what was written last",
            )
        if lost is None:
            return OpenState(ledger, keys, None, known is not None and ledger.generation > known.generation + _BETWEEN)
        ledger.close()
    if read_only or lost is not None:
        return OpenState(Ledger.in_memory(), Keys.fresh(), lost)
    return fresh_memory(folder, None)


def open_rejects(folder: StateFolder, known: Checkpoint | None, progress: Progress) -> tuple[dict[str, Reject], bool]:
    """The open rejects, and whether they are from a backup: then none of them count, and everybody is to be read."""
    since = known.rejects if known is not None else 0
    stale = rejects.is_stale(folder.rejects, since)
    if stale:
        progress.warn(
            say(
                "state.rejects_from_backup",
                "{path} is older than the checkpoint, so it comes from a backup: what it says does not count, and the "
                "shop is read in full",
                path=folder.rejects,
            )
        )
    return rejects.load(folder.rejects, since), stale


def fresh_memory(folder: StateFolder, lost: Message | None) -> OpenState:
    """A new ledger; one that cannot be used is kept under another name."""
    if folder.ledger.exists():
        with_id = folder.ledger.with_name(f"{folder.ledger.name}.unused")
        remove(with_id)
        folder.ledger.replace(with_id)
    remove(folder.ledger)
    keys = Keys.fresh()
    keys.save(folder.key)
    return OpenState(Ledger.create(folder.ledger, keys), keys, lost)


def load_checkpoint(folder: StateFolder, config: Config, source: Source) -> Checkpoint | None:
    known = checkpoints.load(folder.checkpoint)
    if known is not None:
        check_identity(known, config, source)
    return known
