"""Where the service's behaviour is uncertain or depends on the account, a switch decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from cleverreach_sync.errors import UsageError
from cleverreach_sync.messages import say


@dataclass(slots=True)
class Switches:
    """Times are seconds. All of them can be changed while the sandbox runs."""

    auto_blacklist: bool = False  # an unsubscribe deletes from all lists and blacklists
    tags_ascii: bool = False  # letters with umlauts in tags become `_`
    lenient_optout: bool = False  # `activated` also reactivates somebody who opted out in CleverReach
    reject_unknown_attributes: bool = False  # a row with an unknown data field is refused
    fold_accents: bool = False  # `jörg@` finds, and writes to, `jorg@`
    unicode_local: bool = True  # a local part may have other than ASCII letters
    empty_204: bool = False  # an empty list is 204 without a body
    empty_arrays: bool = False  # an empty map is `[]`
    get_receivers: bool = True  # False: POST groups/{id}/get_receivers is 404
    attribute_limit: int = 45
    max_batch: int = 1000  # rows; more are 413
    contact_limit: int = 0  # people in the account; 0 = no limit, more are 403
    token_lifetime: int = 2_592_000
    stats_every: int = 3  # a list's stats are computed at most this often
    tag_delay: int = 0  # filters and tag counts see tags so much later
    clock_offset: int = 0  # the server's clock runs ahead by so much

    def change(self, wanted: Mapping[str, Any]) -> None:
        """All or nothing. Raises UsageError for an unknown name or a value of another type."""
        known = {f.name: type(getattr(self, f.name)) for f in fields(self)}
        for name, value in wanted.items():
            if name not in known:
                hint = say("sandbox.switches", "switches: {names}", names=", ".join(known))
                raise UsageError(say("sandbox.unknown_switch", "unknown switch '{name}'", name=name), hint=hint)
            if type(value) is not known[name]:
                if known[name] is bool:
                    raise UsageError(say("sandbox.must_be_bool", "{name} must be true or false", name=name))
                raise UsageError(say("sandbox.must_be_number", "{name} must be a number", name=name))
        for name, value in wanted.items():
            setattr(self, name, value)

    def shown(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}
