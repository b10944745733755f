"""What the config says about a WooCommerce shop."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, WithJsonSchema, model_validator

from cleverreach_sync.messages import say
from cleverreach_sync.settings.source import SourceSettings
from cleverreach_sync.settings.types import ASK_ADDRESS, FULL_READ_EVERY, Duration, FullReadEvery, ShopUrl, Words, wrong
from cleverreach_sync.sources.woocommerce.consent import MetaRule

MAILPOET: Final = "mailpoet"
_META: Final = "meta:"
_SUFFIXES: Final = ("/wp-json/wc/v3", "/wp-json/wc", "/wp-json")


def _shop(url: str) -> str:
    """The shop's address, also of that of its API."""
    return next((url.removesuffix(suffix) for suffix in _SUFFIXES if url.endswith(suffix)), url)


def _subscribed_by(text: str) -> str:
    if text in ("none", MAILPOET):
        return text
    if text.startswith(_META):
        try:
            MetaRule.parse(text.removeprefix(_META), frozenset())
        except ValueError:
            raise wrong(
                say("woocommerce.expected_meta_rule", "expected meta:<key> or meta:<key>:<member>=<value>")
            ) from None
        return text
    raise wrong(say("woocommerce.expected_subscribed_by", "expected none, mailpoet, or meta:<key>"))


def _status(text: str) -> str:
    return text.strip().lower().removeprefix("wc-")


Status = Annotated[Words, AfterValidator(_status)]
_SubscribedBy = Annotated[
    str,
    AfterValidator(_subscribed_by),
    WithJsonSchema({"type": "string", "pattern": r"^(none|mailpoet|meta:.+|.*\$\{.*)$"}),
]


class WooCommerceSettings(SourceSettings):
    """A shop made with WooCommerce."""

    default_name = "WooCommerce"
    questions = (ASK_ADDRESS,)
    starter = """\
# Your WooCommerce shop. Its key is not in this file either. You get one in the shop as an administrator, under
# WooCommerce > Settings > Advanced > REST API > Add key: user = an administrator, permission = Read. Then:
#   export WOO_CONSUMER_KEY=ck_...
#   export WOO_CONSUMER_SECRET=cs_...
type: woocommerce
url: {url}
consumer_key: ${WOO_CONSUMER_KEY}
consumer_secret: ${WOO_CONSUMER_SECRET}
# The name of your shop as it appears in the tags: WooCommerce-Special.Buyer
name: WooCommerce
# Orders with one of these statuses make somebody a buyer.
# buyer_statuses: [processing, completed]
# Who subscribed: WooCommerce itself does not know. meta:<key> is the field that your newsletter plug-in writes,
# mailpoet asks MailPoet; or leave this out and name a file under consent:.
# subscribed_by: meta:newsletter_optin
# Then see whether crsync gets in: crsync check
"""

    type: Literal["woocommerce"] = Field(description="The shop system.")
    name: str = Field(default="", description="The prefix of the special tags; WooCommerce if left out.")
    url: Annotated[ShopUrl, AfterValidator(_shop)] = Field(
        description="The address of the shop, with its subdirectory if WordPress has one."
    )
    consumer_key: SecretStr = Field(
        description="The consumer key (ck_...) of WooCommerce > Settings > Advanced > REST API, permission Read."
    )
    consumer_secret: SecretStr = Field(description="The consumer secret (cs_...) that came with the key.")
    buyer_statuses: tuple[Status, ...] = Field(
        default=("processing", "completed"),
        min_length=1,
        description="Orders with one of these statuses make somebody a buyer.",
    )
    subscribed_by: _SubscribedBy = Field(
        default="none",
        description="Where the shop keeps who subscribed: none, mailpoet, meta:<key> (a meta key of customers and "
        "orders), or meta:<key>:<member>=<value> for a key that contains JSON.",
    )
    subscribed_values: tuple[Words, ...] = Field(
        default=("1", "yes", "true"),
        min_length=1,
        description="The values of the meta key that mean yes; any other value means no. Case does not matter.",
    )
    username: Words | None = Field(
        default=None, description="With mailpoet: the name of an administrator of WordPress."
    )
    application_password: SecretStr | None = Field(
        default=None,
        description="With mailpoet: an application password of that user (WordPress > Users > Profile).",
    )
    reconcile_every: Duration = Field(
        default=86400.0,
        description="At least this often all orders are read again for the consent given with them; 0 is every run.",
    )
    full_read_every: FullReadEvery = FULL_READ_EVERY

    @model_validator(mode="after")
    def _login_for_mailpoet(self) -> Self:
        if self.subscribed_by == MAILPOET and (self.username is None or self.application_password is None):
            raise wrong(
                say("woocommerce.login_missing", "subscribed_by: mailpoet needs username and application_password")
            )
        return self

    @property
    def meta_rule(self) -> MetaRule | None:
        """Which meta key tells who subscribed, None if none does."""
        if not self.subscribed_by.startswith(_META):
            return None
        values = frozenset(value.lower() for value in self.subscribed_values)
        return MetaRule.parse(self.subscribed_by.removeprefix(_META), values)
