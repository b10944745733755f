"""The keys of a config that say where an export is and how it is written."""

from __future__ import annotations

import codecs
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from cleverreach_sync.domain.model import PERSON_FIELDS
from cleverreach_sync.messages import say
from cleverreach_sync.settings.source import SourceSettings
from cleverreach_sync.settings.types import PersonField, wrong
from cleverreach_sync.sources.values import CONSENT_WORDS, DateOrder, DecimalMark

STDIN: Final = "-"


def input_path(text: str) -> str:
    if not text.strip() or "\0" in text:
        raise wrong(say("config.expected_file", "expected the path of a file"))
    return text


def _encoding(name: str) -> str:
    try:
        known = codecs.lookup(name)
    except LookupError:
        raise wrong(say("config.no_encoding", "no such encoding; the usual ones are utf-8 and cp1252")) from None
    if not known._is_text_encoding:  # noqa: SLF001 - base64 and the like are codecs too, and nothing else tells
        raise wrong(say("config.not_a_text_encoding", "that is not a text encoding"))
    return name


def _delimiter(text: str) -> str:
    text = "\t" if text.lower() in ("tab", "\\t") else text
    if len(text) != 1 or text in '"\r\n\0':
        raise wrong(say("config.not_a_delimiter", "a delimiter is one character, or `tab`"))
    return text


def known_words(values: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    if "email" in values:
        raise wrong(say("config.words_of_email", "an e-mail has no words to translate"))
    for meaning in values.get("subscribed", {}).values():
        if meaning.strip().lower() not in (*CONSENT_WORDS, "unknown", ""):
            raise wrong(say("config.word_of_consent", "a word for subscribed means yes, no, opted_out or unknown"))
    return values


def section(value: Any) -> Any:
    """Nothing below a heading is an empty mapping."""
    return {} if value is None else value


def field_names(schema: dict[str, Any]) -> None:
    schema["propertyNames"] = {"anyOf": [{"enum": list(PERSON_FIELDS)}, {"type": "string", "pattern": r"^extra\..+"}]}


class FileOptions(BaseModel):
    """Where an export is and how it is written; shared by the file source and the consent file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    path: Annotated[str, AfterValidator(input_path)] = Field(
        min_length=1,
        description="CSV or JSON Lines (.jsonl, .ndjson), plain or .gz, relative to the config file. A pattern such as "
        "exports/*.csv takes the last file by name; - is standard input.",
    )
    columns: Annotated[dict[PersonField, str], BeforeValidator(section)] = Field(
        default_factory=dict,
        description="Person field: heading in the file. Case, and spaces around a heading, do not matter. "
        "Without it the "
        "headings are the person fields.",
        json_schema_extra=field_names,
    )
    delimiter: Annotated[str, AfterValidator(_delimiter)] | None = Field(
        default=None,
        description="What separates the columns of a CSV file: one character, or tab. Detected if left out.",
    )
    encoding: Annotated[str, AfterValidator(_encoding)] | None = Field(
        default=None,
        description="Encoding of the file, such as utf-8 or cp1252. Detected between these two if left out.",
    )
    dates: DateOrder = Field(
        default="iso",
        description="How dates are written: iso (2025-12-31), dmy (31.12.2025) or mdy (12/31/2025). ISO dates are "
        "always read.",
    )
    decimal: DecimalMark = Field(
        default=".", description="The decimal mark of amounts; the other one may group the thousands."
    )
    values: Annotated[dict[PersonField, dict[str, str]], AfterValidator(known_words), BeforeValidator(section)] = Field(
        default_factory=dict,
        description="Words of the file and what they mean, by person field: {subscribed: {Ja: yes}}. Case "
        "does not matter.",
        json_schema_extra=field_names,
    )


class FileSettings(FileOptions, SourceSettings):
    """A shop export in a file."""

    type: Literal["file"] = Field(description="The shop system.")
    name: str = Field(default="", description="The prefix of the special tags; Shop if left out.")
    complete: bool = Field(
        default=False,
        description="The file always contains everybody: a subscriber who is no longer in it counts as unsubscribed.",
    )
