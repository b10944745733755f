"""The spool: the people of the run under way, with addresses in clear.

Rows go in as the source yields them and come out ordered by person (SQLite sorts outside memory). The plan of the run
lies beside them. No later run takes it over: what the shop said then may be no longer true.
"""

from __future__ import annotations

import marshal
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from cleverreach_sync.domain.address import WITHOUT_ADDRESS
from cleverreach_sync.domain.decision import NOT_SUPPRESSED, Suppression
from cleverreach_sync.state.bulk import insert
from cleverreach_sync.state.database import connect
from cleverreach_sync.state.files import private, remove
from cleverreach_sync.state.plans import TABLE, Plans

_TABLES: Final = """
create table raw (
  key blob not null, stream integer not null, ident text, place integer not null, email text not null,
  digest blob not null, body blob not null, carried integer not null, owner text);
create table suppressed (key blob not null, still_mailed integer, at integer, known integer not null);
create table arrived (ident blob not null, key blob not null);
create table handed (entry blob not null);
create table woken (key blob not null, without_consent integer);
create table shown (seq integer not null, line blob not null);
"""


class RawRow(NamedTuple):
    """One spooled row. `carried`: it comes from an earlier run, this run's row of the same identity replaces it;
    `ident` and `owner` are keyed hashes then."""

    key: bytes
    stream: int
    ident: str | None
    place: int
    email: str
    digest: bytes
    body: bytes
    carried: int
    rowid: int
    owner: str | None


class Spool(Plans):
    """An open spool, with the plan of its run."""

    def __init__(self, database: sqlite3.Connection, path: Path | None) -> None:
        super().__init__(database)
        self.path = path

    @classmethod
    def create(cls, path: Path | None) -> Spool:
        """An empty one. Without a path it is SQLite's own temporary database, which has no name that anybody could open
        and is gone with the process, however that ends."""
        if path is not None:
            remove(path)
            private(path)
        database = _connect(path)
        database.execute("pragma page_size = 8192")
        database.executescript(_TABLES + TABLE)
        return cls(database, path)

    def add_rows(self, rows: Sequence[Sequence[object]]) -> None:
        """Rows of (key, stream, ident, place, email, digest, body, carried, owner)."""
        insert(self._db, "insert into raw", rows)

    def give_to_owners(self, stream: int, owners: int, *, orphans: bool = False) -> int:
        """Gives the rows of `stream` that name an owner to the person of that record of the stream `owners`; with
        `orphans` those have none whose owner is not there. Rows that have no address even then are dropped; returns
        their number."""
        self._db.execute("create index if not exists owned on raw (stream, ident)")
        self._db.execute(
            "update raw set key = owner_row.key, email = owner_row.email "
            "from (select ident, key, email from raw where stream = ?) as owner_row "
            "where raw.stream = ? and raw.owner = owner_row.ident",
            (owners, stream),
        )
        if orphans:
            self._db.execute(
                "update raw set owner = null where stream = ? and owner is not null and not exists "
                "(select 1 from raw as owner_row where owner_row.stream = ? and owner_row.ident = raw.owner)",
                (stream, owners),
            )
        dropped = self._db.execute("delete from raw where stream = ? and email = ''", (stream,)).rowcount
        self._db.execute("drop index owned")
        return int(dropped)

    def rows(self) -> Iterator[RawRow]:
        """Every row by person; those of one person in the order of the source."""
        cursor = self._db.execute(
            "select key, stream, ident, place, email, digest, body, carried, rowid, owner from raw order by key, rowid"
        )
        cursor.arraysize = 1000
        make = RawRow._make
        while batch := cursor.fetchmany():
            yield from map(make, batch)

    def rows_of(self, keys: Sequence[bytes]) -> Iterator[RawRow]:
        """The rows of a few people, in the order of `rows`."""
        self._db.execute("create temp table wanted (key blob primary key) without rowid")
        try:
            self._db.executemany("insert or ignore into wanted values (?)", [(key,) for key in keys])
            query = (
                "select key, stream, ident, place, email, digest, body, carried, rowid, owner from raw "
                "where key in (select key from wanted) order by key, rowid"
            )
            yield from map(RawRow._make, self._db.execute(query).fetchall())
        finally:
            self._db.execute("drop table wanted")

    def replaced(self, stream: int) -> Iterator[RawRow]:
        """The rows of a stream that a later one of the same record follows, in their order; `give_way` may be called
        meanwhile."""
        self._db.execute("create index again on raw (stream, ident)")
        self._db.execute(
            "create temp table replaced as select raw.rowid as id from raw join (select ident, max(rowid) as last from "
            "raw where stream = ? and ident is not null and not carried group by ident having count(*) > 1) as latest "
            "on raw.ident = latest.ident where raw.stream = ? and not carried and raw.rowid < latest.last",
            (stream, stream),
        )
        query = (
            "select key, stream, ident, place, email, digest, body, carried, raw.rowid, owner from raw "
            "where raw.rowid in (select id from replaced where rowid > ? and rowid <= ?) order by raw.rowid"
        )
        try:
            last = int(self._db.execute("select count(*) from replaced").fetchone()[0])
            for start in range(0, last, 1000):
                yield from map(RawRow._make, self._db.execute(query, (start, start + 1000)).fetchall())
        finally:
            self._db.execute("drop table replaced")
            self._db.execute("drop index again")

    def give_way(self, row: RawRow, *, stays: bool) -> None:
        """Takes out a row that a later one of the same record replaces, or puts it beside that at its address; if that
        has none, it is the later one that goes."""
        gone = row.rowid
        if stays:
            query = (
                "select rowid, key, email from raw where stream = ? and ident = ? and not carried "
                "order by rowid desc limit 1"
            )
            later, key, email = self._db.execute(query, (row.stream, row.ident)).fetchone()
            if email != WITHOUT_ADDRESS:
                self._db.execute("update raw set key = ?, email = ? where rowid = ?", (key, email, gone))
                return
            gone = later
        self._db.execute("delete from raw where rowid = ?", (gone,))

    def blacklist(self, rows: Iterable[tuple[bytes, bool]]) -> None:
        """Addresses of the blacklist, and whether the target takes no notice of the entry and still mails them."""
        self._db.executemany("insert into suppressed values (?, ?, null, 0)", rows)

    def unsubscribe(self, rows: Iterable[tuple[bytes, int]], *, known: bool = False) -> None:
        """When addresses unsubscribed in the account. `known`: the ledger says so."""
        self._db.executemany("insert into suppressed values (?, null, ?, ?)", ((key, at, known) for key, at in rows))

    def newly_departed(self) -> Iterator[tuple[bytes, int]]:
        """Who unsubscribed in the account without the ledger knowing, or later than it knows, and when."""
        query = (
            "select key, max(at) from suppressed where at > 0 group by key "
            "having max(at) > max(case when known then at else 0 end)"
        )
        yield from self._db.execute(query)

    def suppressed(self) -> Iterator[tuple[bytes, Suppression]]:
        """What the account says of addresses: whether they are blacklisted, when they unsubscribed last."""
        query = "select key, min(still_mailed), max(at) from suppressed group by key order by key"
        for key, still_mailed, at in self._db.execute(query):
            yield key, _suppression(still_mailed, at)

    def wake(self, rows: Iterable[tuple[bytes, bool | None]]) -> None:
        """Whom this run has made active: created (without consent, or with it), or None for those who were there."""
        self._db.executemany("insert into woken values (?, ?)", rows)

    def woken(self, key: bytes) -> tuple[int | None] | None:
        """How this run has made somebody active; None if it has not."""
        found: tuple[int | None] | None = self._db.execute(
            "select without_consent from woken where key = ?", (key,)
        ).fetchone()
        return found

    def arrive(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """IDs of customers and of orders that somebody did not have before: (ident, key)."""
        self._db.executemany("insert into arrived values (?, ?)", rows)

    def arrived(self) -> Iterator[tuple[bytes, bytes]]:
        """IDs that arrived at exactly one address: (ident, key)."""
        yield from self._db.execute(
            "select ident, min(key) from arrived group by ident having count(distinct key) = 1 order by ident"
        )

    def take_below(self, domain: str) -> list[tuple[int, str | None, str]]:
        """Takes out the rows whose address ends in `domain`, and whatever was read of the same records before: stream,
        ID and address of each."""
        query = "select distinct stream, ident, email from raw where not carried and substr(email, ?) = ?"
        found = self._db.execute(query, (-len(domain), domain)).fetchall()
        self._db.execute(
            "delete from raw where not carried and substr(email, ?) = ? "
            "or (stream, ident) in (select stream, ident from raw where not carried and substr(email, ?) = ?)",
            (-len(domain), domain) * 2,
        )
        return found

    def hand_over(self, entries: Iterable[tuple[Any, ...]]) -> None:
        """Entries of the ledger that are to be there before anything of the plan is carried out, as plain tuples."""
        self._db.executemany("insert into handed values (?)", [(marshal.dumps(entry),) for entry in entries])

    def handed_over(self) -> Iterator[tuple[Any, ...]]:
        for (entry,) in self._db.execute("select entry from handed order by rowid"):
            yield marshal.loads(entry)  # noqa: S302 - what this process packed

    def holds(self, key: bytes) -> bool:
        """Whether this read brought anything about somebody; for the few that have to be looked up."""
        return (
            self._db.execute("select 1 from raw where key = ? and not carried limit 1", (key,)).fetchone() is not None
        )

    def suppression(self, key: bytes) -> Suppression:
        """What the account says of an address; for the few that have to be looked up."""
        query = "select min(still_mailed), max(at) from suppressed where key = ?"
        return _suppression(*self._db.execute(query, (key,)).fetchone())

    def show(self, lines: Iterable[tuple[int, bytes]]) -> None:
        """What a dry run shows of a person: place in the source, JSON."""
        self._db.executemany("insert into shown values (?, ?)", lines)

    def number_shown(self) -> int:
        return int(self._db.execute("select count(*) from shown").fetchone()[0])

    def shown(self, limit: int | None) -> Iterator[bytes]:
        """The lines in the order of the source."""
        cursor = self._db.execute("select line from shown order by seq limit ?", (-1 if limit is None else limit,))
        for (line,) in cursor:
            yield line

    def commit(self) -> None:
        self.close_parcels()
        self._db.commit()

    def close(self) -> None:
        self._db.close()

    def delete(self) -> None:
        self.close()
        if self.path is not None:
            remove(self.path)


def _suppression(still_mailed: int | None, at: int | None) -> Suppression:
    if still_mailed is None and at is None:
        return NOT_SUPPRESSED
    return Suppression(still_mailed is not None, at, still_mailed=bool(still_mailed))


def _connect(path: Path | None) -> sqlite3.Connection:
    database = connect("" if path is None else str(path))
    # Losing the spool costs a second read of the source, nothing else.
    database.execute("pragma journal_mode = off")
    database.execute("pragma synchronous = off")
    database.execute("pragma cache_size = -4000")
    return database
