"""What `crsync check` looks at: whether CleverReach takes the credentials, shows the list, and lets a run read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cleverreach_sync.messages import Message, say, say_many
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
            return Finding(
                say(
                    "list.not_there_yet",
                    "{list!r} does not exist yet; the first sync creates it",
                    list=settings.list_spelling,
                )
            )
        there.append(found)
        return Finding(_list_and_size(found, target.size()))

    def readings() -> Finding:
        for since in (None, 1):  # the blacklist, and who unsubscribed
            next(target.suppressions(since), None)
        if there:
            target.read(["nobody@example.org"])
        return Finding(say("cleverreach.can_be_read", "recipients, blacklist and unsubscriptions can be read"))

    return (
        Look("credentials", lambda: _account(session), needed=True),
        Look("list", recipients),
        Look("permissions", readings),
    )


def _list_and_size(found: RecipientList, size: int | None) -> Message:
    if size is None:
        return say(
            "list.of_unknown_size", "{list!r} ({id}), unknown number of recipients", list=found.name, id=found.id
        )
    return say_many(
        "list.and_size",
        "{list!r} ({id}), {number:,} recipient",
        "{list!r} ({id}), {number:,} recipients",
        size,
        list=found.name,
        id=found.id,
    )


def _account(session: Session) -> Finding:
    body = session.get("/debug/whoami")
    account = str(body.get("id", "")) if isinstance(body, dict) else ""
    return Finding(
        say("cleverreach.account", "CleverReach account {account}", account=account)
        if account
        else say("cleverreach.accepted", "accepted by CleverReach")
    )
