"""A state of which a part is older than the rest: from a backup, or after a power cut; and one that is damaged."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from cleverreach_sync.errors import GuardError, StateError
from cleverreach_sync.run.finish import checkpoint as checkpoints
from cleverreach_sync.run.pipeline import Finished
from cleverreach_sync.sources.values import utc_text
from cleverreach_sync.state import checkpoint, files, lock
from cleverreach_sync.state.files import LocalDocument
from tests.e2e.gate import UPSERT, Answered, Asked, Gate, refusal
from tests.e2e.meddling import change_checkpoint
from tests.e2e.people import SUBSCRIBER, customer, people
from tests.e2e.program import Program
from tests.e2e.running import counted

ANNA, BEN = people(2)
OUT = {**ANNA, "subscribed": "opted_out"}
PAGE = 8192
BLACKLIST = "GET /v3/blacklist"
STATES = Path(__file__).parent / "states"


def generation(program: Program) -> tuple[int, int]:
    """Of the ledger, and of the checkpoint."""
    with closing(sqlite3.connect(program.state_path / "ledger.sqlite3")) as ledger:
        (value,) = ledger.execute("select value from meta where name = 'generation'").fetchone()
    return int(value), program.checkpoint["generation"]


def put(program: Program, saved: dict[str, bytes], *names: str) -> None:
    for name in names or tuple(saved):
        (program.state_path / name).write_bytes(saved[name])


@pytest.fixture
def left(program: Program) -> tuple[Program, dict[str, bytes]]:
    """A shop after a run in which Anna's consent ended, and the state before that."""
    program.write(ANNA, BEN)
    program.counts()
    saved = program.files()
    program.write(OUT, BEN)
    assert program.counts()["deactivated"] == 1
    program.write(ANNA, BEN)  # an old yes
    return program, saved


class TestFromABackup:
    def test_the_ledger_alone_is_a_guard(self, left: tuple[Program, dict[str, bytes]]) -> None:
        program, saved = left
        put(program, saved, "ledger.sqlite3")
        before = program.files()
        writes = program.state.traffic.writes
        for command in ("sync", "resync"):
            error = program.failing(command)
            assert isinstance(error, GuardError)
            assert "ledger: the ledger is older than the checkpoint" in error.message
        document = program.run("diff").document
        assert [guard["refuses"] for guard in document["guards"] if guard["name"] == "ledger"] == [True]
        ended = program.here("check", "--format", "json")
        (found,) = [line for line in ended.doc["checks"] if line["name"] == "state"]
        assert found["level"] == "warning"
        assert "older than the checkpoint" in found["message"]
        after = program.files()
        assert {name: after[name] for name in ("ledger.sqlite3", "checkpoint.json", "key")} == {
            name: before[name] for name in ("ledger.sqlite3", "checkpoint.json", "key")
        }
        assert program.state.traffic.writes == writes
        program.run(forced=frozenset({"ledger"}))
        program.run()
        program.run("resync")
        assert program.active() == {BEN["email"]}
        ledger, beside = generation(program)
        assert ledger == beside

    def test_the_checkpoint_alone_is_read_again_in_full(self, left: tuple[Program, dict[str, bytes]]) -> None:
        program, saved = left
        put(program, saved, "checkpoint.json")
        ledger, beside = generation(program)
        assert ledger > beside
        assert program.counts()["people"] == 2
        program.run("resync")
        assert program.active() == {BEN["email"]}
        ledger, beside = generation(program)
        assert ledger == beside

    def test_a_checkpoint_of_an_interrupted_run_forces_nothing(self, program: Program, gate: Gate) -> None:
        program.write(*people(10))
        program.counts()
        program.config(limits={"max_deactivated": 2})
        program.write(*[customer(number, subscribed="opted_out") for number in range(4)])
        gate.always(UPSERT, refusal(403))
        assert program.failing(forced=frozenset({"max_deactivated"})).code == 6
        gate.meddle = None
        saved = program.files()
        program.counts()
        program.write(*[customer(number, subscribed="opted_out") for number in range(10)])
        put(program, saved, "checkpoint.json")
        program.run()  # one step behind it is as if that run had not ended
        put(program, saved, "checkpoint.json")
        program.write(*[customer(number, subscribed="opted_out") for number in range(10)])
        assert isinstance(program.failing(), GuardError)

    @pytest.mark.parametrize("version", ["ledger.sqlite3", "checkpoint.json"])
    def test_of_the_version_before(self, left: tuple[Program, dict[str, bytes]], version: str) -> None:
        """Neither had a generation then."""
        program, saved = left
        put(program, saved, version)
        path = program.state_path / version
        if version == "checkpoint.json":
            document = json.loads(path.read_bytes())
            path.write_text(json.dumps({k: v for k, v in document.items() if k not in ("generation", "checksum")}))
            program.run()
        else:
            with closing(sqlite3.connect(path)) as ledger:
                ledger.execute("delete from meta where name in ('generation', 'check')")
                ledger.execute("update meta set value = '2' where name = 'schema'")
                ledger.execute("drop table attempt")
                ledger.execute("create table attempt (batch integer primary key, keys blob not null)")
                rows = ledger.execute("select * from person").fetchall()
                ledger.execute("drop table person")
                statements = (STATES / "ledger-2.sql").read_text().split(";")
                ledger.execute(next(each for each in statements if "CREATE TABLE person" in each))
                ledger.executemany("insert into person values (?,?,?,?,?,?,?,?,?)", [row[:-1] for row in rows])
                ledger.commit()
            assert isinstance(program.failing(), GuardError)
        assert program.active() == {BEN["email"]}

    def test_a_dry_run_raises_nothing(self, left: tuple[Program, dict[str, bytes]]) -> None:
        program, _ = left
        before = generation(program)
        program.run("diff")
        program.run("resync", dry_run=True)
        assert generation(program) == before


class TestTheWholeFolderFromABackup:
    """Nothing of the state tells; the Subscriber tag does, as crsync itself had given it since. A resync looks."""

    @staticmethod
    def said(program: Program, word: str, orders: str, *, dated: bool = False) -> None:
        program.clock.passed += 3600
        at = utc_text(int(program.clock.wall())) if dated else ""
        program.write({**ANNA, "orders": orders, "subscribed": word, "subscribed_at": at}, BEN)

    @pytest.mark.parametrize("orders", ["1", "0"])
    @pytest.mark.parametrize("last", ["no", "opted_out"])
    @pytest.mark.parametrize("first", ["no", "opted_out"])
    def test_who_came_back_since_and_left_again_is_ended(
        self, program: Program, first: str, last: str, orders: str
    ) -> None:
        self.said(program, "yes", orders)
        program.counts()
        self.said(program, first, orders)
        program.counts()
        saved = program.files()
        self.said(program, "yes", orders, dated=True)
        program.counts()
        assert program.active() == {ANNA["email"], BEN["email"]}
        put(program, saved)
        self.said(program, last, orders)
        told = counted(program.run("resync", dry_run=True).document)
        assert program.counts("resync") == told
        assert told["deactivated"] == 1
        assert program.active() == {BEN["email"]}
        assert SUBSCRIBER not in program.list()[ANNA["email"]].tags

    @pytest.mark.parametrize("orders", ["1", "0"])
    @pytest.mark.parametrize("last", ["no", "opted_out"])
    def test_who_came_since_and_left_again_is_ended(self, program: Program, last: str, orders: str) -> None:
        program.write(BEN)
        program.counts()
        saved = program.files()
        self.said(program, "yes", orders)
        program.counts()
        put(program, saved)
        self.said(program, last, orders)
        assert program.counts("resync")["deactivated"] == 1
        assert program.active() == {BEN["email"]}

    def test_who_came_back_by_a_form_stays(self, program: Program) -> None:
        """A form gives no tag of the shop."""
        self.said(program, "yes", "1")
        program.counts()
        self.said(program, "no", "1")
        program.counts()
        program.state.subscribe(ANNA["email"], program.list_id)
        program.counts("resync")
        assert program.active() == {ANNA["email"], BEN["email"]}


class TestPowerCut:
    """The machine dies as a checkpoint is put in its place: of SQLite's log beside the ledger nothing may be left."""

    @pytest.mark.parametrize("at", [1, 2, 3])
    def test_whose_consent_ended_is_not_left_active(
        self, program: Program, monkeypatch: pytest.MonkeyPatch, at: int
    ) -> None:
        rows = people(60)
        program.config(target={"batch_size": 10})
        program.write(*rows)
        program.counts()
        program.write(*([{**row, "subscribed": "opted_out"} for row in rows[:50]] + rows[50:]))
        cut, seen = program.folder / "cut", [0]
        save = checkpoint.save

        def saved(kept: LocalDocument, state: Any) -> None:
            save(kept, state)
            seen[0] += 1
            if seen[0] == at:
                shutil.copytree(kept.path.parent, cut, ignore=shutil.ignore_patterns("*-wal", "*-shm"))

        monkeypatch.setattr(checkpoint, "save", saved)
        program.run()
        monkeypatch.undo()
        if not cut.exists():
            assert at > seen[0]
            return
        for row in rows[:50]:  # as if the last writes had not arrived either
            if at < seen[0]:
                program.state.write(program.list_id, {"email": row["email"], "activated": 1_700_000_000})
        shutil.rmtree(program.state_path)
        shutil.copytree(cut, program.state_path)
        ledger, beside = generation(program)
        assert ledger >= beside
        program.run()
        assert program.active() == {row["email"] for row in rows[50:]}
        assert program.counts()["unchanged"] == 10

    def test_the_ledger_goes_before_the_checkpoint(self, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever the ledger knows is in its one file when the checkpoint is written."""
        program.write(*people(60))
        known: list[tuple[int, int]] = []
        replaced = files.write_atomically

        def noted(path: Path, content: bytes) -> None:
            if path.name == "checkpoint.json":
                copy = program.folder / "copy.sqlite3"
                shutil.copy(path.with_name("ledger.sqlite3"), copy)
                with closing(sqlite3.connect(copy)) as ledger:
                    (value,) = ledger.execute("select value from meta where name = 'generation'").fetchone()
                    (number,) = ledger.execute("select count(*) from person").fetchone()
                assert int(value) == json.loads(content)["generation"]
                known.append((int(value), number))
            replaced(path, content)

        monkeypatch.setattr(files, "write_atomically", noted)
        program.counts()
        assert [number for _, number in known] == [0, 0, 60]
        assert [value for value, _ in known] == [1, 2, 3]


class TestDamage:
    @pytest.fixture
    def known(self, program: Program) -> Program:
        program.config(target={"batch_size": 250})
        program.write(*people(250))
        program.counts()
        program.write(*people(200), *(customer(number, subscribed="opted_out") for number in range(200, 240)))
        return program

    @staticmethod
    def kept(program: Program) -> dict[str, bytes]:
        """All of the state that a refused run leaves alone."""
        return {name: content for name, content in program.files().items() if name not in ("lock", "history.jsonl")}

    def refused(self, known: Program, wanted: dict[str, int], name: str) -> bool:
        """Whether a damaged file is refused, by all commands then, and stays as it is; else it has to make no
        difference."""
        before = self.kept(known)
        refusal: BaseException | None = None
        try:
            finished = known.run("diff")
            refusal = finished.error
            assert refusal is not None or counted(finished.document) == wanted
        except StateError as error:
            refusal = error
        assert refusal is None or (isinstance(refusal, StateError) and name in refusal.message)
        assert refusal is None or known.failing().code == 9
        assert self.kept(known) == before
        assert not known.state.traffic.writes
        return refusal is not None

    def test_any_page_lost(self, known: Program) -> None:
        path = known.state_path / "ledger.sqlite3"
        whole = path.read_bytes()
        wanted = counted(known.run("diff").document)
        known.state.traffic.clear()
        pages = range(0, len(whole), PAGE)
        refused = 0
        for at in pages:
            path.write_bytes(whole[:at] + bytes(PAGE) + whole[at + PAGE :])
            refused += self.refused(known, wanted, path.name)
        assert refused > len(pages) / 2  # what a free page holds is nothing

    def test_flipped_bits(self, known: Program) -> None:
        wanted = counted(known.run("diff").document)
        known.state.traffic.clear()
        saved, dice = known.files(), random.Random(11)
        for number in range(24):
            name = ("ledger.sqlite3", "ledger.sqlite3", "checkpoint.json")[number % 3]
            content = bytearray(saved[name])
            content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
            (known.state_path / name).write_bytes(content)
            self.refused(known, wanted, name)
            put(known, saved, name)

    def test_while_a_run_is_at_work(self, known: Program, gate: Gate) -> None:
        path = known.state_path / "ledger.sqlite3"

        def lost(_path: str, _rows: object) -> None:
            content = path.read_bytes()
            path.write_bytes(content[:PAGE] + bytes(len(content) - PAGE))

        known.state.before_write = lost
        error = known.run().error
        assert error is None or (error.code, "ledger.sqlite3" in error.message) == (9, True)
        known.state.before_write = None
        error = known.failing()
        assert (error.code, "ledger.sqlite3" in error.message) == (9, True)

    @pytest.mark.parametrize("command", ["sync", "resync", "diff", "check", "status"])
    def test_every_command_says_so(self, known: Program, command: str) -> None:
        path = known.state_path / "ledger.sqlite3"
        content = path.read_bytes()
        path.write_bytes(content[:PAGE] + bytes(PAGE) + content[2 * PAGE :])
        before = known.files()
        ended = known.here(command, "--format", "json")
        assert ended.code == 9
        assert "Traceback" not in ended.err
        assert known.files() == {**before, "lock": known.files()["lock"]}

    def test_a_reject_that_was_changed(self, known: Program, gate: Gate) -> None:
        gate.always(UPSERT, refusal(400))
        known.run()
        gate.meddle = None
        path = known.state_path / "rejects.jsonl"
        content = path.read_bytes()
        assert content
        path.write_bytes(content.replace(b"opted_out", b"opted_ouT", 1))
        before = self.kept(known)
        assert known.failing().code == 9
        assert self.kept(known) == before


def test_a_checkpoint_restored_during_a_run_is_not_written_over(program: Program, gate: Gate) -> None:
    program.config(target={"batch_size": 10})
    program.write(*people(20))
    program.run()
    path = program.state_path / "checkpoint.json"
    old = path.read_bytes()
    program.write(*people(40))

    def restore(asked: Asked, carry_out: Answered) -> Response:
        if asked.name == UPSERT:
            path.write_bytes(old)
        return carry_out()

    gate.meddle = restore
    finished = program.run()
    assert isinstance(finished.error, StateError)
    assert "checkpoint.json was changed while crsync was using it" in finished.error.message
    assert path.read_bytes() == old
    gate.meddle = None
    assert program.run().error is None
    assert len(program.list()) == 40


@pytest.mark.parametrize("writes", [False, True], ids=["before it writes", "while it writes"])
def test_a_run_in_the_same_folder_where_no_lock_holds_spoils_nothing(
    program: Program, gate: Gate, monkeypatch: pytest.MonkeyPatch, *, writes: bool
) -> None:
    """Two machines, one share. The second run goes from its beginning to its end before the first one writes, or while
    it writes."""
    monkeypatch.setattr(lock, "lock_descriptor", lambda *_args, **_options: True)
    program.config(target={"batch_size": 10})
    program.write(*people(20))
    program.run()
    program.write(*people(40))
    other: list[Finished] = []

    def meanwhile(asked: Asked, carry_out: Answered) -> Response:
        if not other and (asked.name == UPSERT if writes else asked.name == BLACKLIST):
            gate.meddle = None
            other.append(program.run())
        return carry_out()

    gate.meddle = meanwhile
    error = program.failing()
    assert other[0].error is None
    assert error.code == 9
    assert "was changed while crsync was using it" in error.message
    assert generation(program)[0] == generation(program)[1], "that of the second run is not set back"
    assert program.run().error is None
    assert len(program.list()) == 40


def test_a_ledger_restored_before_a_run_writes_is_not_taken_for_that_of_the_run(program: Program, gate: Gate) -> None:
    """What is looked at while a run begins is not what it would go on with."""
    program.write(*people(20))
    program.run()
    path = program.state_path / "ledger.sqlite3"
    old = path.read_bytes()
    later = people(20)
    later[3]["subscribed"] = "opted_out"
    program.write(*later)
    program.run()
    later[4]["city"] = "Ulm"
    program.write(*later)

    def restore(asked: Asked, carry_out: Answered) -> Response:
        if asked.name == BLACKLIST:
            path.write_bytes(old)
        return carry_out()

    gate.meddle = restore
    error = program.failing()
    assert error.code == 9
    assert "ledger.sqlite3 was changed while crsync was using it" in error.message
    gate.meddle = None
    assert program.failing().code == 7, "it is older than its checkpoint"


class TestRejectsFromABackup:
    """Ben agreed and was refused; then he took it back. The rejects alone are as they were before that."""

    @pytest.fixture(params=[True, False], ids=["keep", "masked"])
    def stale(self, program: Program, gate: Gate, request: pytest.FixtureRequest) -> Program:
        program.config(limits={"keep_rejects": request.param})
        program.write(ANNA, BEN)
        gate.meddle = lambda asked, carry_out: (
            refusal(400)(asked, carry_out) if asked.name == UPSERT and BEN["email"] in asked.emails else carry_out()
        )
        assert program.counts()["rejected"] == 1
        saved = program.files()
        gate.meddle = None
        program.write(ANNA, {**BEN, "subscribed": "no", "orders": "0"})
        program.counts()
        put(program, saved, "rejects.jsonl")
        program.write(ANNA)
        return program

    @pytest.mark.parametrize("command", ["sync", "resync"])
    def test_say_nothing_any_more(self, stale: Program, command: str) -> None:
        assert stale.here("status", "--format", "json").doc["rejects"] == []
        before = stale.files()
        assert stale.counts("diff")["people"] == 1
        assert stale.files() == before
        assert stale.counts(command)["people"] == 1
        assert [said for said in stale.said.warnings if "rejects.jsonl is older than the checkpoint" in said]
        assert stale.active() == {ANNA["email"]}
        stale.counts()
        assert stale.said.warnings == []

    def test_those_of_an_earlier_version_are_taken_over_once(self, program: Program, gate: Gate) -> None:
        program.write(ANNA, BEN)
        gate.always(UPSERT, refusal(400))
        program.run()
        gate.meddle = None
        lines = [json.loads(line) for line in (program.state_path / "rejects.jsonl").read_bytes().splitlines()]
        older = b"".join(
            json.dumps({k: v for k, v in line.items() if k not in ("generation", "check")}).encode() + b"\n"
            for line in lines
        )
        change_checkpoint(program.state_path / "checkpoint.json", rejects=0)
        (program.state_path / "rejects.jsonl").write_bytes(older)
        program.write()
        program.config(limits={"max_rejected": "100%"})
        assert program.counts("sync", forced=frozenset({"empty_source"}))["created"] == 2
        (program.state_path / "rejects.jsonl").write_bytes(older)
        program.write(ANNA, BEN)
        assert program.counts()["unchanged"] == 2
        assert program.said.warnings

    def test_of_a_run_that_was_cut_off_before_the_checkpoint_they_count(
        self, program: Program, gate: Gate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program.write(ANNA)
        program.counts()
        program.write(ANNA, BEN)
        gate.always(UPSERT, refusal(400))
        with monkeypatch.context() as patch:
            patch.setattr(checkpoints, "end_complete", lambda *_: 1 / 0)
            assert program.run().error is not None
        gate.meddle = None
        program.write(ANNA)
        assert program.counts()["created"] == 1
        assert program.said.warnings == []
