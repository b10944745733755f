"""What the transfers of one call are called, where several are told about."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import Any, NamedTuple


class RunName(NamedTuple):
    """`label` is short and unique within the call; `config` is the file as the user named it."""

    label: str
    config: str
    transfer: str | None


def run_names(of: Iterable[tuple[str, str | None]]) -> list[RunName]:
    """The names of (config, transfer) pairs: `daily` in one config, `shop-a` or `shop-a/daily` in several. Files of the
    same name keep their folders."""
    pairs = list(of)
    configs = {config for config, _ in pairs}
    stems = {config: PurePath(config).stem for config in configs}
    if len(set(stems.values())) < len(stems):
        stems = {config: str(PurePath(config).with_suffix("")) for config in configs}
    if len(set(stems.values())) < len(stems):
        stems = {config: config for config in configs}
    alone = len(configs) == 1
    return [RunName(_label(stems[config], transfer, alone=alone), config, transfer) for config, transfer in pairs]


def names_in(documents: Iterable[dict[str, Any]]) -> list[RunName]:
    """The names of the entries of a document about several transfers."""
    return run_names((str(doc.get("config") or ""), doc.get("transfer")) for doc in documents)


def _label(stem: str, transfer: str | None, *, alone: bool) -> str:
    if transfer is None:
        return stem
    return transfer if alone else f"{stem}/{transfer}"
