"""HTTP Digest: the server's example of RFC 7616, and challenges that cannot be answered."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from cleverreach_sync.errors import AuthError
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.credentials import Attempt
from cleverreach_sync.http.digest import BasicOrDigest
from cleverreach_sync.http.shop import ShopApi
from tests.shops.reading import Watched
from tests.shops.server import Asked, Reply, ShopServer

NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
OPAQUE = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
EXAMPLE = f'Digest realm="http-auth@example.org", qop="auth, auth-int", nonce="{NONCE}", opaque="{OPAQUE}", algorithm='


class Asking(ShopServer):
    """Asks for what it is told to, and lets in whoever answers with `Digest`."""

    def __init__(self, challenge: str) -> None:
        super().__init__()
        self.challenge = challenge

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization", "").startswith("Digest "):
            return Reply.json({"well": True})
        return Reply.json({"message": "no"}, 401, WWW_Authenticate=self.challenge)


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[Asking, Watched, BasicOrDigest]]:
    own = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    monkeypatch.setattr("secrets.token_hex", lambda _: own)

    def asked(challenge: str) -> tuple[Asking, Watched, BasicOrDigest]:
        server, watched = Asking(challenge), Watched()
        credentials = BasicOrDigest("Mufasa", "Circle of Life", watched.redact)
        client = HttpClient(watched.means, server.url, 10)
        try:
            ShopApi(client, explain=lambda _: None, credentials=credentials).get("/dir/index.html")
        finally:
            client.close()
            server.close()
        return server, watched, credentials

    return asked


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_the_standard(ask: Any, algorithm: str, response: str) -> None:
    server, watched, _ = ask(EXAMPLE + algorithm)
    (sent,) = [asked.headers["authorization"] for asked in server.log[1:]]
    assert f'response="{response}"' in sent
    assert f'opaque="{OPAQUE}"' in sent
    assert "nc=00000001" in sent
    assert response not in watched.redact(sent)


def test_each_attempt_has_its_own_number(ask: Any) -> None:
    _, _, credentials = ask(EXAMPLE + "MD5")
    sent = credentials.sign(Attempt("GET", "https://shop.example/x?a=%3E&b=2", {}, b""))["authorization"]
    assert "nc=00000002" in sent
    assert 'uri="/x?a=%3E&b=2"' in sent


def test_an_old_server_without_qop(ask: Any) -> None:
    server, _, _ = ask('Digest realm="r", nonce="n"')
    sent = server.log[-1].headers["authorization"]
    assert not re.search("qop|cnonce|nc=", sent)


@pytest.mark.parametrize(
    "challenge",
    [
        "", "Basic realm=x", "Digest", 'Digest realm="r"', 'Digest realm="r", nonce="n", algorithm=SHA-512-256',
        'Digest realm="r", nonce="n", qop="auth-int"', "Digest realm=" + "x" * 5000,
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_a_refusal(ask: Any, challenge: str) -> None:
    with pytest.raises(AuthError):
        ask(challenge)


def test_digest_after_another_scheme(ask: Any) -> None:
    server, _, _ = ask(f"Negotiate, {EXAMPLE}MD5")
    assert len(server.log) == 2
