from __future__ import annotations

import pytest

from cleverreach_sync.domain.consent import Policy, ShopConsent, TargetAction, TargetStatus, Verdict
from cleverreach_sync.domain.decide import decide
from cleverreach_sync.domain.decision import NOT_SUPPRESSED, Case, Decision, Outcome, Rules, Suppression
from cleverreach_sync.domain.memory import forgotten, remember, settle
from cleverreach_sync.domain.model import (
    ENDED_MOVED,
    ENDED_NO,
    ENDED_OPTED_OUT,
    NOTHING,
    ConsentState,
    Kind,
    LastSynced,
    Person,
    Purchases,
    Recipient,
    SkipReason,
    Stamps,
    Status,
)
from cleverreach_sync.domain.standing import remembered_recipient
from cleverreach_sync.targets.cleverreach.policy import POLICY
from tests.people import (
    ANNA,
    BOUGHT,
    BOUGHT_NOTHING,
    BUYER,
    CONTACT,
    FINGERPRINTS,
    NO,
    NOW,
    OUT,
    OWN,
    SUBSCRIBER,
    TAGS,
    UNKNOWN,
    YES,
    B,
    C,
    S,
    confirmed,
    person,
    recipient,
    rules,
)

ALL = rules()
ACTIVE, INACTIVE = Status.SUBSCRIBED, Status.NOT_SUBSCRIBED
UNSUBSCRIBED, BOUNCED = Status.UNSUBSCRIBED, Status.BOUNCED
SKIPPED, UNCHANGED = Outcome.SKIPPED, Outcome.UNCHANGED


def plan(
    who: Person,
    memory: LastSynced = NOTHING,
    found: Recipient | None = None,
    by: Rules = ALL,
    suppressed: Suppression = NOT_SUPPRESSED,
) -> Decision:
    return decide(Case(who, memory, found, suppressed), by, NOW)


def transferred(who: Person, by: Rules = ALL, *, at: int = NOW - 1000) -> tuple[LastSynced, Recipient]:
    """What is remembered of somebody who was created, and how they stand in the list."""
    made = decide(Case(who, NOTHING, None), by, at)
    found = confirmed(made, None)
    return remember(made, Case(who, NOTHING, None), found, by, at), found


def carried_out(
    who: Person, memory: LastSynced, found: Recipient | None, by: Rules = ALL, *, at: int = NOW
) -> tuple[Decision, LastSynced, Recipient]:
    decided = decide(Case(who, memory, found), by, at)
    then = confirmed(decided, found)
    return decided, remember(decided, Case(who, memory, None), then, by, at), then


# New people


def test_somebody_new_is_created_active_with_the_date_of_consent() -> None:
    decided = plan(person(YES, NOW - 50, BOUGHT, created_at=NOW - 900))
    assert (decided.outcome, decided.kinds, decided.activates) == (Outcome.CREATED, S | B, True)
    change = decided.change
    assert change is not None
    assert (change.email, change.creates, change.recipient_id) == (ANNA, True, None)
    assert (change.status, change.at, change.registered) == (Status.SUBSCRIBED, NOW - 50, NOW - 900)
    assert change.tags_added == (TAGS[SUBSCRIBER], TAGS[BUYER])
    assert change.tags_removed == ()
    assert change.attributes == {
        "firstname": "Anna",
        "lastorderdate": "2023-11-14",
        "ordercount": "2",
        "totalspent": "30.50",
    }


@pytest.mark.parametrize(
    ("consent", "at", "expected"),
    [
        (YES, None, NOW),
        (YES, NOW, NOW),
        (YES, NOW + 1, NOW),
        (YES, 0, NOW),
        (YES, -5, NOW),
        (NO, NOW - 5, NOW),
        (UNKNOWN, NOW - 5, NOW),
    ],
)
def test_activated_is_the_date_of_consent_else_now(consent: ConsentState, at: int | None, expected: int) -> None:
    change = plan(person(consent, at)).change
    assert change is not None
    assert (change.status, change.at) == (Status.SUBSCRIBED, expected)


@pytest.mark.parametrize(
    ("created_at", "expected"), [(NOW - 5, NOW - 5), (None, NOW), (0, NOW), (-5, NOW), (NOW + 5, NOW)]
)
def test_registered_is_the_shops_date_of_creation_if_it_makes_sense(created_at: int | None, expected: int) -> None:
    change = plan(person(created_at=created_at)).change
    assert change is not None
    assert change.registered == expected


@pytest.mark.parametrize(
    ("who", "activate", "active"),
    [
        (person(YES, purchases=BOUGHT), S, True),
        (person(YES, purchases=BOUGHT), B, True),
        (person(YES, purchases=BOUGHT), C, False),
        (person(NO, purchases=BOUGHT), S, False),
        (person(NO), C, True),
        (person(NO), S | B, False),
        (person(YES), frozenset(), False),
    ],
)
def test_active_if_one_of_the_kinds_is_to_be(who: Person, activate: frozenset[Kind], active: bool) -> None:
    decided = plan(who, by=rules(activate=activate))
    assert decided.change is not None
    assert decided.activates is active
    assert decided.change.status is (Status.SUBSCRIBED if active else Status.NOT_SUBSCRIBED)
    assert (decided.change.at is None) is not active


def test_empty_values_are_not_sent_to_somebody_new() -> None:
    decided = plan(person(profile={"first_name": "Anna", "city": ""}))
    assert decided.change is not None
    assert decided.change.attributes == {"firstname": "Anna"}
    assert decided.values == {"firstname": "Anna", "city": ""}


# The selection


@pytest.mark.parametrize("found", [None, recipient(kinds=[BUYER])])
def test_who_is_not_selected_is_not_transferred_and_not_updated(found: Recipient | None) -> None:
    memory = NOTHING if found is None else transferred(person(purchases=BOUGHT))[0]
    decided = plan(person(purchases=BOUGHT, profile={"first_name": "Anne"}), memory, found, rules(S))
    assert (decided.outcome, decided.reason, decided.change) == (SKIPPED, "not_selected", None)


def test_with_subscriber_alone_the_address_is_transferred_the_purchase_is_not() -> None:
    memory, found = transferred(person(YES), rules(S))
    assert plan(person(YES, purchases=BOUGHT), memory, found, rules(S)).outcome is UNCHANGED
    decided = plan(
        person(YES, purchases=BOUGHT, profile={"first_name": "Anna", "city": "Kiel"}), memory, found, rules(S)
    )
    assert decided.change is not None
    assert decided.change.attributes == {"firstname": "Anna", "city": "Kiel"}
    assert decided.change.tags_added == (TAGS[SUBSCRIBER],)


def test_a_kind_that_is_added_is_sent_and_one_that_is_removed_is_not() -> None:
    who = person(YES, purchases=BOUGHT)
    memory, found = transferred(who, rules(S))
    more, memory, found = carried_out(who, memory, found, rules(S | B))
    assert (more.outcome, more.change is not None and more.change.tags_added) == (
        Outcome.UPDATED,
        (TAGS[SUBSCRIBER], TAGS[BUYER]),
    )
    for fewer in (S, B):
        assert plan(who, memory, found, rules(fewer)).outcome is UNCHANGED


def test_exclude_skips_whoever_it_is() -> None:
    by = rules(exclude=["*@example.org"])
    assert plan(person(YES), by=by).reason == "excluded"
    memory, found = transferred(person(YES))
    assert plan(person(YES, profile={"city": "Kiel"}), memory, found, by).reason == "excluded"


@pytest.mark.parametrize("by", [rules(B), rules(exclude=["*"]), rules(C, frozenset())])
@pytest.mark.parametrize("consent", [OUT, NO])
def test_the_end_of_consent_is_never_held_back(consent: ConsentState, by: Rules) -> None:
    memory, found = transferred(person(YES))
    decided = plan(person(consent), memory, found, by)
    assert decided.outcome is Outcome.DEACTIVATED


@pytest.mark.parametrize(
    ("who", "suppressed", "found", "memory", "by", "reason"),
    [
        (person(OUT), Suppression(True, NOW), None, NOTHING, rules(exclude=["*"]), "excluded"),
        (person(OUT), Suppression(True, NOW), None, NOTHING, rules(S), "not_selected"),
        (person(OUT), Suppression(True, NOW), None, NOTHING, ALL, "blacklisted"),
        (person(OUT), Suppression(False, NOW), recipient(BOUNCED), NOTHING, ALL, "bounced_in_target"),
        (person(OUT), Suppression(False, NOW), None, LastSynced("7"), ALL, "unsubscribed_in_target"),
        (person(OUT), NOT_SUPPRESSED, None, LastSynced("7"), ALL, "deleted_in_target"),
        (person(OUT), NOT_SUPPRESSED, None, NOTHING, ALL, "opted_out"),
    ],
)
def test_of_several_reasons_the_first_counts(
    who: Person, suppressed: Suppression, found: Recipient | None, memory: LastSynced, by: Rules, reason: str
) -> None:
    decided = plan(who, memory, found, by, suppressed)
    assert (decided.outcome, decided.reason, decided.change) == (SKIPPED, reason, None)


# Tags


@pytest.mark.parametrize(
    ("who", "carried", "added", "removed"),
    [
        (person(NO, purchases=BOUGHT), C, B, C),
        (person(YES), C, S, C),
        (person(YES, purchases=BOUGHT_NOTHING), B | C, S, B | C),
        (person(NO, purchases=BOUGHT_NOTHING), B, C, B),
        (person(NO, purchases=BOUGHT_NOTHING), S | B, C, S | B),
        (person(UNKNOWN), S, frozenset(), frozenset()),
        (person(UNKNOWN), B, frozenset(), frozenset()),
        (person(UNKNOWN, purchases=BOUGHT_NOTHING), B, C, B),
        (person(UNKNOWN, purchases=BOUGHT), S, B, frozenset()),
        (person(NO), S, C, S),
        (person(NO), S | B, frozenset(), S),
    ],
)
def test_tags_that_contradict_the_facts_go_in_the_same_request(
    who: Person, carried: frozenset[Kind], added: frozenset[Kind], removed: frozenset[Kind]
) -> None:
    found = recipient(kinds=carried, other_tags=["Shop-Role.VIP", "Other-Special.Contact"])
    change = plan(who, found=found).change
    assert change is not None
    assert OWN.among(change.tags_added) == added
    assert OWN.among(change.tags_removed) == removed
    assert len(change.tags_removed) == len(removed)


def test_tags_are_recognised_in_either_spelling() -> None:
    # The list gives back an own tag with its letters folded: it is there, and it goes by its full name.
    by = rules()._replace(own=type(OWN)("Größe"))
    found = recipient(other_tags=["Gr__e-Special.Contact"])
    change = plan(person(YES), found=found, by=by).change
    assert change is not None
    assert change.tags_removed == ("Größe-Special.Contact",)


def test_a_contradicting_tag_of_a_kind_that_is_not_selected_is_no_reason_to_write() -> None:
    memory, found = transferred(person(NO))
    by = rules(B, preset="none")
    _, memory, found = carried_out(person(NO, purchases=BOUGHT), memory._replace(fingerprint=b""), found, by)
    memory, found = memory._replace(tags=memory.tags | C), found._replace(tags=found.tags | {TAGS[CONTACT]})
    assert plan(person(NO, purchases=BOUGHT), memory, found, by).outcome is UNCHANGED
    decided = plan(person(NO, purchases=BOUGHT), memory, found, rules(B | C, preset="none"))
    assert decided.change is not None
    assert decided.change.tags_removed == (TAGS[CONTACT],)


# Already in the list


@pytest.mark.parametrize("state", [ACTIVE, INACTIVE])
@pytest.mark.parametrize("consent", [YES, NO, UNKNOWN])
def test_who_is_there_already_keeps_their_state(state: Status, consent: ConsentState) -> None:
    change = plan(person(consent, NOW - 5), found=recipient(state)).change
    assert change is not None
    assert (change.creates, change.recipient_id, change.status, change.at, change.registered) == (
        False,
        "7",
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("state", "reason"), [(UNSUBSCRIBED, "unsubscribed_in_target"), (BOUNCED, "bounced_in_target")]
)
@pytest.mark.parametrize("by", [ALL, rules(resend=True), rules(resend=True, include_deleted=True), rules(adopt=True)])
@pytest.mark.parametrize("consent", list(ConsentState))
def test_who_left_the_list_is_sent_nothing(state: Status, reason: str, by: Rules, consent: ConsentState) -> None:
    memory, found = transferred(person(YES))
    for known in (NOTHING, memory, memory._replace(ended=ENDED_NO, ended_at=5)):
        decided = plan(person(consent, NOW), known, found._replace(status=state), by)
        assert (decided.outcome, decided.reason, decided.change) == (SKIPPED, reason, None)


@pytest.mark.parametrize("found", [None, recipient(), recipient(INACTIVE)])
def test_who_is_blacklisted_is_sent_nothing(found: Recipient | None) -> None:
    for consent in ConsentState:
        decided = plan(
            person(consent, NOW), LastSynced("7", agreed=YES), found, suppressed=Suppression(blacklisted=True)
        )
        assert (decided.reason, decided.change) == ("blacklisted", None)


@pytest.mark.parametrize(
    ("consent", "at", "skipped"),
    [(YES, 101, False), (YES, 100, True), (YES, 99, True), (YES, None, True), (NO, 101, True), (UNKNOWN, 101, True)],
)
def test_who_unsubscribed_elsewhere_in_the_account_is_not_revived(
    consent: ConsentState, at: int | None, skipped: bool
) -> None:
    decided = plan(person(consent, at), suppressed=Suppression(unsubscribed_at=100))
    assert (decided.reason == "unsubscribed_in_target") is skipped
    assert (decided.change is None) is skipped
    assert plan(person(consent, at), found=recipient(), suppressed=Suppression(unsubscribed_at=100)).change is not None


def test_deleted_by_hand() -> None:
    memory, _ = transferred(person(YES))
    for by in (ALL, rules(resend=True)):
        assert plan(person(YES), memory, None, by).reason == "deleted_in_target"
    again = plan(person(YES), memory, None, rules(resend=True, include_deleted=True))
    assert (again.outcome, again.activates) == (Outcome.CREATED, True)
    assert again.change is not None
    assert again.change.tags_added == (TAGS[SUBSCRIBER],)
    assert again.change.attributes == {"firstname": "Anna"}


def test_whose_consent_ended_while_they_were_deleted_comes_back_inactive() -> None:
    memory, _ = transferred(person(YES, purchases=BOUGHT))
    decided, memory, found = carried_out(person(NO, purchases=BOUGHT), memory, None, rules(include_deleted=True))
    assert (decided.outcome, found.status, memory.ended, memory.ended_at) == (Outcome.CREATED, INACTIVE, ENDED_NO, NOW)
    for later in (person(NO, purchases=BOUGHT), person(YES, NOW, BOUGHT), person(UNKNOWN, purchases=BOUGHT)):
        assert not plan(later, memory, found).activates
    assert plan(person(YES, NOW + 1, BOUGHT), memory, found).activates


def test_who_had_withdrawn_is_not_made_active_again_as_deleted() -> None:
    by = rules(include_deleted=True)
    for why in (ENDED_NO, ENDED_OPTED_OUT, ENDED_MOVED):
        memory = LastSynced("7", agreed=NO, ended=why, ended_at=NOW - 10)
        for who in (person(NO), person(UNKNOWN), person(YES), person(YES, NOW - 10), person(OUT)):
            change = plan(who, memory, None, by).change
            assert change is None or change.status is Status.NOT_SUBSCRIBED
        fresh = plan(person(YES, NOW - 9), memory, None, by).change
        assert fresh is not None
        assert fresh.status is Status.SUBSCRIBED


# Fingerprints


def test_what_is_confirmed_is_not_sent_again() -> None:
    memory, found = transferred(person(YES))
    assert plan(person(YES), memory, found).outcome is UNCHANGED
    assert plan(person(YES, NOW), memory, found).outcome is UNCHANGED
    assert plan(person(YES, profile={"first_name": "Anne"}), memory, found).outcome is Outcome.UPDATED


def test_the_same_person_under_another_id_is_sent_whole() -> None:
    memory, found = transferred(person(YES))
    other = found._replace(id="8", tags=frozenset())
    decided, memory, _ = carried_out(person(YES), memory, other)
    assert decided.outcome is Outcome.UPDATED
    assert memory.recipient_id == "8"
    assert memory.fingerprint == FINGERPRINTS.of({"firstname": "Anna"})
    assert plan(person(YES), memory, other._replace(tags=frozenset({TAGS[SUBSCRIBER]}))).outcome is UNCHANGED


def test_a_value_that_became_empty_is_cleared_and_a_missing_one_is_not() -> None:
    memory, found = transferred(person(YES, profile={"first_name": "Anna", "city": "Kiel"}))
    assert plan(person(YES, profile={"first_name": "Anna"}), memory, found).outcome is UNCHANGED
    empty = person(YES, profile={"first_name": "Anna", "city": "", "zip": ""})
    decided, memory, found = carried_out(empty, memory, found)
    assert decided.change is not None
    assert decided.change.attributes == {"firstname": "Anna", "city": ""}
    assert plan(empty, memory, found).outcome is UNCHANGED


def test_resend_sends_everybody_once_a_run() -> None:
    memory, found = transferred(person(YES), rules(run="one"))
    by = rules(resend=True, run="two")
    decided, memory, found = carried_out(person(YES), memory, found, by)
    assert decided.outcome is Outcome.UPDATED
    assert decided.change is not None
    assert (decided.change.status, decided.change.attributes) == (None, {"firstname": "Anna"})
    assert plan(person(YES), memory, found, by).outcome is UNCHANGED


# The end of consent


@pytest.mark.parametrize(
    ("who", "agreed", "reason"),
    [
        (person(OUT, NOW - 5), YES, "opted_out"),
        (person(OUT, NOW - 5), NO, "opted_out"),
        (person(OUT, NOW - 5), UNKNOWN, "opted_out"),
        (person(NO), YES, "consent_ended"),
    ],
)
@pytest.mark.parametrize("state", [ACTIVE, INACTIVE])
def test_the_end_of_consent(who: Person, agreed: ConsentState, reason: str, state: Status) -> None:
    memory = LastSynced("7", ACTIVE, S | B, agreed=agreed)
    decided = plan(who, memory, recipient(state, S | B))
    goes_on, values = (frozenset(), {}) if reason == "opted_out" else (frozenset({CONTACT}), {"firstname": "Anna"})
    assert (decided.outcome, decided.reason, decided.kinds) == (Outcome.DEACTIVATED, reason, goes_on)
    change = decided.change
    assert change is not None
    assert (change.creates, change.status, change.at, change.registered) == (False, Status.NOT_SUBSCRIBED, None, None)
    assert (change.tags_added, change.tags_removed, change.attributes) == ((), (TAGS[SUBSCRIBER],), values)


def test_a_target_may_have_a_table_of_its_own_with_a_side_for_the_shop() -> None:
    left = (
        ShopConsent.YES,
        TargetStatus.UNSUBSCRIBED,
        None,
        Verdict(TargetAction.SKIPPED, SkipReason.UNSUBSCRIBED, shop=OUT),
    )
    by = ALL._replace(policy=Policy((left, *POLICY.rows), ended=UNSUBSCRIBED))
    memory = LastSynced("7", ACTIVE, S | B, agreed=YES)
    gone = plan(person(YES), memory, recipient(UNSUBSCRIBED, S | B), by)
    assert (gone.outcome, gone.reason, gone.change, gone.shop_becomes) == (SKIPPED, "unsubscribed_in_target", None, OUT)
    ended, kept, _ = carried_out(person(OUT, NOW - 5), memory, recipient(ACTIVE, S | B), by)
    assert ended.change is not None
    assert (ended.change.status, kept.status, ended.shop_becomes) == (UNSUBSCRIBED, UNSUBSCRIBED, None)
    assert plan(person(YES), memory, recipient(UNSUBSCRIBED, S | B)).shop_becomes is None


@pytest.mark.parametrize("agreed", [NO, UNKNOWN, OUT])
def test_no_ends_only_a_yes(agreed: ConsentState) -> None:
    memory, found = transferred(person(agreed if agreed is not OUT else NO))
    assert plan(person(NO), memory, found).outcome in (UNCHANGED, Outcome.UPDATED)
    assert plan(person(UNKNOWN), *transferred(person(YES))).outcome is not Outcome.DEACTIVATED


def test_a_withdrawal_at_first_sight_ends_only_whom_crsync_knows_or_who_carries_an_own_tag() -> None:
    assert plan(person(OUT), found=recipient()).reason == "opted_out"
    assert plan(person(OUT), found=recipient(other_tags=["Other-Special.Subscriber"])).reason == "opted_out"
    for kind in Kind:
        assert plan(person(OUT), found=recipient(kinds=[kind])).outcome is Outcome.DEACTIVATED


def test_after_the_end_of_consent() -> None:
    memory, found = transferred(person(YES, purchases=BOUGHT))
    out = person(OUT, NOW - 5, BOUGHT)
    _, memory, found = carried_out(out, memory, found)
    assert (memory.ended, memory.ended_at, memory.status, memory.tags) == (ENDED_OPTED_OUT, NOW - 5, INACTIVE, B)
    assert plan(out, memory, found).reason == "opted_out"
    for stale in (person(YES, NOW - 5, BOUGHT), person(YES, None, BOUGHT), person(YES, 1, BOUGHT)):
        assert plan(stale, memory, found).reason == "opted_out"
        assert settle(plan(stale, memory, found), stale, memory, NOW) == memory
    decided, memory, found = carried_out(person(YES, NOW - 4, BOUGHT), memory, found)
    assert (decided.reason, decided.activates) == ("reactivated", True)
    assert decided.change is not None
    assert (decided.change.status, decided.change.at) == (Status.SUBSCRIBED, NOW - 4)
    assert SUBSCRIBER in OWN.among(decided.change.tags_added)
    assert (memory.ended, memory.ended_at, memory.agreed) == (None, None, YES)


@pytest.mark.parametrize("said", [NO, OUT])
def test_the_tag_tells_of_a_consent_that_is_not_remembered(said: ConsentState) -> None:
    """The memory is of a backup, from before they came, or after an end that they have taken back since."""
    ended = carried_out(person(NO), *transferred(person(YES, purchases=BOUGHT)))[1]
    for memory, by in ((NOTHING, rules(resend=True)), (ended, ALL)):
        found = recipient(ACTIVE, [SUBSCRIBER], ident=memory.recipient_id or "7")
        decided = plan(person(said, purchases=BOUGHT), memory, found, by)
        assert decided.outcome is Outcome.DEACTIVATED
        assert plan(person(YES, purchases=BOUGHT), memory, found, by).outcome is not Outcome.DEACTIVATED
        by_a_form = found._replace(tags=frozenset())
        assert plan(person(NO, purchases=BOUGHT), memory, by_a_form, by).outcome is not Outcome.DEACTIVATED


def test_nothing_of_a_deleted_recipient_is_kept_but_the_end() -> None:
    memory, _ = transferred(person(YES, purchases=BOUGHT))
    assert memory.woken_at is not None
    kept = forgotten(memory._replace(stamps=Stamps(1, 2, 3, 4)), NOW)
    assert (kept.recipient_id, kept.woken_at, kept.stamps, kept.ended, kept.ended_at) == (
        None,
        None,
        None,
        "erased",
        NOW,
    )


def test_after_a_no_the_person_is_updated_but_stays_inactive() -> None:
    memory, found = transferred(person(YES, purchases=BOUGHT))
    _, memory, found = carried_out(person(NO, None, BOUGHT), memory, found)
    assert (memory.ended, memory.ended_at) == (ENDED_NO, NOW)
    for later in (person(NO, NOW, BOUGHT, {"city": "Kiel"}), person(YES, NOW, BOUGHT, {"city": "Kiel"})):
        decided, _, then = carried_out(later, memory, found)
        assert (decided.outcome, decided.activates, then.status) == (Outcome.UPDATED, False, INACTIVE)
        assert OWN.among(then.tags) == B
    decided, memory, found = carried_out(person(YES, NOW + 1, BOUGHT), memory, found, at=NOW + 2)
    assert (decided.activates, found.status, OWN.among(found.tags)) == (True, ACTIVE, S | B)
    assert memory.ended is None


def test_a_fresh_yes_reactivates_only_with_a_kind_that_is_to_be_active() -> None:
    memory, found = transferred(person(YES, purchases=BOUGHT))
    _, memory, found = carried_out(person(OUT, NOW - 5, BOUGHT), memory, found)
    fresh = person(YES, NOW - 4, BOUGHT, {"city": "Kiel"})
    decided = plan(fresh, memory, found, rules(activate=C))
    assert decided.change is not None
    assert (decided.change.status, decided.activates, decided.reason) == (None, False, "")
    then = remember(decided, Case(fresh, memory, None), confirmed(decided, found), ALL, NOW)
    assert then.ended == ENDED_OPTED_OUT
    assert plan(fresh, then, confirmed(decided, found)).activates


def test_contact_is_never_given_after_a_withdrawal() -> None:
    memory = LastSynced("7", INACTIVE, frozenset(), agreed=OUT, ended=ENDED_OPTED_OUT, ended_at=NOW - 9)
    for who in (person(NO), person(UNKNOWN)):
        decided = plan(who, memory, recipient(INACTIVE))
        assert decided.change is None or decided.change.tags_added == ()


def test_a_withdrawal_in_an_unreadable_record_ends_consent_all_the_same() -> None:
    memory, found = transferred(person(YES))
    unreadable = person(UNKNOWN, invalid="subscribed_at", withdrew=True)
    decided, memory, found = carried_out(unreadable, memory, found)
    assert decided.outcome is Outcome.DEACTIVATED
    assert (memory.ended, memory.ended_at) == (ENDED_OPTED_OUT, NOW)
    assert (plan(unreadable, memory, found).outcome, plan(unreadable).outcome) == (Outcome.INVALID, Outcome.INVALID)


def test_the_end_of_an_unreadable_record_is_not_dated_by_somebody_elses_yes() -> None:
    memory, found = transferred(person(YES))
    mixed = person(YES, NOW - 500, invalid="orders", withdrew=True)
    _, memory, _ = carried_out(mixed, memory, found)
    assert memory.ended_at == NOW


def test_an_invalid_person_is_left_alone() -> None:
    decided = plan(person(YES, invalid="orders"), *transferred(person(YES)))
    assert (decided.outcome, decided.reason, decided.change) == (Outcome.INVALID, "orders", None)


# Created inactive by crsync


def test_who_was_created_inactive_is_activated_when_a_kind_applies() -> None:
    by = rules(activate=B)
    memory, found = transferred(person(NO), by)
    assert (memory.made_inactive, found.status) == (True, INACTIVE)
    assert plan(person(NO), memory, found, by).outcome is UNCHANGED
    decided, memory, found = carried_out(person(NO, purchases=BOUGHT), memory, found, by)
    assert (decided.reason, decided.activates, memory.made_inactive) == ("activated", True, False)
    assert decided.change is not None
    assert (decided.change.status, decided.change.at) == (Status.SUBSCRIBED, NOW)


def test_who_was_created_inactive_by_somebody_else_is_not_activated() -> None:
    by = rules(activate=B)
    memory, found = transferred(person(NO), by)
    assert not plan(person(NO, purchases=BOUGHT), memory, found._replace(id="8"), by).activates
    assert not plan(person(NO, purchases=BOUGHT), NOTHING, found, by).activates
    assert not plan(person(NO, purchases=BOUGHT), memory._replace(made_inactive=False), found, by).activates


def test_who_comes_back_by_a_form_after_being_created_inactive_is_not_activated() -> None:
    # Deleted by hand, then registered by a form and not confirmed yet: another recipient, in nobody's hands but theirs.
    by = rules(activate=B)
    memory, found = transferred(person(NO), by)
    who = person(NO, purchases=BOUGHT)
    decided, memory, then = carried_out(who, memory, found._replace(id="8"), by)
    assert (decided.activates, memory.made_inactive) == (False, False)
    assert plan(who, memory, then, by).outcome is UNCHANGED


def test_who_was_created_inactive_and_ended_is_not_activated() -> None:
    by = rules(activate=B)
    memory, found = transferred(person(NO), by)
    _, memory, found = carried_out(person(OUT, NOW - 5), memory, found, by)
    assert not memory.made_inactive
    for who in (person(NO, purchases=BOUGHT), person(UNKNOWN, purchases=BOUGHT)):
        assert not plan(who, memory, found, by).activates


# Barred: the former address had left


def test_an_address_is_barred_until_a_later_consent() -> None:
    memory = LastSynced(ended=ENDED_NO, ended_at=NOW - 5, left_before=SkipReason.UNSUBSCRIBED)
    for who in (person(YES), person(YES, NOW - 5), person(NO), person(UNKNOWN)):
        assert plan(who, memory).reason == "unsubscribed_in_target"
    fresh = plan(person(YES, NOW - 4), memory)
    assert (fresh.outcome, fresh.activates) == (Outcome.CREATED, True)


# Forced into a list with own tags


def test_adopted_with_a_subscriber_tag_means_a_consent_before() -> None:
    by = rules(adopt=True)
    assert plan(person(NO), found=recipient(kinds=[SUBSCRIBER]), by=by).outcome is Outcome.DEACTIVATED
    assert plan(person(NO), found=recipient(kinds=[BUYER]), by=by).outcome is Outcome.UPDATED
    assert plan(person(NO), found=recipient(kinds=[SUBSCRIBER])).outcome is Outcome.UPDATED
    assert plan(person(NO), found=recipient(), by=by).outcome is Outcome.UPDATED
    assert plan(person(NO), by=by).outcome is Outcome.CREATED


@pytest.mark.parametrize("preset", ["shop", "none"])
@pytest.mark.parametrize("who", [person(YES, NOW), person(YES), person(UNKNOWN), person(NO, purchases=BOUGHT)])
def test_adopted_and_inactive_stays_so(who: Person, preset: str) -> None:
    by = rules(adopt=True, preset=preset)
    found = recipient(INACTIVE, [BUYER])
    decided = plan(who, found=found, by=by)
    assert not decided.activates
    then, memory = found, NOTHING
    if decided.change is not None:
        then = confirmed(decided, found)
        memory = remember(decided, Case(who, NOTHING, None), then, by, NOW)
    else:
        memory = settle(decided, who, NOTHING, NOW)
    assert memory.transferred
    assert memory.ended is not None
    for later in (person(YES, NOW + 9, BOUGHT), person(NO, purchases=BOUGHT), person(OUT, NOW + 5)):
        assert not decide(Case(later, memory, then), rules(), NOW + 10).activates


@pytest.mark.parametrize(
    "by", [rules(adopt=True), rules(adopt=True, preset="none"), rules(B, adopt=True), rules(adopt=True, exclude=["*"])]
)
@pytest.mark.parametrize("consent", [YES, UNKNOWN])
def test_adopted_with_a_subscriber_tag_ends_when_consent_does_later(consent: ConsentState, by: Rules) -> None:
    found, who = recipient(kinds=[SUBSCRIBER]), person(consent)
    decided = plan(who, found=found, by=by)
    if decided.change is not None:
        found = confirmed(decided, found)
        memory = remember(decided, Case(who, NOTHING, None), found, by, NOW)
    else:
        memory = settle(decided, who, NOTHING, NOW)
    assert plan(person(NO), memory, found, rules()).outcome is Outcome.DEACTIVATED


def test_who_carries_no_own_tag_is_not_adopted_by_getting_one() -> None:
    # Somebody of a form who has not confirmed yet: they are nobody's end.
    by = rules(adopt=True)
    _, memory, found = carried_out(person(YES), NOTHING, recipient(INACTIVE), by)
    assert memory.ended is None
    now_active = found._replace(status=ACTIVE)
    assert plan(person(YES), memory, now_active).outcome is UNCHANGED
    assert plan(person(NO), memory, now_active).outcome is Outcome.DEACTIVATED


# What is remembered


def test_what_is_remembered_of_somebody_created() -> None:
    memory, _ = transferred(person(YES, purchases=BOUGHT), rules(run="one"))
    assert memory == LastSynced(
        recipient_id="7",
        status=ACTIVE,
        tags=S | B,
        fingerprint=FINGERPRINTS.of(
            {"firstname": "Anna", "lastorderdate": "2023-11-14", "ordercount": "2", "totalspent": "30.50"}
        ),
        agreed=YES,
        run="one",
        woken_at=NOW - 1000,
    )


@pytest.mark.parametrize(("consent", "agreed"), [(YES, YES), (NO, YES), (UNKNOWN, UNKNOWN)])
def test_an_unknown_consent_ends_nothing_that_was_agreed(consent: ConsentState, agreed: ConsentState) -> None:
    del agreed
    memory, found = transferred(person(YES))
    _, memory, found = carried_out(person(UNKNOWN, profile={"city": "Kiel"}), memory, found)
    assert memory.agreed is YES
    expected = Outcome.DEACTIVATED if consent is NO else UNCHANGED
    assert plan(person(consent, profile={}), memory, found).outcome is expected


def test_a_consent_given_while_nothing_is_written_is_agreed() -> None:
    memory, found = transferred(person(NO, purchases=BOUGHT), rules(B))
    yes = person(YES, NOW, BOUGHT)
    decided = plan(yes, memory, found, rules(B))
    assert decided.outcome is UNCHANGED
    memory = settle(decided, yes, memory, NOW)
    assert plan(person(NO, purchases=BOUGHT), memory, found, rules(B)).outcome is Outcome.DEACTIVATED


@pytest.mark.parametrize("state", [UNSUBSCRIBED, None])
def test_an_end_of_consent_of_who_had_left_counts_all_the_same(state: Status | None) -> None:
    memory, found = transferred(person(YES))
    left = None if state is None else found._replace(status=state)
    for who, why, at in ((person(OUT, NOW - 5), ENDED_OPTED_OUT, NOW - 5), (person(NO), ENDED_NO, NOW)):
        then = settle(plan(who, memory, left), who, memory, NOW)
        assert (then.ended, then.ended_at) == (why, at)
        assert not plan(person(YES), then, found._replace(status=INACTIVE)).activates


@pytest.mark.parametrize("ended_at", [NOW - 5, 1 << 62])
def test_an_older_withdrawal_does_not_bring_an_end_forward(ended_at: int) -> None:
    memory = LastSynced("7", INACTIVE, agreed=NO, ended=ENDED_NO, ended_at=ended_at)
    out = person(OUT, NOW - 500)
    then = settle(plan(out, memory, recipient(INACTIVE)), out, memory, NOW)
    assert (then.ended, then.ended_at) == (ENDED_OPTED_OUT, ended_at)
    assert not plan(person(YES, NOW - 400), then, recipient(INACTIVE)).activates
    _, again, _ = carried_out(out, memory, recipient(ACTIVE))
    assert (again.ended, again.ended_at) == (ENDED_OPTED_OUT, ended_at)


def test_nothing_is_settled_about_who_was_never_transferred() -> None:
    for who in (person(OUT), person(YES), person(NO)):
        assert settle(plan(who), who, NOTHING, NOW) is NOTHING


# Before somebody was read


@pytest.mark.parametrize(
    ("memory", "state"),
    [
        (LastSynced("7", ACTIVE), ACTIVE),
        (LastSynced("7", INACTIVE), INACTIVE),
        (LastSynced("7", UNSUBSCRIBED), ACTIVE),
        (LastSynced("7", BOUNCED, ended=ENDED_NO), INACTIVE),
        (LastSynced("7", Status.ABSENT), ACTIVE),
    ],
)
def test_a_recipient_as_remembered(memory: LastSynced, state: Status) -> None:
    assert remembered_recipient(ANNA, memory._replace(tags=S), ALL) == recipient(state, S)


def test_nobody_is_remembered_who_was_never_confirmed() -> None:
    assert remembered_recipient(ANNA, NOTHING, ALL) is None


def test_values_that_were_filled_before_are_taken() -> None:
    decided = decide(Case(person(YES), NOTHING, None, values={"firstname": "Otto"}), ALL, NOW)
    assert decided.change is not None
    assert decided.change.attributes == {"firstname": "Otto"}


def test_the_shops_side_is_told() -> None:
    assert plan(person(OUT)).shop is ShopConsent.OPTED_OUT
    assert plan(person(YES, purchases=Purchases(1))).shop is ShopConsent.YES


# People from where nobody may be transferred


@pytest.mark.parametrize("bought", [None, BOUGHT_NOTHING, BOUGHT])
def test_who_is_excluded_is_skipped_as_contact_too(bought: Purchases | None) -> None:
    decided = plan(person(UNKNOWN, purchases=bought)._replace(excluded=True))
    assert (decided.outcome, decided.reason, decided.change) == (SKIPPED, "excluded", None)


def test_their_own_consent_lets_them_in_as_subscriber_only() -> None:
    who = person(YES, NOW - 50, BOUGHT)._replace(excluded=True)
    decided = plan(who)
    assert (decided.outcome, decided.kinds) == (Outcome.CREATED, S)
    assert decided.change is not None
    assert decided.change.tags_added == OWN.texts(S)
    assert plan(who, by=rules(B | C)).reason == "excluded"


def test_the_end_of_consent_of_somebody_excluded_is_not_held_back() -> None:
    who = person(YES, NOW - 5000, BOUGHT)._replace(excluded=True)
    memory, stands = transferred(who)
    decided = plan(who._replace(consent=person(NO).consent), memory, stands)
    assert (decided.outcome, decided.reason) == (Outcome.DEACTIVATED, "consent_ended")
