"""A dry run: what a run would do, as the list stands now."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from cleverreach_sync.domain.address import mask
from cleverreach_sync.domain.comparison import has_effect
from cleverreach_sync.domain.decide import decide
from cleverreach_sync.domain.decision import Decision, Outcome
from cleverreach_sync.domain.model import ENDED_MOVED, Recipient
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.plan import Step
from cleverreach_sync.run.preview.shown import STATES, shown_change
from cleverreach_sync.run.recheck import Rechecked, batches, recheck, recipients_of


def preview(run: Run) -> None:
    """A dry run: counts everybody who is left to do, and notes what would change."""
    total = sum(run.spool.count(step) for step in Step if step is not Step.RECORD)
    run.request.progress.begin("compare", total)
    limit = run.request.options.limit
    sent = done = 0
    lines: list[tuple[int, bytes]] = []
    show = _shower(run, lines)
    for rows in batches(run.spool.planned(Step.MOVED), run.batch_size):
        found = recipients_of(run, rows)
        for row in rows:
            run.tally.deactivate()
            lines.append((row.seq, orjson.dumps(_moved(run, found.get(row.key)))))
    for step in (Step.GONE, Step.END, Step.UPDATE, Step.NEW):
        for each in recheck(run, step):
            done += 1
            run.request.progress.advance(done)
            decision = _against_target(run, each) if run.request.options.against_target else each.decision
            if decision.outcome in (Outcome.CREATED, Outcome.UPDATED):
                if limit is not None and sent >= limit:
                    run.request.stop.reason = "limit"
                    continue
                sent += 1
            run.tally.done(_as_counted(run, each, decision), each.case.person.consent.state)
            show(each, decision)
        run.spool.show(lines)
        lines.clear()
    run.spool.commit()
    run.request.progress.end()


def _as_counted(run: Run, each: Rechecked, decision: Decision) -> Decision:
    """Somebody whom a write without an answer brought into the list counts as created."""
    if decision.change is None or decision.outcome is not Outcome.UPDATED or each.row.key not in run.made:
        return decision
    recipient, unmailed = each.case.recipient, run.rules.policy.unmailed
    change = decision.change._replace(status=unmailed if recipient is None else recipient.status)
    return decision._replace(outcome=Outcome.CREATED, activates=False, change=change)


def _moved(run: Run, recipient: Recipient | None) -> dict[str, object]:
    email = "" if recipient is None else recipient.email
    return {
        "action": "deactivate",
        "email": email if run.request.options.show_pii else mask(email),
        "kinds": [],
        "tags": [],
        "attributes": {},
        "state": [None if recipient is None else STATES[recipient.status], STATES[run.rules.policy.ended]],
        "reason": ENDED_MOVED,
    }


def _shower(run: Run, lines: list[tuple[int, bytes]]) -> Callable[[Rechecked, Decision], None]:
    pii, types = run.request.options.show_pii, run.rules.fields.types

    def show(each: Rechecked, decision: Decision) -> None:
        if decision.change is None or decision.outcome is Outcome.UNCHANGED:
            return
        change = shown_change(decision, each.case.recipient, types, show_pii=pii)
        if change:
            lines.append((each.row.seq, orjson.dumps(change)))
            if len(lines) >= 1000:
                run.spool.show(lines)
                lines.clear()

    return show


def _against_target(run: Run, each: Rechecked) -> Decision:
    """Somebody confirmed is left alone unless the list shows other tags or values than were confirmed."""
    decision, case, recipient = each.decision, each.case, each.case.recipient
    if recipient is None or decision.outcome is not Outcome.UNCHANGED:
        return decision
    resent = run.rules._replace(resend=True)
    again = decide(case._replace(memory=case.memory._replace(run="")), resent, run.now)
    if again.change is None or not has_effect(again.change, recipient, run.rules.fields.types):
        return decision
    return again._replace(reason="differs_in_list")
