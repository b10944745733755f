"""The project's texts: links lead somewhere, versions agree, and they speak of the project alone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from cleverreach_sync import __version__
from tests.docs.reference import ROOT

_ENDINGS = {".md", ".py", ".toml", ".yaml", ".yml", ".csv", ".txt", ".cron", ".service", ".timer", ""}
_SELF = {Path("tests/docs/test_texts.py")}
_ELSEWHERE = re.compile(r"/work/|/root/|/tmp/bash|(?<![\w/])(?:CONTRACT|BEHAVIOUR|STYLE)\.md|issue #\d|\(#\d+\)|GH-\d+")


def texts() -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):  # not a checkout, or no git
        return sorted(path.relative_to(ROOT) for path in ROOT.glob("*.md"))
    paths = sorted({Path(line) for line in listed.stdout.splitlines()})
    return [path for path in paths if path.suffix in _ENDINGS and path not in _SELF and (ROOT / path).is_file()]


MARKDOWN = [path for path in texts() if path.suffix == ".md"]


@pytest.mark.parametrize("path", MARKDOWN, ids=str)
def test_links_lead_somewhere(path: Path) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    for target in re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        linked = (ROOT / path).parent / file if file else ROOT / path
        assert linked.exists(), target
        if anchor:
            assert anchor in _anchors(linked), target


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_changelog_has_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.findall(r"^## \[(\d[^\]]*)\] - \d{4}-\d\d-\d\d$", changelog, flags=re.MULTILINE)
    assert newest[0] == __version__
    assert f"[{__version__}]:" in changelog


def test_the_project_speaks_of_itself_alone() -> None:
    found = []
    for path in texts():
        text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
        found += [f"{path}: {match[0]}" for match in _ELSEWHERE.finditer(text)]
    assert found == []


@pytest.mark.parametrize(
    "path", ["CONTRIBUTING.md", *(f"docs/develop/{name}.md" for name in ("README", "add-a-source"))]
)
def test_modules_that_developers_are_led_to_exist(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    named = re.findall(r"`((?:[a-z_0-9]+/)+(?:[a-z_0-9]+\.(?:py|md))?)`", text)
    assert named
    for name in named:
        assert any((ROOT / base / name).exists() for base in ("", "cleverreach_sync", "tests")), name


def test_decisions_are_short() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = [int(path.name[:4]) for path in records]
    assert numbers == sorted(set(numbers))
    for path in records:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(path.name[:4])}. ")
        for part in ("**Why.**", "**Decision.**", "**Consequences.**"):
            assert part in text
        assert text.count("\n") <= 25
