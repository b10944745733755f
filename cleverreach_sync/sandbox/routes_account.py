"""The endpoints around lists, data fields, tags, blacklists and the account itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from cleverreach_sync.sandbox import oauth
from cleverreach_sync.sandbox.endpoints import Call, Endpoint
from cleverreach_sync.sandbox.filters import number, visible_tags
from cleverreach_sync.sandbox.receivers import tag_written
from cleverreach_sync.sandbox.records import Group, Member
from cleverreach_sync.sandbox.refusals import Refused

_ACCOUNT: Final = "129148"
_WHOAMI: Final = {
    "id": _ACCOUNT,
    "name": "",
    "firstname": "",
    "salutation": "",
    "street": "",
    "company": "Sandbox",
    "zip": "",
    "city": "",
    "phone": "",
    "fax": "",
    "email": "",
    "country": "",
    "login_domain": f"{_ACCOUNT}.sandbox.invalid",
}


def _true(_call: Call) -> Any:
    return True


def _whoami(_call: Call) -> Any:
    return dict(_WHOAMI)


def _ttl(call: Call) -> Any:
    return {"ttl": max(0, call.state.tokens[call.token]["expires"] - call.state.now)}


def _exchange(call: Call) -> Any:
    oauth.revoke(call.state, call.token)
    return oauth.issue(call.state, refreshable=True)


def _revoke(call: Call) -> Any:
    oauth.revoke(call.state, call.token)
    return True


def _login(call: Call) -> Any:
    """The way in of older clients: the token alone, as a text. Any credentials will do, but they must be there."""
    if not all(call.string(name).strip() for name in ("client_id", "login", "password")):
        raise Refused(401, "client_id, login or password is missing")
    return oauth.issue(call.state, refreshable=False)["access_token"]


def _clients(_call: Call) -> Any:
    return [dict(_WHOAMI)]


def _client(call: Call) -> Any:
    if call.params["client"] != _ACCOUNT:
        raise Refused(404, "invalid client")
    return dict(_WHOAMI)


def _receiver_count(call: Call) -> Any:
    return len(call.state.people)


def _active_receiver_count(call: Call) -> Any:
    active = (m.person.id for group in call.state.groups.values() for m in group.members.values() if m.active)
    return len(set(active))


def _plan(call: Call) -> Any:
    limit = call.state.switches.contact_limit
    return {"type": "sandbox", "receiver_limit": limit, "receivers": len(call.state.people)}


# Lists


def _groups(call: Call) -> Any:
    groups = list(call.state.groups.values())
    column, _, direction = call.query.get("order", "").strip().lower().partition(" ")
    if column in {"created", "changed"}:
        groups.sort(key=lambda g: g.stamp if column == "created" else g.last_changed, reverse=direction == "desc")
    return [group.shown() for group in groups]


def _group(call: Call) -> Any:
    return call.group.shown()


def _create_group(call: Call) -> Any:
    return call.state.create_group(
        call.text("name"),
        locked=call.flag("locked", False),
        backup=call.flag("backup", True),
        info=call.string("receiver_info"),
    ).shown()


def _change_group(call: Call) -> Any:
    group = call.group
    group.name = call.text("name") if "name" in call.fields else group.name
    group.locked, group.backup = call.flag("locked", group.locked), call.flag("backup", group.backup)
    if "receiver_info" in call.fields:
        group.receiver_info = call.string("receiver_info")
    group.last_changed = call.state.now
    call.state.keep("group", group.id, group)
    return group.shown()


def _delete_group(call: Call) -> Any:
    call.state.delete_group(call.group)
    return True


def _clear_group(call: Call) -> Any:
    call.state.clear_group(call.group)
    return True


def _stats(call: Call) -> Any:
    """Computed when first asked for, then only every few seconds."""
    group, now = call.group, call.state.now
    if group.stats is None or now - group.stats["time"] >= call.state.switches.stats_every:
        members = group.members.values()
        group.stats = {
            "total_count": len(members),
            "inactive_count": sum(not m.active and not m.person.bounced for m in members),
            "active_count": sum(m.active for m in members),
            "bounce_count": sum(m.person.bounced > 0 for m in members),
            "avg_points": 0,
            "quality": 0,
            "time": now,
            "order_count": sum(len(m.orders) for m in members),
        }
    return group.stats


# Data fields


def _attribute_group(call: Call) -> int:
    group_id = call.params.get("id") or call.query.get("group_id") or call.fields.get("group_id")
    return call.state.group(group_id).id if group_id and str(group_id) != "0" else 0


def _attributes(call: Call) -> Any:
    return [attribute.shown() for attribute in call.state.fields(_attribute_group(call)).values()]


def _create_attribute(call: Call) -> Any:
    default = call.fields.get("default_value")
    return call.state.create_attribute(
        call.text("name"),
        call.string("type", "text"),
        _attribute_group(call),
        description=call.string("description"),
        preview=call.string("preview_value"),
        default=None if default is None else str(default),
    ).shown()


def _attribute(call: Call) -> Any:
    return call.state.attribute(call.params["attribute"]).shown()


def _change_attribute(call: Call) -> Any:
    attribute = call.state.attribute(call.params["attribute"])
    attribute.description = call.string("description", attribute.description)
    attribute.preview_value = call.string("preview_value", attribute.preview_value)
    call.state.keep("attribute", attribute.id, attribute)
    return attribute.shown()


def _delete_attribute(call: Call) -> Any:
    call.state.delete_attribute(call.state.attribute(call.params["attribute"]))
    return True


def _limits(call: Call) -> Any:
    limit, used = call.state.switches.attribute_limit, len(call.state.fields(_attribute_group(call)))
    return {"limit": limit, "used": used, "free": max(0, limit - used)}


# Tags


def _tag_groups(call: Call) -> list[Group]:
    group_id = call.query.get("group_id", "0")
    return call.state.chosen_groups([] if group_id in {"", "0"} else [group_id])


def _tags(call: Call) -> Any:
    """`origin` empty: tags without origin; `*` or none: any. Both `page` and `offset` are understood."""
    counts: Counter[str] = Counter()
    for member in _members(_tag_groups(call)):
        counts.update(visible_tags(call.state, member))
    rows = [_tag_row(tag, count) for tag, count in counts.items()]
    origin = call.query.get("origin", "*")
    if origin != "*":
        rows = [row for row in rows if row["origin"] == origin]
    order = call.query.get("order_by", "tag")
    if order not in {"tag", "origin", "count"}:
        raise Refused(400, "invalid order")
    rows.sort(key=lambda row: (-row["count"] if order == "count" else row[order], row["origin"], row["tag"]))
    limit = max(number(call.query.get("limit"), 20), 1)
    start = number(call.query.get("offset"), number(call.query.get("page"), 0) * limit)
    return rows[start : start + limit]


def _tag_row(tag: str, count: int) -> dict[str, Any]:
    origin, dot, name = tag.partition(".")
    return {"tag": name if dot else tag, "origin": origin if dot else "", "count": count}


def _tag_count(call: Call) -> Any:
    state, tag = call.state, tag_written(call.query.get("tag", ""), ascii_only=call.state.switches.tags_ascii)
    active_only = call.query.get("active", "") in {"true", "1"}
    return sum(
        tag in visible_tags(state, member) and (member.active or not active_only)
        for member in _members(_tag_groups(call))
    )


def _members(groups: Sequence[Group]) -> Iterator[Member]:
    for group in groups:
        yield from group.members.values()


# Blacklists


def _blacklist_group(call: Call) -> int:
    group_id = call.params.get("id")
    return call.state.group(group_id).id if group_id else 0


def _blacklist(call: Call) -> Any:
    return list(call.state.blacklist(_blacklist_group(call)).entries.values())


def _list_addresses(call: Call) -> Any:
    """One `{email, comment}`, or an array of them."""
    group_id = _blacklist_group(call)
    items = call.body if isinstance(call.body, list) else [dict(call.fields)]
    rows: list[dict[str, Any]] = [i if isinstance(i, dict) else {"email": i} for i in items]
    if not all(isinstance(row.get("email"), str) for row in rows):
        raise Refused(400, "email is missing")
    entries = [call.state.list_address(row["email"], str(row.get("comment") or ""), group_id) for row in rows]
    return entries if isinstance(call.body, list) else entries[0]


def _listed(call: Call) -> Any:
    entry = call.state.blacklist().entries.get(call.params["email"].strip().lower())
    if entry is None:
        raise Refused(404, "invalid address")
    return entry


def _unlist(call: Call) -> Any:
    if not call.state.unlist(_blacklist_group(call), call.params["email"]):
        raise Refused(404, "invalid address")
    return True


def _not_listed(call: Call) -> Any:
    emails = call.fields.get("emails")
    if not isinstance(emails, list):
        raise Refused(400, "emails is missing")
    return [email for email in map(str, emails) if not call.state.blacklisted(email)]


ROUTES: Final = [
    Endpoint("GET", "/v3/debug/ping", _true, open=True),
    Endpoint("GET", "/v3/debug/validate", _true),
    Endpoint("GET", "/v3/debug/whoami", _whoami),
    Endpoint("GET", "/v3/debug/ttl", _ttl),
    Endpoint("GET", "/v3/debug/exchange", _exchange),
    Endpoint("DELETE", "/v3/oauth/token", _revoke),
    Endpoint("POST", "/v3/login", _login, open=True),
    Endpoint("GET", "/v3/clients", _clients),
    Endpoint("GET", "/v3/clients/{client}", _client),
    Endpoint("GET", "/v3/clients/{client}/receivercount", _receiver_count),
    Endpoint("GET", "/v3/clients/{client}/activereceivercount", _active_receiver_count),
    Endpoint("GET", "/v3/clients/{client}/plan", _plan),
    Endpoint("GET", "/v3/clients/{client}/users", lambda _: []),
    Endpoint("GET", "/v3/groups", _groups),
    Endpoint("POST", "/v3/groups", _create_group, writes=True),
    Endpoint("GET", "/v3/groups/{id}", _group),
    Endpoint("PUT", "/v3/groups/{id}", _change_group, writes=True),
    Endpoint("DELETE", "/v3/groups/{id}", _delete_group, writes=True),
    Endpoint("DELETE", "/v3/groups/{id}/clear", _clear_group, writes=True),
    Endpoint("GET", "/v3/groups/{id}/stats", _stats),
    Endpoint("GET", "/v3/groups/{id}/attributes", _attributes),
    Endpoint("POST", "/v3/groups/{id}/attributes", _create_attribute, writes=True),
    Endpoint("GET", "/v3/attributes", _attributes),
    Endpoint("POST", "/v3/attributes", _create_attribute, writes=True),
    Endpoint("GET", "/v3/attributes/limits", _limits),
    Endpoint("GET", "/v3/attributes/{attribute}", _attribute),
    Endpoint("PUT", "/v3/attributes/{attribute}", _change_attribute, writes=True),
    Endpoint("DELETE", "/v3/attributes/{attribute}", _delete_attribute, writes=True),
    Endpoint("GET", "/v3/tags", _tags),
    Endpoint("GET", "/v3/tags/count", _tag_count),
    Endpoint("GET", "/v3/blacklist", _blacklist),
    Endpoint("POST", "/v3/blacklist", _list_addresses, writes=True),
    Endpoint("PUT", "/v3/blacklist", _list_addresses, writes=True),
    Endpoint("POST", "/v3/blacklist/validate", _not_listed),
    Endpoint("GET", "/v3/blacklist/{email}", _listed),
    Endpoint("DELETE", "/v3/blacklist/{email}", _unlist, writes=True),
    Endpoint("GET", "/v3/groups/{id}/blacklist", _blacklist),
    Endpoint("POST", "/v3/groups/{id}/blacklist", _list_addresses, writes=True),
    Endpoint("DELETE", "/v3/groups/{id}/blacklist/{email}", _unlist, writes=True),
]
