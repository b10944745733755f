"""Stands before the sandbox: sees every call, and may answer in its place."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from starlette.requests import Request
from starlette.responses import Response

from cleverreach_sync.sandbox import app
from cleverreach_sync.sandbox.endpoints import Endpoint

UPSERT = "POST /v3/groups/{id}/receivers/upsertplus"
READ = "POST /v3/groups/{id}/get_receivers"


@dataclass(eq=False, slots=True)
class Asked:
    """A call as it arrived at the sandbox. `at` is the time of `Gate.clock`, `status` that of the answer."""

    name: str
    body: Any
    path: str
    at: float
    status: int = 0

    @property
    def emails(self) -> list[str]:
        """The addresses of a write or of a reading."""
        if isinstance(self.body, list):
            return sorted(row["email"] for row in self.body)
        return sorted(self.body["email_list"])


Answered = Callable[[], Response]


class Gate:
    """Stands before the sandbox: sees every call in order, and may answer in its place."""

    def __init__(self) -> None:
        self.calls: list[Asked] = []
        self.clock: Callable[[], float] = time.monotonic
        self.meddle: Callable[[Asked, Answered], Response] | None = None
        self._lock = threading.Lock()

    def stand_before_the_sandbox(self, monkeypatch: pytest.MonkeyPatch) -> None:
        carry_out = app._Answers._carry_out

        def passed(answers: Any, endpoint: Endpoint, request: Request, body: bytes) -> Response:
            return self.pass_on(endpoint, request, body, lambda: carry_out(answers, endpoint, request, body))

        monkeypatch.setattr(app._Answers, "_carry_out", passed)

    def pass_on(self, endpoint: Endpoint, request: Request, body: bytes, carry_out: Answered) -> Response:
        asked = Asked(endpoint.name, orjson.loads(body) if body else None, request.url.path, self.clock())
        with self._lock:
            self.calls.append(asked)
        response = carry_out() if self.meddle is None else self.meddle(asked, carry_out)
        asked.status = response.status_code
        return response

    def named(self, name: str) -> list[Asked]:
        return [asked for asked in self.calls if asked.name == name]

    def writes(self) -> list[Asked]:
        return self.named(UPSERT)

    def on(self, name: str, *answers: Callable[[Asked, Answered], Response] | None) -> None:
        """The first calls of a name are answered by these, one each; None lets one through."""
        left = iter(answers)

        def meddle(asked: Asked, carry_out: Answered) -> Response:
            if asked.name == name:
                with self._lock:
                    answer = next(left, None)
                if answer is not None:
                    return answer(asked, carry_out)
            return carry_out()

        self.meddle = meddle

    def always(self, name: str, answer: Callable[[Asked, Answered], Response]) -> None:
        def meddle(asked: Asked, carry_out: Answered) -> Response:
            return answer(asked, carry_out) if asked.name == name else carry_out()

        self.meddle = meddle


def dropped(_asked: Asked, _carry_out: Answered) -> Response:
    """The connection ends; nothing was done."""
    return app._Dropped()


def lost(_asked: Asked, carry_out: Answered) -> Response:
    """Done, but the connection ends before the answer."""
    carry_out()
    return app._Dropped()


def answer(status: int, body: Any = None, **headers: str) -> Callable[[Asked, Answered], Response]:
    """That answer; nothing was done."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _asked, _carry_out: Response(content, status, named)


def refusal(status: int, message: str = "No", **headers: str) -> Callable[[Asked, Answered], Response]:
    return answer(status, {"error": {"code": status, "message": message}}, **headers)
