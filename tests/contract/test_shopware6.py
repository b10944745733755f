"""What real Shopware 6 shops do, one by one; each loses or falsifies people if it is not minded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from cleverreach_sync.domain.model import RANK_CUSTOMER, RANK_GUEST, Consent, ConsentState, Order, Person, Record
from cleverreach_sync.errors import AuthError, TemporaryError, UsageError
from cleverreach_sync.sources.interface import Source, Warned
from tests.shops.reading import Known, Watched, opening, read
from tests.shops.server import Asked, Reply, altered
from tests.shops.shopware6 import CLIENT_ID, OUTLET, PRIVILEGES, STOREFRONT, FakeShopware, named

Opening = Callable[..., Source]
HOUR, DAY = 3600, 86_400
CREATED, CONFIRMED, UPDATED = 1_700_000_000, 1_710_000_000, 1_720_000_000
DATES = {
    "createdAt": "2023-11-14T22:13:20.000+00:00",
    "confirmedAt": "2024-03-09T16:00:00.500+00:00",
    "updatedAt": "2024-07-03T09:46:40.999+00:00",
}


@pytest.fixture
def shop() -> Iterator[FakeShopware]:
    found = FakeShopware()
    yield found
    found.close()


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def opened(shop: FakeShopware, watched: Watched) -> Iterator[Opening]:
    with opening(shop, watched) as open_it:
        yield open_it


def records(source: Source, stream: str, since: str | None = None) -> dict[str, Record]:
    """By address; warnings are not expected."""
    warned: list[Warned] = []
    found = {row.email: source.decode(stream, row, warned.append) for row in read(source, stream, since).rows}
    assert warned == []
    return found


def people(source: Source) -> dict[str, Person]:
    return Known().run(source)


def cursor_of(source: Source, stream: str, since: str | None = None) -> str:
    end = read(source, stream, since).end
    assert end is not None
    assert end.cursor is not None
    return end.cursor


def changed(source: Source, stream: str, since: str) -> list[str]:
    reading = read(source, stream, since)
    assert reading.end is not None
    assert not reading.end.complete
    return sorted(row.email for row in reading.rows)


# What is asked for


def test_only_what_is_needed_is_asked_for(shop: FakeShopware, opened: Opening) -> None:
    shop.add_order(shop.add_customer("anna@mail.example", consent=True))
    people(opened())
    for path in ("customer", "order", "newsletter-recipient"):
        asked = next(body for body in shop.pages(path) if "associations" in body)
        named_fields = {field for fields in asked["includes"].values() for field in fields}
        assert path.replace("-", "_") in asked["includes"]
        assert not {"hash", "remoteAddress", "password", "orderCount", "lastOrderDate", "customFields"} & named_fields
    assert all(asked.headers["accept"] == "application/json" for asked in shop.log)


def test_a_page_is_never_asked_for_without_its_size(shop: FakeShopware, opened: Opening) -> None:
    """It would be the first one again, whatever its number."""
    shop.max_limit = 10
    fill(shop, 35, seconds=0)
    assert sorted(row.email for row in read(opened(), "recipients").rows) == names(35)
    pages = [body for body in shop.pages("newsletter-recipient") if "page" in body]
    assert {body["page"] for body in pages} == {1, 2, 3, 4}
    assert {body["limit"] for body in pages} == {10}


def test_what_was_not_asked_for_is_not_kept(shop: FakeShopware, opened: Opening) -> None:
    """As it comes where a plug-in does not mind `includes`."""
    shop.add_order(shop.add_guest("anna@mail.example"))
    shop.add_recipient("anna@mail.example")

    def everything(asked: Asked, answer: Callable[[Asked], Reply]) -> Reply:
        if not shop.is_page(asked):
            return answer(asked)
        body = {**orjson.loads(asked.body), "includes": {}}
        return answer(asked._replace(body=orjson.dumps(body)))

    shop.fail(everything, 20)
    source = opened()
    bodies = b"".join(row.body for stream in source.streams() for row in read(source, stream.name).rows).decode()
    for text in shop.planted:
        assert text not in bodies


def test_json_api_is_no_empty_shop(shop: FakeShopware, opened: Opening) -> None:
    """A proxy that takes the header away makes the shop answer in another form."""
    shop.add_customer("anna@mail.example")
    shop.fail(lambda asked, answer: answer(asked._replace(headers={**asked.headers, "accept": "*/*"})), 1000)
    with pytest.raises(TemporaryError, match="not a list of customers"):
        read(opened(), "customers")


# Customers


def test_a_customer_says_who_they_are(shop: FakeShopware, opened: Opening) -> None:
    shop.add_customer(
        "Anna@Mail.example", first_name="Anna", last_name="Größle", title="Dr.", company="Müller <Söhne> & Co",
        birthday="1980-05-17T00:00:00.000+00:00", street="Hauptstr. 1", street_2="Hinterhaus", zip="80331",
        city="München", state="DE-BY", phone="089/1",
    )  # fmt: skip
    ((ident, row),) = shop.customers.items()
    shop.now += 3600
    shop.change_profile(ident, first_name="Anna Maria")
    (found,) = records(opened(), "customers").values()
    assert (found.email, found.ident, found.rank) == ("anna@mail.example", str(ident), RANK_CUSTOMER)
    assert (found.at, found.created_at, found.makes_person) == (shop.now, shop.now - 3600, True)
    assert found.profile == {
        "salutation": "Frau", "gender": "f", "title": "Dr.", "first_name": "Anna Maria", "last_name": "Größle",
        "birthday": "1980-05-17", "language": "de-DE", "company": "Müller <Söhne> & Co",
        "street": "Hauptstr. 1, Hinterhaus", "zip": "80331", "city": "München", "state": "DE-BY", "country": "DE",
        "phone": "089/1", "customer_number": row["customerNumber"], "customer_type": "Standard", "shop": "Storefront",
        "source_id": str(ident), "created_at": "2026-11-21T20:00:00Z", "updated_at": "2026-11-21T21:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "expected"), [("mr", ("Herr", "m")), ("not_specified", ("", "")), ("divers", ("divers", ""))]
)
def test_a_salutation_that_is_none_is_not_written(
    shop: FakeShopware, opened: Opening, key: str, expected: tuple[str, str]
) -> None:
    shop.add_customer("anna@mail.example", salutation=key)
    (found,) = records(opened(), "customers").values()
    assert (found.profile["salutation"], found.profile["gender"]) == expected


def test_who_has_no_address_and_no_dates_of_change(shop: FakeShopware, opened: Opening) -> None:
    customer = shop.add_customer("anna@mail.example", first_name="Anna")
    shop.customers[customer] |= {"defaultBillingAddress": None, "salutation": None, "language": None, "group": None}
    (found,) = records(opened(), "customers").values()
    assert (found.profile["first_name"], found.profile["city"], found.at) == ("Anna", "", shop.now)
    assert "updated_at" not in found.profile


def test_a_date_that_is_none_costs_no_more_than_itself(shop: FakeShopware, opened: Opening) -> None:
    customer = shop.add_customer("anna@mail.example", city="Köln", birthday="gestern")
    source, warned = opened(), list[Warned]()
    (row,) = read(source, "customers").rows
    found = source.decode("customers", row, warned.append)
    assert (found.profile["city"], found.profile["birthday"], found.invalid) == ("Köln", "", None)
    assert [each.message for each in warned] == [f"customer {customer}: birthday is not a date"]


def test_of_several_guests_of_one_address_the_newest_counts(shop: FakeShopware, opened: Opening) -> None:
    shop.add_guest_order("gast@post.example", city="Bonn", first_name="G.")
    shop.now += 60
    shop.add_guest_order("Gast@Post.example", city="Ulm", first_name="Gustav")
    shop.now += 60
    shop.add_guest_order("GAST@post.example")
    source = opened()
    (person,) = people(source).values()
    assert (person.profile["city"], person.profile["first_name"]) == ("Ulm", "Gustav")
    assert person.purchases is not None
    assert person.purchases.number == 3
    assert {record.rank for record in records(source, "customers").values()} == {RANK_GUEST}


def test_an_account_that_was_never_confirmed_is_nobody_yet(shop: FakeShopware, opened: Opening) -> None:
    customer = shop.add_customer("typed-by-another@mail.example", first_name="Anna")
    shop.customers[customer]["doubleOptInRegistration"] = True
    known, source = Known(), opened()
    assert not known.run(source)["typed-by-another@mail.example"].is_person
    shop.now += DAY
    shop.customers[customer] |= {"doubleOptInConfirmDate": shop.time(), "updatedAt": shop.time()}
    assert known.run(source)["typed-by-another@mail.example"].is_person


# Consent


@pytest.mark.parametrize(
    ("status", "dates", "expected"),
    [
        ("optIn", DATES, Consent(ConsentState.YES, CONFIRMED)),
        ("optIn", {**DATES, "confirmedAt": None}, Consent(ConsentState.YES, CREATED)),
        ("direct", {**DATES, "confirmedAt": None}, Consent(ConsentState.YES, CREATED)),
        ("optOut", DATES, Consent(ConsentState.OPTED_OUT, UPDATED)),
        ("optOut", {**DATES, "updatedAt": None}, Consent(ConsentState.OPTED_OUT, CREATED)),
        ("notSet", {**DATES, "confirmedAt": None}, Consent(ConsentState.NO)),
        (None, DATES, Consent(ConsentState.NO)),
    ],
)
def test_what_a_status_says(
    shop: FakeShopware, opened: Opening, status: str, dates: dict[str, Any], expected: Consent
) -> None:
    shop.add_recipient("anna@mail.example", status, **dates)
    (found,) = records(opened(), "recipients").values()
    assert (found.consent, found.invalid, found.created_at) == (expected, None, CREATED)


@pytest.mark.parametrize(("date", "none"), [("0000-00-00 00:00:00", True), ("soon", False)])
def test_a_withdrawal_is_not_dated_before_it_was(shop: FakeShopware, opened: Opening, date: str, *, none: bool) -> None:
    dates: dict[str, Any] = {**DATES, "updatedAt": date}
    shop.add_recipient("anna@mail.example", "optOut", **dates)
    source, warned = opened(), list[Warned]()
    (row,) = read(source, "recipients").rows
    assert source.decode("recipients", row, warned.append).consent == Consent(ConsentState.OPTED_OUT)
    assert [told.no_date for told in warned] == [none]


def test_a_status_that_is_unknown_makes_nobody_a_subscriber(shop: FakeShopware, opened: Opening) -> None:
    shop.add_recipient("anna@mail.example", "sometimes")
    source, warned = opened(), list[Warned]()
    (row,) = read(source, "recipients").rows
    found = source.decode("recipients", row, warned.append)
    assert (found.consent, found.invalid) == (None, "subscribed")
    assert len(warned) == 1


def test_recipients_without_an_account_are_people(shop: FakeShopware, opened: Opening) -> None:
    shop.add_recipient("cora@mail.example", firstName="Cora", zipCode="50667", city="Köln", street="Domplatz 1")
    (person,) = people(opened()).values()
    assert person.consent == Consent(ConsentState.YES, shop.now)
    profile = {name: value for name, value in person.profile.items() if value}
    assert profile == {
        "first_name": "Cora", "zip": "50667", "city": "Köln", "street": "Domplatz 1", "language": "de-DE",
        "shop": "Storefront",
    }  # fmt: skip


def test_customer_guest_and_recipient_of_one_address_are_one_person(shop: FakeShopware, opened: Opening) -> None:
    shop.add_order(shop.add_customer("Anna@Mail.example", first_name="Anna", city="Köln"), "5.00")
    shop.add_guest_order("anna@mail.EXAMPLE", "7.50", first_name="A.", city="Bonn")
    shop.add_recipient("ANNA@MAIL.EXAMPLE", firstName="Änne", city="Ulm")
    (person,) = people(opened()).values()
    assert (person.email, person.profile["first_name"], person.profile["city"]) == ("anna@mail.example", "Anna", "Köln")
    assert person.consent.state is ConsentState.YES
    assert person.purchases is not None
    assert (person.purchases.number, person.purchases.total) == (2, "12.50")


@pytest.mark.parametrize("last", ["optOut", "optIn"])
def test_of_two_sales_channels_the_later_statement_counts(shop: FakeShopware, opened: Opening, last: str) -> None:
    here = shop.add_recipient("anna@mail.example")
    there = shop.add_recipient("Anna@mail.example", channel=OUTLET)
    shop.now += 60
    shop.set_status(here, "optIn" if last == "optOut" else "optOut")
    shop.now += 60
    shop.set_status(there, last)
    (person,) = people(opened()).values()
    state = ConsentState.OPTED_OUT if last == "optOut" else ConsentState.YES
    assert person.consent == Consent(state, shop.now)


def test_who_opts_out_and_in_again_is_dated_anew(shop: FakeShopware, opened: Opening) -> None:
    recipient = shop.add_recipient("anna@mail.example")
    known, source = Known(), opened()
    for status, state in (("optOut", ConsentState.OPTED_OUT), ("optIn", ConsentState.YES)):
        known.run(source)
        shop.now += 3600
        shop.set_status(recipient, status)
        assert known.run(source)["anna@mail.example"].consent == Consent(state, shop.now)


def test_a_deleted_recipient_shows_when_all_are_read(shop: FakeShopware, opened: Opening) -> None:
    gone = shop.add_recipient("anna@mail.example")
    shop.add_recipient("ben@mail.example")
    known, source = Known(), opened(reconcile_every="24h")
    known.run(source)
    shop.now += DAY // 2
    del shop.recipients[gone]
    assert known.run(source)["anna@mail.example"].consent.state is ConsentState.YES
    shop.now += DAY // 2
    found = known.run(source)
    assert found["anna@mail.example"].consent.state is ConsentState.NO
    assert found["ben@mail.example"].consent.state is ConsentState.YES
    del shop.recipients[next(iter(shop.recipients))]
    assert known.run(source)["ben@mail.example"].consent.state is ConsentState.YES, "that was only just done"


def test_with_0_all_recipients_are_read_every_time(shop: FakeShopware, opened: Opening) -> None:
    gone = shop.add_recipient("anna@mail.example")
    known, source = Known(), opened(reconcile_every=0)
    known.run(source)
    del shop.recipients[gone]
    assert known.run(source)["anna@mail.example"].consent.state is ConsentState.NO


# Orders


def test_a_purchase_shows_in_the_order_alone(shop: FakeShopware, opened: Opening) -> None:
    """It moves no date of the customer, and `orderCount` counts what is completed."""
    customer = shop.add_customer("anna@mail.example")
    known, source = Known(), opened()
    assert known.run(source)["anna@mail.example"].purchases is None
    shop.now += DAY
    shop.add_order(customer, "98.50")
    purchases = known.run(source)["anna@mail.example"].purchases
    assert (shop.customers[customer]["orderCount"], shop.customers[customer]["updatedAt"]) == (0, None)
    assert purchases is not None
    assert (purchases.number, purchases.total, purchases.last_at) == (1, "98.50", shop.now)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"open", "in_progress", "completed", "at_the_tailor", "At_the_laundry"}),
        ({"buyer_states": ["Completed", "in_progress"]}, {"in_progress", "completed"}),
        ({"buyer_states": ["At_The_Laundry"]}, {"At_the_laundry"}),
        ({"buyer_states": ["cancelled"]}, {"cancelled"}),
    ],
)
def test_only_some_orders_make_a_buyer(
    shop: FakeShopware, opened: Opening, settings: dict[str, Any], expected: set[str]
) -> None:
    for state in ("open", "in_progress", "completed", "cancelled", "at_the_tailor", "At_the_laundry"):
        shop.add_guest_order(f"{state}@post.example", state=state, city="Bonn")
    found = {record.email.partition("@")[0]: record for record in records(opened(**settings), "orders").values()}
    states = {state.lower() for state in expected}
    assert {state for state, record in found.items() if record.orders[0].counts} == states
    assert {state for state, record in found.items() if record.makes_person} == states
    assert {(record.profile["city"], record.rank) for record in found.values()} == {("Bonn", RANK_GUEST)}


def test_an_order_that_is_cancelled_is_taken_back(shop: FakeShopware, opened: Opening) -> None:
    order = shop.add_guest_order("g@post.example")
    known, source = Known(), opened()
    known.run(source)
    for state, number in (("cancelled", 0), ("open", 1)):
        shop.now += DAY
        shop.cancel_order(order, state)
        purchases = known.run(source)["g@post.example"].purchases
        assert purchases is not None
        assert purchases.number == number


@pytest.mark.parametrize(
    ("amount", "expected"), [(98.5, "98.50"), (12, "12.00"), (0.1 + 0.2, "0.30"), (1.234, "1.234")]
)
def test_amounts_are_numbers(shop: FakeShopware, opened: Opening, amount: float, expected: str) -> None:
    order = shop.add_guest_order("g@post.example")
    shop.orders[order]["amountTotal"] = amount
    (found,) = records(opened(), "orders").values()
    assert found.orders == (Order(str(order), True, shop.now, expected, "EUR"),)


def test_an_order_of_an_account_is_the_accounts(shop: FakeShopware, opened: Opening) -> None:
    """Also when it is read without the account, which has another address by now."""
    customer = shop.add_customer("anna@mail.example", city="Köln")
    order = shop.add_order(customer)
    shop.change_profile(customer, email="anna@neu.example")
    shop.orders[order]["orderCustomer"]["email"] = "mother@mail.example"
    shop.orders[order]["billingAddress"]["city"] = "Bonn"
    source = opened()
    (row,) = read(source, "orders").rows
    assert (row.email, row.owner) == ("anna@neu.example", str(customer))
    assert source.decode("orders", row, lambda _: None).profile == {}
    (person,) = people(source).values()
    assert (person.email, person.profile["city"]) == ("anna@neu.example", "Köln")


def test_the_orders_of_a_deleted_customer_are_their_addresss(shop: FakeShopware, opened: Opening) -> None:
    customer = shop.add_customer("anna@mail.example", first_name="Anna", city="Köln")
    shop.add_order(customer)
    shop.delete_customer(customer)
    source = opened()
    (row,) = read(source, "orders").rows
    assert (row.email, row.owner) == ("anna@mail.example", None)
    (person,) = people(source).values()
    assert (person.profile["first_name"], person.profile["city"], person.profile["salutation"]) == (
        "Anna",
        "Köln",
        "Frau",
    )


def test_orders_without_a_usable_address(shop: FakeShopware, opened: Opening) -> None:
    for state in ("open", "cancelled"):  # a cancelled one makes nobody a person, so it is nobody who is invalid
        order = shop.add_guest_order("gone@post.example", state=state)
        shop.orders[order]["orderCustomer"]["email"] = "no address"
    reading = read(opened(), "orders")
    assert reading.rows == []
    assert [bad.reason for bad in reading.unreadable] == ["email"]


# Increments


def test_new_customers_have_no_date_of_change(shop: FakeShopware, opened: Opening) -> None:
    shop.add_customer("old@mail.example")
    source = opened()
    cursor = cursor_of(source, "customers")
    shop.now += DAY
    shop.add_customer("new@mail.example")
    assert "new@mail.example" in changed(source, "customers", cursor)


def test_an_address_has_a_date_of_its_own(shop: FakeShopware, opened: Opening) -> None:
    customer = shop.add_customer("anna@mail.example", city="Köln")
    shop.now += DAY
    shop.add_customer("ben@mail.example")
    source = opened()
    cursor = cursor_of(source, "customers")
    shop.now += DAY
    shop.change_profile(customer, city="Bonn")
    assert shop.customers[customer]["updatedAt"] is None
    found = records(source, "customers", cursor)["anna@mail.example"]
    assert (found.profile["city"], found.at) == ("Bonn", shop.now)
    later = cursor_of(source, "customers", cursor)
    shop.now += DAY
    assert changed(source, "customers", later) == ["anna@mail.example"], "within the overlap of the newest change"
    assert cursor_of(source, "customers", later) == later


def test_the_address_of_an_order_may_be_mended(shop: FakeShopware, opened: Opening) -> None:
    order = shop.add_guest_order("gsat@post.example")
    shop.now += DAY
    shop.add_guest_order("other@post.example")
    source = opened()
    cursor = cursor_of(source, "orders")
    shop.now += DAY
    shop.orders[order]["orderCustomer"] |= {"email": "gast@post.example", "updatedAt": shop.time()}
    assert "gast@post.example" in changed(source, "orders", cursor)


def test_a_login_changes_nothing_but_a_date(shop: FakeShopware, opened: Opening) -> None:
    customer = shop.add_customer("anna@mail.example")
    known, source = Known(), opened()
    before = known.run(source)["anna@mail.example"]
    shop.now += DAY
    shop.log_in(customer)
    after = known.run(source)["anna@mail.example"]
    assert after._replace(profile={}) == before._replace(profile={})
    assert {**after.profile, "updated_at": ""} == {**before.profile, "updated_at": ""}


def test_the_mark_is_utc_without_a_zone(shop: FakeShopware, opened: Opening) -> None:
    shop.add_recipient("anna@mail.example")
    source = opened()
    cursor = cursor_of(source, "recipients")
    shop.now += 600
    shop.add_recipient("ben@mail.example")
    assert changed(source, "recipients", cursor) == ["anna@mail.example", "ben@mail.example"]
    (either,) = shop.pages("newsletter-recipient")[-1]["filter"]
    assert either["operator"] == "OR"
    assert [(query["field"], query["parameters"]) for query in either["queries"]] == [
        ("updatedAt", {"gte": "2026-11-21 19:55:00.000"}),
        ("createdAt", {"gte": "2026-11-21 19:55:00.000"}),
    ]


def test_what_was_being_saved_while_it_was_read_comes_next_time(shop: FakeShopware, opened: Opening) -> None:
    """The newest row may stand before one that was begun earlier and saved later."""
    shop.add_order(shop.add_customer("a@mail.example"))
    source = opened()
    cursor = cursor_of(source, "orders")
    shop.now -= 200
    shop.add_guest_order("slow@post.example")
    shop.now += 200
    assert "slow@post.example" in changed(source, "orders", cursor)


def test_a_date_in_the_future_does_not_hide_what_comes_before(shop: FakeShopware, opened: Opening) -> None:
    shop.now += 400 * DAY
    shop.add_customer("tomorrow@mail.example")
    shop.now -= 400 * DAY
    source = opened()
    cursor = cursor_of(source, "customers")
    shop.now += 60
    shop.add_customer("today@mail.example")
    assert changed(source, "customers", cursor) == ["today@mail.example", "tomorrow@mail.example"]


@pytest.mark.parametrize("stream", ["customers", "orders", "recipients"])
def test_a_clock_that_was_put_back_makes_everything_be_read(shop: FakeShopware, opened: Opening, stream: str) -> None:
    shop.add_recipient("anna@mail.example")
    shop.add_order(shop.add_customer("anna@mail.example"))
    source = opened()
    cursor = cursor_of(source, stream)
    shop.now -= 90 * DAY
    reading = read(source, stream, cursor)
    assert reading.end is not None
    assert reading.end.complete


@pytest.mark.parametrize("cursor", ["", "never", "2026-11-21T20:00:00Z", "2026-11-21T20:00:00Z soon"])
def test_what_is_no_cursor_reads_everything(shop: FakeShopware, opened: Opening, cursor: str) -> None:
    shop.add_customer("anna@mail.example")
    reading = read(opened(), "customers", cursor)
    assert len(reading.rows) == 1
    assert reading.end is not None
    assert reading.end.complete


def test_the_newsletter_follows_an_account_without_a_date(shop: FakeShopware, opened: Opening) -> None:
    """Also where a page holds fewer accounts than were changed, and one of them has several recipients."""
    shop.max_limit = 5
    customers = [shop.add_customer(f"P{number}@mail.example", consent=True) for number in range(12)]
    shop.add_recipient("p3@mail.example", channel=OUTLET)
    shop.now += DAY
    shop.add_recipient("other@mail.example")
    source = opened()
    cursor = cursor_of(source, "recipients")
    shop.now += HOUR
    for customer in customers:
        shop.change_profile(customer, email=shop.customers[customer]["email"].replace("mail", "post"))
    assert {row["updatedAt"] for row in shop.recipients.values()} == {None}
    found = [row.email for row in read(source, "recipients", cursor).rows if row.email != "other@mail.example"]
    assert sorted(found) == sorted([*(f"p{number}@post.example" for number in range(12)), "p3@post.example"])


def marks(shop: FakeShopware) -> set[str]:
    """Since when accounts were asked for."""
    return {
        each["queries"][0]["parameters"]["gte"]
        for body in shop.pages("customer")
        for each in body["filter"]
        if each["type"] == "multi"
    }


def test_accounts_are_looked_at_once_for_the_newsletter(shop: FakeShopware, opened: Opening) -> None:
    shop.add_recipient("anna@mail.example")
    shop.now += 100 * DAY
    customer = shop.add_customer("anna@mail.example")
    shop.now += 100 * DAY
    source, asked = opened(reconcile_every="9999h"), []
    cursor = cursor_of(source, "recipients")
    for _ in range(3):
        shop.now += HOUR
        shop.log_in(customer)
        shop.log.clear()
        cursor = cursor_of(source, "recipients", cursor)
        asked += sorted(marks(shop))
    assert asked == [f"2027-06-09 {time}.000" for time in ("19:55:00", "20:55:00", "21:55:00")]


# Walking along the lists


def fill(shop: FakeShopware, count: int, *, seconds: int = 1) -> None:
    for number in range(count):
        shop.now += seconds
        shop.add_recipient(f"r{number}@mail.example")


def names(count: int, start: int = 0) -> list[str]:
    return sorted(f"r{number}@mail.example" for number in range(start, count))


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 35])
@pytest.mark.parametrize("seconds", [0, 1])
def test_every_recipient_once(shop: FakeShopware, opened: Opening, count: int, seconds: int) -> None:
    """Whether each was created at a moment of their own, or all by one import."""
    shop.max_limit = 10
    fill(shop, count, seconds=seconds)
    assert sorted(row.email for row in read(opened(), "recipients").rows) == names(count)


def test_recipients_of_one_moment_at_the_end_of_a_page(shop: FakeShopware, opened: Opening) -> None:
    shop.max_limit = 10
    for number in range(60):
        shop.now += number in (7, 8, 31, 40)
        shop.add_recipient(f"r{number}@mail.example")
    assert sorted(row.email for row in read(opened(), "recipients").rows) == names(60)


def test_milliseconds_count(shop: FakeShopware, opened: Opening) -> None:
    shop.max_limit = 10
    for number in range(60):
        shop.add_recipient(f"r{number}@mail.example", createdAt=shop.time(number))
    assert sorted(row.email for row in read(opened(), "recipients").rows) == names(60)
    assert len(shop.pages("newsletter-recipient")) < 12


@pytest.mark.parametrize("at", range(2, 7))
def test_recipients_who_go_or_change_meanwhile_take_nobody_along(shop: FakeShopware, opened: Opening, at: int) -> None:
    shop.max_limit = 10
    fill(shop, 50)
    count = iter(range(1, 1000))

    def before(asked: Asked) -> None:
        if shop.is_page(asked) and next(count) == at:
            for recipient in list(shop.recipients)[:5]:
                del shop.recipients[recipient]
            for recipient in list(shop.recipients)[::3]:
                shop.set_status(recipient, "optOut")

    shop.before_page = before
    found = [row.email for row in read(opened(), "recipients").rows]
    assert len(set(found)) == len(found)
    assert set(names(50, 5)) <= set(found)


@pytest.mark.parametrize("stream", ["customers", "orders", "recipients"])
@pytest.mark.parametrize("named_in", ["parameters", "text", "nothing"])
def test_a_hosting_that_gives_smaller_pages(shop: FakeShopware, opened: Opening, stream: str, named_in: str) -> None:
    shop.max_limit, shop.limit_named_in = 100, named_in
    for number in range(230):
        shop.add_order(shop.add_customer(f"p{number}@mail.example", consent=True))
    assert len(read(opened(), stream).rows) == 230
    path = {"customers": "customer", "orders": "order", "recipients": "newsletter-recipient"}[stream]
    asked = [body["limit"] for body in shop.pages(path) if "sort" in body]
    refused, allowed = ([500, 250, 125], 62) if named_in == "nothing" else ([500], 100)
    assert asked[: len(refused)] == refused
    assert set(asked[len(refused) :]) == {allowed}


def empty(body: bytes) -> bytes:
    return orjson.dumps({**orjson.loads(body), "total": 0, "data": []})


@pytest.mark.parametrize("stream", ["customers", "orders", "recipients"])
def test_an_answer_that_is_empty_by_mistake_is_no_end(shop: FakeShopware, opened: Opening, stream: str) -> None:
    shop.max_limit = 10
    for number in range(35):
        shop.add_order(shop.add_customer(f"p{number}@mail.example", consent=True))
        shop.now += 60
    answered = iter(range(1, 100))
    shop.fail(altered(empty), 1, lambda asked: b'"gt"' in asked.body and next(answered) == 2)
    source = opened()
    found = read(source, stream)
    assert len({row.ident for row in found.rows}) == len(found.rows) == 35
    assert found.end is not None
    assert found.end.complete
    assert not source.warnings


@pytest.mark.parametrize("stream", ["customers", "orders", "recipients"])
def test_nor_is_it_one_of_what_was_changed(shop: FakeShopware, opened: Opening, stream: str) -> None:
    """The next run asks for later changes only."""
    shop.max_limit = 10
    shop.add_order(shop.add_customer("first@mail.example", consent=True))
    since = cursor_of(opened(), stream)
    shop.now += HOUR
    for number in range(35):
        shop.add_order(shop.add_customer(f"p{number}@mail.example", consent=True))
        shop.now += 60
    answered = iter(range(1, 100))
    shop.fail(altered(empty), 1, lambda asked: b'"gt"' in asked.body and next(answered) == 2)
    with pytest.raises(TemporaryError, match="showed only"):
        read(opened(), stream, since)
    assert len(set(changed(opened(), stream, since)) - {"first@mail.example"}) == 35


def without_rows(body: bytes) -> bytes:
    return orjson.dumps({**orjson.loads(body), "data": []})


def test_a_list_that_others_lead_to_is_read_in_full_when_one_of_those_is_in_doubt(
    shop: FakeShopware, opened: Opening
) -> None:
    """An order makes a customer somebody to look at again: where orders are missing, customers are."""
    buyer = shop.add_customer("buyer@mail.example")
    shop.now += HOUR
    shop.add_customer("later@mail.example")
    since = cursor_of(opened(), "customers")
    shop.now += HOUR
    shop.add_order(buyer)
    shop.fail(altered(without_rows), 20, lambda asked: asked.path.endswith("/search/order"))
    reading = read(opened(), "customers", since)
    assert [row.email for row in reading.rows] == ["later@mail.example"]
    assert reading.end is not None
    assert reading.end.cursor is None
    shop.well()
    assert changed(opened(), "customers", since) == ["buyer@mail.example", "later@mail.example"]


def test_who_is_deleted_while_changes_are_read_is_not_missed(shop: FakeShopware, opened: Opening) -> None:
    shop.max_limit = 10
    shop.add_customer("first@mail.example")
    since = cursor_of(opened(), "customers")
    shop.now += HOUR
    customers = [shop.add_customer(f"p{number}@mail.example") for number in range(35)]
    pages = iter(range(1, 100))

    def before(asked: Asked) -> None:
        if shop.is_page(asked) and next(pages) == 3:
            shop.delete_customer(customers[-1])

    shop.before_page = before
    assert len(set(changed(opened(), "customers", since)) - {"first@mail.example"}) == 34


@pytest.mark.parametrize("field", ["id", "autoIncrement"])
def test_rows_that_cannot_be_told_apart_are_no_list(
    shop: FakeShopware, opened: Opening, watched: Watched, field: str
) -> None:
    for number in range(3):
        shop.add_order(shop.add_customer(f"p{number}@mail.example"))

    def nameless(body: bytes) -> bytes:
        found = orjson.loads(body)
        return orjson.dumps({**found, "data": [{**row, field: None} for row in found["data"]]})

    shop.fail(altered(nameless), 1, shop.is_page)
    assert sorted(records(opened(), "orders")) == [f"p{number}@mail.example" for number in range(3)]
    assert watched.traffic.retries == 1


def test_an_answer_that_holds_less_than_it_counts_is_asked_for_again(
    shop: FakeShopware, opened: Opening, watched: Watched
) -> None:
    for number in range(35):
        shop.add_customer(f"p{number}@mail.example")

    def cut(body: bytes) -> bytes:
        found = orjson.loads(body)
        return orjson.dumps({**found, "data": found["data"][:7]})

    shop.fail(altered(cut), 1, shop.is_page)
    assert len(read(opened(), "customers").rows) == 35
    assert watched.traffic.retries == 1


# The way in


def token_requests(shop: FakeShopware) -> int:
    return sum(asked.path == "/api/oauth/token" for asked in shop.log)


def test_a_token_that_ran_out_is_renewed_meanwhile(shop: FakeShopware, opened: Opening) -> None:
    shop.max_limit = 10
    for number in range(35):
        shop.add_customer(f"p{number}@mail.example")
    source = opened()
    chunks = source.read("customers", None, lambda: False)
    rows = len(next(chunks).rows)
    shop.now += 601
    rows += sum(len(chunk.rows) for chunk in chunks)
    assert (rows, token_requests(shop)) == (35, 2)


def test_a_token_is_renewed_before_it_runs_out(shop: FakeShopware, opened: Opening, watched: Watched) -> None:
    source = opened()
    read(source, "customers")
    for seconds, expected in ((470, 1), (11, 2)):
        watched.sleep(seconds)
        shop.now += seconds
        read(source, "customers")
        assert token_requests(shop) == expected
    assert not any("401" in line for line in watched.said)


def test_a_login_that_is_throttled_waits_as_long_as_it_is_told(
    shop: FakeShopware, opened: Opening, watched: Watched
) -> None:
    shop.throttled = 12
    read(opened(), "customers")
    assert 12 <= sum(watched.waits) < 15


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"client_id": "SWIAOTHER"}, "does not know this integration"),
        ({"client_secret": "wrong"}, "does not know this integration"),
    ],
)
def test_wrong_credentials(
    shop: FakeShopware, opened: Opening, settings: dict[str, str], expected: str, watched: Watched
) -> None:
    with pytest.raises(AuthError, match=expected) as caught:
        read(opened(**settings), "customers")
    assert "Settings > System > Integrations" in str(caught.value.hint)
    assert CLIENT_ID not in f"{caught.value} {watched.said}"
    assert token_requests(shop) == 1


@pytest.mark.parametrize("gaps", [False, True])
def test_rights_that_are_missing_are_named(shop: FakeShopware, opened: Opening, gaps: bool) -> None:
    shop.add_order(shop.add_customer("anna@mail.example"))
    shop.privileges = PRIVILEGES - {"order_address:read", "currency:read"}
    shop.privileges_have_gaps = gaps
    with pytest.raises(AuthError) as caught:
        read(opened(), "orders")
    assert "order_address:read" in str(caught.value.hint)
    assert "currency:read" in str(caught.value.hint)
    assert "Roles" in str(caught.value.hint)


def test_rights_that_are_missing_are_named_once(shop: FakeShopware, opened: Opening) -> None:
    shop.privileges = frozenset({"sales_channel:read", "salutation:read"})
    with pytest.raises(AuthError) as caught:
        list(opened().inspect())
    assert f"{caught.value.message} {caught.value.hint}".count("newsletter_recipient:read") == 1


def test_a_key_that_looks_like_none(shop: FakeShopware, opened: Opening) -> None:
    """Shopware answers 500."""
    detail = "Access key is invalid and could not be identified."
    body = {"errors": [{"code": "FRAMEWORK__INVALID_ACCESS_KEY", "status": "500", "detail": detail}]}
    shop.fail(lambda _asked, _answer: Reply.json(body, 500), 9, lambda asked: asked.path.endswith("/token"))
    with pytest.raises(AuthError) as caught:
        read(opened(), "customers")
    assert "source.client_id (SWIA...)" in str(caught.value.hint)


def test_check_names_all_rights_that_are_missing(shop: FakeShopware, opened: Opening) -> None:
    shop.add_order(shop.add_customer("anna@mail.example", consent=True))
    shop.privileges = frozenset({"sales_channel:read", "salutation:read"})
    with pytest.raises(AuthError) as caught:
        list(opened().inspect())
    for name in ("customer:read", "order:read", "newsletter_recipient:read", "currency:read"):
        assert name in str(caught.value.hint)


def test_an_address_without_a_shop(shop: FakeShopware, opened: Opening) -> None:
    shop.is_shopware = False
    with pytest.raises(UsageError, match="no Shopware 6 at") as caught:
        read(opened(), "customers")
    assert "language" in str(caught.value.hint)


@pytest.mark.parametrize("part", ["/api", "/admin", "/api/oauth/token"])
def test_the_address_of_the_administration_is_the_shops(shop: FakeShopware, opened: Opening, part: str) -> None:
    assert read(opened(url=f"{shop.url}{part}"), "customers").end is not None


def test_a_shop_behind_a_password(shop: FakeShopware, opened: Opening) -> None:
    shop.fail(lambda _asked, _answer: Reply(401, b"<html>Authorization required</html>", {}, "text/html"), 9)
    with pytest.raises(AuthError, match="password of its own"):
        read(opened(), "customers")


def test_what_shopware_does_not_understand_is_told(shop: FakeShopware, opened: Opening) -> None:
    shop.customers = {1: {**named("customer", "x"), "id": "1" * 32, "autoIncrement": 1, "email": "a@mail.example"}}
    with pytest.raises(Exception, match=r"400: Can not find association by name"):
        read(opened(), "customers")


# Sales channels


@pytest.fixture
def two_channels(shop: FakeShopware) -> FakeShopware:
    shop.add_order(shop.add_customer("here@mail.example", consent=True))
    shop.add_order(shop.add_customer("there@mail.example", consent=True, channel=OUTLET))
    shop.add_order(shop.add_customer("both@mail.example", city="Ulm", channel=OUTLET), channel=STOREFRONT)
    shop.add_guest_order("guest@post.example", channel=OUTLET)
    shop.add_recipient("outlet-only@mail.example", channel=OUTLET)
    return shop


HERE, THERE = {"here@mail.example", "both@mail.example"}, {"there@mail.example", "guest@post.example"}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, {*HERE, *THERE, "outlet-only@mail.example"}),
        (["Storefront"], HERE),
        (["storefront "], HERE),
        ([STOREFRONT.upper()], HERE),
        (["Outlet"], {*THERE, "outlet-only@mail.example", "both@mail.example"}),
        (["Outlet", STOREFRONT], {*HERE, *THERE, "outlet-only@mail.example"}),
    ],
)
@pytest.mark.parametrize("again", [False, True])
def test_only_people_of_some_sales_channels(
    two_channels: FakeShopware, opened: Opening, wanted: list[str] | None, expected: set[str], again: bool
) -> None:
    source, known = opened(sales_channels=wanted), Known()
    assert set(known.run(source)) == expected
    if again:
        two_channels.now += 60
        for number in two_channels.customers:
            two_channels.log_in(number)
        for number in two_channels.orders:
            two_channels.cancel_order(number)
        for ident in two_channels.recipients:
            two_channels.set_status(ident, "optOut")
        assert set(known.run(source)) == expected


def test_who_has_an_account_in_another_sales_channel_counts_as_a_guest(
    two_channels: FakeShopware, opened: Opening
) -> None:
    found = people(opened(sales_channels=["Storefront"]))["both@mail.example"]
    assert found.profile["city"] == "Ulm"
    assert found.purchases is not None
    assert found.consent.state is ConsentState.UNKNOWN


@pytest.mark.parametrize(("wanted", "expected"), [("Strorefront", "not a sales channel"), ("Outlet", "several")])
def test_a_sales_channel_that_there_is_not(shop: FakeShopware, opened: Opening, wanted: str, expected: str) -> None:
    shop.channels["c" * 32] = named("sales_channel", "Outlet", id="c" * 32)
    shop.max_limit = 1
    for use in (lambda source: read(source, "orders"), lambda source: list(source.inspect())):
        with pytest.raises(UsageError, match=expected) as caught:
            use(opened(sales_channels=[wanted]))
        assert OUTLET in str(caught.value.hint)


# What is seen


def test_what_check_shows(two_channels: FakeShopware, opened: Opening) -> None:
    sights = [sight.message for sight in opened(sales_channels=["Outlet"]).inspect()]
    assert sights == [
        f"3 customers, guests included, at {two_channels.url} (Shopware 6.7.10.1)",
        "2 orders; of the first 2 2 make somebody a buyer",
        "2 newsletter recipients; of the first ones 2 optIn",
        "only of the sales channels Outlet",
    ]


def test_states_that_make_nobody_a_buyer_are_told(shop: FakeShopware, opened: Opening) -> None:
    shop.add_guest_order("g@post.example", state="open")
    sight = list(opened(buyer_states=["complete"]).inspect())[1]
    assert "0 make somebody a buyer" in sight.message
    assert "open" in str(sight.hint)


def test_a_version_that_is_not_told_is_no_obstacle(shop: FakeShopware, opened: Opening) -> None:
    refusal = {"errors": [{"status": "403", "code": "0", "title": "Forbidden", "detail": "no"}]}
    shop.fail(lambda _asked, _answer: Reply.json(refusal, 403), 9, is_version)
    assert "of unknown version" in next(opened().inspect()).message


def is_version(asked: Asked) -> bool:
    return asked.path.endswith("/version")


def test_an_empty_shop_is_fine(opened: Opening) -> None:
    sights = list(opened().inspect())
    assert [sight.hint for sight in sights] == [None] * 3
