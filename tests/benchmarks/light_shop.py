"""A light HTTP server on loopback for a shop that a benchmark reads: what is answered is the shop's affair.

`GET /bench/begin?delay=SECONDS&orders=yes` (or `no`, as if nobody had bought as a guest) and `GET /bench/seen` (requests,
CPU) are for the one who measures.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Callable
from typing import Final, Protocol
from urllib.parse import parse_qsl

import orjson

OK: Final = b"HTTP/1.1 200 OK\r\n"
_NOT_FOUND: Final = (
    b'HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 24\r\n\r\n{"code":"rest_no_route"}'
)


class LightShop(Protocol):
    """What holds the pages. `delay` is how many seconds every answer takes."""

    delay: float
    requests: int

    def begin(self, delay: float, with_orders: bool) -> None: ...

    def answer(self, method: str, target: str, host: str, body: bytes) -> bytes:
        """The headers and body of an answer. Raises KeyError for what is not served."""
        ...


class Connection(asyncio.Protocol):
    """HTTP/1.1 as far as one well-behaved client needs it: bodies of a known length, connections kept open."""

    def __init__(self, shop: LightShop) -> None:
        self._shop = shop
        self._received = bytearray()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end]).decode("ascii")
            whole = end + 4 + int(_header(head, "content-length", "0"))
            if len(self._received) < whole:
                return
            body = bytes(self._received[end + 4 : whole])
            del self._received[:whole]
            self._serve(head, body)

    def _serve(self, head: str, body: bytes) -> None:
        method, target, _ = head.split("\r\n", 1)[0].split(" ")
        if target.startswith("/bench/"):
            self._send(OK + self._own(target.removeprefix("/bench/")))
            return
        try:
            answer = OK + self._shop.answer(method, target, _header(head, "host", "127.0.0.1"), body)
        except KeyError:
            answer = _NOT_FOUND
        if self._shop.delay:
            asyncio.get_running_loop().call_later(self._shop.delay, self._send, answer)
        else:
            self._send(answer)

    def _own(self, asked: str) -> bytes:
        name, _, query = asked.partition("?")
        if name == "begin":
            wanted = dict(parse_qsl(query))
            self._shop.begin(float(wanted["delay"]), wanted["orders"] == "yes")
        content = orjson.dumps({"requests": self._shop.requests, "cpu": time.process_time()})
        return b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(content), content)

    def _send(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


def _header(head: str, wanted: str, default: str) -> str:
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.lower() == wanted:
            return value.strip()
    return default


async def serve(shop: LightShop) -> None:
    """Serves on a free port of the loopback, told on stdout, until the process is killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(shop), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def run(make: Callable[[int, int], LightShop], description: str | None) -> None:
    """Serves a shop with so many customers and orders of guests, as the command line says."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("customers", type=int)
    options.add_argument("guest_orders", type=int)
    options.add_argument("--core", type=int, help="run on this core only")
    given = options.parse_args()
    if given.core is not None:
        os.sched_setaffinity(0, {given.core})
    asyncio.run(serve(make(given.customers, given.guest_orders)))
