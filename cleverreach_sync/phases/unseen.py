"""Whose consent ended and whom the list does not show: the write by their ID tells whether they are gone.

An answer that lacks somebody, for whatever reason, must not be the end of the matter: nobody would look again.
"""

from __future__ import annotations

from cleverreach_sync.agreement import remember
from cleverreach_sync.decision import Outcome, Plan, Wanted
from cleverreach_sync.model import Memory, RecipientState
from cleverreach_sync.phases.planned import Candidate, Class
from cleverreach_sync.phases.run import Run
from cleverreach_sync.plan import decide, remembered_recipient

_BY_CONSENT = frozenset({Class.END, Class.GONE})


def end_unseen(run: Run, who: Candidate, class_: Class) -> tuple[Plan, Memory] | None:
    """Ends the mailing of somebody whom a reading before the write did not find; None if there was nothing to end, or
    they are gone indeed."""
    if class_ not in _BY_CONSENT:
        return None
    own = remembered_recipient(who.person.email, who.memory, run.rules.own)
    rules = run.rules._replace(bare=True, resend=False)
    plan = decide(who.person, who.memory, own, who.suppressed, rules, run.now, who.values())
    change = plan.change
    if own is None or plan.outcome is not Outcome.DEACTIVATED or change is None or change.state is not Wanted.INACTIVE:
        return None
    if not run.target.make_inactive(own.id):
        return None
    inactive = own._replace(state=RecipientState.INACTIVE, stamps=None)
    # No tag was taken away: what they carry shows when they are read again.
    memory = remember(plan, who.person, who.memory, inactive, run.rules, run.now)._replace(tags=who.memory.tags)
    return plan, memory
