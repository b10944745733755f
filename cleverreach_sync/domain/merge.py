"""Records of the three signals -> one person. Pure.

What this read did not bring again is added from what is remembered of earlier reads, so that after any increments a
person is what one full read would have made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import compress
from typing import Final, NamedTuple

from cleverreach_sync.domain.model import (
    PROFILE_FIELDS,
    RANK_CUSTOMER,
    RANK_EXCLUDED,
    RANK_LEFT,
    Consent,
    ConsentState,
    Order,
    Person,
    Purchases,
    Record,
    RecordFacts,
)
from cleverreach_sync.domain.statements import (
    NONE,
    merge_consent,
    says_out,
    state_of,
    still_told,
    told_ahead,
    withdrew_again,
)

BITS: Final = {name: 1 << n for n, name in enumerate(PROFILE_FIELDS)}
NOT_FOLLOWED: Final[Mapping[str, int]] = {}
STATED: Final = (ConsentState.YES.value, ConsentState.OPTED_OUT.value)  # what somebody did
_YES = ConsentState.YES
_NO = ConsentState.NO
_OUT = ConsentState.OPTED_OUT
_NONE_LEFT: Final[frozenset[str]] = frozenset()


class PersonFacts(NamedTuple):
    """What is remembered of one person: their records, and their orders by keyed hash of the ID. `lost`: something they
    had bought is gone, so that without any order they are known to have none."""

    records: tuple[RecordFacts, ...] = ()
    orders: dict[str, Order] = {}  # noqa: RUF012 - never changed
    lost: bool = False

    @property
    def is_person(self) -> bool:
        """Whether they are known by more than what makes nobody a person."""
        return any(record.makes_person and record.rank != RANK_LEFT for record in self.records)


NO_FACTS: Final = PersonFacts()


class SourceRecord(NamedTuple):
    """One record of this read. `ident` is the keyed hash of its own identity, `owner` that of the account's record it
    belongs to, "" if it has none."""

    stream: str
    ident: str
    record: Record
    owner: str = ""


class ReadScope(NamedTuple):
    """What a read was about, alike for everybody. `complete` names the streams that were read completely. `now` is the
    time an undated withdrawal counts from, `order_key` hashes the ID of an order. `followed` are the streams whose
    records are followed from read to read, with the time when all of each was read last, 0 if that is not known.
    `read` are the streams that are read at all; None: all that are known. `retold` are those whose records told of
    consent in another way in earlier reads, `unnumbered` those whose records have no ID in this one."""

    complete: Collection[str]
    now: int
    order_key: Callable[[str], str]
    followed: Mapping[str, int] = NOT_FOLLOWED
    read: Collection[str] | None = None
    retold: Collection[str] = ()
    unnumbered: Collection[str] = ()


def merge(
    email: str,
    found: Sequence[SourceRecord],
    before: PersonFacts,
    scope: ReadScope,
    implied: Consent | None = None,
) -> tuple[Person, PersonFacts]:
    """One person of the records of this read and of what is remembered, and what is to be remembered from now on.
    `implied` is what absence from a complete consent file means for somebody who is not in it."""
    if scope.read is not None and before.records:
        before = before._replace(records=still_told(before.records, scope.read, scope.retold))
    kept, gone = _still_valid(found, before.records, scope) if before.records else ((), ())
    left = {old.ident for old in kept if old.ident and old.rank == RANK_LEFT} if kept else _NONE_LEFT
    told_until = told_ahead([item.record for item in found], before.records, scope.now)
    fresh = tuple([_remember(item, found, before.records, scope, left, told_until) for item in found])
    known = _without(before, gone) if gone else before
    orders = _orders(found, known.orders, scope.order_key)
    invalid: str | None = None
    created: int | None = None
    for _, _, record, _ in found:
        invalid = invalid or record.invalid
        if record.created_at is not None and (created is None or record.created_at < created):
            created = record.created_at
    facts = PersonFacts((*kept, *fresh), orders, known.lost)

    consent = merge_consent(facts.records)
    if implied is not None and consent.state is ConsentState.UNKNOWN:
        consent = implied
    if told_until and consent.state is _NO:
        consent = consent._replace(at=max(told_until, consent.at or 0))
    person = Person(
        email,
        _profile(found, kept, gone),
        consent,
        _purchases(facts),
        created,
        invalid,
        invalid is not None and any(says_out(item.record) for item in found),
        facts.is_person,
        _excluded(facts.records, orders),
    )
    return person, facts


def _excluded(records: Sequence[RecordFacts], orders: dict[str, Order]) -> bool:
    """Whether somebody comes from where nobody may be transferred from: by their account, or by all of their orders."""
    if len(records) == 1 and not orders:
        return records[0].rank == RANK_EXCLUDED
    ranks = [record.rank for record in records]
    if RANK_EXCLUDED in ranks and RANK_CUSTOMER not in ranks:
        return True
    if not orders:
        return False
    known = orders.values()
    return any(order.excluded for order in known) and not any(order.counts for order in known)


def _still_valid(
    found: Sequence[SourceRecord], remembered: Sequence[RecordFacts], scope: ReadScope
) -> tuple[tuple[RecordFacts, ...], tuple[RecordFacts, ...]]:
    """The remembered records that this read neither replaced nor showed to be gone, with what is left of the latter;
    and those that are gone.

    Of an account some orders of which were not read again it stays known which fields it had: what these orders say
    themselves counts from now on, but is not known yet.
    """
    read = {(item.stream, item.ident) for item in found}
    streams = {item.stream for item in found}
    kept: list[RecordFacts] = []
    gone: list[RecordFacts] = []
    for old in remembered:
        if (old.stream, old.ident) in read:
            continue
        # The source has IDs by now, or none any more.
        if old.stream in streams and (not old.ident or old.stream in scope.unnumbered):
            if old.consent == _OUT or old.left_at is not None:
                kept.append(left_behind(old))
            continue
        still = not (old.filled or old.extras) if old.rank == RANK_LEFT else old.stream not in scope.complete
        (kept if still else gone).append(old)
    if not gone:
        return tuple(kept), ()
    owners = {record.owner for record in kept if record.owner}
    for old in gone:
        left = left_behind(old)
        if old.ident in owners:
            left = left._replace(filled=old.filled, extras=old.extras)
        if left.consent is not None or left.filled or left.extras:
            kept.append(left)
    return tuple(kept), tuple(old for old in gone if old.ident not in owners)


def left_behind(record: RecordFacts) -> RecordFacts:
    """What stays of a record that is gone: a withdrawal or a no goes on to hold, a yes is a no from now on."""
    yes = record.consent == _YES
    stated = record.consent in STATED or record.consent == _NO
    return RecordFacts(
        record.stream,
        record.ident,
        RANK_LEFT,
        None,
        _NO.value if yes else record.consent if stated else None,
        None if yes or not stated else record.consent_at,
        None,
        None,
        None,
        0,
        (),
        left_at=record.left_at,
        makes_person=False,
    )


def _without(facts: PersonFacts, gone: Sequence[RecordFacts]) -> PersonFacts:
    """The facts without the orders that records brought that are gone."""
    idents = {record.ident for record in gone if record.ident}
    orders = {key: order for key, order in facts.orders.items() if order.by not in idents}
    lost = len(orders) < len(facts.orders) or any(record.number is not None for record in gone)
    return facts._replace(orders=orders, lost=facts.lost or lost)


def _remember(
    item: SourceRecord,
    found: Sequence[SourceRecord],
    remembered: Sequence[RecordFacts],
    scope: ReadScope,
    left: Collection[str],
    told_until: int,
) -> RecordFacts:
    record = item.record
    profile = record.profile
    bits, has_extras = _bits_of(tuple(profile))
    filled = sum(compress(bits, profile.values()))
    extras = tuple([name for name, value in profile.items() if value and name not in BITS]) if has_extras else ()
    said = NONE
    if record.consent is not None or remembered:
        same = [old for old in remembered if old.ident == item.ident and old.stream == item.stream]
        if record.consent is not None and record.consent.at is None and says_out(record):
            alike = [other.record for other in found if other.ident == item.ident and other.stream == item.stream]
            if withdrew_again(alike, same):
                record = record._replace(consent=record.consent._replace(at=max(scope.now, told_until)))
        last_read = scope.followed.get(item.stream) if item.ident else None
        told = (scope.now, last_read, told_until)
        said = state_of(record, same, *told, complete=item.stream in scope.complete)
    bought = record.purchases
    return RecordFacts(
        item.stream,
        item.ident,
        record.rank,
        record.at,
        said.consent,
        said.consent_at,
        None if bought is None else bought.number,
        None if bought is None else bought.last_at,
        None if bought is None else bought.total,
        filled,
        extras,
        item.owner or _former_owner(item, remembered, left),
        said.turned,
        said.left_at,
        record.makes_person,
    )


def _former_owner(item: SourceRecord, remembered: Sequence[RecordFacts], left: Collection[str]) -> str:
    """The account that an order belonged to which is gone: what it said last still holds for its orders."""
    owner = next((old.owner for old in remembered if old.ident == item.ident and old.stream == item.stream), "")
    return owner if owner in left else ""


@lru_cache(maxsize=1024)
def _bits_of(names: tuple[str, ...]) -> tuple[tuple[int, ...], bool]:
    """The bits of a profile's fields, 0 for `extra.*`, and whether it has such."""
    return tuple(BITS.get(name, 0) for name in names), any(name not in BITS for name in names)


def _latest(dates: Sequence[int | None]) -> int | None:
    return max((date for date in dates if date is not None), default=None)


def _profile(found: Sequence[SourceRecord], kept: Sequence[RecordFacts], gone: Sequence[RecordFacts]) -> dict[str, str]:
    """Field by field the value of the record that counts most; not where a record that this read did not bring again
    has one that counts more. What only a record had that is gone is empty."""
    if len(found) == 1 and not kept and not gone:
        return found[0].record.profile
    order = sorted(
        enumerate(item.record for item in found),
        key=lambda at: (at[1].rank, at[1].at is not None, at[1].at or 0, at[0]),
        reverse=True,
    )
    merged: dict[str, str] = {}
    winner: dict[str, Record] = {}
    for _, record in order:
        for name, value in record.profile.items():
            if value and not merged.get(name):
                merged[name] = value
                winner[name] = record
            elif name not in merged:
                merged[name] = value
    for name in list(merged):
        if any(_has(old, name) and _counts_more(old, winner.get(name)) for old in kept):
            del merged[name]
    for old in gone:
        for name in _names_of(old):
            if name not in merged and not any(_has(other, name) for other in kept):
                merged[name] = ""
    return merged


def _names_of(old: RecordFacts) -> list[str]:
    """The profile fields that had a value."""
    return [*(name for name, bit in BITS.items() if old.filled & bit), *old.extras]


def _has(old: RecordFacts, name: str) -> bool:
    bit = BITS.get(name)
    return bool(old.filled & bit) if bit is not None else name in old.extras


def _counts_more(old: RecordFacts, record: Record | None) -> bool:
    if record is None:
        return True
    return (old.rank, old.at is not None, old.at or 0) > (record.rank, record.at is not None, record.at or 0)


def _orders(
    found: Sequence[SourceRecord], before: dict[str, Order], order_key: Callable[[str], str]
) -> dict[str, Order]:
    if not before and not [item for item in found if item.record.orders]:
        return before
    orders = dict(before)
    for item in found:
        for order in item.record.orders:
            key = order_key(order.id)
            orders[key] = order._replace(id=key, by=item.ident)
    return orders


def _purchases(facts: PersonFacts) -> Purchases | None:
    records, orders, lost = facts
    if len(records) == 1 and not orders and not lost:
        only = records[0]
        return None if only.number is None else Purchases(only.number, only.last_at, only.total)
    summaries = [record for record in records if record.number is not None]
    if not summaries and not orders:
        return Purchases(0) if lost else None
    counting = [order for order in orders.values() if order.counts]
    last = [record.last_at for record in summaries] + [order.at for order in counting]
    totals = [record.total for record in summaries if record.number] + [order.total for order in counting]
    currencies = {order.currency for order in counting if order.currency}
    total = _sum(totals)
    if len(currencies) > 1 or (counting and total is None):
        total = ""
    return Purchases(
        number=sum(record.number or 0 for record in summaries) + len(counting),
        last_at=_latest(last),
        total=total,
    )


def _sum(amounts: Sequence[str | None]) -> str | None:
    known = [amount for amount in amounts if amount is not None]
    if len(known) <= 1:
        return known[0] if known else None
    return format(sum(map(Decimal, known), Decimal(0)), "f")
