"""Signatures of OAuth 1.0a."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.credentials import Attempt
from cleverreach_sync.http.oauth1 import OAuth1, OAuth1Keys, base_string
from tests.shops.reading import Watched

KEYS = OAuth1Keys("ckey", "csecret&", "token", "tsecret=")


@pytest.fixture
def client() -> Iterator[HttpClient]:
    found = HttpClient(Watched().means, "https://shop.example.com", 5)
    yield found
    found.close()


def test_the_base_string_is_that_of_the_rfc() -> None:
    """The example of section 3.4.1.1 of RFC 5849."""
    attempt = Attempt(
        "post",
        "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b",
        {"content-type": "application/x-www-form-urlencoded"},
        b"c2&a3=2+q",
    )
    added = {
        "oauth_consumer_key": "9djdj82h48djs9d2",
        "oauth_token": "kkk9d7dh3k39sjv7",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": "137131201",
        "oauth_nonce": "7d8f3e4a",
    }
    assert base_string(attempt, added.items()) == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26"
        "c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26"
        "oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example.com:443", "https://shop.example.com/"),
        ("https://shop.example.com:8443/rest", "https://shop.example.com:8443/rest"),
        ("http://[::1]:8080/rest/a%20b", "http://[::1]:8080/rest/a%20b"),
    ],
)
def test_the_address_that_is_signed(url: str, expected: str) -> None:
    assert base_string(Attempt("GET", url, {}, b""), ()) == f"GET&{quote(expected, safe='')}&"


def test_no_two_signatures_are_the_same(client: HttpClient) -> None:
    signed = [OAuth1(KEYS, client).sign(Attempt("GET", "https://shop.example.com/", {}, b"")) for _ in range(2)]
    assert signed[0] != signed[1]
    for headers in signed:
        assert re.fullmatch(r'OAuth (oauth_\w+="[^", ]*", ){6}oauth_signature="[^", ]+"', headers["authorization"])
        assert "secret" not in headers["authorization"]


def test_a_signature_is_hidden(client: HttpClient) -> None:
    header = OAuth1(KEYS, client).sign(Attempt("GET", "https://shop.example.com/", {}, b""))["authorization"]
    signature = header.rpartition('oauth_signature="')[2].rstrip('"')
    assert signature not in client.redact(f"The signature {signature} is invalid.")


REFUSED = Answer(401, {}, {"message": "The timestamp value in the oauth_timestamp parameter is incorrect"}, True, "")


def test_what_was_signed_in_the_servers_future_is_signed_anew(client: HttpClient) -> None:
    credentials = OAuth1(KEYS, client)
    attempt = Attempt("GET", "https://shop.example.com/", {}, b"")
    signed = credentials.sign(attempt)
    assert credentials.are_refused(REFUSED)
    assert not credentials.renewed(signed, REFUSED), "the server has not told its time"
    client.clock_ahead = 86_400.0
    assert credentials.renewed(signed, REFUSED)
    assert 'oauth_timestamp="86400"' in credentials.sign(attempt)["authorization"]
    assert not credentials.renewed(credentials.sign(attempt), REFUSED), "it was its time"


@pytest.mark.parametrize("body", [None, [], {"message": 5}, {"message": "The signature is invalid."}])
def test_another_refusal_is_final(client: HttpClient, body: object) -> None:
    credentials = OAuth1(KEYS, client)
    client.clock_ahead = 86_400.0
    signed = {"authorization": 'OAuth oauth_timestamp="1"'}
    assert not credentials.renewed(signed, Answer(401, {}, body, True, ""))
    assert not credentials.are_refused(Answer(400, {}, body, True, ""))
