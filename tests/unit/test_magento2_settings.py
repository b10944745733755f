"""The config of a Magento 2 shop, as a merchant may write it."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from cleverreach_sync.config.json_schema import json_schema
from cleverreach_sync.config.loading import load_config
from cleverreach_sync.config.starter import starter_config
from cleverreach_sync.errors import CrsyncError
from cleverreach_sync.sources.magento2.settings import Magento2Settings
from tests.config_text import ENV, HEAD, SOURCE, TARGET, load
from tests.editor import as_editor

NAMES = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
ACCESS = {f"MAGENTO_{name.upper()}": f"m-{name}" for name in NAMES}
WAY = "".join(f"  {name}: ${{MAGENTO_{name.upper()}}}\n" for name in NAMES)


def text(more: str = "", *, url: str = "https://shop.example.com", way: str = WAY) -> str:
    return HEAD.replace(SOURCE, f"source:\n  type: magento2\n  url: {url}\n{way}{more}") + TARGET


def settings(folder: Path, config: str) -> Magento2Settings:
    found = load(folder, config, {**ENV, **ACCESS}).source
    assert isinstance(found, Magento2Settings)
    return found


def test_what_holds_if_nothing_is_said(tmp_path: Path) -> None:
    found = settings(tmp_path, text())
    assert (found.buyer_states, found.websites) == (("processing", "complete"), None)
    assert (found.reconcile_every, found.tag_source) == (86400, "Magento")
    assert found.keys == tuple(f"m-{name}" for name in NAMES)


@pytest.mark.parametrize("path", ["/rest/V1", "/rest/all/V1/", "/rest", "/admin", "/", ""])
def test_the_address_may_be_that_of_the_api(tmp_path: Path, path: str) -> None:
    assert settings(tmp_path, text(url=f"https://shop.example.com{path}")).url == "https://shop.example.com"


def test_a_shop_in_a_folder_keeps_it(tmp_path: Path) -> None:
    assert settings(tmp_path, text(url="https://example.com/shop/pub")).url == "https://example.com/shop/pub"


def test_states_and_websites(tmp_path: Path) -> None:
    found = settings(tmp_path, text("  buyer_states: [ Complete ]\n  websites: [base, ' outlet ']\n"))
    assert (found.buyer_states, found.websites) == (("complete",), ("base", "outlet"))


def test_a_token_in_place_of_the_keys(tmp_path: Path) -> None:
    found = settings(tmp_path, text(way="  bearer_token: ${MAGENTO_ACCESS_TOKEN}\n"))
    assert found.keys is None
    assert found.bearer_token is not None
    assert found.bearer_token.get_secret_value() == "m-access_token"


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("", "or a bearer_token"),
        ("  consumer_key: a\n  consumer_secret: b\n  access_token: c\n", "or a bearer_token"),
        (f"{WAY}  bearer_token: a\n", "either bearer_token, or"),
        ("  bearer_token: a\n  access_token: a\n", "either bearer_token, or"),
    ],
)
def test_one_way_in_and_a_whole_one(tmp_path: Path, way: str, expected: str) -> None:
    with pytest.raises(CrsyncError, match=expected) as caught:
        settings(tmp_path, text(way=way))
    assert caught.value.code == 2


def test_editors_know_its_keys() -> None:
    found = Draft202012Validator(json_schema()).iter_errors(as_editor(text("  websites: base\n"), "1.2"))
    assert list(found)
    assert not list(Draft202012Validator(json_schema()).iter_errors(as_editor(text("  websites: [base]\n"), "1.2")))


def test_the_config_to_start_with_loads(tmp_path: Path) -> None:
    config = starter_config("magento2", {"url": "https://shop.example.com"})
    path = tmp_path / "sync.yaml"
    path.write_text(config, encoding="utf-8")
    assert load_config(path, {**ENV, **ACCESS}).source.type == "magento2"
