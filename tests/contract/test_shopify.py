"""The Shopify source against a shop over HTTP: what it reads, what it asks, and what it does not fall for."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson
import pytest

from cleverreach_sync.domain.model import Consent, ConsentState, Purchases, Record
from cleverreach_sync.errors import AuthError, CrsyncError, Interrupted, TemporaryError, UsageError
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.failures import TryAgain
from cleverreach_sync.http.redaction import Redaction
from cleverreach_sync.http.retries import Retries
from cleverreach_sync.http.traffic import RequestCount
from cleverreach_sync.sources.interface import Chunk, Row, StreamEnd, Unreadable
from cleverreach_sync.sources.shopify.settings import ShopifySettings
from cleverreach_sync.sources.shopify.source import ShopifySource
from tests.shops.reading import Known, Watched, open_source
from tests.shops.server import Reply
from tests.shops.shopify import CLIENT, NOW, RESET, SHOP, TOKEN, FakeShopify, errors, html, time_text

DAY = 24 * 3600
COUNT, PAGE, RUN, POLL, CANCEL, FILE = "CustomersCount", "Customers", "RunBulk", "Bulk", "CancelBulk", "file"


class Took(NamedTuple):
    """What a read brought."""

    rows: list[Row]
    unreadable: list[Unreadable]
    end: StreamEnd | None
    progress: list[tuple[int, int | None]]

    @property
    def idents(self) -> list[int]:
        return sorted(int(row.ident or 0) for row in self.rows)

    @property
    def cursor(self) -> dict[str, str]:
        assert self.end is not None
        return times_of(self.end.cursor)


def times_of(cursor: str | None) -> dict[str, str]:
    """The latest change that was read, and when everybody was."""
    return dict(zip(("changed", "everybody"), (cursor or "").split(), strict=True))


class Reader:
    """A source and its shop; waiting costs no time, but the shop's clock goes on."""

    def __init__(self, shop: FakeShopify, **settings: Any) -> None:
        self.shop = shop
        self.passed = 0.0
        self.waits: list[float] = []
        self.logged: list[str] = []
        self.interrupted = False
        shop.passed = self._clock
        self.traffic = RequestCount()
        self.redact = Redaction()
        retries = Retries(300.0, self._clock, self._sleep, self._on_retry)
        means = HttpContext(
            self.redact, self.traffic, retries, self._wall, self._clock, self._sleep, self.logged.append
        )
        if "client_id" not in settings:
            settings = {"access_token": TOKEN, **settings}
        given = ShopifySettings.model_validate({"type": "shopify", "shop": SHOP, "url": shop.url, **settings})
        self.source: ShopifySource = ShopifySource(given, means)

    def _clock(self) -> float:
        return self.passed

    def _wall(self) -> float:
        return 0.0  # it is wrong; nothing that is read depends on it

    def _sleep(self, seconds: float) -> None:
        if self.interrupted:
            raise Interrupted(15)
        self.waits.append(seconds)
        self.passed += seconds

    def _on_retry(self, _failure: TryAgain, _seconds: float) -> None:
        self.traffic.retry()

    def read(self, since: str | None = None, stopped: Callable[[], bool] = lambda: False) -> Took:
        chunks: list[Chunk] = []
        self.shop.seen.clear()
        for chunk in self.source.read("customers", since, stopped):
            assert not chunks or chunks[-1].end is None, "the end comes last"
            chunks.append(chunk)
        return Took(
            [row for chunk in chunks for row in chunk.rows],
            [bad for chunk in chunks for bad in chunk.unreadable],
            chunks[-1].end if chunks else None,
            [(chunk.done, chunk.total) for chunk in chunks],
        )

    def fails(self, since: str | None = None) -> CrsyncError:
        """A read that ends by an error; nobody may hear of an end."""
        ends: list[StreamEnd | None] = []
        with pytest.raises(CrsyncError) as caught:
            ends.extend(chunk.end for chunk in self.source.read("customers", since, lambda: False))
        assert ends == [None] * len(ends)
        assert TOKEN not in str(caught.value) + str(caught.value.hint)
        return caught.value

    def record(self, number: int, took: Took) -> Record:
        row = next(row for row in took.rows if row.ident == str(number))
        return self.source.decode("customers", row, lambda _: None)


@pytest.fixture
def reader(shopify: FakeShopify) -> Iterator[Reader]:
    made = Reader(shopify)
    yield made
    made.source.close()


@pytest.fixture
def by_client(shopify: FakeShopify) -> Iterator[Reader]:
    """With credentials in place of a permanent token."""
    made = Reader(shopify, **CLIENT)
    yield made
    made.source.close()


def people(shop: FakeShopify, numbers: Sequence[int]) -> None:
    for number in numbers:
        shop.add(number)


def planned(*answers: Reply | None) -> deque[Reply | None]:
    return deque(answers)


# One customer


def test_a_customer_becomes_a_record(shopify: FakeShopify, reader: Reader) -> None:
    shopify.add(
        7,
        "  Jane.Doe@Example.org ",
        at=NOW - DAY,
        state_at=NOW - 3600,
        orders=2,
        last_order="2026-10-30T11:12:13Z",
        tags=["vip", "b2b"],
        locale="de-AT",
        defaultPhoneNumber={"phoneNumber": "+4989123456"},
    )
    shopify.change(7, touch=False, address={"address2": "2. Stock", "company": "ACME"})
    took = reader.read()
    assert reader.record(7, took) == Record(
        email="jane.doe@example.org",
        ident="7",
        at=int(NOW - DAY),
        created_at=int(NOW - DAY),
        profile={
            "first_name": "Vorname00007",
            "last_name": "Nachname00007",
            "language": "de-AT",
            "company": "ACME",
            "street": "Hauptstr. 1, 2. Stock",
            "zip": "80331",
            "city": "München",
            "state": "BY",
            "country": "DE",
            "phone": "+4989123456",
            "customer_number": "7",
            "source_id": "7",
            "created_at": time_text(NOW - DAY),
            "updated_at": time_text(NOW - DAY),
            "extra.tags": "b2b, vip",
            "extra.opt_in_level": "confirmed_opt_in",
        },
        consent=Consent(ConsentState.YES, int(NOW - 3600)),
        purchases=Purchases(2, 1793358733, "98.50"),
    )


CONSENT = {
    "SUBSCRIBED": ConsentState.YES,
    "UNSUBSCRIBED": ConsentState.OPTED_OUT,
    "NOT_SUBSCRIBED": ConsentState.NO,
    "PENDING": ConsentState.NO,
}


@pytest.mark.parametrize(("state", "expected"), CONSENT.items())
def test_consent(shopify: FakeShopify, reader: Reader, state: str, expected: ConsentState) -> None:
    shopify.add(1, state=state, state_at=NOW)
    shopify.add(2, state=state, state_at=None)
    took = reader.read()
    assert reader.record(1, took).consent == Consent(expected, int(NOW))
    assert reader.record(2, took).consent == Consent(expected, None), "nobody knows since when it holds"


def test_an_invalid_state_makes_the_person_invalid(shopify: FakeShopify, reader: Reader) -> None:
    shopify.add(1, state="INVALID")
    took = reader.read()
    warned: list[Any] = []
    record = reader.source.decode("customers", took.rows[0], warned.append)
    assert (record.invalid, record.consent) == ("subscribed", None)
    assert len(warned) == 1
    assert "person" not in warned[0].message


def test_a_customer_without_an_address_is_invalid(shopify: FakeShopify, reader: Reader) -> None:
    """A guest at the till, say, or one whose data was erased on request."""
    shopify.add(1, None, firstName=None, lastName=None, defaultAddress=None)
    shopify.add(2, "no address")
    shopify.add(3)
    took = reader.read()
    assert took.idents == [3]
    assert [bad.reason for bad in took.unreadable] == ["email", "email"]
    assert all("no address" not in bad.message for bad in took.unreadable)
    assert took.end is not None
    assert took.end.complete


def test_what_is_null_is_empty(shopify: FakeShopify, reader: Reader) -> None:
    shopify.add(1, firstName=None, lastName=None, defaultAddress=None, amountSpent={"amount": "0.0"}, tags=[])
    record = reader.record(1, reader.read())
    empty = {"first_name", "last_name", "company", "street", "zip", "city", "state", "country", "phone", "extra.tags"}
    assert {name for name, value in record.profile.items() if not value} == empty
    assert record.purchases == Purchases(0, None, "0.0")


def test_the_name_in_the_address_stands_in(shopify: FakeShopify, reader: Reader) -> None:
    shopify.add(1, firstName=None, lastName="")
    shopify.change(1, touch=False, address={"firstName": "Jane", "lastName": "Doe", "phone": "089 1"})
    profile = reader.record(1, reader.read()).profile
    assert (profile["first_name"], profile["last_name"], profile["phone"]) == ("Jane", "Doe", "089 1")


# Everybody


def test_everybody_comes_by_a_bulk_operation(shopify: FakeShopify, reader: Reader) -> None:
    people(shopify, range(1, 701))
    took = reader.read()
    assert took.idents == list(range(1, 701))
    assert took.end is not None
    assert took.end.complete
    assert shopify.seen == [COUNT, RUN, POLL, POLL, POLL, FILE]
    assert reader.traffic.requests == 6
    assert took.cursor["everybody"] == time_text(NOW)
    assert took.cursor["changed"] == time_text(NOW - 90 * DAY + 700), "no later than what was read"
    done = [at for at, _ in took.progress]
    assert done == sorted(done)
    assert took.progress[-1] == (700, 700)
    assert {total for _, total in took.progress} == {700}


def test_20000_customers(shopify: FakeShopify, reader: Reader) -> None:
    people(shopify, range(20_000))
    assert len(reader.read().rows) == 20_000


def test_an_empty_shop_has_no_file(shopify: FakeShopify, reader: Reader) -> None:
    took = reader.read()
    assert (took.rows, FILE in shopify.seen) == ([], False)
    assert took.end is not None
    assert took.end.complete
    shopify.add(1, at=NOW - 60)
    assert reader.read(took.end.cursor).idents == [1]


def test_a_change_while_everybody_is_read_is_read_next_time(shopify: FakeShopify, reader: Reader) -> None:
    """Though the export has somebody who was changed later still, or by a clock that is ahead."""
    people(shopify, (1, 2))

    def meanwhile(name: str) -> None:
        if name == RUN:
            shopify.add(3, at=shopify.clock() + 5 * DAY)

    shopify.before = meanwhile
    first = reader.read()
    assert first.idents == [1, 2, 3]
    assert first.cursor["changed"] == time_text(NOW)
    shopify.before = lambda _: None
    shopify.change(1)
    assert first.end is not None
    assert reader.read(first.end.cursor).idents == [1, 3]


def test_the_file_is_had_without_the_token(shopify: FakeShopify, by_client: Reader) -> None:
    """The storage refuses requests that carry one; and it is another's."""
    shopify.add(1)
    assert by_client.read().idents == [1]


def test_a_file_without_encryption_is_left_alone(shopify: FakeShopify, reader: Reader) -> None:
    shopify.add(1)
    reader.source._access._settings = reader.source._access._settings.model_copy(update={"url": None})
    assert not reader.source._access.may_download("http://storage.example/x")
    assert reader.source._access.may_download("https://storage.example/x")


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        ("FAILED", "INTERNAL_SERVER_ERROR", "failed (INTERNAL_SERVER_ERROR)"),
        ("FAILED", "TIMEOUT", "failed (TIMEOUT)"),
        ("CANCELED", None, "was cancelled"),
        ("EXPIRED", None, "expired"),
    ],
)
def test_a_part_is_never_taken_for_the_whole(
    shopify: FakeShopify, reader: Reader, status: str, code: str | None, words: str
) -> None:
    """`partialDataUrl` is there, and nobody looks."""
    people(shopify, (1, 2))
    shopify.bulk_ends, shopify.bulk_error = status, code
    error = reader.fails()
    assert isinstance(error, TemporaryError)
    assert words in error.message
    assert FILE not in shopify.seen


def test_an_export_that_was_denied_access(shopify: FakeShopify, reader: Reader) -> None:
    shopify.add(1)
    shopify.bulk_ends, shopify.bulk_error = "FAILED", "ACCESS_DENIED"
    error = reader.fails()
    assert isinstance(error, AuthError)
    assert "read_customers and read_orders" in (error.hint or "")


def doubled(lines: list[bytes]) -> None:
    lines[30:] = lines[:1]


@pytest.mark.parametrize("loses", [1, -1])
def test_a_file_with_another_number_of_customers(shopify: FakeShopify, reader: Reader, loses: int) -> None:
    people(shopify, range(30))
    if loses > 0:
        shopify.bulk_loses = loses
    else:
        shopify.before = lambda name: doubled(shopify.operations["1"]["lines"]) if name == FILE else None
    took = reader.read()
    assert set(took.idents) >= set(range(29))
    assert len(took.rows) == 30 - loses
    assert took.end is not None
    assert not took.end.complete, "nobody may be taken for gone"
    assert "does not match" in reader.source.warnings[0]
    assert shopify.seen.count(FILE) == 2, "a file that does not fit is looked at once more"


def test_a_file_that_ends_elsewhere_every_time(shopify: FakeShopify, reader: Reader) -> None:
    people(shopify, range(30))

    def before(name: str) -> None:
        if name == FILE:
            shopify.bulk_loses = 9 - 4 * shopify.seen.count(FILE)

    shopify.before = before
    assert "customers, but 30 were counted" in reader.fails().message


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://storage.example/x", "an address without encryption"),
        ("-1", "an address without encryption"),
        *[
            (odd, "or one that crsync may not call")
            for odd in (
                *(
                    "https://127.0.0.1/x",
                    "https://localhost:8443/x",
                    "https://[::1]/x",
                    "https://user:word@a.example/x",
                ),
                *(
                    "https://[",
                    "https://a.example:port/x",
                    "https:///x",
                    "file:///etc/passwd",
                    "https://a.example/\n",
                    "//x",
                ),
            )
        ],
    ],
)
def test_an_export_whose_file_cannot_be_had(shopify: FakeShopify, reader: Reader, url: str, words: str) -> None:
    people(shopify, (1, 2, 3))
    reader.source._access._settings = reader.source._access._settings.model_copy(update={"url": None})
    node = {"id": "1", "status": "COMPLETED", "errorCode": None, "objectCount": "3", "rootObjectCount": "3", "url": url}
    shopify.script[POLL] = planned(Reply.json({"data": {"node": node}}))
    error = reader.fails()
    assert isinstance(error, TemporaryError)
    assert words in error.message


def test_lines_below_a_customer_are_none(shopify: FakeShopify, reader: Reader) -> None:
    people(shopify, (1, 2))

    def add(name: str) -> None:
        if name == FILE:
            shopify.operations["1"]["lines"].append(b'{"id":"gid://shopify/Order/1","__parentId":"gid://1"}')

    shopify.before = add
    assert reader.read().idents == [1, 2]


ODD: tuple[object, ...] = ({}, [], "x", -1, True, [None], {"a": None})


@pytest.mark.parametrize("member", ["defaultEmailAddress", "defaultAddress", "lastOrder", "amountSpent", "tags", "id"])
@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_a_line_that_is_no_customer_is_no_bug(shopify: FakeShopify, reader: Reader, member: str, odd: object) -> None:
    """It is read as far as it goes, or the export is not believed."""
    shopify.add(1)

    def change(name: str) -> None:
        if name == FILE:
            lines = shopify.operations["1"]["lines"]
            lines[:] = [orjson.dumps({**orjson.loads(line), member: odd}) for line in lines]

    shopify.before = change
    try:
        took = reader.read()
    except TemporaryError:
        return
    for row in took.rows:
        reader.source.decode("customers", row, lambda _: None)


@pytest.mark.parametrize("name", [COUNT, RUN, POLL, PAGE])
@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_answers_that_were_changed_on_their_way_are_asked_for_again(
    shopify: FakeShopify, rarely: Reader, name: str, odd: object
) -> None:
    keys = {COUNT: "customersCount", RUN: "bulkOperationRunQuery", POLL: "node", PAGE: "customers"}
    since = everybody(shopify, rarely, (1, 2))
    shopify.change(1)
    shopify.script[name] = planned(Reply.json({"data": {keys[name]: odd}}), Reply.json({"data": {"else": odd}}))
    assert 1 in rarely.read(since if name == PAGE else None).idents
    assert rarely.traffic.retries == 2


NOBODY = {"id": "1", "status": "COMPLETED", "errorCode": None, "objectCount": "0", "rootObjectCount": "0", "url": None}


@pytest.mark.parametrize("counted", ["0", "2"])
def test_an_export_that_lost_everybody_is_made_anew(shopify: FakeShopify, reader: Reader, counted: str) -> None:
    people(shopify, (1, 2))
    shopify.script[POLL] = planned(Reply.json({"data": {"node": {**NOBODY, "rootObjectCount": counted}}}))
    took = reader.read()
    assert took.idents == [1, 2]
    assert took.end is not None
    assert took.end.complete
    assert not reader.source.warnings


@pytest.mark.parametrize("counted", ["0", "2"])
def test_a_shop_that_counts_somebody_and_exports_nobody(shopify: FakeShopify, reader: Reader, counted: str) -> None:
    people(shopify, (1, 2))
    node = Reply.json({"data": {"node": {**NOBODY, "rootObjectCount": counted}}})
    shopify.script[POLL] = planned(node, node)
    took = reader.read()
    assert took.end is not None
    assert (took.end.complete, took.end.cursor) == (False, None), "nobody is gone, and the next run reads everybody"
    assert "does not match" in reader.source.warnings[0]


def test_a_shop_that_is_emptied_meanwhile(shopify: FakeShopify, reader: Reader) -> None:
    people(shopify, (1, 2))
    shopify.before = lambda name: shopify.customers.clear() if name == RUN else None
    took = reader.read()
    assert (took.rows, reader.source.warnings) == ([], [])
    assert took.end is not None
    assert took.end.complete


def test_a_download_goes_on_where_it_broke_off(shopify: FakeShopify, reader: Reader) -> None:
    people(shopify, range(2000))
    whole: list[bytes] = []

    def cut(name: str) -> None:
        if name == FILE and not whole:
            whole.append(b"".join(line + b"\n" for line in shopify.operations["1"]["lines"]))
            shopify.script[FILE] = planned(Reply(200, whole[0], cut=len(whole[0]) // 2), html(503), html(200), RESET)

    shopify.before = cut
    took = reader.read()
    assert took.idents == list(range(2000))
    assert len(took.rows) == 2000
    assert shopify.seen.count(FILE) == 5
    assert reader.traffic.retries == 4


def test_a_download_cut_at_the_end_of_a_line(shopify: FakeShopify, reader: Reader) -> None:
    """Without a length, only the count tells."""
    people(shopify, range(10))

    def cut(name: str) -> None:
        if name == FILE and FILE not in shopify.script:
            shopify.script[FILE] = planned(Reply(200, b"\n".join(shopify.operations["1"]["lines"][:4])))

    shopify.before = cut
    assert reader.read().idents == list(range(10))
    assert shopify.seen.count(FILE) == 2


def test_an_address_that_ran_out(shopify: FakeShopify, reader: Reader) -> None:
    shopify.add(1)
    shopify.url_expired = True
    error = reader.fails()
    assert isinstance(error, TemporaryError)
    assert "signed-0815" not in f"{error} {reader.logged}"


@pytest.mark.parametrize("code", ["OPERATION_IN_PROGRESS", "LIMIT_REACHED"])
def test_other_exports_are_waited_for(shopify: FakeShopify, reader: Reader, code: str) -> None:
    shopify.add(1)
    shopify.bulk_busy.extend([code] * 3)
    assert reader.read().idents == [1]
    assert reader.traffic.retries == 3
    shopify.bulk_busy.extend([code] * 1000)
    assert isinstance(reader.fails(), TemporaryError)
    assert reader.passed < 700


def test_an_export_that_does_not_get_on(shopify: FakeShopify, reader: Reader) -> None:
    shopify.add(1)
    shopify.bulk_polls = 1
    # For many times longer than anybody should wait.
    shopify.before = lambda name: (
        shopify.operations["1"].update(polls=1) if name == POLL and shopify.seen.count(POLL) < 1000 else None
    )
    error = reader.fails()
    assert isinstance(error, TemporaryError)
    assert "makes no progress" in error.message
    assert shopify.seen[-1] == CANCEL
    assert shopify.seen.count(POLL) < 400


def test_a_stop_cancels_the_export(shopify: FakeShopify, reader: Reader) -> None:
    shopify.add(1)
    took = reader.read(stopped=lambda: POLL in shopify.seen)
    assert took.end is None
    assert shopify.seen[-1] == CANCEL


def test_a_signal_cancels_the_export(shopify: FakeShopify, reader: Reader) -> None:
    shopify.add(1)
    reader.interrupted = True
    assert isinstance(reader.fails(), Interrupted)
    assert shopify.seen[-1] == CANCEL


def test_a_stop_while_the_file_is_read(shopify: FakeShopify, reader: Reader) -> None:
    people(shopify, range(2000))
    took = reader.read(stopped=lambda: FILE in shopify.seen)
    assert took.end is None


# Who was changed


def everybody(shopify: FakeShopify, reader: Reader, numbers: Sequence[int]) -> str:
    """A first read; two days pass after it."""
    people(shopify, numbers)
    end = reader.read().end
    assert end is not None
    assert end.cursor is not None
    shopify.now += 2 * DAY
    return end.cursor


@pytest.fixture
def rarely(shopify: FakeShopify) -> Iterator[Reader]:
    """Reads everybody once a month."""
    made = Reader(shopify, reconcile_every="30d")
    yield made
    made.source.close()


def test_only_who_was_changed_is_read(shopify: FakeShopify, rarely: Reader) -> None:
    since = everybody(shopify, rarely, range(1, 600))
    shopify.change(3)
    shopify.add(600, at=shopify.clock() - 60)
    took = rarely.read(since)
    assert set(took.idents) >= {3, 600}
    assert took.end is not None
    assert not took.end.complete
    assert took.cursor["changed"] == time_text(shopify.clock())
    assert took.cursor["everybody"] == times_of(since)["everybody"]
    assert RUN not in shopify.seen
    again = rarely.read(took.end.cursor)
    assert again.idents == [3, 600], "those of the last day come again, and nobody else"
    assert again.cursor == took.cursor


def test_the_moment_is_quoted(shopify: FakeShopify, rarely: Reader) -> None:
    """Unquoted, the shop takes the whole day by its own time zone."""
    since = everybody(shopify, rarely, range(1, 4))
    shopify.change(1)
    since = rarely.read(since).end.cursor  # type: ignore[union-attr, assignment]
    shopify.add(50, at=shopify.clock() - DAY - 60)  # the same day, but before the moment
    shopify.queries.clear()
    shopify.served = 0
    assert rarely.read(since).idents == [1]
    assert shopify.served == 1, "the shop itself filtered to the second"
    assert shopify.queries == [f"updated_at:>='{time_text(shopify.clock() - DAY)}'"]


def test_what_the_shop_lets_through_is_filtered_again(
    shopify: FakeShopify, rarely: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = everybody(shopify, rarely, range(1, 4))
    shopify.change(1)
    since = rarely.read(since).end.cursor  # type: ignore[union-attr, assignment]
    monkeypatch.setattr(shopify, "_since", lambda _query: 0.0)
    assert rarely.read(since).idents == [1]
    assert shopify.served > 1


@pytest.mark.parametrize("hours", [-12, 0, 14])
def test_the_overlap_outlasts_any_time_zone(shopify: FakeShopify, rarely: Reader, hours: int) -> None:
    """Even a shop that rounds to its own midnight hides nobody."""
    since = everybody(shopify, rarely, range(1, 4))
    shopify.change(1)
    since = rarely.read(since).end.cursor  # type: ignore[union-attr, assignment]
    shopify.add(9, at=shopify.clock() + 1)
    rounding = shopify._since

    def rounded(query: str) -> float:
        midnight = rounding(query) // DAY * DAY - hours * 3600
        return midnight if midnight >= rounding(query) else midnight + DAY  # the worst of both

    shopify._since = rounded  # type: ignore[method-assign]
    assert 9 in rarely.read(since).idents


def test_pages(shopify: FakeShopify, rarely: Reader) -> None:
    since = everybody(shopify, rarely, range(1, 3))
    for number in range(100, 1100):
        shopify.add(number, at=shopify.clock() - 5000 + number // 2)  # two of every second
    took = rarely.read(since)
    assert took.idents[-1000:] == list(range(100, 1100))
    assert len(took.idents) == len(set(took.idents))
    assert shopify.seen.count(PAGE) == 5


def test_rows_that_move_between_pages(shopify: FakeShopify, rarely: Reader) -> None:
    """Whoever changes meanwhile comes again at the end, as they are then; whoever vanishes takes nobody along."""
    since = everybody(shopify, rarely, range(1, 3))
    for number in range(100, 1100):
        shopify.add(number, at=shopify.clock() - 5000 + number)

    def meanwhile(name: str) -> None:
        if name == PAGE and shopify.seen.count(PAGE) == 2:
            shopify.change(100, email="moved@example.org")  # read on the first page
            shopify.change(999, firstName="Anew")  # not yet read
            for number in (349, 350, 800):  # the last one of a page, the next one, a later one
                shopify.customers.pop(number, None)

    shopify.before = meanwhile
    took = rarely.read(since)
    assert set(took.idents) >= set(range(100, 1100)) - {349, 350, 800}
    assert len(took.idents) == len(set(took.idents))
    assert rarely.record(100, took).email == "moved@example.org"
    assert rarely.record(999, took).profile["first_name"] == "Anew"


def test_the_cursor_never_passes_what_was_read(shopify: FakeShopify, rarely: Reader) -> None:
    since = everybody(shopify, rarely, (1, 2))
    took = rarely.read(since)
    assert took.cursor == times_of(since), "nothing was changed"
    shopify.add(3, at=shopify.clock() - 500)
    assert rarely.read(since).cursor["changed"] == time_text(shopify.clock() - 500)
    shopify.add(4, at=shopify.clock() + 5 * DAY)
    assert rarely.read(since).cursor["changed"] == time_text(shopify.clock())


def test_a_moved_date_without_a_visible_change(shopify: FakeShopify, rarely: Reader) -> None:
    since = everybody(shopify, rarely, (1, 2))
    before = rarely.record(1, rarely.read())
    shopify.change(1)
    record = rarely.record(1, rarely.read(since))
    assert record._replace(at=before.at, profile=before.profile) == before


def test_very_many_changes_are_read_as_everybody(shopify: FakeShopify, rarely: Reader) -> None:
    since = everybody(shopify, rarely, range(10_001))
    for number in range(10_001):
        shopify.change(number)
    took = rarely.read(since)
    assert took.end is not None
    assert took.end.complete
    assert RUN in shopify.seen


def test_pages_that_lead_back_to_themselves(shopify: FakeShopify, rarely: Reader) -> None:
    since = everybody(shopify, rarely, (1, 2))
    page = {"customers": {"pageInfo": {"hasNextPage": True, "endCursor": None}, "nodes": []}}
    shopify.script[PAGE] = planned(Reply(200, orjson.dumps({"data": page})))
    assert "had returned before" in rarely.fails(since).message


@pytest.mark.parametrize("seed", range(3))
def test_increments_are_what_a_full_read_is(shopify: FakeShopify, seed: int) -> None:
    """Where every change moves a date; those that do not, and deletions, come with the next full read."""
    chance = random.Random(seed)
    watched = Watched()
    rarely = open_source(shopify.settings(reconcile_every="900d"), watched)
    everybody = open_source(shopify.settings(), watched)
    numbers = [shopify.add_customer(f"p{n}@mail.example", consent=n % 2 == 0) for n in range(20)]
    known = Known()
    known.run(rarely)
    shopify.seen.clear()
    for step in range(10):
        for _ in range(chance.randint(0, 5)):
            shopify.now += chance.choice((0, 1, 30, 4000, 90_000))
            number = chance.choice(numbers)
            match chance.randint(0, 3):
                case 0:
                    numbers.append(shopify.add_customer(f"p{100 + len(numbers)}@mail.example", consent=True))
                case 1:
                    shopify.add_order(number, f"{chance.randint(1, 99)}.50")
                case 2:
                    shopify.change(number, state=chance.choice(("SUBSCRIBED", "UNSUBSCRIBED", "PENDING")))
                case 3:
                    shopify.change_profile(number, city=f"Ort {step}")
        known.run(rarely)
    assert RUN not in shopify.seen
    found, fresh = known.run(rarely), Known().run(everybody)
    assert {email: (person.consent, person.purchases) for email, person in found.items()} == {
        email: (person.consent, person.purchases) for email, person in fresh.items()
    }
    rarely.close()
    everybody.close()


# How often everybody is read


def test_everybody_is_read_again_in_time(shopify: FakeShopify, reader: Reader) -> None:
    people(shopify, (1, 2))
    first = reader.read().end
    assert first is not None
    shopify.now += DAY - 3600
    second = reader.read(first.cursor)
    assert RUN not in shopify.seen
    assert second.end is not None
    shopify.now += 3600
    third = reader.read(second.end.cursor)
    assert RUN in shopify.seen
    assert third.end is not None
    assert third.end.complete
    assert third.cursor["everybody"] == time_text(shopify.clock() - reader.waits[-1] - reader.waits[-2])


def test_every_run_reads_everybody_if_asked_to(shopify: FakeShopify) -> None:
    reader = Reader(shopify, reconcile_every=0)
    shopify.add(1)
    end = reader.read().end
    assert end is not None
    reader.read(end.cursor)
    assert RUN in shopify.seen
    reader.source.close()


@pytest.mark.parametrize(
    "cursor", ["", "x", "{}", "[]", '{"changed": "2026-01-01T00:00:00Z"}', '{"changed": 1, "everybody": 2}']
)
def test_a_cursor_that_is_none_reads_everybody(shopify: FakeShopify, reader: Reader, cursor: str) -> None:
    shopify.add(1)
    assert reader.read(cursor).end.complete  # type: ignore[union-attr]


def test_a_clock_that_was_put_back_reads_everybody(shopify: FakeShopify, reader: Reader) -> None:
    shopify.add(1)
    end = reader.read().end
    assert end is not None
    shopify.now -= 10 * DAY
    reader.read(end.cursor)
    assert RUN in shopify.seen


# What a query costs


def test_throttled(shopify: FakeShopify, rarely: Reader) -> None:
    """The wait is what the price tag says: what is missing, at the rate it comes back."""
    since = everybody(shopify, rarely, (1, 2))
    for number in range(100, 1100):
        shopify.add(number, at=shopify.clock() - 5000 + number)
    shopify.maximum, shopify.restore_rate = 1000.0, 50.0
    rarely.waits.clear()
    took = rarely.read(since)
    assert len(took.idents) == 1002 - took.idents.count(0)
    assert rarely.traffic.retries == len(rarely.waits) == 4
    expected = (752 - 246) / 50  # a full bucket of 1000, less one count and one page
    assert expected <= rarely.waits[0] <= expected + 1.1


def test_429(shopify: FakeShopify, reader: Reader) -> None:
    shopify.add(1)
    limit = Reply(429, b'{"errors":"Exceeded 2 calls per second"}')
    shopify.script[COUNT] = planned(limit._replace(headers={"Retry-After": "7"}), limit, limit)
    assert reader.read().idents == [1]
    assert 7 <= reader.waits[0] <= 8
    assert reader.waits[1] < 2


def test_a_query_that_is_too_expensive_gets_smaller(shopify: FakeShopify, rarely: Reader) -> None:
    since = everybody(shopify, rarely, (1, 2))
    for number in range(100, 300):
        shopify.add(number, at=shopify.clock() - 5000 + number)
    shopify.max_cost = 200.0
    took = rarely.read(since)
    assert took.idents[-200:] == list(range(100, 300))
    assert shopify.served == len(took.idents)
    assert shopify.seen.count(PAGE) == 2 + 4, "250 and 125 are too many, 62 are not"


def test_a_query_that_is_always_too_expensive(shopify: FakeShopify, rarely: Reader) -> None:
    since = everybody(shopify, rarely, (1, 2))
    shopify.max_cost = 4.0
    assert "exceeds the single query max cost" in rarely.fails(since).message


# What breaks


BROKEN = {
    "502": html(502),
    "html": html(200),
    "cut json": Reply(200, b'{"data":{"customersCount":{"cou'),
    "cut off": Reply(200, b'{"data":{"customersCount":{"count":1}}}', cut=10),
    "reset": RESET,
    "internal": errors("INTERNAL_SERVER_ERROR", "Internal error. Looks like something went wrong on our end."),
    "nothing": Reply(200, b"{}"),
    "null": Reply(200, b'{"data":null}'),
}


@pytest.mark.parametrize("name", [COUNT, RUN, POLL])
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_what_breaks_is_tried_again(shopify: FakeShopify, reader: Reader, name: str, broken: Reply) -> None:
    shopify.add(1)
    shopify.script[name] = planned(broken, broken)
    assert reader.read().idents == [1]
    assert reader.traffic.retries == 2
    assert reader.traffic.requests == len(shopify.seen)


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_what_stays_broken_is_temporary(shopify: FakeShopify, reader: Reader, broken: Reply) -> None:
    shopify.script["*"] = planned(*[broken] * 200)
    assert isinstance(reader.fails(), TemporaryError)
    assert reader.passed <= 300


# Who may see what


def test_a_scope_that_is_missing(shopify: FakeShopify, rarely: Reader) -> None:
    """Data comes beside the error, with nulls that mean nothing."""
    since = everybody(shopify, rarely, (1, 2))
    shopify.change(1)
    shopify.scopes = frozenset({"read_customers"})
    error = rarely.fails(since)
    assert isinstance(error, AuthError)
    assert "lacks the scope read_orders" in error.message
    shopify.scopes = frozenset({"read_orders"})
    assert "lacks the scope read_customers" in rarely.fails(since).message
    assert "lacks the scope read_customers" in rarely.fails().message


def test_personal_data_that_is_kept_back(shopify: FakeShopify, rarely: Reader) -> None:
    """A null that comes with an error is no customer without an address."""
    since = everybody(shopify, rarely, (1, 2))
    shopify.change(1)
    shopify.personal_data = False
    error = rarely.fails(since)
    assert isinstance(error, AuthError)
    assert "protected customer data" in error.message
    assert "level 2" in (error.hint or "")
    assert isinstance(rarely.fails(), AuthError)


def test_not_one_address_of_many_customers(shopify: FakeShopify, reader: Reader) -> None:
    """Kept back without a word."""
    for number in range(20):
        shopify.add(number, None)
    error = reader.fails()
    assert isinstance(error, AuthError)
    assert "no e-mail address of any of the 20 customers" in error.message


def test_not_one_address_of_few_customers(shopify: FakeShopify, reader: Reader) -> None:
    shopify.add(1, None)
    took = reader.read()
    assert took.end is not None
    assert not took.end.complete, "nobody counts as gone"


def test_a_token_that_was_revoked(shopify: FakeShopify, reader: Reader) -> None:
    shopify.tokens.clear()
    error = reader.fails()
    assert isinstance(error, AuthError)
    assert "refuses the access token (401" in error.message
    assert "revoked" in (error.hint or "")
    assert shopify.seen == [COUNT]


def test_credentials_become_a_token(shopify: FakeShopify, by_client: Reader) -> None:
    shopify.add(1)
    by_client.read()
    by_client.read()
    assert by_client.traffic.requests == 1 + 6 + 6
    assert by_client.redact("shpat_1-for-a-day") == "***"


def test_a_token_is_renewed_before_it_runs_out(shopify: FakeShopify, by_client: Reader) -> None:
    shopify.add(1)
    by_client.read()
    by_client.passed += 0.95 * shopify.token_life
    assert by_client.read().idents == [1]
    assert shopify.seen[:2] == ["token", COUNT]


def test_a_token_that_runs_out_early_is_renewed_once(shopify: FakeShopify, by_client: Reader) -> None:
    shopify.add(1)
    shopify.before = lambda name: shopify.tokens.clear() if name == POLL and shopify.seen.count(POLL) == 2 else None
    assert by_client.read().idents == [1]
    assert shopify.seen.count("token") == 2
    assert by_client.traffic.retries == 0
    shopify.before = lambda name: shopify.tokens.clear() if name != "token" else None
    error = by_client.fails()
    assert isinstance(error, AuthError)
    assert "401" in error.message


def test_wrong_credentials(shopify: FakeShopify) -> None:
    reader = Reader(shopify, client_id="other", client_secret="wrong-4711")
    error = reader.fails()
    assert isinstance(error, AuthError)
    assert "invalid_client" in error.message
    assert "wrong-4711" not in f"{error} {error.hint}"
    assert shopify.seen == ["token"]
    reader.source.close()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("Oauth error shop_not_permitted: Client credentials cannot be performed on this shop.", "same organisation"),
        ("Oauth error app_not_installed: The app is not installed on this shop.", "install the app"),
        ("Oauth error application_cannot_be_found: no such api_key", "check source.client_id"),
    ],
)
def test_no_token_for_this_shop(shopify: FakeShopify, by_client: Reader, text: str, hint: str) -> None:
    shopify.script["token"] = planned(Reply(400, f"<html>{text}</html>".encode()))
    assert hint in (by_client.fails().hint or "")


def test_a_token_endpoint_that_is_busy(shopify: FakeShopify, by_client: Reader) -> None:
    shopify.add(1)
    shopify.script["token"] = planned(html(503), Reply(429, b"", {"Retry-After": "3"}), html(200))
    assert by_client.read().idents == [1]
    assert by_client.traffic.retries == 3


REFUSALS: dict[str, tuple[Reply, type[CrsyncError], str]] = {
    "no such shop": (html(404), UsageError, "there is no shop my-shop.myshopify.com"),
    "no such version": (Reply(404, b'{"errors":"Not Found"}'), UsageError, "no API version 2026-07"),
    "another name": (
        Reply(301, b"", {"Location": "https://www.shop.example/admin/api"}),
        UsageError,
        "not the shop's own name at Shopify: it redirects to https://www.shop.example",
    ),
    "frozen": (Reply(402, b'{"errors":"Unavailable Shop"}'), AuthError, "closed or locked (402: Unavailable Shop)"),
    "locked": (html(423), AuthError, "closed or locked (423"),
    "forbidden": (Reply(403, b'{"errors":"[API] no"}'), AuthError, "does not allow this (403: [API] no)"),
    "odd": (Reply(418, b'{"errors":"teapot"}'), CrsyncError, "refused the request (418: teapot)"),
    "query": (errors("undefinedField", "Field 'x' doesn't exist"), UsageError, "API version 2026-07: Shopify refuses"),
}


@pytest.mark.parametrize(("answer", "kind", "words"), REFUSALS.values(), ids=REFUSALS)
def test_refusals_in_plain_words(
    shopify: FakeShopify, reader: Reader, answer: Reply, kind: type[CrsyncError], words: str
) -> None:
    shopify.script[COUNT] = planned(answer)
    error = reader.fails()
    assert type(error) is kind or kind is CrsyncError
    assert words in error.message
    assert shopify.seen == [COUNT], "nothing that repeating does not change is repeated"


def test_a_version_that_is_not_there_yet(shopify: FakeShopify) -> None:
    reader = Reader(shopify, api_version="2031-01")
    assert "no API version 2031-01" in reader.fails().message
    reader.source.close()


def test_a_version_that_ran_out_is_a_warning(shopify: FakeShopify) -> None:
    reader = Reader(shopify, api_version="2025-04")
    shopify.add(1)
    assert reader.read().idents == [1]
    (warning,) = reader.source.warnings
    assert "API version 2026-01 instead of 2025-04" in warning
    reader.source.close()


def test_the_version_asked_for_is_no_warning(shopify: FakeShopify, reader: Reader) -> None:
    reader.read()
    assert reader.source.warnings == []


# A look at the shop


def looked(reader: Reader) -> list[tuple[str, bool]]:
    return [(sight.message, sight.hint is not None) for sight in reader.source.inspect()]


def test_a_look_at_the_shop(shopify: FakeShopify, reader: Reader) -> None:
    people(shopify, range(1, 71))
    shopify.add(0, None)
    assert looked(reader) == [
        ("shop 'My Shop': 71 customers, guests included (API version 2026-07)", False),
        ("1 of 50 customers looked at have no e-mail address", True),
        ("consent can be read: 49 yes", False),
        ("number, sum and last date of the orders can be read; a last order older than 60 days may be missing", False),
    ]
    assert shopify.seen == ["Installation", COUNT, PAGE]


def test_a_look_shows_what_is_odd(shopify: FakeShopify, reader: Reader) -> None:
    shopify.scopes |= {"read_all_orders"}
    shopify.version = "2026-10"
    for number in range(4):
        shopify.add(number, None)
    shopify.add(5, state="UNSUBSCRIBED")
    found = looked(reader)
    assert [hint for _, hint in found] == [True, True, False, False]
    assert "1 opted_out" in found[2][0]
    assert "60 days" not in found[3][0]


def test_a_look_without_access(shopify: FakeShopify, reader: Reader) -> None:
    people(shopify, (1, 2))
    shopify.scopes = frozenset({"read_customers"})
    with pytest.raises(AuthError, match="read_orders"):
        list(reader.source.inspect())
    shopify.scopes, shopify.personal_data = shopify.scopes | {"read_orders"}, False
    with pytest.raises(AuthError, match="protected customer data"):
        list(reader.source.inspect())


def test_a_look_at_an_empty_shop(shopify: FakeShopify, reader: Reader) -> None:
    assert [message for message, _ in looked(reader)][:2] == [
        "shop 'My Shop': 0 customers, guests included (API version 2026-07)",
        "consent can be read",
    ]
