"""Answers of every shop with something odd in them: a source raises errors of the tree, and no others."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress

import pytest

from cleverreach_sync.errors import CrsyncError
from tests.odd_json import mutated
from tests.shops.contract import FAKES_OF_SOURCES, FakeShop
from tests.shops.reading import Known, Watched, close, open_source
from tests.shops.server import Answering, Asked, Reply

ROUNDS = 12


def filled(kind: str) -> FakeShop:
    shop = FAKES_OF_SOURCES[kind]()
    for number in range(3):
        customer = shop.add_customer(f"p{number}@mail.example", consent=number % 2 == 0, first_name="Anna", city="Bonn")
        shop.add_order(customer, "12.50")
    shop.add_guest_order("guest@post.example", "3.00")
    return shop


def tried(work: Callable[[], object]) -> None:
    ended: CrsyncError | None = None
    try:
        work()
    except CrsyncError as error:  # anything else is raised
        ended = error
    assert ended is None or (ended.code in (2, 5, 6) and len(ended.message) < 2000), ended


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", FAKES_OF_SOURCES)
def test_only_errors_of_the_tree(kind: str, seed: int) -> None:
    chance = random.Random(f"{kind} {seed}")
    shop = filled(kind)

    def odd(asked: Asked, answer: Answering) -> Reply:
        reply = answer(asked)
        return reply if chance.random() < 0.6 else reply._replace(body=mutated(reply.body, chance))

    for number in range(ROUNDS):
        watched = Watched(retry_for=chance.choice((0.0, 2.0)))
        source = open_source(shop.settings(), watched, shop.secrets())
        known = Known()
        if number % 3 == 0:  # an increment goes other ways
            shop.well()
            tried(lambda source=source, known=known: known.run(source))  # type: ignore[misc]
            shop.now += 4000
        shop.fail(odd, 10_000)
        tried(lambda source=source: list(source.inspect()))  # type: ignore[misc]
        tried(lambda source=source, known=known: known.run(source))  # type: ignore[misc]
        shop.well()
        with suppress(CrsyncError):
            close(source)
    shop.close()
