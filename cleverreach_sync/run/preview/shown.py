"""What a change looks like to people: old and new values, masked unless asked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from cleverreach_sync.domain.address import mask
from cleverreach_sync.domain.comparison import carries, has_effect, has_value
from cleverreach_sync.domain.decision import Decision, Outcome
from cleverreach_sync.domain.fields import FieldType
from cleverreach_sync.domain.model import Kind, Recipient, Status

_ACTIONS = {Outcome.CREATED: "create", Outcome.UPDATED: "update", Outcome.DEACTIVATED: "deactivate"}
STATES = {
    Status.SUBSCRIBED: "active",
    Status.NOT_SUBSCRIBED: "inactive",
    Status.PENDING: "pending",
    Status.UNSUBSCRIBED: "unsubscribed",
    Status.BOUNCED: "bounced",
    Status.ARCHIVED: "archived",
    Status.ABSENT: "absent",
}
HIDDEN = "***"


def shown_change(
    decision: Decision, recipient: Recipient | None, types: Mapping[str, FieldType], *, show_pii: bool
) -> dict[str, object]:
    """One entry of `changes` of the result document; empty where nothing would be different."""
    change = decision.change
    if change is None or (recipient is not None and not has_effect(change, recipient, types)):
        return {}
    tags = [f"+{tag}" for tag in change.tags_added if recipient is None or not carries(recipient, tag)]
    tags += [f"-{tag}" for tag in change.tags_removed if recipient is None or carries(recipient, tag)]
    before = None if recipient is None else STATES[recipient.status]
    after = before if change.status is None else STATES[change.status]
    attributes = {}
    for name, new in change.values().items():
        old = None if recipient is None else recipient.attributes.get(name)
        if recipient is None or not has_value(recipient.attributes, name, new, types):
            attributes[name] = [_shown(old, show_pii=show_pii), _shown(new, show_pii=show_pii)]
    return {
        "action": _ACTIONS[decision.outcome],
        "email": change.email if show_pii else mask(change.email),
        "kinds": [kind.value for kind in Kind if kind in decision.kinds],
        "tags": tags,
        "attributes": attributes,
        "state": [before, after],
        "reason": decision.reason,
    }


def _shown(value: object, *, show_pii: bool) -> object:
    if value is None or value == "":
        return value
    return str(value) if show_pii else HIDDEN
