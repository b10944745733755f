"""Customers who have another address now: what was known of them comes along, the old recipient's mailing ends, and
who had left stays away. Orders that have another address now count there only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from cleverreach_sync.domain.consent import ShopConsent
from cleverreach_sync.domain.decision import Decision, Outcome
from cleverreach_sync.domain.identity import accounts_of, idents_of, is_no_reason, joined, parted
from cleverreach_sync.domain.merge import NO_FACTS, PersonFacts, left_behind
from cleverreach_sync.domain.model import (
    ENDED_MOVED,
    ENDED_NO,
    ENDED_OPTED_OUT,
    NOTHING,
    RANK_LEFT,
    Consent,
    ConsentState,
    LastSynced,
    Person,
    Recipient,
    RecipientState,
    RecordFacts,
)
from cleverreach_sync.domain.statements import still_left
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.decide.arrivals import changed_addresses, leave_out_shared, met, rows_of, without_left
from cleverreach_sync.run.decide.deciding import Decider
from cleverreach_sync.run.decide.join import JoinedPerson
from cleverreach_sync.run.erasures import known_of
from cleverreach_sync.run.plan import OPEN, UNCHANGED, Step, candidate, plan_row
from cleverreach_sync.state.entries import Entry, body, facts_json, memory_tuple, read_body, split_idents
from cleverreach_sync.state.plans import PlanRow

_MAY_STILL_COME: Final = frozenset({Step.NEW, Step.CHECK})
_MAILED: Final = frozenset({UNCHANGED, Outcome.UPDATED.value})
_IN_LIST: Final = frozenset({RecipientState.ACTIVE, RecipientState.INACTIVE})


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


def follow_moves(run: Run, deciding: Decider) -> None:
    """Plans the ends of old addresses, decides the new ones with what came along, and bars those whose old one had
    left."""
    moves = AddressChanges(run, deciding)
    if moves.left:
        moves.decide()
        for start in range(0, len(moves.left), run.batch_size):
            moves.settle(moves.left[start : start + run.batch_size])
        moves.hand_over()
    run.spool.commit()


class AddressChanges:
    def __init__(self, run: Run, deciding: Decider) -> None:
        self._run = run
        self._deciding = deciding
        gone = changed_addresses(run)
        keys = list({key for old in gone for key in (old, *gone[old].values())})
        self._entries = run.ledger.entries(keys)
        self._read = rows_of(run, keys)
        leave_out_shared(run, gone, self._read)
        self._rows = {key: without_left(run, rows, gone.get(key, {})) for key, rows in self._read.items()}
        self._facts: dict[bytes, PersonFacts] = {}
        self._memories: dict[bytes, LastSynced] = {}
        self._decided: dict[bytes, JoinedPerson] = {}
        self._ended: set[bytes] = set()
        coming: dict[bytes, PersonFacts] = {}
        self.left = [self._leave(old, to, coming) for old, to in gone.items()]
        self._by_customers = {move.entry.key for move in self.left if move.to}
        for key, facts in coming.items():
            self._facts[key] = joined(self._known(key), facts)

    def _known(self, key: bytes) -> PersonFacts:
        """What is known of an address, as far as it has been changed by now."""
        if key not in self._facts:
            entry = self._entries.get(key)
            self._facts[key], self._memories[key] = (NO_FACTS, NOTHING) if entry is None else known_of(self._run, entry)
        return self._facts[key]

    def _leave(self, old: bytes, to: dict[str, bytes], coming: dict[bytes, PersonFacts]) -> Departure:
        run = self._run
        facts = self._known(old)
        accounts = accounts_of(facts) & to.keys()
        stays, _ = parted(facts, to)
        for ident, key in to.items():
            _, comes = parted(facts, {ident})
            own = tuple(record for record in comes.records if record.owner == ident and record.ident not in to)
            brought = {record.ident for record in own}
            orders = {each: order for each, order in comes.orders.items() if order.by in brought}
            own += self._of_who_is_gone(old, ident, facts, to)
            if own:
                coming[key] = joined(coming.get(key, NO_FACTS), PersonFacts(own, orders))
        if not run.ledger.knows_owners:  # every order was read again
            stays = stays._replace(orders={key: order for key, order in stays.orders.items() if order.by})
        said_yes = any(record.consent == ConsentState.YES for record in stays.records)
        yes = [record for record in facts.records if record.consent == ConsentState.YES]
        took_yes = frozenset(key for each in yes for ident, key in to.items() if ident in (each.ident, each.owner))
        certain = bool(accounts) and not self._rows.get(old) and self._is_empty(stays)
        if certain:
            stays, _ = parted(stays, {record.ident for record in stays.records if record.rank != RANK_LEFT})
            stays = PersonFacts(tuple(record for record in stays.records if record.rank == RANK_LEFT))
        self._facts[old] = stays
        new = {ident: to[ident] for ident in accounts}
        return Departure(
            self._entries[old], self._memories[old], stays, new, certain, said_yes, took_yes & {*new.values()}
        )

    def _of_who_is_gone(
        self, old: bytes, ident: str, facts: PersonFacts, to: dict[str, bytes]
    ) -> tuple[RecordFacts, ...]:
        """An order of an account that is gone, with what that account said last: it holds for the order wherever it is
        a guest's now."""
        orders = [each for each in facts.records if each.ident == ident and each.owner and each.owner not in to]
        if not orders:
            return ()
        owners = {each.owner for each in orders}
        brought = {self._run.ident_of(row) for row in self._rows.get(old, ())}
        said = [
            left_behind(each)
            for each in facts.records
            if each.ident in owners - brought
            and each.consent is not None
            and (each.rank == RANK_LEFT or self._run.complete.get(each.stream, False))
        ]
        there = {each.ident for each in said}
        return (*said, *(each for each in orders if each.owner in there))

    def _is_empty(self, facts: PersonFacts) -> bool:
        """Whether no record has the address any more: this read brought none of it, and would have. One that says
        nothing but no to the newsletter is no reason to go on mailing."""
        there = [record for record in facts.records if not is_no_reason(record, facts)]
        return all(self._run.complete.get(record.stream, False) for record in there)

    def decide(self) -> None:
        """Decides those anew of whom this read brought something, with what they gained and without what left."""
        for key in self._facts:
            read = self._read.get(key)
            if not read:
                continue
            read_now = met(self._run, key, read, self._entries.get(key))
            self._deciding.take_back(read_now)
            if rows := self._rows[key]:
                self._decided[key] = read_now._replace(rows=rows, entry=self._entry(key))
                self._deciding.again(self._decided[key])

    def _entry(self, key: bytes) -> Entry:
        """What the ledger would hold of an address."""
        known, memory = self._entries.get(key), self._memories[key]
        facts = body(facts_json(self._facts[key]), memory_tuple(memory))
        if known is None:
            return Entry(key, b"", OPEN, 0, 0, None, b"", b"", facts)
        # Not what came along: as long as it is at the old address, too, it is to be noticed as new here.
        had = idents_of(self._facts[key])
        idents = [ident for ident in split_idents(known.idents) if ident in split_idents(had)]
        return known._replace(seen=b"", outcome=OPEN, idents=b"".join(idents), body=facts)

    def hand_over(self) -> None:
        """What came along, and what left an address whose mailing goes on, is recorded before anything is written. A
        consent that left with it may have to be ended, which nobody would know of after an interruption."""
        left = {move.entry.key for move in self.left if move.memory.transferred and move.memory.ended is None}
        self._run.spool.hand_over(
            tuple(self._entry(key)._replace(due=int(key in left))) for key in self._facts if key not in self._ended
        )

    def settle(self, moves: Sequence[Departure]) -> None:
        """Plans ends, and those who stay without a row of this read; bars new addresses."""
        run = self._run
        ids = [move.memory.receiver_id for move in moves if move.memory.receiver_id is not None]
        found = run.target.read_ids(ids) if ids and run.list_exists else {}
        for move in moves:
            recipient = found.get(move.memory.receiver_id or "")
            reason = _left(run, move, recipient) if move.to else None
            for new in sorted({*move.to.values()}):
                if reason is not None:
                    self._bar(move, new, reason, run.now)
                elif (ended_at := self._ended_at(move, new)) is not None:
                    self._bar(move, new, ENDED_OPTED_OUT, ended_at)
            key = move.entry.key
            if move.certain:
                self._end(move, recipient)
            elif self._rows.get(key):
                self._end_if_refused(move, recipient)
            else:
                self._deciding.without_rows(self._entry(key), recipient, run.spool.suppressed_at(key))

    def _ended_at(self, move: Departure, new: bytes) -> int | None:
        """When the consent ended of somebody who has another address, if it did so since the last run, or before they
        were ever transferred; None if it did not, or was given again at the new address."""
        here, there = self._consent(move.entry.key), self._consent(new)
        if here.state is ConsentState.OPTED_OUT:
            ended_at = self._run.now if here.at is None else here.at
            again = there.state is ConsentState.YES and there.is_later_than(ended_at)
            return None if again else ended_at
        memory = move.memory
        if not memory.transferred or memory.ended is not None or memory.agreed is not ConsentState.YES:
            return None
        taken_back = new in move.took_yes and there.state is ConsentState.NO
        gone = move.said_yes and here.state is ConsentState.NO and there.state is not ConsentState.YES
        return self._run.now if taken_back or gone else None

    def _consent(self, key: bytes) -> Consent:
        """What the shop says of an address by now."""
        row = self._run.spool.planned_for(key)
        if row is not None:
            return candidate(row).person.consent
        person, facts = self._deciding.absent_person("", self._facts.get(key, NO_FACTS))
        return still_left(person.consent, facts.records)

    def _end_if_refused(self, move: Departure, recipient: Recipient | None) -> None:
        """Ends the mailing also if all that this read has brought of the address is no to the newsletter."""
        row = self._run.spool.planned_for(move.entry.key) if move.to and _may_end(move, recipient) else None
        if row is None or row.step not in (Step.RECORD, Step.UPDATE):
            return
        facts = _facts_of(row)
        if not facts.orders and all(is_no_reason(record, facts) for record in facts.records):
            self._deciding.take_back(self._decided[move.entry.key])
            self._end(move._replace(facts=facts), recipient)

    def _end(self, move: Departure, recipient: Recipient | None) -> None:
        run = self._run
        self._ended.add(move.entry.key)
        ending = _may_end(move, recipient)
        person = Person("", {}, Consent(ConsentState.UNKNOWN), None, None)
        decision = Decision(
            Outcome.DEACTIVATED if ending else Outcome.SKIPPED,
            ENDED_MOVED if ending else OPEN,
            frozenset(),
            ShopConsent.UNKNOWN,
        )
        run.spool.drop_planned(move.entry.key)
        step = Step.MOVED if ending else Step.RECORD
        run.spool.plan([plan_row(step, 0, move.entry.key, person, decision, move.memory, move.facts, b"", None)])

    def _bar(self, move: Departure, new: bytes, reason: str, ended_at: int) -> None:
        """Skips the new address, in this run and later, until a consent later than `ended_at`, even if another reason
        counts first for now."""
        run = self._run
        row = run.spool.planned_for(new)
        self._known(new)
        known = self._memories[new]
        if (
            not known.transferred or known.ended is not None
        ):  # for a run that follows one that dies; for somebody invalid
            self._memories[new] = _barred(known, reason, ended_at)
        if row is None:
            return
        who = candidate(row)
        memory = _barred(who.memory, reason, ended_at)
        if row.outcome in _MAILED and self._is_taken_over(move, row):
            self._deciding.take_back(self._decided[new])
            self._ended |= {new, move.entry.key}  # should this run die before the end, it is to be seen again
            ended = row._replace(step=int(Step.MOVED), email="", seq=0, memory=memory_tuple(memory), fields=None)
            run.spool.plan([ended])
            return
        if who.memory.transferred and who.memory.ended is None:
            self._leave_as_is(new, reason, ended_at)
            return
        if row.receiver_id is not None:  # inactive, and to go on from there
            run.spool.drop_planned(new)
            run.spool.plan([row._replace(memory=memory_tuple(memory))])
            return
        if row.step not in (*_MAY_STILL_COME, Step.RECORD):
            return
        run.spool.drop_planned(new)
        if row.step in _MAY_STILL_COME:
            run.tally.skip(reason)
        run.spool.plan(
            [row._replace(step=int(Step.RECORD), outcome=OPEN, memory=memory_tuple(memory), fields=None, created=None)]
        )

    def _leave_as_is(self, new: bytes, reason: str, ended_at: int) -> None:
        """Somebody who is in the list for a reason of their own stays there, and gets nothing of whoever came."""
        before = self._decided.get(new) or met(self._run, new, self._read[new], self._entries.get(new))
        known = self._memories[new]
        self._memories[new] = known._replace(left_before=reason, ended_at=max(ended_at, known.ended_at or 0))
        self._deciding.take_back(before)
        self._decided[new] = before._replace(rows=self._rows[new], entry=self._entry(new))
        self._deciding.again(self._decided[new])

    def _is_taken_over(self, move: Departure, row: PlanRow) -> bool:
        """Whether the recipient at a new address was that of customers who have left it in this read, too, and nobody
        has the address now but those who had left theirs."""
        if row.key not in self._decided or row.key not in self._by_customers:
            return False
        memory = candidate(row).memory
        if not memory.transferred or memory.ended is not None or memory.state is not RecipientState.ACTIVE:
            return False
        others, _ = parted(_facts_of(row), {ident for ident, key in move.to.items() if key == row.key})
        brought = {self._run.ident_of(each) for each in self._rows[row.key]}
        there = any(each.ident in brought and not is_no_reason(each, others) for each in others.records)
        return not there and not others.orders and self._is_empty(others)


def _facts_of(row: PlanRow) -> PersonFacts:
    return read_body(Entry(row.key, b"", OPEN, 0, 0, None, b"", b"", body(row.facts, None)))[0]


def _may_end(move: Departure, recipient: Recipient | None) -> bool:
    return recipient is not None and recipient.state in _IN_LIST and move.memory.ended is None


def _left(run: Run, move: Departure, recipient: Recipient | None) -> str | None:
    """Why the old address had left; None if it had not."""
    memory = move.memory
    suppressed = run.spool.suppressed_at(move.entry.key)
    if (suppressed or 0) < 0 or (recipient is not None and run.blocked.match(recipient.email)):
        return "blacklisted"
    if memory.left_before is not None:
        return memory.left_before
    if recipient is not None and recipient.state is RecipientState.UNSUBSCRIBED:
        return "unsubscribed_in_target"
    if suppressed is not None and (recipient is None or recipient.state is RecipientState.INACTIVE):
        return "unsubscribed_in_target"
    if memory.transferred and recipient is None:
        return "deleted_in_target"
    if memory.ended is not None and memory.ended != ENDED_MOVED:
        return "opted_out"
    return None


def _barred(memory: LastSynced, reason: str, ended_at: int) -> LastSynced:
    known = memory if memory is not NOTHING else LastSynced()
    return known._replace(
        left_before=reason, ended=known.ended or ENDED_NO, ended_at=max(ended_at, known.ended_at or 0)
    )
