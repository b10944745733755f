"""What `crsync check` looks at: whether CleverReach takes the credentials, shows the list, and lets a run read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cleverreach_sync.progress import Finding
from cleverreach_sync.targets.cleverreach.session import Session
from cleverreach_sync.targets.cleverreach.settings import CleverReachSettings
from cleverreach_sync.targets.interface import Look, RecipientList, Target


def inspections(
    target: Target, session: Session, settings: CleverReachSettings, find: Callable[[], RecipientList | None]
) -> Sequence[Look]:
    """As `Target.inspect`."""
    there: list[RecipientList] = []

    def recipients() -> Finding:
        found = find()
        if found is None:
            return Finding(f"{settings.list_spelling!r} does not exist yet; the first sync creates it")
        there.append(found)
        size = target.size()
        many = "unknown number of recipients" if size is None else f"{size:,} recipient{'' if size == 1 else 's'}"
        return Finding(f"{found.name!r} ({found.id}), {many}")

    def readings() -> Finding:
        for since in (None, 1):  # the blacklist, and who unsubscribed
            next(target.suppressions(since), None)
        if there:
            target.read(["nobody@example.org"])
        return Finding("recipients, blacklist and unsubscriptions can be read")

    return (
        Look("credentials", lambda: _account(session), needed=True),
        Look("list", recipients),
        Look("permissions", readings),
    )


def _account(session: Session) -> Finding:
    body = session.get("/debug/whoami")
    account = str(body.get("id", "")) if isinstance(body, dict) else ""
    return Finding(f"CleverReach account {account}" if account else "accepted by CleverReach")
