"""The keys of the documents in words a merchant understands; an unknown key reads as itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from cleverreach_sync.messages import Message, say, say_many, spoken

TARGETS: Final = {"cleverreach": "CleverReach"}
_TARGET: Final = "{target}"  # in a table: the name of the e-mail system, which a document tells
SKIPPED: Final = {
    "erased": say("skipped.erased", "personal data erased in the shop"),
    "excluded": say("skipped.excluded", "excluded by the config (address or origin)"),
    "not_selected": say("skipped.not_selected", "not selected by the tags"),
    "blacklisted": say("skipped.blacklisted", "on the blacklist in {target}", target=_TARGET),
    "bounced_in_target": say("skipped.bounced", "bounced in {target}", target=_TARGET),
    "unsubscribed_in_target": say("skipped.unsubscribed", "unsubscribed in {target}", target=_TARGET),
    "deleted_in_target": say("skipped.deleted", "deleted from the list by hand"),
    "opted_out": say("skipped.opted_out", "unsubscribed in the shop"),
}
INVALID: Final = {
    "email": say("invalid.email", "no usable e-mail address"),
    "columns": say("invalid.columns", "wrong number of columns"),
    "row": say("invalid.row", "row cannot be read"),
    "encoding": say("invalid.encoding", "characters cannot be read"),
    "subscribed": say("invalid.subscribed", "newsletter consent cannot be read"),
    "subscribed_at": say("invalid.subscribed_at", "date of the consent cannot be read"),
    "orders": say("invalid.orders", "number of orders cannot be read"),
    "last_order_at": say("invalid.last_order_at", "date of the last order cannot be read"),
}
REJECTED: Final = {
    "not_confirmed": say("rejected.not_confirmed", "not confirmed by {target}", target=_TARGET),
    "ambiguous_address": say(
        "rejected.ambiguous_address", "{target} treats the address as that of another recipient", target=_TARGET
    ),
    "duplicate_address": say("rejected.duplicate_address", "taken for a duplicate by {target}", target=_TARGET),
    "invalid_address": say("rejected.invalid_address", "e-mail address refused by {target}", target=_TARGET),
    "still_active": say("rejected.still_active", "could not be deactivated yet"),
    "refused_400": say("rejected.refused", "refused by {target} ({status})", status=400, target=_TARGET),
    "refused_413": say("rejected.too_large", "too much data for one request (413)"),
    "refused_422": say("rejected.refused", "refused by {target} ({status})", status=422, target=_TARGET),
}
REASONS: Final = {  # why somebody changes, of a diff
    "opted_out": SKIPPED["opted_out"],
    "consent_ended": say("changes.consent_ended", "no longer a subscriber in the shop"),
    "disproved": say("changes.disproved", "the tag is no longer true"),
    "moved": say("changes.moved", "e-mail address has changed"),
    "erased": SKIPPED["erased"],
    "activated": say("changes.activated", "was created inactive, and may be active now"),
    "reactivated": say("changes.reactivated", "subscribed again in the shop"),
    "differs_in_list": say("changes.differs_in_list", "was changed in {target} by hand", target=_TARGET),
}
_UNSOUND: Final = say("outcome.invalid", "invalid in the shop's data")
OUTCOMES: Final = {  # outcome: (what happened, what would happen)
    "created": (say("outcome.created", "created"), say("outcome.would_create", "would be created")),
    "updated": (say("outcome.updated", "updated"), say("outcome.would_update", "would be updated")),
    "deactivated": (
        say("outcome.deactivated", "deactivated, consent ended"),
        say("outcome.would_deactivate", "would be deactivated, consent ended"),
    ),
    "unchanged": (say("outcome.unchanged", "unchanged"), say("outcome.would_stay", "would stay unchanged")),
    "skipped": (say("outcome.skipped", "skipped"), say("outcome.would_skip", "would be skipped")),
    "invalid": (_UNSOUND, _UNSOUND),
    "rejected": (
        say("outcome.rejected", "rejected by {target}", target=_TARGET),
        say("outcome.would_reject", "known to be rejected by {target}", target=_TARGET),
    ),
}
KINDS: Final = {
    "subscriber": say("kinds.subscribers", "subscribers"),
    "buyer": say("kinds.buyers", "buyers"),
    "contact": say("kinds.contacts", "contacts"),
}
KIND_COUNTS: Final[Mapping[str, Callable[[int], Message]]] = {
    "subscriber": lambda number: say_many(
        "kinds.some_subscribers", "{number:,} subscriber", "{number:,} subscribers", number
    ),
    "buyer": lambda number: say_many("kinds.some_buyers", "{number:,} buyer", "{number:,} buyers", number),
    "contact": lambda number: say_many("kinds.some_contacts", "{number:,} contact", "{number:,} contacts", number),
}
GUARDS: Final = {
    "empty_source": say("guard.empty_source", "the shop no longer has any customers"),
    "max_deactivated": say("guard.max_deactivated", "too many people are deactivated"),
    "max_created": say("guard.max_created", "too many people are new to the list"),
    "max_activated": say("guard.max_activated", "too many people in the list become active"),
    "ledger": say("guard.ledger", "the record of what was sent is missing or belongs to another run"),
    "foreign_tags": say("guard.foreign_tags", "the list already has this shop's special tags"),
    "moved": say("guard.moved", "the address of the shop changed"),
    "consent_signal": say("guard.consent_signal", "most people whose newsletter status was known have none now"),
    "clock": say("guard.clock", "the clock of this machine is wrong by more than a day"),
}
# What to do about a guard before anybody forces it. Of the others the people have to be looked at.
MENDED: Final[Mapping[str, Callable[[str], Message]]] = {
    "empty_source": lambda force: say(
        "advice.empty_source", "check the export or the shop; only if it is right: {force}", force=force
    ),
    "ledger": lambda force: say(
        "advice.ledger", "restore the state folder from a backup; only if there is none: {force}", force=force
    ),
    "foreign_tags": lambda force: say(
        "advice.foreign_tags",
        "if earlier runs were made elsewhere, bring their state folder here; only if an official plug-in "
        "filled the list, and crsync is to take it over: {force}",
        force=force,
    ),
    "moved": lambda force: say(
        "advice.moved", "check source.url; only if the shop has moved there: {force}", force=force
    ),
    "consent_signal": lambda force: say(
        "advice.consent_signal", "fix what hides them; only if they are gone for good: {force}", force=force
    ),
    "clock": lambda force: say(
        "advice.clock", "set the clock (NTP); only if the servers are wrong: {force}", force=force
    ),
}
STATES: Final = {
    "absent": say("state_in_list.absent", "not in the list"),
    "active": say("state_in_list.active", "active"),
    "inactive": say("state_in_list.inactive", "inactive"),
    "unsubscribed": say("state_in_list.unsubscribed", "unsubscribed"),
    "bounced": say("state_in_list.bounced", "bounced"),
}
ACTIONS: Final = {
    "create": say("action.create", "create"),
    "update": say("action.update", "update"),
    "deactivate": say("action.deactivate", "deactivate"),
}
_EXISTS, _MISSING = say("data_field.exists", "exists"), say("data_field.missing", "missing")
_UNUSED, _WRONG_TYPE = say("data_field.unused", "not used"), say("data_field.wrong_type", "wrong type")
FIELD_STATES: Final = {  # of data fields: (what is or happened, what would happen)
    "exists": (_EXISTS, _EXISTS),
    "missing": (_MISSING, _MISSING),
    "created": (say("data_field.created", "created"), say("data_field.would_create", "would be created")),
    "unused": (_UNUSED, _UNUSED),
    "wrong_type": (_WRONG_TYPE, _WRONG_TYPE),
}
STOPPED: Final = {
    "limit": say("stopped.limit", "--limit reached"),
    "max_duration": say("stopped.max_duration", "--max-duration reached"),
    "signal": say("stopped.signal", "by a signal"),
}
RESULTS: Final = {  # the classes of the exit codes
    "ok": say("result.ok", "ok"),
    "differences": say("result.differences", "differences"),
    "bug": say("result.bug", "bug"),
    "usage": say("result.usage", "usage"),
    "rejected": say("result.rejected", "rejected"),
    "temporary": say("result.temporary", "temporary"),
    "auth": say("result.auth", "auth"),
    "guard": say("result.guard", "guard"),
    "locked": say("result.locked", "locked"),
    "state": say("result.state", "state"),
    "signal": say("result.signal", "signal"),
}
PHASES: Final = {
    "read": say("phase.read", "read"),
    "decide": say("phase.decide", "decide"),
    "compare": say("phase.compare", "compare"),
    "write": say("phase.write", "write"),
}
UNITS: Final[Mapping[str, Callable[[int], Message]]] = {
    "people": lambda number: say_many("unit.people", "{number:,} person", "{number:,} people", number),
    "rows": lambda number: say_many("unit.rows", "{number:,} row", "{number:,} rows", number),
    "bytes": lambda number: say_many("unit.bytes", "{number:,} byte", "{number:,} bytes", number),
}
LEVELS: Final = {
    "ok": say("level.ok", "ok"),
    "error": say("level.error", "error"),
    "warning": say("level.warning", "warning"),
    "info": say("level.info", "info"),
    "hint": say("level.hint", "hint"),
}
CHECKED: Final = {  # what `crsync check` looks at
    "config": say("check.about_config", "config"),
    "source": say("check.about_source", "source"),
    "consent file": say("check.about_consent_file", "consent file"),
    "state": say("check.about_state", "state"),
    "credentials": say("check.about_credentials", "credentials"),
    "list": say("check.about_list", "list"),
    "permissions": say("check.about_permissions", "permissions"),
    "data fields": say("check.about_data_fields", "data fields"),
    "clock": say("check.about_clock", "clock"),
}
STREAMS: Final = {  # what is read of a shop
    "customers": say("stream.customers", "customers"),
    "contacts": say("stream.contacts", "contacts"),
    "orders": say("stream.orders", "orders"),
    "recipients": say("stream.recipients", "recipients"),
}
PEOPLE: Final = say("column.people", "people")
RESULT: Final = say("column.result", "result")
TRANSFER: Final = say("column.transfer", "transfer")
TOTALS: Final = {
    "people_known": say("status.people_known", "people known"),
    "in_the_list": say("status.in_the_list", "in the list"),
}


def target_of(doc: Mapping[str, Any]) -> str:
    """What the e-mail system of a document is called."""
    kind = str((doc.get("target") or {}).get("type") or "")
    return TARGETS.get(kind) or kind or say("report.some_target", "the e-mail system")


def of(table: Mapping[str, Message], key: str, target: str = "") -> str:
    """The words for `key`; a key that is not in the table with its underscores as spaces. `target`: what the e-mail
    system is called."""
    found = table.get(key)
    return _about(found, target) if found else key.replace("_", " ")


def tensed(table: Mapping[str, tuple[Message, Message]], key: str, target: str = "", *, would: bool) -> str:
    """Like `of`, of what happened or, with `would`, of what would happen."""
    found = table.get(key)
    return _about(found[would], target) if found else key.replace("_", " ")


def _about(message: Message, target: str) -> Message:
    return message.changed(lambda text: text.replace(_TARGET, spoken(target))) if _TARGET in message else message


def amount(table: Mapping[str, Callable[[int], Message]], key: str, number: int) -> str:
    """So many of what `key` stands for: `4 buyers`."""
    found = table.get(key)
    return found(number) if found else f"{number:,} {key.replace('_', ' ')}"


def told(subject: str, text: str) -> Message:
    """What is said, after what it is about: `sync of Shop: finished`."""
    return say("report.told", "{subject}: {text}", subject=subject, text=text)


def warnings(number: int) -> Message:
    return say_many("report.warnings", "{number:,} warning", "{number:,} warnings", number)


def errors(number: int) -> Message:
    return say_many("report.errors", "{number:,} error", "{number:,} errors", number)


def joined(texts: Iterable[str], joint: str = ", ") -> str:
    """Texts one after the other, in the language of the process: to be shown, not to be kept."""
    return joint.join(map(spoken, texts))


def in_order(table: Mapping[str, Any], found: dict[str, int]) -> list[tuple[str, int]]:
    """The counts that are not zero: known keys as in the table, the others after them by name."""
    known = list(table)
    keys = sorted(found, key=lambda key: (known.index(key) if key in table else len(known), key))
    return [(key, found[key]) for key in keys if found[key]]
