"""E-mail addresses: one normal form, masks for people to read, patterns to match. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

# Deliberately wider than any one system: what is odd but possible is tried, and the target has the last word.
_ASCII = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@"
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:xn--[a-z0-9-]{1,59}|[a-z]{2,63})"
)
_LOCAL = re.compile(r"[^\s@,;:<>()\[\]\\\"\x00-\x1f\x7f]{1,64}")
_LONGEST: Final = 254


def normalise(raw: str) -> str | None:
    """The one form of an address, under which a person is known and sent; None if it is no address.

    Trimmed, Unicode NFC, lower case, the domain in IDNA form (`müller@bücher.de` -> `müller@xn--bcher-kva.de`).
    """
    text = raw.strip().lower()
    if _ASCII.fullmatch(text) is not None:
        return None if len(text) > _LONGEST or ".." in text or text[0] == "." or ".@" in text else text
    if text.isascii():
        return None
    return _normalise_international(text)


def _normalise_international(text: str) -> str | None:
    import idna  # noqa: PLC0415 - few addresses need it

    # NFC after lower-casing too: lower case may decompose (the dotted capital I).
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower()).strip()
    local, at, domain = text.rpartition("@")
    if not at or _LOCAL.fullmatch(local) is None or ".." in local or local[0] == "." or local[-1] == ".":
        return None
    try:
        domain = idna.encode(domain, uts46=True, transitional=False).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return None
    if _ASCII.fullmatch(f"a@{domain}") is None:
        return None
    address = f"{local}@{domain}"
    return address if len(address) <= _LONGEST else None


def mask(address: str) -> str:
    """`a***@example.org`: enough to recognise, too little to write to."""
    local, at, domain = address.rpartition("@")
    if not at:
        return "***"
    return f"{local[:1]}***@{domain}"


class Patterns:
    """Wildcard patterns over addresses: `*` is any run of characters, `?` one; case does not count."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._exact: set[str] = set()
        wild: list[str] = []
        for pattern in patterns:
            text = unicodedata.normalize("NFC", pattern.strip()).lower()
            if not text:
                continue
            if "*" in text or "?" in text:
                wild.extend(_translate(form) for form in _domain_forms(text))
            else:
                self._exact.add(normalise(text) or text)
        self._wild = re.compile("|".join(wild), re.DOTALL) if wild else None

    def __bool__(self) -> bool:
        return bool(self._exact) or self._wild is not None

    def match(self, address: str) -> bool:
        """Whether the normalised `address` matches one of the patterns as a whole."""
        if address in self._exact:
            return True
        return self._wild is not None and self._wild.fullmatch(address) is not None


def _domain_forms(pattern: str) -> set[str]:
    """The pattern as written, and with the labels of its domain in IDNA form, but for those with wildcards."""
    local, at, domain = pattern.rpartition("@")
    if domain.isascii():
        return {pattern}
    return {pattern, f"{local}{at}{'.'.join(map(_idna_label, domain.split('.')))}"}


def _idna_label(label: str) -> str:
    if label.isascii() or "*" in label or "?" in label:
        return label
    known = normalise(f"a@{label}.de")
    return label if known is None else known[2:-3]


@lru_cache(maxsize=4096)
def _translate(pattern: str) -> str:
    first, *rest = ["".join("." if c == "?" else re.escape(c) for c in part) for part in pattern.split("*")]
    if not rest:
        return f"(?:{first})"
    # Atomic groups: the first place where a part fits is as good as any, so nothing is ever tried twice.
    middle = "".join(f"(?>.*?{part})" for part in rest[:-1] if part)
    return f"(?:{first}{middle}.*{rest[-1]})"
