"""Records that have no address any more count no more, wherever they counted before. Some of them the shop erased."""

from __future__ import annotations

from cleverreach_sync.domain.address import PLACEHOLDERS, WITHOUT_ADDRESS
from cleverreach_sync.domain.identity import parted
from cleverreach_sync.domain.merge import PersonFacts
from cleverreach_sync.domain.model import LastSynced, SkipReason
from cleverreach_sync.domain.zones import read_anew
from cleverreach_sync.run.context import Run
from cleverreach_sync.state.entries import Entry, read_body, split_idents


def find_unaddressed(run: Run) -> None:
    """Takes the rows without an address out of this read, and finds whose records they were. An order of an account
    goes with the account, whatever address it has itself."""
    erased: set[bytes] = set()
    cleared: set[bytes] = set()
    for stream, ident, email in run.spool.take_below(PLACEHOLDERS):
        of = erased if email != WITHOUT_ADDRESS else cleared
        if of is erased:
            run.tally.skip(SkipReason.ERASED)
        if ident:
            of.add(bytes.fromhex(run.keys.ident(f"{run.readers[stream].label}\0{ident}")))
    both = erased | cleared
    gone: dict[bytes, set[str]] = {}
    for key, idents in run.ledger.idents():
        for each in both.intersection(split_idents(idents)):
            gone.setdefault(key, set()).add(each.hex())
            if each in erased:
                run.erased.add(key)
    run.unaddressed = {key: frozenset(idents) for key, idents in gone.items()}


def known_of(run: Run, entry: Entry) -> tuple[PersonFacts, LastSynced]:
    """What is remembered of a person, less the records that have no address any more."""
    facts, memory = read_body(entry)
    if run.zones_before:
        facts, memory = read_anew(facts, memory, run.zones_before, run.request.config.source.zone)
    gone = run.unaddressed.get(entry.key)
    return (facts if gone is None else parted(facts, gone)[0]), memory
