"""Runs a command line, in this process or as one of its own, and says how that ended."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from unittest.mock import patch

from cleverreach_sync.cli import app as cli_app
from cleverreach_sync.clock import Clock

OUTCOMES: Final = ("created", "updated", "deactivated", "unchanged", "skipped", "invalid", "rejected")


@dataclass
class Ran:
    """How a command line ended. `sent` are the rows of its write requests, `writes` their number, where they were
    counted."""

    code: int
    out: str
    err: str
    writes: int = 0
    sent: list[dict[str, Any]] = field(default_factory=list)

    @property
    def doc(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def silent(self) -> bool:
        """It ended well and said nothing."""
        return (self.code, self.out, self.err) == (0, "", "")

    @property
    def counts(self) -> dict[str, int]:
        """The outcomes that happened: name -> people."""
        return {name: number for name, number in self.doc["counts"].items() if name in OUTCOMES and number}

    @property
    def skipped(self) -> dict[str, int]:
        found: dict[str, int] = self.doc["skipped"]
        return found

    @property
    def changes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.doc["changes"]
        return found

    def guard(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(guard for guard in self.doc["guards"] if guard["name"] == name)
        return found

    def sent_to(self, email: str) -> dict[str, Any]:
        """The one row that was sent about somebody."""
        (row,) = (row for row in self.sent if row.get("email") == email)
        return row


def environment() -> dict[str, str]:
    """That of the tests, with warnings as errors and lines that are long enough."""
    return {**os.environ, "PYTHONWARNINGS": "error", "COLUMNS": "200"}


def here(
    folder: Path,
    words: Sequence[str],
    env: Mapping[str, str] = MappingProxyType({}),
    wall: Callable[[], float] = time.time,
) -> Ran:
    """In this process: what it says and how it ends is the same, and nothing is started for it."""
    before = Path.cwd()
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in "12")
    os.chdir(folder)
    try:
        with (
            redirect_stdout(out),
            redirect_stderr(err),
            patch.dict(os.environ, {**environment(), **env}, clear=True),
            patch.object(Clock, "wall", lambda _: wall()),
        ):
            code = cli_app.run(words)
    finally:
        os.chdir(before)
    return Ran(code, _said(out), _said(err))


def _said(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


def start(folder: Path, words: Sequence[str], **options: Any) -> subprocess.Popen[str]:
    """As a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "cleverreach_sync", *words],
        cwd=folder,
        env={**environment(), **options.pop("env", {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def until(fits: Callable[[], bool], seconds: float = 20.0) -> None:
    """Waits for something that another process does."""
    deadline = time.monotonic() + seconds
    while not fits():
        assert time.monotonic() < deadline, "it did not come to that"
        threading.Event().wait(0.005)


def adds_up(document: Mapping[str, Any]) -> None:
    """What always holds for the numbers of a run."""
    counts, activation = document["counts"], document["activation"]
    assert counts["people"] == sum(counts[name] for name in OUTCOMES)
    for name in ("skipped", "invalid", "rejected"):
        assert counts[name] == sum(document[name].values()), name
    assert counts["created"] == activation["created_active"] + activation["created_inactive"]
    assert activation["without_consent"] <= activation["created_active"]


def counted(document: Mapping[str, Any]) -> dict[str, int]:
    return {name: number for name, number in document["counts"].items() if number}


def tally_of(documents: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """The counts of several runs together."""
    total: Counter[str] = Counter()
    for document in documents:
        total.update(document["counts"])
    return total
