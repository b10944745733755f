"""Somebody unsubscribes in another list of the account: before a run, during it, or before the list forgets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.responses import Response

from tests.e2e.gate import UPSERT, Answered, Asked, Gate, refusal
from tests.e2e.people import BUYER, DAY, NOW, SUBSCRIBER, S, both, buyer, opted_out, subscriber
from tests.e2e.program import Shop

ANNA, BEN, CARL = "anna@example.org", "ben@example.org", "carl@example.org"
FILTER, STATS = "POST /v3/receivers/filter", "GET /v3/groups/{id}/stats"


@pytest.fixture
def old(shop: Shop) -> str:
    """Another list, with both in it."""
    group = shop.state.add_group("Old list")
    shop.state.write(group, {"email": ANNA, "activated": NOW - 100 * DAY}, {"email": BEN, "activated": NOW - 99 * DAY})
    return group


class TestRemembered:
    def test_of_somebody_unchanged(self, shop: Shop) -> None:
        """The list is cleaned up by hand afterwards: nothing in the account tells of them any more."""
        shop.write(both(ANNA), both(BEN))
        shop.sync()
        shop.state.unsubscribe(ANNA)
        assert shop.agreed_sync().counts == {"unchanged": 2}
        shop.state.delete(ANNA)
        assert shop.resync("--include-deleted").skipped == {"unsubscribed_in_target": 1}
        shop.agreed_sync()
        assert shop.resync("--include-deleted").skipped == {"unsubscribed_in_target": 1}
        assert shop.list().keys() == {BEN}

    def test_of_somebody_whom_a_read_does_not_bring(self, shop: Shop) -> None:
        shop.write(both(ANNA), both(BEN))
        shop.sync()
        shop.state.unsubscribe(ANNA)
        shop.write(both(BEN))
        shop.sync()
        shop.state.delete(ANNA)
        shop.write(both(ANNA), both(BEN))
        assert shop.resync("--include-deleted").skipped == {"unsubscribed_in_target": 1}

    @pytest.mark.parametrize("known", [True, False])
    def test_of_somebody_new_whose_old_list_is_deleted(self, shop: Shop, old: str, known: bool) -> None:
        """Whether the shop showed them at the time, or not."""
        shop.state.unsubscribe(ANNA, old)
        shop.write(*([both(ANNA)] if known else []), both(CARL))
        shop.sync()
        shop.state.delete_group(shop.state.group(old))
        shop.write(both(ANNA), both(CARL))
        for ran in (shop.agreed_sync(), shop.resync("--include-deleted")):
            assert ran.skipped == {"unsubscribed_in_target": 1}
        assert shop.list().keys() == {CARL}
        shop.write(both(ANNA, subscribed_at="2026-09-22"), both(CARL))
        shop.later(days=2)
        assert shop.agreed_sync().counts == {"created": 1, "unchanged": 1}
        assert shop.list()[ANNA].active

    def test_a_damaged_entry_is_refused(self, shop: Shop, old: str) -> None:
        shop.state.unsubscribe(ANNA, old)
        shop.write(both(CARL))
        shop.sync()
        ledger = shop.state_path / "ledger.sqlite3"
        at = NOW.to_bytes(4, "big")
        damaged = ledger.read_bytes()
        assert at in damaged
        ledger.write_bytes(damaged.replace(at, (NOW ^ 1 << 20).to_bytes(4, "big")))
        shop.write(both(ANNA), both(CARL))
        assert shop.command("sync", "--format", "json").code == 9
        assert ANNA not in shop.list()


class TestInactiveByOurDoing:
    """They are in this list, inactive, and would become active."""

    @pytest.fixture(autouse=True)
    def also_elsewhere(self, old: str) -> None: ...

    def leaves(self, shop: Shop, old: str) -> None:
        shop.later(days=1)
        shop.state.unsubscribe(ANNA, old)
        shop.later(days=1)

    def test_consent_given_again_before_that(self, shop: Shop, old: str) -> None:
        shop.write(both(ANNA, subscribed_at="2026-01-01"))
        shop.sync()
        shop.write(opted_out(ANNA, subscribed_at="2026-03-01"))
        shop.sync()
        self.leaves(shop, old)
        shop.write(both(ANNA, subscribed_at="2026-09-20", first_name="Anna"))
        for ran in (shop.agreed_sync(), shop.sync(), shop.resync()):
            assert ran.skipped == {"unsubscribed_in_target": 1}
            assert not ran.sent, "no personal data either"
        assert not shop.list()[ANNA].active
        shop.write(both(ANNA, subscribed_at="2026-09-23", first_name="Anna"))
        assert shop.agreed_sync().doc["activation"]["activated"] == 1
        assert shop.list()[ANNA].active

    @pytest.mark.parametrize("date", ["", "2026-09-22"])
    def test_created_inactive(self, shop: Shop, old: str, date: str) -> None:
        shop.config(activate=[S])
        shop.write(buyer(ANNA))
        shop.sync()
        self.leaves(shop, old)
        shop.write(both(ANNA, subscribed_at=date))
        assert shop.agreed_sync().skipped == {"unsubscribed_in_target": 1}
        shop.config(activate=None)
        assert shop.agreed_sync().skipped == {"unsubscribed_in_target": 1}
        assert not shop.list()[ANNA].active

    def test_where_only_this_list_counts(self, shop: Shop, old: str) -> None:
        shop.config(activate=[S], target={"unsubscribed_in": "list"})
        shop.write(buyer(ANNA))
        shop.sync()
        self.leaves(shop, old)
        shop.write(both(ANNA))
        assert shop.agreed_sync().doc["activation"]["activated"] == 1
        assert shop.list()[ANNA].active

    def test_an_end_of_consent_is_written_all_the_same(self, shop: Shop, old: str) -> None:
        shop.config(activate=[])
        shop.write(subscriber(ANNA))
        shop.sync()
        self.leaves(shop, old)
        shop.write(opted_out(ANNA))
        assert shop.agreed_sync().counts == {"deactivated": 1}
        assert shop.list()[ANNA].tags == set()

    def test_who_came_back_by_themselves_is_judged_by_this_list(self, shop: Shop, old: str) -> None:
        shop.write(both(ANNA, subscribed_at="2026-01-01"))
        shop.sync()
        shop.write(opted_out(ANNA, subscribed_at="2026-03-01"))
        shop.sync()
        self.leaves(shop, old)
        member = shop.state.member(shop.state.group(shop.list_id), ANNA)
        member.activated = shop.now
        shop.write(both(ANNA, subscribed_at="2026-09-20", first_name="Anna"))
        assert shop.agreed_sync().counts == {"updated": 1}
        assert shop.list()[ANNA].values == {"firstname": "Anna"}


class TestMeanwhile:
    """A run is at work."""

    @pytest.fixture(autouse=True)
    def in_both(self, shop: Shop, old: str) -> None:
        shop.write(both(ANNA), both(BEN), both(CARL))
        shop.config(target={"batch_size": 1, "concurrency": 1})

    def once(self, gate: Gate, name: str, act: Callable[[], object], *, number: int = 1) -> None:
        """Right after the n-th call of that name."""
        calls: list[Asked] = []

        def meddle(asked: Asked, carry_out: Answered) -> Response:
            response = carry_out()
            if asked.name == name:
                calls.append(asked)
                if len(calls) == number:
                    act()
            return response

        gate.meddle = meddle

    def test_before_anybody_new_is_written(self, shop: Shop, old: str, gate: Gate) -> None:
        shop.write(both(CARL))
        shop.sync()
        shop.write(both(ANNA), both(BEN), both(CARL))
        self.once(gate, STATS, lambda: shop.state.unsubscribe(ANNA, old))
        ran = shop.sync()
        assert ran.counts == {"created": 1, "skipped": 1, "unchanged": 1}
        assert ran.skipped == {"unsubscribed_in_target": 1}
        assert shop.list().keys() == {BEN, CARL}

    def test_after_they_were_created(self, shop: Shop, old: str, gate: Gate) -> None:
        def leave() -> None:
            shop.state.unsubscribe(ANNA, old)
            shop.state.unsubscribe(BEN, old)

        self.once(gate, UPSERT, leave, number=3)
        ran = shop.sync()
        assert {email: found.active for email, found in shop.list().items()} == {ANNA: False, BEN: False, CARL: True}
        assert all(found.deactivated == 0 for found in shop.list().values()), "that stamp is theirs"
        assert ran.counts == {"created": 3}
        assert ran.doc["activation"]["created_active"] == 1
        assert "2 recipients unsubscribed" in ran.err
        for again in (shop.agreed_sync(), shop.resync(), shop.resync("--include-deleted")):
            assert again.skipped == {"unsubscribed_in_target": 2}
        assert shop.sync().writes == 0

    def test_and_the_list_does_not_end_one_of_them(self, shop: Shop, old: str, gate: Gate) -> None:
        calls: list[Asked] = []

        def meddle(asked: Asked, carry_out: Answered) -> Response:
            if asked.name.startswith("PUT ") and asked.path.endswith(f"/{shop.rows()[ANNA]['id']}"):
                return refusal(400)(asked, carry_out)
            response = carry_out()
            if asked.name == UPSERT:
                calls.append(asked)
                if len(calls) == 3:
                    shop.state.unsubscribe(ANNA, old)
                    shop.state.unsubscribe(BEN, old)
            return response

        gate.meddle = meddle
        shop.sync(code=2)
        assert {email for email, found in shop.list().items() if found.active} == {ANNA, CARL}
        shop.sync(code=2)
        gate.meddle = None
        shop.sync()
        assert {email for email, found in shop.list().items() if found.active} == {CARL}
        assert shop.sync().skipped == {"unsubscribed_in_target": 2}

    def test_after_they_agreed_again(self, shop: Shop, old: str, gate: Gate) -> None:
        shop.sync()
        shop.write(opted_out(ANNA, subscribed_at="2026-09-01"), both(BEN), both(CARL))
        shop.sync()
        shop.write(both(ANNA, subscribed_at="2026-09-02"), both(BEN), both(CARL))
        self.once(gate, UPSERT, lambda: shop.state.unsubscribe(ANNA, old))
        ran = shop.sync()
        assert not shop.list()[ANNA].active
        assert ran.doc["activation"]["activated"] == 0
        assert shop.sync().skipped == {"unsubscribed_in_target": 1}

    def test_who_was_active_before_the_run_is_judged_by_this_list(self, shop: Shop, old: str, gate: Gate) -> None:
        shop.sync()
        shop.later(days=1)
        shop.write(both(ANNA, first_name="Anna"), both(BEN), both(CARL), both("new@example.org"))
        self.once(gate, UPSERT, lambda: shop.state.unsubscribe(ANNA, old))
        assert shop.sync().counts == {"created": 1, "unchanged": 2, "updated": 1}
        assert shop.list()[ANNA].active

    def test_whoever_left_this_list_needs_no_write(self, shop: Shop, gate: Gate) -> None:
        self.once(gate, UPSERT, lambda: shop.state.unsubscribe(ANNA, shop.list_id), number=3)
        assert shop.sync().writes == 3
        assert shop.list()[ANNA].deactivated == NOW

    def test_a_yes_dated_later(self, shop: Shop, old: str, gate: Gate) -> None:
        shop.write(both(ANNA, subscribed_at="2026-09-23"))

        def leave() -> None:
            shop.state.unsubscribe(ANNA, old)

        shop.later(days=2)
        self.once(gate, UPSERT, lambda: shop.state.unsubscribe(ANNA, old))
        shop.state.switches.clock_offset = -20 * 3600  # it was some minutes before they agreed
        shop.sync()
        assert shop.list()[ANNA].active

    def test_a_run_that_dies_is_made_up_for_by_the_next(self, shop: Shop, old: str, gate: Gate) -> None:
        """Created by a process that dies; they leave before the next one begins."""
        written: list[Any] = []

        def meddle(asked: Asked, carry_out: Answered) -> Response:
            if asked.name == UPSERT:
                written.append(asked)
                if len(written) == 3:
                    return refusal(403)(asked, carry_out)
            return carry_out()

        gate.meddle = meddle
        shop.sync(code=6)
        created = set(shop.list())
        assert len(created) == 2
        shop.later(days=0.01)
        for email in created & {ANNA, BEN}:
            shop.state.unsubscribe(email, old)
        shop.later(days=1)
        shop.sync()
        assert {email for email, found in shop.list().items() if found.active} == {ANNA, BEN, CARL} - (
            created & {ANNA, BEN}
        )

    def test_nobody_is_asked_for_where_only_this_list_counts(self, shop: Shop, gate: Gate) -> None:
        shop.config(target={"unsubscribed_in": "list"})
        shop.sync()
        assert not gate.named(FILTER)


class TestOddPages:
    def answer_by_pages(self, gate: Gate, pages: Callable[[int], list[Any]]) -> None:
        def meddle(asked: Asked, carry_out: Answered) -> Response:
            if asked.name != FILTER:
                return carry_out()
            return Response(json.dumps(pages(asked.body["page"])), 200)

        gate.meddle = meddle

    def test_one_row_less_hides_nobody(self, shop: Shop, gate: Gate) -> None:
        """Pages of two; the first of the account is gone after the first page was read."""
        rows = [
            {"id": str(n), "email": f"{n}@example.org", "deactivated": NOW - DAY, "group_id": "7"} for n in range(5)
        ]
        asked: list[int] = []

        def pages(number: int) -> list[Any]:
            asked.append(number)
            if len(asked) == 2:
                del rows[0]
            return rows[2 * number : 2 * number + 2]

        self.answer_by_pages(gate, pages)
        shop.write(*(both(f"{n}@example.org") for n in range(1, 5)), both(CARL))
        assert shop.sync().skipped == {"unsubscribed_in_target": 4}

    def test_a_first_page_of_what_is_no_address(self, shop: Shop, gate: Gate) -> None:
        rows = [{"id": str(n), "email": "nobody", "deactivated": NOW - DAY} for n in range(2)]
        rows.append({"id": "9", "email": f" {ANNA.upper()} ", "deactivated": str(NOW - DAY)})
        self.answer_by_pages(gate, lambda number: rows[2 * number : 2 * number + 2])
        shop.write(both(ANNA), both(CARL))
        assert shop.sync().skipped == {"unsubscribed_in_target": 1}
        assert shop.list().keys() == {CARL}


def test_an_old_address_that_left_elsewhere_bars_the_new_one(shop: Shop, old: str) -> None:
    """Inactive here by the end of a consent, unsubscribed there since; then the account gets another address."""
    shop.write(both(ANNA, source_id="1", subscribed_at="2026-01-01"))
    shop.sync()
    shop.write(buyer(ANNA, source_id="1"))
    shop.sync()
    shop.later(days=1)
    shop.state.unsubscribe(ANNA, old)
    shop.later(days=1)
    shop.write(both("new@example.org", source_id="1", subscribed_at="2026-09-21"))
    ran = shop.sync()
    assert ran.skipped == {"unsubscribed_in_target": 1}
    assert "new@example.org" not in shop.list()
    assert shop.list()[ANNA].tags >= {BUYER} - {SUBSCRIBER}
