"""What an endpoint is: method, path, and a function from a call to the JSON value it is answered with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cleverreach_sync.sandbox.records import Group, Member
from cleverreach_sync.sandbox.refusals import Refused
from cleverreach_sync.sandbox.state import State


@dataclass(slots=True)
class Call:
    """One request: path parameters, query and JSON body, already decoded."""

    state: State
    params: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    token: str = ""

    @property
    def group(self) -> Group:
        return self.state.group(self.params["id"])

    @property
    def member(self) -> Member:
        return self.state.member(self.group, self.params["receiver"])

    @property
    def fields(self) -> Mapping[str, Any]:
        """The body as an object; an empty one when there is none."""
        if self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise Refused(400, "object expected")
        return self.body

    def text(self, key: str) -> str:
        """A text the body must have."""
        value = self.fields.get(key)
        if not isinstance(value, str) or not value.strip():
            raise Refused(400, f"{key} is missing")
        return value

    def string(self, key: str, default: str = "") -> str:
        """A text that may be missing; null counts as that."""
        value = self.fields.get(key)
        return default if value is None else str(value)

    def flag(self, key: str, default: bool) -> bool:
        return truthy(self.fields.get(key, default))


def truthy(value: object) -> bool:
    """PHP's idea of true, near enough."""
    return str(value).lower() not in {"false", "0", "", "none", "[]"}


Handler = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`writes` counts it as a write; `rows` says that its body is receivers, a `batch` of them or a single one.

    `open` needs no token.
    """

    method: str
    path: str
    handler: Handler
    writes: bool = False
    rows: bool = False
    batch: bool = False
    open: bool = False

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def rows_of(body: object) -> list[Any]:
    """The rows of a batch: an array, one object, or either in a `postdata` wrapper."""
    if isinstance(body, dict) and "postdata" in body:
        body = body["postdata"]
    if isinstance(body, dict):
        return [body]
    if not isinstance(body, list):
        raise Refused(400, "array expected")
    return body
