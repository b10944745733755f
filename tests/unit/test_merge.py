from __future__ import annotations

from collections.abc import Sequence

import pytest

from cleverreach_sync.domain.merge import NO_FACTS, PersonFacts, ReadScope, SourceRecord, merge
from cleverreach_sync.domain.model import (
    PROFILE_FIELDS,
    RANK_CUSTOMER,
    RANK_EXCLUDED,
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

T = 1_600_000_000


def found(
    ident: str = "",
    *,
    stream: str = "customers",
    profile: dict[str, str] | None = None,
    rank: int = RANK_CUSTOMER,
    at: int | None = None,
    consent: ConsentState | None = None,
    consent_at: int | None = None,
    purchases: Purchases | None = None,
    orders: Sequence[Order] = (),
    created_at: int | None = None,
    invalid: str | None = None,
    makes_person: bool = True,
) -> SourceRecord:
    said = None if consent is None else Consent(consent, consent_at)
    record = Record(
        ANNA, ident or None, rank, at, created_at, profile or {}, said, purchases, tuple(orders), invalid, makes_person
    )
    return SourceRecord(stream, ident, record)


def read(
    *items: SourceRecord,
    before: PersonFacts = NO_FACTS,
    complete: Sequence[str] = (),
    implied: Consent | None = None,
    now: int = T,
) -> tuple[Person, PersonFacts]:
    return merge(ANNA, items, before, ReadScope(complete, now, lambda ident: f"key-{ident}"), implied)


def order(
    ident: str, total: str | None = "10.00", *, counts: bool = True, at: int | None = T, currency: str | None = "EUR"
) -> Order:
    return Order(ident, counts, at, total, currency)


def said(consent: ConsentState | None, at: int | None = None) -> RecordFacts:
    text = None if consent is None else consent.value
    return RecordFacts("s", "", RANK_CUSTOMER, None, text, at, None, None, None, 0, ())


# Profile: field by field


def test_a_customer_beats_a_guest_even_an_older_one() -> None:
    customer = found("c1", profile={"city": "Kiel"}, at=T)
    guest = found("o1", stream="orders", profile={"city": "Ulm", "zip": "89073"}, rank=RANK_GUEST, at=T + 100)
    for items in [(customer, guest), (guest, customer)]:
        assert read(*items)[0].profile == {"city": "Kiel", "zip": "89073"}


def test_the_newest_record_wins() -> None:
    old, new = found("1", profile={"city": "Kiel"}, at=T), found("2", profile={"city": "Ulm"}, at=T + 1)
    assert read(old, new)[0].profile == read(new, old)[0].profile == {"city": "Ulm"}


def test_a_dated_record_beats_an_undated_one() -> None:
    dated, undated = found("1", profile={"city": "Kiel"}, at=-5), found("2", profile={"city": "Ulm"})
    assert read(dated, undated)[0].profile == read(undated, dated)[0].profile == {"city": "Kiel"}


@pytest.mark.parametrize("at", [None, T])
def test_of_undated_and_of_equally_old_records_the_later_row_wins(at: int | None) -> None:
    one, two = found(profile={"city": "Kiel"}, at=at), found(profile={"city": "Ulm"}, at=at)
    assert read(one, two)[0].profile == {"city": "Ulm"}
    assert read(two, one)[0].profile == {"city": "Kiel"}


def test_an_empty_value_never_overwrites_a_filled_one() -> None:
    filled, empty = found("1", profile={"city": "Kiel"}, at=T), found("2", profile={"city": "", "zip": ""}, at=T + 1)
    assert read(filled, empty)[0].profile == read(empty, filled)[0].profile == {"city": "Kiel", "zip": ""}


def test_of_one_record_everything_is_taken_as_it_is() -> None:
    assert read(found(profile={"city": "", "extra.vip": "1"}))[0].profile == {"city": "", "extra.vip": "1"}


@pytest.mark.parametrize("name", ["city", PROFILE_FIELDS[0], PROFILE_FIELDS[-1], "extra.vip"])
def test_a_value_is_withheld_while_a_record_that_was_not_read_again_has_a_better_one(name: str) -> None:
    customer = found("c1", profile={name: "A"}, at=T)
    guest = found("o1", stream="orders", profile={name: "B", "zip": "1"}, rank=RANK_GUEST, at=T + 9)
    _, facts = read(customer)
    assert read(guest, before=facts)[0].profile == {"zip": "1"}
    assert read(customer, before=facts)[0].profile == {name: "A"}


def test_a_value_is_sent_where_a_record_that_was_not_read_again_has_none_or_an_older_one() -> None:
    _, facts = read(found("c1", profile={"city": "", "zip": "1"}, at=T))
    assert read(found("c2", profile={"city": "Ulm", "zip": "2"}, at=T + 1), before=facts)[0].profile == {
        "city": "Ulm",
        "zip": "2",
    }


def test_an_empty_value_is_withheld_while_an_older_record_that_was_not_read_again_has_a_filled_one() -> None:
    _, facts = read(found("c1", profile={"city": "Kiel"}, at=T))
    assert read(found("c2", profile={"city": ""}, at=T + 1), before=facts)[0].profile == {}


def test_the_date_of_creation_is_the_earliest() -> None:
    assert read(found("1"), found("2", created_at=T + 5), found("3", created_at=T))[0].created_at == T
    assert read(found("1"))[0].created_at is None


# Consent


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([], Consent(UNKNOWN)),
        ([(None, None)], Consent(UNKNOWN)),
        ([(UNKNOWN, None)], Consent(UNKNOWN)),
        ([(YES, 5)], Consent(YES, 5)),
        ([(NO, 5)], Consent(NO, 5)),
        ([(OUT, 5)], Consent(OUT, 5)),
        # no and unknown of one record never beat a yes of another
        ([(YES, None), (NO, 9)], Consent(YES)),
        ([(YES, 1), (NO, 9), (UNKNOWN, 9)], Consent(YES, 1)),
        ([(YES, 1), (UNKNOWN, 9)], Consent(YES, 1)),
        ([(YES, 1), (None, None)], Consent(YES, 1)),
        ([(YES, 1), (YES, 3), (YES, None)], Consent(YES, 3)),
        # no beats unknown
        ([(NO, None), (UNKNOWN, 9)], Consent(NO)),
        ([(NO, 1), (NO, 3), (UNKNOWN, 9)], Consent(NO, 3)),
        # opted_out beats no
        ([(OUT, 1), (NO, 9)], Consent(OUT, 1)),
        ([(OUT, 1), (UNKNOWN, 9)], Consent(OUT, 1)),
        ([(OUT, 1), (OUT, 3)], Consent(OUT, 3)),
        # between yes and opted_out the later date decides
        ([(YES, 3), (OUT, 2)], Consent(YES, 3)),
        ([(YES, 2), (OUT, 3)], Consent(OUT, 3)),
        ([(YES, 1), (YES, 4), (OUT, 3), (OUT, 2)], Consent(YES, 4)),
        ([(YES, 4), (OUT, 3), (OUT, 5), (NO, 9)], Consent(OUT, 5)),
        # on equal dates opted_out
        ([(YES, 3), (OUT, 3)], Consent(OUT, 3)),
        # an undated yes loses
        ([(YES, None), (OUT, 1)], Consent(OUT, 1)),
        ([(YES, None), (YES, 2), (OUT, 1)], Consent(YES, 2)),
    ],
)
def test_consent_of_several_records(
    statements: list[tuple[ConsentState | None, int | None]], expected: Consent
) -> None:
    records = [said(state, at) for state, at in statements]
    assert merge_consent(records) == merge_consent(records[::-1]) == expected


def test_an_undated_withdrawal_counts_from_when_it_was_first_seen() -> None:
    out = found("1", consent=OUT)
    person, facts = read(out, now=T)
    assert person.consent == Consent(OUT, T)
    person, facts = read(out, before=facts, now=T + 100)
    assert person.consent == Consent(OUT, T)
    person, facts = read(before=facts, now=T + 200)
    assert person.consent == Consent(OUT, T)
    person, _ = read(found("2", consent=YES, consent_at=T + 50), before=facts, now=T + 300)
    assert person.consent == Consent(YES, T + 50)


def test_an_undated_withdrawal_without_an_id_keeps_its_date_too() -> None:
    _, facts = read(found(consent=OUT), found(consent=NO), now=T)
    assert read(found(consent=NO), found(consent=OUT), before=facts, now=T + 9)[0].consent == Consent(OUT, T)


def test_a_withdrawal_after_another_consent_is_a_new_one() -> None:
    _, facts = read(found("1", consent=OUT), now=T)
    _, facts = read(found("1", consent=YES), before=facts, now=T + 1)
    assert read(found("1", consent=OUT), before=facts, now=T + 2)[0].consent == Consent(OUT, T + 2)


def test_unknown_replaces_a_statement_of_the_same_record_only() -> None:
    _, facts = read(found("1", consent=YES, consent_at=T), found("2", consent=YES, consent_at=T + 1))
    person, facts = read(found("2", consent=UNKNOWN), before=facts)
    assert person.consent == Consent(YES, T)
    assert read(found("1"), before=facts)[0].consent == Consent(UNKNOWN)


@pytest.mark.parametrize(("complete", "expected"), [((), Consent(YES, T)), (("newsletter",), Consent(NO))])
def test_a_yes_that_is_gone(complete: Sequence[str], expected: Consent) -> None:
    _, facts = read(found("n1", stream="newsletter", consent=YES, consent_at=T), found("c1"))
    person, facts = read(found("c1"), before=facts, complete=complete)
    assert person.consent == expected
    assert read(before=facts)[0].consent == expected  # and it stays so


@pytest.mark.parametrize("consent", [OUT, NO, UNKNOWN, None])
def test_only_a_yes_ends_by_absence(consent: ConsentState | None) -> None:
    person, facts = read(found("n1", stream="newsletter", consent=consent, consent_at=T if consent else None))
    again, kept = read(before=facts, complete=["newsletter"])
    assert again.consent.state == person.consent.state
    assert not kept.is_person
    assert read(before=kept, complete=["newsletter"])[1] == kept


def test_a_record_that_is_gone_counts_no_more() -> None:
    account = found("c1", at=T, profile={"city": "Kiel", "phone": "1"}, purchases=Purchases(2, T, "9.00"))
    guest = found("o1", stream="orders", rank=RANK_GUEST, at=T - 9, profile={"city": "Ulm"}, orders=[order("a")])
    _, facts = read(account, guest)
    person, _ = read(before=facts, complete=["newsletter"])
    assert (person.is_person, person.purchases) == (True, Purchases(3, T, "19.00"))
    person, left = read(before=facts, complete=["customers"])
    assert (person.is_person, person.purchases) == (True, Purchases(1, T, "10.00"))
    assert person.profile == {"phone": ""}, "what nobody has any more is empty"
    later = found("o2", stream="orders", rank=RANK_GUEST, at=T - 1, profile={"city": "Bonn"}, orders=[order("b")])
    person, _ = read(later, before=left)
    assert person.profile == {"city": "Bonn"}
    person, nothing = read(before=left, complete=["orders"])
    assert (person.is_person, person.purchases) == (False, Purchases(0))
    assert read(found("c2"), before=nothing)[0].purchases == Purchases(0), "none is left, which is known"


def test_a_yes_of_another_stream_outlives_the_one_that_is_gone() -> None:
    _, facts = read(
        found("n1", stream="newsletter", consent=YES, consent_at=T + 5), found("c1", consent=YES, consent_at=T)
    )
    assert read(before=facts, complete=["newsletter"])[0].consent == Consent(YES, T)


def test_what_is_implied_for_those_of_whom_nothing_is_known() -> None:
    no = Consent(NO)
    assert read(found("1"), implied=no)[0].consent == no
    assert read(found("1", consent=YES), implied=no)[0].consent == Consent(YES)
    assert read(found("1", consent=OUT, consent_at=T), implied=no)[0].consent == Consent(OUT, T)


# Purchases


def test_nothing_known_of_purchases_is_not_none_bought() -> None:
    assert read(found("1"))[0].purchases is None
    assert read(found("1", purchases=Purchases(0)))[0].purchases == Purchases(0)


def test_summaries_are_summed() -> None:
    person, _ = read(
        found("1", purchases=Purchases(2, T, "10.10")),
        found("2", purchases=Purchases(1, T + 5, "0.90")),
        found("3", purchases=Purchases(0, None, "0.00")),
        found("4"),
    )
    assert person.purchases == Purchases(3, T + 5, "11.00")


def test_orders_are_summed_and_added_to_summaries() -> None:
    orders = [order("1", "19.99"), order("2", "0.01", at=T + 5), order("3", "5.00", at=T + 9, counts=False)]
    assert read(found("1", orders=orders))[0].purchases == Purchases(2, T + 5, "20.00")
    assert read(found("1", orders=orders, purchases=Purchases(1, T + 7, "1.00")))[0].purchases == Purchases(
        3, T + 7, "21.00"
    )


def test_an_order_read_twice_counts_once() -> None:
    person, facts = read(found("1", orders=[order("a"), order("a")]), found("2", orders=[order("a")]))
    assert person.purchases == Purchases(1, T, "10.00")
    person, facts = read(found("1", orders=[order("a", "12.00")]), before=facts)
    assert person.purchases == Purchases(1, T, "12.00")
    person, facts = read(found("1", orders=[order("b", at=T + 1)]), before=facts)
    assert person.purchases == Purchases(2, T + 1, "22.00")
    assert set(facts.orders) == {"key-a", "key-b"}
    assert {each.id for each in facts.orders.values()} == {"key-a", "key-b"}


def test_a_cancelled_order_is_taken_back() -> None:
    _, facts = read(found("1", orders=[order("a")]))
    person, facts = read(found("1", orders=[order("a", counts=False)]), before=facts)
    assert person.purchases == Purchases(0)
    assert person.is_person
    assert read(found("1", orders=[order("a")]), before=facts)[0].purchases == Purchases(1, T, "10.00")


def test_several_currencies_have_no_total() -> None:
    person, _ = read(found("1", orders=[order("a"), order("b", currency="CHF")]))
    assert person.purchases == Purchases(2, T, "")
    cancelled = [order("a"), order("b", currency="CHF", counts=False)]
    assert read(found("1", orders=cancelled))[0].purchases == Purchases(1, T, "10.00")


def test_totals_keep_every_cent() -> None:
    many = [order(str(n), "0.10") for n in range(30)]
    assert read(found("1", orders=many))[0].purchases == Purchases(30, T, "3.00")
    huge = [order("a", "99999999999999.99"), order("b", "0.01")]
    assert read(found("1", orders=huge))[0].purchases == Purchases(2, T, "100000000000000.00")
    assert read(found("1", orders=[order("a", None)]))[0].purchases == Purchases(1, T, "")


# Who is a person


def test_an_order_that_does_not_count_makes_nobody_a_person() -> None:
    nobody = found("o1", stream="orders", rank=RANK_GUEST, makes_person=False, orders=[order("a", counts=False)])
    person, facts = read(nobody)
    assert not person.is_person
    for again in [nobody, nobody._replace(ident="o2"), nobody._replace(record=nobody.record._replace(orders=()))]:
        person, facts = read(again, before=facts)
        assert not person.is_person
    assert read(found("c1"), before=facts)[0].is_person


def test_who_is_known_by_a_cancelled_order_only_is_nobody_any_more() -> None:
    counts = found("o1", stream="orders", orders=[order("a")])
    cancelled = found("o1", stream="orders", makes_person=False, orders=[order("a", counts=False)])
    _, facts = read(counts)
    person, facts = read(cancelled, before=facts)
    assert not person.is_person
    assert read(counts, before=facts)[0].is_person


def test_an_order_that_does_not_count_may_give_a_known_person_newer_values() -> None:
    _, facts = read(found("o1", stream="orders", rank=RANK_GUEST, at=T, profile={"city": "Kiel"}, orders=[order("a")]))
    late = found("o2", stream="orders", rank=RANK_GUEST, at=T + 1, profile={"city": "Ulm"}, makes_person=False)
    person, _ = read(late, before=facts)
    assert person.is_person
    assert person.profile == {"city": "Ulm"}


# Invalid


def test_what_could_not_be_read_makes_the_person_invalid() -> None:
    person, _ = read(found("1", consent=YES), found("2", invalid="orders"))
    assert (person.invalid, person.withdrew) == ("orders", False)


def test_a_withdrawal_is_heard_even_so() -> None:
    person, _ = read(found("1", consent=OUT), found("2", invalid="subscribed"))
    assert (person.invalid, person.withdrew) == ("subscribed", True)
    assert not read(found("1", consent=OUT))[0].withdrew  # it stands in the consent then


# Records


def test_records_without_an_id_replace_each_other_as_a_whole() -> None:
    _, facts = read(found(consent=YES, purchases=Purchases(2)), found(purchases=Purchases(3)))
    person, facts = read(found(consent=NO, purchases=Purchases(1)), before=facts)
    assert person.consent.state is NO
    assert person.purchases == Purchases(1)
    assert len(facts.records) == 1


def test_records_with_an_id_replace_their_earlier_selves_within_their_stream() -> None:
    _, facts = read(found("1", purchases=Purchases(1)), found("1", stream="other", purchases=Purchases(1)))
    person, facts = read(found("1", purchases=Purchases(5)), before=facts)
    assert person.purchases == Purchases(6)
    assert len(facts.records) == 2


def test_nothing_personal_is_remembered() -> None:
    profile = {"first_name": "Anna", "city": "", "extra.vip": "gold"}
    _, facts = read(found("1", profile=profile, consent=YES, consent_at=T, orders=[order("1001")]))
    assert "Anna" not in repr(facts)
    assert "gold" not in repr(facts)
    assert ANNA not in repr(facts)
    assert "'1001'" not in repr(facts)
    assert facts.records[0].extras == ("extra.vip",)


# Facts about somebody who is not brought in, and people who may not be


def test_facts_of_earlier_reads_count_as_soon_as_somebody_is_brought_in() -> None:
    newsletter = found("n1", stream="recipients", rank=RANK_GUEST, consent=YES, consent_at=T, makes_person=False)
    bought = found("o1", stream="orders", rank=RANK_GUEST, orders=[order("o1", at=T - 9)], makes_person=False)
    nobody, facts = read(newsletter, bought)
    assert (nobody.is_person, facts.is_person) == (False, False)
    account = found("c1", profile={"city": "Kiel"})
    later, then = read(account, before=facts, complete=["customers"])
    at_once, _ = read(newsletter, bought, account)
    assert later == at_once
    assert (later.is_person, then.is_person) == (True, True)
    assert (later.consent, later.purchases) == (Consent(YES, T), Purchases(1, T - 9, "10.00"))


BARRED = order("e1", counts=False)._replace(excluded=True)


@pytest.mark.parametrize(
    ("items", "excluded"),
    [
        ([found("c1", rank=RANK_EXCLUDED)], True),
        ([found("c1", rank=RANK_EXCLUDED), found("c2")], False),
        ([found("c1", rank=RANK_EXCLUDED), found("o1", rank=RANK_GUEST, orders=[order("o1")])], True),
        ([found("c1"), found("o1", rank=RANK_GUEST, orders=[order("o1", counts=False)])], False),
        ([found("o1", rank=RANK_GUEST, orders=[BARRED])], True),
        ([found("o1", rank=RANK_GUEST, orders=[BARRED, order("o2", counts=False)])], True),
        ([found("o1", rank=RANK_GUEST, orders=[BARRED, order("o2")])], False),
        ([found("c1"), found("o1", rank=RANK_GUEST, orders=[BARRED])], True),
    ],
)
def test_who_comes_from_where_nobody_may_be_transferred(items: list[SourceRecord], *, excluded: bool) -> None:
    person, facts = read(*items)
    assert person.excluded is excluded
    again, _ = read(found("n1", stream="recipients", rank=RANK_GUEST, makes_person=False), before=facts)
    assert again.excluded is excluded


def test_the_data_of_an_excluded_record_fill_only_what_nobody_else_says() -> None:
    market = found("c1", profile={"city": "Ulm", "zip": "89073"}, rank=RANK_EXCLUDED, at=T + 9)
    guest = found("o1", stream="orders", profile={"city": "Kiel"}, rank=RANK_GUEST, at=T)
    assert read(market, guest)[0].profile == {"city": "Kiel", "zip": "89073"}
