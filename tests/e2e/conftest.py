"""The program as a whole, as a merchant or an agency runs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cleverreach_sync.sandbox.server import RunningSandbox
from tests.e2e.agency import Agency
from tests.e2e.gate import Gate
from tests.e2e.program import Program, Shop

for _name in [name for name in os.environ if name.startswith(("CRSYNC_", "CLEVERREACH_")) or name == "NO_COLOR"]:
    del os.environ[_name]  # it would steer crsync from outside


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch, sandbox: RunningSandbox) -> Gate:
    found = Gate()
    found.stand_before_the_sandbox(monkeypatch)
    return found


@pytest.fixture
def program(tmp_path: Path, sandbox: RunningSandbox) -> Program:
    return Program(tmp_path, sandbox)


@pytest.fixture
def shop(tmp_path: Path, sandbox: RunningSandbox) -> Shop:
    return Shop(tmp_path, sandbox)


@pytest.fixture
def agency(tmp_path: Path, sandbox: RunningSandbox) -> Agency:
    return Agency(tmp_path, sandbox)
