"""What the ledger keeps of one person, and its form: built-in types and JSON, without a name or an address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import orjson

from cleverreach_sync.domain.merge import NO_FACTS, PersonFacts
from cleverreach_sync.domain.model import (
    NOTHING,
    ConsentState,
    Kind,
    LastSynced,
    Order,
    RecordFacts,
    SkipReason,
    Stamps,
    Status,
)
from cleverreach_sync.errors import StateError
from cleverreach_sync.messages import say


class Entry(NamedTuple):
    """One row. `body` is read by `read_body` when needed; `check` is the checksum it was stored with."""

    key: bytes
    seen: bytes
    outcome: str
    kinds: int
    due: int
    recipient_id: str | None
    fingerprint: bytes
    idents: bytes
    body: bytes
    check: bytes = b""


_KIND_BITS: Final = {Kind.SUBSCRIBER: 1, Kind.BUYER: 2, Kind.CONTACT: 4}
_KINDS_OF: Final = {bits: frozenset(kind for kind, bit in _KIND_BITS.items() if bits & bit) for bits in range(8)}
_BITS_OF: Final = {kinds: bits for bits, kinds in _KINDS_OF.items()}
_WORDS: Final = {  # as earlier versions wrote them
    Status.SUBSCRIBED: "active",
    Status.NOT_SUBSCRIBED: "inactive",
    Status.PENDING: "pending",
    Status.UNSUBSCRIBED: "unsubscribed",
    Status.BOUNCED: "bounced",
    Status.ARCHIVED: "archived",
    Status.ABSENT: "absent",
}
_STATUSES: Final = {word: status for status, word in _WORDS.items()}
CONSENTS: Final = {state.value: state for state in ConsentState}


_IDENT_BYTES: Final = 10


def split_idents(idents: bytes) -> list[bytes]:
    """The keyed hashes of an entry's `idents`."""
    return [idents[at : at + _IDENT_BYTES] for at in range(0, len(idents), _IDENT_BYTES)]


def kind_bits(kinds: frozenset[Kind]) -> int:
    return _BITS_OF[kinds]


def kinds_in(bits: int) -> frozenset[Kind]:
    return _KINDS_OF[bits]


_OWNER: Final = RecordFacts._fields.index("owner")


def facts_json(facts: PersonFacts) -> bytes:
    """The facts for an entry's body. Owners, and the records that brought orders, are written as numbers."""
    nobody = not facts.is_person
    records: list[Any] = [_plain(record, nobody=nobody) for record in facts.records]
    if not facts.orders and not facts.lost and not any(record[_OWNER] for record in facts.records):
        return orjson.dumps((records, {}, True) if nobody else (records,))
    number = {record.ident: at for at, record in enumerate(facts.records) if record.ident}
    orders: dict[str, Any] = {}
    for key, order in facts.orders.items():
        by = number.get(order.by)
        if order.excluded:
            orders[key] = (*order[1:5], by, True)
        else:
            orders[key] = order[1:5] if by is None else (*order[1:5], by)
    owners = list(dict.fromkeys([record.owner for record in facts.records if record.owner]))
    if not owners and not facts.lost:
        return orjson.dumps((records, orders, True) if nobody else (records, orders))
    for at, record in enumerate(facts.records):
        if record.owner:
            records[at] = _plain(record, owners.index(record.owner), nobody=nobody)
    return orjson.dumps((records, orders, nobody, owners, True) if facts.lost else (records, orders, nobody, owners))


def _plain(record: RecordFacts, owner: int | None = None, *, nobody: bool) -> tuple[Any, ...]:
    """A record in built-in types (a named tuple is nothing to orjson), without what nearly all lack. `nobody`: it is
    said once that none of them makes a person."""
    if (nobody or record.makes_person) and record.turned is None and record.left_at is None:
        return record[:_OWNER] if owner is None else (*record[:_OWNER], owner)
    return (*record[:_OWNER], owner, *record[_OWNER + 1 :])


def memory_tuple(memory: LastSynced) -> tuple[Any, ...] | None:
    """The memory in built-in types, without recipient ID and fingerprint, which stand beside it; None for none."""
    if memory is NOTHING:
        return None
    return (
        _WORDS[memory.status],
        _BITS_OF[memory.tags],
        memory.agreed._value_,
        memory.ended,
        memory.ended_at,
        memory.made_inactive,
        memory.run,
        memory.left_before and memory.left_before._value_,
        memory.woken_at,
        memory.stamps and tuple(memory.stamps),
    )


def memory_of(document: Sequence[Any] | None, recipient_id: str | None, fingerprint: bytes) -> LastSynced:
    """What `memory_tuple` made."""
    if document is None:
        return NOTHING
    status, tags, agreed, ended, ended_at, made_inactive, run, left_before, *later = document
    woken_at, stamps = (*later, None, None)[:2]
    return LastSynced(
        recipient_id,
        _STATUSES[status],
        _KINDS_OF[tags],
        fingerprint,
        CONSENTS[agreed],
        ended,
        ended_at,
        made_inactive,
        run,
        None if left_before is None else SkipReason(left_before),
        woken_at,
        stamps and Stamps._make(stamps),
    )


def body(facts: bytes, memory: tuple[Any, ...] | None) -> bytes:
    """An entry's body of `facts_json` and `memory_tuple`."""
    return b"[" + facts + b"," + orjson.dumps(memory) + b"]"


def read_body(entry: Entry) -> tuple[PersonFacts, LastSynced]:
    """What is remembered of a person. Raises StateError for a body that cannot be read."""
    try:
        facts, memory = orjson.loads(entry.body)
        return _facts(facts), memory_of(memory, entry.recipient_id, entry.fingerprint)
    except (ValueError, TypeError, LookupError) as error:
        raise StateError(
            say("state.unreadable_entry", "the ledger holds an entry that cannot be read"),
            hint=say("state.restore_backup", "restore it from a backup"),
        ) from error


def _facts(document: list[Any]) -> PersonFacts:
    owners = document[3] if len(document) > 3 else ()
    records = tuple(
        RecordFacts(*(*record[:10], tuple(record[10]), _owner(record, owners), *record[_OWNER + 1 :]))
        for record in document[0]
    )
    if len(document) == 1:
        return PersonFacts(records) if records else NO_FACTS
    if len(document) > 2 and document[2]:
        records = tuple(record._replace(makes_person=False) for record in records)
    orders = {key: _order(key, order, records) for key, order in document[1].items()}
    return PersonFacts(records, orders, len(document) > 4)


def _owner(record: list[Any], owners: Sequence[str]) -> str:
    at = record[_OWNER] if len(record) > _OWNER else None
    return "" if at is None else owners[at]


def _order(key: str, order: list[Any], records: tuple[RecordFacts, ...]) -> Order:
    """Of an order as `facts_json` wrote it: four values, the number of the record, whether it is excluded."""
    by = order[4] if len(order) > 4 else None
    return Order._make((key, *order[:4], len(order) > 5, "" if by is None else records[by].ident))
