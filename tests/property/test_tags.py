from __future__ import annotations

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from cleverreach_sync.domain.tags import ORIGIN_LENGTH, OwnTags, fold, special_tags, tag, tag_part
from tests.people import B, C, S

TEXT = st.text(max_size=70)
ODD = st.text("aZ09_-. .ä\u0308ß日\u0301😀/\u1112\u1161\u11abİ", max_size=70)
PARTS = st.one_of(TEXT, ODD)


@given(PARTS)
def test_a_part_is_letters_digits_and_underscores(text: str) -> None:
    part = tag_part(text)
    assert all(char == "_" or char in "0123456789" or unicodedata.category(char)[0] == "L" for char in part)
    assert tag_part(part) == part
    assert unicodedata.is_normalized("NFC", part)
    assert len(part) <= len(unicodedata.normalize("NFC", text))
    assert bool(part) == bool(text)


@given(PARTS)
def test_composed_or_not_is_the_same_part(text: str) -> None:
    assert tag_part(unicodedata.normalize("NFD", text)) == tag_part(unicodedata.normalize("NFC", text))


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_every_run_of_other_characters_is_one_underscore(text: str) -> None:
    assert tag_part(text) == re.sub(r"[^A-Za-z0-9_]+", "_", text)


@given(PARTS)
def test_letters_and_digits_stay_in_their_order(text: str) -> None:
    letters = [c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c)[0] == "L" or c in "0123456789"]
    assert [char for char in tag_part(text) if char != "_"] == letters


@given(PARTS, PARTS, PARTS)
def test_nobody_can_order_a_removal_or_another_origin(source: str, kind: str, value: str) -> None:
    text = tag(source, kind, value)
    assert not text.startswith(("-", "."))
    origin, _, rest = text.partition(".")
    assert text.count(".") <= 1
    assert "-" not in rest
    assert origin.count("-") <= 1
    assert len(origin) <= ORIGIN_LENGTH == 49
    if tag_part(source):
        assert rest == tag_part(value)
        assert f"{tag_part(source)}-{tag_part(kind)}".startswith(origin)
        assert len(origin) == min(49, len(f"{tag_part(source)}-{tag_part(kind)}")) or origin == tag_part(source)
    assert unicodedata.is_normalized("NFC", text)
    text.encode()  # never half a character


@given(PARTS, PARTS, PARTS)
def test_a_tag_of_its_own_parts_is_the_same(source: str, kind: str, value: str) -> None:
    assert tag(tag_part(source), tag_part(kind), tag_part(value)) == tag(source, kind, value)


@given(PARTS)
def test_the_special_tags_of_a_source_are_told_apart_as_sent_and_folded(source: str) -> None:
    tags, own = special_tags(source), OwnTags(source)
    assert len(set(tags.values())) == 3
    for kind, text in tags.items():
        assert own.among((text,)) == {kind}
        assert own.among((fold(text),)) == {kind}
        assert (
            own.among(
                (
                    f"-{text}",
                    text + "x",
                    "x" + text,
                )
            )
            == frozenset()
        )
    assert (
        own.among(
            (
                *tags.values(),
                *map(fold, tags.values()),
            )
        )
        == S | B | C
    )
    assert all(fold(text).isascii() and fold(fold(text)) == fold(text) for text in tags.values())
