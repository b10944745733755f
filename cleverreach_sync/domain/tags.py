"""Kinds of people, their special tags, and which of them are transferred. Pure, table-driven."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from cleverreach_sync.domain.address import composed
from cleverreach_sync.domain.model import ConsentState, Kind, Purchases

SUBSCRIBER, BUYER, CONTACT = Kind.SUBSCRIBER, Kind.BUYER, Kind.CONTACT
ALL_KINDS: Final = (SUBSCRIBER, BUYER, CONTACT)
ORIGIN_LENGTH: Final = 49

# (bought, subscribed) -> every kind that applies; the selection takes its part of it.
KINDS: Final[Mapping[tuple[bool, bool], frozenset[Kind]]] = {
    (False, False): frozenset({CONTACT}),
    (False, True): frozenset({SUBSCRIBER}),
    (True, False): frozenset({BUYER}),
    (True, True): frozenset({BUYER, SUBSCRIBER}),
}

_SPECIAL: Final = "Special"


def kinds_of(consent: ConsentState, purchases: Purchases | None) -> frozenset[Kind]:
    """Every kind that applies to somebody, selected or not. Unknown facts count as absent here."""
    return KINDS[purchases is not None and purchases.number > 0, consent is ConsentState.YES]


def contradicted(consent: ConsentState, purchases: Purchases | None) -> frozenset[Kind]:
    """The kinds whose tag the known facts speak against; an unknown fact takes nothing back."""
    return _CONTRADICTED[consent, None if purchases is None else purchases.number > 0]


def _contradicted(consent: ConsentState, bought: bool | None) -> frozenset[Kind]:
    wrong = set()
    if consent in (ConsentState.NO, ConsentState.OPTED_OUT):
        wrong.add(SUBSCRIBER)
    if bought is False:
        wrong.add(BUYER)
    if bought or consent is ConsentState.YES:
        wrong.add(CONTACT)
    return frozenset(wrong)


_CONTRADICTED: Final = {
    (consent, bought): _contradicted(consent, bought) for consent in ConsentState for bought in (None, False, True)
}


@lru_cache(maxsize=1024)
def tag_part(text: str) -> str:
    """One part of a tag: every run of characters other than letters of any script, digits 0-9 and `_` is one `_`."""
    kept = []
    for char in composed(text):
        keep = char == "_" or char in "0123456789" or unicodedata.category(char).startswith("L")
        if keep:
            kept.append(char)
        elif not kept or kept[-1] != "":
            kept.append("")
    return "".join(part or "_" for part in kept)


def tag(source: str, kind: str, value: str) -> str:
    """`{source}-{kind}.{value}`; the origin, before the dot, is cut to 49 characters, the value is not."""
    origin = f"{tag_part(source)}-{tag_part(kind)}"[:ORIGIN_LENGTH].rstrip("-.")
    return f"{origin}.{tag_part(value)}".lstrip("-.")


def special_tags(source: str) -> dict[Kind, str]:
    """The special tag of every kind, for a source's name."""
    return {kind: tag(source, _SPECIAL, kind.value.capitalize()) for kind in ALL_KINDS}


def fold(text: str) -> str:
    """The tag as a target may give it back that keeps ASCII letters only."""
    return "".join(char if char.isascii() else "_" for char in text)


_MOST_SETS: Final = 1024


class OwnTags:
    """A source's special tags: writes them, and recognises them among those a recipient carries."""

    def __init__(self, source: str) -> None:
        self.by_kind = special_tags(source)
        self._texts: dict[frozenset[Kind], tuple[str, ...]] = {}
        self._among: dict[frozenset[str] | tuple[str, ...], frozenset[Kind]] = {}  # the same few sets again and again
        self._kind = {text: kind for kind, text in self.by_kind.items()}
        self._kind |= {fold(text): kind for kind, text in self.by_kind.items() if not text.isascii()}

    def among(self, tags: frozenset[str] | tuple[str, ...]) -> frozenset[Kind]:
        known = self._among.get(tags)
        if known is None:
            if len(self._among) >= _MOST_SETS:
                self._among.clear()
            known = self._among[tags] = frozenset([self._kind[text] for text in tags if text in self._kind])
        return known

    def texts(self, kinds: frozenset[Kind]) -> tuple[str, ...]:
        """The tags of some kinds, always in the same order."""
        known = self._texts.get(kinds)
        if known is None:
            known = self._texts[kinds] = tuple(self.by_kind[kind] for kind in ALL_KINDS if kind in kinds)
        return known
