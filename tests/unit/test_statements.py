"""What a record says about the newsletter, read after read; and what an account and its orders say together."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cleverreach_sync.domain.identity import joined, parted
from cleverreach_sync.domain.merge import NO_FACTS, PersonFacts, ReadScope, SourceRecord, merge
from cleverreach_sync.domain.model import RANK_CUSTOMER, RANK_GUEST, Consent, ConsentState, Person, Record
from tests.people import ANNA, NO, OUT, UNKNOWN, YES

T = 1_600_000_000
DAY = 86_400
GONE = "gone"


def account(
    state: ConsentState | None, at: int | None = None, *, changed: int | None = None, created: int | None = None
) -> SourceRecord:
    said = None if state is None else Consent(state, at)
    return SourceRecord("customers", "c1", Record(ANNA, "1", RANK_CUSTOMER, changed, created, {}, said))


def order(state: ConsentState, at: int, ident: str = "o1", owner: str = "c1") -> SourceRecord:
    return SourceRecord("orders", ident, Record(ANNA, ident, RANK_GUEST, at, None, {}, Consent(state, at)), owner)


def read(
    *items: SourceRecord,
    before: PersonFacts = NO_FACTS,
    now: int = T,
    complete: Sequence[str] = (),
    followed: bool = True,
    last_read: int = 0,
) -> tuple[Person, PersonFacts]:
    streams = dict.fromkeys(("customers", "orders"), last_read) if followed else {}
    return merge(ANNA, items, before, ReadScope(complete, now, str, streams))


def after(*states: ConsentState | str | None, changed: int | None = None, followed: bool = True) -> Consent:
    """What the account says when its record has said these, undated, day by day; GONE: the account was not there."""
    facts, person = NO_FACTS, None
    for day, state in enumerate(states):
        items = () if isinstance(state, str) and state == GONE else (account(state, changed=changed),)  # type: ignore[arg-type]
        person, facts = read(*items, before=facts, now=T + day * DAY, complete=["customers"], followed=followed)
    assert person is not None
    return person.consent


def test_by_another_key_a_no_is_gone_and_a_yes_is_no_new_one() -> None:
    _, facts = read(account(NO), now=T, complete=["customers"])
    streams = {"customers": 0, "orders": 0}
    by_another = ReadScope(["customers"], T + DAY, str, streams, streams, retold=["customers"])
    said, _ = merge(ANNA, [account(YES)], facts, by_another)
    assert said.consent == Consent(YES)
    for ordered, wanted in ((T - 1, NO), (T + 1, YES)):
        said, _ = merge(ANNA, [account(UNKNOWN), order(YES, ordered)], facts, by_another)
        assert said.consent.state is wanted


# One voice


@pytest.mark.parametrize("own", [NO, OUT])
def test_an_accounts_own_withdrawal_beats_an_older_and_a_later_order(own: ConsentState) -> None:
    for ordered in (T - DAY, T + DAY):
        person, facts = read(account(own, T), order(YES, ordered))
        assert person.consent.state is own
        assert read(before=facts)[0].consent == person.consent  # also of what is remembered


def test_an_accounts_own_yes_beats_an_order_without_a_tick() -> None:
    assert read(account(YES), order(NO, T))[0].consent == Consent(YES)


@pytest.mark.parametrize("own", [UNKNOWN, None])
def test_orders_count_where_the_account_says_nothing(own: ConsentState | None) -> None:
    assert read(account(own), order(YES, T))[0].consent == Consent(YES, T)


def test_a_guests_order_and_that_of_another_account_count() -> None:
    assert read(account(NO), order(YES, T, owner=""))[0].consent == Consent(YES, T)
    assert read(account(NO), order(YES, T, owner="c2"))[0].consent == Consent(YES, T)


def test_a_guests_later_order_without_a_tick_ends_nothing() -> None:
    assert read(order(YES, T, owner=""), order(NO, T + DAY, "o2", owner=""))[0].consent == Consent(YES, T)


# What is gone


def test_a_yes_that_is_gone_from_its_record_is_a_no() -> None:
    assert after(YES, UNKNOWN).state is NO
    assert after(YES, UNKNOWN, UNKNOWN).state is NO
    assert after(YES, UNKNOWN, followed=False).state is UNKNOWN


def test_a_statement_that_is_gone_does_not_bring_back_what_an_old_order_says() -> None:
    for said in (YES, NO):
        _, facts = read(account(said), order(YES, T - DAY))
        person, facts = read(account(UNKNOWN), before=facts, now=T + DAY, complete=["customers"])
        assert person.consent.state is NO
        assert read(order(YES, T - DAY), before=facts, now=T + 2 * DAY)[0].consent.state is NO
        later = read(order(YES, T + 2 * DAY, "o2"), before=facts, now=T + 3 * DAY)[0]
        assert later.consent == Consent(YES, T + 2 * DAY)


@pytest.mark.parametrize("said", [YES, NO, OUT])
def test_a_statement_is_gone_only_where_everything_was_read(said: ConsentState) -> None:
    """It may be hidden everywhere, which a few changed orders do not show."""
    before, facts = read(order(said, T))
    person, facts = read(order(UNKNOWN, T), before=facts, now=T + DAY)
    assert person.consent == before.consent
    person, _ = read(order(UNKNOWN, T), before=facts, now=T + 2 * DAY, complete=["orders"])
    assert person.consent.state is (OUT if said is OUT else NO)


def test_a_withdrawal_that_is_gone_goes_on_to_hold() -> None:
    assert after(OUT, UNKNOWN) == Consent(OUT, T)
    assert after(OUT, UNKNOWN, UNKNOWN) == Consent(OUT, T)


def test_who_said_nothing_goes_on_to_say_nothing() -> None:
    assert after(UNKNOWN, UNKNOWN).state is UNKNOWN
    assert after(UNKNOWN, None).state is UNKNOWN


def test_a_key_that_is_not_asked_for_any_more_ends_nothing() -> None:
    assert after(YES, None).state is UNKNOWN


# No, and yes without a date


def test_a_yes_after_a_no_is_dated_with_the_read_that_saw_it_first() -> None:
    assert after(NO, YES) == Consent(YES, T + DAY, T)
    assert after(NO, NO, YES) == Consent(YES, T + 2 * DAY, T + DAY)
    assert after(NO, YES, YES, YES) == Consent(YES, T + DAY, T)
    assert after(YES, NO, YES) == Consent(YES, T + 2 * DAY, T + DAY)
    assert after(YES, UNKNOWN, NO, YES) == Consent(YES, T + 3 * DAY, T + 2 * DAY)


@pytest.mark.parametrize(
    "states",
    [
        (YES,),
        (YES, YES),
        (UNKNOWN, YES),
        (None, YES),
        (NO, UNKNOWN, YES),
        (NO, None, YES),
        (YES, UNKNOWN, YES),
        (NO, YES, UNKNOWN, YES),
        (YES, GONE, YES),
        (NO, YES, GONE, YES),
    ],
)
def test_a_yes_is_not_new_because_something_else_changed(states: tuple[ConsentState | str | None, ...]) -> None:
    assert after(*states) == Consent(YES)


def test_in_a_file_a_yes_stays_undated() -> None:
    assert after(NO, YES, followed=False) == Consent(YES)


def test_a_date_of_its_own_is_what_counts() -> None:
    _, facts = read(account(NO), now=T)
    assert read(account(YES, T + 5), before=facts, now=T + DAY)[0].consent == Consent(YES, T + 5)


def test_the_date_of_creation_is_no_date_of_a_yes_after_a_no() -> None:
    _, facts = read(account(NO, created=5), now=T)
    for day in (1, 2):
        person, facts = read(account(YES, 5, created=5), before=facts, now=T + day * DAY)
        assert person.consent == Consent(YES, T + DAY, T)
    assert read(account(YES, 5, created=5))[0].consent == Consent(YES, 5)


@pytest.mark.parametrize("between", [(), (NO,), (NO, NO)])
def test_after_opted_out_only_if_the_record_was_changed_since(between: tuple[ConsentState, ...]) -> None:
    assert after(OUT, *between, YES) == Consent(YES)
    assert after(OUT, *between, YES, changed=T) == Consent(YES)
    assert after(OUT, *between, YES, changed=T + 5).at == T + 5
    assert after(OUT, *between, YES, changed=T + 5).is_later_than(T)


def test_the_date_after_an_opt_out_does_not_go_on_with_the_record() -> None:
    _, facts = read(account(OUT, T), now=T)
    _, facts = read(account(YES, changed=T + 5), before=facts, now=T + DAY)
    assert read(account(YES, changed=T + 9 * DAY), before=facts, now=T + 9 * DAY)[0].consent.at == T + 5


def test_a_no_that_was_said_at_another_address_does_not_make_a_yes_a_new_one() -> None:
    _, facts = read(account(NO), now=T)
    _, leaving = parted(facts, {"c1"})
    arrived = joined(NO_FACTS, leaving)
    assert read(account(YES), before=arrived, now=T + DAY)[0].consent == Consent(YES)


def test_back_at_an_address_where_a_yes_stayed_behind_as_a_no() -> None:
    _, facts = read(account(YES), now=T)
    stayed, _ = parted(facts, {"c1"})
    assert read(account(YES), before=stayed, now=T + DAY)[0].consent == Consent(YES)


# What it is later than


def test_a_yes_without_a_date_is_not_later_than_what_happened_since_the_no() -> None:
    said = after(NO, YES)
    assert said.is_later_than(T)
    assert not said.is_later_than(T + 1)
    _, facts = read(account(NO), now=T)
    said = read(account(YES), before=facts, now=T + 9 * DAY, last_read=T + 8 * DAY)[0].consent
    assert said.is_later_than(T + 8 * DAY)
    assert not said.is_later_than(T + 8 * DAY + 1)


def test_a_withdrawal_elsewhere_since_the_no_wins() -> None:
    for left_at, state in ((T - 1, YES), (T, YES), (T + 5, OUT), (T + DAY, OUT)):
        other = SourceRecord("news", "n1", Record(ANNA, "n1", RANK_GUEST, None, None, {}, Consent(OUT, left_at)))
        _, facts = read(account(NO), other, now=T)
        assert read(account(YES), before=facts, now=T + DAY)[0].consent.state is state


def test_a_clock_that_was_put_back_makes_no_yes_later() -> None:
    _, facts = read(account(NO), now=T)
    assert not read(account(YES), before=facts, now=T - DAY)[0].consent.is_later_than(T)
