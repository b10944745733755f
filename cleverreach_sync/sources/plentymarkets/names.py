"""Names in the config, as IDs of plentymarkets: customer types, newsletter folders, countries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from cleverreach_sync.errors import UsageError
from cleverreach_sync.messages import Message, say
from cleverreach_sync.settings.types import did_you_mean
from cleverreach_sync.sources.plentymarkets.api import NotAllowed, PlentyApi
from cleverreach_sync.sources.shop import NotOne, there_are

NONE: Final = say("plentymarkets.none", "none")
_TYPE: Final = NotOne(
    none=lambda name: say("plentymarkets.no_type", "plentymarkets has no customer type called {name!r}", name=name),
    several=lambda name: say("plentymarkets.several_types", "several customer types are called {name!r}", name=name),
)
_FOLDER: Final = NotOne(
    none=lambda name: say(
        "plentymarkets.no_folder_called", "plentymarkets has no newsletter folder called {name!r}", name=name
    ),
    several=lambda name: say(
        "plentymarkets.several_folders", "several newsletter folders are called {name!r}", name=name
    ),
)


def type_id(api: PlentyApi, wanted: str | None) -> int | None:
    """The customer type of a number or a name. Raises UsageError if there is none of that name."""
    if wanted is None or wanted.isdecimal():
        return int(wanted) if wanted else None
    return _found(wanted, api.types(), _TYPE, "source.customer_type")


def folder_id(api: PlentyApi, wanted: str | None) -> int | None:
    """The newsletter folder of an ID or a name. Raises UsageError if there is none: nobody would be subscribed any
    more."""
    if wanted is None:
        return None
    if not wanted.isdecimal():
        return _found(wanted, api.folders(), _FOLDER, "source.folder")
    try:
        rows = api.folders()
    except NotAllowed:
        return int(wanted)
    if int(wanted) not in [raw.get("id") for raw in rows]:
        raise UsageError(
            say("plentymarkets.no_folder", "plentymarkets has no newsletter folder {ident}", ident=wanted),
            hint=there_are(listed(rows)),
        )
    return int(wanted)


def iso_codes(api: PlentyApi) -> dict[int, str]:
    """The two letters of every country by its ID; none where they may not be read."""
    try:
        rows = api.countries()
    except NotAllowed:
        return {}
    return {
        raw["id"]: code.upper()
        for raw in rows
        if isinstance(raw.get("id"), int) and isinstance(code := raw.get("isoCode2"), str) and code
    }


def names_of(raw: Mapping[str, Any]) -> list[str]:
    """Every name of a row, in whatever language."""
    return list(dict.fromkeys(_texts(raw)))


def _texts(raw: Mapping[str, Any]) -> Iterator[str]:
    for key in ("name", "backendName", "typeName", "folderName"):
        if isinstance(text := raw.get(key), str) and text.strip():
            yield text.strip()
    for key in ("names", "typeNames"):
        names = raw.get(key)
        if isinstance(names, Mapping):
            yield from (text.strip() for text in names.values() if isinstance(text, str))
        elif isinstance(names, Sequence) and not isinstance(names, str):
            for name in names:
                if isinstance(name, Mapping):
                    yield from _texts(name)


def _found(wanted: str, rows: Sequence[Mapping[str, Any]], not_one: NotOne, key: str) -> int:
    known: dict[str, set[int]] = {}
    for raw in rows:
        if isinstance(raw.get("id"), int):
            for name in names_of(raw):
                known.setdefault(name.casefold(), set()).add(raw["id"])
    idents = known.get(wanted.casefold(), set())
    if len(idents) == 1:
        return next(iter(idents))
    if idents:
        raise UsageError(
            not_one.several(wanted),
            hint=say("plentymarkets.set_ident", "set {key} to the ID: {idents}", key=key, idents=sorted(idents)),
        )
    near = did_you_mean(wanted, [name for raw in rows for name in names_of(raw)])
    raise UsageError(not_one.none(wanted), hint=_others(near, listed(rows)))


def _others(near: Message | None, names: str) -> Message:
    if near is None:
        return there_are(names)
    return say("plentymarkets.near_and_others", "{near} {others}", near=near, others=there_are(names))


def listed(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with their IDs and names, for a message."""
    return ", ".join(f"{raw.get('id')} {' / '.join(names_of(raw))}".strip() for raw in rows) or NONE
