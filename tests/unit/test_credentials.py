"""Credentials of any scheme: when they sign, what they hear of, and what nobody else gets to see."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from urllib.parse import urlsplit

import pytest

from cleverreach_sync.errors import AuthError, CrsyncError, TemporaryError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.credentials import Attempt, Basic, Credentials
from cleverreach_sync.http.failures import TryAgain
from cleverreach_sync.http.graphql import GraphQL
from cleverreach_sync.http.request import Request
from cleverreach_sync.http.shop import ShopApi
from cleverreach_sync.http.tokens import Issued, IssuedToken
from cleverreach_sync.messages import say
from tests.shops.reading import Watched
from tests.shops.server import Answering, Asked, Reply, ShopServer

SECRET = "wax-4711"


def seal(nonce: str, method: str, url: str, body: bytes) -> str:
    """The signature of a made-up scheme: of a nonce, and of all that is asked."""
    return hmac.new(SECRET.encode(), f"{nonce} {method} {url} ".encode() + body, hashlib.sha256).hexdigest()


class Sealed(Credentials):
    """Signs every attempt with a nonce of its own. `renewals` are the times that a new secret may help."""

    def __init__(self, client: HttpClient, renewals: int = 0) -> None:
        self._client = client
        self._numbers = count(1)
        self.renewals = renewals
        self.attempts: list[Attempt] = []
        self.heard: list[Mapping[str, str]] = []

    def sign(self, attempt: Attempt) -> Mapping[str, str]:
        self.attempts.append(attempt._replace(headers=dict(attempt.headers)))
        nonce = str(next(self._numbers))
        made = seal(nonce, attempt.method, attempt.url, attempt.body)
        self._client.redact.add_passing(made)
        return {"authorization": f"Seal {nonce}:{made}"}

    def renewed(self, signed: Mapping[str, str], answer: Answer) -> bool:
        assert answer.status == 401
        self.heard.append(signed)
        self.renewals -= 1
        return self.renewals >= 0


class Sealing(ShopServer):
    """Takes nothing unsealed, and no seal twice."""

    def __init__(self) -> None:
        super().__init__()
        self.nonces: set[str] = set()

    def answer(self, asked: Asked) -> Reply:
        nonce, _, made = asked.headers.get("authorization", "").removeprefix("Seal ").partition(":")
        url = self.url + (f"{asked.path}?{asked.raw_query}" if asked.raw_query else asked.path)
        if nonce in self.nonces or not hmac.compare_digest(made, seal(nonce, asked.method, url, asked.body)):
            return Reply.json({"message": "the seal is broken"}, 401)
        self.nonces.add(nonce)
        return Reply.json({"data": {"told": "all is well"}})


@pytest.fixture
def server() -> Iterator[Sealing]:
    found = Sealing()
    yield found
    found.close()


@pytest.fixture
def watched() -> Watched:
    found = Watched()
    found.redact.add(SECRET)
    return found


@pytest.fixture
def http(server: Sealing, watched: Watched) -> Iterator[HttpClient]:
    client = HttpClient(watched.means, server.url, 5)
    yield client
    client.close()


def explain(answer: Answer) -> CrsyncError | None:
    return refused(answer) if answer.status == 401 else None


def refused(answer: Answer) -> CrsyncError:
    return AuthError(say("test.refused", "refused ({status})", status=answer.status))


def got(http: HttpClient, credentials: Credentials) -> object:
    return ShopApi(http, explain=explain, credentials=credentials).get("/rows", {"page": 2, "with[]": ["a b", "ü&="]})


def posted(http: HttpClient, credentials: Credentials) -> object:
    return ShopApi(http, explain=explain, credentials=credentials).post("/search", {"city": "Köln"})


def queried(http: HttpClient, credentials: Credentials) -> object:
    return GraphQL(http, "/graphql", name="the shop", credentials=credentials, refused=refused).ask("{}", {}, bool)


Asking = Callable[[HttpClient, Credentials], object]
every_way = pytest.mark.parametrize("ask", [got, posted, queried])


@every_way
def test_they_sign_what_goes_over_the_line(server: Sealing, http: HttpClient, ask: Asking) -> None:
    credentials = Sealed(http)
    ask(http, credentials)
    (asked,), (attempt,) = server.log, credentials.attempts
    assert (attempt.method, attempt.body) == (asked.method, asked.body)
    assert attempt.headers.items() <= {**asked.headers, "host": urlsplit(server.url).netloc}.items()
    assert "authorization" not in attempt.headers


def test_they_sign_a_form(server: Sealing, http: HttpClient) -> None:
    credentials = Sealed(http)
    assert http.exchange(Request("POST", "/token", form={"user": "Jörg & Co"}), credentials).ok
    assert credentials.attempts[0].body == server.log[0].body == b"user=J%C3%B6rg+%26+Co"


@pytest.mark.parametrize("kind", ["429 retry-after", "503", "html", "dropped"])
@every_way
def test_every_attempt_is_signed_anew(
    server: Sealing, http: HttpClient, watched: Watched, ask: Asking, kind: str
) -> None:
    server.fail(kind, 2)
    credentials = Sealed(http)
    ask(http, credentials)
    assert len({asked.headers["authorization"] for asked in server.log}) == len(server.log) == 3
    assert watched.traffic.retries == 2
    assert credentials.heard == []


def test_so_is_one_after_a_timeout(server: Sealing, watched: Watched) -> None:
    hung = threading.Event()

    def hang(_: Asked) -> None:
        if len(server.log) == 1:
            hung.wait(10)

    server.before_page = hang
    http = HttpClient(watched.means, server.url, 0.2)
    posted(http, Sealed(http))
    hung.set()
    http.close()
    assert len({asked.headers["authorization"] for asked in server.log}) == len(server.log) == 2


@every_way
def test_a_401_renews_them_once(server: Sealing, http: HttpClient, watched: Watched, ask: Asking) -> None:
    server.fail(lambda _asked, _answer: Reply.json({"message": "too old"}, 401))
    credentials = Sealed(http, renewals=1)
    ask(http, credentials)
    assert credentials.heard == [{"authorization": server.log[0].headers["authorization"]}]
    assert len({asked.headers["authorization"] for asked in server.log}) == len(server.log) == 2
    assert watched.waits == []


@every_way
def test_a_second_401_is_the_last_word(server: Sealing, http: HttpClient, ask: Asking) -> None:
    server.fail(lambda _asked, _answer: Reply.json({"message": "too old"}, 401), 10)
    credentials = Sealed(http, renewals=9)
    with pytest.raises(AuthError):
        ask(http, credentials)
    assert len(server.log) == 2
    assert len(credentials.heard) == 1


@every_way
def test_a_401_is_the_last_word_where_nothing_can_be_renewed(server: Sealing, http: HttpClient, ask: Asking) -> None:
    server.fail(lambda _asked, _answer: Reply.json({"message": "unknown"}, 401), 10)
    with pytest.raises(AuthError):
        ask(http, Sealed(http))
    assert len(server.log) == 1


def test_a_401_that_nobody_explains_is_an_error_of_the_credentials(server: Sealing, http: HttpClient) -> None:
    server.fail(lambda _asked, _answer: Reply.json({"message": "unknown"}, 401))
    with pytest.raises(AuthError, match=r"the shop does not accept the credentials \(401: unknown\)"):
        ShopApi(http, explain=lambda _: None, credentials=Sealed(http)).get("/rows")


def test_the_last_request_of_a_run_renews_nothing(server: Sealing, http: HttpClient) -> None:
    server.fail(lambda _asked, _answer: Reply.json({}, 401), 10)
    credentials = Sealed(http, renewals=1)
    assert http.exchange(Request("POST", "/logout", last=True), credentials).status == 401
    assert credentials.heard == []


@every_way
def test_what_they_raise_is_raised(server: Sealing, http: HttpClient, watched: Watched, ask: Asking) -> None:
    """TryAgain is waited for as if the request had failed; anything else ends it."""

    failures = [
        TryAgain(say("test.no_token_now", "no token now"), after=3),
        TemporaryError(say("test.no_token", "no token at all")),
    ]

    class Unlucky(Credentials):
        def sign(self, attempt: Attempt) -> Mapping[str, str]:
            del attempt
            raise failures.pop(0)

    with pytest.raises(TemporaryError, match="no token at all"):
        ask(http, Unlucky())
    assert server.log == []
    assert len(watched.waits) == 1


def echoing(status: int) -> Callable[[Asked, Answering], Reply]:
    """An answer that repeats what it was asked, as some do with what they do not like."""

    def fault(asked: Asked, answer: Answering) -> Reply:
        del answer
        words = f"got {asked.headers['authorization']} for {SECRET}"
        return Reply.json({"message": words, "errors": [{"message": words}]}, status)

    return fault


@pytest.mark.parametrize("status", [400, 401, 429, 503])
@every_way
def test_nobody_else_sees_them(server: Sealing, watched: Watched, ask: Asking, status: int) -> None:
    watched.means.retries.limit = 2
    http = HttpClient(watched.means, server.url, 5)
    server.fail(echoing(status), 50)
    with pytest.raises(CrsyncError) as caught:
        ask(http, Sealed(http, renewals=1))
    http.close()
    told = " ".join([str(caught.value), str(caught.value.hint), repr(caught.value), *watched.said])
    hidden = [SECRET, *(asked.headers["authorization"].partition(":")[2] for asked in server.log)]
    assert not [word for word in hidden if word in told]


def test_signatures_that_pass_make_no_secret_known_again(watched: Watched) -> None:
    watched.redact.add("the-token")
    for number in range(1000):
        watched.redact.add_passing(f"signature-{number}")
    assert watched.redact("the-token signature-999 signature-1") == "*** *** signature-1"


def test_user_and_password_go_along_and_are_hidden(server: Sealing, http: HttpClient, watched: Watched) -> None:
    server.fail(echoing(400))
    answer = http.exchange(Request("GET", "/rows"), Basic("käthe", "pass:word", watched.redact))
    assert server.log[0].headers["authorization"] == "Basic a8OkdGhlOnBhc3M6d29yZA=="
    assert watched.redact(answer.body["message"]) == "got Basic *** for ***"


class Challenged(Credentials):
    """Knows nothing until it is challenged; then keeps the challenge, and counts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._nonce = ""
        self._count = 0

    def sign(self, attempt: Attempt) -> Mapping[str, str]:
        del attempt
        with self._lock:
            self._count += 1
            return {"authorization": f"Count {self._nonce} {self._count}"} if self._nonce else {}

    def renewed(self, signed: Mapping[str, str], answer: Answer) -> bool:
        new = answer.headers.get("www-authenticate", "").removeprefix("Count ")
        with self._lock:
            if not signed or self._nonce in signed["authorization"]:  # else another thread was told meanwhile
                self._nonce, self._count = new, 0
            return bool(self._nonce)


class Challenging(ShopServer):
    """Challenges whoever comes without its nonce, which holds for so many requests."""

    holds = 3

    def __init__(self) -> None:
        super().__init__()
        self.given = 1

    def answer(self, asked: Asked) -> Reply:
        nonce, _, number = asked.headers.get("authorization", "").removeprefix("Count ").partition(" ")
        if nonce != f"n{self.given}" or int(number) > self.holds:
            self.given += nonce == f"n{self.given}"
            return Reply.json({}, 401, WWW_Authenticate=f"Count n{self.given}")
        return Reply.json({})


def test_a_scheme_that_answers_a_challenge_keeps_it(watched: Watched) -> None:
    server = Challenging()
    http = HttpClient(watched.means, server.url, 5)
    api = ShopApi(http, explain=explain, credentials=Challenged())
    for _ in range(5):
        api.get("/rows")
    assert [asked.headers.get("authorization") for asked in server.log] == [
        None,
        "Count n1 1",
        "Count n1 2",
        "Count n1 3",
        "Count n1 4",
        "Count n2 1",
        "Count n2 2",
    ]
    http.close()
    server.close()


class Sessions(ShopServer):
    """Gives sessions, and takes the latest one."""

    def __init__(self) -> None:
        super().__init__()
        self.elsewhere = ""
        self.sessions = 0

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/session":
            self.sessions += 1
            return Reply.json({"token": f"session-{self.sessions}", "at": self.elsewhere})
        good = asked.headers.get("authorization") == "Bearer session-1"
        return Reply.json({"at": self.url}) if good else Reply.json({}, 401)


class AtHome(IssuedToken):
    """A session that is good at the address that it names."""

    def _issue(self) -> Issued:
        body = self._http.exchange(Request("POST", "/session")).body
        return Issued(body["token"], 600, body["at"])


def test_a_session_may_say_where_requests_go(watched: Watched) -> None:
    login, first, second = Sessions(), Sessions(), Sessions()
    login.elsewhere = first.url
    http = HttpClient(watched.means, login.url, 5)
    api = ShopApi(http, explain=explain, credentials=AtHome(http))
    assert api.get("/rows").body == {"at": first.url}
    login.elsewhere, login.sessions = second.url, 0
    first.fail(lambda _asked, _answer: Reply.json({}, 401), 10)
    assert api.get("/rows").body == {"at": second.url}, "the session ended in the middle of a run"
    assert [asked.path for asked in login.log] == ["/session", "/session"]
    assert [len(first.log), len(second.log)] == [2, 1]
    http.close()
    for server in (login, first, second):
        server.close()


def test_a_token_is_renewed_once_for_all_threads(watched: Watched) -> None:
    """All of them are refused the same one at the same time."""
    readers = 4
    together = threading.Barrier(readers)

    class Ending(Sessions):
        def answer(self, asked: Asked) -> Reply:
            if asked.path == "/session":
                return super().answer(asked)
            good = asked.headers["authorization"] == "Bearer session-2"
            return Reply.json({}) if good else Reply.json({}, 401)

    server = Ending()

    def wait_for_others(asked: Asked) -> None:
        if asked.headers.get("authorization") == "Bearer session-1":
            together.wait(10)

    server.before_page = wait_for_others
    http = HttpClient(watched.means, server.url, 5)
    server.elsewhere = server.url
    credentials = AtHome(http)
    api = ShopApi(http, explain=explain, credentials=credentials, at_once=readers)
    threads = [threading.Thread(target=api.get, args=("/rows",)) for _ in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert server.sessions == 2
    assert len(server.log) == 2 + 2 * readers
    http.close()
    server.close()
