"""Who is transferred, and with which special tags: the matrix for every selection, and what contradicts it later."""

from __future__ import annotations

import itertools

import pytest

from tests.e2e.people import BUYER, CONTACT, SUBSCRIBER, B, C, S, both, buyer, neither, person, subscriber
from tests.e2e.program import Recipient, Shop

NEITHER, READER, CLIENT, BOTH = "neither@example.org", "reader@example.org", "client@example.org", "both@example.org"
# selection -> the kinds each of the four gets; nobody else is in the list.
MATRIX = {
    (S,): {READER: {SUBSCRIBER}, BOTH: {SUBSCRIBER}},
    (B,): {CLIENT: {BUYER}, BOTH: {BUYER}},
    (C,): {NEITHER: {CONTACT}},
    (S, B): {READER: {SUBSCRIBER}, CLIENT: {BUYER}, BOTH: {BUYER, SUBSCRIBER}},
    (S, C): {NEITHER: {CONTACT}, READER: {SUBSCRIBER}, BOTH: {SUBSCRIBER}},
    (B, C): {NEITHER: {CONTACT}, CLIENT: {BUYER}, BOTH: {BUYER}},
    (S, B, C): {NEITHER: {CONTACT}, READER: {SUBSCRIBER}, CLIENT: {BUYER}, BOTH: {BUYER, SUBSCRIBER}},
}


def four_people(shop: Shop) -> None:
    shop.write(neither(NEITHER), subscriber(READER), buyer(CLIENT), both(BOTH))


def tags(found: dict[str, Recipient]) -> dict[str, set[str]]:
    return {email: recipient.tags for email, recipient in found.items()}


@pytest.mark.parametrize("selection", MATRIX, ids="+".join)
def test_the_matrix(shop: Shop, selection: tuple[str, ...]) -> None:
    expected = MATRIX[selection]
    shop.config(tags=list(selection))
    four_people(shop)
    ran = shop.agreed_sync()
    assert tags(shop.list()) == expected
    assert all(recipient.active for recipient in shop.list().values())
    assert ran.counts["created"] == len(expected)
    assert ran.skipped == ({"not_selected": 4 - len(expected)} if len(expected) < 4 else {})
    carried = [tag for kinds in expected.values() for tag in kinds]
    assert ran.doc["kinds"] == {S: carried.count(SUBSCRIBER), B: carried.count(BUYER), C: carried.count(CONTACT)}
    assert shop.sync().writes == 0


SELECTIONS = ((S,), (S, B), (S, B, C))


@pytest.mark.parametrize(
    ("before", "after"),
    list(itertools.permutations(SELECTIONS, 2)),
    ids="+".join,
)
def test_the_24_changes_of_the_selection(shop: Shop, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """Four people each. What was taken out of the selection stays as it is; what is new in it reaches the list."""
    shop.config(tags=list(before))
    four_people(shop)
    shop.sync()
    was = shop.list()
    shop.config(tags=list(after))
    ran = shop.agreed_sync()
    added = set(after) - set(before)
    together = {
        email: MATRIX[before].get(email, set()) | MATRIX[after].get(email, set())
        for email in {*MATRIX[before], *MATRIX[after]}
    }
    assert tags(shop.list()) == together
    assert all(recipient.active for recipient in shop.list().values())
    if not added:
        assert shop.list() == was
        assert ran.writes == 0
    concerned = {email for email, kinds in MATRIX[after].items() if not kinds <= MATRIX[before].get(email, set())}
    assert {row["email"] for row in ran.sent} == concerned, "only the people concerned are sent"
    assert shop.sync().writes == 0


@pytest.mark.parametrize(
    ("before", "after"),
    list(itertools.permutations(SELECTIONS, 2)),
    ids="+".join,
)
def test_whose_later_changes_are_sent(shop: Shop, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """After a change of the selection a new first name reaches the list for the people who are selected, nobody else."""
    shop.config(tags=list(before))
    four_people(shop)
    shop.sync()
    shop.config(tags=list(after))
    shop.sync()
    people = {
        NEITHER: neither(NEITHER, first_name="Nina"),
        READER: subscriber(READER, first_name="Rita"),
        CLIENT: buyer(CLIENT, first_name="Carl"),
        BOTH: both(BOTH, first_name="Bea"),
    }
    shop.write(*people.values())
    ran = shop.sync()
    assert {row["email"] for row in ran.sent} == set(MATRIX[after])
    for email, recipient in shop.list().items():
        expected = {"firstname": people[email]["first_name"]} if email in MATRIX[after] else {}
        assert recipient.values == expected


def test_only_subscribers_selected_means_no_purchases(shop: Shop) -> None:
    shop.preset("shop")
    shop.config(tags=[S], attributes={"preset": "shop", "map": None})
    shop.write(both(BOTH, total_spent="12.50", last_order_at="2026-01-05", city="Ulm"), buyer(CLIENT))
    shop.sync()
    assert shop.list().keys() == {BOTH}
    assert shop.list()[BOTH].values == {"city": "Ulm"}
    assert shop.list()[BOTH].tags == {SUBSCRIBER}

    shop.write(both(BOTH, total_spent="99.00", last_order_at="2026-03-05", city="Ulm"), buyer(CLIENT, city="Bonn"))
    assert shop.sync().writes == 0, "a purchase of a subscriber is not transferred, a buyer is not touched"
    shop.write(both(BOTH, total_spent="99.00", last_order_at="2026-03-05", city="Kiel"), buyer(CLIENT, city="Bonn"))
    ran = shop.sync()
    assert ran.sent == [{"email": BOTH, "tags": [SUBSCRIBER], "global_attributes": {"city": "Kiel"}}]


def test_contact_is_taken_back_when_somebody_buys_or_subscribes(shop: Shop) -> None:
    shop.config(tags=[S, B, C])
    shop.write(neither("a@example.org"), neither("b@example.org"), neither("c@example.org"))
    shop.sync()
    shop.write(buyer("a@example.org"), subscriber("b@example.org"), neither("c@example.org"))
    ran = shop.agreed_sync()
    assert tags(shop.list()) == {"a@example.org": {BUYER}, "b@example.org": {SUBSCRIBER}, "c@example.org": {CONTACT}}
    assert ran.counts == {"updated": 2, "unchanged": 1}
    assert set(ran.sent_to("a@example.org")["tags"]) == {BUYER, f"-{CONTACT}"}, "in the same request"


def test_a_deselected_contact_tag_goes_when_somebody_is_sent_anyway(shop: Shop) -> None:
    shop.config(tags=[S, C])
    shop.write(neither("a@example.org"))
    shop.sync()
    shop.config(tags=[S])
    shop.write(subscriber("a@example.org"))
    shop.sync()
    assert shop.list()["a@example.org"].tags == {SUBSCRIBER}


def test_the_buyer_tag_goes_when_the_known_orders_are_none(shop: Shop) -> None:
    shop.write(both("a@example.org"))
    shop.sync()
    shop.write(subscriber("a@example.org"))
    ran = shop.agreed_sync()
    assert ran.counts == {"updated": 1}
    assert shop.list()["a@example.org"].tags == {SUBSCRIBER}
    assert shop.sync().writes == 0


def test_a_contradiction_of_a_deselected_kind_sends_nobody(shop: Shop) -> None:
    shop.write(both("a@example.org"))
    shop.sync()
    shop.config(tags=[S])
    shop.write(subscriber("a@example.org"))
    assert shop.sync().writes == 0
    shop.write(subscriber("a@example.org", first_name="Ann"))
    shop.sync()
    assert shop.list()["a@example.org"].tags == {SUBSCRIBER}, "in the same request as the name"


def test_unknown_orders_take_no_tag_back(shop: Shop) -> None:
    shop.write(both("a@example.org"))
    shop.sync()
    shop.write(person("a@example.org", subscribed="yes", orders="", first_name="Ann"))
    ran = shop.sync()
    assert ran.counts == {"updated": 1}
    assert shop.list()["a@example.org"].tags == {SUBSCRIBER, BUYER}


def test_contact_is_not_given_to_somebody_of_whom_only_the_list_knows_more(shop: Shop) -> None:
    """Their tags say that they bought or subscribed; the source cannot tell."""
    shop.config(tags=[S, B, C])
    shop.write(neither("other@example.org"))
    shop.sync()
    shop.put("client@example.org", tags=[BUYER])
    shop.put("reader@example.org", tags=[SUBSCRIBER])
    shop.put("form@example.org", tags=["Form.Web"])
    unknown = [person(f"{who}@example.org", first_name="Uma") for who in ("client", "reader", "form")]
    shop.write(neither("other@example.org"), *unknown)
    ran = shop.sync()
    assert ran.counts == {"updated": 3, "unchanged": 1}
    assert tags(shop.list()) == {
        "client@example.org": {BUYER},
        "reader@example.org": {SUBSCRIBER},
        "form@example.org": {"Form.Web", CONTACT},
        "other@example.org": {CONTACT},
    }
    assert all(
        recipient.values == {"firstname": "Uma"} for email, recipient in shop.list().items() if "other" not in email
    )
    assert shop.sync().writes == 0


def test_contact_is_given_where_the_facts_speak_against_the_tag(shop: Shop) -> None:
    shop.config(tags=[S, B, C])
    shop.write(neither("other@example.org"))
    shop.sync()
    shop.put("client@example.org", tags=[BUYER])
    shop.write(neither("other@example.org"), neither("client@example.org"))
    shop.sync()
    assert shop.list()["client@example.org"].tags == {CONTACT}


def test_foreign_tags_are_left_alone(shop: Shop) -> None:
    shop.config(tags=[S, B, C])
    foreign = ["Shopify-Special.Contact", "Shop-Special.Customer", "Shop-Group.VIP", "newsletter"]
    shop.put("a@example.org", tags=foreign)
    shop.write(neither("a@example.org"))
    shop.sync()
    assert shop.list()["a@example.org"].tags == {*foreign, CONTACT}
    shop.write(both("a@example.org"))
    shop.sync()
    assert shop.list()["a@example.org"].tags == {*foreign, BUYER, SUBSCRIBER}
    shop.write(person("a@example.org", subscribed="opted_out", orders="2"))
    shop.sync()
    assert shop.list()["a@example.org"].tags == {*foreign, BUYER}


@pytest.mark.parametrize("ascii_only", [False, True])
def test_a_source_with_umlauts_in_its_name(shop: Shop, ascii_only: bool) -> None:
    """Whether the account keeps the letters or not, the tags are recognised."""
    shop.state.switches.tags_ascii = ascii_only
    shop.config(tags=[S, B, C], source={"name": "Möbel Müller"})
    origin = "M_bel_M_ller-Special" if ascii_only else "Möbel_Müller-Special"
    shop.write(neither("a@example.org"), both("b@example.org"))
    shop.sync()
    assert tags(shop.list()) == {
        "a@example.org": {f"{origin}.Contact"},
        "b@example.org": {f"{origin}.Subscriber", f"{origin}.Buyer"},
    }
    assert shop.sync().writes == 0
    shop.write(buyer("a@example.org"), person("b@example.org", subscribed="opted_out", orders="2"))
    shop.sync()
    assert tags(shop.list()) == {"a@example.org": {f"{origin}.Buyer"}, "b@example.org": {f"{origin}.Buyer"}}
    assert not shop.list()["b@example.org"].active
    # Somebody whom only the list knows carries one, too.
    shop.put("c@example.org", tags=[f"{origin}.Subscriber"])
    shop.write(buyer("a@example.org"), person("c@example.org", subscribed="opted_out"))
    assert shop.sync().counts["deactivated"] == 1
    assert shop.list()["c@example.org"].tags == set()
    assert shop.diff("--against", "target").counts.keys().isdisjoint({"created", "updated", "deactivated"})


def test_a_name_that_is_cut(shop: Shop) -> None:
    shop.config(source={"name": "Averyveryveryveryverylongsourcenamewithmorethanfifty"})
    shop.write(both("a@example.org"))
    shop.sync()
    origin = "Averyveryveryveryverylongsourcenamewithmorethanfi"
    assert shop.list()["a@example.org"].tags == {f"{origin}.Subscriber", f"{origin}.Buyer"}
    assert shop.sync().writes == 0
