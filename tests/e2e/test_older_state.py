"""A ledger that an older version left behind: nobody is sent again, and from the first run on orders have owners."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cleverreach_sync.state.keys import Keys
from tests.e2e.program import Program, counted, environment, program, sandbox, sandbox_of_process
from tests.shops.woocommerce import WooShop

__all__ = ["program", "sandbox", "sandbox_of_process"]

OLD = Path(__file__).parent / "states" / "ledger-1.sql"
A, MIXED, GUEST, NEW = "a@mail.example", "mixed@mail.example", "guest@mail.example", "new@mail.example"
HOUR = 3600


class Older:
    """A shop after the first `sync` of the older version. `a` and `mixed` are accounts, the latter of somebody who has
    ordered as a guest, too."""

    def __init__(self, shop: WooShop, program: Program) -> None:
        self.shop = shop
        self.program = program
        program.state.create_attribute("ordercount", "number")
        program.settings["source"] = shop.settings(subscribed_by="none")
        program.settings["attributes"]["map"] = {"ordercount": "orders", "firstname": "first_name"}
        program.configure()
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
        state, text = self.program.state_path, OLD.read_text(encoding="ascii")
        known = state / "ledger.sqlite3"
        known.unlink()
        with contextlib.closing(sqlite3.connect(known)) as ledger:
            ledger.executescript(text)
            (ident,) = ledger.execute("select value from meta where name = 'id'").fetchone()
            keys = Keys(bytes.fromhex(text.partition("-- key ")[2].partition("\n")[0]))
            for email, shown in self.program.recipients().items():
                query = "update person set receiver_id = ? where key = ? and outcome = 'unchanged'"
                assert ledger.execute(query, (shown["id"], keys.address(email))).rowcount == 1
            ledger.commit()
        keys.save(state / "key")
        checkpoint = json.loads((state / "checkpoint.json").read_text())
        (state / "checkpoint.json").write_text(json.dumps({**checkpoint, "ledger_id": ident}))

    def meta(self) -> dict[str, str]:
        path = self.program.state_path / "ledger.sqlite3"
        with contextlib.closing(sqlite3.connect(path)) as ledger:
            return dict(ledger.execute("select name, value from meta"))

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
            email: shown["global_attributes"].get("ordercount", "")
            for email, shown in self.program.recipients().items()
            if shown["active"] and email != "other@mail.example"
        }


@pytest.fixture
def older(program: Program) -> Iterator[Older]:
    shop = WooShop()
    yield Older(shop, program)
    shop.close()


def test_nobody_is_sent_again(older: Older) -> None:
    writes = older.program.state.traffic.writes
    assert older.meta()["schema"] == "1"
    assert older.sync() == {}
    assert older.program.state.traffic.writes == writes
    assert older.meta()["schema"] == "2"
    assert "owners" not in older.meta()
    older.shop.log.clear()
    assert older.sync() == {}
    assert all("modified_after" in asked.query for asked in older.shop.pages("orders")), "only what was changed"


def test_a_diff_leaves_it_as_it_is(older: Older) -> None:
    before = older.program.files()
    assert counted(older.program.run("diff").document)["unchanged"] == 4
    assert older.program.files() == before


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
    [("state.ledger:Ledger.record", "after", 2), ("phases.write:Writing._record_decided", "after", 1)],
)
def test_killed_in_the_first_run(older: Older, place: str, when: str, number: int) -> None:
    """The next one reads every order once more."""
    older.shop.add_guest_order("late@mail.example")
    command = [sys.executable, "-m", "tests.e2e.dying", f"cleverreach_sync.{place}", when, str(number), "sync"]
    command += ["-c", str(older.program.config_path)]
    died = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert older.meta()["schema"] == "2"
    assert older.meta()["owners"] == "unknown"
    older.sync()
    older.shop.change_profile(older.a, email=NEW)
    assert older.sync() == {"created": 1, "deactivated": 1}
    assert older.active() == {NEW: "2", MIXED: "2", GUEST: "1", "late@mail.example": "1"}
