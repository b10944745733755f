"""One contract for every source that is asked over HTTP, tried on a fake of each shop."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cleverreach_sync.domain.model import ConsentState, Person
from cleverreach_sync.errors import AuthError, CrsyncError, TemporaryError, UsageError
from cleverreach_sync.sources.interface import Source
from tests.shops import corner
from tests.shops.contract import FAKES_OF_SOURCES, FakeShop
from tests.shops.reading import Known, Reading, Watched, close, open_source, read
from tests.shops.server import Answering, Asked, Reply, ShopServer, altered, answering

Opened = Callable[[], Source]


@pytest.fixture(params=FAKES_OF_SOURCES)
def shop(request: pytest.FixtureRequest) -> Iterator[FakeShop]:
    found = FAKES_OF_SOURCES[request.param]()
    yield found
    found.close()


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def source(shop: FakeShop, watched: Watched) -> Iterator[Source]:
    found = open_source(shop.settings(), watched, shop.secrets())
    yield found
    close(found)


def test_a_shop_system_takes_little() -> None:
    package = Path(corner.__file__).parent
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in package.glob("*.py")) < 150


def everything(source: Source) -> dict[str, Reading]:
    return {stream.name: read(source, stream.name) for stream in source.streams()}


def people(source: Source) -> dict[str, Person]:
    return Known().run(source)


def fill(shop: FakeShop, count: int, start: int = 0) -> list[int]:
    return [
        shop.add_customer(f"p{n}@mail.example", consent=n % 2 == 0, first_name=f"V{n}", last_name=f"N{n}", city="Köln")
        for n in range(start, start + count)
    ]


def test_a_full_read_brings_everybody_once(shop: FakeShop, source: Source) -> None:
    customers = fill(shop, 250)
    for customer in customers[:30]:
        shop.add_order(customer, "12.50")
    for number in range(120):
        shop.add_guest_order(f"g{number}@post.example", "3.00", first_name=f"G{number}")
    found = people(source)
    assert len(found) == 370
    assert found["p7@mail.example"].profile["city"] == "Köln"
    assert found["g119@post.example"].profile["first_name"] == "G119"
    assert sum(person.purchases is not None and person.purchases.number == 1 for person in found.values()) == 150
    assert sum(person.consent.state is ConsentState.YES for person in found.values()) == (
        125 if shop.tells_consent else 0
    )
    for reading in everything(source).values():
        keys = [(row.ident, row.email) for row in reading.rows]
        assert len(set(keys)) == len(keys)
        assert reading.end is not None
        assert reading.end.complete
        assert reading.total in (None, reading.done)


def test_an_empty_shop_is_read_completely(source: Source) -> None:
    for reading in everything(source).values():
        assert reading.rows == []
        assert reading.end is not None
        assert reading.end.complete


def test_letters_arrive_as_they_are(shop: FakeShop, source: Source) -> None:
    shop.add_customer("jörg@müller.example", first_name="Jörg", last_name="Größle-Æß", company="Müller <Söhne> & Co")
    found = people(source)["jörg@xn--mller-kva.example"].profile
    assert (found["first_name"], found["last_name"]) == ("Jörg", "Größle-Æß")
    assert found["company"] == "Müller <Söhne> & Co"


def test_an_account_and_a_guest_of_one_address_are_one_person(shop: FakeShop, source: Source) -> None:
    customer = shop.add_customer("Anna.Muster@Mail.example", consent=True, first_name="Anna", city="Köln")
    shop.now += 60
    shop.add_order(customer, "5.00")
    shop.add_guest_order("anna.muster@mail.EXAMPLE", "7.50", first_name="A.", city="Bonn")
    (found,) = people(source).values()
    assert found.email == "anna.muster@mail.example"
    assert (found.profile["first_name"], found.profile["city"]) == ("Anna", "Köln")
    assert found.purchases is not None
    assert (found.purchases.number, found.purchases.total) == (2, "12.50")


SPELLINGS = [
    "Anna Muster <Jörg@Bücher.example>",
    '"Muster, Anna" <jörg@bücher.example>',
    "mailto:J%C3%B6rg@bu%CC%88cher.example?subject=Hallo",
    "jo\u0308rg@bu\u0308cher.example",
    "jörg@XN--BCHER-KVA.example",
    "jörg@bücher。example",
    "jörg＠bücher.example.",
    "'jörg@bücher.example",
    "\ufeffjö\u00adrg@bü\u200bcher.example\u202c",
    "\u00a0 JÖRG@BÜCHER.EXAMPLE\u2003",
]


def test_every_spelling_of_an_address_is_one_person(shop: FakeShop, source: Source) -> None:
    for number, spelling in enumerate(SPELLINGS):
        shop.add_customer(spelling, consent=number == 0, first_name="Anna")
        shop.add_guest_order(spelling, "1.00")
    found = people(source)
    assert set(found) == {"jörg@xn--bcher-kva.example"}
    (person,) = found.values()
    assert person.purchases is not None
    assert (person.purchases.number, person.purchases.total) == (len(SPELLINGS), f"{len(SPELLINGS)}.00")
    assert not [bad for reading in everything(source).values() for bad in reading.unreadable]


def test_rows_without_an_address_are_told(shop: FakeShop, source: Source) -> None:
    shop.add_customer("no address at all")
    shop.add_customer("fine@mail.example")
    found = [bad for reading in everything(source).values() for bad in reading.unreadable]
    assert [bad.reason for bad in found] == ["email"]
    assert "no address at all" not in found[0].message


def state(found: dict[str, Person]) -> dict[str, Any]:
    """What a run decides on, and nothing of how it was learned."""
    return {
        email: (
            person.consent.state is ConsentState.YES,
            None if person.purchases is None else (person.purchases.number, person.purchases.last_at),
        )
        for email, person in found.items()
        if person.is_person
    }


@pytest.mark.parametrize("seed", range(4))
def test_increments_are_what_a_full_read_is(shop: FakeShop, source: Source, seed: int) -> None:
    chance = random.Random(seed)
    customers, orders = fill(shop, 20), [shop.add_guest_order(f"g{n}@post.example") for n in range(5)]
    known = Known()
    known.run(source)
    for step in range(12):
        for _ in range(chance.randint(0, 4)):
            shop.now += chance.choice((0, 1, 30, 4000, 90_000))
            match chance.randint(0, 7):
                case 0:
                    customers += fill(shop, 1, start=100 + len(customers))
                case 1 | 2:
                    orders.append(shop.add_order(chance.choice(customers), f"{chance.randint(1, 99)}.50"))
                case 3:
                    orders.append(shop.add_guest_order(f"g{chance.randint(0, 9)}@post.example"))
                case 4:
                    shop.set_consent(chance.choice(customers), given=chance.random() < 0.5)
                case 5:
                    shop.change_profile(chance.choice(customers), city=f"Ort {step}")
                case 6:
                    shop.cancel_order(chance.choice(orders))
                case 7 if len(customers) > 3:
                    shop.delete_customer(customers.pop(chance.randrange(len(customers))))
        found, fresh = known.run(source), people(source)
        assert {email: known for email, known in state(found).items() if email in state(fresh)} == state(fresh)
        for email in set(state(found)) - set(state(fresh)):
            assert state(found)[email][0] is False  # who is gone is no subscriber any more
        for email, person in fresh.items():
            for name, value in found[email].profile.items():  # what only a deleted account had is emptied
                assert person.profile.get(name, "") == value


def test_no_change_brings_the_same_rows_again(shop: FakeShop, source: Source) -> None:
    customers = fill(shop, 5)
    shop.add_order(customers[0])
    known = Known()
    first = known.run(source)
    cursors = dict(known.cursors)
    again = known.run(source)
    assert state(again) == state(first)
    assert known.cursors == cursors


def test_a_clock_that_was_put_back_hides_no_changes(shop: FakeShop, source: Source) -> None:
    customers = fill(shop, 3)
    orders = [shop.add_order(customer) for customer in customers]
    known = Known()
    known.run(source)
    shop.now -= 86_400
    shop.cancel_order(orders[0])
    assert state(known.run(source)) == state(people(source))


def test_changes_in_the_future_hide_no_others(shop: FakeShop, source: Source) -> None:
    """A clock that was wrong for a while, say: what was changed then must not be where the next increments begin."""
    customers = fill(shop, 5)
    orders = [shop.add_order(customer) for customer in customers]
    began = shop.now
    known = Known()
    for far in (70 * 366 * 86_400, 2 * 86_400, 0):
        shop.now = began + far
        shop.change_profile(customers[0], city=f"Ort {far}")
        shop.cancel_order(orders.pop())
        shop.add_guest_order(f"g{far}@post.example")
        began += 3600
        shop.now = began
        known.run(source)
    shop.now += 3600
    shop.change_profile(customers[1], city="Neu")
    shop.cancel_order(orders.pop())
    shop.add_guest_order("new@post.example")
    found, fresh = known.run(source), people(source)
    assert state(found) == state(fresh)
    assert found["p1@mail.example"].profile["city"] == "Neu"


SINCE = "2026-11-21T19:00:00Z 2026-11-21T19:00:00Z"
EARLIER = {  # what versions before this one wrote, an hour before the fakes begin
    "woocommerce": ("orders", SINCE),
    "shopify": ("customers", '{"changed":"2026-11-21T19:00:00Z","everybody":"2026-11-21T19:00:00Z"}'),
    "shopware6": ("orders", SINCE),
    "plentymarkets": ("orders", f"{SINCE} recipients"),
    "salesforce": ("purchases", SINCE),
}


def test_a_cursor_of_an_earlier_version_goes_on(shop: FakeShop, watched: Watched) -> None:
    settings = shop.settings()
    settings |= {"reconcile_every": "24h"} if "reconcile_every" in settings else {}
    source = open_source(settings, watched, shop.secrets())
    stream, cursor = EARLIER.get(source.type, ("orders", SINCE))
    shop.add_order(shop.add_customer("p1@mail.example"))
    found = read(source, stream, cursor)
    assert len(found.rows) == 1
    assert found.end is not None
    assert not found.end.complete, "changes only"
    assert found.end.cursor is not None
    assert read(source, stream, found.end.cursor).end is not None
    close(source)


def before_page(shop: FakeShop, number: int, do: Callable[[], None]) -> None:
    """Does something before the n-th request for rows is answered."""
    seen = iter(range(1, 10_000))

    def before(asked: Asked) -> None:
        if shop.is_page(asked) and next(seen) == number:
            do()

    shop.before_page = before


@pytest.mark.parametrize("at", range(2, 9))
def test_people_who_are_deleted_meanwhile_take_nobody_along(shop: FakeShop, source: Source, at: int) -> None:
    customers = fill(shop, 450)

    def delete() -> None:
        for gone in customers[:5]:
            shop.delete_customer(gone)

    before_page(shop, at, delete)
    rows = read(source, source.streams()[0].name).rows
    assert len({row.ident for row in rows}) == len(rows)
    assert {f"p{n}@mail.example" for n in range(5, 450)} <= {row.email for row in rows}


@pytest.mark.parametrize("at", range(2, 9))
def test_one_who_goes_and_one_who_comes_are_no_even_trade(shop: FakeShop, source: Source, at: int) -> None:
    customers = fill(shop, 450)

    def trade() -> None:
        shop.delete_customer(customers[0])
        shop.add_customer("new@mail.example")

    before_page(shop, at, trade)
    assert {f"p{n}@mail.example" for n in range(1, 450)} <= set(people(source))


@pytest.mark.parametrize("at", [2, 3, 4, 5])
def test_who_comes_meanwhile_is_no_reason_to_read_again(shop: FakeShop, source: Source, at: int) -> None:
    fill(shop, 299)
    before_page(shop, at, lambda: fill(shop, 3, start=1000).clear())
    reading = read(source, source.streams()[0].name)
    assert len(reading.rows) == len({row.ident for row in reading.rows})
    assert len(reading.rows) in (299, 302)
    assert len(shop.log) <= 8


def test_who_changes_meanwhile_is_there_once(shop: FakeShop, source: Source) -> None:
    customers = fill(shop, 250)

    def change() -> None:
        for customer in customers[::10]:
            shop.change_profile(customer, city="Neustadt")

    before_page(shop, 3, change)
    reading = read(source, source.streams()[0].name)
    assert sorted(row.ident or "" for row in reading.rows) == sorted(map(str, customers))


FAULTS = [
    "429", "429 retry-after", "503", "503 retry-after", "500", "502", "403 html", "405 html", "410 html", "451 empty",
    "html", "empty", "dropped", "cut short", "bom",
]  # fmt: skip


@pytest.mark.parametrize("kind", FAULTS)
def test_faults_pass(shop: FakeShop, source: Source, watched: Watched, kind: str) -> None:
    fill(shop, 120)
    shop.fail(kind, 3, shop.is_page)
    assert len(people(source)) == 120
    assert watched.traffic.requests == len(shop.log)
    assert watched.traffic.retries == (0 if kind == "bom" else 3)
    if kind.endswith("retry-after"):
        assert max(watched.waits) >= 7
    quiet(watched.said, shop)


@pytest.mark.parametrize("damage", [b"\\ud83d", b"\\uDE00", b"\\ude00\\uD83D", b"\xff", b"\xed\xa0\xbd"])
def test_half_a_letter_costs_no_more_than_itself(shop: FakeShop, source: Source, damage: bytes) -> None:
    """A text that a plug-in cut within an emoji, say."""
    fill(shop, 5)
    shop.fail(altered(lambda body: body.replace(b'"V2"', b'"V2' + damage + b'"')), 1000)
    found = people(source)
    assert len(found) == 5
    assert found["p2@mail.example"].consent.state is (ConsentState.YES if shop.tells_consent else ConsentState.UNKNOWN)
    names = [found[f"p{number}@mail.example"].profile["first_name"] for number in range(5)]
    assert [name.replace("\ufffd", "") for name in names] == ["V0", "V1", "V2", "V3", "V4"]


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind != "bom"])
def test_faults_that_last_are_temporary(shop: FakeShop, watched: Watched, kind: str) -> None:
    fill(shop, 5)
    source = open_source(shop.settings(), watched, shop.secrets())
    shop.fail(kind, 1000, shop.is_page)
    with pytest.raises(TemporaryError) as caught:
        everything(source)
    assert sum(watched.waits) <= 300
    quiet([said(caught.value), *watched.said], shop)
    source.close()


def test_a_pause_beyond_the_limit_is_not_waited_for(shop: FakeShop) -> None:
    watched = Watched(retry_for=20)
    source = open_source(shop.settings(), watched, shop.secrets())
    shop.fail("503 retry-after", 1, shop.is_page)
    with pytest.raises(TemporaryError, match="wait 30 seconds"):
        everything(source)
    assert watched.waits == []
    source.close()


def test_refused_credentials(shop: FakeShop, source: Source, watched: Watched) -> None:
    shop.refuse()
    for use in (lambda: everything(source), lambda: list(source.inspect())):
        with pytest.raises(AuthError) as caught:
            use()
        assert caught.value.hint
        quiet([said(caught.value), *watched.said], shop)
    assert watched.waits == []


def test_forbidden_without_a_word(shop: FakeShop, source: Source, watched: Watched) -> None:
    """It is no use to ask again for what the key does not allow."""
    fill(shop, 5)
    shop.fail("403 empty", 1000, shop.is_page)
    with pytest.raises(AuthError) as caught:
        everything(source)
    assert caught.value.hint
    assert watched.waits == []


def test_redirects_are_not_followed(shop: FakeShop, source: Source) -> None:
    elsewhere = ShopServer()
    shop.fail(answering(302, b"", Location=f"{elsewhere.url}/wp-json/"), 10)
    with pytest.raises(UsageError, match="redirect"):
        everything(source)
    assert elsewhere.log == []
    elsewhere.close()


def test_cookies_are_not_kept(shop: FakeShop, source: Source) -> None:
    """They would make every request part of a session, which PHP deals with one after the other."""
    fill(shop, 250)

    def with_cookie(asked: Asked, answer: Answering) -> Reply:
        reply = answer(asked)
        return reply._replace(headers={**reply.headers, "Set-Cookie": "PHPSESSID=a1b2; Path=/; HttpOnly"})

    shop.fail(with_cookie, 1000)
    assert len(people(source)) == 250
    assert [asked for asked in shop.log if "cookie" in asked.headers] == []


def test_a_stream_that_was_not_read_to_its_end_has_none(shop: FakeShop, source: Source) -> None:
    for customer in fill(shop, 900):
        shop.add_order(customer)
    for stream in source.streams():
        asked = iter((False, False, True))
        assert read(source, stream.name, None, lambda asked=asked: next(asked, True)).end is None  # type: ignore[misc]


def test_a_stream_that_fails_has_no_end(shop: FakeShop, source: Source) -> None:
    fill(shop, 900)
    chunks = source.read(source.streams()[0].name, None, lambda: False)
    assert next(chunks).end is None
    shop.refuse()
    ends = []
    with pytest.raises(CrsyncError):
        ends += [chunk.end for chunk in chunks]
    assert ends == []


def test_only_what_is_needed_is_kept(shop: FakeShop, source: Source, watched: Watched) -> None:
    for customer in fill(shop, 3):
        shop.add_order(customer)
    shop.add_guest_order("g@post.example")
    bodies = b"".join(row.body for reading in everything(source).values() for row in reading.rows).decode()
    for text in (*shop.planted, *shop.secrets(), "@"):
        assert text not in bodies
    quiet(watched.said, shop)


def test_rows_are_the_same_bytes_every_time(shop: FakeShop, source: Source) -> None:
    for customer in fill(shop, 20):
        shop.add_order(customer)
    first, second = everything(source), everything(source)
    assert {name: reading.rows for name, reading in first.items()} == {
        name: reading.rows for name, reading in second.items()
    }


def test_what_is_there_is_seen_at_once(shop: FakeShop, source: Source, watched: Watched) -> None:
    fill(shop, 250)
    shop.add_guest_order("g@post.example")
    sights = list(source.inspect())
    assert any(number in sights[0].message for number in ("250", "251"))  # where guests are customers too
    assert len(shop.log) < 10
    quiet([*watched.said, *(f"{message} {hint}" for message, hint in sights)], shop)


def said(error: CrsyncError) -> str:
    return f"{error.message} {error.hint} {error.where}"


def quiet(lines: list[str], shop: FakeShop) -> None:
    """No secret, no address, no name."""
    for line in lines:
        for secret in (*shop.secrets(), "p1@mail.example", "@mail.example", "g@post"):
            assert secret not in line, line
