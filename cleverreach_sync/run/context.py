"""What the phases of a run share: what was asked for, and the run that is under way."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final, NamedTuple

from cleverreach_sync.clock import Clock, Stop
from cleverreach_sync.config.schema import Config
from cleverreach_sync.domain.address import Patterns
from cleverreach_sync.domain.decision import Rules
from cleverreach_sync.http.retries import Retries
from cleverreach_sync.http.traffic import RequestCount
from cleverreach_sync.messages import Message, say, say_many
from cleverreach_sync.progress import Progress
from cleverreach_sync.run.other_transfers import OtherTransfers
from cleverreach_sync.run.tally import Tally
from cleverreach_sync.sources.interface import Source, Stream
from cleverreach_sync.state.checkpoint import Checkpoint, InterruptedRun
from cleverreach_sync.state.files import StateFolder
from cleverreach_sync.state.flights import Flight
from cleverreach_sync.state.keys import Keys
from cleverreach_sync.state.ledger import Ledger
from cleverreach_sync.state.rejects import Reject
from cleverreach_sync.state.spool import RawRow, Spool
from cleverreach_sync.targets.interface import RecipientList, Target

SHOWN_WARNINGS: Final = 20
_IN_STEP: Final = 60  # seconds; no two clocks show the same, and an answer takes its time


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


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What was asked for, and by what means it is done. `shown_path`: the config file as the user named it."""

    config: Config
    options: Options
    progress: Progress
    clock: Clock
    stop: Stop
    folder: StateFolder
    shown_path: str

    @property
    def sleep(self) -> Callable[[float], None]:
        return lambda seconds: self.stop.pause(self.clock, seconds)


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
        self._first: list[tuple[int, int, Message]] = []
        self._count = 0
        self.no_dates = 0
        self.shown: list[Message] = []

    def add(self, location: str, place: int, message: Message) -> None:
        self._count += 1
        if place:
            text = say("warning.in_line", "{path}:{line}: {message}", path=location, line=place, message=message)
        else:
            text = say("warning.in_source", "{source}: {message}", source=location, message=message)
        # A heap of the lowest places: the largest of them leaves first.
        item = (-place, -self._count, text)
        if len(self._first) < SHOWN_WARNINGS:
            heapq.heappush(self._first, item)
        else:
            heapq.heappushpop(self._first, item)

    def show(self) -> None:
        lines = [text for _, _, text in sorted(self._first, reverse=True)]
        if self._count > len(lines):
            left = self._count - len(lines)
            lines.append(say_many("warning.more", "... and {number:,} more", "... and {number:,} more", left))
        if self.no_dates:
            lines.append(
                say_many(
                    "warning.dates",
                    "{number:,} date cannot be right and is ignored: all zeros, NULL, before 1990, or more than a day "
                    "ahead",
                    "{number:,} dates cannot be right and are ignored: all zeros, NULL, before 1990, or more than a "
                    "day ahead",
                    self.no_dates,
                )
            )
        for line in lines:
            self._progress.warn(line)
        self.shown += lines
        self._first, self._count, self.no_dates = [], 0, 0


@dataclass(frozen=True, slots=True)
class Start:
    """What a run found when it began, at the time `at` of our clock, `at_now` of the one that only counts on. `known`:
    the checkpoint; `interrupted`: the run it goes on with. `lost`: why the ledger cannot be used. `full`: the source is
    read from the start, whatever the cursors say. `tagged`: recipients that carry an own special tag, looked at on a
    first run only, None if the target does not say; `shared`: all of them come from other transfers of the same
    config."""

    at: float
    at_now: float
    run_id: str
    digest: str
    known: Checkpoint | None
    interrupted: InterruptedRun | None
    lost: Message | None
    full: bool
    first_run: bool
    tagged: int | None
    shared: bool

    @property
    def own_tags_in_list(self) -> bool:
        """Whether somebody in the list may carry a special tag of the source."""
        return not (self.first_run and self.tagged == 0)


@dataclass(slots=True)
class Run:
    """A run on its way through the phases. `now` is when it began, in unix seconds, `began` when the interrupted one
    did that it goes on with; `recipient_list` is None while there is none; `created_list`: it is new, it holds nobody
    but whom this run puts there. `departed` are those who unsubscribed in the account since it was read, and when;
    `account_read_at`: later than what to ask for them, by the target's clock. `followed`: the streams whose consent is
    compared with that of earlier reads, and when a run before this one read all of each, 0 if that is not
    known; `retold`: those of them whose records told of it in another way until now. `zones_before`: the other zones in
    which times without one were read. `unnumbered`: the streams whose records have no ID.
    `unaddressed`: whose records have no address any more, and which; `erased`: of whom the shop erased one.
    `attempted`: who was under way when the run before was cut off; `made`: whom its writes brought into the list
    without an answer, `remade`: the recipient IDs of those whom they made again."""

    request: RunRequest
    start: Start
    source: Source
    source_requests: RequestCount
    readers: tuple[Reader, ...]
    target: Target
    retries: Retries
    recipient_list: RecipientList | None
    rules: Rules
    ledger: Ledger
    keys: Keys
    spool: Spool
    other_transfers: OtherTransfers
    rejects: dict[str, Reject]
    followed: dict[str, int]
    retold: frozenset[str]
    zones_before: tuple[tzinfo, ...]
    salt: bytes
    now: int
    began: int
    blocked: Patterns = field(default_factory=lambda: Patterns(()))
    tally: Tally = field(default_factory=Tally)
    unaddressed: dict[bytes, frozenset[str]] = field(default_factory=dict)
    erased: set[bytes] = field(default_factory=set)
    attempted: frozenset[bytes] = frozenset()
    made: set[bytes] = field(default_factory=set)
    remade: list[tuple[Flight, str]] = field(default_factory=list)
    complete: dict[str, bool] = field(default_factory=dict)
    unnumbered: frozenset[str] = frozenset()
    cursors: dict[str, str] = field(default_factory=dict)
    created_list: bool = False
    account_read_at: int = 1
    departed: dict[bytes, int] = field(default_factory=dict)
    warnings: Warnings = field(init=False)

    def __post_init__(self) -> None:
        self.warnings = Warnings(self.request.progress)

    @property
    def batch_size(self) -> int:
        return self.request.config.target.people_per_write

    @property
    def concurrency(self) -> int:
        return self.request.config.target.writes_at_once

    @property
    def resumed(self) -> bool:
        """Whether the run follows an interrupted one and reads again from where that had begun."""
        return self.start.interrupted is not None and not self.request.options.dry_run

    @property
    def forced(self) -> frozenset[str]:
        """The guards overridden, by this call or by that of the interrupted run it follows."""
        before = self.start.interrupted.forced if self.start.interrupted is not None else ()
        return self.request.options.forced | frozenset(before)

    @property
    def skew(self) -> float | None:
        """By how many seconds our clock is behind, as far as target and shop say so; None if none of them does."""
        return least(self.target.clock_ahead, self.source.clock_ahead)

    @property
    def ahead(self) -> int:
        """By how many seconds the servers' time differs from ours, if that is more than clocks do."""
        skew = self.skew
        return 0 if skew is None or abs(skew) < _IN_STEP else round(skew)

    def put_forward(self) -> int:
        """By how many seconds our clock was put forward since the run began: it was wrong then, as far as anybody can
        tell. An end that is dated too early would let an older yes count."""
        clock = self.request.clock
        jumped = clock.wall() - self.start.at - (clock.now() - self.start.at_now)
        return round(jumped) if jumped >= _IN_STEP else 0

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
        self.request.stop.abandoned = True


def least(*ahead: float | None) -> float | None:
    """By how many seconds servers are ahead of our clock, by the one that says least; None if none tells the time.
    Where one of two says something else, its own clock is wrong."""
    return min((seconds for seconds in ahead if seconds is not None), key=abs, default=None)
