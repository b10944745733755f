"""Everybody in the shop, by one of Shopify's bulk operations: the shop writes a file, which is then read line by line.

Facts: an operation is CREATED, RUNNING, then COMPLETED, FAILED, CANCELED or EXPIRED; one that found nobody has no file;
`rootObjectCount` says how many lines without a parent there are. The file lies on another host under a signed address
that must not see the token.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import orjson

from cleverreach_sync.errors import AuthError, CrsyncError, TemporaryError
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.download import LineBlock
from cleverreach_sync.http.failures import Refused, TryAgain
from cleverreach_sync.http.foreign import whole
from cleverreach_sync.json_reading import read_json
from cleverreach_sync.messages import say, say_many
from cleverreach_sync.sources.shopify.access import Access
from cleverreach_sync.sources.shopify.queries import CANCEL, EVERYBODY, POLL, RUN
from cleverreach_sync.sources.shopify.rows import Customer, NoCustomer, read_customer

_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 10.0
_STANDSTILL: Final = 3600.0
_LONGEST: Final = 24 * 3600.0
_BYTES_EACH: Final = 1 << 16  # a customer with 250 tags and two full addresses has a quarter of that
_SPARE_BYTES: Final = 1 << 20
_MOST_USELESS: Final = 10_000  # lines without a customer
_UNDER_WAY: Final = frozenset({"CREATED", "RUNNING", "CANCELING"})
_BUSY: Final = frozenset({"OPERATION_IN_PROGRESS", "LIMIT_REACHED"})
_NEXT_RUN: Final = say("shopify.export_next_run", "the next run starts the export again")

_FAILURES: Final = {
    "FAILED": say("shopify.export_failed", "Shopify's export of the customers failed"),
    "CANCELED": say("shopify.export_cancelled", "Shopify's export of the customers was cancelled"),
    "EXPIRED": say("shopify.export_expired", "Shopify's export of the customers expired"),
}


class Export(NamedTuple):
    """A finished operation: where its file is (None: nobody is in it), and how many customers are."""

    url: str | None
    customers: int


class _Operation(NamedTuple):
    """How far an operation is: lines and customers so far."""

    status: str
    objects: int = 0
    customers: int = 0
    code: str | None = None
    url: str | None = None


def prepare(access: Access, means: HttpContext, stopped: Callable[[], bool]) -> Generator[int, None, Export | None]:
    """Lets the shop write the file; yields how many customers are in it so far. Returns None when it was stopped.

    An operation that is not needed any more is cancelled. Raises TemporaryError for one that failed, AuthError for one
    that was denied access.
    """
    ident = _start(access, means)
    wait, seen, moved_at = _FIRST_WAIT, "", means.clock()
    began = moved_at
    under_way = True
    try:
        while True:
            found = access.ask(POLL, _operation, {"id": ident})
            under_way = found.status in _UNDER_WAY
            if not under_way:
                return _ended(found, access)
            if (state := f"{found.status} {found.objects}") != seen:
                seen, moved_at = state, means.clock()
            if means.clock() - moved_at > _STANDSTILL or means.clock() - began > _LONGEST:
                raise TemporaryError(
                    say("shopify.export_stuck", "Shopify's export of the customers makes no progress"), hint=_NEXT_RUN
                )
            yield found.objects
            if stopped():
                return None
            means.sleep(wait)
            wait = min(_LONGEST_WAIT, wait * 1.5)
    finally:
        if under_way:
            with suppress(CrsyncError):
                access.once(CANCEL, bool, {"id": ident}, last=True)


def _start(access: Access, means: HttpContext) -> str:
    return means.retries(lambda: access.once(RUN, lambda data: _started(data, access), {"query": EVERYBODY}))


def _started(data: Mapping[str, Any], access: Access) -> str:
    answer = data["bulkOperationRunQuery"] or {}
    for error in answer.get("userErrors") or ():
        code = str(error.get("code"))
        if code in _BUSY:
            raise TryAgain(
                say("shopify.export_busy", "Shopify has too many exports of this app running ({code})", code=code)
            )
        said = access.excerpt(error["message"])
        raise Refused(say("shopify.export_refused", "Shopify refuses the export: {reason}", reason=said), status=200)
    operation = answer.get("bulkOperation")
    if not operation:
        raise TryAgain(say("shopify.export_not_started", "Shopify did not start the export"))
    return str(operation["id"])


def _operation(data: Mapping[str, Any]) -> _Operation:
    found = data["node"]
    if found is None:
        return _Operation("gone")
    named = (None if found[name] is None else str(found[name]) for name in ("errorCode", "url"))
    objects, customers = whole(found["objectCount"]), whole(found["rootObjectCount"])
    if objects is None or customers is None:
        raise ValueError("no number")
    return _Operation(str(found["status"]), objects, customers, *named)


def _ended(found: _Operation, access: Access) -> Export:
    status, code = found.status, found.code
    if status == "COMPLETED":
        url, customers = found.url, found.customers
        if url is not None and not access.may_download(url):
            raise TemporaryError(
                say(
                    "shopify.export_address",
                    "Shopify's export has an address without encryption, or one that crsync may not call",
                ),
                hint=_NEXT_RUN,
            )
        return Export(url, customers)
    if code == "ACCESS_DENIED":
        raise AuthError(
            say("shopify.export_denied", "Shopify's export of the customers was denied access (ACCESS_DENIED)"),
            hint=say(
                "shopify.export_scopes",
                "the app needs the scopes read_customers and read_orders, and access to protected customer data; "
                "`crsync check` shows which is missing",
            ),
        )
    message = _FAILURES.get(status) or say(
        "shopify.export_other", "Shopify's export of the customers is {status}", status=status
    )
    raise TemporaryError(message.changed(lambda text: f"{text} ({code})") if code else message, hint=_NEXT_RUN)


def download(access: Access, means: HttpContext, export: Export) -> Generator[Sequence[Customer], None, bool]:
    """The customers of the file. A broken download goes on where it ended. A file with another number of customers than
    the operation has counted is read to its end twice; True is returned if it is the same both times, else it is a
    TemporaryError."""
    if export.url is None:
        return False
    most = _SPARE_BYTES + export.customers * _BYTES_EACH
    url = export.url
    file = _File(lambda: access.download(url, most), export.customers)
    try:
        while True:
            customers = means.retries(file.more)
            if customers is None:
                return file.miscounted
            yield customers
    finally:
        file.close()


class _File:
    """The file while it is read. `miscounted`: it has another number of customers than were counted, twice."""

    def __init__(self, stream: Callable[[], Generator[LineBlock]], customers: int) -> None:
        self._stream = stream
        self._expected = customers
        self._lines: Generator[LineBlock] | None = None
        self._done = 0
        self._skip = 0
        self._customers = 0
        self._before: int | None = None  # lines at its end, the first time that it did not fit
        self._useless = 0
        self.miscounted = False

    def more(self) -> list[Customer] | None:
        """The next customers; None at the end. After TryAgain the download begins anew behind what was given away."""
        if self._lines is None:
            self._lines, self._skip = self._stream(), self._done
        try:
            for block in self._lines:
                lines = [line for line in block.lines if line.strip()]
                self._useless += len(block.lines) - len(lines)
                if self._useless > _MOST_USELESS:
                    raise TemporaryError(
                        say("shopify.export_empty_lines", "Shopify's export consists of empty lines"), hint=_NEXT_RUN
                    )
                skipped = min(self._skip, len(lines))
                self._skip -= skipped
                if skipped < len(lines):
                    return self._read(lines[skipped:])
        except TryAgain:
            self.close()
            raise
        except Refused as error:
            raise TemporaryError(
                say(
                    "shopify.export_address_expired",
                    "{reason}: the address of Shopify's export expired",
                    reason=error.message,
                ),
                hint=_NEXT_RUN,
            ) from None
        self._check_end()
        return None

    def _read(self, lines: Sequence[bytes]) -> list[Customer]:
        found = []
        for line in lines:
            try:
                node = read_json(line)
            except orjson.JSONDecodeError:
                raise TryAgain(
                    say("shopify.export_cut_short", "Shopify's export was cut short, or is something else")
                ) from None
            if isinstance(node, dict) and "__parentId" in node:
                self._useless += 1
                continue
            try:
                found.append(read_customer(node))
            except NoCustomer:
                raise TemporaryError(
                    say("shopify.export_odd", "Shopify's export holds something that is not a customer"),
                    hint=_NEXT_RUN,
                ) from None
        self._done += len(lines)
        self._customers += len(found)
        return found

    def _check_end(self) -> None:
        if self._customers == self._expected:
            return
        self.miscounted = self._before == self._done and not self._skip
        if self.miscounted:
            return
        words = say_many(
            "shopify.export_miscounted",
            "Shopify's export holds {number:,} customer, but {expected:,} were counted",
            "Shopify's export holds {number:,} customers, but {expected:,} were counted",
            number=self._customers,
            expected=self._expected,
        )
        if self._before is not None:
            raise TemporaryError(words, hint=_NEXT_RUN)
        self._before = self._done
        self.close()
        raise TryAgain(words)

    def close(self) -> None:
        if self._lines is not None:
            self._lines.close()
            self._lines = None
