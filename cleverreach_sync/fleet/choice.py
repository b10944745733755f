"""Which transfers a call is about: those of one config, or of many."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from cleverreach_sync.config.loading import load_configs
from cleverreach_sync.config.schema import Config
from cleverreach_sync.errors import CrsyncError, UsageError
from cleverreach_sync.fleet.collisions import check_apart, check_standard_input
from cleverreach_sync.fleet.naming import RunName, run_names
from cleverreach_sync.messages import say
from cleverreach_sync.settings.types import did_you_mean

NO_CONFIG: Final = say("choice.no_config", "there is no config")
Refused = Callable[[Config, str, CrsyncError], None]


class Chosen(NamedTuple):
    """One transfer to deal with. `config` is None where `error` says why there is none."""

    name: RunName
    config: Config | None
    error: CrsyncError | None = None


class Choice(NamedTuple):
    """All of them, in order. `several`: the result is one document about all, even if there is only one of them."""

    chosen: list[Chosen]
    several: bool

    @property
    def only(self) -> Config:
        """The config of a call that is about one transfer."""
        (one,) = self.chosen
        if one.config is None:
            raise one.error or UsageError(NO_CONFIG)
        return one.config


def choose(
    given: Sequence[Path],
    named: Sequence[str],
    env: Mapping[str, str],
    *,
    writes: bool = True,
    refused: Refused | None = None,
) -> Choice:
    """Loads the configs in `given` (files, and patterns of files) and picks the transfers called `named`, or all.

    A config that cannot be used is an entry of its own if there are others. Raises UsageError for a pattern without a
    file and for transfers that would get in each other's way, and the errors of the config where it is the only one.
    With `writes` they must not do so in a list either, and their secrets have to be there. `refused` is told of every
    transfer that lacks nothing but its secrets.
    """
    paths = _files(given)
    several = len(given) > 1 or any(_is_pattern(path) for path in given)
    found: list[tuple[str, str | None, Config | None, CrsyncError | None]] = []
    loaded: list[Config] = []
    for path in paths:
        try:
            configs = load_configs(path, env, secrets=writes)
            loaded += configs
            found += [(str(path), config.transfer, config, None) for config in _named(path, configs, named)]
        except CrsyncError as error:
            if refused is not None:
                with suppress(CrsyncError):
                    for config in _named(path, load_configs(path, env, secrets=False), named):
                        refused(config, str(path), error)
            if not several:
                raise
            found.append((str(path), named[0] if len(named) == 1 else None, None, error))
    names = run_names((path, transfer) for path, transfer, _, _ in found)
    chosen = [Chosen(name, config, error) for name, (_, _, config, error) in zip(names, found, strict=True)]
    several = several or (chosen[0].name.transfer is not None and len(named) != 1)
    if len(loaded) > 1:
        of_all = run_names((str(config.path), config.transfer) for config in loaded)
        check_apart([(name.label, config) for name, config in zip(of_all, loaded, strict=True)], writes=writes)
        if writes:
            check_standard_input([(one.name.label, one.config) for one in chosen if one.config is not None])
    return Choice(chosen, several)


def _named(path: Path, configs: list[Config], named: Sequence[str]) -> list[Config]:
    if not named:
        return configs
    there = {config.transfer: config for config in configs}
    known = [name for name in there if name is not None]
    for name in named:
        if name not in there:
            if not known:
                message = say("choice.no_transfers", "there are no transfers in {path}", path=path)
                raise UsageError(message, hint=say("choice.leave_out", "leave out --transfer"))
            hint = did_you_mean(name, known) or say("choice.there_are", "there are {names}", names=", ".join(known))
            message = say("choice.no_transfer", "there is no transfer {name!r} in {path}", name=name, path=path)
            raise UsageError(message, hint=hint)
    return [config for config in configs if config.transfer in named]


def _files(given: Sequence[Path]) -> list[Path]:
    """The files of all words, each once."""
    found: dict[str, Path] = {}
    for path in given:
        for file in _expanded(path):
            found.setdefault(os.path.abspath(file), file)  # noqa: PTH100 - a link is a config of its own
    return list(found.values())


def _expanded(path: Path) -> Iterator[Path]:
    if not _is_pattern(path):
        yield path
        return
    files = sorted(file for file in map(Path, glob.glob(str(path), recursive=True)) if file.is_file())  # noqa: PTH207
    if not files:
        raise UsageError(
            say("choice.no_match", "no config file matches this"),
            where=str(path),
            hint=say("choice.file_or_pattern", "-c names a file, or a pattern"),
        )
    yield from files


def _is_pattern(path: Path) -> bool:
    return glob.has_magic(str(path)) and not path.exists()
