"""One short text for all of a config that decides who is transferred, and with what."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, SecretStr

if TYPE_CHECKING:
    from cleverreach_sync.config.schema import Config

# How a source is reached and how often it is read completely; neither decides anything about a person.
_NOT_DECIDING: Final = frozenset({"url", "username", "reconcile_every", "full_read_every", "state_out"})


def decision_digest(config: Config) -> str:
    """Hex SHA-256, independent of the order of keys and of what only says how to connect or how fast to go."""
    attributes = config.attributes
    decides = {
        "tags": sorted(config.selected),
        "activate": sorted(config.activated),
        "attributes": _options(attributes),
        "exclude": sorted(set(config.exclude)),
        "consent": None if config.consent is None else _options(config.consent),
        "source": {
            **{key: value for key, value in _options(config.source).items() if key not in _NOT_DECIDING},
            "name": config.source.tag_source,
        },
        **config.target.decides,
    }
    text = json.dumps(decides, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _options(model: BaseModel) -> dict[str, Any]:
    return {
        name: _form(value)
        for name in type(model).model_fields
        if not isinstance(value := getattr(model, name), SecretStr)
    }


def _form(value: object) -> Any:
    """A JSON form; lists of options are sets, so their order does not matter."""
    if isinstance(value, BaseModel):
        return _options(value)
    if isinstance(value, Mapping):
        return {str(key): _form(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return sorted((_form(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return value.as_posix() if isinstance(value, Path) else str(value)
