"""From a config file to a `Config`, or to all of the file's problems at once, with their positions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from cleverreach_sync.config.fields import file_keys, is_secret, keys, model_at
from cleverreach_sync.config.nodes import MAX_CHARACTERS, Flaw, Node, Place, Unparsable, decode, parse
from cleverreach_sync.config.schema import RESERVED, Config
from cleverreach_sync.config.variables import fill
from cleverreach_sync.config.words import explain, hider, unknown_key
from cleverreach_sync.errors import ConfigError, Problem, UsageError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Step = str | int
_HIDDEN: Final = "***"
_MAX_SECRET: Final = 65_536


def load_config(path: Path, env: Mapping[str, str]) -> Config:
    """The config in `path`, variables taken from `env`. Raises ConfigError with all its problems, and UsageError if
    there is no such file."""
    try:
        top, flaws = parse(decode(_read(path)))
    except Unparsable as error:
        raise _refusal(path, [error.flaw]) from None
    reading = _Reading(path, env, top, flaws)
    config = reading.config()
    if config is None or reading.flaws:
        raise _refusal(path, reading.flaws)
    return config


def _read(path: Path) -> bytes:
    hint = "`crsync init` writes a config to start with; -c names another one"
    try:
        with path.open("rb") as file:
            return file.read(4 * MAX_CHARACTERS + 1)
    except FileNotFoundError:
        raise UsageError("no such config file", where=str(path), hint=hint) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror or "") if isinstance(error, OSError) else "not a path"
        raise UsageError(f"the config file cannot be read: {reason}", where=str(path)) from None


def _refusal(path: Path, flaws: list[Flaw]) -> ConfigError:
    ordered = sorted(dict.fromkeys(flaws), key=lambda flaw: flaw.place)
    return ConfigError(
        [Problem(f"{path}:{flaw.place.line}:{flaw.place.column}", flaw.message, flaw.hint) for flaw in ordered]
    )


class _Reading:
    """One attempt to read a file: its tree, and the problems found so far."""

    def __init__(self, path: Path, env: Mapping[str, str], top: Node, flaws: list[Flaw]) -> None:
        self._path = path
        self._env = env
        self._top = top
        self._hidden: list[tuple[str, str]] = []  # values that no message may show, and what to show instead
        self.flaws = flaws

    def config(self) -> Config | None:
        for scalar in self._top.scalars():
            self._fill(scalar)
        self._take_files(self._top, ())
        for key, words in RESERVED.items():
            if (node := _child(self._top, key)) is not None:
                self._report(node.key or node.place, f"the key '{key}' is reserved: {words}")
        try:
            return Config.model_validate(self._top.plain()).at(self._path)
        except ValidationError as error:
            self._hide_secrets(self._top, ())
            for finding in error.errors(include_url=False, include_input=False):
                self._translate(finding)
        return None

    def _report(self, place: Place, message: str, hint: str | None = None) -> None:
        self.flaws.append(Flaw(place, message, hint))

    # Variables and secrets in files

    def _fill(self, node: Node) -> None:
        """Puts the variables into a text; a plain text stays plain, so that `list: ${ID}` is an ID."""
        assert isinstance(node.value, str)  # noqa: S101 - scalars() yields texts
        filled = fill(node.value, self._env)
        if filled.error is not None:
            node.broken = True
            self._report(node.place, filled.error)
        for name in filled.missing:
            node.broken = True
            words = "set it, or give a default with ${" + name + ":-default}"
            self._report(node.place, f"the environment variable {name} is not set", words)
        for name in filled.variables:
            if value := self._env.get(name):
                self._hidden.append((value, f"${{{name}}}"))
        if filled.variables:
            self._hidden.append((filled.text, "the value of " + " and ".join(filled.variables)))
        node.variables = filled.variables
        node.value = type(node.value)(filled.text)

    def _take_files(self, node: Node, path: tuple[Step, ...]) -> None:
        """Replaces every `<key>_file` by `<key>` with the content of that file."""
        if isinstance(node.value, list):
            for number, item in enumerate(node.value):
                self._take_files(item, (*path, number))
        if not isinstance(node.value, dict):
            return
        model = model_at(path, self._top.plain()) if path else Config
        for file_key, key in (file_keys(model) if model else {}).items():
            if file_key in node.value:
                self._take_file(node.value, file_key, key)
        for name, item in node.value.items():
            self._take_files(item, (*path, name))

    def _take_file(self, mapping: dict[str, Node], file_key: str, key: str) -> None:
        node = mapping.pop(file_key)
        if key in mapping:
            self._report(node.key or node.place, f"give either '{key}' or '{file_key}', not both")
            return
        mapping[key] = node
        if node.broken:
            return
        content = self._secret(node, file_key)
        node.broken = content is None
        node.value = content
        node.written = ""
        if content is not None:
            self._hidden.append((content, _HIDDEN))

    def _secret(self, node: Node, file_key: str) -> str | None:
        if not isinstance(node.value, str) or not node.value.strip():
            self._report(node.place, f"{file_key}: expected the path of a file")
            return None
        try:
            with (self._path.parent / os.path.expanduser(node.value)).open("rb") as file:  # noqa: PTH111
                raw = file.read(_MAX_SECRET + 1)
            text = raw.decode("utf-8-sig")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            self._report(node.place, f"{file_key}: the file cannot be read: {reason}")
            return None
        text = text.removesuffix("\n").removesuffix("\r")
        if not text.strip() or len(raw) > _MAX_SECRET:
            size = "empty" if not text.strip() else "too large for a secret"
            self._report(node.place, f"{file_key}: the file is {size}")
            return None
        return text

    def _hide_secrets(self, node: Node, path: tuple[Step, ...]) -> None:
        """Notes secrets written into the file, so that no validator's words repeat them."""
        if not isinstance(node.value, dict):
            return
        model = model_at(path, self._top.plain())
        for key, item in node.value.items():
            field = keys(model).get(key) if model else None
            if field is not None and is_secret(field.annotation):
                self._hidden += [(scalar.value, _HIDDEN) for scalar in item.scalars() if isinstance(scalar.value, str)]
                for scalar in item.scalars():
                    scalar.written = ""
            else:
                self._hide_secrets(item, (*path, key))

    # The validator's findings

    def _translate(self, finding: ErrorDetails) -> None:
        path = self._on_file(finding["loc"])
        trail = list(self._trail(path))
        node = trail[-1]
        if any(each.broken for each in trail):
            return
        kind = finding["type"]
        prefix = ".".join(step for step in path if isinstance(step, str))
        if kind == "missing":
            self._missing(str(finding["loc"][-1]), path, node)
        elif kind == "extra_forbidden":
            self._unknown(path, node)
        else:
            # Only texts of ours hold no value; what other validators say may repeat one.
            hide = hider(() if kind.startswith("crsync") else self._hidden)
            context = finding.get("ctx", {})
            message, hint = explain(kind, context, hide(finding["msg"]), node.value, self._shown(node))
            if node.variables and node.value == "":
                message = f"is empty: the environment variable {' and '.join(node.variables)} is"
            self._report(node.place, f"{prefix}: {message}" if prefix else message, hint)

    def _shown(self, node: Node) -> str:
        return node.written if isinstance(node.value, str) else ""

    def _missing(self, key: str, path: Sequence[Step], node: Node) -> None:
        if not path and any(_child(self._top, reserved) for reserved in RESERVED):
            return
        mapping = node.value if isinstance(node.value, dict) else {}
        files = file_keys(model) if (model := model_at(path, self._top.plain())) else {}
        other = next((file_key for file_key, of in files.items() if of == key), None)
        where = f"{'.'.join(str(step) for step in path)}: " if path else ""
        words = f"the key '{key}' is missing" + (f" (or '{other}')" if other else "")
        del mapping
        self._report(node.key or node.place, f"{where}{words}")

    def _unknown(self, path: Sequence[Step], node: Node) -> None:
        key = str(path[-1])
        if len(path) == 1 and key in RESERVED:
            return
        model = model_at(path[:-1], self._top.plain())
        known = [*keys(model), *file_keys(model)] if model else []
        parent = next(iter(list(self._trail(path))[-2:-1]), self._top)
        given = parent.value if isinstance(parent.value, dict) else {}
        message, hint = unknown_key(key, [name for name in known if name not in given] or known)
        self._report(node.key or node.place, message, hint)

    def _on_file(self, loc: Sequence[Step]) -> tuple[Step, ...]:
        """The part of a finding's path that exists in the file; steps that only the models know are left out."""
        path: list[Step] = []
        node = self._top
        for step in loc:
            found = _child(node, step)
            if found is not None:
                path.append(step)
                node = found
        return tuple(path)

    def _trail(self, path: Sequence[Step]) -> Iterator[Node]:
        node = self._top
        yield node
        for step in path:
            found = _child(node, step)
            if found is None:
                return
            node = found
            yield node


def _child(node: Node, step: Any) -> Node | None:
    if isinstance(node.value, dict):
        return node.value.get(step) if isinstance(step, str) else None
    if isinstance(node.value, list) and isinstance(step, int) and 0 <= step < len(node.value):
        return node.value[step]
    return None
