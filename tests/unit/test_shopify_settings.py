"""The config of a shop at Shopify, as a merchant may write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cleverreach_sync.config.digest import decision_digest
from cleverreach_sync.config.loading import load_config
from cleverreach_sync.config.starter import questions, starter_config
from cleverreach_sync.sources.shopify.settings import ShopifySettings
from tests.config_text import ENV, HEAD, SOURCE, TARGET, lines, load

ACCESS = {"SHOPIFY_CLIENT_ID": "app-4711", "SHOPIFY_CLIENT_SECRET": "shpss_0815"}
WAY = "  client_id: ${SHOPIFY_CLIENT_ID}\n  client_secret: ${SHOPIFY_CLIENT_SECRET}\n"
TOKEN = "  access_token: shpat_4711\n"


def text(more: str = "", *, shop: str = "my-shop.myshopify.com", way: str = WAY) -> str:
    return HEAD.replace(SOURCE, f"source:\n  type: shopify\n  shop: {shop}\n{way}{more}") + TARGET


def settings(folder: Path, config: str) -> ShopifySettings:
    found = load(folder, config, {**ENV, **ACCESS}).source
    assert isinstance(found, ShopifySettings)
    return found


def wrong(folder: Path, config: str) -> str:
    (found,) = lines(folder, config, {**ENV, **ACCESS})
    return found


def test_what_holds_if_nothing_is_said(tmp_path: Path) -> None:
    found = settings(tmp_path, text())
    assert (found.api_version, found.reconcile_every, found.tag_source) == ("2026-07", 86400, "Shopify")
    assert found.base_url == "https://my-shop.myshopify.com"
    assert found.credentials() == {"client_id": "app-4711", "client_secret": "shpss_0815"}


@pytest.mark.parametrize(
    "shop",
    [
        "https://my-shop.myshopify.com",
        "https://my-shop.myshopify.com/",
        "My-Shop.MyShopify.com/",
        "my-shop.myshopify.com",
    ],
)
def test_the_name_of_the_shop_may_look_like_an_address(tmp_path: Path, shop: str) -> None:
    assert settings(tmp_path, text(shop=shop)).shop == "my-shop.myshopify.com"


@pytest.mark.parametrize(
    ("shop", "words"),
    [
        ("my-shop", "add .myshopify.com to it"),
        ("shop.example.com", "expected the name of the shop at Shopify"),
        ("https://admin.shopify.com/store/my-shop", "the address of Shopify's admin"),
        ("my-shop.myshopify.com/admin", "without what follows .myshopify.com"),
        ("my shop.myshopify.com", "expected the name of the shop at Shopify"),
        ("evil.example/my-shop.myshopify.com", "expected the name of the shop at Shopify"),
        ("my-shop.myshopify.com.example", "expected the name of the shop at Shopify"),
    ],
)
def test_another_name_is_explained(tmp_path: Path, shop: str, words: str) -> None:
    assert words in wrong(tmp_path, text(shop=shop))


def test_a_permanent_token_is_the_other_way_in(tmp_path: Path) -> None:
    found = settings(tmp_path, text(way=TOKEN))
    assert found.access_token is not None
    assert found.credentials() == {}


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("", "client_id and client_secret are missing (or access_token"),
        (TOKEN + WAY, "access_token is given together with client_id or client_secret"),
        (TOKEN + "  client_id: x\n", "access_token is given together with client_id or client_secret"),
        ("  client_id: x\n", "client_secret is missing; client_id needs it"),
        ("  client_secret: x\n", "client_id is missing; client_secret needs it"),
        ("  access_token: shpss_4711\n", "that is the secret of an app"),
        ('  access_token: ""\n', "access_token"),
    ],
)
def test_there_is_exactly_one_way_in(tmp_path: Path, way: str, words: str) -> None:
    found = wrong(tmp_path, text(way=way))
    assert words in found
    assert "4711" not in found


@pytest.mark.parametrize("version", ["2026-7", "2026-08", "latest", "unstable", "26-07", "2026-07-01"])
def test_a_version_has_its_form(tmp_path: Path, version: str) -> None:
    assert "expected a version of Shopify's Admin API such as 2026-07" in wrong(
        tmp_path, text(f"  api_version: {version}\n")
    )


def test_where_the_shop_is_reached_decides_nothing(tmp_path: Path) -> None:
    def digest(more: str) -> str:
        return decision_digest(load(tmp_path, text(more), {**ENV, **ACCESS}))

    assert digest("  url: http://127.0.0.1:8000\n") == digest("  reconcile_every: 0\n") == digest("")
    assert "http:// would send" in wrong(tmp_path, text("  url: http://shop.example.com\n"))


def test_the_config_to_start_with(tmp_path: Path) -> None:
    written = starter_config("shopify", {"shop": "https://other.myshopify.com"})
    (tmp_path / "sync.yaml").write_text(written, encoding="utf-8")
    found = load_config(tmp_path / "sync.yaml", {**ENV, **ACCESS}).source
    assert isinstance(found, ShopifySettings)
    assert found.shop == "other.myshopify.com"
    assert "read_customers and read_orders" in written
    assert "then: crsync check" in written
    assert questions("shopify")[0].key == "shop"
