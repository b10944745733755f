from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from cleverreach_sync.fleet.document import several_document
from cleverreach_sync.report.forms.markdown import code, prose, run_markdown
from tests.unit import report_documents as docs

EVIL = [
    "a|b",
    "a\\|b",
    "`",
    "``x`` `y",
    "</details><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "line\n\n# heading\n- item",
    "\r\n| x | y |",
    "@everyone",
    "#1 and https://evil.example/x",
    "www.evil.example",
    "[x](https://evil.example)",
    "&lt;b&gt;",
    "*bold* _it_",
    "\\",
    "x\\`y",
    "\u202eabc\x1b[2J",
]


class Seen(HTMLParser):
    """The elements of a page and the text that is not in code."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loose: list[str] = []
        self._code = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._code += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag == "code"

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.loose.append(data)


def html(text: str) -> str:
    return str(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text))


@pytest.mark.parametrize(
    ("name", "doc"),
    [
        ("sync", docs.run()),
        ("diff", docs.diff()),
        ("diff_values", docs.diff(guards=[], changes=docs.SHOWN)),
        ("second_sync", docs.nothing()),
        ("guard", docs.refused()),
        ("runs", several_document("runs", [docs.nothing(), docs.refused()])),
    ],
)
def test_comments_are_as_agreed(name: str, doc: dict[str, object], golden: Callable[[str, str], None]) -> None:
    golden(f"{name}.md", run_markdown(doc))


@pytest.mark.parametrize("evil", EVIL)
def test_foreign_values_cannot_break_out(evil: str) -> None:
    change = {
        "action": evil,
        "email": evil,
        "tags": [f"+{evil}", f"-{evil}"],
        "attributes": {evil: [evil, evil], "city": [None, evil]},
        "state": [evil, evil],
        "reason": evil,
    }
    doc = docs.diff(
        source={"name": evil},
        target={"list_name": evil, "list_id": evil},
        skipped={evil: 1},
        guards=[{"name": "moved", "refuses": True, "reason": evil}],
        changes=[change],
        config=evil,
    )
    tame = docs.diff(
        source={"name": "x"},
        skipped={"x": 1},
        guards=[{"name": "moved", "refuses": True, "reason": "x"}],
        changes=[change | {"attributes": {"a": ["x", "x"], "city": [None, "x"]}}],
    )
    seen, plain = Seen(html(run_markdown(doc))), Seen(html(run_markdown(tame)))
    allowed = {"h2", "p", "strong", "ul", "li", "blockquote", "table", "thead", "tbody", "tr", "th", "td", "code"}
    assert set(seen.tags) <= allowed | {"details", "summary"}
    for tag in ("h2", "li", "table", "tr", "th", "td", "details", "blockquote"):
        assert seen.tags.count(tag) == plain.tags.count(tag), tag
    loose = "".join(seen.loose)
    assert not any(sign in loose for sign in ("@", "://", "www.", "#", "`", "<", "\x1b"))


@pytest.mark.parametrize("value", EVIL)
def test_code_shows_the_value_and_nothing_else(value: str) -> None:
    seen = Seen(html(f"| a | b |\n|--|--|\n| {code(value)} | z |\n"))
    assert seen.tags.count("td") == 2
    assert seen.tags.count("code") == 1


def test_words_stay_readable_and_addresses_are_code() -> None:
    assert prose("unsubscribed in CleverReach, 2 people") == "unsubscribed in CleverReach, 2 people"
    assert prose("a***@example.org") == "`a***@example.org`"
    assert prose("") == ""
    assert code("") == "(empty)"
