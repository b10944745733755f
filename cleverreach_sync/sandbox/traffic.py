"""What was asked of the sandbox: counts by method and path, and how much at a time."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any


class Traffic:
    """Counts of the calls to the API and the token endpoint; the sandbox's own endpoints don't count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parallel = 0
        self._parallel_writes = 0
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self.by: Counter[str] = Counter()
            self.writes = 0
            self.max_parallel = self._parallel
            self.max_parallel_writes = self._parallel_writes

    def begin(self, call: str, *, writes: bool) -> None:
        with self._lock:
            self.by[call] += 1
            self._parallel += 1
            self.max_parallel = max(self.max_parallel, self._parallel)
            if writes:
                self.writes += 1
                self._parallel_writes += 1
                self.max_parallel_writes = max(self.max_parallel_writes, self._parallel_writes)

    def end(self, *, writes: bool) -> None:
        with self._lock:
            self._parallel -= 1
            self._parallel_writes -= writes

    def shown(self) -> dict[str, Any]:
        with self._lock:
            return {
                "requests": self.by.total(),
                "by": dict(sorted(self.by.items())),
                "writes": self.writes,
                "max_parallel": self.max_parallel,
                "max_parallel_writes": self.max_parallel_writes,
            }
