"""Dates that nobody can have meant are taken out of what a record says."""

from __future__ import annotations

import pytest

from cleverreach_sync.domain.model import Consent, ConsentState, Order, Purchases, Record, RecordFacts
from cleverreach_sync.domain.statements import state_of
from cleverreach_sync.sources.dates import EARLIEST_TIME, Plausible

NOW = 1_790_000_000
DAY = 86_400
GOOD = NOW - 1000
BAD = [0, EARLIEST_TIME - 1, NOW + DAY + 1, 2_904_811_200, -62_135_596_800, 253_402_300_799]


def record(at: int | None, consent: ConsentState = ConsentState.YES) -> Record:
    return Record(
        "a@example.org",
        at=at,
        created_at=at,
        profile={"birthday": "1931-05-06", "created_at": "text", "updated_at": "text", "city": "K\u00f6ln"},
        consent=Consent(consent, at),
        purchases=Purchases(2, at, "1.00"),
        orders=(Order("1", True, at), Order("2", True, GOOD)),
    )


@pytest.mark.parametrize("at", [None, GOOD, EARLIEST_TIME, NOW + DAY])
def test_what_can_be_meant_is_left_as_it_is(at: int | None) -> None:
    plausible, given = Plausible(NOW), record(at)
    assert plausible(given) is given
    assert (plausible.left_out, plausible.ahead) == (0, False)


@pytest.mark.parametrize("at", BAD)
def test_what_cannot_be_meant_is_left_out(at: int) -> None:
    plausible = Plausible(NOW)
    found = plausible(record(at))
    assert (found.at, found.created_at, found.consent) == (None, None, Consent(ConsentState.YES))
    assert found.purchases == Purchases(2, None, "1.00")
    assert [order.at for order in found.orders] == [None, GOOD]
    assert found.profile == {"birthday": "1931-05-06", "city": "K\u00f6ln"}
    assert (plausible.left_out, plausible.ahead) == (4, at > NOW)


def test_of_a_change_in_the_future_the_creation_is_left() -> None:
    plausible = Plausible(NOW)
    found = plausible(record(GOOD)._replace(at=NOW + 2 * DAY))
    assert (found.at, found.created_at) == (GOOD, GOOD)
    assert "created_at" in found.profile
    assert "updated_at" not in found.profile


def test_a_birthday_in_the_future_is_none() -> None:
    plausible = Plausible(NOW)
    found = plausible(Record("a@example.org", profile={"birthday": "2071-01-01", "city": "Bonn"}))
    assert found.profile == {"city": "Bonn"}
    assert (plausible.left_out, plausible.ahead) == (1, True)


def test_a_withdrawal_that_was_taken_for_one_of_the_future_counts_from_now() -> None:
    """As an earlier version remembered it."""
    before = RecordFacts("rows", "", 1, None, "opted_out", NOW + 70 * 365 * DAY, None, None, None, 0, ())
    given = Record("a@example.org", consent=Consent(ConsentState.OPTED_OUT))
    assert state_of(given, [before], NOW, None).consent_at == NOW
    seen = before._replace(consent_at=GOOD)
    assert state_of(given, [before, seen], NOW, None).consent_at == GOOD
