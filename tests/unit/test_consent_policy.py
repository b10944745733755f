"""The whole policy, against the rules written a second time, as sentences instead of a table."""

from __future__ import annotations

from itertools import product

import pytest

from cleverreach_sync.domain.consent import (
    LastAgreed,
    ShopConsent,
    TargetAction,
    TargetStatus,
    Verdict,
    agreed_with,
    weigh,
    withdrawn_again,
)
from cleverreach_sync.domain.model import (
    ENDED_MOVED,
    ENDED_NO,
    ENDED_OPTED_OUT,
    NOTHING,
    Consent,
    ConsentState,
    LastSynced,
    SkipReason,
    Status,
)
from cleverreach_sync.targets.cleverreach.policy import POLICY
from tests.people import NO, OUT, UNKNOWN, YES

verdict = POLICY.verdict
EVERYTHING = list(product(ShopConsent, TargetStatus, LastAgreed))
LEFT = {
    TargetStatus.BLACKLISTED: "blacklisted",
    TargetStatus.BOUNCED: "bounced_in_target",
    TargetStatus.UNSUBSCRIBED: "unsubscribed_in_target",
    TargetStatus.DELETED: "deleted_in_target",
    TargetStatus.ARCHIVED: "deleted_in_target",
}
IN_LIST = {TargetStatus.SUBSCRIBED, TargetStatus.NOT_SUBSCRIBED, TargetStatus.PENDING}


def expected(shop: ShopConsent, standing: TargetStatus, agreed: LastAgreed) -> tuple[TargetAction, str | None]:
    # Who left is skipped, whatever the shop says.
    if standing in LEFT:
        return TargetAction.SKIPPED, LEFT[standing]
    new = standing is TargetStatus.ABSENT
    if shop is ShopConsent.OPTED_OUT:
        # Never created; ended where crsync transferred them or they carry an own tag; again, if another withdrawal
        # follows a return of their own; else left as they are.
        ours = agreed in (LastAgreed.YES, LastAgreed.OURS) or (
            agreed is LastAgreed.ENDED_BEFORE and standing is TargetStatus.SUBSCRIBED
        )
        return (TargetAction.ENDED, None) if ours and not new else (TargetAction.SKIPPED, "opted_out")
    if new:
        return TargetAction.CREATED, None
    if shop is ShopConsent.NO and agreed is LastAgreed.YES:
        return TargetAction.ENDED, None
    if shop is ShopConsent.YES and agreed is LastAgreed.ENDED and standing is TargetStatus.NOT_SUBSCRIBED:
        return TargetAction.REACTIVATED, None
    return TargetAction.LEFT, None


@pytest.mark.parametrize(("shop", "standing", "agreed"), EVERYTHING)
def test_every_case(shop: ShopConsent, standing: TargetStatus, agreed: LastAgreed) -> None:
    found = verdict(shop, standing, agreed)
    assert (found.target, found.reason) == expected(shop, standing, agreed)
    if found.target is not TargetAction.SKIPPED:
        assert found.subscriber == (
            shop not in (ShopConsent.STALE_YES, ShopConsent.OPTED_OUT) and found.target is not TargetAction.ENDED
        )
    assert found.shop is None


def test_every_row_of_the_policy_is_the_first_to_fit_somewhere() -> None:
    def fits(wanted: object, given: object) -> bool:
        return wanted is None or wanted is given or (isinstance(wanted, frozenset) and given in wanted)

    used = {next(n for n, row in enumerate(POLICY.rows) if all(map(fits, row, case))) for case in EVERYTHING}
    assert used == set(range(len(POLICY.rows)))


def where(target: TargetAction) -> list[tuple[ShopConsent, TargetStatus, LastAgreed, Verdict]]:
    return [(*case, verdict(*case)) for case in EVERYTHING if verdict(*case).target is target]


def test_only_who_is_absent_is_created() -> None:
    created = where(TargetAction.CREATED)
    assert {standing for _, standing, _, _ in created} == {TargetStatus.ABSENT}
    assert ShopConsent.OPTED_OUT not in {shop for shop, *_ in created}


def test_only_a_fresh_yes_reactivates_and_only_who_was_ended() -> None:
    assert [case[:3] for case in where(TargetAction.REACTIVATED)] == [
        (ShopConsent.YES, TargetStatus.NOT_SUBSCRIBED, LastAgreed.ENDED)
    ]


def test_only_who_stands_in_the_list_is_ended_and_never_for_an_unknown_fact() -> None:
    ended = where(TargetAction.ENDED)
    assert {standing for _, standing, _, _ in ended} == IN_LIST
    assert {shop for shop, *_ in ended} == {ShopConsent.OPTED_OUT, ShopConsent.NO}
    assert LastAgreed.NOTHING not in {agreed for _, _, agreed, _ in ended}


def test_who_left_is_left_alone() -> None:
    assert {verdict(*case).target for case in EVERYTHING if case[1] in LEFT} == {TargetAction.SKIPPED}


def test_a_stale_yes_gives_no_subscriber() -> None:
    assert not any(
        verdict(ShopConsent.STALE_YES, standing, agreed).subscriber
        for standing in (TargetStatus.ABSENT, *IN_LIST)
        for agreed in LastAgreed
    )


# The shop's statement, weighed


def ended(why: str, at: int | None = 100) -> LastSynced:
    return LastSynced(recipient_id="7", ended=why, ended_at=at)


@pytest.mark.parametrize("memory", [NOTHING, LastSynced(recipient_id="7", agreed=YES)])
@pytest.mark.parametrize(
    ("state", "shop"),
    [(YES, ShopConsent.YES), (NO, ShopConsent.NO), (OUT, ShopConsent.OPTED_OUT), (UNKNOWN, ShopConsent.UNKNOWN)],
)
@pytest.mark.parametrize("at", [None, 5])
def test_without_an_end_the_shop_is_believed(
    state: ConsentState, shop: ShopConsent, memory: LastSynced, at: int | None
) -> None:
    assert weigh(Consent(state, at), memory) is shop


@pytest.mark.parametrize(
    ("why", "stale"),
    [
        (ENDED_OPTED_OUT, ShopConsent.OPTED_OUT),
        (ENDED_NO, ShopConsent.STALE_YES),
        (ENDED_MOVED, ShopConsent.STALE_YES),
    ],
)
def test_after_an_end_only_a_later_yes_counts(why: str, stale: ShopConsent) -> None:
    memory = ended(why)
    for at in (None, 0, 99, 100):
        assert weigh(Consent(YES, at), memory) is stale
    assert weigh(Consent(YES, 101), memory) is ShopConsent.YES
    assert weigh(Consent(NO, 101), memory) is ShopConsent.NO
    assert weigh(Consent(UNKNOWN, 101), memory) is ShopConsent.UNKNOWN
    assert weigh(Consent(OUT, 50), memory) is ShopConsent.OPTED_OUT


@pytest.mark.parametrize(
    ("memory", "consent", "again"),
    [
        (NOTHING, Consent(OUT, 150), False),
        (ended(ENDED_OPTED_OUT), Consent(OUT, 150), True),
        (ended(ENDED_OPTED_OUT), Consent(OUT, 100), False),
        (ended(ENDED_OPTED_OUT), Consent(OUT, 50), False),
        (ended(ENDED_OPTED_OUT), Consent(OUT), False),
        (ended(ENDED_OPTED_OUT), Consent(YES, 50), False),
        (ended(ENDED_NO), Consent(OUT, 50), True),
        (ended(ENDED_NO), Consent(NO), False),
        (ended(ENDED_NO), Consent(YES, 50), False),
    ],
)
def test_another_withdrawal_than_the_one_recorded(memory: LastSynced, consent: Consent, again: bool) -> None:
    assert withdrawn_again(weigh(consent, memory), consent, memory) is again


@pytest.mark.parametrize("own_tags", [False, True])
def test_what_was_agreed(own_tags: bool) -> None:
    ours = LastAgreed.OURS if own_tags else LastAgreed.NOTHING
    assert agreed_with(NOTHING, own_tags=own_tags) is ours
    assert agreed_with(LastSynced(agreed=YES), own_tags=own_tags) is ours
    assert agreed_with(LastSynced(recipient_id="7", agreed=YES), own_tags=own_tags) is LastAgreed.YES
    for state in (NO, OUT, UNKNOWN):
        assert agreed_with(LastSynced(recipient_id="7", agreed=state), own_tags=own_tags) is LastAgreed.OURS
    assert agreed_with(ended(ENDED_NO)._replace(agreed=YES), own_tags=own_tags) is LastAgreed.ENDED
    assert (
        agreed_with(LastSynced(ended=ENDED_NO, ended_at=1, left_before=SkipReason.DELETED), own_tags=own_tags)
        is LastAgreed.ENDED
    )
    assert agreed_with(ended(ENDED_NO), own_tags=own_tags, again=True) is LastAgreed.ENDED_BEFORE
    for memory in (NOTHING, ended(ENDED_NO), ended(ENDED_OPTED_OUT)):
        assert agreed_with(memory, own_tags=True, renewed=True) is LastAgreed.YES


def test_states_of_a_recipient_have_a_standing_each() -> None:
    assert {state.value for state in Status} <= {standing.value for standing in TargetStatus}
