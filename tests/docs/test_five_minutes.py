"""The first real sync of README.md, command by command, against the sandbox."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from cleverreach_sync.cli.app import run
from cleverreach_sync.sandbox.server import RunningSandbox
from tests.config_text import ENV
from tests.docs.reference import README

_SECTION = README.read_text(encoding="utf-8").partition("## A first real sync")[2].partition("\n## ")[0]


def test_it_works_as_written(
    sandbox: RunningSandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("customers.csv").write_text(re.findall(r"```csv\n(.*?)```", _SECTION, flags=re.DOTALL)[0], encoding="utf-8")
    done = []
    for line in "".join(re.findall(r"```sh\n(.*?)```", _SECTION, flags=re.DOTALL)).splitlines():
        match shlex.split(line, comments=True):
            case ["export", setting]:
                name = setting.partition("=")[0]
                monkeypatch.setenv(name, ENV[name])
            case ["crsync", *arguments]:
                assert run(arguments) == 0, f"{line}\n{capsys.readouterr()}"
                done.append(arguments[0])
                if arguments[0] == "init":
                    _point_to(sandbox.url)
            case other:
                assert other[0] == "pipx"
    assert done == ["init", "attrs", "check", "diff", "sync"]
    assert capsys.readouterr().err.count("error") == 0
    members = [member for group in sandbox.state.groups.values() for member in group.members.values()]
    assert len(members) == 3


def test_the_crontab_line_is_silent(
    sandbox: RunningSandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    test_it_works_as_written(sandbox, tmp_path, monkeypatch, capsys)
    command = re.findall(r"```crontab\n.*&& (crsync .*)\n```", _SECTION)[0]
    capsys.readouterr()
    assert run(shlex.split(command)[1:]) == 0
    assert capsys.readouterr() == ("", "")


def _point_to(url: str) -> None:
    path = Path("sync.yaml")
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("  type: cleverreach\n", f"  type: cleverreach\n  base_url: {url}\n"), encoding="utf-8"
    )
