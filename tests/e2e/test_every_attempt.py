"""Every attempt leaves a trace: what failed before it read anything, what never comes to its end."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from cleverreach_sync.sandbox.refusals import Refused
from cleverreach_sync.state.lock import held
from tests.e2e.people import both, opted_out
from tests.e2e.program import SECRET, Shop
from tests.e2e.running import Ran

ANNA = "anna@example.org"


def runs(shop: Shop) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shop.command("status", "--format", "json").out)["runs"]
    return found


def missing_export(shop: Shop) -> None:
    (shop.folder / "customers.csv").unlink(missing_ok=True)


def no_such_list(shop: Shop) -> None:
    shop.config(target={"list": "Nowhere"})


def no_such_field(shop: Shop) -> None:
    shop.config(attributes={"preset": "none", "map": {"vip": "extra.vip"}})


def refused_key(shop: Shop) -> None:
    shop.state.faults.set("unauthorized", 1)


def server_down(shop: Shop) -> None:
    shop.config(limits={"retry_for": 0})
    shop.state.faults.set("unavailable", 1)


@pytest.mark.parametrize(
    ("happens", "code", "name"),
    [
        (missing_export, 2, "usage"),
        (no_such_list, 2, "usage"),
        (no_such_field, 2, "usage"),
        (server_down, 5, "temporary"),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_a_run_that_fails_before_reading(
    shop: Shop, happens: Callable[[Shop], None], code: int, name: str, before: bool
) -> None:
    shop.write(both(ANNA))
    if before and happens is not no_such_list:
        shop.sync()
    happens(shop)
    for dry in (["diff"], ["sync", "--dry-run"]):
        assert shop.command(*dry).code == code
    ran = shop.command("sync", "--format", "json")
    assert (ran.code, ran.doc["schema"]) == (code, "crsync.error/1")
    shop.command("resync")
    last, one_before, *rest = runs(shop)
    assert [last["command"], one_before["command"]] == ["resync", "sync"]
    assert len(rest) == (before and happens is not no_such_list), "no dry runs"
    assert one_before["exit"] == {"code": code, "class": name, "retryable": code == 5}
    assert one_before["error"]["message"] == ran.doc["error"]["message"]
    assert one_before["counts"]["people"] == 0
    assert (one_before["complete"], one_before["dry_run"]) == (False, False)
    told = shop.command("status")
    assert name in told.out
    assert "last run: " in told.out


def test_a_state_that_cannot_be_used_is_left_as_it_is(shop: Shop) -> None:
    shop.write(both(ANNA))
    shop.sync()
    shop.config(source={"name": "Other"})
    assert shop.command("sync").code == 9
    shop.config(source={"name": None})
    assert [run["exit"]["code"] for run in runs(shop)] == [0]


def test_who_does_not_hold_the_lock_writes_nothing(shop: Shop) -> None:
    shop.write(both(ANNA))
    shop.sync()
    before = shop.files()
    with held(shop.state_path / "lock", 0, lambda: 0.0, lambda _: None):
        assert shop.command("sync").code == 8
    after = shop.files()
    assert before["history.jsonl"] == after["history.jsonl"]


def test_status_needs_no_secrets(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEVERREACH_SECRET", SECRET)
    shop.config(target={"client_secret": "${CLEVERREACH_SECRET}"})
    shop.write(both(ANNA))
    shop.sync()
    monkeypatch.delenv("CLEVERREACH_SECRET")
    assert shop.command("status").code == 0
    ran = shop.command("sync")
    assert (ran.code, "CLEVERREACH_SECRET is not set" in ran.err) == (2, True)
    assert shop.command("diff").code == shop.command("sync", "--dry-run").code == 2
    last, first = runs(shop)
    assert (last["exit"]["code"], first["exit"]["code"]) == (2, 0), "what cron tried without its variables"
    assert last["error"]["message"] == "the environment variable CLEVERREACH_SECRET is not set"
    assert "CLEVERREACH_SECRET is not set" in shop.command("status").out
    shop.config(target={"client_secret": None, "client_secret_file": "gone.txt"})
    assert shop.command("status").code == 0
    assert shop.command("sync").code == 2
    shop.config(state_dir="${STATE}")
    assert shop.command("status").code == 2, "where the state is has to be known"


class TestTimeLimits:
    @pytest.fixture(autouse=True)
    def transferred(self, shop: Shop) -> None:
        shop.config(target={"batch_size": 1})
        shop.write(*(both(f"p{n}@example.org") for n in range(40)))

    def _ends(self, ran: Ran, what: str) -> None:
        assert (ran.code, ran.doc["complete"], ran.doc["stopped"]) == (5, False, "max_duration")
        assert ran.doc["exit"] == {"code": 5, "class": "temporary", "retryable": True}
        assert ran.doc["error"]["message"].startswith(f"the time given for the run was up before anything was {what}; ")
        assert "rows" in ran.doc["error"]["message"]
        assert "--max-duration" in ran.doc["error"]["hint"]

    def test_below_the_time_of_reading(self, shop: Shop) -> None:
        self._ends(shop.sync("--max-duration", "0", code=None), "written")
        shop.sync()
        ran = shop.sync("--max-duration", "0s", code=None)
        self._ends(ran, "written")
        assert "the run of 2026-09-21T14:13:20Z read for 0 seconds" in ran.err
        assert [run["exit"]["code"] for run in runs(shop)] == [5, 0, 5]

    def test_of_a_diff(self, shop: Shop) -> None:
        self._ends(shop.diff("--max-duration", "0", code=None), "compared")
        self._ends(shop.sync("--dry-run", "--max-duration", "0", code=None), "compared")
        assert shop.diff("--max-duration", "2h").counts == {"created": 40}

    def test_quiet_tells_that_it_came_to_no_end(self, shop: Shop) -> None:
        quiet = shop.command("sync", "-q", "--limit", "3")
        assert (quiet.code, quiet.out) == (0, "")
        (line,) = quiet.err.splitlines()
        assert line == (
            f'warning: sync of Shop into list "Online shop" ({shop.list_id}): '
            "stopped early (--limit reached), the next run carries on from here"
        )
        quiet = shop.command("sync", "-q", "--limit", "3", "--log-format", "json")
        assert json.loads(quiet.err)["level"] == "warning"
        quiet = shop.command("sync", "-q")
        assert (quiet.code, quiet.out, quiet.err) == (0, "", "")

    def test_quiet_of_several(self, shop: Shop) -> None:
        (shop.folder / "other.yaml").write_text(
            (shop.folder / "sync.yaml").read_text().replace('"version": 1', '"version": 1, "state_dir": "elsewhere"')
        )
        quiet = shop.command("sync", "-q", "--limit", "3", "-c", str(shop.folder / "other.yaml"))
        assert len(quiet.err.splitlines()) in (1, 2)


class TestHintsNameTheConfig:
    """A command in a hint can be typed as it stands."""

    @pytest.fixture
    def given(self, shop: Shop) -> str:
        return f"-c {os.fspath(shop.folder / 'sync.yaml')}"

    def test_of_errors(self, shop: Shop, given: str) -> None:
        no_such_field(shop)
        shop.write(both(ANNA))
        for command in ("sync", "diff"):
            ran = shop.command(command, "--format", "json")
            assert f"`crsync attrs create {given}` creates them" in ran.doc["error"]["hint"]
            assert f"`crsync attrs create {given}` creates them" in ran.err
        assert f"`crsync attrs create {given}`" in shop.command("check").out
        assert f"`crsync attrs create {given}`" in shop.command("check", "--format", "json").out
        assert f"next: crsync attrs create {given}\n" in shop.command("attrs", "list").out

    def test_of_guards(self, shop: Shop, given: str) -> None:
        shop.config(limits={"max_deactivated": 0})
        shop.write(both(ANNA))
        shop.sync()
        shop.write(opted_out(ANNA))
        ran = shop.sync(code=7)
        for told in (ran.err, ran.doc["error"]["hint"], runs(shop)[0]["error"]["hint"]):
            assert f"`crsync diff {given} --show-pii` shows who" in told

    def test_of_what_comes_next(self, shop: Shop, given: str) -> None:
        """A command stays in one line, however long the path: it can be copied."""
        assert f"next: crsync diff {given}\n" in shop.command("status").out


def test_fields_for_which_there_is_no_room(shop: Shop) -> None:
    """No command sends the user to another that cannot do it either."""
    with suppress(Refused):
        shop.fields(*(f"other{n}" for n in range(100)))
    shop.config(attributes={"preset": "none", "map": {"vip": "extra.vip"}})
    shop.write(both(ANNA))
    for command in ("check", "sync", "diff"):
        told = " ".join((ran := shop.command(command)).out.split()) + ran.err
        assert ran.code == 2
        assert "there may be only" in told
        assert "attrs create" not in told
    ran = shop.command("attrs", "create")
    assert ran.code == 2
    assert "there may be only" in ran.err


@pytest.mark.parametrize(("rows", "says"), [(120, "120 rows"), (1000, "1,000 rows"), (2300, "more than 1,000 rows")])
def test_check_counts_rows(shop: Shop, rows: int, says: str) -> None:
    shop.write(*(both(f"p{n}@example.org") for n in range(rows)))
    assert f"customers.csv: {says}" in shop.command("check").out


def test_check_warns_of_a_file_without_rows(shop: Shop) -> None:
    shop.write(both("p1@example.org"))
    header = shop.folder.joinpath("customers.csv").read_text(encoding="utf-8").splitlines()[0]
    shop.folder.joinpath("customers.csv").write_text(header + "\n", encoding="utf-8")
    told = " ".join(shop.command("check").out.split())
    assert "nobody is in it" in told
    assert "1 warning" in told


def test_a_diff_of_nothing_but_invalid_rows_leads_to_them(shop: Shop) -> None:
    shop.write({**both("p1@example.org"), "subscribed": "Ja"})
    told = " ".join(shop.command("diff").out.split())
    assert "next: look at the warnings" in told
    assert "nothing to do" not in told
