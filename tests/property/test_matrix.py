"""Who is transferred with which tags, whatever the selection and the facts: the rules written a second time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cleverreach_sync.domain.decide import decide
from cleverreach_sync.domain.decision import Case, Outcome
from cleverreach_sync.domain.model import NOTHING, ConsentState, Kind, Purchases, Status
from cleverreach_sync.domain.tags import contradicted, kinds_of
from tests.people import BUYER, CONTACT, NO, NOW, OUT, OWN, SELECTIONS, SUBSCRIBER, TAGS, YES, person, recipient, rules

CONSENTS = st.sampled_from(list(ConsentState))
PURCHASES = st.one_of(st.none(), st.integers(0, 3).map(Purchases))
CARRIED = st.frozensets(st.sampled_from(list(Kind)))
CHOSEN = st.sampled_from(SELECTIONS)


@given(CONSENTS, PURCHASES)
def test_kinds(consent: ConsentState, purchases: Purchases | None) -> None:
    kinds = kinds_of(consent, purchases)
    assert (SUBSCRIBER in kinds) is (consent is YES)
    assert (BUYER in kinds) is (purchases is not None and purchases.number > 0)
    assert (CONTACT in kinds) is not (SUBSCRIBER in kinds or BUYER in kinds)
    assert not kinds & contradicted(consent, purchases)


@given(CONSENTS, PURCHASES, CHOSEN)
def test_new_people(consent: ConsentState, purchases: Purchases | None, selection: frozenset[Kind]) -> None:
    plan = decide(Case(person(consent, None, purchases), NOTHING, None), rules(selection), NOW)
    expected = kinds_of(consent, purchases) & selection
    if not expected:
        assert (plan.outcome, plan.reason) == (Outcome.SKIPPED, "not_selected")
    elif consent is OUT:
        assert (plan.outcome, plan.reason) == (Outcome.SKIPPED, "opted_out")
    else:
        assert plan.outcome is Outcome.CREATED
        assert plan.kinds == expected
        assert plan.change is not None
        assert OWN.among(plan.change.tags_added) == expected
        assert plan.change.tags_removed == ()


@given(CONSENTS, PURCHASES, CHOSEN, CARRIED, st.sampled_from([Status.SUBSCRIBED, Status.NOT_SUBSCRIBED]))
def test_people_in_the_list(
    consent: ConsentState,
    purchases: Purchases | None,
    selection: frozenset[Kind],
    carried: frozenset[Kind],
    state: Status,
) -> None:
    found = recipient(state, carried, other_tags=["Shop-Role.VIP"])
    plan = decide(Case(person(consent, None, purchases), NOTHING, found), rules(selection), NOW)
    if plan.change is None:
        assert plan.outcome is Outcome.SKIPPED
        return
    added, removed = set(plan.change.tags_added), set(plan.change.tags_removed)
    assert added <= {TAGS[kind] for kind in selection}
    assert removed <= set(TAGS.values())
    assert not added & removed
    then = OWN.among((found.tags | added) - removed)
    if plan.outcome is Outcome.DEACTIVATED:
        assert consent is OUT
        assert then == carried - {SUBSCRIBER} - contradicted(consent, purchases)
        return
    # Nothing contradicts the facts; Contact stands alone, unless two tags stood together that only the list explains.
    assert not then & contradicted(consent, purchases)
    assert CONTACT not in then or not then & {SUBSCRIBER, BUYER} or CONTACT in carried
    # An unknown fact takes nothing back.
    if consent not in (NO, OUT) and SUBSCRIBER in carried:
        assert SUBSCRIBER in then
    if purchases is None and BUYER in carried:
        assert BUYER in then
    assert (kinds_of(consent, purchases) & selection) - {CONTACT} <= then


@given(CONSENTS, PURCHASES, CARRIED)
def test_a_wider_selection_takes_nobody_out(
    consent: ConsentState, purchases: Purchases | None, carried: frozenset[Kind]
) -> None:
    who = person(consent, None, purchases)
    for found in (None, recipient(kinds=carried)):
        by_selection = {s: decide(Case(who, NOTHING, found), rules(s), NOW) for s in SELECTIONS}
        for narrow, plan in by_selection.items():
            for wide, other in by_selection.items():
                if narrow <= wide and plan.change is not None:
                    assert other.change is not None
                    assert set(plan.change.tags_added) <= set(other.change.tags_added)
