"""README.md says what the program does: every command, option, key, code and reason, and nothing that is not there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from cleverreach_sync.clock import Stop
from cleverreach_sync.config.loading import load_config, load_configs
from cleverreach_sync.domain.decision import SKIP_REASONS
from cleverreach_sync.domain.guards import FORCEABLE
from cleverreach_sync.domain.model import PERSON_FIELDS
from cleverreach_sync.report import words
from cleverreach_sync.report.document import _RUN_KEYS
from cleverreach_sync.sandbox.routes_own import ROUTES
from cleverreach_sync.state.files import StateFolder
from tests.config_text import ENV
from tests.docs.reference import BLOCKS, README, ROOT, blocks, commands, options, variables

TEXT = README.read_text(encoding="utf-8")
_BLOCK = re.compile(r"<!-- begin (\S+) -->.*?<!-- end \1 -->", re.DOTALL)
WRITTEN = _BLOCK.sub("", TEXT)  # what people wrote
_OF_OTHERS = {"--user"}


@pytest.mark.parametrize("name", BLOCKS)
def test_generated_parts_are_new(name: str) -> None:
    found = blocks(TEXT)
    assert name in found
    made = BLOCKS[name]().rstrip()
    assert found[name].strip() == made.strip(), "README.md is old; if right: python -m tests.docs.renew"


def test_helps_are_plain() -> None:
    text = blocks(TEXT)["help"]
    assert "\x1b" not in text
    assert max(len(line) for line in text.split("\n") if not line.startswith("<")) <= 80
    for command in commands():
        assert f"<code>{' '.join(('crsync', *command))}</code>" in text


def test_no_other_options() -> None:
    mentioned = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", WRITTEN))
    assert mentioned - options() - _OF_OTHERS == set()


def test_no_other_commands() -> None:
    known = {command[0] for command in commands() if command}
    blocks_of_code = re.findall(r"```(?:sh|crontab)\n(.*?)```", WRITTEN, flags=re.DOTALL)
    code = "\n".join([*blocks_of_code, *re.findall(r"`([^`\n]+)`", WRITTEN)])
    assert set(re.findall(r"(?:^|&& )crsync ([a-z]+)", code, flags=re.MULTILINE)) == known


def test_environment_variables() -> None:
    table = WRITTEN.partition("## Environment variables")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(CRSYNC_\w+)`", table, flags=re.MULTILINE)) == variables()
    for name in set(re.findall(r"\bCRSYNC_\w+", TEXT)):
        assert name in variables()


def test_guards_have_advice() -> None:
    section = WRITTEN.partition("## Guards")[2].partition("\n## ")[0]
    advised = re.findall(r"`(\w+)`", " ".join(re.findall(r"^- (.*?): ", section, flags=re.MULTILINE)))
    assert set(advised) == set(FORCEABLE)
    assert set(words.GUARDS) == set(FORCEABLE)


def test_result_keys() -> None:
    section = WRITTEN.partition("## The result")[2].partition("Other documents")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} == {*_RUN_KEYS, "stopped"}


def test_reasons_to_stop() -> None:
    row = next(line for line in WRITTEN.split("\n") if line.startswith("| `stopped`"))
    assert set(re.findall(r"`(\w+)`", row)) - {"stopped"} == set(words.STOPPED)
    assert hasattr(Stop(), "reason")


def test_state_files() -> None:
    section = WRITTEN.partition("## What is kept between runs")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| `([\w.]+)`", section, flags=re.MULTILINE))
    folder = StateFolder(Path("x"))
    there = {folder.checkpoint, folder.ledger, folder.key, folder.spool, folder.rejects, folder.history, folder.lock}
    assert listed == {path.name for path in there}


def test_sandbox_requests() -> None:
    section = WRITTEN.partition("## The sandbox")[2].partition("\n## ")[0]
    assert set(re.findall(r"`((?:GET|POST) /sandbox/\w+)`", section)) == {f"{r.method} {r.path}" for r in ROUTES}


def test_reasons_have_words() -> None:
    assert set(SKIP_REASONS) == set(words.SKIPPED)


def test_data_fields_of_the_preset() -> None:
    from cleverreach_sync.domain.fields import data_fields

    part = WRITTEN.partition("The data fields of `preset: shop` are")[2].partition("the last three")[0]
    assert tuple(re.findall(r"`(\w+)`", part)) == tuple(field.name for field in data_fields("shop", {}))


@pytest.mark.parametrize("number", range(len(re.findall(r"```yaml\n", TEXT))))
def test_configs_load(number: int, tmp_path: Path) -> None:
    text = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)[number]
    (tmp_path / "secrets").mkdir()
    for name in ("id", "secret"):
        (tmp_path / "secrets" / f"cleverreach-{name}").write_text("something\n")
    path = tmp_path / "sync.yaml"
    path.write_text(text)
    assert all(config.tags for config in load_configs(path, ENV))


def test_inline_yaml_is_yaml() -> None:
    """`attributes: {map: {title: null}}` and the like."""
    for piece in re.findall(r"`([a-z_]+: [\[{][^`]*)`", WRITTEN):
        assert isinstance(yaml.safe_load(piece), dict), piece


def test_consent_words() -> None:
    from cleverreach_sync.sources.values import CONSENT_WORDS

    table = WRITTEN.partition("**Consent**")[2].partition("Any other word")[0]
    listed = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", table, flags=re.MULTILINE)))
    assert set(listed) == set(CONSENT_WORDS)


def test_person_fields() -> None:
    assert set(re.findall(r"`(\w+)`", blocks(TEXT)["person-fields"])) == set(PERSON_FIELDS)


def test_error_messages_exist() -> None:
    """Every message that the questions are about is one the program can print."""
    said = "\n".join(_texts())
    for title in re.findall(r"^### `(.*)`$", TEXT, flags=re.MULTILINE):
        for part in title.split("…"):
            assert any(piece in said for piece in (part.strip(), *_generic(part.strip()))), title


def _generic(part: str) -> list[str]:
    """Messages whose middle is filled in by a name."""
    if part.startswith("refused by "):
        return ["refused by "]
    return ["belongs to another "] if part.startswith("belongs to another ") else []


def _texts() -> list[str]:
    found = []
    for path in (ROOT / "cleverreach_sync").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def test_the_example_of_an_error_is_real(tmp_path: Path) -> None:
    from cleverreach_sync.errors import ConfigError

    message, hint = re.findall(r"```text\nerror: sync.yaml:\d+:\d+: (.*)\nhint: (.*)\n```", TEXT)[0]
    path = tmp_path / "sync.yaml"
    path.write_text(re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)[0].replace(", buyer]", ", buyers]"))
    with pytest.raises(ConfigError) as caught:
        load_config(path, ENV)
    problem = caught.value.problems[0]
    assert problem.message.endswith(message)
    assert problem.hint == hint
