"""Lock, ledger, spool, history and rejects, one by one."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cleverreach_sync.domain.decision import NOT_SUPPRESSED, Suppression
from cleverreach_sync.domain.merge import NO_FACTS, PersonFacts
from cleverreach_sync.domain.model import (
    NOTHING,
    Consent,
    ConsentState,
    Kind,
    LastSynced,
    Order,
    Purchases,
    Record,
    RecordFacts,
    SkipReason,
    Status,
)
from cleverreach_sync.errors import LockedError, StateError
from cleverreach_sync.state import history, rejects
from cleverreach_sync.state.entries import Entry, body, facts_json, memory_tuple, read_body
from cleverreach_sync.state.files import LocalDocument, StateFolder, private
from cleverreach_sync.state.flights import Flight
from cleverreach_sync.state.keys import Keys
from cleverreach_sync.state.ledger import Ledger
from cleverreach_sync.state.lock import held
from cleverreach_sync.state.rejects import Fact, Reject, record_json, record_of
from cleverreach_sync.state.spool import Spool


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def no_wait(_seconds: float) -> None:
    raise AssertionError


class TestFolder:
    def test_is_the_owners_only(self, tmp_path: Path) -> None:
        folder = StateFolder(tmp_path / "a" / "b")
        folder.create()
        folder.path.chmod(0o755)
        folder.create()
        assert mode(folder.path) == 0o700

    def test_private_files(self, tmp_path: Path) -> None:
        path = tmp_path / "x"
        path.write_text("kept")
        path.chmod(0o644)
        private(path)
        assert (mode(path), path.read_text()) == (0o600, "kept")

    def test_sweeping(self, tmp_path: Path) -> None:
        folder = StateFolder(tmp_path)
        left = (
            "spool.sqlite3",
            "spool.sqlite3-journal",
            ".rejects.jsonl.aa",
            ".checkpoint.json.bb",
            ".history.jsonl.cc",
        )
        for name in (*left, "rejects.jsonl", ".other"):
            (tmp_path / name).write_text("")
        folder.sweep()
        assert {path.name for path in tmp_path.iterdir()} == {"rejects.jsonl", ".other"}


class TestLock:
    def test_one_at_a_time(self, tmp_path: Path) -> None:
        path = tmp_path / "lock"
        with held(path, 0, lambda: 0.0, no_wait):
            assert mode(path) == 0o600
            with pytest.raises(LockedError, match=f"process {os.getpid()}"), held(path, 0, lambda: 0.0, no_wait):
                raise AssertionError
        with held(path, 0, lambda: 0.0, no_wait):
            pass

    def test_waits_as_long_as_it_may(self, tmp_path: Path) -> None:
        now = [0.0]

        def sleep(seconds: float) -> None:
            now[0] += seconds

        with (
            held(tmp_path / "lock", 0, lambda: 0.0, no_wait),
            pytest.raises(LockedError),
            held(tmp_path / "lock", 5, lambda: now[0], sleep),
        ):
            raise AssertionError
        assert 4.9 < now[0] < 5.1

    def test_gets_it_when_the_other_ends(self, tmp_path: Path) -> None:
        other = held(tmp_path / "lock", 0, lambda: 0.0, no_wait)
        other.__enter__()

        def end(_seconds: float) -> None:
            other.__exit__(None, None, None)

        with held(tmp_path / "lock", 5, lambda: 0.0, end):
            pass

    def test_ends_with_its_process(self, tmp_path: Path) -> None:
        path = tmp_path / "lock"
        code = (
            "import sys, os, pathlib; from cleverreach_sync.state.lock import held\n"
            "with held(pathlib.Path(sys.argv[1]), 0, lambda: 0.0, print): os.kill(os.getpid(), 9)"
        )
        assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -9
        with held(path, 0, lambda: 0.0, no_wait):
            assert path.read_text().strip() == str(os.getpid())


FACTS = PersonFacts(
    (RecordFacts("customers", "ab", 1, 5, "yes", 6, 2, 7, "12.50", 3, ("vip",)),),
    {
        "o1": Order("o1", counts=True, at=9, total="1.00", currency="EUR"),
        "o2": Order("o2", counts=False, at=9, total=None, currency=None, excluded=True),
    },
)
MEMORY = LastSynced(
    "17",
    Status.SUBSCRIBED,
    frozenset({Kind.BUYER}),
    b"fp",
    ConsentState.YES,
    "no",
    5,
    made_inactive=True,
    run="r",
    left_before=SkipReason.BLACKLISTED,
)


def entry(number: int, facts: PersonFacts = FACTS, memory: LastSynced = MEMORY) -> Entry:
    return Entry(
        number.to_bytes(16, "big"),
        b"seen",
        "unchanged",
        3,
        0,
        memory.recipient_id,
        memory.fingerprint,
        b"",
        body(facts_json(facts), memory_tuple(memory)),
    )


def flight(number: int) -> Flight:
    return Flight(
        number.to_bytes(16, "big"),
        6,
        1_700_000_000,
        f"person{number}@example.org",
        active=True,
        consent="yes",
        recipient_id=None if number else "17",
        fingerprint=b"fp",
        idents=b"i" * 10,
        body=body(facts_json(FACTS), memory_tuple(MEMORY)),
    )


class TestLedger:
    @pytest.fixture
    def keys(self) -> Keys:
        return Keys.fresh()

    @pytest.fixture
    def path(self, tmp_path: Path, keys: Keys) -> Path:
        path = tmp_path / "ledger.sqlite3"
        Ledger.create(path, keys).close()
        return path

    def test_everybody_in_the_order_of_the_key(self, path: Path) -> None:
        ledger = Ledger(path)
        ledger.record([entry(number) for number in (300, 2, 1, 700, 4)])
        ledger.commit()
        assert [int.from_bytes(item.key, "big") for item in ledger.walk()] == [1, 2, 4, 300, 700]
        assert read_body(next(ledger.walk())) == (FACTS, MEMORY)
        assert ledger.in_list() == 5
        ledger.close()
        assert mode(path) == 0o600
        assert [item.name for item in path.parent.iterdir()] == ["ledger.sqlite3"]

    def test_somebody_unknown_to_the_list(self, path: Path) -> None:
        ledger = Ledger(path)
        ledger.record([entry(1, NO_FACTS, NOTHING)])
        ledger.commit()
        assert read_body(next(ledger.walk())) == (NO_FACTS, NOTHING)
        assert ledger.in_list() == 0
        ledger.close()

    def test_what_is_not_committed_is_not_there(self, path: Path) -> None:
        ledger, other = Ledger(path), Ledger(path, read_only=True)
        ledger.record([entry(1)])
        assert list(other.walk()) == []
        ledger.commit()
        assert len(list(other.walk())) == 1
        other.close()
        ledger.close()

    def test_batches_under_way(self, path: Path) -> None:
        ledger = Ledger(path)
        people = [flight(number) for number in range(3)]
        ledger.take_off(4, people)
        ledger.take_off(5, people[:1])
        assert ledger.flights() == {4: people, 5: people[:1]}
        ledger.landed(4)
        ledger.still_under_way(5, people[1:])
        ledger.commit()
        ledger.close()
        ledger = Ledger(path)
        assert ledger.flights() == {5: people[1:]}
        ledger.settle([entry(1)])
        assert [item.key for item in ledger.walk()] == [entry(1).key]
        assert not ledger.is_empty()
        ledger.record_settled()
        assert ledger.flights() == {}
        ledger.close()
        assert b"example.org" not in path.read_bytes()
        assert [item.name for item in path.parent.iterdir()] == ["ledger.sqlite3"]

    @pytest.mark.parametrize(
        "write",
        [
            lambda ledger: ledger.take_off(1, [flight(1)]),
            lambda ledger: ledger.record_settled(),
            lambda ledger: ledger.raise_generation(3),
        ],
    )
    def test_what_is_to_survive_a_power_cut_is_synced(self, path: Path, write: Callable[[Ledger], object]) -> None:
        ledger = Ledger(path)
        ledger.raise_generation(0)
        ledger.record([entry(1)])
        said: list[str] = []
        ledger._db.set_trace_callback(said.append)
        write(ledger)
        ledger._db.set_trace_callback(None)
        synced = [word for word in said if word.startswith(("pragma synchronous", "COMMIT"))]
        assert synced[-3:] == ["pragma synchronous = full", "COMMIT", "pragma synchronous = normal"]
        ledger.close()

    def test_the_generation_of_somebody_else_stays(self, path: Path) -> None:
        """The lock does not reach a run on another machine, which has its own connection."""
        ours, theirs = Ledger(path), Ledger(path)
        theirs.raise_generation(0)
        theirs.raise_generation(0)
        theirs.close()
        with pytest.raises(StateError, match=r"ledger.sqlite3 was changed while crsync was using it"):
            ours.raise_generation(0)
        ours.close()
        left = Ledger(path, read_only=True)
        assert left.generation == 2
        left.close()

    def test_what_was_settled_counts_before_it_is_written(self, path: Path) -> None:
        ledger = Ledger(path)
        ledger.record([entry(number) for number in (1, 2, 5)])
        ledger.commit()
        ledger.close()
        ledger, before = Ledger(path, read_only=True), path.read_bytes()
        late = entry(2)._replace(outcome="", due=1, idents=b"i" * 10)
        ledger.settle([entry(3), late])
        assert [(item.key[-1], item.outcome) for item in ledger.walk()] == [
            (1, "unchanged"), (2, ""), (3, "unchanged"), (5, "unchanged"),
        ]  # fmt: skip
        assert ledger.entries([late.key, entry(3).key, b"x"]) == {late.key: late, entry(3).key: entry(3)}
        assert list(ledger.idents()) == [(late.key, late.idents)]
        assert ledger.any_due()
        ledger.close()
        assert path.read_bytes() == before

    def test_survives_a_kill(self, path: Path) -> None:
        code = (
            "import sys, os, pathlib; from cleverreach_sync.state.ledger import Ledger\n"
            "from cleverreach_sync.state.flights import Flight\n"
            "ledger = Ledger(pathlib.Path(sys.argv[1])); ledger.take_off(1, [Flight(b'k' * 16)])\n"
            "ledger.still_under_way(2, [Flight(b'k' * 16)]); os.kill(os.getpid(), 9)"
        )
        subprocess.run([sys.executable, "-c", code, str(path)], check=False)
        ledger = Ledger(path, read_only=True)
        assert ledger.flights() == {1: [Flight(b"k" * 16)]}
        ledger.close()

    def test_knows_its_key(self, path: Path, keys: Keys) -> None:
        ledger = Ledger(path)
        assert ledger.made_with(keys)
        assert not ledger.made_with(Keys.fresh())
        ledger.close()

    def test_keys_are_kept(self, tmp_path: Path, keys: Keys) -> None:
        keys.save(LocalDocument(tmp_path / "key"))
        again = Keys.load(LocalDocument(tmp_path / "key"))
        assert again is not None
        assert again.address("jane@example.org") == keys.address("jane@example.org")
        assert mode(tmp_path / "key") == 0o600
        assert Keys.load(LocalDocument(tmp_path / "none")) is None

    def test_a_body_that_cannot_be_read(self) -> None:
        for broken in (b"", b"[]", b"[1,2]", b"[[],[1]]", b'[[[["x"]]],null]', b'[[[]],["no state",0,"",0,0,0,0,0]]'):
            with pytest.raises(StateError):
                read_body(entry(1)._replace(body=broken))


class TestSpool:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "spool.sqlite3"

    @staticmethod
    def row(key: bytes, place: int) -> tuple[Any, ...]:
        return (key, 0, f"id{place}", place, "jane@example.org", b"d", b"{}", 0, None)

    def test_rows_come_out_by_person(self, path: Path) -> None:
        spool = Spool.create(path)
        spool.add_rows([self.row(b"b", 1), self.row(b"a", 2), self.row(b"b", 3)])
        spool.commit()
        assert [(row.key, row.place) for row in spool.rows()] == [(b"a", 2), (b"b", 1), (b"b", 3)]
        assert mode(path) == 0o600
        spool.delete()
        assert not path.exists()

    def test_suppressions_of_one_address(self, path: Path) -> None:
        spool = Spool.create(path)
        spool.unsubscribe([(b"a", 5), (b"a", 9), (b"b", 3), (b"c", 4)])
        spool.blacklist([(b"b", False), (b"b", True), (b"c", True), (b"e", False)])
        expected = {
            b"a": Suppression(unsubscribed_at=9),
            b"b": Suppression(True, 3),
            b"c": Suppression(True, 4, still_mailed=True),
            b"e": Suppression(blacklisted=True),
        }
        assert dict(spool.suppressed()) == expected
        assert {key: spool.suppression(key) for key in expected} == expected
        assert spool.suppression(b"d") is NOT_SUPPRESSED
        spool.delete()

    @pytest.mark.parametrize("left", [b"", b"x" * 5000, b"SQLite format 3\0" + b"\xff" * 9000])
    def test_begins_anew_whatever_was_left(self, path: Path, left: bytes) -> None:
        path.write_bytes(left)
        spool = Spool.create(path)
        assert list(spool.rows()) == []
        spool.delete()


class TestHistory:
    def test_keeps_the_last_without_changes(self, tmp_path: Path) -> None:
        path = tmp_path / "history.jsonl"
        assert history.load(LocalDocument(path)) == []
        path.write_bytes(b"".join(b'{"n": %d}\n' % n for n in range(2 * history.KEPT)))
        history.append(LocalDocument(path), {"n": -1, "changes": [{"email": "jane@example.org"}]})
        found = history.load(LocalDocument(path))
        assert len(found) == history.KEPT
        assert found[-1] == {"n": -1}
        assert found[0] == {"n": history.KEPT + 1}
        assert mode(path) == 0o600

    def test_passes_over_what_it_cannot_read(self, tmp_path: Path) -> None:
        path = tmp_path / "history.jsonl"
        path.write_bytes(b'{"n": 1}\n\xff\xfe\n[1]\n\n{"n": 2}\n{"n"')
        assert history.load(LocalDocument(path)) == [{"n": 1}, {"n": 2}]


RECORD = Record(
    "jane@example.org",
    "17",
    1,
    5,
    6,
    {"first_name": "Jane"},
    Consent(ConsentState.OPTED_OUT, 7),
    Purchases(2, 8, "9.90"),
    (Order("o", counts=False, at=1),),
    "orders",
    makes_person=False,
)


class TestRejects:
    def reject(self, number: int = 1, **changes: Any) -> Reject:
        facts = (Fact("customers", "ab", record_json(RECORD)),)
        return Reject("jane@example.org", f"{number:032x}", "refused_400", 1_700_000_000, 2, facts)._replace(**changes)

    def test_come_back_as_they_were(self, tmp_path: Path) -> None:
        path = tmp_path / "rejects.jsonl"
        people = [self.reject(1, generation=1), self.reject(2, facts=(), generation=1)]
        rejects.save(LocalDocument(path), people, keep=True, generation=1)
        assert list(rejects.load(LocalDocument(path)).values()) == people
        assert mode(path) == 0o600
        assert record_of(record_json(RECORD)) == RECORD

    def test_without_addresses(self, tmp_path: Path) -> None:
        path = tmp_path / "rejects.jsonl"
        rejects.save(LocalDocument(path), [self.reject()], keep=False, generation=1)
        assert b"jane" not in path.read_bytes().lower()
        (found,) = rejects.load(LocalDocument(path)).values()
        assert (found.email, found.masked, found.facts) == ("j***@example.org", "j***@example.org", ())
        rejects.save(LocalDocument(path), [found], keep=True, generation=1)
        assert list(rejects.load(LocalDocument(path)).values()) == [found]

    def test_nobody_leaves_no_file(self, tmp_path: Path) -> None:
        path = tmp_path / "rejects.jsonl"
        rejects.save(LocalDocument(path), [], keep=True, generation=1)
        assert not path.exists()
        rejects.save(LocalDocument(path), [self.reject()], keep=True, generation=1)
        rejects.save(LocalDocument(path), [], keep=True, generation=1)
        assert path.read_bytes() == b""
        assert rejects.load(LocalDocument(path)) == {}
