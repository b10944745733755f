"""Whole runs from a Salesforce org into a list: who subscribed and who left, by whichever objects are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.program import Program
from tests.shops.salesforce import FakeSalesforce

SUBSCRIBER, BUYER = "Salesforce-Special.Subscriber", "Salesforce-Special.Buyer"
HOUR = 3600
ANNA, BEN, CORA = "anna@mail.example", "ben@mail.example", "cora@mail.example"
BOTH, CONTACTS = ["Contact", "Lead"], ["Contact"]


class Merchant:
    """An org, a list, and what lies between."""

    def __init__(self, org: FakeSalesforce, program: Program) -> None:
        self.org = org
        self.program = program
        org.now = int(program.clock.wall()) - 20 * HOUR
        program.state.create_attribute("ordercount", "number")
        program.config(attributes={"map": {"ordercount": "orders"}})
        self.reads(BOTH)

    def reads(self, objects: list[str], **more: Any) -> None:
        self.program.settings["source"] = self.org.settings(objects=objects, **more)
        self.program.config()

    def sync(self, hours: float = 1) -> dict[str, int]:
        self.org.now += int(hours * HOUR)
        return self.program.agreed_sync().counts

    @property
    def shown(self) -> dict[str, tuple[bool, set[str]]]:
        return {email: (shown.active, set(shown.tags)) for email, shown in self.program.list().items()}


@pytest.fixture
def org() -> Iterator[FakeSalesforce]:
    found = FakeSalesforce()
    yield found
    found.close()


@pytest.fixture
def merchant(org: FakeSalesforce, program: Program) -> Merchant:
    return Merchant(org, program)


def test_leads_that_are_not_read_any_more_keep_nobody_a_subscriber_and_end_no_opt_out(
    merchant: Merchant, org: FakeSalesforce
) -> None:
    org.add("Lead", Email=ANNA, Newsletter__c=True)
    org.add_customer(ANNA)
    org.add("Lead", Email=BEN, Newsletter__c=True)
    org.add("Lead", Email=CORA, HasOptedOutOfEmail=True)
    org.add_customer(CORA, consent=True)
    assert merchant.sync() == {"created": 2, "skipped": 1}
    assert merchant.shown == {ANNA: (True, {SUBSCRIBER}), BEN: (True, {SUBSCRIBER})}
    merchant.reads(CONTACTS)
    for counts in ({"deactivated": 1, "skipped": 1}, {"skipped": 2}):
        assert merchant.sync() == counts
        assert merchant.shown == {ANNA: (False, set()), BEN: (True, {SUBSCRIBER})}, "of Ben nothing is known any more"
    org.add_customer(BEN)
    assert merchant.sync()["deactivated"] == 1
    merchant.reads(BOTH)
    for command in (merchant.sync, merchant.program.resync):
        command()
        assert merchant.shown == {ANNA: (False, set()), BEN: (False, set())}


def test_the_opt_out_of_a_lead_counts_for_the_contact_that_it_became(merchant: Merchant, org: FakeSalesforce) -> None:
    """Also for one that was there already, whose own fields a conversion does not change."""
    org.add_customer(ANNA, consent=True)
    org.add("Lead", Email=ANNA, HasOptedOutOfEmail=True, IsConverted=True)
    org.add_customer(BEN, consent=True)
    org.add("Lead", Email=BEN, Newsletter__c=True, IsConverted=True)
    for counts in ({"created": 1, "skipped": 1}, {"unchanged": 1, "skipped": 1}):
        assert merchant.sync(30) == counts
        assert merchant.shown == {BEN: (True, {SUBSCRIBER})}


def test_two_roles_of_a_contact_in_an_opportunity_are_one_order(merchant: Merchant, org: FakeSalesforce) -> None:
    merchant.program.config(tags=["subscriber", "buyer", "contact"])
    anna, ben = org.add_customer(ANNA), org.add_customer(BEN)
    order = org.add_order(anna)
    second = org.add("OpportunityContactRole", ContactId=str(anna), OpportunityId=str(order))
    org.add("OpportunityContactRole", ContactId=str(ben), OpportunityId=str(order))
    merchant.sync()

    def bought() -> dict[str, str]:
        return {email: str(shown.values["ordercount"]) for email, shown in merchant.program.list().items()}

    assert bought() == {ANNA: "1", BEN: "1"}
    org.now += HOUR
    org.change("OpportunityContactRole", second, IsDeleted=True)
    assert merchant.sync() == {"unchanged": 2}
    assert bought() == {ANNA: "1", BEN: "1"}
    org.now += HOUR
    for role in list(org.tables["OpportunityContactRole"]):
        if org.tables["OpportunityContactRole"][role]["ContactId"] == str(anna):
            org.change("OpportunityContactRole", role, IsDeleted=True)
    assert merchant.sync()["updated"] == 1
    assert bought() == {ANNA: "0", BEN: "1"}
    assert BUYER not in merchant.shown[ANNA][1]
    assert merchant.sync(24 * 8) == {"unchanged": 2}
