"""The config of a Shopware 6 shop, as a merchant may write it."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from cleverreach_sync.config.digest import decision_digest
from cleverreach_sync.config.json_schema import json_schema
from cleverreach_sync.config.loading import load_config
from cleverreach_sync.config.starter import questions, starter_config
from cleverreach_sync.sources.shopware6.settings import Shopware6Settings
from tests.config_text import ENV, HEAD, SOURCE, TARGET, lines, load
from tests.editor import as_editor

ACCESS = {"SHOPWARE_CLIENT_ID": "SWIA4711", "SHOPWARE_CLIENT_SECRET": "sw-0815"}
WAY = "  client_id: ${SHOPWARE_CLIENT_ID}\n  client_secret: ${SHOPWARE_CLIENT_SECRET}\n"


def text(more: str = "", *, url: str = "https://shop.example.com") -> str:
    return HEAD.replace(SOURCE, f"source:\n  type: shopware6\n  url: {url}\n{WAY}{more}") + TARGET


def settings(folder: Path, config: str) -> Shopware6Settings:
    found = load(folder, config, {**ENV, **ACCESS}).source
    assert isinstance(found, Shopware6Settings)
    return found


def test_what_holds_if_nothing_is_said(tmp_path: Path) -> None:
    found = settings(tmp_path, text())
    assert (found.buyer_states, found.sales_channels) == (None, None)
    assert (found.reconcile_every, found.tag_source) == (86400, "Shopware_6")
    assert found.credentials() == {"client_id": "SWIA4711", "client_secret": "sw-0815"}


@pytest.mark.parametrize(
    "url", ["https://shop.example.com/admin", "https://Shop.example.com/api/", "https://shop.example.com"]
)
def test_the_address_may_be_that_of_the_administration(tmp_path: Path, url: str) -> None:
    assert settings(tmp_path, text(url=url)).url == "https://shop.example.com"


def test_a_shop_in_a_folder_keeps_it(tmp_path: Path) -> None:
    assert settings(tmp_path, text(url="https://example.com/shop/public")).url == "https://example.com/shop/public"


def test_states_and_sales_channels(tmp_path: Path) -> None:
    more = "  buyer_states: [Completed, ' in_progress ']\n  sales_channels: [Storefront, 019abc]\n"
    found = settings(tmp_path, text(more))
    assert (found.buyer_states, found.sales_channels) == (("completed", "in_progress"), ("Storefront", "019abc"))
    assert Draft202012Validator(json_schema()).is_valid(as_editor(text(more)))


@pytest.mark.parametrize(
    "more",
    ["  buyer_states: []\n", "  sales_channels: []\n", "  sales_channels: Storefront\n", "  sales_channels: [' ']\n"],
)
def test_what_would_take_in_nobody_is_a_mistake(tmp_path: Path, more: str) -> None:
    found = lines(tmp_path, text(more), {**ENV, **ACCESS})
    assert {line.split()[1] for line in found} == {f"source.{more.strip().partition(':')[0]}:"}
    assert not Draft202012Validator(json_schema()).is_valid(as_editor(text(more))) or "' '" in more


def test_what_decides_and_what_does_not(tmp_path: Path) -> None:
    def digest(more: str) -> str:
        return decision_digest(load(tmp_path, text(more), {**ENV, **ACCESS}))

    assert digest("  reconcile_every: 0\n") == digest("")
    assert len({digest(""), digest("  buyer_states: [open]\n"), digest("  sales_channels: [Outlet]\n")}) == 3
    assert digest("  sales_channels: [A, B]\n") == digest("  sales_channels: [B, A]\n")


def test_the_config_to_start_with(tmp_path: Path) -> None:
    written = starter_config("shopware6", {"url": "https://other.example.com"})
    (tmp_path / "sync.yaml").write_text(written, encoding="utf-8")
    found = load_config(tmp_path / "sync.yaml", {**ENV, **ACCESS}).source
    assert isinstance(found, Shopware6Settings)
    assert found.url == "https://other.example.com"
    for words in (
        "Settings > System > Integrations",
        "Newsletter recipients",
        "Then see whether crsync gets in: crsync check",
    ):
        assert words in written
    assert questions("shopware6")[0].key == "url"
