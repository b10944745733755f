"""Active, inactive, unsubscribed: who is mailed after a run, and that nobody who left is ever mailed again."""

from __future__ import annotations

import pytest

from tests.e2e.shop import (
    BUYER,
    CONTACT,
    DAY,
    NOW,
    SUBSCRIBER,
    B,
    C,
    S,
    Shop,
    at,
    both,
    buyer,
    neither,
    person,
    shop,
    subscriber,
)
from tests.sandbox_server import sandbox, sandbox_of_process

__all__ = ["sandbox", "sandbox_of_process", "shop"]

ANNA, BEN = "anna@example.org", "ben@example.org"
STAMPS = {"activated", "registered", "deactivated"}


def out(email: str, **values: str) -> dict[str, str]:
    """Somebody who bought and unsubscribed in the shop."""
    return {"email": email, "subscribed": "opted_out", "orders": "2", **values}


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
        shop.server.subscribe(ANNA, shop.list_id, confirmed=False)
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
            shop.server.subscribe(ANNA, shop.list_id, confirmed=False)

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
        shop.server.unsubscribe(ANNA)
        shop.write(both(ANNA, subscribed_at="2026-09-20"))
        ran = shop.sync()
        assert ran.skipped == {"unsubscribed_in_target": 1}
        assert ran.writes == 0

    def test_somebody_whose_consent_ended_is_not_activated_by_buying(self, shop: Shop) -> None:
        shop.config(activate=[S])
        shop.write(buyer(ANNA))
        shop.sync()
        shop.write(out(ANNA))
        shop.sync()
        shop.config(activate=None)
        shop.sync()
        shop.write(buyer(ANNA, first_name="Anna"))
        shop.sync()
        assert not shop.list()[ANNA].active


class TestTheEndOfConsent:
    def test_opted_out(self, shop: Shop) -> None:
        shop.write(both(ANNA), subscriber(BEN))
        shop.sync()
        shop.write(out(ANNA, first_name="not to be sent"), subscriber(BEN))
        ran = shop.agreed_sync()
        assert ran.counts == {"deactivated": 1, "unchanged": 1}
        assert ran.sent == [{"email": ANNA, "activated": 0, "tags": [f"-{SUBSCRIBER}"]}]
        found = shop.list()[ANNA]
        assert (found.active, found.activated, found.deactivated) == (False, 0, 0)
        assert found.tags == {BUYER}
        for ran in (shop.agreed_sync(), shop.resync()):
            assert ran.skipped == {"opted_out": 1}
            assert ANNA not in {row["email"] for row in ran.sent}

    def test_opted_out_of_a_buyer_without_consent(self, shop: Shop) -> None:
        shop.write(buyer(ANNA))
        shop.sync()
        shop.write(out(ANNA))
        assert shop.sync().counts == {"deactivated": 1}
        assert not shop.list()[ANNA].active

    def test_no_after_yes(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        shop.sync()
        shop.write(buyer(ANNA, first_name="Anna"))
        ran = shop.agreed_sync()
        assert ran.counts == {"deactivated": 1}
        assert ran.sent == [{"email": ANNA, "activated": 0, "tags": [f"-{SUBSCRIBER}"]}]
        ran = shop.agreed_sync()
        assert ran.counts == {"updated": 1}, "still a buyer"
        assert shop.list()[ANNA].values == {"firstname": "Anna"}
        assert not shop.list()[ANNA].active
        assert shop.sync().writes == 0
        shop.resync()
        assert not shop.list()[ANNA].active
        assert shop.list()[ANNA].tags == {BUYER}

    def test_no_that_was_never_a_yes_ends_nothing(self, shop: Shop) -> None:
        shop.write(buyer(ANNA))
        shop.sync()
        shop.write(buyer(ANNA, first_name="Anna"))
        assert shop.sync().counts == {"updated": 1}
        assert shop.list()[ANNA].active

    def test_contact_is_given_after_a_no_and_never_after_opted_out(self, shop: Shop) -> None:
        shop.config(tags=[S, B, C])
        shop.write(subscriber(ANNA), subscriber(BEN))
        shop.sync()
        shop.write(neither(ANNA), person(BEN, subscribed="opted_out", orders="0"))
        assert shop.sync().counts == {"deactivated": 2}
        shop.sync()
        assert shop.list()[ANNA].tags == {CONTACT}
        assert shop.list()[BEN].tags == set()
        shop.write(neither(ANNA), neither(BEN, first_name="Ben"))
        shop.sync()
        shop.sync()
        assert shop.list()[BEN].tags == set()
        assert not any(recipient.active for recipient in shop.list().values())

    def test_unknown_ends_nothing(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        shop.sync()
        shop.write(person(ANNA, orders="2", first_name="Anna"))
        assert shop.sync().counts == {"updated": 1}
        assert shop.list()[ANNA].active
        assert shop.list()[ANNA].tags == {SUBSCRIBER, BUYER}
        shop.write(buyer(ANNA, first_name="Anna"))
        assert shop.sync().counts == {"deactivated": 1}, "the yes before still counts as given"

    @pytest.mark.parametrize("withdrawn", ["opted_out", "no"])
    def test_a_deselected_kind_holds_no_end_back(self, shop: Shop, withdrawn: str) -> None:
        shop.write(subscriber(ANNA))
        shop.sync()
        shop.config(tags=[B])
        shop.sync()
        shop.write(person(ANNA, subscribed=withdrawn, orders="0"))
        ran = shop.agreed_sync()
        assert ran.counts == {"deactivated": 1}
        assert not shop.list()[ANNA].active
        assert shop.list()[ANNA].tags == set()

    @pytest.mark.parametrize("withdrawn", ["opted_out", "no"])
    def test_exclude_holds_no_end_back(self, shop: Shop, withdrawn: str) -> None:
        shop.write(subscriber(ANNA))
        shop.sync()
        shop.config(exclude=["*@example.org"])
        shop.write(subscriber(ANNA, first_name="Anna"))
        ran = shop.sync()
        assert (ran.skipped, ran.writes) == ({"excluded": 1}, 0)
        shop.write(person(ANNA, subscribed=withdrawn, orders="0"))
        assert shop.agreed_sync().counts == {"deactivated": 1}
        assert not shop.list()[ANNA].active
        assert shop.sync().skipped == {"excluded": 1}

    def test_consent_given_while_subscribers_were_not_selected_can_end(self, shop: Shop) -> None:
        shop.config(tags=[B])
        shop.write(both(ANNA))
        shop.sync()
        shop.write(buyer(ANNA))
        assert shop.sync().counts == {"deactivated": 1}

    def test_an_end_that_is_not_confirmed_is_repeated(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        shop.sync()
        shop.write(out(ANNA))
        shop.server.faults.replace({"drop_row": 1.0})
        shop.sync()
        assert shop.list()[ANNA].active
        shop.server.faults.clear()
        assert shop.sync().counts == {"deactivated": 1}
        assert not shop.list()[ANNA].active

    def test_ends_do_not_count_for_a_limit(self, shop: Shop) -> None:
        shop.write(subscriber(ANNA), subscriber(BEN))
        shop.sync()
        shop.write(out(ANNA), out(BEN), subscriber("new@example.org"))
        ran = shop.sync("--limit", "0")
        assert ran.counts == {"deactivated": 2}
        assert ran.doc["complete"] is False
        assert shop.sync().counts == {"created": 1, "skipped": 2}

    def test_opted_out_after_a_no_of_somebody_who_came_back_by_a_form(self, shop: Shop) -> None:
        """A new end of consent: they are mailed again since, by a consent the shop then takes back."""
        shop.write(both(ANNA))
        shop.sync()
        shop.write(buyer(ANNA))
        shop.sync()
        shop.server.subscribe(ANNA, shop.list_id)
        assert shop.list()[ANNA].active
        shop.sync()
        assert shop.list()[ANNA].active, "their own doing"
        shop.write(out(ANNA))
        assert shop.agreed_sync().counts == {"deactivated": 1}
        assert not shop.list()[ANNA].active
        assert shop.sync().skipped == {"opted_out": 1}

    def test_a_second_later_opt_out_of_somebody_who_came_back_by_a_form(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        shop.sync()
        shop.write(out(ANNA, subscribed_at="2026-09-10"))
        shop.sync()
        shop.server.subscribe(ANNA, shop.list_id)
        shop.write(out(ANNA, subscribed_at="2026-09-10", first_name="Anna"))
        ran = shop.sync()
        assert (ran.skipped, ran.writes) == ({"opted_out": 1}, 0)
        assert shop.list()[ANNA].active, "their own doing"
        shop.write(out(ANNA, subscribed_at="2026-09-20"))
        assert shop.agreed_sync().counts == {"deactivated": 1}
        assert not shop.list()[ANNA].active
        assert shop.sync().skipped == {"opted_out": 1}

    def test_opted_out_after_a_no_of_somebody_inactive_needs_no_request(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        shop.sync()
        shop.write(buyer(ANNA))
        shop.sync()
        shop.write(out(ANNA))
        shop.sync()
        assert not shop.list()[ANNA].active
        shop.write(both(ANNA, subscribed_at="2026-09-20"))
        shop.sync()
        assert not shop.list()[ANNA].active


class TestConsentGivenAgain:
    def test_with_a_newer_date_than_the_opt_out(self, shop: Shop) -> None:
        shop.write(both(ANNA, subscribed_at="2026-01-01"))
        shop.sync()
        shop.write(out(ANNA, subscribed_at="2026-03-01"))
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
        shop.write(out(ANNA, subscribed_at="2026-03-03"))
        assert shop.sync().counts == {"deactivated": 1}
        assert not shop.list()[ANNA].active

    @pytest.mark.parametrize("date", ["", "2026-03-01", "2026-02-28"])
    def test_undated_or_not_newer_than_the_opt_out(self, shop: Shop, date: str) -> None:
        shop.write(both(ANNA, subscribed_at="2026-01-01"))
        shop.sync()
        shop.write(out(ANNA, subscribed_at="2026-03-01"))
        shop.sync()
        shop.write(both(ANNA, subscribed_at=date, first_name="Anna"))
        for ran in (shop.agreed_sync(), shop.resync()):
            assert ran.doc["activation"]["activated"] == 0
        assert not shop.list()[ANNA].active
        assert shop.list()[ANNA].tags == {BUYER}

    def test_an_undated_opt_out_counts_from_when_it_was_seen(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        shop.sync()
        shop.write(out(ANNA))
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
        shop.write(out(ANNA, subscribed_at="2026-03-01"))
        shop.sync()
        shop.server.unsubscribe(ANNA)
        shop.write(both(ANNA, subscribed_at="2026-09-20"))
        ran = shop.sync()
        assert (ran.skipped, ran.writes) == ({"unsubscribed_in_target": 1}, 0)


class TestOptedOutAtFirstSight:
    def test_never_created(self, shop: Shop) -> None:
        shop.config(tags=[S, B, C])
        shop.write(out(ANNA), person(BEN, subscribed="unsubscribed", orders="0"))
        for ran in (shop.agreed_sync(), shop.sync(), shop.resync(), shop.resync("--include-deleted")):
            assert (ran.skipped, ran.writes) == ({"opted_out": 2}, 0)
        assert shop.list() == {}

    def test_not_selected_counts_first(self, shop: Shop) -> None:
        shop.write(person(ANNA, subscribed="opted_out", orders="0"))
        assert shop.sync().skipped == {"not_selected": 1}

    @pytest.mark.parametrize("first_run", [True, False])
    def test_in_the_list_by_a_form_they_are_left_alone(self, shop: Shop, first_run: bool) -> None:
        if not first_run:
            shop.write(both(BEN))
            shop.sync()
        shop.server.subscribe(ANNA, shop.list_id)
        shop.put(ANNA, tags=["Form.Web"])
        before = shop.list()[ANNA]
        shop.write(both(BEN), out(ANNA, first_name="Anna"))
        ran = shop.agreed_sync()
        assert ran.skipped == {"opted_out": 1}
        assert ANNA not in {row["email"] for row in ran.sent}
        shop.resync()
        assert shop.list()[ANNA] == before

    def test_with_an_own_special_tag_their_consent_is_ended(self, shop: Shop) -> None:
        shop.write(both(BEN))
        shop.sync()
        shop.put(ANNA, tags=[SUBSCRIBER, "Form.Web"])
        shop.write(both(BEN), out(ANNA))
        ran = shop.agreed_sync()
        assert ran.counts == {"deactivated": 1, "unchanged": 1}
        assert ran.guard("max_deactivated")["value"] == 1
        assert not shop.list()[ANNA].active
        assert shop.list()[ANNA].tags == {"Form.Web"}
        assert shop.sync().skipped == {"opted_out": 1}

    def test_not_selected_does_not_hold_that_end_back(self, shop: Shop) -> None:
        shop.write(both(BEN))
        shop.sync()
        shop.put(ANNA, tags=[BUYER])
        shop.write(both(BEN), person(ANNA, subscribed="opted_out", orders="0"))
        assert shop.sync().counts["deactivated"] == 1
        assert not shop.list()[ANNA].active


class TestWhoLeft:
    """Everybody here was transferred before, and changes in the shop afterwards."""

    @pytest.fixture(autouse=True)
    def transferred(self, shop: Shop) -> None:
        shop.write(both(ANNA), both(BEN))
        shop.sync()

    def change(self, shop: Shop) -> None:
        """A newer consent and new data: no reason to mail them again."""
        shop.write(both(ANNA, first_name="Anna", subscribed_at="2026-09-21"), both(BEN, first_name="Ben"))

    def stays_away(self, shop: Shop, reason: str) -> None:
        before = shop.list().get(ANNA)
        self.change(shop)
        for ran in (shop.agreed_sync(), shop.sync(), shop.resync()):
            assert ran.skipped == {reason: 1}
            assert ANNA not in {row["email"] for row in ran.sent}, "no personal data is sent"
        assert shop.list().get(ANNA) == before
        assert shop.list()[BEN].values == {"firstname": "Ben"}

    def test_unsubscribed(self, shop: Shop) -> None:
        shop.server.unsubscribe(ANNA)
        self.stays_away(shop, "unsubscribed_in_target")

    def test_bounced(self, shop: Shop) -> None:
        shop.server.bounce(ANNA)
        self.stays_away(shop, "bounced_in_target")

    @pytest.mark.parametrize("entry", [ANNA, "*@example.org", "anna@*", f"{ANNA}-WooCommerce", f"{ANNA}-Shopware 6"])
    def test_blacklisted(self, shop: Shop, entry: str) -> None:
        shop.write(both(ANNA), both("ben@example.com"))
        shop.sync()
        shop.server.list_address(entry)
        shop.write(both(ANNA, first_name="Anna"), both("ben@example.com", first_name="Ben"))
        for ran in (shop.agreed_sync(), shop.sync(), shop.resync()):
            assert ran.skipped == {"blacklisted": 1}
            assert ANNA not in {row["email"] for row in ran.sent}
        assert shop.list()["ben@example.com"].values == {"firstname": "Ben"}

    def test_blacklisted_counts_at_once_even_if_nothing_changed(self, shop: Shop) -> None:
        shop.server.list_address(ANNA)
        assert shop.sync().skipped == {"blacklisted": 1}

    def test_in_an_account_that_blacklists_whoever_unsubscribes(self, shop: Shop) -> None:
        shop.server.switches.auto_blacklist = True
        shop.server.unsubscribe(ANNA)
        self.stays_away(shop, "blacklisted")
        assert ANNA not in shop.list()

    def test_deleted_by_hand(self, shop: Shop) -> None:
        shop.server.delete(ANNA)
        self.stays_away(shop, "deleted_in_target")
        ran = shop.resync("--include-deleted")
        assert ran.counts == {"created": 1, "updated": 1}
        found = shop.list()[ANNA]
        assert (found.active, found.tags, found.values) == (True, {SUBSCRIBER, BUYER}, {"firstname": "Anna"})
        assert found.activated == at("2026-09-21")
        assert shop.sync().writes == 0

    def test_deleted_and_nothing_changed_in_the_shop(self, shop: Shop) -> None:
        shop.server.delete(ANNA)
        assert shop.sync().counts == {"unchanged": 2}, "nobody was read"
        assert shop.resync().skipped == {"deleted_in_target": 1}
        assert shop.sync().skipped == {"deleted_in_target": 1}, "known now"
        assert ANNA not in shop.list()

    def test_unsubscribed_and_nothing_changed_in_the_shop(self, shop: Shop) -> None:
        shop.server.unsubscribe(ANNA)
        assert shop.resync().skipped == {"unsubscribed_in_target": 1}
        ran = shop.sync()
        assert (ran.skipped, ran.writes) == ({"unsubscribed_in_target": 1}, 0)

    def test_unsubscribed_and_deleted_since(self, shop: Shop) -> None:
        """Gone from this list, but another list of the account remembers."""
        other = shop.server.add_group("Other list")
        shop.server.write(other, {"email": ANNA})
        shop.server.unsubscribe(ANNA)
        shop.server.delete(ANNA, shop.list_id)
        shop.write(both(ANNA, first_name="Anna"), both(BEN))
        for ran in (shop.sync(), shop.resync("--include-deleted")):
            assert ran.skipped == {"unsubscribed_in_target": 1}
        assert ANNA not in shop.list()

    def test_opted_out_after_they_left_needs_no_write(self, shop: Shop) -> None:
        shop.server.unsubscribe(ANNA)
        shop.write(out(ANNA), both(BEN))
        ran = shop.sync()
        assert (ran.skipped, ran.writes) == ({"unsubscribed_in_target": 1}, 0)

    def test_included_again_after_an_opt_out_they_are_not_mailed(self, shop: Shop) -> None:
        """Deleted by hand after their consent had ended: transferred as new, but never active."""
        shop.write(buyer(ANNA), both(BEN))
        shop.sync()
        shop.server.delete(ANNA)
        shop.resync("--include-deleted")
        assert not shop.list()[ANNA].active

    def test_deleted_and_back_by_a_form(self, shop: Shop) -> None:
        shop.server.delete(ANNA)
        shop.server.subscribe(ANNA, shop.list_id, confirmed=False)
        self.change(shop)
        shop.sync()
        found = shop.list()[ANNA]
        assert found.tags == {SUBSCRIBER, BUYER}
        assert not found.active, "they have not confirmed yet"

    def test_deleted_between_reading_and_writing(self, shop: Shop) -> None:
        """The write makes them again; that is undone at once."""

        def delete(rows: list[object]) -> None:
            shop.before_write = None
            shop.server.delete(ANNA)

        shop.write(both(ANNA, first_name="Anna"), both(BEN))
        shop.before_write = delete
        ran = shop.sync()
        assert ran.skipped == {"deleted_in_target": 1}
        assert not shop.list()[ANNA].active
        shop.resync()
        assert not shop.list()[ANNA].active


class TestUnsubscribedElsewhere:
    @pytest.fixture(autouse=True)
    def old_list(self, shop: Shop) -> None:
        old = shop.server.add_group("Old list")
        shop.server.write(old, {"email": ANNA, "activated": NOW - 100 * DAY}, {"email": BEN})
        shop.now -= 10 * DAY
        shop.server.unsubscribe(ANNA)
        shop.now += 10 * DAY

    @pytest.mark.parametrize("date", ["", "2026-09-10"])
    def test_they_are_not_revived(self, shop: Shop, date: str) -> None:
        shop.write(both(ANNA, subscribed_at=date), both(BEN))
        for ran in (shop.agreed_sync(), shop.sync(), shop.resync()):
            assert ran.skipped == {"unsubscribed_in_target": 1}
        assert shop.list().keys() == {BEN}

    def test_a_yes_dated_later(self, shop: Shop) -> None:
        shop.write(both(ANNA, subscribed_at="2026-09-12"))
        assert shop.agreed_sync().counts == {"created": 1}
        assert shop.list()[ANNA].active

    def test_a_no_dated_later_is_no_consent(self, shop: Shop) -> None:
        shop.write(buyer(ANNA, subscribed_at="2026-09-12"))
        assert shop.sync().skipped == {"unsubscribed_in_target": 1}

    def test_where_only_this_list_counts(self, shop: Shop) -> None:
        shop.config(target={"unsubscribed_in": "list"})
        shop.write(both(ANNA))
        assert shop.agreed_sync().counts == {"created": 1}

    def test_somebody_of_this_list_is_judged_by_it(self, shop: Shop) -> None:
        shop.put(ANNA, activated=NOW)
        shop.write(both(ANNA, first_name="Anna"))
        assert shop.agreed_sync().counts == {"updated": 1}
        assert shop.list()[ANNA].active
        assert shop.list()[ANNA].values == {"firstname": "Anna"}

    def test_they_are_looked_for_in_this_list_once(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        shop.sync()
        assert shop.server.traffic.by["POST /v3/groups/{id}/get_receivers"] == 1
        shop.sync()
        assert shop.server.traffic.by["POST /v3/groups/{id}/get_receivers"] == 0
        shop.write(both(ANNA, first_name="Anna"))
        shop.sync()
        assert shop.server.traffic.by["POST /v3/groups/{id}/get_receivers"] == 1


class TestManyRecords:
    def test_mixed_case_is_one_person(self, shop: Shop) -> None:
        shop.write(
            subscriber("Anna@Example.ORG", first_name="Anna"), person(" anna@example.org ", orders="1", city="Ulm")
        )
        ran = shop.agreed_sync()
        assert ran.doc["counts"]["rows"] == 2
        assert ran.counts == {"created": 1}
        assert shop.list()[ANNA].tags == {SUBSCRIBER, BUYER}
        assert shop.list()[ANNA].values == {"firstname": "Anna", "city": "Ulm"}

    def test_no_and_unknown_never_beat_a_yes(self, shop: Shop) -> None:
        shop.write(neither(ANNA, source_id="1"), subscriber(ANNA, source_id="2"), person(ANNA, source_id="3"))
        shop.sync()
        assert shop.list()[ANNA].tags == {SUBSCRIBER}

    @pytest.mark.parametrize(
        ("yes", "no", "given"),
        [
            ("2026-02-02", "2026-02-01", True),
            ("2026-02-01", "2026-02-02", False),
            ("2026-02-01", "2026-02-01", False),
            ("", "2026-02-01", False),
            ("2026-02-01", "", False),
            ("", "", False),
        ],
    )
    def test_the_later_date_decides_between_yes_and_opted_out(self, shop: Shop, yes: str, no: str, given: bool) -> None:
        shop.write(
            subscriber(ANNA, source_id="1", subscribed_at=yes),
            person(ANNA, source_id="2", subscribed="opted_out", subscribed_at=no, orders="1"),
        )
        ran = shop.sync()
        assert (ANNA in shop.list()) is given
        assert ran.skipped == ({} if given else {"opted_out": 1})

    def test_an_undated_opt_out_is_dated_by_its_first_sight(self, shop: Shop) -> None:
        """Over several runs: a consent later than that wins, one before it does not."""
        withdrawn = person(ANNA, source_id="2", subscribed="opted_out", orders="1")
        shop.write(withdrawn)
        shop.sync()
        shop.later(days=5)
        shop.write(withdrawn, subscriber(ANNA, source_id="1", subscribed_at="2026-09-20"))
        assert shop.sync().skipped == {"opted_out": 1}
        shop.later(days=5)
        shop.write(withdrawn, subscriber(ANNA, source_id="1", subscribed_at="2026-09-23"))
        assert shop.sync().counts == {"created": 1}

    def test_an_undated_opt_out_of_somebody_transferred(self, shop: Shop) -> None:
        consent = subscriber(ANNA, source_id="1", subscribed_at="2026-09-20")
        shop.write(consent)
        shop.sync()
        withdrawn = person(ANNA, source_id="2", subscribed="opted_out")
        shop.write(consent, withdrawn)
        assert shop.sync().counts == {"deactivated": 1}
        shop.later(days=5)
        shop.write({**consent, "subscribed_at": "2026-09-23"}, withdrawn)
        ran = shop.sync()
        assert ran.doc["activation"]["activated"] == 1
        assert shop.list()[ANNA].active

    def test_purchases_are_summed(self, shop: Shop) -> None:
        shop.preset("shop")
        shop.config(attributes={"preset": "shop", "map": None})
        shop.write(
            person(ANNA, source_id="1", orders="2", total_spent="10.50", last_order_at="2026-01-01"),
            person(ANNA, source_id="2", orders="1", total_spent="0.75", last_order_at="2026-02-01"),
        )
        shop.sync()
        assert shop.list()[ANNA].values == {"ordercount": "3", "totalspent": "11.25", "lastorderdate": "2026-02-01"}
