"""Tokens: any client ID and secret will do, but they must be there."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus

import orjson

from cleverreach_sync.sandbox.refusals import OAuthRefused, Refused
from cleverreach_sync.sandbox.state import State

# A token that replaces one struck by the fault `unauthorized` works for at least that many requests.
SPARED_REQUESTS: Final = 20


def token_answer(state: State, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The token endpoint. Credentials by HTTP Basic or in the body; the body is a form or JSON. Raises OAuthRefused."""
    given = _given(headers, body)
    grant = given.get("grant_type", "")
    if not grant:
        raise OAuthRefused(400, "invalid_request", "grant_type is missing")
    if not given.get("client_id") or not given.get("client_secret"):
        raise OAuthRefused(401, "invalid_client", "client ID or secret is missing")
    if grant == "client_credentials":
        return issue(state, refreshable=False)
    if grant == "authorization_code":
        if not given.get("code"):
            raise OAuthRefused(400, "invalid_request", "code is missing")
        return issue(state, refreshable=True)
    if grant == "refresh_token":
        with state.changing():
            refresh = given.get("refresh_token", "")
            known = next((t for t, v in state.tokens.items() if refresh and v.get("refresh") == refresh), None)
            if known is None:
                raise OAuthRefused(400, "invalid_grant", "refresh token is unknown or used")
            revoke(state, known)
            return issue(state, refreshable=True)
    raise OAuthRefused(400, "unsupported_grant_type", f"unknown grant type '{grant}'")


def _given(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    if "json" in headers.get("content-type", ""):
        try:
            parsed = orjson.loads(body or b"{}")
        except orjson.JSONDecodeError:
            parsed = None
        if not isinstance(parsed, dict):
            raise OAuthRefused(400, "invalid_request", "the body is not a JSON object")
        given = {key: str(value) for key, value in parsed.items() if value is not None}
    else:
        given = dict(parse_qsl(body.decode("utf-8", "replace")))
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            text = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            text = ""
        client, _, secret = text.partition(":")
        given |= {"client_id": unquote_plus(client), "client_secret": unquote_plus(secret)}
    return given


def issue(state: State, *, refreshable: bool) -> dict[str, Any]:
    """A new token and the answer that carries it."""
    with state.changing():
        lifetime = state.switches.token_lifetime
        token = secrets.token_hex(20)
        spared = SPARED_REQUESTS if state.faults.struck["unauthorized"] else 0
        kept: dict[str, Any] = {"expires": state.now + lifetime, "spared": spared}
        answer = {
            "access_token": token,
            "expires_in": lifetime,
            "token_type": "Bearer",
            "scope": "oa_recipients oa_reports oa_forms oa_mailings oa_whoami",
        }
        if refreshable:
            answer["refresh_token"] = kept["refresh"] = secrets.token_hex(20)
        state.tokens[token] = kept
        state.keep("token", token, kept)
        return answer


def revoke(state: State, token: str) -> None:
    with state.changing():
        if state.tokens.pop(token, None) is not None:
            state.keep("token", token, None)


def check(state: State, token: str, call: str) -> None:
    """Raises Refused (401) for a token that is missing, unknown, expired, or struck by the fault `unauthorized`."""
    if not token:
        raise Refused(401)
    with state.changing():
        known = state.tokens.get(token)
        if known is None:
            raise Refused(401, "invalid token")
        if known["expires"] <= state.now:
            raise Refused(401, "token expired")
        if known["spared"] > 0:
            known["spared"] -= 1
        elif state.faults.strikes("unauthorized", call):
            revoke(state, token)
            raise Refused(401, "invalid token")
