"""Everything that is said to people comes from the catalogue: in a language that puts every message in ⟦brackets⟧,
nothing but names, numbers and addresses stands outside of them. What programs read stays English."""

from __future__ import annotations

import errno
import io
import json
import re
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from rich.console import Console

from cleverreach_sync.cli import app as cli_app
from cleverreach_sync.cli import init
from cleverreach_sync.errors import Interrupted
from cleverreach_sync.messages import say, speak
from cleverreach_sync.report.errors import print_error
from cleverreach_sync.report.forms.page import open_console
from cleverreach_sync.report.live.bars import Bars
from cleverreach_sync.report.live.fleet_bar import FleetBar
from cleverreach_sync.state.files import StateFolder
from cleverreach_sync.state.lock import held
from tests.catalogue.template import write_made_up_language
from tests.e2e import running
from tests.e2e.agency import ALL, Agency
from tests.e2e.gate import Gate, refusal
from tests.e2e.people import both, buyer, neither, subscriber
from tests.e2e.program import Shop
from tests.e2e.running import Ran
from tests.shops.contract import FAKES

Say = Callable[[], None]

# What is called the same in every language: commands, keys, data fields and their types, names in these tests.
NAMES: Final = frozenset(
    [
        "crsync",
        "attrs",
        "create",
        "list",
        "check",
        "diff",
        "sync",
        "resync",
        "status",
        "init",
        "schema",
        "demo",
        "sandbox",
        "version",
        "config",
        "source",
        "transfer",
        "firstname",
        "lastname",
        "city",
        "text",
        "Shop",
    ]
)


@pytest.fixture(scope="session")
def locale(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("locale")
    assert write_made_up_language(folder) == "xx"
    return folder


@pytest.fixture
def in_brackets(locale: Path) -> Iterator[Say]:
    """Call it, and the process speaks the language that was made up."""

    def switch() -> None:
        speak("xx", locale=locale)
        cli_app.commands.cache_clear()

    yield switch
    speak("en")
    cli_app.commands.cache_clear()


def outside(text: str) -> str:
    """What is not in brackets."""
    inner = re.compile(r"⟦[^⟦⟧]*⟧")
    while inner.search(text):
        text = inner.sub(" ", text)
    return text


def untranslated(text: str, *names: str) -> list[str]:
    """The words of English, or of any language, that stand outside of the brackets."""
    left = outside(text)
    assert not set("⟦⟧") & set(left), text
    left = re.sub(r"`[^`]*`|<code>.*?</code>|</?\w+>|&nbsp;", " ", left)  # names and values in Markdown, and its HTML
    left = re.sub(r"[\w*.+-]+@[\w*.-]+|\S*/\S+|(?<!\w)--?\w[\w-]*|\b\w+\.(?:yaml|json|csv|day)\b", " ", left)
    left = re.sub(r"\b[A-Z][A-Z_|]+\b", " ", left)  # what an option takes: PATH, N|all
    return [word for word in re.findall(r"[^\W\d_]{3,}", left) if word not in NAMES and word not in names]


def all_in_brackets(ran: Ran, code: int, *names: str) -> None:
    assert ran.code == code, ran.err
    assert "⟦" in ran.out + ran.err
    assert untranslated(ran.out, *names) == [], ran.out
    assert untranslated(ran.err, *names) == [], ran.err


CROWD: Final = [both(f"p{n}@example.org", first_name=f"Name{n}", city="Ort") for n in range(4)]
GONE: Final = [{**row, "subscribed": "opted_out", "orders": ""} for row in CROWD[:2]]


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """A shop where a bit of everything happens on the next run."""
    shop.write(*CROWD, buyer("old@example.org", city="Ort"))
    shop.sync()
    shop.write(
        *GONE,
        *CROWD[2:],
        buyer("old@example.org", city="Neustadt"),
        subscriber("new@example.org", city="Ort", first_name="Neu"),
        neither("nobody@example.org"),
        buyer("no address"),
        buyer("orders@example.org", orders="many"),
    )
    return shop


VIEWS: Final = [
    ("diff",),
    ("diff", "--show-pii", "--details", "2"),
    ("diff", "--against", "target"),
    ("diff", "--format", "markdown"),
    ("diff", "--format", "markdown", "--show-pii"),
    ("sync", "--dry-run"),
    ("sync", "--dry-run", "--limit", "1"),
    ("resync", "--dry-run", "-v"),
    ("check",),
    ("status",),
]
FIELDS: Final = [("attrs", "list"), ("attrs", "create", "--dry-run"), ("attrs", "create"), ("diff",), ("check",)]


@pytest.mark.parametrize("words", VIEWS, ids=" ".join)
def test_what_writes_nothing(busy: Shop, in_brackets: Say, words: tuple[str, ...]) -> None:
    in_brackets()
    all_in_brackets(busy.command(*words), 0)


@pytest.mark.parametrize("words", FIELDS, ids=" ".join)
@pytest.mark.parametrize("scope", ["global", "list"])
def test_data_fields(busy: Shop, in_brackets: Say, words: tuple[str, ...], scope: str) -> None:
    busy.config(attributes={"map": {"birthday": "extra.day", "city": "orders"}, "scope": scope})
    in_brackets()
    ran = busy.command(*words)
    all_in_brackets(ran, ran.code, "birthday", "number", "orders")


def test_runs_their_warnings_and_where_they_stand(busy: Shop, in_brackets: Say) -> None:
    in_brackets()
    ran = busy.command("sync", "-v")
    all_in_brackets(ran, 0)
    assert "⟦warning⟧: ⟦" in ran.err
    assert "⟦info⟧: ⟦" in ran.err
    all_in_brackets(busy.command("sync"), 0)
    all_in_brackets(busy.command("resync"), 0)
    all_in_brackets(busy.command("status"), 0)


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_a_fleet(agency: Agency, in_brackets: Say, form: str) -> None:
    for name in ("eins", "zwei"):
        agency.shop(name)
    in_brackets()
    names = ("eins", "zwei")
    all_in_brackets(agency("diff", "-c", ALL, "--format", form), 0, *names)
    for words in (("sync",), ("status",), ("check",), ("attrs", "list"), ("sync", "--max-duration", "0")):
        ran = agency(*words, "-c", ALL)
        all_in_brackets(ran, ran.code, *names)


def test_a_fleet_of_which_one_fails(agency: Agency, in_brackets: Say) -> None:
    agency.shop("eins")
    agency.shop("zwei", tags=["nobody"])
    in_brackets()
    for command in ("sync", "diff", "check", "status"):
        ran = agency(command, "-c", ALL)
        all_in_brackets(ran, 2, "eins", "zwei")
        assert "[zwei] ⟦error⟧: shops/zwei.yaml:" in ran.err


HELPS: Final = [
    (),
    *[(name,) for name in ["init", "check", "schema", "diff", "sync", "resync", "status", "demo", "sandbox", "attrs"]],
]


@pytest.mark.parametrize("words", [*HELPS, ("attrs", "create"), ("attrs", "list")], ids=" ".join)
def test_help(tmp_path: Path, in_brackets: Say, words: tuple[str, ...]) -> None:
    in_brackets()
    values = ["json", "csv", "markdown", "state", "target", "path", "all"]  # what options take
    all_in_brackets(running.here(tmp_path, [*words, "--help"]), 0, *values)


@pytest.mark.parametrize(
    "words",
    [
        ("sync", "--bad"),
        ("sync", "--forma"),
        ("snc",),
        ("nothing-like-it",),
        ("diff", "--details", "x"),
        ("diff", "--format", "x"),
        ("diff", "--jobs", "x"),
        ("diff", "--jobs", "99"),
        ("diff", "more"),
        ("sync", "--force", "all"),
        ("sync", "--max-duration", "soon"),
        ("sync", "--lock-timeout", "-1"),
        ("init", "--source", "abacus", "--yes"),
        ("sandbox", "--fault", "rain=1"),
        ("sandbox", "--fault", "slow"),
        ("sync", "-c", "shops/*.yaml"),
        ("sync", "-c", "shops/a.yaml"),
    ],
    ids=" ".join,
)
def test_wrong_usage(tmp_path: Path, in_brackets: Say, words: tuple[str, ...]) -> None:
    in_brackets()
    all_in_brackets(running.here(tmp_path, words), 2)


def test_a_config_to_start_with(tmp_path: Path, in_brackets: Say) -> None:
    in_brackets()
    all_in_brackets(running.here(tmp_path, ["init", "--yes"]), 0, "export")
    all_in_brackets(running.here(tmp_path, ["init", "--yes"]), 2)


def test_a_config_with_problems(shop: Shop, in_brackets: Say) -> None:
    shop.config(
        tags=["subscriber", "nobody"],
        source={"type": "file", "pth": "x.csv", "path": None, "zone": "Atlantis"},
        target={"list": "", "batch_size": "many", "client_id": None},
        limits={"max_deactivated": "lots", "retry_for": -1},
        attributes={"map": {"city": "town"}},
        exclude="all",
    )
    in_brackets()
    ran = shop.command("sync")
    all_in_brackets(ran, 2)
    assert ran.err.count("⟦error⟧: ") > 5


def test_nobody_answers(shop: Shop, in_brackets: Say) -> None:
    shop.write(*CROWD)
    shop.config(target={"base_url": "http://127.0.0.1:9"}, limits={"retry_for": 0})
    in_brackets()
    for command in ("sync", "diff", "check", "attrs list"):
        all_in_brackets(shop.command(*command.split()), 5)


class TestRunsThatFail:
    @pytest.fixture(autouse=True)
    def people(self, shop: Shop) -> None:
        shop.write(*CROWD)
        shop.sync()

    def test_a_guard(self, shop: Shop, in_brackets: Say) -> None:
        shop.config(limits={"max_deactivated": 0})
        shop.write(*GONE, *CROWD[2:])
        in_brackets()
        for words in (("diff",), ("diff", "--format", "markdown"), ("sync",), ("status",)):
            ran = shop.command(*words)
            all_in_brackets(ran, ran.code)
            assert "max_deactivated" in ran.out
        assert shop.command("sync").code == 7
        all_in_brackets(shop.command("sync", "--force", "max_deactivated"), 0)

    def test_the_other_guards(self, shop: Shop, in_brackets: Say) -> None:
        shop.write()
        in_brackets()
        all_in_brackets(shop.command("sync"), 7)
        (shop.state_path / "ledger.sqlite3").unlink()
        for command, code in (("sync", 7), ("check", 0), ("diff", 0)):
            all_in_brackets(shop.command(command), code)

    def test_access_is_refused(self, shop: Shop, gate: Gate, in_brackets: Say) -> None:
        gate.always("GET /v3/groups/{id}", refusal(403, "Forbidden"))
        in_brackets()
        for command in ("sync", "check"):
            all_in_brackets(shop.command(command), 6)

    def test_another_run_is_under_way(self, shop: Shop, in_brackets: Say) -> None:
        in_brackets()
        with held(StateFolder(shop.state_path).lock, 0, time.monotonic, time.sleep):
            all_in_brackets(shop.command("sync"), 8)

    def test_the_state_is_damaged(self, shop: Shop, in_brackets: Say) -> None:
        (shop.state_path / "checkpoint.json").write_text("{", encoding="utf-8")
        in_brackets()
        for command in ("sync", "diff", "check", "status"):
            all_in_brackets(shop.command(command), 9)

    def test_too_many_are_invalid(self, shop: Shop, in_brackets: Say) -> None:
        shop.config(limits={"max_rejected": 0})
        shop.write(*CROWD, buyer("no address"))
        in_brackets()
        all_in_brackets(shop.command("sync"), 4)
        all_in_brackets(shop.command("status"), 0)


@pytest.mark.parametrize("kind", FAKES)
def test_shop_systems(shop: Shop, in_brackets: Say, kind: str) -> None:
    system = FAKES[kind]()
    try:
        customer = system.add_customer("a@example.org", consent=True, first_name="Anna")
        system.add_order(customer)
        system.add_guest_order("b@example.org")
        shop.settings["source"] = system.settings()
        shop.config()
        in_brackets()
        for command in ("check", "diff", "sync", "status"):
            all_in_brackets(shop.command(command), 0, "recipients")  # part of a cursor of plentymarkets
        system.refuse()
        all_in_brackets(shop.command("check"), 6)
        all_in_brackets(shop.command("sync", "-v"), 6)
    finally:
        system.close()


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("secret"),
        KeyboardInterrupt(),
        Interrupted(signal.SIGTERM),
        sqlite3.OperationalError("disk I/O error"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_that_come_from_anywhere(
    in_brackets: Say, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    in_brackets()
    print_error(error, open_console(sys.stderr))
    said = capsys.readouterr().err
    assert said.startswith("⟦error⟧: ⟦")
    assert untranslated(said) == []


def test_bars(in_brackets: Say) -> None:
    in_brackets()
    stream = io.StringIO()
    console = Console(file=stream, width=120, force_terminal=True, color_system=None, _environ={"TERM": "xterm"})
    with Bars(console) as bars:
        for phase, unit in (("read", "bytes"), ("read", "rows"), ("decide", "people"), ("write", "people")):
            bars.begin(phase, 900, unit)
            bars.advance(90)
            bars.waiting(say("next.nothing", "nothing to do"), 30.0)
            bars.end()
    with FleetBar(console, 9, shown=True) as bar:
        for name in ("eins", "zwei", "drei", "vier", "sieben"):
            bar.begun(name)
    said = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "\n", stream.getvalue())
    assert "⟦2 more⟧" in said
    assert untranslated(said, "eins", "zwei", "drei") == []


def test_questions(in_brackets: Say, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []
    answers = iter(["abacus", "file", "export.csv", "My list", "perhaps", "yes", "everybody", "buyer"])

    def answered(text: str, **_: Any) -> str:
        asked.append(text)
        return next(answers)

    monkeypatch.setattr(typer, "prompt", answered)
    in_brackets()
    assert init._asked_type(("file", "shopify")) == "file"
    init._answers("file")
    said = "\n".join([*asked, capsys.readouterr().err])
    assert len(asked) > 5
    assert untranslated(said) == []


DOCUMENTS: Final = [words for words in VIEWS if "markdown" not in words and "-v" not in words]


def same_for_programs(run: Callable[[], Ran], switch: Say) -> None:
    before = run()
    switch()
    after = run()
    assert after.code == before.code
    assert "⟦" not in after.out + after.err
    assert lasting(json.loads(after.out)) == lasting(json.loads(before.out))
    assert [lasting(json.loads(line)) for line in after.err.splitlines()] == [
        lasting(json.loads(line)) for line in before.err.splitlines()
    ]


def lasting(found: Any) -> Any:
    """A document without what differs from call to call."""
    if isinstance(found, list):
        return [lasting(item) for item in found]
    if not isinstance(found, dict):
        return found
    passing = ("run_id", "started_at", "finished_at", "seconds", "time", "requests")
    return {key: lasting(value) for key, value in found.items() if key not in passing}


@pytest.mark.parametrize("words", DOCUMENTS, ids=" ".join)
def test_documents_and_logs_for_programs_are_english(busy: Shop, in_brackets: Say, words: tuple[str, ...]) -> None:
    same_for_programs(lambda: busy.command(*words, "--format", "json", "--log-format", "json"), in_brackets)


def test_documents_of_what_fails_are_english(shop: Shop, in_brackets: Say) -> None:
    shop.config(tags=["nobody"])
    same_for_programs(lambda: shop.command("sync", "--format", "json", "--log-format", "json"), in_brackets)


def test_csv_is_english(busy: Shop, in_brackets: Say) -> None:
    before = busy.command("diff", "--format", "csv").out
    in_brackets()
    assert busy.command("diff", "--format", "csv").out == before
