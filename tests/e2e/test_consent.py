"""The end of consent, and those who had withdrawn before they were first seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.responses import Response

from tests.e2e.gate import UPSERT, Answered, Asked, Gate, answer, refusal
from tests.e2e.people import (
    BUYER,
    CONTACT,
    SUBSCRIBER,
    B,
    C,
    S,
    both,
    buyer,
    customer,
    neither,
    opted_out,
    people,
    person,
    subscriber,
)
from tests.e2e.program import Program, Shop
from tests.e2e.running import counted

ANNA, BEN = "anna@example.org", "ben@example.org"


class TestTheEndOfConsent:
    def test_opted_out(self, shop: Shop) -> None:
        shop.write(both(ANNA), subscriber(BEN))
        shop.sync()
        shop.write(opted_out(ANNA, first_name="not to be sent"), subscriber(BEN))
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
        shop.write(opted_out(ANNA))
        assert shop.sync().counts == {"deactivated": 1}
        assert not shop.list()[ANNA].active

    def test_no_after_yes(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        shop.sync()
        shop.write(buyer(ANNA, first_name="Anna"))
        ran = shop.agreed_sync()
        assert ran.counts == {"deactivated": 1}
        changed = {"global_attributes": {"firstname": "Anna"}}
        assert ran.sent == [{"email": ANNA, "activated": 0, "tags": [f"-{SUBSCRIBER}"], **changed}], "still a buyer"
        ran = shop.agreed_sync()
        assert (ran.counts, ran.writes) == ({"unchanged": 1}, 0)
        shop.write(buyer(ANNA, first_name="Bea"))
        assert shop.agreed_sync().counts == {"updated": 1}
        assert shop.list()[ANNA].values == {"firstname": "Bea"}
        assert not shop.list()[ANNA].active
        assert shop.sync().writes == 0
        shop.resync()
        assert not shop.list()[ANNA].active
        assert shop.list()[ANNA].tags == {BUYER}

    def test_a_first_order_comes_with_the_end(self, shop: Shop) -> None:
        """A source that yields who was changed may not yield them again."""
        shop.config(tags=[S, B, C], attributes={"map": {"firstname": "first_name", "ordercount": "orders"}})
        shop.fields("ordercount", kind="number")
        shop.write(subscriber(ANNA))
        shop.sync()
        shop.write(buyer(ANNA))
        told = shop.diff()
        assert told.changes[0]["tags"] == [f"+{BUYER}", f"-{SUBSCRIBER}"]
        assert shop.sync().counts == {"deactivated": 1}
        found = shop.list()[ANNA]
        assert (found.active, found.tags, found.values) == (False, {BUYER}, {"ordercount": "2"})
        assert shop.sync().writes == 0

    def test_a_resync_sends_what_comes_with_the_end_even_if_it_did_not_change(self, shop: Shop) -> None:
        shop.write(both(ANNA, first_name="Anna"))
        shop.sync()
        shop.put(ANNA, global_attributes={"firstname": "by hand"})
        shop.write(buyer(ANNA, first_name="Anna"))
        assert shop.resync().counts == {"deactivated": 1}
        assert shop.list()[ANNA].values == {"firstname": "Anna"}
        assert shop.sync().writes == 0

    def test_of_somebody_who_was_deleted_and_came_back_by_a_form(self, shop: Shop) -> None:
        shop.write(both(ANNA, first_name="Anna"))
        shop.sync()
        shop.state.delete(ANNA)
        shop.put(ANNA, activated=1)
        shop.write(buyer(ANNA, first_name="Anna"))
        assert shop.agreed_sync().counts == {"deactivated": 1}
        found = shop.list()[ANNA]
        assert (found.active, found.tags, found.values) == (False, {BUYER}, {"firstname": "Anna"})
        assert shop.sync().writes == 0

    @pytest.mark.parametrize("withdrawn", ["opted_out", "no"])
    def test_every_tag_that_contradicts_the_facts_goes_with_it(self, shop: Shop, withdrawn: str) -> None:
        shop.write(both(ANNA))
        shop.sync()
        shop.write(person(ANNA, subscribed=withdrawn, orders="0", first_name="Anna"))
        ran = shop.agreed_sync()
        assert ran.sent == [{"email": ANNA, "activated": 0, "tags": [f"-{SUBSCRIBER}", f"-{BUYER}"]}], "no data"
        assert shop.list()[ANNA].tags == set()
        assert shop.sync().writes == 0

    @pytest.mark.parametrize("refusing", [refusal(400), answer(200, [])])
    def test_nothing_that_comes_with_an_end_stands_in_its_way(
        self, program: Program, gate: Gate, refusing: Callable[[Asked, Answered], Response]
    ) -> None:
        program.write(*people(1))
        program.counts()

        def meddle(asked: Asked, carry_out: Answered) -> Response:
            return refusing(asked, carry_out) if any("global_attributes" in row for row in asked.body) else carry_out()

        program.write(customer(0, subscribed="no", city="not taken"))
        gate.always(UPSERT, meddle)
        assert program.counts() == {"rows": 1, "people": 1, "deactivated": 1}
        assert program.active() == set()

    def test_nobody_counts_twice_if_the_second_try_fails_half_way(self, program: Program, gate: Gate) -> None:
        program.config(target={"concurrency": 1})
        program.write(*people(4))
        program.counts()
        program.write(*[customer(number, subscribed="no", city="not taken") for number in range(4)])
        gate.on(UPSERT, answer(200, []), refusal(413), None, refusal(403))
        finished = program.run()
        assert counted(finished.document) == {"rows": 4, "people": 2, "deactivated": 2}
        assert program.rejects == []
        assert program.counts() == {"rows": 4, "people": 4, "deactivated": 2, "updated": 2}
        assert program.active() == set()

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
        assert shop.agreed_sync().counts == {"deactivated": 2}
        assert shop.list()[ANNA].tags == {CONTACT}
        assert shop.sync().writes == 0
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

    @pytest.mark.parametrize("entry", [ANNA, "*@example.org"])
    @pytest.mark.parametrize("withdrawn", [opted_out, buyer])
    def test_while_blacklisted_and_not_read_again(
        self, shop: Shop, withdrawn: Callable[..., dict[str, str]], entry: str
    ) -> None:
        ben = both("ben@example.com")
        shop.write(both(ANNA), ben)
        shop.sync()
        shop.state.list_address(entry)
        shop.write(withdrawn(ANNA), ben)
        assert shop.agreed_sync().skipped == {"blacklisted": 1}
        shop.write(ben)
        for ran in (shop.agreed_sync(), shop.sync()):
            assert (ran.counts, ran.writes) == ({"unchanged": 1}, 0)
        shop.state.unlist(0, entry)
        assert shop.agreed_sync().counts == {"unchanged": 1, "deactivated": 1}
        assert not shop.list()[ANNA].active
        assert shop.agreed_sync().writes == 0

    @pytest.mark.parametrize("withdrawn", [opted_out, buyer])
    def test_a_note_of_a_plug_in_holds_no_end_back(self, shop: Shop, withdrawn: Callable[..., dict[str, str]]) -> None:
        """CleverReach itself takes no notice of such an entry of the blacklist, and goes on to mail them."""
        shop.write(both(ANNA))
        shop.sync()
        shop.state.list_address(f"{ANNA}-WooCommerce")
        assert shop.agreed_sync().skipped == {"blacklisted": 1}
        shop.write(withdrawn(ANNA, first_name="not to be sent"))
        ran = shop.agreed_sync()
        assert ran.counts == {"deactivated": 1}
        assert ran.sent == [{"email": ANNA, "activated": 0, "tags": [f"-{SUBSCRIBER}"]}]
        shop.later()
        shop.write(both(ANNA, subscribed_at="2026-09-22"))
        for ran in (shop.agreed_sync(), shop.resync()):
            assert (ran.skipped, ran.writes) == ({"blacklisted": 1}, 0)
        assert not shop.list()[ANNA].active

    def test_with_an_own_tag_alone_a_note_holds_no_end_back_either(self, shop: Shop) -> None:
        shop.write(both(BEN))
        shop.sync()
        shop.put(ANNA, tags=[SUBSCRIBER])
        shop.state.list_address(f"{ANNA}-WooCommerce")
        shop.write(opted_out(ANNA), both(BEN))
        assert shop.agreed_sync().counts == {"deactivated": 1, "unchanged": 1}
        assert not shop.list()[ANNA].active

    def test_an_end_that_is_not_confirmed_is_repeated(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        shop.sync()
        shop.write(opted_out(ANNA))
        shop.state.faults.replace({"drop_row": 1.0})
        shop.sync()
        assert shop.list()[ANNA].active
        shop.state.faults.clear()
        assert shop.sync().counts == {"deactivated": 1}
        assert not shop.list()[ANNA].active

    def test_ends_do_not_count_for_a_limit(self, shop: Shop) -> None:
        shop.write(subscriber(ANNA), subscriber(BEN))
        shop.sync()
        shop.write(opted_out(ANNA), opted_out(BEN), subscriber("new@example.org"))
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
        shop.state.subscribe(ANNA, shop.list_id)
        assert shop.list()[ANNA].active
        shop.sync()
        assert shop.list()[ANNA].active, "their own doing"
        shop.write(opted_out(ANNA))
        assert shop.agreed_sync().counts == {"deactivated": 1}
        assert not shop.list()[ANNA].active
        assert shop.sync().skipped == {"opted_out": 1}

    def test_a_second_later_opt_out_of_somebody_who_came_back_by_a_form(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        shop.sync()
        shop.write(opted_out(ANNA, subscribed_at="2026-09-10"))
        shop.sync()
        shop.state.subscribe(ANNA, shop.list_id)
        shop.write(opted_out(ANNA, subscribed_at="2026-09-10", first_name="Anna"))
        ran = shop.sync()
        assert (ran.skipped, ran.writes) == ({"opted_out": 1}, 0)
        assert shop.list()[ANNA].active, "their own doing"
        shop.write(opted_out(ANNA, subscribed_at="2026-09-20"))
        assert shop.agreed_sync().counts == {"deactivated": 1}
        assert not shop.list()[ANNA].active
        assert shop.sync().skipped == {"opted_out": 1}

    def test_opted_out_after_a_no_of_somebody_inactive_needs_no_request(self, shop: Shop) -> None:
        shop.write(both(ANNA))
        shop.sync()
        shop.write(buyer(ANNA))
        shop.sync()
        shop.write(opted_out(ANNA))
        shop.sync()
        assert not shop.list()[ANNA].active
        shop.write(both(ANNA, subscribed_at="2026-09-20"))
        shop.sync()
        assert not shop.list()[ANNA].active


class TestOptedOutAtFirstSight:
    def test_never_created(self, shop: Shop) -> None:
        shop.config(tags=[S, B, C])
        shop.write(opted_out(ANNA), person(BEN, subscribed="unsubscribed", orders="0"))
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
        shop.state.subscribe(ANNA, shop.list_id)
        shop.put(ANNA, tags=["Form.Web"])
        before = shop.list()[ANNA]
        shop.write(both(BEN), opted_out(ANNA, first_name="Anna"))
        ran = shop.agreed_sync()
        assert ran.skipped == {"opted_out": 1}
        assert ANNA not in {row["email"] for row in ran.sent}
        shop.resync()
        assert shop.list()[ANNA] == before

    def test_with_an_own_special_tag_their_consent_is_ended(self, shop: Shop) -> None:
        shop.write(both(BEN))
        shop.sync()
        shop.put(ANNA, tags=[SUBSCRIBER, "Form.Web"])
        shop.write(both(BEN), opted_out(ANNA))
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


def test_half_a_letter_hides_no_opt_out(shop: Shop) -> None:
    """A name that was cut within an emoji."""
    shop.write_json(both(ANNA), both(BEN))
    shop.sync()
    shop.write_json({**opted_out(ANNA), "first_name": "Anna \ud83d", "city": "\ude00"}, both(BEN))
    assert shop.agreed_sync().counts == {"deactivated": 1, "unchanged": 1}
    assert not shop.list()[ANNA].active


@pytest.mark.parametrize("name", ["customers.csv", "customers.jsonl"])
def test_a_bad_byte_hides_no_opt_out(shop: Shop, name: str) -> None:
    def write(*rows: dict[str, str]) -> None:
        if name.endswith("jsonl"):
            shop.write_json(*rows)
        else:
            shop.write(*rows)
        path = shop.folder / name
        content = path.read_bytes().replace(b"K\\u00f6ln", "K\u00f6ln".encode())
        path.write_bytes(content.replace(b"DAMAGED", b"Berl\xffin"))

    cora, others = "cora@example.org", [both(f"p{number}@example.org", city="K\u00f6ln") for number in range(300)]
    write(both(ANNA), both(BEN), both(cora), *others)
    shop.sync()
    ended = [{**opted_out(ANNA), "city": "DAMAGED"}, {**both(BEN), "city": "DAMAGED"}]
    write(*ended, {**opted_out("new@example.org"), "city": "DAMAGED"}, both(cora), *others)
    ran = shop.agreed_sync()
    assert ran.counts == {"deactivated": 1, "invalid": 2, "unchanged": 301}
    assert ran.doc["invalid"] == {"encoding": 2}
    assert ran.sent == [{"email": ANNA, "activated": 0, "tags": [f"-{SUBSCRIBER}"]}]
    assert {email for email, found in shop.list().items() if not found.active} == {ANNA}
