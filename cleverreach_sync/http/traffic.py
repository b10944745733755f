"""How many requests a run makes."""

from __future__ import annotations

import threading


class RequestCount:
    """Counts requests; shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = 0
        self.retries = 0

    def request(self) -> None:
        with self._lock:
            self.requests += 1

    def retry(self) -> None:
        with self._lock:
            self.retries += 1
