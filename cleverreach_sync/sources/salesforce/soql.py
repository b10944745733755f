"""Queries in SOQL. Pure. Whatever is put into one from an answer was looked at first: IDs and times only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

LARGEST_PAGE: Final = 2000
IDS_AT_ONCE: Final = 300  # as many as an address has room for
_ID: Final = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?)(?:Z|\+00:?00)")
_QUOTED: Final = re.compile(r"'(?:[^'\\]|\\.)*'")
_OR: Final = re.compile(r"\bor\b", re.IGNORECASE)


def is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def literal(value: object) -> str | None:
    """A time of an answer as queries have it; None for what is none."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    return None if found is None else f"{found[1]}Z"


def grouped(condition: str) -> str:
    """A condition of the config, to stand beside others. One with a semi-join is not put into brackets, which
    Salesforce does not like, unless it has to be."""
    return f"({condition})" if _OR.search(_QUOTED.sub("", condition)) else condition


def select(fields: Sequence[str], source: str, where: Sequence[str], order: str, limit: int = LARGEST_PAGE) -> str:
    return " ".join(
        ("SELECT", ", ".join(fields), "FROM", source, "WHERE", " AND ".join(where), "ORDER BY", order, f"LIMIT {limit}")
    )


def count(source: str, where: Sequence[str]) -> str:
    return " ".join(("SELECT COUNT() FROM", source, "WHERE", " AND ".join(where)))


def behind(field: str, row: Mapping[str, Any] | None, moment: str | None, since: str) -> str:
    """What stands behind a row in the order of a time and the ID; at the beginning what was changed `since`."""
    if row is None or moment is None:
        return f"{field} >= {since}"
    return f"({field} > {moment} OR ({field} = {moment} AND Id > '{row['Id']}'))"


def above(ident: str | None) -> list[str]:
    return [] if ident is None else [f"Id > '{ident}'"]


def among(idents: Sequence[str], field: str = "Id") -> str:
    listed = ",".join(f"'{ident}'" for ident in idents)
    return f"{field} IN ({listed})"
