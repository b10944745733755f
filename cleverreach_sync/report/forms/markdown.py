"""A result document as Markdown for the comment on a pull request.

Foreign values (names, tags, values of data fields) come from shops and lists: they are shown as code, so that none of
them can be a table cell of its own, HTML, a link or a mention of somebody.
"""

from __future__ import annotations

import re
from typing import Any, Final

from cleverreach_sync.fleet.naming import RunName, names_in
from cleverreach_sync.report import summary, words
from cleverreach_sync.report.forms.changes import masked, state_words, unmasked
from cleverreach_sync.report.forms.page import printable

_PLAIN: Final = re.compile(r"(?:[^\W_]|[ ,;:()%'-]|(?<=[^\W_])_(?=[^\W_])|\.(?=\s|$))*")
_IN_CODE: Final = re.compile(r"[^`|\\<>&]+")


def run_markdown(doc: dict[str, Any]) -> str:
    """One comment; of several runs (`crsync.runs/1`) a table, and a section each."""
    if "runs" in doc:
        runs, names = doc["runs"], names_in(doc["runs"])
        sections = [_section(run, name.label) for run, name in zip(runs, names, strict=True)]
        return "\n".join([_overview(runs, names), *sections])
    return _section(doc, "")


def _overview(runs: list[dict[str, Any]], names: list[RunName]) -> str:
    rows = ["| transfer | people | would change | result |", "|:--|--:|--:|:--|"]
    for run, name in zip(runs, names, strict=True):
        people = summary.of(run, "counts").get("people")
        number, changed = ("", "") if people is None else (f"{people:,}", f"{summary.changed(run):,}")
        result = summary.of(run, "exit").get("class") or "ok"
        rows.append(f"| {code(name.label)} | {number} | {changed} | {prose(str(result))} |")
    return "\n".join(["## crsync", "", *rows, ""])


def _section(doc: dict[str, Any], label: str) -> str:
    """One run; `label` says which of several it is."""
    whose = f"{code(label)}: " if label else ""
    if doc.get("schema") == "crsync.error/1":
        error = summary.of(doc, "error")
        said = [f"## crsync {whose}{doc.get('command')}", f"**{_sentence(summary.verdict(doc))}**"]
        where = f"{error['where']}: " if error.get("where") else ""
        return "\n\n".join([*said, prose(f"{where}{error.get('message')}"), _next(doc)]).rstrip() + "\n"
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
        return "(empty)"
    if _IN_CODE.fullmatch(shown):
        return f"`{shown}`"
    entities = "".join(c if c.isalnum() or c == " " else f"&#{ord(c)};" for c in shown)
    return f"<code>{entities}</code>"


def _one_line(text: str) -> str:
    return " ".join(printable(text).split())


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _title(doc: dict[str, Any]) -> str:
    source, target = summary.of(doc, "source"), summary.of(doc, "target")
    name = prose(str(source.get("name") or source.get("type") or "the shop"))
    joint = "against" if doc.get("command") == "diff" else "into"
    number = target.get("list_id")
    where = code(str(target.get("list_name") or number or "?"))
    return f"{doc.get('command')}: {name} {joint} list {where} ({prose(str(number or 'not created yet'))})"


def _activation(doc: dict[str, Any]) -> str:
    lines = summary.activation(doc)
    if not any(line.depth for line in lines):
        return "\n".join([f"- **{summary.nobody(doc)}**", *(f"- {line.label}: {line.people:,}" for line in lines)])
    shown = []
    for line in lines:
        text = f"{line.label}: {line.people:,}"
        shown.append(f"{'  ' * line.depth}- {text if line.depth else f'**{text}**'}")
    return "\n".join(shown)


def _guards(doc: dict[str, Any]) -> list[str]:
    shown = []
    for guard in summary.refusing(doc):
        name = guard["name"]
        rest = summary.guard_sentence(doc, guard).removeprefix(f"guard {name} ")
        verb, _, reason = rest.partition(": ")
        words_before, option, rest = summary.advice(doc, guard).partition("--force ")
        advice = f" ({prose(words_before)}{' ' + code(option + rest) if option else ''})"
        shown.append(f"> **Guard {code(name)} {verb}**: {prose(reason)}{'' if summary.forced(doc, guard) else advice}")
    return shown


def _counts(doc: dict[str, Any]) -> str:
    rows = ["| | people |", "|:--|--:|"]
    for line in summary.counts(doc):
        label = prose(line.label)
        rows.append(f"| {'&nbsp;&nbsp;' * line.depth}{label} | {line.people:,} |")
    return "\n".join(rows)


def _kinds(doc: dict[str, Any]) -> str:
    kinds = summary.kinds(doc)
    return f"Those created, updated or unchanged: {kinds}." if kinds else ""


def _changes(doc: dict[str, Any]) -> str:
    changes = doc.get("changes") or ()
    if not changes:
        return ""
    total = summary.listed(doc)
    count = f"{len(changes):,} of {total:,}" if len(changes) < total else f"{total:,}"
    rows = ["| action | e-mail | state | tags | data fields | why |", "|:--|:--|:--|:--|:--|:--|"]
    rows += [_row(change) for change in changes]
    table = "\n".join(rows)
    return f"<details><summary>Changes ({count})</summary>\n\n{table}\n\n</details>"


def _row(change: dict[str, Any]) -> str:
    cells = [
        prose(words.spoken(words.ACTIONS, change["action"])),
        code(change["email"]),
        _arrow(state_words(change)),
        " ".join(code(tag) for tag in change.get("tags") or ()),
        "; ".join(_fields(change.get("attributes") or {})),
        prose(words.spoken(words.REASONS, change.get("reason") or "")),
    ]
    return f"| {' | '.join(cells)} |"


def _fields(fields: dict[str, list[str | None]]) -> list[str]:
    shown = [f"{prose(name)}: {_value(before)} → {_value(after)}" for name, before, after in unmasked(fields)]
    return shown + [prose(effect) for effect in masked(fields)]


def _value(value: str | None) -> str:
    return "(none)" if value is None else code(value)


def _arrow(state: str) -> str:
    return " → ".join(prose(part) for part in state.split(" -> "))


def _next(doc: dict[str, Any]) -> str:
    parts = summary.next_parts(doc)
    if not any(part.is_command for part in parts):
        return ""
    return "Next: " + "".join(code(part.text) if part.is_command else part.text for part in parts)
