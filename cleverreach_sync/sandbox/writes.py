"""Rows written into a list: created, updated, or refused with the text of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from cleverreach_sync.sandbox import receivers
from cleverreach_sync.sandbox.account import Account
from cleverreach_sync.sandbox.receivers import Stamps
from cleverreach_sync.sandbox.records import Attribute, Group, Member
from cleverreach_sync.sandbox.refusals import Refused

_SOURCE_LENGTH = 250


class Mode(Enum):
    """Who may be written: new people, known people, both."""

    INSERT = "insert"
    UPDATE = "update"
    UPSERT = "upsert"


def write_rows(account: Account, group: Group, rows: Sequence[Any], mode: Mode) -> list[Member | str]:
    """One outcome a row, in their order: the receiver, or the text a bad row is refused with.

    Raises Refused (403) at the first row beyond the account's contact limit; the rows before it stay written.
    """
    with account.changing():
        group.last_changed = account.now
        account.keep("group", group.id, group)
        return [_write(account, group, row, mode) for row in rows]


def _write(account: Account, group: Group, row: Any, mode: Mode) -> Member | str:
    if not isinstance(row, Mapping):
        return "invalid data;"
    email, member = _find(account, group, row)
    if email is None:
        return f"invalid address '{row.get('email', row.get('id', ''))}';"
    if account.blacklisted(email, group.id):
        return f"blacklisted address '{email}';"
    unknown = account.switches.reject_unknown_attributes and _unknown_attribute(account, group, row)
    if unknown:
        return f"invalid attribute '{unknown}';"
    if member is not None and mode is Mode.INSERT:
        return f"duplicate address '{email}';"
    if member is None:
        if mode is Mode.UPDATE:
            return f"invalid receiver '{email}';"
        member = account.join(group, email)
        stamps = receivers.stamps_of_new(row, account.now)
        member.note(account.now, "api", "REST insert")
    else:
        before = Stamps(member.registered, member.activated, member.deactivated)
        stamps = receivers.stamps_of_known(row, before, account.now, lenient=account.switches.lenient_optout)
        member.note(account.now, "api", "REST update")
    member.registered, member.activated, member.deactivated = stamps
    _fill(account, group, member, row)
    return member


def _find(account: Account, group: Group, row: Mapping[str, Any]) -> tuple[str | None, Member | None]:
    """A row names its receiver by `email`, or by the `id` of somebody who is in the list."""
    email = receivers.address(row.get("email"), unicode_local=account.switches.unicode_local)
    if email is None and not row.get("email"):
        try:
            member = account.member(group, str(row.get("id", "")))
        except Refused:
            return None, None
        return member.person.email, member
    person = account.find(email) if email else None
    return email, group.members.get(person.id) if person else None


def _fill(account: Account, group: Group, member: Member, row: Mapping[str, Any]) -> None:
    member.last_changed = account.now
    if isinstance(row.get("source"), str):
        member.source = row["source"][:_SOURCE_LENGTH]
    if row.get("tags") is not None:
        set_tags(account, member, row["tags"])
    if isinstance(row.get("orders"), list):
        member.orders.extend(order for order in row["orders"] if isinstance(order, dict))
    _set_values(member.attributes, row.get("attributes"), account.fields(group.id))
    person = member.person
    if _set_values(person.attributes, row.get("global_attributes"), account.fields(0)):
        account.keep("person", person.id, person)
    account.keep_member(member)


def set_tags(account: Account, member: Member, written: object) -> list[str]:
    """Merge tags into those somebody has; returns the ones that are new."""
    after = receivers.tags_after(member.tags, written, ascii_only=account.switches.tags_ascii)
    added = [tag for tag in after if tag not in member.tags]
    if after != member.tags:
        member.tags_before, member.tags_changed = member.tags, account.now
        member.tags = after
        account.touch(member)
    return added


def _set_values(values: dict[str, str], written: object, fields: Mapping[str, Attribute]) -> bool:
    """Fields not mentioned stay, unknown ones are ignored; whether anything was mentioned."""
    if not isinstance(written, Mapping) or not written:
        return False
    for name, value in written.items():
        field = fields.get(name) or fields.get(receivers.attribute_name(name))
        if field is None:
            continue
        text = receivers.attribute_value(field.type, values.get(field.name, ""), value)
        if text is not None:
            values[field.name] = text
    return True


def _unknown_attribute(account: Account, group: Group, row: Mapping[str, Any]) -> str | None:
    for key, fields in (("attributes", account.fields(group.id)), ("global_attributes", account.fields(0))):
        written = row.get(key)
        for name in written if isinstance(written, Mapping) else ():
            if receivers.attribute_name(name) not in fields:
                return str(name)
    return None
