"""What the config says about a Shopware 6 shop."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, SecretStr

from cleverreach_sync.settings.source import SourceSettings
from cleverreach_sync.settings.types import ASK_ADDRESS, FULL_READ_EVERY, Duration, FullReadEvery, ShopUrl, Words

_SUFFIXES: Final = ("/api/oauth/token", "/api", "/admin", "/store-api")


def _shop(url: str) -> str:
    """The shop's address, also of that of its administration or its API."""
    return next((url.removesuffix(suffix) for suffix in _SUFFIXES if url.endswith(suffix)), url)


State = Annotated[Words, AfterValidator(str.lower)]


class Shopware6Settings(SourceSettings):
    """A shop made with Shopware 6."""

    default_name = "Shopware_6"
    questions = (ASK_ADDRESS,)
    starter = """\
# Your Shopware 6 shop. crsync reads it through an integration of its own, which is not allowed to write. Create it in
# the administration of the shop:
#   Settings > System > Users & permissions > Roles > Add role: tick View for Customers, for Orders, and, under
#     Marketing, for Newsletter recipients
#   Settings > System > Integrations > Add integration: leave Administrator off, choose that role
# It shows an access key ID and a secret access key, the secret only once. Then:
#   export SHOPWARE_CLIENT_ID=SWIA...
#   export SHOPWARE_CLIENT_SECRET=...
type: shopware6
# Without the part for a language, such as /de.
url: {url}
client_id: ${SHOPWARE_CLIENT_ID}
client_secret: ${SHOPWARE_CLIENT_SECRET}
# The name of your shop as it appears in the tags: Shopware_6-Special.Buyer
name: Shopware_6
# Orders in one of these states make somebody a buyer. Without this line: every state but cancelled.
# buyer_states: [open, in_progress, completed]
# Only customers, orders and newsletter recipients of these sales channels. Without this line: of all of them.
# sales_channels: [Storefront]
# Then see whether crsync gets in: crsync check
"""

    type: Literal["shopware6"] = Field(description="The shop system.")
    name: str = Field(default="", description="The prefix of the special tags; Shopware_6 if left out.")
    url: Annotated[ShopUrl, AfterValidator(_shop)] = Field(
        description="The address of the shop, without the part for a language, such as /de."
    )
    client_id: SecretStr = Field(
        min_length=1, description="The access key ID (SWIA...) of an integration: Settings > System > Integrations."
    )
    client_secret: SecretStr = Field(
        min_length=1, description="The secret access key that Shopware showed when you created the integration."
    )
    buyer_states: tuple[State, ...] | None = Field(
        default=None,
        min_length=1,
        description="Orders in one of these states (open, in_progress, completed, cancelled, or your own) make "
        "somebody a buyer. Default: every state but cancelled.",
    )
    sales_channels: tuple[Words, ...] | None = Field(
        default=None,
        min_length=1,
        description="Only customers, orders and newsletter recipients of these sales channels, by name or ID. "
        "Default: all of them.",
    )
    reconcile_every: Duration = Field(
        default=86400.0,
        description="At least this often all newsletter recipients are read, because a deleted one leaves no trace: "
        "24h, or 0 for every run.",
    )
    full_read_every: FullReadEvery = FULL_READ_EVERY

    def credentials(self) -> dict[str, str]:
        """What a token is exchanged for."""
        return {"client_id": self.client_id.get_secret_value(), "client_secret": self.client_secret.get_secret_value()}
