"""Texts for people: their English as a string, and another language where they are shown."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from cleverreach_sync.messages import DOMAIN, Message, say, say_many, speak, spoken


@pytest.fixture
def bracketed(tmp_path: Path) -> Iterator[None]:
    made = Catalog(locale="en")
    made.add(("{number:,} person", "{number:,} people"), ("⟦{number:,} one⟧", "⟦{number:,} many⟧"), context="people")
    made.add("{who} left {shop}", "⟦{shop}: {who}⟧", context="left")
    made.add("run `crsync sync`", "⟦do `crsync sync`⟧", context="hint")
    folder = tmp_path / "xx" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / f"{DOMAIN}.mo").open("wb") as out:
        write_mo(out, made)
    speak("xx", locale=tmp_path)
    yield
    speak("en")


def test_a_message_is_its_english() -> None:
    message = say("disk.full", "cannot write to {path}", path="/a {b}")
    assert message == "cannot write to /a {b}"
    assert json.loads(json.dumps({"message": message})) == {"message": "cannot write to /a {b}"}
    assert {str(message), "cannot write to /a {b}"} == {message}


def test_without_parameters_braces_are_braces() -> None:
    assert say("hint", "write ${NAME}") == "write ${NAME}"


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 people"), (1, "1 person"), (2, "2 people"), (1200, "1,200 people")]
)
def test_a_number_decides_the_words(number: int, text: str) -> None:
    assert say_many("people", "{number:,} person", "{number:,} people", number) == text


@pytest.mark.usefixtures("bracketed")
def test_a_message_is_said_in_the_language_chosen_with_the_messages_in_it() -> None:
    inner = say_many("people", "{number:,} person", "{number:,} people", 2)
    outer = say("left", "{who} left {shop}", who=inner, shop="Käse & Söhne")
    assert outer == "2 people left Käse & Söhne"
    assert spoken(outer) == "⟦Käse & Söhne: ⟦2 many⟧⟧"


@pytest.mark.usefixtures("bracketed")
def test_what_is_not_of_the_catalogue_stays() -> None:
    assert spoken("Permission denied") == "Permission denied"


@pytest.mark.usefixtures("bracketed")
def test_a_change_is_made_in_every_language() -> None:
    message = say("hint", "run `crsync sync`").changed(lambda text: text.replace("sync`", "sync -c a.yaml`"))
    assert message == "run `crsync sync -c a.yaml`"
    assert spoken(message) == "⟦do `crsync sync -c a.yaml`⟧"


def test_a_copy_of_a_document_keeps_its_messages() -> None:
    message = say("hint", "run it")
    copied = copy.deepcopy({"hints": [message]})["hints"][0]
    assert isinstance(copied, Message)


def test_a_language_that_is_missing_is_english(tmp_path: Path) -> None:
    speak("xx", locale=tmp_path)
    assert spoken(say("hint", "run it")) == "run it"
