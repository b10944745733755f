"""The endpoints around receivers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cleverreach_sync.sandbox import receivers
from cleverreach_sync.sandbox.endpoints import Call, Endpoint, rows_of
from cleverreach_sync.sandbox.filters import filtered, listed, number
from cleverreach_sync.sandbox.records import Member, Person
from cleverreach_sync.sandbox.refusals import Refused
from cleverreach_sync.sandbox.writes import Mode, set_tags, write_rows


def _list(call: Call) -> Any:
    rows = listed(call.state, call.group, call.query)
    return call.state.shown_rows(rows, number(call.query.get("detail"), 0))


def _get_receivers(call: Call) -> Any:
    if not call.state.switches.get_receivers:
        raise Refused(404)
    rows = listed(call.state, call.group, call.fields)
    return call.state.shown_rows(rows, number(call.fields.get("detail"), 0))


def _filter(call: Call) -> Any:
    return call.state.shown_rows(filtered(call.state, call.fields), number(call.fields.get("detail"), 0))


def _get(call: Call) -> Any:
    return call.state.shown(call.member)


def _create(call: Call) -> Any:
    if isinstance(call.body, list):
        return _upsertplus(call)
    row = rows_of(call.body)[0]
    outcome = write_rows(call.state, call.group, [row], Mode.INSERT)[0]
    if isinstance(outcome, str):
        raise Refused(409 if outcome.startswith("duplicate") else 400, outcome.rstrip(";"))
    return call.state.shown(outcome)


def _update_one(call: Call) -> Any:
    member = call.member
    row = {**call.fields, "email": member.person.email}
    outcome = write_rows(call.state, call.group, [row], Mode.UPDATE)[0]
    if isinstance(outcome, str):
        raise Refused(400, outcome.rstrip(";"))
    return call.state.shown(outcome)


def _outcomes(call: Call, mode: Mode) -> list[Member | str]:
    return write_rows(call.state, call.group, rows_of(call.body), mode)


def _statuses(mode: Mode) -> Callable[[Call], Any]:
    def handler(call: Call) -> Any:
        return [
            row if isinstance(row, str) else {"status": f"{mode.value} success", "id": str(row.person.id)}
            for row in _outcomes(call, mode)
        ]

    return handler


def _full(mode: Mode) -> Callable[[Call], Any]:
    def handler(call: Call) -> Any:
        return call.state.shown_rows([row for row in _outcomes(call, mode) if not isinstance(row, str)])

    return handler


_upsertplus = _full(Mode.UPSERT)


def _set_active(active: bool) -> Callable[[Call], Any]:
    def handler(call: Call) -> Any:
        call.state.set_active(call.member, active=active)
        return True

    return handler


def _delete(call: Call) -> Any:
    call.state.remove(call.member)
    return True


def _delete_rows(call: Call) -> Any:
    group = call.group
    answer: list[Any] = []
    for who in call.body if isinstance(call.body, list) else []:
        try:
            call.state.remove(call.state.member(group, str(who)))
            answer.append({"status": "success", "id": str(who)})
        except Refused:
            answer.append(f"invalid receiver '{who}';")
    return answer


def _delete_everywhere(call: Call) -> Any:
    answer: list[Any] = []
    for who in call.fields.get("receivers") or []:
        try:
            call.state.delete(call.state.person(str(who)).email)
            answer.append({"status": "success", "id": str(who)})
        except Refused:
            answer.append(f"invalid receiver '{who}';")
    return answer


def _person(call: Call) -> Person:
    return call.state.person(call.params["receiver"])


def _get_anywhere(call: Call) -> Any:
    """Without a list the parts that belong to a list are empty."""
    person, group_id = _person(call), call.query.get("group_id")
    if group_id:
        return call.state.shown(call.state.member(call.state.group(group_id), person.email))
    return call.state.shown(Member(person, 0))


def _delete_anywhere(call: Call) -> Any:
    call.state.delete(_person(call).email, call.query.get("group_id") or None)
    return True


def _groups_of(call: Call) -> Any:
    return [call.state.groups[member.group_id].shown() for member in call.state.memberships(_person(call))]


def _change_email(call: Call) -> Any:
    state, person = call.state, _person(call)
    email = receivers.address(call.text("email"), unicode_local=state.switches.unicode_local)
    if email is None or state.blacklisted(email):
        raise Refused(400, "invalid address")
    if (state.find(email) or person) is not person:
        raise Refused(409, "duplicate address")
    del state.by_email[person.email]
    person.email = email
    state.by_email[email] = person
    state.keep("person", person.id, person)
    for member in state.memberships(person):
        state.touch(member)
    return True


def _add_tags(call: Call) -> Any:
    """Answers the tags that are new."""
    state, person = call.state, _person(call)
    group_id = call.params.get("id") or call.fields.get("group_id")
    group = state.group(group_id) if group_id else None
    members = [state.member(group, person.email)] if group else state.memberships(person)
    added = [set_tags(state, member, call.fields.get("tags") or []) for member in members]
    return list(dict.fromkeys(tag for tags in added for tag in tags))


def _set_value(call: Call) -> Any:
    """The data field by its ID or its name."""
    person, group_id = _person(call), call.params.get("id")
    state, wanted = call.state, call.params["attribute"]
    fields = state.fields(int(group_id) if group_id else 0).values()
    field = next((f for f in fields if wanted in {str(f.id), f.name}), None)
    if field is None:
        raise Refused(404, "invalid attribute")
    member = state.member(call.group, person.email) if group_id else None
    values = member.attributes if member else person.attributes
    text = receivers.attribute_value(field.type, values.get(field.name, ""), call.fields.get("value", ""))
    values[field.name] = text or ""
    for changed in [member] if member else state.memberships(person):
        state.touch(changed)
    state.keep("person", person.id, person)
    return True


def _is_valid(call: Call) -> Any:
    """The addresses that are in the list (in any list), or with `invert` the others."""
    emails, group_id = call.fields.get("emails") or [], call.fields.get("group_id")
    group = call.state.group(group_id) if group_id else None

    def known(email: str) -> bool:
        person = call.state.find(email.strip().lower())
        return person is not None and (group is None or person.id in group.members)

    return [email for email in map(str, emails) if known(email) != call.flag("invert", False)]


def _bounced(call: Call) -> Any:
    members = [m for group in call.state.groups.values() for m in group.members.values() if m.person.bounced]
    return call.state.shown_rows(members, 0)


def _bounces(call: Call) -> Any:
    size = number(call.query.get("pagesize"), 50)
    start = number(call.query.get("page"), 0) * size
    return list(call.state.bounces.values())[start : start + size]


def _part(name: str) -> Callable[[Call], Any]:
    def handler(call: Call) -> Any:
        return call.state.shown(call.member)[name]

    return handler


def _add_order(call: Call) -> Any:
    member = call.member
    member.orders.append(dict(call.fields))
    call.state.touch(member)
    return True


_IN = "/v3/groups/{id}/receivers"
_ONE = _IN + "/{receiver}"
_ANY = "/v3/receivers/{receiver}"

ROUTES: Final = [
    Endpoint("GET", _IN, _list),
    Endpoint("POST", "/v3/groups/{id}/get_receivers", _get_receivers),
    Endpoint("POST", _IN, _create, writes=True, rows=True),
    Endpoint("POST", _IN + "/insert", _statuses(Mode.INSERT), writes=True, rows=True, batch=True),
    Endpoint("POST", _IN + "/upsert", _statuses(Mode.UPSERT), writes=True, rows=True, batch=True),
    Endpoint("POST", _IN + "/upsertplus", _upsertplus, writes=True, rows=True, batch=True),
    Endpoint("PUT", _IN + "/update", _statuses(Mode.UPDATE), writes=True, rows=True, batch=True),
    Endpoint("PUT", _IN + "/updateplus", _full(Mode.UPDATE), writes=True, rows=True, batch=True),
    Endpoint("POST", _IN + "/delete", _delete_rows, writes=True),
    Endpoint("GET", _ONE, _get),
    Endpoint("PUT", _ONE, _update_one, writes=True, rows=True),
    Endpoint("DELETE", _ONE, _delete, writes=True),
    *(
        Endpoint("PUT", f"{_ONE}/{word}", _set_active(word in {"activate", "setactive"}), writes=True)
        for word in ("activate", "deactivate", "setactive", "setinactive")
    ),
    Endpoint("POST", _ONE + "/tags", _add_tags, writes=True),
    Endpoint("GET", _ONE + "/orders", _part("orders")),
    Endpoint("POST", _ONE + "/orders", _add_order, writes=True),
    Endpoint("GET", _ONE + "/events", _part("events")),
    Endpoint("PUT", _ONE + "/attributes/{attribute}", _set_value, writes=True),
    Endpoint("POST", "/v3/receivers/filter", _filter),
    Endpoint("POST", "/v3/receivers/isvalid", _is_valid),
    Endpoint("POST", "/v3/receivers/delete", _delete_everywhere, writes=True),
    Endpoint("GET", "/v3/receivers/bounced", _bounced),
    Endpoint("GET", "/v3/bounces", _bounces),
    Endpoint("GET", _ANY, _get_anywhere),
    Endpoint("DELETE", _ANY, _delete_anywhere, writes=True),
    Endpoint("GET", _ANY + "/groups", _groups_of),
    Endpoint("PUT", _ANY + "/email", _change_email, writes=True),
    Endpoint("POST", _ANY + "/tags", _add_tags, writes=True),
    Endpoint("PUT", _ANY + "/attributes/{attribute}", _set_value, writes=True),
]
