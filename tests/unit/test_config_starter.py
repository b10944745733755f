"""The config to start with loads as it is, whatever is answered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleverreach_sync.config.loading import load_config
from cleverreach_sync.config.schema import Config
from cleverreach_sync.config.starter import questions, starter_config, variables
from cleverreach_sync.domain.model import Kind
from cleverreach_sync.sources.registry import SOURCE_TYPES
from tests.config_text import ENV
from tests.targets import cleverreach


def loaded(folder: Path, answers: dict[str, str], source_type: str = "file") -> Config:
    path = folder / "sync.yaml"
    text = starter_config(source_type, answers)
    path.write_text(text, encoding="utf-8")
    named = dict.fromkeys(re.findall(r"^  \w+: \$\{(\w+)\}", text, flags=re.MULTILINE), "something")
    return load_config(path, {**named, **ENV})


def test_it_names_its_schema_first() -> None:
    assert starter_config("file", {}).startswith("# yaml-language-server: $schema=crsync.schema.json\n")


@pytest.mark.parametrize("source_type", SOURCE_TYPES)
def test_it_names_every_variable_it_needs(source_type: str) -> None:
    text = starter_config(source_type, {})
    head, _, body = text.partition("version: 1")
    needed = re.findall(r"^ +\w+: \$\{(\w+)\}", body, flags=re.MULTILINE)
    assert re.findall(r"export (\w+)=", head) == variables(text) == needed


@pytest.mark.parametrize("source_type", SOURCE_TYPES)
def test_it_loads_without_answers(tmp_path: Path, source_type: str) -> None:
    config = loaded(tmp_path, {}, source_type)
    assert config.source.type == source_type
    assert (cleverreach(config).list, cleverreach(config).create_list) == ("Online shop", True)
    assert config.selected == {Kind.SUBSCRIBER, Kind.BUYER}


def test_answers_are_in_it(tmp_path: Path) -> None:
    answers = {"path": "exports/*.csv", "list": "123", "create_list": "no", "tags": "Contact, buyer"}
    config = loaded(tmp_path, answers)
    assert config.source.model_dump()["path"] == "exports/*.csv"
    assert (cleverreach(config).list, cleverreach(config).create_list) == (123, False)
    assert config.tags == (Kind.BUYER, Kind.CONTACT)


@given(answer=st.text(min_size=1).filter(lambda text: text.strip() and text.isprintable()))
def test_any_answer_stays_what_it_is(tmp_path_factory: pytest.TempPathFactory, answer: str) -> None:
    config = loaded(tmp_path_factory.getbasetemp(), {"path": f"x{answer}", "list": f"x{answer}"})
    assert config.source.model_dump()["path"] == f"x{answer}".strip()
    assert cleverreach(config).list == f"x{answer}".strip()


@pytest.mark.parametrize(
    "name", ["no", "null", "~", "- a", "a: b", "a #b", "${HOME}", "'", '"', "*", "{}", "0123", "1.5"]
)
def test_odd_names_stay_what_they_are(tmp_path: Path, name: str) -> None:
    assert cleverreach(loaded(tmp_path, {"list": name})).list == name


@pytest.mark.parametrize("answers", [{"tags": "everybody"}, {"tags": ","}, {"create_list": "perhaps"}])
def test_answers_that_mean_nothing_are_refused(answers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="expected"):
        starter_config("file", answers)


def test_control_characters_are_left_out(tmp_path: Path) -> None:
    assert cleverreach(loaded(tmp_path, {"list": "a\x00\x7f\nb"})).list == "ab"


@pytest.mark.parametrize("source_type", SOURCE_TYPES)
def test_every_question_has_a_default(source_type: str) -> None:
    keys = [question.key for question in questions(source_type)]
    assert keys[-3:] == ["list", "create_list", "tags"]
    assert len(set(keys)) == len(keys)


def test_an_unknown_type_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        starter_config("magento9", {})
