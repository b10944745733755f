"""Reads an export in a test from end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from cleverreach_sync.domain.model import Record
from cleverreach_sync.sources.file.settings import FileOptions, FileSettings
from cleverreach_sync.sources.file.source import FileSource, open_consent, open_source
from cleverreach_sync.sources.interface import Chunk, Row, StreamEnd, Unreadable, Warned


class Export(NamedTuple):
    """What came out of an export; `warned` are the messages with their lines."""

    source: FileSource
    chunks: list[Chunk]
    rows: list[Row]
    records: list[Record]
    unreadable: list[Unreadable]
    warned: list[Warned]
    end: StreamEnd | None

    @property
    def only(self) -> Record:
        (record,) = self.records
        return record


def never() -> bool:
    return False


def opened(folder: Path, path: str, **options: Any) -> FileSource:
    return open_source(FileSettings(type="file", path=path, **options), folder)


def read(source: FileSource) -> Export:
    (stream,) = source.streams()
    warned: list[Warned] = []
    chunks = list(source.read(stream.name, None, never))
    rows = [row for chunk in chunks for row in chunk.rows]
    unreadable = [row for chunk in chunks for row in chunk.unreadable]
    records = [source.decode(stream.name, row, warned.append) for row in rows]
    return Export(source, chunks, rows, records, unreadable, warned, chunks[-1].end)


def export(folder: Path, text: str | bytes, name: str = "customers.csv", **options: Any) -> Export:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(opened(folder, name, **options))


def consent_file(folder: Path, text: str, absent: Any = "no", **options: Any) -> Export:
    (folder / "newsletter.csv").write_bytes(text.encode())
    return read(open_consent(FileOptions(path="newsletter.csv", **options), folder, absent))
