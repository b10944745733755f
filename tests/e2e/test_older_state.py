"""A ledger that an older version left behind: nobody is sent again, and from the first run on orders have owners."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from cleverreach_sync.state.files import LocalDocument
from cleverreach_sync.state.keys import Keys
from tests.e2e.program import Program
from tests.e2e.running import counted
from tests.shops.woocommerce import WooShop

STATES = Path(__file__).parent / "states"
A, MIXED, GUEST, NEW = "a@mail.example", "mixed@mail.example", "guest@mail.example", "new@mail.example"
HOUR = 3600


class Older:
    """A shop after the first `sync` of the older version. `a` and `mixed` are accounts, the latter of somebody who has
    ordered as a guest, too."""

    def __init__(self, shop: WooShop, program: Program, version: str) -> None:
        self.shop = shop
        self.version = version
        self.program = program
        program.state.create_attribute("ordercount", "number")
        program.settings["source"] = shop.settings(subscribed_by="none")
        program.settings["attributes"]["map"] = {"ordercount": "orders", "firstname": "first_name"}
        program.config()
        self._latest = shop.add_order(shop.add_customer("other@mail.example"))
        self.a = self._account(A, 2)
        self.mixed = self._account(MIXED, 1)
        shop.add_guest_order(MIXED)
        shop.add_guest_order(GUEST)
        shop.add_guest_order("pending@mail.example", status="pending")
        shop.now += HOUR
        assert program.counts()["created"] == 4
        self._put_back()
        shop.now += HOUR

    def _account(self, email: str, orders: int) -> int:
        customer = self.shop.add_customer(email)
        for _ in range(orders):
            self.shop.add_order(customer)
        return customer

    def _put_back(self) -> None:
        """Ledger and key of the older version, about the same recipients."""
        state = self.program.state_path
        text = (STATES / f"ledger-{self.version}.sql").read_text(encoding="ascii")
        known = state / "ledger.sqlite3"
        known.unlink()
        with contextlib.closing(sqlite3.connect(known)) as ledger:
            ledger.executescript(text)
            (ident,) = ledger.execute("select value from meta where name = 'id'").fetchone()
            keys = Keys(bytes.fromhex(text.partition("-- key ")[2].partition("\n")[0]))
            for email, shown in self.program.list().items():
                query = "update person set receiver_id = ? where key = ? and outcome = 'unchanged'"
                assert ledger.execute(query, (shown.id, keys.address(email))).rowcount == 1
            ledger.commit()
        keys.save(LocalDocument(state / "key"))
        checkpoint = json.loads((state / "checkpoint.json").read_text())
        for name in ("checksum", "generation"):
            del checkpoint[name]
        (state / "checkpoint.json").write_text(json.dumps({**checkpoint, "ledger_id": ident}))

    def meta(self) -> dict[str, str]:
        path = self.program.state_path / "ledger.sqlite3"
        with contextlib.closing(sqlite3.connect(path)) as ledger:
            return dict(ledger.execute("select name, value from meta"))

    def batches(self) -> int:
        """How many are under way, by the ledger."""
        with contextlib.closing(sqlite3.connect(self.program.state_path / "ledger.sqlite3")) as ledger:
            return int(ledger.execute("select count(*) from attempt").fetchone()[0])

    def sync(self) -> dict[str, int]:
        """Somebody else's order is always the newest, so that those before it are not read again."""
        self.shop.now += HOUR
        self.shop.touch(self._latest)
        counts = self.program.counts()
        return {
            name: number for name, number in counts.items() if name not in ("rows", "people", "skipped", "unchanged")
        }

    def active(self) -> dict[str, str]:
        """Who is mailed, and the number of their orders."""
        return {
            email: shown.values.get("ordercount", "")
            for email, shown in self.program.list().items()
            if shown.active and email != "other@mail.example"
        }


@pytest.fixture(params=["1", "2"])
def older(program: Program, request: pytest.FixtureRequest) -> Iterator[Older]:
    shop = WooShop()
    yield Older(shop, program, request.param)
    shop.close()


def test_nobody_is_sent_again(older: Older) -> None:
    writes = older.program.state.traffic.writes
    assert older.meta()["schema"] == older.version
    assert "generation" not in older.program.checkpoint
    assert older.sync() == {}
    assert older.program.state.traffic.writes == writes
    assert older.meta()["schema"] == "3"
    assert "owners" not in older.meta()
    assert int(older.meta()["generation"]) == older.program.checkpoint["generation"] > 0
    assert older.batches() == 0
    older.shop.log.clear()
    assert older.sync() == {}
    assert all("modified_after" in asked.query for asked in older.shop.pages("orders")), "only what was changed"


def test_a_diff_leaves_it_as_it_is(older: Older) -> None:
    before = older.program.files()
    assert counted(older.program.run("diff").document)["unchanged"] == 4
    assert older.program.files() == before


def test_one_that_was_damaged_before_is_refused(older: Older) -> None:
    path = older.program.state_path / "ledger.sqlite3"
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(4096) + content[8192:])
    before = older.program.files()
    assert older.program.failing().code == 9
    assert older.program.files() == {**before, "lock": older.program.files()["lock"]}


def test_an_account_moves_before_the_first_run(older: Older) -> None:
    older.shop.change_profile(older.a, email=NEW)
    assert older.sync() == {"created": 1, "deactivated": 1}
    assert older.active() == {NEW: "2", MIXED: "2", GUEST: "1"}
    assert older.sync() == {}


def test_an_account_moves_from_the_address_of_a_guest_before_the_first_run(older: Older) -> None:
    older.shop.change_profile(older.mixed, email=NEW)
    assert older.sync() == {"created": 1, "updated": 1}
    assert older.active() == {A: "2", NEW: "1", MIXED: "1", GUEST: "1"}
    assert older.sync() == {}


def test_accounts_move_after_the_first_run(older: Older) -> None:
    older.sync()
    older.shop.change_profile(older.a, email=NEW)
    older.shop.change_profile(older.mixed, email=A)
    assert older.sync() == {"created": 1, "updated": 2}
    assert older.active() == {NEW: "2", A: "1", MIXED: "1", GUEST: "1"}


@pytest.mark.parametrize(
    ("place", "when", "number"),
    [("state.ledger:Ledger.record", "after", 2), ("run.write.writing:Writer._record_decided", "after", 1)],
)
def test_killed_in_the_first_run(older: Older, place: str, when: str, number: int) -> None:
    """The next one reads every order once more."""
    older.shop.add_guest_order("late@mail.example")
    older.program.killed(place, when, number)
    assert older.meta()["schema"] == "3"
    assert older.meta().get("owners") == {"1": "unknown"}.get(older.version)
    older.sync()
    older.shop.change_profile(older.a, email=NEW)
    assert older.sync() == {"created": 1, "deactivated": 1}
    assert older.active() == {NEW: "2", MIXED: "2", GUEST: "1", "late@mail.example": "1"}
