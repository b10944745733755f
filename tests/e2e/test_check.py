"""`crsync check` foresees what would keep a run from beginning, or make it do something else than meant."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from cleverreach_sync.cli.app import run as command_line
from tests.e2e.people import people
from tests.e2e.program import Program


def look(program: Program, name: str) -> list[dict[str, Any]]:
    """What is said of one thing."""
    found = program.here("check", "--format", "json").doc["checks"]
    return [check for check in found if check["name"] == name]


def test_a_file_that_does_not_say_who_subscribed(program: Program) -> None:
    program.export_path.write_text("email,orders\na@example.org,1\n")
    whole, lacking = look(program, "source")
    assert whole["message"] == "customers.csv: 1 row, 2 columns in use"
    assert lacking["level"] == "warning"
    assert lacking["message"] == "customers.csv: no column 'subscribed', so nobody is known to have subscribed"
    assert "columns: {subscribed: ...}" in lacking["hint"]
    assert program.here("check").code == 0
    program.config(tags=["buyer"])
    assert len(look(program, "source")) == 1


def test_every_row_of_a_file_is_counted(program: Program) -> None:
    program.export_path.write_text("email,orders\na@example.org,1\n,2\nb@example.org\nc@example.org,0\n")
    assert look(program, "source")[0]["message"] == "customers.csv: 4 rows, 2 columns in use"


def test_a_state_folder_that_cannot_be_written(
    program: Program, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    program.write(*people(3))
    program.config()
    asked: list[object] = []

    def reads_only(path: object, mode: int) -> bool:
        if mode & os.W_OK:
            asked.append(path)
        return not mode & os.W_OK

    monkeypatch.setattr(os, "access", reads_only)
    monkeypatch.chdir(program.folder)
    assert command_line(["check", "--format", "json"]) == 0
    (found,) = (check for check in json.loads(capfd.readouterr().out)["checks"] if check["name"] == "state")
    assert found["level"] == "warning"
    assert found["message"].endswith("cannot be written by this user")
    assert asked[-1] == program.folder
    assert not program.state_path.exists()
