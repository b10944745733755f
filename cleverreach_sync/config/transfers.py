"""Named transfers: each is the config once more, with some of its values replaced.

An override has the shape of the config. Mappings are merged key by key; lists and single values are replaced, and so is
a mapping that names another `type`, whose keys are other ones. Every node keeps its place in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from cleverreach_sync.config.fields import below, file_keys, model_of
from cleverreach_sync.config.nodes import Flaw, Node, Place
from cleverreach_sync.config.schema import Config
from cleverreach_sync.messages import Message, say

KEY: Final = "transfers"
DESCRIPTION: Final = (
    "Several transfers with this config: by name, the keys that are different in each. All of them run, in order, "
    "each with its own state; --transfer NAME runs one."
)
OF_THE_WHOLE: Final = ("version", KEY, "state_dir")
"""What belongs to the config as a whole, so that no transfer may replace it."""
NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
AT_MOST: Final = 100
_COPIED_AT_MOST: Final = 1_000_000


class Transfer(NamedTuple):
    """One tree to be checked. `name` is None for a config without transfers."""

    name: str | None
    tree: Node


class Taken(NamedTuple):
    """The transfers of a file. `origins`: which override a place of the file belongs to, as the start of a key
    (`transfers.daily`)."""

    transfers: list[Transfer]
    flaws: list[Flaw]
    origins: dict[Place, str]


def take_transfers(top: Node) -> Taken:
    """Takes `transfers` out of the tree of a file, and merges each into a copy of the rest."""
    if not isinstance(top.value, dict) or KEY not in top.value:
        return Taken([Transfer(None, top)], [], {})
    node = top.value.pop(KEY)
    if node.broken:
        return Taken([], [], {})
    place = node.key or node.place
    if not isinstance(node.value, dict):
        if node.value is None:
            return Taken([], [_none(place)], {})
        return Taken([], [Flaw(node.place, _expected_names())], {})
    if not node.value:
        return Taken([], [_none(place)], {})
    if len(node.value) > AT_MOST:
        return Taken([], [Flaw(place, _too_many(len(node.value)))], {})
    flaws = [*_names(node.value)]
    of_the_rest = set(_places(top))
    if len(of_the_rest) * len(node.value) > _COPIED_AT_MOST:
        return Taken([], [Flaw(place, _too_much(len(node.value)))], {})
    transfers, origins = [], {}
    for name, override in node.value.items():
        flaws += _shape(name, override)
        transfers.append(Transfer(name, _merged(top, override, Config)))
        own = {place: f"{KEY}.{name}" for place in _places(override) if place not in of_the_rest}
        origins.update({place: words for place, words in own.items() if place not in origins})
    return Taken(transfers, flaws, origins)


def _none(place: Place) -> Flaw:
    return Flaw(
        place,
        say("transfers.none", "transfers: there is none"),
        say("transfers.name_one", "name at least one transfer, or remove the key"),
    )


def _expected_names() -> Message:
    return say("transfers.expected_names", "transfers: expected names with the keys that are different below each")


def _too_many(number: int) -> Message:
    return say(
        "transfers.too_many", "transfers: there may be at most {most}, these are {given}", most=AT_MOST, given=number
    )


def _too_much(number: int) -> Message:
    return say("transfers.too_large", "transfers: the file has too many values for {given} of them", given=number)


def _names(named: dict[str, Node]) -> Iterator[Flaw]:
    """Names become folders, on some machines without regard to case."""
    first: dict[str, str] = {}
    for name, node in named.items():
        place = node.key or node.place
        if not re.fullmatch(NAME, name):
            yield Flaw(
                place,
                say(
                    "transfers.odd_name",
                    "transfers: the name of a transfer may only contain the letters a to z, digits, '-' and '_', and "
                    "begins with a letter or digit",
                ),
                say("transfers.becomes_folder", "it becomes the name of a folder, with at most 64 characters"),
            )
        elif (before := first.setdefault(name.lower(), name)) != name:
            yield Flaw(
                place,
                say(
                    "transfers.same_name",
                    "transfers: the names '{first}' and '{second}' differ in case only",
                    first=before,
                    second=name,
                ),
            )


def _shape(name: str, override: Node) -> Iterator[Flaw]:
    """Problems of an override as such; what is left of it can be merged."""
    if isinstance(override.value, dict):
        for key in OF_THE_WHOLE:
            if (node := override.value.pop(key, None)) is not None:
                words = say(
                    "transfers.of_the_whole",
                    "transfers.{transfer}: '{key}' belongs to the whole config, a transfer cannot have its own",
                    transfer=name,
                    key=key,
                )
                move = say("transfers.move_to_the_top", "move it to the top of the file")
                yield Flaw(node.key or node.place, words, move)
    elif override.value is not None:
        if not override.broken:
            yield Flaw(
                override.place,
                say(
                    "transfers.expected_keys", "transfers.{transfer}: expected keys and values below it", transfer=name
                ),
            )
        override.value = None


def _merged(base: Node, override: Node, annotation: object) -> Node:
    if override.value is None and annotation is Config:
        return _copy(base)
    if not (isinstance(base.value, dict) and isinstance(override.value, dict)) or _other_type(base, override):
        return _copy(override)
    model = model_of(annotation, base)
    spellings = file_keys(model) if model else {}
    rivals = {**spellings, **{key: file_key for file_key, key in spellings.items()}}
    value = {key: node for key, node in base.value.items() if rivals.get(key) not in override.value}
    found: dict[str, Node] = {key: _copy(node) for key, node in value.items() if key not in override.value}
    for key, node in override.value.items():
        own = value.get(key)
        found[key] = _copy(node) if own is None else _merged(own, node, below(annotation, key, base))
    ordered = {key: found[key] for key in (*value, *found)}
    return Node(base.place, ordered, base.key, broken=base.broken or override.broken)


def _other_type(base: Node, override: Node) -> bool:
    before, now = base.child("type"), override.child("type")
    return before is not None and now is not None and before.value != now.value


def _copy(node: Node) -> Node:
    """Variables and secret files are put into every tree by themselves."""
    value = node.value
    if isinstance(value, dict):
        value = {key: _copy(item) for key, item in value.items()}
    elif isinstance(value, list):
        value = [_copy(item) for item in value]
    return Node(node.place, value, node.key, node.written, node.variables, node.broken)


def _places(node: Node) -> Iterator[Place]:
    """Where everything below a node stands, and its own place."""
    yield node.place
    if node.key is not None:
        yield node.key
    items = node.value.values() if isinstance(node.value, dict) else node.value
    if isinstance(node.value, dict | list):
        for item in items or ():
            if isinstance(item, Node):
                yield from _places(item)
