"""What is kept of the data fields instead of their values: one short fingerprint for each field. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Final, NamedTuple

import orjson


class Packed(NamedTuple):
    """Data fields made ready to be sent: the filled ones as a JSON object, and their fingerprint."""

    json: bytes
    fingerprint: bytes

    def values(self) -> dict[str, str]:
        found: dict[str, str] = orjson.loads(self.json)
        return found


_NAME: Final = 3
_VALUE: Final = 5
_PIECE: Final = _NAME + _VALUE
_CACHE_SIZE: Final = 16384
_SELDOM: Final = 2048  # values of one field in a full cache: more, and they hardly ever come again


class Fingerprints:
    """Keyed hashes of data fields, one piece of 8 bytes a field, so that two fingerprints can be compared field by
    field without anybody reading a value out of them."""

    def __init__(self, key: bytes) -> None:
        self._salt, self._person = key[:16], key[16:32]
        self._names: dict[str, bytes] = {}
        self._pieces: dict[tuple[str, str], bytes] = {}
        self._begun: dict[str, tuple[bytes, Callable[[], blake2b]]] = {}  # copies of hashes that have taken in a name
        self._seldom: frozenset[str] = frozenset()

    def _name(self, name: str) -> bytes:
        known = self._names.get(name)
        if known is None:
            known = blake2b(name.encode(), digest_size=_NAME, salt=self._salt, person=self._person).digest()
            begun = blake2b(known, digest_size=_VALUE, salt=self._salt, person=self._person)
            self._begun[name] = known, begun.copy
            self._names[name] = known
        return known

    def piece(self, name: str, value: str) -> bytes:
        return self._pieces.get((name, value)) or self._hash((name, value))

    def _hash(self, field: tuple[str, str]) -> bytes:
        name, value = field
        self._name(name)
        head, begin = self._begun[name]
        hashed = begin()
        hashed.update(value.encode())
        piece = head + hashed.digest()
        if name not in self._seldom:
            self._keep(field, piece)
        return piece

    def _keep(self, field: tuple[str, str], piece: bytes) -> None:
        """Most values of some fields come again and again; those of others are not worth their place."""
        pieces = self._pieces
        if len(pieces) >= _CACHE_SIZE:
            often = Counter(name for name, _ in list(pieces))
            self._seldom |= {name for name, number in often.items() if number > _SELDOM}
            pieces.clear()
        pieces[field] = piece

    def of(self, values: Mapping[str, str]) -> bytes:
        known, seldom, begun = self._pieces.get, self._seldom, self._begun
        pieces: list[bytes] = []
        for field in values.items():
            if field[0] in seldom:  # as `_hash` does it, without the calls
                head, begin = begun[field[0]]
                hashed = begin()
                hashed.update(field[1].encode())
                pieces += (head, hashed.digest())
            else:
                pieces.append(known(field) or self._hash(field))
        return b"".join(pieces)

    def outgoing(self, values: Mapping[str, str], confirmed: bytes) -> dict[str, str]:
        """The values to send: the filled ones, and `""` where a value that was sent became empty in the shop."""
        if "" not in values.values():
            return dict(values)
        had = split(confirmed)
        return {name: value for name, value in values.items() if value or self._clears(name, had)}

    def _clears(self, name: str, had: Mapping[bytes, bytes]) -> bool:
        return self._name(name) in had

    def changed(self, values: Mapping[str, str], confirmed: bytes) -> bool:
        """Whether sending `values` would change anything that `confirmed` does not have already."""
        new = self.of(values)
        if new == confirmed:
            return False
        had = split(confirmed)
        return any(had.get(name) != value for name, value in split(new).items())

    def joined(self, values: Mapping[str, str], confirmed: bytes) -> bytes:
        """The fingerprint after `values` were confirmed: theirs, and what was sent before of other fields."""
        new = self.of(values)
        if not confirmed or new == confirmed:
            return new
        had = split(confirmed)
        had.update(split(new))
        return b"".join(name + value for name, value in had.items())


def split(fingerprint: bytes) -> dict[bytes, bytes]:
    """A fingerprint's pieces: hash of the name -> hash of the value."""
    return {
        fingerprint[at : at + _NAME]: fingerprint[at + _NAME : at + _PIECE] for at in range(0, len(fingerprint), _PIECE)
    }


def unknown_values(fingerprint: bytes) -> bytes:
    """A fingerprint of the same fields, with values that nothing has: they are sent again, or cleared."""
    return b"".join(name + bytes(_VALUE) for name in split(fingerprint))
