"""A recipient list of a CleverReach account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import orjson

from cleverreach_sync.domain.address import folded
from cleverreach_sync.domain.decision import Change
from cleverreach_sync.domain.fields import DataField
from cleverreach_sync.domain.model import Recipient, Status
from cleverreach_sync.errors import TemporaryError, UsageError
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.failures import (
    IN_BETWEEN,
    Conflict,
    GivenUp,
    Ineffective,
    NotCarriedOut,
    NotFound,
    Refused,
    TryAgain,
)
from cleverreach_sync.http.foreign import identifier, whole
from cleverreach_sync.http.traffic import RequestCount
from cleverreach_sync.messages import say
from cleverreach_sync.targets.cleverreach import rows
from cleverreach_sync.targets.cleverreach.inspect import inspections
from cleverreach_sync.targets.cleverreach.lists import Lists
from cleverreach_sync.targets.cleverreach.policy import POLICY
from cleverreach_sync.targets.cleverreach.session import Session
from cleverreach_sync.targets.cleverreach.settings import CleverReachAttributes, CleverReachSettings
from cleverreach_sync.targets.cleverreach.suppressions import suppressions
from cleverreach_sync.targets.interface import ExistingField, Look, RecipientList, RowAnswer, Suppressed

T = TypeVar("T")
_DETAIL_TAGS: Final = 4
_IN_ADDRESS_LINE: Final = 80  # addresses of one GET, so that the URL stays below 8 kB
_TIMES_INEFFECTIVE: Final = 4
_NO_RECEIVER: Final = "invalid receiver"
FIELD_LIMIT: Final = 40  # where the account does not tell: the smaller of the two numbers that are known


def open_target(settings: CleverReachSettings, attributes: CleverReachAttributes, means: HttpContext) -> CleverReach:
    """The list of a config."""
    http = HttpClient(means, settings.base_url, settings.timeout, connections=2 * settings.concurrency + 4)
    return CleverReach(settings, http, scope=attributes.scope)


class CleverReach:
    """The list of the config. Implements `targets.interface.Target`."""

    type = "cleverreach"
    policy = POLICY

    def __init__(self, settings: CleverReachSettings, http: HttpClient, *, scope: str) -> None:
        self._settings = settings
        self._scope = scope
        self._http = http
        self._session = Session(http, settings.client_id.get_secret_value(), settings.client_secret.get_secret_value())
        self._retries = http.context.retries
        self._lists = Lists(self._session, self._retries, settings.list)
        self._list: RecipientList | None = None
        self._by_query = False
        self._fails_at_some = False

    @property
    def traffic(self) -> RequestCount:
        return self._http.traffic

    @property
    def _group(self) -> str:
        if self._list is None:
            raise UsageError(
                say("list.none_yet", "there is no recipient list yet"),
                hint=say("list.let_it_be_created", "set target.create_list: true, or create it"),
            )
        return f"/groups/{self._list.id}"

    # the list

    def find_list(self, known_id: str | None) -> RecipientList | None:
        self._list = self._lists.find(known_id)
        return self._list

    def create_list(self) -> RecipientList:
        self._list = self._lists.create()
        return self._list

    def size(self) -> int | None:
        body = self._session.get(f"{self._group}/stats")
        total = body.get("total_count") if isinstance(body, dict) else None
        return whole(total)

    def count_tagged(self, tags: Sequence[str]) -> int | None:
        counts = [
            self._session.get("/tags/count", {"tag": tag, "group_id": self._group.rpartition("/")[2]}) for tag in tags
        ]
        known = [number for count in counts if (number := whole(count)) is not None]
        return sum(known) if len(known) == len(counts) else None

    # who is not to be written to

    def suppressions(self, since: int | None = None) -> Iterator[Sequence[Suppressed]]:
        return suppressions(self._session, since, account_wide=self._settings.account_wide)

    # recipients

    def read(self, emails: Sequence[str]) -> dict[str, Recipient]:
        wanted = set(emails)
        found: dict[str, Recipient] = {}
        others: list[Recipient] = []
        for row in self._asked("email_list", emails):
            known = rows.recipient(row, self._scope)
            if known is None:
                continue
            if known.email in wanted:
                found[known.email] = rows.who_left(found.get(known.email), known)
            else:
                others.append(known)
        if others or not "".join(emails).isascii():
            self._mark_ambiguous(emails, found, others)
        return found

    def _mark_ambiguous(self, emails: Sequence[str], found: dict[str, Recipient], others: list[Recipient]) -> None:
        """Puts another's recipient to every address that the list takes for theirs."""
        stray = {folded(each.email): each for each in others}
        exact = {folded(email): email for email in found}
        for email in emails:
            form = folded(email)
            if form in stray:
                found[email] = stray[form]
            elif email not in found and form in exact:  # asked for by their own address, or taken for this one?
                found |= self.read([email])

    def look_up(self, ids: Sequence[str]) -> dict[str, Recipient]:
        wanted = set(ids)
        found: dict[str, Recipient] = {}
        for row in self._asked("id_list", ids):
            known = rows.recipient(row, self._scope)
            if known is not None and known.id in wanted:
                found[known.id] = known
        return found

    def look_up_one(self, recipient_id: str) -> Recipient | None:
        try:
            body = self._about_one(lambda: self._session.once("GET", f"{self._group}/receivers/{recipient_id}"))
        except (NotFound, Refused):
            return None
        except NotCarriedOut:
            return self.look_up([recipient_id]).get(recipient_id)
        known = rows.recipient(body, self._scope)
        return known if known is not None and known.id == recipient_id else None

    def _asked(self, by: str, values: Sequence[str]) -> list[Any]:
        if not self._by_query:
            body = {by: list(values), "detail": _DETAIL_TAGS, "pagesize": max(len(values), 1), "page": 0, "type": "all"}
            try:
                found = rows.whole_rows(self._session.rows("POST", f"{self._group}/get_receivers", json=body))
            except Refused:
                self._by_query = True
            else:
                if rows.answer_to(found, by, values):
                    return found
                self._by_query = True
        found = []
        for start in range(0, len(values), _IN_ADDRESS_LINE):
            part = values[start : start + _IN_ADDRESS_LINE]
            params: Mapping[str, str | int] = {
                by: ",".join(part),
                "detail": _DETAIL_TAGS,
                "pagesize": len(part),
                "page": 0,
                "type": "all",
            }
            page = rows.whole_rows(self._session.rows("GET", f"{self._group}/receivers", params=params))
            if not rows.answer_to(page, by, part):
                raise TemporaryError(
                    say(
                        "cleverreach.others_than_asked",
                        "CleverReach answers with recipients it was not asked for; nobody can be looked up before a "
                        "write",
                    ),
                    hint=IN_BETWEEN,
                )
            found += page
        return found

    def changes(self, since: str | None) -> None:
        """None: `receivers/filter` has no order to go by."""

    def deliver(self, changes: Sequence[Change]) -> Iterator[tuple[str, RowAnswer]]:
        return self._answers(changes, orjson.dumps([rows.item(change, self._scope) for change in changes]))

    def _answers(self, changes: Sequence[Change], batch: bytes) -> Iterator[tuple[str, RowAnswer]]:
        """The one answer confirms a row as a whole, or not at all."""
        yield from rows.answers(changes, self._write(batch), self._scope).items()

    def _write(self, batch: bytes) -> object:
        body = self._session.once("POST", f"{self._group}/receivers/upsertplus", json=batch)
        if body is False:
            raise Refused(
                say("cleverreach.batch_not_done", "CleverReach did not carry out the batch (answer `false`)"),
                status=400,
            )
        if body is None:
            body = []
        if not isinstance(body, list | dict):
            raise TryAgain(
                say(
                    "cleverreach.no_recipients", "CleverReach answered with something that is not a list of recipients"
                ),
                ambiguous=True,
            )
        return body

    def end_mailings(self, recipient_id: str) -> bool:
        if identifier(recipient_id) is None:
            raise _odd_id()
        return self._about_one(lambda: self._mailings_ended(recipient_id))

    def _mailings_ended(self, recipient_id: str) -> bool:
        try:
            body = self._session.once("PUT", f"{self._group}/receivers/{recipient_id}", json={"activated": 0})
        except NotFound as missing:
            if _NO_RECEIVER in missing.message.lower():
                return False
            body = None
        except Refused as refusal:
            if "blacklisted" not in refusal.message:
                raise
            return False  # not mailed anyway
        shown = rows.recipient(body, self._scope)
        if shown is None or shown.id != recipient_id:  # an answer that does not tell how they stand
            shown = self.look_up([recipient_id]).get(recipient_id) or self.look_up_one(recipient_id)
        if shown is not None and shown.status is Status.SUBSCRIBED:
            raise Ineffective(
                say("cleverreach.not_ended", "CleverReach did not make a recipient inactive, and does not say why")
            )
        return shown is not None

    def erase(self, recipient_id: str) -> None:
        if not recipient_id.isdigit():  # an empty one would name the whole list
            raise _odd_id()
        self._about_one(lambda: self._erased(recipient_id))

    def _erased(self, recipient_id: str) -> None:
        try:
            if self._session.once("DELETE", f"{self._group}/receivers/{recipient_id}") is True:
                return
        except NotFound as missing:
            if _NO_RECEIVER in missing.message.lower():
                return
        if self.look_up([recipient_id]) or self.look_up_one(recipient_id):
            raise Ineffective(
                say("cleverreach.not_deleted", "CleverReach did not delete a recipient, and does not say why")
            )

    def _about_one(self, attempt: Callable[[], T]) -> T:
        """What is asked about one recipient. Raises NotCarriedOut where the server fails at them as long as anybody
        tries, and answers all the same. After the first of them nobody waits that long again."""
        try:
            return self._retries(_a_few_times(attempt, any_failure=self._fails_at_some))
        except GivenUp as failure:
            if not (failure.fails and self._answers_at_all()):
                raise
            self._fails_at_some = True
            raise NotCarriedOut(failure.message, hint=failure.hint) from None

    def _answers_at_all(self) -> bool:
        try:
            return isinstance(self._session.once("GET", self._group), dict)
        except TryAgain:
            return False

    # data fields

    @property
    def _attributes(self) -> str:
        return "/attributes" if self._scope == "global" else f"{self._group}/attributes"

    def existing_fields(self) -> dict[str, ExistingField]:
        found: dict[str, ExistingField] = {}
        if self._scope == "list" and self._list is None:
            return found
        for row in self._session.rows("GET", self._attributes):
            if isinstance(row.get("name"), str):
                name = row["name"].strip().lower()
                found[name] = ExistingField(str(row.get("id", "")), name, str(row.get("type", "")))
        return found

    def create_field(self, field: DataField) -> None:
        try:
            self._session.post(self._attributes, {"name": field.name, "type": field.word, "description": field.written})
        except Conflict:
            return

    def field_limit(self) -> int:
        try:
            body = self._session.get("/attributes/limits")
        except (NotFound, Refused, UsageError):
            return FIELD_LIMIT
        numbers = [rows.stamp(value) for value in body.values()] if isinstance(body, dict) else [rows.stamp(body)]
        known = [number for number in numbers if 0 < number <= 1000]
        return max(known, default=FIELD_LIMIT)

    def inspect(self, find: Callable[[], RecipientList | None]) -> Sequence[Look]:
        return inspections(self, self._session, self._settings, find)

    @property
    def clock_ahead(self) -> float | None:
        return self._http.clock_ahead

    def close(self) -> None:
        self._session.close()


def _a_few_times(attempt: Callable[[], T], *, any_failure: bool) -> Callable[[], T]:
    """An attempt that is given up when the server answers again and again without doing what it was asked for, or with
    `any_failure` when it fails again and again."""
    left = _TIMES_INEFFECTIVE

    def once() -> T:
        nonlocal left
        try:
            return attempt()
        except TryAgain as failure:
            if not isinstance(failure, Ineffective) and not (any_failure and failure.ambiguous):
                raise
            left -= 1
            if left:
                raise
            raise NotCarriedOut(failure.message, hint=failure.hint) from None

    return once


def _odd_id() -> UsageError:
    return UsageError(
        say("cleverreach.odd_recipient_id", "a recipient's ID is not a number"),
        hint=say("state.restore_ledger", "restore the ledger from a backup"),
    )
