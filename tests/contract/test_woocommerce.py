"""What real WooCommerce shops do wrong, one by one; each loses or falsifies people if it is not minded."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from cleverreach_sync.domain.model import Consent, ConsentState, Record
from cleverreach_sync.errors import AuthError, TemporaryError, UsageError
from cleverreach_sync.sources.interface import Source, Warned
from cleverreach_sync.sources.woocommerce.settings import WooCommerceSettings
from tests.shops.reading import Known, Watched, opening, read
from tests.shops.server import Asked, Reply, altered
from tests.shops.woocommerce import KEY, META, PASSWORD, SECRET, USER, Key, WooShop

Opening = Callable[..., Source]
NOTICE = b"<br />\n<b>Warning</b>: Undefined array key [x] in <b>/var/www/p.php</b> on line <b>3</b><br />\n"


@pytest.fixture
def shop() -> Iterator[WooShop]:
    found = WooShop()
    yield found
    found.close()


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def opened(shop: WooShop, watched: Watched) -> Iterator[Opening]:
    with opening(shop, watched) as open_it:
        yield open_it


def records(source: Source, stream: str, since: str | None = None) -> dict[str, Record]:
    warned: list[Warned] = []
    found = {row.ident or "": source.decode(stream, row, warned.append) for row in read(source, stream, since).rows}
    assert warned == []
    return found


def consents(source: Source, stream: str = "customers") -> dict[str, Consent | None]:
    return {ident: record.consent for ident, record in records(source, stream).items()}


# Customers


def test_accounts_of_every_role_are_read(shop: WooShop, opened: Opening) -> None:
    for number in range(110):
        shop.add_customer(f"p{number}@mail.example", role=("customer", "subscriber", "shop_manager")[number % 3])
    assert len(read(opened(), "customers").rows) == 110


def test_people_of_one_name_do_not_change_places(shop: WooShop, opened: Opening) -> None:
    for number in range(250):
        shop.add_customer(f"p{number}@mail.example", last_name="Müller")
    assert len({row.ident for row in read(opened(), "customers").rows}) == 250
    assert {asked.query["orderby"] for asked in shop.pages()} == {"id"}


def test_only_what_is_needed_is_asked_for(shop: WooShop, opened: Opening) -> None:
    read(opened(), "customers")
    read(opened(), "orders")
    read(opened(subscribed_by="none"), "customers")
    fields = [set(asked.query["_fields"].split(",")) for asked in shop.log]
    assert not any({"shipping", "order_key", "line_items", "avatar_url"} & asked for asked in fields)
    assert "meta_data" in fields[0]
    assert "meta_data" not in fields[-1]


def test_a_customer_says_who_they_are(shop: WooShop, opened: Opening) -> None:
    customer = shop.add_customer(
        "Anna@Mail.example", last_name="Größle", company="Müller <Söhne> & Co", address_1="Hauptstr. 1",
        address_2="Hinterhaus", city="München", postcode="80331", country="DE", state="DE-BY", phone="0049(0)89/1",
    )  # fmt: skip
    shop.customers[customer]["first_name"] = "Anna Maria"
    shop.now += 3600
    shop.change_profile(customer)
    found = records(opened(), "customers")[str(customer)]
    assert (found.email, found.rank, found.at, found.created_at) == ("anna@mail.example", 1, shop.now, shop.now - 3600)
    assert found.profile == {
        "first_name": "Anna Maria", "last_name": "Größle", "company": "Müller <Söhne> & Co",
        "street": "Hauptstr. 1, Hinterhaus", "city": "München", "zip": "80331", "country": "DE", "state": "DE-BY",
        "phone": "0049(0)89/1", "customer_number": str(customer), "source_id": str(customer),
        "customer_type": "customer", "created_at": "2026-11-21T20:00:00Z", "updated_at": "2026-11-21T21:00:00Z",
    }  # fmt: skip


def test_who_was_never_saved_counts_from_their_creation(shop: WooShop, opened: Opening) -> None:
    customer = shop.add_customer("anna@mail.example")
    found = records(opened(), "customers")[str(customer)]
    assert (found.at, found.created_at) == (shop.now, shop.now)
    assert "updated_at" not in found.profile


def test_a_date_that_is_none_costs_no_more_than_itself(shop: WooShop, opened: Opening) -> None:
    customer = shop.add_customer("anna@mail.example", city="Köln")
    shop.customers[customer]["date_created_gmt"] = "gestern"
    source, warned = opened(), list[Warned]()
    (row,) = read(source, "customers").rows
    found = source.decode("customers", row, warned.append)
    assert (found.profile["city"], found.created_at, found.invalid) == ("Köln", None, None)
    assert [each.message for each in warned] == [f"customer {customer}: date_created_gmt is not a date"]


# Consent


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("yes", ConsentState.YES), (" YES ", ConsentState.YES), ("1", ConsentState.YES), (1, ConsentState.YES),
        (True, ConsentState.YES), ("no", ConsentState.NO), ("0", ConsentState.NO), ("", ConsentState.NO),
        ("ja", ConsentState.NO), (["yes"], ConsentState.NO), (None, ConsentState.UNKNOWN),
    ],
)  # fmt: skip
def test_a_key_that_is_missing_is_unknown_and_another_value_no(
    shop: WooShop, opened: Opening, value: object, expected: ConsentState
) -> None:
    customer, order = shop.add_customer("anna@mail.example"), shop.add_guest_order("g@post.example")
    for row in (shop.customers[customer], shop.orders[order]):
        shop.set_meta(row, f"{META}_date", "1")
        shop.set_meta(row, META, value)
        shop.set_meta(row, "other", "yes")
    source = opened()
    at = None if expected is ConsentState.UNKNOWN else shop.now
    assert consents(source) == {str(customer): Consent(expected)}
    assert consents(source, "orders") == {str(order): Consent(expected, at)}  # dated with the order


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('{"status":"subscribed","ts":"2024-05-01T10:00:00+02:00"}', ConsentState.YES),
        ({"status": "Subscribed"}, ConsentState.YES),
        ('{"status":"pending"}', ConsentState.NO),
        ("{}", ConsentState.NO),
        ("subscribed", ConsentState.NO),
        (None, ConsentState.UNKNOWN),
    ],
)
def test_consent_inside_json(shop: WooShop, opened: Opening, value: object, expected: ConsentState) -> None:
    customer = shop.add_customer("anna@mail.example")
    shop.set_meta(shop.customers[customer], "mc_consent", value)
    assert consents(opened(subscribed_by="meta:mc_consent:status=subscribed")) == {str(customer): Consent(expected)}


def test_the_words_for_yes_can_be_others(shop: WooShop, opened: Opening) -> None:
    yes, no = shop.add_customer("a@mail.example", consent=True), shop.add_customer("b@mail.example")
    shop.set_meta(shop.customers[yes], META, "Ja")
    shop.set_meta(shop.customers[no], META, "yes")
    found = consents(opened(subscribed_values=["JA"]))
    assert [found[str(yes)], found[str(no)]] == [Consent(ConsentState.YES), Consent(ConsentState.NO)]


def test_without_a_key_nothing_is_said(shop: WooShop, opened: Opening) -> None:
    shop.add_customer("anna@mail.example", consent=True)
    assert list(consents(opened(subscribed_by="none")).values()) == [None]


@pytest.mark.parametrize("look", ["inspect", "read"])
def test_meta_data_that_are_hidden_are_no_no(shop: WooShop, opened: Opening, look: str) -> None:
    shop.add_customer("anna@mail.example", consent=True)
    shop.keys[KEY] = Key(SECRET, role="shop_manager")
    source = opened()
    with pytest.raises(AuthError, match="meta data of customers") as caught:
        list(source.inspect()) if look == "inspect" else read(source, "customers")
    assert "administrator" in str(caught.value.hint)
    assert len(read(opened(subscribed_by="none"), "customers").rows) == 1


def test_a_key_that_woocommerce_hides_is_told(shop: WooShop, opened: Opening) -> None:
    customer = shop.add_customer("anna@mail.example")
    shop.set_meta(shop.customers[customer], "wp_cr_newsletter_status", "1")
    sights = list(opened(subscribed_by="meta:wp_cr_newsletter_status").inspect())
    assert "0 have it" in sights[-1].message
    assert "hides keys" in str(sights[-1].hint)


def test_a_consent_that_moves_no_date_is_seen(shop: WooShop, opened: Opening) -> None:
    customer = shop.add_customer("anna@mail.example", consent=True)
    known, source = Known(), opened()
    assert known.run(source)["anna@mail.example"].consent.state is ConsentState.YES
    shop.set_consent(customer, given=False)
    assert known.run(source)["anna@mail.example"].consent.state is ConsentState.NO


# Orders


def test_only_some_orders_make_a_buyer(shop: WooShop, opened: Opening) -> None:
    for status in ("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed"):
        shop.add_guest_order(f"{status}@post.example", "19.90", status=status, city="Bonn")
    found = {record.email.partition("@")[0]: record for record in records(opened(), "orders").values()}
    assert {status for status, record in found.items() if record.orders[0].counts} == {"processing", "completed"}
    assert {status for status, record in found.items() if record.makes_person} == {"processing", "completed"}
    assert all(record.profile["city"] == "Bonn" and record.rank == 0 for record in found.values())
    order = found["completed"].orders[0]
    assert (order.total, order.currency, order.at) == ("19.90", "EUR", shop.now)
    own = records(opened(buyer_statuses=["wc-On-Hold"]), "orders")
    assert {record.email for record in own.values() if record.orders[0].counts} == {"on-hold@post.example"}


def test_carts_are_nothing(shop: WooShop, opened: Opening) -> None:
    shop.add_guest_order("cart@post.example", status="checkout-draft")
    shop.add_guest_order("", status="checkout-draft")
    reading = read(opened(), "orders")
    assert (reading.rows, reading.unreadable) == ([], [])


def test_orders_without_an_address_are_invalid_and_name_nobody(shop: WooShop, opened: Opening) -> None:
    shop.add_guest_order("", status="completed")
    shop.add_guest_order("", status="pending")  # makes nobody a person, so it is nobody who is invalid
    reading = read(opened(), "orders")
    assert reading.rows == []
    assert [bad.reason for bad in reading.unreadable] == ["email"]


def test_of_an_erased_order_the_placeholder_is_left(shop: WooShop, opened: Opening) -> None:
    order = shop.add_guest_order("gone@post.example")
    shop.erase_order(order)
    (row,) = read(opened(), "orders").rows
    assert (row.email, row.ident, row.owner) == ("deleted@site.invalid", str(order), None)


def test_an_order_of_an_account_is_the_accounts(shop: WooShop, opened: Opening) -> None:
    customer = shop.add_customer("anna@mail.example", city="Köln")
    order = shop.add_order(customer, "5.00")
    shop.orders[order]["billing"] |= {"email": "mother@mail.example", "city": "Bonn"}
    source = opened()
    (row,) = read(source, "orders").rows
    assert (row.owner, row.email) == (str(customer), "mother@mail.example")
    assert source.decode("orders", row, lambda _: None).profile == {}
    (person,) = Known().run(source).values()
    assert person.purchases is not None
    assert (person.email, person.profile["city"], person.purchases.number) == ("anna@mail.example", "Köln", 1)


def test_numbers_may_be_texts(shop: WooShop, opened: Opening, watched: Watched) -> None:
    customer = shop.add_customer("anna@mail.example")
    shop.add_order(customer, "5.00")
    shop.add_guest_order("g@post.example")

    def texts(body: bytes) -> bytes:
        rows = orjson.loads(body)
        return orjson.dumps([{k: str(v) if k in ("id", "customer_id") else v for k, v in row.items()} for row in rows])

    shop.fail(altered(texts), 4)
    source = opened()
    assert [row.ident for row in read(source, "customers").rows] == [str(customer)]
    assert [row.owner for row in read(source, "orders").rows] == [str(customer), None]
    assert watched.traffic.retries == 0


def test_orders_without_a_status_take_no_purchase_back(shop: WooShop, opened: Opening, watched: Watched) -> None:
    fill(shop, 2)
    keep = altered(lambda body: orjson.dumps([{**row, "status": None} for row in orjson.loads(body)]))
    shop.fail(keep, 2, lambda asked: asked.path.endswith("/orders"))
    assert len(read(opened(), "orders").rows) == 2
    assert watched.traffic.retries == 2


def test_an_order_that_is_cancelled_is_taken_back(shop: WooShop, opened: Opening) -> None:
    order = shop.add_guest_order("g@post.example")
    known, source = Known(), opened()
    known.run(source)
    shop.now += 86400
    shop.cancel_order(order)
    purchases = known.run(source)["g@post.example"].purchases
    assert purchases is not None
    assert purchases.number == 0


@pytest.mark.parametrize("again", [False, True], ids=["increment", "full"])
def test_an_order_in_the_trash_is_taken_back(shop: WooShop, opened: Opening, again: bool) -> None:
    order = shop.add_guest_order("g@post.example")
    known, source = Known(), opened()
    known.run(source)
    shop.now += 86400
    shop.cancel_order(order, "trash")
    if again:
        known.cursors.clear()
    purchases = known.run(source)["g@post.example"].purchases
    assert purchases is not None
    assert purchases.number == 0


def test_a_shop_without_a_trash_is_fine(shop: WooShop, opened: Opening) -> None:
    shop.add_guest_order("g@post.example")
    refusal = {"code": "rest_invalid_param", "message": "Invalid parameter(s): status", "data": {"status": 400}}
    shop.fail(lambda _asked, _answer: Reply.json(refusal, 400), 9, lambda asked: "status" in asked.query)
    reading = read(opened(), "orders")
    assert reading.end is not None
    assert len(reading.rows) == 1


# Increments of orders


def fill(shop: WooShop, count: int, seconds: int = 0) -> list[int]:
    orders = []
    for number in range(count):
        shop.now += seconds
        orders.append(shop.add_guest_order(f"g{len(shop.orders)}-{number}@post.example"))
    return orders


def changed(source: Source, cursor: str) -> set[str]:
    reading = read(source, "orders", cursor)
    assert len({(row.ident, row.body) for row in reading.rows}) == len(reading.rows)
    return {row.ident or "" for row in reading.rows}


def cursor_of(source: Source, since: str | None = None) -> str:
    end = read(source, "orders", since).end
    assert end is not None
    assert end.cursor is not None
    return end.cursor


def test_the_mark_is_utc_whatever_the_shops_zone(shop: WooShop, opened: Opening) -> None:
    fill(shop, 3)
    source = opened()
    cursor = cursor_of(source)
    shop.now += 600
    (new,) = fill(shop, 1)
    shop.log.clear()
    assert str(new) in changed(source, cursor)
    asked = [asked.query for asked in shop.log if asked.query["orderby"] == "modified"]
    assert {query["modified_after"] for query in asked} == {"2026-11-21T19:54:59"}
    assert {query["dates_are_gmt"] for query in asked} == {"true"}
    assert {query["page"] for query in asked} == {"1"}


@pytest.mark.parametrize("seed", range(5))
def test_orders_of_one_second_come_in_any_order(shop: WooShop, opened: Opening, seed: int) -> None:
    shop._random = chance = random.Random(seed)
    fill(shop, 2)
    source = opened()
    cursor = cursor_of(source)
    new: list[int] = []
    while len(new) < 600:
        shop.now += 1
        new += fill(shop, chance.choice((1, 15, 40, 99, 100, 101, 150)))
    assert set(map(str, new)) <= changed(source, cursor)


def test_more_orders_in_one_second_than_fit_on_a_page(shop: WooShop, opened: Opening) -> None:
    first = fill(shop, 2)
    source = opened()
    cursor = cursor_of(source)
    shop.now += 60
    new = fill(shop, 350)
    shop.now += 1
    new += fill(shop, 120)
    assert changed(source, cursor) == set(map(str, [*first, *new]))


def test_an_order_changed_while_it_is_read_is_not_lost(shop: WooShop, opened: Opening) -> None:
    fill(shop, 2)
    source = opened()
    cursor = cursor_of(source)
    new = fill(shop, 250, 1)
    pages = iter(range(1, 100))

    def before(asked: Asked) -> None:
        if asked.query.get("orderby") == "modified" and next(pages) == 2:
            shop.now += 5
            for order in new[:30]:
                shop.touch(order)

    shop.before_page = before
    assert set(map(str, new)) <= {row.ident for row in read(source, "orders", cursor).rows}


def test_the_cursor_goes_back_far_enough_for_what_was_being_saved(shop: WooShop, opened: Opening) -> None:
    fill(shop, 2)
    source = opened()
    cursor = cursor_of(source)
    late = shop.add_guest_order("late@post.example")
    shop.orders[late] |= shop._stamp("date_modified", shop.now - 290)  # began before the first run, ended after it
    assert str(late) in changed(source, cursor)


@pytest.mark.parametrize("wrong_by", [-7200, 7200])
def test_a_clock_that_is_wrong_loses_nothing(shop: WooShop, opened: Opening, wrong_by: int) -> None:
    fill(shop, 3)
    source = opened()
    shop.now += wrong_by  # what the header says
    cursor = cursor_of(source)
    shop.now -= wrong_by - 60
    (new,) = fill(shop, 1)
    assert str(new) in changed(source, cursor)


def test_a_clock_that_was_put_back_hides_no_changes(shop: WooShop, opened: Opening) -> None:
    order = shop.add_order(shop.add_customer("p@mail.example"))
    source = opened()
    first = read(source, "orders").end
    shop.now -= 86_400
    shop.cancel_order(order)
    assert first is not None
    again = read(source, "orders", first.cursor)
    assert [orjson.loads(row.body)["status"] for row in again.rows] == ["cancelled"]
    assert again.end is not None
    assert again.end.complete


def test_an_order_dated_in_the_future_stops_nothing(shop: WooShop, opened: Opening) -> None:
    (order,) = fill(shop, 1)
    shop.orders[order] |= shop._stamp("date_modified", shop.now + 900_000)
    source = opened()
    cursor = cursor_of(source)
    shop.now += 60
    (new,) = fill(shop, 1)
    assert str(new) in changed(source, cursor)


def test_a_shop_that_heeds_no_date_is_read_in_full(shop: WooShop, opened: Opening) -> None:
    orders = fill(shop, 150, 60)
    shop.knows_dates = False
    source = opened()
    reading = read(source, "orders", cursor_of(source))
    assert {row.ident for row in reading.rows} == set(map(str, orders))
    assert reading.end is not None
    assert reading.end.complete


def test_a_new_order_costs_few_requests(shop: WooShop, opened: Opening) -> None:
    fill(shop, 950, 60)
    source = opened()
    cursor = cursor_of(source)
    fill(shop, 1, 600)
    shop.log.clear()
    assert len(changed(source, cursor)) <= 7
    assert len(shop.log) == 2


@pytest.mark.parametrize(("every", "full"), [("24h", [False, True]), ("0", [True, True])])
def test_the_consent_of_orders_is_read_in_full_now_and_then(
    shop: WooShop, opened: Opening, every: str, full: list[bool]
) -> None:
    order = fill(shop, 130, 60)[0]
    known, source = Known(), opened(reconcile_every=every)
    known.run(source)
    shop.set_meta(shop.orders[order], META, "yes")  # by a plug-in: no date moves
    for hours, expected in zip((1, 24), full, strict=True):
        shop.now += hours * 3600
        found = known.run(source)
        assert (found["g0-0@post.example"].consent.state is ConsentState.YES) is expected
    assert not any(asked.query["orderby"] == "modified" for asked in shop.pages("orders")[-4:])


# MailPoet


def mailpoet(shop: WooShop, **more: Any) -> dict[str, Any]:
    return {"subscribed_by": "mailpoet", "username": USER, "application_password": PASSWORD, **more}


def test_mailpoet_says_who_subscribed(shop: WooShop, opened: Opening) -> None:
    for status in ("subscribed", "unsubscribed", "unconfirmed", "bounced", "inactive"):
        shop.add_subscriber(f"{status}@mail.example", status)
    source = opened(**mailpoet(shop))
    assert [stream.name for stream in source.streams()] == ["customers", "orders", "mailpoet"]
    found = {record.email.partition("@")[0]: record.consent for record in records(source, "mailpoet").values()}
    yes = Consent(ConsentState.YES, 1_767_323_045)
    assert found == {
        "subscribed": yes,
        "inactive": yes,
        "unsubscribed": Consent(ConsentState.OPTED_OUT),
        "unconfirmed": Consent(ConsentState.NO),
        "bounced": Consent(ConsentState.NO),
    }
    end = read(source, "mailpoet").end
    assert end is not None
    assert end.complete


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # Put there by MailPoet with an order as a guest: nobody withdrew anything
        ({}, ConsentState.NO),
        ({"is_woocommerce_user": "1"}, ConsentState.NO),
        ({"is_woocommerce_user": True}, ConsentState.NO),
        ({"last_subscribed_at": None}, ConsentState.NO),
        # Not by an order, or with something that tells of a subscription
        ({"is_woocommerce_user": 0}, ConsentState.OPTED_OUT),
        ({"is_woocommerce_user": "0"}, ConsentState.OPTED_OUT),
        ({"is_woocommerce_user": "9" * 5000}, ConsentState.OPTED_OUT),
        ({"subscriptions": [{"status": "unsubscribed"}]}, ConsentState.OPTED_OUT),
        ({"count_confirmations": 1}, ConsentState.OPTED_OUT),
        ({"last_subscribed_at": "2026-02-03 04:05:06"}, ConsentState.OPTED_OUT),
        # Subscribed, as far as some list has them
        ({"status": "subscribed"}, ConsentState.NO),
        ({"status": "inactive"}, ConsentState.NO),
        ({"status": "subscribed", "subscriptions": [{"status": "unsubscribed"}]}, ConsentState.NO),
        (
            {"status": "subscribed", "subscriptions": [{"status": "unsubscribed"}, {"status": "subscribed"}]},
            ConsentState.YES,
        ),
        ({"status": "inactive", "subscriptions": [{"status": "subscribed"}]}, ConsentState.YES),
        # A version that does not tell of lists
        ({"subscriptions": None}, ConsentState.OPTED_OUT),
        ({"status": "subscribed", "subscriptions": None}, ConsentState.YES),
    ],
)
def test_who_is_in_no_list_of_mailpoet(
    shop: WooShop, opened: Opening, row: dict[str, Any], expected: ConsentState
) -> None:
    shop.subscribers[shop.add_synced_guest("anna@mail.example")] |= row
    found = records(opened(**mailpoet(shop)), "mailpoet")
    assert [record.consent and record.consent.state for record in found.values()] == [expected]


def test_mailpoet_in_pages(shop: WooShop, opened: Opening) -> None:
    for number in range(250):
        shop.add_subscriber(f"s{number}@mail.example")
    shop.add_subscriber("nobody")
    reading = read(opened(**mailpoet(shop)), "mailpoet")
    assert (len(reading.rows), len(reading.unreadable)) == (250, 1)
    assert b"tok-tok" not in b"".join(row.body for row in reading.rows)
    assert "250" not in next(iter(reading.unreadable)).message


def test_mailpoet_refuses(shop: WooShop, opened: Opening, watched: Watched) -> None:
    with pytest.raises(AuthError, match="MailPoet") as caught:
        read(opened(**mailpoet(shop, application_password="wrong-wrong")), "mailpoet")
    assert "Application Passwords" in str(caught.value.hint)
    assert not any("wrong-wrong" in line for line in watched.said)


def test_no_mailpoet(shop: WooShop, opened: Opening) -> None:
    shop.root = "/elsewhere"
    with pytest.raises(UsageError, match="no list of MailPoet's subscribers"):
        read(opened(**mailpoet(shop)), "mailpoet")


# What a shop says when it says no


def refused(source: Source) -> AuthError:
    with pytest.raises(AuthError) as caught:
        read(source, "customers")
    return caught.value


def test_an_unknown_key(shop: WooShop, opened: Opening) -> None:
    found = refused(opened(consumer_key="ck_of_another_shop"))
    assert "does not know this key" in found.message
    assert "Permalinks" in str(found.hint)
    assert "Authorization" in str(found.hint)


def test_a_wrong_secret(shop: WooShop, opened: Opening) -> None:
    found = refused(opened(consumer_secret="cs_of_another_key"))
    assert "Consumer secret is invalid" in found.message
    assert "consumer_secret" in str(found.hint)


def test_a_key_that_may_only_write(shop: WooShop, opened: Opening) -> None:
    shop.keys[KEY] = Key(SECRET, permission="write")
    assert "permission 'Read'" in str(refused(opened()).hint)


def test_a_key_whose_user_may_not(shop: WooShop, opened: Opening) -> None:
    shop.keys[KEY] = Key(SECRET, role="subscriber")
    found = refused(opened())
    assert "(403" in found.message
    assert "administrator or shop manager" in str(found.hint)


def test_a_proxy_that_hides_https(shop: WooShop, opened: Opening) -> None:
    shop.is_https = False
    assert "behind a proxy" in str(refused(opened()).hint)


def test_a_web_server_with_a_password_of_its_own(shop: WooShop, opened: Opening) -> None:
    shop.fail(lambda _asked, _answer: Reply(401, b"<h1>Authorization Required</h1>", {}, "text/html"))
    assert "a password of its own" in refused(opened()).message


def wrong_place(source: Source) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read(source, "customers")
    return caught.value


def test_plain_permalinks(shop: WooShop, opened: Opening) -> None:
    shop.plain_permalinks = True
    assert "Settings > Permalinks" in str(wrong_place(opened()).hint)


def test_plain_permalinks_that_redirect(shop: WooShop, opened: Opening) -> None:
    """As behind nginx: the page is taken for one that has moved."""
    shop.fail(lambda _asked, _answer: Reply(301, b"", {"Location": f"{shop.url}/"}), 9)
    assert "Settings > Permalinks" in str(wrong_place(opened()).hint)


def test_a_key_that_does_not_arrive_without_encryption(shop: WooShop, opened: Opening) -> None:
    body = {"code": "woocommerce_rest_cannot_view", "message": "Sorry, you cannot list resources."}
    shop.fail(lambda _asked, _answer: Reply.json(body, 401))
    assert "only accepts a key over https" in str(refused(opened()).hint)


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (
            Reply(500, b"<html><head><title>Database Error</title></head><body><h1>Error</h1></body></html>"),
            "answered with an error page (500: Error)",
        ),
        (
            Reply.json(
                {"code": "internal_server_error", "message": "<p>A <b>critical</b> error &amp; no more.</p>"}, 500
            ),
            "is not available (500: A critical error & no more.)",
        ),
        (
            Reply.json({"code": "internal_server_error", "message": f"Order &#{'9' * 5000}; is lost"}, 500),
            "is not available (500: Order &#9999",
        ),
        (
            Reply(200, b"<br />\n<b>Fatal error</b>:  Uncaught Error: no such function in <b>/var/www/x.php</b>"),
            "something that is not JSON (200: Fatal error",
        ),
    ],
)
def test_a_shop_that_is_broken(shop: WooShop, opened: Opening, reply: Reply, says: str) -> None:
    shop.fail(lambda _asked, _answer: reply, 1000)
    with pytest.raises(TemporaryError) as caught:
        read(opened(), "customers")
    assert says in caught.value.message
    assert "<" not in caught.value.message
    assert "open it in a browser" in str(caught.value.hint)
    assert "network and the server" not in str(caught.value.hint)


def test_a_shop_in_a_sub_directory(shop: WooShop, opened: Opening) -> None:
    shop.root = "/shop"
    shop.add_customer("anna@mail.example")
    assert f"its API is at {shop.url}/shop/wp-json" in str(wrong_place(opened()).hint)
    assert "authorization" not in shop.log[-1].headers
    assert len(read(opened(url=f"{shop.url}/shop"), "customers").rows) == 1


def test_wordpress_without_woocommerce(shop: WooShop, opened: Opening) -> None:
    shop.active = False
    found = wrong_place(opened())
    assert "there is no WooCommerce" in found.message
    assert "plug-in WooCommerce" in str(found.hint)


def test_no_wordpress_at_all(shop: WooShop, opened: Opening) -> None:
    shop.fail(lambda _asked, _answer: Reply(404, b"<h1>Not Found</h1>", {}, "text/html"), 2)
    assert "subdirectory" in str(wrong_place(opened()).hint)


# What stands in the way of the JSON


@pytest.mark.parametrize(
    "broken",
    [
        lambda body: NOTICE + body,
        lambda body: b"\xef\xbb\xbf" + NOTICE + body,
        lambda body: NOTICE * 3 + body + b"\n",
        lambda body: body + b"\n" + NOTICE,
    ],
    ids=["before", "bom", "several", "behind"],
)
def test_notices_of_php_are_passed_over(
    shop: WooShop, opened: Opening, watched: Watched, broken: Callable[[bytes], bytes]
) -> None:
    for number in range(3):
        shop.add_customer(f"p{number}@mail.example", consent=True)
    shop.fail(altered(broken), 9)
    assert len(read(opened(), "customers").rows) == 3
    assert watched.traffic.retries == 0


@pytest.mark.parametrize("end", [b"[]", b"[1,2]", b"{}"])
def test_what_is_cut_short_is_no_empty_shop(shop: WooShop, opened: Opening, end: bytes) -> None:
    for number in range(3):
        shop.add_customer(f"p{number}@mail.example")
    for body in (NOTICE + b'[{"id":1,"meta_data":' + end, b'[{"id":1,"meta_data":' + end):
        shop.fail(lambda _asked, _answer, body=body: Reply(200, body))  # type: ignore[misc]
    assert len(read(opened(), "customers").rows) == 3


def test_an_empty_page_where_there_are_rows_is_asked_for_again(shop: WooShop, opened: Opening) -> None:
    for number in range(3):
        shop.add_customer(f"p{number}@mail.example")
    shop.fail(altered(lambda _: b"[]"))
    shop.fail(altered(lambda _: b'{"rows":[]}'))
    shop.fail(altered(lambda _: b'[{"email":"x"}]'))
    assert len(read(opened(), "customers").rows) == 3


def test_an_empty_page_of_changes_is_not_believed_either(shop: WooShop, opened: Opening) -> None:
    fill(shop, 1)
    source = opened()
    cursor = cursor_of(source)
    shop.now += 600
    (new,) = fill(shop, 1)
    shop.fail(altered(lambda _: b"[]"))
    assert str(new) in changed(source, cursor)


def test_rows_that_a_plug_in_keeps_back_are_noticed(shop: WooShop, opened: Opening) -> None:
    for number in range(250):
        shop.add_customer(f"p{number}@mail.example")

    def without_one(asked: Asked, answer: Callable[[Asked], Reply]) -> Reply:
        reply = answer(asked)
        return reply._replace(body=b"[" + reply.body[reply.body.index(b'{"id":', 5) :])

    shop.fail(without_one, 1000, lambda asked: asked.query["page"] == "2")
    source = opened()
    reading = read(source, "customers")
    assert len(reading.rows) == 249
    assert reading.end is not None
    assert not reading.end.complete, "who is kept back is not gone"
    assert "customers does not match" in source.warnings[0]


def test_a_shop_that_counts_nothing_is_read_page_by_page(shop: WooShop, opened: Opening) -> None:
    for number in range(250):
        shop.add_customer(f"p{number}@mail.example")
    shop.fail(lambda asked, answer: answer(asked)._replace(headers={}), 1000)
    reading = read(opened(), "customers")
    assert len(reading.rows) == 250
    assert len(shop.log) == 2 * 4  # the last page is empty, and nothing but a second look shows that no row moved


@pytest.mark.parametrize("at", range(2, 10))
def test_a_shop_that_counts_nothing_loses_nobody_who_moves(shop: WooShop, opened: Opening, at: int) -> None:
    """A notice of PHP before the answer keeps back the headers, and the totals with them."""
    gone, *_ = [shop.add_customer(f"p{number}@mail.example") for number in range(250)]
    shop.fail(lambda asked, answer: answer(asked)._replace(headers={}), 1000)
    asked = iter(range(1, 1000))
    shop.before_page = lambda _: shop.delete_customer(gone) if next(asked) == at else None
    assert {f"p{number}@mail.example" for number in range(1, 250)} <= {
        row.email for row in read(opened(), "customers").rows
    }


# Manners


def test_a_weak_host_gets_two_requests_at_a_time(shop: WooShop, opened: Opening) -> None:
    for number in range(1200):
        shop.add_customer(f"p{number}@mail.example")
    reading = read(opened(), "customers")
    assert shop.at_once <= 2
    assert (reading.done, reading.total) == (1200, 1200)
    assert len(shop.log) == 14


def test_all_streams_together_get_two_requests_at_a_time(shop: WooShop, opened: Opening) -> None:
    for number in range(1200):
        shop.add_customer(f"p{number}@mail.example")
        shop.add_guest_order(f"p{number}@mail.example")
    source = opened()
    three = threading.Barrier(3)

    def together(asked: Asked) -> None:
        with suppress(threading.BrokenBarrierError):
            if 1 < int(asked.query["page"]) < 12:  # all of these may be asked for at the same time
                three.wait(0.2)

    shop.before_page = together
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(read, source, stream) for stream in ("customers", "orders")]
    assert [len(each.result().rows) for each in found] == [1200, 1200]
    assert shop.at_once == 2


def test_the_secret_goes_into_no_address(shop: WooShop, opened: Opening, watched: Watched) -> None:
    shop.add_customer("anna@mail.example")
    read(opened(), "customers")
    assert all("consumer" not in " ".join(asked.query) for asked in shop.log)
    assert not any("secret" in line for line in watched.said)


# The config


@pytest.mark.parametrize(
    "wrong",
    [
        {"subscribed_by": "newsletter"},
        {"subscribed_by": "meta:"},
        {"subscribed_by": "meta:key:"},
        {"subscribed_by": "meta:key:status="},
        {"subscribed_by": "mailpoet"},
        {"subscribed_by": "mailpoet", "username": "chefin"},
        {"buyer_statuses": []},
        {"subscribed_values": []},
        {"url": "http://shop.example.com"},
    ],
    ids=str,
)
def test_options_that_mean_nothing_are_refused(shop: WooShop, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        WooCommerceSettings.model_validate(shop.settings(**wrong))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("end", ["", "/wp-json", "/wp-json/wc/v3", "/wp-json/wc/v3/"])
def test_the_address_of_the_api_is_that_of_the_shop(end: str) -> None:
    found = WooCommerceSettings.model_validate(
        {"type": "woocommerce", "url": f"https://shop.example/de{end}", "consumer_key": "ck_1", "consumer_secret": "cs"}
    )
    assert found.url == "https://shop.example/de"
    assert found.tag_source == "WooCommerce"


@pytest.mark.parametrize(
    ("stored", "meant"),
    [
        ("Anna &amp; Tom", "Anna & Tom"),
        ("D&#039;Arc", "D'Arc"),
        ("D&#x27;Arc", "D'Arc"),
        ("&quot;Die&quot; &lt;GmbH&gt;", '"Die" <GmbH>'),
        ("M&uuml;ller", "Müller"),
        ("&amp;amp;", "&amp;"),
        ("AT&T; R&D", "AT&T; R&D"),
        ("a&copy b&lt", "a&copy b&lt"),
        ("&unknown; &;", "&unknown; &;"),
    ],
)
def test_names_are_stored_as_html(shop: WooShop, opened: Callable[..., Source], stored: str, meant: str) -> None:
    shop.add_customer("a@mail.example", first_name=stored, company=stored)
    shop.add_guest_order("b@mail.example", last_name=stored, city=stored)
    source = opened()
    (customer,) = [source.decode("customers", row, lambda _: None) for row in read(source, "customers").rows]
    assert (customer.profile["first_name"], customer.profile["company"]) == (meant, meant)
    (order,) = [source.decode("orders", row, lambda _: None) for row in read(source, "orders").rows]
    assert (order.profile["last_name"], order.profile["city"]) == (meant, meant)
