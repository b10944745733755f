"""Dates that are none, and times without a zone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.people import NOW, SUBSCRIBER, at, both, buyer, opted_out, person, subscriber
from tests.e2e.program import SECRET, Shop

ANNA = "anna@example.org"
NONE = [
    "0000-00-00",
    "0000-00-00 00:00:00",
    "0000-00-00T00:00:00Z",
    "-0001-11-30T00:00:00",
    "0001-01-01T00:00:00Z",
    "1899-12-30",
    "1970-01-01",
    "1970-01-01T01:00:00+01:00",
    "1989-12-31T23:59:59Z",
    "NULL",
    "null",
    "\\N",
    "None",
    "N/A",
    "0",
    "2062-02-28",
    "2099-12-31 23:59:59",
    "9999-12-31T23:59:59Z",
    "2026-09-22T14:13:21Z",
]


def told(text: str) -> list[str]:
    return [line for line in text.splitlines() if "cannot be right" in line]


def test_a_yes_with_a_date_that_is_none_is_undated(shop: Shop) -> None:
    """It brings nobody back, and loses to a withdrawal of any date."""
    people = [f"p{number}@example.org" for number in range(len(NONE))]
    shop.config(limits={"max_deactivated": "100%"})
    shop.write(*map(both, people))
    shop.sync()
    shop.write(*map(opted_out, people))
    shop.sync()
    shop.write(*(both(email, subscribed_at=date) for email, date in zip(people, NONE, strict=True)))
    ran = shop.agreed_sync()
    assert not any(recipient.active for recipient in shop.list().values())
    assert not any(SUBSCRIBER in recipient.tags for recipient in shop.list().values())
    assert ran.doc["invalid"] == {}
    assert [line.split(" dates")[0].split()[-1] for line in told(ran.err)] == [str(len(NONE))]
    stated = [opted_out(email, subscribed_at="1995-01-01") for email in people]
    shop.write(*stated, *(both(email, subscribed_at=date) for email, date in zip(people, NONE, strict=True)))
    assert shop.sync().skipped == {"opted_out": len(people)}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_withdrawal_with_a_date_that_is_none_counts_from_when_it_was_seen(shop: Shop, zone: str) -> None:
    shop.config(source={"timezone": zone})
    people = [f"p{number}@example.org" for number in range(len(NONE))]
    stated = [opted_out(email, subscribed_at=date) for email, date in zip(people, NONE, strict=True)]
    shop.config(limits={"max_deactivated": "100%"})
    shop.write(*map(both, people))
    shop.sync()
    shop.write(*stated)
    assert shop.agreed_sync().counts == {"deactivated": len(people)}
    shop.later(days=2)
    shop.write(*stated, *(both(email, subscribed_at="2026-09-20") for email in people))
    assert shop.sync().skipped == {"opted_out": len(people)}
    shop.write(*stated, *(both(email, subscribed_at="2026-09-23") for email in people))
    shop.config(limits={"max_activated": "100%"})
    shop.sync()
    assert all(recipient.active for recipient in shop.list().values())


@pytest.mark.parametrize("make", [buyer, both, subscriber], ids=["no", "yes", "without orders"])
def test_nobody_is_invalid_because_of_a_date_that_is_none(shop: Shop, make: Callable[..., dict[str, str]]) -> None:
    rows = [
        make(f"p{number}@example.org", subscribed_at=date, last_order_at=date, created_at=date, updated_at=date)
        for number, date in enumerate(NONE)
    ]
    shop.write(*rows)
    ran = shop.sync()
    assert ran.counts == {"created": len(NONE)}
    assert all(found.registered in (0, NOW) for found in shop.list().values())
    assert len(told(ran.err)) == 1


def test_a_date_within_a_day_of_now_counts(shop: Shop) -> None:
    shop.write(both(ANNA))
    shop.sync()
    shop.write(opted_out(ANNA))
    shop.sync()
    shop.write(both(ANNA, subscribed_at="2026-09-22T14:00:00Z"))
    assert shop.sync().doc["activation"]["activated"] == 1


def test_a_birthday_may_lie_before_1990_but_not_ahead(shop: Shop) -> None:
    shop.fields("birthday", kind="date")
    shop.config(attributes={"map": {"firstname": "first_name", "birthday": "birthday"}})
    days = {"a": "1931-05-06", "b": "1989-12-31", "c": "2071-01-01", "d": "0000-00-00", "e": "1899-12-31"}
    shop.write(*(both(f"{name}@example.org", birthday=day) for name, day in days.items()))
    ran = shop.sync()
    assert ran.counts == {"created": 5}
    found = {email[0]: recipient.values.get("birthday") for email, recipient in shop.list().items()}
    assert found == {"a": "1931-05-06", "b": "1989-12-31", "c": None, "d": None, "e": None}


def test_a_date_ahead_counts_when_its_time_has_come(shop: Shop) -> None:
    shop.write(both(ANNA))
    shop.sync()
    shop.write(opted_out(ANNA))
    shop.sync()
    shop.write(both(ANNA, subscribed_at="2026-09-25"))
    shop.sync()
    assert not shop.list()[ANNA].active
    shop.later(days=4)
    shop.sync()
    assert shop.list()[ANNA].active


class TestTimeZones:
    def after(self, shop: Shop, zone: str | None, ended: str, given: str) -> bool:
        """Whether a yes beats a withdrawal, both written without a zone."""
        shop.config(source={"timezone": zone})
        shop.write(both(ANNA))
        shop.sync()
        shop.write(both(ANNA, subscribed_at=given), opted_out(ANNA, subscribed_at=ended))
        shop.sync()
        return shop.list()[ANNA].active

    def test_times_without_one_are_in_that_of_the_source(self, shop: Shop) -> None:
        assert not self.after(shop, "Europe/Berlin", "2026-08-01T12:00:00Z", "2026-08-01 13:30:00")

    def test_the_default_is_utc(self, shop: Shop) -> None:
        assert self.after(shop, None, "2026-08-01T12:00:00Z", "2026-08-01 13:30:00")

    @pytest.mark.parametrize(("ended", "back"), [("2026-07-31T22:00:00Z", False), ("2026-07-31T21:59:59Z", True)])
    def test_a_day_begins_there(self, shop: Shop, ended: str, *, back: bool) -> None:
        assert self.after(shop, "Europe/Berlin", ended, "2026-08-01") is back

    @pytest.mark.parametrize(("ended", "given"), [("02:30", "02:30"), ("02:10", "02:50")])
    def test_an_hour_that_was_twice_is_for_who_left(self, shop: Shop, ended: str, given: str) -> None:
        assert not self.after(shop, "Europe/Berlin", f"2025-10-26 {ended}", f"2025-10-26 {given}")

    def test_in_the_consent_file_too(self, shop: Shop) -> None:
        shop.config(source={"timezone": "Europe/Berlin"}, consent={"path": "letter.csv", "absent": "unknown"})
        shop.write({"email": ANNA, "subscribed": "yes", "subscribed_at": "2026-08-01 13:30:00"}, name="letter.csv")
        shop.write(opted_out(ANNA, subscribed_at="2026-08-01T12:00:00Z"))
        assert shop.sync().skipped == {"opted_out": 1}

    def test_creation_and_another_zone_are_sent_anew(self, shop: Shop) -> None:
        shop.write(both(ANNA, created_at="2026-08-01"))
        shop.config(source={"timezone": "America/New_York"})
        shop.sync()
        assert shop.list()[ANNA].registered == at("2026-08-01") + 4 * 3600
        shop.config(source={"timezone": "Europe/Berlin"})
        assert shop.sync("-v").doc["counts"]["unchanged"] == 1


def refused(shop: Shop, zone: str) -> str:
    text = f"version: 1\nsource:\n  type: file\n  path: a.csv\n  timezone: {zone}\ntags: [buyer]\ntarget:\n"
    text += f"  {{type: cleverreach, client_id: id, client_secret: {SECRET}, list: 1}}\n"
    (shop.folder / "sync.yaml").write_text(text, "utf-8")
    ran = shop.command("diff")
    assert ran.code == 2
    return ran.err


@pytest.mark.parametrize("zone", ["europe/berlin", "Europe/Berln", "Berlin"])
def test_a_zone_that_does_not_exist(shop: Shop, zone: str) -> None:
    said = refused(shop, zone)
    assert "sync.yaml:5:13" in said
    assert "did you mean 'Europe/Berlin'?" in said


@pytest.mark.parametrize("zone", ["W. Europe Standard Time", "+01:00", "../UTC", "Europe", '"\\0"', "12", '""'])
def test_what_is_no_zone_at_all(shop: Shop, zone: str) -> None:
    assert "sync.yaml:5:13" in refused(shop, zone)


def test_who_withdrew_on_a_day_did_so_at_its_end(shop: Shop) -> None:
    """A yes of the same day is no later one, wherever it stands and whatever is known of them."""
    known, unknown, again = (f"{name}@example.org" for name in ("anna", "ben", "cora"))
    morning = {"subscribed_at": "2026-09-20T10:00:30Z"}
    shop.config(limits={"max_activated": "100%", "max_deactivated": "100%"})
    shop.write(both(known, **morning), both(again, **morning))
    shop.sync()
    gone = [opted_out(known, subscribed_at="2026-09-20"), opted_out(again, subscribed_at="20260920")]
    shop.write(*gone, opted_out(unknown, subscribed_at="2026-09-20"), both(unknown, **morning))
    assert shop.sync().counts == {"deactivated": 2, "skipped": 1}
    assert unknown not in shop.list()
    shop.write(both(known, **morning), both(again, **morning))
    shop.sync()
    assert not any(recipient.active for recipient in shop.list().values())
    shop.write(both(known, subscribed_at="2026-09-21"), both(again, subscribed_at="2026-09-21 00:00"))
    shop.sync()
    assert all(shop.list()[email].active for email in (known, again))


def test_a_yes_of_the_same_day_brings_nobody_back_where_that_day_has_begun_elsewhere(shop: Shop) -> None:
    """An export from a zone ahead of `timezone` is dated tomorrow."""
    tomorrow = "2026-09-22"
    shop.write(both(ANNA), both("ben@example.org", subscribed_at=tomorrow))
    shop.sync()
    shop.write(
        opted_out(ANNA, subscribed_at=tomorrow),
        both("ben@example.org", subscribed_at=tomorrow),
        opted_out("ben@example.org", subscribed_at=tomorrow),
        both("cora@example.org", subscribed_at=tomorrow),
        opted_out("cora@example.org", subscribed_at=tomorrow),
    )
    ran = shop.agreed_sync()
    assert told(ran.err) == []
    assert shop.active() == set()
    shop.later(days=0.1)
    shop.write(both(ANNA, subscribed_at=tomorrow))
    shop.sync()
    assert shop.active() == set()
    shop.later(days=1)
    shop.write(both(ANNA, subscribed_at="2026-09-23"))
    shop.sync()
    assert shop.active() == {ANNA}


@pytest.mark.parametrize("stays", [True, False])
def test_who_left_does_not_come_back_when_the_zone_is_set_right(shop: Shop, stays: bool) -> None:
    """Their withdrawal was read in another zone than the yes that was given an hour before it is read in now."""
    shop.config(limits={"max_activated": "100%", "max_deactivated": "100%"})
    yes = both(ANNA, subscribed_at="2026-09-20 09:00", source_id="1")
    out = opted_out(ANNA, subscribed_at="2026-09-20 10:00", source_id="2")
    shop.write(yes)
    shop.sync()
    shop.write(yes, out)
    assert shop.sync().counts == {"deactivated": 1}
    if not stays:
        shop.write(yes)
        shop.sync()
    for zone in ("America/Los_Angeles", "UTC", "Pacific/Kiritimati", "America/New_York"):
        shop.config(source={"timezone": zone})
        shop.agreed_sync()
        assert shop.active() == set(), zone
    shop.later(days=1)
    shop.write(both(ANNA, subscribed_at="2026-09-22 07:00", source_id="1"))
    shop.sync()
    assert shop.active() == {ANNA}


def test_a_withdrawal_is_heard_when_the_zone_was_set_right_since_the_yes(shop: Shop) -> None:
    """The yes, an hour before it, is in no row any more."""
    shop.write(both(ANNA, subscribed_at="2026-09-20 09:30", source_id="1"))
    shop.sync()
    shop.config(source={"timezone": "Europe/Berlin"})
    shop.write(opted_out(ANNA, subscribed_at="2026-09-20 10:00", source_id="2"))
    shop.sync()
    assert shop.active() == set()


def test_somebody_rejected_who_left_does_not_come_in_when_the_zone_is_set_right(shop: Shop) -> None:
    """Their yes, hours before they left, is in no row any more."""
    other = shop.state.add_group("Other")
    shop.state.write(other, {"email": ANNA})
    shop.write(subscriber("other@example.org"))
    shop.sync()
    shop.write(subscriber(ANNA, subscribed_at="2026-09-21 16:00"))
    shop.state.faults.set("drop_row", 1)
    shop.sync()
    shop.state.faults.clear()
    assert ANNA not in shop.list()
    shop.state.unsubscribe(ANNA, other)
    shop.config(source={"timezone": "Australia/Sydney"})
    shop.write(subscriber("other@example.org"))
    for _ in range(2):
        shop.sync()
        assert ANNA not in shop.list()


AHEAD = both(ANNA, subscribed_at="2026-09-21 15:00", source_id="1")  # where no `timezone` is set, say


@pytest.mark.parametrize("known", [True, False])
def test_a_yes_by_a_clock_that_is_ahead_is_no_later_than_a_withdrawal_that_came_with_it(
    shop: Shop, known: bool
) -> None:
    if known:
        shop.write(AHEAD)
        shop.sync()
    shop.write(AHEAD, opted_out(ANNA, source_id="2", subscribed_at=""))
    shop.sync()
    assert shop.active() == set()


@pytest.mark.parametrize("word", ["opted_out", "no"])
def test_an_old_yes_by_a_clock_that_was_ahead_brings_nobody_back(shop: Shop, word: str) -> None:
    shop.config(limits={"max_activated": "100%", "max_deactivated": "100%"})
    shop.write(AHEAD)
    shop.sync()
    shop.write({**AHEAD, "subscribed": word, "subscribed_at": ""})
    shop.sync()
    shop.later(days=1)
    shop.write(AHEAD)
    shop.sync()
    assert shop.active() == set()
    shop.write({**AHEAD, "subscribed_at": "2026-09-21 15:01"})
    shop.sync()
    assert shop.active() == {ANNA}


class TestRowsThatCannotBeToldApart:
    """Rows of one person without an ID, or with the same one: which of them is new shows by their number only."""

    LEFT = opted_out(ANNA, subscribed_at="2026-01-10")
    CAME_BACK = both(ANNA, subscribed_at="2026-09-20")
    LEFT_AGAIN = opted_out(ANNA, subscribed_at="")

    @pytest.fixture(autouse=True)
    def no_limits(self, shop: Shop) -> None:
        shop.config(limits={"max_activated": "100%", "max_deactivated": "100%"})

    @pytest.mark.parametrize("ids", [{}, {"source_id": "7"}])
    @pytest.mark.parametrize("before", [[LEFT], [LEFT, LEFT], [LEFT_AGAIN, LEFT]])
    def test_a_new_withdrawal_without_a_date_is_heard(
        self, shop: Shop, before: list[dict[str, str]], ids: dict[str, str]
    ) -> None:
        self.write(shop, ids, *before)
        shop.sync()
        shop.later(days=10)
        came_back = both(ANNA, subscribed_at="2026-09-25")
        self.write(shop, ids, *before, came_back)
        shop.sync()
        assert shop.active() == {ANNA}
        shop.later(days=1)
        self.write(shop, ids, *before, came_back, self.LEFT_AGAIN)
        shop.sync()
        assert shop.active() == set()
        shop.later(days=1)
        self.write(shop, ids, came_back, self.LEFT_AGAIN)
        shop.sync()
        self.write(shop, ids, came_back)
        shop.sync()
        assert shop.active() == set()

    def test_so_it_is_when_a_yes_comes_in_the_same_run(self, shop: Shop) -> None:
        shop.write(self.LEFT)
        shop.sync()
        shop.write(self.LEFT, self.CAME_BACK, self.LEFT_AGAIN)
        shop.sync()
        assert shop.active() == set()

    def test_so_it_is_in_the_consent_file(self, shop: Shop) -> None:
        words = ({"subscribed": "yes", "subscribed_at": "2026-09-20"}, {"subscribed": "opted_out", "subscribed_at": ""})
        old = {"email": ANNA, "subscribed": "opted_out", "subscribed_at": "2026-01-10"}
        shop.config(consent={"path": "letter.csv", "absent": "unknown"})
        shop.write(old, {"email": ANNA, **words[0]}, name="letter.csv")
        shop.write(person(ANNA, orders="1"))
        shop.sync()
        assert shop.active() == {ANNA}
        shop.write(old, *({"email": ANNA, **word} for word in words), name="letter.csv")
        shop.sync()
        assert shop.active() == set()

    def test_the_same_withdrawals_are_no_new_ones(self, shop: Shop) -> None:
        shop.write(self.LEFT_AGAIN, self.LEFT)
        shop.sync()
        shop.later(days=5)
        came_back = both(ANNA, subscribed_at="2026-09-25")
        for rows in ((self.LEFT_AGAIN, self.LEFT), (self.LEFT, self.LEFT_AGAIN), (self.LEFT_AGAIN,)):
            shop.write(*rows, came_back)
            shop.agreed_sync()
            shop.later(days=1)
            assert shop.active() == {ANNA}

    @staticmethod
    def write(shop: Shop, ids: dict[str, str], *rows: dict[str, str]) -> None:
        shop.write(*({**row, **ids} for row in rows))
