"""Which records and orders belong together: what comes along when somebody has another address. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from cleverreach_sync.domain.merge import NO_FACTS, STATED, PersonFacts, left_behind
from cleverreach_sync.domain.model import RANK_GUEST, RANK_LEFT, ConsentState, RecordFacts

_NO_ACCOUNT: Final = (RANK_GUEST, RANK_LEFT)
_REFUSED: Final = (ConsentState.NO.value, ConsentState.OPTED_OUT.value)


def idents_of(facts: PersonFacts) -> bytes:
    """The keyed hashes by which somebody is found again at another address: those of customers, of accounts that
    orders belong to, of the records of single orders, and of those that say something about the newsletter."""
    records = facts.records
    found = [record.ident for record in records if record.ident and record.rank not in _NO_ACCOUNT]
    if facts.orders or len(records) > len(found):
        bringers = {order.by for order in facts.orders.values()}
        others = [record.owner for record in records if record.owner]
        others += [record.ident for record in records if record.ident in bringers or _states(record)]
        found = list(dict.fromkeys((*found, *filter(None, others))))
    return bytes.fromhex("".join(found))


def _states(record: RecordFacts) -> bool:
    return record.consent is not None and record.rank == RANK_GUEST


def accounts_of(facts: PersonFacts) -> set[str]:
    """The idents of the customers' records."""
    return {record.ident for record in facts.records if record.ident and record.rank not in _NO_ACCOUNT}


def owners_of(facts: PersonFacts) -> set[str]:
    """The idents of accounts that only something of theirs is known of here: they may be at home elsewhere."""
    return {record.owner for record in facts.records if record.owner} - accounts_of(facts)


def refuses_only(record: RecordFacts, facts: PersonFacts) -> bool:
    """Whether all that a record of an address says is no to the newsletter: no account, no order."""
    brought = any(order.by == record.ident for order in facts.orders.values())
    return record.rank == RANK_GUEST and record.consent in _REFUSED and record.number is None and not brought


def is_no_reason(record: RecordFacts, facts: PersonFacts) -> bool:
    """Whether nobody is mailed for what a record says."""
    return record.rank == RANK_LEFT or refuses_only(record, facts)


def without_reason(facts: PersonFacts) -> bool:
    """Whether nothing that is known of an address makes anybody a person: no account, no consent, no order that
    counts."""
    if any(order.counts for order in facts.orders.values()):
        return False
    return all(
        record.rank in _NO_ACCOUNT and record.number is None and record.consent != ConsentState.YES
        for record in facts.records
    )


def parted(facts: PersonFacts, gone: Collection[str]) -> tuple[PersonFacts, PersonFacts]:
    """What stays at an address, and what leaves it, when the records `gone`, and what belongs to them, are at others.

    What a record that leaves said about the newsletter stays behind: a withdrawal goes on to hold for the address, a
    yes is a no from now on.
    """
    leaving = [record for record in facts.records if record.ident in gone or record.owner in gone]
    if not leaving:
        return facts, NO_FACTS
    idents = {record.ident for record in leaving if record.ident}
    orders = {key: order for key, order in facts.orders.items() if order.by in idents}
    staying = {key: order for key, order in facts.orders.items() if key not in orders}
    records = [record for record in facts.records if record not in leaving]
    records += [left_behind(record) for record in leaving if record.consent in STATED or record.left_at is not None]
    lost = facts.lost or bool(orders) or any(record.number is not None for record in leaving)
    stays = PersonFacts(tuple(records), staying, lost)
    return stays, PersonFacts(tuple(_on_the_way(record) for record in leaving if record.rank != RANK_LEFT), orders)


def _on_the_way(record: RecordFacts) -> RecordFacts:
    """At another address a yes does not become a new one by a no that was said at this one."""
    return record._replace(turned=None) if record.consent == ConsentState.NO else record


def joined(facts: PersonFacts, coming: PersonFacts) -> PersonFacts:
    """The facts of an address with those that come to it. A record or an order that is there stays as it is."""
    if coming is NO_FACTS:
        return facts
    there = {(record.stream, record.ident) for record in facts.records if record.rank != RANK_LEFT}
    new = tuple(record for record in coming.records if (record.stream, record.ident) not in there)
    again = {(record.stream, record.ident) for record in new}
    kept = tuple(record for record in facts.records if (record.stream, record.ident) not in again)
    return PersonFacts((*kept, *new), {**coming.orders, **facts.orders}, facts.lost)
