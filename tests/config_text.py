"""A small valid config, and ways to load variations of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from cleverreach_sync.config.loading import load_config
from cleverreach_sync.config.schema import Config
from cleverreach_sync.errors import ConfigError, Problem

ENV = {"CLEVERREACH_CLIENT_ID": "id-4711", "CLEVERREACH_CLIENT_SECRET": "s3cret-0815"}
SOURCE = "source: {type: file, path: customers.csv}\n"
TARGET = """target:
  type: cleverreach
  client_id: ${CLEVERREACH_CLIENT_ID}
  client_secret: ${CLEVERREACH_CLIENT_SECRET}
  list: Online shop
"""
HEAD = "version: 1\n" + SOURCE + "tags: [subscriber, buyer]\n"
VALID = HEAD + TARGET


def load(folder: Path, text: str | bytes, env: Mapping[str, str] = ENV) -> Config:
    """The config that `text` is, from a real file `sync.yaml`."""
    path = folder / "sync.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_config(path, env)


def problems(folder: Path, text: str | bytes, env: Mapping[str, str] = ENV) -> list[Problem]:
    """The problems of `text`, `where` without the folder (`3:5`)."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text, env)
    start = f"{folder / 'sync.yaml'}:"
    assert all(problem.where.startswith(start) for problem in caught.value.problems)
    return [Problem(p.where.removeprefix(start), p.message, p.hint) for p in caught.value.problems]


def lines(folder: Path, text: str | bytes, env: Mapping[str, str] = ENV) -> list[str]:
    """The problems of `text` as `3:5 message`."""
    return [f"{problem.where} {problem.message}" for problem in problems(folder, text, env)]


def told(found: str, expected: str) -> bool:
    """Why a text is no YAML is known from the parser's own words; in other words it is told less exactly, at the same
    place."""
    place, no_yaml, _ = expected.partition("not valid YAML")
    return expected in found or (no_yaml != "" and f"{place}not valid YAML here" in found)
