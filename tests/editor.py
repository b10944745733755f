"""YAML as editors read it before they apply a JSON Schema."""

from __future__ import annotations

import re
from typing import Any

import yaml


class _Core(yaml.SafeLoader):
    """YAML 1.2, as today's editors read it: only true and false are booleans."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+0123456789."),
    ("null", r"null|Null|NULL|~|", "nN~\0"),
):
    _first_characters = [*_first, ""] if _tag == "null" else list(_first)
    _Core.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first_characters)


def as_editor(text: str, version: str = "1.2") -> Any:
    """The document as an editor sees it; version 1.1 takes yes, no, on and off for booleans."""
    return yaml.load(text, Loader=yaml.SafeLoader if version == "1.1" else _Core)
