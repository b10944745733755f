"""What an account consists of: people, their memberships in lists, lists, data fields (attributes)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

DETAIL_EVENTS: Final = 1
DETAIL_ORDERS: Final = 2
DETAIL_TAGS: Final = 4
DETAIL_ALL: Final = 7
_EVENTS_KEPT: Final = 250


@dataclass(slots=True)
class Person:
    """One address of the account, with one ID in all lists. `attributes` holds the global fields that are set."""

    id: int
    email: str
    attributes: dict[str, str] = field(default_factory=dict)
    bounced: int = 0

    def saved(self) -> dict[str, Any]:
        return {"id": self.id, "email": self.email, "attributes": self.attributes, "bounced": self.bounced}


@dataclass(slots=True)
class Member:
    """A person in one list. Stamps are unix seconds, 0 = never."""

    person: Person
    group_id: int
    registered: int = 0
    activated: int = 0
    deactivated: int = 0
    last_changed: int = 0
    source: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    tags_before: list[str] = field(default_factory=list)
    tags_changed: int = 0
    orders: list[dict[str, Any]] = field(default_factory=list)
    events: list[list[Any]] = field(default_factory=list)

    @property
    def active(self) -> bool:
        return self.activated > 0 and self.deactivated == 0 and self.person.bounced == 0

    def note(self, stamp: int, kind: str, type_id: str) -> None:
        """Add an event; only the last 250 are kept."""
        self.events.append([stamp, kind, type_id])
        if len(self.events) > _EVENTS_KEPT:
            del self.events[0]

    def saved(self) -> dict[str, Any]:
        return {
            "person": self.person.id,
            "group": self.group_id,
            "stamps": [self.registered, self.activated, self.deactivated, self.last_changed],
            "source": self.source,
            "attributes": self.attributes,
            "tags": self.tags,
            "orders": self.orders,
            "events": self.events,
        }

    @classmethod
    def restored(cls, saved: Mapping[str, Any], person: Person) -> Member:
        registered, activated, deactivated, last_changed = saved["stamps"]
        member = cls(person, saved["group"], registered, activated, deactivated, last_changed)
        for name in ("source", "attributes", "tags", "orders", "events"):
            setattr(member, name, saved[name])
        return member

    def shown(
        self, unset: Mapping[str, str], unset_in_list: Mapping[str, str], detail: int = DETAIL_ALL
    ) -> dict[str, Any]:
        """The receiver object. `unset` has every global field with `""`, `unset_in_list` those of the list."""
        person = self.person
        row: dict[str, Any] = {
            "id": str(person.id),
            "email": person.email,
            "imported": 0,
            "bounced": person.bounced,
            "group_id": str(self.group_id),
            "activated": self.activated,
            "registered": self.registered,
            "deactivated": self.deactivated,
            "last_ip": "",
            "last_location": "",
            "last_client": "",
            "last_changed": self.last_changed,
            "points": 0,
            "stars": 0,
            "source": self.source,
            "attributes": {**unset_in_list, **self.attributes},
            "global_attributes": {**unset, **person.attributes},
            "active": self.active,
            "conversion_rate": 0,
            "open_rate": 0,
            "click_rate": 0,
        }
        if detail & DETAIL_TAGS:
            row["tags"] = list(self.tags)
        if detail & DETAIL_EVENTS:
            row["events"] = [
                {
                    "stamp": stamp,
                    "type": kind,
                    "type_id": type_id,
                    "value": "",
                    "mailing_id": "0",
                    "groups_id": str(self.group_id),
                }
                for stamp, kind, type_id in self.events
            ]
        if detail & DETAIL_ORDERS:
            row["orders"] = list(self.orders)
        return row


@dataclass(slots=True)
class Group:
    """A recipient list. `members` is by person ID, in the order of joining."""

    id: int
    name: str
    stamp: int
    locked: bool = False
    backup: bool = True
    receiver_info: str = ""
    last_changed: int = 0
    members: dict[int, Member] = field(default_factory=dict)
    stats: dict[str, Any] | None = None

    def shown(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "name": self.name,
            "locked": self.locked,
            "backup": self.backup,
            "receiver_info": self.receiver_info,
            "stamp": self.stamp,
            "last_mailing": 0,
            "last_changed": self.last_changed,
        }

    def saved(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "stamp": self.stamp,
            "locked": self.locked,
            "backup": self.backup,
            "receiver_info": self.receiver_info,
            "last_changed": self.last_changed,
        }


@dataclass(slots=True)
class Attribute:
    """A data field; `group_id` 0 is a global one."""

    id: int
    group_id: int
    name: str
    description: str
    type: str
    preview_value: str = ""
    value: str | None = None

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "groups_id": self.group_id,
            "name": self.name,
            "description": self.description,
            "preview_value": self.preview_value,
            "value": self.value,
            "type": self.type,
            "tag": f"{{{self.name.upper()}}}",
        }

    def saved(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "group_id": self.group_id,
            "name": self.name,
            "description": self.description,
            "type": self.type,
            "preview_value": self.preview_value,
            "value": self.value,
        }


@dataclass(slots=True)
class Blacklist:
    """Addresses and patterns (`*@example.org`) that nobody is added under. `entries` is by lower-case address."""

    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    _wild: re.Pattern[str] | None = None
    _stale: bool = True

    def add(self, email: str, comment: str, stamp: int) -> dict[str, Any]:
        entry = {"email": email, "comment": comment, "stamp": stamp}
        self.entries[email] = entry
        self._stale = self._stale or "*" in email
        return entry

    def remove(self, email: str) -> bool:
        self._stale = self._stale or "*" in email
        return self.entries.pop(email, None) is not None

    def matches(self, email: str) -> bool:
        if self._stale:
            patterns = [".*".join(map(re.escape, e.split("*"))) for e in self.entries if "*" in e]
            self._wild = re.compile("|".join(patterns)) if patterns else None
            self._stale = False
        return email in self.entries or (self._wild is not None and self._wild.fullmatch(email) is not None)
