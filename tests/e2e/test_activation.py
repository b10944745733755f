"""Whom a run makes active: new people, those created inactive, and who gives consent again."""

from __future__ import annotations

import pytest

from tests.e2e.people import BUYER, NOW, SUBSCRIBER, B, C, S, at, both, buyer, neither, opted_out, person, subscriber
from tests.e2e.program import Shop

ANNA, BEN = "anna@example.org", "ben@example.org"
STAMPS = {"activated", "registered", "deactivated"}


class TestNewPeople:
    def test_stamps(self, shop: Shop) -> None:
        shop.write(
            subscriber("dated@example.org", subscribed_at="2025-03-04", created_at="2020-01-02"),
            subscriber("undated@example.org"),
            buyer("buyer@example.org", subscribed_at="2025-03-04", created_at="2021-01-02T10:00:00Z"),
            subscriber("tomorrow@example.org", subscribed_at="2030-01-01", created_at="2030-01-01"),
        )
        shop.sync()
        found = shop.list()
        assert (found["dated@example.org"].activated, found["dated@example.org"].registered) == (
            at("2025-03-04"),
            at("2020-01-02"),
        )
        assert found["undated@example.org"].activated == NOW
        assert found["buyer@example.org"].activated == NOW, "the date of a no is no date of consent"
        assert found["buyer@example.org"].registered == at("2021-01-02") + 36000
        assert found["tomorrow@example.org"].activated == NOW
        assert found["tomorrow@example.org"].registered <= NOW
        assert all(recipient.active and recipient.deactivated == 0 for recipient in found.values())

    def test_kinds_that_are_not_activated_are_created_inactive(self, shop: Shop) -> None:
        shop.config(tags=[S, B, C], activate=[S])
        shop.write(
            subscriber("s@example.org"), buyer("b@example.org"), both("sb@example.org"), neither("c@example.org")
        )
        ran = shop.agreed_sync()
        assert {email: r.active for email, r in shop.list().items()} == {
            "s@example.org": True,
            "b@example.org": False,
            "sb@example.org": True,
            "c@example.org": False,
        }
        assert ran.doc["activation"] == {
            "created_active": 2,
            "created_inactive": 2,
            "activated": 0,
            "without_consent": 0,
        }
        assert ran.sent_to("b@example.org")["activated"] == 0
        assert shop.list()["b@example.org"].deactivated == 0
        assert shop.sync().writes == 0

    def test_without_consent_counts_who_is_active_without_a_yes(self, shop: Shop) -> None:
        shop.config(tags=[S, B, C])
        shop.write(subscriber(ANNA), buyer("b@example.org"), person("u@example.org", orders="1"), neither(BEN))
        ran = shop.agreed_sync()
        assert ran.doc["activation"]["created_active"] == 4
        assert ran.doc["activation"]["without_consent"] == 3

    def test_nobody_who_exists_gets_a_stamp(self, shop: Shop) -> None:
        shop.put(ANNA, activated=at("2019-01-01"), registered=at("2018-01-01"))
        shop.write(subscriber(ANNA, subscribed_at="2025-01-01", created_at="2020-01-01"))
        for ran in (shop.sync(), shop.resync()):
            assert STAMPS.isdisjoint(ran.sent_to(ANNA))
        assert shop.list()[ANNA].activated == at("2019-01-01")
        assert shop.list()[ANNA].registered == at("2018-01-01")

    def test_somebody_of_a_form_who_never_confirmed_stays_pending(self, shop: Shop) -> None:
        shop.state.subscribe(ANNA, shop.list_id, confirmed=False)
        shop.write(both(ANNA, subscribed_at="2026-09-01", first_name="Anna"))
        ran = shop.agreed_sync()
        assert ran.counts == {"updated": 1}
        shop.resync()
        found = shop.list()[ANNA]
        assert found.tags == {SUBSCRIBER, BUYER}
        assert found.values == {"firstname": "Anna"}
        assert not found.active

    def test_somebody_who_comes_by_a_form_between_reading_and_writing(self, shop: Shop) -> None:
        shop.write(buyer(BEN))
        shop.sync()
        shop.write(buyer(BEN), buyer(ANNA))

        def join(rows: list[object]) -> None:
            shop.before_write = None
            shop.state.subscribe(ANNA, shop.list_id, confirmed=False)

        shop.before_write = join
        shop.sync()
        assert shop.list()[ANNA].tags == {BUYER}


class TestActivatedLater:
    def test_a_kind_that_is_activated_applies_now(self, shop: Shop) -> None:
        shop.config(activate=[S])
        shop.write(buyer(ANNA), buyer(BEN))
        shop.sync()
        shop.write(both(ANNA, subscribed_at="2026-09-20"), buyer(BEN))
        ran = shop.agreed_sync()
        assert ran.counts == {"updated": 1, "unchanged": 1}
        assert ran.doc["activation"]["activated"] == 1
        assert shop.list()[ANNA].active
        assert shop.list()[ANNA].activated == at("2026-09-20")
        assert not shop.list()[BEN].active
        assert shop.sync().writes == 0

    def test_a_kind_is_added_to_activate(self, shop: Shop) -> None:
        shop.config(activate=[S])
        shop.write(buyer(ANNA), subscriber(BEN))
        shop.sync()
        shop.config(activate=None)
        ran = shop.agreed_sync()
        assert ran.counts == {"updated": 1, "unchanged": 1}
        assert shop.list()[ANNA].active
        assert ran.guard("max_activated")["value"] == 1

    def test_a_kind_is_taken_out_of_activate(self, shop: Shop) -> None:
        shop.write(buyer(ANNA))
        shop.sync()
        shop.config(activate=[S])
        assert shop.sync().writes == 0
        shop.resync()
        assert shop.list()[ANNA].active

    def test_somebody_deactivated_by_hand_meanwhile_is_not_activated(self, shop: Shop) -> None:
        shop.config(activate=[S])
        shop.write(buyer(ANNA))
        shop.sync()
        shop.state.unsubscribe(ANNA)
        shop.write(both(ANNA, subscribed_at="2026-09-20"))
        ran = shop.sync()
        assert ran.skipped == {"unsubscribed_in_target": 1}
        assert ran.writes == 0

    def test_somebody_whose_consent_ended_is_not_activated_by_buying(self, shop: Shop) -> None:
        shop.config(activate=[S])
        shop.write(buyer(ANNA))
        shop.sync()
        shop.write(opted_out(ANNA))
        shop.sync()
        shop.config(activate=None)
        shop.sync()
        shop.write(buyer(ANNA, first_name="Anna"))
        shop.sync()
        assert not shop.list()[ANNA].active


class TestConsentGivenAgain:
    def test_with_a_newer_date_than_the_opt_out(self, shop: Shop) -> None:
        shop.write(both(ANNA, subscribed_at="2026-01-01"))
        shop.sync()
        shop.write(opted_out(ANNA, subscribed_at="2026-03-01"))
        shop.sync()
        shop.write(both(ANNA, subscribed_at="2026-03-02"))
        ran = shop.agreed_sync()
        assert ran.counts == {"updated": 1}
        assert ran.doc["activation"]["activated"] == 1
        found = shop.list()[ANNA]
        assert (found.active, found.activated) == (True, at("2026-03-02"))
        assert found.tags == {SUBSCRIBER, BUYER}
        assert shop.sync().writes == 0
        # And it can end again.
        shop.write(opted_out(ANNA, subscribed_at="2026-03-03"))
        assert shop.sync().counts == {"deactivated": 1}
        assert not shop.list()[ANNA].active

    @pytest.mark.parametrize("date", ["", "2026-03-01", "2026-02-28"])
    def test_undated_or_not_newer_than_the_opt_out(self, shop: Shop, date: str) -> None:
        shop.write(both(ANNA, subscribed_at="2026-01-01"))
        shop.sync()
        shop.write(opted_out(ANNA, subscribed_at="2026-03-01"))
        shop.sync()
        shop.write(both(ANNA, subscribed_at=date, first_name="Anna"))
        for ran in (shop.agreed_sync(), shop.resync()):
            assert ran.doc["activation"]["activated"] == 0
        assert not shop.list()[ANNA].active
        assert shop.list()[ANNA].tags == {BUYER}

    def test_an_undated_opt_out_counts_from_when_it_was_seen(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        shop.sync()
        shop.write(opted_out(ANNA))
        shop.sync()
        shop.later(days=10)
        shop.sync()
        before = "2026-09-21T14:00:00Z"  # a few minutes before it was seen
        shop.write(both(ANNA, subscribed_at=before))
        shop.sync()
        assert not shop.list()[ANNA].active
        shop.write(both(ANNA, subscribed_at="2026-09-22"))
        shop.sync()
        assert shop.list()[ANNA].active

    def test_a_no_counts_from_when_its_end_was_recorded(self, shop: Shop) -> None:
        shop.write(both(ANNA, subscribed_at="2026-01-01"))
        shop.sync()
        shop.write(buyer(ANNA))
        shop.sync()
        shop.later(days=10)
        shop.write(both(ANNA, subscribed_at="2026-09-20", first_name="Anna"))
        ran = shop.sync()
        assert ran.counts == {"updated": 1}, "a buyer still"
        assert not shop.list()[ANNA].active
        assert shop.list()[ANNA].tags == {BUYER}, "no Subscriber tag either"
        assert shop.list()[ANNA].values == {"firstname": "Anna"}
        shop.write(both(ANNA, subscribed_at="2026-09-25", first_name="Anna"))
        assert shop.sync().doc["activation"]["activated"] == 1
        assert shop.list()[ANNA].activated == at("2026-09-25")
        assert shop.list()[ANNA].tags == {BUYER, SUBSCRIBER}

    def test_a_kind_that_is_not_activated_does_not_reactivate(self, shop: Shop) -> None:
        shop.config(activate=[B])
        shop.write(both(ANNA))
        shop.sync()
        shop.write(person(ANNA, subscribed="opted_out", orders="0", subscribed_at="2026-03-01"))
        shop.sync()
        shop.write(subscriber(ANNA, subscribed_at="2026-03-02"))
        shop.sync()
        assert shop.list()[ANNA].tags == {SUBSCRIBER}
        assert not shop.list()[ANNA].active

    def test_who_left_in_the_list_meanwhile_stays_away(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        shop.sync()
        shop.write(opted_out(ANNA, subscribed_at="2026-03-01"))
        shop.sync()
        shop.state.unsubscribe(ANNA)
        shop.write(both(ANNA, subscribed_at="2026-09-20"))
        ran = shop.sync()
        assert (ran.skipped, ran.writes) == ({"unsubscribed_in_target": 1}, 0)
