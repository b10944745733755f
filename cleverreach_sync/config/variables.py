"""Environment variables in texts: `${NAME}`, `${NAME:-default}`, `$$` for a dollar sign."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from cleverreach_sync.messages import Message, say

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_NESTING: Final = 10


class Filled(NamedTuple):
    """A text with its variables put in; `missing` and `error` describe what kept that from working."""

    text: str
    variables: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    error: Message | None = None


class _Malformed(Exception):
    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message


def fill(text: str, env: Mapping[str, str]) -> Filled:
    """`text` with the variables of `env`. A default (which may hold variables itself) counts for a variable that is
    not set or empty. What a variable holds is taken as it is."""
    if "$" not in text:
        return Filled(text)
    filler = _Filler(text, env)
    try:
        result = filler.run(0, nested=0)[0]
    except _Malformed as error:
        return Filled(text, error=error.message)
    used, missing = tuple(dict.fromkeys(filler.used)), tuple(dict.fromkeys(filler.missing))
    return Filled(result, used, missing)


class _Filler:
    def __init__(self, text: str, env: Mapping[str, str]) -> None:
        self._text = text
        self._env = env
        self.used: list[str] = []
        self.missing: list[str] = []

    def run(self, start: int, *, nested: int) -> tuple[str, int]:
        """What stands from `start` on: to the end, or, `nested`, to the closing brace (whose position is returned)."""
        if nested > _MAX_NESTING:
            raise _Malformed(say("config.nested_variables", "variables are nested too deeply"))
        text, parts, at = self._text, [], start
        while at < len(text):
            if text.startswith("$$", at):
                parts.append("$")
                at += 2
            elif text.startswith("${", at):
                value, at = self._variable(at + 2, nested)
                parts.append(value)
            elif nested and text[at] == "}":
                return "".join(parts), at
            else:
                parts.append(text[at])
                at += 1
        if nested:
            raise _Malformed(
                say("config.unclosed_variable", "a '${' is never closed with '}'; for a literal dollar sign write $$")
            )
        return "".join(parts), at

    def _variable(self, start: int, nested: int) -> tuple[str, int]:
        found = _NAME.match(self._text, start)
        if found is None:
            raise _Malformed(
                say(
                    "config.unnamed_variable",
                    "after '${' the name of a variable is expected; for a literal dollar sign write $$",
                )
            )
        name, at = found[0], found.end()
        value = self._env.get(name)
        if self._text.startswith("}", at):
            (self.missing if value is None else self.used).append(name)
            return value or "", at + 1
        if not self._text.startswith(":-", at):
            raise _Malformed(
                say("config.odd_variable", "after '${{{name}' either '}}' or ':-default}}' is expected", name=name)
            )
        outer = len(self.missing)
        default, end = self.run(at + 2, nested=nested + 1)
        self.used.append(name)
        if value:
            del self.missing[outer:]  # of a default that is not needed
            return value, end + 1
        return default, end + 1
