"""Faults: each does what its name says, to the calls it is meant for, as often as it is told."""

from __future__ import annotations

import threading
import time
from http import HTTPStatus
from typing import Any

import httpx  # noqa: TID251 - raw requests
import pytest

from cleverreach_sync.errors import UsageError
from cleverreach_sync.sandbox.faults import FAULTS, Faults
from cleverreach_sync.sandbox.oauth import SPARED_REQUESTS
from cleverreach_sync.sandbox.server import RunningSandbox, parse_faults
from tests.sandbox_api import Api

UPSERT = "POST /v3/groups/{id}/receivers/upsertplus"


@pytest.fixture
def path(sandbox: RunningSandbox) -> str:
    return f"/v3/groups/{sandbox.state.add_group('Online shop')}/receivers/upsertplus"


def rows(count: int) -> list[dict[str, Any]]:
    return [{"email": f"p{n}@example.org"} for n in range(count)]


def known(sandbox: RunningSandbox) -> set[str]:
    return set(sandbox.state.by_email)


class TestParsing:
    def test_names_and_rates(self) -> None:
        assert parse_faults(["rate_limit=0.05", " slow = 2.5 ", "reset=1"]) == {
            "rate_limit": 0.05,
            "slow": 2.5,
            "reset": 1.0,
        }
        assert parse_faults([]) == {}

    @pytest.mark.parametrize(
        "item",
        [
            "",
            "rate",
            "ratelimit=0.1",
            "rate_limit",
            "rate_limit=",
            "rate_limit=2",
            "reset=-1",
            "slow=x",
            "slow=nan",
            "reset=inf",
        ],
    )
    def test_what_is_wrong_lists_the_names(self, item: str) -> None:
        with pytest.raises(UsageError) as caught:
            parse_faults([item])
        assert all(name in str(caught.value.hint) for name in FAULTS)

    def test_wrong_faults_are_refused_when_changed(self) -> None:
        faults = Faults({"reset": 0.5})
        for wrong in ({"nothing": 1}, {"reset": {"rate": 1, "time": 2}}, {"reset": {"times": "x"}}):
            with pytest.raises(UsageError):
                faults.replace(wrong)
        assert faults.rates() == {"reset": 0.5}

    def test_a_seed_makes_them_repeatable(self) -> None:
        runs = []
        for _ in range(2):
            faults = Faults({"reset": 0.5}, seed=7)
            runs.append([faults.strikes("reset", "GET /") for _ in range(50)])
        assert runs[0] == runs[1]
        assert 10 < sum(runs[0]) < 40


def test_rate_limit_in_turn_with_and_without_retry_after(sandbox: RunningSandbox, api: Api) -> None:
    sandbox.state.faults.set("rate_limit", 1)
    answers = [api.ask("GET", "/v3/groups") for _ in range(4)]
    assert {answer.status_code for answer in answers} == {429}
    assert sorted(answer.headers.get("Retry-After", "") for answer in answers) == ["", "", "1", "1"]
    assert api.refusal("GET", "/v3/groups") == (429, "Too Many Requests")


def test_unavailable_is_html(sandbox: RunningSandbox, api: Api, path: str) -> None:
    sandbox.state.faults.set("unavailable", 1)
    answer = api.ask("POST", path, rows(1))
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert not known(sandbox)


def test_error_200_carries_nothing_out(sandbox: RunningSandbox, api: Api, path: str) -> None:
    sandbox.state.faults.set("error_200", 1)
    answer = api.ask("POST", path, rows(1))
    assert answer.status_code == 200
    assert answer.json() == {"error": {"code": 500, "message": "Internal Server Error"}}
    assert not known(sandbox)


@pytest.mark.parametrize("call", ["insert", "upsert", "upsertplus"])
def test_false_on_write_batches_only(sandbox: RunningSandbox, api: Api, path: str, call: str) -> None:
    sandbox.state.faults.set("false", 1)
    assert api.post(path.replace("upsertplus", call), rows(2)) is False
    assert not known(sandbox)
    assert len(api.get("/v3/groups")) == 1


def test_drop_row_neither_writes_nor_answers_it(sandbox: RunningSandbox, api: Api, path: str) -> None:
    sandbox.state.faults.set("drop_row", 1)
    answer = api.post(path, rows(5))
    assert len(answer) == 4
    assert known(sandbox) == {row["email"] for row in answer}
    assert api.post(path, rows(1)) == []
    assert len(api.post(path.replace("upsertplus", "upsert"), rows(5))) == 5


def test_unauthorized_ends_the_token_and_a_new_one_works(sandbox: RunningSandbox, api: Api) -> None:
    sandbox.state.faults.set("unauthorized", 1)
    assert api.refusal("GET", "/v3/groups")[0] == 401
    sandbox.state.faults.set("unauthorized", 0)
    assert api.refusal("GET", "/v3/groups")[0] == 401
    sandbox.state.faults.set("unauthorized", 1)
    api.login()
    for _ in range(SPARED_REQUESTS):
        assert api.get("/v3/groups") == []
    assert api.refusal("GET", "/v3/groups")[0] == 401


def test_too_large_above_100_rows(sandbox: RunningSandbox, api: Api, path: str) -> None:
    sandbox.state.faults.set("too_large", 1)
    assert api.refusal("POST", path, rows(101)) == (413, HTTPStatus(413).phrase)
    assert not known(sandbox)
    assert len(api.post(path, rows(100))) == 100
    emails = [row["email"] for row in rows(101)]
    body = {"email_list": emails, "pagesize": 500}
    assert len(api.post(path.replace("receivers/upsertplus", "get_receivers"), body)) == 100


def test_reset_drops_reads_and_token_requests(sandbox: RunningSandbox, api: Api) -> None:
    sandbox.state.faults.set("reset", 1)
    for method, call in (("GET", "/v3/groups"), ("POST", "/oauth/token.php")):
        with pytest.raises(httpx.TransportError):
            api.ask(method, call)
    sandbox.state.faults.clear()
    assert api.get("/v3/groups") == []


def test_reset_of_a_write_comes_before_or_after_it_is_carried_out(sandbox: RunningSandbox, api: Api, path: str) -> None:
    sandbox.state.faults.set("reset", 1)
    for n in range(20):
        with pytest.raises(httpx.TransportError):
            api.ask("POST", path, [{"email": f"r{n}@example.org"}])
    assert 3 <= len(known(sandbox)) <= 17


def test_slow_holds_up_everything_but_the_own_endpoints(sandbox: RunningSandbox, api: Api) -> None:
    sandbox.state.faults.set("slow", 0.05)
    begin = time.monotonic()
    api.get("/v3/groups")
    api.login()
    assert time.monotonic() - begin >= 0.1
    begin = time.monotonic()
    api.get("/sandbox/stats")
    assert time.monotonic() - begin < 0.05


def test_the_own_endpoints_and_the_token_are_spared(sandbox: RunningSandbox, api: Api) -> None:
    for name in FAULTS:
        if name not in {"reset", "slow"}:
            sandbox.state.faults.set(name, 1)
    api.login()
    api.post("/sandbox/reset", {"stats_only": True})
    assert api.get("/sandbox/stats")["requests"] == 0


def test_times_and_only(sandbox: RunningSandbox, api: Api, path: str) -> None:
    sandbox.state.faults.set("unavailable", 1, times=2, only="upsertplus")
    assert api.get("/v3/groups")
    assert [api.ask("POST", path, rows(1)).status_code for _ in range(3)] == [502, 502, 200]


def test_stats_count_calls_faults_and_what_ran_in_parallel(sandbox: RunningSandbox, api: Api, path: str) -> None:
    sandbox.state.faults.set("drop_row", 1)
    together = threading.Barrier(3)

    def meet(_path: str, _rows: list[Any]) -> None:
        together.wait(5)

    sandbox.state.before_write = meet

    def write(n: int) -> None:
        client = Api(sandbox.url)
        client.post(path, [{"email": f"t{n}@example.org"}, {"email": f"u{n}@example.org"}])
        client.http.close()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    api.get("/v3/groups.json")
    api.ask("GET", "/v3/nothing/7")
    stats = api.get("/sandbox/stats")
    assert stats["by"] == {
        "GET (unknown)": 1,
        "GET /v3/groups": 1,
        "POST /oauth/token.php": 3,
        UPSERT: 3,
    }
    assert (stats["requests"], stats["writes"]) == (8, 3)
    assert (stats["max_parallel"], stats["max_parallel_writes"]) == (3, 3)
    assert stats["faults"] == {"drop_row": 3}
