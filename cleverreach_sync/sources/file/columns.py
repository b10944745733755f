"""Which column of a file holds which person field."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from cleverreach_sync.domain.address import composed
from cleverreach_sync.domain.model import PERSON_FIELDS
from cleverreach_sync.errors import UsageError

_FIELDS: Final = frozenset(PERSON_FIELDS)
EMAIL_HEADINGS: Final = ("email", "e-mail", "mail", "e-mail-adresse", "email address", "emailaddress")


class Matched(NamedTuple):
    """`positions` and `headings` by person field, in the order of the header; `absent` are the fields that `columns`
    maps to a heading which is not there; `notes` are for the user."""

    positions: dict[str, int]
    headings: dict[str, str]
    absent: tuple[str, ...]
    notes: tuple[str, ...]


def fold(text: str) -> str:
    """Headings and words are compared trimmed, case-blind, in NFC."""
    return composed(composed(text.strip()).casefold())


def match(header: Sequence[str], columns: Mapping[str, str], where: str) -> Matched:
    """Finds the person fields in a header. Raises UsageError for a heading that is there twice and is needed."""
    folded = [fold(heading) for heading in header]
    found: dict[str, int] = {}
    for field, heading in columns.items():
        wanted = fold(heading)
        if folded.count(wanted) > 1:
            raise _twice(field, where)
        if wanted in folded:
            found[field] = folded.index(wanted)
    taken = {fold(heading) for heading in columns.values()}
    notes: list[str] = []
    for position, (heading, name) in enumerate(zip(header, folded, strict=True)):
        if not name or name in taken:
            continue
        if name in _FIELDS and name not in columns:
            if name in found:
                raise _twice(name, where)
            found[name] = position
            continue
        field = _extra(heading, name)
        if field in columns:
            continue
        if field in found:
            notes.append(f"two columns are called '{field.removeprefix('extra.')}'; the first one counts")
        else:
            found[field] = position
    positions = dict(sorted(found.items(), key=lambda item: item[1]))
    headings = {field: header[position].strip() for field, position in positions.items()}
    return Matched(positions, headings, tuple(f for f in columns if f not in found), tuple(notes))


def _extra(heading: str, folded: str) -> str:
    name = composed(heading.strip())
    return f"extra.{name[6:]}" if folded.startswith("extra.") else f"extra.{name}"


def _twice(field: str, where: str) -> UsageError:
    return UsageError(f"two columns could be '{field}'", where=where, hint="rename or remove one of them")


def missing(field: str, columns: Mapping[str, str], header: Sequence[str], where: str) -> UsageError:
    """The error for a field whose column is not in the header. Names headings only where they cannot be data."""
    heading = columns.get(field)
    what = f"no e-mail column ('{heading or field}')" if field == "email" else f"no column '{heading}' for {field}"
    if any("@" in name for name in header):
        return UsageError(what, where=where, hint="the first line seems to be data; it must contain the headings")
    near = _nearest(EMAIL_HEADINGS if heading is None else (heading,), header)
    if near is not None and heading is None:
        return UsageError(what, where=where, hint=f"did you mean `columns: {{{field}: {near}}}`?")
    hint = f"did you mean '{near}'?" if near is not None else f"name the heading of {field} with `columns:`"
    return UsageError(what, where=where, hint=hint)


def _nearest(wanted: Sequence[str], header: Sequence[str]) -> str | None:
    names = {fold(heading): heading.strip() for heading in header if heading.strip()}
    for name in wanted:
        near = difflib.get_close_matches(fold(name), names, n=1, cutoff=0.7)
        if near:
            return names[near[0]]
    return None
