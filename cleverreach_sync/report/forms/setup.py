"""What was set up as text for people: the data fields, and what `crsync check` found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len

from cleverreach_sync.messages import Message, say, say_many
from cleverreach_sync.report import summary, words
from cleverreach_sync.report.forms.page import Page

if TYPE_CHECKING:
    from rich.console import Console

_MARKS: Final = {"ok": ("✓", "+", "green"), "warning": ("!", "!", "yellow"), "error": ("✗", "x", "red")}


def attributes_text(doc: dict[str, Any], console: Console) -> None:
    """Print wanted and existing data fields (`crsync.attributes/1`) side by side."""
    with Page(console) as page:
        fields = doc.get("fields") or []
        page.line(_title(doc), "bold")
        page.table(
            [
                say("column.data_field", "data field"),
                say("column.type", "type"),
                say("column.person_field", "person field"),
                say("column.state", "state"),
            ],
            [
                [field["name"], field.get("type"), field.get("person_field") or "-", _field_state(doc, field)]
                for field in fields
            ],
        )
        page.line()
        if doc.get("limit") is not None:
            not_there = ("missing", "created") if doc.get("dry_run") else ("missing",)
            there = sum(field.get("state") not in not_there for field in fields)
            page.line(say("fields.of_most", "{there:,} of at most {limit:,} exist", there=there, limit=doc["limit"]))
        _made_and_missing(doc, fields, page)


def _made_and_missing(doc: dict[str, Any], fields: list[dict[str, Any]], page: Page) -> None:
    missing = sum(field.get("state") == "missing" for field in fields)
    created = sum(field.get("state") == "created" for field in fields)
    if created and doc.get("dry_run"):
        page.line(
            say_many(
                "fields.would_create",
                "{number:,} data field would be created: nothing was written",
                "{number:,} data fields would be created: nothing was written",
                created,
            )
        )
    elif created:
        page.line(
            say_many("fields.created", "{number:,} data field created", "{number:,} data fields created", created)
        )
    if missing:
        page.line(
            say_many("fields.missing", "{number:,} data field missing", "{number:,} data fields missing", missing)
        )
        page.line(summary.next_line(summary.command(doc, "attrs create")), "bold", wraps=False)
    elif not created:
        page.line(say("fields.nothing_missing", "nothing is missing"))


def _title(doc: dict[str, Any]) -> Message:
    if doc.get("scope") == "global":
        return say("fields.of_account", "Data fields of the account")
    return say("fields.of_list", "Data fields of {list}", list=_list_words(doc.get("list")))


def _list_words(value: Any) -> Message:
    found = value if isinstance(value, dict) else {}
    if found or not value:
        return summary.list_name({"target": {"list_name": found.get("name"), "list_id": found.get("id")}})
    return say("list.name", 'list "{name}"', name=value)


def _field_state(doc: dict[str, Any], field: dict[str, Any]) -> str:
    if field.get("state") == "wrong_type":
        has, wanted = field.get("existing_type"), field.get("type")
        return say("data_field.exists_as", "exists as {type}, should be {wanted}", type=has, wanted=wanted)
    return words.tensed(words.FIELD_STATES, str(field.get("state")), would=bool(doc.get("dry_run")))


def check_text(doc: dict[str, Any], console: Console) -> None:
    """Print what `crsync check` found (`crsync.check/1`): one line a check, hints below. Tools read it line by line, so
    it is folded on a terminal only."""
    with Page(console) as page:
        fancy = page.shown("✓✗") == "✓✗"
        checks = doc.get("checks") or []
        names = _column(page, [words.of(words.CHECKED, str(check["name"])) for check in checks])
        levels = _column(page, [words.LEVELS[_level(check)] for check in checks], _LEAST_LEVELS)
        for check, name, level in zip(checks, names, levels, strict=True):
            mark, plain, style = _MARKS[_level(check)]
            lead = f"{mark if fancy else plain} {level}  {name}  "
            page.line(check.get("message") or "", style, lead=lead, wraps=console.is_terminal)
            if check.get("hint"):
                label = f"{page.shown(words.LEVELS['hint'])}: "
                page.line(check["hint"], indent=cell_len(lead), lead=label, wraps=console.is_terminal)
        errors = sum(check.get("level") == "error" for check in checks)
        warnings = sum(check.get("level") == "warning" for check in checks)
        page.line()
        if errors or warnings:
            page.line(words.joined([words.errors(errors), words.warnings(warnings)]), "bold")
        else:
            page.line(say("check.all_well", "all is well"), "bold")


_LEAST_LEVELS: Final = 7  # so that lines of several transfers stand below each other


def _level(check: dict[str, Any]) -> str:
    level = check.get("level") or ("ok" if check.get("ok") else "error")
    return level if level in _MARKS else "error"


def _column(page: Page, texts: list[str], least: int = 0) -> list[str]:
    """The texts as they are shown, all as wide as the widest."""
    shown = [page.shown(text) for text in texts]
    width = max([least, *map(cell_len, shown)])
    return [text + " " * (width - cell_len(text)) for text in shown]
