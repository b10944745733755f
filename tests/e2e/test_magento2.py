"""Whole runs from a Magento 2 shop into a list: each change in the shop arrives, and nothing else is sent."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cleverreach_sync.cli.app import run
from cleverreach_sync.errors import AuthError, GuardError, UsageError
from cleverreach_sync.sandbox.server import RunningSandbox
from tests.e2e.meddling import change_checkpoint, interrupt_at
from tests.e2e.program import Program
from tests.shops.magento2 import BASE, KEYS, ORDER_RIGHT, OUTLET, FakeMagento
from tests.shops.server import Answering, Asked, Reply

SUBSCRIBER, BUYER, CONTACT = (f"Magento-Special.{kind}" for kind in ("Subscriber", "Buyer", "Contact"))
HOUR = 3600
ANNA, BEN, GAST = "anna@mail.example", "ben@mail.example", "gast@post.example"


class Merchant:
    """A shop, a list, and what lies between. The shop's clock begins long before the machine's, whose signatures it
    refuses until it has told its time."""

    def __init__(self, shop: FakeMagento, program: Program) -> None:
        self.shop = shop
        self.program = program
        shop.now = int(program.clock.wall()) - 20 * HOUR
        self.config()

    def config(self, source: dict[str, Any] | None = None, **sections: Any) -> None:
        self.program.settings["source"] = self.shop.settings(**{"reconcile_every": "12h", **(source or {})})
        self.program.config(**sections)

    def fill(self) -> tuple[int, int]:
        """Anna is a subscriber who has bought, with and without her account; Ben is neither. Returns their IDs."""
        anna = self.shop.add_customer("Anna@Mail.example", consent=True, first_name="Anna", city="Köln")
        self.shop.add_order(anna)
        self.shop.add_guest_order("ANNA@mail.example", first_name="A.", city="Bonn")
        ben = self.shop.add_customer(BEN, first_name="Ben", city="Ulm")
        self.shop.add_guest_order("Gast@Post.example", first_name="Gustav", city="Bonn")
        self.shop.now += HOUR
        self.shop.add_order(self.shop.add_customer("newest@mail.example"))
        return anna, ben

    def sync(self) -> dict[str, int]:
        self.shop.log.clear()
        return self.program.counts()

    def nothing(self) -> bool:
        """Whether a run has nothing to write."""
        writes = self.program.state.traffic.writes
        self.sync()
        return self.program.state.traffic.writes == writes

    def tags(self) -> dict[str, set[str]]:
        return {
            email: set(shown.tags) for email, shown in self.program.list().items() if email != "newest@mail.example"
        }

    def field(self, email: str, name: str) -> str:
        return str(self.program.list()[email].values[name])

    def later(self, hours: float = 1) -> None:
        self.shop.now += int(hours * HOUR)


@pytest.fixture
def shop() -> Iterator[FakeMagento]:
    found = FakeMagento()
    yield found
    found.close()


@pytest.fixture
def merchant(shop: FakeMagento, program: Program) -> Merchant:
    return Merchant(shop, program)


def test_the_first_sync_and_one_without_a_change(merchant: Merchant) -> None:
    merchant.fill()
    merchant.shop.add_guest_order("cancelled@post.example", state="canceled")
    counts = merchant.sync()
    assert counts["created"] == 3
    assert merchant.tags() == {ANNA: {SUBSCRIBER, BUYER}, GAST: {BUYER}}
    assert (merchant.field(ANNA, "firstname"), merchant.field(ANNA, "city")) == ("Anna", "Köln")
    assert merchant.field(GAST, "firstname") == "Gustav"
    merchant.later()
    assert merchant.nothing()
    assert len(merchant.shop.log) <= 7, "one is signed twice, as the clocks differ"


def test_each_signal_alone(merchant: Merchant) -> None:
    anna, ben = merchant.fill()
    merchant.sync()
    merchant.later()
    merchant.shop.change_profile(anna, city="Trier")
    assert merchant.sync()["updated"] == 1
    assert merchant.field(ANNA, "city") == "Trier"
    merchant.later()
    order = merchant.shop.add_order(ben)
    assert merchant.sync()["created"] == 1
    assert merchant.tags()[BEN] == {BUYER}
    assert merchant.field(BEN, "firstname") == "Ben", "though nothing of him was read but the order"
    merchant.later()
    merchant.shop.cancel_order(order)
    merchant.sync()
    assert merchant.tags()[BEN] == set()
    merchant.shop.set_consent(ben, given=True)
    merchant.later(12)
    merchant.sync()
    assert merchant.tags()[BEN] == {SUBSCRIBER}
    assert merchant.nothing()


def test_a_withdrawal_without_a_date_is_noticed_at_the_next_full_pass(merchant: Merchant) -> None:
    anna, _ = merchant.fill()
    merchant.sync()
    assert ANNA in merchant.program.active()
    merchant.later()
    merchant.shop.set_consent(anna, given=False)
    assert merchant.nothing()
    merchant.later(12)
    assert merchant.sync()["deactivated"] == 1
    assert ANNA not in merchant.program.active()
    assert merchant.tags()[ANNA] == {BUYER}
    merchant.later(12)
    assert merchant.nothing()


def test_who_unsubscribed_in_the_list_stays_out(merchant: Merchant) -> None:
    anna, _ = merchant.fill()
    merchant.sync()
    merchant.program.state.unsubscribe(ANNA)
    for given in (False, True):
        merchant.later(13)
        merchant.shop.set_consent(anna, given=given)
        merchant.shop.add_order(anna)
        merchant.sync()
        assert ANNA not in merchant.program.active()


def test_a_shop_that_no_longer_tells_ends_nobodys_consent(merchant: Merchant) -> None:
    for number in range(6):
        merchant.shop.add_customer(f"p{number}@mail.example", consent=True)
    merchant.sync()
    merchant.shop.tells_subscribed = False
    merchant.later(13)
    active = merchant.program.active()
    assert isinstance(merchant.program.failing(), GuardError)
    assert merchant.program.active() == active


def test_a_shop_that_does_not_understand_what_it_is_asked_ends_nobodys_consent(merchant: Merchant) -> None:
    merchant.fill()
    merchant.sync()
    merchant.later(13)

    def deaf(asked: Asked, answer: Answering) -> Reply:
        reply = answer(asked)
        if "gt" not in asked.query.values() and "gteq" not in asked.query.values():
            return reply
        return Reply.json({"items": None, "total_count": 0})

    merchant.shop.fail(deaf, 1000)
    active = merchant.program.active()
    assert isinstance(merchant.program.failing(), UsageError)
    assert merchant.program.active() == active


def test_another_e_mail_address_of_an_account(merchant: Merchant) -> None:
    anna, _ = merchant.fill()
    merchant.sync()
    merchant.later()
    merchant.shop.change_profile(anna, email="anna@new.example")
    merchant.sync()
    assert merchant.tags()["anna@new.example"] == {SUBSCRIBER, BUYER}
    assert ANNA not in merchant.program.active()
    assert "anna@new.example" in merchant.program.active()
    merchant.later()
    merchant.shop.cancel_order(2)  # the order keeps the old address
    merchant.sync()
    assert merchant.tags()["anna@new.example"] == {SUBSCRIBER}


def test_a_right_that_was_taken_away_changes_nothing(merchant: Merchant) -> None:
    merchant.fill()
    merchant.sync()
    before = merchant.program.list()
    merchant.shop.rights.remove(ORDER_RIGHT)
    assert isinstance(merchant.program.failing(), AuthError)
    assert merchant.program.list() == before


def test_one_of_two_websites(merchant: Merchant) -> None:
    merchant.fill()
    merchant.shop.add_order(merchant.shop.add_customer("lise@mail.example", consent=True, website=OUTLET))
    merchant.config({"websites": [OUTLET]})
    merchant.sync()
    assert merchant.tags() == {"lise@mail.example": {SUBSCRIBER, BUYER}}
    merchant.later()
    merchant.config({"websites": [BASE, OUTLET]})
    merchant.sync()
    assert merchant.tags()[ANNA] == {SUBSCRIBER, BUYER}


@pytest.mark.parametrize("seed", range(2))
def test_a_shop_that_lives(merchant: Merchant, seed: int) -> None:
    """What increments made of the list is what a full read makes of it, and nobody who is out is mailed."""
    chance, shop = random.Random(seed), merchant.shop
    merchant.config(activate=["subscriber"])
    customers = [shop.add_customer(f"P{n}@mail.example", consent=n % 3 == 0) for n in range(20)]
    orders = [shop.add_guest_order(f"g{n}@post.example") for n in range(5)]
    merchant.sync()
    for step in range(8):
        for _ in range(chance.randint(0, 6)):
            merchant.later(chance.choice((0, 0.01, 0.5)))
            match chance.randint(0, 6):
                case 0:
                    customers.append(shop.add_customer(f"n{len(customers)}@mail.example", city="Köln"))
                case 1:
                    orders.append(shop.add_order(chance.choice(customers)))
                case 2:
                    orders.append(shop.add_guest_order(f"G{chance.randint(0, 9)}@post.example", city=f"Ort {step}"))
                case 3 | 4:
                    shop.set_consent(chance.choice(customers), given=chance.random() < 0.5)
                case 5:
                    shop.change_profile(chance.choice(customers), city=f"Ort {step}")
                case 6:
                    shop.cancel_order(chance.choice(orders))
        merchant.sync()
    merchant.later(13)
    merchant.sync()
    before = merchant.program.list()
    change_checkpoint(merchant.program.state_path / "checkpoint.json", cursors={})
    assert merchant.nothing()
    assert merchant.program.list() == before
    subscribed = {
        row["email"].lower() for row in shop.customers.values() if row["extension_attributes"]["is_subscribed"]
    }
    assert merchant.program.active() <= subscribed
    merchant.program.check_ledger()


def test_a_kill_while_it_writes_loses_nobody(merchant: Merchant) -> None:
    merchant.fill()
    for number in range(200):
        merchant.shop.add_customer(f"p{number}@mail.example", consent=True)
    merchant.config(target={"concurrency": 1})
    with merchant.program.start("sync", "-q") as process:
        interrupt_at(merchant.program, process, 2)
        process.communicate(timeout=60)
    assert process.returncode == -9
    merchant.program.state.before_write = None
    merchant.later()
    merchant.sync()
    merchant.sync()
    assert len(merchant.program.active()) == 203
    assert merchant.nothing()
    merchant.program.check_ledger()


def test_init_check_and_sync(
    tmp_path: Path,
    shop: FakeMagento,
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init", "--source", "magento2", "--yes"]) == 0
    config = Path("sync.yaml").read_text(encoding="utf-8")
    config = config.replace('"https://shop.example.com"', shop.url)
    config = config.replace("  list: Online shop", f"  base_url: {sandbox.url}\n  list: Online shop")
    Path("sync.yaml").write_text(config, encoding="utf-8")
    access = {"CLEVERREACH_CLIENT_ID": "id-1", "CLEVERREACH_CLIENT_SECRET": "s3cret"}
    for name, value in {**access, **{f"MAGENTO_{key.upper()}": value for key, value in KEYS.items()}}.items():
        monkeypatch.setenv(name, value)
    shop.add_order(shop.add_customer("Anna@mail.example", consent=True, first_name="Anna"))
    assert run(["attrs", "create", "-q"]) == 0
    assert run(["check"]) == 0
    assert "1 customers at" in capsys.readouterr().out
    run(["sync", "-vv", "--force", "clock"])
    shop.rights.clear()
    assert run(["check"]) == 6
    out, err = capsys.readouterr()
    assert "Magento_Sales::actions_view" in out + err
    kept = b"".join(path.read_bytes() for path in Path(".crsync").rglob("*") if path.is_file()).decode("latin-1")
    assert kept
    for secret in (*shop.secrets(), *shop.planted, "nna@mail", "oauth_signature"):
        assert secret not in out + err + kept
