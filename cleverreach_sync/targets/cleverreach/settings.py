"""The `target:` and `attributes:` sections of a config for CleverReach."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema

from cleverreach_sync.domain.fields import DataField
from cleverreach_sync.messages import say
from cleverreach_sync.settings.target import AttributesClass, AttributesSettings, TargetSettings
from cleverreach_sync.settings.types import Duration, HttpUrl, PersonField, Plain, Question, wrong
from cleverreach_sync.targets.cleverreach.fields import PRESETS, data_fields, technical_name

DEFAULT_BASE_URL: Final = "https://rest.cleverreach.com"
_ID: Final = re.compile(r"[1-9][0-9]{0,17}")


def _list(value: object) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 1:
            raise wrong(say("list.id_from_1", "the ID of a list is a number from 1"))
        return value
    if not isinstance(value, str):
        raise wrong(say("list.expected", "expected the ID or the name of a recipient list"))
    text = value.strip()
    if not text:
        raise wrong(say("list.empty", "is empty; expected the ID or the name of a recipient list"))
    return int(text) if isinstance(value, Plain) and _ID.fullmatch(text) else str(text)


def _attribute_name(name: str) -> str:
    if not name.strip() or not all(c.isascii() and (c.isalnum() or c in "_ ") for c in name):
        raise wrong(
            say(
                "fields.odd_name",
                "the name of a data field may only contain the letters a to z, digits, '_' and spaces",
            )
        )
    return name


def _unlike(names: dict[str, str | None]) -> dict[str, str | None]:
    if len({technical_name(name) for name in names}) < len(names):
        raise wrong(
            say(
                "fields.same_name",
                "two names mean the same data field; case, and a space or '_', make no difference",
            )
        )
    return names


def _section(value: object) -> object:
    """A heading with nothing below it leaves everything at its default."""
    return {} if value is None else value


AttributeName = Annotated[str, AfterValidator(_attribute_name), WithJsonSchema({"pattern": "^[A-Za-z0-9_ ]+$"})]


class CleverReachAttributes(AttributesSettings):
    """The `attributes:` section."""

    preset: Literal["shop", "plentymarkets", "none"] = Field(
        default="shop", description="A ready set of data fields: shop, plentymarkets, or none."
    )
    scope: Literal["global", "list"] = Field(
        default_factory=lambda data: PRESETS[data["preset"]].scope,
        description="Whether missing data fields are created for the whole account (global) or for the list only. "
        "Default: global, with preset plentymarkets list.",
    )
    map: Annotated[dict[AttributeName, PersonField | None], AfterValidator(_unlike), BeforeValidator(_section)] = Field(
        default_factory=dict,
        description="Further data fields, by name: the person field each is filled from; null leaves out a data "
        "field of the preset.",
    )
    missing: Literal["refuse", "ignore"] = Field(
        default_factory=lambda data: PRESETS[data["preset"]].missing,
        description="What happens when a data field does not exist in CleverReach: refuse to run, or ignore it with "
        "a warning. Default: refuse, with preset plentymarkets ignore.",
    )

    def data_fields(self) -> tuple[DataField, ...]:
        return data_fields(self.preset, self.map)


class CleverReachSettings(TargetSettings):
    """The `target:` section."""

    system: ClassVar[str] = "CleverReach"
    attributes: ClassVar[AttributesClass] = CleverReachAttributes
    questions: ClassVar[tuple[Question, ...]] = (
        Question(
            "list", say("init.which_list", "Which recipient list in CleverReach (its name or ID)?"), "Online shop"
        ),
        Question("create_list", say("init.create_list", "Create this list if it does not exist (yes/no)?"), "yes"),
    )
    starter: ClassVar[str] = """\
type: cleverreach
client_id: ${CLEVERREACH_CLIENT_ID}
client_secret: ${CLEVERREACH_CLIENT_SECRET}
# The recipient list: its name, or its ID (a number).
list: {list}
# Create the list if no list has that name: true or false.
create_list: {create_list}
"""
    where_access_is: ClassVar[str] = (
        "The ID and the secret of CleverReach are under My Account > Extras > REST API, when you create an OAuth app."
    )
    how_to_get_access: ClassVar[str] = say(
        "cleverreach.how_to_get_access", "create an OAuth app in CleverReach\n(My Account > Extras > REST API)"
    )

    type: Literal["cleverreach"] = Field(description="The e-mail system; cleverreach is the only one so far.")
    client_id: SecretStr = Field(
        min_length=1,
        description="Client ID of the OAuth app: CleverReach > My Account > Extras > REST API.",
    )
    client_secret: SecretStr = Field(min_length=1, description="Client secret of the OAuth app.")
    list: Annotated[
        int | str,
        BeforeValidator(_list),
        WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "minLength": 1}]}),
    ] = Field(
        description="The recipient list: a number is its ID; a text (quoted, if it is a number) is looked up as a "
        "name, then as an ID."
    )
    create_list: bool = Field(default=False, description="Create the list if no list has that name.")
    unsubscribed_in: Literal["account", "list"] = Field(
        default="account",
        description="Where an unsubscription counts for people who are new to the list: in any list of the account, "
        "or in this list only.",
    )
    base_url: HttpUrl = Field(default=DEFAULT_BASE_URL, description="Address of the REST API.")
    timeout: Annotated[Duration, Field(gt=0)] = Field(
        default=120.0, description="Seconds after which crsync gives up on a request without an answer."
    )
    batch_size: int = Field(default=250, ge=1, le=1000, description="People in one write request, 1 to 1000.")
    concurrency: int = Field(default=2, ge=1, le=8, description="Write requests that run at the same time, 1 to 8.")

    @property
    def account_key(self) -> str:
        return self.base_url

    @property
    def account_marks(self) -> tuple[str, ...]:
        return (self.base_url, self.client_id.get_secret_value())

    @property
    def list_spelling(self) -> str:
        return str(self.list)

    @property
    def may_create_list(self) -> bool:
        return self.create_list

    @property
    def people_per_write(self) -> int:
        return self.batch_size

    @property
    def writes_at_once(self) -> int:
        return self.concurrency

    @property
    def account_wide(self) -> bool:
        return self.unsubscribed_in == "account"

    @property
    def decides(self) -> dict[str, Any]:
        return {"unsubscribed_in": self.unsubscribed_in}
