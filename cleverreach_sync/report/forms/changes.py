"""One entry of `changes` in words: state, tags, data fields, why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from cleverreach_sync.messages import Message, say
from cleverreach_sync.report import words

NO_VALUE: Final = say("changes.no_value", "(none)")
ARROW: Final = " -> "
_MASK: Final = "***"


def effects(change: dict[str, Any], target: str) -> Iterator[str]:
    """What happens to one person, a line each: state, tags, data fields, why."""
    state = state_words(change)
    if state:
        yield state
    tags = change.get("tags") or ()
    if tags:
        yield say("changes.tags", "tags {tags}", tags=" ".join(tags))
    fields = change.get("attributes") or {}
    for name, before, after in unmasked(fields):
        yield f"{name}: {words.joined(map(_quoted, (before, after)), ARROW)}"
    yield from masked(fields)
    if change.get("reason"):
        yield say("changes.why", "why: {reason}", reason=words.of(words.REASONS, change["reason"], target))


def state_words(change: dict[str, Any]) -> str:
    """`not in the list -> active`, `active`; empty if the entry does not say."""
    before, after = states(change)
    if before is None and change.get("action") == "create":
        before = "absent"
    told = [words.of(words.STATES, state) for state in dict.fromkeys((before, after)) if state]
    return words.joined(told, ARROW)


def states(change: dict[str, Any]) -> tuple[str | None, str | None]:
    """The state in the list before and after."""
    before, after = change.get("state") or (None, None)
    return before, after


def masked(fields: dict[str, list[str | None]]) -> Iterator[Message]:
    """Fields whose values are masked, by what happens to them: `sets city, zip`."""
    found: dict[str, list[str]] = {}
    for name, (before, after) in fields.items():
        if _MASK in (before, after):
            found.setdefault(_effect(before, after), []).append(name)
    for effect, says in _MASKED.items():
        if effect in found:
            yield says(", ".join(found[effect]))


def unmasked(fields: dict[str, list[str | None]]) -> Iterator[tuple[str, str | None, str | None]]:
    """Fields whose values may be seen: name, before, after."""
    for name, (before, after) in fields.items():
        if _MASK not in (before, after):
            yield name, before, after


_MASKED: Final[Mapping[str, Callable[[str], Message]]] = {
    "sets": lambda fields: say("changes.sets", "sets {fields}", fields=fields),
    "changes": lambda fields: say("changes.changes", "changes {fields}", fields=fields),
    "clears": lambda fields: say("changes.clears", "clears {fields}", fields=fields),
}


def _effect(before: str | None, after: str | None) -> str:
    if not after:
        return "clears"
    return "changes" if before else "sets"


def _quoted(value: str | None) -> str:
    return NO_VALUE if value is None else f'"{value}"'


def signed(change: dict[str, Any], sign: str) -> list[str]:
    """The tags that are added (`+`) or removed (`-`), without their sign."""
    return [tag[1:] for tag in change.get("tags") or () if tag.startswith(sign)]
