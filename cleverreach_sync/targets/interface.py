"""What every e-mail system is to the rest: a recipient list that is read and written in batches.

Every method may raise the errors of the tree in `errors.py`. Reading methods repeat themselves as long as the config
allows; `deliver` makes one attempt and raises `TryAgain` or `Refused`, because what to do then needs a new decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from cleverreach_sync.domain.consent import Policy
from cleverreach_sync.domain.decision import WHOLE, Change, Part
from cleverreach_sync.domain.fields import DataField
from cleverreach_sync.domain.model import Recipient
from cleverreach_sync.http.traffic import RequestCount
from cleverreach_sync.progress import Finding

AMBIGUOUS: Final = "ambiguous_address"  # the list takes an address for that of another recipient
# What was written may stand in the list, but the answer does not say so.
NOT_CONFIRMED: Final = "not_confirmed"
STILL_ACTIVE: Final = "still_active"
UNCERTAIN: Final = frozenset({NOT_CONFIRMED, STILL_ACTIVE})


class RecipientList(NamedTuple):
    """The list that is written to. `new`: the call that gives it has made it, and nobody is in it."""

    id: str
    name: str
    new: bool = False


class Verdict(StrEnum):
    """What the target said about one row."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # for good: the same row will be refused again
    LATER = "later"  # not confirmed now


class RowAnswer(NamedTuple):
    """The target's answer about one row. `recipient` as it stands after the write, None unless accepted; with the
    reason AMBIGUOUS that of somebody else, whom the row went to. `confirmed`: which parts of an accepted change the
    answer shows to be carried out; nothing else is remembered."""

    verdict: Verdict
    recipient: Recipient | None = None
    reason: str = ""
    confirmed: Part = WHOLE


class ExistingField(NamedTuple):
    """A data field the target has. `id` is the target's own."""

    id: str
    name: str
    type: str


class Why(StrEnum):
    """Why somebody is not to be written to."""

    BLACKLISTED = "blacklisted"
    NOTED = "noted"  # blacklisted by a note of which the target itself takes no notice
    UNSUBSCRIBED = "unsubscribed"  # anywhere in the account


class Suppressed(NamedTuple):
    """Somebody who is not to be written to: a normalised address, or with `pattern` all that it matches (`*@domain`).
    `at`: since when (unix seconds), None if nobody knows."""

    text: str
    why: Why
    at: int | None = None
    pattern: bool = False


class ListChanges(NamedTuple):
    """Some of what changed in a list. `cursor`: where to go on next time (opaque to everybody else), on the last page
    only, which may be without recipients."""

    recipients: Sequence[Recipient]
    cursor: str | None = None


class Look(NamedTuple):
    """One thing to look at, read-only: `look` says what it showed, or raises why a run could not begin. Without what is
    `needed` nothing else can be looked at."""

    about: str
    look: Callable[[], Finding]
    needed: bool = False


class Target(Protocol):
    """A recipient list of an e-mail system."""

    @property
    def type(self) -> str: ...
    @property
    def traffic(self) -> RequestCount: ...

    @property
    def policy(self) -> Policy:
        """What becomes of somebody in the list, and in the shop."""
        ...

    @property
    def clock_ahead(self) -> float | None:
        """By how many seconds the server's clock is ahead of this machine's, as it was when it last told the time; None
        if it has told none that can be true."""
        ...

    def inspect(self, find: Callable[[], RecipientList | None]) -> Sequence[Look]:
        """What to look at before a run, in this order: the credentials, the list, which `find` finds as a run does, and
        every kind of reading that a run does."""
        ...

    def find_list(self, known_id: str | None) -> RecipientList | None:
        """The list by `known_id`, else by what the config says; None if there is none yet. Raises UsageError for a
        `known_id` that is gone and a name that two lists share."""
        ...

    def create_list(self) -> RecipientList:
        """The list of the config, which was not there before. Raises TemporaryError if it turns out to be."""
        ...

    def size(self) -> int | None:
        """How many recipients the list has; None if the target does not say."""
        ...

    def count_tagged(self, tags: Sequence[str]) -> int | None:
        """How many recipients of the list carry one of the tags, at least; None if the target does not say."""
        ...

    def suppressions(self, since: int | None = None) -> Iterator[Sequence[Suppressed]]:
        """Who is not to be written to, as far as the config counts that, in pages; with `since` (unix seconds) only
        those dated later than that. Nobody is missed who comes, goes or moves meanwhile; somebody may come twice."""
        ...

    def read(self, emails: Sequence[str]) -> dict[str, Recipient]:
        """The recipients of the list among `emails`, by normalised address, with status, tags and attributes. One with
        another `email` than the one asked for is somebody for whom the list takes that address."""
        ...

    def look_up(self, ids: Sequence[str]) -> dict[str, Recipient]:
        """The recipients of the list among `ids`, by ID: the target's own word for somebody, of whatever form."""
        ...

    def look_up_one(self, recipient_id: str) -> Recipient | None:
        """One recipient of the list by ID, asked for alone; None if they are gone."""
        ...

    def changes(self, since: str | None) -> Iterator[ListChanges] | None:
        """Who changed in the list since the cursor `since` (None: everybody), in pages; None if the target cannot tell.
        Nobody is missed who changes meanwhile; somebody may come twice."""
        ...

    def deliver(self, changes: Sequence[Change]) -> Iterator[tuple[str, RowAnswer]]:
        """One attempt to write a batch (no address twice), in as many requests as the target needs: an answer for every
        address. The batch is made ready at once; nothing is sent before the first answer is asked for."""
        ...

    def end_mailings(self, recipient_id: str) -> bool:
        """Ends the mailings of one recipient by ID, who then stands as `policy.ended` says; False if there is nobody
        to be mailed any more."""
        ...

    def erase(self, recipient_id: str) -> None:
        """Removes one recipient by ID with all that the target has of them, whatever else it calls deleting; one that
        is gone already counts as erased."""
        ...

    def existing_fields(self) -> dict[str, ExistingField]:
        """The data fields there are to be filled, by technical name; none of a list that does not exist yet."""
        ...

    def create_field(self, field: DataField) -> None: ...

    def field_limit(self) -> int:
        """How many data fields there may be."""
        ...

    def close(self) -> None: ...
