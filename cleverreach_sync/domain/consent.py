"""What the shop says, what the target says, what was last agreed -> what each side is to become. Pure.

The table is the target's own (see `Policy`). The shop's side of a verdict is for consent in both directions; nothing
writes it yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from cleverreach_sync.domain.model import ENDED_OPTED_OUT, Consent, ConsentState, LastSynced, SkipReason, Status


class ShopConsent(StrEnum):
    """The shop's statement, weighed against an end of consent that was recorded before."""

    YES = "yes"
    STALE_YES = "stale_yes"  # undated, or older than the end
    NO = "no"
    OPTED_OUT = "opted_out"
    UNKNOWN = "unknown"


class TargetStatus(StrEnum):
    """How somebody stands in the target."""

    ABSENT = "absent"
    DELETED = "deleted"  # was confirmed there once, is no longer
    SUBSCRIBED = "subscribed"
    NOT_SUBSCRIBED = "not_subscribed"
    PENDING = "pending"
    UNSUBSCRIBED = "unsubscribed"  # here, or (for people new to the list) elsewhere in the account
    BOUNCED = "bounced"
    ARCHIVED = "archived"
    BLACKLISTED = "blacklisted"


class LastAgreed(StrEnum):
    """What crsync and the target last agreed on."""

    NOTHING = "nothing"  # never transferred, carries no own tag
    YES = "yes"  # transferred with consent
    OURS = "ours"  # transferred, or carries an own tag, without a consent to end
    ENDED = "ended"  # the end of consent is confirmed
    ENDED_BEFORE = "ended_before"  # that of an earlier statement is confirmed, the shop's is a newer withdrawal


class TargetAction(StrEnum):
    """What the target's side becomes."""

    CREATED = "created"  # active or not as the selection says
    LEFT = "left"  # may be updated; the state stays
    ENDED = "ended"
    REACTIVATED = "reactivated"
    SKIPPED = "skipped"


class Verdict(NamedTuple):
    """`target`: what becomes of the recipient; `reason`: why somebody is skipped; `subscriber`: whether the Subscriber
    kind may apply; `shop`: what the shop's side becomes (None: stays)."""

    target: TargetAction
    reason: SkipReason | None = None
    subscriber: bool = True
    shop: ConsentState | None = None


Row = tuple[
    ShopConsent | None,
    TargetStatus | frozenset[TargetStatus] | None,
    LastAgreed | frozenset[LastAgreed] | None,
    Verdict,
]


def _fits(wanted: object, given: object) -> bool:
    if wanted is None:
        return True
    return given in wanted if isinstance(wanted, frozenset) else wanted is given


def _tabulate(rows: tuple[Row, ...]) -> dict[tuple[ShopConsent, TargetStatus, LastAgreed], Verdict]:
    return {
        (shop, standing, agreed): next(
            verdict
            for at_shop, at_target, at_agreed, verdict in rows
            if _fits(at_shop, shop) and _fits(at_target, standing) and _fits(at_agreed, agreed)
        )
        for shop in ShopConsent
        for standing in TargetStatus
        for agreed in LastAgreed
    }


class Policy:
    """What becomes of both sides, a table that a target brings: the rows are tried from the top, the first that fits
    decides; None in a row fits everything. Who is new, who unsubscribed elsewhere, and who is gone must be skipped or
    created, not reactivated.

    `ended` is the status that ends somebody's mailings, `mailed` the one to ask for of whoever is to be mailed,
    `unmailed` that of whoever is new and is not to be. `asleep` is how crsync leaves whoever gets no mailings: what it
    may undo, and somebody else may have changed since.
    """

    def __init__(
        self,
        rows: Iterable[Row],
        *,
        ended: Status,
        mailed: Status = Status.SUBSCRIBED,
        unmailed: Status = Status.NOT_SUBSCRIBED,
    ) -> None:
        self.rows = tuple(rows)
        self.ended = ended
        self.mailed = mailed
        self.unmailed = unmailed
        self.asleep = frozenset({ended, unmailed})
        self._table = _tabulate(self.rows)

    def verdict(self, shop: ShopConsent, standing: TargetStatus, agreed: LastAgreed) -> Verdict:
        """The row that fits."""
        return self._table[shop, standing, agreed]


_STATEMENT: Final = {
    ConsentState.YES: ShopConsent.YES,
    ConsentState.NO: ShopConsent.NO,
    ConsentState.OPTED_OUT: ShopConsent.OPTED_OUT,
    ConsentState.UNKNOWN: ShopConsent.UNKNOWN,
}


def weigh(consent: Consent, memory: LastSynced) -> ShopConsent:
    """The shop's statement. After an end of consent, or after a customer came who had left at another address, a `yes`
    counts only if it is dated later."""
    left = memory.ended is not None or memory.left_before is not None
    if left and consent.state is ConsentState.YES and not consent.is_later_than(memory.ended_at):
        return ShopConsent.OPTED_OUT if memory.ended == ENDED_OPTED_OUT else ShopConsent.STALE_YES
    return _STATEMENT[consent.state]


def withdrawn_again(shop: ShopConsent, consent: Consent, memory: LastSynced) -> bool:
    """Whether the shop's withdrawal is another one than the end that was recorded: somebody may have come back by
    themselves in between, by a form of the target."""
    if shop is not ShopConsent.OPTED_OUT or memory.ended is None:
        return False
    if memory.ended != ENDED_OPTED_OUT:
        return True
    if consent.state is not ConsentState.OPTED_OUT or consent.at is None:
        return False
    return memory.ended_at is not None and consent.at > memory.ended_at


def agreed_with(memory: LastSynced, *, own_tags: bool, again: bool = False, renewed: bool = False) -> LastAgreed:
    """What was agreed, of what is remembered and whether the recipient carries an own special tag. `again`: see
    `withdrawn_again`. `renewed`: the list shows a consent that is newer than the memory."""
    if renewed:
        return LastAgreed.YES
    if memory.ended is not None:
        return LastAgreed.ENDED_BEFORE if again else LastAgreed.ENDED
    if memory.transferred and memory.agreed is ConsentState.YES:
        return LastAgreed.YES
    return LastAgreed.OURS if memory.transferred or own_tags else LastAgreed.NOTHING
