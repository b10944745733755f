"""Connections that end in time: one deadline for a whole exchange, and an end to it when the run is to end.

A timeout of httpx counts for one read; a server that gives a byte now and then keeps it waiting for ever. Here every
wait is cut into slices: after each of them it is looked whether the exchange has time left, and whether anybody still
wants its answer. Nothing of this is a system call that one system lacks.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from math import inf
from typing import Any, Final, TypeVar

import httpcore

T = TypeVar("T")
_SLICE: Final = 0.25  # seconds
_WRITTEN_AT_ONCE: Final = 1 << 16


class _Exchange(threading.local):
    """What holds for the exchange of this thread. `until` counts as time.monotonic; `wanted` raises when nobody wants
    the answer any more."""

    until = inf
    last = False


class Network(httpcore.NetworkBackend):
    """How a client reaches its server. `wanted` is called while it waits, and raises to end the exchange."""

    def __init__(self, wanted: Callable[[], None]) -> None:
        self._wanted = wanted
        self._exchange = _Exchange()
        self._plain = httpcore.SyncBackend()

    def serve(self, client: Any) -> None:
        """Makes a client of httpx use this network; there is no other way to say so."""
        for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001
            pool = getattr(transport, "_pool", None)
            if pool is not None:
                pool._network_backend = self  # noqa: SLF001

    @contextmanager
    def within(self, seconds: float, *, last: bool = False) -> Iterator[None]:
        """An exchange that has so many seconds for all of it. `last`: it is made although the run ends."""
        exchange = self._exchange
        exchange.until, exchange.last = time.monotonic() + seconds, last
        try:
            yield
        finally:
            exchange.until, exchange.last = inf, False

    def left(self, timeout: float | None) -> float:
        """Seconds that the exchange has left, `timeout` at most; 0 or less if none are. Raises if it is not wanted."""
        if not self._exchange.last:
            self._wanted()
        left = self._exchange.until - time.monotonic()
        return left if timeout is None else min(left, timeout)

    def aside(self, do: Callable[[float], T], timeout: float | None, undo: Callable[[T], Any]) -> T:
        """The result of what cannot be done in slices, by a thread that nobody waits for any longer than allowed."""
        allowed = self.left(timeout)
        until = time.monotonic() + allowed
        result: Future[T] = Future()

        def work() -> None:
            try:
                result.set_result(do(allowed))
            except BaseException as error:  # noqa: BLE001 - it is raised again where somebody waits for it
                result.set_exception(error)

        def undo_late(late: Future[T]) -> None:
            if late.exception() is None:
                undo(late.result())

        threading.Thread(target=work, name="connect", daemon=True).start()
        try:
            while not result.done() and (left := min(self.left(None), until - time.monotonic())) > 0:
                wait((result,), min(left, _SLICE))
        except BaseException:
            result.add_done_callback(undo_late)
            raise
        if result.done():
            return result.result()
        result.add_done_callback(undo_late)
        raise httpcore.ConnectTimeout

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        def connect(left: float) -> httpcore.NetworkStream:
            return self._plain.connect_tcp(host, port, left, local_address, socket_options)

        return _Stream(self.aside(connect, timeout, _close), self)


def _close(stream: httpcore.NetworkStream) -> None:
    stream.close()


class _Stream(httpcore.NetworkStream):
    """A connection whose waits are cut into slices. `tls` counts the layers of encryption."""

    def __init__(self, inner: httpcore.NetworkStream, network: Network, tls: int = 0) -> None:
        self._inner = inner
        self._network = network
        self._tls = tls

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        until = inf if timeout is None else time.monotonic() + timeout
        while (left := self._network.left(until - time.monotonic())) > 0:
            try:
                return self._inner.read(max_bytes, min(left, _SLICE))
            except httpcore.ReadTimeout:
                continue
        raise httpcore.ReadTimeout

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._tls > 1:  # its socket takes but what the inner layer has made of it
            self._inner.write(buffer, max(self._network.left(timeout), 0.001))
            return
        until = inf if timeout is None else time.monotonic() + timeout
        socket, rest = self._inner.get_extra_info("socket"), memoryview(buffer)
        while rest:
            left = self._network.left(until - time.monotonic())
            if left <= 0:
                raise httpcore.WriteTimeout
            try:
                socket.settimeout(min(left, _SLICE))
                rest = rest[socket.send(rest[:_WRITTEN_AT_ONCE]) :]
            except TimeoutError:
                continue
            except OSError as error:
                raise httpcore.WriteError(error) from error

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        def shake_hands(left: float) -> httpcore.NetworkStream:
            return self._inner.start_tls(ssl_context, server_hostname, left)

        try:
            return _Stream(self._network.aside(shake_hands, timeout, _close), self._network, self._tls + 1)
        except BaseException:
            self._inner.close()  # nobody else does
            raise

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
