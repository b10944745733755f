"""People of whom this read brought nothing: they are decided by what is remembered of them, and are no person of this
run unless they have to be written to."""

from __future__ import annotations

from typing import Final

from cleverreach_sync.domain.decide import decide
from cleverreach_sync.domain.decision import Case, Decision, Outcome, Suppression
from cleverreach_sync.domain.memory import settle
from cleverreach_sync.domain.model import RANK_LEFT, LastSynced, Recipient, Status
from cleverreach_sync.domain.standing import remembered_recipient
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.decide.join import JoinedPerson
from cleverreach_sync.run.decide.persons import Persons, after_erasure, by_pattern, known_to_have_left
from cleverreach_sync.run.decide.planning import Planning
from cleverreach_sync.run.decide.silence import Silence
from cleverreach_sync.run.erasures import known_of
from cleverreach_sync.run.plan import OPEN, Decided, Step
from cleverreach_sync.state.entries import Entry

_TO_WRITE: Final = {Outcome.UPDATED: Step.UPDATE, Outcome.DEACTIVATED: Step.END}


class Absent:
    """Decides people without rows into the plan."""

    def __init__(self, run: Run, persons: Persons, planning: Planning, silence: Silence) -> None:
        self._run = run
        self._persons = persons
        self._planning = planning
        self._silence = silence
        self._rules = run.rules._replace(resend=False)  # nobody is sent anew of whom this read brought nothing

    def decide(self, joined: JoinedPerson, entry: Entry) -> None:
        """Somebody who may be gone from a stream that was read completely, or whose end waits."""
        run, complete = self._run, self._persons.complete
        if joined.key in run.unaddressed:
            self._unaddressed(joined, entry)
            return
        if not entry.due and not complete:
            return
        before, memory = known_of(run, entry)
        self._silence.note(joined.key, before, ())
        if not entry.due and not any(
            record.stream in complete and record.rank != RANK_LEFT for record in before.records
        ):
            return
        person, facts = self._persons.read("", (), before)
        if facts == before and not entry.due:
            return
        person = known_to_have_left(person, facts, memory)
        recipient = remembered_recipient("", memory, run.rules)
        barred = joined.suppressed.blacklisted and not joined.suppressed.still_mailed
        known = joined.suppressed._replace(blacklisted=False) if barred else joined.suppressed
        decision = decide(Case(person, memory, recipient, known), self._rules, run.now)
        if decision.change is None or recipient is None:
            step, decision = Step.RECORD, _open(decision)
        elif barred:
            return  # nobody mails them, and no change is taken: it is to be seen again when they no longer are
        else:
            step = self._end(memory) if decision.outcome is Outcome.DEACTIVATED else Step.UPDATE
        self._planning.add(step, Decided(joined.key, person, decision, memory, facts, suppressed=known))

    def _end(self, memory: LastSynced) -> Step:
        """Whether a pattern of the blacklist fits is known by their address only, which the list knows."""
        return Step.CHECK if self._run.blocked or memory.status is Status.BOUNCED else Step.GONE

    def _unaddressed(self, joined: JoinedPerson, entry: Entry) -> None:
        """Somebody of whom this read brought nothing but that a record of theirs was erased, or has no address."""
        run = self._run
        before, memory = known_of(run, entry)
        self._silence.note(joined.key, before, ())
        person, facts = self._persons.read("", (), before)
        erased = joined.key in run.erased
        person = after_erasure(person, facts) if erased else known_to_have_left(person, facts, memory)
        recipient = remembered_recipient("", memory, run.rules)
        decision = decide(Case(person, memory, recipient, joined.suppressed), self._rules, run.now)
        step = Step.RECORD
        if decision.outcome is Outcome.DEACTIVATED:
            step = self._end(memory)
        elif decision.outcome is Outcome.UPDATED and (person.is_person or not erased):
            step = Step.UPDATE
        if step is Step.RECORD:
            memory, decision = settle(decision, person, memory, run.now), _open(decision)
        self._planning.add(step, Decided(joined.key, person, decision, memory, facts, suppressed=joined.suppressed))

    def at_other_address(self, entry: Entry, recipient: Recipient | None, suppressed: Suppression) -> None:
        """Somebody whose facts are others all the same, as something of theirs is at another address now."""
        run = self._run
        before, memory = known_of(run, entry)
        email = "" if recipient is None else recipient.email
        self._silence.note(entry.key, before, ())
        person, facts = self._persons.read(email, (), before)
        person = known_to_have_left(person, facts, memory)
        suppressed = by_pattern(run.blocked, email, suppressed)
        decision = decide(Case(person, memory, recipient, suppressed), self._rules, run.now)
        step = _TO_WRITE.get(decision.outcome, Step.RECORD) if recipient is not None else Step.RECORD
        if step is Step.RECORD:
            decision = _open(decision)
        run.spool.drop_planned(entry.key)
        self._planning.add(step, Decided(entry.key, person, decision, memory, facts, suppressed=suppressed))
        self._planning.flush()


def _open(decision: Decision) -> Decision:
    return decision._replace(outcome=Outcome.SKIPPED, reason=OPEN)
