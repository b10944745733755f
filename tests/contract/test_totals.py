"""Shops whose totals never fit what they show: a plug-in hides rows, or counts others."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from cleverreach_sync.sources.interface import Source
from tests.shops.contract import FakeShop
from tests.shops.plentymarkets import PlentySystem
from tests.shops.reading import Watched, close, open_source, read
from tests.shops.server import Answering, Asked, Reply
from tests.shops.woocommerce import WooShop


@pytest.fixture(params=[WooShop, PlentySystem], ids=["woocommerce", "plentymarkets"])
def shop(request: pytest.FixtureRequest) -> Iterator[FakeShop]:
    found: FakeShop = request.param()
    yield found
    found.close()


@pytest.fixture
def source(shop: FakeShop) -> Iterator[Source]:
    found = open_source(shop.settings(), Watched(), shop.secrets())
    yield found
    close(found)


def off_by(number: int, asked: Asked, answer: Answering) -> Reply:
    """The answer with another total, but for a list that is empty."""
    reply = answer(asked)
    headers = {
        name: str(int(value) + number) if name.lower() == "x-wp-total" and int(value) else value
        for name, value in reply.headers.items()
    }
    body = re.sub(
        rb'("totalsCount": ?)([1-9]\d*)', lambda found: found[1] + str(int(found[2]) + number).encode(), reply.body
    )
    return reply._replace(headers=headers, body=body)


@pytest.mark.parametrize("number", [1, 7, 1000])
def test_everybody_is_read_and_nobody_is_gone(shop: FakeShop, source: Source, number: int) -> None:
    expected = set()
    for customer in range(130):
        shop.add_customer(f"p{customer}@mail.example", consent=True)
        expected.add(f"p{customer}@mail.example")
    shop.fail(lambda asked, answer: off_by(number, asked, answer), 100_000)
    found = {stream.name: read(source, stream.name) for stream in source.streams()}
    assert {row.email for reading in found.values() for row in reading.rows} == expected
    for reading in found.values():
        assert reading.end is not None
        assert not (reading.end.complete and reading.rows), "nobody may be taken for gone"
    assert any("never fits" in warning for warning in source.warnings)
