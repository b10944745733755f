"""Puts variables and the content of secret files into the tree of a config."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cleverreach_sync.config.fields import below, file_keys, is_secret, keys, model_of
from cleverreach_sync.config.nodes import Flaw, Node, Place
from cleverreach_sync.config.schema import Config
from cleverreach_sync.config.variables import fill
from cleverreach_sync.messages import Message, say
from cleverreach_sync.settings.types import Plain

HIDDEN: Final = "***"
_STANDS_IN: Final = "not-read"
_MAX_SECRET: Final = 65_536
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class Filling:
    """Fills one tree. `hidden` are the values that no message may show, each with what to show instead. Without
    `secrets` those that are missing are no problem: nobody is to be called with them."""

    def __init__(self, base: Path, env: Mapping[str, str], *, secrets: bool = True) -> None:
        self._secrets = secrets
        self._base = base
        self._env = env
        self.flaws: list[Flaw] = []
        self.hidden: list[tuple[str, str]] = []

    def run(self, top: Node) -> None:
        for scalar in top.scalars():
            self._put_variables(scalar)
        self._walk(top, Config)

    def _put_variables(self, node: Node) -> None:
        """An unquoted text stays one, so that `list: ${ID}` is an ID."""
        if not isinstance(node.value, str):
            return
        filled = fill(node.value, self._env)
        if filled.error is not None:
            self._break(node, filled.error)
        for name in filled.missing:
            self._break(
                node,
                say("config.variable_not_set", "the environment variable {name} is not set", name=name),
                say(
                    "config.set_variable",
                    "set it before you run crsync: export {name}=...; or give a default: ${{{name}:-default}}",
                    name=name,
                ),
            )
        for name in filled.variables:
            self.hidden.append((self._env.get(name, ""), f"${{{name}}}"))
        if filled.variables:
            self.hidden.append((filled.text, node.written))
        node.variables = filled.variables
        node.value = Plain(filled.text) if isinstance(node.value, Plain) else filled.text

    def _walk(self, node: Node, annotation: object) -> None:
        """Reads the secret files in and below a value, and notes which texts are secret."""
        if isinstance(node.value, list):
            for number, item in enumerate(node.value):
                self._walk(item, below(annotation, number, node))
        if not isinstance(node.value, dict):
            return
        model = model_of(annotation, node)
        for file_key, key in (file_keys(model) if model else {}).items():
            if file_key in node.value:
                self._take_file(node.value, file_key, key)
        known = keys(model) if model else {}
        for key, item in node.value.items():
            if key in known and is_secret(known[key].annotation):
                self._hide(item)
            else:
                self._walk(item, below(annotation, key, node))

    def _hide(self, node: Node) -> None:
        for scalar in node.scalars():
            self._do_without(scalar)
            self.hidden.append((str(scalar.value), HIDDEN))
            scalar.written = ""
            self._trim(scalar)

    def _trim(self, scalar: Node) -> None:
        """A secret without the line end that a file or a variable may have."""
        if isinstance(scalar.value, str) and not scalar.broken:
            text = scalar.value.strip("\r\n")
            self.hidden.append((text, HIDDEN))
            scalar.value = Plain(text) if isinstance(scalar.value, Plain) else text
            if _CONTROL.search(text):
                self._break(
                    scalar,
                    say("config.secret_with_line_end", "it contains a line end or another control character"),
                    say("config.look_where_it_comes_from", "look at the file or the variable that it comes from"),
                )

    def _take_file(self, mapping: dict[str, Node], file_key: str, key: str) -> None:
        """Replaces `<key>_file` by `<key>` with the content of that file."""
        node = mapping.pop(file_key)
        if key in mapping:
            message = say(
                "config.either_or", "give either '{key}' or '{file_key}', not both", key=key, file_key=file_key
            )
            self._report(node.key or node.place, message)
            return
        mapping[key] = node
        if not node.broken:
            node.value = self._content(node, file_key)
        self._do_without(node)

    def _do_without(self, node: Node) -> None:
        """A secret that is missing, where none is needed."""
        if node.broken and not self._secrets:
            self.flaws = [flaw for flaw in self.flaws if flaw.place != node.place]
            node.value, node.broken = _STANDS_IN, False

    def _content(self, node: Node, file_key: str) -> str | None:
        if not isinstance(node.value, str) or not node.value.strip():
            self._break(node, say("config.file_expected", "{key}: expected the path of a file", key=file_key))
            return None
        try:
            path = self._base / os.path.expanduser(node.value)  # noqa: PTH111 - never raises
            with path.open("rb") as file:
                raw = file.read(_MAX_SECRET + 1)
            text = raw.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
        except OSError as error:
            self._break(
                node,
                say(
                    "config.unreadable_secret",
                    "{key}: the file cannot be read: {reason}",
                    key=file_key,
                    reason=error.strerror,
                ),
            )
        except ValueError:
            self._break(node, say("config.odd_secret", "{key}: the file is not UTF-8 text", key=file_key))
        else:
            if text.strip() and len(raw) <= _MAX_SECRET:
                return text
            self._break(
                node,
                say("config.large_secret", "{key}: the file is too large", key=file_key)
                if text.strip()
                else say("config.empty_secret", "{key}: the file is empty", key=file_key),
            )
        return None

    def _break(self, node: Node, message: Message, hint: Message | None = None) -> None:
        node.broken = True
        self._report(node.place, message, hint)

    def _report(self, place: Place, message: Message, hint: Message | None = None) -> None:
        self.flaws.append(Flaw(place, message, hint))
