"""One input, several streams: who reads on hands out to all, and nobody runs far ahead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
_AHEAD = 2000
_LOOK_SECONDS = 0.2


class Sharing(Generic[T]):
    """`blocks` are items with the name of their stream. Each stream is read by a thread of its own; the first that has
    nothing left reads the next block. Once all are being read, none waits with more than some items."""

    def __init__(self, names: Collection[str], blocks: Iterator[Sequence[tuple[str, T]]]) -> None:
        self._blocks = blocks
        self._ready: dict[str, list[T]] = {name: [] for name in names}
        self._asking: set[str] = set()
        self._changed = threading.Condition()
        self._reading = False
        self._over = False
        self.failed = False

    def begun(self, name: str) -> bool:
        return name in self._asking

    def of(self, name: str, stopped: Callable[[], bool]) -> Iterator[list[T]]:
        """What there is of a stream, some at a time. Ends early when `stopped()`, or when reading failed elsewhere."""
        with self._changed:
            self._asking.add(name)
        while not stopped():
            with self._changed:
                found = self._ready[name]
                if found:
                    self._ready[name] = []
                    self._changed.notify_all()
                elif self._over:
                    return
                elif self._reading or self._far_ahead():
                    self._changed.wait(_LOOK_SECONDS)
                    continue
                else:
                    self._reading = True
            if found:
                yield found
            else:
                self._read_on()

    def _far_ahead(self) -> bool:
        return len(self._asking) == len(self._ready) and any(len(each) >= _AHEAD for each in self._ready.values())

    def _read_on(self) -> None:
        block: Sequence[tuple[str, T]] | None = None
        try:
            block = next(self._blocks, None)
        except BaseException:
            self.failed = True
            raise
        finally:
            with self._changed:
                for name, item in block or ():
                    self._ready[name].append(item)
                self._over = block is None
                self._reading = False
                self._changed.notify_all()
