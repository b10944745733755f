"""Finds the recipient list of a config in the account, and creates it."""

from __future__ import annotations

from typing import Final

from cleverreach_sync.errors import TemporaryError, UsageError
from cleverreach_sync.http.failures import IN_BETWEEN, NotFound, TryAgain
from cleverreach_sync.http.foreign import identifier
from cleverreach_sync.http.retries import Retries
from cleverreach_sync.messages import say, say_many
from cleverreach_sync.targets.cleverreach.session import Session
from cleverreach_sync.targets.interface import RecipientList

_TIMES_UNSEEN: Final = 3


class Lists:
    """The lists of an account, of which one is `wanted`: by its ID, or by its name."""

    def __init__(self, session: Session, retries: Retries, wanted: int | str) -> None:
        self._session = session
        self._retries = retries
        self._wanted = wanted

    def find(self, known_id: str | None) -> RecipientList | None:
        """As `Target.find_list`."""
        wanted = self._wanted
        if known_id is not None:
            found = self._by_id(known_id)
            if found is None:
                raise UsageError(
                    say("list.gone", "the recipient list {id} of earlier runs no longer exists", id=known_id),
                    hint=say(
                        "list.restore_or_start_anew",
                        "restore the list, or use another state_dir to start with another list",
                    ),
                )
            return found
        if isinstance(wanted, str):
            return self._by_name(wanted)
        found = self._by_id(str(wanted))
        if found is None:
            raise UsageError(
                say("list.no_such_id", "there is no recipient list with the ID {id}", id=wanted),
                hint=say("list.check_key", "check target.list"),
            )
        return found

    def create(self) -> RecipientList:
        """Creates it; one that an attempt made whose answer was lost is taken. No answer that lacks it makes a second
        one: it is asked for before the first attempt, too, and several times before another."""
        name = str(self._wanted)
        if self._called(name)[1]:
            raise TemporaryError(
                say(
                    "cleverreach.list_not_shown",
                    "CleverReach did not show the recipient list {list!r} before",
                    list=name,
                ),
                hint=say("list.run_again", "run again"),
            )
        unseen: int | None = None  # how often it was looked for since an attempt that may have made it

        def attempt() -> RecipientList:
            nonlocal unseen
            if unseen is not None:
                if there := self._called(name)[1]:
                    return there[0]
                unseen += 1
                if unseen < _TIMES_UNSEEN:
                    raise TryAgain(
                        say(
                            "cleverreach.new_list_not_shown",
                            "CleverReach does not show the recipient list that it may have created",
                        )
                    )
            unseen = 0
            return _list_of(self._session.once("POST", "/groups", json={"name": name}))._replace(new=True)

        return self._retries(attempt)

    def _by_id(self, ident: str) -> RecipientList | None:
        if identifier(ident) != ident:
            raise UsageError(
                say("list.odd_id", "the ID of the recipient list is not a number"),
                hint=say("state.restore_folder", "restore the state folder from a backup"),
            )
        try:
            found = self._session.rows("GET", f"/groups/{ident}")
        except NotFound:
            return None
        except UsageError as error:
            if "404" in error.message:
                return None
            raise
        there = _list_of(found[0]) if found else None
        if there is not None and there.id != ident:
            raise TemporaryError(
                say(
                    "cleverreach.another_list",
                    "CleverReach was asked for the recipient list {asked} and answers with {told}",
                    asked=ident,
                    told=there.id,
                ),
                hint=IN_BETWEEN,
            )
        return there

    def _by_name(self, name: str) -> RecipientList | None:
        lists, named = self._called(name)
        if len(named) > 1:
            ids = ", ".join(row.id for row in named)
            raise UsageError(
                say_many(
                    "list.ambiguous",
                    "{number:,} recipient list is called {list!r} (ID {ids})",
                    "{number:,} recipient lists are called {list!r} (IDs {ids})",
                    len(named),
                    list=name,
                    ids=ids,
                ),
                hint=say("list.put_id", "put the ID of the right one, without quotes, into target.list"),
            )
        if named:
            return named[0]
        return next((row for row in lists if row.id == name), None)

    def _called(self, name: str) -> tuple[list[RecipientList], list[RecipientList]]:
        """All lists, and those of that name."""
        lists = [_list_of(row) for row in self._session.rows("GET", "/groups")]
        return lists, [row for row in lists if row.name == name]


def _list_of(row: object) -> RecipientList:
    """A list of an answer. Raises TryAgain for one without an ID that may stand in an address: passed over, it would
    be made a second time."""
    ident = identifier(row.get("id")) if isinstance(row, dict) else None
    if not isinstance(row, dict) or ident is None:
        raise TryAgain(say("cleverreach.list_without_id", "CleverReach names a recipient list without a numeric ID"))
    return RecipientList(ident, str(row.get("name", "")))
