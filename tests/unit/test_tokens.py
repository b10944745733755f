"""Tokens that credentials are exchanged for, in whatever form a system reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import orjson
import pytest

from cleverreach_sync.errors import AuthError, TemporaryError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.credentials import Attempt
from cleverreach_sync.http.retries import Retries
from cleverreach_sync.http.tokens import OAuthToken, TokenAnswers, bearer, client_credentials
from cleverreach_sync.messages import say
from tests.shops.reading import Watched
from tests.shops.server import Asked, Reply, ShopServer, answering

NOTHING = Attempt("GET", "/", {}, b"")


class Issuer(ShopServer):
    """Gives tokens, each with a number."""

    def __init__(self) -> None:
        super().__init__()
        self.life: object = 600
        self.given = 0

    def answer(self, asked: Asked) -> Reply:
        self.given += 1
        return Reply.json({"access_token": f"token-{self.given}", "expires_in": self.life})


class Time:
    now = 0.0


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    found = Issuer()
    yield found
    found.close()


def client(issuer: Issuer, retry_for: float = 300, waited: Callable[[float], None] = lambda _: None) -> HttpClient:
    """By the clock of `Time`, which waiting does not move."""
    retries = Retries(retry_for, lambda: Time.now, waited, lambda *_: None)
    return HttpClient(replace(Watched().means, retries=retries, clock=lambda: Time.now), issuer.url, 10)


@pytest.fixture
def http(issuer: Issuer) -> Iterator[HttpClient]:
    found = client(issuer)
    yield found
    found.close()


def no_token(answer: Answer) -> AuthError:
    return AuthError(say("test.no_token", "no token ({status})", status=answer.status))


class Tokens(OAuthToken):
    def current(self) -> str:
        return self.sign(NOTHING)["authorization"].removeprefix("Bearer ")


def tokens(http: HttpClient, answers: TokenAnswers | None = None, *, as_json: bool = False) -> Tokens:
    sent = {"client_id": "me", "client_secret": "s3cret"}
    return Tokens(http, client_credentials("/token", sent, as_json=as_json), answers or TokenAnswers(no_token))


@pytest.mark.parametrize("as_json", [False, True])
def test_the_form_of_the_request(issuer: Issuer, http: HttpClient, as_json: bool) -> None:
    assert tokens(http, as_json=as_json).current() == "token-1"
    (asked,) = issuer.log
    if as_json:
        assert orjson.loads(asked.body) == {
            "grant_type": "client_credentials",
            "client_id": "me",
            "client_secret": "s3cret",
        }
    else:
        assert asked.body == b"grant_type=client_credentials&client_id=me&client_secret=s3cret"


@pytest.mark.parametrize(
    ("life", "good_until"), [(600, 480), ("600", 480), (None, 480), (0, 480), ("soon", 480), (10**9, 69_120)]
)
def test_it_is_renewed_before_it_runs_out(issuer: Issuer, http: HttpClient, life: object, good_until: float) -> None:
    issuer.life = life
    Time.now = 1000.0
    found = tokens(http)
    found.current()
    Time.now = 1000.0 + good_until - 1
    assert found.current() == "token-1"
    Time.now = 1000.0 + good_until
    assert found.current() == "token-2"


def test_one_that_was_refused_is_renewed_once(http: HttpClient) -> None:
    found = tokens(http)
    first = found.sign(NOTHING)
    refused = Answer(401, {}, None, True, "")
    assert found.renewed(first, refused)
    assert (first, found.sign(NOTHING)) == (bearer("token-1"), bearer("token-2"))
    assert found.renewed(first, refused)
    assert found.sign(NOTHING) == bearer("token-2"), "another thread had it renewed meanwhile"
    assert http.redact("token-2") == "***"


@pytest.mark.parametrize("reply", [Reply(400, b"{}"), Reply(200, b"{}"), Reply(200, b"[]"), Reply(200, b"")])
def test_no_token_is_an_error(issuer: Issuer, http: HttpClient, reply: Reply) -> None:
    issuer.fail(lambda _asked, _answer: reply, 1)
    with pytest.raises(AuthError, match="no token"):
        tokens(http).current()


def test_a_pause_that_stands_in_the_answer(issuer: Issuer) -> None:
    waited: list[float] = []
    http = client(issuer, waited=waited.append)
    issuer.fail(lambda _asked, _answer: Reply.json({"seconds": 12}, 429))
    answers = TokenAnswers(no_token, pause=lambda answer: float(answer.body["seconds"]))
    assert tokens(http, answers).current() == "token-1"
    assert 12 <= sum(waited) < 14
    http.close()


def test_a_token_that_is_cut_short_is_not_told(issuer: Issuer) -> None:
    """Nobody knows it as a secret yet."""
    watched = Watched()
    http = HttpClient(watched.means, issuer.url, 10)
    issuer.fail("cut short")
    assert tokens(http).current() == "token-2"
    http.close()
    said = [line for line in watched.said if not line.startswith("POST")]
    assert said == ["the answer is not JSON and has no access token: JSON that is not whole"]


@pytest.mark.parametrize(
    ("reply", "says", "hint"),
    [
        (Reply(500, b"<h1>Error establishing a database connection</h1>"), "(500: Error", "error logs"),
        (Reply(503, b"{}"), "(503)", "error logs"),
        (Reply(200, b"<b>Fatal error</b>: no such class"), "has no access token: Fatal error", "error logs"),
        (Reply(403, b"<h1>Blocked</h1>", {}, "text/html"), "(403: Blocked)", "firewall"),
    ],
)
def test_why_there_is_no_token_now(issuer: Issuer, reply: Reply, says: str, hint: str) -> None:
    issuer.fail(lambda _asked, _answer: reply, 1000)
    http = client(issuer, retry_for=0)
    with pytest.raises(TemporaryError) as caught:
        tokens(http).current()
    http.close()
    assert says in caught.value.message
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("kind", ["403 html", "410 html", "451 empty"])
def test_a_page_in_the_place_of_an_answer_passes(issuer: Issuer, http: HttpClient, kind: str) -> None:
    issuer.fail(kind, 2)
    assert tokens(http).current() == "token-1"


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_page_that_says_enough_is_a_refusal(issuer: Issuer, http: HttpClient, status: int) -> None:
    issuer.fail(answering(status))
    with pytest.raises(AuthError, match=str(status)):
        tokens(http).current()
