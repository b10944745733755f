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
    Suppression,
)
from cleverreach_sync.domain.fields import FieldMap
from cleverreach_sync.domain.fingerprints import Fingerprints
from cleverreach_sync.domain.model import (
    ENDED_NO,
    ENDED_OPTED_OUT,
    IN_LIST,
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
from cleverreach_sync.domain.tags import OwnTags, kinds_of

_SUBSCRIBER, _BUYER = Kind.SUBSCRIBER, Kind.BUYER
_NOBODY: Final[frozenset[Kind]] = frozenset()
_BY_CONSENT: Final = frozenset({_SUBSCRIBER})
_ORDER: Final = tuple(SkipReason)
_NEVER: Final = 1 << 62  # later than any consent
_AS_READ: Final = {status: TargetStatus(status.value) for status in Status}


def remembered_recipient(email: str, memory: LastSynced, rules: Rules) -> Recipient | None:
    """The recipient to decide against before they were read: as last seen, or as still there if they had left (the
    reading before the write has the last word)."""
    if memory.receiver_id is None:
        return None
    status = memory.status
    if status not in IN_LIST:
        status = rules.policy.ended if memory.ended else Status.SUBSCRIBED
    tags = frozenset([rules.own.by_kind[kind] for kind in memory.tags])
    return Recipient(memory.receiver_id, email, status, tags, stamps=memory.stamps)


def standing_of(case: Case, rules: Rules) -> TargetStatus:
    """How somebody stands in the target."""
    person, memory, recipient, suppressed, _ = case
    if suppressed.blacklisted:
        return TargetStatus.BLACKLISTED
    if recipient is not None and recipient.status is not Status.ABSENT:
        return _AS_READ[recipient.status]
    if _left_elsewhere(person, suppressed):
        return TargetStatus.UNSUBSCRIBED
    if memory.transferred and memory.status is Status.UNSUBSCRIBED:
        return TargetStatus.UNSUBSCRIBED
    if (memory.transferred or suppressed.by_other_transfer) and not rules.include_deleted:
        return TargetStatus.DELETED
    return TargetStatus.ABSENT


def _left_elsewhere(person: Person, suppressed: Suppression) -> bool:
    """Whether somebody unsubscribed in the account without agreeing later."""
    left, consent = suppressed.unsubscribed_at, person.consent
    if left is None:
        return False
    return consent.state is not ConsentState.YES or not consent.is_later_than(left)


def _by_our_doing(memory: LastSynced, recipient: Recipient) -> bool:
    """Whether a recipient is asleep because crsync left them so."""
    return memory.ended is not None or (memory.made_inactive and memory.receiver_id == recipient.id)


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
    elif recipient is not None and _in_other_hands(memory, recipient, rules.policy):
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
    renewed = _renewed(memory, recipient, carried, rules)
    agreed = agreed_with(memory, own_tags=bool(carried), again=again, renewed=renewed)
    if standing is TargetStatus.UNSUBSCRIBED and (recipient is None or recipient.status is not Status.UNSUBSCRIBED):
        agreed = LastAgreed.NOTHING  # nothing that was agreed here tells about elsewhere
    ruled = rules.policy.verdict(shop, standing, agreed)
    if ruled.target is TargetAction.ENDED and recipient is not None:
        decision = end(case, recipient, carried, shop, rules)
    elif person.invalid is not None:
        decision = Decision(Outcome.INVALID, person.invalid, _NOBODY, shop)
    else:
        away = _must_stay_away(case, standing, rules.policy)
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


def _must_stay_away(case: Case, standing: TargetStatus, policy: Policy) -> bool:
    """Whether somebody is asleep by crsync's doing who left elsewhere in the account: crsync must not be what brings
    them back."""
    recipient = case.recipient
    return (
        recipient is not None
        and recipient.status in policy.asleep
        and standing is _AS_READ[recipient.status]
        and _left_elsewhere(case.person, case.suppressed)
        and _by_our_doing(case.memory, recipient)
    )


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


def _renewed(memory: LastSynced, recipient: Recipient | None, carried: frozenset[Kind], rules: Rules) -> bool:
    """Whether the list shows a consent that the memory does not know of: crsync has acted on one since (the memory is
    of a backup), or another transfer has. Of somebody unknown a tag may be anybody's; only a resync goes by it."""
    if recipient is None or recipient.status is not Status.SUBSCRIBED or _SUBSCRIBER not in carried - memory.tags:
        return False
    return memory.ended is not None or (rules.resend and not memory.transferred)


def _left_before(memory: LastSynced, recipient: Recipient | None, shop: ShopConsent) -> SkipReason | None:
    """Why an address is skipped whose customer had left another one: it is not in the list, or was there before they
    came, for a reason of its own, which goes on to hold. Whose data were erased stays away in any case."""
    if memory.left_before is None or shop is ShopConsent.YES:
        return None
    if memory.left_before is SkipReason.ERASED:
        return memory.left_before
    own = recipient is not None and memory.transferred and memory.ended is None
    return memory.left_before if recipient is None or own else None


def _in_other_hands(memory: LastSynced, recipient: Recipient, policy: Policy) -> bool:
    """Whether a recipient whom crsync might make active again does not stand in the list as its last write left them:
    somebody else had a hand in it, or this memory is not of the last write. Stamps that the target does not give are
    not compared."""
    if recipient.status not in policy.asleep or recipient.stamps is None:
        return False
    if memory.ended is None and not memory.made_inactive:
        return False
    if memory.stamps is None or memory.receiver_id != recipient.id:
        return True
    pairs = zip(memory.stamps, recipient.stamps, strict=True)
    return any(left is not None and shown is not None and left != shown for left, shown in pairs)


def from_now_on(memory: LastSynced, recipient: Recipient) -> LastSynced:
    """What is assumed of such a recipient: a new consent has to be later than all that the target's stamps tell."""
    latest = 0 if recipient.stamps is None else recipient.stamps.latest
    status = recipient.status if memory.transferred else memory.status
    return memory._replace(status=status, ended_at=max(latest, memory.ended_at or 0))


def adopted(memory: LastSynced, recipient: Recipient, carried: frozenset[Kind], policy: Policy) -> LastSynced:
    """What to assume of a recipient that carries an own special tag when the memory of them is lost: transferred by
    crsync, a Subscriber tag is a consent given before, asleep means that somebody ended it, and it stays so."""
    asleep = recipient.status in policy.asleep
    return memory._replace(
        receiver_id=recipient.id,
        status=recipient.status,
        tags=carried,
        agreed=ConsentState.YES if _SUBSCRIBER in carried else ConsentState.UNKNOWN,
        ended=ENDED_NO if asleep else memory.ended,
        ended_at=_NEVER if asleep else memory.ended_at,
    )
