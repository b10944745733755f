"""Who unsubscribes anywhere in the account while a run is at work: asked for before anybody new is written, and at the
end, when whoever the run has made active and has left since is made inactive again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from cleverreach_sync.domain.merge import PersonFacts
from cleverreach_sync.domain.model import ENDED_NO, Consent, ConsentState, LastSynced, RecordFacts, Status
from cleverreach_sync.errors import CrsyncError
from cleverreach_sync.http.failures import NotCarriedOut, Refused
from cleverreach_sync.messages import say_many
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.plan import OPEN
from cleverreach_sync.run.recheck import batches
from cleverreach_sync.state.entries import Entry, body, facts_json, memory_tuple, read_body
from cleverreach_sync.targets.interface import Why

_OVERLAP: Final = 3600  # seconds; a target may tell late of somebody, and its machines may differ about the time
_RECORDED_AT_ONCE: Final = 2000


class _Left(NamedTuple):
    """Somebody whom this run has made active, and who left at the time `at`."""

    entry: Entry
    facts: PersonFacts
    memory: LastSynced
    at: int


def note_time(run: Run) -> None:
    """Before the account is read for the first time: since when it has to be asked again, by the target's clock."""
    wall = run.request.clock.wall()
    ahead = run.target.clock_ahead or 0.0
    run.account_read_at = int(min(wall, run.began) + ahead) - _OVERLAP


def record_departed(run: Run) -> None:
    """What the account says of everybody is remembered, also of those to whom nothing else happens."""
    if run.request.config.target.account_wide:
        for rows in batches(run.spool.newly_departed(), _RECORDED_AT_ONCE):
            run.ledger.depart(rows)
        run.ledger.commit()


def catch_up(run: Run) -> None:
    """Reads who has left since the account was read."""
    if not run.request.config.target.account_wide:
        return
    left: dict[bytes, int] = {}
    for page in run.target.suppressions(run.account_read_at):
        run.request.stop.check()
        for each in page:
            if each.why is not Why.UNSUBSCRIBED or each.pattern:
                continue  # barred, which may be lifted again: the target sees to it, and the next run
            key = run.keys.address(each.text)
            left[key] = max(run.now if each.at is None else each.at, left.get(key, 0))
    run.ledger.depart(left.items())
    run.ledger.commit()
    run.departed = {**run.departed, **left}


def undo(run: Run) -> CrsyncError | None:
    """Ends the mailing of those whom this run has made active, and who have left the account since without agreeing
    later. Returns why that cannot be done of some: the next run tries again."""
    catch_up(run)
    failed: CrsyncError | None = None
    undone = 0
    for left in batches(_woken(run, run.departed), run.batch_size):
        found = run.target.look_up([each.memory.recipient_id or "" for each in left])
        for each in left:
            recipient = found.get(each.memory.recipient_id or "")
            state = Status.ABSENT if recipient is None else recipient.status
            # An answer that lacks them is no proof: they were made active a moment ago.
            if recipient is None or state is Status.SUBSCRIBED:
                try:
                    there = run.target.end_mailings(each.memory.recipient_id or "")
                except (NotCarriedOut, Refused) as failure:
                    failed = failed or failure
                    continue
                state = run.rules.policy.ended if there else Status.ABSENT
                undone += recipient is not None or there
                if (recipient is not None or there) and (woken := run.spool.woken(each.entry.key)) is not None:
                    run.tally.undone(woken[0])
            ended_at = max(each.at, each.memory.ended_at or 0)
            memory = each.memory._replace(status=state, ended=ENDED_NO, ended_at=ended_at, woken_at=None, stamps=None)
            kept = body(facts_json(each.facts), memory_tuple(memory))
            run.ledger.record([each.entry._replace(seen=b"", outcome=OPEN, body=kept)])
            run.ledger.commit()
    if undone:
        run.request.progress.warn(
            say_many(
                "run.unsubscribed_meanwhile",
                "{number:,} recipient unsubscribed in the account during the run; made inactive again in this list",
                "{number:,} recipients unsubscribed in the account during the run; made inactive again in this list",
                undone,
            )
        )
    return failed


def _woken(run: Run, departed: Mapping[bytes, int]) -> Iterable[_Left]:
    for entry in run.ledger.entries(list(departed)).values():
        facts, memory = read_body(entry)
        if memory.woken_at is None or memory.woken_at < run.began or memory.status is not Status.SUBSCRIBED:
            continue
        at = departed[entry.key]
        if not any(_yes_of(record).is_later_than(at) for record in facts.records if record.consent == ConsentState.YES):
            yield _Left(entry, facts, memory, at)


def _yes_of(record: RecordFacts) -> Consent:
    return Consent(ConsentState.YES, record.consent_at, record.turned)
