"""Names in the config, as IDs of plentymarkets: customer types, newsletter folders, countries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cleverreach_sync.errors import UsageError
from cleverreach_sync.settings.types import did_you_mean
from cleverreach_sync.sources.plentymarkets.api import NotAllowed, PlentyApi


def type_id(api: PlentyApi, wanted: str | None) -> int | None:
    """The customer type of a number or a name. Raises UsageError if there is none of that name."""
    if wanted is None or wanted.isdecimal():
        return int(wanted) if wanted else None
    return _found(wanted, api.types(), "customer type", "source.customer_type")


def folder_id(api: PlentyApi, wanted: str | None) -> int | None:
    """The newsletter folder of an ID or a name. Raises UsageError if there is none: nobody would be subscribed any
    more."""
    if wanted is None:
        return None
    if not wanted.isdecimal():
        return _found(wanted, api.folders(), "newsletter folder", "source.folder")
    try:
        rows = api.folders()
    except NotAllowed:
        return int(wanted)
    if int(wanted) not in [raw.get("id") for raw in rows]:
        raise UsageError(f"plentymarkets has no newsletter folder {wanted}", hint=f"there are: {listed(rows)}")
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


def _found(wanted: str, rows: Sequence[Mapping[str, Any]], what: str, where: str) -> int:
    known: dict[str, set[int]] = {}
    for raw in rows:
        if isinstance(raw.get("id"), int):
            for name in names_of(raw):
                known.setdefault(name.casefold(), set()).add(raw["id"])
    idents = known.get(wanted.casefold(), set())
    if len(idents) == 1:
        return next(iter(idents))
    if idents:
        raise UsageError(f"several {what}s are called {wanted!r}", hint=f"set {where} to the ID: {sorted(idents)}")
    near = did_you_mean(wanted, [name for raw in rows for name in names_of(raw)])
    raise UsageError(
        f"plentymarkets has no {what} called {wanted!r}",
        hint=" ".join(filter(None, (near, f"there are: {listed(rows)}"))),
    )


def listed(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with their IDs and names, for a message."""
    return ", ".join(f"{raw.get('id')} {' / '.join(names_of(raw))}".strip() for raw in rows) or "none"
