from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest

from cleverreach_sync.fleet.document import several_document
from cleverreach_sync.report.forms.tabular import COLUMNS, run_csv
from tests.unit import report_documents as docs


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def change(**changes: object) -> dict[str, object]:
    return {"action": "update", "email": "a***@example.org", "attributes": {}, "state": ["active", "active"]} | changes


def test_a_diff_is_as_agreed(golden: Callable[[str, str], None]) -> None:
    golden("diff.csv", run_csv(docs.diff()))


def test_one_line_a_field_and_one_if_there_is_none() -> None:
    found = rows(run_csv(docs.diff()))
    assert [row["field"] for row in found][:4] == ["", "city", "phone", "lastorderdate"]
    assert found[0]["tags_removed"] == "Shop-Special.Subscriber"
    assert found[0]["tags_added"] == ""
    assert (found[2]["before"], found[2]["after"]) == ("***", "")


def test_no_changes_is_the_header_alone() -> None:
    assert run_csv(docs.nothing()) == ",".join(COLUMNS) + "\r\n"


@pytest.mark.parametrize("value", ["=1+1", "+49 30", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\uff1d1", "\n=1"])
def test_nothing_is_a_formula(value: str) -> None:
    text = run_csv(
        docs.diff(changes=[change(email=value, reason=value, tags=[f"+{value}"], attributes={value: [value, value]})])
    )
    (row,) = rows(text)
    for column in ("email", "reason", "tags_added", "field", "before", "after"):
        assert row[column] == f"'{value}"


def test_quotes_commas_and_line_ends_survive() -> None:
    value = 'a "b", c;\r\nd\ud800'
    (row,) = rows(run_csv(docs.diff(changes=[change(attributes={"street": [None, value]})])))
    assert row["after"] == 'a "b", c;\r\nd?'


def test_several_runs_say_which_list() -> None:
    found = rows(run_csv(several_document("runs", [docs.diff(), docs.nothing()])))
    assert {row["list"] for row in found} == {"123"}


def test_nothing_steers_a_terminal() -> None:
    value = "a\x1b[2J\x9b\u202eb\u200b\x00"
    told = run_csv(docs.diff(changes=[change(email=value, tags=[f"+{value}"], attributes={value: [value, value]})]))
    assert all(char.isprintable() or char in "\r\n" for char in told)
    (row,) = rows(told)
    assert row["after"] == "a\\x1b[2J\\x9b\\u202eb\\u200b\\x00"
