"""A shop's API behind tokens that run out."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest

from cleverreach_sync.errors import AuthError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.shop import ShopApi
from cleverreach_sync.http.tokens import FixedToken, Issued, IssuedToken
from cleverreach_sync.messages import say
from tests.shops.reading import Watched
from tests.shops.server import Asked, Reply, ShopServer


class Numbered(IssuedToken):
    """Tokens 1, 2, 3 ...: each good until it is refused."""

    number = 0

    def _issue(self) -> Issued:
        self.number += 1
        return Issued(str(self.number), 600)


class Guarded(ShopServer):
    """Answers with what it was sent; knows one token."""

    good = "1"

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {self.good}":
            return Reply.json({"message": "token unknown"}, 401)
        return Reply.json({"got": orjson.loads(asked.body or b"null"), "query": asked.query})


@pytest.fixture
def server() -> Iterator[Guarded]:
    found = Guarded()
    yield found
    found.close()


def explain(answer: Answer) -> AuthError:
    return AuthError(say("test.refused", "refused ({status})", status=answer.status))


@pytest.fixture
def opened(server: Guarded) -> Iterator[tuple[HttpClient, Watched]]:
    watched = Watched()
    http = HttpClient(watched.means, server.url, 10)
    yield http, watched
    http.close()


def test_requests_carry_the_token(server: Guarded, opened: tuple[HttpClient, Watched]) -> None:
    http, _ = opened
    api = ShopApi(http, explain=explain, credentials=Numbered(http))
    assert api.post("/search", {"limit": 5}).body["got"] == {"limit": 5}
    assert api.get("/rows", {"page": 2}).body["query"] == {"page": "2"}


def test_a_token_that_ran_out_is_renewed_once(server: Guarded, opened: tuple[HttpClient, Watched]) -> None:
    http, watched = opened
    api = ShopApi(http, explain=explain, credentials=Numbered(http))
    server.good = "2"
    assert api.post("/search", {}).ok
    assert len(server.log) == 2
    server.good = "never"
    with pytest.raises(AuthError, match="401"):
        api.post("/search", {})
    assert len(server.log) == 4
    assert watched.waits == []


def test_without_another_token_a_refusal_is_final(server: Guarded, opened: tuple[HttpClient, Watched]) -> None:
    http, _ = opened
    api = ShopApi(http, explain=explain, credentials=FixedToken("old"))
    with pytest.raises(AuthError, match="401"):
        api.get("/rows")
    assert len(server.log) == 1


def test_a_post_that_only_reads_is_repeated(server: Guarded, opened: tuple[HttpClient, Watched]) -> None:
    http, watched = opened
    api = ShopApi(http, explain=explain, credentials=Numbered(http))
    server.fail("503", 2)
    assert api.post("/search", {}).ok
    assert watched.traffic.retries == 2


class Slow:
    """A pace that notes when it was asked."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def wait(self) -> None:
        self.seen.append("wait")

    def note(self, answer: Answer) -> None:
        self.seen.append(str(answer.status))


def test_the_pace_is_asked_before_every_attempt_and_told_of_every_answer() -> None:
    server, watched, pace = Guarded(), Watched(), Slow()
    http = HttpClient(watched.means, server.url, 5)
    api = ShopApi(http, explain=lambda _: None, credentials=FixedToken("1"), pace=pace)
    server.fail("429")
    api.get("/rows", {"with[]": ["a", "b"]})
    assert pace.seen == ["wait", "429", "wait", "200"]
    http.close()
    server.close()
