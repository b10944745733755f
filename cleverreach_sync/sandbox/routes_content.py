"""Segments (filters), forms and mailings, as far as clients of lists look at them. No mail is ever sent."""

from __future__ import annotations

from typing import Any, Final

from cleverreach_sync.sandbox.endpoints import Call, Endpoint
from cleverreach_sync.sandbox.filters import filtered, number
from cleverreach_sync.sandbox.records import Member
from cleverreach_sync.sandbox.refusals import Refused

_STATES: Final = ("finished", "draft", "waiting", "running")


def _known(call: Call, kind: str, name: str) -> dict[str, Any]:
    found = call.state.objects[kind].get(call.params[name])
    group = call.params.get("id")
    if found is None or (group is not None and found["group"] != call.group.id):
        raise Refused(404, f"invalid {kind}")
    return found


def _of_list(call: Call, kind: str) -> list[dict[str, Any]]:
    group = call.group.id
    return [each for each in call.state.objects[kind].values() if each["group"] == group]


# Segments


def _segment_shown(segment: dict[str, Any]) -> dict[str, Any]:
    return {"id": segment["id"], "name": segment["name"], "rules": segment["rules"]}


def _rules(call: Call) -> list[dict[str, Any]]:
    rules = call.fields.get("rules") or []
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise Refused(400, "invalid filter")
    default = str(call.fields.get("operator") or "AND")
    given = [{"operator": rule.get("operator") or (default if at else ""), **rule} for at, rule in enumerate(rules)]
    filtered(call.state, {"groups": [call.params["id"]], "rules": given})  # refuses what cannot be asked
    return given


def _create_segment(call: Call) -> Any:
    made = call.state.add_object("filter", group=call.group.id, name=call.text("name"), rules=_rules(call))
    return {"id": int(made["id"]), "success": True}


def _change_segment(call: Call) -> Any:
    segment = _known(call, "filter", "filter")
    segment["name"] = call.text("name") if "name" in call.fields else segment["name"]
    segment["rules"] = _rules(call) if "rules" in call.fields else segment["rules"]
    call.state.keep("filter", segment["id"], segment)
    return {"success": True}


def _delete_segment(call: Call) -> Any:
    call.state.drop_object("filter", _known(call, "filter", "filter")["id"])
    return True


def _members(call: Call, **page: Any) -> list[Member]:
    segment = _known(call, "filter", "filter")
    return list(filtered(call.state, {"groups": [segment["group"]], "rules": segment["rules"], **page}))


def _count(call: Call) -> Any:
    total, page = 0, 0
    while found := _members(call, pagesize=5000, page=page):
        total, page = total + len(found), page + 1
    return total


def _segment_receivers(call: Call) -> Any:
    page = {"pagesize": call.query.get("pagesize"), "page": call.query.get("page")}
    return call.state.shown_rows(_members(call, **page), number(call.query.get("detail"), 0))


# Forms


def _form_shown(form: dict[str, Any]) -> dict[str, Any]:
    return {"id": form["id"], "name": form["name"], "customer_tables_id": str(form["group"])}


def _create_form(call: Call) -> Any:
    form = call.state.add_object(
        "form", group=call.group.id, name=call.string("name", "Form"), type=call.params["type"]
    )
    return {"id": form["id"]}


def _form_code(call: Call) -> Any:
    return f'<form data-form="{_known(call, "form", "form")["id"]}"></form>'


def _send(call: Call) -> Any:
    """The mail that asks to confirm: to somebody who is in the list, and not active yet."""
    form, way = _known(call, "form", "form"), call.params["way"]
    if way not in {"activate", "deactivate"}:
        raise Refused(404)
    group = call.state.group(str(call.fields.get("groups_id") or form["group"]))
    member = call.state.member(group, call.text("email"))
    doi = call.fields.get("doidata")
    if not isinstance(doi, dict) or not str(doi.get("user_ip") or "").strip():
        raise Refused(400, "user_ip is missing")
    if member.active and way == "activate":
        raise Refused(400, "receiver is already active")
    return {"success": True}


# Mailings


def _mailings(call: Call) -> Any:
    found: dict[str, list[dict[str, Any]]] = {state: [] for state in _STATES}
    for mailing in call.state.objects["mailing"].values():
        found[mailing["state"]].append(_mailing_shown(mailing))
    wanted = call.query.get("state", "")
    return {wanted: found[wanted]} if wanted in found else found


def _mailing_shown(mailing: dict[str, Any]) -> dict[str, Any]:
    return {name: mailing[name] for name in ("id", "name", "subject", "stamp", "state")}


def _create_mailing(call: Call) -> Any:
    mailing = call.state.add_object(
        "mailing",
        group=0,
        name=call.text("name"),
        subject=call.string("subject"),
        stamp=call.state.now,
        state="draft",
    )
    return {"success": True, "id": mailing["id"]}


def _change_mailing(call: Call) -> Any:
    mailing = _known(call, "mailing", "mailing")
    for name in ("name", "subject"):
        mailing[name] = call.string(name, mailing[name])
    call.state.keep("mailing", mailing["id"], mailing)
    return {"success": True, "id": mailing["id"]}


_SEGMENTS: Final = "/v3/groups/{id}/filters"
_SEGMENT: Final = _SEGMENTS + "/{filter}"

ROUTES: Final = [
    Endpoint("GET", _SEGMENTS, lambda call: [_segment_shown(each) for each in _of_list(call, "filter")]),
    Endpoint("POST", _SEGMENTS, _create_segment, writes=True),
    Endpoint("GET", _SEGMENT, lambda call: _segment_shown(_known(call, "filter", "filter"))),
    Endpoint("PUT", _SEGMENT, _change_segment, writes=True),
    Endpoint("DELETE", _SEGMENT, _delete_segment, writes=True),
    Endpoint("GET", _SEGMENT + "/count", _count),
    Endpoint("GET", _SEGMENT + "/receivers", _segment_receivers),
    Endpoint("GET", "/v3/forms", lambda call: [_form_shown(each) for each in call.state.objects["form"].values()]),
    Endpoint("GET", "/v3/forms/{form}", lambda call: _form_shown(_known(call, "form", "form"))),
    Endpoint("GET", "/v3/forms/{form}/code", _form_code),
    Endpoint("GET", "/v3/groups/{id}/forms", lambda call: [_form_shown(each) for each in _of_list(call, "form")]),
    Endpoint("POST", "/v3/forms/{id}/createfromtemplate/{type}", _create_form, writes=True),
    Endpoint("POST", "/v3/forms/{form}/send/{way}", _send, writes=True),
    Endpoint("GET", "/v3/mailings", _mailings),
    Endpoint("POST", "/v3/mailings", _create_mailing, writes=True),
    Endpoint("GET", "/v3/mailings/{mailing}", lambda call: _mailing_shown(_known(call, "mailing", "mailing"))),
    Endpoint("PUT", "/v3/mailings/{mailing}", _change_mailing, writes=True),
]
