"""What every source is: streams of raw rows, and how to read one row.

A source is read in two steps. `read` walks a stream page by page and yields rows in the source's own form, with no
more than the e-mail and an identity taken out of them; the rows wait in the spool, ordered by person. `decode` turns
one such row into a `Record`, and runs only for people whose rows differ from the last run's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from cleverreach_sync.domain.model import Record, Signal
from cleverreach_sync.messages import Message
from cleverreach_sync.progress import Finding


class Row(NamedTuple):
    """One raw row. `email` is normalised; `body` is what `decode` gets back; `place` a line number, 0 if none.

    An address below `.invalid` is a placeholder: the shop erased whose it was, or, if it is WITHOUT_ADDRESS, the record
    has none any more, for whatever reason. `ident` identifies the record within its
    stream, None where the source has no ID. `owner` is the ident of another
    stream's record whose person the row belongs to (an order of an account); if that record is read in the same run,
    its address counts, else `email`, which may be empty then. A source that does not read all accounts in every run has
    to give the account's present address as `email`, not the one that was once written on the row.
    """

    email: str
    ident: str | None
    body: bytes
    place: int
    owner: str | None = None


class Unreadable(NamedTuple):
    """A row without a usable e-mail or column count (`reason` "email" or "columns"). `message` has no personal data."""

    reason: str
    message: Message
    place: int


class Warned(NamedTuple):
    """A value that could not be read, but costs no more than itself. `message` holds no personal data. `no_date`: it
    says that there is no date (`0000-00-00`), of which the user is told once for all."""

    message: Message
    place: int
    no_date: bool = False


class StreamEnd(NamedTuple):
    """How a stream ended. `complete`: it was read completely, so absence means something. `cursor`: where to go on
    next time (opaque to everybody else), None for a stream without a change filter. `numbered` false: it has nothing
    in it that would be a record's ID."""

    complete: bool
    cursor: str | None = None
    numbered: bool = True


class Chunk(NamedTuple):
    """Some rows of a stream, in its order. `done`/`total` are for the progress bar, in the stream's unit, total None
    if unknown. `end` is set on the last chunk only, which may be without rows."""

    rows: Sequence[Row]
    unreadable: Sequence[Unreadable] = ()
    done: int = 0
    total: int | None = None
    end: StreamEnd | None = None


class Stream(NamedTuple):
    """One stream of a source. `full_read`: it has no change filter, every run reads it from the start. `owners` names
    the stream whose records its rows' `owner` refers to; with `orphans` a row whose owner is not in it has none: it
    lists every owner in every run. `followed`: a record says at any time what holds then, so that
    its consent can be compared with that of an earlier read; not so the rows of a file. `told_by`: by what a record
    tells of consent, where the config says it. `latest`: the same record may come several times, and the last counts.
    `unit` is what `done` and `total` of its chunks count."""

    name: str
    signals: frozenset[Signal]
    full_read: bool
    owners: str | None = None
    followed: bool = True
    orphans: bool = False
    unit: str = "rows"
    told_by: str = ""
    latest: bool = False


class Source(Protocol):
    """A shop, or a file. `read` and `decode` raise errors of the tree in `errors.py`.

    `location` is what a row's `place` counts in (a file name) and may be shown to the user; `url` the shop's address,
    None if it has none.
    """

    @property
    def type(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str | None: ...

    @property
    def clock_ahead(self) -> float | None:
        """By how many seconds the shop's clock is ahead of this machine's, as it was when the shop last told the time;
        None if it has told none that can be true, and for a file."""
        ...

    @property
    def warnings(self) -> Sequence[Message]:
        """What the user should know about the source as a whole, once it was read."""
        ...

    def streams(self) -> Sequence[Stream]: ...

    def read(self, stream: str, since: str | None, stopped: Callable[[], bool]) -> Iterator[Chunk]:
        """Walks one stream from cursor `since` (None: from the start). Ends early when `stopped()`; then no chunk
        carries an `end`."""
        ...

    def decode(self, stream: str, row: Row, warn: Callable[[Warned], None]) -> Record:
        """Reads one row. `row.email` is normalised by now. Every value that cannot be read goes to `warn`, the one that
        makes the record `invalid` too."""
        ...

    def location(self, stream: str) -> str: ...

    def inspect(self) -> Iterator[Finding]:
        """Looks at the beginning of every stream, read-only: what can be seen and what cannot. Raises the errors of
        the tree for what keeps a run from starting."""
        ...

    def close(self) -> None:
        """Lets go of the shop, or the file, and may be called twice. Rows are decoded after that, too."""
        ...


@runtime_checkable
class Anchored(Protocol):
    """A source that settles something in its first run that holds for good, also when it is read in full once more:
    from when on customers are transferred, say. `anchor` is opaque to everybody else, and None before the first run; it
    is kept from the first write on."""

    anchor: str | None


@runtime_checkable
class HandsOn(Protocol):
    """A source that tells whoever feeds it where to go on."""

    @property
    def to_hand_on(self) -> tuple[Path, bytes] | None:
        """A file, and what is to be in it as soon as everything that was read is confirmed; None for nothing."""
        ...


@runtime_checkable
class LacksConsent(Protocol):
    """A source of which only a reading tells whether it says who subscribed."""

    @property
    def lacks_consent(self) -> Message | None:
        """That it was read and does not say so, for the user; None if it does, or was not read."""
        ...
