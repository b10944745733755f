"""What an entry of the account's blacklist blocks.

Besides addresses and patterns (`*@domain.de`) there are entries that the official shop plug-ins leave when somebody
unsubscribes in the shop: `<address>-<Integration>`. Those plug-ins read them back wrongly and forget the person; here
the address in front of the suffix is blocked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cleverreach_sync.domain.address import normalise, tidy

_LONGEST: Final = 1000  # characters; no address is that long
_PUNYCODE: Final = "xn--"


def is_note(entry: str) -> bool:
    """Whether an entry is but a note of a plug-in: CleverReach itself goes on to mail whom it names."""
    text = tidy(entry)
    return "*" not in text and "?" not in text and normalise(text) is None


def blocked_forms(entry: str) -> list[str]:
    """The normalised addresses or patterns that an entry blocks."""
    text = tidy(entry)
    if not text or len(text) > _LONGEST:
        return []
    if "*" in text or "?" in text:
        return [text, *next(_without_suffix(text), [])]
    forms = {known for known in (normalise(text),) if known is not None}
    if not forms or "-" in text.rpartition(".")[2]:
        forms.update(_blocked_before_suffix(text))
    return sorted(forms) or [text]


def _blocked_before_suffix(text: str) -> list[str]:
    """The addresses that may stand in front of the suffix; the suffix may have dots of its own."""
    for fronts in _without_suffix(text):
        known = [address for address in map(normalise, fronts) if address is not None]
        if known:
            return known
    return []


def _without_suffix(text: str) -> Iterator[list[str]]:
    """What may stand before `-<Integration>`, if the suffix begins in the last label, or in the one before, and so on.
    A top-level domain has no hyphen, so the first one begins the suffix; in Punycode each of them may."""
    local, at, domain = text.rpartition("@")
    labels = domain.split(".")
    for number in range(len(labels) - 1, 0, -1) if at else ():
        label, head = labels[number], f"{local}@{'.'.join(labels[:number])}"
        if label.startswith(_PUNYCODE):
            hyphens = [place for place, char in enumerate(label) if char == "-" and place >= len(_PUNYCODE)]
        else:
            hyphens = [label.find("-")]
        yield [f"{head}.{label[:place]}" for place in hyphens if place > 0]
