"""Order origins (referrers) of plentymarkets: which of them permit that their customers are transferred. Pure.

Facts: an ID is a number with two decimals, `2.01` is a platform of `2.00` (eBay), 4.x is Amazon, 0 is an order typed in
by hand, 1 the system's own shop. The list (`GET /rest/orders/referrers`) has `id`, `backendName`, `name`, `origin`,
`isEditable`; nothing in it says that an origin is a marketplace.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

_OWN: Final = frozenset({"0", "1"})  # typed in by hand, the system's own shop
_EBAY_AND_AMAZON: Final = frozenset({"2", "4"})
_KNOWN: Final = (
    *("ebay", "amazon", "otto", "kaufland", "hitmeister", "real.de", "rakuten", "zalando", "cdiscount", "fruugo"),
    *(
        "hood.de",
        "yatego",
        "allyouneed",
        "dawanda",
        "etsy",
        "mercateo",
        "crowdfox",
        "check24",
        "la redoute",
        "laredoute",
    ),
    *("fnac", "neckermann", "limango", "bol.com", "wayfair", "manomano", "conrad", "decathlon", "galaxus", "digitec"),
    *("voelkner", "home24", "moebel.de", "mediamarkt", "saturn", "temu", "tiktok", "aliexpress", "shein"),
    *(
        "backmarket",
        "back market",
        "leroy merlin",
        "leroymerlin",
        "about you",
        "aboutyou",
        "klingel",
        "douglas",
        "ricardo",
    ),
    *("rue du commerce", "rueducommerce", "allegro", "emag", "walmart", "worten", "pixmania", "playcom"),
    *("metro", "baur", "bonprix", "lidl", "hornbach", "gartenxxl", "mirakl"),
)
_MARKETPLACE: Final = re.compile(
    # Between letters only, so that `OTTO_DE` and `Galaxus2` are found, and Lotto is not.
    rf"(?<![^\W\d_])(?:{'|'.join(map(re.escape, _KNOWN))})(?![^\W\d_])|market[\s_-]*place|markt[\s_-]*platz",
    re.IGNORECASE,
)
_HIGHEST: Final = 10**9
_RELAYS: Final = re.compile(r"@(?:[a-z0-9-]+\.)*(?:marketplace\.amazon\.[a-z.]+|members\.ebay\.[a-z.]+)$")


class Origin(NamedTuple):
    """One order origin. `id` has two decimals. `brought`: by a plug-in, not by the merchant or the system."""

    id: str
    name: str
    brought: bool

    @property
    def is_marketplace(self) -> bool:
        """Whether it is one, or may be one: whatever a plug-in brought is a channel of somebody else."""
        main = self.id.partition(".")[0]
        if main in _EBAY_AND_AMAZON:
            return True
        return main not in _OWN and (self.brought or _MARKETPLACE.search(self.name) is not None)


class Origins:
    """Which origins permit a transfer. `named` are those of the config, None for the default: all but marketplaces.
    `listed` is what the system lists, None if it does not show it."""

    def __init__(self, named: Collection[str] | None, listed: Iterable[Mapping[str, Any]] | None) -> None:
        self._named = None if named is None else frozenset(named)
        self.listed = None if listed is None else sorted(_read(listed), key=lambda origin: Decimal(origin.id))
        self._known = {origin.id: origin for origin in self.listed or ()}

    def permits(self, ident: object) -> bool:
        """Whether customers of an origin may be transferred; no origin at all forbids nothing. One that is not listed
        is somebody else's until it is named."""
        number = origin_id(ident)
        if number is None:
            return True
        if self._named is not None:
            return number in self._named
        known = self._known.get(number)
        return number.partition(".")[0] in _OWN if known is None else not known.is_marketplace

    @property
    def unknown(self) -> list[str]:
        """IDs that the config names and the system does not list."""
        return sorted((self._named or frozenset()) - set(self._known)) if self.listed is not None else []


def origin_id(value: object) -> str | None:
    """`2.01` of a number or its text; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = Decimal(str(value).strip())
        return f"{number:.2f}" if number.is_finite() and 0 <= number < _HIGHEST else None
    except InvalidOperation:
        return None


def is_relay(email: str) -> bool:
    """Whether an address is a marketplace's, which passes mail on to a buyer."""
    return _RELAYS.search(email) is not None


def _read(listed: Iterable[Mapping[str, Any]]) -> Iterable[Origin]:
    for raw in listed:
        number = origin_id(raw.get("id"))
        if number is not None:
            names = [text.strip() for key in ("backendName", "name") if isinstance(text := raw.get(key), str)]
            brought = "plugin" in str(raw.get("origin") or "").lower().replace("-", "")
            yield Origin(number, " / ".join(dict.fromkeys(filter(None, names))), brought)
