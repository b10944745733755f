"""The schema for editors: takes what the loader takes, and names obvious mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cleverreach_sync.config.json_schema import json_schema
from tests.config_text import VALID
from tests.editor import as_editor


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_it_says_what_it_is() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"]
    assert schema["title"]


def described(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, definition in [("", schema), *schema["$defs"].items()]:
        for key, value in definition.get("properties", {}).items():
            yield f"{name}.{key}", value


def test_every_key_is_described() -> None:
    missing = [key for key, value in described(json_schema()) if not value.get("description")]
    assert missing == []


GOOD = {
    "small": "",
    "number as a text": "state_dir: 2024\n",
    "variable for a number": "limits: {rejects_days: '${DAYS}', retry_for: '${A}', max_created: '${B:-3}'}\n",
    "variable for a word": "attributes: {preset: '${PRESET}'}\n",
    "variable for a boolean": "limits: {keep_rejects: '${KEEP}'}\n",
    "variable for a kind": "activate: ['${KIND}']\n",
    "booleans": "limits: {keep_rejects: yes}\n",
    "limits": "limits: {max_rejected: 5%, max_deactivated: 20, max_created: null}\n",
    "durations": "limits: {retry_for: 5m}\n",
    "headings": "limits:\nattributes:\nexclude:\nconsent:\nactivate:\n",
    "a bare no": "consent: {path: a.csv, absent: no}\n",
    "map": "attributes: {map: {a b: extra.x y, b: first_name, c: null}}\n",
    "target options": "  base_url: http://localhost:1\n  timeout: 90\n  concurrency: 8\n",
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("booleans", ["1.1", "1.2"])
def test_what_loads_is_valid(validator: Draft202012Validator, text: str, booleans: str) -> None:
    text = VALID.replace("list: Online shop", "list: 4") + text
    assert [error.message for error in validator.iter_errors(as_editor(text, booleans))] == []


def test_a_secret_may_come_from_a_file(validator: Draft202012Validator) -> None:
    text = VALID.replace("client_secret: ${CLEVERREACH_CLIENT_SECRET}", "client_secret_file: secret.txt")
    assert validator.is_valid(as_editor(text))


BAD = {
    "unknown key": ("", "tagret: {}\n"),
    "unknown below": ("", "limits: {max_rejectd: 1}\n"),
    "word": ("", "attributes: {preset: shopp}\n"),
    "kind": ("", "activate: [buyers]\n"),
    "kind twice": ("", "activate: [buyer, buyer]\n"),
    "no list": ("", "exclude: a@b.de\n"),
    "boolean": ("", "limits: {keep_rejects: maybe}\n"),
    "number": ("", "limits: {rejects_days: few}\n"),
    "too large": ("", "  batch_size: 5000\n"),
    "duration": ("", "limits: {retry_for: 5 weeks}\n"),
    "percentage": ("", "limits: {max_created: many}\n"),
    "data field": ("", "attributes: {map: {größe: city}}\n"),
    "person field": ("", "attributes: {map: {a: frist_name}}\n"),
    "consent": ("", "consent: {path: a.csv}\n"),
    "both secrets": ("", "  client_secret_file: a\n"),
    "no secret": ("  client_secret: ${CLEVERREACH_CLIENT_SECRET}\n", ""),
    "no list given": ("  list: Online shop\n", ""),
    "no tags": ("tags: [subscriber, buyer]\n", ""),
    "source type": ("type: file", "type: fiel"),
    "source key": ("path: customers.csv", "path: a.csv, colums: {}"),
    "no version": ("version: 1\n", ""),
    "version": ("version: 1\n", "version: 2\n"),
    "transfers": ("", "transfers: {}\n"),
}


@pytest.mark.parametrize(("old", "new"), BAD.values(), ids=BAD)
def test_an_obvious_mistake_is_not_valid(validator: Draft202012Validator, old: str, new: str) -> None:
    text = VALID.replace(old, new) if old else VALID + new
    assert not validator.is_valid(as_editor(text))
