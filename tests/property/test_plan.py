"""What must hold of every decision, whoever it is about and whatever is remembered."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from cleverreach_sync.domain.decide import decide
from cleverreach_sync.domain.decision import NOT_SUPPRESSED, Case, Decision, Outcome, Rules, Suppression
from cleverreach_sync.domain.memory import remember, settle
from cleverreach_sync.domain.model import (
    ENDED_MOVED,
    ENDED_NO,
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
    Stamps,
    Status,
)
from cleverreach_sync.run.plan import absent
from tests.people import (
    ANNA,
    FINGERPRINTS,
    NO,
    NOW,
    OUT,
    OWN,
    SELECTIONS,
    SUBSCRIBER,
    TAGS,
    YES,
    S,
    after,
    recipient,
    rules,
)

ACTIVE, INACTIVE = Status.SUBSCRIBED, Status.NOT_SUBSCRIBED
WRITTEN = (Outcome.CREATED, Outcome.UPDATED, Outcome.DEACTIVATED)
KINDS = st.frozensets(st.sampled_from(list(Kind)))
DATES = st.one_of(st.none(), st.sampled_from([NOW - 300, NOW - 200, NOW - 100, NOW, NOW + 100]))
VALUES = st.dictionaries(st.sampled_from(["first_name", "city", "zip"]), st.sampled_from(["", "a", "b"]))
PEOPLE = st.builds(
    Person,
    st.just(ANNA),
    VALUES,
    st.builds(Consent, st.sampled_from(list(ConsentState)), DATES),
    st.one_of(st.none(), st.builds(Purchases, st.integers(0, 2), DATES, st.sampled_from([None, "1.00"]))),
    DATES,
    st.sampled_from([None] * 9 + ["orders"]),
    st.booleans(),
    is_person=st.just(True),
    erased=st.just(False),
).map(lambda who: who if who.invalid else who._replace(withdrew=False))
RECIPIENTS = st.builds(
    lambda state, kinds, ident, other: recipient(state, kinds, ident=ident, other_tags=other),
    st.sampled_from([ACTIVE] * 4 + [INACTIVE] * 4 + [Status.UNSUBSCRIBED, Status.BOUNCED]),
    KINDS,
    st.sampled_from(["7", "7", "7", "8"]),
    st.sampled_from([(), ("Shop-Role.VIP",)]),
)


@st.composite
def memories(draw: st.DrawFn) -> LastSynced:
    if draw(st.booleans()):
        return NOTHING
    ended = draw(st.sampled_from([None, None, ENDED_NO, ENDED_OPTED_OUT, ENDED_MOVED]))
    left_before = draw(st.sampled_from([None, None, None, SkipReason.DELETED]))
    sent = {name: value for name, value in draw(VALUES).items() if value}
    return LastSynced(
        recipient_id=None if left_before and ended == ENDED_NO and draw(st.booleans()) else "7",
        status=draw(st.sampled_from([ACTIVE, ACTIVE, INACTIVE, INACTIVE, *Status])),
        tags=draw(KINDS),
        fingerprint=FINGERPRINTS.of(sent),
        agreed=draw(st.sampled_from(list(ConsentState))),
        ended=ended,
        ended_at=draw(st.sampled_from([NOW - 250, NOW - 150, NOW - 50, 1 << 62])) if ended or left_before else None,
        made_inactive=draw(st.booleans()),
        run=draw(st.sampled_from(["", "one"])),
        left_before=left_before,
    )


RULES = st.builds(
    lambda selection, activate, options: rules(selection, activate & selection, **options),
    st.sampled_from([SELECTIONS[-1]] * 4 + list(SELECTIONS)),
    st.one_of(st.just(SELECTIONS[-1]), KINDS),
    st.fixed_dictionaries(
        {
            "preset": st.sampled_from(["shop", "none"]),
            "exclude": st.sampled_from([()] * 9 + [("*@example.org",)]),
            "resend": st.booleans(),
            "include_deleted": st.booleans(),
            "adopt": st.booleans(),
            "run": st.sampled_from(["one", "two"]),
        }
    ),
)
SUPPRESSIONS = st.one_of(
    *[st.just(NOT_SUPPRESSED)] * 5,
    st.builds(Suppression, st.booleans(), DATES, still_mailed=st.just(False)),
    st.just(Suppression(blacklisted=True, still_mailed=True)),
)


class Situation(NamedTuple):
    who: Person
    memory: LastSynced
    found: Recipient | None
    suppressed: Suppression
    by: Rules

    def decided(self) -> Decision:
        return decide(Case(self.who, self.memory, self.found, self.suppressed), self.by, NOW)


CASES = st.builds(Situation, PEOPLE, memories(), st.one_of(st.none(), *[RECIPIENTS] * 3), SUPPRESSIONS, RULES)


def fresh(who: Person, memory: LastSynced) -> bool:
    """Whether the shop has a yes that counts after the end that is remembered."""
    if who.consent.state is not YES or who.withdrew:
        return False
    if memory.ended is None:
        return True
    return who.consent.at is not None and memory.ended_at is not None and who.consent.at > memory.ended_at


@given(CASES)
def test_a_decision_is_whole(case: Situation) -> None:
    plan = case.decided()
    assert (plan.change is not None) is (plan.outcome in WRITTEN)
    assert (plan.outcome is Outcome.SKIPPED) is (
        plan.reason in set(SkipReason) and plan.outcome is not Outcome.DEACTIVATED
    )
    assert plan.outcome is not Outcome.REJECTED
    assert plan.kinds <= case.by.selection
    assert plan == case.decided()
    change = plan.change
    if change is not None:
        assert change.email == ANNA
        assert change.creates is (case.found is None) is (plan.outcome is Outcome.CREATED)
        assert change.recipient_id == (None if case.found is None else case.found.id)
        assert plan.activates is (change.status is Status.SUBSCRIBED)
        assert (change.at is not None) is plan.activates
        assert set(change.tags_added) | set(change.tags_removed) <= set(TAGS.values())
        assert not set(change.tags_added) & set(change.tags_removed)
        assert not change.creates or "" not in change.attributes.values()


@given(CASES)
def test_stamps_of_people_in_the_list(case: Situation) -> None:
    change = case.decided().change
    if change is None or case.found is None:
        return
    assert change.registered is None
    if change.status is Status.NOT_SUBSCRIBED:
        assert case.decided().outcome is Outcome.DEACTIVATED
    elif change.status is Status.SUBSCRIBED:
        assert case.found.status is INACTIVE
        own_doing = (
            case.memory.made_inactive and case.memory.ended is None and case.memory.recipient_id == case.found.id
        )
        reopened = case.memory.ended is not None and fresh(case.who, case.memory)
        assert own_doing or reopened
        assert case.decided().kinds & case.by.activate


@given(CASES)
def test_who_left_is_never_active_nor_sent_anything(case: Situation) -> None:
    plan = case.decided()
    left = case.found is not None and case.found.status in (Status.UNSUBSCRIBED, Status.BOUNCED)
    if left or (case.suppressed.blacklisted and not case.suppressed.still_mailed):
        assert plan.change is None
    elif case.suppressed.still_mailed and plan.change is not None:
        assert plan.outcome is Outcome.DEACTIVATED
        assert (plan.change.tags_added, plan.change.attributes) == ((), {})
    unsubscribed = case.suppressed.unsubscribed_at
    if case.found is None and unsubscribed is not None and plan.change is not None:
        assert case.who.consent.state is YES
        assert case.who.consent.at is not None
        assert case.who.consent.at > unsubscribed


STAMPS = st.one_of(
    st.none(),
    st.builds(
        Stamps,
        st.sampled_from([None, 5]),
        st.sampled_from([0, NOW - 260]),
        st.just(0),
        st.sampled_from([None, NOW - 250, NOW - 150]),
    ),
)


@given(CASES, STAMPS, STAMPS)
def test_only_who_stands_as_they_were_left_or_agreed_later_is_made_active(
    case: Situation, left: Stamps | None, shown: Stamps | None
) -> None:
    """Where the target gives stamps at all."""
    if case.found is None or case.memory is NOTHING or shown is None:
        return
    found = case.found._replace(status=INACTIVE, stamps=shown)
    memory = case.memory._replace(stamps=left)
    plan = case._replace(found=found, memory=memory).decided()
    if plan.activates:
        as_left = left is not None and all(a is None or b is None or a == b for a, b in zip(left, shown, strict=True))
        later = case.who.consent.state is YES and (case.who.consent.at or 0) > shown.latest
        assert (as_left and found.id == memory.recipient_id) or later


@given(CASES)
def test_after_an_end_only_a_newer_dated_yes_makes_active(case: Situation) -> None:
    plan = case.decided()
    if case.memory.ended is not None and not fresh(case.who, case.memory):
        assert not plan.activates
        assert plan.change is None or plan.change.status is not Status.SUBSCRIBED
        assert plan.change is None or TAGS[SUBSCRIBER] not in plan.change.tags_added
    if case.who.consent.state is OUT or case.who.withdrew:
        assert not plan.activates
        assert plan.outcome not in (Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED)


@given(CASES)
def test_who_was_deleted_comes_back_only_when_asked_for(case: Situation) -> None:
    if case.found is None and case.memory.transferred and not case.by.include_deleted:
        assert case.decided().change is None


@given(CASES)
def test_the_end_of_consent_is_held_back_by_nothing_in_the_config(case: Situation) -> None:
    everything = case._replace(by=rules(adopt=case.by.adopt))
    assert (everything.decided().outcome is Outcome.DEACTIVATED) is (case.decided().outcome is Outcome.DEACTIVATED)


@given(CASES)
def test_an_unknown_consent_ends_nothing(case: Situation) -> None:
    who = case.who._replace(consent=Consent(ConsentState.UNKNOWN), invalid=None, withdrew=False)
    plan = case._replace(who=who).decided()
    assert plan.outcome is not Outcome.DEACTIVATED
    assert plan.change is None or case.memory.ended or case.by.adopt or TAGS[SUBSCRIBER] not in plan.change.tags_removed


# Carried out


def carried_out(case: Situation) -> tuple[Decision, LastSynced, Recipient | None]:
    plan = case.decided()
    if plan.change is None:
        return plan, settle(plan, case.who, case.memory, NOW), case.found
    then = after(plan.change, case.found, ident="9")
    return plan, remember(plan, Case(case.who, case.memory, None), then, case.by, NOW), then


@given(CASES)
def test_what_is_confirmed_is_not_written_again(case: Situation) -> None:
    plan, memory, then = carried_out(case)
    if plan.change is None:
        return
    plain = case.by._replace(adopt=False, resend=False)
    for by in (plain, case.by, plain._replace(run="three")):
        again = decide(Case(case.who, memory, then), by, NOW)
        if plan.reason == "disproved":  # no selected kind applies
            assert again.change is None
        elif plan.outcome is not Outcome.DEACTIVATED:
            assert again.outcome is Outcome.UNCHANGED
            assert settle(again, case.who, memory, NOW) == memory
        elif not case.suppressed.still_mailed:  # who was blacklisted got the end alone
            assert again.change is None


@given(CASES)
def test_narrowing_the_config_alone_writes_nothing(case: Situation) -> None:
    plan, memory, then = carried_out(case._replace(by=case.by._replace(adopt=False)))
    if plan.outcome not in (Outcome.CREATED, Outcome.UPDATED):
        return
    by = case.by._replace(resend=False, adopt=False)
    fields = by.fields.fields
    narrower = [by._replace(fields=type(by.fields)(fields[:keep])) for keep in (0, len(fields) // 2)]
    narrower += [
        by._replace(selection=kinds, activate=by.activate & kinds) for kinds in SELECTIONS if kinds <= by.selection
    ]
    narrower += [by._replace(activate=frozenset())]
    for less in narrower:
        assert decide(Case(case.who, memory, then), less, NOW).change is None


@given(CASES)
def test_resend_sends_everybody_selected_without_touching_their_state(case: Situation) -> None:
    plan, memory, then = carried_out(case._replace(by=case.by._replace(adopt=False)))
    if plan.outcome not in (Outcome.CREATED, Outcome.UPDATED) or plan.reason == "disproved":
        return
    again = decide(Case(case.who, memory, then), case.by._replace(resend=True, run="three"), NOW)
    assert again.outcome is Outcome.UPDATED
    assert again.change is not None
    assert (again.change.status, again.change.registered) == (None, None)


@given(CASES)
def test_an_end_is_never_forgotten(case: Situation) -> None:
    plan, memory, then = carried_out(case)
    if case.memory.ended is not None and not fresh(case.who, case.memory):
        assert memory.ended is not None
        assert memory.ended_at is not None
        assert case.memory.ended_at is not None
        assert memory.ended_at >= case.memory.ended_at
        assert memory.ended in (case.memory.ended, ENDED_OPTED_OUT)
    if plan.outcome is Outcome.DEACTIVATED:
        assert memory.ended in (ENDED_NO, ENDED_OPTED_OUT)
        assert memory.agreed in (NO, OUT)
        assert not memory.tags & S
    if memory.ended is not None and then is not None and then.status in (ACTIVE, INACTIVE):
        # Whatever undated or older yes comes now, it makes nobody active.
        for at in (None, NOW - 1000, memory.ended_at):
            stale = case.who._replace(consent=Consent(YES, at), invalid=None, withdrew=False)
            for by in (case.by._replace(adopt=False), rules(include_deleted=True, resend=True)):
                for found in (then._replace(status=INACTIVE), None):
                    assert not decide(Case(stale, memory, found), by, NOW).activates


@given(CASES)
def test_a_consent_that_was_agreed_is_forgotten_only_by_its_end(case: Situation) -> None:
    plan, memory, _ = carried_out(case)
    if case.memory.transferred and case.memory.agreed is YES and memory.agreed is not YES:
        assert plan.outcome is Outcome.DEACTIVATED or memory.ended is not None


@given(CASES)
def test_adoption(case: Situation) -> None:
    by = case.by._replace(adopt=True)
    plan, memory, _ = carried_out(case._replace(by=by))
    carried = OWN.among(case.found.tags) if case.found is not None else frozenset()
    takes_over = bool(carried) and not case.memory.transferred
    assert (plan.adopted is not None) is takes_over
    if not takes_over:
        assert plan == case._replace(by=by._replace(adopt=False)).decided()
    elif case.found is not None:
        assert memory.transferred
        assert memory.recipient_id == case.found.id
        if case.found.status is INACTIVE:
            assert not plan.activates
            assert memory.ended is not None
        if SUBSCRIBER in carried and case.who.consent.state is NO and not case.who.invalid:
            waits = case.suppressed.blacklisted or case.found.status is Status.BOUNCED
            assert memory.ended is not None or (waits and memory.agreed is YES)


# A life: what the shop says, what happens in the list, run after run


class Step(NamedTuple):
    who: Person
    happens: str
    by: Rules


STEPS = st.lists(
    st.builds(
        Step,
        PEOPLE,
        st.sampled_from(
            [
                "nothing",
                "nothing",
                "unsubscribes",
                "bounces",
                "is reachable",
                "deleted",
                "confirms",
                "put back inactive",
            ]
        ),
        RULES.map(lambda by: by._replace(adopt=False, include_deleted=False)),
    ),
    min_size=2,
    max_size=6,
)


def happened(event: str, found: Recipient | None) -> Recipient | None:
    if found is None or event == "deleted":
        return None
    states = {
        "unsubscribes": Status.UNSUBSCRIBED,
        "bounces": Status.BOUNCED,
        "confirms": ACTIVE,
        "put back inactive": INACTIVE,
    }
    return found._replace(status=states.get(event, found.status))


@given(STEPS)
def test_nobody_who_left_is_mailed_again(steps: list[Step]) -> None:
    memory, now = NOTHING, NOW
    found: Recipient | None = None
    came_back = False  # by themselves, in the list
    withdrew_at: int | None = None  # since when only a newer consent counts
    stood = ACTIVE  # before a bounce
    for step in steps:
        now += 1000
        who = step.who._replace(consent=dated(step.who.consent, now))
        bounced = found is not None and found.status is Status.BOUNCED
        if found is not None and not bounced:
            stood = found.status
        if found is not None and bounced and step.happens == "is reachable":
            found = found._replace(status=stood)
        found = happened(step.happens, found)
        came_back = came_back or step.happens == "confirms"
        plan = decide(Case(who, memory, found), step.by, now)
        if plan.activates:
            assert found is None or found.status is INACTIVE
            assert withdrew_at is None or (who.consent.state is YES and (who.consent.at or 0) > withdrew_at)
        if plan.change is None:
            memory = settle(plan, who, absent(found, memory), now)
        else:
            found = after(plan.change, found)
            memory = remember(plan, Case(who, memory, None), found, step.by, now)
        if plan.outcome is Outcome.DEACTIVATED:
            assert found is not None
            assert found.status is INACTIVE
            came_back = False
            withdrew_at = max(withdrew_at or 0, who.consent.at or 0 if who.consent.state is OUT else now)
        elif memory.ended is None:
            withdrew_at = None  # a newer consent, or they came back by themselves and the shop agrees
        if who.consent.state is OUT and who.invalid is None and memory.transferred:
            # Whom the shop knows to have left is not mailed, unless they came back by themselves since.
            assert memory.ended is not None or memory.status is Status.BOUNCED
            assert found is None or found.status is not ACTIVE or came_back


def dated(consent: Consent, now: int) -> Consent:
    """A statement of the last few hundred seconds; a withdrawal always has a date."""
    if consent.at is not None:
        return consent._replace(at=now - (NOW + 100 - consent.at))
    return Consent(OUT, now) if consent.state is OUT else consent


@given(PEOPLE, st.sampled_from(SELECTIONS), KINDS, st.sampled_from([(), ("anna@*",)]))
def test_who_is_seen_for_the_first_time_is_decided_as_anybody_else(
    person: Person, selection: frozenset[Kind], activate: frozenset[Kind], exclude: tuple[str, ...]
) -> None:
    wanted = rules(selection, activate=activate, exclude=exclude)
    nothing = LastSynced()
    assert nothing is not NOTHING
    assert decide(Case(person, NOTHING, None), wanted, NOW) == decide(Case(person, nothing, None), wanted, NOW)


@given(CASES)
def test_nobody_erased_is_created_or_made_active(case: Situation) -> None:
    plan = case._replace(who=case.who._replace(erased=True)).decided()
    assert plan.outcome in (Outcome.SKIPPED, Outcome.DEACTIVATED)
    assert not plan.activates
    if plan.change is not None:
        assert plan.change.status in (Status.NOT_SUBSCRIBED, Status.ABSENT)
        assert not plan.change.values()
        assert case.found is not None
        assert case.found.status in (ACTIVE, INACTIVE)
