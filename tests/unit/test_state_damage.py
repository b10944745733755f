"""A ledger of which a bit flipped, or a page was lost: refused as it is, or read as if nothing had happened."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cleverreach_sync.errors import StateError
from cleverreach_sync.state.entries import Entry
from cleverreach_sync.state.flights import Flight
from cleverreach_sync.state.keys import Keys
from cleverreach_sync.state.ledger import Ledger

PAGE = 8192
DICE = random.Random(7)


def entry(number: int) -> Entry:
    key = DICE.randbytes(16)
    receiver = str(number) if number % 5 else None
    return Entry(
        key,
        DICE.randbytes(12),
        "unchanged",
        3,
        number % 2,
        receiver,
        DICE.randbytes(24),
        DICE.randbytes(10),
        b"[" * 300,
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """With more than one level of pages, free pages, and batches under way."""
    path = tmp_path_factory.mktemp("state") / "ledger.sqlite3"
    ledger = Ledger.create(path, Keys.fresh())
    ledger.raise_generation(0)
    ledger.record([entry(number) for number in range(900)])
    for batch in range(4):
        ledger.take_off(batch, [Flight(DICE.randbytes(16), email=f"{n}@example.org") for n in range(200)])
    for batch in range(1, 4):
        ledger.landed(batch)
    ledger.commit()
    ledger.close()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("pragma freelist_count").fetchone()[0] > 3
    return path.read_bytes()


def told(path: Path, *, read_only: bool) -> Any:
    """All that a run reads of a ledger."""
    with closing(Ledger(path, read_only=read_only)) as ledger:
        keys = [item.key for item in ledger.walk()]
        return (
            list(ledger.walk()),
            list(ledger.idents()),
            ledger.entries(keys[:3]),
            (ledger.people(), ledger.in_list(), ledger.any_due(), ledger.is_empty(), ledger.has_in_list(keys[0])),
            ledger.flights(),
            (ledger.id, ledger.generation, ledger.knows_owners),
        )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


def refused_or_whole(path: Path, content: bytes, wanted: Any, *, read_only: bool) -> bool:
    """Whether it was refused; nothing else may come out of it but what was written."""
    path.write_bytes(content)
    error: StateError | None = None
    try:
        assert told(path, read_only=read_only) == wanted, "it is read as something else"
    except StateError as refusal:
        error = refusal
    assert error is None or (path.name in error.message and error.hint)
    assert path.read_bytes() == content
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    return error is not None


def pages(content: bytes) -> Iterator[int]:
    return iter(range(0, len(content), PAGE))


@pytest.mark.parametrize("lost", [bytes(PAGE), b"\xaa" * PAGE, b"\xff" * PAGE])
def test_any_page_lost(path: Path, whole: bytes, lost: bytes) -> None:
    path.write_bytes(whole)
    wanted = told(path, read_only=True)
    refused = [
        refused_or_whole(path, whole[:at] + lost + whole[at + PAGE :], wanted, read_only=at % (2 * PAGE) == 0)
        for at in pages(whole)
    ]
    assert sum(refused) > len(refused) / 2  # what a free page holds is nothing


def test_any_page_that_is_anothers(path: Path, whole: bytes) -> None:
    path.write_bytes(whole)
    wanted = told(path, read_only=True)
    for at in pages(whole):
        other = DICE.randrange(0, len(whole) // PAGE) * PAGE
        refused_or_whole(path, whole[:at] + whole[other : other + PAGE] + whole[at + PAGE :], wanted, read_only=False)


@pytest.mark.parametrize("seed", range(4))
def test_flipped_bits(path: Path, whole: bytes, seed: int) -> None:
    path.write_bytes(whole)
    wanted = told(path, read_only=True)
    dice = random.Random(seed)
    refused = 0
    for number in range(60):
        # Anywhere, and where the file says what it is and how its pages are made.
        page = dice.randrange(0, len(whole) // PAGE) * PAGE
        place = dice.choice((dice.randrange(0, len(whole)), dice.randrange(0, 100), page + dice.randrange(0, 60)))
        content = bytearray(whole)
        content[place] ^= 1 << dice.randrange(0, 8)
        refused += refused_or_whole(path, bytes(content), wanted, read_only=number % 2 == 0)
    assert refused > 20


def test_cut_short(path: Path, whole: bytes) -> None:
    for length in (PAGE, PAGE + 100, len(whole) // 2, len(whole) - PAGE):
        assert refused_or_whole(path, whole[:length], None, read_only=True)


@pytest.mark.parametrize(
    "change",
    [
        "update person set due = 1 - due where key = (select max(key) from person)",
        "update person set kinds = 1 where key = (select min(key) from person)",
        "update person set receiver_id = null where key = (select min(key) from person where receiver_id = '7')",
        "update person set seen = x'' where key = (select min(key) from person)",
        "update person set outcome = 'opted_out' where key = (select min(key) from person)",
        "update person set body = body || 'x' where key = (select min(key) from person)",
        "update person set fingerprint = x'00' where key = (select min(key) from person)",
        "update attempt set people = '[]'",
        "update meta set value = '9' where name = 'generation'",
        "update meta set value = '2' where name = 'schema'",
        "delete from meta where name = 'check'",
        "insert into meta values ('owners', 'unknown')",
        "create table other (x text)",
    ],
)
def test_changed_by_somebody_else(path: Path, whole: bytes, change: str) -> None:
    path.write_bytes(whole)
    with closing(sqlite3.connect(path)) as database:
        database.execute("update meta set value = '5' where name = 'nothing'")
        database.execute(change)
        database.commit()
    assert refused_or_whole(path, path.read_bytes(), None, read_only=False)


def test_after_a_kill_nothing_is_written_to_what_is_refused(path: Path, whole: bytes, tmp_path: Path) -> None:
    """The log that a killed run left stays beside it."""
    path.write_bytes(whole)
    ledger = Ledger(path)
    ledger.record([entry(1)])
    ledger.commit()
    killed = tmp_path / "killed"
    killed.mkdir()
    for beside in ("", "-wal", "-shm"):
        shutil.copy(path.with_name(path.name + beside), killed)
    ledger.close()
    left = killed / path.name
    with closing(Ledger(left, read_only=False)) as found:
        assert found.people() == 901
    content = bytearray(left.read_bytes())
    content[3 * PAGE + 4000] ^= 1
    left.write_bytes(content)
    log = left.with_name(f"{left.name}-wal").read_bytes()
    with pytest.raises(StateError):
        told(left, read_only=False)
    assert left.read_bytes() == content
    assert left.with_name(f"{left.name}-wal").read_bytes() == log
