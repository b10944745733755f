"""Reading the account's unsubscribed from servers that page as they like, while people come and go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cleverreach_sync.errors import TemporaryError
from cleverreach_sync.targets.cleverreach import departures
from cleverreach_sync.targets.cleverreach.departures import unsubscribed


def row(number: int, at: int, email: str = "") -> dict[str, Any]:
    return {"id": str(number), "group_id": "9", "email": email or f"p{number:04}@example.org", "deactivated": at}


class Server:
    """`cap`: the largest page it gives. `meanwhile` is called after every page with its number."""

    def __init__(self, rows: list[dict[str, Any]], cap: int = 3) -> None:
        self.rows = rows
        self.cap = cap
        self.asked: list[dict[str, Any]] = []
        self.meanwhile: Callable[[int], None] = lambda _: None
        self.pages = True

    def ask(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        self.asked.append(body)
        (rule,) = body["rules"]
        found = [each for each in self.rows if int(each["deactivated"]) > int(rule["condition"])]
        found.sort(key=lambda each: str(each["email"]))
        size = min(body["pagesize"], self.cap)
        start = body["page"] * size if self.pages else 0
        page = found[start : start + size]
        self.meanwhile(len(self.asked))
        return page

    def read(self, since: int = 1) -> set[tuple[str, int]]:
        return {each for page in unsubscribed(self.ask, since) for each in page}


def everybody(server: Server) -> set[tuple[str, int]]:
    return {(each["email"], int(each["deactivated"])) for each in server.rows}


@pytest.fixture
def server() -> Server:
    """People whose stamps go against the order of their addresses."""
    return Server([row(number, 1000 - number) for number in range(20)])


def test_nobody() -> None:
    server = Server([])
    assert server.read() == set()
    assert len(server.asked) == 1


def test_pages_smaller_than_asked_for(server: Server) -> None:
    assert server.read() == everybody(server)


@pytest.mark.parametrize("cap", [1, 2, 5000])
def test_other_pages(server: Server, cap: int) -> None:
    server.cap = cap
    assert server.read() == everybody(server)


@pytest.mark.parametrize("leaves", [0, 2, 19])
@pytest.mark.parametrize("after", [1, 2, 3])
def test_somebody_is_gone_between_two_pages(server: Server, leaves: int, after: int) -> None:
    gone = row(leaves, 1000 - leaves)

    def meanwhile(page: int) -> None:
        if page == after and gone in server.rows:
            server.rows.remove(gone)

    server.meanwhile = meanwhile
    assert everybody(server) - server.read() <= {(gone["email"], 1000 - leaves)}


@pytest.mark.parametrize("at", [1, 500, 5000])
def test_somebody_comes_between_two_pages(server: Server, at: int) -> None:
    before = everybody(server)
    server.meanwhile = lambda page: server.rows.append(row(100, at, "a@example.org")) if page == 2 else None
    assert server.read() >= before


def test_somebody_unsubscribes_at_every_page(server: Server) -> None:
    before = everybody(server)
    server.meanwhile = lambda page: server.rows.append(row(100 + page, 5000 + page)) if page < 40 else None
    assert server.read() >= before


def test_one_that_never_comes_to_rest() -> None:
    server = Server([row(number, 1000 - number) for number in range(20)])
    server.meanwhile = lambda page: server.rows.append(row(100 + page, 500))
    with pytest.raises(TemporaryError):
        server.read()


def test_many_with_the_same_stamp(server: Server) -> None:
    server.rows += [row(number, 990) for number in range(100, 120)]
    gone = row(101, 990)

    def meanwhile(page: int) -> None:
        if gone in server.rows and page == 12:
            server.rows.remove(gone)

    server.meanwhile = meanwhile
    assert server.read() >= everybody(server)


def test_a_page_of_what_is_no_address_ends_nothing(server: Server) -> None:
    server.rows += [row(200 + number, 5 + number, f"A nobody {number}") for number in range(6)]
    assert server.read() == {each for each in everybody(server) if "@" in each[0]}


def test_a_server_that_takes_no_notice_of_the_page() -> None:
    server = Server([row(number, number + 10) for number in range(20)], cap=5000)
    server.pages = False
    assert server.read() == everybody(server)


def test_one_that_hides_people_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departures, "PAGE", 3)
    server = Server([row(number, 10) for number in range(20)])
    server.pages = False
    with pytest.raises(TemporaryError, match="again and again"):
        server.read()


def test_stamps_as_texts_and_since_when() -> None:
    server = Server([{**row(number, 0), "deactivated": str(98 + number)} for number in range(6)])
    assert server.read(since=100) == {
        ("p0003@example.org", 101),
        ("p0004@example.org", 102),
        ("p0005@example.org", 103),
    }
