"""The ledger: what is known of everybody seen, and what the target has confirmed, under keyed hashes.

One row a person, clustered by the hash, so that a run walks it once in that order beside the spool. No name, and no
address but those of the batches under way: only hashes, dates, states and what makes somebody a buyer.
"""

from __future__ import annotations

import contextlib
import heapq
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Final

from cleverreach_sync.state import checksums, departed, flights
from cleverreach_sync.state.bulk import insert, slices
from cleverreach_sync.state.database import connect
from cleverreach_sync.state.entries import Entry
from cleverreach_sync.state.files import changed_meanwhile, private, remove, replace, sync_folder
from cleverreach_sync.state.flights import Flight
from cleverreach_sync.state.keys import HASH_BYTES, Keys
from cleverreach_sync.state.opened import SCHEMA, WITHOUT_CHECKS, WITHOUT_OWNERS, damaged, open_ledger, reading

_OF_KEY: Final = "the key of this ledger"  # what is hashed to know the key again
_LEFT: Final = 0  # the number of no batch of this run
_COLUMNS: Final = "key, seen, outcome, kinds, due, receiver_id, fingerprint, idents, body"
_CHECK: Final = Entry._fields.index("check")

_TABLES: Final = """
create table meta (name text primary key, value text not null) without rowid;
create table person (
  key blob primary key,            -- keyed hash of the address
  seen blob not null,              -- digest of the rows and rules it was last decided from
  outcome text not null,           -- how the last decision ended, or why it skipped
  kinds integer not null,          -- the selected kinds that applied
  due integer not null,            -- an end of consent is still to be confirmed
  receiver_id text,                -- null: never confirmed in the list
  fingerprint blob not null,       -- of what was confirmed, field by field
  idents blob not null,            -- keyed hashes of the customer and order IDs it has
  body blob not null,              -- JSON: records, orders, what was agreed
  "check" blob not null default x'' -- checksum of the columns before
) without rowid;
"""
_FLIGHTS: Final = """
create table attempt (batch integer primary key, people blob not null, "check" blob not null);
"""


class Ledger:
    """The open ledger. Raises StateError for a file that is no ledger, damaged or newer, LockedError for one that
    another run is just writing; it is left as it is. Nothing is written to before the first change."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only
        self._writes = False
        self._db, meta = open_ledger(path, may_mend=not read_only)
        self._take_in(meta)

    def _take_in(self, meta: dict[str, str]) -> None:
        self.id = meta.get("id", "")
        self._schema = meta["schema"]
        self._made_with = meta.get("key")
        self.knows_owners = self._schema != WITHOUT_OWNERS and "owners" not in meta
        self.generation = int(meta.get("generation", "0"))
        self._settled: dict[bytes, Entry] = {}

    @classmethod
    def create(cls, path: Path, keys: Keys) -> Ledger:
        """An empty one, there as a whole or not at all."""
        fresh = path.with_name(f"{path.name}.new")
        remove(fresh)
        private(fresh)
        database = connect(str(fresh))
        try:
            database.execute("pragma page_size = 8192")
            database.executescript(_TABLES + _FLIGHTS + departed.TABLE)
            meta = {"key": keys.ident(_OF_KEY), "schema": SCHEMA, "id": secrets.token_hex(8)}
            database.executemany("insert into meta values (?, ?)", meta.items())
            _seal(database)
            database.commit()
        finally:
            database.close()
        replace(fresh, path)
        sync_folder(path.parent)
        return cls(path)

    def made_with(self, keys: Keys) -> bool:
        """Whether the hashes in it are those of `keys`."""
        return self._made_with is None or self._made_with == keys.ident(_OF_KEY)

    @classmethod
    def in_memory(cls) -> Ledger:
        """An empty one for a dry run without state."""
        return cls.__new__(cls)._empty()  # noqa: SLF001 - its own class

    def _empty(self) -> Ledger:
        self.path = Path(":memory:")
        self._read_only = True
        self._writes = False
        self._db = connect(":memory:")
        self._db.executescript(_TABLES + _FLIGHTS + departed.TABLE)
        self._take_in({"schema": SCHEMA})
        return self

    # Reading

    def walk(self) -> Iterator[Entry]:
        """Everybody, in the order of the key."""
        entries = self._entries("order by key")
        if not self._settled:
            return entries
        settled = self._settled
        stored = (entry for entry in entries if entry.key not in settled)
        return heapq.merge(stored, sorted(settled.values()), key=itemgetter(0))

    def _entries(self, which: str, values: Sequence[object] = ()) -> Iterator[Entry]:
        """Entries as they are stored; raises StateError for one that is not what was written."""
        checked = self._schema not in WITHOUT_CHECKS
        check = '"check"' if checked else "x''"
        make, check_of = Entry._make, checksums.of_entry
        last = b""
        with reading(self.path):
            rows = self._db.execute(f"select {_COLUMNS}, {check} from person {which}", values)  # noqa: S608 - columns
            rows.arraysize = 1000
            while batch := rows.fetchmany():
                if checked:
                    for row in batch:
                        if check_of(row) != row[_CHECK] or row[0] <= last:
                            raise damaged(self.path)
                        last = row[0]
                yield from map(make, batch)

    def idents(self) -> Iterator[tuple[bytes, bytes]]:
        """Everybody's key, and the IDs of customers and orders they have."""
        settled = self._settled
        with reading(self.path):
            for key, idents in self._db.execute("select key, idents from person where idents != x'' order by key"):
                if key not in settled:
                    yield key, idents
        yield from ((entry.key, entry.idents) for entry in settled.values() if entry.idents)

    def entries(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Some people by key; for the few that have to be looked up."""
        found: dict[bytes, Entry] = {}
        for part in slices(keys, 500):
            marks = ",".join("?" * len(part))
            which = f"where key in ({marks}) order by key"
            found |= {entry.key: entry for entry in self._entries(which, part)}
        return found | {key: self._settled[key] for key in keys if key in self._settled}

    def has_in_list(self, key: bytes) -> bool:
        """Whether the target has confirmed somebody, at whatever time."""
        return any(entry.recipient_id is not None for entry in self._entries("where key = ?", (key,)))

    def in_list(self) -> int:
        """How many recipients of the list are known."""
        return self._number("select count(*) from person where receiver_id is not null")

    def people(self) -> int:
        """How many people the source has shown, selected or not."""
        return self._number("select count(*) from person")

    def is_empty(self) -> bool:
        return not self._settled and not self._number("select count(*) from (select 1 from person limit 1)")

    def any_due(self) -> bool:
        if any(entry.due for entry in self._settled.values()):
            return True
        return bool(self._number("select count(*) from (select 1 from person where due limit 1)"))

    def _number(self, query: str) -> int:
        with reading(self.path):
            return int(self._db.execute(query).fetchone()[0])

    # Batches under way

    def flights(self) -> dict[int, list[Flight]]:
        """The batches that were sent and whose answer was not recorded: number -> people."""
        with reading(self.path):
            if self._schema in WITHOUT_CHECKS:
                rows = self._db.execute("select batch, keys from attempt order by batch").fetchall()
                return {batch: [Flight(bytes(part)) for part in slices(keys, HASH_BYTES)] for batch, keys in rows}
            found = self._db.execute('select batch, people, "check" from attempt order by batch').fetchall()
            for batch, people, check in found:
                if checksums.of_flight(batch, people) != check:
                    raise damaged(self.path)
            return {batch: flights.unpacked(people) for batch, people, _ in found}

    def take_off(self, batch: int, people: Iterable[Flight]) -> None:
        """Remembers that a batch is about to be sent; on the disk when this returns."""
        with self.durably():
            self._keep_flight(batch, people)

    def still_under_way(self, batch: int, people: Iterable[Flight]) -> None:
        """Who is left of a batch of which some were answered. Counts from the next `commit`."""
        self._write_ahead()
        self._keep_flight(batch, people)

    def _keep_flight(self, batch: int, people: Iterable[Flight]) -> None:
        content = flights.packed(people)
        row = batch, content, checksums.of_flight(batch, content)
        with reading(self.path):
            self._db.execute("insert or replace into attempt values (?, ?, ?)", row)

    def landed(self, batch: int) -> None:
        """A batch was answered. Counts from the next `commit`."""
        with reading(self.path):
            self._db.execute("delete from attempt where batch = ?", (batch,))

    def settle(self, entries: Iterable[Entry]) -> None:
        """What was found of the batches under way: counts at once, and is written by `record_settled`."""
        self._settled = {entry.key: entry for entry in entries}

    def record_settled(self, left: Sequence[Flight] = ()) -> None:
        """Writes what was settled; nobody but who is `left` is under way any more. On the disk when this returns."""
        with self.durably():
            self.record(list(self._settled.values()))
            self._db.execute("delete from attempt")
            if left:
                self._keep_flight(_LEFT, left)
        self._settled = {}

    # Writing

    def record(self, entries: Sequence[Entry]) -> None:
        """Counts from the next `commit`."""
        self._write_ahead()
        check_of = checksums.of_entry
        rows = [(*entry[:_CHECK], check_of(entry)) for entry in entries]
        with reading(self.path):
            insert(self._db, "insert or replace into person", rows)

    def departed(self) -> Iterator[tuple[bytes, int]]:
        """Who has unsubscribed anywhere in the account, as far as any run has seen, and when. Raises StateError."""
        with reading(self.path):
            yield from departed.departed(self._db)

    def depart(self, rows: Iterable[tuple[bytes, int]]) -> None:
        """Remembers who has unsubscribed in the account. Counts from the next `commit`."""
        self._write_ahead()
        left = list(rows)
        with reading(self.path):
            departed.depart(self._db, left)

    def raise_generation(self, beside: int) -> int:
        """The next generation, later than that of the checkpoint `beside` it; on the disk, with all that was recorded,
        when this returns. Raises StateError if somebody else has raised it meanwhile: a run on another machine, where
        the lock does not reach. Theirs then stays."""
        generation = max(self.generation, beside) + 1
        with self.durably():
            self._refuse_another()
            self._db.execute("insert or replace into meta values ('generation', ?)", (str(generation),))
            _seal(self._db)
        self.generation = generation
        with contextlib.suppress(sqlite3.OperationalError):  # somebody reads: then the log beside it has all of it
            self._db.execute("pragma wal_checkpoint(truncate)").fetchall()
        return generation

    def _refuse_another(self) -> None:
        with reading(self.path):
            self._db.execute("begin immediate")
            there = self._db.execute("select value from meta where name = 'generation'").fetchone()
        if int(there[0] if there else 0) != self.generation:
            self._db.rollback()
            raise changed_meanwhile(self.path)

    def learn_owners(self) -> None:
        """Every order was read by now: whose it is, is known of all of them. Counts from the next `commit`."""
        if not self.knows_owners:
            self._write_ahead()
            self._db.execute("delete from meta where name = 'owners'")
            _seal(self._db)
            self.knows_owners = True

    def _write_ahead(self) -> None:
        """Before the first change, and not a moment sooner: a damaged ledger is left as it is."""
        if self._writes or self._read_only:
            return
        self._db.close()
        self._db = connect(str(self.path))
        self._writes = True
        self._db.execute("pragma cache_size = -8000")
        self._db.execute("pragma secure_delete = on")  # no address outlives its batch
        self._db.execute("pragma journal_mode = wal")
        # A crash of the machine may lose the last commits, never mix them up; what they recorded is looked up again.
        self._db.execute("pragma synchronous = normal")
        if self._schema in WITHOUT_CHECKS:
            self._take_over()

    def _take_over(self) -> None:
        """Makes the ledger of an older version one of this, in one transaction."""
        left = self.flights()
        database = self._db
        database.create_function("check_of", _CHECK, lambda *row: checksums.of_entry(row), deterministic=True)
        database.execute("begin immediate")
        database.execute("alter table person add column \"check\" blob not null default x''")
        database.execute(f'update person set "check" = check_of({_COLUMNS})')  # noqa: S608 - columns
        database.execute("drop table attempt")
        database.execute(_FLIGHTS)
        database.execute(departed.TABLE)
        for batch, people in left.items():
            self._keep_flight(batch, people)
        if self._schema == WITHOUT_OWNERS:
            database.execute("insert or replace into meta values ('owners', 'unknown')")
        database.execute("update meta set value = ? where name = 'schema'", (SCHEMA,))
        _seal(database)
        self.commit()
        self._schema = SCHEMA

    @contextlib.contextmanager
    def durably(self) -> Iterator[None]:
        """Commits what is done within, and all before it, so that it survives a power cut."""
        self._write_ahead()
        self.commit()
        self._db.execute("pragma synchronous = full")
        yield
        self.commit()
        self._db.execute("pragma synchronous = normal")

    def commit(self) -> None:
        with reading(self.path):
            self._db.commit()

    def close(self) -> None:
        """Leaves one plain file behind, which a dry run can read without touching the folder."""
        if self._writes:
            with contextlib.suppress(sqlite3.DatabaseError):
                self._db.commit()
                if self._db.execute("pragma journal_mode").fetchone() == ("wal",):
                    self._db.execute("pragma journal_mode = delete")
        self._db.close()


def _seal(database: sqlite3.Connection) -> None:
    """Renews the checksum of what the ledger says about itself."""
    meta = dict(database.execute("select name, value from meta").fetchall())
    check = checksums.of_meta(meta, checksums.schema_of(database))
    database.execute("insert or replace into meta values ('check', ?)", (check,))
