"""Accounts that move at random, among people who order, subscribe and leave: what the list must never and always show.

A model knows who has which address, what was ordered and agreed to. Whoever has left, and an address at which somebody
was ended, may stay inactive; everybody else has to be in the list as one read of the shop would have put them there.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.program import Program
from tests.e2e.running import counted
from tests.shops.woocommerce import WooShop

ADDRESSES = tuple(f"{letter}@mail.example" for letter in "abcdef")
OTHER = "other@mail.example"
HOUR = 3600


@dataclass
class Account:
    """`before` and `agreed` are its address and its consent at the last run."""

    email: str
    consent: bool
    before: str = ""
    agreed: bool = False
    left: bool = False


@dataclass
class Bought:
    """An order, of an account or of a guest."""

    account: int | None
    email: str
    counts: bool = True


class Town:
    """A shop, its list, and what is known of both."""

    def __init__(self, shop: WooShop, program: Program, seed: int) -> None:
        self.shop, self.program, self.random = shop, program, random.Random(seed)
        shop.now = int(program.clock.wall())
        program.state.create_attribute("ordercount", "number")
        program.settings["source"] = shop.settings()
        program.settings["attributes"]["map"] = {"ordercount": "orders"}
        program.config()
        self.other = shop.add_customer(OTHER, consent=False)
        self.accounts: dict[int, Account] = {}
        self.orders: dict[int, Bought] = {}
        self.left: set[str] = set()
        self.moved: set[str] = set()
        self.uncertain: set[str] = set()

    def at(self, email: str) -> list[Account]:
        return [account for account in self.accounts.values() if account.email == email]

    def bought_at(self, email: str) -> list[Bought]:
        def whose(order: Bought) -> str:
            return order.email if order.account is None else self.accounts[order.account].email

        return [order for order in self.orders.values() if order.counts and whose(order) == email]

    # What happens

    def something(self) -> None:
        often = (self.order, self.move)
        once = (self.come, self.order, self.guest, self.move, self.swap, self.change_consent, self.cancel, self.leave)
        self.random.choice([*once, *often])()

    def free(self) -> list[str]:
        return [email for email in ADDRESSES if not self.at(email)]

    def come(self) -> None:
        if free := self.free():
            email, consent = self.random.choice(free), self.random.random() < 0.5
            self.accounts[self.shop.add_customer(email, consent=consent)] = Account(email, consent)

    def order(self) -> None:
        if self.accounts:
            customer = self.random.choice(list(self.accounts))
            self.orders[self.shop.add_order(customer)] = Bought(customer, "")

    def guest(self) -> None:
        email = self.random.choice(ADDRESSES)
        self.orders[self.shop.add_guest_order(email)] = Bought(None, email)

    def move(self) -> None:
        if self.accounts and (free := self.free()):
            self.give(self.random.choice(list(self.accounts)), self.random.choice(free))

    def swap(self) -> None:
        if len(self.accounts) > 1:
            one, two = self.random.sample(list(self.accounts), 2)
            first, second = self.accounts[one].email, self.accounts[two].email
            self.give(one, second)
            self.give(two, first)

    def give(self, customer: int, email: str) -> None:
        self.shop.change_profile(customer, email=email)
        self.accounts[customer].email = email

    def change_consent(self) -> None:
        if self.accounts:
            customer, consent = self.random.choice(list(self.accounts)), self.random.random() < 0.4
            self.shop.set_consent(customer, given=consent)
            self.accounts[customer].consent = consent

    def cancel(self) -> None:
        if self.orders:
            order = self.random.choice(list(self.orders))
            self.shop.cancel_order(order)
            self.orders[order].counts = False

    def leave(self) -> None:
        """In the list: unsubscribed, or deleted by hand."""
        if active := sorted(self.active() - {OTHER}):
            email = self.random.choice(active)
            if self.random.random() < 0.5:
                self.program.state.unsubscribe(email)
            else:
                self.program.state.delete(email, self.program.list_id)
            self.left.add(email)
            for account in self.accounts.values():
                account.left = account.left or account.before == email

    def active(self) -> set[str]:
        return self.program.active() if self.program.state.groups else set()

    # What must be

    def sync(self) -> None:
        self.shop.now += HOUR
        self.program.clock.passed += HOUR
        self.shop.add_order(self.other)
        if self.random.random() < 0.2:
            self.program.run(limit=1)
        would = counted(self.program.run("diff").document)
        listed = set(self.program.list()) if self.program.state.groups else set()
        assert self.program.counts() == would
        self.learn()
        self.check_nobody_is_mailed_who_left(listed)
        self.check_everybody_else_is()

    def learn(self) -> None:
        """Whose consent ended had left, too; with whom it is not clear how they stand they take that along."""
        for account in self.accounts.values():
            account.left = account.left or account.before in self.left or (account.agreed and not account.consent)
            moved = account.before not in ("", account.email)
            if account.left or (moved and account.before in self.uncertain):
                self.uncertain |= {account.email, account.before}
        for account in self.accounts.values():
            if account.before not in ("", account.email):
                self.moved.add(account.before)
                self.uncertain.add(account.before)
            account.before, account.agreed = account.email, account.consent

    def check_nobody_is_mailed_who_left(self, listed: set[str]) -> None:
        for email in self.active() - {OTHER}:
            assert email not in self.left, "unsubscribed or deleted"
            here, guests = self.at(email), [order for order in self.orders.values() if order.email == email]
            assert here or guests or email not in self.moved, "nobody has this address any more"
            gone = bool(here) and not guests and all(account.left for account in here)
            assert not gone or email in listed, "whoever had left came back under another address"
            for account in here:
                account.left = False  # they have an address now that was mailed before they came

    def check_everybody_else_is(self) -> None:
        found = self.program.list()
        for email in set(ADDRESSES) - self.uncertain - self.left:
            bought = self.bought_at(email)
            kinds = {"Subscriber"} if any(account.consent for account in self.at(email)) else set()
            kinds |= {"Buyer"} if bought else set()
            if kinds:
                assert found[email].active
                assert {tag.rpartition(".")[2] for tag in found[email].tags} == kinds
                assert found[email].values.get("ordercount", "0") == str(len(bought)) or not bought


@pytest.fixture
def shop() -> Iterator[WooShop]:
    found = WooShop()
    yield found
    found.close()


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens(seed: int, shop: WooShop, program: Program) -> None:
    town = Town(shop, program, seed)
    for _ in range(town.random.randint(5, 9)):
        for _ in range(town.random.randint(1, 5)):
            town.something()
        town.sync()
    writes = program.state.traffic.writes
    program.run()
    assert program.state.traffic.writes == writes
