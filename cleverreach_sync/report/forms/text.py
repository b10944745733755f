"""The documents as text for people: what matters first, nothing that is zero, 80 columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from cleverreach_sync.report import summary, words
from cleverreach_sync.report.forms.changes import effects
from cleverreach_sync.report.forms.page import Page

if TYPE_CHECKING:
    from rich.console import Console

_RUNS_SHOWN: Final = 10
_REJECTS_SHOWN: Final = 50
_MARKS: Final = {"ok": ("✓", "+", "green"), "warning": ("!", "!", "yellow"), "error": ("✗", "x", "red")}


def run_text(doc: dict[str, Any], console: Console) -> None:
    """Print the result of a sync, resync or diff (`crsync.run/1`)."""
    with Page(console) as page:
        page.line(f"{summary.title(doc)}: {summary.verdict(doc)}", style_of(doc))
        page.line()
        lines = summary.activation(doc)
        if not any(line.depth for line in lines):
            page.line(summary.nobody(doc))
        page.counted(lines)
        page.line()
        page.counted(summary.counts(doc))
        kinds = summary.kinds(doc)
        if kinds:
            page.line(f"Those created, updated or unchanged: {kinds}", hanging=2)
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
        more = "; all with --details all" if doc.get("command") == "diff" else ""
        page.line(f"Changes (the first {len(changes):,} of {total:,}{more})", "bold", hanging=2)
    else:
        page.line(f"Changes ({total:,})", "bold")
    for change in changes:
        head = f"{words.spoken(words.ACTIONS, change['action'])} {change['email']}"
        page.line(head, _ACTION_STYLES.get(change["action"], ""), indent=2, hanging=2)
        for effect in effects(change):
            page.line(effect, indent=4, hanging=2)


_ACTION_STYLES: Final = {"create": "green", "deactivate": "yellow"}


def _ending(doc: dict[str, Any], page: Page) -> None:
    page.line()
    warnings = doc.get("warnings") or ()
    if warnings:
        page.line(words.counted(len(warnings), "warning"), "yellow")
    step = summary.next_step(doc)
    if step:
        page.line(f"next: {step}", "bold", hanging=2, wraps=summary.is_prose(step))
    for fact in (summary.took(doc), summary.requests(doc)):
        if fact:
            page.line(fact, "dim", hanging=2)


def runs_table(runs: list[dict[str, Any]], page: Page, head: str, labels: Iterable[str]) -> None:
    """A line a run: its label below `head`, counts, how it ended. Runs that never began have no counts. Where there is
    little room, columns without anybody are left out."""
    counted = [summary.of(run, "counts") for run in runs]
    heads = list(_COUNTED)
    if page.width < _ROOMY:
        heads = [name for name in heads if name == "people" or any(_number(of, name) for of in counted)]
    rows = [
        [label, *(f"{_number(of, name):,}" if of else "-" for name in heads), result_of(run)]
        for run, of, label in zip(runs, counted, labels, strict=True)
    ]
    page.table([head, *heads, "result"], rows, numbers=heads, gap=1)


_ROOMY: Final = 72
_COUNTED: Final = {
    "people": ("people",),
    "created": ("created",),
    "updated": ("updated",),
    "deactiv.": ("deactivated",),
    "skipped": ("skipped",),
    "failed": ("invalid", "rejected"),
}


def _number(counts: dict[str, Any], name: str) -> int:
    return sum(counts.get(key) or 0 for key in _COUNTED[name])


def result_of(run: dict[str, Any]) -> str:
    """How a run ended, in a word or two."""
    name = summary.of(run, "exit").get("class") or "ok"
    if name in ("ok", "differences"):
        if summary.would(run):
            return "dry run"
        return "ok" if run.get("complete", True) else "stopped early"
    return str(name)


def status_text(doc: dict[str, Any], console: Console) -> None:
    """Print the state of a transfer (`crsync.status/1`): where it stands, last runs, open rejects."""
    with Page(console) as page:
        source = summary.of(doc, "source")
        page.line(f"{source.get('name') or 'the shop'} into {summary.list_name(doc)}", "bold")
        facts = [("transferred", ", ".join(words.spoken(words.KINDS, tag) for tag in doc.get("tags") or ()))]
        facts.append(("first full transfer", when(doc.get("initial_sync_at")) or "not completed yet"))
        facts += [(f"read up to, {name}", when(at)) for name, at in summary.of(doc, "cursors").items()]
        facts += [(name.replace("_", " "), f"{number:,}") for name, number in _numbers(doc.get("totals"))]
        page.table(["", ""], [fact for fact in facts if fact[1]])
        page.line()
        runs = doc.get("runs") or []
        if not runs:
            page.line("no run yet")
            page.line(f"next: {summary.command(doc, 'diff')}", "bold", wraps=False)
        else:
            page.line("Last runs (times in UTC)", "bold")
            shown = runs[:_RUNS_SHOWN]
            runs_table(shown, page, "run", map(_run_at, shown))
            last = runs[0]
            if summary.of(last, "error").get("message"):
                page.line(f"last run: {last['error']['message']}", "red", hanging=2)
        _rejects(doc.get("rejects") or [], page)


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


def _rejects(rejects: list[dict[str, Any]], page: Page) -> None:
    page.line()
    if not rejects:
        page.line("Nobody is rejected.")
        return
    page.line(f"Rejected by CleverReach and tried again on every run ({len(rejects):,})", "bold")
    for reject in rejects[:_REJECTS_SHOWN]:
        page.line(str(reject.get("email")), indent=2)
        reason = words.spoken(words.REJECTED, str(reject.get("reason") or "unknown"))
        tried = words.counted(reject.get("attempts") or 1, "attempt")
        page.line(f"{reason}, {tried} since {when(reject.get('since'))[:10]}", indent=4, hanging=2)
    if len(rejects) > _REJECTS_SHOWN:
        page.line(f"and {len(rejects) - _REJECTS_SHOWN:,} more (all with --format json)")


def attributes_text(doc: dict[str, Any], console: Console) -> None:
    """Print wanted and existing data fields (`crsync.attributes/1`) side by side."""
    with Page(console) as page:
        fields = doc.get("fields") or []
        where = "of the account" if doc.get("scope") == "global" else f"of {_list_words(doc.get('list'))}"
        page.line(f"Data fields {where}", "bold")
        rows = [
            [field["name"], field.get("type"), field.get("person_field") or "-", _field_state(doc, field)]
            for field in fields
        ]
        page.table(["data field", "type", "person field", "state"], rows)
        page.line()
        if doc.get("limit") is not None:
            not_there = ("missing", "created") if doc.get("dry_run") else ("missing",)
            there = sum(field.get("state") not in not_there for field in fields)
            page.line(f"{there:,} of at most {doc['limit']:,} exist")
        missing = sum(field.get("state") == "missing" for field in fields)
        created = sum(field.get("state") == "created" for field in fields)
        if created:
            verb = "would be created: nothing was written" if doc.get("dry_run") else "created"
            page.line(f"{words.counted(created, 'data field')} {verb}")
        if missing:
            page.line(f"{words.counted(missing, 'data field')} missing")
            page.line(f"next: {summary.command(doc, 'attrs create')}", "bold", wraps=False)
        elif not created:
            page.line("nothing is missing")


def _list_words(value: Any) -> str:
    if isinstance(value, dict):
        return summary.list_name({"target": {"list_name": value.get("name"), "list_id": value.get("id")}})
    return f'list "{value}"' if value else "the list"


def _field_state(doc: dict[str, Any], field: dict[str, Any]) -> str:
    if field.get("state") == "wrong_type":
        return f"exists as {field.get('existing_type')}, should be {field.get('type')}"
    return words.tensed(words.FIELD_STATES, str(field.get("state")), would=bool(doc.get("dry_run")))


def check_text(doc: dict[str, Any], console: Console) -> None:
    """Print what `crsync check` found (`crsync.check/1`): one line a check, hints below. Tools read it line by line, so
    it is folded on a terminal only."""
    with Page(console) as page:
        fancy = page.shown("✓✗") == "✓✗"
        checks = doc.get("checks") or []
        column = max((len(str(check["name"])) for check in checks), default=0)
        for check in checks:
            level = check.get("level") or ("ok" if check.get("ok") else "error")
            mark, plain, style = _MARKS.get(level, _MARKS["error"])
            lead = f"{mark if fancy else plain} {level:<7}  {check['name']:<{column}}  "
            page.line(check.get("message") or "", style, lead=lead, wraps=console.is_terminal)
            if check.get("hint"):
                page.line(check["hint"], indent=len(lead), lead="hint: ", wraps=console.is_terminal)
        errors = sum(check.get("level") == "error" for check in checks)
        warnings = sum(check.get("level") == "warning" for check in checks)
        page.line()
        if errors or warnings:
            page.line(f"{words.counted(errors, 'error')}, {words.counted(warnings, 'warning')}", "bold")
        else:
            page.line("all is well", "bold")
