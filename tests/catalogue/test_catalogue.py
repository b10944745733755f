"""What is shown to people is in the catalogue, whole, once, and with its parameters."""

import re
import string
from collections import defaultdict

from tests.catalogue.template import TEMPLATE, Use, template, uses


def test_the_template_is_that_of_the_code() -> None:
    """`python -m tests.docs.renew` renews it."""
    assert TEMPLATE.read_text(encoding="utf-8") == template()


def test_no_message_is_put_together_where_the_catalogue_cannot_see_it() -> None:
    assert [use.place for use in uses() if not use.whole] == []


def test_an_id_has_one_text() -> None:
    texts: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
    for use in uses():
        texts[use.texts[0]].add(tuple(use.texts[1:]))
    assert {name: found for name, found in texts.items() if len(found) > 1} == {}


def test_an_id_says_what_the_message_is_about() -> None:
    form = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*(\.[a-z0-9]+(_[a-z0-9]+)*)+")
    assert [use.place for use in uses() if not form.fullmatch(use.texts[0])] == []


def test_a_message_gets_the_parameters_that_its_text_names() -> None:
    assert [f"{use.place}: {sorted(wrong)}" for use in uses() if (wrong := _wrong(use))] == []


def _wrong(use: Use) -> set[str]:
    if None in use.parameters:
        return {"parameters that cannot be seen"}
    given = {name for name in use.parameters if name is not None}
    if use.many is None and not given:  # taken as it is: braces are braces
        return set()
    if use.many is not None:
        given.add("number")
    named = {name for text in use.texts[1:] for name in _names(text)}
    return (named ^ given) - {"number"}


def _names(text: str) -> set[str]:
    return {name for _before, name, _format, _conversion in string.Formatter().parse(text) if name is not None}
