"""What `make demo` and `make test` install: every version is locked, and fits what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKED_FOR = {"demo": ["sandbox"], "test": ["sandbox", "test"]}
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    return {canonicalize_name(package): version for package, version in PIN.findall(text)}


def wanted(extras: list[str]) -> list[Requirement]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        written = tomllib.load(file)
    project = written["project"]
    lines = [*written["build-system"]["requires"], *project["dependencies"]]
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return [found for found in map(Requirement, lines) if found.name != project["name"]]


@pytest.mark.parametrize("name", LOCKED_FOR)
def test_what_is_asked_for_is_locked_in_a_version_that_fits(name: str) -> None:
    locked = pins(name)
    missing = {str(one) for one in wanted(LOCKED_FOR[name]) if canonicalize_name(one.name) not in locked}
    assert not missing, "make lock UPGRADE= adds them"
    unfit = {str(one) for one in wanted(LOCKED_FOR[name]) if locked[canonicalize_name(one.name)] not in one.specifier}
    assert not unfit


@pytest.mark.parametrize("name", LOCKED_FOR)
def test_every_locked_version_has_hashes_and_no_place_it_comes_from(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    for entry in re.split(r"\n(?=[A-Za-z])", text)[1:]:
        assert "--hash=sha256:" in entry, entry
    assert "://" not in text
    assert "--index" not in text


def test_the_demo_runs_on_the_versions_that_are_tested() -> None:
    assert pins("demo").items() <= pins("test").items()
