from __future__ import annotations

from pathlib import Path

from cleverreach_sync.domain.model import ConsentState
from cleverreach_sync.messages import Message
from cleverreach_sync.sandbox import sample
from cleverreach_sync.sources.interface import Unreadable, Warned
from tests.benchmarks import exports
from tests.unit.file_exports import opened, read


def test_the_sample_shop(tmp_path: Path) -> None:
    rows = sample.write(tmp_path / "a.csv")
    found = read(opened(tmp_path, "a.csv"))
    assert len(found.rows) + len(found.unreadable) == rows
    assert len({row.email for row in found.rows}) == len(found.rows) - 2
    assert found.unreadable == [Unreadable("email", Message("the e-mail is empty"), 26)]
    assert found.warned == [Warned(Message("column 'birthday': not a date"), 20)]
    assert {record.consent.state for record in found.records if record.consent} == set(ConsentState)
    assert {record.purchases.number > 0 for record in found.records if record.purchases} == {True, False}
    assert found.source.warnings == []


def test_the_sample_is_always_the_same_and_changes_in_one_row(tmp_path: Path) -> None:
    for name, later in (("a", False), ("b", False), ("c", True)):
        sample.write(tmp_path / name, later=later)
    first, again, later_on = ((tmp_path / name).read_text(encoding="utf-8").splitlines() for name in "abc")
    assert first == again
    changed = [(old, new) for old, new in zip(first, later_on, strict=True) if old != new]
    assert len(changed) == 1
    assert ",yes," in changed[0][0]
    assert ",opted_out," in changed[0][1]


def test_exports_for_benchmarks(tmp_path: Path) -> None:
    rows = exports.write(tmp_path / "a.csv", 3000)
    exports.write(tmp_path / "b.csv", 3000)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    found = read(opened(tmp_path, "a.csv"))
    assert rows == 3060
    assert (len(found.rows), len(found.unreadable)) == (3057, 3)
    assert len({row.email for row in found.rows}) == 2997
    assert found.warned == []
    assert [record for record in found.records if record.invalid] == []
