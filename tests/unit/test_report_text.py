from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from cleverreach_sync.domain.guards import FORCEABLE
from cleverreach_sync.fleet.document import several_document
from cleverreach_sync.report import words
from cleverreach_sync.report.forms import overview, setup, text
from cleverreach_sync.report.forms.page import PipedConsole, open_console, printable
from cleverreach_sync.targets.registry import TARGET_TYPES, settings_class
from tests.unit import report_documents as docs

Render = Callable[[dict[str, Any], Any], None]

PAGES: dict[str, tuple[Render, dict[str, Any]]] = {
    "sync": (text.run_text, docs.run()),
    "diff": (text.run_text, docs.diff()),
    "diff_values": (text.run_text, docs.diff(guards=[], changes=docs.SHOWN, config="my shop.yaml")),
    "dry_run_part": (text.run_text, docs.diff(command="resync", guards=[], complete=False, stopped="limit")),
    "second_sync": (text.run_text, docs.nothing()),
    "resumed": (text.run_text, docs.run(resumed=True, warnings=["the list was renamed"])),
    "stopped_early": (text.run_text, docs.run(complete=False, stopped="max_duration")),
    "guard": (text.run_text, docs.refused()),
    "forced": (text.run_text, docs.refused(exit={"code": 0, "class": "ok", "retryable": False}, complete=True)),
    "temporary": (text.run_text, docs.failed(5, "temporary", True)),
    "rejected": (text.run_text, docs.failed(4, "rejected", complete=True)),
    "signal": (text.run_text, docs.failed(130, "signal", True)),
    "runs": (
        overview.runs_text,
        several_document("runs", [docs.run(), docs.diff(config="eu.yaml"), docs.refused()]),
    ),
    "status": (text.status_text, docs.STATUS),
    "status_empty": (
        text.status_text,
        docs.STATUS | {"runs": [], "rejects": [], "cursors": {}, "initial_sync_at": None},
    ),
    "attributes": (setup.attributes_text, docs.ATTRIBUTES),
    "check": (setup.check_text, docs.CHECK),
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def rendered(render: Render, doc: dict[str, Any], encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="")
    render(doc, open_console(stream))
    stream.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_as_agreed(name: str, golden: Callable[[str, str], None]) -> None:
    page = rendered(*PAGES[name])
    golden(f"{name}.txt", page)
    assert "\x1b" not in page
    for line in page.splitlines():
        assert len(line) <= 80 or name == "check"  # one line each
        assert line == line.rstrip()


@pytest.mark.parametrize("name", PAGES)
def test_a_stream_without_unicode_gets_ascii(name: str) -> None:
    page = rendered(*PAGES[name], encoding="ascii")
    assert len(page.splitlines()) == len(rendered(*PAGES[name]).splitlines())


def test_names_with_other_letters_survive_an_ascii_stream() -> None:
    doc = docs.nothing(source={"name": "Käse & Öl"}, target={"list_name": "Newsletter €", "list_id": "7"})
    assert 'sync of Kase & Ol into list "Newsletter ?" (7)' in rendered(text.run_text, doc, "ascii")
    assert 'sync of Käse & Öl into list "Newsletter €" (7)' in rendered(text.run_text, doc)


def test_foreign_values_cannot_steer_the_terminal_or_be_markup() -> None:
    doc = docs.nothing(target={"list_name": "[red]a\x1b[2J\r\nb\u202e\ud800", "list_id": "7"})
    page = rendered(text.run_text, doc)
    assert '"[red]a\\x1b[2J  b\\u202e?"' in page.replace("\n", " ")


def test_wide_letters_fit_too() -> None:
    doc = docs.nothing(target={"list_name": "客户通讯录" * 12, "list_id": "7"})
    for line in rendered(text.run_text, doc).splitlines():
        assert sum(2 if char > "\u2fff" else 1 for char in line) <= 80


@pytest.mark.parametrize("name", PAGES)
def test_colour_changes_no_word(name: str) -> None:
    stream = Terminal()
    render, doc = PAGES[name]
    render(
        doc,
        PipedConsole(file=stream, width=80, force_terminal=True, color_system="standard", _environ={"TERM": "xterm"}),
    )
    assert "\x1b[" in stream.getvalue()
    shown, plain = _uncoloured(stream.getvalue()), [line.rstrip() for line in rendered(render, doc).splitlines()]
    if name == "check":  # folded on a terminal only
        assert max(map(len, shown)) <= 80 < max(map(len, plain))
        shown, plain = " ".join(shown).split(), " ".join(plain).split()
    assert shown == plain


def _uncoloured(page: str) -> list[str]:
    from rich.text import Text

    return [line.rstrip() for line in Text.from_ansi(page).plain.splitlines()]


def test_a_narrow_table_leaves_out_columns_without_anybody() -> None:
    doc = several_document("runs", [docs.nothing(), docs.failed(4, "rejected", complete=True)])
    stream = io.StringIO()
    overview.runs_text(doc, PipedConsole(file=stream, width=60))
    head = stream.getvalue().splitlines()[0]
    assert head.split() == ["config", "people", "created", "updated", "deactiv.", "skipped", "failed", "result"]
    stream = io.StringIO()
    overview.runs_text(several_document("runs", [docs.nothing()]), PipedConsole(file=stream, width=60))
    head, row = stream.getvalue().splitlines()[:2]
    assert head.split() == ["config", "people", "result"]
    assert row.split()[-1] == "ok"


def test_data_fields_that_were_created_exist() -> None:
    page = rendered(setup.attributes_text, docs.ATTRIBUTES | {"dry_run": False})
    assert "4 of at most 40 exist\n1 data field created\n" in page


def test_a_run_that_never_got_going_is_shown() -> None:
    page = rendered(text.run_text, {"schema": "crsync.run/1", "command": "sync", "exit": {"code": 9, "class": "state"}})
    assert page.startswith("sync of the shop into the list: failed: the state cannot be used\n")


@pytest.mark.parametrize("name", FORCEABLE)
def test_who_is_refused_is_told_what_to_mend_before_anybody_forces_it(name: str) -> None:
    """Only where a number of people is too large do the people tell whether it is right."""
    guard = {"name": name, "limit": 20, "value": 30, "refuses": True, "reason": "something is wrong"}
    page = " ".join(rendered(text.run_text, docs.failed(7, "guard", guards=[guard])).split())
    counts_people = name in ("max_deactivated", "max_created", "max_activated")
    assert ("look at the people first" in page) == counts_people
    assert ("if that is intended" in page) == counts_people
    assert counts_people or "next: crsync check" in page or "next: crsync diff --against list" in page
    assert f"--force {name}" in page


def test_a_reader_that_went_away_is_no_error() -> None:
    import os

    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w", encoding="utf-8") as stream:
        console = open_console(stream)
        text.run_text(docs.run(), console)
        console.print("more")


def test_every_reason_of_the_contract_has_words() -> None:
    reasons = (
        "erased, excluded, not_selected, blacklisted, bounced_in_target, unsubscribed_in_target, deleted_in_target, "
        "opted_out"
    )
    assert list(words.SKIPPED) == reasons.split(", ")
    assert set(words.GUARDS) == set(FORCEABLE)
    assert words.of(words.SKIPPED, "held_by_moon") == "held by moon"


@pytest.mark.parametrize(
    ("text_in", "encoding", "shown"),
    [
        ("a\tb\x00", "utf-8", "a b\\x00"),
        ("a\r\nb\u2028c", "ascii", "a  b c"),
        ("\x9b2J\x7f", "utf-8", "\\x9b2J\\x7f"),
        ("\u2066a\u200bb\ufeff\u00ad", "utf-8", "\\u2066a\\u200bb\\ufeff\\xad"),
        ("a\u200db", "utf-8", "a\\u200db"),
        ("\U000e0041", "utf-8", "\\U000e0041"),
        ("\u00a0\u3000x", "utf-8", "\u00a0\u3000x"),
        ("ß…", "latin-1", "ß..."),
        ("é", "no-such-encoding", "e"),
        ("क्\u200dष", "utf-8", "क्\u200dष"),
    ],
)
def test_printable(text_in: str, encoding: str, shown: str) -> None:
    assert printable(text_in, encoding) == shown


def test_a_report_calls_every_target_by_its_name() -> None:
    assert {name: settings_class(name).system for name in TARGET_TYPES} == words.TARGETS
    pigeon = words.target_of({"target": {"type": "pigeon"}})
    assert words.of(words.SKIPPED, "blacklisted", pigeon) == "on the blacklist in pigeon"
