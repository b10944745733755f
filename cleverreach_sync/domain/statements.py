"""What one record says about the newsletter, given what it said before; and what several say together. Pure.

A shop's records are followed from read to read: what is gone from one was taken back, and a yes where there was a no
before was said in between. The rows of a file come from anywhere and are taken as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from cleverreach_sync.domain.model import (
    RANK_CUSTOMER,
    RANK_EXCLUDED,
    RANK_LEFT,
    Consent,
    ConsentState,
    Record,
    RecordFacts,
)

_YES: Final = ConsentState.YES
_NO: Final = ConsentState.NO
_OUT: Final = ConsentState.OPTED_OUT
_UNKNOWN: Final = Consent(ConsentState.UNKNOWN)
_STATES: Final[dict[str | None, ConsentState]] = {state.value: state for state in (_YES, _NO, _OUT)}
_GIVEN: Final = (_YES.value, _NO.value)
_ACCOUNT: Final = (RANK_CUSTOMER, RANK_EXCLUDED, RANK_LEFT)  # what an account said holds when it is gone, too


class Statement(NamedTuple):
    """What is remembered of a record's statement; see `RecordFacts`."""

    consent: str | None = None
    consent_at: int | None = None
    turned: int | None = None
    left_at: int | None = None


NONE: Final = Statement()
_DAY: Final = 86_400


def told_ahead(found: Sequence[Record], before: Sequence[RecordFacts], now: int) -> int:
    """Until when yes has been said, where a shop's clock, or its time zone, puts that after `now`; else 0. What is seen
    for the first time, without a date, is not earlier than that."""
    latest = 0
    for old in before:
        if old.consent == _YES and old.consent_at is not None and now < old.consent_at <= now + _DAY:
            latest = max(latest, old.consent_at)
    for record in found:
        consent = record.consent
        if consent is not None and consent.state is _YES and consent.at is not None and consent.at > now:
            latest = max(latest, consent.at)
    return latest


def withdrew_again(records: Sequence[Record], before: Sequence[RecordFacts]) -> bool:
    """Whether records that cannot be told apart, as they have no ID or the same one, withdraw more often than they did
    in an earlier read. Which of those without a date is new cannot be seen; that one is, can."""
    return sum(map(says_out, records)) > sum(old.consent == _OUT for old in before)


def says_out(record: Record) -> bool:
    return record.consent is not None and record.consent.state is _OUT


def state_of(
    record: Record,
    before: Sequence[RecordFacts],
    now: int,
    last_read: int | None,
    ahead: int = 0,
    *,
    complete: bool = True,
) -> Statement:
    """What a record says now. `before` is what it said in an earlier read; of records without an ID there may be
    several. `last_read`: when everything of the stream was read last, 0 if that is not known; None: it is not followed.
    `ahead`: see `told_ahead`. `complete`: everything is read now. Only then a statement is gone: it may be missing
    everywhere, which shows then.
    """
    if record.consent is None:
        left_at = _latest([_left_at(old) for old in before]) if before else None
        return NONE if left_at is None else Statement(left_at=left_at)
    state, at = record.consent.state, record.consent.at
    if state is _OUT and at is None:
        # A date in the future was none, whoever took it for one.
        known = [old.consent_at for old in before if old.consent == _OUT and old.consent_at is not None]
        at = max((seen for seen in known if seen <= now + _DAY), default=max(now, ahead))
    turned = now if state is _NO else None
    if not before:
        return Statement(state._value_, at, turned)
    left_at = _latest([_left_at(old) for old in before])
    if last_read is None or state is _OUT:
        return Statement(state._value_, at, turned, _still(left_at, state, at))
    old = before[0]
    if state is _NO:
        return Statement(_NO.value, at, turned, left_at)
    if state is _YES:
        return _yes(record, at, old, left_at, now, last_read)
    if not complete and states_something(old):
        return Statement(old.consent, old.consent_at, old.turned, old.left_at)
    return _nothing(old, left_at, now)


def _left_at(record: RecordFacts) -> int | None:
    return _latest((record.left_at, record.consent_at if record.consent == _OUT else None))


def _still(left_at: int | None, state: ConsentState, at: int | None) -> int | None:
    """As of when somebody had left, unless the statement itself tells more than that."""
    if left_at is None or at is None or state not in (_YES, _OUT):
        return left_at
    return left_at if left_at > at or (left_at == at and state is _YES) else None


def _nothing(old: RecordFacts, left_at: int | None, now: int) -> Statement:
    """A statement that is gone was taken back, unless it was a withdrawal: that goes on to hold."""
    if old.consent == _OUT:
        return Statement(_OUT.value, old.consent_at, None, old.left_at)
    if old.consent == _YES or was_stated(old):
        return Statement(_NO.value, now, None, left_at)
    return Statement(old.consent if old.consent == _NO else _UNKNOWN.state.value, old.consent_at, None, left_at)


def _yes(record: Record, at: int | None, old: RecordFacts, left_at: int | None, now: int, last_read: int) -> Statement:
    """A yes after a no was said in between. Without a date of its own it counts from now on, but never as certainly
    later than what happened since the no was read; after a withdrawal only if the record was changed since."""
    created = record.created_at
    if at is not None and (created is None or at > created):
        return Statement(_YES.value, at, None, _still(left_at, _YES, at))
    if old.consent == _YES and old.turned is not None:
        return Statement(_YES.value, old.consent_at, old.turned)
    if old.rank != RANK_LEFT and (old.consent == _OUT or was_stated(old)):
        if left_at is None:
            return Statement(_YES.value, now, min(max(old.turned or 0, last_read), now - 1))
        if record.at is not None and record.at > left_at:
            at = min(record.at, now)
            return Statement(_YES.value, at, min(max(left_at, last_read), at - 1))
    return Statement(_YES.value, at, None, left_at)


def still_told(
    records: tuple[RecordFacts, ...], read: Collection[str], retold: Collection[str]
) -> tuple[RecordFacts, ...]:
    """The records without what streams said about the newsletter that are not read any more (the config names another
    way to tell): nobody could take it back there. A withdrawal goes on to hold. After a no of a stream that is `retold`
    (the config names another key) a yes is no new one: it may have been there all the time."""
    if all(record.stream in read or record.consent not in _GIVEN for record in records) and not retold:
        return records
    return tuple(
        record._replace(consent=None, turned=None)
        if record.stream not in read and record.consent in _GIVEN
        else record._replace(turned=None, consent_at=record.turned if record.consent_at is None else record.consent_at)
        if record.stream in retold and record.consent == _NO
        else record
        for record in records
    )


def was_stated(record: RecordFacts) -> bool:
    """Whether a `no` was said, and does not just follow from a statement that is gone."""
    return record.consent == _NO and record.turned is not None


def states_something(record: RecordFacts) -> bool:
    """Whether a record said anything about the newsletter."""
    return record.consent in (_YES, _OUT) or was_stated(record)


def merge_consent(records: Sequence[RecordFacts]) -> Consent:
    """One statement of several. `opted_out` beats `no` beats `unknown`; `yes` beats `no`; between `yes` and
    `opted_out` the later date decides, on equal dates and for an undated `yes` it is `opted_out`. What an account says
    itself beats what its orders say."""
    if len(records) == 1:
        return _consent(records[0]) if records[0].consent in _STATES else _UNKNOWN
    yes: list[Consent] = []
    out: list[int | None] = []
    no: list[int | None] = []
    for record in _heard(records):
        if record.consent == _YES:
            yes.append(_consent(record))
        elif record.consent == _OUT:
            out.append(record.consent_at)
        elif record.consent == _NO:
            no.append(record.consent_at)
    given = max(yes, key=lambda each: (each.earliest or -1, each.at or -1), default=None)
    if given is not None and (not out or given.is_later_than(_latest(out))):
        return given
    if out:
        return Consent(_OUT, _latest(out))
    return Consent(_NO, _latest(no)) if no else _UNKNOWN


def still_left(consent: Consent, records: Sequence[RecordFacts], ended_at: int | None = None) -> Consent:
    """What somebody says of whom no end is recorded, or one at `ended_at`: a withdrawal since that was read once holds
    until a yes that is later, also if the record says something else by now."""
    left_at = _latest([record.left_at for record in records])
    if left_at is None or (ended_at is not None and left_at <= ended_at):
        return consent
    if consent.state is _YES and consent.is_later_than(left_at):
        return consent
    at = consent.at if consent.state is _OUT else None
    return Consent(_OUT, left_at if at is None else max(at, left_at))


def _consent(record: RecordFacts) -> Consent:
    state = _STATES[record.consent]
    return Consent(state, record.consent_at, record.turned if state is _YES else None)


def _heard(records: Sequence[RecordFacts]) -> Sequence[RecordFacts]:
    """The records without those of the orders of an account that says something itself. Where its statement is gone,
    an order since then may make a new one."""
    if not any(record.owner for record in records):
        return records
    accounts = {
        record.ident: record
        for record in records
        if record.ident and record.rank in _ACCOUNT and record.consent in _STATES
    }
    return [record for record in records if not _is_silent(record, accounts.get(record.owner))]


def _is_silent(record: RecordFacts, account: RecordFacts | None) -> bool:
    if account is None:
        return False
    gone_at = account.consent_at
    if account.consent != _NO or was_stated(account) or gone_at is None:
        return True
    return record.consent != _YES or record.consent_at is None or record.consent_at <= gone_at


def _latest(dates: Sequence[int | None]) -> int | None:
    return max((date for date in dates if date is not None), default=None)
