"""The guard `consent_signal`: most people whose newsletter status was known have none now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cleverreach_sync.errors import GuardError
from tests.e2e.program import Program
from tests.shops.plentymarkets import PlentySystem
from tests.shops.shopware6 import FakeShopware
from tests.shops.woocommerce import META, PASSWORD, USER, WooShop

DAY = 86_400
PEOPLE = [f"p{number}@mail.example" for number in range(6)]


@pytest.fixture
def woo() -> Iterator[WooShop]:
    found = WooShop()
    yield found
    found.close()


def refused(program: Program) -> dict[str, Any]:
    """A run that the guard refuses, as a diff says, too; nothing is written."""
    writes = program.state.traffic.writes
    told = program.run("diff").document["guards"]
    error = program.failing()
    assert isinstance(error, GuardError)
    assert "consent_signal" in str(error)
    assert "--force consent_signal" in (error.hint or "")
    assert program.state.traffic.writes == writes
    guard: dict[str, Any] = next(guard for guard in told if guard["name"] == "consent_signal")
    assert guard["refuses"]
    return guard


def read_from(program: Program, source: dict[str, Any], **sections: Any) -> None:
    program.settings["source"] = source
    program.config(**sections)


def accounts(program: Program, shop: WooShop, *said: bool | None) -> list[int]:
    read_from(program, shop.settings())
    found = [shop.add_customer(email, consent=given) for email, given in zip(PEOPLE, said, strict=False)]
    program.run()
    return found


def forget(shop: WooShop, customers: list[int]) -> None:
    for customer in customers:
        shop.set_meta(shop.customers[customer], META, None)


@pytest.mark.parametrize("gone", [4, 5])
def test_a_key_that_is_hidden_from_most(program: Program, woo: WooShop, gone: int) -> None:
    said = (True, True, True, True, False, None)
    customers = accounts(program, woo, *said)
    forget(woo, customers[:gone])
    guard = refused(program)
    assert (guard["limit"], guard["value"]) == (2, gone)
    assert "WooCommerce customers" in guard["reason"]
    program.run("resync", forced=frozenset({"consent_signal"}))
    assert program.active() == set()
    assert program.counts()["people"] == 6  # and that was it


@pytest.mark.parametrize(
    ("said", "gone"),
    [
        ((True, True, True, True, True, True), 3),  # half of them still say something
        ((True, True, False), 2),  # two people are no signal
        ((True, None, None, None, None, None), 1),
    ],
)
def test_what_happens_every_day(program: Program, woo: WooShop, said: tuple[bool | None, ...], gone: int) -> None:
    customers = accounts(program, woo, *said)
    forget(woo, customers[:gone])
    guards = {guard["name"]: guard for guard in program.run().document["guards"]}
    assert not guards["consent_signal"]["refuses"]


def test_who_says_the_opposite_says_something(program: Program, woo: WooShop) -> None:
    for customer in accounts(program, woo, *[True] * 6):
        woo.set_consent(customer, given=False)
    assert program.counts()["deactivated"] == 6


def test_accounts_that_get_another_address_have_not_fallen_silent(program: Program, woo: WooShop) -> None:
    for customer in accounts(program, woo, *[True] * 6):
        woo.change_profile(customer, email=f"new{customer}@mail.example")
    assert program.counts()["created"] == 6


def test_whose_statement_was_gone_before_does_not_count(program: Program, woo: WooShop) -> None:
    """Some today, some tomorrow: half of those who are left would have to fall silent."""
    customers = accounts(program, woo, *[True] * 6)
    forget(woo, customers[:3])
    program.run()
    forget(woo, customers[3:4])
    program.run()
    assert len(program.active()) == 2


def test_mailpoet_has_hardly_anybody_any_more(program: Program, woo: WooShop) -> None:
    read_from(program, woo.settings(subscribed_by="mailpoet", username=USER, application_password=PASSWORD))
    subscribers = [woo.add_subscriber(email) for email in PEOPLE]
    program.run()
    for subscriber in subscribers[:4]:
        del woo.subscribers[subscriber]
    assert "mailpoet" in refused(program)["reason"]


def test_shopware_has_hardly_any_recipient_any_more(program: Program) -> None:
    shop = FakeShopware()
    try:
        read_from(program, shop.settings())
        recipients = [shop.add_recipient(email) for email in PEOPLE]
        program.run()
        for recipient in recipients[:4]:
            del shop.recipients[recipient]
        shop.now += DAY
        assert refused(program)["value"] == 4
    finally:
        shop.close()


def test_plentymarkets_has_hardly_any_recipient_any_more(program: Program) -> None:
    shop = PlentySystem()
    try:
        read_from(program, shop.settings())
        for email in PEOPLE:
            shop.add_customer(email, consent=True)
        program.run()
        assert len(program.active()) == 6
        for recipient in list(shop.recipients)[:4]:
            del shop.recipients[recipient]
        assert refused(program)["value"] == 4
    finally:
        shop.close()


@pytest.mark.parametrize("complete", [True, False])
def test_a_file_whose_column_is_empty_now(program: Program, *, complete: bool) -> None:
    """Only of one that says that it holds everybody; nobody's consent ends by an empty cell."""
    program.config(source={"complete": complete})
    program.write(*({"email": email, "subscribed": "yes", "orders": "1"} for email in PEOPLE))
    program.run()
    program.write(*({"email": email, "orders": "1"} for email in PEOPLE))
    if complete:
        assert refused(program)["value"] == 6
    assert "deactivated" not in program.counts(forced=frozenset({"consent_signal"}))


def test_a_consent_file_beside_a_shop(program: Program, woo: WooShop) -> None:
    newsletter = program.folder / "newsletter.csv"
    read_from(program, woo.settings(subscribed_by="none"), consent={"path": newsletter.name, "absent": "no"})
    for email in PEOPLE:
        woo.add_guest_order(email)
    newsletter.write_text("email,subscribed\n" + "".join(f"{email},yes\n" for email in PEOPLE), encoding="utf-8")
    program.run()
    newsletter.write_text(f"email,subscribed\n{PEOPLE[0]},yes\n", encoding="utf-8")
    assert refused(program)["value"] == 5
    counts = program.counts(forced=frozenset({"consent_signal"}))
    assert counts["deactivated"] == 5
    program.run()
