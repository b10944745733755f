"""Who subscribed to the newsletter of a WooCommerce shop, by a meta key or by MailPoet. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson

from cleverreach_sync.domain.model import Consent, ConsentState
from cleverreach_sync.http.foreign import whole
from cleverreach_sync.json_reading import read_json
from cleverreach_sync.sources.values import json_text

_YES, _NO, _UNKNOWN = (Consent(state) for state in (ConsentState.YES, ConsentState.NO, ConsentState.UNKNOWN))
# MailPoet: an inactive subscriber has not opened anything for a long time, but has not withdrawn either.
_MAILPOET: Final = {
    "subscribed": ConsentState.YES,
    "inactive": ConsentState.YES,
    "unsubscribed": ConsentState.OPTED_OUT,
}


class MetaRule(NamedTuple):
    """Which value of a meta key means yes. `member` is the one to look at in a JSON value; `values` in lower case."""

    key: str
    member: str | None
    values: frozenset[str]

    @classmethod
    def parse(cls, text: str, values: frozenset[str]) -> MetaRule:
        """Of what stands behind `meta:`: `<key>`, `<key>:<member>` or `<key>:<member>=<value>`. Raises ValueError."""
        key, _, rest = text.partition(":")
        member, equals, value = rest.partition("=")
        if not key.strip() or (":" in text and not member.strip()) or (equals and not value.strip()):
            raise ValueError("expected meta:<key> or meta:<key>:<member>=<value>")
        wanted = frozenset({value.strip().lower()}) if equals else values
        return cls(key.strip(), member.strip() or None, wanted)

    @property
    def text(self) -> str:
        """Another one for every other rule."""
        return f"{self.key}:{self.member or ''}={'|'.join(sorted(self.values))}"

    def find(self, meta: object) -> Any:
        """The value of the key in a `meta_data` list, None if it has none; of several the first, as WordPress reads."""
        if isinstance(meta, list):
            for entry in meta:
                if isinstance(entry, dict) and entry.get("key") == self.key:
                    return entry.get("value")
        return None

    def consent(self, value: Any) -> Consent:
        """A value that is not among those that mean yes is a no."""
        if value is None:
            return _UNKNOWN
        if self.member is not None:
            value = _member(value, self.member)
        text = json_text(value)
        return _YES if text is not None and text.strip().lower() in self.values else _NO


def _member(value: Any, name: str) -> Any:
    """A member of a JSON object, which may be written as a text."""
    if isinstance(value, str):
        try:
            value = read_json(value.encode("utf-8", "replace"))
        except orjson.JSONDecodeError:
            return None
    return value.get(name) if isinstance(value, dict) else None


def mailpoet_state(raw: Mapping[str, Any]) -> ConsentState:
    """What a subscriber of MailPoet says. Bounced and unconfirmed ones have given no consent, nor has who is in no list
    any more, nor whom MailPoet put there by an order alone, as unsubscribed."""
    state = _MAILPOET.get(raw["status"], ConsentState.NO)
    lists = raw.get("subscriptions")
    if not isinstance(lists, list):  # not told
        return state
    if state is ConsentState.YES:
        return state if any(_is_in(each) for each in lists) else ConsentState.NO
    if state is ConsentState.OPTED_OUT and not lists and _came_by_an_order(raw):
        return ConsentState.NO
    return state


def _is_in(subscription: object) -> bool:
    return isinstance(subscription, dict) and subscription.get("status") == "subscribed"


def _came_by_an_order(raw: Mapping[str, Any]) -> bool:
    """Whether a subscriber came in by an order, and nothing tells of a subscription: no mail to confirm one, no date
    of one after they came in."""
    subscribed, came = _text(raw.get("last_subscribed_at")), _text(raw.get("created_at"))
    later = bool(came) and subscribed > came
    return _number(raw.get("is_woocommerce_user")) > 0 and not _number(raw.get("count_confirmations")) and not later


def _number(value: object) -> int:
    """A number, or a flag, that may be a text; 0 for none."""
    text = json_text(value) if value is not None else None
    if text == "true":
        return 1
    return whole(text) or 0


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
