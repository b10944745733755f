"""What real Magento 2 shops do, one by one; each loses or falsifies people if it is not minded."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from cleverreach_sync.domain.model import RANK_CUSTOMER, RANK_GUEST, Consent, ConsentState, Order, Person, Record
from cleverreach_sync.errors import AuthError, CrsyncError, TemporaryError, UsageError
from cleverreach_sync.sources.interface import Source, Warned
from tests.shops.magento2 import (
    BASE,
    CUSTOMER_RIGHT,
    KEYS,
    ORDER_RIGHT,
    OUTLET,
    STORE_RIGHT,
    FakeMagento,
)
from tests.shops.magento2_search import Limits
from tests.shops.reading import Known, Watched, opening, read
from tests.shops.server import Answering, Asked, Reply, altered, answering

Opening = Callable[..., Source]
HOUR, DAY = 3600, 86_400
YES, NO, UNKNOWN = ConsentState.YES, ConsentState.NO, ConsentState.UNKNOWN


@pytest.fixture
def shop() -> Iterator[FakeMagento]:
    found = FakeMagento()
    yield found
    found.close()


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def opened(shop: FakeMagento, watched: Watched) -> Iterator[Opening]:
    with opening(shop, watched) as open_it:
        yield open_it


def records(source: Source, stream: str, since: str | None = None) -> dict[str, Record]:
    """By address; warnings are not expected."""
    warned: list[Warned] = []
    found = {row.email: source.decode(stream, row, warned.append) for row in read(source, stream, since).rows}
    assert warned == []
    return found


def cursor_of(source: Source, stream: str, since: str | None = None) -> str:
    end = read(source, stream, since).end
    assert end is not None
    assert end.cursor is not None
    return end.cursor


def emails(source: Source, stream: str, since: str | None = None) -> list[str]:
    return sorted(row.email for row in read(source, stream, since).rows)


def people(source: Source) -> dict[str, Person]:
    return Known().run(source)


def fill(shop: FakeMagento, count: int) -> list[str]:
    found = [f"p{number:04}@mail.example" for number in range(count)]
    for email in found:
        shop.add_customer(email)
    return found


def changing(change: Callable[[dict[str, Any]], None], *, of: str = "customers/search") -> Callable[..., Reply]:
    """A shop whose lists are changed on the way."""

    def fault(asked: Asked, answer: Answering) -> Reply:
        reply = answer(asked)
        if not asked.path.endswith(of) or reply.status != 200:
            return reply
        body = orjson.loads(reply.body)
        change(body)
        return reply._replace(body=orjson.dumps(body))

    return fault


def asking(change: Callable[[dict[str, str]], dict[str, str]]) -> Callable[..., Reply]:
    """A shop that is asked something else on the way; it was let in before."""
    return lambda asked, answer: answer(asked._replace(query=change(asked.query)))


# What is asked for


def test_only_what_is_needed_is_asked_for(shop: FakeMagento, opened: Opening) -> None:
    shop.add_order(shop.add_customer("anna@mail.example", consent=True))
    people(opened())
    asked = [*shop.pages("customers/search"), *shop.pages("orders")]
    assert asked
    for query in asked:
        assert query["fields"].startswith("items[")
        assert query["searchCriteria[pageSize]"] == "300"
        for secret in ("confirmation", "rp_token", "protect_code", "remote_ip", "payment"):
            assert secret not in query["fields"]


def test_what_was_not_asked_for_is_not_kept(shop: FakeMagento, opened: Opening) -> None:
    """As it comes where an extension does not mind `fields`."""
    shop.add_order(shop.add_customer("anna@mail.example"))
    shop.add_guest_order("ben@mail.example")
    shop.fail(asking(lambda query: {name: value for name, value in query.items() if name != "fields"}), 50)
    source = opened()
    rows = [row for stream in source.streams() for row in read(source, stream.name).rows]
    assert len(rows) == 3
    for text in (*shop.planted, "@"):
        assert text not in b"".join(row.body for row in rows).decode()


@pytest.mark.parametrize("limits", [Limits(), Limits(300), Limits(100), Limits(repeats_the_last_page=True)])
def test_everybody_once_whatever_the_pages(shop: FakeMagento, opened: Opening, limits: Limits) -> None:
    """A full last page, pages that must not be so large, and those that repeat the last one."""
    shop.limits = limits
    expected = fill(shop, 600)
    reading = read(opened(), "customers")
    assert [row.email for row in reading.rows] == expected
    assert reading.end is not None
    assert reading.end.complete
    assert {query["searchCriteria[currentPage]"] for query in shop.pages("customers/search")} == {"1"}


def test_a_list_without_rows_is_null(shop: FakeMagento, opened: Opening) -> None:
    source = opened()
    for stream in source.streams():
        end = read(source, stream.name).end
        assert end is not None
        assert end.complete
    assert b'"items":null' in shop.answer(shop.log[-1]._replace(headers=signed_again(shop))).body


def signed_again(shop: FakeMagento) -> dict[str, str]:
    shop.bearer_allowed = True
    return {"authorization": f"Bearer {KEYS['access_token']}"}


# Customers


def test_a_customer_says_who_they_are(shop: FakeMagento, opened: Opening) -> None:
    ident = shop.add_customer(
        "Anna@Mail.example", consent=True, salutation="Frau", first_name="Anna", last_name="Größle", gender="2",
        birthday="1980-05-17", company="Müller <Söhne> & Co", street="Hauptstr. 1\nHinterhaus", zip="80331",
        city="München", state="Bayern", country="DE", phone="089/1",
    )  # fmt: skip
    shop.now += HOUR
    shop.change_profile(ident, first_name="Anna Maria")
    (found,) = records(opened(), "customers").values()
    assert (found.email, found.ident, found.rank) == ("anna@mail.example", str(ident), RANK_CUSTOMER)
    assert (found.at, found.created_at, found.consent) == (shop.now, shop.now - HOUR, Consent(YES))
    assert found.profile == {
        "salutation": "Frau", "gender": "f", "first_name": "Anna Maria", "last_name": "Größle", "language": "de-DE",
        "birthday": "1980-05-17", "company": "Müller <Söhne> & Co", "street": "Hauptstr. 1, Hinterhaus",
        "zip": "80331", "city": "München", "state": "Bayern", "country": "DE", "phone": "089/1", "shop": "German",
        "customer_number": str(ident), "source_id": str(ident),
        "created_at": "2026-11-21T20:00:00Z", "updated_at": "2026-11-21T21:00:00Z",
    }  # fmt: skip


def test_who_has_no_address_has_empty_fields(shop: FakeMagento, opened: Opening) -> None:
    shop.add_customer("anna@mail.example", gender="3")
    (found,) = records(opened(), "customers").values()
    assert (found.profile["city"], found.profile["gender"], found.profile["birthday"]) == ("", "", "")


def test_the_billing_address_counts(shop: FakeMagento, opened: Opening) -> None:
    ident = shop.add_customer("anna@mail.example", city="Köln")
    shop.customers[ident]["addresses"].insert(0, {"id": 1, "city": "Bonn", "street": ["Weg 1"]})
    (found,) = records(opened(), "customers").values()
    assert found.profile["city"] == "Köln"
    del shop.customers[ident]["addresses"][1]["default_billing"]
    (found,) = records(opened(), "customers").values()
    assert found.profile["city"] == "Bonn"


def test_the_language_is_that_of_the_store_view(shop: FakeMagento, opened: Opening) -> None:
    shop.add_customer("anna@mail.example")
    shop.add_customer("lise@mail.example", website=OUTLET)
    shop.customers[shop.add_customer("admin@mail.example")]["store_id"] = 0
    found = records(opened(), "customers")
    assert [record.profile["language"] for record in found.values()] == ["de-DE", "fr-FR", ""]


@pytest.mark.parametrize("date", ["0000-00-00", "yesterday"])
def test_a_date_that_is_none_costs_no_more_than_itself(shop: FakeMagento, opened: Opening, date: str) -> None:
    shop.add_customer("anna@mail.example", birthday=date, first_name="Anna")
    source = opened()
    (row,) = read(source, "customers").rows
    warned: list[Warned] = []
    record = source.decode("customers", row, warned.append)
    assert (record.invalid, record.profile["birthday"], record.profile["first_name"]) == (None, "", "Anna")
    assert [warning.no_date for warning in warned] == [date == "0000-00-00"]


# Who subscribed


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (True, YES), (1, YES), ("1", YES), ("true", YES), (False, NO), (0, NO), ("0", NO), (None, UNKNOWN),
        ("", UNKNOWN),
    ],
)  # fmt: skip
def test_what_is_said_of_a_subscription(
    shop: FakeMagento, opened: Opening, said: object, expected: ConsentState
) -> None:
    ident = shop.add_customer("anna@mail.example")
    shop.customers[ident]["extension_attributes"]["is_subscribed"] = said
    assert records(opened(), "customers")["anna@mail.example"].consent == Consent(expected)


@pytest.mark.parametrize("attributes", [{}, [], None, "x"])
def test_a_shop_that_does_not_tell_knows_of_no_yes_and_no_no(
    shop: FakeMagento, opened: Opening, attributes: object
) -> None:
    shop.customers[shop.add_customer("anna@mail.example")]["extension_attributes"] = attributes
    assert records(opened(), "customers")["anna@mail.example"].consent == Consent(UNKNOWN)


@pytest.mark.parametrize("word", ["maybe", 2, [True], {"yes": True}])
def test_a_word_that_is_unknown_makes_nobody_a_subscriber(shop: FakeMagento, opened: Opening, word: object) -> None:
    ident = shop.add_customer("anna@mail.example")
    shop.customers[ident]["extension_attributes"]["is_subscribed"] = word
    source = opened()
    (row,) = read(source, "customers").rows
    warned: list[Warned] = []
    record = source.decode("customers", row, warned.append)
    assert (record.consent, record.invalid, len(warned)) == (None, "subscribed", 1)


def test_a_subscription_moves_no_date_and_is_found_when_all_are_read(shop: FakeMagento, opened: Opening) -> None:
    anna = shop.add_customer("anna@mail.example", consent=True)
    shop.now += HOUR
    shop.add_customer("ben@mail.example")
    source, known = opened(reconcile_every="24h"), Known()
    known.run(source)
    shop.now += HOUR
    shop.set_consent(anna, given=False)
    assert known.run(source)["anna@mail.example"].consent.state is YES, "no change tells of it"
    shop.now += DAY
    assert known.run(source)["anna@mail.example"].consent.state is NO
    shop.set_consent(anna, given=True)
    assert known.run(source)["anna@mail.example"].consent.state is NO
    shop.now += DAY
    assert known.run(source)["anna@mail.example"].consent.state is YES


def test_with_0_all_customers_are_read_every_time(shop: FakeMagento, opened: Opening) -> None:
    anna = shop.add_customer("anna@mail.example", consent=True)
    shop.now += HOUR
    shop.add_customer("ben@mail.example")
    source, known = opened(reconcile_every=0), Known()
    known.run(source)
    shop.now += HOUR
    shop.set_consent(anna, given=False)
    assert known.run(source)["anna@mail.example"].consent.state is NO


def test_one_address_on_two_websites_is_one_person(shop: FakeMagento, opened: Opening) -> None:
    shop.add_customer("Anna@mail.example", consent=True, first_name="Anna")
    shop.add_customer("anna@MAIL.example", website=OUTLET)
    (found,) = people(opened()).values()
    assert (found.consent.state, found.profile["first_name"]) == (YES, "Anna")


# Orders


def test_a_guest_is_known_by_their_order(shop: FakeMagento, opened: Opening) -> None:
    order = shop.add_guest_order(
        "Gast.X@Gast.example", "19.90", first_name="Zoë", last_name="Lefèvre", salutation="Frau", street="Weg 1",
        birthday="1980-05-17 00:00:00", zip="53111", city="Bonn", country="DE", website=OUTLET,
    )  # fmt: skip
    (found,) = records(opened(), "orders").values()
    assert (found.email, found.ident, found.rank, found.at) == ("gast.x@gast.example", str(order), RANK_GUEST, shop.now)
    assert found.orders == (Order(str(order), True, shop.now, "19.90", "EUR"),)
    assert found.consent is None
    assert {name: value for name, value in found.profile.items() if value} == {
        "salutation": "Frau", "first_name": "Zoë", "last_name": "Lefèvre", "language": "fr-FR", "shop": "French",
        "street": "Weg 1", "zip": "53111", "city": "Bonn", "country": "DE", "birthday": "1980-05-17",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("configured", "expected"),
    [({}, {"processing", "complete"}), ({"buyer_states": ["Payment_Review", "closed"]}, {"payment_review", "closed"})],
)
def test_only_some_orders_make_a_buyer(
    shop: FakeMagento, opened: Opening, configured: dict[str, Any], expected: set[str]
) -> None:
    for state in ("new", "pending_payment", "processing", "complete", "closed", "canceled", "holded", "payment_review"):
        shop.add_guest_order(f"{state}@post.example", state=state)
    found = people(opened(**configured))
    assert {email.partition("@")[0] for email, person in found.items() if person.is_person} == expected


def test_the_state_counts_and_not_the_status(shop: FakeMagento, opened: Opening) -> None:
    order = shop.add_guest_order("gast@post.example", state="canceled")
    shop.orders[order]["status"] = "complete"
    (found,) = records(opened(), "orders").values()
    assert not found.orders[0].counts


def test_an_order_is_the_accounts_wherever_that_is_today(shop: FakeMagento, opened: Opening) -> None:
    anna = shop.add_customer("anna@mail.example")
    order = shop.add_order(anna)
    shop.now += HOUR
    shop.change_profile(anna, email="anna@new.example")
    (row,) = read(opened(), "orders").rows
    assert (row.email, row.owner, row.ident) == ("anna@new.example", str(anna), str(order))
    assert b"profile" not in row.body


@pytest.mark.parametrize("nulled", [True, False])
def test_the_orders_of_a_deleted_account_are_their_addresss(
    shop: FakeMagento, opened: Opening, *, nulled: bool
) -> None:
    anna = shop.add_customer("anna@mail.example")
    order = shop.add_order(anna)
    shop.add_order(shop.add_customer("ben@mail.example"))
    shop.delete_customer(anna)
    if not nulled:
        shop.orders[order]["customer_id"] = anna
    shop.orders[order]["customer_firstname"] = "Anna"
    source = opened()
    row = next(row for row in read(source, "orders").rows if row.ident == str(order))
    assert (row.email, row.owner) == ("anna@mail.example", None)
    assert source.decode("orders", row, lambda _: None).profile["first_name"] == "Anna"


def test_orders_without_a_usable_address(shop: FakeMagento, opened: Opening) -> None:
    shop.add_guest_order("no address")
    shop.add_guest_order("none", state="canceled")
    reading = read(opened(), "orders")
    assert ([bad.reason for bad in reading.unreadable], reading.rows) == (["email"], [])


def test_a_cancelled_order_is_taken_back(shop: FakeMagento, opened: Opening) -> None:
    order = shop.add_guest_order("gast@post.example")
    shop.now += HOUR
    shop.add_guest_order("other@post.example")
    source, known = opened(), Known()
    known.run(source)
    shop.now += DAY
    shop.cancel_order(order)
    purchases = known.run(source)["gast@post.example"].purchases
    assert purchases is not None
    assert purchases.number == 0


@pytest.mark.parametrize(("amount", "expected"), [(12, "12.00"), (103.44, "103.44"), (12.3399, "12.3399"), (0, "0.00")])
def test_amounts_are_numbers(shop: FakeMagento, opened: Opening, amount: float, expected: str) -> None:
    shop.orders[shop.add_guest_order("gast@post.example")]["base_grand_total"] = amount
    assert records(opened(), "orders")["gast@post.example"].orders[0].total == expected


# Changes


def test_the_mark_is_utc_without_a_zone(shop: FakeMagento, opened: Opening) -> None:
    """An offset would be ignored in silence."""
    shop.add_customer("anna@mail.example")
    source = opened(reconcile_every="24h")
    cursor = cursor_of(source, "customers")
    shop.log.clear()
    read(source, "customers", cursor)
    asked = shop.pages("customers/search")[0]
    assert asked["searchCriteria[filterGroups][0][filters][0][field]"] == "updated_at"
    assert asked["searchCriteria[filterGroups][0][filters][0][conditionType]"] == "gteq"
    assert asked["searchCriteria[filterGroups][0][filters][0][value]"] == "2026-11-21 19:55:00"


def test_a_run_without_a_change_asks_little(shop: FakeMagento, opened: Opening) -> None:
    for number in range(40):
        shop.add_order(shop.add_customer(f"p{number}@mail.example"))
        shop.now += HOUR
    known = Known()
    known.run(opened(reconcile_every="7d"))
    shop.log.clear()
    known.run(opened(reconcile_every="7d"))
    assert len(shop.log) <= 6, "store views, customers, orders of these, orders, and whose they are"


def test_somebody_who_buys_comes_with_all_that_is_known_of_them(shop: FakeMagento, opened: Opening) -> None:
    """An order moves no date of its customer; who was nobody to transfer before has left no names behind."""
    anna = shop.add_customer("anna@mail.example", first_name="Anna")
    shop.now += HOUR
    shop.add_customer("ben@mail.example")
    source = opened(reconcile_every="24h")
    cursor = cursor_of(source, "customers")
    shop.now += HOUR
    assert emails(source, "customers", cursor) == ["ben@mail.example"]
    shop.add_order(anna)
    shop.add_order(anna)
    assert emails(source, "customers", cursor) == ["anna@mail.example", "ben@mail.example"]


def test_orders_are_looked_at_since_all_customers_were_read(shop: FakeMagento, opened: Opening) -> None:
    """In a shop of guests the customers' own cursor hardly ever moves."""
    shop.add_customer("anna@mail.example")
    shop.now += 30 * DAY
    fill_orders = [shop.add_guest_order(f"g{number}@post.example") for number in range(3)]
    shop.now += DAY
    source = opened(reconcile_every="7d")
    cursor = cursor_of(source, "customers")
    shop.log.clear()
    read(source, "customers", cursor)
    (asked,) = shop.pages("orders")
    assert asked["searchCriteria[filterGroups][0][filters][0][value]"] > shop.orders[fill_orders[-1]]["updated_at"]


def test_who_is_the_newest_and_is_deleted_makes_everybody_be_read_once(shop: FakeMagento, opened: Opening) -> None:
    """Nothing that changed is also what a filter shows that is not understood."""
    shop.add_customer("anna@mail.example")
    shop.now += HOUR
    ben = shop.add_customer("ben@mail.example")
    source = opened(reconcile_every="24h")
    cursor = cursor_of(source, "customers")
    shop.delete_customer(ben)
    found = read(source, "customers", cursor)
    assert found.end is not None
    assert found.end.complete
    assert found.end.cursor is not None
    again = read(source, "customers", found.end.cursor).end
    assert again is not None
    assert not again.complete


# Filters that are not understood, and lists that are shown in part


def without(condition: str) -> Callable[..., Reply]:
    """A shop that does not know a condition."""
    return asking(lambda query: {name: "wat" if value == condition else value for name, value in query.items()})


@pytest.mark.parametrize("stream", ["customers", "orders"])
def test_a_filter_that_is_not_understood_is_no_empty_shop(shop: FakeMagento, opened: Opening, stream: str) -> None:
    shop.add_order(shop.add_customer("anna@mail.example", consent=True))
    shop.fail(without("gt"), 1000)
    with pytest.raises(UsageError, match="does not filter"):
        read(opened(), stream)


@pytest.mark.parametrize("stream", ["customers", "orders"])
def test_changes_that_cannot_be_asked_for_are_found_in_full(shop: FakeMagento, opened: Opening, stream: str) -> None:
    shop.add_order(shop.add_customer("anna@mail.example"))
    source = opened(reconcile_every="24h")
    cursor = cursor_of(source, stream)
    shop.fail(without("gteq"), 1000)
    found = read(source, stream, cursor)
    assert [row.email for row in found.rows] == ["anna@mail.example"]
    assert found.end is not None
    assert found.end.complete


def test_accounts_that_cannot_be_looked_up_are_not_gone(shop: FakeMagento, opened: Opening) -> None:
    shop.add_order(shop.add_customer("anna@mail.example"))
    shop.fail(without("in"), 1000)
    with pytest.raises(UsageError, match="does not filter"):
        read(opened(), "orders")


def test_a_filter_that_is_ignored(shop: FakeMagento, opened: Opening) -> None:
    fill(shop, 650)
    shop.fail(asking(lambda query: {n: v for n, v in query.items() if "filterGroups" not in n}), 1000)
    with pytest.raises(UsageError, match="does not filter"):
        read(opened(), "customers")


def test_a_date_that_is_ignored_brings_no_change(shop: FakeMagento, opened: Opening) -> None:
    """What comes then is everybody, so that everybody may as well be read."""
    shop.add_customer("anna@mail.example")
    shop.now += DAY
    shop.add_customer("ben@mail.example")
    source = opened(reconcile_every="7d")
    cursor = cursor_of(source, "customers")
    shop.fail(asking(lambda query: {n: "1970-01-01" if " " in v else v for n, v in query.items()}), 1000)
    end = read(source, "customers", cursor).end
    assert end is not None
    assert end.complete


def test_a_list_that_is_not_sorted_is_not_taken(shop: FakeMagento, opened: Opening) -> None:
    """What stands before the last row would be lost."""
    fill(shop, 3)
    shop.fail(changing(lambda body: body["items"].reverse()), 1000)
    with pytest.raises(TemporaryError, match="not a list of customers"):
        read(opened(), "customers")


def test_a_row_that_is_shown_twice_is_one(shop: FakeMagento, opened: Opening) -> None:
    expected = fill(shop, 3)
    shop.fail(changing(lambda body: body["items"].insert(1, body["items"][0])), 1000)
    assert emails(opened(), "customers") == expected


@pytest.mark.parametrize("missing", ["email", "id"])
def test_rows_that_do_not_show_who_it_is_are_no_list(shop: FakeMagento, opened: Opening, missing: str) -> None:
    fill(shop, 2)
    shop.fail(changing(lambda body: body["items"][1].pop(missing)), 1000)
    with pytest.raises(TemporaryError, match="not a list of customers"):
        read(opened(), "customers")


def test_orders_that_show_no_state_take_no_purchase_back(shop: FakeMagento, opened: Opening) -> None:
    shop.add_guest_order("gast@post.example")

    def hide(body: dict[str, Any]) -> None:
        for row in body["items"]:
            del row["state"], row["status"]

    shop.fail(changing(hide, of="orders"), 1000)
    with pytest.raises(TemporaryError, match="not a list of orders"):
        read(opened(), "orders")


def test_a_list_that_ends_too_early_is_not_complete(shop: FakeMagento, opened: Opening) -> None:
    """Nobody is gone because a page came empty and said that there is nobody."""
    fill(shop, 700)

    def end(body: dict[str, Any]) -> None:
        if body["items"] and body["items"][0]["id"] > 300:
            body |= {"items": [], "total_count": 0}

    shop.fail(changing(end), 1000)
    source = opened()
    found = read(source, "customers")
    assert len(found.rows) == 300
    assert found.end is not None
    assert not found.end.complete
    assert found.end.cursor is None
    assert any("does not match" in warning for warning in source.warnings)


def test_who_is_deleted_meanwhile_is_no_reason_to_doubt(shop: FakeMagento, opened: Opening) -> None:
    fill(shop, 700)

    def delete(asked: Asked) -> None:
        if "300" in asked.query.get("searchCriteria[filterGroups][0][filters][0][value]", ""):
            shop.customers.pop(500, None)

    shop.before_page = delete
    source = opened()
    found = read(source, "customers")
    assert len(found.rows) == 699
    assert found.end is not None
    assert found.end.complete
    assert source.warnings == []


# Websites


@pytest.fixture
def two(shop: FakeMagento) -> FakeMagento:
    shop.add_order(shop.add_customer("anna@mail.example"))
    shop.add_order(shop.add_customer("lise@mail.example", website=OUTLET))
    shop.add_guest_order("gast@post.example")
    shop.add_guest_order("invite@post.example", website=OUTLET)
    return shop


@pytest.mark.parametrize(
    ("websites", "expected"),
    [
        ([BASE], {"anna@mail.example", "gast@post.example"}),
        (["OUTLET"], {"lise@mail.example", "invite@post.example"}),
        (["2"], {"lise@mail.example", "invite@post.example"}),
        ([BASE, OUTLET], {"anna@mail.example", "gast@post.example", "lise@mail.example", "invite@post.example"}),
        (None, {"anna@mail.example", "gast@post.example", "lise@mail.example", "invite@post.example"}),
    ],
)
def test_only_people_of_some_websites(
    two: FakeMagento, opened: Opening, websites: list[str] | None, expected: set[str]
) -> None:
    source, known = opened(websites=websites), Known()
    assert set(known.run(source)) == expected
    two.now += HOUR
    assert set(known.run(source)) == expected


def test_who_has_an_account_on_another_website_counts_as_a_guest(two: FakeMagento, opened: Opening) -> None:
    two.add_order(2 + 1, website=BASE)  # Lise's account
    row = next(row for row in read(opened(websites=[BASE]), "orders").rows if row.email == "lise@mail.example")
    assert row.owner is None


@pytest.mark.parametrize("wanted", ["bsae", "admin", "0"])
def test_a_website_that_there_is_not(two: FakeMagento, opened: Opening, wanted: str) -> None:
    source = opened(websites=[wanted])
    for use in (lambda: read(source, "customers"), lambda: list(source.inspect())):
        with pytest.raises(UsageError, match=f"'{wanted}' is not a website of the shop") as caught:
            use()
        assert "base (1), outlet (2)" in (caught.value.hint or "")
    assert len(two.log) == 4, "store views and websites"


def test_a_website_without_anybody_is_empty(shop: FakeMagento, opened: Opening) -> None:
    shop.add_order(shop.add_customer("anna@mail.example"))
    source = opened(websites=[OUTLET])
    assert emails(source, "customers") == emails(source, "orders") == []


# Access


def refused(source: Source) -> CrsyncError:
    with pytest.raises(CrsyncError) as caught:
        people(source)
    return caught.value


def test_a_bearer_token_where_it_is_allowed(shop: FakeMagento, watched: Watched, opened: Opening) -> None:
    shop.add_customer("anna@mail.example")
    shop.bearer_allowed = True
    source = opened(**dict.fromkeys(KEYS), bearer_token=KEYS["access_token"])
    assert set(people(source)) == {"anna@mail.example"}
    assert {asked.headers["authorization"] for asked in shop.log} == {f"Bearer {KEYS['access_token']}"}


def test_a_bearer_token_where_it_is_not(shop: FakeMagento, opened: Opening) -> None:
    """As it is since 2.4.4, and the answer does not say so."""
    error = refused(opened(**dict.fromkeys(KEYS), bearer_token=KEYS["access_token"]))
    assert isinstance(error, AuthError)
    assert "standalone bearer tokens" in (error.hint or "")
    assert "source.consumer_key" in (error.hint or "")


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_is_wrong(shop: FakeMagento, opened: Opening, key: str) -> None:
    error = refused(opened(**{key: "wrong"}))
    assert isinstance(error, AuthError)
    assert "access_token_secret" in (error.hint or "")


@pytest.mark.parametrize("right", [CUSTOMER_RIGHT, ORDER_RIGHT, STORE_RIGHT])
def test_a_right_that_is_missing_is_named(shop: FakeMagento, opened: Opening, right: str) -> None:
    shop.add_order(shop.add_customer("anna@mail.example"))
    shop.rights.remove(right)
    error = refused(opened())
    assert isinstance(error, AuthError)
    assert right in error.message
    assert "Integrations" in (error.hint or "")


def test_check_names_all_rights_that_are_missing(shop: FakeMagento, opened: Opening) -> None:
    shop.rights -= {ORDER_RIGHT, STORE_RIGHT}
    with pytest.raises(AuthError, match=f"{STORE_RIGHT}, {ORDER_RIGHT}") as caught:
        list(opened(websites=[BASE]).inspect())
    assert CUSTOMER_RIGHT not in caught.value.message


def test_a_token_that_is_withdrawn_in_the_middle(shop: FakeMagento, opened: Opening) -> None:
    fill(shop, 700)
    chunks = opened().read("customers", None, lambda: False)
    assert next(chunks).end is None
    shop.refuse()
    with pytest.raises(AuthError, match=CUSTOMER_RIGHT):
        list(chunks)


def test_a_shop_behind_a_password(shop: FakeMagento, opened: Opening) -> None:
    shop.fail(answering(401, b"<html><body>401 Authorization Required</body></html>"), 1000)
    error = refused(opened())
    assert isinstance(error, AuthError)
    assert "password of its own" in error.message


@pytest.mark.parametrize("json", [True, False])
def test_an_address_without_a_shop(shop: FakeMagento, opened: Opening, *, json: bool) -> None:
    shop.is_magento = json
    error = refused(opened(url=f"{shop.url}/de") if json else opened())
    assert isinstance(error, UsageError)
    assert "no API of Magento 2" in error.message
    assert "source.url" in (error.hint or "")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"message": 'The "%1" attribute name is invalid.', "parameters": ["nope"]}, 'The "nope" attribute name'),
        (
            {"message": '"%fieldName" is required.', "parameters": {"fieldName": "searchCriteria"}},
            '"searchCriteria" is',
        ),
        ({"message": "No such %a = %b", "parameters": {"a": "id", "b": 7}}, "No such id = 7"),
        ({"message": "%1 and %2 of %3", "parameters": ["one"]}, "one and %2 of %3"),
        ({"message": "Of %1", "parameters": ["anna@mail.example"]}, "Of a***@mail.example"),
        ({"message": "Request"}, "Request"),
        ({"message": "%1", "parameters": "x"}, "%1"),
    ],
)
def test_what_magento_does_not_understand_is_told(
    shop: FakeMagento, opened: Opening, body: dict[str, Any], expected: str
) -> None:
    shop.fail(lambda _asked, _answer: Reply.json(body, 400), 1000)
    error = refused(opened())
    assert (error.code, error.hint is not None) == (2, True)
    assert f"400: {expected}" in error.message


def at_time(watched: Watched, wall: float) -> Watched:
    watched.means = dataclasses.replace(watched.means, wall=lambda: wall)
    return watched


def test_a_machine_whose_clock_is_ahead(shop: FakeMagento, watched: Watched, opened: Opening) -> None:
    """Magento refuses what was signed in its future; how wrong the clock is, is told by the run."""
    fill(shop, 3)
    at_time(watched, shop.now + 7 * DAY)
    source = opened()
    assert len(people(source)) == 3
    assert source.clock_ahead == -7 * DAY
    assert [asked.path.rpartition("/")[2] for asked in shop.log[:3]] == ["storeConfigs", "storeConfigs", "search"]


def test_a_clock_that_cannot_be_set_right_is_named(shop: FakeMagento, watched: Watched, opened: Opening) -> None:
    at_time(watched, shop.now + 7 * DAY)

    def timeless(asked: Asked, answer: Answering) -> Reply:
        return answer(asked)._replace(headers={"Date": ""})

    shop.fail(timeless, 1000)
    error = refused(opened())
    assert isinstance(error, AuthError)
    assert "refuses the time of the request" in error.message
    assert "clock" in (error.hint or "")


def test_every_attempt_is_signed_anew(shop: FakeMagento, opened: Opening) -> None:
    """A nonce that was used is refused, also where the answer was lost on the way."""
    fill(shop, 3)
    shop.fail(lambda asked, answer: answer(asked)._replace(status=503), 2)
    assert len(people(opened())) == 3


# What check says


def test_what_check_shows(two: FakeMagento, opened: Opening) -> None:
    two.set_consent(1, given=True)
    two.cancel_order(2)
    lines = [finding.message for finding in opened(websites=[BASE]).inspect()]
    assert lines == [
        f"1 customers at {two.url}",
        "of the first 1 customers 1 are subscribed to the newsletter",
        "2 orders; of the first 2 1 make somebody a buyer",
        "only of the websites base",
    ]


def test_check_tells_of_guests_who_subscribed(shop: FakeMagento, opened: Opening) -> None:
    shop.add_customer("anna@mail.example")
    hints = [finding.hint for finding in opened().inspect()]
    assert any("without an account" in (hint or "") for hint in hints)


def test_check_tells_of_a_shop_that_does_not_know_who_subscribed(shop: FakeMagento, opened: Opening) -> None:
    shop.add_customer("anna@mail.example")
    shop.tells_subscribed = False
    findings = list(opened().inspect())
    assert any("does not tell who subscribed" in finding.message for finding in findings)


def test_states_that_make_nobody_a_buyer_are_told(shop: FakeMagento, opened: Opening) -> None:
    shop.add_guest_order("gast@post.example", state="pending_payment")
    hints = [finding.hint for finding in opened().inspect()]
    assert any("states seen are pending_payment; source.buyer_states" in (hint or "") for hint in hints)


def test_words_of_php_before_the_answer(shop: FakeMagento, opened: Opening) -> None:
    fill(shop, 3)
    shop.fail(altered(lambda body: b"<b>Warning</b>: something\n" + body), 1000)
    assert len(people(opened())) == 3
