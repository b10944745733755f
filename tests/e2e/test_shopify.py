"""Whole runs from a shop at Shopify into a list: what changes in the shop arrives, and nothing else is sent."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import pytest

from cleverreach_sync.cli.app import run
from cleverreach_sync.clock import Stop
from cleverreach_sync.errors import AuthError, GuardError, TemporaryError
from cleverreach_sync.sandbox.server import RunningSandbox
from tests.e2e.gate import UPSERT, Gate, refusal
from tests.e2e.program import Program
from tests.shops.shopify import CLIENT, SHOP, TOKEN, FakeShopify, html

DAY = 24 * 3600
SUBSCRIBER, BUYER, CONTACT = "Shopify-Special.Subscriber", "Shopify-Special.Buyer", "Shopify-Special.Contact"


class Merchant:
    """A shop, a list, and what lies between. Its clock is the machine's, so that dates of consent are no future."""

    def __init__(self, shop: FakeShopify, program: Program) -> None:
        self.shop = shop
        self.program = program
        shop.now = int(program.clock.wall())
        before = program.clock.passed
        shop.passed = lambda: program.clock.passed - before
        self.config()

    def config(self, source: dict[str, Any] | None = None, **sections: Any) -> None:
        way = {"type": "shopify", "shop": SHOP, "url": self.shop.url, **CLIENT}
        self.program.settings["source"] = {**way, **(source or {})}
        self.program.config(**sections)

    def fill(self) -> None:
        """Five customers: a subscriber, a buyer without an account, both, neither, and one who left."""
        self.shop.add(1)
        self.shop.add(2, state="NOT_SUBSCRIBED", orders=1, last_order="2026-01-05T10:00:00Z")
        self.shop.add(3, orders=2, last_order="2026-02-05T10:00:00Z")
        self.shop.add(4, state="NOT_SUBSCRIBED")
        self.shop.add(5, state="UNSUBSCRIBED", orders=1, last_order="2026-03-05T10:00:00Z")

    def sync(self, **options: Any) -> dict[str, int]:
        """The counts of a run; the requests to the shop are in `shop.seen`."""
        self.shop.seen.clear()
        return self.program.counts(**options)

    def nothing(self) -> bool:
        """Whether a run has nothing to write."""
        writes = self.program.state.traffic.writes
        self.sync()
        return self.program.state.traffic.writes == writes

    def tags(self) -> dict[str, set[str]]:
        return {email: set(shown.tags) for email, shown in self.program.list().items()}

    def field(self, number: int, name: str) -> str:
        return str(self.program.list()[at(number)].values[name])

    def later(self, *, hours: float) -> None:
        self.program.clock.passed += hours * 3600


def at(number: int) -> str:
    return f"person{number:05}@example.org"


@pytest.fixture
def merchant(shopify: FakeShopify, program: Program) -> Merchant:
    return Merchant(shopify, program)


def test_the_first_run_and_the_second(merchant: Merchant) -> None:
    merchant.fill()
    assert merchant.sync() == {"rows": 5, "people": 5, "created": 3, "skipped": 2}
    assert merchant.tags() == {at(1): {SUBSCRIBER}, at(2): {BUYER}, at(3): {SUBSCRIBER, BUYER}}
    assert merchant.program.active() == {at(1), at(2), at(3)}
    assert merchant.field(2, "city") == "München"
    merchant.later(hours=1)
    assert merchant.nothing()
    assert "RunBulk" not in merchant.shop.seen


def test_every_kind(merchant: Merchant) -> None:
    merchant.config(tags=["subscriber", "buyer", "contact"], activate=["subscriber"])
    merchant.fill()
    merchant.sync()
    assert merchant.tags()[at(4)] == {CONTACT}
    assert merchant.program.active() == {at(1), at(3)}


def test_the_requests_are_counted(merchant: Merchant) -> None:
    merchant.fill()
    finished = merchant.program.run()
    assert finished.document["requests"]["source"] == len(merchant.shop.seen) == len(merchant.shop.log)
    assert finished.document["source"] == {"type": "shopify", "name": "Shopify"}


def test_a_customer_without_an_address_is_invalid(merchant: Merchant) -> None:
    merchant.fill()
    merchant.shop.add(6, None)
    merchant.shop.add(7, state="INVALID")
    finished = merchant.program.run()
    assert finished.document["invalid"] == {"email": 1, "subscribed": 1}
    assert finished.document["counts"]["created"] == 3


def test_a_new_order_of_a_known_guest(merchant: Merchant) -> None:
    merchant.config(attributes={"map": {"city": "city", "ordercount": "orders", "totalspent": "total_spent"}})
    for name in ("ordercount", "totalspent"):
        merchant.program.state.create_attribute(name, "number")
    merchant.fill()
    merchant.sync()
    merchant.later(hours=1)
    merchant.shop.orders(2, 2)
    merchant.shop.orders(4, 1)
    counts = merchant.sync()
    assert (counts["updated"], counts["created"]) == (1, 1)
    assert "RunBulk" not in merchant.shop.seen
    assert (merchant.field(2, "ordercount"), merchant.field(2, "totalspent")) == ("2", "98.50")
    assert merchant.tags()[at(4)] == {BUYER}
    assert merchant.nothing()


def test_a_moved_date_alone_sends_nothing(merchant: Merchant) -> None:
    merchant.fill()
    merchant.sync()
    merchant.later(hours=1)
    merchant.shop.change(1)
    assert merchant.nothing()


def test_another_address(merchant: Merchant) -> None:
    merchant.fill()
    merchant.sync()
    merchant.later(hours=1)
    merchant.shop.change(2, address={"city": "Hamburg"})
    assert merchant.sync()["updated"] == 1
    assert merchant.field(2, "city") == "Hamburg"


def test_a_withdrawal(merchant: Merchant) -> None:
    merchant.fill()
    merchant.sync()
    merchant.later(hours=1)
    merchant.shop.change(3, state="UNSUBSCRIBED")
    assert merchant.sync()["deactivated"] == 1
    assert "RunBulk" not in merchant.shop.seen
    assert merchant.program.active() == {at(1), at(2)}
    assert merchant.tags()[at(3)] == {BUYER}
    merchant.later(hours=48)
    assert merchant.nothing()


def test_a_withdrawal_that_moves_no_date(merchant: Merchant) -> None:
    """It is noticed when everybody is read again, within a day."""
    merchant.fill()
    merchant.shop.add(6, state="NOT_SUBSCRIBED", at=merchant.shop.clock() - 60)  # what increments go on from
    merchant.sync()
    merchant.later(hours=23)
    merchant.shop.change(1, touch=False, state="UNSUBSCRIBED")
    assert merchant.nothing()
    merchant.later(hours=1)
    assert merchant.sync()["deactivated"] == 1
    assert "RunBulk" in merchant.shop.seen
    assert merchant.program.active() == {at(2), at(3)}


def test_consent_given_again(merchant: Merchant) -> None:
    merchant.fill()
    merchant.sync()
    merchant.later(hours=1)
    merchant.shop.change(1, state="UNSUBSCRIBED")
    merchant.sync()
    merchant.later(hours=1)
    merchant.shop.change(1, state="SUBSCRIBED")
    merchant.sync()
    assert at(1) in merchant.program.active()


def test_a_subscriber_who_was_deleted(merchant: Merchant) -> None:
    merchant.fill()
    merchant.sync()
    merchant.shop.delete_customer(1)
    merchant.later(hours=25)
    assert merchant.sync()["deactivated"] == 1
    assert merchant.program.active() == {at(2), at(3)}


def test_another_e_mail_address(merchant: Merchant) -> None:
    merchant.fill()
    merchant.sync()
    merchant.later(hours=1)
    merchant.shop.change(3, email="anew@example.org")
    counts = merchant.sync()
    assert (counts["created"], counts["deactivated"]) == (1, 1)
    assert merchant.program.active() == {at(1), at(2), "anew@example.org"}
    assert merchant.nothing()


def test_a_kind_is_added(merchant: Merchant) -> None:
    merchant.config(tags=["subscriber"])
    merchant.fill()
    assert merchant.sync()["created"] == 2
    merchant.later(hours=1)
    merchant.config(tags=["subscriber", "buyer"])
    counts = merchant.sync()
    assert (counts["created"], counts["updated"], counts["unchanged"]) == (1, 1, 1)
    assert "RunBulk" in merchant.shop.seen
    assert merchant.tags() == {at(1): {SUBSCRIBER}, at(2): {BUYER}, at(3): {SUBSCRIBER, BUYER}}


def test_a_growing_shop(merchant: Merchant) -> None:
    """What increments made of the list is what one full read makes of it."""
    merchant.fill()
    merchant.sync()
    for step in range(8):
        merchant.later(hours=5)
        for number in range(100 * step + 10, 100 * step + 40):
            merchant.shop.add(number, at=merchant.shop.clock() - 60)
        merchant.shop.orders(100 * step + 10, 1)
        merchant.shop.change(100 * step + 11, address={"city": f"Ort {step}"})
        merchant.shop.change(100 * step + 12, state="UNSUBSCRIBED")
        merchant.sync()
        assert ("RunBulk" in merchant.shop.seen) == (step == 4)
    assert len(merchant.program.list()) == 3 + 8 * 29
    before = merchant.program.list()
    assert merchant.program.counts("diff", against_target=True).keys() == {"rows", "people", "unchanged", "skipped"}
    merchant.later(hours=25)
    assert merchant.nothing()
    assert merchant.program.list() == before


def test_an_interrupted_read_begins_anew(merchant: Merchant) -> None:
    """A signal while the shop writes its export: nothing was written, and the export is cancelled."""
    merchant.fill()
    stop = Stop()
    merchant.shop.before = lambda name: setattr(stop, "signum", 15) if name == "Bulk" else None
    error = merchant.program.failing(stop=stop)
    assert error.code == 143
    assert merchant.program.state.traffic.writes == 0
    merchant.shop.before = lambda _: None
    assert merchant.sync()["created"] == 3


def test_after_an_interrupted_write_the_shop_is_read_again(merchant: Merchant, gate: Gate) -> None:
    for number in range(500):
        merchant.shop.add(number)
    merchant.config(target={"concurrency": 1})
    stop = Stop()

    def meddle(asked: Any, carry_out: Any) -> Any:
        if asked.name == UPSERT and len(gate.writes()) == 4:
            stop.signum = 2
        return carry_out()

    gate.meddle = meddle
    assert merchant.program.failing(stop=stop).code == 130
    written = len(merchant.program.list())
    assert 0 < written < 500
    gate.meddle = None
    merchant.shop.change(499, state="UNSUBSCRIBED")
    merchant.shop.seen.clear()
    counts = merchant.sync()
    assert counts["people"] == 500
    assert "RunBulk" in merchant.shop.seen
    assert len(merchant.program.active()) == 499
    merchant.later(hours=1)
    assert merchant.nothing()
    assert "RunBulk" not in merchant.shop.seen, "the cursor moved with the run that ended"


def test_a_resync_after_an_interrupted_run_sends_everybody(merchant: Merchant, gate: Gate) -> None:
    """That run has read but who was changed."""
    merchant.fill()
    merchant.shop.add(6, at=merchant.shop.clock())
    merchant.sync()
    merchant.later(hours=1)
    merchant.shop.change(6, firstName="Neu")
    gate.on(UPSERT, refusal(403))
    assert isinstance(merchant.program.failing(), AuthError)
    assert merchant.program.history[-1]["counts"]["rows"] < 6
    assert merchant.program.counts("resync") == {"rows": 6, "people": 6, "updated": 4, "skipped": 2}


def test_a_cursor_stays_where_it_was_after_a_failure(merchant: Merchant, gate: Gate) -> None:
    merchant.fill()
    merchant.sync()
    before = merchant.program.checkpoint["cursors"]
    merchant.later(hours=1)
    merchant.shop.change(1, address={"city": "Hamburg"})
    merchant.shop.script["Customers"] = deque([html(503)] * 1000)
    assert isinstance(merchant.program.failing(), TemporaryError)
    assert merchant.program.checkpoint["cursors"] == before
    merchant.shop.script.clear()
    assert merchant.sync()["updated"] == 1
    assert merchant.program.checkpoint["cursors"] != before


@pytest.mark.parametrize("loses", [1, 40])
def test_an_export_that_lacks_customers_ends_nobodys_consent(merchant: Merchant, loses: int) -> None:
    for number in range(50):
        merchant.shop.add(number)
    merchant.sync()
    merchant.later(hours=25)
    merchant.shop.change(49)
    before = merchant.program.checkpoint["cursors"]
    merchant.shop.bulk_loses = loses
    merchant.sync()
    assert any("does not match" in warning for warning in merchant.program.said.warnings)
    assert merchant.program.checkpoint["cursors"] == before
    assert len(merchant.program.active()) == 50
    merchant.shop.bulk_loses = 0
    assert merchant.nothing()


def test_lost_permission_ends_nobodys_consent(merchant: Merchant) -> None:
    merchant.fill()
    merchant.sync()
    merchant.later(hours=25)
    merchant.shop.personal_data = False
    assert isinstance(merchant.program.failing(), AuthError)
    merchant.shop.personal_data = True
    for number in (1, 2, 3):
        merchant.shop.customers[number]["defaultEmailAddress"] = None
    merchant.shop.customers.pop(4)
    merchant.shop.customers.pop(5)
    merchant.sync()
    assert merchant.program.active() == {at(1), at(2), at(3)}


def test_a_shop_that_lost_its_customers_is_refused(merchant: Merchant) -> None:
    for number in range(300):
        merchant.shop.add(number)
    merchant.config(limits={"max_deactivated": "10%"})
    merchant.sync()
    merchant.shop.customers.clear()
    merchant.shop.add(1)
    merchant.later(hours=25)
    assert isinstance(merchant.program.failing(), GuardError)
    assert len(merchant.program.active()) == 300


def test_another_shop_is_noticed(merchant: Merchant) -> None:
    merchant.fill()
    merchant.sync()
    merchant.config({"shop": "other-shop.myshopify.com"})
    error = merchant.program.failing()
    assert isinstance(error, GuardError)
    assert "my-shop.myshopify.com to https://other-shop.myshopify.com" in error.message


def test_a_dry_run_leaves_everything_as_it_is(merchant: Merchant) -> None:
    merchant.fill()
    merchant.sync()
    files = merchant.program.files()
    merchant.later(hours=1)
    merchant.shop.change(1, address={"city": "Hamburg"})
    assert merchant.sync(command="diff")["updated"] == 1
    assert merchant.program.files() == files


def test_no_secret_is_shown_or_kept(merchant: Merchant, tmp_path: Path) -> None:
    merchant.fill()
    merchant.shop.bulk_polls = 0  # a process of its own waits for real
    merchant.program.config()
    ran = merchant.program.cli("sync", "-vv", "--format", "json")
    assert ran.code == 0, ran.err
    tokens = [token for token in merchant.shop.tokens if token != TOKEN]
    assert tokens
    kept = b"".join(merchant.program.files().values()).decode("latin-1")
    for secret in (*CLIENT.values(), *tokens, "signed-0815"):
        assert secret not in ran.out + ran.err + kept


def test_check_looks_at_the_shop(merchant: Merchant) -> None:
    merchant.fill()
    merchant.program.state.add_group("Online shop")
    merchant.program.config()
    ran = merchant.program.here("check")
    assert ran.code == 0, ran.err
    assert "'My Shop': 5 customers, guests included" in ran.out
    merchant.shop.scopes = frozenset({"read_customers"})
    ran = merchant.program.here("check")
    assert ran.code == 6
    assert "lacks the scope read_orders" in ran.out + ran.err


def test_init_check_and_sync_from_the_command_line(
    tmp_path: Path, shopify: FakeShopify, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run(["init", "--source", "shopify", "--yes"]) == 0
    config = Path("sync.yaml").read_text(encoding="utf-8").replace("my-shop.myshopify.com", SHOP)
    config = config.replace("  client_id: ${SHOPIFY", f"  url: {shopify.url}\n  client_id: ${{SHOPIFY")
    config = config.replace("  list: Online shop", f"  base_url: {sandbox.url}\n  list: Online shop")
    Path("sync.yaml").write_text(config, encoding="utf-8")
    access = {"SHOPIFY_CLIENT_ID": CLIENT["client_id"], "SHOPIFY_CLIENT_SECRET": CLIENT["client_secret"]}
    for name, value in {"CLEVERREACH_CLIENT_ID": "id-1", "CLEVERREACH_CLIENT_SECRET": "s3cret", **access}.items():
        monkeypatch.setenv(name, value)
    shopify.add(1)
    assert run(["attrs", "create", "-q"]) == 0
    assert run(["check", "--format", "json"]) == 0
    assert "1 customer, guests included" in capsys.readouterr().out
    assert run(["sync", "--format", "json"]) == 0
    assert '"created":1' in capsys.readouterr().out.replace(" ", "")
