"""Everything a running sandbox holds: the account, its tokens, faults and traffic, and what recipients do."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cleverreach_sync.sandbox.account import ACCOUNT_BLACKLIST, Account
from cleverreach_sync.sandbox.faults import Faults
from cleverreach_sync.sandbox.records import DETAIL_ALL, Member
from cleverreach_sync.sandbox.refusals import Refused
from cleverreach_sync.sandbox.switches import Switches
from cleverreach_sync.sandbox.traffic import Traffic
from cleverreach_sync.sandbox.writes import Mode, write_rows

WriteHook = Callable[[str, list[Any]], None]


class State(Account):
    """An account with a life of its own.

    `before_write` and `after_write` are called with path and rows around every write of receivers, outside the lock,
    so that somebody can leave, or join, between a client's read and its write.
    """

    def __init__(
        self,
        db: Path | None = None,
        rates: Mapping[str, float] | None = None,
        *,
        clock: Callable[[], float] = time.time,
        seed: int | None = None,
    ) -> None:
        super().__init__(db, clock)
        self.faults = Faults(rates, seed)
        self.traffic = Traffic()
        self.before_write: WriteHook | None = None
        self.after_write: WriteHook | None = None

    def reset(self) -> None:
        """As new: no data, no counts, no faults, no hooks, every switch in its first position."""
        self.empty()
        self.traffic.clear()
        self.faults.clear()
        self.switches = Switches()
        self.clock = time.time
        self.before_write = self.after_write = None

    # Looking and writing directly, past HTTP and faults

    def add_group(self, name: str) -> str:
        """Returns the list's ID as the API gives it."""
        return str(self.create_group(name).id)

    def write(self, group_id: str | int, *rows: Mapping[str, Any]) -> list[dict[str, Any] | str]:
        """Upsert rows; the receivers, or the texts that refuse."""
        with self.changing():
            group = self.group(group_id)
            outcomes = write_rows(self, group, rows, Mode.UPSERT)
            return [o if isinstance(o, str) else self.shown(o) for o in outcomes]

    def receivers(self, group_id: str | int) -> dict[str, dict[str, Any]]:
        """All receivers of a list by address, with everything known of them."""
        with self.changing():
            return {m.person.email: self.shown(m) for m in self.group(group_id).members.values()}

    def receiver(self, group_id: str | int, email: str) -> dict[str, Any] | None:
        with self.changing():
            try:
                return self.shown(self.member(self.group(group_id), email))
            except Refused:
                return None

    def shown(self, member: Member, detail: int = DETAIL_ALL) -> dict[str, Any]:
        return self.shown_rows([member], detail)[0]

    def shown_rows(self, members: Sequence[Member], detail: int = DETAIL_ALL) -> list[dict[str, Any]]:
        unset = dict.fromkeys(self.fields(0), "")
        in_list = {g: dict.fromkeys(self.fields(g) if g else (), "") for g in {m.group_id for m in members}}
        return [member.shown(unset, in_list[member.group_id], detail) for member in members]

    # What recipients do

    def _found(self, email: str, group_id: str | int | None) -> list[Member]:
        if group_id is not None:
            return [self.member(self.group(group_id), email)]
        return self.memberships(self.person(email))

    def unsubscribe(self, email: str, group_id: str | int | None = None) -> None:
        """In one list, or in all; in an auto-blacklist account the person is deleted and blacklisted."""
        with self.changing():
            found = self._found(email, group_id)
            if self.switches.auto_blacklist:
                for member in self.memberships(found[0].person):
                    self.remove(member)
                self.list_address(email, "unsubscribed")
                return
            for member in found:
                self.set_active(member, active=False)
                member.note(self.now, "user_unsubscribe", "")

    def set_active(self, member: Member, *, active: bool) -> None:
        with self.changing():
            now = self.now
            if active:
                member.activated, member.deactivated = member.activated or now, 0
            else:
                member.deactivated = member.deactivated or now
            self.touch(member)

    def subscribe(self, email: str, group_id: str | int, *, confirmed: bool = True) -> dict[str, Any]:
        """Through a form: pending until confirmed; who confirms comes back from wherever they were."""
        with self.changing():
            group, now = self.group(group_id), self.now
            if confirmed:
                self.unlist(ACCOUNT_BLACKLIST, email)
            row = {"email": email, "registered": now, "activated": 0}
            outcome = write_rows(self, group, [row], Mode.INSERT)[0]
            if isinstance(outcome, str) and not outcome.startswith("duplicate"):
                raise Refused(400, outcome)
            member = self.member(group, email)
            if confirmed:
                member.activated = member.activated or now
                self.set_active(member, active=True)
            return self.shown(member)

    def bounce(self, email: str) -> None:
        """A hard bounce: counts in all lists."""
        with self.changing():
            person, now = self.person(email), self.now
            person.bounced = now
            self.keep("person", person.id, person)
            earlier = self.bounces.get(person.email)
            self.bounces[person.email] = {
                "email": person.email,
                "category": "hardbounce",
                "occurences": (earlier["occurences"] if earlier else 0) + 1,
                "last_update": now,
                "bounce_message": "550 no such user",
                "type": "mailing",
                "type_id": "0",
            }
            self.keep("bounce", person.email, self.bounces[person.email])
            for member in self.memberships(person):
                member.note(now, "mail_bounce", "")
                self.touch(member)

    def delete(self, email: str, group_id: str | int | None = None) -> None:
        """Somebody removes a recipient by hand."""
        with self.changing():
            for member in self._found(email, group_id):
                self.remove(member)
