"""How the sandbox says no."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any


class Refused(Exception):
    """A call is answered with `{"error": {"code", "message"}}`; the message is `<HTTP reason>: <detail>`."""

    def __init__(self, code: int, detail: str = "") -> None:
        reason = HTTPStatus(code).phrase
        self.code = code
        self.message = f"{reason}: {detail}" if detail else reason
        super().__init__(self.message)

    @property
    def body(self) -> dict[str, Any]:
        return {"error": {"code": self.code, "message": self.message}}


class OAuthRefused(Exception):
    """The token endpoint is not below `/v3` and has its own shape: `{"error": "text", "error_description": "text"}`."""

    def __init__(self, status: int, error: str, description: str) -> None:
        self.status = status
        self.body = {"error": error, "error_description": description}
        super().__init__(description)
