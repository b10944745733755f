"""The guards of a run: which numbers they look at, and where those come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from cleverreach_sync.config.schema import LimitsSettings
from cleverreach_sync.domain.guards import Guard, Limit, flag, refusing, within
from cleverreach_sync.errors import GuardError
from cleverreach_sync.messages import Message, say, say_many
from cleverreach_sync.run.context import Run
from cleverreach_sync.run.decide.silence import Silent
from cleverreach_sync.run.plan import Step
from cleverreach_sync.run.recheck import count_activations, count_ends, count_new

_ADVICE: Final = {
    "empty_source": say("guard.advice_empty_source", "check the export or the shop"),
    "max_deactivated": say(
        "guard.advice_max_deactivated",
        "`crsync diff --show-pii` shows who would be deactivated; raise limits.max_deactivated if that is right",
    ),
    "max_activated": say(
        "guard.advice_max_activated",
        "`crsync diff --show-pii` shows who would become active; raise limits.max_activated if that is right",
    ),
    "max_created": say(
        "guard.advice_max_created",
        "`crsync diff --show-pii` shows who would be created; raise limits.max_created if that is right",
    ),
    "ledger": say("guard.advice_ledger", "restore the state folder from a backup, if there is one"),
    "foreign_tags": say(
        "guard.advice_foreign_tags",
        "there is no record of earlier runs here: if there were any, bring their state folder here (`crsync diff "
        "--against list` shows what would change); only if an official plug-in filled the list, and crsync is to take "
        "it over, force it",
    ),
    "moved": say("guard.advice_moved", "check source.url"),
    "consent_signal": say(
        "guard.advice_consent_signal",
        "did an update hide the field (WooCommerce no longer shows fields that begin with '_'), did the API user lose "
        "a right, or was a plug-in removed? Fix that, and the data is back",
    ),
    "clock": say(
        "guard.advice_clock",
        "set the clock of this machine (NTP), because it dates whatever has no date of its own",
    ),
}
DAY: Final = 86400  # seconds that a clock may be wrong by
_WARNED: Final = 600  # without a word


class Numbers(NamedTuple):
    """What the guards look at; None where a number could not be determined. `size`: recipients in the list at the
    start. `created` is None while nobody looked (no limit is set). `silent`: of whom a statement about the newsletter
    is gone. `skew`: by how many seconds the servers' clocks are ahead of ours, None if none of them tells the time.
    `in_list_before`: special tags of the source in the list, where nothing else tells of earlier runs."""

    people: int
    people_before: int | None
    full: bool
    deactivated: int | None
    activated: int | None
    created: int | None
    size: int | None
    lost: Message | None
    first_run: bool
    tagged: int | None
    moved: Message | None
    silent: Silent | None = None
    skew: float | None = None
    in_list_before: int | None = None


class People(NamedTuple):
    """How many people a run would do what to. `created` is None while no limit is set."""

    deactivated: int
    activated: int
    created: int | None


def people(run: Run, activates: int, size: int | None, limits: LimitsSettings) -> People:
    """What is remembered of people counts; where that would refuse, they are read from the list and counted again. A
    dry run and the run that follows do the same, so that they tell the same. `activates`: as remembered."""

    def counted(limit: Limit, remembered: int, look: Callable[[Run], int]) -> int:
        return look(run) if within("", limit, remembered, size).refuses else remembered

    ends = sum(run.spool.count(step) for step in (Step.END, Step.GONE, Step.MOVED))
    return People(
        counted(limits.max_deactivated, ends, count_ends),
        counted(limits.max_activated, activates, count_activations),
        None if limits.max_created is None else counted(limits.max_created, run.spool.count(Step.NEW), count_new),
    )


def guards(numbers: Numbers, limits: LimitsSettings) -> list[Guard]:
    """The verdict of every guard."""
    found = [
        flag(
            "empty_source",
            refuses=numbers.full and numbers.people == 0 and bool(numbers.people_before or numbers.in_list_before),
            value=numbers.people,
            reason=_nobody(numbers),
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
            refuses=numbers.first_run and numbers.tagged != 0,
            value=numbers.tagged if numbers.first_run else None,
            reason=say("guard.tags_unknown", "cannot find out whether the list has special tags of this shop")
            if numbers.tagged is None
            else say(
                "guard.tags_of_the_shop",
                "the list has special tags of this shop, but there is no record of an earlier run",
            ),
        ),
        flag("moved", refuses=numbers.moved is not None, reason=numbers.moved or ""),
        _consent_signal(numbers.silent),
        flag(
            "clock",
            refuses=numbers.skew is not None and abs(numbers.skew) > DAY,
            reason=clock_words(numbers.skew) or "",
        ),
    ]
    return [guard if guard.refuses else guard._replace(reason="") for guard in found]


def _nobody(numbers: Numbers) -> Message:
    if numbers.people_before is None and numbers.in_list_before is not None:
        return say_many(
            "guard.nobody_but_in_list",
            "the shop has nobody with a usable address, the list has {number:,} person with its special tags",
            "the shop has nobody with a usable address, the list has {number:,} people with its special tags",
            numbers.in_list_before,
        )
    return say(
        "guard.nobody_any_more",
        "the shop has nobody with a usable address, the last full read found {before:,}",
        before=numbers.people_before or 0,
    )


def _consent_signal(silent: Silent | None) -> Guard:
    if silent is None:
        return flag("consent_signal", refuses=False)
    reason = say_many(
        "guard.consent_gone",
        "{where}: of the {before:,} people whose newsletter status was known, {number:,} has none now",
        "{where}: of the {before:,} people whose newsletter status was known, {number:,} have none now",
        silent.gone,
        where=silent.where,
        before=silent.before,
    )
    return Guard("consent_signal", silent.allowed, silent.gone, silent.gone * 2 > silent.before, reason)


def clock_words(skew: float | None) -> Message | None:
    """What is to be said of the clock; None if it is right."""
    if skew is None:
        return say(
            "clock.unknown",
            "neither the target nor the shop says what time it is, so this machine's clock cannot be checked",
        )
    if abs(skew) <= _WARNED:
        return None
    wrong = abs(skew) / 60
    if wrong < 120:
        size = say_many("clock.minutes", "{number:,} minute", "{number:,} minutes", round(wrong))
    else:
        size = say_many("clock.hours", "{number:,} hour", "{number:,} hours", round(wrong / 60))
    if skew > 0:
        return say("clock.behind", "this machine's clock is {time} behind what the servers say", time=size)
    return say("clock.ahead", "this machine's clock is {time} ahead of what the servers say", time=size)


def refusal(found: list[Guard], forced: frozenset[str]) -> GuardError | None:
    """The error of the guards that refuse and were not forced."""
    against = refusing(found, forced)
    if not against:
        return None
    first, *others = (
        say("guard.refusal", "{guard}: {reason}", guard=guard.name, reason=guard.reason) for guard in against
    )
    for other in others:
        first = say("guard.refusals", "{refusal}; {other}", refusal=first, other=other)
    return GuardError(
        say("guard.refused", "refused by {refusals}", refusals=first),
        hint=say(
            "guard.override",
            "{advice}; {options} overrides it for one run",
            advice=_ADVICE[against[0].name],
            options=" ".join(f"--force {guard.name}" for guard in against),
        ),
    )
