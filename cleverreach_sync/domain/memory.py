"""What is agreed with the target after a decision: what a later run has to know of it. Pure."""

from __future__ import annotations

from typing import Final

from cleverreach_sync.domain.consent import ShopConsent
from cleverreach_sync.domain.decision import Case, Change, Decision, Outcome, Part, Rules
from cleverreach_sync.domain.model import (
    ENDED_ERASED,
    ENDED_NO,
    ENDED_OPTED_OUT,
    NOTHING,
    ConsentState,
    Kind,
    LastSynced,
    Person,
    Recipient,
    SkipReason,
    Status,
)

_NONE: Final[frozenset[Kind]] = frozenset()
_LEFT: Final = frozenset({SkipReason.UNSUBSCRIBED, SkipReason.DELETED})
_LEFT_AS: Final = {
    Status.ABSENT: SkipReason.DELETED,
    Status.ARCHIVED: SkipReason.DELETED,
    Status.UNSUBSCRIBED: SkipReason.UNSUBSCRIBED,
    Status.BOUNCED: SkipReason.BOUNCED,
}


def remember(decision: Decision, case: Case, confirmed: Recipient, rules: Rules, now: int) -> LastSynced:
    """What is agreed after the target confirmed `decision.change` with `confirmed`. `now`: when the run began."""
    change, person = decision.change, case.person
    carried = rules.own.among(confirmed.tags)
    memory = decision.adopted or case.memory
    if change is None:
        return memory
    dropped = rules.own.among(change.tags_removed) if change.tags_removed else _NONE
    # Made again under another ID: nothing of what was sent before is there.
    made_again = change.creates or confirmed.id != memory.recipient_id
    if decision.reason == ENDED_ERASED:
        if change.status is Status.ABSENT:
            return forgotten(memory, now)
        ended = erased(memory, now)._replace(recipient_id=confirmed.id, status=rules.policy.ended, woken_at=None)
        return ended._replace(tags=carried - dropped, run=rules.run, stamps=confirmed.stamps)
    tags = (carried - dropped) | (decision.kinds & rules.own.among(change.tags_added))
    fingerprint = _fingerprint(change, b"" if made_again else memory.fingerprint, rules)
    if decision.outcome is Outcome.DEACTIVATED:
        ended = _ended(memory, _ended_at(person, memory, now), withdrew=decision.shop is ShopConsent.OPTED_OUT)
        ended = ended._replace(recipient_id=confirmed.id, status=rules.policy.ended, stamps=confirmed.stamps)
        return ended._replace(tags=tags, fingerprint=fingerprint, run=rules.run)
    reopened = decision.activates or (decision.shop is ShopConsent.YES and confirmed.status is Status.SUBSCRIBED)
    if end_is_open(decision, memory):  # created anew, as who they are now
        memory = memory._replace(ended=ENDED_NO, ended_at=now)
    return LastSynced(
        confirmed.id,
        confirmed.status,
        tags,
        fingerprint,
        _agreed(person, decision, memory),
        None if reopened else memory.ended,
        None if reopened else memory.ended_at,
        change.status is rules.policy.unmailed
        if change.creates
        else memory.made_inactive and not (made_again or reopened),
        rules.run,
        None if reopened else memory.left_before,
        _woken_at(change, confirmed, None if made_again else memory.woken_at, now),
        confirmed.stamps,
    )


def unconfirmed(after: LastSynced, before: LastSynced, confirmed: Recipient, parts: Part, rules: Rules) -> LastSynced:
    """What is remembered if the target confirmed no more than `parts` of a change, that of the status among them: data
    fields and tags that it did not confirm are sent again."""
    if Part.FIELDS not in parts:
        known = before.fingerprint if after.recipient_id == before.recipient_id else b""
        after = after._replace(fingerprint=known)
    return after if Part.TAGS in parts else after._replace(tags=rules.own.among(confirmed.tags))


def _ended(memory: LastSynced, at: int, *, withdrew: bool) -> LastSynced:
    """What is remembered of an end of consent."""
    return memory._replace(
        agreed=ConsentState.OPTED_OUT if withdrew else ConsentState.NO,
        ended=ENDED_OPTED_OUT if withdrew else ENDED_NO,
        ended_at=at,
        made_inactive=False,
        woken_at=None,
    )


def _woken_at(change: Change, confirmed: Recipient, before: int | None, now: int) -> int | None:
    if confirmed.status is not Status.SUBSCRIBED:
        return None
    return now if change.status is Status.SUBSCRIBED else before


def erased(memory: LastSynced, now: int) -> LastSynced:
    """What is kept of somebody whose data the shop erased, once the list has followed: only a later consent lets them
    in again."""
    known = LastSynced() if memory is NOTHING else memory
    return known._replace(
        agreed=ConsentState.NO,
        ended=known.ended or ENDED_ERASED,
        ended_at=max(now, known.ended_at or 0),
        made_inactive=False,
        left_before=SkipReason.ERASED,
    )


def forgotten(memory: LastSynced, now: int) -> LastSynced:
    """Likewise of a recipient that was deleted from the list for it."""
    gone = erased(memory, now)
    absent = gone._replace(recipient_id=None, status=Status.ABSENT, tags=_NONE, fingerprint=b"")
    return absent._replace(woken_at=None, stamps=None)


def as_it_stands(decision: Decision, case: Case, recipient: Recipient, rules: Rules, now: int) -> Decision:
    """The decision about somebody of whom a reading shows that the list has all of `decision.change` already: nothing
    is written, and what the list shows counts as confirmed."""
    agreed = remember(decision, case, recipient, rules, now)
    return decision._replace(outcome=Outcome.UNCHANGED, reason="", change=None, activates=False, adopted=agreed)


def _fingerprint(change: Change, before: bytes, rules: Rules) -> bytes:
    attributes = change.attributes
    if not before and not isinstance(attributes, dict):
        return attributes.fingerprint
    return rules.fingerprints.joined(change.values(), before)


def as_last_seen(decision: Decision, memory: LastSynced, rules: Rules) -> Decision:
    """The decision about somebody who is not read again because there is nothing to write: if it is known that they had
    left the list, that is what counts."""
    left = _LEFT_AS.get(memory.status) if memory.transferred else None
    if memory.ended is not None and memory.status is rules.policy.ended:
        left = None  # that was crsync
    if left is None or (left is SkipReason.DELETED and rules.include_deleted):
        return decision
    if decision.outcome is not Outcome.UNCHANGED and decision.reason != ENDED_OPTED_OUT:
        return decision
    return decision.instead(Outcome.SKIPPED, left)


def settle(decision: Decision, person: Person, memory: LastSynced, now: int) -> LastSynced:
    """What is agreed after a decision that wrote nothing. Somebody who left the list anyway needs no end written, but
    the end counts from now on."""
    memory = decision.adopted or memory
    if person.erased:  # a bounce or an entry of the blacklist may be lifted: the end is still to be written then
        waits = (
            memory.transferred
            and memory.ended is None
            and decision.reason != ENDED_ERASED
            and not _left(decision, memory)
        )
        return memory._replace(left_before=SkipReason.ERASED, ended_at=now) if waits else erased(memory, now)
    if not memory.transferred:
        return memory
    if decision.again or (decision.shop is ShopConsent.OPTED_OUT and memory.ended is None and _left(decision, memory)):
        at = _ended_at(person, memory, now)
        return memory._replace(agreed=ConsentState.OPTED_OUT, ended=ENDED_OPTED_OUT, ended_at=at)
    if (
        decision.shop is ShopConsent.NO
        and memory.agreed is ConsentState.YES
        and memory.ended is None
        and _left(decision, memory)
    ):
        return memory._replace(agreed=ConsentState.NO, ended=ENDED_NO, ended_at=_ended_at(person, memory, now))
    if decision.shop is ShopConsent.YES and memory.ended is None and memory.agreed is not ConsentState.YES:
        return memory._replace(agreed=ConsentState.YES)
    return memory


def _ended_at(person: Person, memory: LastSynced, now: int) -> int:
    """From when on a new consent counts: from the date of the withdrawal, else from now; an end recorded before, which
    is later, stays."""
    state, at = person.consent.state, person.consent.at
    if at is None or state is not ConsentState.OPTED_OUT:
        at = max(now, at or 0) if state is ConsentState.NO else now
    return max(at, memory.ended_at or 0)


def _left(decision: Decision, memory: LastSynced) -> bool:
    """Whether they are gone for good. A bounce may be lifted, and the recipient would be as active as before."""
    away = memory.status in _LEFT_AS and memory.status is not Status.BOUNCED
    return decision.reason in _LEFT or (away and decision.reason != SkipReason.BOUNCED) or memory.ended is not None


def end_is_open(decision: Decision, memory: LastSynced) -> bool:
    """Whether consent ended of somebody who was transferred without the list having followed (they are blacklisted,
    say): that must not be forgotten for another reason to skip them."""
    return _is_open(memory, withdrew=decision.shop is ShopConsent.OPTED_OUT, refused=decision.shop is ShopConsent.NO)


def end_waits(consent: ConsentState, memory: LastSynced) -> bool:
    """Whether consent ended of somebody who bounced or is blacklisted: the end is written as soon as that is lifted,
    also if they are not read again."""
    return _is_open(memory, withdrew=consent is ConsentState.OPTED_OUT, refused=consent is ConsentState.NO)


def _is_open(memory: LastSynced, *, withdrew: bool, refused: bool) -> bool:
    if not memory.transferred or memory.ended is not None:
        return False
    return withdrew or memory.left_before is SkipReason.ERASED or (refused and memory.agreed is ConsentState.YES)


def _agreed(person: Person, decision: Decision, memory: LastSynced) -> ConsentState:
    """An unknown consent ends nothing that was agreed; a stale yes agrees to nothing new."""
    if decision.shop is ShopConsent.UNKNOWN or decision.shop is ShopConsent.STALE_YES:
        return memory.agreed
    return person.consent.state
