"""The catalogue of messages, as the code has it: the calls, the template, and a language made up for tests."""

from __future__ import annotations

import ast
import io
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import write_po

import cleverreach_sync
from cleverreach_sync.messages import DOMAIN, LOCALE

PACKAGE: Final = Path(cleverreach_sync.__file__).parent
TEMPLATE: Final = LOCALE / f"{DOMAIN}.pot"
_TEXTS: Final = {"say": 1, "say_many": 2}


class Use(NamedTuple):
    """A call that makes a message. `parameters` are the names of those it gives; None if one cannot be seen."""

    place: str  # package/module.py:line
    texts: list[str]  # the ID, the English of one and, with a number, of many: those that stand in the call
    whole: bool  # all of them do
    parameters: frozenset[str | None]

    @property
    def many(self) -> str | None:
        return self.texts[2] if len(self.texts) > 2 else None


@cache
def uses() -> list[Use]:
    """Every call of `say` and `say_many` in the code."""
    return [
        _use(f"{path.relative_to(PACKAGE).as_posix()}:{node.lineno}", node, 1 + _TEXTS[node.func.id])
        for path in sorted(PACKAGE.rglob("*.py"))
        if "say" in (text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _TEXTS
    ]


def _use(place: str, call: ast.Call, count: int) -> Use:
    values = [argument.value for argument in call.args[:count] if isinstance(argument, ast.Constant)]
    texts = [value for value in values if isinstance(value, str)]
    return Use(place, texts, len(texts) == count, frozenset(keyword.arg for keyword in call.keywords))


def catalogue() -> Catalog:
    """All messages in the order of their IDs. Places in the code are left out: they would change with every line."""
    made = Catalog(project="crsync", header_comment="# The messages of crsync; made from the code.", fuzzy=False)
    for use in sorted(uses(), key=lambda use: use.texts[0]):
        made.add(use.texts[1] if use.many is None else (use.texts[1], use.many), context=use.texts[0])
    return made


def template() -> str:
    """The text of `crsync.pot`."""
    out = io.BytesIO()
    write_po(out, catalogue(), width=0, omit_header=True)
    return out.getvalue().decode()


def write_made_up_language(locale: Path) -> str:
    """Writes a language in which every message stands in ⟦brackets⟧; its name."""
    made = catalogue()
    made.locale = "en"
    for message in made:
        if message.id:
            said = tuple(f"⟦{text}⟧" for text in ([message.id] if isinstance(message.id, str) else message.id))
            message.string = said[0] if isinstance(message.id, str) else said
    folder = locale / "xx" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / f"{DOMAIN}.mo").open("wb") as out:
        write_mo(out, made)
    return "xx"
