"""A small HTTP server on loopback for fake shops: what it was asked, and what goes wrong on purpose."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import orjson

HTML = "text/html; charset=UTF-8"
JSON = "application/json; charset=UTF-8"


class Asked(NamedTuple):
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    pairs: tuple[tuple[str, str], ...] = ()  # the query, with every value of a name
    raw_query: str = ""  # as it came


class Reply(NamedTuple):
    """An answer. `cut` ends the connection after so many bytes of the body."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}
    type: str = JSON
    cut: int | None = None

    @classmethod
    def json(cls, body: Any, status: int = 200, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, orjson.dumps(body), named)


Answering = Callable[[Asked], Reply]
Fault = Callable[[Asked, Answering], Reply]

_MAINTENANCE = b"<!DOCTYPE html><html><head><title>Back soon</title></head><body><p>We are at work.</p></body></html>"
_BLOCKED = (
    b"<html><head><title>403 Forbidden</title></head><body>Request blocked by the firewall. Ref 7f3a</body></html>"
)


def answering(status: int, body: bytes = _MAINTENANCE, **headers: str) -> Fault:
    """HTML in the place of an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _asked, _answer: Reply(status, body, named, HTML)


def altered(change: Callable[[bytes], bytes]) -> Fault:
    """The right answer, with another body."""

    def fault(asked: Asked, answer: Answering) -> Reply:
        reply = answer(asked)
        return reply._replace(body=change(reply.body))

    return fault


def _dropped(asked: Asked, answer: Answering) -> Reply:
    return answer(asked)._replace(cut=20)


FAULTS: dict[str, Fault] = {
    "429": answering(429, b"<html><body>Too many requests</body></html>"),
    "429 retry-after": answering(429, b"", Retry_After="7"),
    "503": answering(503),
    "503 retry-after": answering(503, Retry_After="30"),
    "500": answering(500, b"<html><title>Error</title><body>Error with the database</body></html>"),
    "502": answering(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>"),
    "403 html": answering(403, _BLOCKED),
    "403 empty": answering(403, b""),
    "405 html": answering(405, _BLOCKED),
    "410 html": answering(410, _BLOCKED),
    "451 empty": answering(451, b""),
    "html": answering(200),
    "empty": answering(200, b""),
    "dropped": _dropped,
    "cut short": altered(lambda body: body[: len(body) * 2 // 3]),
    "bom": altered(lambda body: b"\xef\xbb\xbf" + body),
}


class ShopServer:
    """Serves `answer` of a subclass. `log` is what was asked; `before_page` is called before every answer.

    The shop's clock stands still unless a test moves it: `now`, in unix seconds, is also what the header `Date` tells.
    """

    tells_consent: bool = True
    START: ClassVar[int] = 1_795_291_200  # 2026-11-21T20:00:00Z

    def __init__(self) -> None:
        self.now = self.START
        self.log: list[Asked] = []
        self.before_page: Callable[[Asked], None] | None = None
        self.lock = threading.RLock()
        self._faults: deque[Fault] = deque()
        self._concerns: Callable[[Asked], bool] = lambda _: True
        self._under_way = 0
        self.at_once = 0
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.shop = self
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, kind: str | Fault, times: int = 1, concerns: Callable[[Asked], bool] = lambda _: True) -> None:
        """The next `times` requests that `concerns` are answered by a fault."""
        self._faults.extend([FAULTS[kind] if isinstance(kind, str) else kind] * times)
        self._concerns = concerns

    def well(self) -> None:
        """No more faults."""
        self._faults.clear()

    def answer(self, asked: Asked) -> Reply:
        raise NotImplementedError

    def handle(self, asked: Asked) -> Reply:
        with self.lock:
            self.log.append(asked)
            self._under_way += 1
            self.at_once = max(self.at_once, self._under_way)
            fault = self._faults.popleft() if self._faults and self._concerns(asked) else None
        try:
            if self.before_page is not None:
                self.before_page(asked)
            with self.lock:
                return self.answer(asked) if fault is None else fault(asked, self.answer)
        finally:
            with self.lock:
                self._under_way -= 1

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    shop: ShopServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client may hang up
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _do(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionAbortedError  # the client hung up
        pairs = tuple(parse_qsl(parts.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        shop = self.server.shop
        reply = shop.handle(Asked(self.command, parts.path, dict(pairs), headers, body, pairs, parts.query))
        lines = [
            f"HTTP/1.1 {reply.status} {self.responses.get(reply.status, ('',))[0]}",
            *([] if "Date" in reply.headers else [f"Date: {formatdate(shop.now, usegmt=True)}"]),
            f"Content-Type: {reply.type}",
            f"Content-Length: {len(reply.body)}",
            *(f"{name}: {value}" for name, value in reply.headers.items()),
        ]
        sent = reply.body if reply.cut is None else reply.body[: reply.cut]
        self.wfile.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + sent)
        self.close_connection = reply.cut is not None

    do_GET = do_POST = _do  # noqa: N815 - the names are the library's

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Says nothing."""
