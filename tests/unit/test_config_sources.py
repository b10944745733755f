"""What every source gets from the config: addresses, secret files, nested options, messages without values."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Literal, Self

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from cleverreach_sync.config import json_schema
from cleverreach_sync.config.digest import decision_digest
from cleverreach_sync.settings.source import SourceSettings
from cleverreach_sync.settings.types import Duration, ShopUrl
from cleverreach_sync.sources import registry
from tests.config_text import ENV, HEAD, SOURCE, TARGET, lines, load, problems
from tests.editor import as_editor


class StatusRange(BaseModel):
    """Orders that count."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: int = Field(default=5, alias="from", description="From this status on.")
    below: int = Field(default=8, description="Below this status.")


class Stream(BaseModel):
    """One stream."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    signal: Literal["profile", "consent"] = Field(description="What it tells.")
    password: SecretStr | None = Field(default=None, description="Its password.")


class ToySettings(SourceSettings):
    """A shop."""

    type: Literal["toy"] = Field(description="The shop system.")
    name: str = Field(default="", description="The prefix of the tags.")
    url: ShopUrl = Field(description="The address of the shop.")
    consumer_key: SecretStr = Field(description="Its key.")
    consumer_secret: SecretStr = Field(description="Its secret.")
    api_key: SecretStr | None = Field(default=None, description="Another key.")
    order_status: StatusRange | None = Field(default=None, description="Which orders count.")
    streams: dict[str, Stream] = Field(default_factory=dict, description="By name.")
    statuses: tuple[str, ...] = Field(default=("done",), description="Which orders count.")
    reconcile_every: Duration = Field(default=86400, description="How often everybody is read.")

    @model_validator(mode="after")
    def keys_differ(self) -> Self:
        if self.consumer_key == self.consumer_secret:
            raise ValueError(f"Key and secret are both {self.consumer_key.get_secret_value()}")
        return self


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("toy_source.settings")
    module.ToySettings = ToySettings  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toy_source.settings", module)
    monkeypatch.setitem(registry._SYSTEMS, "toy", ("toy_source", "ToySettings"))
    monkeypatch.setattr(registry, "SOURCE_TYPES", ("file", "toy"))


TOY = """source:
  type: toy
  url: https://shop.example.com/
  consumer_key: key-1
  consumer_secret: ${CLEVERREACH_CLIENT_SECRET}
"""


def text(more: str = "", source: str = TOY) -> str:
    return HEAD.replace(SOURCE, source + more) + TARGET


def test_it_loads_with_all_its_secrets(tmp_path: Path) -> None:
    more = "  api_key: key-22\n  streams: {a: {signal: profile, password: pass-word}}\n  order_status: {from: 3}\n"
    config = load(tmp_path, text(more))
    assert isinstance(config.source, ToySettings)
    assert config.source.url == "https://shop.example.com"
    assert config.source.order_status == StatusRange(**{"from": 3})
    expected = {"key-1", "key-22", "pass-word", *ENV.values()}
    assert set(config.secrets()) == expected
    assert [len(secret) for secret in config.secrets()] == sorted(map(len, expected), reverse=True)


def test_every_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("from-a\n")
    more = "  api_key_file: a\n  streams: {x: {signal: consent, password_file: a}}\n"
    source = TOY.replace("consumer_key: key-1", "consumer_key_file: a")
    config = load(tmp_path, text(more, source))
    assert isinstance(config.source, ToySettings)
    assert config.source.consumer_key.get_secret_value() == "from-a"
    assert config.source.api_key is not None
    password = config.source.streams["x"].password
    assert password is not None
    assert password.get_secret_value() == "from-a"


WRONG = {
    "plain http": ("https://shop.example.com/", "http://shop.example.com", "4:8 source.url: http:// would send"),
    "login": ("https://shop", "https://me:pw@shop", "4:8 source.url: an address must not contain a user name"),
    "missing": ("  consumer_key: key-1\n", "", "2:1 source: the key 'consumer_key' is missing (or 'consumer_key_file')"),
    "key": ("consumer_key:", "consumer_kye:", "5:3 source: unknown key 'consumer_kye'"),
    "below": ("  url", "  order_status: {form: 3}\n  url", "4:18 source.order_status: unknown key 'form'"),
    "value below": ("  url", "  order_status: {from: x}\n  url", "4:24 source.order_status.from: expected a whole number"),
    "in a mapping": ("  url", "  streams: {a: {signal: x}}\n  url", "4:25 source.streams.a.signal: expected one of profile"),
    "key in a mapping": ("  url", "  streams: {a: {signal: consent, pass: x}}\n  url", "4:34 source.streams.a: unknown key 'pass'"),
    "in a list": ("  url", "  statuses: [a, [b]]\n  url", "4:17 source.statuses: expected a text, not a list"),
    "time": ("  url", "  reconcile_every: often\n  url", "4:20 source.reconcile_every: expected a number of seconds"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_option_is_named_with_its_place(tmp_path: Path, old: str, new: str, expected: str) -> None:
    found = lines(tmp_path, text(source=TOY.replace(old, new, 1)))
    assert any(each.startswith(expected) for each in found), found


def test_a_hint_knows_the_keys_of_the_place(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, text("  streams: {a: {signal: consent, passwort_file: x}}\n"))
    assert found.hint == "did you mean 'password_file'?"


@pytest.mark.parametrize("secret", ["${CLEVERREACH_CLIENT_SECRET}", "hunter2", "x"])
def test_the_words_of_a_source_never_show_a_secret(tmp_path: Path, secret: str) -> None:
    source = TOY.replace("key-1", secret).replace("${CLEVERREACH_CLIENT_SECRET}", secret)
    (found,) = lines(tmp_path, text(source=source))
    assert found.startswith("2:1 source: key and secret are both ")
    assert found.endswith(("***", "${CLEVERREACH_CLIENT_SECRET}"))


def test_the_digest_knows_no_secret_and_no_address(tmp_path: Path) -> None:
    digest = decision_digest(load(tmp_path, text()))
    for old, new in (("key-1", "key-2"), ("shop.example", "other.example"), ("  url", "  reconcile_every: 1h\n  url")):
        assert decision_digest(load(tmp_path, text(source=TOY.replace(old, new)))) == digest
    assert decision_digest(load(tmp_path, text("  statuses: [paid]\n"))) != digest
    assert decision_digest(load(tmp_path, text("  order_status: {from: 3}\n"))) != digest


def test_the_schema_tells_the_sources_apart() -> None:
    validator = Draft202012Validator(json_schema.json_schema())
    assert validator.is_valid(as_editor(text("  order_status: {from: 3}\n  reconcile_every: 24h\n")))
    assert validator.is_valid(as_editor(HEAD + TARGET))
    assert not validator.is_valid(as_editor(text("  path: a.csv\n")))
    assert not validator.is_valid(as_editor(text("  consumer_key_file: both\n")))
    assert not validator.is_valid(as_editor(HEAD.replace("type: file", "type: toy") + TARGET))
