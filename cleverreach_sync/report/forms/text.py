"""The documents as text for people: what matters first, nothing that is zero, 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from cleverreach_sync.messages import Message, say, say_many, spoken
from cleverreach_sync.report import effort, summary, words
from cleverreach_sync.report.forms.changes import effects
from cleverreach_sync.report.forms.page import Page

if TYPE_CHECKING:
    from rich.console import Console

_RUNS_SHOWN: Final = 10
_REJECTS_SHOWN: Final = 50


def run_text(doc: dict[str, Any], console: Console) -> None:
    """Print the result of a sync, resync or diff (`crsync.run/1`)."""
    with Page(console) as page:
        page.line(words.told(summary.title(doc), summary.verdict(doc)), style_of(doc))
        page.line()
        lines = summary.activation(doc)
        if not any(line.depth for line in lines):
            page.line(summary.nobody(doc))
        page.counted(lines)
        page.line()
        page.counted(summary.counts(doc))
        kinds = summary.kinds(doc)
        if kinds:
            page.line(words.told(summary.OF_KINDS, kinds), hanging=2)
        _guards(doc, page)
        _changes(doc, page)
        _ending(doc, page)


def style_of(doc: dict[str, Any]) -> str:
    """How the line that tells the verdict looks."""
    code = summary.of(doc, "exit").get("code", 0)
    if code not in (0, 3) and not (code == 7 and summary.would(doc)):
        return "bold red"
    held = summary.refusing(doc) or not doc.get("complete", True)
    return "bold yellow" if held else "bold"


def _guards(doc: dict[str, Any], page: Page) -> None:
    guards = summary.refusing(doc)
    if guards:
        page.line()
    for guard in guards:
        page.line(summary.guard_sentence(doc, guard), "yellow", hanging=2)
        if not summary.forced(doc, guard):
            page.line(summary.advice(doc, guard), indent=2, hanging=2)


def _changes(doc: dict[str, Any], page: Page) -> None:
    changes = doc.get("changes") or ()
    if not changes:
        return
    total = summary.listed(doc)
    page.line()
    if len(changes) < total:
        page.line(_first_of(len(changes), total, doc), "bold", hanging=2)
    else:
        page.line(summary.all_changes(total), "bold")
    for change in changes:
        head = f"{spoken(words.of(words.ACTIONS, change['action']))} {change['email']}"
        page.line(head, _ACTION_STYLES.get(change["action"], ""), indent=2, hanging=2)
        for effect in effects(change, words.target_of(doc)):
            page.line(effect, indent=4, hanging=2)


def _first_of(shown: int, total: int, doc: dict[str, Any]) -> Message:
    if doc.get("command") == "diff":
        return say(
            "changes.first_of_diff",
            "Changes (the first {shown:,} of {total:,}; all with --details all)",
            shown=shown,
            total=total,
        )
    return say("changes.first", "Changes (the first {shown:,} of {total:,})", shown=shown, total=total)


_ACTION_STYLES: Final = {"create": "green", "deactivate": "yellow"}


def _ending(doc: dict[str, Any], page: Page) -> None:
    page.line()
    warnings = doc.get("warnings") or ()
    if warnings:
        page.line(words.warnings(len(warnings)), "yellow")
    step = summary.next_step(doc)
    if step:
        page.line(summary.next_line(step), "bold", hanging=2, wraps=summary.is_prose(step))
    for fact in (effort.took(doc), effort.requests(doc)):
        if fact:
            page.line(fact, "dim", hanging=2)


def runs_table(runs: list[dict[str, Any]], page: Page, head: str, labels: Iterable[str]) -> None:
    """A line a run: its label below `head`, counts, how it ended. Runs that never began have no counts. Where there is
    little room, columns without anybody are left out."""
    counted = [summary.of(run, "counts") for run in runs]
    heads = list(_COUNTED)
    if page.width < _ROOMY:
        heads = [name for name in heads if name == words.PEOPLE or any(_number(of, name) for of in counted)]
    rows = [
        [label, *(f"{_number(of, name):,}" if of else "-" for name in heads), result_of(run)]
        for run, of, label in zip(runs, counted, labels, strict=True)
    ]
    page.table([head, *heads, words.RESULT], rows, numbers=heads, gap=1)


_ROOMY: Final = 72
_COUNTED: Final = {
    words.PEOPLE: ("people",),
    say("column.created", "created"): ("created",),
    say("column.updated", "updated"): ("updated",),
    say("column.deactivated", "deactiv."): ("deactivated",),
    say("column.skipped", "skipped"): ("skipped",),
    say("column.failed", "failed"): ("invalid", "rejected"),
}


def _number(counts: dict[str, Any], name: Message) -> int:
    return sum(counts.get(key) or 0 for key in _COUNTED[name])


def result_of(run: dict[str, Any]) -> str:
    """How a run ended, in a word or two."""
    name = summary.of(run, "exit").get("class") or "ok"
    if name in ("ok", "differences"):
        if summary.would(run):
            return say("result.dry_run", "dry run")
        return words.RESULTS["ok"] if run.get("complete", True) else say("result.stopped_early", "stopped early")
    return words.of(words.RESULTS, name)


def status_text(doc: dict[str, Any], console: Console) -> None:
    """Print the state of a transfer (`crsync.status/1`): where it stands, last runs, open rejects."""
    with Page(console) as page:
        shop, list_ = summary.of(doc, "source").get("name") or summary.THE_SHOP, summary.list_name(doc)
        page.line(say("status.title", "{shop} into {list}", shop=shop, list=list_), "bold")
        page.table(["", ""], [fact for fact in _facts(doc) if fact[1]])
        page.line()
        runs = doc.get("runs") or []
        if not runs:
            page.line(NO_RUN_YET)
            page.line(summary.next_line(summary.command(doc, "diff")), "bold", wraps=False)
        else:
            page.line(say("status.last_runs", "Last runs (times in UTC)"), "bold")
            shown = runs[:_RUNS_SHOWN]
            runs_table(shown, page, say("column.run", "run"), map(_run_at, shown))
            message = summary.of(runs[0], "error").get("message")
            if message:
                page.line(say("status.last_error", "last run: {message}", message=message), "red", hanging=2)
        _rejects(doc.get("rejects") or [], words.target_of(doc), page)


NO_RUN_YET: Final = say("status.no_run_yet", "no run yet")


def _facts(doc: dict[str, Any]) -> Iterator[tuple[str, str]]:
    kinds = words.joined(words.of(words.KINDS, tag) for tag in doc.get("tags") or ())
    yield say("status.transferred", "transferred"), kinds
    not_yet = say("status.not_completed_yet", "not completed yet")
    yield say("status.first_full_transfer", "first full transfer"), when(doc.get("initial_sync_at")) or not_yet
    for name, at in summary.of(doc, "cursors").items():
        yield say("status.read_up_to", "read up to, {stream}", stream=words.of(words.STREAMS, name)), when(at)
    for name, number in _numbers(doc.get("totals")):
        yield words.of(words.TOTALS, name), f"{number:,}"


def _numbers(found: Any) -> list[tuple[str, int]]:
    return [(name, value) for name, value in (found or {}).items() if isinstance(value, int)]


def when(value: Any) -> str:
    """`2026-11-21 20:00:00` of an ISO time in UTC; anything else as it is."""
    if value is None:
        return ""
    text = str(value)
    return text[:19].replace("T", " ") if text[10:11] == "T" and text.endswith(("Z", "+00:00")) else text


def _run_at(run: dict[str, Any]) -> str:
    return f"{when(run.get('started_at'))[5:16]} {run.get('command') or ''}"


def _rejects(rejects: list[dict[str, Any]], target: str, page: Page) -> None:
    page.line()
    if not rejects:
        page.line(say("rejects.none", "Nobody is rejected."))
        return
    page.line(
        say(
            "rejects.title",
            "Rejected by {target} and tried again on every run ({number:,})",
            number=len(rejects),
            target=target,
        ),
        "bold",
    )
    for reject in rejects[:_REJECTS_SHOWN]:
        page.line(str(reject.get("email")), indent=2)
        page.line(_rejected(reject, target), indent=4, hanging=2)
    if len(rejects) > _REJECTS_SHOWN:
        more = len(rejects) - _REJECTS_SHOWN
        page.line(say("rejects.more", "and {number:,} more (all with --format json)", number=more))


def _rejected(reject: dict[str, Any], target: str) -> Message:
    return say_many(
        "rejects.attempts",
        "{reason}, {number:,} attempt since {date}",
        "{reason}, {number:,} attempts since {date}",
        reject.get("attempts") or 1,
        reason=words.of(words.REJECTED, str(reject.get("reason") or "unknown"), target),
        date=when(reject.get("since"))[:10],
    )
