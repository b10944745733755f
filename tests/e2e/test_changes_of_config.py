"""What a change of the config does to people who were transferred before; and what `resync` sends."""

from __future__ import annotations

import pytest

from tests.e2e.people import BUYER, SUBSCRIBER, B, C, S, both, buyer, neither, person, subscriber
from tests.e2e.program import Shop

ANNA, BEN, CARL = "anna@example.org", "ben@example.org", "carl@example.org"


@pytest.fixture(autouse=True)
def transferred(shop: Shop) -> None:
    shop.write(both(ANNA, first_name="Anna", city="Ulm"), buyer(BEN, first_name="Ben"), subscriber(CARL))
    shop.sync()


class TestAttributes:
    def test_one_is_added(self, shop: Shop) -> None:
        """Only those who have a value for it are sent."""
        shop.fields("ordercount", kind="number")
        shop.write(
            both(ANNA, first_name="Anna", city="Ulm", last_name="Berg"), buyer(BEN, first_name="Ben"), subscriber(CARL)
        )
        shop.config(attributes={"map": {"firstname": "first_name", "city": "city", "lastname": "last_name"}})
        ran = shop.agreed_sync()
        assert ran.counts == {"updated": 1, "unchanged": 2}
        assert shop.list()[ANNA].values == {"firstname": "Anna", "city": "Ulm", "lastname": "Berg"}
        assert shop.sync().writes == 0

    def test_one_is_taken_out(self, shop: Shop) -> None:
        before = shop.list()
        shop.config(attributes={"map": {"firstname": "first_name"}})
        ran = shop.agreed_sync()
        assert (ran.counts, ran.writes) == ({"unchanged": 3}, 0)
        assert shop.list() == before
        shop.write(both(ANNA, first_name="Anna", city="Bonn"), buyer(BEN, first_name="Ben"), subscriber(CARL))
        assert shop.sync().writes == 0
        shop.config(attributes={"map": {"firstname": "first_name", "city": "city"}})
        assert shop.sync().counts == {"updated": 1, "unchanged": 2}
        assert shop.list()[ANNA].values["city"] == "Bonn"

    def test_one_is_filled_from_another_field(self, shop: Shop) -> None:
        shop.config(attributes={"map": {"firstname": "first_name", "city": "extra.Stadt"}})
        shop.write(both(ANNA, first_name="Anna", Stadt="Kiel"), buyer(BEN, first_name="Ben"), subscriber(CARL))
        assert shop.sync().counts == {"updated": 1, "unchanged": 2}
        assert shop.list()[ANNA].values["city"] == "Kiel"


class TestExclude:
    def test_a_pattern_is_added(self, shop: Shop) -> None:
        before = shop.list()
        shop.config(exclude=["ANNA@*", "c?rl@example.org"])
        shop.write(both(ANNA, first_name="New"), buyer(BEN, first_name="Ben"), subscriber(CARL, first_name="New"))
        ran = shop.agreed_sync()
        assert ran.skipped == {"excluded": 2}
        assert ran.writes == 0
        assert shop.list() == before
        ran = shop.resync()
        assert {row["email"] for row in ran.sent} == {BEN}

    def test_a_pattern_is_taken_out(self, shop: Shop) -> None:
        new = "new@marketplace.example"
        shop.config(exclude=["*@marketplace.example"])
        shop.write(buyer(new), both(ANNA, first_name="Anna", city="Ulm"))
        assert shop.sync().skipped == {"excluded": 1}
        shop.config(exclude=[])
        assert shop.agreed_sync().counts == {"created": 1, "unchanged": 1}
        assert new in shop.list()

    def test_excluded_counts_before_not_selected(self, shop: Shop) -> None:
        shop.config(exclude=["*@example.org"], tags=[S])
        assert shop.sync().skipped == {"excluded": 3}


class TestOrderOfReasons:
    """Of several reasons to skip somebody the first counts."""

    def test_it(self, shop: Shop) -> None:
        shop.write(person(ANNA, subscribed="opted_out", orders="2"), person(BEN, subscribed="opted_out", orders="2"))
        shop.state.delete(BEN)
        shop.state.unsubscribe(ANNA)
        for ran in (shop.agreed_sync(), shop.agreed_sync(), shop.resync()):
            assert ran.skipped == {"unsubscribed_in_target": 1, "deleted_in_target": 1}
        shop.write(person(ANNA, subscribed="opted_out", orders="2"))
        shop.state.list_address(ANNA)
        assert shop.resync().skipped == {"blacklisted": 1}
        shop.config(tags=[S])
        assert shop.resync().skipped == {"not_selected": 1}
        shop.config(exclude=[ANNA])
        assert shop.resync().skipped == {"excluded": 1}


class TestSeveralAtOnce:
    def test_a_kind_and_a_field(self, shop: Shop) -> None:
        shop.config(tags=[S, B, C], attributes={"map": {"firstname": "first_name", "lastname": "last_name"}})
        shop.write(
            both(ANNA, first_name="Anna", city="Ulm"),
            buyer(BEN, first_name="Ben", last_name="Berg"),
            subscriber(CARL),
            neither("new@example.org"),
        )
        assert shop.agreed_sync().counts == {"created": 1, "updated": 1, "unchanged": 2}

    def test_a_change_and_back(self, shop: Shop) -> None:
        before = shop.list()
        shop.config(tags=[S])
        shop.sync()
        shop.config(tags=[S, B])
        ran = shop.sync()
        assert (ran.counts, ran.writes) == ({"unchanged": 3}, 0)
        assert shop.list() == before

    def test_a_kind_is_added_while_a_limit_holds_some_back(self, shop: Shop) -> None:
        shop.config(tags=[S, B, C])
        shop.write(*(neither(f"c{n}@example.org") for n in range(4)), both(ANNA, first_name="Anna", city="Ulm"))
        assert shop.sync("--limit", "3").counts["created"] == 3
        assert shop.sync().counts == {"created": 1, "unchanged": 4}, "the change is not lost"


class TestResync:
    def test_everybody_selected_is_sent(self, shop: Shop) -> None:
        ran = shop.resync()
        assert ran.counts == {"updated": 3}
        assert {row["email"] for row in ran.sent} == {ANNA, BEN, CARL}
        assert ran.sent_to(ANNA) == {
            "email": ANNA,
            "tags": [SUBSCRIBER, BUYER],
            "global_attributes": {"firstname": "Anna", "city": "Ulm"},
        }
        assert shop.sync().writes == 0

    def test_nobody_else_is(self, shop: Shop) -> None:
        shop.config(tags=[S])
        ran = shop.resync()
        assert {row["email"] for row in ran.sent} == {ANNA, CARL}
        assert ran.skipped == {"not_selected": 1}
        assert shop.list()[BEN].tags == {BUYER}

    def test_it_restores_what_was_changed_by_hand(self, shop: Shop) -> None:
        shop.put(ANNA, tags=[f"-{BUYER}", "Form.Web"], global_attributes={"firstname": "Hanna"})
        shop.resync()
        assert shop.list()[ANNA].tags == {SUBSCRIBER, BUYER, "Form.Web"}
        assert shop.list()[ANNA].values["firstname"] == "Anna"

    def test_without_a_run_before(self, shop: Shop) -> None:
        shop.config(state_dir=".other", source={"name": "Other"})
        assert shop.resync().counts == {"updated": 3}

    def test_ends_of_consent_come_first(self, shop: Shop) -> None:
        shop.write(person(CARL, subscribed="opted_out", orders="2"), both(ANNA), both("new@example.org"))
        ran = shop.resync()
        assert [row["email"] for row in ran.sent] == [CARL, ANNA, "new@example.org"]


def test_the_same_export_in_another_order_or_under_another_path(shop: Shop) -> None:
    shop.write(subscriber(CARL), buyer(BEN, first_name="Ben"), both(ANNA, first_name="Anna", city="Ulm"), name="b.csv")
    shop.config(source={"path": "*.csv"})
    assert shop.sync().counts["unchanged"] in (2, 3)
    (shop.folder / "customers.csv").unlink()
    ran = shop.sync()
    assert (ran.counts, ran.writes) == ({"unchanged": 3}, 0)


class TestWhereConsentComesFrom:
    """What nobody is asked any more does not beat what is asked now."""

    def test_a_consent_file_is_taken_out(self, shop: Shop) -> None:
        (shop.folder / "newsletter.csv").write_text(f"email,subscribed\n{BEN},yes\n", encoding="utf-8")
        shop.config(consent={"path": "newsletter.csv", "absent": "unknown"})
        shop.sync()
        assert shop.list()[BEN].tags == {SUBSCRIBER, BUYER}
        shop.config(consent=None)
        assert shop.agreed_sync().counts == {"deactivated": 1, "unchanged": 2}
        assert (shop.list()[BEN].tags, shop.list()[BEN].active) == ({BUYER}, False)

    def test_a_consent_file_is_taken_out_and_nobody_else_tells(self, shop: Shop) -> None:
        (shop.folder / "newsletter.csv").write_text(f"email,subscribed\n{BEN},yes\n", encoding="utf-8")
        shop.write(both(ANNA), buyer(BEN, subscribed=""), subscriber(CARL))
        shop.config(consent={"path": "newsletter.csv", "absent": "unknown"})
        shop.sync()
        shop.config(consent=None)
        shop.sync()
        assert (shop.list()[BEN].tags, shop.list()[BEN].active) == ({SUBSCRIBER, BUYER}, True)

    def test_an_opt_out_in_a_file_that_is_taken_out_goes_on_to_hold(self, shop: Shop) -> None:
        (shop.folder / "newsletter.csv").write_text("email,subscribed\ndan@example.org,opted_out\n", encoding="utf-8")
        shop.write(both(ANNA), buyer(BEN), subscriber(CARL), buyer("dan@example.org"))
        shop.config(consent={"path": "newsletter.csv", "absent": "unknown"})
        shop.sync()
        shop.config(consent=None)
        for ran in (shop.sync(), shop.resync()):
            assert ran.skipped == {"opted_out": 1}

    @pytest.mark.parametrize("says", ["no", "opted_out"])
    def test_an_export_without_ids_any_more_says_the_same_of_everybody(self, shop: Shop, says: str) -> None:
        shop.write(both(ANNA, source_id="1", orders="2"), both(BEN, source_id="2"))
        shop.sync()
        shop.write(both(ANNA, orders="2"), person(BEN, subscribed=says, orders="1"))
        assert shop.agreed_sync().counts == {"deactivated": 1, "unchanged": 1}
        assert {email: found.active for email, found in shop.list().items()} == {ANNA: True, BEN: False, CARL: True}
        shop.write(both(ANNA, source_id="1", orders="2"), both(BEN, source_id="2"))
        shop.sync()
        assert not shop.list()[BEN].active
