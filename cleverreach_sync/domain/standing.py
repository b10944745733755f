"""How somebody stands in the target, by what is remembered and by what was read. Pure."""

from __future__ import annotations

from typing import Final

from cleverreach_sync.domain.consent import (
    Policy,
    TargetStatus,
)
from cleverreach_sync.domain.decision import (
    Case,
    Rules,
    Suppression,
)
from cleverreach_sync.domain.model import (
    ENDED_NO,
    IN_LIST,
    ConsentState,
    Kind,
    LastSynced,
    Person,
    Recipient,
    Status,
)

_NEVER: Final = 1 << 62  # later than any consent
_AS_READ: Final = {status: TargetStatus(status.value) for status in Status}


def remembered_recipient(email: str, memory: LastSynced, rules: Rules) -> Recipient | None:
    """The recipient to decide against before they were read: as last seen, or as still there if they had left (the
    reading before the write has the last word)."""
    if memory.recipient_id is None:
        return None
    status = memory.status
    if status not in IN_LIST:
        status = rules.policy.ended if memory.ended else Status.SUBSCRIBED
    tags = frozenset([rules.own.by_kind[kind] for kind in memory.tags])
    return Recipient(memory.recipient_id, email, status, tags, stamps=memory.stamps)


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
    return memory.ended is not None or (memory.made_inactive and memory.recipient_id == recipient.id)


def must_stay_away(case: Case, standing: TargetStatus, policy: Policy) -> bool:
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


def shows_newer_consent(
    memory: LastSynced, recipient: Recipient | None, carried: frozenset[Kind], rules: Rules
) -> bool:
    """Whether the list shows a consent that the memory does not know of: crsync has acted on one since (the memory is
    of a backup), or another transfer has. Of somebody unknown a tag may be anybody's; only a resync goes by it."""
    if recipient is None or recipient.status is not Status.SUBSCRIBED or Kind.SUBSCRIBER not in carried - memory.tags:
        return False
    return memory.ended is not None or (rules.resend and not memory.transferred)


def in_other_hands(memory: LastSynced, recipient: Recipient, policy: Policy) -> bool:
    """Whether a recipient whom crsync might make active again does not stand in the list as its last write left them:
    somebody else had a hand in it, or this memory is not of the last write. Stamps that the target does not give are
    not compared."""
    if recipient.status not in policy.asleep or recipient.stamps is None:
        return False
    if memory.ended is None and not memory.made_inactive:
        return False
    if memory.stamps is None or memory.recipient_id != recipient.id:
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
        recipient_id=recipient.id,
        status=recipient.status,
        tags=carried,
        agreed=ConsentState.YES if Kind.SUBSCRIBER in carried else ConsentState.UNKNOWN,
        ended=ENDED_NO if asleep else memory.ended,
        ended_at=_NEVER if asleep else memory.ended_at,
    )
