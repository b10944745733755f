"""HTTP: from a request to an endpoint and back, through tokens and faults."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Callable
from email.utils import formatdate
from functools import partial
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cleverreach_sync.sandbox import oauth, routes_account, routes_content, routes_own, routes_receivers
from cleverreach_sync.sandbox.endpoints import Call, Endpoint, rows_of
from cleverreach_sync.sandbox.refusals import OAuthRefused, Refused
from cleverreach_sync.sandbox.state import State

TRANSPORT: Final = "transport"  # under which the server leaves the connection in the scope's state

_TOKEN: Final = "POST /oauth/token.php"  # noqa: S105 - a path
_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_TOO_LARGE: Final = 100
_BAD_GATEWAY: Final = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_INTERNAL: Final = {"error": {"code": 500, "message": "Internal Server Error"}}
_FOREIGN: Final = Refused(403, "the sandbox answers this machine alone")
_MAPS: Final = ("attributes", "global_attributes")

_log = logging.getLogger(__name__)


def create_app(state: State) -> ASGIApp:
    """The ASGI application that serves `state`."""
    answers = _Answers(state)
    routes = [
        Route("/oauth/token.php", answers.token, methods=["POST"]),
        Route("/oauth/token", answers.token, methods=["POST"]),
        *(
            answers.route(e, answers.api)
            for e in (*routes_account.ROUTES, *routes_receivers.ROUTES, *routes_content.ROUTES)
        ),
        *(answers.route(e, answers.own) for e in routes_own.ROUTES),
        *(Route(f"/{old}/{{rest:path}}", answers.old_version, methods=_METHODS) for old in ("v1", "v2")),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: answers.no_route})
    app.router.redirect_slashes = False
    return partial(_with_plain_path, app)


async def _with_plain_path(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """`.json` is optional, and an encoded `/` within an address must not part segments. So is a slash at the end, but
    for a DELETE, where it may be what is left of an ID."""
    if scope["type"] == "http":
        if _is_foreign(scope):
            answer = Response(orjson.dumps(_FOREIGN.body), _FOREIGN.code, media_type="application/json")
            await answer(scope, receive, send)
            return
        segments = scope["raw_path"].decode("ascii").split("/")
        if len(segments) > 3 and not segments[-1] and scope["method"] != "DELETE":
            del segments[-1]
        at_end = len(segments) - 1
        for index in {min(2, at_end), at_end}:
            if "@" not in unquote(segments[index]):
                segments[index] = segments[index].removesuffix(".json")
        scope = {**scope, "path": "/".join(segments)}
    await app(scope, receive, send)


def _is_foreign(scope: Scope) -> bool:
    """Whether a page of another site asks, in the browser of whoever runs the sandbox: under a name of its own that
    leads here, or as what the page comes from."""
    given = dict(scope["headers"])
    named = [given.get(b"host", b"").decode("latin-1")]
    if b"origin" in given:
        named.append(urlsplit(given[b"origin"].decode("latin-1")).netloc or "-")
    return any(name and not _is_loopback(name) for name in named)


def _is_loopback(netloc: str) -> bool:
    try:
        host = urlsplit(f"//{netloc}").hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Dropped(Response):
    """The connection ends without an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        scope["state"][TRANSPORT].abort()
        while (await receive())["type"] != "http.disconnect":
            pass


class _Answers:
    def __init__(self, state: State) -> None:
        self._state = state
        self._with_retry_after = False

    def route(self, endpoint: Endpoint, answer: Callable[..., Any]) -> Route:
        return Route(endpoint.path, partial(answer, endpoint), methods=[endpoint.method])

    async def api(self, endpoint: Endpoint, request: Request) -> Response:
        return await self._counted(endpoint.name, endpoint.writes, request, partial(self._carry_out, endpoint))

    async def token(self, request: Request) -> Response:
        return await self._counted(_TOKEN, False, request, self._token)

    async def _counted(
        self, name: str, writes: bool, request: Request, work: Callable[[Request, bytes], Response]
    ) -> Response:
        traffic = self._state.traffic
        traffic.begin(name, writes=writes)
        try:
            body = await request.body()
            wait = self._state.faults.wait(name)
            if wait:
                await asyncio.sleep(wait)
            return await run_in_threadpool(work, request, body)
        except (ClientDisconnect, asyncio.CancelledError):  # cancelled when the server ends
            return _Dropped()
        finally:
            traffic.end(writes=writes)

    def _token(self, request: Request, body: bytes) -> Response:
        if self._state.faults.strikes("reset", _TOKEN):
            return _Dropped()
        try:
            return self._json(oauth.token_answer(self._state, request.headers, body))
        except OAuthRefused as refused:
            return self._json(refused.body, refused.status)

    def _carry_out(self, endpoint: Endpoint, request: Request, body: bytes) -> Response:
        state, name = self._state, endpoint.name
        try:
            token = _token_of(request)
            if not endpoint.open:
                oauth.check(state, token, name)
            fault = self._fault(name)
            if fault is not None:
                return fault
            call = self._call(request, body, token)
            if endpoint.batch:
                refused = self._batch_fault(endpoint, call)
                if refused is not None:
                    return refused
            dropped = state.faults.strikes("reset", name)
            if dropped and not (endpoint.writes and state.faults.coin()):
                return _Dropped()
            value = self._value(endpoint, call, unquote(request.scope["path"]))
            return _Dropped() if dropped else self._shaped(endpoint, value)
        except Refused as refusal:
            return self._json(refusal.body, refusal.code)
        except Exception:  # noqa: BLE001 - a broken sandbox answers like a broken server
            _log.exception("the sandbox failed at %s", name)
            return self._json(_INTERNAL, 500)

    def _fault(self, name: str) -> Response | None:
        faults = self._state.faults
        if faults.strikes("rate_limit", name):
            self._with_retry_after = not self._with_retry_after
            headers = {"Retry-After": "1"} if self._with_retry_after else {}
            return self._json({"error": {"code": 429, "message": "Too Many Requests"}}, 429, headers)
        if faults.strikes("unavailable", name):
            return Response(_BAD_GATEWAY, 502, self._headers(), "text/html")
        if faults.strikes("error_200", name):
            return self._json(_INTERNAL)
        return None

    def _batch_fault(self, endpoint: Endpoint, call: Call) -> Response | None:
        """May take a row out of the call's body."""
        faults, rows = self._state.faults, rows_of(call.body)
        if len(rows) > self._state.switches.max_batch:
            raise Refused(413)
        if len(rows) > _TOO_LARGE and faults.strikes("too_large", endpoint.name):
            raise Refused(413)
        if faults.strikes("false", endpoint.name):
            return self._json(False)
        if rows and endpoint.path.endswith("/upsertplus") and faults.strikes("drop_row", endpoint.name):
            rows = list(rows)
            del rows[faults.pick(len(rows))]
        call.body = rows
        return None

    def _value(self, endpoint: Endpoint, call: Call, path: str) -> Any:
        state = self._state
        rows = rows_of(call.body) if endpoint.rows else []
        if endpoint.rows and state.before_write is not None:
            state.before_write(path, rows)
        with state.changing():
            value = endpoint.handler(call)
        if endpoint.rows and state.after_write is not None:
            state.after_write(path, rows)
        return value

    async def own(self, endpoint: Endpoint, request: Request) -> Response:
        return await run_in_threadpool(self._own, endpoint, request, await request.body())

    def _own(self, endpoint: Endpoint, request: Request, body: bytes) -> Response:
        try:
            with self._state.changing():
                return self._json(endpoint.handler(self._call(request, body)))
        except Refused as refusal:
            return self._json(refusal.body, refusal.code)

    def _call(self, request: Request, body: bytes, token: str = "") -> Call:
        try:
            parsed = orjson.loads(body) if body.strip() else None
        except orjson.JSONDecodeError:
            raise Refused(400, "invalid JSON") from None
        params = {name: unquote(str(value)) for name, value in request.path_params.items()}
        return Call(self._state, params, dict(request.query_params), parsed, token)

    async def old_version(self, _request: Request) -> Response:
        return self._json(Refused(403, "v3 token on lower version").body, 403)

    async def no_route(self, request: Request, error: Exception) -> Response:
        """Counted too: a client that asks for what does not exist should see it in the stats."""
        status = error.status_code if isinstance(error, HTTPException) else 404
        self._state.traffic.begin(f"{request.method} (unknown)", writes=False)
        self._state.traffic.end(writes=False)
        return self._json(Refused(status).body, status)

    def _shaped(self, endpoint: Endpoint, value: Any) -> Response:
        switches = self._state.switches
        if value == [] and switches.empty_204 and not endpoint.writes:
            return Response(status_code=204, headers=self._headers())
        if switches.empty_arrays:
            for row in value if isinstance(value, list) else [value]:
                if isinstance(row, dict):
                    row.update({name: [] for name in _MAPS if row.get(name) == {}})
        return self._json(value)

    def _json(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        media = "application/json; charset=utf-8"
        return Response(orjson.dumps(value), status, {**self._headers(), **(headers or {})}, media)

    def _headers(self) -> dict[str, str]:
        return {"Date": formatdate(self._state.now, usegmt=True)}


def _token_of(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.query_params.get("token", "")
