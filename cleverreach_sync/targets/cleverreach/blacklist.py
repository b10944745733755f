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
    if "*" in text or "?" in text:
        return [text, *_without_suffix(text)]
    address = normalise(text)
    if address is not None:
        return [address]
    return [known for form in _without_suffix(text) if (known := normalise(form)) is not None] or [text]


def _without_suffix(text: str) -> list[str]:
    """What stands before `-<Integration>`: the last label of a domain has no hyphen, so the first one there begins the
    suffix (in a Punycode label the first one after its prefix)."""
    local, at, domain = text.rpartition("@")
    if not at:
        return []
    # An integration's name may hold a dot or a blank; a top-level domain does not, so every hyphen is tried.
    forms = []
    start = 0
    while (hyphen := domain.find("-", start)) >= 0:
        head = domain[:hyphen]
        label = head.rpartition(".")[2]
        start = hyphen + 1
        if "." in head and not (label == "xn" or label == _PUNYCODE[:-1]):
            forms.append(f"{local}@{head}")
    return forms
