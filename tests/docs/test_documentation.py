"""README.md and docs/ say what the program does: every command, option, key, code and reason, and nothing that is not there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from cleverreach_sync.clock import Stop
from cleverreach_sync.config.json_schema import json_schema
from cleverreach_sync.config.loading import load_config, load_configs
from cleverreach_sync.domain.guards import FORCEABLE
from cleverreach_sync.domain.model import PERSON_FIELDS, SkipReason
from cleverreach_sync.report import words
from cleverreach_sync.report.document import _RUN_KEYS
from cleverreach_sync.sandbox.routes_own import ROUTES
from cleverreach_sync.sources.registry import SOURCE_TYPES
from cleverreach_sync.state.files import StateFolder
from tests.config_text import ENV
from tests.docs.reference import BLOCKS, DOCS, README, ROOT, blocks, commands, exit_codes, options, pages, variables

TEXT = "\n".join(page.read_text(encoding="utf-8") for page in pages())
_BLOCK = re.compile(r"<!-- begin (\S+) -->.*?<!-- end \1 -->", re.DOTALL)
WRITTEN = _BLOCK.sub("", TEXT)  # what people wrote
_OF_OTHERS = {"--user"}


def page(name: str) -> str:
    """A page of docs/, without its generated parts."""
    return _BLOCK.sub("", (DOCS / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", BLOCKS)
def test_generated_parts_are_new(name: str) -> None:
    found = blocks(TEXT)
    assert name in found
    made = BLOCKS[name]().rstrip()
    assert found[name].strip() == made.strip(), "docs/ is old; if right: python -m tests.docs.renew"


def test_generated_parts_stand_once() -> None:
    assert sorted(re.findall(r"<!-- begin (\S+) -->", TEXT)) == sorted(BLOCKS)


def test_the_index_links_every_page() -> None:
    index = page("README.md")
    for path in pages()[2:]:
        assert f"({path.relative_to(DOCS).as_posix()})" in index


def test_readme_names_the_two_commands() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    assert {line.partition("#")[0].strip() for line in lines} >= {"make demo", "make test"}


@pytest.mark.parametrize("source_type", SOURCE_TYPES)
def test_every_source_has_a_guide(source_type: str) -> None:
    assert f"(../reference/config.md#type-{source_type})" in page(f"guides/{source_type}.md")


def test_every_key_of_the_config_is_in_the_reference() -> None:
    text = (DOCS / "reference/config.md").read_text(encoding="utf-8")
    found = set(re.findall(r"(?:^\| `|Or `|[{ ])(\w+)(?:` \||`: a file|: \d)", text, flags=re.MULTILINE))
    schema = json_schema()
    for name, definition in (("", schema), *schema["$defs"].items()):
        assert set(definition.get("properties", {})) - found == set(), name


def test_every_option_is_in_the_reference() -> None:
    text = (DOCS / "reference/commands.md").read_text(encoding="utf-8")
    assert options() - set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text)) == set()


def test_every_exit_code_is_in_the_reference() -> None:
    text = (DOCS / "reference/exit-codes.md").read_text(encoding="utf-8")
    listed = {int(code) for code in re.findall(r"^\| `(\d+)`", text, flags=re.MULTILINE)}
    assert listed == set(exit_codes()) == {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130, 143}


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
    table = page("reference/commands.md").partition("## Environment variables")[2]
    assert set(re.findall(r"^\| `(CRSYNC_\w+)`", table, flags=re.MULTILINE)) == variables()
    for name in set(re.findall(r"\bCRSYNC_\w+", TEXT)):
        assert name in variables()


def test_guards_have_advice() -> None:
    advised = re.findall(
        r"`(\w+)`", " ".join(re.findall(r"^- (.*?): ", page("reference/guards.md"), flags=re.MULTILINE))
    )
    assert set(advised) == set(FORCEABLE)
    assert set(words.GUARDS) == set(FORCEABLE)


def test_result_keys() -> None:
    section = page("reference/result-document.md").partition("Other documents")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} == {*_RUN_KEYS, "stopped"}


def test_reasons_to_stop() -> None:
    row = next(line for line in WRITTEN.split("\n") if line.startswith("| `stopped`"))
    assert set(re.findall(r"`(\w+)`", row)) - {"stopped"} == set(words.STOPPED)
    assert hasattr(Stop(), "reason")


def test_state_files() -> None:
    listed = set(re.findall(r"^\| `([\w.]+)`", page("reference/state-files.md"), flags=re.MULTILINE))
    folder = StateFolder(Path("x"))
    documents = (folder.checkpoint, folder.key, folder.rejects, folder.history)
    assert listed == {
        path.name for path in (folder.ledger, folder.spool, folder.lock, *(kept.path for kept in documents))
    }


def test_sandbox_requests() -> None:
    listed = set(re.findall(r"`((?:GET|POST) /sandbox/\w+)`", page("guides/sandbox.md")))
    assert listed == {f"{r.method} {r.path}" for r in ROUTES}


def test_reasons_have_words() -> None:
    assert set(SkipReason) == set(words.SKIPPED)


def test_data_fields_of_the_preset() -> None:
    from cleverreach_sync.targets.cleverreach.fields import data_fields

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
    named = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "something")
    assert all(config.tags for config in load_configs(path, {**named, **ENV}))


def test_inline_yaml_is_yaml() -> None:
    """`attributes: {map: {title: null}}` and the like."""
    for piece in re.findall(r"`([a-z_]+: [\[{][^`]*)`", WRITTEN):
        assert isinstance(yaml.safe_load(piece), dict), piece


def test_consent_words() -> None:
    from cleverreach_sync.sources.values import CONSENT_WORDS

    table = page("guides/file.md").partition("## Consent")[2].partition("Any other word")[0]
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


def test_messages_in_the_guides_exist() -> None:
    """What `crsync check` says, in italics at the beginning of a line: the program says it, as far as it is not filled in."""
    said = "\n".join(_texts())
    quoted = re.findall(
        r"^- \*([^*]+)\*:", "".join(path.read_text() for path in (DOCS / "guides").iterdir()), re.MULTILINE
    )
    assert len(quoted) > 8
    for message in quoted:
        assert " ".join(re.sub(r"^\d+ ", "", message).split()[:3]) in said, message


def _generic(part: str) -> list[str]:
    """Messages whose middle is filled in by a name."""
    if part.startswith("refused by "):
        return ["refused by "]
    if part.endswith(" in CleverReach"):
        return [part.removesuffix("CleverReach")]
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

    example = r"```text\nerror: sync.yaml:\d+:\d+: (.*)\nhint: (.*)\n```"
    message, hint = re.findall(example, page("reference/exit-codes.md"))[0]
    path = tmp_path / "sync.yaml"
    config = re.findall(r"```yaml\n(.*?)```", page("reference/config.md"), flags=re.DOTALL)[0]
    path.write_text(config.replace(", buyer]", ", buyers]"))
    with pytest.raises(ConfigError) as caught:
        load_config(path, ENV)
    problem = caught.value.problems[0]
    assert problem.message.endswith(message)
    assert problem.hint == hint
