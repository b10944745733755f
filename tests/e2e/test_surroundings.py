"""What is around the program: streams that are closed or full, a proxy, a terminal, the environment."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from cleverreach_sync.cli import app as cli_app
from cleverreach_sync.errors import LockedError
from cleverreach_sync.state import ledger, opened
from tests.e2e.meddling import interrupt_at
from tests.e2e.people import customer, people
from tests.e2e.program import Program
from tests.e2e.running import environment
from tests.odd_server import odd_server, response


@pytest.fixture
def shop(program: Program) -> Program:
    program.write(*people(20))
    program.config()
    return program


def in_shell(folder: Path, line: str, **env: str) -> subprocess.CompletedProcess[str]:
    """`crsync` in a line of a shell; the last line printed is its exit code."""
    return subprocess.run(
        ["bash", "-c", f'crsync() {{ {sys.executable} -m cleverreach_sync "$@"; }}; {line}'],
        cwd=folder,
        env=environment() | env,
        capture_output=True,
        text=True,
        check=False,
    )


class TestStreams:
    @pytest.mark.parametrize(
        "line",
        [
            "crsync sync --format json >&-",
            "crsync diff >&-",
            "crsync diff 2>&-",
            "crsync sync <&-",
            "crsync sync <&- >&- 2>&-",
            "crsync schema >&-",
        ],
    )
    def test_closed_ones_do_no_harm(self, shop: Program, line: str) -> None:
        ended = in_shell(shop.folder, line)
        assert (ended.returncode, ended.stderr) == (0, "")
        if line.startswith("crsync sync"):
            assert len(shop.list()) == 20

    def test_the_exit_code_of_an_error_stays(self, shop: Program) -> None:
        ended = in_shell(shop.folder, "crsync sync -c nothing.yaml --format json >&-")
        assert ended.returncode == 2
        assert ended.stderr.startswith("error: nothing.yaml: no such config file")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
    @pytest.mark.parametrize(
        ("line", "code"),
        [
            ("crsync sync --format json >/dev/full", 9),
            ("crsync diff >/dev/full", 9),
            ("crsync schema >/dev/full", 9),
            ("crsync --version >/dev/full", 9),
            ("crsync --help >/dev/full", 9),
            ("crsync sync -c nothing.yaml --format json >/dev/full", 2),
            ("crsync nothing 2>/dev/full", 2),
        ],
    )
    def test_full_ones_are_told_without_a_traceback(self, shop: Program, line: str, code: int) -> None:
        ended = in_shell(shop.folder, line)
        assert ended.returncode == code
        assert not re.search("Traceback|Exception", ended.stderr)
        assert "2>" in line or ended.stderr.startswith("error: ")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
    def test_why_a_run_failed_matters_more(self, shop: Program) -> None:
        shop.config(limits={"retry_for": 0})
        shop.state.faults.set("unavailable", 1, only="upsertplus")
        ended = in_shell(shop.folder, "crsync sync --format json >/dev/full")
        assert ended.returncode == 5
        assert ended.stderr.startswith("error: CleverReach is not available (502: 502 Bad Gateway)")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
    @pytest.mark.parametrize(
        ("line", "code"),
        [
            ("crsync sync", 0),
            ("crsync sync -v --log-format json", 0),
            ("crsync sync -c nothing.yaml -c sync.yaml", 2),
            ("crsync sync -c nothing.yaml -c sync.yaml --jobs 2", 2),
        ],
    )
    def test_a_log_on_a_full_disk_stops_no_run(self, shop: Program, line: str, code: int) -> None:
        shop.write(*people(20), customer(20, email="no address"))
        assert in_shell(shop.folder, f"{line} 2>/dev/full").returncode == code
        assert len(shop.list()) == 20


class TestTerminal:
    def test_no_colours_are_plain_text(self, shop: Program) -> None:
        for words, env in ((["--no-color"], {}), ([], {"NO_COLOR": "1"}), ([], {"CRSYNC_NO_COLOR": "1"})):
            ended = shop.here("status", *words, env={"FORCE_COLOR": "1", "TERM": "xterm", **env})
            assert "\x1b" not in ended.out
        assert "\x1b" in shop.here("status", env={"FORCE_COLOR": "1", "TERM": "xterm"}).out


def test_ctrl_c_while_it_starts_is_no_bug(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt")
    ended = subprocess.run(
        [sys.executable, "-m", "cleverreach_sync", "sync"],
        env=environment() | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (130, "")


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_why_a_run_stopped(shop: Program, signum: int, code: int) -> None:
    shop.config(target={"batch_size": 5, "concurrency": 1})
    process = shop.start("sync", "--format", "json")
    interrupt_at(shop, process, 2, signum)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == code
    assert '"stopped": "signal"' in out
    assert shop.history[-1]["stopped"] == "signal"


PROXY = dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9")


class TestEnvironment:
    def test_this_machine_is_not_asked_for_by_a_proxy(self, shop: Program) -> None:
        assert shop.cli("sync", env=PROXY).code == 0

    @pytest.mark.parametrize(
        ("env", "says"),
        [
            ({"HTTPS_PROXY": "socks5://127.0.0.1:9"}, "the proxy that the environment names"),
            ({"ALL_PROXY": "ftp://127.0.0.1:9"}, "the proxy that the environment names"),
            ({"HTTPS_PROXY": "http://[::1"}, "the proxy that the environment names"),
            ({"SSL_CERT_FILE": "/nothing/there.pem"}, "SSL_CERT_FILE"),
        ],
    )
    def test_what_cannot_be_used_is_named(self, shop: Program, env: dict[str, str], says: str) -> None:
        shop.config(target={"base_url": "https://cleverreach.invalid"})
        ended = shop.here("sync", env=env)
        assert ended.code == 2
        assert says in ended.err
        assert "hint: " in ended.err

    def test_a_proxy_that_refuses_is_named(self, shop: Program) -> None:
        shop.config(target={"base_url": "https://cleverreach.invalid"}, limits={"retry_for": 0})
        with odd_server(lambda _: response(407, b"")) as proxy:
            ended = shop.here("sync", env={"HTTPS_PROXY": proxy.url.replace("//", "//anna:s3cret@")})
        assert ended.code == 5
        assert ended.err.startswith("error: the proxy that the environment names does not connect to cleverreach.inv")
        assert "HTTPS_PROXY" in ended.err
        assert "s3cret" not in ended.err

    def test_the_demo_keeps_to_itself(self, tmp_path: Path) -> None:
        spoilt = {"CRSYNC_FORMAT": "csv", "CRSYNC_MAX_DURATION": "0", "CRSYNC_CONFIG": "nothing.yaml"}
        ended = in_shell(tmp_path, "crsync demo", **PROXY, **spoilt)
        assert ended.returncode == 0
        assert "46 " in ended.stdout  # created by the first run

    def test_a_quiet_demo_says_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Its commands run in this process."""
        commands = []

        def carry_out(command: list[str], **_how: object) -> subprocess.CompletedProcess[str]:
            commands.append(command[3])
            return subprocess.CompletedProcess(command, cli_app.run(command[3:]))

        monkeypatch.setattr(subprocess, "run", carry_out)
        monkeypatch.chdir(tmp_path)
        assert cli_app.run(["demo", "-q"]) == 0
        assert commands == ["attrs", "diff", "sync", "sync", "diff", "sync", "status"]
        assert tuple(capfd.readouterr()) == ("", "")


class TestCheckOfTheState:
    def test_of_another_shop(self, shop: Program) -> None:
        assert shop.here("sync").code == 0
        shop.config(source={"name": "Other"})
        ended = shop.here("check", "--format", "json")
        assert ended.code == 9
        (failed,) = [line for line in ended.doc["checks"] if not line["ok"]]
        assert failed["name"] == "state"
        assert "belongs to another source name" in failed["message"]

    def test_without_its_ledger(self, shop: Program) -> None:
        assert shop.here("sync").code == 0
        (shop.state_path / "ledger.sqlite3").unlink()
        ended = shop.here("check", "--format", "json")
        assert ended.code == 0
        (found,) = [line for line in ended.doc["checks"] if line["name"] == "state"]
        assert (found["level"], found["message"]) == ("warning", "the ledger is missing")

    def test_with_a_damaged_ledger(self, shop: Program) -> None:
        assert shop.here("sync").code == 0
        (shop.state_path / "ledger.sqlite3").write_bytes(b"")
        assert shop.here("check").code == 9

    def test_while_a_run_is_writing_its_ledger(self, shop: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        assert shop.here("sync").code == 0
        monkeypatch.setattr(opened, "connect", partial(sqlite3.connect, timeout=0))
        with closing(sqlite3.connect(shop.state_path / "ledger.sqlite3", isolation_level=None)) as other:
            other.execute("begin exclusive")
            with pytest.raises(LockedError, match="is being written right now"):
                ledger.Ledger(shop.state_path / "ledger.sqlite3", read_only=True)


def test_help_starts_without_what_only_runs_need() -> None:
    asked = "import sys; from cleverreach_sync.cli.app import run; code = run(['--help']); print(*sys.modules); sys.exit(code)"
    ended = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    loaded = set(ended.stdout.splitlines()[-1].split())
    assert "cleverreach_sync.cli.sync" in loaded
    assert not loaded & {"httpx", "tenacity", "sqlite3", "pydantic", "yaml"}


def test_every_command_knows_the_options_of_output(shop: Program) -> None:
    for words in (
        ["schema"],
        ["status"],
        ["check"],
        ["attrs", "list"],
        ["diff"],
        ["sync"],
        ["resync"],
        ["attrs", "create"],
    ):
        ended = shop.here(*words, "-q", "--log-format", "json", "--no-color", "--format", "json")
        assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert shop.here("schema", env={"CRSYNC_FORMAT": "csv"}).doc["$schema"]


def test_status_has_totals(shop: Program) -> None:
    shop.write(*people(20), customer(20, subscribed="no", orders="0"))
    assert shop.here("status", "--format", "json").doc["totals"] is None
    assert shop.here("sync").code == 0
    assert shop.here("status", "--format", "json").doc["totals"] == {"people_known": 21, "in_the_list": 20}
    assert re.search("^people known +21\nin the list +20$", shop.here("status").out, re.MULTILINE)
    (shop.state_path / "ledger.sqlite3").write_bytes(b"no ledger")
    assert shop.here("status", "--format", "json").code == 9
