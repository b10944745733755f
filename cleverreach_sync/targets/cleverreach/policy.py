"""What becomes of a recipient in CleverReach, by what the shop says, how they stand, and what was agreed: one table.

Nobody is pending or archived there. Whoever is not subscribed may have been ended by crsync, which alone may undo that.
"""

from __future__ import annotations

from typing import Final

from cleverreach_sync.domain.consent import LastAgreed, Policy, ShopConsent, TargetAction, TargetStatus, Verdict
from cleverreach_sync.domain.model import SkipReason, Status

_SKIP = TargetAction.SKIPPED
_IN_LIST = frozenset({TargetStatus.SUBSCRIBED, TargetStatus.NOT_SUBSCRIBED, TargetStatus.PENDING})
_AWAY = frozenset({TargetStatus.DELETED, TargetStatus.ARCHIVED})
_NEW = frozenset({TargetStatus.ABSENT})
_ALREADY = frozenset({LastAgreed.ENDED})
_WITH_US = frozenset({LastAgreed.YES, LastAgreed.OURS})

POLICY: Final = Policy(
    (
        # shop, target, agreed -> verdict
        (None, TargetStatus.BLACKLISTED, None, Verdict(_SKIP, SkipReason.BLACKLISTED)),
        (None, TargetStatus.BOUNCED, None, Verdict(_SKIP, SkipReason.BOUNCED)),
        (None, TargetStatus.UNSUBSCRIBED, None, Verdict(_SKIP, SkipReason.UNSUBSCRIBED)),
        (None, _AWAY, None, Verdict(_SKIP, SkipReason.DELETED)),
        (ShopConsent.OPTED_OUT, _NEW, None, Verdict(_SKIP, SkipReason.OPTED_OUT, subscriber=False)),
        (ShopConsent.OPTED_OUT, _IN_LIST, _WITH_US, Verdict(TargetAction.ENDED, subscriber=False)),
        (
            ShopConsent.OPTED_OUT,
            TargetStatus.SUBSCRIBED,
            LastAgreed.ENDED_BEFORE,
            Verdict(TargetAction.ENDED, subscriber=False),
        ),
        (ShopConsent.OPTED_OUT, _IN_LIST, None, Verdict(_SKIP, SkipReason.OPTED_OUT, subscriber=False)),
        (ShopConsent.NO, _IN_LIST, LastAgreed.YES, Verdict(TargetAction.ENDED, subscriber=False)),
        (ShopConsent.STALE_YES, _IN_LIST, None, Verdict(TargetAction.LEFT, subscriber=False)),
        (ShopConsent.STALE_YES, _NEW, None, Verdict(TargetAction.CREATED, subscriber=False)),
        (ShopConsent.YES, TargetStatus.NOT_SUBSCRIBED, _ALREADY, Verdict(TargetAction.REACTIVATED)),
        (None, _IN_LIST, None, Verdict(TargetAction.LEFT)),
        (None, _NEW, None, Verdict(TargetAction.CREATED)),
    ),
    ended=Status.NOT_SUBSCRIBED,
)
