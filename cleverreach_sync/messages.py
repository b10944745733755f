"""Texts for people: each has an ID, its English, and parameters, and can be said in another language.

    say("state.disk_full", "cannot write to the disk: {reason}", reason=error.strerror)
    say_many("config.problems", "{number:,} problem", "{number:,} problems", number=3)

What comes back is a string, the English: documents and logs hold it whatever the language. Where a text is shown to
somebody, `spoken` says it in the language chosen with `speak`. The catalogue is gettext's, with the ID as the context
of a message; `locale/crsync.pot` lists all of it, and is made from the code.
"""

from __future__ import annotations

import gettext
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

DOMAIN: Final = "crsync"
LOCALE: Final = Path(__file__).parent / "locale"


class Entry(NamedTuple):
    """What the catalogue knows of a message, and what fills it. `many` is None where no number decides the words."""

    id: str
    one: str
    many: str | None
    number: int
    parameters: Mapping[str, object]


class Message(str):
    """A text of the catalogue; as a string, its English.

    A parameter that is a message itself is translated with it. Made by `say` and `say_many` alone.
    """

    __slots__ = ("changes", "entry")
    entry: Entry
    changes: tuple[Callable[[str], str], ...]

    def changed(self, change: Callable[[str], str]) -> Message:
        """The message with `change` made to its text, in every language."""
        return _made(change(str(self)), self.entry, (*self.changes, change))

    def __deepcopy__(self, _memo: dict[int, Any]) -> Message:
        return self

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def say(name: str, text: str, /, **parameters: object) -> Message:
    """The message with the ID `name`. With parameters `text` is a format string (`{path}`), without any it is not."""
    return _filled(Entry(name, text, None, 1, parameters))


def say_many(name: str, one: str, many: str, /, number: int, **parameters: object) -> Message:
    """A message about a number of things, which stands in both texts as `{number:,}`."""
    return _filled(Entry(name, one, many, number, {"number": number, **parameters}))


def _filled(entry: Entry) -> Message:
    text = entry.one if entry.many is None or entry.number == 1 else entry.many
    return _made(text.format_map(entry.parameters) if entry.parameters else text, entry, ())


def _made(text: str, entry: Entry, changes: tuple[Callable[[str], str], ...]) -> Message:
    message = Message(text)
    message.entry, message.changes = entry, changes
    return message


class _Tongue:
    """The language that texts are shown in: that of the process."""

    translations: gettext.NullTranslations | None = None  # None: English, as the code has it


def speak(language: str, *, locale: Path = LOCALE) -> None:
    """From now on `spoken` says everything in `language` (`de`); English where the catalogue has none of it."""
    found = gettext.translation(DOMAIN, str(locale), [language], fallback=True)
    _Tongue.translations = found if isinstance(found, gettext.GNUTranslations) else None


def speaks_english() -> bool:
    return _Tongue.translations is None


def spoken(text: str) -> str:
    """`text` in the language chosen. What is not of the catalogue (a foreign text, a name) stays as it is."""
    translations = _Tongue.translations
    if translations is None or not isinstance(text, Message):
        return text
    name, one, many, number, parameters = text.entry
    said = translations.pgettext(name, one) if many is None else translations.npgettext(name, one, many, number)
    if parameters:
        said = said.format_map({key: _spoken_parameter(value) for key, value in parameters.items()})
    for change in text.changes:
        said = change(said)
    return said


def _spoken_parameter(value: object) -> object:
    return spoken(value) if isinstance(value, str) else value
