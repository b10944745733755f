from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from cleverreach_sync.domain.merge import NO_FACTS, PersonFacts, ReadScope, SourceRecord, merge
from cleverreach_sync.domain.model import (
    RANK_CUSTOMER,
    RANK_GUEST,
    Consent,
    ConsentState,
    Order,
    Person,
    Purchases,
    Record,
    RecordFacts,
)
from cleverreach_sync.domain.statements import merge_consent
from tests.people import ANNA, NO, OUT, UNKNOWN, YES

NOW = 1000
DATES = st.one_of(st.none(), st.integers(1, 5))
STATEMENTS = st.one_of(st.none(), st.builds(Consent, st.sampled_from(list(ConsentState)), DATES))
NAMES = ("city", "zip", "extra.vip")


def key_of(ident: str) -> str:
    return f"key-{ident}"


def said(statement: Consent | None) -> RecordFacts:
    state, at = (None, None) if statement is None else (statement.state.value, statement.at)
    if state == OUT and at is None:
        at = NOW  # it is dated when it is first seen
    return RecordFacts("s", "", RANK_CUSTOMER, None, state, at, None, None, None, 0, ())


@given(st.lists(STATEMENTS, max_size=6), st.randoms(use_true_random=False))
def test_consent_does_not_depend_on_the_order_of_records(statements: list[Consent | None], random: object) -> None:
    records = [said(statement) for statement in statements]
    shuffled = list(records)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merge_consent(shuffled) == merge_consent(records)


@given(st.lists(STATEMENTS, max_size=5), STATEMENTS)
def test_nothing_but_a_later_withdrawal_ends_a_yes(statements: list[Consent | None], further: Consent | None) -> None:
    before = merge_consent([said(each) for each in statements])
    after = merge_consent([said(each) for each in [*statements, further]])
    said_out = further is not None and further.state is OUT
    if before.state is YES:
        assert (after.state is YES) or said_out
        if said_out and further is not None and before.at is not None and further.at is not None:
            assert (after.state is OUT) is (further.at >= before.at)
    if before.state is OUT and after.state is not OUT:
        assert after.state is YES
        assert further is not None
        assert further.at is not None
        assert before.at is not None
        assert further.at > before.at
    if further is None or further.state is UNKNOWN:
        assert after.state is before.state
    if before.state is NO and after.state is not NO:
        assert after.state in (YES, OUT)


@given(st.lists(STATEMENTS, max_size=5))
def test_consent_is_one_of_the_statements_and_not_a_weaker_one(statements: list[Consent | None]) -> None:
    states = {each.state for each in statements if each is not None} or {UNKNOWN}
    merged = merge_consent([said(each) for each in statements])
    assert merged.state in states
    assert merged.state is not UNKNOWN or states == {UNKNOWN}
    assert merged.state is not NO or not states & {YES, OUT}


ACCOUNTS = st.builds(
    RecordFacts,
    st.just("customers"),
    st.sampled_from(["c1", "c2", ""]),
    st.sampled_from([RANK_CUSTOMER, RANK_GUEST]),
    st.none(),
    st.sampled_from([None, *(state.value for state in ConsentState)]),
    DATES,
    st.none(),
    st.none(),
    st.none(),
    st.just(0),
    st.just(()),
    st.sampled_from(["c1", "c2", "c3", ""]),
    DATES,
).filter(lambda record: not record.owner or record.owner != record.ident)


@given(ACCOUNTS)
def test_one_record_alone_says_what_it_says_beside_one_that_says_nothing(record: RecordFacts) -> None:
    assert merge_consent([record]) == merge_consent([record, said(None)])


@given(st.lists(ACCOUNTS, max_size=4), DATES)
def test_an_account_speaks_with_one_voice(others: list[RecordFacts], at: int | None) -> None:
    """Whatever its own orders say: who withdraws in the account is no subscriber by one of them."""
    own = said(Consent(NO))._replace(ident="c9", stream="customers", turned=NOW)
    ordered = said(Consent(YES, at))._replace(ident="o9", stream="orders", rank=RANK_GUEST, owner="c9")
    assert merge_consent([own, *others, ordered]) == merge_consent([own, *others])


GONE = "gone"


@given(st.lists(st.sampled_from([YES, NO, OUT, UNKNOWN, GONE]), min_size=1, max_size=6), st.booleans())
def test_an_undated_yes_is_a_new_one_after_a_stated_no_only(states: list[ConsentState | str], full: bool) -> None:
    facts = NO_FACTS
    consent = Consent(UNKNOWN)
    for day, state in enumerate(states, 1):
        record = Record(ANNA, "1", consent=Consent(ConsentState(state))) if state != GONE else None
        found = [] if record is None else [SourceRecord("customers", "c1", record)]
        followed = {"customers": NOW + day - 1 if full and day > 1 else 0}
        person, facts = merge(ANNA, found, facts, ReadScope(["customers"], NOW + day, key_of, followed))
        consent = person.consent
    others = [day for day, state in enumerate(states) if state != YES]
    since = others[-1] + 1 if others else 0
    said_anew = 0 < since < len(states) and states[since - 1] == NO and OUT not in states
    assert (consent.after is not None) is said_anew
    if said_anew:
        assert (consent.at, consent.after) == (NOW + since + 1, NOW + since)
    assert consent.state is not YES or consent.at is None or said_anew


# Several reads


# Made once: to make a strategy takes longer than to draw from it.
EITHER = st.booleans()
RANKS = st.sampled_from([RANK_GUEST, RANK_CUSTOMER])
AGES = st.integers(0, 9)
PROFILES = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["", "a", "b"]), max_size=3)
BOUGHT = st.one_of(st.none(), st.builds(Purchases, st.integers(0, 2), st.integers(1, 9), st.just("1.00")))
ORDERS = {
    number: st.lists(
        st.builds(
            Order,
            st.sampled_from([f"{number}a", f"{number}b"]),
            EITHER,
            st.integers(1, 9),
            st.sampled_from(["1.00", "2.50", None]),
            st.just("EUR"),
        ),
        max_size=2,
        unique_by=lambda order: order.id,
    )
    for number in (1, 2, 3)
}
VERSIONS = st.integers(1, 4)
CHOSEN = st.lists(st.sampled_from(sorted(ORDERS)), unique=True, max_size=3)


def version_of(draw: st.DrawFn, number: int, version: int) -> SourceRecord:
    """One version of record `number`. No two records are equally old, and newer versions are newer."""
    profile = draw(PROFILES)
    orders = draw(ORDERS[number])
    made = Record(
        ANNA,
        str(number),
        draw(RANKS),
        draw(AGES) * 100 + version * 10 + number,
        None,
        profile,
        draw(STATEMENTS),
        draw(BOUGHT),
        tuple(orders),
        None,
        draw(EITHER),
    )
    return SourceRecord("customers", key_of(str(number)), made)


def _says(found: SourceRecord, state: ConsentState) -> bool:
    return found.record.consent is not None and found.record.consent.state is state


@st.composite
def reads(draw: st.DrawFn) -> list[list[SourceRecord]]:
    """Some reads one after the other; in each some of the records come, in a new version or as they were. An order
    stays in its record: once there, it comes with every later version."""
    latest: dict[int, SourceRecord] = {}
    found: list[list[SourceRecord]] = []
    for version in range(draw(VERSIONS)):
        chosen = draw(CHOSEN)
        part = []
        for number in chosen:
            if number in latest and draw(EITHER):
                part.append(latest[number])
                continue
            new = version_of(draw, number, version)
            if number in latest:
                kept = {order.id: order for order in latest[number].record.orders}
                kept |= {order.id: order for order in new.record.orders}
                made = latest[number].record.makes_person or new.record.makes_person
                consent = new.record.consent
                if consent == Consent(OUT) and _says(latest[number], OUT):
                    consent = latest[number].record.consent  # a withdrawal does not lose its date
                record = new.record._replace(orders=tuple(kept.values()), makes_person=made, consent=consent)
                new = new._replace(record=record)
            latest[number] = new
            part.append(new)
        found.append(part)
    return found


def read(found: Sequence[SourceRecord], before: PersonFacts, now: int = NOW) -> tuple[Person, PersonFacts]:
    return merge(ANNA, found, before, ReadScope((), now, key_of))


def purchases_of(person: Person) -> tuple[int, int | None, Decimal | None] | None:
    bought = person.purchases
    if bought is None:
        return None
    return bought.number, bought.last_at, Decimal(bought.total) if bought.total else None


@given(reads())
def test_increments_make_what_one_full_read_makes(parts: list[list[SourceRecord]]) -> None:
    facts = NO_FACTS
    person = read([], facts)[0]
    for part in parts:
        person, facts = read(part, facts)
    last: dict[str, SourceRecord] = {item.ident: item for part in parts for item in part}
    full, full_facts = read(list(last.values()), NO_FACTS)
    assert person.consent == full.consent
    assert purchases_of(person) == purchases_of(full)
    assert person.is_person == full.is_person
    assert facts.orders == full_facts.orders
    # A withdrawal that a record does not tell of any more is known to who had read it.
    known = {record.ident: record._replace(left_at=None) for record in facts.records}
    assert known == {record.ident: record for record in full_facts.records}
    # Values are withheld where a record that was not read again has better ones, never others.
    for name, value in person.profile.items():
        assert full.profile[name] == value
    # And reading everything once more completes them.
    again, _ = read(list(last.values()), facts)
    assert again.profile == full.profile
    assert again.consent == full.consent
    assert purchases_of(again) == purchases_of(full)


@given(reads())
def test_reading_the_same_once_more_changes_nothing(parts: list[list[SourceRecord]]) -> None:
    facts = NO_FACTS
    for part in parts:
        person, facts = read(part, facts)
        twice, again = read(part, facts)
        assert (twice.consent, twice.purchases, twice.is_person) == (person.consent, person.purchases, person.is_person)
        assert twice.profile == person.profile
        assert {*again.records} == {*facts.records}
        assert again.orders == facts.orders


@given(reads(), st.integers(1, 10**6))
def test_an_undated_withdrawal_keeps_its_first_date(parts: list[list[SourceRecord]], later: int) -> None:
    facts = NO_FACTS
    for part in parts:
        _, facts = read(part, facts)
        person, again = read(part, facts, NOW + later)
        assert person.consent == read(part, facts)[0].consent
        assert {record.consent_at for record in again.records} == {record.consent_at for record in facts.records}


@given(reads())
def test_nothing_read_is_nothing_changed(parts: list[list[SourceRecord]]) -> None:
    facts = NO_FACTS
    for part in parts:
        person, facts = read(part, facts)
        nothing, same = read([], facts)
        assert same == facts
        assert nothing.consent == person.consent
        assert nothing.purchases == person.purchases
        assert nothing.is_person == person.is_person
        assert nothing.profile == {}


@given(reads(), st.booleans())
def test_absence_ends_a_yes_only_in_a_stream_that_was_read_completely(
    parts: list[list[SourceRecord]], complete: bool
) -> None:
    facts = NO_FACTS
    person = read([], facts)[0]
    for part in parts:
        person, facts = read(part, facts)
    gone, _ = merge(ANNA, [], facts, ReadScope(["customers" if complete else "orders"], NOW, key_of))
    if not complete:
        assert gone.consent == person.consent
    else:
        withdrawn = any(record.consent == OUT for record in facts.records)
        assert gone.consent.state is not YES
        if person.consent.state is YES:
            assert gone.consent.state is (OUT if withdrawn else NO)
        else:
            assert gone.consent.state is person.consent.state
