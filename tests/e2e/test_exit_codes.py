"""How commands end: exit codes, what is on stdout, what on stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cleverreach_sync.cli import app as cli_app
from tests.e2e.gate import Gate, answer, refusal
from tests.e2e.people import customer, people
from tests.e2e.program import LIST, Program
from tests.e2e.running import Ran, environment

Prepared = Callable[[Program, Gate], None]


def broken_config(program: Program, _gate: Gate) -> None:
    program.config(tagz=["subscriber"])


def no_config(program: Program, _gate: Gate) -> None:
    program.config_path.unlink(missing_ok=True)


def no_list(program: Program, _gate: Gate) -> None:
    program.config(target={"create_list": False})


def no_field(program: Program, _gate: Gate) -> None:
    program.config(attributes={"map": {"shoe_size": "extra.shoes"}})


def no_export(program: Program, _gate: Gate) -> None:
    program.export_path.unlink()


def all_rejected(_program: Program, gate: Gate) -> None:
    _program.config(limits={"max_rejected": 2})
    gate.always("POST /v3/groups/{id}/receivers/upsertplus", answer(200, []))


def down(program: Program, _gate: Gate) -> None:
    program.config(limits={"retry_for": 0})
    program.state.faults.set("unavailable", 1)


def down_while_writing(program: Program, _gate: Gate) -> None:
    program.config(limits={"retry_for": 0})
    program.state.faults.set("unavailable", 1, only="upsertplus")


def nobody_there(program: Program, _gate: Gate) -> None:
    program.config(limits={"retry_for": 0}, target={"base_url": "http://127.0.0.1:9"})


def forbidden(_program: Program, gate: Gate) -> None:
    gate.always("GET /v3/groups", refusal(403, "Forbidden"))


def forbidden_while_writing(_program: Program, gate: Gate) -> None:
    gate.always("POST /v3/groups/{id}/receivers/upsertplus", refusal(403, "Forbidden"))


def guarded(program: Program, _gate: Gate) -> None:
    group = program.state.add_group(LIST)
    program.state.write(group, {"email": customer(0)["email"], "tags": ["Shop-Special.Subscriber"]})


def bad_state(program: Program, _gate: Gate) -> None:
    program.state_path.mkdir(parents=True)
    (program.state_path / "checkpoint.json").write_bytes(b"")


CASES: list[tuple[Prepared, int, str, str]] = [
    (broken_config, 2, "usage", "crsync.error/1"),
    (no_config, 2, "usage", "crsync.error/1"),
    (no_list, 2, "usage", "crsync.error/1"),
    (no_field, 2, "usage", "crsync.error/1"),
    (no_export, 2, "usage", "crsync.error/1"),
    (all_rejected, 4, "rejected", "crsync.run/1"),
    (down, 5, "temporary", "crsync.error/1"),
    (down_while_writing, 5, "temporary", "crsync.run/1"),
    (nobody_there, 5, "temporary", "crsync.error/1"),
    (forbidden, 6, "auth", "crsync.error/1"),
    (forbidden_while_writing, 6, "auth", "crsync.run/1"),
    (guarded, 7, "guard", "crsync.run/1"),
    (bad_state, 9, "state", "crsync.error/1"),
]


@pytest.fixture
def shop(program: Program) -> Program:
    program.write(*people(20))
    program.config()
    return program


def run_here(program: Program, capfd: pytest.CaptureFixture[str], *words: str) -> Ran:
    """The command line in this process."""
    before = Path.cwd()
    os.chdir(program.folder)
    try:
        code = cli_app.run(words)
    finally:
        os.chdir(before)
    out, err = capfd.readouterr()
    return Ran(code, out, err)


@pytest.mark.parametrize(("prepare", "code", "kind", "schema"), CASES, ids=[case[0].__name__ for case in CASES])
class TestErrors:
    def test_as_json(
        self,
        shop: Program,
        gate: Gate,
        prepare: Prepared,
        code: int,
        kind: str,
        schema: str,
    ) -> None:
        prepare(shop, gate)
        ended = shop.here("sync", "--format", "json")
        assert ended.code == code, ended
        document = ended.doc
        assert document["schema"] == schema
        error = document["error"]
        assert (error["code"], error["class"], error["retryable"]) == (code, kind, code in (5, 8))
        assert error["message"]
        assert error["hint"]
        if schema == "crsync.run/1":
            assert document["exit"] == {"code": code, "class": kind, "retryable": code in (5, 8)}
        else:
            assert set(document) == {"schema", "error"}
        self.check_stderr(ended.err)

    def test_as_text(
        self,
        shop: Program,
        gate: Gate,
        prepare: Prepared,
        code: int,
        kind: str,
        schema: str,
    ) -> None:
        prepare(shop, gate)
        ended = shop.here("sync")
        assert ended.code == code
        self.check_stderr(ended.err)
        assert "error:" not in ended.out
        assert bool(ended.out) == (schema == "crsync.run/1")

    def test_as_log_lines(
        self,
        shop: Program,
        gate: Gate,
        prepare: Prepared,
        code: int,
        kind: str,
        schema: str,
    ) -> None:
        prepare(shop, gate)
        ended = shop.here("sync", "--log-format", "json", "-v", "-q")
        lines = [json.loads(line) for line in ended.err.splitlines()]
        assert lines[-1]["level"] == "error"
        assert (lines[-1]["code"], lines[-1]["class"]) == (code, kind)

    @staticmethod
    def check_stderr(err: str) -> None:
        lines = err.splitlines()
        assert any(line.startswith("error: ") for line in lines), err
        assert any(line.startswith("hint: ") for line in lines), err
        assert "Traceback" not in err


class TestWell:
    def test_0_and_quiet_is_silent(self, shop: Program) -> None:
        shop.write(*people(20), customer(21, email="no address"), customer(22, orders="many"))
        ended = shop.cli("sync")
        assert ended.code == 0
        assert "warning: customers.csv:22: " in ended.err
        assert ended.out
        for command in (["sync"], ["diff"], ["resync"], ["status"], ["check"], ["attrs", "list"]):
            assert shop.here(*command, "-q").silent
            assert shop.here(*command, "-q", "--log-format", "json", "--format", "json").silent
        assert shop.here("sync", "-q").silent

    def test_quiet_tells_the_warnings_of_a_run_that_fails(self, shop: Program) -> None:
        shop.write(*people(20), customer(21, email="no address"))
        shop.config(limits={"max_rejected": 0})
        ended = shop.here("sync", "-q")
        assert ended.code == 4
        assert ended.err.startswith("warning: customers.csv:22: ")
        assert "error: 1 person is invalid or was rejected, 0 are allowed" in ended.err
        assert "next: crsync diff (its warnings name the rows that are invalid)" in " ".join(ended.out.split())
        assert "crsync status" not in ended.out + ended.err
        logged = shop.here("diff", "-q", "--log-format", "json")
        assert json.loads(logged.err.splitlines()[0])["level"] == "warning"

    def test_3(self, shop: Program) -> None:
        assert shop.here("diff").code == 0
        ended = shop.here("diff", "--exit-code", "--format", "json")
        assert ended.code == 3
        assert ended.doc["exit"] == {"code": 3, "class": "differences", "retryable": False}
        assert ended.err == ""
        shop.counts()
        assert shop.here("diff", "--exit-code").code == 0

    def test_1_names_only_the_type(self, shop: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        from cleverreach_sync.targets.cleverreach.target import CleverReach

        def bug(*_given: object) -> None:
            raise KeyError(customer(0)["email"])

        monkeypatch.setattr(CleverReach, "deliver", bug)
        ended = shop.here("sync", "--format", "json")
        assert ended.code == 1
        assert ended.doc["schema"] == "crsync.run/1"
        assert ended.doc["error"]["class"] == "bug"
        assert "KeyError" in ended.doc["error"]["message"]
        assert "Traceback" not in ended.err
        assert customer(0)["email"] not in ended.out + ended.err
        ended = shop.here("sync", "-vv")
        assert ended.code == 1
        assert "Traceback" in ended.err
        assert customer(0)["email"] not in ended.out + ended.err

    @pytest.mark.parametrize(
        ("command", "schema"),
        [
            (["sync"], "crsync.run/1"),
            (["diff"], "crsync.run/1"),
            (["resync", "--dry-run"], "crsync.run/1"),
            (["status"], "crsync.status/1"),
            (["check"], "crsync.check/1"),
            (["attrs", "list"], "crsync.attributes/1"),
            (["attrs", "create"], "crsync.attributes/1"),
        ],
    )
    def test_json_is_one_document_and_nothing_else(self, shop: Program, command: list[str], schema: str) -> None:
        ended = shop.here(*command, "--format", "json", "-vv")
        assert ended.code == 0
        assert ended.doc["schema"] == schema

    def test_markdown_and_csv(self, shop: Program) -> None:
        assert shop.here("diff", "--format", "csv").out.count("\n") == 1 + 20 * 3
        assert shop.here("diff", "--format", "markdown").out.startswith("#")


class TestSurroundings:
    @pytest.mark.parametrize("command", [["diff", "--details", "all"], ["diff", "--format", "json"], ["schema"]])
    def test_a_broken_pipe_is_quiet(self, shop: Program, command: list[str]) -> None:
        shop.write(*people(3000))
        line = " ".join(command)
        finished = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m cleverreach_sync {line} | head -1; echo ${{PIPESTATUS[0]}}"],
            cwd=shop.folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert finished.stderr == ""
        assert finished.stdout.splitlines()[-1] == "0"

    def test_a_demo_where_nothing_may_be_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "crsync-demo").touch()
        assert cli_app.run(["demo"]) == 2
        err = capfd.readouterr().err
        assert err.startswith("error: cannot write into ")
        assert "hint: " in err

    def test_no_colour_but_on_a_terminal(self, shop: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        ran = shop.here("sync")
        assert "\x1b" not in ran.out + ran.err
        # FORCE_COLOR stands for a terminal; each of the others takes the colours away.
        monkeypatch.setenv("FORCE_COLOR", "1")
        coloured = shop.here("nothing").err
        plain = [shop.here("sync", "--no-color", "--limit", "x").err]
        for name in ("NO_COLOR", "CRSYNC_NO_COLOR"):
            monkeypatch.setenv(name, "1")
            plain.append(shop.here("sync").out)
            monkeypatch.delenv(name)
        assert "\x1b" in coloured
        assert not [text for text in plain if "\x1b[3" in text]

    def test_variables_stand_for_options(self, shop: Program) -> None:
        elsewhere = shop.config_path.rename(shop.folder / "other.yaml")
        named = {"CRSYNC_CONFIG": str(elsewhere), "CRSYNC_FORMAT": "json", "CRSYNC_LOG_FORMAT": "json"}
        ended = shop.cli("sync", env=named)
        assert ended.code == 0
        assert ended.doc["counts"]["created"] == 20
        ended = shop.here("sync", env={**named, "CRSYNC_MAX_DURATION": "0"})
        assert ended.code == 5
        assert (ended.doc["complete"], ended.doc["stopped"]) == (False, "max_duration")
        assert shop.here("sync", "--format", "text", env=named).out[:1] != "{"
        # No other option can be set so.
        ended = shop.here("sync", env={**named, "CRSYNC_LIMIT": "0", "CRSYNC_DRY_RUN": "1", "CRSYNC_FORCE": "ledger"})
        assert ended.doc["complete"]
        assert not ended.doc["dry_run"]

    @pytest.mark.parametrize(
        ("variable", "value", "reason"),
        [
            ("CRSYNC_FORMAT", "xml", "'xml' is not one of 'text', 'json'"),
            ("CRSYNC_LOG_FORMAT", "xml", "'xml' is not one of 'text', 'json'"),
            ("CRSYNC_LOCK_TIMEOUT", "soon", "expected a number"),
            ("CRSYNC_MAX_DURATION", "-1", "expected a number of seconds, 0 or more"),
        ],
    )
    def test_wrong_variables(self, shop: Program, variable: str, value: str, reason: str) -> None:
        ended = shop.here("sync", env={variable: value})
        assert ended.code == 2
        assert ended.err.startswith("error: ")
        assert f"(env var: '{variable}'): {reason}\n" in ended.err

    def test_latin_1_terminals(self, shop: Program) -> None:
        shop.config(source={"name": "Größe 日本"})
        ended = shop.cli("diff", env={"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}, encoding="latin-1")
        assert ended.code == 0
        ended = shop.cli("diff", "--format", "json", env={"PYTHONIOENCODING": "ascii"}, encoding="utf-8")
        assert "Größe_日本" in ended.out


WRONG = [
    ["--nothing"],
    ["nothing"],
    ["sync", "extra"],
    ["sync", "--format", "xml"],
    ["sync", "--format", "csv"],
    ["sync", "--limit", "-1"],
    ["sync", "--limit", "x"],
    ["sync", "--force", "everything"],
    ["sync", "--lock-timeout", "-1"],
    ["sync", "--lock-timeout", "nan"],
    ["sync", "--max-duration", "soon"],
    ["sync", "--include-deleted"],
    ["sync", "--details", "some"],
    ["sync", "--log-format", "xml"],
    ["sync", "-c"],
    ["resync", "--exit-code"],
    ["diff", "--against", "shop"],
    ["diff", "--dry-run"],
    ["diff", "--details", "-3"],
    ["status", "--limit", "1"],
    ["check", "--dry-run"],
    ["attrs"],
    ["attrs", "delete"],
    ["attrs", "list", "--dry-run"],
    ["schema", "--format", "csv"],
    ["init", "a.yaml", "b.yaml"],
    ["init", "new.yaml", "--source", "excel"],
    ["sandbox", "--port", "70000"],
    ["sandbox", "--fault", "fire=1"],
    ["sandbox", "--fault", "reset=2"],
    ["demo", "--config", "x"],
]


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_wrong_usage(shop: Program, words: list[str]) -> None:
    ended = shop.here(*words)
    assert ended.code == 2
    assert "Traceback" not in ended.err
    assert ended.out == "" or words == ["attrs"] or "json" in words
    if words != ["attrs"]:
        assert ended.err.startswith("error: "), ended.err
        assert "\nhint: " in ended.err


def test_wrong_usage_as_json(shop: Program) -> None:
    ended = shop.here("sync", "--limit", "x", "--format", "json")
    assert ended.code == 2
    assert ended.doc["schema"] == "crsync.error/1"
    assert ended.doc["error"]["class"] == "usage"


def test_all_problems_of_a_config_at_once(shop: Program) -> None:
    text = shop.config_path.read_text().replace("tags:", "tagz:").replace("batch_size: 50", "batch_size: 5000")
    shop.config_path.write_text(text)
    ended = shop.here("check", "--format", "json")
    assert ended.code == 2
    assert len(ended.doc["error"]["problems"]) >= 3
    assert all(line.startswith(("error: sync.yaml:", "hint: ")) for line in ended.err.splitlines())


def test_http_beyond_loopback_is_refused(shop: Program) -> None:
    shop.config(target={"base_url": "http://rest.cleverreach.com"})
    ended = shop.here("sync")
    assert ended.code == 2
    assert "https://" in ended.err
