"""What an entry of the account's blacklist blocks.

Besides addresses and patterns (`*@domain.de`) there are entries that the official shop plug-ins leave when somebody
unsubscribes in the shop: `<address>-<Integration>`. Those plug-ins read them back wrongly and forget the person; here
the address in front of the suffix is blocked.
"""

from __future__ import annotations

from typing import Final

from cleverreach_sync.address import normalise

_PUNYCODE: Final = "xn--"


def blocked_forms(entry: str) -> list[str]:
    """The normalised addresses or patterns that an entry blocks."""
    text = entry.strip().lower()
    if not text:
        return []
    bare = _without_suffix(text)
    if "*" in text or "?" in text:
        return [text] if bare is None else [text, bare]
    return [normalise(text) or (bare and normalise(bare)) or text]


def _without_suffix(text: str) -> str | None:
    """What stands before `-<Integration>`: a top-level domain has no hyphen (but for the Punycode prefix), so the first
    one in the last label begins the suffix."""
    local, at, domain = text.rpartition("@")
    head, dot, label = domain.rpartition(".")
    hyphen = label.find("-", len(_PUNYCODE) if label.startswith(_PUNYCODE) else 0)
    if not at or not dot or hyphen <= 0:
        return None
    return f"{local}@{head}.{label[:hyphen]}"
