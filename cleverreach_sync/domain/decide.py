"""What is to happen to one person, and why. Pure.

The same decision is taken twice: against what is remembered, before anything is written, and again against the
recipient as just read, right before the write.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cleverreach_sync.domain.address import Patterns
from cleverreach_sync.domain.changes import (
    Applying,
    create,
    creation,
    disproved,
    end,
    erase,
    fields_differ,
    filled,
    new_status,
    sent_anew,
    tags_of,
)
from cleverreach_sync.domain.consent import (
    LastAgreed,
    Policy,
    ShopConsent,
    TargetAction,
    TargetStatus,
    Verdict,
    agreed_with,
    weigh,
    withdrawn_again,
)
from cleverreach_sync.domain.decision import (
    NOT_SUPPRESSED,
    Case,
    Change,
    Decision,
    Outcome,
    Rules,
)
from cleverreach_sync.domain.fields import FieldMap
from cleverreach_sync.domain.fingerprints import Fingerprints
from cleverreach_sync.domain.model import (
    ENDED_OPTED_OUT,
    NOTHING,
    Consent,
    ConsentState,
    Kind,
    LastSynced,
    Person,
    Purchases,
    Recipient,
    SkipReason,
    Status,
)
from cleverreach_sync.domain.standing import (
    adopted,
    from_now_on,
    in_other_hands,
    must_stay_away,
    shows_newer_consent,
    standing_of,
)
from cleverreach_sync.domain.tags import OwnTags, kinds_of

_SUBSCRIBER, _BUYER = Kind.SUBSCRIBER, Kind.BUYER
_NOBODY: Final[frozenset[Kind]] = frozenset()
_BY_CONSENT: Final = frozenset({_SUBSCRIBER})
_ORDER: Final = tuple(SkipReason)


def decide(case: Case, rules: Rules, now: int) -> Decision:
    """What is to happen to somebody. `now` in unix seconds."""
    person, memory, recipient, suppressed, values = case
    known = memory is not NOTHING or suppressed != NOT_SUPPRESSED or person.invalid is not None
    known = known or person.excluded or person.erased or not person.is_person
    if recipient is None and not known:
        return _at_first_sight(person, rules, now, values)
    carried = rules.own.among(recipient.tags) if recipient is not None else _NOBODY
    if recipient is not None and rules.adopt and carried and not memory.transferred:
        assumed = adopted(memory, recipient, carried, rules.policy)
    elif recipient is not None and in_other_hands(memory, recipient, rules.policy):
        assumed = from_now_on(memory, recipient)
    else:
        return _decide(case, carried, rules, now)
    return _decide(case._replace(memory=assumed), carried, rules, now)._replace(adopted=assumed)


def _at_first_sight(person: Person, rules: Rules, now: int, values: dict[str, str] | None) -> Decision:
    """Somebody of whom nothing is known but what the shop says, as nearly everybody of a first run. They differ in
    dates and values only from others with the same consent and purchases, of whom one is decided for all."""
    purchases = person.purchases
    bought = None if purchases is None else purchases.number > 0
    decision = _like(person.consent.state, bought, rules.selection, rules.activate, rules.own, rules.policy)
    if rules.exclude.match(person.email):
        return Decision(Outcome.SKIPPED, SkipReason.EXCLUDED, decision.kinds, decision.shop)
    change = decision.change
    if change is None:
        return decision
    if values is None:
        values = rules.fields.values(person, buyer=_BUYER in decision.kinds)
    return creation(person, decision, change.tags_added, values, rules.policy, now)


@lru_cache(maxsize=256)
def _like(
    consent: ConsentState,
    bought: bool | None,
    selection: frozenset[Kind],
    activate: frozenset[Kind],
    own: OwnTags,
    policy: Policy,
) -> Decision:
    """The decision about anybody who is seen for the first time."""
    anybody = Person("", {}, Consent(consent), None if bought is None else Purchases(int(bought)), None)
    rules = Rules(selection, activate, Patterns(()), own, FieldMap(()), Fingerprints(b""), policy)
    return _decide(Case(anybody, NOTHING, None, values={}), _NOBODY, rules, 0)


def _decide(case: Case, carried: frozenset[Kind], rules: Rules, now: int) -> Decision:
    person, memory = case.person, case.memory
    if case.suppressed.still_mailed:  # whose mailing has to be ended all the same, without any data
        decision = _decide(case._replace(suppressed=NOT_SUPPRESSED), carried, rules._replace(end_only=True), now)
        if decision.outcome is Outcome.DEACTIVATED:
            return decision
    shop = ShopConsent.OPTED_OUT if person.withdrew else weigh(person.consent, memory)
    if person.erased or erasure_waits(memory, shop):
        return _erased(case, carried, rules)
    if person.invalid is not None and not person.withdrew:
        return Decision(Outcome.INVALID, person.invalid, _NOBODY, ShopConsent.UNKNOWN)
    again = withdrawn_again(shop, person.consent, memory)
    decision = _by_policy(case, carried, shop, rules, now, again=again)
    return decision._replace(again=True) if again else decision


def _by_policy(
    case: Case, carried: frozenset[Kind], shop: ShopConsent, rules: Rules, now: int, *, again: bool
) -> Decision:
    """What the table says, and whom it lets through."""
    person, memory, recipient = case.person, case.memory, case.recipient
    standing = standing_of(case, rules)
    renewed = shows_newer_consent(memory, recipient, carried, rules)
    agreed = agreed_with(memory, own_tags=bool(carried), again=again, renewed=renewed)
    if standing is TargetStatus.UNSUBSCRIBED and (recipient is None or recipient.status is not Status.UNSUBSCRIBED):
        agreed = LastAgreed.NOTHING  # nothing that was agreed here tells about elsewhere
    ruled = rules.policy.verdict(shop, standing, agreed)
    if ruled.target is TargetAction.ENDED and recipient is not None:
        decision = end(case, recipient, carried, shop, rules)
    elif person.invalid is not None:
        decision = Decision(Outcome.INVALID, person.invalid, _NOBODY, shop)
    else:
        away = must_stay_away(case, standing, rules.policy)
        stays = rules.policy.verdict(shop, TargetStatus.UNSUBSCRIBED, LastAgreed.NOTHING) if away else ruled
        decision = _selected(case, carried, (shop, stays), rules, now)
    return decision if ruled.shop is None else decision._replace(shop_becomes=ruled.shop)


def _selected(
    case: Case, carried: frozenset[Kind], by: tuple[ShopConsent, Verdict], rules: Rules, now: int
) -> Decision:
    """Whom the selection lets through, of those whose consent does not end: what the shop says, and what the table."""
    person, memory, recipient = case.person, case.memory, case.recipient
    shop, ruled = by
    left_before = _left_before(memory, recipient, shop)
    stated = person.consent.state if ruled.subscriber or left_before else ConsentState.NO
    applying = kinds_of(stated, person.purchases)
    if person.excluded:
        applying &= _BY_CONSENT
    kinds = applying & rules.selection if person.is_person else _NOBODY
    if rules.exclude.match(person.email) or (person.excluded and not kinds):
        return Decision(Outcome.SKIPPED, SkipReason.EXCLUDED, kinds, shop)
    if not kinds:
        less = None
        if ruled.reason is None and ruled.target is not TargetAction.CREATED:
            less = disproved(case, carried, stated, shop, rules)
        return less or Decision(Outcome.SKIPPED, SkipReason.NOT_SELECTED, kinds, shop)
    reasons = [reason for reason in (ruled.reason, left_before) if reason is not None]
    if reasons:
        return Decision(Outcome.SKIPPED, min(reasons, key=_ORDER.index), kinds, shop)
    return _transferred(case, carried, Applying(kinds, stated, shop, ruled.target), rules, now)


def _transferred(case: Case, carried: frozenset[Kind], applies: Applying, rules: Rules, now: int) -> Decision:
    """Somebody whom nothing keeps away: created, updated, or left as they are."""
    person, memory, recipient, _, values = case
    kinds, stated, shop, action = applies
    after_opt_out = memory.ended == ENDED_OPTED_OUT and shop is not ShopConsent.YES
    added, removed = tags_of(kinds, stated, person, carried, after_opt_out=after_opt_out)
    if values is None:
        values = rules.fields.values(person, buyer=_BUYER in kinds)
    if action is TargetAction.CREATED or recipient is None:
        return create(case, applies, added, values, rules, now)
    status, at = new_status(case, recipient, applies, rules, now)
    if not (
        sent_anew(memory, recipient, rules)
        or status is not None
        or added - memory.tags
        or removed & (memory.tags | carried) & rules.selection
        or fields_differ(values, memory, rules)
    ):
        return Decision(Outcome.UNCHANGED, "", kinds, shop, values=values)
    own = rules.own
    change = Change(
        person.email,
        False,
        recipient.id,
        status,
        at,
        None,
        own.texts(added),
        own.texts(removed & carried),
        filled(values, memory, rules),
    )
    activates = status is not None
    reason = "" if not activates else "reactivated" if action is TargetAction.REACTIVATED else "activated"
    return Decision(Outcome.UPDATED, reason, kinds, shop, change, activates, values)


def _erased(case: Case, carried: frozenset[Kind], rules: Rules) -> Decision:
    """Somebody whose data the shop erased. Who left by themselves, and who came into the list without crsync, stays as
    they are."""
    recipient = case.recipient
    standing = standing_of(case, rules)
    left = rules.policy.verdict(ShopConsent.UNKNOWN, standing, LastAgreed.NOTHING).reason
    ours = case.memory.transferred or carried
    if recipient is None or recipient.status is Status.ABSENT or left is not None or not ours:
        away = left is None or standing is TargetStatus.DELETED
        return Decision(Outcome.SKIPPED, SkipReason.ERASED if away else left or "", _NOBODY, ShopConsent.NO)
    delete = rules.delete_erased and case.suppressed.unsubscribed_at is None
    return erase(case, recipient, carried, rules, delete=delete)


def erasure_waits(memory: LastSynced, shop: ShopConsent) -> bool:
    """Whether somebody's data were erased in the shop without the list having followed, and they did not come back."""
    return (
        memory.left_before is SkipReason.ERASED
        and memory.transferred
        and memory.ended is None
        and shop is not ShopConsent.YES
    )


def _left_before(memory: LastSynced, recipient: Recipient | None, shop: ShopConsent) -> SkipReason | None:
    """Why an address is skipped whose customer had left another one: it is not in the list, or was there before they
    came, for a reason of its own, which goes on to hold. Whose data were erased stays away in any case."""
    if memory.left_before is None or shop is ShopConsent.YES:
        return None
    if memory.left_before is SkipReason.ERASED:
        return memory.left_before
    own = recipient is not None and memory.transferred and memory.ended is None
    return memory.left_before if recipient is None or own else None
