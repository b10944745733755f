"""From a config file to a `Config`, or to all of the file's problems at once, with their positions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import ValidationError

from cleverreach_sync.config.filling import Filling
from cleverreach_sync.config.findings import Findings
from cleverreach_sync.config.nodes import MAX_CHARACTERS, Flaw, Node, Unparsable, decode, parse
from cleverreach_sync.config.schema import RESERVED, Config
from cleverreach_sync.errors import ConfigError, Problem, UsageError


def load_config(path: Path, env: Mapping[str, str]) -> Config:
    """The config in `path`, variables taken from `env`. Raises ConfigError with all its problems, and UsageError if
    there is no such file."""
    try:
        top, flaws = parse(decode(_read(path)))
        filling = Filling(path.parent, env)
        filling.run(top)
    except Unparsable as error:
        raise _refusal(path, [error.flaw]) from None
    flaws = [*flaws, *filling.flaws, *_reserved(top)]
    config: Config | None = None
    try:
        config = Config.model_validate(top.plain()).at(path)
    except ValidationError as error:
        flaws += Findings(top, filling.hidden).flaws(error)
    if config is None or flaws:
        raise _refusal(path, flaws)
    return config


def _read(path: Path) -> bytes:
    hint = "`crsync init` writes a config to start with; -c names another file"
    try:
        with path.open("rb") as file:
            return file.read(4 * MAX_CHARACTERS + 1)
    except FileNotFoundError:
        raise UsageError("no such config file", where=str(path), hint=hint) from None
    except OSError as error:
        raise UsageError(f"the config file cannot be read: {error.strerror}", where=str(path)) from None
    except ValueError:
        raise UsageError("the path of the config file is not valid") from None


def _reserved(top: Node) -> Iterable[Flaw]:
    for key, words in RESERVED.items():
        if (node := top.child(key)) is not None:
            yield Flaw(node.key or node.place, f"the key '{key}' is reserved: {words}")


def _refusal(path: Path, flaws: list[Flaw]) -> ConfigError:
    ordered = sorted(dict.fromkeys(flaws), key=lambda flaw: flaw.place)
    return ConfigError(
        [
            Problem(
                f"{path}:{flaw.place.line}:{flaw.place.column}",
                _one_line(flaw.message),
                _one_line(flaw.hint) if flaw.hint else None,
            )
            for flaw in ordered
        ]
    )


def _one_line(text: str) -> str:
    """Keys and values of the file are quoted in messages, and may hold anything."""
    return "".join(c if c.isprintable() else "?" for c in text)
