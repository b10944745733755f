"""Data fields: what is sent, in which form, and when a value is cleared."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.people import SUBSCRIBER, B, C, S, at, both, buyer, neither, person, subscriber
from tests.e2e.program import Shop

ANNA, BEN = "anna@example.org", "ben@example.org"
PROFILE = {
    "salutation": "Frau",
    "title": "Dr.",
    "first_name": "Anna",
    "last_name": "Müller-Lüdenscheidt",
    "street": "Am Wall 1",
    "zip": "01234",
    "city": "Köln",
    "company": "Müller & Töchter",
    "state": "NW",
    "country": "DE",
    "phone": "+49 221 1",
    "language": "de",
    "shop": "Hauptshop",
    "customer_number": "C-7",
}


class TestPresetShop:
    @pytest.fixture(autouse=True)
    def preset(self, shop: Shop) -> None:
        shop.preset("shop")
        shop.config(attributes={"preset": "shop", "map": None})

    def test_every_field_as_it_is_sent(self, shop: Shop) -> None:
        row = {
            **PROFILE,
            "birthday": "1990-02-28",
            "last_order_at": "2026-03-04T23:30:00+02:00",
            "total_spent": "1234.50",
        }
        shop.write(both(ANNA, **row))
        ran = shop.sync()
        assert ran.sent_to(ANNA)["global_attributes"] == {
            "salutation": "Frau",
            "title": "Dr.",
            "firstname": "Anna",
            "lastname": "Müller-Lüdenscheidt",
            "street": "Am Wall 1",
            "zip": "01234",
            "city": "Köln",
            "company": "Müller & Töchter",
            "state": "NW",
            "country": "DE",
            "phone": "+49 221 1",
            "language": "de",
            "shop": "Hauptshop",
            "customernumber": "C-7",
            "birthday": "1990-02-28",
            "lastorderdate": "2026-03-04",
            "ordercount": "2",
            "totalspent": "1234.50",
        }
        assert shop.list()[ANNA].values["lastname"] == "Müller-Lüdenscheidt"
        assert shop.sync().writes == 0

    def test_dates_and_numbers_of_an_export_in_german(self, shop: Shop) -> None:
        shop.config(source={"dates": "dmy", "decimal": ","})
        shop.write(
            both(ANNA, birthday="28.02.1990", last_order_at="4.3.2026", total_spent="1.234.567,80", orders="1.000")
        )
        shop.sync()
        assert shop.list()[ANNA].values == {
            "birthday": "1990-02-28",
            "lastorderdate": "2026-03-04",
            "ordercount": "1000",
            "totalspent": "1234567.80",
        }

    def test_orders_only_for_people_sent_as_buyer(self, shop: Shop) -> None:
        shop.config(tags=[S, B, C])
        row = {"first_name": "X", "total_spent": "0.00", "last_order_at": ""}
        shop.write(
            subscriber(ANNA, **row), neither(BEN, **row), buyer("c@example.org", first_name="X", total_spent="5")
        )
        shop.sync()
        found = shop.list()
        assert found[ANNA].values == found[BEN].values == {"firstname": "X"}
        assert found["c@example.org"].values == {"firstname": "X", "ordercount": "2", "totalspent": "5"}

    def test_who_is_no_buyer_any_more_has_no_orders(self, shop: Shop) -> None:
        shop.write(both(ANNA, total_spent="5.00", last_order_at="2026-03-04", city="Ulm"))
        shop.sync()
        shop.write(subscriber(ANNA, total_spent="0", city="Ulm"))
        told = shop.diff("--show-pii")
        assert told.changes[0]["attributes"] == {
            "ordercount": ["2", "0"],
            "totalspent": ["5.00", ""],
            "lastorderdate": ["2026-03-04", ""],
        }
        ran = shop.agreed_sync()
        assert ran.sent_to(ANNA)["global_attributes"] == {
            "city": "Ulm",
            "ordercount": "0",
            "totalspent": "",
            "lastorderdate": "",
        }
        assert shop.list()[ANNA].values == {"city": "Ulm", "ordercount": "0"}
        assert shop.sync().writes == 0
        shop.resync()
        assert shop.list()[ANNA].values == {"city": "Ulm", "ordercount": "0"}
        shop.write(both(ANNA, total_spent="7.00", last_order_at="2026-05-04", city="Ulm"))
        shop.sync()
        assert shop.list()[ANNA].values == {
            "city": "Ulm",
            "ordercount": "2",
            "totalspent": "7.00",
            "lastorderdate": "2026-05-04",
        }

    def test_nobody_who_never_was_a_buyer_has_a_number_of_orders(self, shop: Shop) -> None:
        shop.put(ANNA, global_attributes={"ordercount": "9"})
        shop.write(subscriber(ANNA))
        shop.sync()
        assert shop.list()[ANNA].values == {"ordercount": "9"}

    def test_a_buyer_to_whom_nothing_else_applies(self, shop: Shop) -> None:
        """They stay in the list, without a tag that is not true."""
        shop.write(buyer(ANNA, total_spent="5.00", city="Ulm"), buyer(BEN))
        shop.sync()
        shop.write(neither(ANNA, total_spent="0", city="Bonn"), buyer(BEN))
        assert shop.agreed_sync().counts == {"updated": 1, "unchanged": 1}
        assert shop.list()[ANNA].active
        assert shop.list()[ANNA].tags == set()
        assert shop.list()[ANNA].values == {"city": "Ulm", "ordercount": "0"}
        ran = shop.sync()
        assert (ran.counts, ran.writes) == ({"skipped": 1, "unchanged": 1}, 0)

    def test_the_end_of_consent_takes_the_orders_along(self, shop: Shop) -> None:
        shop.write(both(ANNA, total_spent="5.00"), both(BEN))
        shop.sync()
        shop.write(neither(ANNA, total_spent="0"), both(BEN))
        assert shop.agreed_sync().counts == {"deactivated": 1, "unchanged": 1}
        assert not shop.list()[ANNA].active
        assert shop.list()[ANNA].tags == set()
        assert shop.list()[ANNA].values == {"ordercount": "0"}

    def test_after_the_end_of_consent(self, shop: Shop) -> None:
        shop.write(both(ANNA, total_spent="5.00"), both(BEN))
        shop.sync()
        shop.write(buyer(ANNA, total_spent="5.00"), both(BEN))
        shop.sync()
        shop.write(neither(ANNA), both(BEN))
        shop.agreed_sync()
        assert not shop.list()[ANNA].active
        assert (shop.list()[ANNA].tags, shop.list()[ANNA].values) == (set(), {"ordercount": "0"})

    def test_while_buyers_are_not_selected_the_orders_alone_are_no_reason(self, shop: Shop) -> None:
        shop.write(both(ANNA, total_spent="5.00"))
        shop.sync()
        shop.config(tags=[S])
        shop.write(subscriber(ANNA))
        assert shop.sync().writes == 0
        shop.write(subscriber(ANNA, city="Ulm"))
        shop.sync()
        assert shop.list()[ANNA].values == {"city": "Ulm", "ordercount": "0"}
        assert shop.list()[ANNA].tags == {SUBSCRIBER}

    def test_an_export_without_amounts_has_no_total(self, shop: Shop) -> None:
        shop.write(both(ANNA, orders="3"))
        shop.sync()
        assert shop.list()[ANNA].values == {"ordercount": "3"}


class TestEmptyAndMissing:
    def json(self, shop: Shop, **values: Any) -> None:
        shop.write_json({"email": ANNA, "subscribed": "yes", "orders": 1, "first_name": "Anna", **values})

    def test_an_empty_value_is_not_sent_to_somebody_new(self, shop: Shop) -> None:
        shop.write(both(ANNA, first_name="Anna", city=""))
        assert shop.sync().sent_to(ANNA)["global_attributes"] == {"firstname": "Anna"}

    def test_a_value_that_became_empty_is_cleared_once(self, shop: Shop) -> None:
        self.json(shop, city="Ulm")
        shop.sync()
        self.json(shop, city="")
        ran = shop.agreed_sync()
        assert ran.sent_to(ANNA)["global_attributes"]["city"] == ""
        assert shop.list()[ANNA].values == {"firstname": "Anna"}
        assert shop.sync().writes == 0
        shop.put(ANNA, global_attributes={"city": "Bonn"})
        self.json(shop, city="", first_name="Anne")
        shop.sync()
        self.json(shop, city="Kiel", first_name="Anne")
        shop.sync()
        assert shop.list()[ANNA].values == {"firstname": "Anne", "city": "Kiel"}

    @pytest.mark.parametrize("missing", [{}, {"city": None}])
    def test_a_missing_value_clears_nothing(self, shop: Shop, missing: dict[str, Any]) -> None:
        self.json(shop, city="Ulm")
        shop.sync()
        self.json(shop, **missing)
        assert shop.sync().writes == 0
        shop.resync()
        assert shop.list()[ANNA].values == {"firstname": "Anna", "city": "Ulm"}

    def test_an_empty_value_that_never_was_sent_clears_nothing(self, shop: Shop) -> None:
        """Somebody may have filled it in CleverReach."""
        self.json(shop, city="")
        shop.sync()
        shop.put(ANNA, global_attributes={"city": "Bonn"})
        self.json(shop, city="", first_name="Anne")
        ran = shop.sync()
        assert ran.sent_to(ANNA)["global_attributes"] == {"firstname": "Anne"}
        shop.resync()
        assert shop.list()[ANNA].values == {"firstname": "Anne", "city": "Bonn"}

    def test_somebody_in_the_list_before(self, shop: Shop) -> None:
        shop.put(ANNA, global_attributes={"city": "Bonn"})
        self.json(shop, city="")
        shop.sync()
        assert shop.list()[ANNA].values == {"firstname": "Anna", "city": "Bonn"}

    def test_an_empty_value_never_overwrites_a_filled_one_of_another_record(self, shop: Shop) -> None:
        shop.write(
            both(ANNA, source_id="1", first_name="Anna", city="Ulm", updated_at="2026-01-01"),
            both(ANNA, source_id="2", first_name="", city="Bonn", updated_at="2026-02-01"),
            person(ANNA, source_id="3", city="Kiel"),
        )
        shop.sync()
        assert shop.list()[ANNA].values == {"firstname": "Anna", "city": "Bonn"}

    def test_of_undated_records_the_later_row_counts(self, shop: Shop) -> None:
        shop.write(both(ANNA, source_id="1", first_name="Anna"), both(ANNA, source_id="2", first_name="Anne"))
        shop.sync()
        assert shop.list()[ANNA].values == {"firstname": "Anne"}


class TestMapping:
    def test_fields_of_their_own(self, shop: Shop) -> None:
        shop.fields("vip_level", "mail", "consent", "since")
        shop.config(
            attributes={
                "map": {
                    "VIP Level": "extra.VIP",
                    "mail": "email",
                    "consent": "subscribed",
                    "since": "subscribed_at",
                }
            }
        )
        shop.write(both(ANNA, VIP="7.50", subscribed_at="2026-03-01T10:00:00Z", first_name="Anna"))
        shop.sync()
        assert shop.list()[ANNA].values == {"vip_level": "7.50", "mail": ANNA, "consent": "yes", "since": "2026-03-01"}

    def test_a_preset_with_changes(self, shop: Shop) -> None:
        shop.preset("shop")
        shop.config(attributes={"preset": "shop", "map": {"city": None, "company": "customer_number"}})
        shop.write(both(ANNA, city="Ulm", customer_number="C-1", company="ACME"))
        shop.sync()
        assert shop.list()[ANNA].values == {"customernumber": "C-1", "company": "C-1", "ordercount": "2"}

    def test_none(self, shop: Shop) -> None:
        shop.config(attributes=None)
        shop.config(attributes={"preset": "none"})
        shop.write(both(ANNA, first_name="Anna"))
        ran = shop.sync()
        assert "global_attributes" not in ran.sent_to(ANNA)

    def test_headings_of_an_export(self, shop: Shop) -> None:
        shop.config(
            source={
                "columns": {"email": "E-Mail", "first_name": "Vorname", "subscribed": "Newsletter", "orders": "Käufe"},
                "values": {"subscribed": {"Ja": "yes", "abgemeldet": "opted_out"}},
            }
        )
        (shop.folder / "customers.csv").write_bytes(
            f"e-mail ;VORNAME;Newsletter;Käufe\r\n{ANNA};Änne;JA;1\r\n{BEN};Ben;abgemeldet;1\r\n".encode("cp1252")
        )
        ran = shop.sync()
        assert ran.skipped == {"opted_out": 1}
        assert shop.list()[ANNA].values == {"firstname": "Änne"}


class TestMissingInTheAccount:
    def test_refuse(self, shop: Shop) -> None:
        shop.config(attributes={"map": {"lieblingsfarbe": "extra.colour", "haustier": "extra.pet"}})
        shop.write(both(ANNA))
        for ran in (shop.sync(code=2), shop.diff(code=2)):
            assert ran.doc["schema"] == "crsync.error/1"
            assert ran.doc["error"]["code"] == 2
            assert "lieblingsfarbe, haustier" in ran.doc["error"]["message"]
            assert "crsync attrs create" in ran.doc["error"]["hint"]
            assert ran.writes == 0
        assert shop.list() == {}

    def test_ignore(self, shop: Shop) -> None:
        wanted = {"firstname": "first_name", "lieblingsfarbe": "extra.colour"}
        shop.config(attributes={"map": wanted, "missing": "ignore"})
        shop.write(both(ANNA, first_name="Anna", colour="red"))
        ran = shop.sync()
        assert ran.err.count("lieblingsfarbe") == 1
        assert ran.sent_to(ANNA)["global_attributes"] == {"firstname": "Anna"}
        assert shop.sync().writes == 0
        shop.fields("lieblingsfarbe")
        assert shop.sync().counts == {"updated": 1}, "created since"
        assert shop.list()[ANNA].values == {"firstname": "Anna", "lieblingsfarbe": "red"}

    def test_attrs_create(self, shop: Shop) -> None:
        shop.config(attributes={"preset": "shop", "map": {"VIP Level": "extra.vip"}})
        shop.write(both(ANNA, vip="7", birthday="1990-01-02"))
        dry = shop.command("attrs", "create", "--dry-run", "--format", "json")
        assert (dry.code, dry.writes) == (0, 0)
        assert shop.command("attrs", "create").code == 0
        types = {name: field.type for name, field in shop.state.fields(0).items()}
        assert types["vip_level"] == "text"
        assert types["birthday"] == "date"
        assert types["ordercount"] == "number"
        assert shop.command("attrs", "create").writes == 0
        shop.sync()
        assert shop.list()[ANNA].values == {"vip_level": "7", "birthday": "1990-01-02", "ordercount": "2"}


class TestScopeList:
    def test_the_fields_of_the_list(self, shop: Shop) -> None:
        shop.config(attributes={"scope": "list", "map": {"firstname": "first_name", "city": "city"}})
        shop.write(both(ANNA, first_name="Anna", city="Ulm"))
        assert shop.sync(code=2).writes == 0, "only the account has them"
        shop.fields("firstname", "city", in_list=True)
        ran = shop.sync()
        assert ran.sent_to(ANNA)["attributes"] == {"firstname": "Anna", "city": "Ulm"}
        assert "global_attributes" not in ran.sent_to(ANNA)
        assert shop.sync().writes == 0
        assert shop.diff("--against", "target").counts == {"unchanged": 1}

    def test_preset_plentymarkets(self, shop: Shop) -> None:
        """In the list, under technical names; those whom nobody wants may be missing."""
        shop.config(attributes=None)
        shop.config(attributes={"preset": "plentymarkets"})
        assert shop.command("attrs", "create").code == 0
        fields = shop.state.fields(int(shop.list_id))
        assert {name: (field.type, field.description) for name, field in fields.items()} == {
            "birthday": ("date", "Birthday"),
            "vorname": ("text", "Vorname"),
            "gender": ("gender", "Gender"),
            "lang": ("text", "Lang"),
            "nachname": ("text", "Nachname"),
        }
        shop.state.delete_attribute(fields["lang"])
        shop.write(both(ANNA, first_name="Anna", last_name="Berg", gender="f", language="de", birthday="1990-01-02"))
        ran = shop.sync()
        assert "lang" in ran.err
        assert ran.sent_to(ANNA)["attributes"] == {
            "birthday": "1990-01-02",
            "vorname": "Anna",
            "gender": "f",
            "nachname": "Berg",
        }
        assert shop.sync().writes == 0

    def test_the_list_is_still_to_be_created(self, shop: Shop) -> None:
        shop.config(
            attributes={"scope": "list", "missing": "ignore", "map": {"firstname": "first_name"}},
            target={"list": "Brand new", "create_list": True},
        )
        shop.write(both(ANNA, first_name="Anna"))
        assert shop.sync().counts == {"created": 1}


def test_registered_is_the_earliest_creation_date(shop: Shop) -> None:
    shop.write(both(ANNA, source_id="1", created_at="2024-01-01"), both(ANNA, source_id="2", created_at="2020-01-01"))
    shop.sync()
    assert shop.list()[ANNA].registered == at("2020-01-01")
