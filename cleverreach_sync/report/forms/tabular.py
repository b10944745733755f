"""The changes of a diff as CSV (RFC 4180), one line a changed data field, safe to open in a spreadsheet.

Tags stand in two columns, added and removed, without their sign, several separated by a space: a leading `+` or `-`
would make them formulas. Any other value that a spreadsheet could take for a formula gets a leading apostrophe.
Controls and format characters are written out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any, Final

from cleverreach_sync.report.forms.changes import signed, states
from cleverreach_sync.report.forms.page import visible

COLUMNS: Final = (
    "action",
    "email",
    "reason",
    "kinds",
    "tags_added",
    "tags_removed",
    "state_before",
    "state_after",
    "field",
    "before",
    "after",
)
OF_SEVERAL: Final = ("config", "transfer", "list")
_FORMULA: Final = tuple("=+-@\uff1d\uff0b\uff0d\uff20")  # the last four are their full-width forms
_CONTROL: Final = ("\t", "\r", "\n")


def run_csv(doc: dict[str, Any]) -> str:
    """The changes of a run; those of several runs (`crsync.runs/1`) say first whose they are."""
    out = io.StringIO()
    lines = csv.writer(out)
    if "runs" in doc:
        lines.writerow((*OF_SEVERAL, *COLUMNS))
        for run in doc["runs"]:
            number = (run.get("target") or {}).get("list_id")
            whose = [_cell(value) for value in (run.get("config"), run.get("transfer"), number)]
            lines.writerows([*whose, *row] for row in _rows(run))
    else:
        lines.writerow(COLUMNS)
        lines.writerows(_rows(doc))
    return out.getvalue().encode("utf-8", "replace").decode()


def _rows(doc: dict[str, Any]) -> Iterator[list[str]]:
    for change in doc.get("changes") or ():
        about = [
            change["action"],
            change["email"],
            change.get("reason"),
            " ".join(change.get("kinds") or ()),
            " ".join(signed(change, "+")),
            " ".join(signed(change, "-")),
            *states(change),
        ]
        fields = change.get("attributes") or {"": (None, None)}
        for name, (before, after) in fields.items():
            yield [_cell(value) for value in (*about, name, before, after)]


def _cell(value: str | None) -> str:
    if value is None:
        return ""
    text = visible(str(value), kept="\t\r\n")
    return f"'{text}" if text.startswith(_CONTROL) or text.lstrip().startswith(_FORMULA) else text
