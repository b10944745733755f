"""IDs and tokens from a server that would lead elsewhere, or cannot be sent."""

from __future__ import annotations

import json

import pytest

from cleverreach_sync.errors import CrsyncError
from tests.e2e.people import people
from tests.e2e.program import Program
from tests.odd_server import Heard, odd_server, response

ODD: list[object] = [
    "../..",
    "7/../../v3/mailings",
    "7?x=y",
    "%2e%2e",
    "",
    None,
    0,
    -7,
    1e300,
    True,
    [],
    {"id": 7},
    "\u00b2",
    "9" * 400,
]
TOKEN = {"access_token": "a-token-of-this-test", "expires_in": 3600}


def answer(body: object) -> bytes:
    return response(200, json.dumps(body).encode())


def usual(heard: Heard) -> bytes:
    if heard.line.startswith("POST /oauth"):
        return answer(TOKEN)
    if heard.line.startswith("GET /v3/attributes"):
        return answer([{"id": 1, "name": name} for name in ("firstname", "lastname", "city")])
    return answer([])


def ended(program: Program, url: str) -> CrsyncError:
    program.write(*people(2))
    program.config(target={"base_url": url}, limits={"retry_for": "2s"})
    return program.failing()


@pytest.mark.parametrize("ident", ODD)
@pytest.mark.parametrize("where", ["GET /v3/groups ", "POST /v3/groups "])
def test_a_list_with_an_odd_id(program: Program, ident: object, where: str) -> None:
    """It is neither used, nor passed over and made again."""

    def answering(heard: Heard) -> bytes:
        if heard.line.startswith(where):
            odd = {"id": ident, "name": "Online shop"}
            return answer([odd] if where.startswith("GET") else odd)
        return usual(heard)

    with odd_server(answering) as server:
        assert ended(program, server.url).code == 5
        paths = {heard.line.split()[1] for heard in server.heard}
    assert all(path.startswith(("/oauth/", "/v3/")) and ".." not in path and "mailings" not in path for path in paths)
    if where.startswith("GET"):
        assert not any(heard.line.startswith("POST /v3/groups ") for heard in server.heard)


def test_another_list_than_was_asked_for(program: Program) -> None:
    program.config(target={"list": 7, "create_list": False})

    def answering(heard: Heard) -> bytes:
        return answer({"id": "8", "name": "Others"}) if "/groups/7" in heard.line else usual(heard)

    with odd_server(answering) as server:
        error = ended(program, server.url)
    assert error.code == 5
    assert "7" in error.message


@pytest.mark.parametrize(
    "row", [{"email": "person00000@example.org", "id": ident} for ident in ODD if ident != {"id": 7}]
)
def test_a_recipient_with_an_odd_id_is_not_taken_for_absent(program: Program, row: object) -> None:
    def answering(heard: Heard) -> bytes:
        if heard.line.startswith("GET /v3/groups "):
            return answer([{"id": "7", "name": "Online shop"}])
        if "/stats" in heard.line:
            return answer({"total_count": 1})
        if "/receivers?" in heard.line or "get_receivers" in heard.line:
            return answer([row])
        return usual(heard)

    with odd_server(answering) as server:
        error = ended(program, server.url)
        assert not any("upsertplus" in heard.line for heard in server.heard)
    assert error.code in (5, 7)


@pytest.mark.parametrize("token", ["a\r\nX-Y: z", "a\nb", "\u00fcber", "a b", "a\x00b", "x" * 20_000])
def test_a_token_that_cannot_be_sent(program: Program, token: str) -> None:
    def answering(heard: Heard) -> bytes:
        return answer({**TOKEN, "access_token": token}) if heard.line.startswith("POST /oauth") else usual(heard)

    with odd_server(answering) as server:
        error = ended(program, server.url)
        assert len(server.heard) == 1
    assert error.code == 5
    assert "token that cannot be sent" in error.message
    assert token[:5] not in error.message or len(token) > 5


def test_a_token_with_a_line_end_behind_it(program: Program) -> None:
    def answering(heard: Heard) -> bytes:
        return answer({**TOKEN, "access_token": "token\r\n"}) if heard.line.startswith("POST /oauth") else usual(heard)

    with odd_server(answering) as server:
        ended(program, server.url)
        assert {heard.headers.get("authorization") for heard in server.heard[1:]} == {"Bearer token"}
