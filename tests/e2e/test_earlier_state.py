"""The state folder of an earlier version is taken over as it is: who stood how in the list, and why."""

from __future__ import annotations

import pytest

from tests.e2e import earlier
from tests.e2e.earlier import BOUGHT, BOUNCED, ENDED, GONE, LEFT, MAILED
from tests.e2e.people import BUYER, SUBSCRIBER, both, buyer, opted_out
from tests.e2e.program import Shop

OTHERS = [both(email, subscribed_at="2026-01-01") for email in (MAILED, LEFT, BOUNCED, GONE)] + [buyer(BOUGHT)]
SKIPPED = {"unsubscribed_in_target": 1, "bounced_in_target": 1, "deleted_in_target": 1}


@pytest.fixture
def taken_over(shop: Shop) -> Shop:
    earlier.lives(shop)
    earlier.take_over(shop, "active-and-inactive")
    shop.later(days=1)
    return shop


def test_nobody_is_sent_again(taken_over: Shop) -> None:
    ran = taken_over.agreed_sync()
    assert (ran.writes, ran.counts) == (0, {"unchanged": 2, "skipped": 4})
    assert {name: number for name, number in ran.skipped.items() if number} == {**SKIPPED, "opted_out": 1}
    assert {email for email, each in taken_over.list().items() if each.active} == {MAILED}


def test_who_was_ended_comes_back_by_a_later_yes_only(taken_over: Shop) -> None:
    shop = taken_over
    for day, active in (("2026-09-22", False), ("2026-09-23", True)):
        shop.write(both(ENDED, subscribed_at=day), *OTHERS)
        ran = shop.agreed_sync()
        assert (shop.list()[ENDED].active, ran.doc["activation"]["activated"]) == (active, int(active))
    assert shop.list()[ENDED].tags == {SUBSCRIBER, BUYER}


def test_who_was_ended_does_not_come_back_when_the_zone_is_set_for_the_first_time(taken_over: Shop) -> None:
    """The day of the withdrawal was read as one of UTC."""
    shop = taken_over
    shop.config(source={"timezone": "America/Los_Angeles"})
    shop.later(days=1)
    for day, active in (("2026-09-22 20:00", False), ("2026-09-23", True)):
        shop.write(both(ENDED, subscribed_at=day), *OTHERS)
        shop.agreed_sync()
        assert shop.list()[ENDED].active == active


def test_who_was_created_inactive_becomes_active_as_they_stand(taken_over: Shop) -> None:
    shop = taken_over
    shop.config(activate=None)
    assert shop.agreed_sync().doc["activation"]["activated"] == 1
    assert {email for email, each in shop.list().items() if each.active} == {MAILED, BOUGHT}


def test_who_left_stays_away(taken_over: Shop) -> None:
    shop = taken_over
    shop.write(opted_out(ENDED, subscribed_at="2026-09-22"), *({**row, "first_name": "New"} for row in OTHERS))
    for ran in (shop.agreed_sync(), shop.resync()):
        assert {name: ran.skipped[name] for name in SKIPPED} == SKIPPED
        assert {row["email"] for row in ran.sent} <= {MAILED, BOUGHT}
    assert GONE not in shop.list()
