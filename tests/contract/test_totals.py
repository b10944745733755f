"""Shops whose totals never fit what they show: a plug-in hides rows, or counts others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from cleverreach_sync.sources.interface import Source
from tests.shops.contract import FakeShop
from tests.shops.magento2 import FakeMagento
from tests.shops.plentymarkets import PlentySystem
from tests.shops.reading import Watched, close, open_source, read
from tests.shops.server import Answering, Asked, Reply
from tests.shops.shopware5 import FakeShopware5
from tests.shops.shopware6 import FakeShopware
from tests.shops.woocommerce import WooShop


@pytest.fixture(
    params=[WooShop, PlentySystem, FakeShopware, FakeShopware5, FakeMagento],
    ids=["woocommerce", "plentymarkets", "shopware6", "shopware5", "magento2"],
)
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
        rb'("(?:totalsCount|total_count|total)": ?)([1-9]\d*)',
        lambda found: found[1] + str(int(found[2]) + number).encode(),
        reply.body,
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
    assert any("does not match" in warning for warning in source.warnings)
    for name, reading in found.items():
        if reading.end is not None and reading.end.cursor is not None:
            assert read(source, name, reading.end.cursor).end is not None, "an increment ends, too"


def hiding(asked: Asked, answer: Answering) -> Reply:
    """Every seventh row is hidden, as by a plug-in, but counted."""
    return kept(answer(asked), lambda row: int(str(row.get("id", row.get("entity_id"))).replace(".", ""), 16) % 7 > 0)


def nothing(asked: Asked, answer: Answering) -> Reply:
    return kept(answer(asked), lambda _: False)


def kept(reply: Reply, shown: Callable[[dict[str, Any]], bool]) -> Reply:
    """The answer with some of its rows."""
    body = orjson.loads(reply.body or b"null")
    names = ("data", "entries", "items")
    lists = [body] if isinstance(body, list) else [body[name] for name in names if name in (body or ())]
    rows = lists[0] if lists else None
    if not isinstance(rows, list):
        return reply
    rows[:] = [row for row in rows if shown(row)]
    return reply._replace(body=orjson.dumps(body))


def test_who_is_hidden_hides_nobody_else(shop: FakeShop, source: Source) -> None:
    for customer in range(250):
        shop.add_customer(f"p{customer}@mail.example", consent=True)
    shop.fail(hiding, 100_000)
    for stream in source.streams():
        first = read(source, stream.name)
        assert first.end is not None
        if first.rows:
            assert len({row.ident for row in first.rows}) == len(first.rows) > 190
            assert not first.end.complete
    assert any("does not match" in warning for warning in source.warnings)


def test_a_shop_that_counts_but_shows_nobody(shop: FakeShop, source: Source) -> None:
    """The run ends, nobody is gone, and the next one reads from where this one did."""
    shop.add_order(shop.add_customer("anna@mail.example", consent=True))
    shop.fail(nothing, 100_000)
    for stream in source.streams():
        found = read(source, stream.name)
        assert found.end is not None
        assert found.rows == []
        assert not (found.end.complete and found.end.cursor), stream.name
    assert source.warnings
