"""Whole runs from the lines of a Singer tap into the list."""

from __future__ import annotations

import datetime as dt
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from cleverreach_sync.config.loading import load_config
from tests.e2e.gate import Answered, Asked, Gate
from tests.e2e.program import Program
from tests.e2e.running import environment
from tests.unit.test_singer_source import record, schema, state, text

SUBSCRIBER, BUYER = "Shop-Special.Subscriber", "Shop-Special.Buyer"
STREAMS = {
    "customers": {
        "signal": ["profile", "consent"],
        "fields": {
            "email": "email",
            "first_name": "first",
            "city": "city",
            "subscribed": "news",
            "subscribed_at": "at",
        },
        "opted_out": "left",
    },
    "orders": {
        "signal": "purchases",
        "fields": {"email": "email", "last_order_at": "made", "total_spent": "total"},
        "counts": "paid",
    },
}
BOTH = (schema(), schema("orders"))


class Tap:
    """What the tap writes, and the state that it is given the next time."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.out = program.folder / "state.json"
        program.config(source={"type": "singer", "path": "tap.jsonl", "streams": STREAMS, "state_out": "state.json"})
        program.config(source={"path": "tap.jsonl"})

    def writes(self, *messages: Any) -> None:
        (self.program.folder / "tap.jsonl").write_bytes(text(*messages))

    @property
    def state(self) -> Any:
        return json.loads(self.out.read_bytes()) if self.out.exists() else None

    @property
    def tags(self) -> dict[str, tuple[bool, set[str]]]:
        return {email: (shown.active, set(shown.tags)) for email, shown in self.program.list().items()}


@pytest.fixture
def tap(program: Program) -> Tap:
    return Tap(program)


def anna(**more: Any) -> dict[str, Any]:
    return record(**{"id": 1, "email": "anna@mail.example", "first": "Anna", "news": True, **more})


def iso(at: int) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).isoformat()


def order(ident: int = 1, email: str = "gast@post.example", **more: Any) -> dict[str, Any]:
    return record("orders", **{"id": ident, "email": email, "paid": True, "total": "10.00", **more})


def test_the_first_sync_increments_and_one_without_a_change(tap: Tap, gate: Gate) -> None:
    tap.writes(*BOTH, anna(), record(id=2, email="ben@mail.example", news=False), order(), state({"at": 1}))
    assert tap.program.sync().counts == {"created": 2, "skipped": 1}
    assert tap.tags == {"anna@mail.example": (True, {SUBSCRIBER}), "gast@post.example": (True, {BUYER})}
    assert tap.state == {"at": 1}
    gate.calls.clear()
    assert tap.program.sync().counts == {"unchanged": 2, "skipped": 1}
    assert gate.writes() == []
    tap.writes(*BOTH, anna(city="Bonn"), order(2, "anna@mail.example"), state({"at": 2}))
    assert tap.program.sync().counts == {"updated": 1}
    assert tap.tags["anna@mail.example"] == (True, {SUBSCRIBER, BUYER})
    tap.writes(state({"at": 3}))
    assert tap.program.sync().counts == {}
    assert tap.state == {"at": 3}
    assert tap.tags["gast@post.example"] == (True, {BUYER})


def test_absence_ends_nobody(tap: Tap) -> None:
    tap.writes(*BOTH, anna(), order(), state(1))
    tap.program.sync()
    version = {"type": "ACTIVATE_VERSION", "stream": "customers", "version": 2}
    tap.writes(*BOTH, record(id=2, email="ben@mail.example", news=True), version, state(2))
    assert tap.program.sync().counts == {"created": 1}
    assert tap.tags["anna@mail.example"] == (True, {SUBSCRIBER})


@pytest.mark.parametrize("left", [{"left": True}, {"news": "opted_out"}, {"news": False}])
def test_an_end_is_an_end_and_an_undated_yes_no_new_one(tap: Tap, left: dict[str, Any]) -> None:
    tap.writes(*BOTH, anna())
    tap.program.sync()
    tap.writes(*BOTH, anna(**left))
    assert tap.program.sync().counts == {"deactivated": 1}
    tap.writes(*BOTH, anna())
    for _ in range(2):
        tap.program.sync()
        assert tap.tags["anna@mail.example"] == (False, set())
    tap.program.later(days=2)
    tap.writes(*BOTH, anna(at="2000-01-01T00:00:00Z"))
    tap.program.sync()
    assert tap.tags["anna@mail.example"] == (False, set())


def test_unknown_ends_nothing(tap: Tap) -> None:
    tap.writes(*BOTH, anna())
    tap.program.sync()
    tap.writes(*BOTH, anna(news=None, city="Bonn"))
    tap.program.sync()
    assert tap.tags["anna@mail.example"] == (True, {SUBSCRIBER})


def test_of_a_record_that_comes_twice_the_last_counts(tap: Tap) -> None:
    tap.writes(*BOTH, anna(email="old@mail.example"), order(total="5"), anna(first="Anne"), order(paid=False))
    assert tap.program.sync().counts == {"created": 1}
    assert set(tap.program.list()) == {"anna@mail.example"}
    assert tap.program.list()["anna@mail.example"].values["firstname"] == "Anne"


def test_who_left_in_between_is_not_created(tap: Tap) -> None:
    tap.writes(*BOTH, anna(email="old@mail.example", left=True), anna())
    for again in (anna(), anna(city="Bonn")):
        ran = tap.program.sync()
        assert (ran.counts, ran.writes) == ({"skipped": 1}, 0)
        tap.writes(*BOTH, again)


def test_another_address_ends_the_old_one(tap: Tap) -> None:
    tap.writes(*BOTH, anna(email="old@mail.example"))
    tap.program.sync()
    tap.writes(*BOTH, anna(email="old@mail.example"), anna(email="new@mail.example"))
    assert tap.program.sync().counts == {"created": 1, "deactivated": 1}
    assert [email for email, (active, _) in tap.tags.items() if active] == ["new@mail.example"]


GONE: dict[str, Any] = {"_sdc_deleted_at": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize("gone", [GONE, {"email": None}, {"email": ""}])
def test_a_record_that_is_deleted_or_lost_its_address_ends_the_consent_and_nothing_else(
    tap: Tap, gone: dict[str, Any]
) -> None:
    tap.program.config(erased="delete")
    tap.writes(*BOTH, anna(), order())
    tap.program.sync()
    tap.writes(*BOTH, anna(**gone))
    ran = tap.program.agreed_sync()
    assert (ran.counts, ran.skipped) == ({"deactivated": 1}, {})
    for _ in range(2):
        tap.writes(*BOTH, anna())
        tap.program.sync()
        assert tap.tags["anna@mail.example"] == (False, set())
    tap.program.later(days=2)
    tap.writes(*BOTH, anna(at=iso(tap.program.now - 60)))
    tap.program.sync()
    assert tap.tags["anna@mail.example"] == (True, {SUBSCRIBER})


def test_a_record_that_lost_its_address_ends_no_other_reason(tap: Tap) -> None:
    tap.program.config(tags=["subscriber", "buyer", "contact"])
    tap.writes(
        *BOTH, anna(), anna(id=2), order(email="anna@mail.example"), anna(id=3, email="ben@mail.example", news=False)
    )
    tap.program.sync()
    tap.writes(*BOTH, anna(email=None), anna(id=3, email=None))
    assert tap.program.agreed_sync().counts == {}
    assert tap.tags["anna@mail.example"] == (True, {SUBSCRIBER, BUYER})
    tap.writes(*BOTH, anna(id=2, email=None), anna(id=9, email=None))
    assert tap.program.agreed_sync().counts == {"deactivated": 1}
    assert tap.tags["anna@mail.example"] == (False, {BUYER})


def test_an_opt_out_holds_when_its_record_loses_the_address(tap: Tap) -> None:
    tap.writes(*BOTH, anna(left=True))
    tap.program.sync()
    tap.writes(*BOTH, anna(email=None))
    tap.program.sync()
    tap.writes(*BOTH, anna(), anna(id=2))
    assert tap.program.sync().counts == {"skipped": 1}


def test_an_opt_out_right_before_its_record_loses_the_address_beats_the_yes_of_another(tap: Tap) -> None:
    tap.writes(*BOTH, anna(), anna(id=2))
    tap.program.sync()
    tap.writes(*BOTH, anna(left=True), anna(left=True), anna(email=None))
    assert tap.program.agreed_sync().counts == {"deactivated": 1}
    for again in (anna(id=2), anna(id=1)):
        tap.writes(*BOTH, again)
        tap.program.sync()
        assert tap.tags["anna@mail.example"] == (False, set())


@pytest.mark.parametrize("gone", [{"email": None, **GONE}, {"email": "deleted@site.invalid"}])
def test_a_record_that_was_erased_goes_from_the_list_where_that_is_wanted(tap: Tap, gone: dict[str, Any]) -> None:
    tap.program.config(erased="delete")
    tap.writes(*BOTH, anna())
    tap.program.sync()
    tap.writes(*BOTH, anna(**gone))
    assert tap.program.agreed_sync().counts == {"deactivated": 1, "skipped": 1}
    assert tap.tags == {}


@pytest.mark.parametrize("gone", [order(**GONE), record("orders", id=1, **GONE)])
def test_a_deleted_order_makes_nobody_a_buyer_any_more(tap: Tap, gone: dict[str, Any]) -> None:
    """Also one of which there is no more than its key."""
    tap.program.config(erased="delete")
    tap.writes(*BOTH, order(), order(2), order(3, "anna@mail.example"))
    tap.program.sync()
    tap.writes(*BOTH, gone)
    tap.program.agreed_sync()
    assert tap.tags["gast@post.example"] == (True, {BUYER})
    tap.writes(*BOTH, {**gone, "record": {**gone["record"], "id": 2}})
    ran = tap.program.agreed_sync()
    assert (ran.doc["invalid"], tap.tags["gast@post.example"]) == ({}, (True, set()))
    assert tap.tags["anna@mail.example"] == (True, {BUYER})


def test_a_customer_with_the_sum_of_their_orders_who_lost_the_address(tap: Tap) -> None:
    people = {**STREAMS["customers"], "signal": ["profile", "consent", "purchases"]}
    people["fields"] = {**STREAMS["customers"]["fields"], "orders": "orders"}  # type: ignore[dict-item]
    tap.program.settings["source"]["streams"] = {"customers": people}
    tap.program.config()
    tap.writes(schema(), anna(orders=2))
    tap.program.sync()
    assert tap.tags == {"anna@mail.example": (True, {SUBSCRIBER, BUYER})}
    tap.writes(schema(), anna(email=None, orders=2))
    assert tap.program.agreed_sync().counts == {"deactivated": 1}
    assert tap.tags["anna@mail.example"][0] is False
    assert SUBSCRIBER not in tap.tags["anna@mail.example"][1]


def test_the_state_is_not_handed_on_before_all_is_confirmed(tap: Tap) -> None:
    tap.writes(*BOTH, anna(), order(), state(1))
    for command in ("diff", "sync --dry-run", "sync --limit 1"):
        name, *options = command.split()
        tap.program.result(name, *options)
        assert tap.state is None, command
    tap.program.sync()
    assert tap.state == 1
    tap.writes(*BOTH, record(id=3, email="cora@mail.example", news=True), state(2))
    tap.program.config(limits={"max_created": 0})
    tap.program.sync(code=7)
    assert tap.state == 1
    tap.program.config(limits={"max_created": None, "max_rejected": 0})
    tap.writes(*BOTH, record(id=3, email="no address", news=True), state(3))
    tap.program.sync(code=4)
    assert tap.state == 1


def test_a_bad_line_at_the_end_writes_nothing(tap: Tap) -> None:
    tap.writes(*BOTH, anna(), state(1), b'{"type": "RECORD", "stream": "cust')
    ran = tap.program.sync(code=2)
    assert (ran.writes, tap.state) == (0, None)
    assert "tap.jsonl:5" in ran.err
    assert "anna" not in ran.err


def test_killed_before_the_state_is_handed_on(tap: Tap) -> None:
    tap.writes(*BOTH, anna(), state(1))
    tap.program.killed("run.finish.checkpoint:end_complete")
    assert tap.state is None
    assert tap.program.sync().counts == {"unchanged": 1}
    assert tap.state == 1


def test_a_state_that_could_not_be_written_is_an_error_before_anything_is_sent(tap: Tap) -> None:
    tap.writes(*BOTH, anna(), state(1))
    tap.program.config(source={"state_out": "no/state.json"})
    assert tap.program.sync(code=2).writes == 0


def test_a_changed_config_says_that_only_a_full_read_applies_it(tap: Tap) -> None:
    tap.writes(*BOTH, anna())
    assert tap.program.sync().doc["warnings"] == []
    assert "without its state" not in tap.program.sync().err
    tap.program.config(tags=["subscriber"])
    assert "without its state" in tap.program.sync().err


def test_a_tap_on_standard_input(tap: Tap) -> None:
    tap.program.config(source={"path": "-"})
    words = [sys.executable, "-m", "cleverreach_sync", "sync", "-c", str(tap.program.config_path), "--format", "json"]
    ran = subprocess.run(
        words,
        input=text(*BOTH, anna(), order(), state(1)),
        capture_output=True,
        env=environment(),
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["counts"]["created"] == 2
    assert tap.state == 1


def test_a_tap_that_says_nothing_more_is_left_alone_at_the_end(tap: Tap, gate: Gate) -> None:
    """Nobody waits for it, as for a server that is to finish its answer."""
    tap.program.config(source={"path": "-"})
    reading = threading.Event()

    def began(_asked: Asked, carry_out: Answered) -> Response:
        reading.set()
        return carry_out()

    gate.always("GET /v3/blacklist", began)
    words = [sys.executable, "-m", "cleverreach_sync", "sync", "-c", str(tap.program.config_path), "-v"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(text(*BOTH, anna()))
        process.stdin.flush()
        assert reading.wait(30), process.stderr.read()
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read().decode()
        assert process.wait() == 143, said
        assert "Fatal" not in said
        assert "Traceback" not in said
    assert (tap.state, tap.program.state.traffic.writes) == (None, 0)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"path": "-", "state_out": None}, "a and b would both read standard input"),
        ({}, "a and b would both write the state of a tap to state.json"),
    ],
)
def test_two_transfers_do_not_share_an_input_that_is_gone_or_a_state(
    tap: Tap, source: dict[str, Any], said: str
) -> None:
    tap.writes(*BOTH, anna(), state(1))
    tap.program.config(source=source, transfers={"a": {"tags": ["subscriber"]}, "b": {"tags": ["buyer"]}})
    ran = tap.program.cli("sync", "-c", str(tap.program.config_path))
    assert ran.code == 2
    assert said in ran.err
    assert (tap.state, tap.program.state.traffic.writes) == (None, 0)


def test_standard_input_is_for_one_of_source_and_consent(tap: Tap) -> None:
    tap.program.config(source={"path": "-"}, consent={"path": "-", "absent": "unknown"})
    ran = tap.program.cli("sync", "-c", str(tap.program.config_path))
    assert (ran.code, tap.program.state.traffic.writes) == (2, 0)
    assert "already reads standard input" in ran.err


def test_the_output_of_a_real_tap(tap: Tap) -> None:
    """Of tap-csv-folder 0.0.1a1, made with the Meltano SDK 0.41: every value is a text, its keys are lines of files."""
    recorded = (Path(__file__).parents[1] / "cassettes" / "singer" / "tap-csv-folder.jsonl").read_bytes()
    (tap.program.folder / "tap.jsonl").write_bytes(recorded)
    people = {name: value for name, value in STREAMS["customers"].items() if name != "opted_out"}
    streams = {"people": {**people, "keys": ["id"]}, "sales": {**STREAMS["orders"], "keys": ["id"]}}
    tap.program.settings["source"]["streams"] = streams
    tap.program.config()
    assert tap.program.sync().counts == {"created": 3, "skipped": 1}
    assert tap.tags == {
        "anna@mail.example": (True, {SUBSCRIBER}),
        "cora@mail.example": (True, {SUBSCRIBER}),
        "gast@post.example": (True, {BUYER}),
    }
    assert tap.program.list()["cora@mail.example"].values["firstname"] == 'Cora "C." Größle'
    assert set(tap.state["bookmarks"]) == {"people", "sales"}
    assert tap.program.sync().counts == {"unchanged": 3, "skipped": 1}


def test_the_example(tmp_path: Path) -> None:
    path = Path(__file__).parents[2] / "examples" / "singer" / "sync.yaml"
    found = load_config(path, {"CLEVERREACH_CLIENT_ID": "a", "CLEVERREACH_CLIENT_SECRET": "b"})
    assert found.source.type == "singer"
