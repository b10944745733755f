"""Whose consent ended and whom the list does not show: the write by their ID tells whether they are gone.

An answer that lacks somebody, for whatever reason, must not be the end of the matter: nobody would look again.
"""

from __future__ import annotations

from cleverreach_sync.domain.decide import decide
from cleverreach_sync.domain.decision import Case, Decision, Outcome
from cleverreach_sync.domain.memory import remember
from cleverreach_sync.domain.model import LastSynced
from cleverreach_sync.domain.standing import remembered_recipient
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.plan import Step

_BY_CONSENT = frozenset({Step.END, Step.GONE})


def end_unseen(run: Run, case: Case, step: Step) -> tuple[Decision, LastSynced] | None:
    """Ends the mailing of somebody whom a reading before the write did not find; None if there was nothing to end, or
    they are gone indeed."""
    if step not in _BY_CONSENT:
        return None
    own = remembered_recipient(case.person.email, case.memory, run.rules)
    rules = run.rules._replace(end_only=True, resend=False)
    decision = decide(case._replace(recipient=own), rules, run.now)
    change = decision.change
    if (
        own is None
        or decision.outcome is not Outcome.DEACTIVATED
        or change is None
        or change.status is not rules.policy.ended
    ):
        return None
    if not run.target.end_mailings(own.id):
        return None
    inactive = own._replace(status=rules.policy.ended, stamps=None)
    # No tag was taken away: what they carry shows when they are read again.
    memory = remember(decision, case, inactive, run.rules, run.now)._replace(tags=case.memory.tags)
    return decision, memory
