"""Servers that never come to an end: whatever they do, an exchange ends in its time, and when the run is to end."""

from __future__ import annotations

import gzip
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Any

import pytest

from cleverreach_sync.clock import Stop
from cleverreach_sync.errors import CrsyncError, Interrupted, TemporaryError
from cleverreach_sync.http.download import stream_lines
from cleverreach_sync.http.failures import TryAgain
from cleverreach_sync.http.request import Request
from tests.clients import http_client
from tests.e2e.people import people
from tests.e2e.program import Program
from tests.e2e.running import until
from tests.odd_server import Answering, Heard, OddServer, odd_server, response

GENEROUS = 15.0  # seconds; a server here goes on for ever
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
TOKEN = response(200, json.dumps({"access_token": "a-token-of-this-test", "expires_in": 3600}).encode())


def bytewise(text: bytes) -> Iterator[bytes]:
    return (text[at : at + 1] for at in range(len(text)))


ENDLESS: dict[str, Callable[[], Iterable[bytes] | None]] = {
    "says nothing": lambda: None,
    "status line": lambda: chain(bytewise(OK[:-2]), repeat(b" ")),
    "headers": lambda: chain((OK,), repeat(b"X-Y: z\r\n")),
    "one header": lambda: chain((OK, b"X: "), repeat(b"y")),
    "blank lines": lambda: repeat(b"\r\n"),
    "not yet": lambda: repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": lambda: chain((OK + b"Content-Length: 100000\r\n\r\n[",), repeat(b" ")),
    "body without length": lambda: chain((OK + b"\r\n[",), repeat(b" ")),
    "chunks": lambda: chain((CHUNKED,), repeat(b"1\r\n \r\n")),
    "size of a chunk": lambda: chain((CHUNKED,), repeat(b"0")),
    "extension of a chunk": lambda: chain((CHUNKED, b"1;"), repeat(b"a=b;")),
    "trailers": lambda: chain((CHUNKED, b"2\r\n[]\r\n0\r\n"), repeat(b"X: y\r\n")),
    "packed": lambda: chain(
        (OK + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"")[:10]), repeat(b"\x00\x00\x00\xff\xff")
    ),
}


@pytest.fixture(params=ENDLESS)
def endless(request: pytest.FixtureRequest) -> Iterator[OddServer]:
    with odd_server(lambda _: ENDLESS[request.param]()) as server:
        yield server


@contextmanager
def silent() -> Iterator[str]:
    """An address where connections are taken, and nothing is ever read or said."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


class Wanted:
    """Nobody wants the answer any more after a few looks."""

    def __init__(self, looks: int = 2) -> None:
        self.left = looks

    def __call__(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Interrupted(15)


def nobody_asked() -> None:
    return None


def failing(url: str, timeout: float, wanted: Callable[[], None] = nobody_asked, **sent: Any) -> CrsyncError:
    http = http_client(url, timeout, wanted=wanted)
    began = time.monotonic()
    with pytest.raises(CrsyncError) as caught:
        http.exchange(Request("POST", "/x", **sent))
    http.close()
    assert time.monotonic() - began < GENEROUS
    return caught.value


class TestExchanges:
    def test_an_exchange_ends_in_its_time(self, endless: OddServer) -> None:
        error = failing(endless.url, 0.4, json=[])
        assert isinstance(error, TryAgain)
        assert error.ambiguous

    def test_an_exchange_ends_when_nobody_wants_it_any_more(self, endless: OddServer) -> None:
        error = failing(endless.url, 600, Wanted(8), json=[])
        assert isinstance(error, (Interrupted, TryAgain))  # or as soon as it is no HTTP any more

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_a_server_that_reads_nothing(self, scheme: str) -> None:
        with silent() as address:
            error = failing(f"{scheme}://{address}", 0.4, json=[" " * 30_000_000])
            assert isinstance(error, TryAgain)
            assert isinstance(failing(f"{scheme}://{address}", 600, Wanted(), json=[" " * 30_000_000]), Interrupted)
        assert error.ambiguous == (scheme == "http")

    def test_a_name_that_nobody_finds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = threading.Event()

        def look_up(*_: object, **__: object) -> None:
            found.wait(60)
            raise socket.gaierror

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        error = failing("https://shop.example.com", 0.4)
        assert isinstance(error, TryAgain)
        assert not error.ambiguous
        assert isinstance(failing("https://shop.example.com", 600, Wanted()), Interrupted)
        found.set()

    def test_a_last_request_is_made_when_the_run_ends(self) -> None:
        with odd_server(lambda _: response(200, b"[]")) as server:
            http = http_client(server.url, 5, wanted=Wanted(0))
            with pytest.raises(Interrupted):
                http.exchange(Request("POST", "/x"))
            assert http.exchange(Request("POST", "/logout", last=True)).ok
            http.close()


def lines_of(
    answering: Answering, timeout: float = 0.4, most: int = 1 << 20, wanted: Callable[[], None] = nobody_asked
) -> list[bytes]:
    with odd_server(answering) as server:
        http = http_client(server.url, timeout, wanted=wanted)
        try:
            return [line for block in stream_lines(http, server.url, most) for line in block.lines]
        finally:
            http.close()


class TestDownloads:
    @pytest.mark.parametrize("kind", ENDLESS)
    def test_a_download_that_does_not_get_on(self, kind: str) -> None:
        with pytest.raises(TryAgain):
            lines_of(lambda _: ENDLESS[kind]())

    @pytest.mark.parametrize("kind", ENDLESS)
    def test_a_download_that_nobody_wants_any_more(self, kind: str) -> None:
        with pytest.raises((Interrupted, TryAgain)):
            lines_of(lambda _: ENDLESS[kind](), 600, wanted=Wanted(8))

    @pytest.mark.parametrize("piece", [b"\n" * 10_000, b"x" * 10_000, b"{}\n" * 1000])
    def test_a_download_without_end(self, piece: bytes) -> None:
        with pytest.raises(TemporaryError, match="too large"):
            lines_of(lambda _: chain((OK + b"\r\n",), repeat(piece)), 60, most=100_000)

    def test_a_line_without_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("cleverreach_sync.http.download._LONGEST_LINE", 50_000)
        with pytest.raises(TemporaryError, match="no lines"):
            lines_of(lambda _: chain((OK + b"\r\n",), repeat(b"x" * 10_000)), 60)

    def test_a_small_file_that_is_a_huge_one_unpacked(self) -> None:
        packed = gzip.compress(b"{}\n" * 10_000_000)
        with pytest.raises(TemporaryError, match="too large"):
            lines_of(lambda _: response(200, packed, "Content-Encoding: gzip"), 60)

    def test_a_slow_download_that_gets_on(self) -> None:
        pieces = [b"%05d\n" % number * 20_000 for number in range(30)]
        found = lines_of(lambda _: chain((OK + b"\r\n",), pieces), 0.4, most=1 << 24)
        assert len(found) == 600_000


def hanging_at(part: str) -> Answering:
    """A CleverReach that never answers a request with this in its first line."""

    def answering(heard: Heard) -> bytes | Iterable[bytes] | None:
        if part in heard.line:
            return chain((OK, b"X: "), repeat(b"y"))
        if heard.line.startswith("POST /oauth"):
            return TOKEN
        if heard.line.startswith("POST /v3/groups "):
            return response(200, b'{"id": "7", "name": "Online shop"}')
        if heard.line.startswith("GET /v3/attributes"):
            return response(200, json.dumps([{"id": 1, "name": n} for n in ("firstname", "lastname", "city")]).encode())
        return response(200, b"[]")

    return answering


WHERE = ("/oauth", "GET /v3/groups", "/v3/blacklist", "/v3/receivers/filter", "POST /v3/groups ", "upsertplus")


class TestWholeRuns:
    @pytest.mark.parametrize("part", WHERE)
    @pytest.mark.parametrize("reason", ["signal", "time"])
    def test_a_run_ends_when_it_is_asked_to(self, program: Program, part: str, reason: str) -> None:
        program.write(*people(3))
        stop = Stop()

        def pieces(answer: Iterable[bytes]) -> Iterator[bytes]:
            if reason == "signal":
                stop.signum = signal.SIGTERM
            for piece in answer:
                program.clock.passed += 60
                yield piece

        def answering(heard: Heard) -> bytes | Iterable[bytes] | None:
            answer = hanging_at(part)(heard)
            return answer if isinstance(answer, bytes) or answer is None else pieces(answer)

        began = time.monotonic()
        error: CrsyncError | None
        with odd_server(answering) as server:
            program.config(target={"base_url": server.url, "timeout": 600})
            try:
                error = program.run(stop=stop, max_duration=None if reason == "signal" else 50).error
            except CrsyncError as raised:
                error = raised
        assert time.monotonic() - began < GENEROUS
        if reason == "signal":
            assert isinstance(error, Interrupted)
        else:
            assert error is None or isinstance(error, TemporaryError)

    def test_a_signal_ends_a_process(self, program: Program) -> None:
        program.write(*people(3))
        with odd_server(hanging_at("upsertplus")) as server:
            program.config(target={"base_url": server.url, "timeout": 600})
            process = program.start("sync", "--format", "json")
            until(lambda: any("upsertplus" in heard.line for heard in server.heard))
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
            assert time.monotonic() - began < GENEROUS
        assert process.returncode == 143, err
        assert json.loads(out)["exit"]["code"] == 143
        assert program.checkpoint["interrupted"] is not None
