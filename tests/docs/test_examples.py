"""Everything in examples/ is valid, and what can run does."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cleverreach_sync.cli.app import run
from cleverreach_sync.config.loading import load_configs
from cleverreach_sync.sandbox.server import RunningSandbox
from tests.config_text import ENV
from tests.docs.reference import ROOT, commands, exit_codes, options, pages, variables

EXAMPLES = ROOT / "examples"
FOLDERS = sorted(path for path in EXAMPLES.iterdir() if path.is_dir())
FILES = sorted(path for path in EXAMPLES.rglob("*") if path.is_file() and ".crsync" not in path.parts)
# Directives of the units, from systemd's manual.
_DIRECTIVES = {
    "Unit": {"Description", "Wants", "After", "OnFailure", "StartLimitIntervalSec", "StartLimitBurst"},
    "Service": {
        "Type", "User", "WorkingDirectory", "EnvironmentFile", "Environment", "ExecStart", "Restart",
        "RestartForceExitStatus", "RestartSec", "KillSignal", "TimeoutStopSec", "ProtectSystem", "ProtectHome",
        "ReadWritePaths", "PrivateTmp", "PrivateDevices", "NoNewPrivileges", "ProtectKernelTunables",
        "ProtectKernelModules", "ProtectControlGroups", "RestrictAddressFamilies", "RestrictNamespaces",
        "LockPersonality", "SystemCallFilter", "CapabilityBoundingSet", "UMask",
    },
    "Timer": {"OnCalendar", "RandomizedDelaySec", "Persistent"},
    "Install": {"WantedBy"},
}  # fmt: skip


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_every_example_says_what_it_is(folder: Path) -> None:
    assert (folder / "README.md").read_text(encoding="utf-8").startswith("# ")


def test_the_guides_link_every_example() -> None:
    guides = "".join(page.read_text(encoding="utf-8") for page in pages())
    for folder in FOLDERS:
        assert f"(../../examples/{folder.name}/README.md)" in guides


def calls(text: str) -> Iterator[list[str]]:
    """The words of every call of crsync in a script, from its name to the end of the command."""
    for found in re.finditer(
        r"(?:^|[\s/=])crsync ((?:sync|resync|diff|check|attrs|status|init|sandbox)\b[^\n;|>]*)", text
    ):
        yield shlex.split(found[1].split("&&")[0].split("#")[0])


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix != ".csv"], ids=lambda path: path.name)
def test_commands_and_options_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    known = {command[0] for command in commands() if command}
    for call in calls(text):
        assert call[0] in known
        assert {word for word in call if word.startswith("-")} <= options(), call
    assert set(re.findall(r"\bCRSYNC_\w+", text)) <= variables()


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.suffix in (".yml", ".yaml")], ids=lambda path: path.name
)
def test_yaml_loads(path: Path) -> None:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    if "version" in found:
        named = dict.fromkeys(re.findall(r"\$\{(\w+)\}", path.read_text(encoding="utf-8")), "something")
        assert all(config.tags for config in load_configs(path, {**named, **ENV}))


@pytest.mark.parametrize("name", ["github-workflow.yml", "gitlab-ci.yml"])
def test_ci_lets_only_0_and_3_pass(name: str) -> None:
    """A refusal of a guard is commented first."""
    text = (EXAMPLES / "ci" / name).read_text(encoding="utf-8")
    assert "--against list --exit-code" in text
    assert "0|3|7) ;;" in text
    assert text.index("--body-file diff.md" if "gh pr" in text else "body@diff.md") < text.index("exit 7")
    assert "--show-pii" not in text


UNITS = [path for path in FILES if path.suffix in (".service", ".timer")]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units(path: Path) -> None:
    section = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            assert line.partition("=")[0] in _DIRECTIVES[section], line


@pytest.mark.parametrize(
    "path", [path for path in UNITS if "ExecStart=/usr/local/bin/crsync sync" in path.read_text(encoding="utf-8")],
    ids=lambda path: path.name,
)  # fmt: skip
def test_the_service_tries_again_what_may_succeed(path: Path) -> None:
    again = re.findall(r"^RestartForceExitStatus=(.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[0]
    wanted = {str(code) for code, (_, _, retry) in exit_codes().items() if retry == "yes" and code < 128}
    assert set(again.split()) == wanted


@pytest.mark.parametrize(
    "path", [path for path in UNITS if "ExecStart=/usr/local/bin/crsync" in path.read_text(encoding="utf-8")],
    ids=lambda path: path.name,
)  # fmt: skip
def test_every_service_has_the_variables_of_the_config(path: Path) -> None:
    assert "\nEnvironmentFile=/etc/crsync.env\n" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.cron")), ids=lambda path: path.parent.name)
def test_crontab(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    jobs = [line for line in lines if line and not line.startswith("#") and not re.match(r"[A-Z]+=", line)]
    assert jobs
    for job in jobs:
        assert re.match(r"([\d*/,-]+\s+){5}cd \S+ && set -a && \. \./credentials\.env && crsync sync -q", job)
        assert "%" not in job  # cron takes it for the end of the line


def test_custom_columns_run(
    sandbox: RunningSandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(EXAMPLES / "custom-columns", tmp_path / "shop", ignore=shutil.ignore_patterns(".crsync"))
    monkeypatch.chdir(tmp_path / "shop")
    monkeypatch.setenv("CLEVERREACH_URL", sandbox.url)
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    for command in ("attrs create", "diff --show-pii", "sync"):
        assert run(command.split()) == 0
    assert capsys.readouterr().err == ""
    people = {person["email"]: person for person in _receivers(sandbox)}
    assert set(people) == {f"{name}@example.{end}" for name, end in
                           (("joerg.mueller", "org"), ("kaethe", "com"), ("renee", "net"), ("lea", "org"))}  # fmt: skip
    joerg, kaethe = people["joerg.mueller@example.org"], people["kaethe@example.com"]
    assert set(joerg["tags"]) == {"Teeladen-Special.Subscriber", "Teeladen-Special.Buyer"}
    assert joerg["global_attributes"]["totalspent"] == "1234.50"
    assert joerg["global_attributes"]["birthday"] == "1971-07-03"
    assert joerg["global_attributes"]["lieblingstee"] == "Assam"
    assert kaethe["global_attributes"]["lastname"] == "Großmann"
    assert kaethe["global_attributes"]["ordercount"] == "3"


def _receivers(server: RunningSandbox) -> list[dict[str, Any]]:
    members = [member for group in server.state.groups.values() for member in group.members.values()]
    return list(server.state.shown_rows(members))
