"""The main path on a system that is no POSIX, and on file systems that lack something."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cleverreach_sync.clock import Clock
from cleverreach_sync.errors import StateError
from cleverreach_sync.state import lock
from cleverreach_sync.state.lock import held
from tests.e2e.elsewhere import AND
from tests.e2e.gate import UPSERT, Gate, answer, refusal
from tests.e2e.people import customer, people
from tests.e2e.program import Program
from tests.e2e.running import Ran, environment, here

ROOT = Path(__file__).parents[2]
WINDOWS = {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONWARNDEFAULTENCODING": "1"}


@pytest.fixture
def known(program: Program) -> Program:
    program.write(*people(30))
    program.counts()
    return program


class TestNoPosix:
    pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks there for what is open")

    def crsync(self, program: Program, *words: str) -> Ran:
        program.config()
        named = ["-c", str(program.config_path)]
        words = tuple(each for word in words for each in ([*named, AND] if word == AND else [word]))
        command = [sys.executable, "-m", "tests.e2e.elsewhere", *words, *named]
        finished = subprocess.run(
            command, cwd=ROOT, env={**environment(), **WINDOWS}, capture_output=True, check=False, timeout=60
        )
        return Ran(finished.returncode, finished.stdout.decode("utf-8"), finished.stderr.decode("cp1252"))

    def test_the_main_path(self, program: Program) -> None:
        program.write(*people(20), customer(20, first_name="Łukasz", city="Ελλάδα"), customer(21, email="nothing"))
        assert self.crsync(program, "check", AND, "diff", "--show-pii", "--details", "all").code == 0
        assert "Łukasz" in self.crsync(program, "diff", "--show-pii", "--format", "json").out
        first = self.crsync(program, "sync", "--format", "json")
        assert (first.code, first.doc["counts"]["created"]) == (0, 21)
        program.write(*people(19))
        last = self.crsync(program, "resync", AND, "status", AND, "attrs", "create")
        assert last.code == 0
        assert "people known" in last.out
        assert "nothing is missing" in last.out
        assert len(program.active()) == 21

    def test_after_a_run_that_did_not_end(self, program: Program, gate: Gate) -> None:
        program.config(target={"batch_size": 10})
        program.write(*people(60))
        gate.on(UPSERT, answer(200, []), None, *[refusal(403)] * 20)
        assert self.crsync(program, "sync").code == 6
        gate.meddle = None
        ended = self.crsync(program, "sync", "--format", "json")
        assert ended.code == 0, ended.err
        assert len(program.list()) == 60
        shutil.copy(program.state_path / "key", program.folder / "key")
        (program.state_path / "key").unlink()
        assert self.crsync(program, "sync").code == 7
        assert self.crsync(program, "sync", "--force", "ledger").code == 0

    def test_who_holds_the_lock(self, known: Program) -> None:
        clock = Clock()
        with held(known.state_path / "lock", 0, clock.now, clock.sleep):
            ended = self.crsync(known, "sync")
        assert ended.code == 8
        assert f"process {os.getpid()}" in ended.err


class TestAccess:
    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277])
    def test_what_is_made_is_the_owners_whatever_the_umask(self, program: Program, umask: int) -> None:
        program.config(state_dir="var/state")
        program.write(*people(3))
        before = os.umask(umask)
        try:
            program.counts()
        finally:
            os.umask(before)
        made = [program.folder / "var", *(program.folder / "var").rglob("*")]
        assert len(made) > 6
        for path in made:
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path

    def test_the_folder_of_an_earlier_version_is_closed_to_strangers(self, known: Program) -> None:
        folder = known.folder / ".crsync"
        folder.chmod(0o777)
        known.counts()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o770

    @pytest.mark.parametrize("command", [["init"], ["init", "deep/below/sync.yaml"]])
    def test_a_config_is_the_owners(self, tmp_path: Path, command: list[str]) -> None:
        before = os.umask(0)
        try:
            assert here(tmp_path, [*command, "--yes", "-q"]).code == 0
        finally:
            os.umask(before)
        for path in tmp_path.rglob("*"):
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path

    @pytest.mark.parametrize(
        "name", ["lock", "key", "checkpoint.json", "ledger.sqlite3", "rejects.jsonl", "history.jsonl"]
    )
    @pytest.mark.parametrize("to", ["there", "nowhere"])
    def test_a_link_in_the_place_of_a_file_is_not_followed(self, known: Program, name: str, to: str) -> None:
        elsewhere = known.folder / "elsewhere"
        path = known.state_path / name
        if to == "there" and path.exists():
            path.rename(elsewhere)
        elif to == "there":
            elsewhere.write_text("")
        path.unlink(missing_ok=True)
        path.symlink_to(elsewhere)
        before = elsewhere.read_bytes() if to == "there" else None
        error = known.failing()
        assert isinstance(error, StateError)
        assert "is a link" in error.message
        assert (elsewhere.read_bytes() if elsewhere.exists() else None) == before
        if name != "lock":
            assert known.failing("diff").code == 9


class TestLocking:
    @pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EIO])
    def test_where_nothing_can_be_locked(self, program: Program, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        def fails(_handle: int, *, blocking: bool) -> bool:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(lock, "lock_descriptor", fails)
        program.write(*people(3))
        error = program.failing()
        assert isinstance(error, StateError)
        assert "cannot lock" in error.message
        assert "state_dir" in str(error.hint)

    def test_where_folders_cannot_be_synced(self, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        synced = os.fsync

        def fsync(handle: int) -> None:
            if stat.S_ISDIR(os.fstat(handle).st_mode):
                raise OSError(errno.EINVAL, "Invalid argument")
            synced(handle)

        monkeypatch.setattr(os, "fsync", fsync)
        program.write(*people(3))
        assert program.counts() == {"rows": 3, "people": 3, "created": 3}


class TestWhatIsLeft:
    @pytest.mark.parametrize("place", ["run.decide.deciding:Decider.everybody", "state.spool:Spool.commit"])
    def test_a_killed_diff_leaves_nobody(
        self, program: Program, tmp_path_factory: pytest.TempPathFactory, place: str
    ) -> None:
        program.write(*people(3000))
        program.config()
        temporary = tmp_path_factory.mktemp("temporary")
        program.killed(place, command="diff", TMPDIR=str(temporary), SQLITE_TMPDIR=str(temporary))
        assert not list(temporary.rglob("*"))
        assert not program.state_path.exists()

    def test_what_an_earlier_version_left_is_swept_and_nothing_else(
        self, known: Program, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        temporary = tmp_path_factory.mktemp("temporary")
        monkeypatch.setattr("tempfile.tempdir", str(temporary))
        files = {
            "crsync-abcd_123": "spool.sqlite3",
            "crsync-abcd_124": "ledger.sqlite3-wal",
            "crsync-customer": "customers.csv",
            "crsync-demo": "spool.sqlite3",
            "crsync-of_now_1": "spool.sqlite3",
        }
        for folder, file in files.items():
            (temporary / folder).mkdir()
            (temporary / folder / file).write_text("somebody@example.org")
            if "now" not in folder:
                os.utime(temporary / folder, (0, 0))
        known.run("diff")
        assert {path.name for path in temporary.iterdir()} == {"crsync-customer", "crsync-demo", "crsync-of_now_1"}

    def unreadable(self, program: Program) -> dict[str, bytes]:
        """The state of a run that was killed, where SQLite cannot create what it needs beside the ledger."""
        program.write(*people(31), customer(40, subscribed="opted_out"))
        program.killed("state.ledger:Ledger.take_off", command="resync")
        there = program.state_path / "ledger.sqlite3-shm"
        assert (program.state_path / "ledger.sqlite3-wal").stat().st_size
        there.unlink()
        there.symlink_to(program.folder / "nowhere" / "at-all")
        return program.files()

    def test_a_state_that_nobody_may_write_is_read(self, known: Program) -> None:
        before = self.unreadable(known)
        document = known.run("diff").document
        assert (document["counts"]["people"], document["counts"]["created"]) == (32, 1)
        status = known.here("status", "--format", "json").doc
        assert status["totals"]["in_the_list"] == 30
        assert known.here("explain", customer(1)["email"]).code in (0, 2)
        assert known.here("check").code == 0
        assert known.files() == before

    def test_one_that_is_damaged_besides_is_called_so(self, known: Program) -> None:
        self.unreadable(known)
        path = known.state_path / "ledger.sqlite3"
        path.write_bytes(path.read_bytes()[:100] + b"\xff" * (path.stat().st_size - 100))
        (known.state_path / "ledger.sqlite3-wal").write_bytes(b"")
        error = known.failing("diff")
        assert isinstance(error, StateError)
        assert "damaged" in error.message
