"""May this run write? Pure. A number that is missing never reads as within limits."""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal
from typing import Final, NamedTuple

from cleverreach_sync.messages import Message, say, say_many

FORCEABLE: Final = (
    "empty_source",
    "max_deactivated",
    "max_created",
    "max_activated",
    "ledger",
    "foreign_tags",
    "moved",
    "consent_signal",
    "clock",
)
DEFAULT_PERCENT_REJECTED: Final = 5.0
DEFAULT_PERCENT_CHANGED: Final = 10.0
DEFAULT_COUNT: Final = 20
_LIMIT = re.compile(r"(\d+(?:\.\d+)?)\s*(%?)")


class Limit(NamedTuple):
    """A number of people: the larger of `people` and `percent` of some base; each may be absent, one is there."""

    people: int | None = None
    percent: float | None = None

    @classmethod
    def parse(cls, text: str) -> Limit:
        """`20` or `5%`. Raises ValueError."""
        found = _LIMIT.fullmatch(text.strip())
        if found is None or (not found[2] and "." in found[1]):
            raise ValueError(f"expected a number of people or a percentage such as 5%, not {text!r}")
        if not found[2]:
            return cls(people=int(found[1]))
        if float(found[1]) > 100:
            raise ValueError("a percentage cannot be more than 100%")
        return cls(percent=float(found[1]))

    def of(self, base: int | None) -> int | None:
        """The limit in people; None if it is a share of a base that is not known."""
        share = None
        if self.percent is not None:
            if base is None:
                return None
            share = int(base * Decimal(str(self.percent)) / 100)  # 5.6% of 2625 are 147, which floats miss
        if self.people is None:
            return share
        return self.people if share is None else max(self.people, share)


class Guard(NamedTuple):
    """The verdict of one guard. `limit` and `value` count people (or, for `foreign_tags`, recipients); None where
    there is nothing to count or the number is not known."""

    name: str
    limit: int | None
    value: int | None
    refuses: bool
    reason: str = ""


def within(name: str, limit: Limit, value: int | None, base: int | None) -> Guard:
    """A guard over a number of people. Nobody is always within a limit; an unknown number never is."""
    allowed = limit.of(base)
    if value == 0:
        return Guard(name, allowed, 0, refuses=False)
    if value is None or allowed is None:
        return Guard(name, allowed, value, refuses=True, reason=_unknown())
    people = say_many("guard.people", "{number:,} person", "{number:,} people", value)
    reason = say("guard.over", "{people}, {allowed}", people=people, allowed=are_allowed(allowed))
    return Guard(name, allowed, value, refuses=value > allowed, reason=reason)


def are_allowed(number: int) -> Message:
    """The end of a sentence about too many people."""
    return say_many("guard.allowed", "{number:,} is allowed", "{number:,} are allowed", number)


def _unknown() -> Message:
    return say("guard.unknown_number", "the number could not be determined")


def flag(name: str, *, refuses: bool, reason: str = "", value: int | None = None) -> Guard:
    """A guard that refuses or does not."""
    return Guard(name, None, value, refuses, reason)


def refusing(guards: Collection[Guard], forced: Collection[str]) -> list[Guard]:
    """Those that refuse and were not forced."""
    return [guard for guard in guards if guard.refuses and guard.name not in forced]
