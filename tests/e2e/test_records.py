"""Several records of one person."""

from __future__ import annotations

import pytest

from tests.e2e.people import BUYER, SUBSCRIBER, neither, person, subscriber
from tests.e2e.program import Shop

ANNA, BEN = "anna@example.org", "ben@example.org"


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
