"""A result document as Markdown for the comment on a pull request.

Foreign values (names, tags, values of data fields) come from shops and lists: they are shown as code, so that none of
them can be a table cell of its own, HTML, a link or a mention of somebody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from cleverreach_sync.fleet.naming import RunName, names_in
from cleverreach_sync.messages import say, spoken
from cleverreach_sync.report import summary, words
from cleverreach_sync.report.forms.changes import ARROW, NO_VALUE, masked, state_words, unmasked
from cleverreach_sync.report.forms.page import printable

_PLAIN: Final = re.compile(r"(?:[^\W_]|[ ,;:()%'’«»„“”–…-]|(?<=[^\W_])_(?=[^\W_])|\.(?=\s|$))*")  # noqa: RUF001
_IN_CODE: Final = re.compile(r"[^`|\\<>&]+")


def run_markdown(doc: dict[str, Any]) -> str:
    """One comment; of several runs (`crsync.runs/1`) a table, and a section each."""
    if "runs" in doc:
        runs, names = doc["runs"], names_in(doc["runs"])
        sections = [_section(run, name.label) for run, name in zip(runs, names, strict=True)]
        return "\n".join([_overview(runs, names), *sections])
    return _section(doc, "")


def _overview(runs: list[dict[str, Any]], names: list[RunName]) -> str:
    heads = [words.TRANSFER, words.PEOPLE, say("column.would_change", "would change"), words.RESULT]
    rows = [_cells(heads), "|:--|--:|--:|:--|"]
    for run, name in zip(runs, names, strict=True):
        people = summary.of(run, "counts").get("people")
        number, changed = ("", "") if people is None else (f"{people:,}", f"{summary.changed(run):,}")
        result = words.of(words.RESULTS, summary.of(run, "exit").get("class") or "ok")
        rows.append(_cells([code(name.label), number, changed, prose(result)]))
    return "\n".join(["## crsync", "", *rows, ""])


def _section(doc: dict[str, Any], label: str) -> str:
    """One run; `label` says which of several it is."""
    whose = f"{code(label)}: " if label else ""
    if doc.get("schema") == "crsync.error/1":
        error = summary.of(doc, "error")
        said = [f"## crsync {whose}{doc.get('command')}", f"**{_sentence(summary.verdict(doc))}**"]
        where = f"{error['where']}: " if error.get("where") else ""
        message = spoken(error.get("message") or "")
        return "\n\n".join([*said, prose(f"{where}{message}"), _next(doc)]).rstrip() + "\n"
    parts = [
        f"## crsync {whose}{_title(doc)}",
        f"**{_sentence(summary.verdict(doc))}**",
        _activation(doc),
        *_guards(doc),
        _counts(doc),
        _kinds(doc),
        _changes(doc),
        _next(doc),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def prose(text: str) -> str:
    """Plain where every character is harmless in running text, else code."""
    shown = _one_line(text)
    return shown if _PLAIN.fullmatch(shown) else code(shown)


def code(text: str) -> str:
    """A code span. What could end it or split a table cell is written as HTML code with entities."""
    shown = _one_line(text)
    if not shown:
        return spoken(say("markdown.empty", "(empty)"))
    if _IN_CODE.fullmatch(shown):
        return f"`{shown}`"
    entities = "".join(c if c.isalnum() or c == " " else f"&#{ord(c)};" for c in shown)
    return f"<code>{entities}</code>"


def _one_line(text: str) -> str:
    return " ".join(printable(text).split())


def _sentence(text: str) -> str:
    return f"{_capital(spoken(text))}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _title(doc: dict[str, Any]) -> str:
    command, shop, target = doc.get("command"), prose(summary.shop_name(doc)), summary.of(doc, "target")
    number = target.get("list_id")
    name = code(str(target.get("list_name") or number or "?"))
    shown = prose(str(number) if number else summary.NOT_CREATED_YET)
    if command == "diff":
        text = say(
            "markdown.diff_title",
            "{command}: {shop} against list {list} ({number})",
            command=command,
            shop=shop,
            list=name,
            number=shown,
        )
    else:
        text = say(
            "markdown.title",
            "{command}: {shop} into list {list} ({number})",
            command=command,
            shop=shop,
            list=name,
            number=shown,
        )
    return spoken(text)


def _activation(doc: dict[str, Any]) -> str:
    lines = summary.activation(doc)
    if not any(line.depth for line in lines):
        counted = (f"- {spoken(line.label)}: {line.people:,}" for line in lines)
        return "\n".join([f"- **{spoken(summary.nobody(doc))}**", *counted])
    shown = []
    for line in lines:
        text = f"{spoken(line.label)}: {line.people:,}"
        shown.append(f"{'  ' * line.depth}- {text if line.depth else f'**{text}**'}")
    return "\n".join(shown)


def _guards(doc: dict[str, Any]) -> list[str]:
    shown = []
    for guard in summary.refusing(doc):
        verdict = _capital(spoken(summary.guard_verdict(doc, guard, code)))
        advice = "" if summary.forced(doc, guard) else f" ({_advice(doc, guard)})"
        shown.append(f"> **{verdict}**: {prose(summary.guard_reason(guard))}{advice}")
    return shown


def _advice(doc: dict[str, Any], guard: dict[str, Any]) -> str:
    before, option, after = spoken(summary.advice(doc, guard)).partition(summary.force_option(guard))
    return " ".join(part for part in (prose(before), code(option) if option else "", prose(after)) if part)


def _counts(doc: dict[str, Any]) -> str:
    rows = [f"| | {spoken(words.PEOPLE)} |", "|:--|--:|"]
    for line in summary.counts(doc):
        label = prose(line.label)
        rows.append(f"| {'&nbsp;&nbsp;' * line.depth}{label} | {line.people:,} |")
    return "\n".join(rows)


def _kinds(doc: dict[str, Any]) -> str:
    kinds = summary.kinds(doc)
    return f"{spoken(words.told(summary.OF_KINDS, kinds))}." if kinds else ""


def _changes(doc: dict[str, Any]) -> str:
    changes = doc.get("changes") or ()
    if not changes:
        return ""
    total = summary.listed(doc)
    count = summary.all_changes(total)
    if len(changes) < total:
        count = say("markdown.some_changes", "Changes ({shown:,} of {total:,})", shown=len(changes), total=total)
    table = "\n".join(
        [_cells(_HEADS), "|:--|:--|:--|:--|:--|:--|", *(_row(change, words.target_of(doc)) for change in changes)]
    )
    return f"<details><summary>{spoken(count)}</summary>\n\n{table}\n\n</details>"


_HEADS: Final = (
    say("column.action", "action"),
    say("column.email", "e-mail"),
    say("column.state", "state"),
    say("column.tags", "tags"),
    say("column.data_fields", "data fields"),
    say("column.why", "why"),
)


def _row(change: dict[str, Any], target: str) -> str:
    cells = [
        prose(words.of(words.ACTIONS, change["action"])),
        code(change["email"]),
        _arrow(state_words(change)),
        " ".join(code(tag) for tag in change.get("tags") or ()),
        "; ".join(_fields(change.get("attributes") or {})),
        prose(words.of(words.REASONS, change.get("reason") or "", target)),
    ]
    return _cells(cells)


def _cells(texts: Iterable[str]) -> str:
    return f"| {words.joined(texts, ' | ')} |"


def _fields(fields: dict[str, list[str | None]]) -> list[str]:
    shown = [f"{prose(name)}: {_value(before)} → {_value(after)}" for name, before, after in unmasked(fields)]
    return shown + [prose(effect) for effect in masked(fields)]


def _value(value: str | None) -> str:
    return spoken(NO_VALUE) if value is None else code(value)


def _arrow(state: str) -> str:
    return " → ".join(prose(part) for part in state.split(ARROW))


def _next(doc: dict[str, Any]) -> str:
    step = summary.next_step(doc, code)
    return spoken(say("markdown.next", "Next: {step}", step=step)) if step and step is not summary.NOTHING_TO_DO else ""
