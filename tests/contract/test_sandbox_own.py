"""The sandbox's own endpoints, its database, its start and its end."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cleverreach_sync.errors import UsageError
from cleverreach_sync.sandbox.server import RunningSandbox, serve
from cleverreach_sync.sandbox.state import State
from tests.sandbox_api import NOW, Api


@pytest.fixture
def groups(sandbox: RunningSandbox) -> list[str]:
    """Anna is in both lists."""
    sandbox.state.clock = lambda: NOW
    numbers = [sandbox.state.add_group(name) for name in ("One", "Two")]
    for number in numbers:
        sandbox.state.write(number, {"email": "anna@example.org", "activated": NOW - 10})
    return numbers


def active(sandbox: RunningSandbox, groups: list[str]) -> list[bool | None]:
    rows = [sandbox.state.receiver(number, "anna@example.org") for number in groups]
    return [None if row is None else row["active"] for row in rows]


class TestRecipients:
    def test_unsubscribe_everywhere(self, sandbox: RunningSandbox, api: Api, groups: list[str]) -> None:
        assert api.post("/sandbox/unsubscribe", {"email": "Anna@example.org"}) is True
        assert active(sandbox, groups) == [False, False]
        row = sandbox.state.receivers(groups[0])["anna@example.org"]
        assert (row["activated"], row["deactivated"]) == (NOW - 10, NOW)
        assert row["events"][-1]["type"] == "user_unsubscribe"

    def test_unsubscribe_from_one_list(self, sandbox: RunningSandbox, api: Api, groups: list[str]) -> None:
        api.post("/sandbox/unsubscribe", {"email": "anna@example.org", "group_id": groups[1]})
        assert active(sandbox, groups) == [True, False]

    def test_unsubscribe_in_an_auto_blacklist_account(
        self, sandbox: RunningSandbox, api: Api, groups: list[str]
    ) -> None:
        sandbox.state.switches.auto_blacklist = True
        api.post("/sandbox/unsubscribe", {"email": "anna@example.org", "group_id": groups[1]})
        assert active(sandbox, groups) == [None, None]
        assert [row["email"] for row in api.get("/v3/blacklist")] == ["anna@example.org"]
        assert sandbox.state.write(groups[0], {"email": "anna@example.org"}) == [
            "blacklisted address 'anna@example.org';"
        ]

    def test_bounce_and_delete(self, sandbox: RunningSandbox, api: Api, groups: list[str]) -> None:
        api.post("/sandbox/bounce", {"email": "anna@example.org"})
        assert active(sandbox, groups) == [False, False]
        api.post("/sandbox/delete", {"email": "anna@example.org", "group_id": groups[0]})
        assert active(sandbox, groups) == [None, False]
        api.post("/sandbox/delete", {"email": "anna@example.org"})
        assert active(sandbox, groups) == [None, None]

    def test_subscribe_by_form(self, sandbox: RunningSandbox, api: Api, groups: list[str]) -> None:
        body: dict[str, Any] = {"email": "Bea@example.org", "group_id": groups[0], "confirmed": False}
        pending = api.post("/sandbox/subscribe", body)
        assert (pending["activated"], pending["deactivated"], pending["active"]) == (0, 0, False)
        assert api.post("/sandbox/subscribe", {**body, "confirmed": True})["active"] is True
        assert api.post("/sandbox/subscribe", body)["active"] is True
        sandbox.state.unsubscribe("bea@example.org")
        assert api.post("/sandbox/subscribe", body)["active"] is False
        assert api.post("/sandbox/subscribe", {**body, "confirmed": True})["active"] is True

    @pytest.mark.parametrize(
        ("call", "body", "status"),
        [
            ("unsubscribe", {"email": "nobody@example.org"}, 404),
            ("unsubscribe", {"email": "anna@example.org", "group_id": "7"}, 404),
            ("unsubscribe", {}, 400),
            ("bounce", ["x"], 400),
            ("subscribe", {"email": "anna@example.org"}, 400),
        ],
    )
    def test_what_cannot_be(self, api: Api, groups: list[str], call: str, body: Any, status: int) -> None:
        assert api.refusal("POST", f"/sandbox/{call}", body)[0] == status

    def test_no_token_needed_and_everybody_is_shown(self, sandbox: RunningSandbox, api: Api, groups: list[str]) -> None:
        del api.http.headers["Authorization"]
        assert [row["group_id"] for row in api.get("/sandbox/receivers")] == groups
        row = api.get("/sandbox/receivers", group_id=groups[1])[0]
        assert {"tags", "events", "orders", "global_attributes"} <= set(row)


class TestSettings:
    def test_switches_and_faults_change_while_running(self, sandbox: RunningSandbox, api: Api) -> None:
        body = {
            "auto_blacklist": True,
            "token_lifetime": 60,
            "faults": {"rate_limit": {"rate": 1, "times": 1}},
            "seed": 3,
        }
        answer = api.post("/sandbox/settings", body)
        assert (answer["auto_blacklist"], answer["token_lifetime"]) == (True, 60)
        assert answer["faults"] == {"rate_limit": 1.0}
        assert [api.ask("GET", "/v3/groups").status_code for _ in range(2)] == [429, 200]
        assert api.get("/sandbox/settings") == answer
        assert api.post("/sandbox/settings", {"faults": {}})["faults"] == {}

    @pytest.mark.parametrize(
        "body",
        [
            {"nothing": 1},
            {"auto_blacklist": 1},
            {"token_lifetime": True},
            {"faults": {"nothing": 1}},
            {"faults": {"reset": 2}},
            {"faults": ["reset"]},
        ],
    )
    def test_all_or_nothing(self, sandbox: RunningSandbox, api: Api, body: dict[str, Any]) -> None:
        status, message = api.refusal("POST", "/sandbox/settings", {"tags_ascii": True, **body})
        assert status == 400
        assert len(message) > len("Bad Request: ")
        assert sandbox.state.switches.tags_ascii is False

    def test_reset(self, sandbox: RunningSandbox, api: Api, groups: list[str]) -> None:
        api.get("/v3/groups")
        api.post("/sandbox/reset", {"stats_only": True})
        assert api.get("/sandbox/stats") == {
            "requests": 0,
            "by": {},
            "writes": 0,
            "max_parallel": 0,
            "max_parallel_writes": 0,
            "faults": {},
        }
        assert len(api.get("/v3/groups")) == 2
        assert api.post("/sandbox/reset") is True
        assert api.get("/sandbox/receivers") == []
        assert api.refusal("GET", "/v3/groups")[0] == 401
        api.login()
        assert api.get("/v3/groups") == []
        assert sandbox.state.add_group("New") not in groups


class TestHooks:
    def test_somebody_leaves_between_reading_and_writing(
        self, sandbox: RunningSandbox, api: Api, groups: list[str]
    ) -> None:
        calls: list[tuple[str, list[Any]]] = []

        def before(path: str, rows: list[Any]) -> None:
            calls.append((path, rows))
            sandbox.state.unsubscribe("anna@example.org")

        sandbox.state.before_write = before
        path, rows = f"/v3/groups/{groups[0]}/receivers/upsertplus", [{"email": "anna@example.org"}]
        assert api.post(path, rows)[0]["active"] is False
        assert calls == [(path, rows)]

    def test_after_and_around_single_writes(self, sandbox: RunningSandbox, api: Api, groups: list[str]) -> None:
        seen: list[str] = []
        sandbox.state.after_write = lambda path, rows: seen.append(f"{path} {len(rows)}")
        base = f"/v3/groups/{groups[0]}/receivers"
        api.put(f"{base}/anna@example.org", {"activated": 0})
        api.post(base, {"email": "new@example.org"})
        api.get(base)
        assert seen == [f"{base}/anna@example.org 1", f"{base} 1"]


class TestDatabase:
    def test_everything_survives_a_restart(self, tmp_path: Path) -> None:
        db = tmp_path / "sandbox.db"
        with RunningSandbox(db=db) as first:
            client = Api(first.url)
            token = client.http.headers["Authorization"]
            one, two = (client.post("/v3/groups", {"name": name})["id"] for name in ("One", "Two"))
            client.post("/v3/attributes", {"name": "City", "type": "text"})
            client.post(f"/v3/groups/{one}/attributes", {"name": "Note", "type": "text"})
            row = {
                "email": "anna@example.org",
                "global_attributes": {"city": "Jever"},
                "attributes": {"note": "x"},
                "tags": ["a.b"],
                "orders": [{"order_id": "1"}],
                "source": "shop",
            }
            for number in (one, two):
                client.post(f"/v3/groups/{number}/receivers/upsertplus", [row, {"email": "gone@example.org"}])
            client.delete("/v3/receivers/gone@example.org")
            client.post("/v3/blacklist", {"email": "*@spam.example", "comment": "Käse"})
            client.post(f"/v3/groups/{two}/blacklist", {"email": "x@example.org"})
            client.post("/sandbox/bounce", {"email": "anna@example.org"})
            client.post("/sandbox/unsubscribe", {"email": "anna@example.org", "group_id": two})
            paths = (
                "/v3/groups",
                "/v3/attributes",
                f"/v3/groups/{one}/attributes",
                "/v3/blacklist",
                f"/v3/groups/{two}/blacklist",
                "/v3/bounces",
                "/sandbox/receivers",
            )
            before = {path: client.get(path) for path in paths}
            client.http.close()
        with RunningSandbox(db=db) as second:
            client = Api(second.url)
            client.http.headers["Authorization"] = token
            assert {path: client.get(path) for path in paths} == before
            assert client.post("/v3/groups", {"name": "Three"})["id"] not in {one, two}
            client.delete(f"/v3/groups/{two}")
            client.post("/sandbox/reset")
            client.http.close()
        with RunningSandbox(db=db) as third:
            assert (third.state.groups, third.state.people, third.state.tokens) == ({}, {}, {})
            assert third.state.add_group("Four") not in {one, two}

    def test_files_that_are_none_of_its_own_are_left_alone(self, tmp_path: Path) -> None:
        text, other = tmp_path / "text", tmp_path / "other.db"
        text.write_text("no database" * 100)
        connection = sqlite3.connect(other)
        connection.execute("CREATE TABLE mine (x)")
        connection.close()
        for path in (text, other, tmp_path, tmp_path / "missing" / "x.db"):
            before = path.read_bytes() if path.is_file() else None
            with pytest.raises(UsageError) as caught:
                RunningSandbox(db=path)
            assert caught.value.hint
            assert before is None or path.read_bytes() == before

    def test_one_at_a_time(self, tmp_path: Path) -> None:
        db = tmp_path / "sandbox.db"
        with RunningSandbox(db=db), pytest.raises(UsageError, match="locked") as caught:
            State(db)
        assert "another sandbox" in str(caught.value.hint)


class TestServing:
    def test_a_port_in_use_is_refused_with_a_hint(self, sandbox: RunningSandbox) -> None:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(UsageError, match=f"port {port}") as caught:
            serve(port, None, {}, lambda url: None)
        assert "--port" in str(caught.value.hint)
        with pytest.raises(UsageError):
            serve(70000, None, {}, lambda url: None)
        with pytest.raises(UsageError):
            serve(0, None, {"nothing": 1}, lambda url: None)

    def test_stopping_twice_does_no_harm(self) -> None:
        running = RunningSandbox()
        running.stop()
        running.stop()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2])))

    @pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
    def test_signals_end_it_cleanly(self, tmp_path: Path, signum: signal.Signals) -> None:
        script = (
            "from pathlib import Path; from cleverreach_sync.sandbox.server import serve;"
            f"serve(0, Path({str(tmp_path / 'x.db')!r}), {{}}, lambda url: print(url, flush=True)); print('over')"
        )
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            client = Api(process.stdout.readline().strip())
            assert client.get("/v3/groups") == []
            process.send_signal(signum)
            assert process.stdout.read() == "over\n"
            assert process.wait(10) == 0
            client.http.close()


def test_big_lists_stay_fast(sandbox: RunningSandbox, api: Api) -> None:
    """Generous bounds of CPU time, the server's included: only what grows with the square of the list would break them."""
    group = sandbox.state.add_group("Big")
    sandbox.state.create_attribute("firstname")
    rows = [
        {"email": f"p{n}@example.org", "global_attributes": {"firstname": "x"}, "tags": ["Shop-Special.Buyer"]}
        for n in range(20_000)
    ]
    sandbox.state.write(group, *rows)
    begin = time.process_time()
    for start in range(0, 2500, 250):
        assert len(api.post(f"/v3/groups/{group}/receivers/upsertplus", rows[start : start + 250])) == 250
        body = {"email_list": [row["email"] for row in rows[start : start + 250]], "pagesize": 250}
        assert len(api.post(f"/v3/groups/{group}/get_receivers", body)) == 250
    assert time.process_time() - begin < 3


def test_without_its_packages_it_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['starlette'] = sys.modules['starlette.applications'] = None\n"
        "from cleverreach_sync.errors import UsageError\n"
        "try: import cleverreach_sync.sandbox.server\n"
        "except UsageError as error: print(error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == 'pip install "cleverreach-sync[sandbox]"\n'
