"""What becomes of a member of a loft."""

from __future__ import annotations

from typing import Final

from cleverreach_sync.domain.consent import LastAgreed, Policy, Row, ShopConsent, TargetAction, TargetStatus, Verdict
from cleverreach_sync.domain.model import SkipReason, Status

_LEFT = Verdict(TargetAction.LEFT)
_ENDED = Verdict(TargetAction.ENDED, subscriber=False)
_THERE = frozenset({TargetStatus.SUBSCRIBED, TargetStatus.NOT_SUBSCRIBED, TargetStatus.PENDING})
_OURS = frozenset({LastAgreed.YES, LastAgreed.OURS})
_NOT_OURS = frozenset({LastAgreed.ENDED, LastAgreed.ENDED_BEFORE, LastAgreed.NOTHING})


def _skip(reason: SkipReason) -> Verdict:
    return Verdict(TargetAction.SKIPPED, reason, subscriber=reason is not SkipReason.OPTED_OUT)


ROWS: Final[tuple[Row, ...]] = (
    (None, TargetStatus.BLACKLISTED, None, _skip(SkipReason.BLACKLISTED)),
    (None, TargetStatus.BOUNCED, None, _skip(SkipReason.BOUNCED)),
    (None, frozenset({TargetStatus.DELETED, TargetStatus.ARCHIVED}), None, _skip(SkipReason.DELETED)),
    (ShopConsent.YES, TargetStatus.UNSUBSCRIBED, LastAgreed.ENDED, Verdict(TargetAction.REACTIVATED)),
    (ShopConsent.OPTED_OUT, TargetStatus.UNSUBSCRIBED, LastAgreed.ENDED, _skip(SkipReason.OPTED_OUT)),
    (None, TargetStatus.UNSUBSCRIBED, None, _skip(SkipReason.UNSUBSCRIBED)),
    (ShopConsent.OPTED_OUT, TargetStatus.ABSENT, None, _skip(SkipReason.OPTED_OUT)),
    (ShopConsent.OPTED_OUT, _THERE, _OURS, _ENDED),
    (ShopConsent.OPTED_OUT, TargetStatus.SUBSCRIBED, LastAgreed.ENDED_BEFORE, _ENDED),
    (ShopConsent.OPTED_OUT, _THERE, _NOT_OURS, _skip(SkipReason.OPTED_OUT)),
    (ShopConsent.NO, _THERE, LastAgreed.YES, _ENDED),
    (ShopConsent.STALE_YES, _THERE, None, Verdict(TargetAction.LEFT, subscriber=False)),
    (ShopConsent.STALE_YES, TargetStatus.ABSENT, None, Verdict(TargetAction.CREATED, subscriber=False)),
    (ShopConsent.YES, TargetStatus.NOT_SUBSCRIBED, None, Verdict(TargetAction.REACTIVATED)),
    (None, _THERE, None, _LEFT),
    (None, TargetStatus.ABSENT, None, Verdict(TargetAction.CREATED)),
)


def policy(*, confirm: bool) -> Policy:
    """With `confirm` nobody is subscribed before they said so themselves."""
    return Policy(ROWS, ended=Status.UNSUBSCRIBED, mailed=Status.PENDING if confirm else Status.SUBSCRIBED)
