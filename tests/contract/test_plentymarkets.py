"""What a real plentymarkets does that loses or falsifies people, or mails them wrongly, if it is not minded."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from cleverreach_sync.domain.model import RANK_EXCLUDED, Consent, ConsentState, Record
from cleverreach_sync.errors import AuthError, CrsyncError, TemporaryError, UsageError
from cleverreach_sync.sources.interface import Anchored, Source, Warned
from cleverreach_sync.sources.plentymarkets.origins import Origins
from cleverreach_sync.sources.plentymarkets.settings import PlentymarketsSettings
from tests.shops.plentymarkets import LIFE, REFERRERS, PlentySystem, always_shuffled
from tests.shops.reading import Known, Watched, open_source, read
from tests.shops.server import Asked, Reply

Opening = Callable[..., Source]
DAY = 86_400
YES, NO = ConsentState.YES, ConsentState.NO


@pytest.fixture
def shop() -> Iterator[PlentySystem]:
    found = PlentySystem()
    yield found
    found.close()


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def opened(shop: PlentySystem, watched: Watched) -> Iterator[Opening]:
    found: list[Source] = []

    def open_it(anchor: str | None = None, **settings: Any) -> Source:
        """One at a time, as runs are."""
        for source in found:
            source.close()
        source = open_source(shop.settings(**settings), watched, shop.secrets())
        assert isinstance(source, Anchored)
        source.anchor = anchor
        found.append(source)
        return source

    yield open_it
    for source in found:
        source.close()


def records(source: Source, stream: str, since: str | None = None) -> dict[str, Record]:
    warned: list[Warned] = []
    found = {row.ident or "": source.decode(stream, row, warned.append) for row in read(source, stream, since).rows}
    assert warned == []
    return found


def emails(source: Source, stream: str = "contacts", since: str | None = None) -> set[str]:
    return {row.email.partition("@")[0] for row in read(source, stream, since).rows}


def people(source: Source) -> dict[str, str]:
    """Everybody of one full read who is a person: as what they would go, by the first part of the address."""
    return {
        email.partition("@")[0]: "excluded"
        if person.excluded and person.consent.state is not YES
        else "+".join(
            word
            for word, holds in (
                ("subscriber", person.consent.state is YES),
                ("buyer", person.purchases is not None and person.purchases.number > 0 and not person.excluded),
            )
            if holds
        )
        or "contact"
        for email, person in Known().run(source).items()
        if person.is_person
    }


# Sessions


@pytest.mark.parametrize("snake", [True, False], ids=["snake_case", "camelCase"])
def test_one_session_for_everything_and_it_is_closed(shop: PlentySystem, opened: Opening, snake: bool) -> None:
    shop.snake = snake
    shop.add_guest_order("g@post.example")
    source = opened()
    Known().run(source)
    assert shop.paths().count("/rest/login") == 1
    assert len(shop.tokens) == 1
    source.close()
    source.close()
    assert shop.paths()[-1] == "/rest/logout"
    assert shop.paths().count("/rest/logout") == 1
    assert shop.tokens == {}
    with pytest.raises(CrsyncError, match="closed"):
        read(source, "orders")
    assert shop.paths().count("/rest/login") == 1


@pytest.mark.parametrize("known", [True, False], ids=["refresh", "login"])
@pytest.mark.parametrize("snake", [True, False], ids=["snake_case", "camelCase"])
def test_a_session_that_ran_out_is_renewed(shop: PlentySystem, opened: Opening, snake: bool, known: bool) -> None:
    shop.snake = snake
    source = opened()
    Known().run(source)
    shop.now += LIFE
    if not known:
        shop.refreshes.clear()
    shop.add_guest_order("g@post.example")
    assert emails(source, "orders") == {"g"}
    assert shop.paths().count("/rest/login/refresh") == 1
    assert shop.paths().count("/rest/login") == (1 if known else 2)


def test_a_session_is_renewed_before_it_runs_out(shop: PlentySystem, opened: Opening, watched: Watched) -> None:
    source = opened()
    read(source, "orders")
    watched.sleep(LIFE * 0.85)
    read(source, "orders")
    assert shop.paths().count("/rest/login/refresh") == 1


def test_too_many_sessions_are_explained(shop: PlentySystem, opened: Opening, watched: Watched) -> None:
    shop.tokens = dict.fromkeys("abc", shop.now + LIFE)
    with pytest.raises(TemporaryError, match=r"already has three sessions open at plentymarkets") as caught:
        read(opened(), "contacts")
    assert "a user of its own" in str(caught.value.hint)
    assert 0 < sum(watched.waits) <= 300


def test_a_session_that_somebody_else_closes_meanwhile_is_waited_for(shop: PlentySystem, opened: Opening) -> None:
    shop.tokens = dict.fromkeys("abc", shop.now + LIFE)
    logins = iter(range(9))

    def before(asked: Asked) -> None:
        if asked.path == "/rest/login" and next(logins) == 2:
            del shop.tokens["a"]

    shop.before_page = before
    assert read(opened(), "contacts").end is not None


@pytest.mark.parametrize("path", ["/rest/login", "/rest/login/refresh"])
def test_a_token_that_is_cut_short_is_not_told(
    shop: PlentySystem, opened: Opening, watched: Watched, path: str
) -> None:
    """Nobody knows it as a secret yet."""
    shop.add_customer("anna@mail.example")
    source = opened()
    if path.endswith("refresh"):
        assert emails(source) == {"anna"}
        shop.tokens.clear()
    shop.fail("cut short", 1, lambda asked: asked.path == path)
    assert emails(source) == {"anna"}
    assert "JSON that is not whole" in " ".join(watched.said)
    assert "token" not in " ".join(watched.said)


def test_a_wrong_password(shop: PlentySystem, opened: Opening, watched: Watched) -> None:
    shop.password = "changed"
    with pytest.raises(AuthError, match="refuses username and password") as caught:
        read(opened(), "contacts")
    assert "access type API" in str(caught.value.hint)
    assert watched.waits == []


def test_another_address(shop: PlentySystem, opened: Opening) -> None:
    with pytest.raises(UsageError, match="no plentymarkets at"):
        read(opened(url=f"{shop.url}/shop"), "contacts")


@pytest.mark.parametrize("stream", ["contacts", "orders"])
@pytest.mark.parametrize("newest", [-2 * 3600, 9 * DAY])
def test_clocks_that_differ_hide_nobody(shop: PlentySystem, opened: Opening, stream: str, newest: int) -> None:
    """That of a proxy may be ahead of the system's, and a row may be dated in the future."""

    def add(name: str, at: int) -> None:
        if stream == "contacts":
            shop.add_customer(f"{name}@mail.example", at=at)
        else:
            shop.add_guest_order(f"{name}@mail.example", at=at)

    began = shop.now
    add("first", began + newest)
    source = opened()
    end = read(source, stream).end
    assert end is not None
    shop.now += 3 * DAY
    add("later", began + newest + 60 if newest < 0 else began + 600)
    assert "later" in emails(source, stream, end.cursor)


def test_an_empty_page_where_there_are_rows_is_asked_for_again(
    shop: PlentySystem, opened: Opening, watched: Watched
) -> None:
    shop.add_guest_order("g@post.example")
    nothing = {"page": 1, "totalsCount": 1, "isLastPage": True, "lastPageNumber": 1, "entries": []}
    shop.fail(lambda _asked, _answer: Reply.json(nothing), 2, lambda asked: asked.path == "/rest/orders/search")
    assert emails(opened(), "orders") == {"g"}
    assert watched.traffic.retries == 2


@pytest.mark.parametrize(("status", "body"), [(204, b""), (200, b"[]"), (200, b'{"a": 1}'), (405, b"<html>No</html>")])
def test_what_answers_the_login_without_a_word_is_something_else(
    shop: PlentySystem, opened: Opening, status: int, body: bytes
) -> None:
    shop.fail(lambda _asked, _answer: Reply(status, body))
    with pytest.raises(UsageError, match=rf"no plentymarkets at .* \({status}\)"):
        read(opened(), "contacts")


def test_a_login_that_a_firewall_turns_away_is_tried_again(
    shop: PlentySystem, opened: Opening, watched: Watched
) -> None:
    shop.fail("410 html", 2)
    assert read(opened(), "contacts").rows == []
    assert watched.traffic.retries == 2


# How fast it may be asked


def test_few_calls_left_are_waited_for(shop: PlentySystem, opened: Opening, watched: Watched) -> None:
    shop.calls = [79, 78, 77, 76, 2, 80, 79, 78]
    read(opened(), "orders")
    assert watched.waits == []
    read(opened(), "orders")
    assert watched.waits == [pytest.approx(23, abs=1)]
    assert "hardly any calls to plentymarkets are left this minute: waiting 23 seconds" in watched.said
    assert watched.traffic.retries == 0


def test_calls_that_are_used_up_are_tried_again(shop: PlentySystem, opened: Opening, watched: Watched) -> None:
    shop.calls = [-1, *[80] * 20]
    shop.add_guest_order("g@post.example")
    assert emails(opened(), "orders") == {"g"}
    assert watched.traffic.retries == 1
    assert sum(watched.waits) >= 23


# Who is brought in, and when


def test_the_first_run_brings_in_who_was_created_in_the_last_days(shop: PlentySystem, opened: Opening) -> None:
    for number, ago in enumerate((0, 2.9 * DAY, 3.1 * DAY, 400 * DAY)):
        shop.add_customer(f"c{number}@mail.example", at=int(shop.now - ago), type=(1, 2, 4, 1)[number])
        shop.add_guest_order(f"g{number}@post.example", at=int(shop.now - ago))
        shop.add_recipient(f"n{number}@news.example", at=int(shop.now - ago))
    assert set(people(opened())) == {"c0", "c1", "g0", "g1"}
    assert set(people(opened(first_run_days=0))) == {"c0", "g0"}
    assert {"c3", "g3"} <= set(people(opened(first_run_days=500)))


def test_later_runs_bring_in_who_came_or_was_changed_since(shop: PlentySystem, opened: Opening) -> None:
    old, older = (shop.add_customer(f"{name}@mail.example", at=shop.now - 90 * DAY) for name in ("old", "older"))
    shop.add_guest_order("longago@post.example", at=shop.now - 9 * DAY)
    first = opened()
    cursor = read(first, "contacts").end
    assert cursor is not None
    assert isinstance(first, Anchored)
    shop.now += 5 * DAY
    shop.add_customer("new@mail.example")
    shop.change_profile(old, city="Kiel")
    shop.add_order(older)  # an order of an account changes no contact
    assert emails(opened(first.anchor), "contacts", cursor.cursor) == {"new", "old"}
    assert emails(opened(first.anchor), "contacts") == {"new", "old"}
    assert emails(opened(first.anchor, include_changed=False), "contacts", cursor.cursor) == {"new"}
    assert set(people(opened(first.anchor))) == {"new", "old"}
    assert set(people(opened())) == {"new"}  # without what the first run settled, it would all begin anew


def test_the_clock_that_counts_is_the_shops(shop: PlentySystem, opened: Opening) -> None:
    """The machine's says 1970."""
    source = opened()
    read(source, "contacts")
    assert isinstance(source, Anchored)
    began = dt.datetime.fromtimestamp(shop.now, dt.UTC).isoformat().replace("+00:00", "Z")
    floor = dt.datetime.fromtimestamp(shop.now - 3 * DAY, dt.UTC).isoformat().replace("+00:00", "Z")
    assert source.anchor == f'{{"consent":"recipients","floor":"{floor}","began":"{began}"}}'


def test_filters_that_know_days_only_are_made_exact(shop: PlentySystem, opened: Opening) -> None:
    source = opened()
    shop.add_customer("first@mail.example")
    cursor = read(source, "contacts").end
    assert cursor is not None
    shop.now += 7200
    shop.add_customer("second@mail.example")
    again = read(source, "contacts", cursor.cursor)
    assert {row.email for row in again.rows} == {"first@mail.example", "second@mail.example"}  # within the overlap
    assert again.end is not None
    shop.now += 7200
    assert emails(source, "contacts", again.end.cursor) == {"second"}
    days = {value for asked in shop.asked("contacts") for name, value in asked.query.items() if name.endswith("After")}
    assert days
    assert all(dt.date.fromisoformat(day) for day in days)


def test_a_manual_transfer_is_everybody_of_one_type(shop: PlentySystem, opened: Opening) -> None:
    for number, type_ in enumerate((1, 2, 4)):
        ident = shop.add_customer(f"c{number}@mail.example", at=shop.now - 900 * DAY, type=type_, consent=True)
        shop.add_order(ident)
    shop.add_guest_order("guest@post.example")
    shop.add_recipient("news@post.example")
    assert people(opened(transfer="manual", customer_type="2")) == {"c1": "subscriber+buyer"}
    assert people(opened(transfer="manual", customer_type="sales LEAD")) == {"c1": "subscriber+buyer"}
    assert people(opened(transfer="manual", customer_type="Lieferant")) == {"c2": "subscriber+buyer"}
    assert set(people(opened(transfer="manual"))) == {"c0", "c1", "c2"}
    assert [stream.full_read for stream in opened(transfer="manual").streams()] == [True, True, False]


def test_a_type_that_there_is_not(opened: Opening) -> None:
    with pytest.raises(UsageError, match="no customer type called 'Grosshändler'") as caught:
        read(opened(transfer="manual", customer_type="Grosshändler"), "contacts")
    assert "2 Interessent / Sales lead" in str(caught.value.hint)


# Contacts


def test_a_contact_says_who_they_are(shop: PlentySystem, opened: Opening) -> None:
    ident = shop.add_customer(
        "Jane@Mail.example", first_name="Jane", last_name="Größle", gender="female", company="Müller & Co",
        birthday="1980-05-17T00:00:00+02:00", street="Hauptstr.", zip="80331", city="München", at=shop.now - DAY,
    )  # fmt: skip
    found = records(opened(), "contacts")[str(ident)]
    assert (found.email, found.rank, found.at, found.created_at) == (
        "jane@mail.example", 1, shop.now - DAY, shop.now - DAY,
    )  # fmt: skip
    assert found.profile == {
        "salutation": "", "title": "", "first_name": "Jane", "last_name": "Größle", "gender": "female",
        "birthday": "1980-05-17", "language": "de", "company": "Müller & Co", "street": "Hauptstr. 1", "zip": "80331",
        "city": "München", "country": "DE", "phone": "", "customer_number": f"C-{ident}", "customer_type": "1",
        "shop": "12345", "source_id": str(ident), "created_at": "2026-11-20T20:00:00Z",
        "updated_at": "2026-11-20T20:00:00Z", "extra.class_id": "1", "extra.referrer_id": "1",
    }  # fmt: skip
    assert found.consent is None  # newsletterAllowanceAt is not asked where recipients can be read


@pytest.mark.parametrize("never", [None, "", "0000-00-00 00:00:00", "-0001-11-30T00:00:00+00:53", "0"])
def test_dates_that_were_never_set(shop: PlentySystem, opened: Opening, never: str | None) -> None:
    ident = shop.add_customer("anna@mail.example")
    shop.contacts[ident] |= {"birthdayAt": never, "updatedAt": never, "newsletterAllowanceAt": never}
    shop.denied = {"recipients", "countries"}
    found = records(opened(), "contacts")[str(ident)]
    assert (found.profile["birthday"], found.at, found.consent) == ("", shop.now, Consent(NO))
    assert "country" not in found.profile


ENDS_OF_TIME = ("9999-12-31T23:59:59+00:00", "9" * 5000, 99_999_999_999_999, 1e300)


@pytest.mark.parametrize("never", ENDS_OF_TIME, ids=["year 9999", "digits", "milliseconds", "huge"])
def test_dates_that_are_none_cost_no_more_than_themselves(shop: PlentySystem, opened: Opening, never: Any) -> None:
    anna, order = shop.add_customer("anna@mail.example"), shop.add_guest_order("gast@post.example")
    recipient = shop.add_recipient("anna@mail.example")
    shop.contacts[anna]["updatedAt"] = never
    shop.orders[order]["createdAt"] = never
    shop.recipients[recipient]["confirmedTimestamp"] = never
    source = opened()
    assert records(source, "contacts")[str(anna)].at == shop.now
    assert records(source, "recipients")[str(recipient)].consent == Consent(NO)
    row = read(source, "orders").rows[0]
    warned: list[Warned] = []
    assert source.decode("orders", row, warned.append).orders[0].counts
    assert [each.message for each in warned] == [f"order {order}: createdAt is not a date"]


def test_an_address_that_was_deleted_is_empty(shop: PlentySystem, opened: Opening) -> None:
    ident = shop.add_customer("anna@mail.example", first_name="Anna")
    shop.contacts[ident]["addresses"] = []
    profile = records(opened(), "contacts")[str(ident)].profile
    assert {profile[name] for name in ("street", "zip", "city", "country", "company")} == {""}
    assert profile["first_name"] == "Anna"


def test_pages_may_be_smaller_than_they_should_be(shop: PlentySystem, opened: Opening) -> None:
    shop.most_rows = 40
    for number in range(150):
        shop.add_customer(f"c{number}@mail.example", consent=True)
        shop.add_guest_order(f"g{number}@post.example")
    source = opened()
    for stream in ("contacts", "recipients", "orders"):
        reading = read(source, stream)
        assert reading.end is not None
        assert len({row.ident for row in reading.rows}) == len(reading.rows) == 150
    assert "150 newsletter recipients; of the first 40 40" in " ".join(sight.message for sight in source.inspect())


@pytest.mark.parametrize("readers", range(2))
def test_contacts_come_in_no_order(shop: PlentySystem, opened: Opening, readers: int) -> None:
    for number in range(600):
        shop.add_customer(f"c{number}@mail.example")
    shop.shuffled = always_shuffled(readers)
    assert len({row.ident for row in read(opened(), "contacts").rows}) == 600


def test_a_row_that_moves_to_a_page_read_before(shop: PlentySystem, opened: Opening) -> None:
    idents = [shop.add_customer(f"c{number}@mail.example") for number in range(600)]
    order = list(idents)
    places = {ident: place for place, ident in enumerate(order)}
    shop.shuffled = lambda rows: sorted(rows, key=lambda row: places[row["id"]])

    def before(asked: Asked) -> None:
        if asked.query.get("page") == "3" and len(shop.asked("contacts")) > 3:
            places[idents[-1]] = -1

    shop.before_page = before
    assert len({row.ident for row in read(opened(), "contacts").rows}) == 600


def test_a_contact_without_an_address_is_nobody_unless_it_is_brought_in(shop: PlentySystem, opened: Opening) -> None:
    shop.add_customer("", at=shop.now - DAY)
    shop.add_customer("", at=shop.now - 4 * DAY)
    shop.add_customer("by phone", type=2)
    shop.add_customer("", referrer=4.01)  # nobody could be transferred anyway
    shop.add_guest_order("", referrer=4.01)
    shop.add_guest_order("", at=shop.now)
    shop.add_guest_order("", at=shop.now - 4 * DAY)
    assert len(read(opened(), "contacts").unreadable) == 2
    assert len(read(opened(), "orders").unreadable) == 1
    assert len(read(opened(transfer="manual", customer_type="2"), "contacts").unreadable) == 1
    assert read(opened(transfer="manual", customer_type="2"), "orders").unreadable == []


# Newsletter recipients


def test_who_confirmed_is_subscribed_and_nobody_comes_in_by_that(shop: PlentySystem, opened: Opening) -> None:
    yes = shop.add_recipient("Anna@News.example", at=1_700_000_000, first_name="Anna")
    no = shop.add_recipient("ben@news.example", confirmed=False)
    found = records(opened(), "recipients")
    assert (found[str(yes)].consent, found[str(no)].consent) == (Consent(YES, 1_700_000_000), Consent(NO))
    assert found[str(yes)].profile == {"first_name": "Anna"}
    assert not any(record.makes_person for record in found.values())


def test_a_mailing_changes_no_row(shop: PlentySystem, opened: Opening) -> None:
    ident = shop.add_recipient("anna@news.example")
    source = opened()
    before = read(source, "recipients").rows
    shop.recipients[ident]["timestamp"] += 99
    assert read(source, "recipients").rows == before


def test_who_is_gone_from_the_recipients_is_no_subscriber_any_more(shop: PlentySystem, opened: Opening) -> None:
    customer = shop.add_customer("anna@mail.example", consent=True)
    known, source = Known(), opened()
    assert known.run(source)["anna@mail.example"].consent.state is YES
    shop.set_consent(customer, given=False)
    shop.now += 60
    assert known.run(source)["anna@mail.example"].consent.state is NO


@pytest.mark.parametrize("folder", ["2", "händler"])
def test_one_folder_counts(shop: PlentySystem, opened: Opening, folder: str) -> None:
    shop.add_recipient("anna@news.example", folder=1)
    shop.add_recipient("ben@news.example", folder=2)
    assert emails(opened(folder=folder), "recipients") == {"ben"}
    assert emails(opened(), "recipients") == {"anna", "ben"}
    shop.unheeded = frozenset({"folderId"})
    assert emails(opened(folder=folder), "recipients") == {"ben"}


def test_a_folder_that_there_is_not(opened: Opening) -> None:
    with pytest.raises(UsageError, match="no newsletter folder called 'Händlr'") as caught:
        read(opened(folder="Händlr"), "contacts")
    assert "did you mean 'Händler'?" in str(caught.value.hint)
    with pytest.raises(UsageError, match="no newsletter folder 7"):
        read(opened(folder="7"), "contacts")


def test_where_recipients_may_not_be_read_contacts_say_who_subscribed(shop: PlentySystem, opened: Opening) -> None:
    shop.denied = {"recipients"}
    anna, ben = shop.add_customer("anna@mail.example", consent=True), shop.add_customer("ben@mail.example")
    shop.now += 3600
    shop.add_customer("late@mail.example")
    first, known = opened(), Known()
    found = known.run(first)
    assert found["anna@mail.example"].consent == Consent(YES, shop.now - 3600)
    assert found["ben@mail.example"].consent == Consent(NO)
    assert "newsletterAllowanceAt" in " ".join(first.warnings)
    assert isinstance(first, Anchored)
    shop.set_consent(anna, given=False)  # moves no date
    shop.set_consent(ben, given=True)
    shop.now += 600
    assert known.run(opened(first.anchor))["anna@mail.example"].consent.state is YES
    shop.now += DAY
    found = known.run(opened(first.anchor))
    assert (found["anna@mail.example"].consent.state, found["ben@mail.example"].consent.state) == (NO, YES)


def test_a_contact_that_changes_its_type_takes_no_consent_along(shop: PlentySystem, opened: Opening) -> None:
    shop.denied = {"recipients"}
    anna = shop.add_customer("anna@mail.example", consent=True)
    known, source = Known(), opened(transfer="manual", customer_type="1")
    assert known.run(source)["anna@mail.example"].consent.state is YES
    shop.contacts[anna]["typeId"] = 2
    assert known.run(source)["anna@mail.example"].consent.state is YES


def test_the_consent_of_those_who_came_before_the_floor_is_known_too(shop: PlentySystem, opened: Opening) -> None:
    """It counts as soon as they are brought in, and never ends because they are not."""
    shop.denied = {"recipients"}
    old = shop.add_customer("old@mail.example", consent=True, at=shop.now - 90 * DAY)
    shop.add_customer("new@mail.example")
    first, known = opened(), Known()
    assert {email for email, person in known.run(first).items() if person.is_person} == {"new@mail.example"}
    assert isinstance(first, Anchored)
    shop.now += 60
    shop.add_guest_order("old@mail.example")
    assert known.run(opened(first.anchor))["old@mail.example"].consent.state is YES
    shop.now += 2 * DAY
    assert known.run(opened(first.anchor))["old@mail.example"].consent.state is YES
    shop.set_consent(old, given=False)
    shop.now += 2 * DAY
    assert known.run(opened(first.anchor))["old@mail.example"].consent.state is NO


def test_a_right_that_is_lost_ends_the_run(shop: PlentySystem, opened: Opening) -> None:
    """Who unsubscribed would not be noticed any more."""
    source = opened()
    Known().run(source)
    assert isinstance(source, Anchored)
    shop.denied = {"recipients"}
    with pytest.raises(AuthError, match=r"may not read newsletter recipients .* but could before"):
        read(opened(source.anchor), "contacts")


def test_a_right_that_is_given_later_replaces_what_the_contacts_said(shop: PlentySystem, opened: Opening) -> None:
    shop.denied = {"recipients"}
    shop.contacts[shop.add_customer("anna@mail.example")]["newsletterAllowanceAt"] = shop.stamp()
    shop.now += 3600
    shop.add_customer("late@mail.example")
    first, known = opened(), Known()
    assert known.run(first)["anna@mail.example"].consent.state is YES
    assert isinstance(first, Anchored)
    shop.denied.clear()
    shop.now += 9 * DAY
    assert known.run(opened(first.anchor))["anna@mail.example"].consent.state is not YES


# Orders


def test_only_some_orders_make_a_buyer(shop: PlentySystem, opened: Opening) -> None:
    for status in (1, 3, 4.9, 5, 5.1, 7, 7.99, 8, 8.1, 9, 9.2, 11):
        shop.add_guest_order(f"s{status}@post.example", "19.90", status=status)
    found = {record.email.partition("@")[0]: record for record in records(opened(), "orders").values()}
    assert {name for name, record in found.items() if record.orders[0].counts} == {"s5", "s5.1", "s7", "s7.99"}
    assert {name for name, record in found.items() if record.makes_person} == {"s5", "s5.1", "s7", "s7.99"}
    own = records(opened(order_status={"from": "3", "below": 5}), "orders")
    assert {record.email.partition("@")[0] for record in own.values() if record.orders[0].counts} == {"s3", "s4.9"}


@pytest.mark.parametrize("unheeded", [frozenset(), frozenset({"orderTypeId"})], ids=["asked for", "all given"])
def test_returns_and_credit_notes_are_no_orders(shop: PlentySystem, opened: Opening, unheeded: frozenset[str]) -> None:
    shop.unheeded = unheeded
    for type_ in range(1, 7):
        shop.add_guest_order(f"t{type_}@post.example", type=type_)
    assert emails(opened(), "orders") == {"t1"}


@pytest.mark.parametrize("names", [frozenset(), frozenset({"addressRelations"})], ids=["all known", "one unknown"])
def test_a_guest_is_known_by_the_billing_address(shop: PlentySystem, opened: Opening, names: frozenset[str]) -> None:
    shop.unknown_relations = names
    order = shop.add_guest_order("Gast@Post.example", "19.90", first_name="Gustav", last_name="Groß", city="Bonn")
    found = records(opened(), "orders")[str(order)]
    assert (found.email, found.rank) == ("gast@post.example", 0)
    assert found.profile == {
        "company": "", "first_name": "Gustav", "last_name": "Groß", "street": "Hauptstr. 1", "zip": "80331",
        "city": "Bonn", "country": "DE", "language": "en",
    }  # fmt: skip
    bought = found.orders[0]
    assert (bought.id, bought.counts, bought.at, bought.total, bought.currency) == (
        str(order), True, shop.now, "19.90", "EUR",
    )  # fmt: skip


def test_an_order_of_an_account_is_the_accounts(shop: PlentySystem, opened: Opening) -> None:
    customer = shop.add_customer("anna@mail.example", at=shop.now - 99 * DAY)
    order = shop.add_order(customer)
    shop.orders[order]["addresses"][1]["options"] = [{"typeId": 5, "value": "mother@mail.example"}]
    (row,) = read(opened(), "orders").rows
    assert (row.email, row.owner) == ("anna@mail.example", str(customer))
    found = opened().decode("orders", row, lambda _: None)
    assert (found.profile, found.makes_person) == ({}, False)  # accounts are brought in by their contacts


@pytest.mark.parametrize("status", [8, 9, 8.1])
def test_an_order_that_is_cancelled_or_returned_later_is_taken_back(
    shop: PlentySystem, opened: Opening, status: float
) -> None:
    order = shop.add_guest_order("g@post.example")
    known, source = Known(), opened()
    known.run(source)
    shop.now += DAY
    shop.cancel_order(order, status)
    purchases = known.run(source)["g@post.example"].purchases
    assert purchases is not None
    assert purchases.number == 0


def test_a_system_that_gives_the_same_orders_again_and_again(shop: PlentySystem, opened: Opening) -> None:
    for number in range(300):
        shop.add_guest_order(f"g{number}@post.example")
    shop.unheeded = frozenset({"orderId"})
    with pytest.raises(TemporaryError, match="not asked for"):
        read(opened(), "orders")


def test_orders_are_read_by_id_and_later_by_their_changes(shop: PlentySystem, opened: Opening) -> None:
    orders = [shop.add_guest_order(f"g{number}@post.example") for number in range(599)]
    shop.now += 3600
    orders.append(shop.add_guest_order("last@post.example"))
    source = opened()
    first = read(source, "orders")
    assert [row.ident for row in first.rows] == [str(order) for order in orders]
    assert [asked.query["orderId"] for asked in shop.asked("orders")] == [
        "gt:0", f"gt:{orders[249]}", f"gt:{orders[499]}",
    ]  # fmt: skip
    assert first.end is not None
    shop.now += DAY
    shop.cancel_order(orders[7])
    shop.add_guest_order("new@post.example")
    shop.log.clear()
    assert emails(source, "orders", first.end.cursor) == {"g7", "new", "last"}  # the last within the overlap
    asked = shop.asked("orders")[-1]
    assert asked.query["updatedAt"] == "gte:2026-11-21T20:55:00+00:00"  # a plus that is not encoded is a blank


# Where somebody comes from


def test_marketplaces_are_off_until_they_are_named(shop: PlentySystem, opened: Opening) -> None:
    for ident, _, _ in REFERRERS:
        shop.add_customer(f"c{ident}@mail.example", referrer=ident)
        shop.add_guest_order(f"g{ident}@post.example", referrer=ident)
    shop.add_guest_order("g999@post.example", referrer=999)  # not in the list
    shop.contacts[shop.add_customer("cnone@mail.example")]["referrerId"] = None
    on = {"0", "1", "7", "160"}
    found = people(opened())
    assert {who for who, kind in found.items() if kind == "contact"} == {f"c{ident}" for ident in on} | {"cnone"}
    assert {who for who, kind in found.items() if kind == "buyer"} == {f"g{ident}" for ident in on}
    assert found["g999"] == found["c2.01"] == found["g104.02"] == found["c150"] == "excluded"
    named = people(opened(order_referrers=[2.01, "104.020"]))
    assert {who for who, kind in named.items() if kind == "buyer"} == {"g2.01", "g104.02"}
    assert named["c1"] == "excluded"


def test_their_own_consent_lets_them_in_as_subscribers_without_the_marketplaces_data(
    shop: PlentySystem, opened: Opening
) -> None:
    ebay = shop.add_customer("Anna@mail.example", referrer=2.01, consent=True, first_name="Ebay", city="Ulm")
    shop.add_order(ebay, referrer=2.01)
    shop.add_recipient("anna@mail.example", first_name="Anna")
    shop.add_guest_order("ben@post.example", referrer=4.01, first_name="Amazon")
    shop.add_recipient("BEN@post.example")
    source = opened()
    assert people(source) == {"anna": "subscriber", "ben": "subscriber"}
    profiles = {email: person.profile for email, person in Known().run(source).items()}
    assert profiles == {"anna@mail.example": {"first_name": "Anna"}, "ben@post.example": {}}
    assert records(source, "contacts")[str(ebay)].rank == RANK_EXCLUDED


def test_who_has_an_account_here_and_bought_only_there_is_excluded_too(shop: PlentySystem, opened: Opening) -> None:
    anna, ben = (shop.add_customer(f"{name}@mail.example") for name in ("anna", "ben"))
    for customer in (anna, ben):
        shop.add_order(customer, referrer=4.01)
    shop.add_order(ben)
    assert people(opened()) == {"anna": "excluded", "ben": "buyer"}


@pytest.mark.parametrize(
    "address", ["x1@marketplace.amazon.de", "y2@members.ebay.com", "z@de.marketplace.amazon.co.uk"]
)
def test_addresses_that_marketplaces_pass_on(shop: PlentySystem, opened: Opening, address: str) -> None:
    shop.add_guest_order(address)
    shop.add_customer(f"c{address}")
    assert set(people(opened(order_referrers=[1])).values()) == {"excluded"}


def test_without_the_list_only_the_systems_own_origins_are_on(shop: PlentySystem, opened: Opening) -> None:
    shop.denied = {"referrers"}
    for ident, _, _ in REFERRERS:
        shop.add_guest_order(f"g{ident}@post.example", referrer=ident)
    source = opened()
    assert {who for who, kind in people(source).items() if kind == "buyer"} == {"g0", "g1"}
    assert "order origins" in " ".join(source.warnings)


@pytest.mark.parametrize(
    ("raw", "on"),
    [
        ({"id": 0, "backendName": "Manual entry"}, True),
        ({"id": 1.03, "backendName": "Zweiter Mandant", "origin": "plugin"}, True),
        ({"id": 3, "backendName": "Telefon"}, True),
        ({"id": 12, "backendName": "Ladengeschäft", "origin": "manual"}, True),
        ({"id": 2.9}, False),
        ({"id": "4.21", "backendName": "x"}, False),
        ({"id": 143, "backendName": "OTTO Market"}, False),
        ({"id": 77, "name": "Handmade Marktplatz"}, False),
        ({"id": 78, "backendName": "Lottogeschenke"}, True),
        ({"id": 79, "backendName": "Lotto"}, True),
        ({"id": 144, "backendName": "OTTO_DE"}, False),
        ({"id": 145, "backendName": "Galaxus2"}, False),
        ({"id": 146, "backendName": "B2B-Market-Place"}, False),
        ({"id": 150, "backendName": "Irgendwas", "origin": "Plug-in"}, False),
    ],
)
def test_how_a_marketplace_is_told(raw: dict[str, Any], on: bool) -> None:
    assert Origins(None, [raw]).permits(raw["id"]) is on
    assert Origins(["2.90", "4.21"], [raw]).permits(raw["id"]) is (float(raw["id"]) in (2.9, 4.21))


# What check shows

AUTOMATIC = (
    "transfer: automatic; a first run now begins with those created since 2026-11-18T20:00:00Z (1 contact), later runs "
    "take customers who come in or change after it"
)
OFF = (
    "order origins that are off: 0.00 Manuelle Eingabe, 2.00 eBay, 2.01 eBay Deutschland, 4.01 Amazon Germany, "
    "7.00 Google Shopping, 104.02 Kaufland.de, 150.00 Neuer Kanal, 160.00 Messe Köln (source.order_referrers names those "
    "that are on)"
)
ON = "order origins that are on: 0.00 Manuelle Eingabe, 1.00 Mandant (Shop), 7.00 Google Shopping, 160.00 Messe Köln"


def test_what_is_seen(shop: PlentySystem, opened: Opening) -> None:
    shop.add_customer("anna@mail.example", consent=True)
    shop.add_customer("old@mail.example", at=shop.now - 30 * DAY)
    shop.add_guest_order("g@post.example")
    shop.add_guest_order("h@post.example", status=8)
    shop.add_recipient("ben@news.example", confirmed=False)
    assert [message for message, _ in opened(order_referrers=[1, 9.5]).inspect()] == [
        f"2 contacts at {shop.url}",
        AUTOMATIC,
        "2 newsletter recipients; of the first 2 1 have confirmed",
        "2 orders; of the first 2 1 have a status from 5 up to below 8 and make a buyer",
        "order origins that are on: 1.00 Mandant (Shop)",
        OFF,
        "plentymarkets does not have the order origin 9.50",
    ]
    assert [message for message, _ in opened().inspect()][4] == ON


def test_what_is_seen_of_a_manual_transfer(shop: PlentySystem, opened: Opening) -> None:
    shop.add_customer("anna@mail.example", type=2)
    manual = opened(transfer="manual", customer_type="Interessent")
    assert [message for message, _ in manual.inspect()][1] == "transfer: manual, 1 contact of customer type 2"
    none = [hint for _, hint in opened(transfer="manual", customer_type="5").inspect()][1]
    assert "1 Kunde / Customer" in str(none)
    anybody = list(opened(transfer="manual").inspect())[1]
    assert "contacts of every type" in anybody.message
    assert "4 Lieferant / Supplier" in str(anybody.hint)


def test_rights_that_are_missing_are_told(shop: PlentySystem, opened: Opening) -> None:
    shop.denied = {"recipients", "referrers"}
    sights = list(opened().inspect())
    assert "newsletterAllowanceAt" in sights[2].message
    assert "a role with the right to see newsletter recipients" in str(sights[2].hint)
    assert "only 0 and 1 are on" in sights[-1].message
    for what in ("contacts", "orders"):
        shop.denied = {what}
        with pytest.raises(AuthError, match=f"may not read {what}"):
            list(opened().inspect())


def test_a_value_that_is_refused_is_named(shop: PlentySystem, opened: Opening) -> None:
    shop.add_customer("anna@mail.example")
    shop._day = lambda name, text: PlentySystem._day(name, "x")  # type: ignore[method-assign]
    with pytest.raises(CrsyncError, match="createdAtAfter: The date has to be yyyy-mm-dd"):
        read(opened(), "contacts")


# The config


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"order_referrers": []}, "at least 1 item"),
        ({"order_referrers": ["ebay"]}, "expected the ID of an order origin"),
        ({"order_status": {"from": 8, "below": 5}}, "less than 'below'"),
        ({"order_status": {"until": 8}}, "Extra inputs"),
        ({"customer_type": "1"}, "transfer: manual"),
        ({"transfer": "always"}, "'automatic' or 'manual'"),
        ({"first_run_days": -1}, "greater than or equal to 0"),
        ({"password": ""}, "at least 1"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any], message: str) -> None:
    given = {"type": "plentymarkets", "url": "https://shop.example", "username": "u", "password": "p", **settings}
    with pytest.raises(ValidationError, match=message):
        PlentymarketsSettings.model_validate(given)


def test_settings_as_they_are_meant() -> None:
    given = {"type": "plentymarkets", "url": "https://Shop.example/rest/", "username": "u", "password": "p"}
    found = PlentymarketsSettings.model_validate({**given, "order_referrers": ["1", 2.01, "104.02"]})
    assert (found.url, found.order_referrers) == ("https://shop.example", ("1.00", "2.01", "104.02"))
    assert (found.transfer, found.first_run_days, found.include_changed) == ("automatic", 3, True)
    assert (found.order_status.from_, found.order_status.below, found.tag_source) == (5, 8, "plentymarkets")


# Increments


@pytest.mark.parametrize("seed", range(4))
def test_increments_are_what_one_full_read_since_the_same_day_is(
    shop: PlentySystem, opened: Opening, seed: int
) -> None:
    """Facts about people who are brought in later included."""
    chance = random.Random(seed)
    ages = [0, DAY, 5 * DAY, 90 * DAY]
    customers = [
        shop.add_customer(f"p{n}@mail.example", consent=n % 3 == 0, at=shop.now - ages[n % 4]) for n in range(16)
    ]
    orders = [shop.add_guest_order(f"P{n}@mail.example", at=shop.now - ages[n // 4]) for n in range(16)]
    orders += [shop.add_order(customer, at=shop.now - 4 * DAY) for customer in customers[::5]]
    known, anchor, brought = Known(), None, set[str]()
    for _ in range(10):
        source = opened(anchor)
        found = known.run(source)
        assert isinstance(source, Anchored)
        anchor = source.anchor
        fresh = Known().run(opened(anchor))
        whole = _state(fresh)
        known_so_far = _state(found)
        assert {email: known_so_far[email] for email in whole} == whole
        brought |= set(whole)
        assert set(known_so_far) <= brought  # who was brought in by an order that was taken back since stays
        for _ in range(chance.randint(0, 5)):
            shop.now += chance.choice((1, 30, 4000, 90_000))
            match chance.randint(0, 6):
                case 0:
                    customers.append(shop.add_customer(f"p{chance.randint(0, 30)}@mail.example"))
                case 1:
                    orders.append(shop.add_order(chance.choice(customers)))
                case 2:
                    orders.append(
                        shop.add_guest_order(f"p{chance.randint(0, 30)}@mail.example", referrer=chance.choice((1, 4)))
                    )
                case 3:
                    shop.set_consent(chance.choice(customers), given=chance.random() < 0.5)
                case 4:
                    shop.change_profile(chance.choice(customers), city="Ulm")
                case 5:
                    shop.cancel_order(chance.choice(orders), chance.choice((5, 8, 9)))
                case 6:
                    shop.add_recipient(f"p{chance.randint(0, 30)}@mail.example", confirmed=chance.random() < 0.7)


def _state(found: dict[str, Any]) -> dict[str, Any]:
    """What a run decides on."""
    return {
        email: (person.consent.state is YES, person.excluded, person.purchases)
        for email, person in found.items()
        if person.is_person
    }
