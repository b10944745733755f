"""Numbers and dates that cannot be, in the headers of every shop: they say nothing, and end no run as a bug."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cleverreach_sync.errors import CrsyncError, TemporaryError
from cleverreach_sync.sources.interface import Source
from tests.shops.contract import FAKES_OF_SOURCES, FakeShop
from tests.shops.reading import Watched, close, open_source, read
from tests.shops.server import Answering, Asked, Reply, answering

DATES = (
    *("", "x", "-1", "1e308", "9" * 400, "Sun, 22 Nov 99999999999 00:00:00 GMT", "Sun, 22 Nov 9999 00:00:00 -2359"),
    *("Mon, 01 Jan 0001 00:00:00 +1400", "Sun, 22 Nov 2026 00:00:00 +9999", "Thu, 01 Jan 1970 00:00:00 GMT"),
)
NUMBERS = ("1e308", "-1e308", "nan", "inf", "-7", "9" * 400, "\u00b2", "1_0", "0x10")
COUNTS = ("x-wp-total", "x-plenty-global-short-period-calls-left", "x-plenty-global-short-period-decay", "age")


@pytest.fixture(params=FAKES_OF_SOURCES)
def shop(request: pytest.FixtureRequest) -> Iterator[FakeShop]:
    found = FAKES_OF_SOURCES[request.param]()
    found.add_customer("anna@mail.example", consent=True)
    yield found
    found.close()


@pytest.fixture
def watched() -> Watched:
    return Watched(retry_for=20)


@pytest.fixture
def source(shop: FakeShop, watched: Watched) -> Iterator[Source]:
    found = open_source(shop.settings(), watched, shop.secrets())
    yield found
    close(found)


def with_headers(shop: FakeShop, **headers: str) -> None:
    """Every answer from now on has these, in place of its own of that name."""

    def fault(asked: Asked, answer: Answering) -> Reply:
        reply = answer(asked)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        own = {name: value for name, value in reply.headers.items() if name.lower() not in map(str.lower, named)}
        return reply._replace(headers={**own, **named})

    shop.fail(fault, 10_000)


def emails(source: Source) -> set[str]:
    return {row.email for stream in source.streams() for row in read(source, stream.name).rows}


@pytest.mark.parametrize("date", DATES)
def test_a_date_that_cannot_be(shop: FakeShop, source: Source, date: str) -> None:
    with_headers(shop, Date=date)
    if source.type == "plentymarkets":  # which cannot do without
        with pytest.raises(TemporaryError, match="what time it is"):
            emails(source)
    else:
        list(source.inspect())
        assert "anna@mail.example" in emails(source)
    assert source.clock_ahead is None


@pytest.mark.parametrize("number", NUMBERS)
def test_counts_that_cannot_be(shop: FakeShop, source: Source, number: str) -> None:
    with_headers(shop, **{name.replace("-", "_"): number.encode().decode("latin-1") for name in COUNTS})
    list(source.inspect())
    assert "anna@mail.example" in emails(source)


@pytest.mark.parametrize("pause", [*NUMBERS, *DATES])
def test_a_pause_that_cannot_be(shop: FakeShop, source: Source, watched: Watched, pause: str) -> None:
    shop.fail(answering(429, b"", Retry_After=pause.encode().decode("latin-1")), 10_000)
    with pytest.raises(CrsyncError) as caught:
        emails(source)
    assert caught.value.code == 5
    assert len(watched.waits) < 100


def test_the_shops_clock(shop: FakeShop, source: Source) -> None:
    """The machine's clock stands at 0 here."""
    assert source.clock_ahead is None
    emails(source)
    assert source.clock_ahead == shop.now
