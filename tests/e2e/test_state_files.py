"""The state folder: what is in it, who may read it, and what happens when it is not valid."""

from __future__ import annotations

import errno
import itertools
import json
import os
import resource
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cleverreach_sync.errors import GuardError, LockedError, StateError, UsageError
from tests.e2e.gate import UPSERT, Gate, answer, refusal
from tests.e2e.people import customer, people
from tests.e2e.program import LIST, SECRET, Program
from tests.e2e.running import counted, until

LATER = b'{"schema": "crsync.checkpoint/2"}'


@pytest.fixture
def known(program: Program) -> Program:
    program.write(*people(30))
    program.counts()
    return program


@pytest.fixture
def interrupted(program: Program, gate: Gate) -> Program:
    """A run that is not through, with rejects."""
    program.config(target={"batch_size": 10})
    program.write(*people(60))
    gate.on(UPSERT, answer(200, []), None, refusal(403), refusal(403), refusal(403), refusal(403))
    assert program.failing().code == 6
    gate.meddle = None
    assert len(program.rejects) == 10
    return program


def refused(program: Program) -> StateError:
    """Every command that reads the state refuses it with exit 9 and leaves all files as they are."""
    before = program.files()
    errors: list[StateError] = []
    for command in ("sync", "resync", "diff"):
        error = program.failing(command)
        assert isinstance(error, StateError), error
        assert error.hint
        errors.append(error)
    after = program.files()
    after.pop("lock", None)
    before.pop("lock", None)
    assert after == before
    assert not program.state.traffic.writes
    return errors[0]


class TestCheckpoint:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b" \n",
            b"{}",
            b"[]",
            b"null",
            b"\x00" * 100,
            b"\xff\xfe{",
            b"not json",
            LATER,
            b'{"schema": "other/1"}',
            b'{"schema": "crsync.checkpoint/1"}',
            b"[" * 100_000,
        ],
    )
    def test_that_cannot_be_read(self, known: Program, content: bytes) -> None:
        (known.state_path / "checkpoint.json").write_bytes(content)
        known.state.traffic.clear()
        assert "checkpoint.json" in refused(known).message

    def test_cut_short(self, known: Program) -> None:
        path = known.state_path / "checkpoint.json"
        path.write_bytes(path.read_bytes()[:-20])
        known.state.traffic.clear()
        refused(known)

    def test_with_an_unknown_key(self, known: Program) -> None:
        path = known.state_path / "checkpoint.json"
        path.write_text(json.dumps({**known.checkpoint, "transfers": {}}))
        known.state.traffic.clear()
        assert "changed after crsync wrote it" in refused(known).message
        document = {name: value for name, value in known.checkpoint.items() if name not in ("checksum", "generation")}
        path.write_text(json.dumps(document))  # as an older version would have written it
        assert "transfers" in refused(known).message

    def test_that_is_a_folder(self, known: Program) -> None:
        path = known.state_path / "checkpoint.json"
        path.unlink()
        path.mkdir()
        known.state.traffic.clear()
        refused(known)


class TestLedger:
    @pytest.mark.parametrize("content", [b"", b"x", b"\x00" * 5000, b"SQLite format 3\x00", b"email;name\n" * 99])
    def test_that_is_none(self, known: Program, content: bytes) -> None:
        (known.state_path / "ledger.sqlite3").write_bytes(content)
        known.state.traffic.clear()
        assert "ledger.sqlite3" in refused(known).message

    def test_of_another_program(self, known: Program) -> None:
        path = known.state_path / "ledger.sqlite3"
        path.unlink()
        with sqlite3.connect(path) as database:
            database.execute("create table bookmarks (url text)")
        database.close()
        known.state.traffic.clear()
        refused(known)

    def test_of_a_newer_version(self, known: Program) -> None:
        with sqlite3.connect(known.state_path / "ledger.sqlite3") as database:
            database.execute("update meta set value = '4' where name = 'schema'")
        database.close()
        known.state.traffic.clear()
        assert "another version" in refused(known).message

    def test_damaged_in_the_middle(self, program: Program) -> None:
        program.config(target={"batch_size": 1000})
        program.write(*people(600))
        program.counts()
        path = program.state_path / "ledger.sqlite3"
        content = path.read_bytes()
        assert len(content) > 6 * 8192
        path.write_bytes(content[:16384] + b"\xaa" * (len(content) - 16384))
        program.state.traffic.clear()
        before = path.read_bytes()
        for command in ("sync", "diff"):
            assert program.failing(command).code == 9
        assert path.read_bytes() == before
        assert not program.state.traffic.writes

    def test_missing_is_a_guard(self, known: Program) -> None:
        (known.state_path / "ledger.sqlite3").unlink()
        known.state.traffic.clear()
        error = known.failing()
        assert isinstance(error, GuardError)
        assert "ledger" in error.message
        assert not known.state.traffic.writes
        assert counted(known.run(forced=frozenset({"ledger"})).document)["people"] == 30
        assert len(known.active()) == 30
        assert known.counts() == {"rows": 30, "people": 30, "unchanged": 30}

    @pytest.mark.parametrize("key", [b"", b"00" * 32 + b"\n", b"no key", None])
    def test_whose_key_is_gone_or_anothers(self, known: Program, key: bytes | None) -> None:
        path = known.state_path / "key"
        path.unlink()
        if key is not None:
            path.write_bytes(key)
        known.state.traffic.clear()
        error = known.failing()
        assert isinstance(error, GuardError)
        assert "key" in error.message
        assert not known.state.traffic.writes


class TestRejects:
    @pytest.mark.parametrize(
        "line",
        [
            b"{",
            b"[]",
            b"7",
            b'{"email": "a@b.de"}',
            b'{"email": "a@b.de", "key": "zz", "reason": "", "since": "2026-01-01T00:00:00Z", "attempts": 1}',
            b'{"email": "a@b.de", "key": "aa", "reason": "", "since": "2026-01-01T00:00:00Z", "attempts": 1}',
            b'{"email": 7, "key": "' + b"aa" * 16 + b'", "reason": "", "since": "2026-01-01T00:00:00Z", "attempts": 1}',
            b'{"email": "a@b.de", "key": "' + b"aa" * 16 + b'", "reason": "", "since": "soon", "attempts": 1}',
            b'{"email": "a@b.de", "key": "'
            + b"aa" * 16
            + b'", "reason": "", "since": "2026-01-01T00:00:00Z", "attempts": 1, '
            + b'"facts": [{"stream": "customers", "ident": "", "record": [1, 2]}]}',
        ],
    )
    def test_that_cannot_be_read(self, known: Program, line: bytes) -> None:
        (known.state_path / "rejects.jsonl").write_bytes(line + b"\n")
        known.state.traffic.clear()
        assert "rejects.jsonl:1" in refused(known).message

    def test_are_kept_with_address_and_without(self, program: Program, gate: Gate) -> None:
        program.write(*people(2))
        gate.on(UPSERT, answer(200, []), answer(200, []))
        program.run()
        assert {item["email"] for item in program.rejects} == {row["email"] for row in people(2)}
        program.config(limits={"keep_rejects": False})
        program.run()
        content = program.files()["rejects.jsonl"]
        assert b"person0000" not in content
        assert b"Nachname" not in content
        assert [item["email"] for item in program.rejects] == ["p***@example.org"] * 2
        assert [item["attempts"] for item in program.rejects] == [2, 2]
        program.counts()
        assert program.rejects == []


class TestIdentity:
    @pytest.mark.parametrize(
        "change",
        [
            {"source": {"name": "Other"}},
            {"target": {"base_url": "http://127.0.0.1:9"}},
            {"target": {"list": "Second"}},
        ],
    )
    def test_of_another_source_account_or_list(self, known: Program, change: dict[str, Any]) -> None:
        known.state.add_group("Second")
        known.config(**change)
        known.state.traffic.clear()
        error = refused(known)
        assert "belongs to" in error.message

    def test_a_renamed_list_is_the_same(self, known: Program) -> None:
        next(iter(known.state.groups.values())).name = "Renamed"
        assert known.run().document["counts"]["unchanged"] == 30
        assert any("renamed" in warning for warning in known.said.warnings)

    def test_a_list_that_is_gone(self, known: Program) -> None:
        known.state.delete_group(known.state.group(known.list_id)) if hasattr(known.state, "delete_group") else (
            known.state.groups.clear()
        )
        error = known.failing()
        assert isinstance(error, UsageError)
        assert "no longer exists" in error.message


class TestAccess:
    @pytest.mark.parametrize("umask", [0o022, 0o000, 0o077])
    def test_only_the_owner_may_read(self, interrupted: Program, umask: int) -> None:
        before = os.umask(umask)
        try:
            shutil.rmtree(interrupted.folder / ".crsync")
            interrupted.state.groups.clear()
            interrupted.state.faults.set("error_200", 1, only="upsertplus")
            assert interrupted.failing().code == 5
        finally:
            os.umask(before)
        assert interrupted.state_path.stat().st_mode & 0o777 == 0o700
        assert set(interrupted.files()) >= {"checkpoint.json", "key", "ledger.sqlite3", "lock"}
        modes = {path.name: path.stat().st_mode & 0o777 for path in interrupted.state_path.iterdir()}
        assert set(modes.values()) == {0o600}, modes

    def test_nothing_is_left_lying_about(self, known: Program) -> None:
        assert set(known.files()) == {"checkpoint.json", "history.jsonl", "key", "ledger.sqlite3", "lock"}

    def test_what_a_killed_run_left_is_removed(self, known: Program) -> None:
        left = known.state_path / ".rejects.jsonl.0123abcd"
        left.write_text("somebody@example.org")
        known.run("diff")
        assert left.exists()
        known.counts()
        assert not left.exists()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_that_cannot_be_written(self, program: Program) -> None:
        program.write(*people(2))
        (program.folder / ".crsync").mkdir(mode=0o500)
        assert isinstance(program.failing(), StateError)

    def test_a_file_in_the_place_of_the_folder(self, program: Program) -> None:
        program.write(*people(2))
        (program.folder / ".crsync").write_text("")
        assert isinstance(program.failing(), StateError)
        assert not program.list() if program.state.groups else True

    @pytest.mark.parametrize("size", [8, 60, 150])
    def test_a_full_disk_is_9_and_loses_nothing(self, program: Program, size: int) -> None:
        program.config(target={"batch_size": 200})
        program.write(*people(800))
        assert program.export_path.stat().st_size < 150_000

        def small() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size * 1024, resource.RLIM_INFINITY))

        ended = program.cli("sync", "--format", "json", preexec_fn=small)
        assert ended.code == 9, ended
        assert ended.doc["schema"] in ("crsync.run/1", "crsync.error/1")
        assert "Traceback" not in ended.err
        assert program.run().error is None
        assert len(program.active()) == 800
        assert program.counts() == {"rows": 800, "people": 800, "unchanged": 800}


class TestPrivacy:
    def test_no_address_name_or_secret_but_in_rejects(self, interrupted: Program) -> None:
        self.check(interrupted, {"rejects.jsonl"}, may_be_under_way=True)
        interrupted.run()
        self.check(interrupted, {"rejects.jsonl"})
        interrupted.run("resync")
        interrupted.write(*[customer(n, subscribed="opted_out") for n in range(60)])
        interrupted.run()
        self.check(interrupted, {"rejects.jsonl"})

    @staticmethod
    def check(program: Program, may: set[str], *, may_be_under_way: bool = False) -> None:
        files = program.files()
        assert SECRET.encode() not in b"".join(files.values())
        told = {name: content for name, content in files.items() if not name.startswith(tuple(may))}
        for row in people(60):
            for value in (row["email"], row["first_name"], row["last_name"], row["city"]):
                for name, content in told.items():
                    if may_be_under_way and name == "ledger.sqlite3" and value == row["email"]:
                        continue
                    assert value.encode() not in content
                    assert value.encode("utf-16-le") not in content

    def test_the_spool_is_gone_after_a_run(self, interrupted: Program) -> None:
        assert not [name for name in interrupted.files() if name.startswith("spool")]
        interrupted.run()
        assert not [name for name in interrupted.files() if name.startswith("spool")]

    def test_and_after_one_that_a_guard_refused(self, known: Program) -> None:
        known.write(*[customer(n, subscribed="opted_out") for n in range(30)])
        known.config(limits={"max_deactivated": 5})
        assert known.failing().code == 7
        assert not [name for name in known.files() if name.startswith("spool")]


class TestHistory:
    def test_keeps_1000(self, known: Program) -> None:
        path = known.state_path / "history.jsonl"
        line = path.read_bytes().splitlines()[0]
        path.write_bytes(b"".join(line.replace(b"Online shop", b"old %d" % n) + b"\n" for n in range(1200)))
        known.counts()
        lines = path.read_bytes().splitlines()
        assert len(lines) == 1000
        assert json.loads(lines[-1])["counts"]["unchanged"] == 30
        assert json.loads(lines[-2])["target"]["list_name"] == "old 1199"

    def test_holds_no_changes(self, known: Program) -> None:
        known.run("diff")
        assert len(known.history) == 1
        assert "changes" not in known.history[0]

    def test_a_line_cut_short_does_no_harm(self, known: Program) -> None:
        path = known.state_path / "history.jsonl"
        path.write_bytes(path.read_bytes() + b'{"schema": "crs')
        known.counts()
        assert len(known.history) == 2

    def test_failed_runs_are_in_it(self, known: Program) -> None:
        known.state.faults.set("unavailable", 1, only="upsertplus")
        known.write(*people(31))
        known.failing()
        assert known.history[-1]["exit"]["code"] == 5
        assert known.history[-1]["error"]["class"] == "temporary"


class TestLock:
    @pytest.fixture
    def busy(self, program: Program) -> Iterator[Program]:
        """Another run is at work: it waits for the answer to its first write."""
        program.write(*people(30))
        go, waits = threading.Event(), threading.Event()

        def hold(_path: str, _rows: object) -> None:
            waits.set()
            go.wait(20)

        program.state.before_write = hold
        process = program.start("sync", "--format", "json")
        until(waits.is_set)
        self.finish = go
        yield program
        go.set()
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        assert json.loads(out)["counts"]["created"] == 30

    def test_8_at_once(self, busy: Program) -> None:
        error = busy.failing()
        assert isinstance(error, LockedError)
        assert error.retryable
        assert "process" in error.message
        assert busy.clock.passed == 0
        assert isinstance(busy.failing("resync"), LockedError)

    def test_lock_timeout_waits(self, busy: Program) -> None:
        assert isinstance(busy.failing(lock_timeout=30), LockedError)
        assert 29 < busy.clock.passed < 31

    def test_lock_timeout_gets_it(self, busy: Program) -> None:
        process = busy.start("sync", "--lock-timeout", "20", "--format", "json")
        busy.state.before_write = None
        self.finish.set()
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        assert json.loads(out)["counts"]["unchanged"] == 30

    def test_diff_status_and_check_take_none(self, busy: Program) -> None:
        document = busy.run("diff").document
        assert document["counts"]["people"] == 30
        for command in ("status", "check"):
            assert busy.here(command).code == 0

    def test_of_a_dead_process(self, known: Program) -> None:
        (known.state_path / "lock").write_text("1")
        assert known.counts()["unchanged"] == 30


def test_two_configs_in_one_folder_have_states_of_their_own(program: Program) -> None:
    program.write(*people(3))
    program.counts()
    other = program.folder / "second.yaml"
    other.write_text(program.config_path.read_text().replace(LIST, "Second list"))
    assert program.here("sync", "-c", "second.yaml").code == 0
    assert {path.name for path in (program.folder / ".crsync").iterdir()} == {"sync", "second"}
    assert len(program.state.groups) == 2


@pytest.mark.parametrize("number", [errno.EACCES, errno.EBUSY, errno.EMFILE, errno.ESTALE], ids=errno.errorcode.get)
@pytest.mark.parametrize("name", ["spool.sqlite3", "spool.sqlite3-wal"])
def test_a_file_that_somebody_else_holds_is_no_bug(
    program: Program, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    """A virus scanner, a backup, a network share."""
    remove = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.name == name:
            raise OSError(number, os.strerror(number), str(path))
        remove(path, missing_ok)

    program.write(*people(1))
    with monkeypatch.context() as held:
        held.setattr(Path, "unlink", refuse)
        ran = program.sync(code=9)
    assert os.strerror(number) in ran.err
    assert "bug" not in ran.err
    assert program.sync().counts["created"] == 1


def test_a_spool_that_cannot_be_removed_at_the_end_is_told(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    remove, calls = Path.unlink, itertools.count()

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.name == "spool.sqlite3" and next(calls) > 1:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        remove(path, missing_ok)

    program.write(*people(1))
    with monkeypatch.context() as held:
        held.setattr(Path, "unlink", refuse)
        ran = program.sync()
    assert ran.counts["created"] == 1
    assert "cannot remove" in ran.err
    assert program.sync().counts["unchanged"] == 1
    assert "spool.sqlite3" not in program.files()
