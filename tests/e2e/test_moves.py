"""Customers who have another address now: their old one is not mailed any more, and who had left stays away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.people import BUYER, SUBSCRIBER, B, C, S, both, buyer, neither, person, subscriber
from tests.e2e.program import Shop

OLD, NEW, OTHER = "old@example.org", "new@example.org", "other@example.org"


def test_the_old_one_ends_by_its_id_and_the_new_one_is_created(shop: Shop) -> None:
    shop.write(both(OLD, source_id="1", first_name="Anna"), both(OTHER, source_id="2"))
    shop.sync()
    shop.write(both(NEW, source_id="1", first_name="Anna"), both(OTHER, source_id="2"))
    ran = shop.agreed_sync()
    assert ran.counts == {"deactivated": 1, "created": 1, "unchanged": 1}
    assert ran.doc["counts"]["people"] == 3, "the old address is one more person"
    assert {"activated": 0} in ran.sent
    found = shop.list()
    assert not found[OLD].active
    assert found[NEW].active
    assert found[NEW].tags == {SUBSCRIBER, BUYER}
    assert found[NEW].values == {"firstname": "Anna"}
    ran = shop.sync()
    assert (ran.counts, ran.writes) == ({"unchanged": 2}, 0)


def test_a_diff_shows_the_end_with_its_address(shop: Shop) -> None:
    shop.write(both(OLD, source_id="1"))
    shop.sync()
    shop.write(both(NEW, source_id="1"))
    ended, created = sorted(shop.diff("--show-pii").changes, key=lambda change: change["action"], reverse=True)
    assert (ended["action"], ended["email"], ended["reason"]) == ("deactivate", OLD, "moved")
    assert ended["state"] == ["active", "inactive"]
    assert (created["action"], created["email"]) == ("create", NEW)
    assert shop.diff().changes[0]["email"] == "o***@example.org"


def test_an_export_that_holds_everybody_counts_the_end_once(shop: Shop) -> None:
    shop.config(source={"complete": True}, limits={"max_deactivated": 1})
    shop.write(both(OLD, source_id="1"), both(OTHER, source_id="2"))
    shop.sync()
    shop.write(both(NEW, source_id="1"), both(OTHER, source_id="2"))
    ran = shop.agreed_sync()
    assert ran.counts == {"deactivated": 1, "created": 1, "unchanged": 1}
    assert ran.guard("max_deactivated")["value"] == 1
    assert not shop.list()[OLD].active


class TestTheOldOneHadLeft:
    """Then the new one is skipped for the same reason, on all the runs that follow."""

    @pytest.fixture(autouse=True)
    def transferred(self, shop: Shop) -> None:
        shop.write(both(OLD, source_id="1"))
        shop.sync()

    def moved_and_skipped(self, shop: Shop, reason: str) -> None:
        shop.write(both(NEW, source_id="1", first_name="Anna"))
        ran = shop.agreed_sync()
        assert ran.skipped == {reason: 1}
        for later in (shop.sync(), shop.sync(), shop.resync(), shop.resync("--include-deleted")):
            assert later.skipped == {reason: 1}
        shop.write(both(NEW, source_id="1", first_name="Bea", orders="3"))
        assert shop.sync().skipped == {reason: 1}
        shop.write(subscriber(NEW, source_id="1", first_name="Bea"))
        assert shop.sync().skipped == {reason: 1}, "without orders, too"
        assert NEW not in shop.list()

    def test_unsubscribed(self, shop: Shop) -> None:
        shop.state.unsubscribe(OLD)
        self.moved_and_skipped(shop, "unsubscribed_in_target")

    def test_deleted(self, shop: Shop) -> None:
        shop.state.delete(OLD)
        self.moved_and_skipped(shop, "deleted_in_target")

    @pytest.mark.parametrize("entry", [OLD, "old@*"])
    def test_blacklisted(self, shop: Shop, entry: str) -> None:
        """CleverReach may refuse any change to the old one; it mails nobody who is blacklisted."""
        shop.state.list_address(entry)
        self.moved_and_skipped(shop, "blacklisted")

    def test_blacklisted_by_another_plug_in(self, shop: Shop) -> None:
        """Such an entry blocks nothing in CleverReach itself."""
        shop.state.list_address(f"{OLD}-WooCommerce")
        self.moved_and_skipped(shop, "blacklisted")
        assert not shop.list()[OLD].active

    def test_blacklisted_by_unsubscribing(self, shop: Shop) -> None:
        shop.state.switches.auto_blacklist = True
        shop.state.unsubscribe(OLD)
        self.moved_and_skipped(shop, "blacklisted")

    def test_consent_ended(self, shop: Shop) -> None:
        shop.write(person(OLD, source_id="1", subscribed="opted_out", orders="2"))
        shop.sync()
        self.moved_and_skipped(shop, "opted_out")

    def test_consent_ended_by_a_no(self, shop: Shop) -> None:
        shop.write(buyer(OLD, source_id="1"))
        shop.sync()
        self.moved_and_skipped(shop, "opted_out")

    def test_bounced_is_no_leaving(self, shop: Shop) -> None:
        shop.state.bounce(OLD)
        shop.write(both(NEW, source_id="1"))
        assert shop.sync().counts["created"] == 1
        assert shop.list()[NEW].active

    def test_a_consent_given_after_the_move_counts(self, shop: Shop) -> None:
        shop.state.unsubscribe(OLD)
        shop.write(both(NEW, source_id="1"))
        shop.sync()
        shop.later(days=5)
        shop.write(both(NEW, source_id="1", subscribed_at="2026-09-20"))
        assert shop.sync().skipped == {"unsubscribed_in_target": 1}
        shop.write(both(NEW, source_id="1", subscribed_at="2026-09-25"))
        assert shop.agreed_sync().counts == {"created": 1}
        assert shop.list()[NEW].active

    def test_a_withdrawal_at_the_new_address_is_not_forgotten(self, shop: Shop) -> None:
        """Later than the move, it outlasts a yes that lies between the two; also in a row that cannot be read."""
        shop.state.unsubscribe(OLD)
        shop.write(both(NEW, source_id="1"))
        shop.sync()
        shop.later(days=5)
        withdrew = person(NEW, source_id="1", subscribed="opted_out", subscribed_at="2026-09-25")
        shop.write(withdrew)
        assert shop.sync().counts == {"skipped": 1}
        shop.write({**withdrew, "subscribed_at": "2026-09-23", "orders": "many"})
        assert shop.sync().counts == {"invalid": 1}
        shop.write(both(NEW, source_id="1", subscribed_at="2026-09-24"))
        for ran in (shop.sync(), shop.resync()):
            assert ran.counts == {"skipped": 1}
        shop.write(both(NEW, source_id="1", subscribed_at="2026-09-26"))
        assert shop.agreed_sync().counts == {"created": 1}

    def test_moved_twice(self, shop: Shop) -> None:
        shop.state.unsubscribe(OLD)
        shop.write(both(NEW, source_id="1"))
        shop.sync()
        shop.write(both("third@example.org", source_id="1"))
        for ran in (shop.sync(), shop.sync()):
            assert ran.skipped == {"unsubscribed_in_target": 1}
        assert shop.list().keys() == {OLD}

    def test_selected_only_later(self, shop: Shop) -> None:
        """At the time of the move no selected kind applied to the new address."""
        shop.state.unsubscribe(OLD)
        shop.write(person(NEW, source_id="1", orders="0"))
        assert shop.sync().skipped == {"not_selected": 1}
        shop.write(buyer(NEW, source_id="1"))
        for ran in (shop.sync(), shop.sync()):
            assert ran.skipped == {"unsubscribed_in_target": 1}
        assert NEW not in shop.list()

    def test_unreadable_at_the_time_of_the_move(self, shop: Shop) -> None:
        shop.config(limits={"max_rejected": 5})
        shop.state.unsubscribe(OLD)
        shop.write(both(NEW, source_id="1") | {"orders": "many"})
        assert shop.sync().counts["invalid"] == 1
        shop.write(both(NEW, source_id="1"))
        for ran in (shop.sync(), shop.sync()):
            assert ran.skipped == {"unsubscribed_in_target": 1}
        assert NEW not in shop.list()

    def test_excluded_at_the_time_of_the_move(self, shop: Shop) -> None:
        shop.state.unsubscribe(OLD)
        shop.config(exclude=["new@*"])
        shop.write(both(NEW, source_id="1"))
        assert shop.sync().skipped == {"excluded": 1}
        shop.config(exclude=None)
        assert shop.sync().skipped == {"unsubscribed_in_target": 1}
        assert NEW not in shop.list()

    def test_contacts_selected(self, shop: Shop) -> None:
        shop.config(tags=[S, B, C])
        shop.state.unsubscribe(OLD)
        shop.write(neither(NEW, source_id="1"))
        assert shop.sync().skipped == {"unsubscribed_in_target": 1}


@pytest.mark.parametrize("own", [buyer, both])
class TestTheOldOneHadLeftAndTheNewOneIsInTheList:
    """For a reason of its own, which goes on to hold; but it gets nothing of whoever had left."""

    @pytest.fixture(autouse=True)
    def moved(self, shop: Shop, own: Callable[..., dict[str, str]]) -> None:
        shop.write(both(OLD, source_id="1"), own(NEW, source_id="2"))
        shop.sync()
        shop.state.unsubscribe(OLD)
        self.before = shop.list()[NEW]
        shop.write(both(NEW, source_id="1", first_name="Anna"), own(NEW, source_id="2"))
        ran = shop.agreed_sync()
        assert (ran.skipped, ran.writes) == ({"unsubscribed_in_target": 1}, 0)

    def test_it_is_left_as_it_is(self, shop: Shop) -> None:
        shop.write(both(NEW, source_id="1", first_name="Bea"))
        for ran in (shop.sync(), shop.resync(), shop.resync("--include-deleted")):
            assert (ran.skipped, ran.writes) == ({"unsubscribed_in_target": 1}, 0)
        assert shop.list()[NEW] == self.before

    def test_a_consent_given_after_the_move_counts(self, shop: Shop) -> None:
        shop.later(days=5)
        shop.write(both(NEW, source_id="1", first_name="Anna", subscribed_at="2026-09-25"))
        assert shop.agreed_sync().counts == {"updated": 1}
        assert (shop.list()[NEW].tags, shop.list()[NEW].values) == ({SUBSCRIBER, BUYER}, {"firstname": "Anna"})
        assert shop.sync().writes == 0

    def test_an_opt_out_ends_it(self, shop: Shop) -> None:
        shop.write(person(NEW, source_id="1", subscribed="opted_out", orders="2"))
        assert shop.agreed_sync().counts == {"deactivated": 1}
        assert not shop.list()[NEW].active

    def test_moved_on(self, shop: Shop, own: Callable[..., dict[str, str]]) -> None:
        third = "third@example.org"
        shop.write(both(third, source_id="1"), own(NEW, source_id="2"))
        shop.sync()
        assert shop.list()[NEW].active
        assert third not in shop.list()


def test_a_contact_who_unsubscribed_elsewhere_and_never_was_transferred(shop: Shop) -> None:
    old_list = shop.state.add_group("Old list")
    shop.state.write(old_list, {"email": OLD})
    shop.state.unsubscribe(OLD)
    shop.write(both(OLD, source_id="1"), both(OTHER, source_id="2"))
    assert shop.sync().skipped == {"unsubscribed_in_target": 1}
    shop.write(both(NEW, source_id="1"), both(OTHER, source_id="2"))
    for ran in (shop.sync(), shop.sync()):
        assert ran.skipped == {"unsubscribed_in_target": 1}
    assert shop.list().keys() == {OTHER}


def test_swapped_addresses(shop: Shop) -> None:
    shop.write(both(OLD, source_id="1", first_name="Anna"), both(NEW, source_id="2", first_name="Ben"))
    shop.sync()
    shop.write(both(NEW, source_id="1", first_name="Anna"), both(OLD, source_id="2", first_name="Ben"))
    ran = shop.agreed_sync()
    assert ran.counts == {"updated": 2}
    found = shop.list()
    assert (found[OLD].values, found[NEW].values) == ({"firstname": "Ben"}, {"firstname": "Anna"})
    assert found[OLD].active
    assert found[NEW].active


@pytest.mark.parametrize("leaves", ["unsubscribes", "says no"])
def test_moved_back_to_an_address_that_ended_and_away_again(shop: Shop, leaves: str) -> None:
    """Whoever left in between is mailed nowhere."""
    shop.write(both(OLD, source_id="1"), both(OTHER, source_id="2"))
    shop.sync()
    shop.write(both(NEW, source_id="1"), both(OTHER, source_id="2"))
    shop.sync()
    if leaves == "unsubscribes":
        shop.state.unsubscribe(NEW)
    else:
        shop.write(buyer(NEW, source_id="1"), both(OTHER, source_id="2"))
        shop.sync()
    for email in (OLD, "third@example.org", "fourth@example.org"):
        shop.write(buyer(email, source_id="1"), both(OTHER, source_id="2"))
        shop.agreed_sync()
        assert {each for each, found in shop.list().items() if found.active} == {OTHER}


def test_who_had_left_comes_back_and_moves_on(shop: Shop) -> None:
    """With a consent newer than the leaving they are like anybody."""
    shop.write(both(OLD, source_id="1"), both(OTHER, source_id="2"))
    shop.sync()
    shop.state.unsubscribe(OLD)
    shop.write(both(NEW, source_id="1"), both(OTHER, source_id="2"))
    shop.sync()
    shop.later(days=5)
    shop.write(both(NEW, source_id="1", subscribed_at="2026-09-25"), both(OTHER, source_id="2"))
    shop.sync()
    assert shop.list()[NEW].active
    shop.write(both("third@example.org", source_id="1", subscribed_at="2026-09-25"), both(OTHER, source_id="2"))
    assert shop.agreed_sync().counts["created"] == 1
    assert {email for email, found in shop.list().items() if found.active} == {"third@example.org", OTHER}


@pytest.mark.parametrize("others", [0, 1])
def test_who_had_left_takes_the_address_that_another_leaves(shop: Shop, others: int) -> None:
    """They are not mailed there, unless there is somebody else."""
    there = [both(NEW, source_id=str(number)) for number in range(10, 10 + others)]
    shop.config(source={"complete": True})
    shop.write(both(OLD, source_id="1"), both(NEW, source_id="2"), both(OTHER, source_id="3"), *there)
    shop.sync()
    shop.state.unsubscribe(OLD)
    third = "third@example.org"
    shop.write(both(NEW, source_id="1"), both(third, source_id="2"), both(OTHER, source_id="3"), *there)
    ran = shop.agreed_sync()
    assert ran.counts["created"] == 1
    kept = {third, OTHER} | ({NEW} if others else set())
    assert {email for email, found in shop.list().items() if found.active} == kept
    shop.sync()
    ran = shop.sync()
    assert ran.writes == 0
    shop.resync()
    assert {email for email, found in shop.list().items() if found.active} == kept
    shop.write(
        both("fourth@example.org", source_id="1"), both(third, source_id="2"), both(OTHER, source_id="3"), *there
    )
    shop.agreed_sync()
    if not others:
        assert {email for email, found in shop.list().items() if found.active} == kept


def test_swapped_addresses_of_whom_one_had_left(shop: Shop) -> None:
    shop.write(both(OLD, source_id="1"), both(NEW, source_id="2"), both(OTHER, source_id="3"))
    shop.sync()
    shop.state.unsubscribe(OLD)
    shop.write(both(NEW, source_id="1"), both(OLD, source_id="2"), both(OTHER, source_id="3"))
    ran = shop.agreed_sync()
    assert ran.counts == {"deactivated": 1, "unchanged": 2}
    assert {email for email, found in shop.list().items() if found.active} == {OTHER}


def test_a_second_record_still_has_the_old_address(shop: Shop) -> None:
    shop.write(both(OLD, source_id="1"), both(OLD, source_id="2"))
    shop.sync()
    shop.write(both(NEW, source_id="1"), both(OLD, source_id="2"))
    ran = shop.agreed_sync()
    assert ran.counts["created"] == 1
    assert "deactivated" not in ran.counts
    assert shop.list()[OLD].active


def test_an_id_that_several_addresses_have_says_nothing(shop: Shop) -> None:
    shop.write(both(OLD, source_id="1"), both(OTHER, source_id="1"))
    shop.sync()
    shop.write(both(NEW, source_id="1"), both(OTHER, source_id="1"))
    ran = shop.agreed_sync()
    assert ran.counts == {"created": 1, "unchanged": 1}
    assert shop.list()[OLD].active


def test_an_id_that_comes_with_two_new_addresses_says_nothing(shop: Shop) -> None:
    shop.write(both(OLD, source_id="1"))
    shop.sync()
    shop.write(both(NEW, source_id="1"), both(OTHER, source_id="1"))
    assert shop.agreed_sync().counts == {"created": 2}
    assert shop.list()[OLD].active


def test_without_an_id_nobody_moves(shop: Shop) -> None:
    shop.write(both(OLD))
    shop.sync()
    shop.write(both(NEW))
    assert shop.sync().counts == {"created": 1}
    assert shop.list()[OLD].active


def test_the_old_one_is_gone_between_reading_and_writing(shop: Shop) -> None:
    shop.write(both(OLD, source_id="1"))
    shop.sync()
    shop.write(both(NEW, source_id="1"))

    def delete(rows: list[object]) -> None:
        shop.before_write = None
        shop.state.delete(OLD)

    shop.before_write = delete
    ran = shop.sync()
    assert ran.counts == {"deactivated": 1, "created": 1}
    assert shop.list().keys() == {NEW}


def test_moved_and_back(shop: Shop) -> None:
    """The old address is not mailed again by itself: its mailing was ended, and no new consent is known."""
    shop.write(both(OLD, source_id="1"))
    shop.sync()
    shop.write(both(NEW, source_id="1"))
    shop.sync()
    shop.write(both(OLD, source_id="1"))
    ran = shop.sync()
    assert ran.counts["deactivated"] == 1
    assert not shop.list()[OLD].active
    assert not shop.list()[NEW].active
    shop.later(days=3)
    shop.write(both(OLD, source_id="1", subscribed_at="2026-09-23"))
    shop.sync()
    assert shop.list()[OLD].active


def test_the_new_address_opted_out(shop: Shop) -> None:
    shop.write(both(OLD, source_id="1"))
    shop.sync()
    shop.write(person(NEW, source_id="1", subscribed="opted_out", orders="2"))
    ran = shop.agreed_sync()
    assert (ran.counts, ran.skipped) == ({"deactivated": 1, "skipped": 1}, {"opted_out": 1})
    assert not shop.list()[OLD].active


def test_the_new_address_is_in_the_list_already(shop: Shop) -> None:
    shop.write(both(OLD, source_id="1"), both(NEW, source_id="2"))
    shop.sync()
    shop.write(both(NEW, source_id="1"), both(NEW, source_id="2"))
    ran = shop.agreed_sync()
    assert ran.counts["deactivated"] == 1
    assert not shop.list()[OLD].active
    assert shop.list()[NEW].active


def test_the_guard_counts_moves(shop: Shop) -> None:
    shop.config(limits={"max_deactivated": 0})
    shop.write(both(OLD, source_id="1"))
    shop.sync()
    shop.write(both(NEW, source_id="1"))
    ran = shop.sync(code=7)
    assert ran.writes == 0
    assert shop.list()[OLD].active
    assert shop.sync("--force", "max_deactivated").counts == {"deactivated": 1, "created": 1}


def test_with_a_consent_file(shop: Shop) -> None:
    """The newsletter's own file still knows the old address only by what it said before."""
    shop.config(consent={"path": "newsletter.csv", "absent": "unknown"})
    shop.write(person(OLD, source_id="1", orders="1"), person(OTHER, source_id="2", orders="1"))
    shop.write(person(OLD, subscribed="yes"), name="newsletter.csv")
    shop.sync()
    shop.state.unsubscribe(OLD)
    shop.write(person(NEW, source_id="1", orders="1"), person(OTHER, source_id="2", orders="1"))
    shop.write(person(NEW, subscribed="yes"), name="newsletter.csv")
    for ran in (shop.sync(), shop.sync()):
        assert ran.skipped == {"unsubscribed_in_target": 1}
    assert NEW not in shop.list()


@pytest.mark.parametrize("says", ["no", "opted_out"])
def test_consent_ends_and_the_address_changes_before_the_next_run(shop: Shop, says: str) -> None:
    """As if there had been a run in between: buying does not bring somebody back who has just left."""
    shop.write(both(OLD, source_id="1"), both(OTHER, source_id="2"))
    shop.sync()
    shop.write(person(NEW, source_id="1", subscribed=says, orders="2"), both(OTHER, source_id="2"))
    ran = shop.agreed_sync()
    assert ran.counts == {"deactivated": 1, "unchanged": 1, "skipped": 1}
    for later in (ran, shop.sync(), shop.resync()):
        assert later.skipped == {"opted_out": 1}
    assert {email for email, found in shop.list().items() if found.active} == {OTHER}
    shop.later(days=3)
    shop.write(both(NEW, source_id="1", subscribed_at="2026-09-23"), both(OTHER, source_id="2"))
    assert shop.agreed_sync().counts["created"] == 1


def test_consent_ends_and_somebody_else_takes_the_address(shop: Shop) -> None:
    shop.write(both(OLD, source_id="1"), both(OTHER, source_id="2"))
    shop.sync()
    shop.write(buyer(NEW, source_id="1"), both(OLD, source_id="2"))
    assert shop.agreed_sync().skipped == {"opted_out": 1}
    assert {email for email, found in shop.list().items() if found.active} == {OLD}


def test_a_buyer_without_consent_moves_like_anybody(shop: Shop) -> None:
    """A no that was always one ends nothing."""
    shop.write(buyer(OLD, source_id="1"))
    shop.sync()
    shop.write(buyer(NEW, source_id="1"))
    assert shop.agreed_sync().counts == {"created": 1, "deactivated": 1}
    assert shop.list()[NEW].active


class TestTheNewsletterStaysBehind:
    """It has a file of its own, by address."""

    @pytest.fixture(autouse=True)
    def newsletter(self, shop: Shop) -> None:
        shop.config(consent={"path": "newsletter.csv", "absent": "no"})
        self.customer(shop, OLD)

    def customer(self, shop: Shop, email: str) -> None:
        shop.write(person(email, source_id="1", orders="2"), person(OTHER, source_id="2", orders="1"))

    def subscriber(self, shop: Shop, email: str, says: str, **values: str) -> None:
        shop.write(person(OTHER, subscribed="yes"), person(email, subscribed=says, **values), name="newsletter.csv")

    def active(self, shop: Shop) -> set[str]:
        return {email for email, found in shop.list().items() if found.active}

    def test_opted_out_and_never_transferred(self, shop: Shop) -> None:
        self.subscriber(shop, OLD, "opted_out", subscribed_at="2026-01-05")
        assert shop.sync().skipped == {"opted_out": 1}
        self.customer(shop, NEW)
        for ran in (shop.agreed_sync(), shop.sync(), shop.resync()):
            assert ran.skipped == {"not_selected": 1, "opted_out": 1}
        self.subscriber(shop, NEW, "yes", subscribed_at="2026-01-04")
        shop.sync()
        assert self.active(shop) == {OTHER}
        self.subscriber(shop, NEW, "yes", subscribed_at="2026-01-06")
        shop.sync()
        assert self.active(shop) == {OTHER, NEW}

    def test_opted_out_at_the_time_of_the_move(self, shop: Shop) -> None:
        self.subscriber(shop, OLD, "yes")
        shop.sync()
        self.subscriber(shop, OLD, "opted_out")
        self.customer(shop, NEW)
        for ran in (shop.agreed_sync(), shop.sync(), shop.resync()):
            assert ran.skipped["opted_out"] == 1
            assert self.active(shop) == {OTHER}

    def test_gone_at_the_time_of_the_move(self, shop: Shop) -> None:
        self.subscriber(shop, OLD, "yes")
        shop.sync()
        shop.write(person(OTHER, subscribed="yes"), name="newsletter.csv")
        self.customer(shop, NEW)
        for ran in (shop.agreed_sync(), shop.sync(), shop.resync()):
            assert ran.skipped == {"opted_out": 1}
            assert self.active(shop) == {OTHER}

    def test_opted_out_before_and_subscribed_anew(self, shop: Shop) -> None:
        self.subscriber(shop, OLD, "opted_out", subscribed_at="2026-01-05")
        shop.sync()
        self.customer(shop, NEW)
        old = person(OLD, subscribed="opted_out", subscribed_at="2026-01-05")
        new = person(NEW, subscribed="yes", subscribed_at="2026-01-06")
        shop.write(person(OTHER, subscribed="yes"), old, new, name="newsletter.csv")
        assert shop.agreed_sync().counts["created"] == 1
        assert self.active(shop) == {OTHER, NEW}

    def test_the_yes_has_not_followed_yet(self, shop: Shop) -> None:
        """Nobody has left: both are mailed until the newsletter has the new address."""
        self.subscriber(shop, OLD, "yes")
        shop.sync()
        self.customer(shop, NEW)
        assert shop.agreed_sync().counts["created"] == 1
        assert self.active(shop) == {OLD, OTHER, NEW}
        self.subscriber(shop, NEW, "yes")
        shop.sync()
        assert self.active(shop) == {OTHER, NEW}
        assert shop.list()[NEW].tags == {SUBSCRIBER, BUYER}
