"""The program as a whole, as a merchant or an agency runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cleverreach_sync.clock import Clock
from cleverreach_sync.sandbox.server import RunningSandbox
from tests.e2e.agency import Agency
from tests.e2e.program import Gate, Program
from tests.e2e.shop import Shop


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch, sandbox: RunningSandbox) -> Gate:
    found = Gate()
    found.stand_before_the_sandbox(monkeypatch)
    return found


@pytest.fixture
def program(tmp_path: Path, sandbox: RunningSandbox) -> Program:
    return Program(tmp_path, sandbox)


@pytest.fixture
def shop(
    sandbox: RunningSandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shop:
    for name in ("CRSYNC_CONFIG", "CRSYNC_FORMAT", "CRSYNC_LOG_FORMAT", "CRSYNC_NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    made = Shop(tmp_path, sandbox, capsys)
    monkeypatch.setattr(Clock, "wall", lambda _: float(made.now))
    return made


@pytest.fixture
def agency(tmp_path: Path, sandbox: RunningSandbox, capfd: pytest.CaptureFixture[str]) -> Agency:
    return Agency(tmp_path, sandbox, capfd)
