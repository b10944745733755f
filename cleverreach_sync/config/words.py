"""The validator's findings in plain words. A value is shown as written in the file, never what a variable holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from cleverreach_sync.messages import Message, say
from cleverreach_sync.settings.types import did_you_mean

_MAX_SHOWN: Final = 40
_EMPTY: Final = say("config.empty", "is empty")
_WHOLE_NUMBER: Final = say("config.expected_whole_number", "expected a whole number")
_NUMBER: Final = say("config.expected_number", "expected a number")
_TRUTH: Final = say("config.expected_truth", "expected true or false")
_MAPPING: Final = say("config.expected_mapping", "expected keys and values below it")
_LIST: Final = say("config.expected_list", "expected a list, such as [first, second]")
_TYPES: Final = {
    "string_type": say("config.expected_text", "expected a text"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), _WHOLE_NUMBER),
    "int_parsing_size": say("config.number_too_large", "the number is too large"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), _NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), _TRUTH),
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type", "mapping_type"), _MAPPING),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), _LIST),
    "path_type": say("config.expected_path", "expected the path of a file or folder"),
}
CHOICES: Final = frozenset({"enum", "literal_error"})  # findings about one of a few words; `choices` names these


Told = tuple[Message, Message | None]
"""A message and a hint."""


def explain(kind: str, context: Mapping[str, Any], said: str, value: object, written: str) -> Told:
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
        message = _with(_foreign(said), written)
        if value is None and not message.startswith("is empty"):
            message = say("config.empty_and", "is empty; {problem}", problem=message)
        return message, None
    if (bound := _bound(kind, context)) is not None:
        return bound, None
    if value is None and kind != "missing":
        return _EMPTY, None
    if kind in _TYPES:
        return (_with(_TYPES[kind], written) if written else _shape(_TYPES[kind], value)), None
    if kind.endswith("too_short"):
        return (_EMPTY if context.get("min_length") == 1 else say("config.too_short", "is too short")), None
    if kind.endswith("too_long"):
        return say("config.too_long", "is too long"), None
    return _foreign(said), None


def unknown_key(key: str, known: Sequence[str]) -> Told:
    """Message and hint for a key that does not exist."""
    hint = did_you_mean(key, known)
    if hint is None and known:
        hint = say("config.known_keys", "known here: {keys}", keys=", ".join(known))
    return say("config.unknown_key", "unknown key '{key}'", key=_short(key)), hint


def _unknown(kind: str, known: list[str], written: str, hint: object) -> Told:
    near = did_you_mean(written, known) if written else None
    if kind in ("crsync_unknown", "crsync_timezone"):
        return _no_such(kind, _short(written)), hint if isinstance(hint, Message) else None
    if kind == "crsync_type":
        return _no_such_source(_short(written), ", ".join(known)), near
    if len(known) == 1:
        message = say("config.expected_one", "expected {choice}", choice=known[0])
    else:
        message = say("config.expected_one_of", "expected one of {choices}", choices=", ".join(known))
    return _with(message, written), near


def _no_such(kind: str, written: str) -> Message:
    if kind == "crsync_timezone":
        if not written:
            return say("config.no_such_timezone", "there is no time zone")
        return say("config.no_timezone_called", "there is no time zone '{name}'", name=written)
    if not written:
        return say("config.no_such_person_field", "there is no person field")
    return say("config.no_person_field_called", "there is no person field '{name}'", name=written)


def _no_such_source(written: str, known: str) -> Message:
    if not written:
        return say("config.unknown_source", "unknown type of source; known: {types}", types=known)
    return say(
        "config.unknown_source_called", "unknown type of source '{name}'; known: {types}", name=written, types=known
    )


def _bound(kind: str, context: Mapping[str, Any]) -> Message | None:
    if kind == "greater_than":
        return say("config.more_than", "must be more than {number}", number=_number(context.get("gt")))
    if kind == "greater_than_equal":
        return say("config.at_least", "must be at least {number}", number=_number(context.get("ge")))
    if kind == "less_than":
        return say("config.less_than", "must be less than {number}", number=_number(context.get("lt")))
    if kind == "less_than_equal":
        return say("config.at_most", "must be at most {number}", number=_number(context.get("le")))
    return None


def _with(message: Message, written: str) -> Message:
    if not written or not message.startswith("expected"):
        return message
    return say("config.expected_not", "{expected}, not '{written}'", expected=message, written=_short(written))


def _short(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _shape(message: Message, value: object) -> Message:
    if isinstance(value, Mapping):
        return say("config.not_a_mapping", "{expected}, not keys and values", expected=message)
    return say("config.not_a_list", "{expected}, not a list", expected=message) if isinstance(value, list) else message


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def _foreign(said: str) -> Message:
    """A message of ours, or the validator's own words."""
    if isinstance(said, Message):
        return said
    text = said.removeprefix("Value error, ").removeprefix("Assertion failed, ").strip().rstrip(".")
    text = text[:1].lower() + text[1:] if text[1:2].islower() else text
    if not text:
        return say("config.not_valid", "is not valid")
    return say("config.words_of_validator", "{words}", words=text)


def hider(hidden: Iterable[tuple[str, str]]) -> Callable[[str], str]:
    """A function that replaces values (secrets, what variables hold) in a text by the words beside them."""
    values = {value: words for value, words in hidden if value}
    if not values:
        return lambda text: text
    ordered = sorted(values, key=len, reverse=True)
    parts = (re.escape(v) if len(v) > 3 else rf"(?<!\w){re.escape(v)}(?!\w)" for v in ordered)
    pattern = re.compile("|".join(parts))
    return lambda text: pattern.sub(lambda found: values[found[0]], text)
