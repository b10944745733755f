"""Keyed hashes, so that the ledger knows people again without knowing who they are."""

from __future__ import annotations

import os
import secrets
from hashlib import blake2b
from pathlib import Path
from typing import Final

from cleverreach_sync.state.files import private

KEY_BYTES: Final = 32
HASH_BYTES: Final = 16
_IDENT_BYTES: Final = 10


class Keys:
    """Keyed hashes of addresses and of IDs."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret

    def address(self, email: str) -> bytes:
        return blake2b(email.encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES, key=self.secret).digest()

    def ident(self, text: str) -> str:
        """The hash of a record's or an order's ID within its stream."""
        raw = text.encode("utf-8", "surrogatepass")
        return blake2b(raw, digest_size=_IDENT_BYTES, key=self.secret).hexdigest()

    @classmethod
    def load(cls, path: Path) -> Keys | None:
        """The keys of a state folder; None if the file is missing or no key."""
        try:
            text = path.read_text("ascii").strip()
            secret = bytes.fromhex(text)
        except (OSError, ValueError):
            return None
        return cls(secret) if len(secret) == KEY_BYTES else None

    @classmethod
    def fresh(cls) -> Keys:
        return cls(secrets.token_bytes(KEY_BYTES))

    def save(self, path: Path) -> None:
        private(path)
        with path.open("w", encoding="ascii") as file:
            file.write(self.secret.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
