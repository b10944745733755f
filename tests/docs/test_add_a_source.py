"""What the page about a new source shows is what the made-up source does."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.reference import ROOT
from tests.shops import corner

PAGE = (ROOT / "docs" / "develop" / "add-a-source.md").read_text(encoding="utf-8")
FILES = sorted(Path(corner.__file__).parent.glob("*.py"))


def test_its_code_is_that_of_the_source() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in FILES)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(blocks) == 3
    assert [block for block in blocks if block not in code] == []


def test_it_counts_its_lines() -> None:
    assert f"{sum(len(path.read_text(encoding='utf-8').splitlines()) for path in FILES)} lines" in PAGE
