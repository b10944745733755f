"""What the config says about a Shopware 5 shop."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, SecretStr

from cleverreach_sync.settings.source import SourceSettings
from cleverreach_sync.settings.types import ASK_ADDRESS, FULL_READ_EVERY, Duration, FullReadEvery, ShopUrl, Words

_SUFFIXES: Final = ("/api", "/backend")


def _shop(url: str) -> str:
    """The shop's address, also of that of its API or its administration."""
    return next((url.removesuffix(suffix) for suffix in _SUFFIXES if url.endswith(suffix)), url)


class Shopware5Settings(SourceSettings):
    """A shop made with Shopware 5."""

    default_name = "Shopware_5"
    questions = (ASK_ADDRESS,)
    starter = """\
# Your Shopware 5 shop. crsync reads it as a user of its backend. Create one there, as an administrator:
#   Configuration > User administration > Roles: a role that may read customer and order
#   Configuration > User administration > Users: a user with that role; tick API access, and copy the API key
# Then:
#   export SHOPWARE5_API_KEY=...
type: shopware5
url: {url}
# The user's name as they log in with it.
username: crsync
api_key: ${SHOPWARE5_API_KEY}
# The name of your shop as it appears in the tags: Shopware_5-Special.Buyer
name: Shopware_5
# Orders with one of these statuses make somebody a buyer. Without this line: every status but -1 (aborted) and
# 4 (cancelled).
# buyer_statuses: [1, 2, 7]
# Postal addresses take a request for each customer. Without them:
# addresses: false
# Who subscribed: the API of Shopware 5 does not say. Export the recipients (Marketing > Newsletter) and name the file
# under consent:.
# Then see whether crsync gets in: crsync check
"""

    type: Literal["shopware5"] = Field(description="The shop system.")
    name: str = Field(default="", description="The prefix of the special tags; Shopware_5 if left out.")
    url: Annotated[ShopUrl, AfterValidator(_shop)] = Field(description="The address of the shop.")
    username: Words = Field(description="The name of a user of the backend whose API access is switched on.")
    api_key: SecretStr = Field(min_length=1, description="The API key of that user.")
    buyer_statuses: tuple[int, ...] | None = Field(
        default=None,
        min_length=1,
        description="Orders with one of these statuses, by number, make somebody a buyer. Default: every status but "
        "-1 (aborted) and 4 (cancelled).",
    )
    addresses: bool = Field(
        default=True,
        description="Whether company, postal address and phone are read, which takes a request for each new or "
        "changed customer.",
    )
    reconcile_every: Duration = Field(
        default=86400.0,
        description="At least this often all orders are read again, because many changes of a status move no date: "
        "24h, or 0 for every run.",
    )
    full_read_every: FullReadEvery = FULL_READ_EVERY
