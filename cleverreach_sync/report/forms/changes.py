"""One entry of `changes` in words: state, tags, data fields, why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from cleverreach_sync.report import words

_MASK: Final = "***"


def effects(change: dict[str, Any]) -> Iterator[str]:
    """What happens to one person, a line each: state, tags, data fields, why."""
    state = state_words(change)
    if state:
        yield state
    tags = change.get("tags") or ()
    if tags:
        yield "tags " + " ".join(tags)
    fields = change.get("attributes") or {}
    for name, before, after in unmasked(fields):
        yield f"{name}: {_quoted(before)} -> {_quoted(after)}"
    yield from masked(fields)
    if change.get("reason"):
        yield f"why: {words.spoken(words.REASONS, change['reason'])}"


def state_words(change: dict[str, Any]) -> str:
    """`not in the list -> active`, `active`; empty if the entry does not say."""
    before, after = states(change)
    if before is None and change.get("action") == "create":
        before = "absent"
    told = [words.spoken(words.STATES, state) for state in (before, after) if state]
    return told[0] if len(told) == 2 and told[0] == told[1] else " -> ".join(told)


def states(change: dict[str, Any]) -> tuple[str | None, str | None]:
    """The state in the list before and after."""
    before, after = change.get("state") or (None, None)
    return before, after


def masked(fields: dict[str, list[str | None]]) -> Iterator[str]:
    """Fields whose values are masked, by what happens to them: `sets city, zip`."""
    found: dict[str, list[str]] = {}
    for name, (before, after) in fields.items():
        if _MASK in (before, after):
            found.setdefault(_verb(before, after), []).append(name)
    for verb in ("sets", "changes", "clears"):
        if verb in found:
            yield f"{verb} {', '.join(found[verb])}"


def unmasked(fields: dict[str, list[str | None]]) -> Iterator[tuple[str, str | None, str | None]]:
    """Fields whose values may be seen: name, before, after."""
    for name, (before, after) in fields.items():
        if _MASK not in (before, after):
            yield name, before, after


def _verb(before: str | None, after: str | None) -> str:
    if not after:
        return "clears"
    return "changes" if before else "sets"


def _quoted(value: str | None) -> str:
    return "(none)" if value is None else f'"{value}"'


def signed(change: dict[str, Any], sign: str) -> list[str]:
    """The tags that are added (`+`) or removed (`-`), without their sign."""
    return [tag[1:] for tag in change.get("tags") or () if tag.startswith(sign)]
