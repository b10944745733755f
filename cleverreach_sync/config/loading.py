"""From a config file to a `Config` for each of its transfers, or to all problems of the file, with their positions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from cleverreach_sync.config.filling import Filling
from cleverreach_sync.config.findings import Findings
from cleverreach_sync.config.nodes import MAX_CHARACTERS, Flaw, Node, Place, Unparsable, decode, parse
from cleverreach_sync.config.schema import Config
from cleverreach_sync.config.transfers import take_transfers
from cleverreach_sync.errors import ConfigError, Problem, UsageError
from cleverreach_sync.messages import say, say_many


def load_configs(path: Path, env: Mapping[str, str], *, secrets: bool = True) -> list[Config]:
    """What is in `path`, variables taken from `env`: one config, or one for each of its transfers, in their order.
    Without `secrets` none of them has to be there.

    Raises ConfigError with all its problems, and UsageError if there is no such file.
    """
    try:
        top, flaws = parse(decode(_read(path)))
        transfers, more, origins = take_transfers(top)
    except Unparsable as error:
        raise _refusal(path, [error.flaw]) from None
    configs: list[Config] = []
    found: dict[Flaw, list[str]] = {}
    for name, tree in transfers:
        config, problems = _checked(tree, path, env, origins, secrets=secrets)
        if config is not None:
            configs.append(config.at(path, name))
        for flaw in dict.fromkeys(problems):
            found.setdefault(flaw, []).append(name or "")
    flaws += more
    flaws += [_naming(flaw, names, len(transfers), origins) for flaw, names in found.items()]
    if flaws:
        raise _refusal(path, flaws)
    return configs


def load_config(path: Path, env: Mapping[str, str]) -> Config:
    """The one config in `path`. Raises as `load_configs`, and UsageError if it has several transfers."""
    configs = load_configs(path, env)
    if len(configs) != 1:
        raise UsageError(
            say("config.several_transfers", "there are several transfers in this config"),
            where=str(path),
            hint=say("config.name_transfer", "--transfer names one"),
        )
    return configs[0]


def _checked(
    tree: Node, path: Path, env: Mapping[str, str], origins: Mapping[Place, str], *, secrets: bool
) -> tuple[Config | None, list[Flaw]]:
    filling = Filling(path.parent, env, secrets=secrets)
    filling.run(tree)
    try:
        return Config.model_validate(tree.plain()), filling.flaws
    except ValidationError as error:
        return None, [*filling.flaws, *Findings(tree, filling.hidden, origins).flaws(error)]


def _naming(flaw: Flaw, names: list[str], count: int, origins: Mapping[Place, str]) -> Flaw:
    """A problem of what all transfers share, where only some of them have it: says which."""
    if len(names) == count or flaw.place in origins:
        return flaw
    message = say_many(
        "config.in_transfers",
        "{problem} (transfer {transfers})",
        "{problem} (transfers {transfers})",
        len(names),
        problem=flaw.message,
        transfers=", ".join(names),
    )
    return flaw._replace(message=message)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4 * MAX_CHARACTERS + 1)
    except FileNotFoundError:
        raise UsageError(
            say("config.no_such_file", "no such config file"),
            where=str(path),
            hint=say(
                "config.init_or_name_another", "`crsync init` writes a config to start with; -c names another file"
            ),
        ) from None
    except IsADirectoryError:
        raise UsageError(
            say("config.is_a_folder", "this is a folder, not a config file"),
            where=str(path),
            hint=say("config.take_all", "-c '{folder}/*.yaml' takes all configs in it", folder=path),
        ) from None
    except OSError as error:
        raise UsageError(
            say("config.unreadable_file", "the config file cannot be read: {reason}", reason=error.strerror),
            where=str(path),
        ) from None
    except ValueError:
        raise UsageError(say("config.odd_path", "the path of the config file is not valid")) from None


def _refusal(path: Path, flaws: list[Flaw]) -> ConfigError:
    ordered = sorted(dict.fromkeys(flaws), key=lambda flaw: flaw.place)
    return ConfigError(
        [
            Problem(
                f"{path}:{flaw.place.line}:{flaw.place.column}",
                flaw.message.changed(_one_line),
                flaw.hint.changed(_one_line) if flaw.hint else None,
            )
            for flaw in ordered
        ]
    )


def _one_line(text: str) -> str:
    """Keys and values of the file are quoted in messages, and may hold anything."""
    return "".join(c if c.isprintable() else "?" for c in text)
