"""What the phases of a run share: its parts, its clock, and what it was asked to do."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cleverreach_sync.clock import Clock, Stop
from cleverreach_sync.domain.address import Patterns
from cleverreach_sync.domain.decision import Rules
from cleverreach_sync.progress import Progress
from cleverreach_sync.run.other_transfers import OtherTransfers
from cleverreach_sync.run.tally import Tally
from cleverreach_sync.sources.interface import Source, Stream
from cleverreach_sync.state.keys import Keys
from cleverreach_sync.state.ledger import Ledger
from cleverreach_sync.state.rejects import Reject
from cleverreach_sync.state.spool import RawRow, Spool
from cleverreach_sync.targets.interface import Target

SHOWN_WARNINGS: Final = 20


@dataclass(frozen=True, slots=True)
class Options:
    """What a command asks of a run. `details`: people listed by a dry run, None for all. `against_target`: everybody
    confirmed is compared with the list, too; `against_list`: with the list alone, whatever is known of earlier runs."""

    command: str = "sync"
    dry_run: bool = False
    limit: int | None = None
    forced: frozenset[str] = frozenset()
    max_duration: float | None = None
    lock_timeout: float = 0.0
    include_deleted: bool = False
    against_target: bool = False
    against_list: bool = False
    details: int | None = 50
    show_pii: bool = False
    exit_code: bool = False


class Reader(NamedTuple):
    """A stream to read. `label` names it in ledger and checkpoint."""

    label: str
    source: Source
    stream: Stream


class Warnings:
    """What could not be read, in the order of the source; the first are shown, the rest is counted. `no_dates` are
    dates that are none: only their number is told."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._first: list[tuple[int, int, str]] = []
        self._count = 0
        self.no_dates = 0
        self.shown: list[str] = []

    def add(self, location: str, place: int, message: str) -> None:
        self._count += 1
        text = f"{location}:{place}: {message}" if place else f"{location}: {message}"
        # A heap of the lowest places: the largest of them leaves first.
        item = (-place, -self._count, text)
        if len(self._first) < SHOWN_WARNINGS:
            heapq.heappush(self._first, item)
        else:
            heapq.heappushpop(self._first, item)

    def show(self) -> None:
        lines = [text for _, _, text in sorted(self._first, reverse=True)]
        if self._count > len(lines):
            lines.append(f"... and {self._count - len(lines)} more")
        if self.no_dates:
            what = (
                "1 date cannot be right and is"
                if self.no_dates == 1
                else f"{self.no_dates} dates cannot be right and are"
            )
            lines.append(f"{what} ignored: all zeros, NULL, before 1990, or more than a day ahead")
        for line in lines:
            self._progress.warn(line)
        self.shown += lines
        self._first, self._count, self.no_dates = [], 0, 0


@dataclass(slots=True)
class Run:
    """A run on its way through the phases. `now` is when it began, in unix seconds, `began` when the interrupted one
    did that it goes on with (`goes_on`); `created_list`: the list is new, it holds nobody but whom this run puts there.
    `departed` are those who unsubscribed in the account since it was read, and when; `account_read_at`: later than what
    to ask for them, by the target's clock. `followed`: the streams whose consent is compared with that of earlier
    reads, and when a run before this one read all of each, 0 if that is not known; `retold`: those of them whose
    records told of it in another way until now. `unnumbered`: the streams whose records have no ID.
    `attempted`: who was under way when the run before was cut off; `made`: whom its writes brought into the list
    without an answer, `remade`: the receiver IDs of those whom they made again."""

    options: Options
    rules: Rules
    readers: tuple[Reader, ...]
    target: Target
    ledger: Ledger
    keys: Keys
    spool: Spool
    progress: Progress
    clock: Clock
    stop: Stop
    now: int
    began: int
    salt: bytes
    blocked: Patterns = field(default_factory=lambda: Patterns(()))
    tally: Tally = field(default_factory=Tally)
    rejects: dict[str, Reject] = field(default_factory=dict)
    erased: dict[bytes, frozenset[str]] = field(default_factory=dict)
    other_transfers: OtherTransfers = field(default_factory=lambda: OtherTransfers(()))
    attempted: frozenset[bytes] = frozenset()
    made: set[bytes] = field(default_factory=set)
    remade: list[str] = field(default_factory=list)
    complete: dict[str, bool] = field(default_factory=dict)
    unnumbered: frozenset[str] = frozenset()
    followed: dict[str, int] = field(default_factory=dict)
    retold: frozenset[str] = frozenset()
    cursors: dict[str, str] = field(default_factory=dict)
    list_exists: bool = True
    created_list: bool = False
    own_tags_in_list: bool = True
    full: bool = True
    batch_size: int = 250
    concurrency: int = 2
    retry_for: float = 300.0
    unsubscribed_in_account: bool = True
    goes_on: bool = False
    account_read_at: int = 1
    departed: dict[bytes, int] = field(default_factory=dict)
    warnings: Warnings = field(init=False)

    def __post_init__(self) -> None:
        self.warnings = Warnings(self.progress)

    def ident_of(self, row: RawRow) -> str:
        """The keyed hash of a row's own identity, "" if it has none."""
        if row.carried or not row.ident:
            return row.ident or ""
        return self.keys.ident(f"{self.readers[row.stream].label}\0{row.ident}")

    def owner_of(self, row: RawRow) -> str:
        """The keyed hash of the account's record that a row belongs to, "" for none."""
        if row.carried or not row.owner:
            return row.owner or ""
        return self.keys.ident(f"{self.readers[row.stream].stream.owners}\0{row.owner}")

    def stop_waiting(self) -> None:
        """After an error: nobody is to wait for a better time any more."""
        self.stop.abandoned = True
