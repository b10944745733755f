"""A loft of Pigeon Post."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from cleverreach_sync.domain.decision import Change, Part
from cleverreach_sync.domain.fields import DataField
from cleverreach_sync.domain.model import Recipient, Stamps, Status
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.failures import TryAgain
from cleverreach_sync.http.request import Request
from cleverreach_sync.http.traffic import RequestCount
from cleverreach_sync.messages import say
from cleverreach_sync.progress import Finding
from cleverreach_sync.settings.target import AttributesSettings
from cleverreach_sync.targets.interface import (
    NOT_CONFIRMED,
    ExistingField,
    ListChanges,
    Look,
    RecipientList,
    RowAnswer,
    Suppressed,
    Verdict,
    Why,
)
from tests.mailers.pigeon.policy import policy
from tests.mailers.pigeon.settings import PigeonSettings

STATES: Final = {
    "in": Status.SUBSCRIBED,
    "guest": Status.NOT_SUBSCRIBED,
    "asked": Status.PENDING,
    "out": Status.UNSUBSCRIBED,
    "failed": Status.BOUNCED,
    "shelved": Status.ARCHIVED,
}
WORDS: Final = {status: word for word, status in STATES.items()}


def open_target(settings: PigeonSettings, _attributes: AttributesSettings, means: HttpContext) -> Pigeon:
    """The loft of a config."""
    return Pigeon(settings, means)


class Pigeon:
    """The loft of the config. Implements `targets.interface.Target`."""

    type = "pigeon"

    def __init__(self, settings: PigeonSettings, means: HttpContext) -> None:
        self.policy = policy(confirm=settings.confirm)
        self._settings = settings
        self._http = HttpClient(means, settings.url, 10.0)
        self._retries = means.retries

    @property
    def traffic(self) -> RequestCount:
        return self._http.traffic

    @property
    def clock_ahead(self) -> float | None:
        return self._http.clock_ahead

    def _ask(self, path: str, body: Mapping[str, Any]) -> Any:
        answer = self._http.exchange(Request("POST", path, json=body))
        if not answer.ok:
            raise TryAgain(
                say("pigeon.answers", "Pigeon Post answers with {status}", status=answer.status), ambiguous=True
            )
        return answer.body

    def _asked(self, path: str, **body: Any) -> Any:
        return self._retries(lambda: self._ask(path, body))

    def find_list(self, known_id: str | None) -> RecipientList | None:
        lofts = {loft["key"]: loft["title"] for loft in self._asked("/lofts")}
        key = known_id or next((key for key, title in lofts.items() if title == self._settings.loft), None)
        return None if key is None else RecipientList(key, lofts[key])

    def create_list(self) -> RecipientList:
        raise NotImplementedError

    def size(self) -> int | None:
        return int(self._asked("/count"))

    def count_tagged(self, tags: Sequence[str]) -> int | None:
        return int(self._asked("/count", tags=list(tags)))

    def suppressions(self, since: int | None = None) -> Iterator[Sequence[Suppressed]]:
        """Those shot at, who may be let off again, and whole villages."""
        rows = self._asked("/barred", since=since or 0)
        yield [Suppressed(row["who"], Why.BLACKLISTED, row["at"], pattern="*" in row["who"]) for row in rows]

    def read(self, emails: Sequence[str]) -> dict[str, Recipient]:
        return {member.email: member for member in map(_member, self._asked("/find", emails=list(emails)))}

    def look_up(self, ids: Sequence[str]) -> dict[str, Recipient]:
        return {member.id: member for member in map(_member, self._asked("/find", keys=list(ids)))}

    def look_up_one(self, recipient_id: str) -> Recipient | None:
        return self.look_up([recipient_id]).get(recipient_id)

    def changes(self, since: str | None) -> Iterator[ListChanges] | None:
        rows = self._asked("/changes", since=int(since or 0))
        return iter([ListChanges([_member(row) for row in rows], str(max(row["at"] for row in rows) if rows else 0))])

    def deliver(self, changes: Sequence[Change]) -> Iterator[tuple[str, RowAnswer]]:
        return self._deliver(changes)

    def _deliver(self, changes: Sequence[Change]) -> Iterator[tuple[str, RowAnswer]]:
        """Two requests: rows without tags, of which some may be refused, then the tags of those that were taken."""
        said = self._ask("/rows", {"rows": [_row(change) for change in changes]})
        refused = {changes[error["row"]].email for error in said["errors"]}
        taken = {row["email"]: _member(row) for row in said["rows"]}
        tags = [(change.email, change.tags_added, change.tags_removed) for change in changes if change.email in taken]
        tagged = {row["email"]: _member(row) for row in self._ask("/tags", {"tags": tags})}
        for change in changes:
            member = tagged.get(change.email) or taken.get(change.email)
            if change.email in refused:
                yield change.email, RowAnswer(Verdict.REFUSED, reason="invalid_address")
            elif member is None:
                yield change.email, RowAnswer(Verdict.LATER, reason=NOT_CONFIRMED)
            else:
                parts = Part.FIELDS
                parts |= Part.STATUS if change.status in (None, member.status) else Part(0)
                parts |= Part.TAGS if change.email in tagged else Part(0)
                yield change.email, RowAnswer(Verdict.ACCEPTED, member, confirmed=parts)

    def end_mailings(self, recipient_id: str) -> bool:
        return bool(self._asked("/state", key=recipient_id, state=WORDS[self.policy.ended]))

    def erase(self, recipient_id: str) -> None:
        self._asked("/forget", key=recipient_id)

    def existing_fields(self) -> dict[str, ExistingField]:
        return {name: ExistingField(name, name, "line") for name in self._asked("/rings")}

    def create_field(self, field: DataField) -> None:
        self._asked("/rings", name=field.name)

    def field_limit(self) -> int:
        return 3

    def inspect(self, find: Callable[[], RecipientList | None]) -> Sequence[Look]:
        return (
            Look(
                "list",
                lambda: Finding(say("pigeon.there", "there") if find() else say("pigeon.not_there", "not there")),
            ),
        )

    def close(self) -> None:
        self._http.close()


def _row(change: Change) -> dict[str, Any]:
    row: dict[str, Any] = {"email": change.email, "rings": change.values()}
    if change.status is not None:
        row["state"] = WORDS[change.status]
    return row


def _member(row: Mapping[str, Any]) -> Recipient:
    status = STATES[row["state"]]
    stamps = Stamps(last_changed=row["state_at"]) if status in (Status.UNSUBSCRIBED, Status.NOT_SUBSCRIBED) else None
    return Recipient(
        row["key"], row["email"], status, frozenset(row["tags"]), row["rings"], stamps=stamps, changed_at=row["at"]
    )
