"""Threads that nobody has to wait for: a program that is to end does not wait for one that hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Workers:
    """At most `most` threads that carry out what they are given, in its order."""

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._given: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def submit(self, do: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        self._given.put((future, do))
        if len(self._threads) < self._most:
            thread = threading.Thread(target=self._work, name=f"{self._name}_{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def _work(self) -> None:
        while (given := self._given.get()) is not None:
            future, do = given
            del given
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = do()
            except BaseException as error:  # noqa: BLE001 - whoever asks for the result gets it
                future.set_exception(error)
            else:
                future.set_result(result)
            del future, do

    def close(self) -> None:
        """The threads end after what was given so far; nobody waits for that."""
        for _ in self._threads:
            self._given.put(None)
