"""`sync.example.yaml` is valid, and shows every key there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cleverreach_sync.config.json_schema import json_schema
from cleverreach_sync.config.loading import load_config, load_configs
from tests.config_text import ENV
from tests.editor import as_editor
from tests.targets import cleverreach

EXAMPLE = Path(__file__).parents[2] / "sync.example.yaml"
TEXT = EXAMPLE.read_text(encoding="utf-8")


def test_it_loads() -> None:
    config = load_config(EXAMPLE, ENV)
    assert config.source.type == "file"


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_it_is_valid_for_editors(version: str) -> None:
    schema = json_schema()
    errors = Draft202012Validator(schema).iter_errors(as_editor(TEXT, version))
    assert [error.message for error in errors] == []


def test_its_comments_are_valid_too(tmp_path: Path) -> None:
    path = tmp_path / "sync.yaml"
    path.write_text(uncommented(), encoding="utf-8")
    daily, staff = load_configs(path, ENV)
    assert daily.consent is not None
    assert daily.source.model_dump()["encoding"] == "utf-8"
    assert (cleverreach(daily).list, cleverreach(staff).list) == ("Online shop", "Staff")


def uncommented() -> str:
    """The example with the keys that stand in comments, but for those that exclude others."""
    lines = re.sub(r"^( *)# ((?:  )*[a-z_]+:(?: .*)?)$", r"\1\2", TEXT, flags=re.MULTILINE).split("\n")
    kept = [line for line in lines if not re.match(r" *(#|client_id_file|client_secret_file)", line)]
    return "\n".join(line for line in kept if not re.match(r"Fields: ", line))


def keys(schema: dict[str, Any]) -> Iterator[str]:
    """All but those of other sources than the one in the example; README.md has them."""
    for name, definition in (("", schema), *schema["$defs"].items()):
        if name == "source_file" or not name.startswith("source_"):
            yield from definition.get("properties", {})


def test_every_key_is_shown() -> None:
    shown = set(re.findall(r"^[ #]*([a-z_]+):(?: |$)", TEXT, flags=re.MULTILINE))
    assert set(keys(json_schema())) - shown == set()


def other_sources() -> list[str]:
    """The sources that stand beside the one in use, behind `##`."""
    blocks = re.findall(r"^## source:\n(?:##.*\n)+", TEXT, flags=re.MULTILINE)
    return [re.sub(r"^## ?", "", block, flags=re.MULTILINE) for block in blocks]


@pytest.mark.parametrize("source", other_sources(), ids=lambda source: source.split("\n")[1].split()[-1])
def test_other_sources_are_valid_and_whole(source: str, tmp_path: Path) -> None:
    path = tmp_path / "sync.yaml"
    path.write_text(re.sub(r"^source:\n(?:(?: .*|)\n)+", source + "\n", TEXT, flags=re.MULTILINE), encoding="utf-8")
    named = dict.fromkeys(re.findall(r"\$\{(\w+)\}", source), "something")
    config = load_config(path, {**named, **ENV})
    schema = json_schema()["$defs"][f"source_{config.source.type}"]["properties"]
    shown = set(re.findall(r"^[ #]*([a-z_]+):(?: |$)", source, flags=re.MULTILINE))
    assert {key for key in schema if not key.endswith("_file")} - shown == set()
