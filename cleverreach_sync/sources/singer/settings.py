"""The keys of a config that say which streams of a tap are which signals, and what their fields mean."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from cleverreach_sync.messages import say
from cleverreach_sync.settings.source import SourceSettings
from cleverreach_sync.settings.types import PathOption, PersonField, Question, Words, wrong
from cleverreach_sync.sources.file.settings import STDIN, field_names, input_path, known_words, section
from cleverreach_sync.sources.values import DateOrder, DecimalMark

_CONSENT: Final = ("subscribed", "subscribed_at")
_PURCHASES: Final = ("orders", "last_order_at", "total_spent")
# A flag of this name that is true is no subscription.
_OPT_OUT: Final = re.compile(
    r"opt[^a-z]*(?:ed)?[^a-z]*out|unsub|no_?mail|do_?not|suppress|bounce|blocked", re.IGNORECASE
)
SignalName = Literal["profile", "consent", "purchases"]


def _several(value: Any) -> Any:
    """One signal may stand without brackets."""
    return (value,) if isinstance(value, str) else value


class SingerStream(BaseModel):
    """One stream of the tap."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    signal: Annotated[tuple[SignalName, ...], BeforeValidator(_several)] = Field(
        min_length=1,
        description="What the stream says about people: profile, consent or purchases, or a list of several.",
        json_schema_extra={
            "anyOf": [
                {"enum": ["profile", "consent", "purchases"]},
                {"type": "array", "minItems": 1, "items": {"enum": ["profile", "consent", "purchases"]}},
            ]
        },
    )
    fields: dict[PersonField, Words] = Field(
        description="Person field: where it stands in a record; a dot leads into a nested object (billing.email).",
        json_schema_extra=field_names,
    )
    keys: tuple[Words, ...] = Field(
        default=(),
        description="The properties that identify a record, where the tap does not say (Airbyte), or takes "
        "the number of a line. Default: the key properties of the stream.",
    )
    opted_out: Words | None = Field(
        default=None, description="Where a record says true if somebody withdrew their consent."
    )
    counts: Words | None = Field(
        default=None, description="Where an order says whether it counts. Default: every order counts."
    )
    counting: tuple[Words, ...] = Field(
        default=(), description="The values of counts that mean yes, such as [paid, shipped]. Default: true, yes and 1."
    )
    currency: Words | None = Field(default=None, description="Where an order says its currency.")
    dates: DateOrder = Field(
        default="iso",
        description="How dates are written: iso (2025-12-31), dmy (31.12.2025) or mdy (12/31/2025). ISO dates are "
        "always read.",
    )
    decimal: DecimalMark = Field(default=".", description="The decimal mark of amounts that are written as text.")
    values: Annotated[dict[PersonField, dict[str, str]], AfterValidator(known_words), BeforeValidator(section)] = Field(
        default_factory=dict,
        description="Words of the records and what they mean, by person field: {subscribed: {active: yes}}. Case "
        "does not matter.",
        json_schema_extra=field_names,
    )

    @property
    def single_orders(self) -> bool:
        """Whether each record is one order, and no summary."""
        return "purchases" in self.signal and "orders" not in self.fields

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if "email" not in self.fields:
            raise wrong(say("singer.email_missing", "fields needs email: where the address stands in a record"))
        for signal, names in (("consent", _CONSENT), ("purchases", _PURCHASES)):
            for name in names:
                if name in self.fields and signal not in self.signal:
                    raise wrong(
                        say("singer.other_signal", "{field} needs the signal {signal}", field=name, signal=signal)
                    )
        if self.opted_out is not None and "consent" not in self.signal:
            raise wrong(
                say("singer.other_signal", "{field} needs the signal {signal}", field="opted_out", signal="consent")
            )
        if "consent" in self.signal and self.opted_out is None and "subscribed" not in self.fields:
            raise wrong(say("singer.consent_missing", "the signal consent needs fields.subscribed, or opted_out"))
        path = self.fields.get("subscribed")
        if path is not None and _OPT_OUT.search(path) and not self.values.get("subscribed"):
            raise wrong(
                say(
                    "singer.looks_like_opt_out",
                    "fields.subscribed names what looks like an opt-out, so true would mean yes; use opted_out, or say "
                    "with values.subscribed what its words mean",
                )
            )
        if (self.counts or self.currency or self.counting) and not self.single_orders:
            raise wrong(say("singer.no_orders", "counts, counting and currency are for streams of single orders"))
        if self.counting and self.counts is None:
            raise wrong(say("singer.counting_what", "counting needs counts: where an order says its status"))
        return self


class SingerSettings(SourceSettings):
    """What a Singer tap or an Airbyte connector writes."""

    default_name = "Shop"
    questions = (Question("path", say("init.which_tap", "Where do the lines of the tap come from (- is stdin)?"), "-"),)
    starter = """\
# What a Singer tap writes, or an Airbyte connector: tap-salesforce -c tap.json | crsync sync
# A path in place of - reads a file.
type: singer
path: {path}
# The name of your shop as it appears in the tags: Shop-Special.Buyer
name: Shop
# Which streams of the tap are read, and where each field stands in their records.
streams:
  customers:
    signal: [profile, consent]
    fields:
      email: email
      first_name: first_name
      last_name: last_name
      subscribed: accepts_marketing
      subscribed_at: accepts_marketing_at
  # orders:
  #   signal: purchases
  #   fields: {email: email, last_order_at: created_at, total_spent: total}
  #   counts: status
  #   counting: [paid]
# Where the state of the tap is written once everything is transferred; give it to the tap the next time.
# state_out: state.json
"""

    type: Literal["singer"] = Field(description="The shop system.")
    name: str = Field(default="", description="The prefix of the special tags; Shop if left out.")
    path: Annotated[str, AfterValidator(input_path)] = Field(
        default=STDIN,
        min_length=1,
        description="The lines of the tap: - is standard input, else a file (also .gz) relative to the config file. A "
        "pattern such as export-*.jsonl takes the last file by name.",
    )
    streams: dict[Words, SingerStream] = Field(
        min_length=1, description="Which streams of the tap are read; all others are left out."
    )
    state_out: PathOption | None = Field(
        default=None,
        description="The file to which the last state of the tap is written when everything before it is transferred, "
        "relative to the config file.",
    )

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.state_out is not None and self.state_out.as_posix() == self.path:
            raise wrong(say("singer.same_file", "path and state_out are the same file"))
        return self
