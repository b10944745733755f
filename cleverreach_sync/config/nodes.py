"""Strict YAML to a tree of plain values with positions. Every scalar stays the text it is.

No value is ever turned into a number, boolean or date here (`NO`, `on`, `012345` and `12:30` are texts); the typed
fields of the schema do that where a number or boolean is meant. Only an empty value, `null` and `~` are None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import yaml

from cleverreach_sync.messages import Message, say
from cleverreach_sync.settings.types import Plain

MAX_CHARACTERS: Final = 4_000_000
MAX_NODES: Final = 100_000
MAX_DEPTH: Final = 50
_NULLS: Final = frozenset({"", "~", "null"})
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Place(NamedTuple):
    """A position, line and column counted from 1."""

    line: int
    column: int


class Flaw(NamedTuple):
    """A problem at a position."""

    place: Place
    message: Message
    hint: Message | None = None


@dataclass(slots=True)
class Node:
    """One value. `key` is the place of its key, `written` a scalar's text before variables were put in.

    `variables` names those put in; `broken` means that a problem was reported, so others about it are none.
    """

    place: Place
    value: dict[str, Node] | list[Node] | str | None
    key: Place | None = None
    written: str = ""
    variables: tuple[str, ...] = ()
    broken: bool = False

    def plain(self) -> Any:
        """The value as dicts, lists and texts."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def child(self, step: str | int) -> Node | None:
        """The value under a key, or at a place of a list; None if there is none."""
        if isinstance(self.value, dict):
            return self.value.get(step) if isinstance(step, str) else None
        if isinstance(self.value, list) and isinstance(step, int) and 0 <= step < len(self.value):
            return self.value[step]
        return None

    def scalars(self) -> Iterator[Node]:
        """The texts in it, itself included."""
        if isinstance(self.value, dict):
            for node in self.value.values():
                yield from node.scalars()
        elif isinstance(self.value, list):
            for node in self.value:
                yield from node.scalars()
        elif self.value is not None:
            yield self


class Unparsable(Exception):
    """The text is no YAML that can be read at all."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


def decode(raw: bytes) -> str:
    """UTF-8, with or without byte order mark. Raises Unparsable."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        raise Unparsable(
            Flaw(
                _place_at(before, len(before)),
                say("config.not_utf8", "the file is not UTF-8 text"),
                say("config.save_as_utf8", "save it with encoding UTF-8"),
            )
        ) from None


def parse(text: str) -> tuple[Node, list[Flaw]]:
    """The top mapping, and the problems that leave the rest readable. Raises Unparsable."""
    if len(text) > MAX_CHARACTERS:
        raise Unparsable(Flaw(Place(1, 1), say("config.too_large", "the file is too large for a config")))
    reader = _Reader(yaml.parse(text, Loader=_LOADER))
    try:
        top = reader.document()
    except yaml.YAMLError as error:
        raise Unparsable(_too_deep(text) or _syntax(error, text)) from None
    if top is None or (top.value is None and not top.broken):
        raise Unparsable(
            Flaw(
                Place(1, 1),
                say("config.empty_file", "the file is empty"),
                say("config.init", "`crsync init` writes a config to start with"),
            )
        )
    if not isinstance(top.value, dict):
        raise Unparsable(
            Flaw(top.place, say("config.no_keys", "expected keys and values at the top, such as 'version: 1'"))
        )
    return top, reader.flaws


class _Reader:
    """Builds our nodes from the parser's events, collecting problems.

    Not from PyYAML's own nodes: libyaml composes those recursively in C, where deep nesting ends the process, and they
    do not tell a tag that was written from one that was not.
    """

    def __init__(self, events: Iterator[Any]) -> None:
        self.flaws: list[Flaw] = []
        self._events = events
        self._anchors: dict[str, Node | None] = {}  # None while the anchored value is being read
        self._count = 0

    def document(self) -> Node | None:
        top: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if top is not None:
                    raise Unparsable(Flaw(_start(event), _SEVERAL_DOCUMENTS))
                top = self._node(next(self._events), None, 0)
        return top

    def _node(self, event: Any, key: Place | None, depth: int) -> Node:
        place = _start(event)
        self._counted(place)
        if depth > MAX_DEPTH:
            raise Unparsable(Flaw(place, _DEEP))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), place, key)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        node = self._value(event, place, key, depth)
        if event.tag is not None:
            self.flaws.append(Flaw(place, _tags_unsupported()))
            node.broken = True
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _value(self, event: Any, place: Place, key: Place | None, depth: int) -> Node:
        if isinstance(event, yaml.MappingStartEvent):
            return Node(place, self._mapping(depth), key)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(place, self._sequence(depth), key)
        text = str(event.value)
        if event.style:
            return Node(place, text, key, written=text)
        if text in _NULLS:
            return Node(place if text else key or place, None, key)
        return Node(place, Plain(text), key, written=text)

    def _sequence(self, depth: int) -> list[Node]:
        found: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._node(event, None, depth + 1))
        return found

    def _mapping(self, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            place = _start(event)
            name = self._key(event, place, depth)
            node = self._node(next(self._events), place, depth + 1)
            if name is None:
                continue
            if name in found:
                self.flaws.append(Flaw(place, _given_twice(name, found[name].key)))
            else:
                found[name] = node
        return found

    def _key(self, event: Any, place: Place, depth: int) -> str | None:
        node = self._node(event, None, depth + 1)
        if node.broken:
            return None
        hint = None
        if isinstance(node.value, dict | list):
            message = say("yaml.odd_key", "a key must be a word, not a list or mapping")
            hint = say("yaml.quote_brackets", "a text with braces or brackets needs quotes")
        elif node.written == "<<" and isinstance(node.value, Plain):
            message = say("yaml.merge_key", "merge keys (<<) are not supported; write the keys out")
        elif not (name := str(event.value) if isinstance(event, yaml.ScalarEvent) else node.written).strip():
            message = say("yaml.empty_key", "a key is empty")
        else:
            return name
        self.flaws.append(Flaw(place, message, hint))
        return None

    def _alias(self, anchor: str, place: Place, key: Place | None) -> Node:
        if anchor not in self._anchors:
            words = say(
                "yaml.no_anchor",
                "there is no anchor '&{name}' above; a text that starts with * needs quotes",
                name=anchor,
            )
            self.flaws.append(Flaw(place, words))
            return Node(place, None, key, broken=True)
        known = self._anchors[anchor]
        if known is None:
            words = say("yaml.alias_in_itself", "the alias '*{name}' is used inside its own value", name=anchor)
            self.flaws.append(Flaw(place, words))
            return Node(place, None, key, broken=True)
        return self._copy(known, key)

    def _copy(self, node: Node, key: Place | None) -> Node:
        self._counted(node.place)
        value = node.value
        if isinstance(value, dict):
            value = {name: self._copy(item, item.key) for name, item in value.items()}
        elif isinstance(value, list):
            value = [self._copy(item, None) for item in value]
        return Node(node.place, value, key, written=node.written, broken=node.broken)

    def _counted(self, place: Place) -> None:
        self._count += 1
        if self._count > MAX_NODES:
            words = say("config.too_many_values", "the file has too many values; do its aliases (*name) multiply?")
            raise Unparsable(Flaw(place, words))


def _tags_unsupported() -> Message:
    return say("yaml.tag", "tags (!name) are not supported; a text that starts with ! needs quotes")


def _given_twice(name: str, first: Place | None) -> Message:
    if first is None:
        return say("yaml.key_twice", "the key '{key}' is given twice", key=name)
    return say(
        "yaml.key_twice_from", "the key '{key}' is given twice (first in line {line})", key=name, line=first.line
    )


def _start(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _place_at(text: str, offset: int) -> Place:
    before = text[:offset]
    return Place(before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


_DEEP: Final = say("config.too_deep", "the values are nested too deeply")
_SEVERAL_DOCUMENTS: Final = say(
    "yaml.several_documents", "the file has more than one document: '---' is only allowed at its top"
)
_TEXT_OR_BRACKET: Final = re.compile(r"""'[^']*(?:'|\Z)|"(?:[^"\\]|\\.)*(?:"|\Z)|(?<!\S)\#[^\n]*|[\[{\]}]""", re.DOTALL)


def _too_deep(text: str) -> Flaw | None:
    """The parser looks far ahead in brackets and may stop at a limit of its own before the reader sees any of them."""
    depth = 0
    for found in _TEXT_OR_BRACKET.finditer(text):
        depth = max(0, depth + {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0))
        if depth > MAX_DEPTH:
            return Flaw(_place_at(text, found.start()), _DEEP)
    return None


_UNCLOSED_LIST: Final = say("yaml.unclosed_list", "a list in brackets is not closed: ',' or ']' is missing")
_UNCLOSED_BRACES: Final = say("yaml.unclosed_braces", "braces are not closed: ',' or '}' is missing")
_INDENTATION: Final = say("yaml.indentation", "the indentation does not fit the lines above")
_CONTROL: Final = say("yaml.control_character", "a control character, which a config must not contain")
_TAB: Final = say("yaml.tab", "a tab where only spaces are allowed: indent with spaces")
_ODD_START: Final = say("yaml.odd_start", "a tab or a special character where a value should be: use spaces and quotes")
_ODD_COLON: Final = say(
    "yaml.odd_colon", "a ':' where none is allowed; is the indentation right, or are quotes missing?"
)
_WORDS: Final = (
    ("found character '\\t'", _TAB),
    ("cannot start any token", _ODD_START),
    ("alphabetic or numeric character", say("yaml.quote_star", "a text that starts with * or & needs quotes")),
    ("expected a single document", _SEVERAL_DOCUMENTS),
    ("but found another document", _SEVERAL_DOCUMENTS),
    ("mapping values are not allowed", _ODD_COLON),
    ("could not find expected ':'", say("yaml.no_colon", "a ':' after a key is missing")),
    ("found unexpected end of stream", say("yaml.unclosed_quote", "a quote is opened and never closed")),
    ("did not find expected ',' or ']'", _UNCLOSED_LIST),
    ("expected ',' or ']'", _UNCLOSED_LIST),
    ("did not find expected ',' or '}'", _UNCLOSED_BRACES),
    ("expected ',' or '}'", _UNCLOSED_BRACES),
    ("expected key", _INDENTATION),
    ("expected '-' indicator", _INDENTATION),
    ("block end", _INDENTATION),
    ("escape", say("yaml.backslash", "a backslash in double quotes; use single quotes")),
    ("special characters are not allowed", _CONTROL),
    ("control characters are not allowed", _CONTROL),
)


def _syntax(error: yaml.YAMLError, text: str) -> Flaw:
    said = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "")
    mark, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    if mark is None or (context is not None and "end of stream" in said):
        mark = context  # where a quote opens, not where the file ends
    if mark is not None:
        place = Place(mark.line + 1, mark.column + 1)
    else:
        position = getattr(error, "position", None)
        place = _place_at(text, min(position, len(text))) if isinstance(position, int) else Place(1, 1)
    line = next(iter(text.split("\n")[place.line - 1 :]), "")
    if line[max(0, place.column - 2) : place.column] == "${":  # only in brackets is that brace one of YAML's
        return Flaw(
            place,
            say(
                "yaml.quote_variable",
                'not valid YAML: inside [ ] and { } a variable needs quotes, such as "${NAME}"',
            ),
        )
    for part, words in _WORDS:
        if part in said:
            return Flaw(place, say("yaml.not_valid", "not valid YAML: {reason}", reason=words))
    return Flaw(
        place,
        say("yaml.not_valid_here", "not valid YAML here"),
        say("yaml.check_lines", "check the indentation and quotes of this line and those above"),
    )
