from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleverreach_sync.config.schema import LimitsSettings
from cleverreach_sync.domain.guards import FORCEABLE, Guard, Limit, flag, refusing, within
from cleverreach_sync.messages import say
from cleverreach_sync.run.decide.run_guards import _ADVICE, Numbers, clock_words, guards, refusal
from cleverreach_sync.run.decide.silence import Silent

LOST = say("state.ledger_missing", "the ledger is missing")
FINE = Numbers(
    people=100,
    people_before=90,
    full=True,
    deactivated=0,
    activated=0,
    created=None,
    size=1000,
    lost=None,
    first_run=False,
    tagged=None,
    moved=None,
)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("20", Limit(people=20)),
        ("0", Limit(people=0)),
        (" 7 ", Limit(people=7)),
        ("5%", Limit(percent=5.0)),
        ("0.5%", Limit(percent=0.5)),
        ("0%", Limit(percent=0.0)),
        ("100%", Limit(percent=100.0)),
        ("12.5 %", Limit(percent=12.5)),
    ],
)
def test_limits_are_read(text: str, limit: Limit) -> None:
    assert Limit.parse(text) == limit


@pytest.mark.parametrize(
    "text", ["", "%", "5.5", "-1", "-1%", "1,5%", "101%", "5%%", "many", "1e3", "0x10", ".5%", "5.%"]
)
def test_what_is_no_limit(text: str) -> None:
    with pytest.raises(ValueError, match=r"number of people|percentage"):
        Limit.parse(text)


@pytest.mark.parametrize(
    ("limit", "base", "people"),
    [
        (Limit(people=20), 1000, 20),
        (Limit(people=20), None, 20),
        (Limit(percent=5.0), 1000, 50),
        (Limit(percent=5.0), 0, 0),
        (Limit(percent=5.0), 19, 0),
        (Limit(percent=5.0), 20, 1),
        (Limit(percent=5.0), None, None),
        (Limit(people=20, percent=5.0), 100, 20),
        (Limit(people=20, percent=5.0), 1000, 50),
        (Limit(people=20, percent=5.0), None, None),
        (Limit(percent=5.6), 2625, 147),
        (Limit(percent=18.4), 875, 161),
        (Limit(percent=100.0), 7, 7),
    ],
)
def test_limits_in_people(limit: Limit, base: int | None, people: int | None) -> None:
    assert limit.of(base) == people


@given(st.integers(0, 10**9), st.integers(0, 10_000))
def test_a_percentage_is_rounded_down_exactly(base: int, hundredths: int) -> None:
    limit = Limit.parse(f"{hundredths // 100}.{hundredths % 100:02}%")
    assert limit.of(base) == Fraction(hundredths, 10_000) * base // 1


@pytest.mark.parametrize("limit", [Limit(people=0), Limit(people=5), Limit(percent=0.0), Limit(percent=10.0)])
@pytest.mark.parametrize("base", [None, 0, 1000])
def test_nobody_is_always_within(limit: Limit, base: int | None) -> None:
    assert not within("x", limit, 0, base).refuses


@pytest.mark.parametrize(
    ("limit", "value", "base", "refuses"),
    [
        (Limit(people=5), 5, None, False),
        (Limit(people=5), 6, None, True),
        (Limit(percent=10.0), 100, 1000, False),
        (Limit(percent=10.0), 101, 1000, True),
        (Limit(percent=10.0), 1, 0, True),
        (Limit(percent=10.0), 1, None, True),
        (Limit(people=5), None, 1000, True),
        (Limit(people=20, percent=10.0), 20, 0, False),
        (Limit(people=20, percent=10.0), 1, None, True),
    ],
)
def test_within(limit: Limit, value: int | None, base: int | None, refuses: bool) -> None:
    guard = within("x", limit, value, base)
    assert guard.refuses is refuses
    assert (guard.name, guard.limit, guard.value) == ("x", limit.of(base), value)
    if refuses:
        assert guard.reason


def test_a_number_that_is_missing_says_so() -> None:
    assert "could not be determined" in within("x", Limit(percent=10.0), 1, None).reason
    assert "6" in within("x", Limit(people=5), 6, None).reason


def test_only_what_was_not_forced_refuses() -> None:
    found = [flag("a", refuses=True, reason="r"), flag("b", refuses=False), flag("c", refuses=True, reason="r")]
    assert [guard.name for guard in refusing(found, ())] == ["a", "c"]
    assert [guard.name for guard in refusing(found, {"a", "b"})] == ["c"]
    assert refusing(found, {"a", "c"}) == []


# The guards of a run


def evaluated(numbers: Numbers, limits: LimitsSettings | None = None) -> dict[str, Guard]:
    return {guard.name: guard for guard in guards(numbers, limits or LimitsSettings())}


def limits(**options: str) -> LimitsSettings:
    return LimitsSettings.model_validate(options)


def test_a_run_as_it_should_be() -> None:
    found = evaluated(FINE)
    assert set(found) == set(FORCEABLE) - {"max_created"}
    assert not any(guard.refuses or guard.reason for guard in found.values())
    assert refusal(list(found.values()), frozenset()) is None
    assert (found["max_deactivated"].limit, found["max_deactivated"].value) == (100, 0)


REFUSALS = [
    ("empty_source", FINE._replace(people=0), None),
    ("max_deactivated", FINE._replace(deactivated=101), None),
    ("max_deactivated", FINE._replace(deactivated=21, size=0), None),
    ("max_deactivated", FINE._replace(deactivated=1, size=None), None),
    ("max_deactivated", FINE._replace(deactivated=None), None),
    ("max_activated", FINE._replace(activated=101), None),
    ("max_activated", FINE._replace(activated=None), None),
    ("max_created", FINE._replace(created=6), limits(max_created="5")),
    ("max_created", FINE._replace(created=None), limits(max_created="5")),
    ("max_created", FINE._replace(created=1, size=0), limits(max_created="50%")),
    ("max_created", FINE._replace(created=1, size=None), limits(max_created="50%")),
    ("ledger", FINE._replace(lost=LOST), None),
    ("foreign_tags", FINE._replace(first_run=True, tagged=3), None),
    ("foreign_tags", FINE._replace(first_run=True, tagged=None), None),
    ("moved", FINE._replace(moved=say("guard.shop_moved", "the shop's address changed")), None),
    ("consent_signal", FINE._replace(silent=Silent("WooCommerce customers", 5, 3)), None),
    ("consent_signal", FINE._replace(silent=Silent("WooCommerce customers", 1000, 501)), None),
    ("clock", FINE._replace(skew=90_000.0), None),
    ("clock", FINE._replace(skew=-90_000.0), None),
]


@pytest.mark.parametrize(("name", "numbers", "by"), REFUSALS)
def test_every_refusal_has_a_reason_a_hint_and_a_way_out(
    name: str, numbers: Numbers, by: LimitsSettings | None
) -> None:
    found = list(evaluated(numbers, by).values())
    assert [guard.name for guard in found if guard.refuses] == [name]
    error = refusal(found, frozenset())
    assert error is not None
    reason = next(guard.reason for guard in found if guard.name == name)
    assert len(reason) > 10
    assert "None" not in reason
    assert f"{name}: {reason}" in str(error)
    assert error.hint is not None
    assert _ADVICE[name] in error.hint
    assert f"--force {name}" in error.hint
    assert refusal(found, frozenset({name})) is None
    assert refusal(found, frozenset(FORCEABLE) - {name}) is not None


def test_every_guard_is_refused_by_some_case_and_has_a_hint() -> None:
    assert {name for name, _, _ in REFUSALS} == set(FORCEABLE) == set(_ADVICE)


@pytest.mark.parametrize(
    "numbers",
    [
        FINE._replace(people=0, people_before=None),
        FINE._replace(people=0, people_before=0),
        FINE._replace(people=0, full=False),
        FINE._replace(deactivated=0, activated=0, size=None),
        FINE._replace(deactivated=20, activated=20, size=0),
        FINE._replace(deactivated=100, activated=100),
        FINE._replace(created=10_000),
        FINE._replace(first_run=True, tagged=0),
        FINE._replace(first_run=False, tagged=5),
        FINE._replace(silent=Silent("WooCommerce customers", 6, 3)),
        FINE._replace(skew=86_399.0),
        FINE._replace(skew=None),
    ],
)
def test_what_may_run(numbers: Numbers) -> None:
    assert not any(guard.refuses for guard in evaluated(numbers).values())


def test_nobody_new_is_within_any_limit() -> None:
    for size in (None, 0, 1000):
        assert not evaluated(FINE._replace(created=0, size=size), limits(max_created="1%"))["max_created"].refuses


def test_several_refusals_are_told_at_once() -> None:
    found = list(evaluated(FINE._replace(people=0, lost=LOST, deactivated=500)).values())
    error = refusal(found, frozenset())
    assert error is not None
    for name in ("empty_source", "ledger", "max_deactivated"):
        assert f"{name}: " in str(error)
        assert f"--force {name}" in (error.hint or "")
    left = refusal(found, frozenset({"empty_source", "ledger"}))
    assert left is not None
    assert "empty_source" not in str(left)


@pytest.mark.parametrize(
    ("skew", "words"),
    [
        (0.0, None),
        (600.0, None),
        (-600.0, None),
        (660.0, "11 minutes behind"),
        (-5400.0, "90 minutes ahead of"),
        (90_000.0, "25 hours behind"),
        (None, "cannot be checked"),
    ],
)
def test_what_is_said_of_the_clock(skew: float | None, words: str | None) -> None:
    said = clock_words(skew)
    assert said is None if words is None else words in (said or "")


def test_a_number_of_special_tags_that_is_missing_says_so() -> None:
    reason = evaluated(FINE._replace(first_run=True, tagged=None))["foreign_tags"].reason
    assert "cannot find out" in reason
