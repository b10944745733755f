"""What is remembered, after the time zone was changed in which times without one are read. Pure.

What was read before may have been read without a zone, and its row may be gone: of a withdrawal counts the later of
both times, of a yes the earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final

from cleverreach_sync.domain.merge import PersonFacts
from cleverreach_sync.domain.model import ConsentState, LastSynced, Record, RecordFacts

_LATEST: Final = 253_402_000_000  # in the year 9999; what lies beyond is no time of anybody
_Pick = Callable[[Iterable[int]], int]
_PICKS: Final[dict[ConsentState, _Pick]] = {ConsentState.YES: min, ConsentState.OPTED_OUT: max}


def read_anew(
    facts: PersonFacts, memory: LastSynced, zones: Sequence[tzinfo], zone: tzinfo
) -> tuple[PersonFacts, LastSynced]:
    """What is remembered of a person, read in one of `zones` until now, and in `zone` from now on."""

    def again(at: int | None, pick: _Pick) -> int | None:
        return _again(at, pick, zones, zone)

    def record_again(record: RecordFacts) -> RecordFacts:
        left_at = again(record.left_at, max)
        if record.consent == ConsentState.YES:
            return record._replace(consent_at=again(record.consent_at, min), left_at=left_at)
        if record.consent == ConsentState.OPTED_OUT:
            return record._replace(consent_at=again(record.consent_at, max), left_at=left_at)
        return record._replace(left_at=left_at)

    records = tuple([record_again(record) for record in facts.records])
    ended_at = again(memory.ended_at, max)
    if ended_at != memory.ended_at:
        memory = memory._replace(ended_at=ended_at)
    return facts._replace(records=records), memory


def record_read_anew(record: Record, zones: Sequence[tzinfo], zone: tzinfo) -> Record:
    """Likewise a record of an earlier read as the source gave it."""
    consent = record.consent
    if consent is None or consent.state not in _PICKS:
        return record
    pick = _PICKS[consent.state]
    at, after = (_again(time, pick, zones, zone) for time in (consent.at, consent.after))
    return record._replace(consent=consent._replace(at=at, after=after))


def _again(at: int | None, pick: _Pick, zones: Sequence[tzinfo], zone: tzinfo) -> int | None:
    if at is None or not 0 < at < _LATEST:
        return at
    return pick((at, *(_moved(at, before, zone, pick) for before in zones)))


def _moved(at: int, before: tzinfo, zone: tzinfo, pick: _Pick) -> int:
    """The time that a clock shows in `zone` when it shows what one in `before` shows at `at`."""
    shown = datetime.fromtimestamp(at, UTC).astimezone(before)
    return pick(int(shown.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (0, 1))
