"""One run in this process under a profiler, phase by phase."""

from __future__ import annotations

import cProfile
import io
import pstats
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cleverreach_sync.clock import Clock, Stop
from cleverreach_sync.config.loading import load_config
from cleverreach_sync.progress import Silent
from cleverreach_sync.run import pipeline
from cleverreach_sync.run.context import Options
from tests.benchmarks.runs import Export, Server, place

_LINES: Final = 25


def profile(folder: Path, which: Export, light: Server, delay: int, every: int) -> None:
    """Prints what took the time in each phase, of the main thread and of the threads that read and write. cProfile
    makes small functions look dearer than they are."""
    light.begin(delay / 1000, which if every else None, every or 1)
    config = load_config(place(folder / "profile", which, light.port), {})
    for name in ("first", "second"):
        _Phases(name).run(lambda: pipeline.run(config, Options(), Silent(), Clock(), Stop(), shown_path="sync.yaml"))


class _Phases:
    """Wraps a profiler around the phases of a run."""

    def __init__(self, name: str) -> None:
        self._name = name

    def run(self, call: Callable[[], Any]) -> None:
        within: Any = pipeline._Pipeline
        phases = {"_read": "read", "_decide": "decide", "_write": "write"}
        before = {method: getattr(within, method) for method in phases}
        for method, phase in phases.items():
            setattr(within, method, self._profiled(phase, before[method]))
        try:
            call()
        finally:
            for method, original in before.items():
                setattr(within, method, original)

    def _profiled(self, phase: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*positional: Any, **named: Any) -> Any:
            threads: list[cProfile.Profile] = []
            with _other_threads(threads):
                here = cProfile.Profile()
                try:
                    return here.runcall(method, *positional, **named)
                finally:
                    _print(f"{self._name} run, {phase}, main thread", [here])
                    if threads:
                        _print(f"{self._name} run, {phase}, {len(threads)} other threads", threads)

        return wrapped


class _other_threads:  # noqa: N801 - reads as a statement
    """Every thread started meanwhile is profiled on its own."""

    def __init__(self, found: list[cProfile.Profile]) -> None:
        self._found = found

    def __enter__(self) -> None:
        self._run = threading.Thread.run
        found, original = self._found, self._run

        def run(thread: threading.Thread) -> None:
            mine = cProfile.Profile()
            found.append(mine)
            mine.runcall(original, thread)

        threading.Thread.run = run  # type: ignore[method-assign, assignment]

    def __exit__(self, *_: object) -> None:
        threading.Thread.run = self._run  # type: ignore[method-assign]


def _print(title: str, profiles: list[cProfile.Profile]) -> None:
    out = io.StringIO()
    stats = pstats.Stats(profiles[0], stream=out)
    for other in profiles[1:]:
        stats.add(other)
    stats.sort_stats("tottime").print_stats(_LINES)
    print(f"== {title}")
    print("\n".join(line for line in out.getvalue().splitlines() if line.strip()))
