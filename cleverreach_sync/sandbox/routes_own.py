"""The sandbox's own endpoints: what was asked of it, what recipients do, what goes wrong. No token needed."""

from __future__ import annotations

from typing import Any, Final

from cleverreach_sync.errors import UsageError
from cleverreach_sync.sandbox.endpoints import Call, Endpoint
from cleverreach_sync.sandbox.faults import Faults
from cleverreach_sync.sandbox.refusals import Refused


def _stats(call: Call) -> Any:
    faults = call.state.faults
    struck = {name: faults.struck[name] for name in sorted({*faults.rates(), *faults.struck})}
    return {**call.state.traffic.shown(), "faults": struck}


def _reset(call: Call) -> Any:
    if not call.flag("stats_only", False):
        call.state.empty()
    call.state.traffic.clear()
    call.state.faults.struck.clear()
    return True


def _group_id(call: Call) -> str | None:
    group_id = call.fields.get("group_id")
    return str(group_id) if group_id else None


def _unsubscribe(call: Call) -> Any:
    call.state.unsubscribe(call.text("email"), _group_id(call))
    return True


def _bounce(call: Call) -> Any:
    call.state.bounce(call.text("email"))
    return True


def _delete(call: Call) -> Any:
    call.state.delete(call.text("email"), _group_id(call))
    return True


def _subscribe(call: Call) -> Any:
    group_id = _group_id(call)
    if group_id is None:
        raise Refused(400, "group_id is missing")
    return call.state.subscribe(call.text("email"), group_id, confirmed=call.flag("confirmed", True))


def _settings(call: Call) -> Any:
    state = call.state
    return {"faults": state.faults.rates(), **state.switches.shown()}


def _change_settings(call: Call) -> Any:
    """Switches by name; `faults` replaces all faults; `seed` makes what follows repeatable."""
    switches = dict(call.fields)
    faults, seed = switches.pop("faults", None), switches.pop("seed", None)
    if not isinstance(faults, dict | None):
        raise Refused(400, "faults must be an object: name -> rate")
    try:
        if faults is not None:
            Faults(faults)
        call.state.switches.change(switches)
    except UsageError as error:
        raise Refused(400, f"{error.message}; {error.hint}" if error.hint else error.message) from error
    if faults is not None:
        call.state.faults.replace(faults)
    if seed is not None:
        call.state.faults.random.seed(str(seed))
    return _settings(call)


def _receivers(call: Call) -> Any:
    """Everybody with everything known of them; of one list with `group_id`."""
    group_id = call.query.get("group_id")
    groups = call.state.chosen_groups([group_id] if group_id else [])
    return call.state.shown_rows([member for group in groups for member in group.members.values()])


ROUTES: Final = [
    Endpoint("GET", "/sandbox/stats", _stats),
    Endpoint("POST", "/sandbox/reset", _reset),
    Endpoint("POST", "/sandbox/unsubscribe", _unsubscribe),
    Endpoint("POST", "/sandbox/bounce", _bounce),
    Endpoint("POST", "/sandbox/delete", _delete),
    Endpoint("POST", "/sandbox/subscribe", _subscribe),
    Endpoint("GET", "/sandbox/settings", _settings),
    Endpoint("POST", "/sandbox/settings", _change_settings),
    Endpoint("GET", "/sandbox/receivers", _receivers),
]
