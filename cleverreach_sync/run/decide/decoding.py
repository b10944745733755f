"""From spooled rows to records: which rows of a person count, what they say, and by what they are known again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b

import orjson

from cleverreach_sync.domain.merge import SourceRecord
from cleverreach_sync.domain.model import Record
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.read.reading import DIGEST_BYTES
from cleverreach_sync.sources.dates import Plausible
from cleverreach_sync.sources.interface import Row, Warned
from cleverreach_sync.state.rejects import record_of
from cleverreach_sync.state.spool import RawRow


class Decoding:
    """Reads the rows of one person after the other. `warned`: something of the last one could not be read; the user
    is told of it unless `quiet`."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.warned = False
        self.quiet = False
        self._plausible = Plausible(run.now)
        self._full_read = [reader.stream.full_read for reader in run.readers]
        self._decoders: list[Callable[[RawRow], SourceRecord]] = [self._decoder(n) for n in range(len(run.readers))]

    def found(self, rows: Sequence[RawRow]) -> list[SourceRecord]:
        """What the rows of one person say."""
        self.warned = False
        decoders = self._decoders
        return [self._carried(row) if row.carried else decoders[row.stream](row) for row in fresh(self._run, rows)]

    def to_remember(self, rows: Sequence[RawRow]) -> bytes:
        """One digest of the rows that every run reads again: as long as no others come, nothing has changed. Empty for
        somebody of whom something could not be read, so that the warning comes again."""
        if self.warned:
            return b""
        again = [row for row in rows if self._full_read[row.stream]]
        if len(again) == 1:
            return again[0].digest
        return seen_of(again) if again else b""

    def _decoder(self, number: int) -> Callable[[RawRow], SourceRecord]:
        reader = self._run.readers[number]
        source, stream, label = reader.source, reader.stream.name, reader.label
        location = source.location(stream)
        warnings = self._run.warnings
        ident_of = self._run.keys.ident
        read = source.decode
        prefix, of_owner = f"{label}\0", f"{reader.stream.owners}\0"

        def warn(warned: Warned) -> None:
            if warned.no_date:
                self._no_dates(1)
                return
            self.warned = True
            if not self.quiet:
                warnings.add(location, warned.place, warned.message)

        def read_row(row: RawRow) -> SourceRecord:
            record = self._dated(read(stream, Row(row.email, row.ident, row.body, row.place, row.owner), warn))
            owner = ident_of(of_owner + row.owner) if row.owner else ""
            return SourceRecord(label, ident_of(prefix + row.ident) if row.ident else "", record, owner)

        return read_row

    def _dated(self, record: Record) -> Record:
        """The record without dates that are none."""
        plausible = self._plausible
        kept = plausible(record)
        if kept is not record:
            self._no_dates(plausible.left_out)
            plausible.left_out = 0
            self.warned = self.warned or plausible.ahead  # tomorrow it may be one
        return kept

    def _no_dates(self, number: int) -> None:
        if not self.quiet:
            self._run.warnings.no_dates += number

    def _carried(self, row: RawRow) -> SourceRecord:
        label, record = self._run.readers[row.stream].label, self._dated(record_of(orjson.loads(row.body)))
        return SourceRecord(label, row.ident or "", record, row.owner or "")


def seen_of(rows: Sequence[RawRow]) -> bytes:
    """One digest of several rows, in whatever order they came."""
    return blake2b(b"".join(sorted(row.digest for row in rows)), digest_size=DIGEST_BYTES).digest()


def fresh(run: Run, rows: Sequence[RawRow]) -> Sequence[RawRow]:
    """The rows of a person that count: of an ID that a paged source yielded twice the last, and of an earlier run's
    rows those that nothing of this read replaces."""
    if len(rows) == 1:
        return rows
    now = [row for row in rows if not row.carried]
    last = {(row.stream, row.ident): row.rowid for row in now if row.ident and not row.place}
    fresh_now = [row for row in now if last.get((row.stream, row.ident or ""), row.rowid) == row.rowid]
    if len(now) == len(rows):
        return fresh_now
    replaced = {(row.stream, run.ident_of(row)) for row in now} | {(row.stream, "") for row in now}
    unnumbered = {row.stream for row in now if run.readers[row.stream].label in run.unnumbered}
    return [
        *fresh_now,
        *(
            row
            for row in rows
            if row.carried and row.stream not in unnumbered and (row.stream, row.ident or "") not in replaced
        ),
    ]
