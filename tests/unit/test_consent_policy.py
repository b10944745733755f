"""The whole policy, against the rules written a second time, as sentences instead of a table."""

from __future__ import annotations

from itertools import product

import pytest

from cleverreach_sync.consent import (
    POLICY,
    Agreed,
    Becomes,
    Shop,
    Standing,
    Verdict,
    agreed_with,
    verdict,
    weigh,
    withdrawn_again,
)
from cleverreach_sync.model import (
    ENDED_MOVED,
    ENDED_NO,
    ENDED_OPTED_OUT,
    NOTHING,
    Consent,
    ConsentState,
    Memory,
    RecipientState,
)
from tests.people import NO, OUT, UNKNOWN, YES

EVERYTHING = list(product(Shop, Standing, Agreed))
LEFT = {
    Standing.BLACKLISTED: "blacklisted",
    Standing.BOUNCED: "bounced_in_target",
    Standing.UNSUBSCRIBED: "unsubscribed_in_target",
    Standing.DELETED: "deleted_in_target",
}


def expected(shop: Shop, standing: Standing, agreed: Agreed) -> tuple[Becomes, str | None]:
    # Who left is skipped, whatever the shop says.
    if standing in LEFT:
        return Becomes.SKIPPED, LEFT[standing]
    new = standing is Standing.ABSENT
    if shop is Shop.OPTED_OUT:
        # Never created; ended where crsync transferred them or they carry an own tag; again, if another withdrawal
        # follows a return of their own; else left as they are.
        ours = agreed in (Agreed.YES, Agreed.OURS) or (agreed is Agreed.ENDED_BEFORE and standing is Standing.ACTIVE)
        return (Becomes.ENDED, None) if ours and not new else (Becomes.SKIPPED, "opted_out")
    if new:
        return Becomes.CREATED, None
    if shop is Shop.NO and agreed is Agreed.YES:
        return Becomes.ENDED, None
    if shop is Shop.YES and agreed is Agreed.ENDED and standing is Standing.INACTIVE:
        return Becomes.REACTIVATED, None
    return Becomes.LEFT, None


@pytest.mark.parametrize(("shop", "standing", "agreed"), EVERYTHING)
def test_every_case(shop: Shop, standing: Standing, agreed: Agreed) -> None:
    found = verdict(shop, standing, agreed)
    assert (found.target, found.reason) == expected(shop, standing, agreed)
    if found.target is not Becomes.SKIPPED:
        assert found.subscriber == (shop not in (Shop.STALE_YES, Shop.OPTED_OUT) and found.target is not Becomes.ENDED)
    assert found.shop is None


def test_every_row_of_the_policy_is_the_first_to_fit_somewhere() -> None:
    def fits(wanted: object, given: object) -> bool:
        return wanted is None or wanted is given or (isinstance(wanted, frozenset) and given in wanted)

    used = {next(n for n, row in enumerate(POLICY) if all(map(fits, row, case))) for case in EVERYTHING}
    assert used == set(range(len(POLICY)))


def where(target: Becomes) -> list[tuple[Shop, Standing, Agreed, Verdict]]:
    return [(*case, verdict(*case)) for case in EVERYTHING if verdict(*case).target is target]


def test_only_who_is_absent_is_created() -> None:
    created = where(Becomes.CREATED)
    assert {standing for _, standing, _, _ in created} == {Standing.ABSENT}
    assert Shop.OPTED_OUT not in {shop for shop, *_ in created}


def test_only_a_fresh_yes_reactivates_and_only_who_was_ended() -> None:
    assert [case[:3] for case in where(Becomes.REACTIVATED)] == [(Shop.YES, Standing.INACTIVE, Agreed.ENDED)]


def test_only_who_stands_in_the_list_is_ended_and_never_for_an_unknown_fact() -> None:
    ended = where(Becomes.ENDED)
    assert {standing for _, standing, _, _ in ended} == {Standing.ACTIVE, Standing.INACTIVE}
    assert {shop for shop, *_ in ended} == {Shop.OPTED_OUT, Shop.NO}
    assert Agreed.NOTHING not in {agreed for _, _, agreed, _ in ended}


def test_who_left_is_left_alone() -> None:
    left = {Standing.UNSUBSCRIBED, Standing.BOUNCED, Standing.BLACKLISTED, Standing.DELETED}
    assert {verdict(*case).target for case in EVERYTHING if case[1] in left} == {Becomes.SKIPPED}


def test_a_stale_yes_gives_no_subscriber() -> None:
    assert not any(
        verdict(Shop.STALE_YES, standing, agreed).subscriber
        for standing in (Standing.ABSENT, Standing.ACTIVE, Standing.INACTIVE)
        for agreed in Agreed
    )


# The shop's statement, weighed


def ended(why: str, at: int | None = 100) -> Memory:
    return Memory(receiver_id="7", ended=why, ended_at=at)


@pytest.mark.parametrize("memory", [NOTHING, Memory(receiver_id="7", agreed=YES)])
@pytest.mark.parametrize(
    ("state", "shop"), [(YES, Shop.YES), (NO, Shop.NO), (OUT, Shop.OPTED_OUT), (UNKNOWN, Shop.UNKNOWN)]
)
@pytest.mark.parametrize("at", [None, 5])
def test_without_an_end_the_shop_is_believed(state: ConsentState, shop: Shop, memory: Memory, at: int | None) -> None:
    assert weigh(Consent(state, at), memory) is shop


@pytest.mark.parametrize(
    ("why", "stale"),
    [
        (ENDED_OPTED_OUT, Shop.OPTED_OUT),
        (ENDED_NO, Shop.STALE_YES),
        (ENDED_MOVED, Shop.STALE_YES),
    ],
)
def test_after_an_end_only_a_later_yes_counts(why: str, stale: Shop) -> None:
    memory = ended(why)
    for at in (None, 0, 99, 100):
        assert weigh(Consent(YES, at), memory) is stale
    assert weigh(Consent(YES, 101), memory) is Shop.YES
    assert weigh(Consent(NO, 101), memory) is Shop.NO
    assert weigh(Consent(UNKNOWN, 101), memory) is Shop.UNKNOWN
    assert weigh(Consent(OUT, 50), memory) is Shop.OPTED_OUT


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
def test_another_withdrawal_than_the_one_recorded(memory: Memory, consent: Consent, again: bool) -> None:
    assert withdrawn_again(weigh(consent, memory), consent, memory) is again


@pytest.mark.parametrize("own_tags", [False, True])
def test_what_was_agreed(own_tags: bool) -> None:
    ours = Agreed.OURS if own_tags else Agreed.NOTHING
    assert agreed_with(NOTHING, own_tags=own_tags) is ours
    assert agreed_with(Memory(agreed=YES), own_tags=own_tags) is ours
    assert agreed_with(Memory(receiver_id="7", agreed=YES), own_tags=own_tags) is Agreed.YES
    for state in (NO, OUT, UNKNOWN):
        assert agreed_with(Memory(receiver_id="7", agreed=state), own_tags=own_tags) is Agreed.OURS
    assert agreed_with(ended(ENDED_NO)._replace(agreed=YES), own_tags=own_tags) is Agreed.ENDED
    assert (
        agreed_with(Memory(ended=ENDED_NO, ended_at=1, barred="deleted_in_target"), own_tags=own_tags) is Agreed.ENDED
    )
    assert agreed_with(ended(ENDED_NO), own_tags=own_tags, again=True) is Agreed.ENDED_BEFORE
    for memory in (NOTHING, ended(ENDED_NO), ended(ENDED_OPTED_OUT)):
        assert agreed_with(memory, own_tags=True, renewed=True) is Agreed.YES


def test_states_of_a_recipient_have_a_standing_each() -> None:
    assert {state.value for state in RecipientState} <= {standing.value for standing in Standing}
