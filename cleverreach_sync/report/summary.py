"""What a result document says, in sentences and counted lines; text and markdown only lay them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from cleverreach_sync.fleet.naming import RunName, names_in
from cleverreach_sync.messages import Message, say, say_many
from cleverreach_sync.report import words
from cleverreach_sync.report.addressing import options_of

_FAILED_AT_ALL: Final = say("verdict.failed", "failed")
_FAILED: Final = {
    1: say("verdict.bug", "failed: an unexpected error"),
    2: _FAILED_AT_ALL,
    4: say("verdict.rejected", "finished, but too many people are rejected or invalid"),
    5: say("verdict.temporary", "stopped by a temporary failure, the next run carries on from here"),
    6: say("verdict.auth", "failed: access refused"),
    8: say("verdict.locked", "not started: another run is under way"),
    9: say("verdict.state", "failed: the state cannot be used"),
}
_FINISHED: Final = say("verdict.finished", "finished")
_CONTINUED: Final = say("verdict.continued", "finished, an interrupted run was continued")
_NOTHING_WRITTEN: Final = {
    False: say("verdict.nothing_to_write", "finished, nothing had to be written"),
    True: say(
        "verdict.continued_nothing_to_write", "finished, an interrupted run was continued, nothing had to be written"
    ),
}
OF_KINDS: Final = say("report.of_kinds", "Those created, updated or unchanged")
NOTHING_TO_DO: Final = say("next.nothing", "nothing to do")
LOOK_AT_ROWS: Final = say("next.look_at_rows", "look at the warnings, which name the rows that are invalid")
THE_SHOP: Final = say("report.the_shop", "the shop")
NOT_CREATED_YET: Final = say("list.not_created_yet", "not created yet")


class Line(NamedTuple):
    """A count under its label; `depth` 0 is a total, deeper lines are parts of it."""

    depth: int
    label: str
    people: int


def of(doc: dict[str, Any], key: str) -> dict[str, Any]:
    """The object under `key`; empty where a run ended before it was known."""
    return doc.get(key) or {}


def would(doc: dict[str, Any]) -> bool:
    """Is this about what would happen?"""
    return bool(doc.get("dry_run"))


def changed(doc: dict[str, Any]) -> int:
    """How many people something was, or would be, written for."""
    counts = of(doc, "counts")
    return sum(counts.get(key) or 0 for key in ("created", "updated", "deactivated"))


def listed(doc: dict[str, Any]) -> int:
    """How many people a dry run could list: a row that makes no difference is sent by a resync, but not listed."""
    found = doc.get("changes_total")
    return max(changed(doc), len(doc.get("changes") or ())) if found is None else int(found)


def all_changes(total: int) -> Message:
    return say("changes.all", "Changes ({total:,})", total=total)


def list_name(doc: dict[str, Any]) -> Message:
    """`list "Online shop" (123)`."""
    target = of(doc, "target")
    name, number = target.get("list_name"), target.get("list_id")
    if name:
        return say("list.name_and_number", 'list "{name}" ({number})', name=name, number=number or NOT_CREATED_YET)
    return say("list.number", "list {number}", number=number) if number else say("list.unknown", "the list")


def shop_name(doc: dict[str, Any]) -> str:
    source = of(doc, "source")
    return source.get("name") or source.get("type") or THE_SHOP


def title(doc: dict[str, Any]) -> Message:
    """`sync of Shop into list "Online shop" (123)`."""
    command, shop, list_ = doc.get("command"), shop_name(doc), list_name(doc)
    if command == "diff":
        return say("report.diff_title", "{command} of {shop} against {list}", command=command, shop=shop, list=list_)
    return say("report.title", "{command} of {shop} into {list}", command=command, shop=shop, list=list_)


def verdict(doc: dict[str, Any]) -> Message:
    """How it ended, without a full stop: `finished`, `dry run, nothing was written: 4 people would change`."""
    code = of(doc, "exit").get("code", 0)
    count = changed(doc)
    if code >= 128 or of(doc, "exit").get("class") == "signal":
        return say("verdict.signal", "stopped by a signal, the next run carries on from here")
    if code == 7 and not would(doc):
        if count:
            return say("verdict.refused_later", "refused by a guard, nothing more was written")
        return say("verdict.refused", "refused by a guard, nothing was written")
    if code == 4 and not doc.get("complete", True):
        return say("verdict.nobody_taken", "stopped: {target} rejects everybody", target=words.target_of(doc))
    if code == 5 and doc.get("stopped") == "max_duration":
        if would(doc):
            return say("verdict.too_late_to_compare", "stopped ({why}) before anything was compared", why=_why(doc))
        return say("verdict.too_late_to_write", "stopped ({why}) before anything was written", why=_why(doc))
    if code not in (0, 3, 7):
        return _FAILED.get(code, _FAILED_AT_ALL)
    if would(doc):
        return _foreseen(doc, count)
    if not doc.get("complete", True):
        return _early(doc)
    resumed = bool(doc.get("resumed"))
    if count:
        return _CONTINUED if resumed else _FINISHED
    return _NOTHING_WRITTEN[resumed]


def _early(doc: dict[str, Any]) -> Message:
    if not doc.get("stopped"):
        return say("verdict.early", "stopped early, the next run carries on from here")
    return say("verdict.early_because", "stopped early ({why}), the next run carries on from here", why=_why(doc))


def _foreseen(doc: dict[str, Any], count: int) -> Message:
    happens = (
        say_many("verdict.would_change", "{number:,} person would change", "{number:,} people would change", count)
        if count
        else say("verdict.nothing_would_change", "nothing would change")
    )
    if not doc.get("complete", True):
        if doc.get("stopped"):
            happens = say(
                "verdict.in_part_because",
                "{happens}; only a part was looked at ({why})",
                happens=happens,
                why=_why(doc),
            )
        else:
            happens = say("verdict.in_part", "{happens}; only a part was looked at", happens=happens)
    if refusing(doc):
        happens = say("verdict.would_be_refused", "{happens}; a guard would refuse it", happens=happens)
    return say("verdict.dry_run", "dry run, nothing was written: {happens}", happens=happens)


def unfinished_runs(doc: dict[str, Any]) -> Iterator[tuple[Message, RunName | None]]:
    """What is to be said of runs that ended well, but not at their end, and whose they are among several."""
    if doc.get("schema") == "crsync.run/1" and not doc.get("complete", True):
        yield words.told(title(doc), verdict(doc)), None
    if doc.get("schema") != "crsync.runs/1":
        return
    left = doc.get("not_started") or []
    names = names_in([*doc["runs"], *left])
    for run, name in zip(doc["runs"], names, strict=False):
        if not run.get("complete", True):
            yield words.told(title(run), verdict(run)), name
    for entry, name in zip(left, names[len(doc["runs"]) :], strict=True):
        yield say("runs.not_started", "not started ({why})", why=words.of(words.STOPPED, entry["reason"])), name


def _why(doc: dict[str, Any]) -> str:
    """Why a run is not complete; `stopped` is the key of the reason."""
    return words.of(words.STOPPED, doc["stopped"])


def activation(doc: dict[str, Any]) -> list[Line]:
    """Who became active; empty when nobody did and nobody was created inactive."""
    found = {key: value or 0 for key, value in of(doc, "activation").items()}
    new, again = found.get("created_active", 0), found.get("activated", 0)
    lines = []
    if new or again:
        became, become = say("activation.became", "Became active"), say("activation.would", "Would become active")
        lines.append(Line(0, become if would(doc) else became, new + again))
        lines.append(Line(1, say("activation.new", "new to the list"), new))
        without = say("activation.without_consent", "of them without consent")
        lines.append(Line(2, without, found.get("without_consent", 0)))
        lines.append(Line(1, say("activation.again", "in the list already, inactive until now"), again))
    created = say("activation.created_inactive", "Created inactive")
    create = say("activation.would_create_inactive", "Would be created inactive")
    lines.append(Line(0, create if would(doc) else created, found.get("created_inactive", 0)))
    return [line for line in lines if line.people]


def nobody(doc: dict[str, Any]) -> Message:
    """What is said when `activation` has nobody who becomes active."""
    if would(doc):
        return say("activation.nobody_would", "Nobody would become active.")
    return say("activation.nobody", "Nobody became active.")


def counts(doc: dict[str, Any]) -> Iterator[Line]:
    """The people read and what became of them, with the reasons of those who were not sent."""
    found = of(doc, "counts")
    whole = would(doc) or doc.get("complete", True)  # else those read are more than those something was done about
    target = words.target_of(doc)
    read, dealt_with = say("counts.read", "People read"), say("counts.dealt_with", "People dealt with")
    yield Line(0, read if whole else dealt_with, found.get("people") or 0)
    for outcome in words.OUTCOMES:
        if not found.get(outcome):
            continue
        yield Line(1, words.tensed(words.OUTCOMES, outcome, target, would=would(doc)), found[outcome])
        if outcome in _REASONS:
            for key, number in words.in_order(_REASONS[outcome], of(doc, outcome)):
                yield Line(2, words.of(_REASONS[outcome], key, target), number)


_REASONS: Final = {"skipped": words.SKIPPED, "invalid": words.INVALID, "rejected": words.REJECTED}


def kinds(doc: dict[str, Any]) -> str:
    """`4 subscribers, 3 buyers`; empty if there are none."""
    found = words.in_order(words.KINDS, of(doc, "kinds"))
    return words.joined(words.amount(words.KIND_COUNTS, key, number) for key, number in found)


def refusing(doc: dict[str, Any]) -> list[dict[str, Any]]:
    """The guards that refuse, forced ones included."""
    return [guard for guard in doc.get("guards") or () if guard.get("refuses")]


def guard_verdict(doc: dict[str, Any], guard: dict[str, Any], shown: Callable[[str], str] = str) -> Message:
    """`guard max_created would refuse`, the name as `shown` makes it."""
    name = shown(guard["name"])
    if forced(doc, guard):
        return say("guard.overridden", "guard {name} was overridden", name=name)
    if would(doc):
        return say("guard.would_refuse", "guard {name} would refuse", name=name)
    return say("guard.refuses", "guard {name} refuses", name=name)


def guard_reason(guard: dict[str, Any]) -> str:
    """`30 people, 20 are allowed`."""
    return guard.get("reason") or words.of(words.GUARDS, guard["name"])


def guard_sentence(doc: dict[str, Any], guard: dict[str, Any]) -> Message:
    """`guard max_created would refuse: 30 people, 20 are allowed`."""
    return words.told(guard_verdict(doc, guard), guard_reason(guard))


def forced(doc: dict[str, Any], guard: dict[str, Any]) -> bool:
    """Was this refusing guard overridden? A real run that got past it says so."""
    if "forced" in guard:
        return bool(guard["forced"])
    return not would(doc) and of(doc, "exit").get("code", 0) != 7


def force_option(guard: dict[str, Any]) -> str:
    return f"--force {guard['name']}"


def advice(doc: dict[str, Any], guard: dict[str, Any]) -> Message:
    """What to do about a guard that refuses. What only looks new because nothing is known here of earlier runs is not
    to be forced."""
    if knows_nothing(doc, guard):
        return say("advice.no_record", "if there were earlier runs elsewhere, there is no record of them here")
    force = force_option(guard)
    mended = words.MENDED.get(guard["name"])
    return mended(force) if mended else say("advice.force", "if that is intended: {force}", force=force)


def knows_nothing(doc: dict[str, Any], guard: dict[str, Any]) -> bool:
    """Whether a dry run was made where there is no state, such as a machine for CI."""
    return guard["name"] == "foreign_tags" and would(doc)


def is_prose(step: str) -> bool:
    """Whether a next step is more than one command, which stays in one line so that it can be copied."""
    return isinstance(step, Message)


def next_step(doc: dict[str, Any], shown: Callable[[str], str] = str) -> str:
    """The one thing to do now, a command line or a message in which `shown` makes what is seen of every command line;
    empty when there is nothing."""
    code, counted = of(doc, "exit").get("code", 0), of(doc, "counts")
    open_guards = [guard for guard in refusing(doc) if not forced(doc, guard)]
    if open_guards:
        return _before_forcing(doc, open_guards, shown)
    if code in (2, 6):
        return shown(command(doc, "check"))
    if code in (1, 9):
        return ""
    if would(doc):
        if changed(doc):
            return shown(command(doc))
        return LOOK_AT_ROWS if counted.get("invalid") else NOTHING_TO_DO
    complete = doc.get("complete", True)
    nobody_taken = code == 4 and not complete
    if nobody_taken or (counted.get("rejected") and complete and code in (0, 4)):
        return say("next.rejects", "{status} (lists the rejected people and why)", status=shown(command(doc, "status")))
    if code == 4:
        return say(
            "next.invalid", "{diff} (its warnings name the rows that are invalid)", diff=shown(command(doc, "diff"))
        )
    return shown(command(doc)) if code or not complete else ""


def next_line(step: str) -> Message:
    return say("next.line", "next: {step}", step=step)


def _before_forcing(doc: dict[str, Any], guards: list[dict[str, Any]], shown: Callable[[str], str]) -> str:
    if any(guard["name"] == "foreign_tags" for guard in guards):
        return say(
            "next.against_list",
            "{look} (compares with the list alone), or bring a copy of the state folder here",
            look=shown(f"{command(doc, 'diff')} --against list"),
        )
    if any(guard["name"] in words.MENDED for guard in guards):
        return shown(command(doc, "check"))
    return say(
        "next.look_first",
        "look at the people first: {look}; if they are right: {force}",
        look=shown(f"{command(doc, 'diff')} --show-pii"),
        force=shown(command(doc, forcing=guards)),
    )


def command(doc: dict[str, Any], name: str | None = None, forcing: list[dict[str, Any]] | None = None) -> str:
    """The command line that carries out what the document foresees, or `name` on the same config."""
    done = doc.get("command") or "sync"
    parts = ["crsync", name or ("sync" if done == "diff" else done)]
    force = "".join(f" {force_option(guard)}" for guard in forcing or ())
    return f"{' '.join(parts)}{options_of(doc.get('config'), doc.get('transfer'))}{force}"
