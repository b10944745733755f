"""One person of what this read brought of somebody, and of what is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cleverreach_sync.domain.address import Patterns
from cleverreach_sync.domain.decision import Suppression
from cleverreach_sync.domain.identity import without_reason
from cleverreach_sync.domain.merge import PersonFacts, ReadScope, SourceRecord, left_behind, merge
from cleverreach_sync.domain.model import RANK_LEFT, Consent, ConsentState, LastSynced, Person, Purchases
from cleverreach_sync.domain.statements import still_left
from cleverreach_sync.run.context import Run

_NO: Final = Consent(ConsentState.NO)
STILL_MAILED: Final = Suppression(blacklisted=True, still_mailed=True)


class Persons:
    """Makes one person after the other. `implied_by` labels the consent file, if not to be in it means `no`; `complete`
    are the streams that were read completely."""

    def __init__(self, run: Run, implied_by: str | None) -> None:
        self.complete = frozenset(label for label, complete in run.complete.items() if complete)
        self.full_labels = frozenset(reader.label for reader in run.readers if reader.stream.full_read)
        self._implied_by = implied_by
        read = frozenset(reader.label for reader in run.readers)
        self._scope = ReadScope(self.complete, run.now, run.keys.ident, run.followed, read, run.retold, run.unnumbered)

    def read(self, email: str, found: Sequence[SourceRecord], before: PersonFacts) -> tuple[Person, PersonFacts]:
        """Somebody of whom this read brought something. Of nothing: who was in a stream that was read completely is
        gone from it."""
        return merge(email, found, before, self._scope, self._implied(found))

    def _implied(self, found: Sequence[SourceRecord]) -> Consent | None:
        """What absence from the consent file means for somebody, if they are absent: as far as all of it was read."""
        label = self._implied_by
        if label not in self.complete or any(item.stream == label for item in found):
            return None
        return _NO

    def waits(self, person: Person, facts: PersonFacts, found: Sequence[SourceRecord]) -> bool:
        """Whether the same rows may mean something else as soon as a stream is read completely again: somebody may be
        gone from it."""
        torn = self._implied_by is not None and self._implied_by not in self.complete
        if torn and person.consent.state is ConsentState.UNKNOWN:
            return True
        kept = facts.records[: len(facts.records) - len(found)]
        return any(record.rank != RANK_LEFT and record.stream in self.full_labels for record in kept)


def by_pattern(blocked: Patterns, email: str, known: Suppression) -> Suppression:
    """What is known of an address, with the patterns of the blacklist: whom the target mails in spite of an entry of
    their own it does not mail if a pattern fits."""
    if blocked and blocked.match(email):
        return Suppression(True, known.unsubscribed_at)
    return STILL_MAILED if known.still_mailed else known


def readable(
    person: Person, facts: PersonFacts, before: PersonFacts, found: Sequence[SourceRecord]
) -> PersonFacts | None:
    """What could be read of somebody invalid: an order that the shop does not give again, say; None for nothing. The
    record that could not be read stays as it was, but for a withdrawal, which can be read all the same."""
    torn = {(item.stream, item.ident) for item in found if item.record.invalid is not None}
    if len(torn) == len(found) and not person.withdrew:
        return None
    records = [record for record in facts.records if (record.stream, record.ident) not in torn]
    known = [record for record in before.records if (record.stream, record.ident) in torn]
    for record in facts.records:
        if (record.stream, record.ident) in torn and record.consent == ConsentState.OPTED_OUT:
            same = [old for old in known if (old.stream, old.ident) == (record.stream, record.ident)]
            out = left_behind(record)
            known = [old for old in known if old not in same]
            known += [
                old._replace(consent=out.consent, consent_at=out.consent_at, turned=None, left_at=out.left_at)
                for old in same
            ] or [out]
    return facts._replace(records=(*records, *known))


def known_to_have_left(person: Person, facts: PersonFacts, memory: LastSynced) -> Person:
    """Who withdrew without any end to be recorded, as they were not in the list, say, has left all the same."""
    consent = still_left(person.consent, facts.records, None if memory.ended is None else memory.ended_at)
    return person if consent is person.consent else person._replace(consent=consent)


def after_erasure(person: Person, facts: PersonFacts) -> Person:
    """Somebody of whom the shop erased a record: they have no reason left, or are known to have bought nothing else."""
    if without_reason(facts):
        return person._replace(erased=True)
    return person if person.purchases is not None else person._replace(purchases=Purchases(0))
