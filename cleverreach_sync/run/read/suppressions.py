"""Whom the account bars from mailings."""

from __future__ import annotations

from collections.abc import Sequence

from cleverreach_sync.run.context import Run
from cleverreach_sync.targets.interface import Suppressed, Why


def suppress_known(run: Run) -> None:
    """Spools who unsubscribed in the account, as far as that is remembered."""
    if run.request.config.target.account_wide:
        run.spool.unsubscribe(run.ledger.departed(), known=True)


def suppress(run: Run, page: Sequence[Suppressed]) -> list[str]:
    """Spools a page of addresses; the patterns among them are returned."""
    address, undated = run.keys.address, run.now  # an unsubscription without a date is later than any consent so far
    left = [each for each in page if each.why is Why.UNSUBSCRIBED and not each.pattern]
    if left:
        run.spool.unsubscribe([(address(each.text), undated if each.at is None else each.at) for each in left])
    if len(left) == len(page):
        return []
    listed = [each for each in page if each.why is not Why.UNSUBSCRIBED and not each.pattern]
    run.spool.blacklist([(address(each.text), each.why is Why.NOTED) for each in listed])
    return [each.text for each in page if each.pattern]
