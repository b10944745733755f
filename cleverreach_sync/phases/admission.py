"""The guards of a run: which numbers they look at, and where those come from."""

from __future__ import annotations

from typing import NamedTuple

from cleverreach_sync.config.schema import LimitsSettings
from cleverreach_sync.errors import GuardError
from cleverreach_sync.guards import Guard, flag, refusing, within

_HINTS = {
    "empty_source": "check the export or the shop",
    "max_deactivated": "`crsync diff` shows who would be deactivated; raise limits.max_deactivated if that is right",
    "max_activated": "`crsync diff` shows who would become active; raise limits.max_activated if that is right",
    "max_created": "`crsync diff` shows who would be created; raise limits.max_created if that is right",
    "ledger": "restore the state folder from a backup, if there is one",
    "foreign_tags": "an official plug-in's list, or lost state: look at `crsync diff` first",
    "moved": "check source.url",
}


class Numbers(NamedTuple):
    """What the guards look at; None where a number could not be determined. `size`: recipients in the list at the
    start. `created` is None while nobody looked (no limit is set)."""

    people: int
    people_before: int | None
    full: bool
    deactivated: int | None
    activated: int | None
    created: int | None
    size: int | None
    lost: str | None
    first_run: bool
    carriers: int | None
    moved: str | None


def guards(numbers: Numbers, limits: LimitsSettings) -> list[Guard]:
    """The verdict of every guard."""
    found = [
        flag(
            "empty_source",
            refuses=numbers.full and numbers.people == 0 and bool(numbers.people_before),
            value=numbers.people,
            reason=f"the source has nobody with a usable address, the last full read found {numbers.people_before:,}"
            if numbers.people_before
            else "",
        ),
        within("max_deactivated", limits.max_deactivated, numbers.deactivated, numbers.size),
        within("max_activated", limits.max_activated, numbers.activated, numbers.size),
    ]
    if limits.max_created is not None:
        found.append(within("max_created", limits.max_created, numbers.created, numbers.size))
    found += [
        flag("ledger", refuses=numbers.lost is not None, reason=numbers.lost or ""),
        flag(
            "foreign_tags",
            refuses=numbers.first_run and numbers.carriers != 0,
            value=numbers.carriers if numbers.first_run else None,
            reason="whether the list carries special tags of this source could not be determined"
            if numbers.carriers is None
            else "the list carries special tags of this source, but nothing is known of an earlier run",
        ),
        flag("moved", refuses=numbers.moved is not None, reason=numbers.moved or ""),
    ]
    return [guard if guard.refuses else guard._replace(reason="") for guard in found]


def refusal(found: list[Guard], forced: frozenset[str]) -> GuardError | None:
    """The error of the guards that refuse and were not forced."""
    against = refusing(found, forced)
    if not against:
        return None
    words = "; ".join(f"{guard.name}: {guard.reason}" for guard in against)
    options = " ".join(f"--force {guard.name}" for guard in against)
    return GuardError(f"refused by {words}", hint=f"{_HINTS[against[0].name]}; {options} overrides it for one run")
