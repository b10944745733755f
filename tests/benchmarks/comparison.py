"""`python -m tests.benchmarks peers`: from a WooCommerce shop into a list, beside public tools that can do that job.

Every tool runs as a user would run it, as one or two processes, against the same two servers, in turn: A B C A B C.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from tests.benchmarks.peers import drt_peer
from tests.benchmarks.runs import PROGRAM, Server, server
from tests.benchmarks.server import LIST_NAME

_ROOT: Final = Path(__file__).parents[2]
_BIN: Final = _ROOT / ".venv-bench" / "bin"
_PACKAGES: Final = ("drt-core", "dlt", "singer-sdk")
_GUESTS: Final = 4  # so many customers to one guest order
_CONFIG: Final = f"""version: 1
source: {{{{type: woocommerce, url: "{{shop}}", consumer_key: ck_0, consumer_secret: cs_0}}}}
tags: [subscriber, buyer, contact]
target:
  type: cleverreach
  client_id: id
  client_secret: secret
  list: {LIST_NAME}
  create_list: true
  base_url: "{{target}}"
"""
_TITLES: Final = (
    f"{'ms':>3} {'tool':<24} {'people':>7} {'people/s':>8} {'at best':>8} {'wall s':>7} {'cpu s':>6} {'peak MB':>7} "
    f"{'shop':>5} {'list':>5}"
)


class Shop(NamedTuple):
    """The light shop, in a process of its own."""

    port: int

    def ask(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/bench/{path}", timeout=60) as answer:
            return json.load(answer)


class Tool(NamedTuple):
    """Who takes part. `commands` are one process, or several joined by pipes; `place` writes what they need into the
    folder they run in, given the addresses of shop and target. `orders`: whether the shop has any. `environment`: more
    variables."""

    name: str
    commands: Sequence[Sequence[str]]
    place: Callable[[Path, str, str], None]
    orders: bool = False
    environment: Mapping[str, str] = MappingProxyType({})


class Run(NamedTuple):
    """One run: seconds, MB (of 10**6 bytes; of several processes the sum of their peaks) and requests."""

    people: int
    wall: float
    cpu: float
    peak: float
    shop: int
    target: int


def _nothing(folder: Path, shop: str, target: str) -> None:
    del folder, shop, target


def _config(folder: Path, shop: str, target: str) -> None:
    (folder / "sync.yaml").write_text(_CONFIG.format(shop=shop, target=target), encoding="utf-8")


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (str(_BIN / "python"), "-m", f"tests.benchmarks.peers.{name}", *arguments)


_CRSYNC: Final = (*PROGRAM, "sync", "-q")
OWN: Final = (
    Tool("crsync", [_CRSYNC], _config),
    Tool("crsync, guests' orders too", [_CRSYNC], _config, orders=True),
)
PEERS: Final = (
    Tool("drt", [(str(_BIN / drt_peer.COMMAND[0]), *drt_peer.COMMAND[1:])], drt_peer.place),
    Tool("dlt", [_module("dlt_peer")], _nothing),
    Tool(  # as polite to shop and target as crsync is
        "dlt, 2 requests at once",
        [_module("dlt_peer")],
        _nothing,
        environment=MappingProxyType({"EXTRACT__WORKERS": "2", "LOAD__WORKERS": "2"}),
    ),
    Tool("singer tap | target", [_module("singer_peer", side, "--config=ENV") for side in ("tap", "target")], _nothing),
)


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m tests.benchmarks peers", description=__doc__)
    options.add_argument("--people", type=int, default=20_000, metavar="N", help="customers of the shop")
    options.add_argument("--delays", type=int, nargs="+", default=[0, 20], metavar="MS", help="per request")
    options.add_argument("--repeat", type=int, default=5, metavar="N", help="rounds, of which the median counts")
    options.add_argument("--json", action="store_true", help="the figures as JSON")
    return options.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Measures and prints."""
    given = _arguments(arguments)
    if not (_BIN / "drt").exists():
        sys.exit("the other tools are not there: make bench-peers")
    found: dict[int, dict[str, list[Run]]] = {}
    with server(None) as light, _shop(given.people) as shop, tempfile.TemporaryDirectory() as folder:
        if not given.json:
            print(f"{_versions()}; {os.cpu_count()} cores; median of {given.repeat} rounds\n{_TITLES}")
        for delay in given.delays:
            found[delay] = _rounds(Path(folder) / "run", light, shop, delay, given)
            if not given.json:
                _print(delay, found[delay])
    if given.json:
        rounds = {
            delay: {name: [run._asdict() for run in runs] for name, runs in by.items()} for delay, by in found.items()
        }
        json.dump({"versions": _versions(), "runs": rounds}, sys.stdout, indent=2)
        print()


def _rounds(folder: Path, light: Server, shop: Shop, delay: int, given: argparse.Namespace) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {tool.name: [] for tool in (*OWN, *PEERS)}
    for number in range(given.repeat + 1):
        for tool in (*OWN, *PEERS):
            run = _run(folder, tool, light, shop, delay, given.people)
            if number:  # the first is for the caches: of the shop's pages, of the disk, of compiled modules
                found[tool.name].append(run)
    return found


def _run(folder: Path, tool: Tool, light: Server, shop: Shop, delay: int, customers: int) -> Run:
    """Raises RuntimeError if the tool does not end well, or the list does not hold everybody with a tag."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    light.begin(delay / 1000, None, 1)
    shop.ask(f"begin?delay={delay / 1000}&orders={'yes' if tool.orders else 'no'}")
    urls = [f"http://127.0.0.1:{port}" for port in (shop.port, light.port)]
    tool.place(folder, *urls)
    wall, cpu, peak = _processes(tool, folder, {**_environment(folder, *urls), **tool.environment})
    seen, held = light.ask("seen"), light.ask("held")
    people = customers + (customers // _GUESTS if tool.orders else 0)
    if held != {"people": people, "tagged": people}:
        raise RuntimeError(f"{tool.name} left {held} in the list, not {people}: {_said(folder)}")
    return Run(people, wall, cpu, peak, shop.ask("seen")["requests"], sum(seen["requests"].values()))


def _environment(folder: Path, shop: str, target: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "PYTHONPATH": str(_ROOT),
        "SHOP_URL": shop,
        "LIST_URL": target,
        "DLT_DATA_DIR": str(folder / "dlt"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "TAP_SHOP_URL": shop,
        "TARGET_LIST_URL": target,
        "TARGET_LIST_VALIDATE_RECORDS": "false",
        **drt_peer.ENVIRONMENT,
    }


def _processes(tool: Tool, folder: Path, environment: dict[str, str]) -> tuple[float, float, float]:
    """Runs the commands at once, each reading what the one before writes: seconds, CPU seconds, MB."""
    running: list[subprocess.Popen[bytes]] = []
    with (folder / "said").open("wb") as said:
        began = time.perf_counter()
        for number, command in enumerate(tool.commands, 1):
            before = running[-1].stdout if running else subprocess.DEVNULL
            after = said if number == len(tool.commands) else subprocess.PIPE
            running.append(
                subprocess.Popen(command, stdin=before, stdout=after, stderr=said, cwd=folder, env=environment)
            )
            if running[1:] and running[-2].stdout is not None:
                running[-2].stdout.close()
        cpu = peak = 0.0
        for process in running:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            cpu += used.ru_utime + used.ru_stime
            peak += used.ru_maxrss * 1024 / 1e6
        wall = time.perf_counter() - began
    if any(process.returncode for process in running):
        raise RuntimeError(f"{tool.name} ended with {[process.returncode for process in running]}: {_said(folder)}")
    return wall, cpu, peak


def _said(folder: Path) -> str:
    return (folder / "said").read_text("utf-8", "replace")[-2000:]


@contextmanager
def _shop(customers: int) -> Iterator[Shop]:
    command = [sys.executable, "-m", "tests.benchmarks.shop_server", str(customers), str(customers // _GUESTS)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Shop(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


def _versions() -> str:
    asked = "import importlib.metadata as m, sys; print(', '.join(f'{n} {m.version(n)}' for n in sys.argv[1:]))"
    return subprocess.run(
        [str(_BIN / "python"), "-c", asked, *_PACKAGES], check=True, capture_output=True, text=True
    ).stdout.strip()  # fmt: skip


def _median(runs: list[Run], of: Callable[[Run], float]) -> float:
    return statistics.median(map(of, runs))


def _print(delay: int, found: dict[str, list[Run]]) -> None:
    for name, runs in found.items():
        people = runs[0].people
        wall = _median(runs, lambda run: run.wall)
        print(
            f"{delay:>3} {name:<24} {people:>7,} {people / wall:>8,.0f} {people / min(run.wall for run in runs):>8,.0f} "
            f"{wall:>7.2f} {_median(runs, lambda run: run.cpu):>6.2f} {_median(runs, lambda run: run.peak):>7.1f} "
            f"{_median(runs, lambda run: run.shop):>5,.0f} {_median(runs, lambda run: run.target):>5,.0f}",
            flush=True,
        )
    own = found[OWN[0].name]
    for peer in PEERS:
        theirs = found[peer.name]
        # Round by round, so that a slow minute of the machine weighs on both.
        pairs = list(zip(own, theirs, strict=True))
        speed = statistics.median(their.wall / our.wall for our, their in pairs)
        work = statistics.median(our.cpu / their.cpu for our, their in pairs)
        memory = statistics.median(our.peak / their.peak for our, their in pairs)
        print(
            f"    crsync / {peer.name}: people/s {speed:.2f}, CPU seconds {work:.2f}, peak memory {memory:.2f}",
            flush=True,
        )
