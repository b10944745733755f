"""The websites and store views of a Magento 2 shop, and which of them are read."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from cleverreach_sync.http.foreign import whole
from cleverreach_sync.messages import say
from cleverreach_sync.sources.magento2.api import MagentoApi
from cleverreach_sync.sources.magento2.criteria import Filter
from cleverreach_sync.sources.shop import NotOne, allowed

_NOWHERE: Final = "0"  # the administration, where nobody buys
_NOT_ONE: Final = NotOne(
    none=lambda name: say("magento.no_website", "source.websites: {name!r} is not a website of the shop", name=name),
    several=lambda name: say(
        "magento.several_websites", "source.websites: {name!r} is the code of several websites", name=name
    ),
)


class Known(NamedTuple):
    """What there is: languages by ID of the store view, the codes of the chosen websites by ID (None: all), and the
    store views of these."""

    languages: Mapping[int, str]
    websites: Mapping[int, str] | None
    views: Sequence[int]


class Stores:
    """Looked up once. `wanted` are codes or IDs of websites, None for all."""

    def __init__(self, api: MagentoApi, wanted: Sequence[str] | None) -> None:
        self._api = api
        self._wanted = wanted
        self._known: Known | None = None
        self._lock = threading.Lock()

    def known(self) -> Known:
        """Raises UsageError for a website that there is not, NotAuthorized."""
        with self._lock:
            if self._known is None:
                self._known = self._looked_up()
            return self._known

    def language(self, view: object) -> str:
        """The language of a store view, "" for one that is unknown."""
        ident = whole(view)
        return "" if ident is None else self.known().languages.get(ident, "")

    def is_read(self, website: object) -> bool:
        """Whether the customers of a website are read."""
        chosen = self.known().websites
        return chosen is None or whole(website) in chosen

    def of_customers(self) -> list[Filter]:
        """What keeps a search for customers to the chosen websites."""
        chosen = self.known().websites
        return [] if chosen is None else [Filter("website_id", "in", ",".join(map(str, sorted(chosen))))]

    def of_orders(self) -> list[Filter]:
        """An order is of the website of its store view."""
        known = self.known()
        if known.websites is None:
            return []
        return [Filter("store_id", "in", ",".join(map(str, sorted(known.views))) or _NOWHERE)]

    def _looked_up(self) -> Known:
        configs = self._api.settings_of("store/storeConfigs")
        languages = {
            ident: text.replace("_", "-")
            for row in configs
            if (ident := whole(row["id"])) is not None and isinstance(text := row.get("locale"), str)
        }
        if self._wanted is None:
            return Known(languages, None, ())
        rows = [(whole(row["id"]), row.get("code")) for row in self._api.settings_of("store/websites")]
        there = [(str(ident), str(code)) for ident, code in rows if ident]  # 0 is the administration
        chosen = {int(ident): code for ident, code in allowed(self._wanted, there, _NOT_ONE).items()}
        views = [
            ident
            for row in configs
            if whole(row.get("website_id")) in chosen and (ident := whole(row["id"])) is not None
        ]
        return Known(languages, chosen, views)
