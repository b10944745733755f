"""What the config says about a system at plentymarkets (PlentyONE)."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema
from pydantic import model_validator as validated

from cleverreach_sync.messages import say
from cleverreach_sync.settings.source import SourceSettings
from cleverreach_sync.settings.types import FULL_READ_EVERY, Duration, FullReadEvery, Question, ShopUrl, Words, wrong
from cleverreach_sync.sources.plentymarkets.origins import origin_id

AUTOMATIC: Final = "automatic"
MANUAL: Final = "manual"
_REST: Final = re.compile(r"/rest(/login)?$")


def _system(url: str) -> str:
    """The system's address, also of that of its API."""
    return _REST.sub("", url)


def _origin(value: object) -> str:
    number = origin_id(value)
    if number is None:
        raise wrong(
            say(
                "plentymarkets.expected_origin",
                "expected the ID of an order origin, such as 1 or 2.01; `crsync check` lists them",
            )
        )
    return number


Origin = Annotated[
    str,
    BeforeValidator(_origin),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^[0-9.]+$|\$\{"}]}),
]
"""The ID of an order origin with two decimals: `2.01`."""


def _words_for_default(schema: dict[str, Any]) -> None:
    """It has a spelling of its own there; the description tells."""
    schema.pop("default", None)


class OrderStatus(BaseModel):
    """From which order status on somebody is a buyer, and below which."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    from_: float = Field(default=5.0, alias="from", ge=0, description="The lowest order status that makes a buyer.")
    below: float = Field(
        default=8.0, gt=0, description="The status from which on none does: 8 is cancelled, 9 returned."
    )

    @validated(mode="after")
    def _in_order(self) -> Self:
        if self.from_ >= self.below:
            raise wrong(
                say("plentymarkets.no_status_left", "'from' has to be less than 'below', or no order makes a buyer")
            )
        return self

    def has(self, status: float) -> bool:
        return self.from_ <= status < self.below


class PlentymarketsSettings(SourceSettings):
    """A system at plentymarkets (PlentyONE)."""

    default_name: ClassVar[str] = "plentymarkets"
    questions: ClassVar[tuple[Question, ...]] = (
        Question(
            "url",
            say("plentymarkets.ask_address", "What is the address of your plentymarkets system?"),
            "https://p12345.my.plentysystems.com",
        ),
    )
    starter: ClassVar[str] = """\
# Your plentymarkets system: its address, and a user of its own for crsync. Create it in plentymarkets under
# Setup > Settings > User > Accounts, access type: API (the REST API). Give it a role with these rights to see:
#   CRM > Contact (also contact types), Newsletter > Recipients and folders, Orders (also order referrers and statuses)
# Then set both in the environment:
#   export PLENTY_USERNAME=...
#   export PLENTY_PASSWORD=...
type: plentymarkets
url: {url}
username: ${PLENTY_USERNAME}
password: ${PLENTY_PASSWORD}
# The name of the system as it appears in the tags: plentymarkets-Special.Buyer
name: plentymarkets
# automatic: the first run transfers who was created in the last 3 days, every later one who came in or was changed
# since then. manual: everybody of one customer type, by its number or its name.
transfer: automatic
# first_run_days: 3
# include_changed: true
# customer_type: 1
# Order origins whose customers may be transferred, by ID (crsync check lists them). Without this line: all but
# marketplaces such as eBay and Amazon, which forbid it.
# order_referrers: [0, 1]
# Orders with a status of 5 up to below 8 (cancelled) make somebody a buyer.
# order_status: {from: 5, below: 8}
# The newsletter folder that counts, by ID or name; all of them if left out.
# folder: Customers
# Then see whether crsync gets in: crsync check
"""
    further: ClassVar[str] = """\

# The data fields that plentymarkets' own transfer fills: Birthday, Vorname, Gender, Lang, Nachname. crsync attrs create
# makes them in the list; one you do not want is left out with map: {Birthday: null}.
attributes:
  preset: plentymarkets
"""

    type: Literal["plentymarkets"] = Field(description="The shop system.")
    name: str = Field(default="", description="The prefix of the special tags; plentymarkets if left out.")
    url: Annotated[ShopUrl, AfterValidator(_system)] = Field(
        description="The address of the system, or of one of its shops, without /rest."
    )
    username: Words = Field(description="The name of a backend user with the access type API.")
    password: SecretStr = Field(min_length=1, description="The password of that user.")
    order_referrers: tuple[Origin, ...] | None = Field(
        default=None,
        min_length=1,
        description="IDs of the order origins whose customers are transferred, such as [0, 1, 104.02]. Default: all "
        "but marketplaces.",
    )
    order_status: OrderStatus = Field(
        default=OrderStatus(),
        description="Which orders make somebody a buyer: those with a status of `from` up to below `below`. Default: "
        "`{from: 5, below: 8}`.",
        json_schema_extra=_words_for_default,
    )
    transfer: Literal["automatic", "manual"] = Field(
        default=AUTOMATIC,
        description="automatic: customers created since the first run or shortly before it, whatever their type; "
        "manual: all customers of one type.",
    )
    first_run_days: int = Field(
        default=3,
        ge=0,
        le=36500,
        description="How many days back the first automatic run goes.",
    )
    include_changed: bool = Field(
        default=True,
        description="Whether an automatic transfer also takes customers who have changed since its first run.",
    )
    customer_type: Words | None = Field(
        default=None,
        description="With transfer: manual, the number or name of the customer type; everybody if left out.",
    )
    folder: Words | None = Field(
        default=None, description="The ID or name of the newsletter folder that says who subscribed; all if left out."
    )
    reconcile_every: Duration = Field(
        default=86400.0,
        description="If crsync may not read newsletter recipients: how often all contacts are read for their consent.",
    )
    full_read_every: FullReadEvery = FULL_READ_EVERY

    @validated(mode="after")
    def _type_with_manual(self) -> Self:
        if self.transfer == AUTOMATIC and self.customer_type is not None:
            raise wrong(
                say(
                    "plentymarkets.type_of_automatic",
                    "customer_type goes with transfer: manual; an automatic transfer takes every type",
                )
            )
        return self
