"""Addresses that something has left or come to: what is known of them by now, and how they were decided."""

from __future__ import annotations

from typing import NamedTuple

from cleverreach_sync.domain.identity import idents_of, is_no_reason
from cleverreach_sync.domain.merge import NO_FACTS, PersonFacts
from cleverreach_sync.domain.model import NOTHING, LastSynced
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.decide.arrivals import join_one, rows_of, without_left
from cleverreach_sync.run.decide.deciding import Decider
from cleverreach_sync.run.decide.join import JoinedPerson
from cleverreach_sync.run.erasures import known_of
from cleverreach_sync.run.plan import OPEN
from cleverreach_sync.state.entries import Entry, body, facts_json, memory_tuple, read_body, split_idents
from cleverreach_sync.state.plans import PlanRow
from cleverreach_sync.state.spool import RawRow


class Departure(NamedTuple):
    """An address that something has left. `to` are the new addresses of the customers among it, by the hash of their
    ID, `facts` what stays. `certain`: a customer left, and no other record has the address. `said_yes`: a record that
    stayed has said yes to the newsletter; `took_yes`: where records went that have."""

    entry: Entry
    memory: LastSynced
    facts: PersonFacts
    to: dict[str, bytes]
    certain: bool
    said_yes: bool
    took_yes: frozenset[bytes]


class Addresses:
    """`entries` and `read` are what the ledger and this read have of each, `rows` what counts of the latter; `facts`
    and `memories` what has been changed by now; `ended` are those that are not handed over before the first write."""

    def __init__(self, run: Run, deciding: Decider, gone: dict[bytes, dict[str, bytes]]) -> None:
        self._run = run
        self._deciding = deciding
        keys = list({key for old in gone for key in (old, *gone[old].values())})
        self.entries = run.ledger.entries(keys)
        self.read = rows_of(run, keys)
        self.rows: dict[bytes, list[RawRow]] = {}
        self.facts: dict[bytes, PersonFacts] = {}
        self.memories: dict[bytes, LastSynced] = {}
        self.decided: dict[bytes, JoinedPerson] = {}
        self.ended: set[bytes] = set()

    def leave_out(self, gone: dict[bytes, dict[str, bytes]]) -> None:
        """What an earlier run left of somebody who has another address now counts no more."""
        self.rows = {key: without_left(self._run, rows, gone.get(key, {})) for key, rows in self.read.items()}

    def known(self, key: bytes) -> PersonFacts:
        """What is known of an address, as far as it has been changed by now."""
        if key not in self.facts:
            entry = self.entries.get(key)
            self.facts[key], self.memories[key] = (NO_FACTS, NOTHING) if entry is None else known_of(self._run, entry)
        return self.facts[key]

    def is_empty(self, facts: PersonFacts) -> bool:
        """Whether no record has the address any more: this read brought none of it, and would have. One that says
        nothing but no to the newsletter is no reason to go on mailing."""
        there = [record for record in facts.records if not is_no_reason(record, facts)]
        return all(self._run.complete.get(record.stream, False) for record in there)

    def entry(self, key: bytes) -> Entry:
        """What the ledger would hold of an address."""
        known, memory = self.entries.get(key), self.memories[key]
        facts = body(facts_json(self.facts[key]), memory_tuple(memory))
        if known is None:
            return Entry(key, b"", OPEN, 0, 0, None, b"", b"", facts)
        # Not what came along: as long as it is at the old address, too, it is to be noticed as new here.
        had = idents_of(self.facts[key])
        idents = [ident for ident in split_idents(known.idents) if ident in split_idents(had)]
        return known._replace(seen=b"", outcome=OPEN, idents=b"".join(idents), body=facts)

    def joined(self, key: bytes) -> JoinedPerson:
        """What this read brought of an address, and what was known of it."""
        return join_one(self._run, key, self.read[key], self.entries.get(key))

    def decide_again(self, before: JoinedPerson) -> None:
        """Decides an address once more, with what it gained and without what left."""
        key = before.key
        self._deciding.take_back(before)
        if rows := self.rows[key]:
            self.decided[key] = before._replace(rows=rows, entry=self.entry(key))
            self._deciding.again(self.decided[key])

    def take_back(self, key: bytes) -> None:
        """Undoes the decision about an address."""
        self._deciding.take_back(self.decided[key])


def facts_of(row: PlanRow) -> PersonFacts:
    """What is known of somebody of the plan."""
    return read_body(Entry(row.key, b"", OPEN, 0, 0, None, b"", b"", body(row.facts, None)))[0]
