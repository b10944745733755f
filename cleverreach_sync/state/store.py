"""Where the state of a config is kept, as the rest of the program knows it.

Small documents are read and replaced as a whole, each on condition that nobody else has replaced it meanwhile. The
ledger is a database that has to be a local file while a run is at work; the spool never leaves the machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Document(Protocol):
    """One document of the state. `str()` of it says where it is, for messages."""

    def read(self) -> bytes | None:
        """Its content, None if there is none. Raises StateError for one that cannot be read."""
        ...

    def exists(self) -> bool:
        """Whether there is anything to read, without reading it."""
        ...

    def write(self, content: bytes) -> None:
        """Replaces it as a whole. Raises StateError if that fails, or if it is not as it was when this object last read
        or wrote it: somebody restored or changed it meanwhile. What is there then stays."""
        ...


class Store(Protocol):
    """The state of one config, or of a named transfer of it."""

    @property
    def checkpoint(self) -> Document: ...
    @property
    def key(self) -> Document: ...
    @property
    def rejects(self) -> Document: ...
    @property
    def history(self) -> Document: ...

    @property
    def ledger(self) -> Path:
        """The local file of the ledger."""
        ...

    @property
    def spool(self) -> Path:
        """The local file of the spool, which no other run ever sees."""
        ...
