"""The `target:` section of a config."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema

from cleverreach_sync.settings.types import Duration, HttpUrl, Plain, wrong

DEFAULT_BASE_URL: Final = "https://rest.cleverreach.com"
_ID: Final = re.compile(r"[1-9][0-9]{0,17}")


def _list(value: object) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 1:
            raise wrong("the ID of a list is a number from 1")
        return value
    if not isinstance(value, str):
        raise wrong("expected the ID or the name of a recipient list")
    text = value.strip()
    if not text:
        raise wrong("is empty; expected the ID or the name of a recipient list")
    return int(text) if isinstance(value, Plain) and _ID.fullmatch(text) else str(text)


class CleverReachSettings(BaseModel):
    """The `target:` section."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

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
        description="The recipient list: a number is its ID; a text (quoted, if it is a number) is looked up as a"
        " name, then as an ID."
    )
    create_list: bool = Field(default=False, description="Create the list if there is none of that name.")
    unsubscribed_in: Literal["account", "list"] = Field(
        default="account",
        description="Where an unsubscription counts for people who are new to the list: in any list of the account,"
        " or in this list only.",
    )
    base_url: HttpUrl = Field(default=DEFAULT_BASE_URL, description="Address of the REST API.")
    timeout: Annotated[Duration, Field(gt=0)] = Field(
        default=120.0, description="Seconds after which a request without an answer is given up."
    )
    batch_size: int = Field(default=250, ge=1, le=1000, description="People in one write request, 1 to 1000.")
    concurrency: int = Field(default=2, ge=1, le=8, description="Write requests that run at the same time, 1 to 8.")
