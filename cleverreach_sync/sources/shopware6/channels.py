"""Which sales channels of a Shopware 6 shop are read."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from cleverreach_sync.http.paging import RawRow
from cleverreach_sync.messages import say
from cleverreach_sync.sources.shop import NotOne, allowed
from cleverreach_sync.sources.shopware6.api import ShopwareApi
from cleverreach_sync.sources.shopware6.criteria import SALES_CHANNEL, Filter, of_channels
from cleverreach_sync.sources.shopware6.rows import name_of

_NOT_ONE: Final = NotOne(
    none=lambda name: say(
        "shopware.no_channel", "source.sales_channels: {name!r} is not a sales channel of the shop", name=name
    ),
    several=lambda name: say(
        "shopware.several_channels",
        "source.sales_channels: {name!r} is the name of several sales channels",
        name=name,
    ),
)


class SalesChannels:
    """Those of the config, looked up once. `wanted` are names or IDs, None for all."""

    def __init__(self, api: ShopwareApi, wanted: Sequence[str] | None) -> None:
        self._api = api
        self._wanted = wanted
        self._chosen: Mapping[str, str] | None = None
        self._lock = threading.Lock()

    def chosen(self) -> Mapping[str, str] | None:
        """Their names by ID; None if all are read. Raises UsageError for a name that none or several have."""
        if self._wanted is None or self._chosen is not None:
            return self._chosen
        with self._lock:
            if self._chosen is None:
                there = [(row["id"], name_of(row)) for row in self._all()]
                self._chosen = allowed(self._wanted, there, _NOT_ONE)
            return self._chosen

    def filters(self) -> list[Filter]:
        """What keeps a search to them."""
        chosen = self.chosen()
        return [] if chosen is None else [of_channels(sorted(chosen))]

    def _all(self) -> Iterator[RawRow]:
        page = self._api.first(SALES_CHANNEL, (), ("id",), counted=True)
        size, number = len(page.rows), 1
        yield from page.rows
        while not page.last:
            number += 1
            page = self._api.numbered(SALES_CHANNEL, (), number, size)
            yield from page.rows
