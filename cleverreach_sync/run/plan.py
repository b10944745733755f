"""A decided person on the way from phase 2 to phase 3: into a row of the spool and back."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, NamedTuple

import orjson

from cleverreach_sync.domain.consent import Policy, ShopConsent
from cleverreach_sync.domain.decision import NOT_SUPPRESSED, Case, Change, Decision, Outcome, Suppression
from cleverreach_sync.domain.fingerprints import Fingerprints, Packed
from cleverreach_sync.domain.identity import idents_of
from cleverreach_sync.domain.memory import end_is_open, end_waits
from cleverreach_sync.domain.merge import PersonFacts
from cleverreach_sync.domain.model import (
    Consent,
    Kind,
    LastSynced,
    Person,
    Purchases,
    Recipient,
    SkipReason,
    Status,
)
from cleverreach_sync.state.entries import (
    CONSENTS,
    Entry,
    body,
    facts_json,
    kind_bits,
    kinds_in,
    memory_of,
    memory_tuple,
)
from cleverreach_sync.state.plans import PlanRow


class Step(IntEnum):
    """What is left to do about somebody, in the order of phase 3. People of unknown standing come last: they are
    created unless the reading before the write finds them."""

    RECORD = 0  # nothing to write, but something to remember
    MOVED = 1  # the old address of somebody who has another one now; known by recipient ID only
    GONE = 2  # consent ended by absence; known by recipient ID only
    END = 3  # consent ended
    CHECK = 4  # an end, if they carry an own special tag in the list
    UPDATE = 5
    NEW = 6


UNCHANGED: Final = "unchanged"
NOBODY: Final = "nobody"  # known only by what makes nobody a person
OPEN: Final = ""  # to be decided again, whatever the rows
_SHOPS: Final = {shop.value: shop for shop in ShopConsent}
# Outcomes that hold as long as rows and rules stay the same; all others depend on the target.
LASTING: Final = frozenset({UNCHANGED, NOBODY, SkipReason.EXCLUDED, SkipReason.NOT_SELECTED, SkipReason.OPTED_OUT})
# Somebody unknown who unsubscribed somewhere in the account was not found in this list, and is not looked for again.
ELSEWHERE: Final = SkipReason.UNSUBSCRIBED


class Decided(NamedTuple):
    """A person who was decided. `seq`: the order of the source; `seen`: a digest of their rows, empty if they are to be
    decided again next time; `counted`: they are a person of this run to whom nothing is written, and were counted."""

    key: bytes
    person: Person
    decision: Decision
    memory: LastSynced
    facts: PersonFacts
    seq: int = 0
    seen: bytes = b""
    suppressed: Suppression = NOT_SUPPRESSED
    by_other_transfer: bool = False
    counted: bool = False


def plan_row(step: Step, decided: Decided, fingerprints: Fingerprints | None = None) -> tuple[object, ...]:
    """The row in the form of PlanRow; with `fingerprints` a creation is made ready to be sent."""
    key, person, decision, memory, facts, seq, seen, suppressed, by_other_transfer, counted = decided
    outcome = decision.outcome._value_
    return (
        step._value_,
        seq,
        key,
        person.email,
        outcome if step else outcome_to_keep(decision, memory),
        kind_bits(decision.kinds),
        decision.activates,
        _plain(person),
        pack(decision.values, decision.change) if step and decision.values is not None else None,
        memory_tuple(memory),
        memory.recipient_id,
        memory.fingerprint,
        facts_json(facts),
        seen,
        idents_of(facts),
        suppressed.unsubscribed_at,
        suppressed.still_mailed,
        None if fingerprints is None else _creation(decision, fingerprints),
        by_other_transfer,
        (outcome, str(decision.reason)) if counted else None,
    )


def _plain(person: Person) -> tuple[object, ...]:
    consent = person.consent
    return (
        consent.state._value_,
        consent.at,
        None if person.purchases is None else tuple(person.purchases),
        person.created_at,
        person.invalid,
        person.withdrew,
        person.excluded,
        consent.after,
        person.is_person,
        person.erased,
    )


def pack(values: dict[str, str], change: Change | None = None) -> tuple[bytes, tuple[str, ...]]:
    """Data field values as a row of the plan has them; a change that creates sends the filled ones."""
    if change is not None and change.creates:
        filled = change.values()
    else:
        filled = {name: value for name, value in values.items() if value}
    empty = () if len(filled) == len(values) else tuple([name for name in values if name not in filled])
    return orjson.dumps(filled), empty


def unpack(fields: tuple[bytes, tuple[str, ...]]) -> dict[str, str]:
    """What was packed."""
    values: dict[str, str] = orjson.loads(fields[0])
    for name in fields[1]:
        values[name] = ""
    return values


def _creation(decision: Decision, fingerprints: Fingerprints) -> tuple[Any, ...] | None:
    change = decision.change
    if change is None or not change.creates:
        return None
    print_ = fingerprints.of(change.values())
    return (
        decision.shop._value_,
        kind_bits(decision.kinds),
        decision.activates,
        change.at,
        change.registered,
        change.tags_added,
        print_,
    )


def created(row: PlanRow, policy: Policy) -> Decision | None:
    """The decision of phase 2 about somebody it knew no recipient of, which holds as long as there is none; None if
    they were not to be created."""
    if row.created is None or row.recipient_id is not None or row.fields is None:
        return None
    shop, kinds, active, at, registered, tags, fingerprint = row.created
    state = policy.mailed if active else policy.unmailed
    attributes: Packed | dict[str, str] = Packed(row.fields[0], fingerprint) if fingerprint else {}
    change = Change(row.email, True, None, state, at, registered, tags, (), attributes)
    return Decision(Outcome.CREATED, "", kinds_in(kinds), _SHOPS[shop], change, active)


def outcome_to_keep(decision: Decision, memory: LastSynced) -> str:
    """What the ledger keeps of a decision that wrote nothing: the outcome, if it will hold. `memory` as settled."""
    if end_is_open(decision, memory):
        return OPEN
    if decision.outcome is Outcome.UNCHANGED:
        return UNCHANGED
    keeps = decision.outcome is Outcome.SKIPPED and decision.reason in (*LASTING, ELSEWHERE)
    return str(decision.reason) if keeps else OPEN


def case_of(row: PlanRow, recipient: Recipient | None, *, filled: bool = True) -> Case:
    """The person of a row, to be decided again; `filled`: with the data fields as they were filled in phase 2."""
    state, at, purchases, created_at, invalid, withdrew, excluded, after, is_person, erased = row.person
    person = Person(
        row.email,
        {},
        Consent(CONSENTS[state], at, after),
        None if purchases is None else Purchases(*purchases),
        created_at,
        invalid,
        withdrew,
        is_person,
        excluded,
        erased,
    )
    if row.still_mailed:
        suppressed = Suppression(blacklisted=True, still_mailed=True)
    else:
        known = row.unsubscribed_at is not None or row.by_other_transfer
        suppressed = Suppression(False, row.unsubscribed_at, row.by_other_transfer) if known else NOT_SUPPRESSED
    values = unpack(row.fields) if filled and row.fields is not None else None
    return Case(person, remembered(row), recipient, suppressed, values)


def remembered(row: PlanRow) -> LastSynced:
    """What was agreed, as it was when the row was planned."""
    return memory_of(row.memory, row.recipient_id, row.fingerprint)


def entry(row: PlanRow, memory: LastSynced, outcome: str, kinds: frozenset[Kind], *, due: bool = False) -> Entry:
    """What the ledger keeps of a person. `outcome` OPEN: they are decided again next time, whatever their rows."""
    return Entry(
        row.key,
        row.seen if outcome else b"",
        outcome,
        kind_bits(kinds),
        due,
        memory.recipient_id,
        memory.fingerprint,
        row.idents,
        body(row.facts, memory_tuple(memory)),
    )


def stored(row: PlanRow) -> Entry:
    """The entry of a RECORD row, without reading it."""
    may_wait = row.recipient_id is not None and row.outcome == OPEN
    return Entry(
        row.key,
        row.seen if row.outcome else b"",
        row.outcome,
        row.kinds,
        may_wait and end_waits(CONSENTS[row.person[0]], remembered(row)),
        row.recipient_id,
        row.fingerprint,
        row.idents,
        body(row.facts, row.memory),
    )


def still_due(row: PlanRow) -> Entry:
    """The entry of somebody whose end is about to be written."""
    return entry(row, remembered(row), OPEN, kinds_in(row.kinds), due=True)


def absent(found: Recipient | None, memory: LastSynced) -> LastSynced:
    """The memory after a reading that found somebody elsewhere than expected. Whoever had unsubscribed has so
    even if they were deleted since."""
    if not memory.transferred or (found is None and memory.status is Status.UNSUBSCRIBED):
        return memory
    return memory._replace(status=Status.ABSENT if found is None else found.status)
