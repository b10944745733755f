"""Which column of a file holds which person field."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from cleverreach_sync.domain.address import composed
from cleverreach_sync.domain.model import PERSON_FIELDS
from cleverreach_sync.errors import UsageError
from cleverreach_sync.messages import Message, say
from cleverreach_sync.settings.types import suggestion

_FIELDS: Final = frozenset(PERSON_FIELDS)
EMAIL_HEADINGS: Final = ("email", "e-mail", "mail", "e-mail-adresse", "email address", "emailaddress")


class Matched(NamedTuple):
    """`positions` and `headings` by person field, in the order of the header; `absent` are the fields that `columns`
    maps to a heading which is not there; `notes` are for the user."""

    positions: dict[str, int]
    headings: dict[str, str]
    absent: tuple[str, ...]
    notes: tuple[Message, ...]


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
    notes: list[Message] = []
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
            notes.append(
                say(
                    "file.two_columns",
                    "two columns are called '{column}'; the first one counts",
                    column=field.removeprefix("extra."),
                )
            )
        else:
            found[field] = position
    positions = dict(sorted(found.items(), key=lambda item: item[1]))
    headings = {field: header[position].strip() for field, position in positions.items()}
    return Matched(positions, headings, tuple(f for f in columns if f not in found), tuple(notes))


def _extra(heading: str, folded: str) -> str:
    name = composed(heading.strip())
    return f"extra.{name[6:]}" if folded.startswith("extra.") else f"extra.{name}"


def _twice(field: str, where: str) -> UsageError:
    return UsageError(
        say("file.columns_of_one_field", "two columns could be '{field}'", field=field),
        where=where,
        hint=say("file.rename_column", "rename or remove one of them"),
    )


def missing(field: str, columns: Mapping[str, str], header: Sequence[str], where: str) -> UsageError:
    """The error for a field whose column is not in the header. Names headings only where they cannot be data."""
    heading = columns.get(field)
    return UsageError(_missing(field, heading), where=where, hint=_mend(field, heading, header))


def _missing(field: str, heading: str | None) -> Message:
    if field == "email":
        return say("file.no_email_column", "no e-mail column ('{column}')", column=heading or field)
    return say("file.no_column", "no column '{column}' for {field}", column=heading, field=field)


def _mend(field: str, heading: str | None, header: Sequence[str]) -> Message:
    if any("@" in name for name in header):
        return say("file.no_header", "the first line seems to be data; it must contain the headings")
    near = _nearest(EMAIL_HEADINGS if heading is None else (heading,), header)
    if near is None:
        return say("file.name_heading", "name the heading of {field} with `columns:`", field=field)
    if heading is None:
        return say("file.near_column", "did you mean `columns: {{{field}: {column}}}`?", field=field, column=near)
    return suggestion(near)


def _nearest(wanted: Sequence[str], header: Sequence[str]) -> str | None:
    names = {fold(heading): heading.strip() for heading in header if heading.strip()}
    for name in wanted:
        near = difflib.get_close_matches(fold(name), names, n=1, cutoff=0.7)
        if near:
            return names[near[0]]
    return None
