"""Tokens of CleverReach: fetched when needed, renewed when refused, never shown."""

from __future__ import annotations

import base64
import json

import pytest

from cleverreach_sync.errors import AuthError, TemporaryError
from tests.e2e.gate import UPSERT, Answered, Asked, Gate, refusal
from tests.e2e.people import people
from tests.e2e.program import SECRET, Program
from tests.odd_server import Heard, odd_server, response

TOKENS = "POST /oauth/token.php"


def tokens(program: Program) -> int:
    return program.state.traffic.by[TOKENS]


def test_one_token_serves_a_whole_run(program: Program) -> None:
    program.write(*people(300))
    program.counts()
    assert tokens(program) == 1


def test_one_that_expires_is_renewed_in_time(program: Program, gate: Gate) -> None:
    program.state.switches.token_lifetime = 1000
    program.config(target={"concurrency": 1})
    program.write(*people(250))

    def later(asked: Asked, carry_out: Answered) -> object:
        answered = carry_out()
        program.clock.passed += 400
        return answered

    gate.always(UPSERT, later)  # type: ignore[arg-type]
    program.counts()
    assert tokens(program) in (2, 3)
    assert not [asked for asked in gate.calls if asked.status == 401]


def test_one_that_is_refused_is_replaced_once_for_all_threads(program: Program) -> None:
    program.config(target={"concurrency": 4, "batch_size": 10})
    program.write(*people(100))
    program.counts()
    program.write(*[{**row, "city": "Neustadt"} for row in people(100)])
    struck: list[bool] = []

    def revoke(_path: str, _rows: object) -> None:
        if not struck:
            struck.append(True)
            program.state.tokens.clear()

    program.state.after_write = revoke
    before = tokens(program)
    assert program.counts() == {"rows": 100, "people": 100, "updated": 100}
    assert tokens(program) == before + 2


def test_refused_for_good(program: Program, gate: Gate) -> None:
    program.write(*people(1))
    gate.always("GET /v3/groups", refusal(401, "Unauthorized: token expired"))
    error = program.failing()
    assert isinstance(error, AuthError)
    assert tokens(program) == 2
    assert "client_secret" in (error.hint or "")


def test_refused_for_good_while_writing_keeps_what_was_confirmed(program: Program, gate: Gate) -> None:
    program.config(target={"batch_size": 10, "concurrency": 1})
    program.write(*people(100))
    gate.on(UPSERT, None, None, *[refusal(401)] * 20)
    finished = program.run()
    assert isinstance(finished.error, AuthError)
    assert finished.document["counts"]["created"] == len(program.recorded()) == len(program.active()) == 20


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, {"error": "invalid_client", "error_description": "no such client"}, 6),
        (400, {"error": {"code": 400, "message": "no such client"}}, 6),
        (200, {"error": "invalid_client", "error_description": "no such client"}, 6),
        (403, "Forbidden", 6),
        (200, {}, 6),
        (200, [], 6),
        (200, {"access_token": ""}, 6),
        (200, {"access_token": 7}, 6),
        (404, "<html>", 6),
        (408, {}, 5),
        (406, "<html>", 5),
        (429, {}, 5),
        (500, {}, 5),
        (503, "<html>", 5),
        (200, "<html>", 5),
    ],
)
def test_answers_of_the_token_endpoint(program: Program, status: int, body: object, code: int) -> None:
    program.write(*people(1))
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    program.config(limits={"retry_for": "2s"})
    with odd_server(lambda _: response(status, raw)) as server:
        program.config(target={"base_url": server.url})
        error = program.failing()
        heard = server.heard
    assert error.code == code
    assert isinstance(error, AuthError if code == 6 else TemporaryError)
    if code == 6:
        assert len(heard) == 1
    if b"no such client" in raw:
        assert "no such client" in error.message
    assert SECRET not in f"{error.message} {error.hint}"


def test_credentials_go_over_the_line_as_basic_only(program: Program) -> None:
    program.write(*people(1))

    def answering(heard: Heard) -> bytes:
        return response(401, b"{}")

    with odd_server(answering) as server:
        program.config(target={"base_url": server.url})
        program.failing()
        heard = server.heard[0]
    assert heard.line == "POST /oauth/token.php HTTP/1.1"
    assert heard.headers["authorization"] == "Basic " + base64.b64encode(f"id:{SECRET}".encode()).decode()
    assert heard.body == b"grant_type=client_credentials"


@pytest.mark.parametrize("life", [None, "soon", -1, 0, "7200", 31536000, 2591999.5])
def test_a_lifetime_however_it_is_told(program: Program, life: object) -> None:
    program.write(*people(1))

    def answering(heard: Heard) -> bytes:
        if heard.line.startswith("POST /oauth"):
            return response(200, json.dumps({"access_token": "abcdef", "expires_in": life, "scope": []}).encode())
        return response(403, b"{}")

    with odd_server(answering) as server:
        program.config(target={"base_url": server.url})
        assert isinstance(program.failing(), AuthError)
        assert [heard.line.split()[1] for heard in server.heard] == ["/oauth/token.php", "/v3/groups"]
        assert server.heard[1].headers["authorization"] == "Bearer abcdef"
