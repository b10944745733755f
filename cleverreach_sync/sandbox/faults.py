"""What goes wrong on purpose, by name."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cleverreach_sync.errors import UsageError
from cleverreach_sync.messages import say

FAULTS: Final = {
    "rate_limit": "429, in turn with `Retry-After: 1` and without",
    "unavailable": "502 with a page of HTML",
    "reset": "the connection is dropped without an answer; on writes before or after they are carried out",
    "error_200": '200 with {"error": ...}, nothing carried out',
    "false": "200 with the body `false` on a write batch, nothing carried out",
    "drop_row": "one row of an upsertplus is not carried out and missing in the answer",
    "unauthorized": "401; the token is invalid from then on, a new one works",
    "too_large": "413 on write batches of more than 100 rows",
    "slow": "seconds per request",
}
_HINT: Final = say(
    "sandbox.faults", "faults: {names}; a rate is a probability from 0 to 1, for slow seconds", names=", ".join(FAULTS)
)
_LONGEST_WAIT: Final = 600.0


@dataclass(frozen=True, slots=True)
class Fault:
    """`times` ends it after that many strikes; `only` confines it to calls whose `METHOD /path` contains that text."""

    rate: float
    times: int | None = None
    only: str = ""


def checked_rate(name: str, rate: object) -> float:
    """Raises UsageError for an unknown fault or a rate out of range."""
    if name not in FAULTS:
        raise UsageError(say("sandbox.unknown_fault", "unknown fault '{name}'", name=name), hint=_HINT)
    try:
        number = float(str(rate))
    except ValueError:
        number = -1.0
    if not 0 <= number <= (_LONGEST_WAIT if name == "slow" else 1.0):
        message = say("sandbox.wrong_rate", "wrong rate '{rate}' for the fault {name}", rate=rate, name=name)
        raise UsageError(message, hint=_HINT)
    return number


def parse_faults(items: Iterable[str]) -> dict[str, float]:
    """`["rate_limit=0.05"]` -> `{"rate_limit": 0.05}`. Raises UsageError."""
    rates: dict[str, float] = {}
    for item in items:
        name, equals, rate = item.partition("=")
        if not equals and name.strip() in FAULTS:
            message = say(
                "sandbox.needs_rate", "the fault '{name}' needs a rate, such as {name}=0.1", name=name.strip()
            )
            raise UsageError(message, hint=_HINT)
        rates[name.strip()] = checked_rate(name.strip(), rate.strip())
    return rates


class Faults:
    """The faults in force, and how often each has struck. Safe to use from several threads."""

    def __init__(self, rates: Mapping[str, float] | None = None, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        self._faults: dict[str, Fault] = {}
        self.random = random.Random(seed)
        self.struck: Counter[str] = Counter()
        self.replace(rates or {})

    def replace(self, wanted: Mapping[str, Any]) -> None:
        """All faults anew: name -> rate, or `{"rate", "times", "only"}`. Raises UsageError."""
        faults = {name: _fault(name, value) for name, value in wanted.items()}
        with self._lock:
            self._faults = faults

    def set(self, name: str, rate: float, *, times: int | None = None, only: str = "") -> None:
        """One fault anew, the others stay. Raises UsageError."""
        with self._lock:
            self._faults[name] = Fault(checked_rate(name, rate), times, only)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
            self.struck.clear()

    def rates(self) -> dict[str, float]:
        return {name: fault.rate for name, fault in self._faults.items()}

    def strikes(self, name: str, call: str) -> bool:
        """Whether `name` strikes this call (`POST /v3/...`) now."""
        fault = self._faults.get(name)
        if fault is None:
            return False
        with self._lock:
            done = fault.times is not None and self.struck[name] >= fault.times
            if done or fault.only not in call or self.random.random() >= fault.rate:
                return False
            self.struck[name] += 1
            return True

    def wait(self, call: str) -> float:
        """How long this call is held up, in seconds."""
        fault = self._faults.get("slow")
        if fault is None or fault.rate == 0 or fault.only not in call:
            return 0.0
        with self._lock:
            if fault.times is not None and self.struck["slow"] >= fault.times:
                return 0.0
            self.struck["slow"] += 1
            return fault.rate

    def coin(self) -> bool:
        with self._lock:
            return self.random.random() < 0.5

    def pick(self, count: int) -> int:
        with self._lock:
            return self.random.randrange(count)


def _fault(name: str, value: object) -> Fault:
    if not isinstance(value, Mapping):
        return Fault(checked_rate(name, value))
    unknown = sorted(set(value) - {"rate", "times", "only"})
    times = value.get("times")
    if unknown or not (times is None or (isinstance(times, int) and times >= 0)):
        message = say(
            "sandbox.fault_keys", "the fault {name} takes rate, times (a number) and only (a text)", name=name
        )
        raise UsageError(message, hint=_HINT)
    return Fault(checked_rate(name, value.get("rate", 1)), times, str(value.get("only", "")))
