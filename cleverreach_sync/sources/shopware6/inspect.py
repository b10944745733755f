"""What `crsync check` says about a Shopware 6 shop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from cleverreach_sync.http.paging import Page, RawRow
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources.shop import Statuses
from cleverreach_sync.sources.shopware6.api import MissingPrivileges, ShopwareApi
from cleverreach_sync.sources.shopware6.channels import SalesChannels
from cleverreach_sync.sources.shopware6.criteria import CUSTOMER, ORDER, RECIPIENT, Filter

_LOOKED_AT: Final = 50


def look(api: ShopwareApi, channels: SalesChannels, statuses: Statuses) -> Iterator[Finding]:
    """The first rows of every list. Raises MissingPrivileges with all that the integration may not read."""
    missing: list[str] = []
    seen: dict[str, Page] = {}
    limits: list[Filter] = []
    try:
        limits = channels.filters()
    except MissingPrivileges as refused:
        missing += refused.names
    api.limit = _LOOKED_AT
    for entity in (CUSTOMER, ORDER, RECIPIENT):
        try:
            seen[entity.path] = api.first(entity, limits, (entity.key,), counted=True)
        except MissingPrivileges as refused:
            missing += refused.names or (f"{entity.path}:read",)
    if missing:
        raise MissingPrivileges(missing)
    version = api.version()
    customers, recipients = seen[CUSTOMER.path].total, seen[RECIPIENT.path]
    yield Finding(f"{customers} customers, guests included, at {api.url} (Shopware {version or 'of unknown version'})")
    orders = seen[ORDER.path]
    yield statuses.finding(list(map(_state, orders.rows)), orders.total, "source.buyer_states", "states")
    words = ", ".join(f"{count} {name}" for name, count in sorted(_statuses(recipients).items()))
    yield Finding(f"{recipients.total} newsletter recipients{f'; of the first ones {words}' if words else ''}")
    if (chosen := channels.chosen()) is not None:
        yield Finding(f"only of the sales channels {', '.join(sorted(chosen.values()))}")


def _statuses(page: Page) -> Counter[str]:
    return Counter(str(row.get("status")) for row in page.rows)


def _state(row: RawRow) -> str:
    state = row.get("stateMachineState")
    return str(state.get("technicalName")).lower() if isinstance(state, dict) else ""
