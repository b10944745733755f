"""Which sales channels of a Shopware 6 shop are read."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence

from cleverreach_sync.errors import UsageError
from cleverreach_sync.http.paging import RawRow
from cleverreach_sync.sources.shopware6.api import ShopwareApi
from cleverreach_sync.sources.shopware6.criteria import SALES_CHANNEL, Filter, of_channels
from cleverreach_sync.sources.shopware6.rows import name_of


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
                self._chosen = _named(self._wanted, list(self._all()))
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


def _named(wanted: Sequence[str], rows: Sequence[RawRow]) -> dict[str, str]:
    chosen = {}
    for word in wanted:
        ident = word.lower().replace("-", "")
        found = [row for row in rows if row["id"] == ident] or [row for row in rows if name_of(row) == word]
        found = found or [row for row in rows if name_of(row).casefold() == word.casefold()]
        if len(found) != 1:
            names = ", ".join(sorted(f"{name_of(row)} ({row['id']})" for row in found or rows))
            what = "is the name of several sales channels" if found else "is not a sales channel of the shop"
            raise UsageError(f"source.sales_channels: {word!r} {what}", hint=f"there are: {names}")
        chosen[found[0]["id"]] = name_of(found[0])
    return chosen
