"""One CleverReach account: lists, people, data fields, blacklists. No HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

from cleverreach_sync.sandbox import receivers
from cleverreach_sync.sandbox.records import Attribute, Blacklist, Group, Member, Person
from cleverreach_sync.sandbox.refusals import Refused
from cleverreach_sync.sandbox.storage import Storage
from cleverreach_sync.sandbox.switches import Switches

ACCOUNT_BLACKLIST: Final = 0
_FIRST_IDS: Final = {"group": 1001, "person": 1, "attribute": 501, "object": 201}
OBJECTS: Final = ("filter", "form", "mailing")


class _Saved(Protocol):
    def saved(self) -> dict[str, Any]: ...


class Account:
    """The data. Methods raise Refused as the service would; `changing()` is the lock and the transaction.

    `clock` gives unix seconds.
    """

    def __init__(self, db: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self.switches = Switches()
        self.clock = clock
        self._lock = threading.RLock()
        self._depth = 0
        self._changes: dict[tuple[str, str], dict[str, Any] | _Saved | None] = {}
        self._next_ids = dict(_FIRST_IDS)
        self._clear()
        self._storage = None if db is None else Storage(db)
        if self._storage is not None:
            self._load(self._storage)

    def _clear(self) -> None:
        self.groups: dict[int, Group] = {}
        self.people: dict[int, Person] = {}
        self.by_email: dict[str, Person] = {}
        self.attributes: dict[int, Attribute] = {}
        self.blacklists: dict[int, Blacklist] = {ACCOUNT_BLACKLIST: Blacklist()}
        self.bounces: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in OBJECTS}
        self._fields: dict[int, dict[str, Attribute]] = {}

    @property
    def now(self) -> int:
        return int(self.clock()) + self.switches.clock_offset

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the account; what was changed is on disk when the outermost block ends."""
        with self._lock:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0 and self._changes:
                    self._flush()

    def _flush(self) -> None:
        changes, self._changes = self._changes, {}
        if self._storage is not None:
            self._storage.write({k: v if v is None or isinstance(v, dict) else v.saved() for k, v in changes.items()})

    def keep(self, kind: str, key: object, value: dict[str, Any] | _Saved | None) -> None:
        """Write through at the end of the `changing()` block; None deletes."""
        if self._storage is not None:
            self._changes[kind, str(key)] = value

    def touch(self, member: Member) -> None:
        """Something about a membership was changed; who else has the person in a list does not see it."""
        member.last_changed = self.now
        self.keep_member(member)

    def keep_member(self, member: Member) -> None:
        self.keep("member", f"{member.group_id}/{member.person.id}", member)

    def empty(self) -> None:
        """Forget everything; IDs are not used again."""
        with self.changing():
            self._changes.clear()
            self._clear()
            if self._storage is not None:
                self._storage.empty()
                self.keep("ids", "next", dict(self._next_ids))

    def close(self) -> None:
        with self._lock:
            if self._storage is not None:
                self._storage.close()
                self._storage = None

    def _load(self, storage: Storage) -> None:
        for _, saved in storage.read("ids"):
            self._next_ids.update(saved)
        for _, saved in sorted(storage.read("group"), key=lambda item: int(item[0])):
            group = Group(**saved)
            self.groups[group.id] = group
        for _, saved in storage.read("person"):
            person = Person(**saved)
            self.people[person.id] = self.by_email[person.email] = person
        members = [Member.restored(saved, self.people[saved["person"]]) for _, saved in storage.read("member")]
        for member in sorted(members, key=lambda member: member.person.id):
            self.groups[member.group_id].members[member.person.id] = member
        for _, saved in sorted(storage.read("attribute"), key=lambda item: int(item[0])):
            attribute = Attribute(**saved)
            self.attributes[attribute.id] = attribute
        for key, saved in storage.read("blacklist"):
            group_id = int(key.partition("/")[0])
            self.blacklist(group_id).add(saved["email"], saved["comment"], saved["stamp"])
        self.bounces.update(storage.read("bounce"))
        self.tokens.update(storage.read("token"))
        for kind in OBJECTS:
            self.objects[kind].update(sorted(storage.read(kind), key=lambda item: int(item[0])))

    def next_id(self, kind: str) -> int:
        number = self._next_ids[kind]
        self._next_ids[kind] = number + 1
        self.keep("ids", "next", self._next_ids)
        return number

    # Lists

    def group(self, group_id: str | int) -> Group:
        text = str(group_id)
        group = self.groups.get(int(text)) if text.isdecimal() else None
        if group is None:
            raise Refused(404, "invalid group")
        return group

    def create_group(self, name: str, *, locked: bool = False, backup: bool = True, info: str = "") -> Group:
        with self.changing():
            now = self.now
            group = Group(self.next_id("group"), name, now, locked, backup, info, now)
            self.groups[group.id] = group
            self.keep("group", group.id, group)
            return group

    def delete_group(self, group: Group) -> None:
        if group.locked:
            raise Refused(403, "group is locked")
        with self.changing():
            self.clear_group(group)
            for attribute in list(self.fields(group.id).values()):
                self.delete_attribute(attribute)
            for email in list(self.blacklist(group.id).entries):
                self.unlist(group.id, email)
            for kind in OBJECTS:
                for ident in [each["id"] for each in self.objects[kind].values() if each["group"] == group.id]:
                    self.drop_object(kind, ident)
            del self.groups[group.id]
            self.blacklists.pop(group.id, None)
            self.keep("group", group.id, None)

    def clear_group(self, group: Group) -> None:
        with self.changing():
            for member in list(group.members.values()):
                self.remove(member)

    # People

    def find(self, email: str) -> Person | None:
        """By address, as the account compares them."""
        exact = self.by_email.get(email)
        if exact is not None or not self.switches.fold_accents:
            return exact
        wanted = receivers.without_accents(email)
        return next((p for known, p in self.by_email.items() if receivers.without_accents(known) == wanted), None)

    def person(self, who: str) -> Person:
        """By ID or address."""
        if "@" in who:
            person = self.find(who.strip().lower())
        else:
            person = self.people.get(int(who)) if who.isdecimal() else None
        if person is None:
            raise Refused(404, "invalid receiver")
        return person

    def member(self, group: Group, who: str) -> Member:
        member = group.members.get(self.person(who).id)
        if member is None:
            raise Refused(404, "invalid receiver")
        return member

    def memberships(self, person: Person) -> list[Member]:
        return [group.members[person.id] for group in self.groups.values() if person.id in group.members]

    def join(self, group: Group, email: str) -> Member:
        """A new membership, and a new person when the address is in no list yet."""
        person = self.find(email)
        if person is None:
            if 0 < self.switches.contact_limit <= len(self.people):
                raise Refused(403, "contact limit of the plan exceeded")
            bounce = self.bounces.get(email)
            person = Person(self.next_id("person"), email, {}, bounce["last_update"] if bounce else 0)
            self.people[person.id] = self.by_email[email] = person
            self.keep("person", person.id, person)
        member = Member(person, group.id)
        group.members[person.id] = member
        return member

    def remove(self, member: Member) -> None:
        """Somebody in no list any more is gone from the account; added again they get another ID."""
        with self.changing():
            person, group = member.person, self.groups[member.group_id]
            del group.members[person.id]
            group.last_changed = self.now
            self.keep("group", group.id, group)
            self.keep("member", f"{group.id}/{person.id}", None)
            if not any(person.id in other.members for other in self.groups.values()):
                del self.people[person.id], self.by_email[person.email]
                self.keep("person", person.id, None)

    # Data fields

    def fields(self, group_id: int) -> dict[str, Attribute]:
        """Data fields by name; those of one list, or (0) the global ones."""
        known = self._fields.get(group_id)
        if known is None:
            known = {a.name: a for a in self.attributes.values() if a.group_id == group_id}
            self._fields[group_id] = known
        return known

    def attribute(self, attribute_id: str) -> Attribute:
        attribute = self.attributes.get(int(attribute_id)) if attribute_id.isdecimal() else None
        if attribute is None:
            raise Refused(404, "invalid attribute")
        return attribute

    def create_attribute(
        self,
        name: str,
        kind: str = "text",
        group_id: int = 0,
        *,
        description: str = "",
        preview: str = "",
        default: str | None = None,
    ) -> Attribute:
        with self.changing():
            technical = receivers.attribute_name(name)
            if not technical:
                raise Refused(400, "name is missing")
            if kind not in receivers.ATTRIBUTE_TYPES:
                raise Refused(400, "invalid attribute type")
            fields = self.fields(group_id)
            if technical in fields:
                raise Refused(409, "attribute already exists")
            if len(fields) >= self.switches.attribute_limit:
                raise Refused(400, "attribute limit reached")
            number = self.next_id("attribute")
            attribute = Attribute(number, group_id, technical, description or name, kind, preview, default)
            self.attributes[number] = fields[technical] = attribute
            self.keep("attribute", number, attribute)
            return attribute

    def delete_attribute(self, attribute: Attribute) -> None:
        """Its values are gone with it."""
        with self.changing():
            name = attribute.name
            del self.attributes[attribute.id]
            self._fields.pop(attribute.group_id, None)
            self.keep("attribute", attribute.id, None)
            if attribute.group_id:
                for member in self.groups[attribute.group_id].members.values():
                    if member.attributes.pop(name, None) is not None:
                        self.touch(member)
                return
            for person in self.people.values():
                if person.attributes.pop(name, None) is not None:
                    self.keep("person", person.id, person)

    # Segments, forms, mailings

    def add_object(self, kind: str, **values: Any) -> dict[str, Any]:
        with self.changing():
            ident = str(self.next_id("object"))
            made = self.objects[kind][ident] = {"id": ident, **values}
            self.keep(kind, ident, made)
            return made

    def drop_object(self, kind: str, ident: str) -> None:
        with self.changing():
            del self.objects[kind][ident]
            self.keep(kind, ident, None)

    # Blacklists

    def blacklist(self, group_id: int = ACCOUNT_BLACKLIST) -> Blacklist:
        return self.blacklists.setdefault(group_id, Blacklist())

    def blacklisted(self, email: str, group_id: int = ACCOUNT_BLACKLIST) -> bool:
        """In the account's blacklist, or in that of the list."""
        email = email.strip().lower()
        return any(
            self.blacklists[number].matches(email)
            for number in {ACCOUNT_BLACKLIST, group_id}
            if number in self.blacklists
        )

    def list_address(self, email: str, comment: str = "", group_id: int = ACCOUNT_BLACKLIST) -> dict[str, Any]:
        """Put an address or a pattern on a blacklist."""
        with self.changing():
            email = email.strip().lower()
            if not email:
                raise Refused(400, "email is missing")
            entry = self.blacklist(group_id).add(email, comment, self.now)
            self.keep("blacklist", f"{group_id}/{quote(email)}", entry)
            return entry

    def unlist(self, group_id: int, email: str) -> bool:
        with self.changing():
            email = email.strip().lower()
            self.keep("blacklist", f"{group_id}/{quote(email)}", None)
            return self.blacklist(group_id).remove(email)

    def chosen_groups(self, group_ids: Iterable[str | int]) -> list[Group]:
        """None given means all."""
        chosen = [self.group(number) for number in group_ids]
        return chosen or list(self.groups.values())
