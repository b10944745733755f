"""What stands in for the clock and for whoever watches a run."""

from __future__ import annotations

import threading
import time

from cleverreach_sync.clock import Clock
from cleverreach_sync.progress import Silent


class FakeClock(Clock):
    """Waiting costs no time, but time passes, unless it stands still at `frozen_at`."""

    def __init__(self, frozen_at: int | None = None) -> None:
        self._lock = threading.Lock()
        self._frozen_at = frozen_at
        self.passed = 0.0
        self.waits: list[float] = []

    def wall(self) -> float:
        return (time.time() if self._frozen_at is None else self._frozen_at) + self.passed

    def now(self) -> float:
        return time.monotonic() + self.passed

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.passed += seconds
            self.waits.append(seconds)


class Said(Silent):
    """What a run told whoever watches it."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.steps: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def info(self, message: str) -> None:
        self.steps.append(message)
