"""Recipients and changes in CleverReach's own form: stamps, attributes, tags.

Facts (REST API v3): IDs are strings, times are unix seconds, unset values are `""`, empty maps may be `[]`. A new
receiver without stamps is created active; `activated: 0` makes inactive; `deactivated` other than 0 is somebody's own
unsubscription and is never sent, `deactivated: 0` would undo it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import isfinite
from typing import Any, Final

import orjson

from cleverreach_sync.domain.address import folded, normalise
from cleverreach_sync.domain.decision import Change
from cleverreach_sync.domain.model import Recipient, Stamps, Status
from cleverreach_sync.http.failures import TryAgain
from cleverreach_sync.http.foreign import identifier
from cleverreach_sync.messages import say
from cleverreach_sync.targets.interface import AMBIGUOUS, NOT_CONFIRMED, STILL_ACTIVE, RowAnswer, Verdict

_AROUND: Final = "'\"`<>()[]:;,."  # what may stand around an address in a text
_MAILED: Final = {
    Status.UNSUBSCRIBED: 0,
    Status.BOUNCED: 1,
    Status.NOT_SUBSCRIBED: 2,
    Status.SUBSCRIBED: 3,
    Status.ABSENT: 4,
}
_LATEST: Final = 253_402_300_799  # the end of the year 9999
_OF_NO_DATE: Final = frozenset("0-:. T")
_NO_STAMPS: Final = Stamps()
ATTRIBUTES_OF: Final = {"global": "global_attributes", "list": "attributes"}


def item(change: Change, scope: str) -> dict[str, Any]:
    """One row of an `upsertplus` request."""
    row: dict[str, Any] = {"email": change.email}
    if change.status is Status.SUBSCRIBED:
        row["activated"] = change.at
    elif change.status is Status.NOT_SUBSCRIBED:
        row["activated"] = 0
    if change.creates and change.registered is not None and change.registered > 0:
        row["registered"] = change.registered
    tags = [*change.tags_added, *(f"-{tag}" for tag in change.tags_removed)]
    if tags:
        row["tags"] = tags
    attributes = change.attributes
    if attributes:
        row[ATTRIBUTES_OF[scope]] = attributes if isinstance(attributes, dict) else orjson.Fragment(attributes.json)
    return row


def stamp(value: object) -> int:
    """Unix seconds of a number or a numeric string, no later than the year 9999; 0 for anything else."""
    if isinstance(value, int):
        return min(max(int(value), -_LATEST), _LATEST)
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0
    return int(min(max(number, -_LATEST), _LATEST)) if isfinite(number) else 0


def _stands(value: object) -> bool:
    """Whether a stamp that ends a mailing is set. One that cannot be read is: nobody is mailed by mistake."""
    if not value:
        return False
    if isinstance(value, str):
        return any(char not in _OF_NO_DATE for char in value)
    return stamp(value) > 0 or not isinstance(value, (int, float))


def status_of(row: dict[str, Any]) -> Status:
    """How somebody stands. `active` is the server's own word; the stamps tell why somebody is not."""
    deactivated, bounced = row.get("deactivated"), row.get("bounced")
    if deactivated and _stands(deactivated):
        return Status.UNSUBSCRIBED
    if bounced and _stands(bounced):
        return Status.BOUNCED
    active = row.get("active")
    if not isinstance(active, int):  # true and false are numbers too
        active = stamp(row.get("activated")) > 0
    return Status.SUBSCRIBED if active else Status.NOT_SUBSCRIBED


def recipient(row: object, scope: str) -> Recipient | None:
    """A receiver of an answer; None for anything that is none."""
    if not isinstance(row, dict):
        return None
    email, ident = row.get("email"), row.get("id")
    if not isinstance(email, str) or ident in (None, "") or not isinstance(ident, str | int):
        return None
    values = row.get(ATTRIBUTES_OF[scope])
    tags = row.get("tags")
    status = status_of(row)
    return Recipient(
        str(ident),
        normalise(email) or email.strip().lower(),
        status,
        _tags(tags) if isinstance(tags, list) and tags else frozenset(),
        values if isinstance(values, dict) else {},
        stamp(row.get("registered")),
        _stamps(row) if status is Status.NOT_SUBSCRIBED else None,
    )


def _stamps(row: dict[str, Any]) -> Stamps | None:
    given = (row.get(name) for name in Stamps._fields)
    found = Stamps._make(None if value in (None, "") else stamp(value) for value in given)
    return None if found == _NO_STAMPS else found


def who_left(one: Recipient | None, other: Recipient) -> Recipient:
    """Of two recipients whose addresses are one and the same, differently spelled, the one that is mailed least."""
    return other if one is None or _MAILED[other.status] < _MAILED[one.status] else one


def _tags(texts: list[Any]) -> frozenset[str]:
    try:
        return _set_of(tuple(texts))
    except TypeError:
        return frozenset([text for text in texts if isinstance(text, str)])


@lru_cache(maxsize=1024)
def _set_of(texts: tuple[Any, ...]) -> frozenset[str]:
    """One object for each of the sets that come again and again."""
    return frozenset([text for text in texts if isinstance(text, str)])


def answers(changes: Sequence[Change], body: object, scope: str) -> dict[str, RowAnswer]:
    """An answer for every row of a batch. `upsertplus` leaves out the rows it did not take; who is not confirmed in the
    answer, or does not stand as asked for, is not accepted."""
    rows = body if isinstance(body, list) else [body]
    confirmed: dict[str, Recipient] = {}
    for row in rows:
        found = recipient(row, scope)
        if found is not None:
            confirmed[found.email] = found
    refused = {known: row for row in rows if isinstance(row, str) for known in map(_address_in, row.split()) if known}
    found_out = {change.email: _answer(change, confirmed.get(change.email), refused) for change in changes}
    if others := confirmed.keys() - found_out.keys():
        taken = {folded(email): confirmed[email] for email in others}
        for email, answer in found_out.items():
            if answer.recipient is None and (other := taken.get(folded(email))) is not None:
                found_out[email] = RowAnswer(Verdict.REFUSED, other, AMBIGUOUS)
    return found_out


def _address_in(word: str) -> str | None:
    """The address that a word of a message is, as far as it is one."""
    return normalise(word.strip(_AROUND)) if "@" in word else None


def _answer(change: Change, found: Recipient | None, refused: Mapping[str, str]) -> RowAnswer:
    if found is None:
        text = refused.get(change.email)
        if text is None:
            return RowAnswer(Verdict.LATER, reason=NOT_CONFIRMED)
        return RowAnswer(
            Verdict.REFUSED, reason="duplicate_address" if "duplicate" in text.lower() else "invalid_address"
        )
    if change.status is Status.NOT_SUBSCRIBED and found.status is Status.SUBSCRIBED:
        return RowAnswer(Verdict.LATER, found, reason=STILL_ACTIVE)
    return RowAnswer(Verdict.ACCEPTED, found)


def answer_to(found: Sequence[dict[str, Any]], by: str, asked: Sequence[str]) -> bool:
    """Whether a server has understood whom it was asked for. One that has not answers with a page of anybody, and
    whoever is not on it would be taken for absent."""
    if by == "id_list":
        return len(found) <= len(asked) and {str(row.get("id")) for row in found} <= set(asked)
    wanted = {folded(email) for email in asked}
    return all(folded(normalise(text) or text) in wanted for text in (str(row.get("email", "")) for row in found))


def whole_rows(found: list[Any]) -> list[Any]:
    """Recipients of an answer. Raises TryAgain where one cannot be told: they would be taken for absent."""
    if all(isinstance(row.get("email"), str) and identifier(row.get("id")) is not None for row in found):
        return found
    raise TryAgain(
        say(
            "cleverreach.recipients_without_id",
            "CleverReach answered with recipients without an address, or without a numeric ID",
        )
    )
