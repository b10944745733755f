"""What it means that somebody is not in a file: in the consent file beside the shop, and in an export that holds
everybody. And rows and people that cannot be read."""

from __future__ import annotations

import pytest

from tests.e2e.people import BUYER, SUBSCRIBER, B, C, S, both, buyer, neither, person, subscriber
from tests.e2e.program import Shop

ANNA, BEN, CARL = "anna@example.org", "ben@example.org", "carl@example.org"


class TestConsentFile:
    @pytest.fixture(autouse=True)
    def beside(self, shop: Shop) -> None:
        self.use(shop, "no")

    def use(self, shop: Shop, absent: str) -> None:
        shop.config(consent={"path": "newsletter.csv", "absent": absent})

    def newsletter(self, shop: Shop, *rows: dict[str, str]) -> None:
        shop.write(*rows, name="newsletter.csv")

    def client(self, email: str, **values: str) -> dict[str, str]:
        """The shop itself does not know who subscribed."""
        return {"email": email, "orders": "1", **values}

    @pytest.mark.parametrize("absent", ["no", "unknown"])
    def test_it_says_who_subscribed(self, shop: Shop, absent: str) -> None:
        self.use(shop, absent)
        shop.write(self.client(ANNA), self.client(BEN))
        self.newsletter(
            shop, person(ANNA, subscribed="yes", subscribed_at="2026-02-03"), person(CARL, subscribed="yes")
        )
        ran = shop.agreed_sync()
        assert {email: r.tags for email, r in shop.list().items()} == {
            ANNA: {SUBSCRIBER, BUYER},
            BEN: {BUYER},
            CARL: {SUBSCRIBER},
        }
        assert ran.doc["counts"]["rows"] == 4
        assert shop.sync().writes == 0

    @pytest.mark.parametrize("absent", ["no", "unknown"])
    def test_gone_from_it(self, shop: Shop, absent: str) -> None:
        self.use(shop, absent)
        shop.write(self.client(ANNA), self.client(BEN))
        self.newsletter(shop, person(ANNA, subscribed="yes"), person(BEN, subscribed="yes"))
        shop.sync()
        self.newsletter(shop, person(BEN, subscribed="yes"))
        ran = shop.agreed_sync()
        assert ran.counts == ({"deactivated": 1, "unchanged": 1} if absent == "no" else {"unchanged": 2})
        assert shop.list()[ANNA].active is (absent == "unknown")

    @pytest.mark.parametrize("absent", ["no", "unknown"])
    def test_gone_from_it_and_known_nowhere_else(self, shop: Shop, absent: str) -> None:
        self.use(shop, absent)
        shop.write(self.client(BEN))
        self.newsletter(shop, person(ANNA, subscribed="yes"))
        shop.sync()
        self.newsletter(shop, person(BEN, subscribed="yes"))
        ran = shop.agreed_sync()
        assert ran.counts == ({"deactivated": 1, "updated": 1} if absent == "no" else {"updated": 1})
        assert shop.list()[ANNA].active is (absent == "unknown")
        assert shop.sync().counts == {"unchanged": 1}

    def test_in_it_without_a_statement_is_unknown(self, shop: Shop) -> None:
        """They are not absent, and unknown ends nothing."""
        shop.write(self.client(ANNA))
        self.newsletter(shop, person(ANNA, subscribed="yes"))
        shop.sync()
        self.newsletter(shop, person(ANNA, subscribed=""))
        assert shop.agreed_sync().counts == {"unchanged": 1}
        assert shop.list()[ANNA].active

    def test_a_no_in_it_does_not_beat_a_yes_of_the_shop(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        self.newsletter(shop, person(ANNA, subscribed="no"), person(BEN, subscribed="no"))
        shop.sync()
        assert shop.list()[ANNA].tags == {SUBSCRIBER, BUYER}

    def test_a_row_that_cannot_be_read_may_be_anybodys(self, shop: Shop) -> None:
        """Nobody counts as gone then; as soon as the file can be read again, those who are do."""
        shop.write(self.client(ANNA), self.client(BEN))
        self.newsletter(shop, person(ANNA, subscribed="yes"), person(BEN, subscribed="yes"))
        shop.sync()
        (shop.folder / "newsletter.csv").write_text(f"email,subscribed\n{BEN},yes\n{ANNA},y,es\n", encoding="utf-8")
        ran = shop.sync()
        assert ran.counts == {"unchanged": 2, "invalid": 1}
        assert "warning: newsletter.csv:3" in ran.err
        assert shop.list()[ANNA].active
        self.newsletter(shop, person(BEN, subscribed="yes"))
        assert shop.sync().counts == {"deactivated": 1, "unchanged": 1}
        assert not shop.list()[ANNA].active

    def test_what_absence_means_waits_for_a_file_that_can_be_read(self, shop: Shop) -> None:
        self.use(shop, "unknown")
        shop.write(both(ANNA), both(BEN))
        self.newsletter(shop, person(BEN, subscribed="yes"))
        shop.sync()
        self.use(shop, "no")
        shop.write(self.client(ANNA), self.client(BEN))
        (shop.folder / "newsletter.csv").write_text(f"email,subscribed\n{BEN},yes\n{ANNA},y,es\n", encoding="utf-8")
        shop.sync()
        assert shop.list()[ANNA].active, "they may well be in it"
        self.newsletter(shop, person(BEN, subscribed="yes"))
        shop.sync()
        assert not shop.list()[ANNA].active

    def test_absent_turns_to_no(self, shop: Shop) -> None:
        self.use(shop, "unknown")
        shop.write(self.client(ANNA), self.client(BEN))
        self.newsletter(shop, person(ANNA, subscribed="yes"), person(BEN, subscribed="yes"))
        shop.sync()
        self.newsletter(shop, person(BEN, subscribed="yes"))
        assert shop.sync().writes == 0
        self.use(shop, "no")
        assert shop.agreed_sync().counts == {"deactivated": 1, "unchanged": 1}

    def test_no_such_file(self, shop: Shop) -> None:
        shop.write(self.client(ANNA))
        ran = shop.sync(code=2)
        assert ran.writes == 0
        assert "newsletter.csv" in ran.err


class TestExportThatHoldsEverybody:
    @pytest.fixture(autouse=True)
    def complete(self, shop: Shop) -> None:
        shop.config(source={"complete": True})

    def test_a_subscriber_who_is_gone(self, shop: Shop) -> None:
        shop.write(both(ANNA), subscriber(BEN), buyer(CARL))
        shop.sync()
        shop.write(both(BEN))
        ran = shop.agreed_sync()
        assert ran.counts == {"deactivated": 1, "updated": 2}
        assert not shop.list()[ANNA].active
        assert shop.list()[ANNA].tags == set(), "nobody is a buyer of whom nothing is left"
        assert shop.list()[CARL].active, "there was no consent to end"
        assert shop.list()[CARL].tags == set()
        assert shop.sync().counts == {"unchanged": 1}

    def test_a_subscriber_who_comes_back(self, shop: Shop) -> None:
        shop.write(both(ANNA, subscribed_at="2026-01-01"), both(BEN))
        shop.sync()
        shop.write(both(BEN))
        shop.sync()
        shop.write(both(ANNA, subscribed_at="2026-01-01"), both(BEN))
        shop.sync()
        assert not shop.list()[ANNA].active, "the consent is older than its end"
        shop.later(days=3)
        shop.write(both(ANNA, subscribed_at="2026-09-23"), both(BEN))
        shop.sync()
        assert shop.list()[ANNA].active

    def test_gone_and_excluded_or_deselected(self, shop: Shop) -> None:
        shop.write(subscriber(ANNA), both(BEN), both(CARL))
        shop.sync()
        shop.config(tags=[B], exclude=["ben@*"])
        shop.write(both(CARL))
        assert shop.agreed_sync().counts == {"deactivated": 2, "unchanged": 1}
        assert [email for email, r in shop.list().items() if r.active] == [CARL]

    def test_gone_after_they_had_left(self, shop: Shop) -> None:
        shop.write(both(ANNA), both(BEN))
        shop.sync()
        shop.state.unsubscribe(ANNA)
        shop.write(both(BEN))
        ran = shop.sync()
        assert ran.writes == 0
        assert "deactivated" not in ran.counts

    def test_a_row_that_cannot_be_read(self, shop: Shop) -> None:
        shop.write(both(ANNA), both(BEN))
        shop.sync()
        (shop.folder / "customers.csv").write_text(
            f"email,subscribed,orders\n{BEN},yes,2\n{ANNA},yes\n", encoding="utf-8"
        )
        ran = shop.sync()
        assert ran.counts == {"unchanged": 1, "invalid": 1}
        assert shop.list()[ANNA].active

    def test_without_saying_so_absence_means_nothing(self, shop: Shop) -> None:
        shop.config(source={"complete": None})
        shop.write(both(ANNA), both(BEN))
        shop.sync()
        shop.write(both(BEN))
        assert shop.sync().counts == {"unchanged": 1}
        assert shop.list()[ANNA].active

    def test_one_of_two_records_is_gone(self, shop: Shop) -> None:
        shop.write(neither(ANNA, source_id="1", orders="1"), subscriber(ANNA, source_id="2"))
        shop.sync()
        shop.write(neither(ANNA, source_id="1", orders="1"))
        assert shop.sync().counts == {"deactivated": 1}


class TestWhatCannotBeRead:
    def test_rows_without_a_usable_address(self, shop: Shop) -> None:
        shop.write(subscriber("no address"), subscriber(""), subscriber("a@b@c"), subscriber(ANNA))
        ran = shop.agreed_sync()
        assert ran.counts == {"created": 1, "invalid": 3}
        assert ran.doc["invalid"] == {"email": 3}
        assert ran.doc["counts"]["people"] == 4
        assert "warning: customers.csv:2: " in ran.err

    @pytest.mark.parametrize(
        ("field", "value"),
        [("subscribed", "perhaps"), ("subscribed_at", "soon"), ("orders", "many"), ("last_order_at", "32.13.2026")],
    )
    def test_an_unreadable_deciding_field_makes_the_person_invalid(self, shop: Shop, field: str, value: str) -> None:
        row = {**both(ANNA), field: value}
        shop.write(row, both(BEN))
        ran = shop.agreed_sync()
        assert ran.counts == {"created": 1, "invalid": 1}
        assert ran.doc["invalid"] == {field: 1}
        assert "customers.csv:2" in ran.err
        assert value not in ran.err
        assert shop.sync().doc["invalid"] == {field: 1}
        shop.write(both(ANNA), both(BEN))
        assert shop.sync().counts == {"created": 1, "unchanged": 1}

    def test_a_bad_profile_value_loses_that_value_only(self, shop: Shop) -> None:
        shop.preset("shop")
        shop.config(attributes={"preset": "shop", "map": None})
        shop.write(both(ANNA, birthday="soon", total_spent="much", created_at="?", first_name="Anna"))
        ran = shop.sync()
        assert ran.counts == {"created": 1}
        assert shop.list()[ANNA].values == {"firstname": "Anna", "ordercount": "2"}
        assert ran.err.count("warning: customers.csv:2") == 3

    @pytest.mark.parametrize("known", [True, False])
    def test_an_opt_out_in_any_row_of_an_invalid_person_ends_their_consent(self, shop: Shop, known: bool) -> None:
        shop.write(both(BEN))
        if known:
            shop.write(both(ANNA), both(BEN))
        shop.sync()
        shop.write(both(ANNA, orders="many"), person(ANNA, subscribed="opted_out"), both(BEN))
        ran = shop.agreed_sync()
        if known:
            assert ran.counts == {"deactivated": 1, "unchanged": 1}
            assert not shop.list()[ANNA].active
            assert shop.sync().counts == {"invalid": 1, "unchanged": 1}
            shop.write(both(ANNA), both(BEN))
            shop.sync()
            assert not shop.list()[ANNA].active
        else:
            assert ran.counts == {"invalid": 1, "unchanged": 1}

    @pytest.mark.parametrize("field", ["subscribed_at", "orders", "last_order_at"])
    def test_an_opt_out_beside_the_unreadable_value(self, shop: Shop, field: str) -> None:
        shop.write(both(ANNA))
        shop.sync()
        shop.write({**person(ANNA, subscribed="opted_out", orders="2"), field: "?"})
        assert shop.sync().counts == {"deactivated": 1}

    def test_an_invalid_person_stays_as_they_are(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        shop.sync()
        before = shop.list()
        shop.write(person(ANNA, subscribed="perhaps", orders="2", first_name="Anna"))
        ran = shop.sync()
        assert (ran.counts, ran.writes) == ({"invalid": 1}, 0)
        assert shop.list() == before

    def test_too_many_end_with_4_after_the_others_were_sent(self, shop: Shop) -> None:
        shop.config(limits={"max_rejected": 1})
        shop.write(both(ANNA), subscriber("x"), subscriber("y"))
        ran = shop.sync(code=4)
        assert ran.doc["exit"] == {"code": 4, "class": "rejected", "retryable": False}
        assert ran.doc["complete"] is True
        assert ran.counts == {"created": 1, "invalid": 2}
        assert ANNA in shop.list()
        assert shop.diff(code=None).code == 4
        shop.config(limits={"max_rejected": 2})
        shop.sync()

    def test_by_default_20_are_allowed(self, shop: Shop) -> None:
        shop.write(both(ANNA), *(subscriber(f"x{n}") for n in range(20)))
        ran = shop.sync()
        assert ran.err.count("warning: customers.csv:") == 20
        shop.write(both(ANNA), *(subscriber(f"x{n}") for n in range(21)))
        ran = shop.sync(code=4)
        assert "and 1 more" in ran.err

    def test_a_missing_subscribed_column_is_warned_of(self, shop: Shop) -> None:
        (shop.folder / "customers.csv").write_text(f"email,orders\n{ANNA},1\n", encoding="utf-8")
        shop.config(tags=[S, B, C])
        ran = shop.sync()
        assert "subscribed" in ran.err
        assert shop.list()[ANNA].tags == {BUYER}


@pytest.mark.parametrize("tags", [[S, B], [B]])
@pytest.mark.parametrize("entry", [ANNA, "*@example.org"])
def test_gone_while_blacklisted(shop: Shop, entry: str, tags: list[str]) -> None:
    """CleverReach takes no change to them, and mails them no more; their consent ends as soon as it would."""
    shop.config(source={"complete": True})
    shop.write(subscriber(ANNA), both("ben@example.com"))
    shop.sync()
    shop.config(tags=tags)
    shop.state.list_address(entry)
    shop.write(both("ben@example.com"))
    for ran in (shop.agreed_sync(), shop.sync()):
        assert (ran.counts, ran.writes) == ({"unchanged": 1}, 0)
    shop.state.unlist(0, entry)
    assert shop.agreed_sync().counts == {"deactivated": 1, "unchanged": 1}
    assert not shop.list()[ANNA].active
