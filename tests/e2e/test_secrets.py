"""No secret, no full address and no value of a person field in anything that is shown or logged."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from starlette.responses import Response

from tests.e2e.gate import READ, UPSERT, Answered, Asked, Gate, answer
from tests.e2e.people import customer, people
from tests.e2e.program import SECRET, Program

BASIC = base64.b64encode(f"id:{SECRET}".encode()).decode()
CALLS = ("POST /v3/groups", "GET /v3/groups", "GET /v3/blacklist", READ, UPSERT)


def check(program: Program, *texts: str) -> None:
    hidden = [SECRET, quote(SECRET), BASIC, *program.state.tokens]
    for row in people(12):
        hidden += [row["email"], row["first_name"], row["last_name"], row["city"]]
    for text in texts:
        for value in hidden:
            assert value not in text


@pytest.fixture
def shop(program: Program) -> Program:
    odd = [customer(10, orders="many Nachname00010"), customer(11, email="Nachname00011 at person00011")]
    program.write(*people(10), *odd)
    program.config(limits={"retry_for": "1s"})
    return program


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("log", ["text", "json"])
def test_of_runs_that_end_well(shop: Program, form: str, log: str) -> None:
    words = ("--format", form, "--log-format", log, "-vv")
    for command in (["diff"], ["check"], ["sync"], ["diff", "--against", "target"], ["resync"], ["status"]):
        ended = shop.here(*command, *words)
        assert ended.code == 0, ended
        check(shop, ended.out, ended.err)
    shop.write(*[customer(n, subscribed="opted_out", first_name="Neu") for n in range(5)])
    for command in (["diff", "--details", "all"], ["sync"]):
        ended = shop.here(*command, *words)
        check(shop, ended.out, ended.err)


@pytest.mark.parametrize("form", ["csv", "markdown"])
def test_of_a_diff(shop: Program, form: str) -> None:
    ended = shop.here("diff", "--format", form, "-vv")
    check(shop, ended.out, ended.err)
    assert "p***@example.org" in ended.out


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 503])
@pytest.mark.parametrize("shape", ["error", "html"])
def test_of_a_server_that_repeats_what_it_was_sent(
    shop: Program, gate: Gate, call: str, status: int, shape: str
) -> None:
    if call == READ:
        shop.state.add_group("Online shop")

    def echo(asked: Asked, carry_out: Answered) -> Response:
        rows = asked.body if isinstance(asked.body, list) else [asked.body]
        said = " ".join(json.dumps(row, ensure_ascii=False) for row in rows)
        text = f"cannot take {said} of id:{SECRET} Basic {BASIC} Bearer {next(iter(shop.state.tokens))}"
        if shape == "html":
            return answer(status, f"<html><body>{text}</body></html>".encode())(asked, carry_out)
        return answer(status, {"error": {"code": status if status != 200 else 500, "message": text}})(asked, carry_out)

    gate.always(call, echo)
    ended = shop.here("sync", "-vv", "--format", "json")
    check(shop, ended.out, ended.err)
    check(
        shop, *(content.decode() for name, content in shop.files().items() if name.endswith(("json", "history.jsonl")))
    )
    ended = shop.here("status", "--format", "json")
    check(shop, ended.out, ended.err)


def test_of_a_token_endpoint_that_repeats_credentials(shop: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    from cleverreach_sync.sandbox import oauth
    from cleverreach_sync.sandbox.refusals import OAuthRefused

    def refuses(*_given: Any) -> None:
        raise OAuthRefused(401, "invalid_client", f"id:{SECRET} is wrong ({BASIC})")

    monkeypatch.setattr(oauth, "token_answer", refuses)
    ended = shop.here("sync", "-vv", "--format", "json")
    assert ended.code == 6
    assert "is wrong" in ended.doc["error"]["message"]
    check(shop, ended.out, ended.err)


def test_of_a_config_with_a_secret_in_the_wrong_place(shop: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_SECRET", SECRET)
    given = "${THE_SECRET}"
    shop.config(target={"client_secret": given, "timeout": given, "list": [given]}, limits={"max_rejected": given})
    ended = shop.here("sync", "-vv", "--format", "json")
    assert ended.code == 2
    check(shop, ended.out, ended.err)


def test_show_pii_shows(shop: Program) -> None:
    ended = shop.here("diff", "--show-pii", "--format", "json")
    assert customer(0)["email"] in ended.out
    assert customer(0)["city"] in ended.out
    assert SECRET not in ended.out + ended.err
