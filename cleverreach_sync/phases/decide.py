"""Phase 2: everybody, against the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from cleverreach_sync.agreement import as_last_seen, settle
from cleverreach_sync.belonging import idents_of, owners_of, without_reason
from cleverreach_sync.consent import Shop, withdrawn_again
from cleverreach_sync.decision import Outcome, Plan, Suppression
from cleverreach_sync.merge import NO_FACTS, Facts, Found, left_behind, merge
from cleverreach_sync.model import (
    NOTHING,
    RANK_LEFT,
    Consent,
    ConsentState,
    Kind,
    Memory,
    Person,
    Purchases,
    Recipient,
    RecipientState,
)
from cleverreach_sync.phases.decoding import Decoding, seen_of
from cleverreach_sync.phases.erasures import known_of
from cleverreach_sync.phases.planned import (
    ELSEWHERE,
    LASTING,
    NOBODY,
    OPEN,
    UNCHANGED,
    Class,
    plan_row,
)
from cleverreach_sync.phases.run import Run
from cleverreach_sync.phases.silence import Silence, Silent
from cleverreach_sync.phases.tally import Tally
from cleverreach_sync.phases.walk import Met, meet
from cleverreach_sync.plan import decide, remembered_recipient
from cleverreach_sync.selection import kinds_of
from cleverreach_sync.state.entries import Entry, kinds_in, split_idents
from cleverreach_sync.state.spool import NOTED
from cleverreach_sync.statements import still_left

_BUFFER: Final = 1000
_TICK: Final = 500
NO_PERSON: Final = Plan(Outcome.SKIPPED, NOBODY, frozenset(), Shop.UNKNOWN)
_NO: Final = Consent(ConsentState.NO)
_ENDS: Final = frozenset({Shop.NO, Shop.OPTED_OUT})
_MAY_BE_CREATED: Final = frozenset({Class.NEW, Class.CHECK})
_TO_WRITE: Final = {Outcome.UPDATED: Class.UPDATE, Outcome.DEACTIVATED: Class.END}


class Summary(NamedTuple):
    """What phase 2 found. `people` of the source, `classes` people by what is left to do, `activates` those of them who
    would become active, `silent` of how many a statement about the newsletter is gone, None if of hardly anybody."""

    people: int
    classes: Counter[int]
    activates: int
    silent: Silent | None = None


class Deciding:
    """Decides people into the plan. `implied_by` labels the consent file, if not to be in it means `no`."""

    def __init__(self, run: Run, implied_by: str | None) -> None:
        self._run = run
        self._implied_by = implied_by
        self._complete = frozenset(label for label, complete in run.complete.items() if complete)
        self._read = frozenset(reader.label for reader in run.readers)
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

    def take_back(self, met: Met) -> None:
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

    def again(self, met: Met) -> None:
        """Decides somebody anew whose decision was taken back."""
        self._one(met)
        self._arrivals = []
        self._flush()

    def _one(self, met: Met) -> None:
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
        mailed = suppressed_at == NOTED and not blocked
        suppressed = Suppression(listed, None if listed else suppressed_at, mailed=mailed)
        rules = run.rules._replace(resend=False)
        self.silence.note(entry.key, facts_before, ())
        person, facts = self.absent_person(email, facts_before)
        person = _known_to_have_left(person, facts, memory)
        plan = decide(person, memory, recipient, suppressed, rules, run.now)
        class_ = _TO_WRITE.get(plan.outcome, Class.RECORD) if recipient is not None else Class.RECORD
        if class_ is Class.RECORD:
            class_, plan = Class.RECORD, plan._replace(outcome=Outcome.SKIPPED, reason=OPEN)
        self._activates += plan.activates and class_ is Class.UPDATE
        run.spool.drop_planned(entry.key)
        at = NOTED if mailed else suppressed.unsubscribed_at
        self._add(plan_row(class_, 0, entry.key, person, plan, memory, facts, b"", at))
        self._flush()

    def absent_person(self, email: str, facts: Facts) -> tuple[Person, Facts]:
        """Somebody of whom this read brought nothing: who was in a stream that was read completely is gone from it."""
        return merge(
            email,
            (),
            facts,
            complete=self._complete,
            implied=self._implied(()),
            now=self._run.now,
            order_key=self._run.keys.ident,
            followed=self._run.followed,
            read=self._read,
        )

    def _count_fast(self) -> None:
        for (outcome, kinds), number in self._fast.items():
            if outcome == UNCHANGED:
                self._run.tally.unchanged(kinds_in(kinds), number)
            elif outcome != NOBODY:
                self._run.tally.skip(outcome, number)
        self._fast.clear()

    def _person(self, met: Met, blacklisted: bool) -> None:
        run = self._run
        facts_before, memory = (NO_FACTS, NOTHING) if met.entry is None else known_of(run, met.entry)
        rows = met.rows
        found = self._decoding.found(rows)
        self.silence.note(met.key, facts_before, found)
        person, facts = merge(
            rows[0].email,
            found,
            facts_before,
            complete=self._complete,
            implied=self._implied(found),
            now=run.now,
            order_key=run.keys.ident,
            followed=run.followed,
            read=self._read,
        )
        person = _known_to_have_left(person, facts, memory)
        if met.key in run.erased:
            person = _after_erasure(person, facts)
        seen = b"" if self._waits(person, facts, found) else self._decoding.to_remember(rows)
        mailed = met.mailed and not run.blocked.match(rows[0].email)
        unsubscribed_at = NOTED if mailed else met.unsubscribed_at or None
        suppressed = Suppression(blacklisted, None if mailed else unsubscribed_at, mailed=mailed)
        seq = rows[0].rowid
        self._notice_arrival(met.key, facts, met.entry)
        recipient = remembered_recipient(person.email, memory, run.rules.own)
        nobody = not person.is_person and person.invalid is None and not person.erased
        plan = NO_PERSON
        if not nobody or memory.transferred:
            plan = decide(person, memory, recipient, suppressed, run.rules, run.now)
        if nobody and plan.change is None:
            memory = settle(plan, person, memory, run.now)
            plan = NO_PERSON._replace(shop=plan.shop)
            self._add(plan_row(Class.RECORD, seq, met.key, person, plan, memory, facts, seen, unsubscribed_at))
            return
        looked = met.entry is not None and met.entry.outcome == ELSEWHERE and met.entry.seen == seen
        class_ = self._class(plan, person, memory, blacklisted=blacklisted and not mailed, looked=looked)
        if class_ is Class.RECORD:
            plan = as_last_seen(plan, memory, run.rules)
            run.tally.done(plan, person.consent.state)
            if plan.outcome is Outcome.INVALID:
                self._keep_readable(met, person, plan, memory, facts, facts_before, found)
                return
            memory = settle(plan, person, memory, run.now)
        elif plan.outcome is Outcome.INVALID:
            facts, seen = _readable(person, facts, facts_before, found) or facts_before, b""
        elif class_ is Class.CHECK and plan.values is None:
            plan = plan._replace(values=self._values(person))
        self._activates += plan.activates and class_ is Class.UPDATE
        by_sibling = class_ in _MAY_BE_CREATED and not memory.transferred and run.siblings.had(person.email)
        # Of whom another transfer had sent only the list can tell whether they may be created.
        prints = None if by_sibling else run.rules.fingerprints
        at = unsubscribed_at
        self._add(plan_row(class_, seq, met.key, person, plan, memory, facts, seen, at, prints, by_sibling=by_sibling))

    def _keep_readable(
        self,
        met: Met,
        person: Person,
        plan: Plan,
        memory: Memory,
        facts: Facts,
        before: Facts,
        found: Sequence[Found],
    ) -> None:
        """Of somebody invalid what could be read is remembered: an order that the shop does not give again, say. The
        record that could not be read stays as it was, but for a withdrawal, which can be read all the same."""
        kept = _readable(person, facts, before, found)
        if kept is not None:
            self._add(plan_row(Class.RECORD, met.rows[0].rowid, met.key, person, plan, memory, kept, b"", None))

    def _values(self, person: Person) -> dict[str, str]:
        """The data fields of somebody of whom only the list can tell whether they are sent."""
        rules = self._run.rules
        bought = Kind.BUYER in kinds_of(person.consent.state, person.purchases) & rules.selection
        return rules.fields.values(person, buyer=bought and not person.excluded)

    def _implied(self, found: Sequence[Found]) -> Consent | None:
        """What absence from the consent file means for somebody, if they are absent: as far as all of it was read."""
        label = self._implied_by
        if label not in self._complete or any(item.stream == label for item in found):
            return None
        return _NO

    def _waits(self, person: Person, facts: Facts, found: Sequence[Found]) -> bool:
        """Whether the same rows may mean something else as soon as a stream is read completely again: somebody may be
        gone from it."""
        torn = self._implied_by is not None and self._implied_by not in self._complete
        if torn and person.consent.state is ConsentState.UNKNOWN:
            return True
        kept = facts.records[: len(facts.records) - len(found)]
        return any(record.rank != RANK_LEFT and record.stream in self._full_labels for record in kept)

    def _class(self, plan: Plan, person: Person, memory: Memory, *, blacklisted: bool, looked: bool) -> Class:
        run = self._run
        outcome = plan.outcome
        unknown = not memory.transferred and run.list_exists and not run.created_list
        if unknown and not blacklisted:
            if run.rules.adopt and outcome is not Outcome.INVALID:
                return Class.CHECK
            if run.own_tags_in_list and plan.shop is Shop.OPTED_OUT:
                return Class.CHECK
        if not blacklisted and run.list_exists and not run.created_list:
            away = unknown or memory.state is RecipientState.INACTIVE  # they may have come back by themselves
            if away and plan.reason == ELSEWHERE and (run.rules.resend or not looked):
                return Class.CHECK
        if memory.transferred and not blacklisted and withdrawn_again(plan.shop, person.consent, memory):
            return Class.CHECK
        if not blacklisted and self._may_be_renewed(plan, memory, unknown=unknown):
            return Class.CHECK
        if outcome is Outcome.CREATED:
            return Class.NEW
        if outcome is Outcome.UPDATED:
            return Class.UPDATE
        if outcome is Outcome.DEACTIVATED:
            return Class.CHECK if memory.state is RecipientState.BOUNCED else Class.END
        if run.options.against_target and outcome is Outcome.UNCHANGED:
            return Class.UPDATE
        return Class.RECORD

    def _may_be_renewed(self, plan: Plan, memory: Memory, *, unknown: bool) -> bool:
        """Whether somebody without a consent, who is to be left alone, may stand in the list with one that is not
        known here, as the state is of a backup. A resync looks."""
        run = self._run
        if not run.rules.resend or plan.outcome is not Outcome.SKIPPED or plan.shop not in _ENDS:
            return False
        return (unknown and run.own_tags_in_list) or memory.ended is not None

    def _absent(self, met: Met, entry: Entry) -> None:
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
        plan = decide(person, memory, recipient, Suppression(), run.rules._replace(resend=False), run.now)
        class_ = Class.RECORD
        if plan.change is not None and recipient is not None:
            if met.blacklisted and not met.mailed:
                return  # nobody mails them, and no change is taken: it is to be seen again when they no longer are
            class_ = Class.UPDATE
            self._activates += plan.activates
            if plan.outcome is Outcome.DEACTIVATED:
                # Whether a pattern of the blacklist fits is known by their address only, which the list knows.
                look = bool(run.blocked) or memory.state is RecipientState.BOUNCED
                class_ = Class.CHECK if look else Class.GONE
        else:
            plan = plan._replace(outcome=Outcome.SKIPPED, reason=OPEN)
        self._add(plan_row(class_, 0, met.key, person, plan, memory, facts, b"", None))

    def _erased(self, met: Met, entry: Entry) -> None:
        """Somebody of whom this read brought nothing but that a record of theirs was erased."""
        run = self._run
        facts_before, memory = known_of(run, entry)
        self.silence.note(met.key, facts_before, ())
        person, facts = self.absent_person("", facts_before)
        person = _after_erasure(person, facts)
        suppressed = Suppression(met.blacklisted, met.unsubscribed_at or None, mailed=met.mailed)
        rules = run.rules._replace(resend=False)
        plan = decide(person, memory, remembered_recipient("", memory, run.rules.own), suppressed, rules, run.now)
        class_ = Class.RECORD
        if plan.outcome is Outcome.DEACTIVATED:
            # Whether a pattern of the blacklist fits is known by their address only, which the list knows.
            class_ = Class.CHECK if run.blocked or memory.state is RecipientState.BOUNCED else Class.GONE
        elif plan.outcome is Outcome.UPDATED and person.is_person:
            class_ = Class.UPDATE
        if class_ is Class.RECORD:
            memory = settle(plan, person, memory, run.now)
            plan = plan._replace(outcome=Outcome.SKIPPED, reason=OPEN)
        self._activates += plan.activates and class_ is Class.UPDATE
        at = NOTED if met.mailed else met.unsubscribed_at or None
        self._add(plan_row(class_, 0, met.key, person, plan, memory, facts, b"", at))

    def _notice_arrival(self, key: bytes, facts: Facts, entry: Entry | None) -> None:
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


def _readable(person: Person, facts: Facts, before: Facts, found: Sequence[Found]) -> Facts | None:
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


def _known_to_have_left(person: Person, facts: Facts, memory: Memory) -> Person:
    """Who withdrew without any end to be recorded, as they were not in the list, say, has left all the same."""
    if memory.ended is not None:
        return person
    consent = still_left(person.consent, facts.records)
    return person if consent is person.consent else person._replace(consent=consent)


def _after_erasure(person: Person, facts: Facts) -> Person:
    """Somebody of whom the shop erased a record: they have no reason left, or are known to have bought nothing else."""
    if without_reason(facts):
        return person._replace(erased=True)
    return person if person.purchases is not None else person._replace(purchases=Purchases(0))
