"""The guard `clock`, and what is dated by which clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.responses import Response

from cleverreach_sync.clock import Stop, timestamp
from cleverreach_sync.commands.check import check_document
from cleverreach_sync.config.loading import load_config
from cleverreach_sync.errors import GuardError
from tests.e2e.gate import Answered, Asked, Gate
from tests.e2e.people import customer
from tests.e2e.program import Program
from tests.e2e.stand_ins import FakeClock
from tests.shops.woocommerce import WooShop

MINUTE, HOUR, DAY = 60, 3600, 86_400


@pytest.fixture
def woo(program: Program) -> Iterator[WooShop]:
    """A shop whose clock is right, as is that of the account, and that this machine's may be wrong by itself."""
    shop = WooShop()
    shop.now = int(program.clock.wall())
    shop.add_customer("anna@mail.example", consent=True)
    program.settings["source"] = shop.settings()
    program.config()
    yield shop
    shop.close()


@pytest.fixture(autouse=True)
def account_is_right(program: Program) -> None:
    right = program.clock.wall()
    program.state.clock = lambda: right


@pytest.mark.parametrize("wrong_by", [-25 * HOUR, 25 * HOUR, 26 * 365 * DAY])
@pytest.mark.parametrize("command", ["sync", "resync"])
def test_more_than_a_day_off_what_both_servers_say(program: Program, woo: WooShop, command: str, wrong_by: int) -> None:
    program.clock.passed += wrong_by
    told = {guard["name"]: guard for guard in program.run("diff").document["guards"]}
    assert told["clock"]["refuses"]
    error = program.failing(command)
    assert isinstance(error, GuardError)
    assert "refused by clock: this machine's clock is" in str(error)
    assert program.state.traffic.writes == 0
    assert program.counts(command, forced=frozenset({"clock"}))["created"] == 1


@pytest.mark.parametrize("wrong", ["shop", "account"])
def test_a_server_that_is_alone_with_its_time_is_wrong_itself(program: Program, woo: WooShop, wrong: str) -> None:
    if wrong == "shop":
        woo.now += 30 * DAY
    else:
        program.state.switches.clock_offset = 30 * DAY
    assert program.counts()["created"] == 1
    assert not [line for line in program.said.warnings if "clock" in line]


@pytest.mark.parametrize(("wrong_by", "warned"), [(5 * MINUTE, False), (15 * MINUTE, True), (-15 * MINUTE, True)])
def test_more_than_ten_minutes_is_a_warning(program: Program, woo: WooShop, wrong_by: int, *, warned: bool) -> None:
    program.clock.passed += wrong_by
    assert program.counts()["created"] == 1
    assert bool([line for line in program.said.warnings if "this machine's clock" in line]) is warned


@pytest.mark.parametrize(
    ("wrong_by", "level", "words"),
    [
        (0, "ok", "in step"),
        (15 * MINUTE, "warning", "15 minutes ahead of"),
        (-30 * HOUR, "warning", "30 hours behind"),
    ],
)
def test_check_says_it_beforehand(program: Program, woo: WooShop, wrong_by: int, level: str, words: str) -> None:
    program.clock.passed += wrong_by
    config = load_config(program.config_path, {})
    document = check_document(config, "sync.yaml", program.said, program.clock, Stop())
    line = next(line for line in document["checks"] if line["name"] == "clock")
    assert line["level"] == level
    assert words in line["message"]
    assert ("will refuse" in (line["hint"] or "")) is (abs(wrong_by) > DAY)


def test_with_a_file_the_account_is_asked(program: Program) -> None:
    program.write(customer(1))
    program.clock.passed -= 25 * HOUR
    assert "refused by clock" in str(program.failing())
    program.clock.passed += 25 * HOUR
    assert program.counts()["created"] == 1


@pytest.mark.parametrize("offset", [7_000 * 365 * DAY, -40 * 365 * DAY])
def test_a_time_that_is_none_is_not_heard(program: Program, woo: WooShop, offset: int) -> None:
    """The years 9021 and 1986; of both servers."""
    program.state.switches.clock_offset = offset
    woo.now += offset
    assert program.counts()["created"] == 1


def test_where_nobody_tells_the_time_it_is_a_warning(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    from cleverreach_sync.http import client

    monkeypatch.setattr(client, "parse_date", lambda _: None)
    program.write(customer(1))
    program.clock.passed += 30 * DAY
    finished = program.run()
    assert finished.error is None
    assert [line for line in program.said.warnings if "cannot be checked" in line]
    assert not any(guard["refuses"] for guard in finished.document["guards"])


def test_an_undated_opt_out_is_dated_by_the_servers_clock(program: Program) -> None:
    """A clock that is behind would date it before a yes that is older."""
    right = int(program.clock.wall())
    program.write(customer(1))
    program.run()
    program.clock.passed -= 20 * HOUR
    program.write(customer(1, subscribed="opted_out", subscribed_at=""))
    program.run()
    program.clock.passed += 20 * HOUR
    stale = stamp(right - 10 * HOUR)
    program.write(customer(1, subscribed="yes", subscribed_at=stale))
    program.run()
    assert program.active() == set()


def stamp(seconds: int) -> str:
    from cleverreach_sync.sources.values import utc_text

    return utc_text(seconds)


class Put(FakeClock):
    """A clock that can be put, while time goes on as it does."""

    put = 0.0

    def wall(self) -> float:
        return super().wall() + self.put


@pytest.mark.parametrize(("before", "after"), [(-2 * HOUR, 0), (0, 2 * HOUR), (0, -2 * HOUR), (2 * HOUR, 0)])
def test_put_during_a_run_it_lets_no_older_yes_count(program: Program, gate: Gate, before: int, after: int) -> None:
    right = program.clock.wall()
    program.clock = clock = Put()
    program.state.clock = lambda: right
    program.write(customer(1, orders="0"), customer(2))
    program.counts()
    right += DAY
    clock.put = DAY + before
    program.write(customer(1, orders="0", subscribed="opted_out", subscribed_at=""), customer(2))

    def put(_asked: Asked, carry_out: Answered) -> Response:
        clock.put = DAY + after
        return carry_out()

    gate.meddle = put
    assert program.counts()["deactivated"] == 1
    gate.meddle = None
    clock.put = DAY + HOUR
    right += HOUR
    for command in ("sync", "resync"):
        program.write(customer(1, orders="0", subscribed_at=timestamp(right - 2 * HOUR)), customer(2))
        program.run(command)
        assert program.active() == {customer(2)["email"]}
