"""What the config says about a Magento 2 shop."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from cleverreach_sync.messages import say
from cleverreach_sync.settings.source import SourceSettings
from cleverreach_sync.settings.types import ASK_ADDRESS, FULL_READ_EVERY, Duration, FullReadEvery, ShopUrl, Words, wrong

_SUFFIXES: Final = ("/rest/all/V1", "/rest/default/V1", "/rest/V1", "/rest", "/admin")


def _shop(url: str) -> str:
    """The shop's address, also of that of its API or its administration."""
    return next((url.removesuffix(suffix) for suffix in _SUFFIXES if url.endswith(suffix)), url)


State = Annotated[Words, AfterValidator(str.lower)]


class Magento2Settings(SourceSettings):
    """A shop made with Magento 2 or Adobe Commerce."""

    default_name = "Magento"
    questions = (ASK_ADDRESS,)
    starter = """\
# Your Magento 2 or Adobe Commerce shop. crsync reads it through an integration of its own. Create it in the
# administration of the shop, under System > Extensions > Integrations > Add New Integration. Under API choose Custom,
# and tick
#   Sales > Operations > Orders > Actions > View
#   Customers > All Customers
#   Stores > Settings > All Stores
# Save and Activate shows two keys and two secrets. Then:
#   export MAGENTO_CONSUMER_KEY=...
#   export MAGENTO_CONSUMER_SECRET=...
#   export MAGENTO_ACCESS_TOKEN=...
#   export MAGENTO_ACCESS_TOKEN_SECRET=...
type: magento2
url: {url}
consumer_key: ${MAGENTO_CONSUMER_KEY}
consumer_secret: ${MAGENTO_CONSUMER_SECRET}
access_token: ${MAGENTO_ACCESS_TOKEN}
access_token_secret: ${MAGENTO_ACCESS_TOKEN_SECRET}
# The name of your shop as it appears in the tags: Magento-Special.Buyer
name: Magento
# Orders in one of these states make somebody a buyer.
# buyer_states: [processing, complete]
# Only customers and orders of these websites, by their codes. Without this line: of all of them.
# websites: [base]
# Then see whether crsync gets in: crsync check
"""

    type: Literal["magento2"] = Field(description="The shop system: Magento 2 or Adobe Commerce.")
    name: str = Field(default="", description="The prefix of the special tags; Magento if left out.")
    url: Annotated[ShopUrl, AfterValidator(_shop)] = Field(
        description="The address of the shop, without the code of a store view, such as /de."
    )
    consumer_key: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="The consumer key of an integration: System > Extensions > Integrations.",
    )
    consumer_secret: SecretStr | None = Field(default=None, min_length=1, description="The consumer secret.")
    access_token: SecretStr | None = Field(default=None, min_length=1, description="The access token.")
    access_token_secret: SecretStr | None = Field(default=None, min_length=1, description="The access token secret.")
    bearer_token: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="In place of these four keys the access token alone, where the shop allows that: Stores > "
        "Configuration > Services > OAuth > Consumer Settings. Since 2.4.4 it does not by default.",
    )
    buyer_states: tuple[State, ...] = Field(
        default=("processing", "complete"),
        min_length=1,
        description="Orders in one of these states make somebody a buyer: new, pending_payment, processing, complete, "
        "closed, canceled, holded, payment_review. A state is not the status that a shop may name as it likes.",
    )
    websites: tuple[Words, ...] | None = Field(
        default=None,
        min_length=1,
        description="Only customers and orders of these websites, by code or ID. Default: all of them.",
    )
    reconcile_every: Duration = Field(
        default=86400.0,
        description="At least this often all customers are read, because a change of the newsletter subscription moves "
        "no date: 24h, or 0 for every run.",
    )
    full_read_every: FullReadEvery = FULL_READ_EVERY

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        keys = (self.consumer_key, self.consumer_secret, self.access_token, self.access_token_secret)
        given = [key for key in keys if key is not None]
        if self.bearer_token is not None and given:
            raise wrong(
                say(
                    "magento.two_ways_in",
                    "give either bearer_token, or consumer_key, consumer_secret, access_token and access_token_secret",
                )
            )
        if self.bearer_token is None and len(given) < len(keys):
            raise wrong(
                say(
                    "magento.no_way_in",
                    "source needs consumer_key, consumer_secret, access_token and access_token_secret, or a "
                    "bearer_token",
                )
            )
        return self

    @property
    def keys(self) -> tuple[str, str, str, str] | None:
        """The two keys and two secrets that sign requests, in the order of the config; None with a `bearer_token`."""
        first, second, third, fourth = (
            self.consumer_key,
            self.consumer_secret,
            self.access_token,
            self.access_token_secret,
        )
        if first is None or second is None or third is None or fourth is None:
            return None
        return (
            first.get_secret_value(),
            second.get_secret_value(),
            third.get_secret_value(),
            fourth.get_secret_value(),
        )
