"""E-mail addresses: one normal form, masks for people to read, patterns to match. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

# Deliberately wider than any one system: what is odd but possible is tried, and the target has the last word.
_ASCII = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@"
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:xn--[a-z0-9-]{1,59}|[a-z]{2,63})"
)
# U+FFFD stands where a letter was lost: who is meant is not known.
_LOCAL = re.compile(r"[^\s@,;:<>()\[\]\\\"\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd]{1,64}")
_BRACKETED = re.compile(r"(?P<name>(?:\"(?:[^\"\\]|\\.)*\"|[^\"<>])*)<(?P<address>[^<>]*)>", re.DOTALL)
_QUOTED_NAME = re.compile(r"\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_MAILTO: Final = "mailto:"
_PUNYCODE: Final = "xn--"
_OTHER_AT: Final = str.maketrans({"\uff20": "@", "\ufe6b": "@"})  # fullwidth and small
_LONGEST: Final = 254
_ALIKE: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}  # noqa: RUF001
)
_LONGEST_WRITTEN: Final = 2000  # with a name, or as a link
_WILD: Final = frozenset("*?@")
_LONGEST_COMPOSED: Final = 4000  # characters
PLACEHOLDERS: Final = ".invalid"  # RFC 2606: nobody can ever have an address there; shops put it where they erased one
WITHOUT_ADDRESS: Final = f"none@without-address{PLACEHOLDERS}"  # of a record that has none any more, though not erased


def normalise(raw: str) -> str | None:
    """The one form of an address, under which a person is known and sent; None if it is no address.

    Trimmed, without format characters (zero-width and the like), Unicode NFC, lower case, the domain in IDNA form
    (`müller@bücher.de` -> `müller@xn--bcher-kva.de`). It may be written as `Name <address>`, as a `mailto:` link, with
    a dot at its end, in quotation marks, or with the apostrophe that a spreadsheet puts before a cell.
    """
    written = raw.strip()
    if len(written) > _LONGEST_WRITTEN:
        return None
    text = written.lower()
    if _ASCII.fullmatch(text) is not None and text[0] not in ".'":
        return None if len(text) > _LONGEST or ".." in text or ".@" in text else text
    return _normalise_written(written)


def composed(text: str) -> str:
    """Unicode NFC, but of what is endless: to put a hundred thousand accents in order takes half a minute."""
    return unicodedata.normalize("NFC", text) if len(text) <= _LONGEST_COMPOSED else text


def tidy(raw: str) -> str:
    """Trimmed, without format characters, Unicode NFC, lower case: what an address and a pattern have in common."""
    return _lower(_cleaned(raw))


def _cleaned(raw: str) -> str:
    text = raw.strip()
    if text.isascii():
        return text
    return composed("".join(c for c in text if unicodedata.category(c) != "Cf")).strip()


def _lower(text: str) -> str:
    # NFC after lower-casing too: lower case may decompose (the dotted capital I).
    return text.lower() if text.isascii() else composed(text.lower()).strip()


def _normalise_written(written: str) -> str | None:
    bare = _bare(_cleaned(written))
    if bare is None:
        return None
    local, at, domain = _lower(_cleaned(bare)).rpartition("@")
    if not at or _LOCAL.fullmatch(local) is None or ".." in local or local[0] in ".'" or local[-1] == ".":
        return None
    known = _ascii_domain(domain)
    if known is None or _ASCII.fullmatch(f"a@{known}") is None:
        return None
    address = f"{local}@{known}"
    return address if len(address) <= _LONGEST else None


def _bare(text: str) -> str | None:
    """The address itself out of what is written around it; None where more than one may be meant."""
    if text.endswith(">"):
        found = _BRACKETED.fullmatch(text)
        if found is None:
            return None
        name = _QUOTED_NAME.sub("", found["name"])
        if "@" in name and ("," in name or ";" in name):
            return None
        text = found["address"].strip()
    text = _unquoted(text)
    if text[: len(_MAILTO)].lower() == _MAILTO:
        try:
            text = unquote(text[len(_MAILTO) :].partition("?")[0], errors="strict")
        except UnicodeDecodeError:
            return None
        text = _unquoted(_cleaned(text))
    return text if "@" in text else text.translate(_OTHER_AT)


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    # No address ends with an apostrophe; where one begins with it, a spreadsheet or a quotation is likelier.
    return text.strip("'").strip()


def _ascii_domain(domain: str) -> str | None:
    """The domain in IDNA form, without the dot at its end."""
    if not domain.isascii():
        import idna  # noqa: PLC0415 - few addresses need it

        try:
            domain = idna.encode(domain, uts46=True, transitional=False).decode("ascii").lower()
        except (idna.IDNAError, UnicodeError):
            return None
    return domain.removesuffix(".")


def folded(address: str) -> str:
    """What a list compares that takes accented letters for plain ones: `jörg@` and `jorg@` are alike there."""
    if address.isascii() or len(address) > _LONGEST_COMPOSED:
        return address.lower()
    parted = unicodedata.normalize("NFKD", address.casefold()).translate(_ALIKE)
    return "".join(char for char in parted if not unicodedata.combining(char))


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
        self._domains: set[str] = set()  # of `*@domain`, of which a blacklist may have thousands
        wild: list[str] = []
        spelled: list[str] = []
        for pattern in patterns:
            text = tidy(pattern)
            if not text:
                continue
            if "*" in text or "?" in text:
                text = text.removesuffix(".")
                for form in _domain_forms(text):
                    if form.startswith("*@") and not _WILD.intersection(form[2:]):
                        self._domains.add(form[2:])
                    else:
                        wild.append(_translate(form))
                if not text.rpartition("@")[2].isascii():
                    spelled.append(_translate(text))  # `*@büch*.de`: the IDNA form has another beginning
            else:
                self._exact.add(normalise(text) or text)
        self._wild = re.compile("|".join(wild), re.DOTALL) if wild else None
        self._spelled = re.compile("|".join(spelled), re.DOTALL) if spelled else None

    def __bool__(self) -> bool:
        return bool(self._exact or self._domains) or self._wild is not None

    def match(self, address: str) -> bool:
        """Whether the normalised `address` matches one of the patterns as a whole."""
        if address in self._exact or address.rpartition("@")[2] in self._domains:
            return True
        if self._wild is not None and self._wild.fullmatch(address) is not None:
            return True
        if self._spelled is None or _PUNYCODE not in address:
            return False
        return self._spelled.fullmatch(_spelled_out(address)) is not None


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


def _spelled_out(address: str) -> str:
    """The address with its domain in the letters that people write."""
    import idna  # noqa: PLC0415 - few addresses need it

    local, at, domain = address.rpartition("@")
    try:
        return f"{local}{at}{idna.decode(domain)}"
    except (idna.IDNAError, UnicodeError):
        return address


@lru_cache(maxsize=4096)
def _translate(pattern: str) -> str:
    first, *rest = ["".join("." if c == "?" else re.escape(c) for c in part) for part in pattern.split("*")]
    if not rest:
        return f"(?:{first})"
    # Atomic groups: the first place where a part fits is as good as any, so nothing is ever tried twice.
    middle = "".join(f"(?>.*?{part})" for part in rest[:-1] if part)
    return f"(?:{first}{middle}.*{rest[-1]})"
