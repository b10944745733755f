"""What the shop erased: records that have no address any more count no more, wherever they counted before."""

from __future__ import annotations

from itertools import islice
from typing import Final

from cleverreach_sync.belonging import parted
from cleverreach_sync.merge import Facts
from cleverreach_sync.model import Memory
from cleverreach_sync.phases.run import Run
from cleverreach_sync.state.entries import Entry, read_body, split_idents

_AT_ONCE: Final = 100_000


def find_erased(run: Run) -> None:
    """Finds whose records this read brought without an address."""
    run.spool.drop_erased()
    erased = run.spool.erased()
    gone: dict[bytes, set[str]] = {}
    while part := frozenset(islice(erased, _AT_ONCE)):
        for key, idents in run.ledger.idents():
            for ident in split_idents(idents):
                if ident in part:
                    gone.setdefault(key, set()).add(ident.hex())
    run.erased = {key: frozenset(idents) for key, idents in gone.items()}


def known_of(run: Run, entry: Entry) -> tuple[Facts, Memory]:
    """What is remembered of a person, less what the shop erased since."""
    facts, memory = read_body(entry)
    gone = run.erased.get(entry.key)
    return (facts if gone is None else parted(facts, gone)[0]), memory
