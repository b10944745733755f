"""The other transfers of a config: what they put into a list is no plug-in's, and no sign of a lost state; whom they
put there and somebody deleted by hand is not created anew by this one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cleverreach_sync.config.schema import Config
from cleverreach_sync.errors import StateError
from cleverreach_sync.messages import say
from cleverreach_sync.progress import Progress
from cleverreach_sync.sources.interface import Source
from cleverreach_sync.state import checkpoint
from cleverreach_sync.state.entries import read_body
from cleverreach_sync.state.files import StateFolder
from cleverreach_sync.state.keys import Keys
from cleverreach_sync.state.ledger import Ledger
from cleverreach_sync.targets.interface import RecipientList


class _Other(NamedTuple):
    ledger: Ledger
    keys: Keys


class OtherTransfers:
    """Whom others have put into the list, at whatever time."""

    def __init__(self, others: Sequence[_Other]) -> None:
        self._others = others

    def had(self, email: str) -> bool:
        return any(each.ledger.has_in_list(each.keys.address(email)) for each in self._others)

    def close(self) -> None:
        for each in self._others:
            each.ledger.close()


def open_other_transfers(
    config: Config, source: Source, found: RecipientList | None, progress: Progress
) -> OtherTransfers:
    """Those of the same shop and list, also under a name that no transfer has any more, and from before there were
    names. One that cannot be read is told."""
    others: list[_Other] = []
    if config.transfer is None or found is None:
        return OtherTransfers(others)
    for path in (*_folders(config), config.state_root):
        try:
            ledger = _ledger(path, config, source, found)
            if ledger is None:
                continue
            keys = Keys.load(StateFolder(path).key)
            if keys is not None and ledger.made_with(keys):
                others.append(_Other(ledger, keys))
                continue
            ledger.close()
        except (StateError, sqlite3.Error):  # why, its own run will say
            pass
        progress.warn(
            say(
                "run.unreadable_transfer",
                "the state in {path} cannot be read: people whom only that transfer put into the list {list!r}, and "
                "whom you deleted there, may come back through this one",
                path=path,
                list=found.name,
            )
        )
    return OtherTransfers(others)


def account_for(config: Config, source: Source, found: RecipientList | None, tagged: int | None) -> bool:
    """Whether the special tags in a list (`tagged` of them) are those that other transfers of the same shop gave, not
    one more or less: if somebody was deleted or untagged by hand, or comes from elsewhere, the numbers differ."""
    if config.transfer is None or found is None or not tagged:
        return False
    given = list(_given(config, source, found))
    return tagged in (*given, sum(given)) if given else False


def _given(config: Config, source: Source, found: RecipientList) -> Iterator[int]:
    """How many special tags each of the others gave to recipients of the list."""
    for path in _folders(config):
        try:
            ledger = _ledger(path, config, source, found)
            if ledger is not None:
                yield _tags(ledger)
        except (StateError, sqlite3.Error):  # its own run will say so
            continue


def _folders(config: Config) -> list[Path]:
    """Where the others keep their state."""
    return sorted(path for path in config.state_path.parent.glob("*/") if path.name != config.state_path.name)


def _ledger(path: Path, config: Config, source: Source, found: RecipientList) -> Ledger | None:
    """The ledger of a transfer of the same shop into the same list; None for another, or one that has none. Raises
    StateError."""
    folder = StateFolder(path)
    known = checkpoint.load(folder.checkpoint)
    if known is None or known.shop_url != source.url or not folder.ledger.exists():
        return None
    whose = known.identity
    if (whose.source_type, whose.source_name) != (source.type, source.name):
        return None
    if (whose.base_url, whose.list_id) != (config.target.account_key, found.id):
        return None
    ledger = Ledger(folder.ledger, read_only=True)
    if ledger.id == known.ledger_id and ledger.generation >= known.generation:
        return ledger
    ledger.close()
    if ledger.id == known.ledger_id:
        raise StateError(say("state.older_ledger", "{path} is older than its checkpoint", path=folder.ledger))
    return None


def _tags(ledger: Ledger) -> int:
    try:
        return sum(len(read_body(entry)[1].tags) for entry in ledger.walk() if entry.recipient_id is not None)
    finally:
        ledger.close()
