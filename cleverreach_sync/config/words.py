"""The validator's findings in plain words. A value is shown as written in the file, never what a variable holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from cleverreach_sync.settings.types import did_you_mean

_MAX_SHOWN: Final = 40
_TYPES: Final = {
    "string_type": "expected a text",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "int_parsing_size": "the number is too large",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "model_type": "expected keys and values below it",
    "model_attributes_type": "expected keys and values below it",
    "dict_type": "expected keys and values below it",
    "mapping_type": "expected keys and values below it",
    "list_type": "expected a list, such as [first, second]",
    "tuple_type": "expected a list, such as [first, second]",
    "set_type": "expected a list, such as [first, second]",
    "frozen_set_type": "expected a list, such as [first, second]",
    "path_type": "expected the path of a file or folder",
}
_BOUNDS: Final = {
    "greater_than": ("gt", "must be more than"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be less than"),
    "less_than_equal": ("le", "must be at most"),
}
CHOICES: Final = frozenset({"enum", "literal_error"})  # findings about one of a few words; `choices` names these


def explain(kind: str, context: Mapping[str, Any], said: str, value: object, written: str) -> tuple[str, str | None]:
    """Message and hint for one finding.

    `kind`, `context` and `said` are the validator's error type, its details and its own words; `value` what stands in
    the file, `written` a text's spelling there, empty where it must not be shown.
    """
    known = context.get("known")
    if isinstance(known, list):
        return _unknown(kind, [str(name) for name in known], written, context.get("hint"))
    if kind in CHOICES and context.get("choices"):
        return _unknown(kind, context["choices"], written, None)
    if kind == "crsync":
        message = _with(said, written)
        return (f"is empty; {message}" if value is None and not message.startswith("is empty") else message), None
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return _with(f"{words} {_number(context.get(name))}", written), None
    if value is None and kind != "missing":
        return "is empty", None
    if kind in _TYPES:
        return (_with(_TYPES[kind], written) if written else f"{_TYPES[kind]}{_shape(value)}"), None
    if kind.endswith("too_short"):
        return ("is empty" if context.get("min_length") == 1 else "is too short"), None
    if kind.endswith("too_long"):
        return "is too long", None
    return _foreign(said), None


def unknown_key(key: str, known: Sequence[str]) -> tuple[str, str | None]:
    """Message and hint for a key that does not exist."""
    near = did_you_mean(key, known)
    return f"unknown key '{_short(key)}'", near or (f"known here: {', '.join(known)}" if known else None)


def _unknown(kind: str, known: list[str], written: str, hint: object) -> tuple[str, str | None]:
    shown = f" '{_short(written)}'" if written else ""
    near = did_you_mean(written, known) if written else None
    if kind == "crsync_unknown":
        return f"there is no person field{shown}", str(hint)
    if kind == "crsync_timezone":
        return f"there is no time zone{shown}", str(hint)
    if kind == "crsync_type":
        return f"unknown type of source{shown}; known: {', '.join(known)}", near
    message = f"expected {known[0]}" if len(known) == 1 else f"expected one of {', '.join(known)}"
    return _with(message, written), near


def _with(message: str, written: str) -> str:
    return f"{message}, not '{_short(written)}'" if written and message.startswith("expected") else message


def _short(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _shape(value: object) -> str:
    if isinstance(value, Mapping):
        return ", not keys and values"
    return ", not a list" if isinstance(value, list) else ""


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def _foreign(said: str) -> str:
    text = said.removeprefix("Value error, ").removeprefix("Assertion failed, ").strip().rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text or "is not valid"


def hider(hidden: Iterable[tuple[str, str]]) -> Callable[[str], str]:
    """A function that replaces values (secrets, what variables hold) in a text by the words beside them."""
    values = {value: words for value, words in hidden if value}
    if not values:
        return lambda text: text
    ordered = sorted(values, key=len, reverse=True)
    parts = (re.escape(v) if len(v) > 3 else rf"(?<!\w){re.escape(v)}(?!\w)" for v in ordered)
    pattern = re.compile("|".join(parts))
    return lambda text: pattern.sub(lambda found: values[found[0]], text)
