"""Drives crsync from outside: a shop's export, a config, a sandbox; runs in this process or as one of its own."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from unittest.mock import patch

import orjson
import pytest
import yaml
from starlette.requests import Request
from starlette.responses import Response

from cleverreach_sync.cli.app import run as command_line
from cleverreach_sync.clock import Clock, Stop
from cleverreach_sync.config.loading import load_config
from cleverreach_sync.errors import CrsyncError
from cleverreach_sync.progress import Silent
from cleverreach_sync.run import pipeline
from cleverreach_sync.run.context import Options
from cleverreach_sync.run.pipeline import Finished
from cleverreach_sync.sandbox import app
from cleverreach_sync.sandbox.endpoints import Endpoint
from cleverreach_sync.sandbox.server import RunningSandbox
from cleverreach_sync.state import checkpoint
from cleverreach_sync.state.files import LocalDocument

SECRET = "s3cret-of-the-client"
LIST = "Online shop"
UPSERT = "POST /v3/groups/{id}/receivers/upsertplus"
READ = "POST /v3/groups/{id}/get_receivers"
COLUMNS = ("email", "first_name", "last_name", "city", "subscribed", "subscribed_at", "orders", "source_id")
SUBSCRIBER, BUYER = "Shop-Special.Subscriber", "Shop-Special.Buyer"


class FakeClock(Clock):
    """Waiting costs no time, but time passes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.passed = 0.0
        self.waits: list[float] = []

    def wall(self) -> float:
        return time.time() + self.passed

    def now(self) -> float:
        return time.monotonic() + self.passed

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.passed += seconds
            self.waits.append(seconds)


class Said(Silent):
    """What a run told whoever watches it."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.steps: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def info(self, message: str) -> None:
        self.steps.append(message)


def person(number: int, **cells: str) -> dict[str, str]:
    """A subscriber who has bought, unless `cells` say otherwise."""
    return {
        "email": f"person{number:05}@example.org",
        "first_name": f"Vorname{number:05}",
        "last_name": f"Nachname{number:05}",
        "city": f"Ort{number:05}",
        "subscribed": "yes",
        "subscribed_at": "2025-03-01T10:00:00Z",
        "orders": "1",
        "source_id": str(number),
        **cells,
    }


def people(count: int, start: int = 0) -> list[dict[str, str]]:
    return [person(number) for number in range(start, start + count)]


class Ended(NamedTuple):
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


class Program:
    """A folder with export and config, and the list at the sandbox."""

    def __init__(self, folder: Path, server: RunningSandbox) -> None:
        self.folder = folder
        self.server = server
        self.state = server.state
        self.clock = FakeClock()
        self.state.clock = self.clock.wall  # the account's clock goes with this machine's
        self.said = Said()
        for name in ("firstname", "lastname", "city"):
            self.state.create_attribute(name)
        self.state.traffic.clear()
        self.export_path = folder / "customers.csv"
        self.config_path = folder / "sync.yaml"
        self.settings: dict[str, Any] = {
            "version": 1,
            "source": {"type": "file", "path": "customers.csv", "name": "Shop"},
            "tags": ["subscriber", "buyer"],
            "target": {
                "type": "cleverreach",
                "client_id": "id",
                "client_secret": SECRET,
                "list": LIST,
                "create_list": True,
                "base_url": server.url,
                "batch_size": 50,
            },
            "attributes": {
                "preset": "none",
                "map": {"firstname": "first_name", "lastname": "last_name", "city": "city"},
            },
            "limits": {"max_rejected": "100%", "max_deactivated": "100%", "max_activated": "100%"},
        }

    # The shop

    def export(self, rows: Iterable[Mapping[str, str]]) -> None:
        with self.export_path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)

    def configure(self, **sections: Any) -> None:
        """Keys of a section are merged, whatever else replaces."""
        for name, value in sections.items():
            if isinstance(value, dict) and isinstance(self.settings.get(name), dict):
                self.settings[name] = {**self.settings[name], **value}
            else:
                self.settings[name] = value
        self.config_path.write_text(yaml.safe_dump(self.settings, sort_keys=False), encoding="utf-8")

    # Runs

    def run(self, command: str = "sync", *, stop: Stop | None = None, **options: Any) -> Finished:
        """In this process. An error before anything was read is raised."""
        if not self.config_path.exists():
            self.configure()
        config = load_config(self.config_path, {})
        asked = Options(command=command, dry_run=command == "diff" or options.pop("dry_run", False), **options)
        self.said = Said()
        finished = pipeline.run(config, asked, self.said, self.clock, stop or Stop(), shown_path="sync.yaml")
        adds_up(finished.document)
        return finished

    def failing(self, command: str = "sync", **options: Any) -> CrsyncError:
        """A run that is to fail, before or after something was read; its error."""
        try:
            error = self.run(command, **options).error
        except CrsyncError as raised:
            return raised
        assert error is not None, "the run did not fail"
        return error

    def counts(self, command: str = "sync", **options: Any) -> dict[str, int]:
        """The counts of a run that is to end well, without the zeros."""
        finished = self.run(command, **options)
        assert finished.error is None, finished.error
        return counted(finished.document)

    def command(self, *words: str) -> list[str]:
        if not self.config_path.exists():
            self.configure()
        return [sys.executable, "-m", "cleverreach_sync", *words]

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """As a process of its own."""
        return subprocess.Popen(
            self.command(*words),
            cwd=self.folder,
            env={**environment(), **options.pop("env", {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def cli(self, *words: str, **options: Any) -> Ended:
        with self.start(*words, **options) as process:
            out, err = process.communicate(timeout=60)
        return Ended(process.returncode, out, err)

    def here(self, *words: str, env: Mapping[str, str] = MappingProxyType({})) -> Ended:
        """The command line in this process: what it says and how it ends is the same, and nothing is started for it."""
        self.command()
        before = Path.cwd()
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in "12")
        os.chdir(self.folder)
        try:
            with (
                redirect_stdout(out),
                redirect_stderr(err),
                patch.dict(os.environ, {**environment(), **env}, clear=True),
            ):
                code = command_line(words)
        finally:
            os.chdir(before)
        said = []
        for stream in (out, err):
            stream.flush()
            stream.seek(0)
            said.append(stream.read())
        return Ended(code, *said)

    # What is there

    @property
    def group(self) -> str:
        return next(str(number) for number, group in self.state.groups.items() if group.name == LIST)

    def recipients(self) -> dict[str, dict[str, Any]]:
        return self.state.receivers(self.group)

    def active(self) -> set[str]:
        return {email for email, shown in self.recipients().items() if shown["active"]}

    @property
    def state_path(self) -> Path:
        return self.folder / ".crsync" / "sync"

    def files(self) -> dict[str, bytes]:
        """Every file of the state."""
        return {path.name: path.read_bytes() for path in sorted(self.state_path.iterdir()) if path.is_file()}

    @property
    def checkpoint(self) -> dict[str, Any]:
        return dict(json.loads((self.state_path / "checkpoint.json").read_bytes()))

    @property
    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.state_path / "history.jsonl").read_bytes().splitlines()]

    @property
    def rejects(self) -> list[dict[str, Any]]:
        path = self.state_path / "rejects.jsonl"
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []

    def recorded(self) -> set[str]:
        """The receiver IDs that the ledger takes for sent."""
        with sqlite3.connect(self.state_path / "ledger.sqlite3") as database:
            rows = database.execute("select receiver_id from person where receiver_id is not null").fetchall()
        database.close()
        return {row[0] for row in rows}

    def check_ledger(self) -> None:
        """Recorded as sent is a subset of what the list has."""
        assert self.recorded() <= {shown["id"] for shown in self.recipients().values()}


def change_checkpoint(path: Path, **changes: Any) -> None:
    """Another checkpoint in the place of one, as crsync would have written it."""
    kept = LocalDocument(path)
    known = checkpoint.load(kept)
    assert known is not None
    checkpoint.save(kept, known.model_copy(update=changes))


def adds_up(document: Mapping[str, Any]) -> None:
    counts = document["counts"]
    outcomes = ("created", "updated", "deactivated", "unchanged", "skipped", "invalid", "rejected")
    assert counts["people"] == sum(counts[name] for name in outcomes)
    for name in ("skipped", "invalid", "rejected"):
        assert counts[name] == sum(document[name].values())
    created = document["activation"]["created_active"] + document["activation"]["created_inactive"]
    assert counts["created"] == created or document["dry_run"]


def counted(document: Mapping[str, Any]) -> dict[str, int]:
    return {name: number for name, number in document["counts"].items() if number}


def environment() -> dict[str, str]:
    """Without what could steer crsync or its colours from outside."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CRSYNC_", "CLEVERREACH_")) and k != "NO_COLOR"}
    return {**kept, "PYTHONWARNINGS": "error", "COLUMNS": "200"}


@dataclass(eq=False, slots=True)
class Asked:
    """A call as it arrived at the sandbox. `at` is the time of `Gate.clock`, `status` that of the answer."""

    name: str
    body: Any
    path: str
    at: float
    status: int = 0

    @property
    def emails(self) -> list[str]:
        """The addresses of a write or of a reading."""
        if isinstance(self.body, list):
            return sorted(row["email"] for row in self.body)
        return sorted(self.body["email_list"])


Answered = Callable[[], Response]


class Gate:
    """Stands before the sandbox: sees every call in order, and may answer in its place."""

    def __init__(self) -> None:
        self.calls: list[Asked] = []
        self.clock: Callable[[], float] = time.monotonic
        self.meddle: Callable[[Asked, Answered], Response] | None = None
        self._lock = threading.Lock()

    def stand_before_the_sandbox(self, monkeypatch: pytest.MonkeyPatch) -> None:
        carry_out = app._Answers._carry_out

        def passed(answers: Any, endpoint: Endpoint, request: Request, body: bytes) -> Response:
            return self.pass_on(endpoint, request, body, lambda: carry_out(answers, endpoint, request, body))

        monkeypatch.setattr(app._Answers, "_carry_out", passed)

    def pass_on(self, endpoint: Endpoint, request: Request, body: bytes, carry_out: Answered) -> Response:
        asked = Asked(endpoint.name, orjson.loads(body) if body else None, request.url.path, self.clock())
        with self._lock:
            self.calls.append(asked)
        response = carry_out() if self.meddle is None else self.meddle(asked, carry_out)
        asked.status = response.status_code
        return response

    def named(self, name: str) -> list[Asked]:
        return [asked for asked in self.calls if asked.name == name]

    def writes(self) -> list[Asked]:
        return self.named(UPSERT)

    def on(self, name: str, *answers: Callable[[Asked, Answered], Response] | None) -> None:
        """The first calls of a name are answered by these, one each; None lets one through."""
        left = iter(answers)

        def meddle(asked: Asked, carry_out: Answered) -> Response:
            if asked.name == name:
                with self._lock:
                    answer = next(left, None)
                if answer is not None:
                    return answer(asked, carry_out)
            return carry_out()

        self.meddle = meddle

    def always(self, name: str, answer: Callable[[Asked, Answered], Response]) -> None:
        def meddle(asked: Asked, carry_out: Answered) -> Response:
            return answer(asked, carry_out) if asked.name == name else carry_out()

        self.meddle = meddle


def dropped(_asked: Asked, _carry_out: Answered) -> Response:
    """The connection ends; nothing was done."""
    return app._Dropped()


def lost(_asked: Asked, carry_out: Answered) -> Response:
    """Done, but the connection ends before the answer."""
    carry_out()
    return app._Dropped()


def answer(status: int, body: Any = None, **headers: str) -> Callable[[Asked, Answered], Response]:
    """That answer; nothing was done."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _asked, _carry_out: Response(content, status, named)


def refusal(status: int, message: str = "No", **headers: str) -> Callable[[Asked, Answered], Response]:
    return answer(status, {"error": {"code": status, "message": message}}, **headers)


def until(fits: Callable[[], bool], seconds: float = 20.0) -> None:
    """Waits for something that another process does."""
    deadline = time.monotonic() + seconds
    while not fits():
        assert time.monotonic() < deadline, "it did not come to that"
        threading.Event().wait(0.005)


def interrupt_at(program: Program, process: subprocess.Popen[str], at: int, signum: int = signal.SIGKILL) -> None:
    """Sends a signal at the n-th write, before it is carried out."""
    seen: Iterator[int] = iter(range(1, sys.maxsize))

    def before(_path: str, _rows: Sequence[Any]) -> None:
        if next(seen) == at:
            process.send_signal(signum)

    program.state.before_write = before


def tally_of(documents: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """The counts of several runs together."""
    total: Counter[str] = Counter()
    for document in documents:
        total.update(document["counts"])
    return total
