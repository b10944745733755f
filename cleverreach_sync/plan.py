"""What is to happen to one person, and why. Pure.

The same decision is taken twice: against what is remembered, before anything is written, and again against the
recipient as just read, right before the write.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cleverreach_sync.address import Patterns
from cleverreach_sync.consent import Becomes, Shop, Standing, agreed_with, verdict, weigh, withdrawn_again
from cleverreach_sync.decision import NOT_SUPPRESSED, SKIP_REASONS, Change, Outcome, Plan, Rules, Suppression, Wanted
from cleverreach_sync.fields import FieldMap, Fingerprints
from cleverreach_sync.model import (
    ENDED_NO,
    ENDED_OPTED_OUT,
    NOTHING,
    Consent,
    ConsentState,
    Kind,
    Memory,
    Person,
    Purchases,
    Recipient,
    RecipientState,
)
from cleverreach_sync.selection import OwnTags, contradicted, kinds_of

_SUBSCRIBER, _BUYER, _CONTACT = Kind.SUBSCRIBER, Kind.BUYER, Kind.CONTACT
_NOBODY: Final[frozenset[Kind]] = frozenset()
_BY_CONSENT: Final = frozenset({_SUBSCRIBER})
_ACTIVE_OR_NOT: Final = {
    RecipientState.ACTIVE: Standing.ACTIVE,
    RecipientState.INACTIVE: Standing.INACTIVE,
    RecipientState.UNSUBSCRIBED: Standing.UNSUBSCRIBED,
    RecipientState.BOUNCED: Standing.BOUNCED,
}


def remembered_recipient(email: str, memory: Memory, own: OwnTags) -> Recipient | None:
    """The recipient to decide against before they were read: as last seen, or as still there if they had left (the
    reading before the write has the last word)."""
    if memory.receiver_id is None:
        return None
    state = memory.state
    if state not in (RecipientState.ACTIVE, RecipientState.INACTIVE):
        state = RecipientState.INACTIVE if memory.ended else RecipientState.ACTIVE
    return Recipient(memory.receiver_id, email, state, frozenset(own.by_kind[kind] for kind in memory.tags))


def standing_of(
    recipient: Recipient | None, memory: Memory, person: Person, suppressed: Suppression, rules: Rules
) -> Standing:
    """How somebody stands in the target."""
    if suppressed.blacklisted:
        return Standing.BLACKLISTED
    if recipient is not None and recipient.state is not RecipientState.ABSENT:
        return _ACTIVE_OR_NOT[recipient.state]
    left = suppressed.unsubscribed_at
    if left is not None:
        consent = person.consent
        later = consent.state is ConsentState.YES and consent.at is not None and consent.at > left
        if not later:
            return Standing.UNSUBSCRIBED
    if memory.transferred and memory.state is RecipientState.UNSUBSCRIBED:
        return Standing.UNSUBSCRIBED
    if (memory.transferred or suppressed.by_sibling) and not rules.include_deleted:
        return Standing.DELETED
    return Standing.ABSENT


def decide(
    person: Person,
    memory: Memory,
    recipient: Recipient | None,
    suppressed: Suppression,
    rules: Rules,
    now: int,
    values: dict[str, str] | None = None,
) -> Plan:
    """What is to happen to `person`, given the `recipient` (None: not in the list). `now` in unix seconds; `values` are
    the data fields where they were filled before."""
    known = memory is not NOTHING or suppressed != NOT_SUPPRESSED or person.invalid is not None
    if recipient is None and not known and not person.excluded:
        return _at_first_sight(person, rules, now, values)
    carried = rules.own.among(recipient.tags) if recipient is not None else _NOBODY
    if recipient is None or not (rules.adopt and carried) or memory.transferred:
        return _decide(person, memory, recipient, carried, suppressed, rules, now, values)
    assumed = adopted(memory, recipient, carried)
    plan = _decide(person, assumed, recipient, carried, suppressed, rules, now, values)
    return plan._replace(adopted=assumed)


def _at_first_sight(person: Person, rules: Rules, now: int, values: dict[str, str] | None) -> Plan:
    """Somebody of whom nothing is known but what the shop says, as nearly everybody of a first run. They differ in
    dates and values only from others with the same consent and purchases, of whom one is decided for all."""
    purchases = person.purchases
    bought = None if purchases is None else purchases.number > 0
    plan = _like(person.consent.state, bought, rules.selection, rules.activate, rules.own)
    if rules.exclude.match(person.email):
        return Plan(Outcome.SKIPPED, "excluded", plan.kinds, plan.shop)
    change = plan.change
    if change is None:
        return plan
    if values is None:
        values = rules.fields.values(person, buyer=_BUYER in plan.kinds)
    return _creation(person, plan.kinds, plan.shop, change.tags_added, values, now, active=plan.activates)


@lru_cache(maxsize=256)
def _like(
    consent: ConsentState, bought: bool | None, selection: frozenset[Kind], activate: frozenset[Kind], own: OwnTags
) -> Plan:
    """The decision about anybody who is seen for the first time."""
    anybody = Person("", {}, Consent(consent), None if bought is None else Purchases(int(bought)), None)
    rules = Rules(selection, activate, Patterns(()), own, FieldMap(()), Fingerprints(b""))
    return _decide(anybody, NOTHING, None, _NOBODY, NOT_SUPPRESSED, rules, 0, {})


def _decide(
    person: Person,
    memory: Memory,
    recipient: Recipient | None,
    carried: frozenset[Kind],
    suppressed: Suppression,
    rules: Rules,
    now: int,
    values: dict[str, str] | None,
) -> Plan:
    if suppressed.mailed:  # whose mailing has to be ended all the same, without any data
        ends = rules._replace(bare=True)
        plan = _decide(person, memory, recipient, carried, NOT_SUPPRESSED, ends, now, values)
        if plan.outcome is Outcome.DEACTIVATED:
            return plan
    if person.invalid is not None and not person.withdrew:
        return Plan(Outcome.INVALID, person.invalid, _NOBODY, Shop.UNKNOWN)
    shop = Shop.OPTED_OUT if person.withdrew else weigh(person.consent, memory)
    standing = standing_of(recipient, memory, person, suppressed, rules)
    again = withdrawn_again(shop, person.consent, memory)
    ruled = verdict(shop, standing, agreed_with(memory, own_tags=bool(carried), again=again))

    if ruled.target is Becomes.ENDED and recipient is not None:
        return _end(person, memory, recipient, carried, shop, rules, values)
    if person.invalid is not None:
        return Plan(Outcome.INVALID, person.invalid, _NOBODY, shop)

    barred = _barred(memory, recipient, shop)
    stated = person.consent.state if ruled.subscriber or barred else ConsentState.NO
    applying = kinds_of(stated, person.purchases)
    if person.excluded:
        applying &= _BY_CONSENT
    kinds = applying & rules.selection
    if rules.exclude.match(person.email) or (person.excluded and not kinds):
        return Plan(Outcome.SKIPPED, "excluded", kinds, shop)
    if not kinds:
        return Plan(Outcome.SKIPPED, "not_selected", kinds, shop)
    reasons = [reason for reason in (ruled.reason, barred) if reason is not None]
    if reasons:
        return Plan(Outcome.SKIPPED, min(reasons, key=SKIP_REASONS.index), kinds, shop)

    after_opt_out = memory.ended == ENDED_OPTED_OUT and shop is not Shop.YES
    added, removed = _tags(kinds, stated, person, carried, after_opt_out=after_opt_out)
    if values is None:
        values = rules.fields.values(person, buyer=_BUYER in kinds)
    if ruled.target is Becomes.CREATED or recipient is None:
        return _create(person, memory, kinds, shop, added, values, rules, now)

    state, at = _new_state(person, memory, recipient, kinds, ruled.target, rules, now)
    if not (
        _sent_anew(memory, recipient, rules)
        or state is not None
        or added - memory.tags
        or removed & (memory.tags | carried) & rules.selection
        or rules.fingerprints.changed(_filled(values, memory, rules), memory.fingerprint)
    ):
        return Plan(Outcome.UNCHANGED, "", kinds, shop, values=values)
    own = rules.own
    change = Change(
        person.email,
        False,
        recipient.id,
        state,
        at,
        None,
        own.texts(added),
        own.texts(removed & carried),
        _filled(values, memory, rules),
    )
    activates = state is Wanted.ACTIVE
    reason = "" if not activates else "reactivated" if ruled.target is Becomes.REACTIVATED else "activated"
    return Plan(Outcome.UPDATED, reason, kinds, shop, change, activates, values)


def _barred(memory: Memory, recipient: Recipient | None, shop: Shop) -> str | None:
    """Why an address is skipped whose customer had left another one: it is not in the list, or was there before they
    came, for a reason of its own, which goes on to hold."""
    if memory.barred is None or shop is Shop.YES:
        return None
    own = recipient is not None and memory.transferred and memory.ended is None
    return memory.barred if recipient is None or own else None


def adopted(memory: Memory, recipient: Recipient, carried: frozenset[Kind]) -> Memory:
    """What to assume of a recipient that carries an own special tag when the memory of them is lost: transferred by
    crsync, a Subscriber tag is a consent given before, inactive means that somebody ended it, and it stays so."""
    inactive = recipient.state is RecipientState.INACTIVE
    return memory._replace(
        receiver_id=recipient.id,
        state=recipient.state,
        tags=carried,
        agreed=ConsentState.YES if _SUBSCRIBER in carried else ConsentState.UNKNOWN,
        ended=ENDED_NO if inactive else memory.ended,
        ended_at=_NEVER if inactive else memory.ended_at,
    )


_NEVER: Final = 1 << 62  # later than any consent


def _filled(values: dict[str, str], memory: Memory, rules: Rules) -> dict[str, str]:
    return rules.fingerprints.outgoing(values, memory.fingerprint)


def _sent_anew(memory: Memory, recipient: Recipient, rules: Rules) -> bool:
    """Whether what was confirmed before does not count: everybody is sent, or it was another recipient."""
    return (rules.resend and memory.run != rules.run) or recipient.id != memory.receiver_id


def _end(
    person: Person,
    memory: Memory,
    recipient: Recipient,
    carried: frozenset[Kind],
    shop: Shop,
    rules: Rules,
    values: dict[str, str] | None,
) -> Plan:
    """The end of somebody's consent. Whoever is to be transferred all the same gets with it what else has changed: it
    may not be read again. After an opt-out no data is sent."""
    kinds = _NOBODY
    if shop is Shop.NO and not (rules.bare or person.excluded or rules.exclude.match(person.email)):
        kinds = kinds_of(ConsentState.NO, person.purchases) & rules.selection
    added, removed = _tags(kinds, ConsentState.NO, person, carried, after_opt_out=False)
    if person.invalid is not None:  # what was bought may be what could not be read
        removed = _BY_CONSENT
    if not kinds:
        values = None
    elif values is None:
        values = rules.fields.values(person, buyer=_BUYER in kinds)
    sent = {} if values is None else _filled(values, memory, rules)
    own = rules.own
    change = Change(
        email=person.email,
        creates=False,
        receiver_id=recipient.id,
        state=Wanted.INACTIVE,
        at=None,
        registered=None,
        tags_added=own.texts(added - carried),
        tags_removed=own.texts(removed & carried | _BY_CONSENT),
        attributes=sent
        if _sent_anew(memory, recipient, rules) or rules.fingerprints.changed(sent, memory.fingerprint)
        else {},
    )
    reason = ENDED_OPTED_OUT if shop is Shop.OPTED_OUT else "consent_ended"
    return Plan(Outcome.DEACTIVATED, reason, kinds, shop, change, values=values)


def _tags(
    kinds: frozenset[Kind],
    stated: ConsentState,
    person: Person,
    carried: frozenset[Kind],
    *,
    after_opt_out: bool,
) -> tuple[frozenset[Kind], frozenset[Kind]]:
    """The own special tags to add, and those that contradict the facts."""
    removed = contradicted(stated, person.purchases)
    added = kinds
    if _CONTACT in kinds:
        remaining = carried - removed
        if remaining & {_SUBSCRIBER, _BUYER} or after_opt_out:
            added = kinds - {_CONTACT}
    return added, removed


def _create(
    person: Person,
    memory: Memory,
    kinds: frozenset[Kind],
    shop: Shop,
    added: frozenset[Kind],
    values: dict[str, str],
    rules: Rules,
    now: int,
) -> Plan:
    ended = memory.ended is not None or (shop is Shop.NO and memory.agreed is ConsentState.YES)
    ended = ended and shop is not Shop.YES
    active = bool(kinds & rules.activate) and not ended
    return _creation(person, kinds, shop, rules.own.texts(added), values, now, active=active)


def _creation(
    person: Person,
    kinds: frozenset[Kind],
    shop: Shop,
    tags: tuple[str, ...],
    values: dict[str, str],
    now: int,
    *,
    active: bool,
) -> Plan:
    created = person.created_at
    change = Change(
        person.email,
        True,
        None,
        Wanted.ACTIVE if active else Wanted.INACTIVE,
        _consent_date(person, now) if active else None,
        created if created is not None and 0 < created <= now else now,
        tags,
        (),
        values if "" not in values.values() else {name: value for name, value in values.items() if value},
    )
    return Plan(Outcome.CREATED, "", kinds, shop, change, active, values)


def _consent_date(person: Person, now: int) -> int:
    at = person.consent.at
    return now if person.consent.state is not ConsentState.YES or at is None or not 0 < at <= now else at


def _new_state(
    person: Person,
    memory: Memory,
    recipient: Recipient,
    kinds: frozenset[Kind],
    becomes: Becomes,
    rules: Rules,
    now: int,
) -> tuple[Wanted | None, int | None]:
    """The state somebody in the list is to get: none, but for the two cases in which crsync may make them active."""
    if recipient.state is not RecipientState.INACTIVE:
        return None, None
    own_doing = memory.made_inactive and memory.receiver_id == recipient.id
    may_activate = becomes is Becomes.REACTIVATED or (own_doing and memory.ended is None)
    if may_activate and kinds & rules.activate:
        return Wanted.ACTIVE, _consent_date(person, now)
    return None, None
