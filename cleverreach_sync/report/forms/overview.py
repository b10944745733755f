"""The documents about several transfers as text: one table, then what needs a look."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from cleverreach_sync.fleet.naming import names_in
from cleverreach_sync.messages import Message, say, say_many, spoken
from cleverreach_sync.report import summary, words
from cleverreach_sync.report.forms.page import Page
from cleverreach_sync.report.forms.setup import attributes_text, check_text
from cleverreach_sync.report.forms.text import (
    NO_RUN_YET,
    result_of,
    run_text,
    runs_table,
    style_of,
    when,
)

if TYPE_CHECKING:
    from rich.console import Console

_COMMAND: Final = re.compile(r"crsync (\w+)")
Render = Callable[[dict[str, Any], "Console"], None]


def runs_text(doc: dict[str, Any], console: Console) -> None:
    """Print several runs of one call (`crsync.runs/1`). What a dry run found is shown in full, before the table."""
    runs = doc.get("runs") or []
    labels = _labels(runs)
    for run, label in zip(runs, labels, strict=True):
        if summary.would(run) and (summary.changed(run) or summary.refusing(run)):
            _section(label, run, run_text, console)
    with Page(console) as page:
        runs_table(runs, page, _head(runs), labels)
        for run, label in zip(runs, labels, strict=True):
            if summary.would(run) and not _failed(run):
                continue
            if _failed(run) or summary.refusing(run) or not run.get("complete", True):
                _attention(run, label, page)
        page.line()
        _ending(doc, runs, page, result_of)


def statuses_text(doc: dict[str, Any], console: Console) -> None:
    """Print where several transfers stand (`crsync.statuses/1`)."""
    statuses = doc.get("statuses") or []
    labels = _labels(statuses)
    with Page(console) as page:
        rows = [_standing(status, label) for status, label in zip(statuses, labels, strict=True)]
        last_run, rejects = say("column.last_run", "last run (UTC)"), say("column.rejects", "rejects")
        heads = [_head(statuses), last_run, words.PEOPLE, rejects, words.RESULT, say("column.next", "next")]
        page.table(heads, rows, numbers=[words.PEOPLE, rejects])
        for status, label in zip(statuses, labels, strict=True):
            last = _last(status)
            if _failed(last):
                about = {key: status[key] for key in ("config", "transfer") if key in status}
                _attention({**last, **about}, label, page)


def checks_text(doc: dict[str, Any], console: Console) -> None:
    """Print what was checked of several transfers (`crsync.checks/1`)."""
    _sections(doc, doc.get("checks") or [], check_text, console)


def field_lists_text(doc: dict[str, Any], console: Console) -> None:
    """Print the data fields of several transfers (`crsync.field_lists/1`)."""
    _sections(doc, doc.get("field_lists") or [], attributes_text, console)


def _sections(doc: dict[str, Any], entries: list[dict[str, Any]], render: Render, console: Console) -> None:
    labels = _labels(entries)
    for entry, label in zip(entries, labels, strict=True):
        if entry.get("schema") != "crsync.error/1":
            _section(label, entry, render, console)
            continue
        with Page(console) as page:
            _attention(entry, label, page, blank=False)
            page.line()
    failed = [label for entry, label in zip(entries, labels, strict=True) if _failed(entry)]
    with Page(console) as page:
        _ending(doc, entries, page, _class)
        if failed:
            page.line(say("several.look_at", "to look at: {names}", names=", ".join(failed)), "bold red", hanging=2)


def _section(label: str, doc: dict[str, Any], render: Render, console: Console) -> None:
    with Page(console) as page:
        page.line(f"{label}:", "bold")
    render(doc, console)
    with Page(console) as page:
        page.line()


def _attention(run: dict[str, Any], label: str, page: Page, *, blank: bool = True) -> None:
    if blank:
        page.line()
    verdict = summary.verdict(run)
    said = words.told(summary.title(run), verdict) if run.get("source") else verdict
    page.line(words.told(label, said), style_of(run), hanging=2)
    error, guards = summary.of(run, "error"), summary.refusing(run)
    if error.get("message") and not guards:
        place = f"{error['where']}: " if error.get("where") else ""
        page.line(place + spoken(error["message"]), indent=2, hanging=2)
    for guard in guards:
        page.line(summary.guard_sentence(run, guard), indent=2, hanging=2)
    step = summary.next_step(run)
    if step:
        page.line(summary.next_line(step), indent=2, hanging=2, wraps=summary.is_prose(step))


def _class(entry: dict[str, Any]) -> str:
    return words.of(words.RESULTS, summary.of(entry, "exit").get("class") or "ok")


def _ending(
    doc: dict[str, Any], entries: list[dict[str, Any]], page: Page, result: Callable[[dict[str, Any]], str]
) -> None:
    left = doc.get("not_started") or ()
    for reason in dict.fromkeys(entry["reason"] for entry in left):
        those = [entry for entry in left if entry["reason"] == reason]
        named = ", ".join(_labels([*entries, *those])[len(entries) :])
        why = words.of(words.STOPPED, reason)
        left_out = say("several.not_started", "Not started ({why}): {names}", why=why, names=named)
        page.line(left_out, "yellow", hanging=2)
    total = say_many("several.transfers", "{number:,} transfer", "{number:,} transfers", len(entries))
    ways = words.joined(
        say("several.ended_so", "{number:,} {result}", number=number, result=way)
        for way, number in Counter(map(result, entries)).most_common()
    )
    page.line(words.told(total, ways), "bold", hanging=2)


def _standing(status: dict[str, Any], label: str) -> list[str]:
    last = _last(status)
    counts = summary.of(last, "counts")
    rejects = status.get("rejects") or ()
    if last:
        result, step = result_of(last), _COMMAND.search(summary.next_step(last))
        then = step[1] if step else "status" if rejects else ""
    else:
        result, then = NO_RUN_YET, "diff"
    if status.get("interrupted") and not _failed(last):
        result, then = say("result.interrupted", "interrupted"), "sync"
    people = f"{counts.get('people') or 0:,}" if counts else "-"
    return [label, when(last.get("started_at"))[:16] or "-", people, f"{len(rejects):,}", result, then]


def _last(status: dict[str, Any]) -> dict[str, Any]:
    """The last run; the entry itself if the state could not be read."""
    if status.get("schema") == "crsync.error/1":
        return status
    runs = status.get("runs") or []
    return runs[0] if runs else {}


def _failed(entry: dict[str, Any]) -> bool:
    return summary.of(entry, "exit").get("code", 0) not in (0, 3)


def _labels(entries: Iterable[dict[str, Any]]) -> list[str]:
    return [name.label for name in names_in(entries)]


def _head(entries: list[dict[str, Any]]) -> Message:
    alone = len({entry.get("config") for entry in entries}) == 1
    named = alone and any(entry.get("transfer") for entry in entries)
    return words.TRANSFER if named else say("column.config", "config")
