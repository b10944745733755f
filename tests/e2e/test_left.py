"""Whoever left is never mailed again, whatever the shop says later: here, and elsewhere in the account."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.people import BUYER, DAY, NOW, SUBSCRIBER, at, both, buyer, opted_out
from tests.e2e.program import Shop

ANNA, BEN = "anna@example.org", "ben@example.org"


class TestWhoHadWithdrawnBefore:
    """Whoever opted out without ever being in the list stays out until a later yes, whatever the shop says by then."""

    @pytest.fixture(autouse=True)
    def withdrawn(self, shop: Shop) -> None:
        shop.write(both(BEN), opted_out(ANNA, subscribed_at="2026-09-10"))
        assert shop.sync().skipped == {"opted_out": 1}
        shop.later()

    @pytest.mark.parametrize("says", ["no", "", "yes"])
    @pytest.mark.parametrize("source_id", ["", "1"])
    def test_stays_out(self, shop: Shop, says: str, source_id: str) -> None:
        shop.write(both(BEN), opted_out(ANNA, subscribed_at="2026-09-10", source_id=source_id))
        shop.sync()
        for date in ("", "2026-09-09") if says == "yes" else ("",):
            shop.write(both(BEN), both(ANNA, subscribed=says, subscribed_at=date, source_id=source_id))
            for ran in (shop.agreed_sync(), shop.sync(), shop.resync()):
                assert ran.skipped == {"opted_out": 1}
        assert ANNA not in shop.list()

    def test_stays_out_when_the_export_has_ids_by_now(self, shop: Shop) -> None:
        shop.write(both(BEN), buyer(ANNA, source_id="7"))
        for ran in (shop.sync(), shop.sync(), shop.resync()):
            assert ran.skipped == {"opted_out": 1}
        assert ANNA not in shop.list()

    def test_a_date_that_cannot_be_read_makes_it_no_less_of_a_withdrawal(self, shop: Shop) -> None:
        carl = "carl@example.org"
        for source_id in ("", "8"):
            shop.write(both(BEN), opted_out(carl, subscribed_at="soon", source_id=source_id))
            assert shop.sync().counts["invalid"] == 1
            shop.write(both(BEN), buyer(carl, source_id=source_id))
            for ran in (shop.sync(), shop.resync()):
                assert ran.skipped == {"opted_out": 1}
        assert carl not in shop.list()

    def test_stays_out_when_the_export_does_not_tell_any_more(self, shop: Shop) -> None:
        shop.write_json(both(BEN), opted_out(ANNA, subscribed_at="2026-09-10"))
        shop.sync()
        shop.write_json(both(BEN), {"email": ANNA, "orders": "1"})
        for ran in (shop.sync(), shop.resync()):
            assert ran.skipped == {"opted_out": 1}
        assert ANNA not in shop.list()

    def test_comes_by_a_later_yes(self, shop: Shop) -> None:
        shop.write(both(BEN), both(ANNA, subscribed="no"))
        shop.sync()
        shop.write(both(BEN), both(ANNA, subscribed_at="2026-09-11"))
        shop.sync()
        assert shop.list()[ANNA].active
        shop.write(both(BEN), buyer(ANNA))
        assert shop.sync().counts["deactivated"] == 1


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
        shop.state.unsubscribe(ANNA)
        self.stays_away(shop, "unsubscribed_in_target")

    def test_bounced(self, shop: Shop) -> None:
        shop.state.bounce(ANNA)
        self.stays_away(shop, "bounced_in_target")

    @pytest.mark.parametrize("entry", [ANNA, "*@example.org", "anna@*", f"{ANNA}-WooCommerce", f"{ANNA}-Shopware 6"])
    def test_blacklisted(self, shop: Shop, entry: str) -> None:
        shop.write(both(ANNA), both("ben@example.com"))
        shop.sync()
        shop.state.list_address(entry)
        shop.write(both(ANNA, first_name="Anna"), both("ben@example.com", first_name="Ben"))
        for ran in (shop.agreed_sync(), shop.sync(), shop.resync()):
            assert ran.skipped == {"blacklisted": 1}
            assert ANNA not in {row["email"] for row in ran.sent}
        assert shop.list()["ben@example.com"].values == {"firstname": "Ben"}

    def test_blacklisted_counts_at_once_even_if_nothing_changed(self, shop: Shop) -> None:
        shop.state.list_address(ANNA)
        assert shop.sync().skipped == {"blacklisted": 1}

    def test_in_an_account_that_blacklists_whoever_unsubscribes(self, shop: Shop) -> None:
        shop.state.switches.auto_blacklist = True
        shop.state.unsubscribe(ANNA)
        self.stays_away(shop, "blacklisted")
        assert ANNA not in shop.list()

    def test_deleted_by_hand(self, shop: Shop) -> None:
        shop.state.delete(ANNA)
        self.stays_away(shop, "deleted_in_target")
        ran = shop.resync("--include-deleted")
        assert ran.counts == {"created": 1, "updated": 1}
        found = shop.list()[ANNA]
        assert (found.active, found.tags, found.values) == (True, {SUBSCRIBER, BUYER}, {"firstname": "Anna"})
        assert found.activated == at("2026-09-21")
        assert shop.sync().writes == 0

    def test_deleted_and_nothing_changed_in_the_shop(self, shop: Shop) -> None:
        shop.state.delete(ANNA)
        assert shop.sync().counts == {"unchanged": 2}, "nobody was read"
        assert shop.resync().skipped == {"deleted_in_target": 1}
        assert shop.sync().skipped == {"deleted_in_target": 1}, "known now"
        assert ANNA not in shop.list()

    def test_unsubscribed_and_nothing_changed_in_the_shop(self, shop: Shop) -> None:
        shop.state.unsubscribe(ANNA)
        assert shop.resync().skipped == {"unsubscribed_in_target": 1}
        ran = shop.sync()
        assert (ran.skipped, ran.writes) == ({"unsubscribed_in_target": 1}, 0)

    def test_unsubscribed_and_deleted_since(self, shop: Shop) -> None:
        """Gone from this list, but another list of the account remembers."""
        other = shop.state.add_group("Other list")
        shop.state.write(other, {"email": ANNA})
        shop.state.unsubscribe(ANNA)
        shop.state.delete(ANNA, shop.list_id)
        shop.write(both(ANNA, first_name="Anna"), both(BEN))
        for ran in (shop.sync(), shop.resync("--include-deleted")):
            assert ran.skipped == {"unsubscribed_in_target": 1}
        assert ANNA not in shop.list()

    def test_unsubscribed_and_deleted_with_nobody_else_to_remember(self, shop: Shop) -> None:
        shop.state.unsubscribe(ANNA)
        self.change(shop)
        assert shop.sync().skipped == {"unsubscribed_in_target": 1}
        shop.state.delete(ANNA)
        for ran in (shop.sync(), shop.resync(), shop.resync("--include-deleted"), shop.agreed_sync()):
            assert ran.skipped == {"unsubscribed_in_target": 1}
        assert ANNA not in shop.list()

    def test_opted_out_after_they_left_needs_no_write(self, shop: Shop) -> None:
        shop.state.unsubscribe(ANNA)
        shop.write(opted_out(ANNA), both(BEN))
        ran = shop.sync()
        assert (ran.skipped, ran.writes) == ({"unsubscribed_in_target": 1}, 0)

    @pytest.mark.parametrize("ended", [opted_out, buyer, None])
    def test_consent_ends_while_bounced(self, shop: Shop, ended: Callable[[str], dict[str, str]] | None) -> None:
        """A bounce may be lifted in CleverReach: the end is written then. None: gone from an export of everybody."""
        shop.config(source={"complete": True})
        shop.sync()
        shop.state.bounce(ANNA)
        shop.write(*([] if ended is None else [ended(ANNA)]), both(BEN))
        shop.sync()
        shop.config(limits={"max_deactivated": 0, "max_activated": 0})
        for ran in (shop.agreed_sync(), shop.sync()):
            assert ran.skipped == ({} if ended is None else {"bounced_in_target": 1})
            assert ran.writes == 0, "and the guard does not count them"
        shop.config(limits={"max_deactivated": 1})
        shop.state.person(ANNA).bounced = 0
        assert shop.list()[ANNA].active
        assert shop.agreed_sync().counts["deactivated"] == 1
        assert not shop.list()[ANNA].active
        assert SUBSCRIBER not in shop.list()[ANNA].tags
        assert "deactivated" not in shop.sync().counts
        assert not shop.list()[ANNA].active

    def test_included_again_after_an_opt_out_they_are_not_mailed(self, shop: Shop) -> None:
        """Deleted by hand after their consent had ended: transferred as new, but never active."""
        shop.write(buyer(ANNA), both(BEN))
        shop.sync()
        shop.state.delete(ANNA)
        shop.resync("--include-deleted")
        assert not shop.list()[ANNA].active
        shop.write(buyer(ANNA, first_name="Anna"), both(BEN))
        assert shop.sync().counts == {"updated": 1, "unchanged": 1}
        assert not shop.list()[ANNA].active, "nor later"

    def test_deleted_and_back_by_a_form(self, shop: Shop) -> None:
        shop.state.delete(ANNA)
        shop.state.subscribe(ANNA, shop.list_id, confirmed=False)
        self.change(shop)
        shop.sync()
        found = shop.list()[ANNA]
        assert found.tags == {SUBSCRIBER, BUYER}
        assert not found.active, "they have not confirmed yet"

    def test_deleted_between_reading_and_writing(self, shop: Shop) -> None:
        """The write makes them again; that is undone at once."""

        def delete(rows: list[object]) -> None:
            shop.before_write = None
            shop.state.delete(ANNA)

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
        old = shop.state.add_group("Old list")
        shop.state.write(old, {"email": ANNA, "activated": NOW - 100 * DAY}, {"email": BEN})
        shop.later(days=-10)
        shop.state.unsubscribe(ANNA)
        shop.later(days=10)

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
        assert shop.state.traffic.by["POST /v3/groups/{id}/get_receivers"] == 1
        shop.sync()
        assert shop.state.traffic.by["POST /v3/groups/{id}/get_receivers"] == 0
        shop.write(both(ANNA, first_name="Anna"))
        shop.sync()
        assert shop.state.traffic.by["POST /v3/groups/{id}/get_receivers"] == 1
