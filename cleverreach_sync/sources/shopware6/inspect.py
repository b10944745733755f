"""What `crsync check` says about a Shopware 6 shop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from cleverreach_sync.http.paging import Page, RawRow
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources.shopware6.api import MissingPrivileges, ShopwareApi
from cleverreach_sync.sources.shopware6.channels import SalesChannels
from cleverreach_sync.sources.shopware6.criteria import CUSTOMER, ORDER, RECIPIENT, Filter
from cleverreach_sync.sources.shopware6.rows import States

_LOOKED_AT: Final = 50


def look(api: ShopwareApi, channels: SalesChannels, states: States) -> Iterator[Finding]:
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
    yield _of_orders(seen[ORDER.path], states)
    words = ", ".join(f"{count} {name}" for name, count in sorted(_statuses(recipients).items()))
    yield Finding(f"{recipients.total} newsletter recipients{f'; of the first ones {words}' if words else ''}")
    if (chosen := channels.chosen()) is not None:
        yield Finding(f"only of the sales channels {', '.join(sorted(chosen.values()))}")


def _of_orders(page: Page, states: States) -> Finding:
    found = Counter(_state(row) for row in page.rows)
    counting = sum(count for state, count in found.items() if states.count(state))
    others = sorted(state for state in found if not states.count(state))
    words = f"{page.total} orders; of the first {len(page.rows)} {counting} make somebody a buyer"
    hint = f"the states seen are {', '.join(others)}; source.buyer_states says which count"
    return Finding(words, hint if page.rows and not counting else None)


def _statuses(page: Page) -> Counter[str]:
    return Counter(str(row.get("status")) for row in page.rows)


def _state(row: RawRow) -> str:
    state = row.get("stateMachineState")
    return str(state.get("technicalName")) if isinstance(state, dict) else ""
