"""What is written about one person once it is clear what is to become of them: state, tags, data fields. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from cleverreach_sync.domain.consent import Policy, ShopConsent, TargetAction
from cleverreach_sync.domain.decision import Case, Change, Decision, Outcome, Rules
from cleverreach_sync.domain.model import (
    ENDED_ERASED,
    ENDED_OPTED_OUT,
    ConsentState,
    Kind,
    LastSynced,
    Person,
    Recipient,
    SkipReason,
    Status,
)
from cleverreach_sync.domain.tags import contradicted, kinds_of

_SUBSCRIBER, _BUYER, _CONTACT = Kind.SUBSCRIBER, Kind.BUYER, Kind.CONTACT
_NOBODY: Final[frozenset[Kind]] = frozenset()
_BY_CONSENT: Final = frozenset({_SUBSCRIBER})
_DISPROVED: Final = frozenset({_SUBSCRIBER, _BUYER})


class Applying(NamedTuple):
    """What applies to somebody who is transferred: the selected kinds, the consent that counts for their tags, the
    shop's statement, and what the policy makes of the recipient."""

    kinds: frozenset[Kind]
    stated: ConsentState
    shop: ShopConsent
    action: TargetAction


def filled(values: dict[str, str], memory: LastSynced, rules: Rules) -> dict[str, str]:
    """The data fields to send."""
    return rules.fields.zeroed(rules.fingerprints.outgoing(values, memory.fingerprint))


def fields_differ(values: dict[str, str], memory: LastSynced, rules: Rules) -> bool:
    """Whether the data fields are a reason to write. What only buyers have is none while buyers are not selected."""
    if _BUYER not in rules.selection:
        values = rules.fields.without_emptied(values)
    return rules.fingerprints.changed(filled(values, memory, rules), memory.fingerprint)


def sent_anew(memory: LastSynced, recipient: Recipient, rules: Rules) -> bool:
    """Whether what was confirmed before does not count: everybody is sent, or it was another recipient."""
    return (rules.resend and memory.run != rules.run) or recipient.id != memory.recipient_id


def end(case: Case, recipient: Recipient, carried: frozenset[Kind], shop: ShopConsent, rules: Rules) -> Decision:
    """The end of somebody's consent. Whoever is to be transferred all the same gets with it what else has changed: it
    may not be read again. After an opt-out no data is sent."""
    person, memory = case.person, case.memory
    kinds = _NOBODY
    held_back = rules.end_only or person.excluded or rules.exclude.match(person.email)
    if shop is ShopConsent.NO and person.is_person and not held_back:
        kinds = kinds_of(ConsentState.NO, person.purchases) & rules.selection
    added, removed = tags_of(kinds, ConsentState.NO, person, carried, after_opt_out=False)
    if person.invalid is not None:  # what was bought may be what could not be read
        removed = _BY_CONSENT
    values = _values_at_the_end(case, kinds, shop, rules)
    sent = filled(values, memory, rules)
    own = rules.own
    change = Change(
        email=person.email,
        creates=False,
        recipient_id=recipient.id,
        status=rules.policy.ended,
        at=None,
        registered=None,
        tags_added=own.texts(added - carried),
        tags_removed=own.texts(removed & carried | _BY_CONSENT),
        attributes=sent
        if sent_anew(memory, recipient, rules) or rules.fingerprints.changed(sent, memory.fingerprint)
        else {},
    )
    reason = ENDED_OPTED_OUT if shop is ShopConsent.OPTED_OUT else "consent_ended"
    return Decision(Outcome.DEACTIVATED, reason, kinds, shop, change, values=values)


def _values_at_the_end(case: Case, kinds: frozenset[Kind], shop: ShopConsent, rules: Rules) -> dict[str, str]:
    """The data fields that an end brings along."""
    person = case.person
    if kinds:
        return rules.fields.values(person, buyer=_BUYER in kinds) if case.values is None else case.values
    emptied = shop is ShopConsent.NO and person.invalid is None and not rules.end_only
    return rules.fields.emptied(person) if emptied else {}


def disproved(
    case: Case, carried: frozenset[Kind], stated: ConsentState, shop: ShopConsent, rules: Rules
) -> Decision | None:
    """Somebody in the list to whom no selected kind applies any more: the tags that crsync gave and the facts speak
    against go, and with them what only buyers have. None if there is nothing of that."""
    person, memory, recipient = case.person, case.memory, case.recipient
    if recipient is None or not memory.transferred or recipient.id != memory.recipient_id:
        return None
    wrong = contradicted(stated, person.purchases)
    values = rules.fields.emptied(person)
    if not (wrong & memory.tags & rules.selection or fields_differ(values, memory, rules)):
        return None
    change = Change(
        email=person.email,
        creates=False,
        recipient_id=recipient.id,
        status=None,
        at=None,
        registered=None,
        tags_added=(),
        tags_removed=rules.own.texts(wrong & carried),
        attributes=filled(values, memory, rules),
    )
    return Decision(Outcome.UPDATED, "disproved", _NOBODY, shop, change, values=values)


def erase(case: Case, recipient: Recipient, carried: frozenset[Kind], rules: Rules, *, delete: bool) -> Decision:
    """The end of somebody whose data the shop erased; nothing is left to do for whoever was ended before and is to
    stay in the list."""
    if case.memory.ended is not None and recipient.status is rules.policy.ended and not delete:
        return Decision(Outcome.SKIPPED, SkipReason.ERASED, _NOBODY, ShopConsent.NO)
    change = Change(
        email=case.person.email,
        creates=False,
        recipient_id=recipient.id,
        status=Status.ABSENT if delete else rules.policy.ended,
        at=None,
        registered=None,
        tags_added=(),
        tags_removed=rules.own.texts(carried & _DISPROVED | _BY_CONSENT),
        attributes={},
    )
    return Decision(Outcome.DEACTIVATED, ENDED_ERASED, _NOBODY, ShopConsent.NO, change)


def tags_of(
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


def create(
    case: Case, applies: Applying, added: frozenset[Kind], values: dict[str, str], rules: Rules, now: int
) -> Decision:
    """Somebody new to the list; whose consent had ended without their agreeing again comes in inactive."""
    memory, shop = case.memory, applies.shop
    ended = memory.ended is not None or (shop is ShopConsent.NO and memory.agreed is ConsentState.YES)
    ended = ended and shop is not ShopConsent.YES
    active = bool(applies.kinds & rules.activate) and not ended
    like = Decision(Outcome.CREATED, "", applies.kinds, shop, activates=active)
    return creation(case.person, like, rules.own.texts(added), values, rules.policy, now)


def creation(
    person: Person, like: Decision, tags: tuple[str, ...], values: dict[str, str], policy: Policy, now: int
) -> Decision:
    """Somebody new to the list, for whom the decision is `like` that one. Empty data fields are not sent."""
    created = person.created_at
    active = like.activates
    change = Change(
        person.email,
        True,
        None,
        policy.mailed if active else policy.unmailed,
        _consent_date(person, now) if active else None,
        created if created is not None and 0 < created <= now else now,
        tags,
        (),
        values if "" not in values.values() else {name: value for name, value in values.items() if value},
    )
    return Decision(Outcome.CREATED, "", like.kinds, like.shop, change, active, values)


def _consent_date(person: Person, now: int) -> int:
    at = person.consent.at
    return now if person.consent.state is not ConsentState.YES or at is None or not 0 < at <= now else at


def new_status(
    case: Case, recipient: Recipient, applies: Applying, rules: Rules, now: int
) -> tuple[Status | None, int | None]:
    """The status to ask for of somebody in the list: none, but for the two cases in which crsync may subscribe them."""
    person, memory, policy = case.person, case.memory, rules.policy
    if recipient.status not in policy.asleep:
        return None, None
    own_doing = recipient.status is policy.unmailed and memory.made_inactive
    own_doing = own_doing and memory.recipient_id == recipient.id and memory.ended is None
    if memory.ended_at is not None:  # it may be another's by now
        own_doing = own_doing and person.consent.state is ConsentState.YES
        own_doing = own_doing and person.consent.is_later_than(memory.ended_at)
    may_activate = applies.action is TargetAction.REACTIVATED or own_doing
    if may_activate and applies.kinds & rules.activate:
        return policy.mailed, _consent_date(person, now)
    return None, None
