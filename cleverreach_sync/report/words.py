"""The keys of the documents in words a merchant understands; an unknown key reads as itself."""

from __future__ import annotations

from typing import Final

SKIPPED: Final = {
    "erased": "personal data erased in the shop",
    "excluded": "excluded by the config (address or origin)",
    "not_selected": "not selected by the tags",
    "blacklisted": "on the blacklist in CleverReach",
    "bounced_in_target": "bounced in CleverReach",
    "unsubscribed_in_target": "unsubscribed in CleverReach",
    "deleted_in_target": "deleted from the list by hand",
    "opted_out": "unsubscribed in the shop",
}
INVALID: Final = {
    "email": "no usable e-mail address",
    "columns": "wrong number of columns",
    "row": "row cannot be read",
    "encoding": "characters cannot be read",
    "subscribed": "newsletter consent cannot be read",
    "subscribed_at": "date of the consent cannot be read",
    "orders": "number of orders cannot be read",
    "last_order_at": "date of the last order cannot be read",
}
REJECTED: Final = {
    "not_confirmed": "not confirmed by CleverReach",
    "ambiguous_address": "CleverReach treats the address as that of another recipient",
    "duplicate_address": "taken for a duplicate by CleverReach",
    "invalid_address": "e-mail address refused by CleverReach",
    "still_active": "could not be deactivated yet",
    "refused_400": "refused by CleverReach (400)",
    "refused_413": "too much data for one request (413)",
    "refused_422": "refused by CleverReach (422)",
}
REASONS: Final = {  # why somebody changes, of a diff
    "opted_out": "unsubscribed in the shop",
    "consent_ended": "no longer a subscriber in the shop",
    "disproved": "the tag is no longer true",
    "moved": "e-mail address has changed",
    "erased": "personal data erased in the shop",
    "activated": "was created inactive, and may be active now",
    "reactivated": "subscribed again in the shop",
    "differs_in_list": "was changed in CleverReach by hand",
}
OUTCOMES: Final = {  # outcome: (what happened, what would happen)
    "created": ("created", "would be created"),
    "updated": ("updated", "would be updated"),
    "deactivated": ("deactivated, consent ended", "would be deactivated, consent ended"),
    "unchanged": ("unchanged", "would stay unchanged"),
    "skipped": ("skipped", "would be skipped"),
    "invalid": ("invalid in the shop's data", "invalid in the shop's data"),
    "rejected": ("rejected by CleverReach", "known to be rejected by CleverReach"),
}
KINDS: Final = {"subscriber": "subscribers", "buyer": "buyers", "contact": "contacts"}
GUARDS: Final = {
    "empty_source": "the shop no longer has any customers",
    "max_deactivated": "too many people are deactivated",
    "max_created": "too many people are new to the list",
    "max_activated": "too many people in the list become active",
    "ledger": "the record of what was sent is missing or belongs to another run",
    "foreign_tags": "the list already has this shop's special tags",
    "moved": "the address of the shop changed",
    "consent_signal": "most people whose newsletter status was known have none now",
    "clock": "the clock of this machine is wrong by more than a day",
}
# What to do about a guard before anybody forces it. Of the others the people have to be looked at.
MENDED: Final = {
    "empty_source": "check the export or the shop; only if it is right",
    "ledger": "restore the state folder from a backup; only if there is none",
    "foreign_tags": "if earlier runs were made elsewhere, bring their state folder here; only if an official plug-in "
    "filled the list, and crsync is to take it over",
    "moved": "check source.url; only if the shop has moved there",
    "consent_signal": "fix what hides them; only if they are gone for good",
    "clock": "set the clock (NTP); only if the servers are wrong",
}
STATES: Final = {
    "absent": "not in the list",
    "active": "active",
    "inactive": "inactive",
    "unsubscribed": "unsubscribed",
    "bounced": "bounced",
}
ACTIONS: Final = {"create": "create", "update": "update", "deactivate": "deactivate"}
FIELD_STATES: Final = {  # of data fields: (what is or happened, what would happen)
    "exists": ("exists", "exists"),
    "missing": ("missing", "missing"),
    "created": ("created", "would be created"),
    "unused": ("not used", "not used"),
    "wrong_type": ("wrong type", "wrong type"),
}
STOPPED: Final = {
    "limit": "--limit reached",
    "max_duration": "--max-duration reached",
    "signal": "by a signal",
}


def spoken(table: dict[str, str], key: str) -> str:
    """The words for `key`; a key that is not in the table with its underscores as spaces."""
    return table.get(key) or key.replace("_", " ")


def tensed(table: dict[str, tuple[str, str]], key: str, *, would: bool) -> str:
    """Like `spoken`, of what happened or, with `would`, of what would happen."""
    found = table.get(key)
    return found[would] if found else key.replace("_", " ")


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 person`, `1,200 people`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def in_order(table: dict[str, str] | dict[str, tuple[str, str]], found: dict[str, int]) -> list[tuple[str, int]]:
    """The counts that are not zero: known keys as in the table, the others after them by name."""
    known = list(table)
    keys = sorted(found, key=lambda key: (known.index(key) if key in table else len(known), key))
    return [(key, found[key]) for key in keys if found[key]]
