"""One input, several streams: a thread of its own reads it and hands out to all, and does not run far ahead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
_AHEAD = 2000
_LOOK_SECONDS = 0.2


class Sharing(Generic[T]):
    """`blocks` are items with the name of their stream. Each stream is read by a thread of its own, and none of these
    waits for the input itself, which may say nothing for as long as it likes. Once all streams are being read, none
    waits with more than some items."""

    def __init__(self, names: Collection[str], blocks: Iterator[Sequence[tuple[str, T]]]) -> None:
        self._blocks = blocks
        self._ready: dict[str, list[T]] = {name: [] for name in names}
        self._asking: set[str] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = self._over = False
        self._error: BaseException | None = None
        self.failed = False

    def begun(self, name: str) -> bool:
        return name in self._asking

    def of(self, name: str, stopped: Callable[[], bool]) -> Iterator[list[T]]:
        """What there is of a stream, some at a time. Ends early when `stopped()`, or when reading failed: the error is
        raised in one stream only."""
        with self._changed:
            self._asking.add(name)
            if self._thread is None:
                self._thread = threading.Thread(target=self._read, name="read-input", daemon=True)
                self._thread.start()
        while not stopped():
            with self._changed:
                found, self._ready[name] = self._ready[name], []
                if found:
                    self._changed.notify_all()
                elif self._over:
                    self._raise()
                    return
                else:
                    self._changed.wait(_LOOK_SECONDS)
            if found:
                yield found

    def close(self) -> None:
        """Nobody takes anything any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _far_ahead(self) -> bool:
        return len(self._asking) == len(self._ready) and any(len(each) >= _AHEAD for each in self._ready.values())

    def _read(self) -> None:
        try:
            for block in self._blocks:
                with self._changed:
                    for name, item in block:
                        self._ready[name].append(item)
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._closed or not self._far_ahead())
                    if self._closed:
                        return
        except BaseException as error:  # noqa: BLE001 - it is raised again where a stream is read
            self._error, self.failed = error, True
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()
