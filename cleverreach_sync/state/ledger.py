"""The ledger: what is known of everybody seen, and what the target has confirmed, under keyed hashes.

One row a person, clustered by the hash, so that a run walks it once in that order beside the spool. No name, no
address: only hashes, dates, states and what makes somebody a buyer.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from cleverreach_sync.errors import CrsyncError, LockedError, StateError
from cleverreach_sync.state import departed
from cleverreach_sync.state.bulk import insert
from cleverreach_sync.state.copies import needs_copy, open_copy
from cleverreach_sync.state.database import connect, read_only_uri
from cleverreach_sync.state.entries import Entry
from cleverreach_sync.state.files import open_file, private, remove, replace, sync_folder
from cleverreach_sync.state.keys import HASH_BYTES, Keys

SCHEMA: Final = "2"
# In version 1 nobody wrote down which account an order belongs to, and which record brought it.
_WITHOUT_OWNERS: Final = "1"
_SQLITE: Final = b"SQLite format 3\0"
_OF_KEY: Final = "the key of this ledger"  # what is hashed to know the key again

_TABLES: Final = """
create table meta (name text primary key, value text not null) without rowid;
create table person (
  key blob primary key,          -- keyed hash of the address
  seen blob not null,            -- digest of the rows and rules it was last decided from
  outcome text not null,         -- how the last decision ended, or why it skipped
  kinds integer not null,        -- the selected kinds that applied
  due integer not null,          -- an end of consent is still to be confirmed
  receiver_id text,              -- null: never confirmed in the list
  fingerprint blob not null,     -- of what was confirmed, field by field
  idents blob not null,          -- keyed hashes of the customer and order IDs it has
  body blob not null             -- JSON: records, orders, what was agreed
) without rowid;
create table attempt (batch integer primary key, keys blob not null);
"""


class Ledger:
    """The open ledger. Raises StateError for a file that is no ledger, corrupt or newer, LockedError for one that
    another run is just writing; it is left as it is."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only
        self._writes = False
        known = _meta(path)
        if known.get("schema") not in {SCHEMA, _WITHOUT_OWNERS}:
            raise StateError(
                f"{path} was written by another version of crsync",
                hint="use that version, or a newer one that still reads it",
            )
        self.id = known.get("id", "")
        self._schema = known["schema"]
        self.knows_owners = self._schema == SCHEMA and "owners" not in known
        self._made_with = known.get("key")
        self._db = _connect(path, read_only=read_only)

    @classmethod
    def create(cls, path: Path, keys: Keys) -> Ledger:
        """An empty one, there as a whole or not at all."""
        fresh = path.with_name(f"{path.name}.new")
        remove(fresh)
        private(fresh)
        database = connect(str(fresh))
        try:
            database.execute("pragma page_size = 8192")
            database.executescript(_TABLES)
            database.execute("insert into meta values ('key', ?)", (keys.ident(_OF_KEY),))
            database.execute("insert into meta values ('schema', ?), ('id', ?)", (SCHEMA, secrets.token_hex(8)))
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
        self._db.executescript(_TABLES)
        self._schema = SCHEMA
        self.knows_owners = True
        self.id = ""
        return self

    def walk(self) -> Iterator[Entry]:
        """Everybody, in the order of the key."""
        rows = self._db.execute(
            "select key, seen, outcome, kinds, due, receiver_id, fingerprint, idents, body from person order by key"
        )
        rows.arraysize = 1000
        make = Entry._make
        while batch := rows.fetchmany():
            yield from map(make, batch)

    def idents(self) -> Iterator[tuple[bytes, bytes]]:
        """Everybody's key, and the IDs of customers and orders they have."""
        yield from self._db.execute("select key, idents from person where idents != x'' order by key")

    def entries(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Some people by key; for the few that have to be looked up."""
        found: dict[bytes, Entry] = {}
        for start in range(0, len(keys), 500):
            part = keys[start : start + 500]
            marks = ",".join("?" * len(part))
            query = (
                "select key, seen, outcome, kinds, due, receiver_id, fingerprint, idents, body "  # noqa: S608 - marks
                f"from person where key in ({marks})"
            )
            for row in self._db.execute(query, part):
                found[row[0]] = Entry._make(row)
        return found

    def has_in_list(self, key: bytes) -> bool:
        """Whether the target has confirmed somebody, at whatever time."""
        row = self._db.execute("select 1 from person where key = ? and receiver_id is not null", (key,)).fetchone()
        return row is not None

    def in_list(self) -> int:
        """How many recipients of the list are known."""
        return int(self._db.execute("select count(*) from person where receiver_id is not null").fetchone()[0])

    def people(self) -> int:
        """How many people the source has shown, selected or not."""
        return int(self._db.execute("select count(*) from person").fetchone()[0])

    def is_empty(self) -> bool:
        return self._db.execute("select 1 from person limit 1").fetchone() is None

    def any_due(self) -> bool:
        return self._db.execute("select 1 from person where due limit 1").fetchone() is not None

    def attempts(self) -> dict[int, list[bytes]]:
        """The batches that were sent and whose answer was not recorded: number -> keys."""
        return {
            int(batch): [keys[at : at + HASH_BYTES] for at in range(0, len(keys), HASH_BYTES)]
            for batch, keys in self._db.execute("select batch, keys from attempt")
        }

    def attempt(self, batch: int, keys: Iterable[bytes]) -> None:
        """Remembers that a batch is about to be sent. Counts from the next `commit`."""
        self._write_ahead()
        self._db.execute("insert or replace into attempt values (?, ?)", (batch, b"".join(keys)))

    def forget_attempts(self, batches: Iterable[int]) -> None:
        self._db.executemany("delete from attempt where batch = ?", [(batch,) for batch in batches])

    def forget_all_attempts(self) -> None:
        self._write_ahead()
        self._db.execute("delete from attempt")

    def record(self, entries: Sequence[Entry]) -> None:
        """Counts from the next `commit`."""
        self._write_ahead()
        insert(self._db, "insert or replace into person", entries)

    def departed(self) -> Iterator[tuple[bytes, int]]:
        """Who has unsubscribed anywhere in the account, as far as any run has seen, and when. Raises StateError."""
        return departed.departed(self._db)

    def depart(self, rows: Iterable[tuple[bytes, int]]) -> None:
        """Remembers who has unsubscribed in the account. Counts from the next `commit`."""
        self._write_ahead()
        departed.depart(self._db, rows)

    def _write_ahead(self) -> None:
        """Before the first change, and not a moment sooner: a damaged ledger is left as it is."""
        if self._writes or self._read_only:
            return
        self._writes = True
        self._db.execute("pragma journal_mode = wal")
        # A crash of the machine may lose the last commits, never mix them up; what they recorded is sent again.
        self._db.execute("pragma synchronous = normal")
        if self._schema == _WITHOUT_OWNERS:
            self._schema = SCHEMA
            self._db.execute("update meta set value = ? where name = 'schema'", (SCHEMA,))
            self._db.execute("insert into meta values ('owners', 'unknown')")

    def learn_owners(self) -> None:
        """Every order was read by now: whose it is, is known of all of them. Counts from the next `commit`."""
        if not self.knows_owners:
            self._write_ahead()
            self._db.execute("delete from meta where name = 'owners'")
            self.knows_owners = True

    def commit(self) -> None:
        try:
            self._db.commit()
        except sqlite3.OperationalError as error:
            raise StateError(f"cannot write {self.path}: {error}", hint="free some disk space") from None

    def close(self) -> None:
        """Leaves one plain file behind, which a dry run can read without touching the folder."""
        if not self._read_only:
            with contextlib.suppress(sqlite3.DatabaseError):
                self._db.commit()
                if self._db.execute("pragma journal_mode").fetchone() == ("wal",):
                    self._db.execute("pragma journal_mode = delete")
        self._db.close()


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    try:
        if not read_only:
            return _tried(connect(str(path)))
        try:
            return _tried(connect(read_only_uri(path), uri=True))
        except sqlite3.OperationalError as error:
            if not needs_copy(error):
                raise
            return _tried(open_copy(path))
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error) from None


def _tried(database: sqlite3.Connection) -> sqlite3.Connection:
    try:
        database.execute("pragma cache_size = -8000")
        database.execute("select name from sqlite_master limit 1").fetchall()
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database


def _unusable(path: Path, error: Exception | None = None) -> CrsyncError:
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
        return LockedError(f"{path} is just being written", hint="another run ends at this moment; try again")
    return StateError(
        f"{path} is damaged, or no ledger of crsync",
        hint="restore it from a backup; or move it away and run `crsync diff`, then `crsync sync --force ledger`",
    )


def _meta(path: Path) -> dict[str, str]:
    """What a ledger says about itself, without a change to the file, whatever it is."""
    try:
        with os.fdopen(open_file(path, os.O_RDONLY), "rb") as file:
            begins = file.read(len(_SQLITE))
    except OSError as error:
        raise StateError(f"cannot read {path}: {error.strerror}", hint="check owner and permissions") from None
    if begins != _SQLITE:
        raise _unusable(path)
    database = _connect(path, read_only=True)
    try:
        return {str(name): str(value) for name, value in database.execute("select name, value from meta")}
    except (sqlite3.DatabaseError, ValueError):
        raise _unusable(path) from None
    finally:
        database.close()
