"""Nobody is made active again unless they stand in the list as the last write left them, or agreed later than anything
that happened to them there: what is remembered may come from a backup."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from starlette.responses import Response

from tests.e2e.gate import Answered, Asked, Gate
from tests.e2e.people import BUYER, SUBSCRIBER, S, both, buyer, opted_out
from tests.e2e.program import Shop

ANNA = "anna@example.org"
TODAY = "2026-09-21"


class Backup:
    """A copy of the whole state folder, and the way back to it."""

    def __init__(self, shop: Shop) -> None:
        self._state, self._copy = shop.folder / ".crsync", shop.folder / "backup"
        shutil.copytree(self._state, self._copy)

    def restore(self) -> None:
        shutil.rmtree(self._state)
        shutil.copytree(self._copy, self._state)


def by_the_shop(shop: Shop) -> None:
    """They agree, are mailed, and opt out again."""
    shop.write(both(ANNA, subscribed_at="2026-09-23"))
    shop.sync()
    assert shop.list()[ANNA].active
    shop.later(days=5)
    shop.write(opted_out(ANNA, subscribed_at="2026-09-27"))
    shop.sync()


def by_other_hands(shop: Shop) -> None:
    shop.put(ANNA, activated=shop.now)
    shop.later(days=5)
    shop.put(ANNA, activated=0)


def by_an_import_that_changes_nothing_else(shop: Shop) -> None:
    shop.later(days=5)
    shop.put(ANNA, activated=0)


def by_a_tag(shop: Shop) -> None:
    shop.later(days=5)
    shop.put(ANNA, tags=["Other.Tag"])


WAYS = (by_the_shop, by_other_hands, by_an_import_that_changes_nothing_else, by_a_tag)


class TestRestored:
    def ended(self, shop: Shop) -> Backup:
        shop.write(both(ANNA, subscribed_at="2026-01-01"))
        shop.sync()
        shop.write(opted_out(ANNA, subscribed_at="2026-03-01"))
        shop.sync()
        backup = Backup(shop)
        shop.later(days=3)
        return backup

    @pytest.mark.parametrize("leaves", WAYS)
    def test_an_old_yes_after_an_end(self, shop: Shop, leaves: Callable[[Shop], None]) -> None:
        backup = self.ended(shop)
        leaves(shop)
        backup.restore()
        shop.write(both(ANNA, subscribed_at="2026-09-23"))
        shop.later(days=1)
        assert shop.agreed_sync().doc["activation"]["activated"] == 0
        assert not shop.list()[ANNA].active
        # Nor after data of theirs were written, which changes the stamps once more.
        shop.write(both(ANNA, subscribed_at="2026-09-23", first_name="Anna"))
        for ran in (shop.sync(), shop.resync(), shop.agreed_sync()):
            assert ran.doc["activation"]["activated"] == 0
        assert not shop.list()[ANNA].active
        assert SUBSCRIBER not in shop.list()[ANNA].tags
        shop.later(days=9)
        shop.write(both(ANNA, subscribed_at="2026-10-05"))
        assert shop.agreed_sync().doc["activation"]["activated"] == 1
        assert shop.list()[ANNA].active
        assert SUBSCRIBER in shop.list()[ANNA].tags

    @pytest.mark.parametrize("leaves", WAYS)
    @pytest.mark.parametrize("again", [buyer(ANNA), both(ANNA), both(ANNA, subscribed_at="2026-09-23")])
    def test_somebody_created_inactive(self, shop: Shop, leaves: Callable[[Shop], None], again: dict[str, str]) -> None:
        shop.config(activate=[S])
        shop.write(buyer(ANNA))
        shop.sync()
        backup = Backup(shop)
        shop.later(days=3)
        leaves(shop)
        backup.restore()
        shop.config(activate=None)
        for cells in ({}, {"first_name": "Anna"}, {}):
            shop.write({**again, **cells})
            shop.later(days=1)
            assert shop.sync().doc["activation"]["activated"] == 0
            assert shop.resync().doc["activation"]["activated"] == 0
        assert not shop.list()[ANNA].active
        assert BUYER in shop.list()[ANNA].tags
        shop.later(days=9)
        shop.write(both(ANNA, subscribed_at="2026-10-07"))
        assert shop.agreed_sync().doc["activation"]["activated"] == 1
        assert shop.list()[ANNA].active

    def test_nothing_happened_since(self, shop: Shop) -> None:
        """A date before the end was written, but after the end itself, is enough then."""
        backup = self.ended(shop)
        backup.restore()
        shop.write(both(ANNA, subscribed_at="2026-03-02"))
        assert shop.agreed_sync().doc["activation"]["activated"] == 1
        assert shop.list()[ANNA].active


def test_a_recipient_made_anew_by_others(shop: Shop) -> None:
    """Another ID is another recipient: pending at a form, say."""
    shop.write(both(ANNA, subscribed_at="2026-01-01"))
    shop.sync()
    shop.write(opted_out(ANNA, subscribed_at="2026-03-01"))
    shop.sync()
    shop.later(days=3)
    shop.state.delete(ANNA)
    shop.state.subscribe(ANNA, shop.list_id, confirmed=False)
    shop.write(both(ANNA, subscribed_at=TODAY))
    shop.agreed_sync()
    assert not shop.list()[ANNA].active


def test_stamps_that_are_not_given_are_not_compared(shop: Shop, gate: Gate) -> None:
    def meddle(_asked: Asked, carry_out: Answered) -> Response:
        response = carry_out()
        rows: Any = json.loads(bytes(response.body) or b"null")
        for row in rows if isinstance(rows, list) else []:
            row.pop("last_changed", None)
        return Response(json.dumps(rows), response.status_code)

    gate.meddle = meddle
    shop.write(both(ANNA, subscribed_at="2026-01-01"))
    shop.sync()
    shop.write(opted_out(ANNA, subscribed_at="2026-03-01"))
    shop.sync()
    shop.later(days=3)
    shop.put(ANNA, tags=["Other.Tag"])
    shop.write(both(ANNA, subscribed_at=TODAY))
    assert shop.agreed_sync().doc["activation"]["activated"] == 1
