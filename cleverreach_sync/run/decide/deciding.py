"""Phase 2: everybody, against the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from cleverreach_sync.domain.consent import ShopConsent
from cleverreach_sync.domain.decide import decide
from cleverreach_sync.domain.decision import NOT_SUPPRESSED, Case, Decision, Outcome, Suppression
from cleverreach_sync.domain.identity import idents_of, owners_of
from cleverreach_sync.domain.memory import as_last_seen, settle
from cleverreach_sync.domain.merge import NO_FACTS, PersonFacts
from cleverreach_sync.domain.model import NOTHING, Kind, LastSynced, Person, Status
from cleverreach_sync.domain.standing import remembered_recipient
from cleverreach_sync.domain.tags import kinds_of
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.decide.absent import Absent
from cleverreach_sync.run.decide.decoding import Decoding, seen_of
from cleverreach_sync.run.decide.join import JoinedPerson, join
from cleverreach_sync.run.decide.persons import Persons, after_erasure, by_pattern, known_to_have_left, readable
from cleverreach_sync.run.decide.planning import Planning
from cleverreach_sync.run.decide.silence import Silence, Silent
from cleverreach_sync.run.erasures import known_of
from cleverreach_sync.run.plan import ELSEWHERE, LASTING, NOBODY, UNCHANGED, Decided, Step
from cleverreach_sync.state.entries import Entry, kinds_in, split_idents
from cleverreach_sync.state.spool import RawRow

_TICK: Final = 500
NO_PERSON: Final = Decision(Outcome.SKIPPED, NOBODY, frozenset(), ShopConsent.UNKNOWN)
_ENDS: Final = frozenset({ShopConsent.NO, ShopConsent.OPTED_OUT})
_MAY_BE_CREATED: Final = frozenset({Step.NEW, Step.CHECK})


class Summary(NamedTuple):
    """What phase 2 found. `people` of the source, `activates` those of them who would become active, `silent` of how
    many a statement about the newsletter is gone, None if of hardly anybody."""

    people: int
    activates: int
    silent: Silent | None = None


class Decider:
    """Decides people into the plan. `implied_by` labels the consent file, if not to be in it means `no`."""

    def __init__(self, run: Run, implied_by: str | None) -> None:
        self._run = run
        self._people = 0
        self._resting: Counter[tuple[str, int]] = Counter()
        self._had_people = not run.ledger.is_empty()
        self._list_exists = run.recipient_list is not None
        self._own_tags_in_list = run.start.own_tags_in_list
        self._decoding = Decoding(run)
        self.persons = Persons(run, implied_by)
        self._planning = Planning(run)
        self._silence = Silence(run)
        self.absent = Absent(run, self.persons, self._planning, self._silence)
        # A fingerprint that is confirmed decides nothing where everybody is sent, or compared with the list.
        sent_anew = run.rules.resend or run.rules.adopt or run.request.options.against_target
        # Who is gone from a stream that is read completely now and then shows in no row.
        self._may_rest = not sent_anew and self.persons.complete <= self.persons.full_labels

    def everybody(self, total: int | None) -> bool:
        """False if it was stopped."""
        run = self._run
        run.request.progress.begin("decide", total)
        absent_too = bool(self.persons.complete) or bool(run.unaddressed) or run.ledger.any_due()
        people = 0
        blocked, rests, resting = run.blocked, self._rests, self._resting
        for joined in join(run, absent_too=absent_too):
            _, rows, entry, suppressed = joined
            if rows:
                people += 1
                if people % _TICK == 0:
                    run.request.progress.advance(people)
                    if run.request.stop.asked(run.request.clock.now()):
                        run.request.stop.check()
                        run.request.progress.end()
                        return False
                if blocked or suppressed is not NOT_SUPPRESSED:
                    suppressed = by_pattern(blocked, rows[0].email, suppressed)
                if entry is not None and rests(entry, rows, suppressed):
                    resting[entry.outcome, entry.kinds] += 1
                else:
                    self._person(joined, suppressed)
            elif entry is not None:
                self.absent.decide(joined, entry)
        self._planning.flush()
        self._count_resting()
        run.request.progress.advance(people)
        run.request.progress.end()
        run.spool.commit()
        self._people = people
        return True

    def summary(self) -> Summary:
        return Summary(self._people, self._planning.activates, self._silence.worst())

    def _rests(self, entry: Entry, rows: Sequence[RawRow], suppressed: Suppression) -> bool:
        """Whether somebody was decided for good, and their rows are those of that time."""
        return (
            self._may_rest
            and not suppressed.blacklisted
            and entry.outcome in LASTING
            and not entry.due
            and entry.key not in self._run.unaddressed
            and entry.seen == (rows[0].digest if len(rows) == 1 else seen_of(rows))
        )

    def _count_resting(self) -> None:
        for (outcome, kinds), number in self._resting.items():
            if outcome == UNCHANGED:
                self._run.tally.unchanged(kinds_in(kinds), number)
            elif outcome != NOBODY:
                self._run.tally.skip(outcome, number)
        self._resting.clear()

    def take_back(self, joined: JoinedPerson) -> None:
        """Undoes the decision about somebody of this read, of whom more or less is known than was thought: what was
        counted stands in the plan, but of those who rested, and of those of whom nothing could be read."""
        tally, entry = self._run.tally, joined.entry
        row = self._planning.take_back(joined.key)
        if row is not None:
            if row.counted is not None:
                tally.take_back(*row.counted, kinds_in(row.kinds))
        elif entry is not None and self._rests(entry, joined.rows, self._suppressed(joined)):
            if entry.outcome != NOBODY:
                outcome = UNCHANGED if entry.outcome == UNCHANGED else Outcome.SKIPPED.value
                tally.take_back(outcome, entry.outcome, kinds_in(entry.kinds))
        else:
            self._decoding.quiet = True
            invalid = (item.record.invalid for item in self._decoding.found(joined.rows))
            tally.take_back(Outcome.INVALID.value, next(filter(None, invalid), ""), frozenset())

    def again(self, joined: JoinedPerson) -> None:
        """Decides somebody once more whose decision was taken back."""
        self._decoding.quiet = True  # whatever is wrong was told before
        suppressed = self._suppressed(joined)
        if joined.entry is not None and self._rests(joined.entry, joined.rows, suppressed):
            self._resting[joined.entry.outcome, joined.entry.kinds] += 1
            self._count_resting()
            return
        self._person(joined, suppressed)
        self._planning.forget_arrivals()
        self._planning.flush()

    def _suppressed(self, joined: JoinedPerson) -> Suppression:
        return by_pattern(self._run.blocked, joined.rows[0].email, joined.suppressed)

    def _person(self, joined: JoinedPerson, suppressed: Suppression) -> None:
        """Somebody of whom this read brought something. `suppressed`: patterns of the blacklist included."""
        run = self._run
        key, rows, entry, _ = joined
        before, memory = (NO_FACTS, NOTHING) if entry is None else known_of(run, entry)
        found = self._decoding.found(rows)
        self._silence.note(key, before, found)
        person, facts = self.persons.read(rows[0].email, found, before)
        person = known_to_have_left(person, facts, memory)
        if key in run.erased:
            person = after_erasure(person, facts)
        seen = b"" if self.persons.waits(person, facts, found) else self._decoding.to_remember(rows)
        self._notice_arrival(key, facts, entry)
        nobody = not person.is_person and person.invalid is None and not person.erased
        decision = NO_PERSON
        if not nobody or memory.transferred:
            recipient = remembered_recipient(person.email, memory, run.rules)
            decision = decide(Case(person, memory, recipient, suppressed), run.rules, run.now)
        decided = Decided(key, person, decision, memory, facts, rows[0].rowid, seen, suppressed)
        if nobody and decision.change is None:
            self._nobody(decided)
            return
        looked = entry is not None and entry.outcome == ELSEWHERE and entry.seen == seen
        barred = suppressed.blacklisted and not suppressed.still_mailed
        step = self._step(decision, memory, barred=barred, looked=looked)
        if decision.outcome is Outcome.INVALID:
            self._invalid(step, decided, readable(person, facts, before, found), before)
        elif step is Step.RECORD:
            self._at_rest(decided)
        else:
            self._to_write(step, decided)

    def _nobody(self, decided: Decided) -> None:
        """Somebody who is no person of this run: they are remembered, and not counted."""
        memory = settle(decided.decision, decided.person, decided.memory, self._run.now)
        decision = NO_PERSON._replace(shop=decided.decision.shop)
        self._planning.add(Step.RECORD, decided._replace(decision=decision, memory=memory))

    def _invalid(self, step: Step, decided: Decided, kept: PersonFacts | None, before: PersonFacts) -> None:
        """Of somebody invalid what could be read is remembered; their rows are read once more by the next run."""
        if step is not Step.RECORD:
            self._to_write(step, decided._replace(facts=kept or before, seen=b""))
            return
        self._run.tally.done(decided.decision, decided.person.consent.state)
        if kept is not None:
            decided = decided._replace(facts=kept, seen=b"", suppressed=NOT_SUPPRESSED, counted=True)
            self._planning.add(step, decided)

    def _at_rest(self, decided: Decided) -> None:
        """Somebody to whom nothing is written."""
        run = self._run
        key, person, decision, memory, facts, seq, seen, suppressed, *_ = decided
        decision = as_last_seen(decision, memory, run.rules)
        run.tally.done(decision, person.consent.state)
        memory = settle(decision, person, memory, run.now)
        decided = Decided(key, person, decision, memory, facts, seq, seen, suppressed, counted=True)
        self._planning.add(Step.RECORD, decided)

    def _to_write(self, step: Step, decided: Decided) -> None:
        """Somebody to be written, or of whom only the list can tell whether they are."""
        run, decision, person = self._run, decided.decision, decided.person
        if step is Step.CHECK and decision.values is None and decision.outcome is not Outcome.INVALID:
            decided = decided._replace(decision=decision._replace(values=self._values(person)))
        if step in _MAY_BE_CREATED and not decided.memory.transferred and run.other_transfers.had(person.email):
            # Of whom another transfer had sent only the list can tell whether they may be created.
            self._planning.add(step, decided._replace(by_other_transfer=True))
        else:
            self._planning.add(step, decided, run.rules.fingerprints)

    def _values(self, person: Person) -> dict[str, str]:
        """The data fields of somebody of whom only the list can tell whether they are sent."""
        rules = self._run.rules
        bought = Kind.BUYER in kinds_of(person.consent.state, person.purchases) & rules.selection
        return rules.fields.values(person, buyer=bought and not person.excluded)

    def _step(self, decision: Decision, memory: LastSynced, *, barred: bool, looked: bool) -> Step:
        run = self._run
        outcome = decision.outcome
        unknown = not memory.transferred and self._list_exists
        if unknown and not barred:
            if run.rules.adopt and outcome is not Outcome.INVALID:
                return Step.CHECK
            if self._own_tags_in_list and decision.shop is ShopConsent.OPTED_OUT:
                return Step.CHECK
        if not barred and self._list_exists:
            away = unknown or memory.status in run.rules.policy.asleep  # they may have come back by themselves
            if away and decision.reason == ELSEWHERE and (run.rules.resend or not looked):
                return Step.CHECK
        if memory.transferred and not barred and decision.again:
            return Step.CHECK
        if not barred and self._may_be_renewed(decision, memory, unknown=unknown):
            return Step.CHECK
        if outcome is Outcome.CREATED:
            return Step.NEW
        if outcome is Outcome.UPDATED:
            return Step.UPDATE
        if outcome is Outcome.DEACTIVATED:
            return Step.CHECK if memory.status is Status.BOUNCED else Step.END
        if run.request.options.against_target and outcome is Outcome.UNCHANGED:
            return Step.UPDATE
        return Step.RECORD

    def _may_be_renewed(self, decision: Decision, memory: LastSynced, *, unknown: bool) -> bool:
        """Whether somebody without a consent, who is to be left alone, may stand in the list with one that is not
        known here, as the state is of a backup. A resync looks."""
        run = self._run
        if not run.rules.resend or decision.outcome is not Outcome.SKIPPED or decision.shop not in _ENDS:
            return False
        return (unknown and self._own_tags_in_list) or memory.ended is not None

    def _notice_arrival(self, key: bytes, facts: PersonFacts, entry: Entry | None) -> None:
        """The ID of a customer or an order that this address did not have before may have been at another one."""
        if not self._had_people:
            return
        new = idents_of(facts)
        known = b"" if entry is None else entry.idents
        if new == known:
            return
        had = {*split_idents(known), *map(bytes.fromhex, owners_of(facts))}
        self._planning.arrive([(ident, key) for ident in split_idents(new) if ident not in had])
