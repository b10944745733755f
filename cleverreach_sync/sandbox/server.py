"""The sandbox as a server on loopback: in the foreground, or in a thread for the demo and for tests."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final, Self

from cleverreach_sync.errors import CrsyncError, UsageError
from cleverreach_sync.messages import say
from cleverreach_sync.sandbox.faults import checked_rate, parse_faults
from cleverreach_sync.sandbox.state import State

try:
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

    from cleverreach_sync.sandbox.app import TRANSPORT, create_app
except ModuleNotFoundError as error:
    raise UsageError(
        say("sandbox.lacks", "the sandbox needs {module}", module=error.name),
        hint=say("sandbox.install", 'pip install "cleverreach-sync[sandbox]"'),
    ) from error

__all__ = ["HOST", "RunningSandbox", "parse_faults", "serve"]

HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 10.0
_KEEP_ALIVE_SECONDS: Final = 75
_GRACE_SECONDS: Final = 1


class _Protocol(H11Protocol):
    """Leaves its connection where a response can drop it."""

    def connection_made(self, transport: Any) -> None:
        self.app_state = {**self.app_state, TRANSPORT: transport}
        super().connection_made(transport)


class _Server(uvicorn.Server):
    """Says when it listens, and leaves the signals to whoever runs it."""

    def __init__(self, state: State, on_started: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                create_app(state),
                interface="asgi3",
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(port: int) -> socket.socket:
    # With the protocol named, asyncio sends at once (TCP_NODELAY); without it each answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # On Windows SO_REUSEADDR would let two servers listen on one port.
        alone = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
        listener.setsockopt(socket.SOL_SOCKET, alone, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(
            say("sandbox.cannot_listen", "cannot listen on port {port}: {reason}", port=port, reason=reason),
            hint=say("sandbox.other_port", "give another --port; 0 takes any free one"),
        ) from error
    return listener


def _url(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}"


def serve(port: int, db: Path | None, faults: Mapping[str, float], on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` gets the base URL. Raises UsageError.

    Port 0 takes any free one. Signals are handled in the main thread only.
    """
    for name, rate in faults.items():
        checked_rate(name, rate)
    listener = _listen(port)
    with contextlib.closing(listener), contextlib.closing(State(db, faults)) as state:
        server = _Server(state, lambda: on_ready(_url(listener)))
        with _signals(server):
            server.run(sockets=[listener])


@contextlib.contextmanager
def _signals(server: uvicorn.Server) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signum: int, _frame: FrameType | None) -> None:
        server.force_exit = server.should_exit  # the second one waits for nobody
        server.should_exit = True

    numbers = [signal.SIGINT, signal.SIGTERM, *([by] if (by := getattr(signal, "SIGBREAK", None)) else ())]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class RunningSandbox:
    """A sandbox in a thread on a free port, for a `with` block; `state` is what it holds.

    `url` is its base URL. Raises UsageError when `db` or `faults` are wrong.
    """

    def __init__(
        self,
        *,
        db: Path | None = None,
        faults: Mapping[str, float] | None = None,
        port: int = 0,
        seed: int | None = None,
    ) -> None:
        self._listener = _listen(port)
        self.url = _url(self._listener)
        try:
            self.state = State(db, faults, seed=seed)
        except CrsyncError:
            self._listener.close()
            raise
        self._started = threading.Event()
        self._server = _Server(self.state, self._started.set)
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._started.wait(0.05):
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.stop()
                raise CrsyncError(say("sandbox.does_not_start", "the sandbox does not start"))

    def _run(self) -> None:
        self._server.run(sockets=[self._listener])

    def stop(self) -> None:
        """Returns when nothing is running any more; calling it again does no harm."""
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()
        self.state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
