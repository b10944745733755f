"""Keeps secrets and addresses out of everything that is shown or logged."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_ADDRESS: Final = re.compile(
    r"([^\s@\"'<>(),;:=/\\\[\]]?)[^\s@\"'<>(),;:=/\\\[\]]*@([^\s@\"'<>(),;:/\\\[\]]+\.[^\s@\"'<>(),;:/\\\[\]]+)"
)
_LONGEST: Final = 200


class Redaction:
    """Replaces known secrets by `***` and masks e-mail addresses."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        if len(secret) > 2:
            self._secrets = self._secrets | {secret}  # a new set: others may be going through the old one

    def __call__(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return _ADDRESS.sub(r"\1***@\2", text)

    def excerpt(self, text: str) -> str:
        """The beginning of a foreign text on one line."""
        line = " ".join(self(text).split())
        return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
