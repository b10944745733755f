"""The parts of docs/ that are made from the program itself, between `<!-- begin NAME -->` and `<!-- end NAME -->`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cleverreach_sync import errors
from cleverreach_sync.cli.app import tree
from cleverreach_sync.config.fields import file_keys, keys
from cleverreach_sync.config.schema import Config, ConsentSettings, LimitsSettings
from cleverreach_sync.config.transfers import DESCRIPTION, KEY
from cleverreach_sync.domain.guards import FORCEABLE
from cleverreach_sync.domain.model import PERSON_FIELDS, SkipReason
from cleverreach_sync.messages import Message
from cleverreach_sync.report import words
from cleverreach_sync.sandbox.faults import FAULTS
from cleverreach_sync.sources.registry import SOURCE_TYPES, settings_class
from cleverreach_sync.sources.singer.settings import SingerSettings, SingerStream
from cleverreach_sync.targets.cleverreach.settings import CleverReachAttributes, CleverReachSettings

ROOT: Final = Path(__file__).parents[2]
README: Final = ROOT / "README.md"
DOCS: Final = ROOT / "docs"
_BLOCK: Final = re.compile(r"(<!-- begin (\S+) -->\n)(.*?)(<!-- end \2 -->\n)", re.DOTALL)
_DEFAULT: Final = re.compile(r" ?Default: ([^.]+(?:\.\d[^.]*)?)\.?$")


def pages() -> list[Path]:
    """What users read: README.md, then docs/ without what is for developers."""
    folders = ("guides", "reference", "explanation")
    return [README, DOCS / "README.md", *(page for folder in folders for page in sorted((DOCS / folder).glob("*.md")))]


def commands() -> list[tuple[str, ...]]:
    """Every command line that has a help of its own, the program's first, in the order of the help."""
    return [(), *_below(typer.main.get_command(tree()), ())]


def _below(group: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if hasattr(command, "commands"):
            yield from _below(command, (*path, name))


def options() -> set[str]:
    """Every option of every command, `--dry-run` and `-c`."""
    top: Any = typer.main.get_command(tree())
    found = {"--help", "-h"}
    for path in commands():
        command = top
        for name in path:
            command = command.commands[name]
        for parameter in command.params:
            found.update(option for option in parameter.opts if option.startswith("-"))
    return found


def variables() -> set[str]:
    """Every environment variable that stands for an option."""
    top: Any = typer.main.get_command(tree())
    found: set[str] = set()
    for path in commands():
        command = top
        for name in path:
            command = command.commands[name]
        found.update(parameter.envvar for parameter in command.params if isinstance(parameter.envvar, str))
    return found


_NEXT: Final = "\f"
_EACH_HELP: Final = f"""\
import sys
from cleverreach_sync.cli.app import run
for words in sys.argv[1:]:
    assert run([*words.split(), "--help"]) == 0
    print(end={_NEXT!r})
"""


def help_texts(commands: Sequence[tuple[str, ...]]) -> list[str]:
    """What `--help` prints of each, 80 columns wide, in a process that knows no other setting."""
    environment = {"PATH": os.environ.get("PATH", ""), "COLUMNS": "80", "NO_COLOR": "1", "PYTHONUTF8": "1"}
    program = [sys.executable, "-c", _EACH_HELP, *(" ".join(command) for command in commands)]
    finished = subprocess.run(program, capture_output=True, check=True, env=environment, encoding="utf-8")
    texts = finished.stdout.removesuffix(_NEXT).split(_NEXT)
    return ["\n".join(line.rstrip() for line in text.strip("\n").split("\n")) for text in texts]


def _helps() -> str:
    parts = []
    for command, text in zip(commands(), help_texts(commands()), strict=True):
        title = " ".join(("crsync", *command))
        parts.append(f"<details><summary><code>{title}</code></summary>\n\n```text\n{text}\n```\n\n</details>\n")
    return "\n".join(parts)


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, tuple("--" for _ in heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _keys_of(model: type[BaseModel]) -> str:
    secrets = {key: file_key for file_key, key in file_keys(model).items()}
    rows = []
    for key, field in keys(model).items():
        default, meaning = _default_and_meaning(field)
        if key in secrets:
            meaning = f"{meaning} Or `{secrets[key]}`: a file that holds it."
        rows.append((f"`{key}`", default, meaning.replace("|", "\\|")))
    return _table(("key", "default", "meaning"), rows)


def _default_and_meaning(field: FieldInfo) -> tuple[str, str]:
    meaning = field.description or ""
    said = _DEFAULT.search(meaning)
    if said is not None:
        return said[1].strip(), meaning[: said.start()].strip()
    if field.is_required():
        return "**required**", meaning
    value = field.default
    if value is PydanticUndefined or value in ((), None, "") or isinstance(value, BaseModel):
        return "", meaning
    if isinstance(value, bool):
        return f"`{str(value).lower()}`", meaning
    if isinstance(value, tuple | list):
        return f"`[{', '.join(map(str, value))}]`", meaning
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`", meaning


def _transfers() -> str:
    field = FieldInfo(annotation=dict, default=None, description=DESCRIPTION)
    return _table(("key", "default", "meaning"), [(f"`{KEY}`", *_default_and_meaning(field))]).split("\n", 2)[2]


def _config() -> str:
    parts: list[tuple[str, type[BaseModel]]] = [
        ("Top level", Config),
        ("`target`", CleverReachSettings),
        ("`attributes`", CleverReachAttributes),
        ("`consent`", ConsentSettings),
        ("`limits`", LimitsSettings),
    ]
    tables = {title: _keys_of(model) for title, model in parts}
    tables["Top level"] += _transfers()
    return "\n".join(f"#### {title}\n\n{table}" for title, table in tables.items())


def _sources() -> str:
    parts = []
    for source_type in SOURCE_TYPES:
        model = settings_class(source_type)
        doc = " ".join((model.__doc__ or "").split("\n\n")[0].split())
        parts.append(f"#### `type: {source_type}`\n\n{doc}\n\n{_keys_of(model)}")
        if model is SingerSettings:
            parts.append(f"Each of its `streams`:\n\n{_keys_of(SingerStream)}")
    return "\n".join(parts)


_EXITS: Final = {
    0: ("ok", "done, or nothing to do", ""),
    1: ("bug", "unexpected error: run again with `-vv` and report what it prints", "no"),
    3: ("differences", "`diff --exit-code` found changes, and no guard that would refuse them (that is 7)", ""),
}


def exit_codes() -> dict[int, tuple[str, str, str]]:
    """Every exit code: name, meaning, whether trying again helps."""
    found = dict(_EXITS)
    tree: list[type[errors.CrsyncError]] = [errors.CrsyncError, *errors.CrsyncError.__subclasses__()]
    for one in tree:
        if one is errors.Interrupted or one.__module__ != errors.__name__:
            continue
        meaning = " ".join((one.__doc__ or "").split("\n\n")[0].split()).rstrip(".")
        found.setdefault(one.code, (one.kind, meaning[0].lower() + meaning[1:], "yes" if one.retryable else "no"))
    for number, signal in ((2, "SIGINT, Ctrl-C"), (15, "SIGTERM")):
        found[128 + number] = ("signal", f"stopped by a signal ({signal}); the next run carries on", "yes")
    return dict(sorted(found.items()))


def _exit_codes() -> str:
    rows = [(f"`{code}`", *about) for code, about in exit_codes().items()]
    return _table(("code", "class", "meaning", "does trying again help?"), rows)


def _reasons(of: Mapping[str, Message], known: tuple[str, ...]) -> str:
    return _table(("key", "in words"), [(f"`{key}`", words.of(of, key, "CleverReach")) for key in known])


def _guards() -> str:
    return _table(("guard", "it refuses when"), [(f"`{name}`", words.GUARDS[name]) for name in FORCEABLE])


def _faults() -> str:
    return _table(("fault", "what happens"), [(f"`{name}`", what) for name, what in FAULTS.items()])


def _fields() -> str:
    names = [f"`{name}`" for name in PERSON_FIELDS]
    return f"{', '.join(names)}, or `extra.<heading>`.\n"


BLOCKS: Final[dict[str, Callable[[], str]]] = {
    "help": _helps,
    "sources": _sources,
    "config": _config,
    "exit-codes": _exit_codes,
    "skip-reasons": lambda: _reasons(words.SKIPPED, tuple(SkipReason)),
    "invalid-reasons": lambda: _reasons(words.INVALID, tuple(words.INVALID)),
    "rejected-reasons": lambda: _reasons(words.REJECTED, tuple(words.REJECTED)),
    "guards": _guards,
    "faults": _faults,
    "person-fields": _fields,
}


def blocks(text: str) -> dict[str, str]:
    """The generated blocks of a text, by name, as they stand there."""
    return {found[2]: found[3] for found in _BLOCK.finditer(text)}


def renewed(text: str) -> str:
    """The text with every block replaced by what the program says now."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{BLOCKS[found[2]]().rstrip()}\n\n{found[4]}", text)
