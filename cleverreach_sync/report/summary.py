"""What a result document says, in sentences and counted lines; text and markdown only lay them out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from cleverreach_sync.fleet.naming import RunName, names_in
from cleverreach_sync.report import words
from cleverreach_sync.report.addressing import options_of

_FAILED: Final = {
    1: "failed: an unexpected error",
    2: "failed",
    4: "finished, but too many people are rejected or invalid",
    5: "stopped by a temporary failure, the next run carries on from here",
    6: "failed: access refused",
    8: "not started: another run is under way",
    9: "failed: the state cannot be used",
}


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


def list_name(doc: dict[str, Any]) -> str:
    """`list "Online shop" (123)`."""
    target = of(doc, "target")
    name, number = target.get("list_name"), target.get("list_id")
    if not name:
        return f"list {number}" if number else "the list"
    return f'list "{name}" ({number or "not created yet"})'


def title(doc: dict[str, Any]) -> str:
    """`sync of Shop into list "Online shop" (123)`."""
    source = of(doc, "source")
    joint = "against" if doc.get("command") == "diff" else "into"
    return f"{doc.get('command')} of {source.get('name') or source.get('type') or 'the shop'} {joint} {list_name(doc)}"


def verdict(doc: dict[str, Any]) -> str:
    """How it ended, without a full stop: `finished`, `dry run, nothing was written: 4 people would change`."""
    code = of(doc, "exit").get("code", 0)
    count = changed(doc)
    if code >= 128 or of(doc, "exit").get("class") == "signal":
        return "stopped by a signal, the next run carries on from here"
    if code == 7 and not would(doc):
        return f"refused by a guard, nothing {'more ' if count else ''}was written"
    if code == 4 and not doc.get("complete", True):
        return "stopped: CleverReach rejects everybody"
    if code == 5 and doc.get("stopped") == "max_duration":
        return f"stopped{_why(doc)} before anything was {'compared' if would(doc) else 'written'}"
    if code not in (0, 3, 7):
        return _FAILED.get(code, "failed")
    if would(doc):
        return _foreseen(doc, count)
    if not doc.get("complete", True):
        return f"stopped early{_why(doc)}, the next run carries on from here"
    ending = "finished, an interrupted run was continued" if doc.get("resumed") else "finished"
    return ending if count else f"{ending}, nothing had to be written"


def _foreseen(doc: dict[str, Any], count: int) -> str:
    happens = f"{words.counted(count, 'person', 'people')} would change" if count else "nothing would change"
    part = "" if doc.get("complete", True) else f"; only a part was looked at{_why(doc)}"
    refused = "; a guard would refuse it" if refusing(doc) else ""
    return f"dry run, nothing was written: {happens}{part}{refused}"


def unfinished_runs(doc: dict[str, Any]) -> Iterator[tuple[str, RunName | None]]:
    """What is to be said of runs that ended well, but not at their end, and whose they are among several."""
    if doc.get("schema") == "crsync.run/1" and not doc.get("complete", True):
        yield f"{title(doc)}: {verdict(doc)}", None
    if doc.get("schema") != "crsync.runs/1":
        return
    left = doc.get("not_started") or []
    names = names_in([*doc["runs"], *left])
    for run, name in zip(doc["runs"], names, strict=False):
        if not run.get("complete", True):
            yield f"{title(run)}: {verdict(run)}", name
    for entry, name in zip(left, names[len(doc["runs"]) :], strict=True):
        yield f"not started ({words.spoken(words.STOPPED, entry['reason'])})", name


def _why(doc: dict[str, Any]) -> str:
    """Why a run is not complete, in brackets; `stopped` is the key of the reason."""
    reason = doc.get("stopped")
    return f" ({words.spoken(words.STOPPED, reason)})" if reason else ""


def activation(doc: dict[str, Any]) -> list[Line]:
    """Who became active; empty when nobody did and nobody was created inactive."""
    found = {key: value or 0 for key, value in of(doc, "activation").items()}
    new, again = found.get("created_active", 0), found.get("activated", 0)
    lines = []
    if new or again:
        lines.append(Line(0, "Would become active" if would(doc) else "Became active", new + again))
        lines.append(Line(1, "new to the list", new))
        lines.append(Line(2, "of them without consent", found.get("without_consent", 0)))
        lines.append(Line(1, "in the list already, inactive until now", again))
    inactive = found.get("created_inactive", 0)
    lines.append(Line(0, "Would be created inactive" if would(doc) else "Created inactive", inactive))
    return [line for line in lines if line.people]


def nobody(doc: dict[str, Any]) -> str:
    """What is said when `activation` has nobody who becomes active."""
    return "Nobody would become active." if would(doc) else "Nobody became active."


def counts(doc: dict[str, Any]) -> Iterator[Line]:
    """The people read and what became of them, with the reasons of those who were not sent."""
    found = of(doc, "counts")
    whole = would(doc) or doc.get("complete", True)  # else those read are more than those something was done about
    yield Line(0, "People read" if whole else "People dealt with", found.get("people") or 0)
    for outcome in words.OUTCOMES:
        if not found.get(outcome):
            continue
        yield Line(1, words.tensed(words.OUTCOMES, outcome, would=would(doc)), found[outcome])
        if outcome in _REASONS:
            for key, number in words.in_order(_REASONS[outcome], of(doc, outcome)):
                yield Line(2, words.spoken(_REASONS[outcome], key), number)


_REASONS: Final = {"skipped": words.SKIPPED, "invalid": words.INVALID, "rejected": words.REJECTED}


def kinds(doc: dict[str, Any]) -> str:
    """`4 subscribers, 3 buyers`; empty if there are none."""
    found = words.in_order(words.KINDS, of(doc, "kinds"))
    return ", ".join(words.counted(number, key, words.spoken(words.KINDS, key)) for key, number in found)


def refusing(doc: dict[str, Any]) -> list[dict[str, Any]]:
    """The guards that refuse, forced ones included."""
    return [guard for guard in doc.get("guards") or () if guard.get("refuses")]


def guard_sentence(doc: dict[str, Any], guard: dict[str, Any]) -> str:
    """`guard max_created would refuse: 30 people, 20 are allowed`."""
    reason = guard.get("reason") or words.spoken(words.GUARDS, guard["name"])
    verb = "would refuse" if would(doc) else "refuses"
    if forced(doc, guard):
        verb = "was overridden"
    return f"guard {guard['name']} {verb}: {reason}"


def forced(doc: dict[str, Any], guard: dict[str, Any]) -> bool:
    """Was this refusing guard overridden? A real run that got past it says so."""
    if "forced" in guard:
        return bool(guard["forced"])
    return not would(doc) and of(doc, "exit").get("code", 0) != 7


def advice(doc: dict[str, Any], guard: dict[str, Any]) -> str:
    """What to do about a guard that refuses. What only looks new because nothing is known here of earlier runs is not
    to be forced."""
    if knows_nothing(doc, guard):
        return "if there were earlier runs elsewhere, there is no record of them here"
    mended = words.MENDED.get(guard["name"], "if that is intended")
    return f"{mended}: --force {guard['name']}"


def knows_nothing(doc: dict[str, Any], guard: dict[str, Any]) -> bool:
    """Whether a dry run was made where there is no state, such as a machine for CI."""
    return guard["name"] == "foreign_tags" and would(doc)


class Part(NamedTuple):
    """Some words, or a command line among them."""

    text: str
    is_command: bool = False


def is_prose(step: str) -> bool:
    """Whether a next step is more than one command, which stays in one line so that it can be copied."""
    return not step.startswith("crsync ") or any(mark in step for mark in (" (", ";", ","))


def next_step(doc: dict[str, Any]) -> str:
    """The one thing to do now; empty when there is nothing."""
    return "".join(part.text for part in next_parts(doc))


def next_parts(doc: dict[str, Any]) -> list[Part]:
    """The next step, its command lines apart."""
    code, counted = of(doc, "exit").get("code", 0), of(doc, "counts")
    open_guards = [guard for guard in refusing(doc) if not forced(doc, guard)]
    if any(guard["name"] == "foreign_tags" for guard in open_guards):
        look = Part(f"{command(doc, 'diff')} --against list", is_command=True)
        return [look, Part(" (compares with the list alone), or bring a copy of the state folder here")]
    if any(guard["name"] in words.MENDED for guard in open_guards):
        return [Part(command(doc, "check"), is_command=True)]
    if open_guards:
        look = Part(f"{command(doc, 'diff')} --show-pii", is_command=True)
        go_on = Part(command(doc, forcing=open_guards), is_command=True)
        return [Part("look at the people first: "), look, Part("; if they are right: "), go_on]
    if code in (2, 6):
        return [Part(command(doc, "check"), is_command=True)]
    if code in (1, 9):
        return []
    if would(doc):
        return [Part(command(doc), is_command=True) if changed(doc) else Part("nothing to do")]
    complete = doc.get("complete", True)
    nobody_taken = code == 4 and not complete
    if nobody_taken or (counted.get("rejected") and complete and code in (0, 4)):
        return [Part(command(doc, "status"), is_command=True), Part(" (lists the rejected people and why)")]
    if code == 4:
        return [Part(command(doc, "diff"), is_command=True), Part(" (its warnings name the rows that are invalid)")]
    return [Part(command(doc), is_command=True)] if code or not complete else []


def command(doc: dict[str, Any], name: str | None = None, forcing: list[dict[str, Any]] | None = None) -> str:
    """The command line that carries out what the document foresees, or `name` on the same config."""
    done = doc.get("command") or "sync"
    parts = ["crsync", name or ("sync" if done == "diff" else done)]
    force = "".join(f" --force {guard['name']}" for guard in forcing or ())
    return f"{' '.join(parts)}{options_of(doc.get('config'), doc.get('transfer'))}{force}"


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `1 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def took(doc: dict[str, Any]) -> str:
    """`took 4.2 s: read 3.1 s, decide 0.1 s, write 1.0 s`; empty if the times are not known."""
    phases = doc.get("phases") or ()
    spent = [(phase["name"], phase.get("seconds") or 0) for phase in phases]
    parts = ", ".join(f"{name} {duration(seconds)}" for name, seconds in spent)
    try:
        ended = datetime.fromisoformat(doc["finished_at"]) - datetime.fromisoformat(doc["started_at"])
    except (KeyError, TypeError, ValueError):
        return f"took {parts}" if parts else ""
    # The times are whole seconds, up to one more or less than it took; the phases know better.
    known = sum(seconds for _, seconds in spent)
    total = known if abs(ended.total_seconds() - known) <= 1 else max(ended.total_seconds(), known)
    return f"took {duration(total)}{': ' + parts if parts else ''}"


def requests(doc: dict[str, Any]) -> str:
    """`5 requests: 1 to the shop, 4 to CleverReach`; empty if they were not counted."""
    found = of(doc, "requests")
    if not found:
        return ""
    asked = [(found.get("source") or 0, "the shop"), (found.get("target") or 0, "CleverReach")]
    total = words.counted(sum(number for number, _ in asked), "request")
    parts = [f"{number:,} to {whom}" for number, whom in asked if number]
    if found.get("retries"):
        parts.append(f"{words.counted(found['retries'], 'retry', 'retries')} among them")
    return f"{total}: {', '.join(parts)}" if parts else total
