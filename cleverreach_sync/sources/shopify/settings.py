"""The `source:` section of a config for Shopify."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, WithJsonSchema, model_validator

from cleverreach_sync.messages import say
from cleverreach_sync.settings.source import SourceSettings
from cleverreach_sync.settings.types import FULL_READ_EVERY, Duration, FullReadEvery, Question, ShopUrl, wrong

TESTED_VERSION: Final = "2026-07"
_SHOP: Final = re.compile(r"[a-z0-9][a-z0-9-]*\.myshopify\.com")
_VERSION: Final = r"^20[0-9]{2}-(01|04|07|10)$"


def _shop(text: str) -> str:
    name = re.sub(r"^https?://", "", text.strip().lower()).rstrip("/")
    if _SHOP.fullmatch(name):
        return name
    if name.startswith("admin.shopify.com"):
        raise wrong(
            say(
                "shopify.address_of_admin",
                "that is the address of Shopify's admin; expected the name that ends in .myshopify.com",
            )
        )
    if ".myshopify.com/" in name:
        raise wrong(
            say("shopify.name_alone", "expected the name of the shop alone, without what follows .myshopify.com")
        )
    if re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise wrong(
            say("shopify.whole_name", "expected the whole name of the shop at Shopify; add .myshopify.com to it")
        )
    raise wrong(
        say(
            "shopify.expected_shop",
            "expected the name of the shop at Shopify, such as my-shop.myshopify.com (Settings > Domains)",
        )
    )


def _version(text: str) -> str:
    if re.fullmatch(_VERSION, text) is None:
        raise wrong(
            say(
                "shopify.expected_version",
                "expected a version of Shopify's Admin API such as {version}",
                version=TESTED_VERSION,
            )
        )
    return text


def _token(token: SecretStr) -> SecretStr:
    text = token.get_secret_value().strip()
    if not text or not (text.isascii() and text.isprintable()) or " " in text:
        raise wrong(
            say(
                "shopify.not_a_token",
                "that is not an access token: it has spaces, line ends or other characters that a token never has",
            )
        )
    if token.get_secret_value().startswith("shpss_"):
        raise wrong(
            say(
                "shopify.secret_for_token",
                "that is the secret of an app; expected its access token, or client_id and client_secret",
            )
        )
    return token


class ShopifySettings(SourceSettings):
    """A shop at Shopify."""

    default_name: ClassVar[str] = "Shopify"
    questions: ClassVar[tuple[Question, ...]] = (
        Question(
            "shop",
            say("shopify.ask_shop", "Which shop (its name that ends in .myshopify.com)?"),
            "my-shop.myshopify.com",
        ),
    )
    starter: ClassVar[str] = """\
type: shopify
# The name of your shop at Shopify: it ends in .myshopify.com, see Settings > Domains.
shop: {shop}
# crsync reads your shop through an app of your own. Create it in the Dev Dashboard (dev.shopify.com > Apps > Create
# app), in the organisation that the shop belongs to:
#   Versions   give it the scopes read_customers and read_orders, and release the version
#   Home       install the app in your shop
#   Settings   has the client ID and the secret
# Set both in the environment before you run crsync, then: crsync check
client_id: ${SHOPIFY_CLIENT_ID}
client_secret: ${SHOPIFY_CLIENT_SECRET}
# A custom app that was created in the shop's admin before 2026 has a permanent token instead (Settings > Apps > Develop
# apps > your app > API credentials). Then this line replaces the two above:
# access_token: ${SHOPIFY_ACCESS_TOKEN}
# The name of the shop as it appears in the tags: Shopify-Special.Buyer
name: Shopify
"""

    type: Literal["shopify"] = Field(description="The shop system.")
    name: str = Field(default="", description="The prefix of the special tags; Shopify if left out.")
    shop: Annotated[str, AfterValidator(_shop), WithJsonSchema({"type": "string", "minLength": 1})] = Field(
        description="The name of the shop at Shopify, such as my-shop.myshopify.com: Settings > Domains."
    )
    access_token: Annotated[SecretStr, AfterValidator(_token)] | None = Field(
        default=None,
        min_length=1,
        description="The permanent token of a custom app, instead of client_id and client_secret.",
    )
    client_id: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="Client ID of an app with the scopes read_customers and read_orders: Dev Dashboard > your app > "
        "Settings.",
    )
    client_secret: SecretStr | None = Field(default=None, min_length=1, description="Secret of that app.")
    api_version: Annotated[
        str, AfterValidator(_version), WithJsonSchema({"type": "string", "pattern": rf"{_VERSION}|\$\{{"})
    ] = Field(default=TESTED_VERSION, description="The version of Shopify's Admin API.")
    url: ShopUrl | None = Field(
        default=None, description="Where to reach the shop, if not at https://<shop>: a proxy, or a server for tests."
    )
    reconcile_every: Duration = Field(
        default=86400.0,
        description="How often everybody is read, because a change of consent may not show up as a change: "
        "24h, or 0 for every run.",
    )
    full_read_every: FullReadEvery = FULL_READ_EVERY

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        """Exactly one of the two ways to authenticate."""
        if self.access_token is not None:
            if self.client_id is not None or self.client_secret is not None:
                raise wrong(
                    say(
                        "shopify.two_ways_in",
                        "access_token is given together with client_id or client_secret; keep one of the two",
                    )
                )
        elif self.client_id is None and self.client_secret is None:
            raise wrong(
                say(
                    "shopify.no_way_in",
                    "client_id and client_secret are missing (or access_token, for a custom app that has one)",
                )
            )
        elif self.client_id is None or self.client_secret is None:
            missing, there = (
                ("client_id", "client_secret") if self.client_id is None else ("client_secret", "client_id")
            )
            raise wrong(
                say("shopify.half_a_way_in", "{missing} is missing; {given} needs it", missing=missing, given=there)
            )
        return self

    @property
    def base_url(self) -> str:
        return self.url or f"https://{self.shop}"

    def credentials(self) -> dict[str, str]:
        """What a token is exchanged for."""
        if self.client_id is None or self.client_secret is None:
            return {}
        return {"client_id": self.client_id.get_secret_value(), "client_secret": self.client_secret.get_secret_value()}
