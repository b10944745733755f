"""The other transfers of a config: what they put into a list is no plug-in's, and no sign of a lost state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cleverreach_sync.config.schema import Config
from cleverreach_sync.errors import StateError
from cleverreach_sync.sources.interface import Source
from cleverreach_sync.state import checkpoint
from cleverreach_sync.state.entries import read_body
from cleverreach_sync.state.files import StateFolder
from cleverreach_sync.state.ledger import Ledger
from cleverreach_sync.targets.interface import RecipientList


def account_for(config: Config, source: Source, found: RecipientList | None, carriers: int | None) -> bool:
    """Whether the special tags in a list (`carriers` of them) are those that other transfers of the same shop gave, not
    one more or less: if somebody was deleted or untagged by hand, or comes from elsewhere, the numbers differ."""
    if config.transfer is None or found is None or not carriers:
        return False
    given = list(_given(config, source, found))
    return carriers in (*given, sum(given)) if given else False


def _given(config: Config, source: Source, found: RecipientList) -> Iterator[int]:
    """How many special tags each of the others gave to recipients of the list."""
    for path in sorted(config.state_path.parent.glob("*/")):
        if path.name != config.state_path.name:
            try:
                number = _tags(path, config, source, found)
            except StateError:  # its own run will say so
                continue
            if number is not None:
                yield number


def _tags(path: Path, config: Config, source: Source, found: RecipientList) -> int | None:
    folder = StateFolder(path)
    known = checkpoint.load(folder.checkpoint)
    if known is None or known.shop_url != source.url or not folder.ledger.exists():
        return None
    whose = known.identity
    if (whose.source_type, whose.source_name) != (source.type, source.name):
        return None
    if (whose.base_url, whose.list_id) != (config.target.base_url, found.id):
        return None
    ledger = Ledger(folder.ledger, read_only=True)
    try:
        if ledger.id != known.ledger_id:
            return None
        return sum(len(read_body(entry)[1].tags) for entry in ledger.walk() if entry.receiver_id is not None)
    finally:
        ledger.close()
