"""`python -m tests.benchmarks`: how fast the program is, and how much memory it needs. See README.md beside this."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.benchmarks import comparison, shops
from tests.benchmarks.profiling import profile
from tests.benchmarks.runs import Export, Measured, Server, export, measure, place, server, start_up

_MILLION: Final = 1_000_000
_EVERY: Final = {"new": 0, "half": 2, "existing": 1}  # of the people every n-th is in the list before
_STARTS: Final = 10
_COLUMNS: Final = (
    f"{'people':>9} {'ms':>3} {'list':<9} {'run':<6} {'people/s':>8} {'read/s':>8} {'decide/s':>8} {'write/s':>8} "
    f"{'wall s':>7} {'cpu s':>7} {'peak MB':>7} {'requests':>8} {'server':>6}"
)


class Case(NamedTuple):
    """What is measured: so many people into such a list, with such a delay, the first run and an unchanged second."""

    export: Export
    delay_ms: int
    into: str
    first: Measured
    second: Measured


def _arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    options.add_argument("--people", type=int, nargs="+", default=[20_000, 200_000], metavar="N")
    options.add_argument("--million", action="store_true", help="1,000,000 people too, for the memory")
    options.add_argument("--delays", type=int, nargs="+", default=[0, 20], metavar="MS", help="per request")
    options.add_argument("--into", nargs="+", choices=list(_EVERY), default=list(_EVERY), help="what the list holds")
    options.add_argument("--repeat", type=int, default=3, metavar="N", help="the quickest of N runs counts")
    options.add_argument("--apart", action="store_true", help="program on core 0, server on core 1")
    options.add_argument(
        "--target", default="", metavar="YAML", help="more keys of the target, such as 'concurrency: 4'"
    )
    options.add_argument("--no-start-up", action="store_true", help="leave out the times of starting")
    options.add_argument("--json", action="store_true", help="the figures as JSON")
    options.add_argument(
        "--profile", action="store_true", help="run once in this process, and print what took the time"
    )
    options.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir()) / "crsync-benchmarks", help="where exports are kept"
    )
    return options.parse_args()


def main() -> None:
    """Measures and prints."""
    apart = {"peers": comparison.main, "shops": shops.main}.get("".join(sys.argv[1:2]))
    if apart is not None:
        apart(sys.argv[2:])
        return
    given = _arguments()
    given.cache.mkdir(parents=True, exist_ok=True)
    with server(1 if given.apart else None) as light:
        if given.profile:
            profile(given.cache, export(given.cache, given.people[0]), light, given.delays[0], _every(given.into[0]))
            return
        _measure_all(given, light)


def _measure_all(given: argparse.Namespace, light: Server) -> None:
    starts = {} if given.no_start_up else {words: start_up(words.split(), _STARTS) for words in ("--help", "--version")}
    if not given.json:
        for words, seconds in starts.items():
            print(
                f"crsync {words:<9} {seconds[0]:.3f} s at best, {statistics.median(seconds):.3f} s median of {_STARTS}"
            )
        print(_COLUMNS)
    cases = []
    for people in [*given.people, *([_MILLION] if given.million else ())]:
        for delay in given.delays:
            for into in given.into:
                case = _case(given, light, export(given.cache, people), delay, into)
                cases.append(case)
                if not given.json:
                    _print(case)
    compared = _ratios(cases)
    if given.json:
        json.dump(
            {"start_up": starts, "runs": [_kept(case) for case in cases], "ratios": compared}, sys.stdout, indent=2
        )
        print()
    else:
        for words, ratio in compared.items():
            print(f"{words}: {ratio:.2f}")


def _every(into: str) -> int:
    return _EVERY[into]


def _case(given: argparse.Namespace, light: Server, which: Export, delay: int, into: str) -> Case:
    """The quickest of some repetitions, of the first and the second run each on its own."""
    folder = given.cache / "run"
    core = 0 if given.apart else None
    target = "\n".join(f"  {line}" for line in given.target.split(";") if line.strip())
    firsts, seconds = [], []
    for _ in range(1 if which.people >= _MILLION else given.repeat):
        every = _every(into)
        light.begin(delay / 1000, which if every else None, every or 1)
        config = place(folder, which, light.port, target)
        firsts.append(measure(config, light, core))
        seconds.append(measure(config, light, core))
    return Case(which, delay, into, min(firsts, key=_wall), min(seconds, key=_wall))


def _wall(run: Measured) -> float:
    return run.wall


def _print(case: Case) -> None:
    for name, run in (("first", case.first), ("second", case.second)):
        rates = [f"{run.people / run.phase(phase):>8,.0f}" if run.phase(phase) else f"{'-':>8}" for phase in _PHASES]
        print(
            f"{case.export.people:>9,} {case.delay_ms:>3} {case.into:<9} {name:<6} {run.rate:>8,.0f} {' '.join(rates)} "
            f"{run.wall:>7.2f} {run.cpu:>7.2f} {run.peak:>7.1f} {run.requests:>8,} {run.server_cpu / run.wall:>6.0%}",
            flush=True,
        )


_PHASES: Final = ("read", "decide", "write")


def _kept(case: Case) -> dict[str, Any]:
    return {
        "people": case.export.people,
        "delay_ms": case.delay_ms,
        "list": case.into,
        "first": case.first.result(),
        "second": case.second.result(),
    }


def _ratios(cases: list[Case]) -> dict[str, float]:
    """What is compared, in words, and its ratio."""
    found: dict[str, float] = {}
    by = {(case.export.people, case.delay_ms, case.into): case for case in cases}
    for (people, delay, into), case in by.items():
        where = f"{people:,} people, {delay} ms"
        found[f"{where}, {into} list: time of the second run / first"] = case.second.wall / case.first.wall
        new = by.get((people, delay, "new"))
        if into != "new" and new is not None:
            found[f"{where}: people/s into the {into} list / new"] = case.first.rate / new.first.rate
    fewest, most = min(case.export.people for case in cases), max(case.export.people for case in cases)
    if fewest < most:
        peaks = {
            people: max(max(case.first.peak, case.second.peak) for case in cases if case.export.people == people)
            for people in (fewest, most)
        }
        found[f"peak memory at {most:,} people / at {fewest:,}"] = peaks[most] / peaks[fewest]
    return found


if __name__ == "__main__":
    main()
