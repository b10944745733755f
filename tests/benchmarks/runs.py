"""Runs the program as a user would, as a process of its own, and measures it from outside."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks.server import LIST_NAME

_CONFIG = """version: 1
source: {{type: file, path: {export}}}
tags: [subscriber, buyer, contact]
target:
  type: cleverreach
  client_id: id
  client_secret: secret
  list: {name}
  create_list: true
  base_url: http://127.0.0.1:{port}
{target}
"""
PROGRAM = (sys.executable, "-m", "cleverreach_sync")


class Export(NamedTuple):
    """A generated export, and the addresses in it, one a line."""

    people: int
    path: Path
    addresses: Path


class Measured(NamedTuple):
    """One run of the program. Times in seconds, `peak` in MB (of 10**6 bytes), `server_cpu` while it ran."""

    wall: float
    cpu: float
    peak: float
    server_cpu: float
    document: dict[str, Any]

    @property
    def people(self) -> int:
        return int(self.document["counts"]["people"])

    @property
    def rate(self) -> float:
        return self.people / self.wall

    @property
    def requests(self) -> int:
        return int(self.document["requests"]["target"])

    def phase(self, name: str) -> float:
        """Seconds of a phase; 0 where it did not happen."""
        return float(sum(phase["seconds"] for phase in self.document["phases"] if phase["name"] == name))

    def result(self) -> dict[str, Any]:
        """The figures, for keeping."""
        return {
            "people": self.people,
            "wall_seconds": round(self.wall, 3),
            "people_per_second": round(self.rate),
            "phase_seconds": {phase["name"]: phase["seconds"] for phase in self.document["phases"]},
            "cpu_seconds": round(self.cpu, 3),
            "peak_mb": round(self.peak, 1),
            "server_cpu_seconds": round(self.server_cpu, 3),
            "requests": self.requests,
            "counts": self.document["counts"],
        }


def export(folder: Path, people: int) -> Export:
    """An export with so many people, made once and kept in `folder`."""
    path, addresses = folder / f"{people}.csv", folder / f"{people}.txt"
    if not addresses.exists():
        # In a process of its own: the kernel counts a parent's memory as the child's peak.
        command = [sys.executable, "-m", "tests.benchmarks.exports", str(people), str(path)]
        subprocess.run([*command, "--addresses", str(addresses)], stdout=subprocess.DEVNULL, check=True)
    return Export(people, path, addresses)


class Server:
    """The light server, in a process of its own."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/bench/{path}", None if body is None else json.dumps(body).encode()
        )
        with urllib.request.urlopen(request, timeout=600) as answer:
            return json.load(answer)

    def begin(self, delay: float, prefilled: Export | None, every: int) -> None:
        """An empty account, or one whose list has every n-th of these people."""
        people = None if prefilled is None else str(prefilled.addresses)
        self.ask("begin", {"delay": delay, "list": prefilled is not None, "people": people, "every": every})

    def cpu(self) -> float:
        return float(self.ask("seen")["cpu"])


@contextmanager
def server(core: int | None) -> Iterator[Server]:
    """Runs the light server, on one core only if that is asked for."""
    command = [sys.executable, "-m", "tests.benchmarks.server", *(() if core is None else ("--core", str(core)))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Server(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


def place(folder: Path, which: Export, port: int, target: str = "") -> Path:
    """A folder for runs, with a config and without state; the config's path."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    config = folder / "sync.yaml"
    config.write_text(_CONFIG.format(export=which.path, name=LIST_NAME, port=port, target=target), encoding="utf-8")
    return config


def measure(config: Path, light: Server, core: int | None) -> Measured:
    """One `crsync sync`. Raises RuntimeError if it does not end well."""
    before = light.cpu()
    command = [*PROGRAM, "sync", "-c", str(config), "--format", "json"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if core is not None:
        os.sched_setaffinity(process.pid, {core})
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    document = json.loads(output)
    if process.returncode != 0 or not document["complete"]:
        raise RuntimeError(f"the run ended with {process.returncode}: {output.decode()[:2000]}")
    return Measured(
        wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6, light.cpu() - before, document
    )  # fmt: skip


def start_up(arguments: list[str], times: int) -> list[float]:
    """Seconds of so many starts, the quickest first."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run([*PROGRAM, *arguments], stdout=subprocess.DEVNULL, check=True)
        found.append(time.perf_counter() - began)
    return sorted(found)
