"""Customers who have another address now: what was known of them comes along, the old recipient's mailing ends, and
who had left stays away. Orders that have another address now count there only."""

from __future__ import annotations

from collections.abc import Sequence

from cleverreach_sync.domain.consent import ShopConsent
from cleverreach_sync.domain.decision import Decision, Outcome
from cleverreach_sync.domain.identity import accounts_of, is_no_reason, joined, parted
from cleverreach_sync.domain.merge import NO_FACTS, PersonFacts, left_behind
from cleverreach_sync.domain.model import (
    ENDED_MOVED,
    IN_LIST,
    RANK_LEFT,
    Consent,
    ConsentState,
    Person,
    Recipient,
    RecordFacts,
    SkipReason,
)
from cleverreach_sync.domain.statements import still_left
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.decide.addresses import Addresses, Departure, facts_of
from cleverreach_sync.run.decide.arrivals import changed_addresses, leave_out_shared
from cleverreach_sync.run.decide.bars import Bars, why_left
from cleverreach_sync.run.decide.deciding import Decider
from cleverreach_sync.run.plan import OPEN, Decided, Step, case_of, plan_row


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
    """What this read shows to have another address. `left`: the addresses that something has left."""

    def __init__(self, run: Run, deciding: Decider) -> None:
        self._run = run
        self._deciding = deciding
        gone = changed_addresses(run)
        self._addresses = Addresses(run, deciding, gone)
        leave_out_shared(run, gone, self._addresses.read)
        self._addresses.leave_out(gone)
        coming: dict[bytes, PersonFacts] = {}
        self.left = [self._leave(old, to, coming) for old, to in gone.items()]
        self._bars = Bars(run, self._addresses, {move.entry.key for move in self.left if move.to})
        for key, facts in coming.items():
            self._addresses.facts[key] = joined(self._addresses.known(key), facts)

    def _leave(self, old: bytes, to: dict[str, bytes], coming: dict[bytes, PersonFacts]) -> Departure:
        run, addresses = self._run, self._addresses
        facts = addresses.known(old)
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
        certain = bool(accounts) and not addresses.rows.get(old) and addresses.is_empty(stays)
        if certain:
            stays, _ = parted(stays, {record.ident for record in stays.records if record.rank != RANK_LEFT})
            stays = PersonFacts(tuple(record for record in stays.records if record.rank == RANK_LEFT))
        addresses.facts[old] = stays
        new = {ident: to[ident] for ident in accounts}
        entry, memory = addresses.entries[old], addresses.memories[old]
        return Departure(entry, memory, stays, new, certain, said_yes, took_yes & {*new.values()})

    def _of_who_is_gone(
        self, old: bytes, ident: str, facts: PersonFacts, to: dict[str, bytes]
    ) -> tuple[RecordFacts, ...]:
        """An order of an account that is gone, with what that account said last: it holds for the order wherever it is
        a guest's now."""
        orders = [each for each in facts.records if each.ident == ident and each.owner and each.owner not in to]
        if not orders:
            return ()
        owners = {each.owner for each in orders}
        brought = {self._run.ident_of(row) for row in self._addresses.rows.get(old, ())}
        said = [
            left_behind(each)
            for each in facts.records
            if each.ident in owners - brought
            and each.consent is not None
            and (each.rank == RANK_LEFT or self._run.complete.get(each.stream, False))
        ]
        there = {each.ident for each in said}
        return (*said, *(each for each in orders if each.owner in there))

    def decide(self) -> None:
        """Decides those again of whom this read brought something, with what they gained and without what left."""
        addresses = self._addresses
        for key in addresses.facts:
            if addresses.read.get(key):
                addresses.decide_again(addresses.joined(key))

    def hand_over(self) -> None:
        """What came along, and what left an address whose mailing goes on, is recorded before anything is written. A
        consent that left with it may have to be ended, which nobody would know of after an interruption."""
        addresses = self._addresses
        left = {move.entry.key for move in self.left if move.memory.transferred and move.memory.ended is None}
        kept = (key for key in addresses.facts if key not in addresses.ended)
        self._run.spool.hand_over(tuple(addresses.entry(key)._replace(due=int(key in left))) for key in kept)

    def settle(self, moves: Sequence[Departure]) -> None:
        """Plans ends, and those who stay without a row of this read; bars new addresses."""
        run = self._run
        ids = [move.memory.recipient_id for move in moves if move.memory.recipient_id is not None]
        found = run.target.look_up(ids) if ids and run.recipient_list is not None else {}
        for move in moves:
            recipient = found.get(move.memory.recipient_id or "") or self._asked_alone(move)
            reason = why_left(run, move, recipient) if move.to else None
            for new in sorted({*move.to.values()}):
                if reason is not None:
                    self._bars.bar(move, new, reason, run.now)
                elif (ended_at := self._ended_at(move, new)) is not None:
                    self._bars.bar(move, new, SkipReason.OPTED_OUT, ended_at)
            key = move.entry.key
            if move.certain:
                self._end(move, recipient)
            elif self._addresses.rows.get(key):
                self._end_if_refused(move, recipient)
            else:
                suppressed = run.spool.suppression(key)
                self._deciding.absent.at_other_address(self._addresses.entry(key), recipient, suppressed)

    def _asked_alone(self, move: Departure) -> Recipient | None:
        """Whom an answer about many lacks, though nobody saw them leave: on it depends whether their old address is
        mailed for ever, and the new one never."""
        memory = move.memory
        if memory.recipient_id is None or memory.status not in IN_LIST or self._run.recipient_list is None:
            return None
        return self._run.target.look_up_one(memory.recipient_id)

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
            return case_of(row, None, filled=False).person.consent
        person, facts = self._deciding.persons.read("", (), self._addresses.facts.get(key, NO_FACTS))
        return still_left(person.consent, facts.records)

    def _end_if_refused(self, move: Departure, recipient: Recipient | None) -> None:
        """Ends the mailing also if all that this read has brought of the address is no to the newsletter."""
        row = self._run.spool.planned_for(move.entry.key) if move.to and _may_end(move, recipient) else None
        if row is None or row.step not in (Step.RECORD, Step.UPDATE):
            return
        facts = facts_of(row)
        if not facts.orders and all(is_no_reason(record, facts) for record in facts.records):
            self._addresses.take_back(move.entry.key)
            self._end(move._replace(facts=facts), recipient)

    def _end(self, move: Departure, recipient: Recipient | None) -> None:
        run = self._run
        self._addresses.ended.add(move.entry.key)
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
        run.spool.plan([plan_row(step, Decided(move.entry.key, person, decision, move.memory, move.facts))])


def _may_end(move: Departure, recipient: Recipient | None) -> bool:
    return recipient is not None and recipient.status in IN_LIST and move.memory.ended is None
