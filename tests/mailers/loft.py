"""A loft of Pigeon Post on loopback."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from tests.shops.server import Asked, Reply, ShopServer

LEFT = frozenset({"out", "failed", "shelved"})


def key_of(email: str) -> str:
    return hashlib.md5(email.encode(), usedforsecurity=False).hexdigest()


class Loft(ShopServer):
    """Members by the hash of their address. `refused` addresses are refused, `deaf` ones get no tags."""

    def __init__(self) -> None:
        super().__init__()
        self.title = "Online shop"
        self.members: dict[str, dict[str, Any]] = {}
        self.rings = ["given", "town"]
        self.barred: list[dict[str, Any]] = []
        self.refused: set[str] = set()
        self.deaf: set[str] = set()
        self.written: list[dict[str, Any]] = []

    def act(self, email: str, state: str) -> None:
        """Somebody does that themselves, or the owner of the loft does."""
        with self.lock:
            self._put({"email": email, "state": state})

    def shoot(self, who: str) -> None:
        self.barred.append({"who": who, "at": self.now})

    def state_of(self, email: str) -> str | None:
        member = self.members.get(key_of(email))
        return None if member is None else str(member["state"])

    def tags_of(self, email: str) -> set[str]:
        return set(self.members[key_of(email)]["tags"])

    @property
    def states(self) -> dict[str, str]:
        return {member["email"]: member["state"] for member in self.members.values()}

    def answer(self, asked: Asked) -> Reply:
        body = orjson.loads(asked.body)
        found = getattr(self, f"_{asked.path.strip('/')}")(body)
        return Reply.json(found)

    def _lofts(self, _body: dict[str, Any]) -> Any:
        return [{"key": "loft-7", "title": self.title}]

    def _count(self, body: dict[str, Any]) -> Any:
        tags = body.get("tags")
        return sum(tags is None or bool({*tags} & {*member["tags"]}) for member in self.members.values())

    def _barred(self, body: dict[str, Any]) -> Any:
        return [each for each in self.barred if each["at"] > body["since"]]

    def _find(self, body: dict[str, Any]) -> Any:
        keys = body.get("keys") or [key_of(email) for email in body.get("emails", ())]
        return [self.members[key] for key in keys if key in self.members]

    def _changes(self, body: dict[str, Any]) -> Any:
        return [member for member in self.members.values() if member["at"] >= body["since"]]

    def _rows(self, body: dict[str, Any]) -> Any:
        rows, errors = [], []
        for number, row in enumerate(body["rows"]):
            if row["email"] in self.refused:
                errors.append({"row": number, "error": "looks fake"})
            else:
                self.written.append(row)
                rows.append(self._put(row))
        return {"rows": rows, "errors": errors}

    def _put(self, row: dict[str, Any]) -> dict[str, Any]:
        key = key_of(row["email"])
        new = {"key": key, "email": row["email"], "state": "guest", "state_at": self.now, "tags": [], "rings": {}}
        member = self.members.setdefault(key, new)
        if row.get("state", member["state"]) != member["state"]:
            member |= {"state": row["state"], "state_at": self.now}
        member["rings"] |= row.get("rings", {})
        member["at"] = self.now
        return member

    def _tags(self, body: dict[str, Any]) -> Any:
        found = []
        for email, added, removed in body["tags"]:
            if email in self.deaf:
                continue
            member = self.members[key_of(email)]
            if added or removed:
                self.written.append({"email": email, "tags": [*added, *(f"-{tag}" for tag in removed)]})
            member["tags"] = sorted({*member["tags"], *added} - {*removed})
            found.append(member)
        return found

    def _state(self, body: dict[str, Any]) -> Any:
        member = self.members.get(body["key"])
        if member is None or member["state"] in LEFT:
            return False
        self.written.append(self._put({"email": member["email"], "state": body["state"]}))
        return True

    def _forget(self, body: dict[str, Any]) -> Any:
        self.members.pop(body["key"], None)
        return True

    def _rings(self, body: dict[str, Any]) -> Any:
        if "name" in body:
            self.rings.append(body["name"])
        return self.rings
