"""What the validator found, at its place in the file and in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from cleverreach_sync.config.fields import choices_at, file_keys, keys, model_at
from cleverreach_sync.config.nodes import Flaw, Node, Place
from cleverreach_sync.config.transfers import KEY, OF_THE_WHOLE
from cleverreach_sync.config.words import CHOICES, explain, hider, unknown_key
from cleverreach_sync.messages import Message, say, say_many
from cleverreach_sync.settings.types import did_you_mean

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

Step = str | int
_CONSEQUENCES: Final = frozenset({"default_factory_not_called"})  # of another problem that is reported itself
_SHORTEST_HIDDEN: Final = 4


class Findings:
    """Translates the validator's findings about one tree. `hidden`: what no message may show, and what to show
    instead. `origins`: where a key begins that stands at some place, if not at the top of the file."""

    def __init__(self, top: Node, hidden: Iterable[tuple[str, str]], origins: Mapping[Place, str]) -> None:
        hidden = list(hidden)
        self._top = top
        self._origins = origins
        self._hide = hider(hidden)
        # Messages of ours hold no values by themselves, but "true" in a variable would spoil their words.
        self._hide_long = hider(pair for pair in hidden if len(pair[0]) >= _SHORTEST_HIDDEN)

    def flaws(self, error: ValidationError) -> Iterator[Flaw]:
        found = error.errors(include_url=False, include_input=False)
        torn = {finding["loc"][:-1] for finding in found}
        for finding in found:
            if finding["type"] == "too_short" and finding["loc"] in torn:
                continue  # what was in it is wrong, and told
            path = self._on_file(finding["loc"])
            trail = self._trail(path)
            if finding["type"] not in _CONSEQUENCES and not any(node.broken for node in trail):
                yield from self._flaw(finding, path, trail)

    def _flaw(self, finding: ErrorDetails, path: Sequence[Step], trail: Sequence[Node]) -> Iterator[Flaw]:
        node = trail[-1]
        if finding["type"] == "missing":
            yield self._missing(str(finding["loc"][-1]), path, node)
        elif finding["type"] == "extra_forbidden":
            yield self._unknown(path, node, trail[-2])
        else:
            yield self._wrong(finding, path, node)

    def _wrong(self, finding: ErrorDetails, path: Sequence[Step], node: Node) -> Flaw:
        kind = finding["type"]
        of_key = finding["loc"][-1:] == ("[key]",)
        if not of_key and node.variables and node.value == "":
            message, hint = _from_empty_variables(node.variables), None
        else:
            hide = self._hide_long if kind.startswith("crsync") else self._hide
            context = finding.get("ctx", {})
            written = str(path[-1]) if of_key else node.written if isinstance(node.value, str) else ""
            if kind in CHOICES:
                context = {"choices": choices_at(path, self._top)}
            said = context.get("message") if kind == "crsync" else finding["msg"]
            said = said.changed(hide) if isinstance(said, Message) else hide(str(said))
            message, hint = explain(kind, context, said, node.value, written)
        whole = kind in ("value_error", "assertion_error") and isinstance(node.value, dict)
        place = (node.key or node.place) if whole or of_key else node.place
        return self._flaw_at(place, path, message, hint)

    def _missing(self, key: str, path: Sequence[Step], node: Node) -> Flaw:
        model = model_at(path, self._top)
        files = file_keys(model) if model else {}
        other = next((file_key for file_key, of in files.items() if of == key), None)
        hint = None
        if model is None and isinstance(node.value, dict):  # of which keys there may be, this one decides
            near = next((given for given in node.value if did_you_mean(given, [key])), None)
            if near:
                hint = say(
                    "config.did_you_mean_instead", "did you mean '{key}' instead of '{given}'?", key=key, given=near
                )
        return self._flaw_at(node.key or node.place, path, _missing(key, other), hint)

    def _unknown(self, path: Sequence[Step], node: Node, parent: Node) -> Flaw:
        model = model_at(path[:-1], self._top)
        place = node.key or node.place
        known = [*keys(model), *file_keys(model)] if model else []
        if len(path) == 1:
            known = [k for k in known if k not in OF_THE_WHOLE] if place in self._origins else [*known, KEY]
        # In an override every key may stand, whatever the config gives already.
        given = parent.value if isinstance(parent.value, dict) and place not in self._origins else {}
        free = [name for name in known if name not in given]
        message, hint = unknown_key(str(path[-1]), known)
        if hint and not hint.startswith("did you"):
            message, hint = unknown_key(str(path[-1]), free)
        return self._flaw_at(place, path[:-1], message, hint)

    def _flaw_at(self, place: Place, path: Sequence[Step], message: Message, hint: Message | None) -> Flaw:
        """The message begins with the key it is about, as it would have to be looked for in the file."""
        origin = self._origins.get(place)
        return Flaw(place, _prefixed(path if origin is None else (origin, *path), message), hint)

    def _on_file(self, loc: Sequence[Step]) -> tuple[Step, ...]:
        """The part of a finding's path that exists in the file; steps that only the models know are left out."""
        path: list[Step] = []
        node = self._top
        for step in loc:
            found = node.child(step)
            if found is not None:
                path.append(step)
                node = found
        return tuple(path)

    def _trail(self, path: Sequence[Step]) -> list[Node]:
        trail = [self._top]
        for step in path:
            found = trail[-1].child(step)
            if found is not None:
                trail.append(found)
        return trail


def _from_empty_variables(names: Sequence[str]) -> Message:
    return say_many(
        "config.empty_variables",
        "is empty: so is the environment variable {names}",
        "is empty: so are the environment variables {names}",
        len(names),
        names=", ".join(names),
    )


def _missing(key: str, file_key: str | None) -> Message:
    if file_key is None:
        return say("config.missing", "the key '{key}' is missing", key=key)
    return say("config.missing_both", "the key '{key}' is missing (or '{file_key}')", key=key, file_key=file_key)


def _prefixed(path: Sequence[Step], message: Message) -> Message:
    names = ".".join(step for step in path if isinstance(step, str))
    return say("config.at_key", "{key}: {problem}", key=names, problem=message) if names else message
