"""A server on loopback that answers as a test says: raw bytes, no manners."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple


class Heard(NamedTuple):
    """A request as it arrived."""

    line: str
    headers: dict[str, str]
    body: bytes


Answering = Callable[[Heard], bytes | Iterable[bytes] | None]


def response(status: int, body: bytes = b"", *headers: str, reason: str = "X") -> bytes:
    """The bytes of an answer that closes the connection."""
    lines = [f"HTTP/1.1 {status} {reason}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


class OddServer:
    """`heard` are the requests in order. An answer of None holds the connection open until the server ends; one in
    pieces comes with a fiftieth of a second between them."""

    def __init__(self, answering: Answering, tls: ssl.SSLContext | None = None) -> None:
        self.heard: list[Heard] = []
        self._answering = answering
        self._tls = tls
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(connection)
            if self._tls is not None:
                connection = stack.enter_context(self._tls.wrap_socket(connection, server_side=True))
            stream = stack.enter_context(connection.makefile("rb"))
            line = stream.readline().decode("latin-1").strip()
            if not line:
                return
            headers = {}
            while entry := stream.readline().decode("latin-1").strip():
                name, _, value = entry.partition(":")
                headers[name.lower()] = value.strip()
            body = stream.read(int(headers.get("content-length", 0)))
            heard = Heard(line, headers, body)
            self.heard.append(heard)
            answer = self._answering(heard)
            if answer is None:
                self._ended.wait(20)
                return
            for piece in (answer,) if isinstance(answer, bytes) else answer:
                connection.sendall(piece)
                if piece is not answer and self._ended.wait(0.02):
                    return

    def close(self) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)


@contextlib.contextmanager
def odd_server(answering: Answering, tls: ssl.SSLContext | None = None) -> Iterator[OddServer]:
    server = OddServer(answering, tls)
    try:
        yield server
    finally:
        server.close()
