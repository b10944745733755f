"""Whom a CleverReach account does not let be written to: its blacklist, and who unsubscribed from any of its lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from cleverreach_sync.targets.cleverreach import departures
from cleverreach_sync.targets.cleverreach.blacklist import blocked_forms, is_note
from cleverreach_sync.targets.cleverreach.session import Session
from cleverreach_sync.targets.interface import Suppressed, Why

_PAGE: Final = 5000
_EVER: Final = 1  # the stamp that every unsubscription is later than


def suppressions(session: Session, since: int | None, *, account_wide: bool) -> Iterator[Sequence[Suppressed]]:
    """As `Target.suppressions`. An entry of the blacklist has no date."""
    if since is None:
        yield from _blacklist(session)
    if account_wide:
        yield from _unsubscribed(session, _EVER if since is None else since)


def _blacklist(session: Session) -> Iterator[Sequence[Suppressed]]:
    body = session.rows("GET", "/blacklist", texts=True)
    for start in range(0, len(body), _PAGE):
        page: list[Suppressed] = []
        for row in body[start : start + _PAGE]:
            entry = row.get("email") if isinstance(row, dict) else row
            if isinstance(entry, str):
                why = Why.NOTED if is_note(entry) else Why.BLACKLISTED
                page += [Suppressed(form, why, pattern="*" in form or "?" in form) for form in blocked_forms(entry)]
        yield page


def _unsubscribed(session: Session, since: int) -> Iterator[Sequence[Suppressed]]:
    def ask(asked: dict[str, Any]) -> list[Any]:
        return session.rows("POST", "/receivers/filter", json=asked)

    for page in departures.unsubscribed(ask, since):
        yield [Suppressed(email, Why.UNSUBSCRIBED, at) for email, at in page]
