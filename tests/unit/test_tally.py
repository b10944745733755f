from __future__ import annotations

from cleverreach_sync.domain.decide import decide
from cleverreach_sync.domain.decision import Case, Decision, Outcome, Rules
from cleverreach_sync.domain.memory import remember
from cleverreach_sync.domain.model import NOTHING, LastSynced, Person, Recipient, Status
from cleverreach_sync.run.tally import Tally
from tests.people import BOUGHT, NO, NOW, OUT, UNKNOWN, YES, B, S, confirmed, person, recipient, rules

ZERO = {outcome.value: 0 for outcome in Outcome}


def plan(
    who: Person, memory: LastSynced = NOTHING, found: Recipient | None = None, by: Rules | None = None
) -> Decision:
    return decide(Case(who, memory, found), by or rules(), NOW)


def tallied(*people: tuple[Decision, Person]) -> Tally:
    tally = Tally()
    for decided, who in people:
        tally.done(decided, who.consent.state)
    return tally


def test_nobody() -> None:
    assert Tally().documents() == {
        "counts": {"rows": 0, "people": 0, **ZERO},
        "skipped": {},
        "invalid": {},
        "rejected": {},
        "kinds": {"subscriber": 0, "buyer": 0, "contact": 0},
        "activation": {"created_active": 0, "created_inactive": 0, "activated": 0, "without_consent": 0},
    }


def test_everybody_ends_in_one_outcome() -> None:
    made_inactive = LastSynced("7", Status.NOT_SUBSCRIBED, B, made_inactive=True)
    cases = [
        (plan(who := person(YES, purchases=BOUGHT)), who),
        (plan(who := person(NO)), who),
        (plan(who := person(UNKNOWN), by=rules(activate=S)), who),
        (plan(who := person(YES), found=recipient()), who),
        (plan(who := person(NO, purchases=BOUGHT), made_inactive, recipient(Status.NOT_SUBSCRIBED, B)), who),
        (plan(who := person(OUT), found=recipient(kinds=S)), who),
        (plan(who := person(OUT)), who),
        (plan(who := person(YES, invalid="orders")), who),
    ]
    tally = tallied(*cases)
    tally.read(20, {"email": 2, "columns": 1, "none": 0})
    tally.unchanged(S | B, 3)
    tally.unchanged(B)
    tally.skip("excluded", 4)
    tally.reject("invalid_address")
    tally.deactivate()
    documents = tally.documents()
    assert documents["counts"] == {
        "rows": 20,
        "people": 21,
        "created": 3,
        "updated": 2,
        "deactivated": 2,
        "unchanged": 4,
        "skipped": 5,
        "invalid": 4,
        "rejected": 1,
    }
    assert documents["counts"]["people"] == sum(documents["counts"][outcome] for outcome in Outcome)
    assert documents["skipped"] == {"opted_out": 1, "excluded": 4}
    assert documents["invalid"] == {"orders": 1, "email": 2, "columns": 1}
    assert documents["rejected"] == {"invalid_address": 1}
    assert documents["kinds"] == {"subscriber": 5, "buyer": 6, "contact": 2}
    assert documents["activation"] == {
        "created_active": 2,
        "created_inactive": 1,
        "activated": 1,
        "without_consent": 1,
    }
    assert tally.failed == 5


def test_parts_add_up_to_their_outcome() -> None:
    tally = tallied((plan(who := person(OUT)), who), (plan(who := person(NO, invalid="total")), who))
    tally.reject("a")
    tally.reject("b")
    documents = tally.documents()
    for name in ("skipped", "invalid", "rejected"):
        assert sum(documents[name].values()) == documents["counts"][name]


def test_kinds_are_those_of_who_is_created_updated_or_unchanged() -> None:
    tally = tallied((plan(who := person(OUT, purchases=BOUGHT)), who), (plan(who := person(NO, invalid="x")), who))
    tally.deactivate()
    assert set(tally.documents()["kinds"].values()) == {0}


def test_with_and_without_consent() -> None:
    people = [person(state, purchases=BOUGHT) for state in (YES, NO, UNKNOWN)]
    tally = tallied(*((plan(who), who) for who in people))
    assert tally.documents()["activation"]["created_active"] == 3
    assert tally.documents()["activation"]["without_consent"] == 2


def test_who_is_taken_back_counts_no_more() -> None:
    made = plan(who := person(YES))
    found = confirmed(made, None)
    cases = [
        (plan(who, remember(made, Case(who, NOTHING, None), found, rules(), NOW), found), who),
        (plan(who := person(OUT)), who),
        (plan(who := person(YES, invalid="orders")), who),
    ]
    assert [decided.outcome for decided, _ in cases] == [Outcome.UNCHANGED, Outcome.SKIPPED, Outcome.INVALID]
    for decided, who in cases:
        tally = tallied((decided, who))
        assert tally.people == 1
        tally.take_back(decided.outcome.value, decided.reason, decided.kinds)
        assert tally.documents() == Tally().documents()
