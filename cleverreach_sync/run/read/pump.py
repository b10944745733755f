"""Several streams read side by side, in one order."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

_QUEUED: Final = 4


class Pump:
    """Runs iterators in threads of their own and hands what they yield to one consumer, a few items ahead at most."""

    def __init__(self, iterators: dict[Any, Callable[[], Iterator[Any]]], stop_waiting: Callable[[], None]) -> None:
        self._queue: queue.Queue[tuple[Any, Any, BaseException | None]] = queue.Queue(maxsize=_QUEUED)
        self._stopped = threading.Event()
        self._left = len(iterators)
        self._stop_waiting = stop_waiting
        self._threads = [
            threading.Thread(target=self._run, args=(name, start), name=f"read-{name}", daemon=True)
            for name, start in iterators.items()
        ]

    @property
    def stopped(self) -> Callable[[], bool]:
        return self._stopped.is_set

    def _put(self, item: tuple[Any, Any, BaseException | None]) -> None:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=0.2)
            except queue.Full:
                continue
            return

    def _run(self, name: Any, start: Callable[[], Iterator[Any]]) -> None:
        try:
            for item in start():
                self._put((name, item, None))
                if self._stopped.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - it is raised again where it can be handled
            self._put((name, None, error))
        else:
            self._put((name, None, None))

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for thread in self._threads:
            thread.start()
        try:
            while self._left:
                try:
                    name, item, error = self._queue.get(timeout=0.2)
                except queue.Empty:
                    yield None, None  # a chance to notice a signal
                    continue
                if error is not None:
                    raise error
                if item is None:
                    self._left -= 1
                    continue
                yield name, item
        finally:
            self._stopped.set()
            if self._left:  # an error, or no more time: the others are not to wait for a server to get well
                self._stop_waiting()
            until = time.monotonic() + _REST_SECONDS
            for thread in self._threads:  # daemons all: one that hangs keeps no run from its end
                thread.join(max(0.0, until - time.monotonic()))


_REST_SECONDS: Final = 5.0
