"""What is special about Shopware 5: its credentials, its dates, its guests, and what its lists do not show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cleverreach_sync.domain.model import RANK_GUEST, ConsentState
from cleverreach_sync.errors import AuthError, TemporaryError, UsageError
from cleverreach_sync.sources.interface import Source
from tests.shops.reading import Known, Watched, opening, read
from tests.shops.server import Answering, Asked, Reply
from tests.shops.shopware5 import KEY, FakeShopware5


@pytest.fixture
def shop() -> Iterator[FakeShopware5]:
    found = FakeShopware5()
    yield found
    found.close()


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def source(shop: FakeShopware5, watched: Watched) -> Iterator[Source]:
    with opening(shop, watched) as open_it:
        yield open_it()


def authorizations(shop: FakeShopware5) -> list[str]:
    return [asked.headers.get("authorization", "").split(" ")[0] for asked in shop.log]


def test_basic_is_tried_first(shop: FakeShopware5, source: Source) -> None:
    shop.add_customer("anna@mail.example")
    read(source, "customers")
    assert set(authorizations(shop)) == {"Basic"}


def test_digest_where_the_shop_asks_for_it(shop: FakeShopware5, source: Source, watched: Watched) -> None:
    shop.digest_only = True
    for number in range(40):
        shop.add_order(shop.add_customer(f"p{number}@mail.example", city="Köln"))
    assert len(Known().run(source)) == 40
    assert authorizations(shop).count("Basic") == 1
    assert watched.waits == []


def test_a_nonce_that_ran_out_is_taken_anew(shop: FakeShopware5, source: Source, watched: Watched) -> None:
    shop.digest_only = True
    for number in range(120):
        shop.add_customer(f"p{number}@mail.example")

    def change(asked: Asked) -> None:
        if len(shop.log) in (10, 60):
            shop.nonce = str(len(shop.log)) * 16

    shop.before_page = change
    assert len(Known().run(source)) == 120
    assert watched.waits == []


def test_a_wrong_key_ends_after_both(shop: FakeShopware5, source: Source, watched: Watched) -> None:
    shop.refuse()
    with pytest.raises(AuthError, match="user and API key") as caught:
        read(source, "customers")
    assert authorizations(shop) == ["Basic", "Digest"]
    said = f"{caught.value.message} {caught.value.hint} {watched.said}"
    for asked in shop.log:
        assert asked.headers["authorization"].split(" ", 1)[1] not in said
    assert KEY not in said


def test_a_password_of_the_web_server(shop: FakeShopware5, source: Source) -> None:
    page = Reply(401, b"<html>Who are you?</html>", {"WWW-Authenticate": 'Basic realm="Staging"'}, "text/html")
    shop.fail(lambda _asked, _answer: page, 10)
    with pytest.raises(AuthError, match="password of its own"):
        read(source, "customers")


def test_a_wrong_address(shop: FakeShopware5, watched: Watched) -> None:
    with opening(shop, watched) as open_it:
        source = open_it(url=f"{shop.url}/de")
        with pytest.raises(UsageError, match="no API of Shopware 5"):
            read(source, "customers")


def test_guests_are_nobody_by_themselves(shop: FakeShopware5, source: Source) -> None:
    shop.add_guest_order("guest@post.example", "7.00", first_name="Gerd", city="Bonn")
    aborted = shop.add_guest_order("cart@post.example", "9.00")
    shop.orders[aborted] |= {"number": "0", "orderStatusId": -1}
    found = Known().run(source)
    assert found["guest@post.example"].is_person
    assert found["guest@post.example"].profile["city"] == "Bonn"
    assert not found["cart@post.example"].is_person
    record = source.decode("customers", read(source, "customers").rows[0], lambda _: None)
    assert record.rank == RANK_GUEST


def test_whoever_never_confirmed_the_registration_is_nobody_yet(shop: FakeShopware5, source: Source) -> None:
    customer = shop.add_customer("anna@mail.example")
    shop.customers[customer] |= {"doubleOptinRegister": True}
    assert not Known().run(source)["anna@mail.example"].is_person
    shop.customers[customer] |= {"doubleOptinConfirmDate": shop.date()}
    assert Known().run(source)["anna@mail.example"].is_person


def test_the_flag_of_the_newsletter_is_not_believed(shop: FakeShopware5, source: Source) -> None:
    for number in (0, 1):
        shop.customers[shop.add_customer(f"p{number}@mail.example")]["newsletter"] = number
    assert {person.consent.state for person in Known().run(source).values()} == {ConsentState.UNKNOWN}


@pytest.mark.parametrize("status", [-1, 4])
def test_orders_that_do_not_count(shop: FakeShopware5, source: Source, status: int) -> None:
    customer = shop.add_customer("anna@mail.example")
    shop.orders[shop.add_order(customer)]["orderStatusId"] = status
    shop.add_order(customer, "3.50")
    (person,) = Known().run(source).values()
    assert person.purchases is not None
    assert (person.purchases.number, person.purchases.total) == (1, "3.50")


def test_statuses_of_the_config(shop: FakeShopware5, watched: Watched) -> None:
    customer = shop.add_customer("anna@mail.example")
    for status in (0, 2, 7):
        shop.orders[shop.add_order(customer)]["orderStatusId"] = status
    with opening(shop, watched) as open_it:
        (person,) = Known().run(open_it(buyer_statuses=[2, 7])).values()
    assert person.purchases is not None
    assert person.purchases.number == 2


def test_an_order_whose_customer_is_gone_is_nobodys(shop: FakeShopware5, source: Source) -> None:
    gone = shop.add_customer("gone@mail.example")
    shop.add_order(gone)
    shop.delete_customer(gone)
    assert Known().run(source) == {}
    assert read(source, "orders").unreadable == []


def test_dates_have_the_zone_of_the_shop(shop: FakeShopware5, source: Source) -> None:
    shop.add_order(shop.add_customer("anna@mail.example"))
    (person,) = Known().run(source).values()
    assert person.purchases is not None
    assert person.purchases.last_at == shop.now


def test_a_customer_who_was_changed_without_a_date_is_seen(shop: FakeShopware5, source: Source) -> None:
    customer = shop.add_customer("anna@mail.example", first_name="Anna")
    known = Known()
    known.run(source)
    shop.customers[customer]["firstname"] = "Anne"
    assert known.run(source)["anna@mail.example"].profile["first_name"] == "Anne"


def test_a_status_that_moved_no_date_is_seen_at_the_full_read(shop: FakeShopware5, source: Source) -> None:
    order = shop.add_order(shop.add_customer("anna@mail.example"))
    known = Known()
    known.run(source)
    shop.orders[order]["orderStatusId"] = 4
    shop.now += 86_401
    (person,) = known.run(source).values()
    assert person.purchases is None or person.purchases.number == 0


def test_an_imported_order_of_long_ago_is_new(shop: FakeShopware5, source: Source) -> None:
    customer = shop.add_customer("anna@mail.example")
    shop.add_order(customer)
    known = Known()
    known.run(source)
    shop.orders[shop.add_order(customer)]["orderTime"] = "2012-08-30T15:16:55+0200"
    (person,) = known.run(source).values()
    assert person.purchases is not None
    assert person.purchases.number == 2


def test_an_unchanged_run_takes_few_requests(shop: FakeShopware5, source: Source) -> None:
    for number in range(60):
        shop.add_order(shop.add_customer(f"p{number}@mail.example"))
    shop.now += 100_000
    known = Known()
    known.run(source)
    shop.now += 3600
    shop.log.clear()
    known.run(source)
    assert [asked for asked in shop.log if not shop.is_page(asked)] == [], "nobody is asked for alone"
    assert len(shop.log) <= 10


def test_the_address_comes_with_the_first_order(shop: FakeShopware5, source: Source) -> None:
    customer = shop.add_customer("anna@mail.example", city="Köln")
    shop.add_customer("bert@mail.example", city="Bonn")
    known = Known()
    shop.now += 200_000
    known.run(source)
    shop.now += 3600
    shop.add_order(customer)
    shop.log.clear()
    found = known.run(source)
    assert found["anna@mail.example"].profile["city"] == "Köln"
    assert "city" not in found["bert@mail.example"].profile


def test_without_addresses_nobody_is_asked_for_alone(shop: FakeShopware5, watched: Watched) -> None:
    shop.add_customer("anna@mail.example", city="Köln")
    with opening(shop, watched) as open_it:
        (person,) = Known().run(open_it(addresses=False)).values()
    assert "city" not in person.profile
    assert all(shop.is_page(asked) for asked in shop.log)


def test_whoever_is_deleted_before_the_address_is_asked_for(shop: FakeShopware5, source: Source) -> None:
    customers = [shop.add_customer(f"p{number}@mail.example") for number in range(3)]

    def delete(asked: Asked) -> None:
        if asked.path == f"/api/customers/{customers[0]}":
            shop.delete_customer(customers[1])

    shop.before_page = delete
    found = read(source, "addresses")
    assert found.end is not None
    assert {row.ident for row in found.rows} >= {str(customers[0]), str(customers[2])}


def test_an_older_shop_without_a_date_of_change_is_read_in_full(shop: FakeShopware5, source: Source) -> None:
    shop.fields["orders"].discard("changed")
    customer = shop.add_customer("anna@mail.example")
    shop.add_order(customer)
    known = Known()
    known.run(source)
    shop.add_order(customer)
    (person,) = known.run(source).values()
    assert person.purchases is not None
    assert person.purchases.number == 2


def test_a_page_that_is_empty_by_mistake_makes_nobody_gone(shop: FakeShopware5, source: Source) -> None:
    for number in range(700):
        shop.add_customer(f"p{number}@mail.example")

    def empty(asked: Asked, answer: Answering) -> Reply:
        if asked.query.get("filter[0][value]") in (None, "0"):
            return answer(asked)
        return Reply.json({"data": [], "total": 0, "success": True})

    shop.fail(empty, 10)
    found = read(source, "customers")
    assert len(found.rows) == 500
    assert found.end is not None
    assert not found.end.complete
    assert source.warnings


def test_a_list_without_what_it_needs_is_none(shop: FakeShopware5, source: Source) -> None:
    """An order whose status is not shown would take its purchase back."""
    shop.add_order(shop.add_customer("anna@mail.example"))

    def without(row: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in row.items() if name != "orderStatusId"}

    shop.fail(lambda asked, answer: Reply.json({"data": [*map(without, shop.orders.values())], "total": 1}), 1000)
    with pytest.raises(TemporaryError):
        read(source, "orders")


def test_check_names_version_and_that_nobody_is_known_to_subscribe(shop: FakeShopware5, source: Source) -> None:
    shop.add_order(shop.add_customer("anna@mail.example"))
    found = list(source.inspect())
    assert "Shopware 5.7.18" in found[0].message
    assert found[-1].hint is not None
    assert "consent:" in found[-1].hint
