"""What the config says about a corner shop."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from cleverreach_sync.settings.source import SourceSettings
from cleverreach_sync.settings.types import ASK_ADDRESS, FULL_READ_EVERY, FullReadEvery, ShopUrl, Words


class CornerSettings(SourceSettings):
    """A shop made with Corner."""

    default_name = "Corner"
    questions = (ASK_ADDRESS,)
    starter = """\
type: corner
url: {url}
token: ${CORNER_TOKEN}
"""

    type: Literal["corner"] = Field(description="The shop system.")
    name: str = Field(default="", description="The prefix of the special tags; Corner if left out.")
    url: ShopUrl = Field(description="The address of the shop.")
    token: SecretStr = Field(min_length=1, description="The token: Corner > Settings > API.")
    buyer_statuses: tuple[Words, ...] = Field(
        default=("paid", "shipped"), min_length=1, description="Orders with one of these statuses make a buyer."
    )
    full_read_every: FullReadEvery = FULL_READ_EVERY
