"""Of a change that a target confirms in part only, that part is remembered, and the rest is sent again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from cleverreach_sync.domain.decision import WHOLE, Change, Part
from cleverreach_sync.targets.cleverreach.target import CleverReach
from cleverreach_sync.targets.interface import RowAnswer
from tests.e2e.people import BUYER, SUBSCRIBER, both, opted_out
from tests.e2e.program import Shop

ANNA = "anna@example.org"
LESS = {
    Part.STATUS: lambda change: change._replace(status=None, at=None),
    Part.FIELDS: lambda change: change._replace(attributes={}),
    Part.TAGS: lambda change: change._replace(tags_added=(), tags_removed=()),
}


@pytest.fixture
def forgetful(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Callable[[Part], None]:
    """Makes the next write lack a part, and its answer say so."""
    carry_out = CleverReach.deliver
    lacking: list[Part] = []

    def deliver(self: CleverReach, changes: Sequence[Change]) -> Iterator[tuple[str, RowAnswer]]:
        if not lacking:
            return carry_out(self, changes)
        part = lacking.pop()
        less = carry_out(self, [LESS[part](change) for change in changes])
        return ((email, answer._replace(confirmed=WHOLE & ~part)) for email, answer in less)

    monkeypatch.setattr(CleverReach, "deliver", deliver)
    return lacking.append


@pytest.mark.parametrize("part", [Part.FIELDS, Part.TAGS])
def test_data_and_tags_are_sent_again(shop: Shop, forgetful: Callable[[Part], None], part: Part) -> None:
    shop.write(both(ANNA, city="Kiel", subscribed_at="2026-01-01"))
    forgetful(part)
    assert shop.sync().counts == {"created": 1}
    assert bool(shop.list()[ANNA].values) is (part is Part.TAGS)
    assert bool(shop.list()[ANNA].tags) is (part is Part.FIELDS)
    assert shop.agreed_sync().counts == {"updated": 1}
    assert (shop.list()[ANNA].values, shop.list()[ANNA].tags) == ({"city": "Kiel"}, {SUBSCRIBER, BUYER})
    assert (shop.agreed_sync().writes, shop.list()[ANNA].active) == (0, True)


@pytest.mark.parametrize("part", [Part.STATUS, Part.TAGS])
def test_an_end_is_written_until_all_of_it_is_confirmed(
    shop: Shop, forgetful: Callable[[Part], None], part: Part
) -> None:
    shop.write(both(ANNA, subscribed_at="2026-01-01"))
    shop.sync()
    shop.write(opted_out(ANNA, subscribed_at="2026-09-20"))
    forgetful(part)
    first = shop.sync()
    assert first.counts == {"rejected": 1}
    assert shop.sync().counts == {"deactivated": 1}
    assert (shop.list()[ANNA].active, shop.list()[ANNA].tags) == (False, {BUYER})
    assert shop.agreed_sync().writes == 0
