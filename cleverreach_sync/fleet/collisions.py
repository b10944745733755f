"""Transfers of one call that would get in each other's way. Known without network: the configs and the checkpoints.

Not known: that two OAuth apps belong to one account, or two addresses to one shop; and whether a name and an ID mean
one list, until a run has recorded its ID.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from cleverreach_sync.config.schema import Config
from cleverreach_sync.domain.tags import OwnTags
from cleverreach_sync.errors import StateError, UsageError
from cleverreach_sync.messages import say
from cleverreach_sync.state import checkpoint
from cleverreach_sync.state.files import StateFolder


class _Marks(NamedTuple):
    """What tells one transfer from another. `lists`: every spelling of its list that is known."""

    label: str
    config: Config
    state: str
    tags: frozenset[str]
    lists: frozenset[tuple[str, ...]]
    shop: str


def check_apart(transfers: Sequence[tuple[str, Config]], *, writes: bool) -> None:
    """Raises UsageError if two of the transfers (label, config) share a state folder, or, with `writes`, if different
    shops would take each other's tags in a list for their own."""
    marks = [_marks(label, config) for label, config in transfers]
    _check_states(marks)
    if not writes:
        return
    _check_handed_on(marks)
    of_list: dict[tuple[str, ...], list[_Marks]] = {}
    for mark in marks:
        for spelling in mark.lists:
            of_list.setdefault(spelling, []).append(mark)
    for sharing in of_list.values():
        for one, other in combinations(sharing, 2):
            if one.tags & other.tags and one.shop != other.shop:
                raise UsageError(
                    say(
                        "collisions.same_tags",
                        "{one} and {other} are different shops with the same source.name ({name!r}) and the same list "
                        "({list!r}): each would take the other's tags for its own",
                        one=one.label,
                        other=other.label,
                        name=other.config.source.tag_source,
                        list=other.config.target.list_spelling,
                    ),
                    hint=say(
                        "collisions.own_name_or_list",
                        "give each shop a source.name of its own, or a list of its own",
                    ),
                )


def _check_states(marks: Sequence[_Marks]) -> None:
    first: dict[str, _Marks] = {}
    for mark in marks:
        before = first.setdefault(mark.state, mark)
        if before is not mark:
            raise UsageError(
                say(
                    "collisions.same_state",
                    "{one} and {other} would share the state folder {folder}",
                    one=before.config.path,
                    other=mark.config.path,
                    folder=mark.config.state_path,
                ),
                hint=say("collisions.own_state", "give one of the files another name, or another state_dir"),
            )


def _check_handed_on(marks: Sequence[_Marks]) -> None:
    """Where one tap goes on, one transfer alone cannot say for two: the other may not have transferred all before."""
    first: dict[str, _Marks] = {}
    for mark in marks:
        path = getattr(mark.config.source, "state_out", None)
        if path is None:
            continue
        before = first.setdefault(os.path.realpath(mark.config.base / path), mark)
        if before is not mark:
            raise UsageError(
                say(
                    "collisions.same_state_out",
                    "{one} and {other} would both write the state of a tap to {path}",
                    one=before.label,
                    other=mark.label,
                    path=path,
                ),
                hint=say("collisions.own_state_out", "give each a state_out of its own"),
            )


def check_standard_input(transfers: Sequence[tuple[str, Config]]) -> None:
    """Raises UsageError if two transfers of one call would read standard input: the second would find nobody there."""
    reading = [label for label, config in transfers if "-" in _paths(config)]
    if len(reading) > 1:
        raise UsageError(
            say(
                "collisions.standard_input",
                "{one} and {other} would both read standard input",
                one=reading[0],
                other=reading[1],
            ),
            hint=say("collisions.one_by_one", "run them one by one, or give each a file"),
        )


def _paths(config: Config) -> Iterator[str]:
    for section in (config.source, config.consent):
        path = getattr(section, "path", None)
        if path is not None:
            yield str(path)


def _marks(label: str, config: Config) -> _Marks:
    return _Marks(
        label,
        config,
        os.path.realpath(config.state_path),
        frozenset(OwnTags(config.source.tag_source).by_kind.values()),
        frozenset(_lists(config)),
        _shop(config),
    )


def _lists(config: Config) -> Iterator[tuple[str, ...]]:
    target = config.target
    account = target.account_marks
    written = target.list_spelling
    yield (*account, "written", written)
    if written.isdigit():
        yield (*account, "id", written)
    try:
        known = checkpoint.load(StateFolder(config.state_path).checkpoint)
    except StateError:  # the run itself will say so
        known = None
    if known is not None and known.identity.base_url == target.account_key and known.identity.list_id:
        yield (*account, "id", known.identity.list_id)
        yield (*account, "written", known.identity.list_name)


def _shop(config: Config) -> str:
    """What tells a shop from another: its address. Exports of one config are taken for those of one shop."""
    source = config.source
    for key in ("url", "shop"):
        address = getattr(source, key, None)
        if address:
            return f"{source.type} {address}"
    if config.transfer is not None:
        return f"{source.type} of {os.path.realpath(config.path)}"
    path = getattr(source, "path", None)
    return source.type if path is None else f"{source.type} {os.path.realpath(config.base / path)}"
