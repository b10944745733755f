"""Phase 2: everybody, against the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from cleverreach_sync.domain.consent import ShopConsent
from cleverreach_sync.domain.decide import decide, remembered_recipient
from cleverreach_sync.domain.decision import Case, Decision, Outcome, Suppression
from cleverreach_sync.domain.identity import idents_of, owners_of, without_reason
from cleverreach_sync.domain.memory import as_last_seen, settle
from cleverreach_sync.domain.merge import NO_FACTS, PersonFacts, ReadScope, SourceRecord, left_behind, merge
from cleverreach_sync.domain.model import (
    NOTHING,
    RANK_LEFT,
    Consent,
    ConsentState,
    Kind,
    LastSynced,
    Person,
    Purchases,
    Recipient,
    RecipientState,
)
from cleverreach_sync.domain.statements import still_left
from cleverreach_sync.domain.tags import kinds_of
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.decide.decoding import Decoding, seen_of
from cleverreach_sync.run.decide.join import JoinedPerson, meet
from cleverreach_sync.run.decide.silence import Silence, Silent
from cleverreach_sync.run.erasures import known_of
from cleverreach_sync.run.plan import (
    ELSEWHERE,
    LASTING,
    NOBODY,
    OPEN,
    UNCHANGED,
    Step,
    plan_row,
)
from cleverreach_sync.run.tally import Tally
from cleverreach_sync.state.entries import Entry, kinds_in, split_idents
from cleverreach_sync.state.spool import NOTE_ONLY

_BUFFER: Final = 1000
_TICK: Final = 500
NO_PERSON: Final = Decision(Outcome.SKIPPED, NOBODY, frozenset(), ShopConsent.UNKNOWN)
_NO: Final = Consent(ConsentState.NO)
_ENDS: Final = frozenset({ShopConsent.NO, ShopConsent.OPTED_OUT})
_MAY_BE_CREATED: Final = frozenset({Step.NEW, Step.CHECK})
_TO_WRITE: Final = {Outcome.UPDATED: Step.UPDATE, Outcome.DEACTIVATED: Step.END}


class Summary(NamedTuple):
    """What phase 2 found. `people` of the source, `classes` people by what is left to do, `activates` those of them who
    would become active, `silent` of how many a statement about the newsletter is gone, None if of hardly anybody."""

    people: int
    classes: Counter[int]
    activates: int
    silent: Silent | None = None


class Decider:
    """Decides people into the plan. `implied_by` labels the consent file, if not to be in it means `no`."""

    def __init__(self, run: Run, implied_by: str | None) -> None:
        self._run = run
        self._implied_by = implied_by
        self._complete = frozenset(label for label, complete in run.complete.items() if complete)
        read = frozenset(reader.label for reader in run.readers)
        self._scope = ReadScope(self._complete, run.now, run.keys.ident, run.followed, read)
        self._classes: Counter[int] = Counter()
        self._activates = 0
        self._people = 0
        self._fast: Counter[tuple[str, int]] = Counter()
        self._buffer: list[tuple[object, ...]] = []
        self._arrivals: list[tuple[bytes, bytes]] = []
        # A fingerprint that is confirmed decides nothing where everybody is sent, or compared with the list.
        options = run.options
        self._may_rest = not (run.rules.resend or run.rules.adopt or options.against_target)
        self._had_people = not run.ledger.is_empty()
        self._full_labels = {reader.label for reader in run.readers if reader.stream.full_read}
        # Who is gone from a stream that is read completely now and then shows in no row.
        self._may_rest = self._may_rest and self._complete <= self._full_labels
        self._decoding = Decoding(run)
        self.silence = Silence(run)

    def everybody(self, total: int | None) -> bool:
        """False if it was stopped."""
        run = self._run
        run.progress.begin("decide", total)
        absent_too = bool(self._complete) or bool(run.erased) or run.ledger.any_due()
        people = 0
        blocked = run.blocked
        may_rest = self._may_rest
        erased = run.erased
        fast = self._fast
        for met in meet(run, absent_too=absent_too):
            rows, entry = met.rows, met.entry
            if rows:
                people += 1
                if people % _TICK == 0:
                    run.progress.advance(people)
                    if run.stop.asked(run.clock.now()):
                        run.stop.check()
                        run.progress.end()
                        return False
                blacklisted = met.blacklisted or (bool(blocked) and blocked.match(rows[0].email))
                if (
                    entry is not None
                    and may_rest
                    and not blacklisted
                    and entry.outcome in LASTING
                    and not entry.due
                    and met.key not in erased
                    and entry.seen == (rows[0].digest if len(rows) == 1 else seen_of(rows))
                ):
                    fast[entry.outcome, entry.kinds] += 1
                    continue
                self._person(met, blacklisted)
            elif entry is not None:
                self._absent(met, entry)
        self._flush()
        self._count_fast()
        run.progress.advance(people)
        run.progress.end()
        run.spool.commit()
        self._people = people
        return True

    def summary(self) -> Summary:
        return Summary(self._people, self._classes, self._activates, self.silence.worst())

    def take_back(self, met: JoinedPerson) -> None:
        """Undoes the decision about somebody of this read, of whom more or less is known than was thought."""
        run = self._run
        tally, classes, activates = run.tally, self._classes, self._activates
        run.tally, self._classes, self._activates = Tally(), Counter(), 0
        self._decoding.quiet = True  # whatever is wrong was told before
        self._one(met)
        tally.take_back(run.tally)
        classes.subtract(self._classes)
        run.tally, self._classes, self._activates = tally, classes, activates - self._activates
        self._buffer, self._arrivals = [], []
        run.spool.drop_planned(met.key)

    def again(self, met: JoinedPerson) -> None:
        """Decides somebody anew whose decision was taken back."""
        self._one(met)
        self._arrivals = []
        self._flush()

    def _one(self, met: JoinedPerson) -> None:
        rows, entry = met.rows, met.entry
        blacklisted = met.blacklisted or (bool(self._run.blocked) and self._run.blocked.match(rows[0].email))
        seen = rows[0].digest if len(rows) == 1 else seen_of(rows)
        rests = self._may_rest and not blacklisted and met.key not in self._run.erased
        if entry is not None and rests and entry.outcome in LASTING and not entry.due and entry.seen == seen:
            self._fast[entry.outcome, entry.kinds] += 1
            self._count_fast()
        else:
            self._person(met, blacklisted)

    def without_rows(self, entry: Entry, recipient: Recipient | None, suppressed_at: int | None) -> None:
        """Decides somebody of whom this read brought nothing, whose facts are others all the same. They are no person
        of this run unless they have to be written to."""
        run = self._run
        facts_before, memory = known_of(run, entry)
        email = "" if recipient is None else recipient.email
        blocked = run.blocked.match(email)
        listed = blocked or (suppressed_at or 0) < 0
        still_mailed = suppressed_at == NOTE_ONLY and not blocked
        suppressed = Suppression(listed, None if listed else suppressed_at, still_mailed=still_mailed)
        rules = run.rules._replace(resend=False)
        self.silence.note(entry.key, facts_before, ())
        person, facts = self.absent_person(email, facts_before)
        person = _known_to_have_left(person, facts, memory)
        decision = decide(Case(person, memory, recipient, suppressed), rules, run.now)
        step = _TO_WRITE.get(decision.outcome, Step.RECORD) if recipient is not None else Step.RECORD
        if step is Step.RECORD:
            step, decision = Step.RECORD, decision._replace(outcome=Outcome.SKIPPED, reason=OPEN)
        self._activates += decision.activates and step is Step.UPDATE
        run.spool.drop_planned(entry.key)
        at = NOTE_ONLY if still_mailed else suppressed.unsubscribed_at
        self._add(plan_row(step, 0, entry.key, person, decision, memory, facts, b"", at))
        self._flush()

    def absent_person(self, email: str, facts: PersonFacts) -> tuple[Person, PersonFacts]:
        """Somebody of whom this read brought nothing: who was in a stream that was read completely is gone from it."""
        return merge(email, (), facts, self._scope, self._implied(()))

    def _count_fast(self) -> None:
        for (outcome, kinds), number in self._fast.items():
            if outcome == UNCHANGED:
                self._run.tally.unchanged(kinds_in(kinds), number)
            elif outcome != NOBODY:
                self._run.tally.skip(outcome, number)
        self._fast.clear()

    def _person(self, met: JoinedPerson, blacklisted: bool) -> None:
        run = self._run
        facts_before, memory = (NO_FACTS, NOTHING) if met.entry is None else known_of(run, met.entry)
        rows = met.rows
        found = self._decoding.found(rows)
        self.silence.note(met.key, facts_before, found)
        person, facts = merge(rows[0].email, found, facts_before, self._scope, self._implied(found))
        person = _known_to_have_left(person, facts, memory)
        if met.key in run.erased:
            person = _after_erasure(person, facts)
        seen = b"" if self._waits(person, facts, found) else self._decoding.to_remember(rows)
        still_mailed = met.still_mailed and not run.blocked.match(rows[0].email)
        unsubscribed_at = NOTE_ONLY if still_mailed else met.unsubscribed_at or None
        suppressed = Suppression(blacklisted, None if still_mailed else unsubscribed_at, still_mailed=still_mailed)
        seq = rows[0].rowid
        self._notice_arrival(met.key, facts, met.entry)
        recipient = remembered_recipient(person.email, memory, run.rules.own)
        nobody = not person.is_person and person.invalid is None and not person.erased
        decision = NO_PERSON
        if not nobody or memory.transferred:
            decision = decide(Case(person, memory, recipient, suppressed), run.rules, run.now)
        if nobody and decision.change is None:
            memory = settle(decision, person, memory, run.now)
            decision = NO_PERSON._replace(shop=decision.shop)
            self._add(plan_row(Step.RECORD, seq, met.key, person, decision, memory, facts, seen, unsubscribed_at))
            return
        looked = met.entry is not None and met.entry.outcome == ELSEWHERE and met.entry.seen == seen
        step = self._class(decision, memory, blacklisted=blacklisted and not still_mailed, looked=looked)
        if step is Step.RECORD:
            decision = as_last_seen(decision, memory, run.rules)
            run.tally.done(decision, person.consent.state)
            if decision.outcome is Outcome.INVALID:
                self._keep_readable(met, person, decision, memory, facts, facts_before, found)
                return
            memory = settle(decision, person, memory, run.now)
        elif decision.outcome is Outcome.INVALID:
            facts, seen = _readable(person, facts, facts_before, found) or facts_before, b""
        elif step is Step.CHECK and decision.values is None:
            decision = decision._replace(values=self._values(person))
        self._activates += decision.activates and step is Step.UPDATE
        by_other_transfer = step in _MAY_BE_CREATED and not memory.transferred and run.other_transfers.had(person.email)
        # Of whom another transfer had sent only the list can tell whether they may be created.
        prints = None if by_other_transfer else run.rules.fingerprints
        at = unsubscribed_at
        self._add(
            plan_row(
                step,
                seq,
                met.key,
                person,
                decision,
                memory,
                facts,
                seen,
                at,
                prints,
                by_other_transfer=by_other_transfer,
            )
        )

    def _keep_readable(
        self,
        met: JoinedPerson,
        person: Person,
        decision: Decision,
        memory: LastSynced,
        facts: PersonFacts,
        before: PersonFacts,
        found: Sequence[SourceRecord],
    ) -> None:
        """Of somebody invalid what could be read is remembered: an order that the shop does not give again, say. The
        record that could not be read stays as it was, but for a withdrawal, which can be read all the same."""
        kept = _readable(person, facts, before, found)
        if kept is not None:
            self._add(plan_row(Step.RECORD, met.rows[0].rowid, met.key, person, decision, memory, kept, b"", None))

    def _values(self, person: Person) -> dict[str, str]:
        """The data fields of somebody of whom only the list can tell whether they are sent."""
        rules = self._run.rules
        bought = Kind.BUYER in kinds_of(person.consent.state, person.purchases) & rules.selection
        return rules.fields.values(person, buyer=bought and not person.excluded)

    def _implied(self, found: Sequence[SourceRecord]) -> Consent | None:
        """What absence from the consent file means for somebody, if they are absent: as far as all of it was read."""
        label = self._implied_by
        if label not in self._complete or any(item.stream == label for item in found):
            return None
        return _NO

    def _waits(self, person: Person, facts: PersonFacts, found: Sequence[SourceRecord]) -> bool:
        """Whether the same rows may mean something else as soon as a stream is read completely again: somebody may be
        gone from it."""
        torn = self._implied_by is not None and self._implied_by not in self._complete
        if torn and person.consent.state is ConsentState.UNKNOWN:
            return True
        kept = facts.records[: len(facts.records) - len(found)]
        return any(record.rank != RANK_LEFT and record.stream in self._full_labels for record in kept)

    def _class(self, decision: Decision, memory: LastSynced, *, blacklisted: bool, looked: bool) -> Step:
        run = self._run
        outcome = decision.outcome
        unknown = not memory.transferred and run.list_exists and not run.created_list
        if unknown and not blacklisted:
            if run.rules.adopt and outcome is not Outcome.INVALID:
                return Step.CHECK
            if run.own_tags_in_list and decision.shop is ShopConsent.OPTED_OUT:
                return Step.CHECK
        if not blacklisted and run.list_exists and not run.created_list:
            away = unknown or memory.state is RecipientState.INACTIVE  # they may have come back by themselves
            if away and decision.reason == ELSEWHERE and (run.rules.resend or not looked):
                return Step.CHECK
        if memory.transferred and not blacklisted and decision.again:
            return Step.CHECK
        if not blacklisted and self._may_be_renewed(decision, memory, unknown=unknown):
            return Step.CHECK
        if outcome is Outcome.CREATED:
            return Step.NEW
        if outcome is Outcome.UPDATED:
            return Step.UPDATE
        if outcome is Outcome.DEACTIVATED:
            return Step.CHECK if memory.state is RecipientState.BOUNCED else Step.END
        if run.options.against_target and outcome is Outcome.UNCHANGED:
            return Step.UPDATE
        return Step.RECORD

    def _may_be_renewed(self, decision: Decision, memory: LastSynced, *, unknown: bool) -> bool:
        """Whether somebody without a consent, who is to be left alone, may stand in the list with one that is not
        known here, as the state is of a backup. A resync looks."""
        run = self._run
        if not run.rules.resend or decision.outcome is not Outcome.SKIPPED or decision.shop not in _ENDS:
            return False
        return (unknown and run.own_tags_in_list) or memory.ended is not None

    def _absent(self, met: JoinedPerson, entry: Entry) -> None:
        """Somebody of whom this read brought nothing. They are no person of this run unless they have to be written
        to."""
        run = self._run
        if met.key in run.erased:
            self._erased(met, entry)
            return
        if not entry.due and not self._complete:
            return
        facts_before, memory = known_of(run, entry)
        self.silence.note(met.key, facts_before, ())
        if not entry.due and not any(
            record.stream in self._complete and record.rank != RANK_LEFT for record in facts_before.records
        ):
            return
        person, facts = self.absent_person("", facts_before)
        if facts == facts_before and not entry.due:
            return
        person = _known_to_have_left(person, facts, memory)
        recipient = remembered_recipient("", memory, run.rules.own)
        decision = decide(Case(person, memory, recipient), run.rules._replace(resend=False), run.now)
        step = Step.RECORD
        if decision.change is not None and recipient is not None:
            if met.blacklisted and not met.still_mailed:
                return  # nobody mails them, and no change is taken: it is to be seen again when they no longer are
            step = Step.UPDATE
            self._activates += decision.activates
            if decision.outcome is Outcome.DEACTIVATED:
                # Whether a pattern of the blacklist fits is known by their address only, which the list knows.
                look = bool(run.blocked) or memory.state is RecipientState.BOUNCED
                step = Step.CHECK if look else Step.GONE
        else:
            decision = decision._replace(outcome=Outcome.SKIPPED, reason=OPEN)
        self._add(plan_row(step, 0, met.key, person, decision, memory, facts, b"", None))

    def _erased(self, met: JoinedPerson, entry: Entry) -> None:
        """Somebody of whom this read brought nothing but that a record of theirs was erased."""
        run = self._run
        facts_before, memory = known_of(run, entry)
        self.silence.note(met.key, facts_before, ())
        person, facts = self.absent_person("", facts_before)
        person = _after_erasure(person, facts)
        suppressed = Suppression(met.blacklisted, met.unsubscribed_at or None, still_mailed=met.still_mailed)
        rules = run.rules._replace(resend=False)
        recipient = remembered_recipient("", memory, run.rules.own)
        decision = decide(Case(person, memory, recipient, suppressed), rules, run.now)
        step = Step.RECORD
        if decision.outcome is Outcome.DEACTIVATED:
            # Whether a pattern of the blacklist fits is known by their address only, which the list knows.
            step = Step.CHECK if run.blocked or memory.state is RecipientState.BOUNCED else Step.GONE
        elif decision.outcome is Outcome.UPDATED and person.is_person:
            step = Step.UPDATE
        if step is Step.RECORD:
            memory = settle(decision, person, memory, run.now)
            decision = decision._replace(outcome=Outcome.SKIPPED, reason=OPEN)
        self._activates += decision.activates and step is Step.UPDATE
        at = NOTE_ONLY if met.still_mailed else met.unsubscribed_at or None
        self._add(plan_row(step, 0, met.key, person, decision, memory, facts, b"", at))

    def _notice_arrival(self, key: bytes, facts: PersonFacts, entry: Entry | None) -> None:
        """The ID of a customer or an order that this address did not have before may have been at another one."""
        if not self._had_people:
            return
        new = idents_of(facts)
        known = b"" if entry is None else entry.idents
        if new == known:
            return
        had = {*split_idents(known), *map(bytes.fromhex, owners_of(facts))}
        self._arrivals += [(ident, key) for ident in split_idents(new) if ident not in had]

    def _add(self, row: tuple[object, ...]) -> None:
        self._classes[row[0]] += 1  # type: ignore[index]
        self._buffer.append(row)
        if len(self._buffer) >= _BUFFER:
            self._flush()

    def _flush(self) -> None:
        self._run.spool.plan(self._buffer)
        self._run.spool.arrive(self._arrivals)
        self._buffer, self._arrivals = [], []


def _readable(
    person: Person, facts: PersonFacts, before: PersonFacts, found: Sequence[SourceRecord]
) -> PersonFacts | None:
    """What could be read of somebody invalid; None for nothing. What could not be stays as it was, but for a
    withdrawal."""
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
            known += [old._replace(consent=out.consent, consent_at=out.consent_at, turned=None) for old in same] or [
                out
            ]
    return facts._replace(records=(*records, *known))


def _known_to_have_left(person: Person, facts: PersonFacts, memory: LastSynced) -> Person:
    """Who withdrew without any end to be recorded, as they were not in the list, say, has left all the same."""
    if memory.ended is not None:
        return person
    consent = still_left(person.consent, facts.records)
    return person if consent is person.consent else person._replace(consent=consent)


def _after_erasure(person: Person, facts: PersonFacts) -> Person:
    """Somebody of whom the shop erased a record: they have no reason left, or are known to have bought nothing else."""
    if without_reason(facts):
        return person._replace(erased=True)
    return person if person.purchases is not None else person._replace(purchases=Purchases(0))
