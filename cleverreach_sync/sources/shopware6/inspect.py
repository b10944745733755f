"""What `crsync check` says about a Shopware 6 shop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from cleverreach_sync.http.paging import Page, RawRow
from cleverreach_sync.messages import Message, say, say_many
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources.shop import Statuses, states_seen
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
    customers, recipients = seen[CUSTOMER.path].known, seen[RECIPIENT.path]
    yield Finding(_customers(customers, api.url, version))
    orders = seen[ORDER.path]
    yield statuses.finding(list(map(_state, orders.rows)), orders.total, "source.buyer_states", states_seen)
    yield Finding(_recipients(recipients))
    if (chosen := channels.chosen()) is not None:
        names = ", ".join(sorted(chosen.values()))
        yield Finding(say("shopware.channels", "only of the sales channels {names}", names=names))


def _customers(total: int, url: str, version: str) -> Message:
    if not version:
        return say_many(
            "shopware.customers_seen_of_unknown",
            "{number:,} customer, guests included, at {url} (Shopware of unknown version)",
            "{number:,} customers, guests included, at {url} (Shopware of unknown version)",
            total,
            url=url,
        )
    return say_many(
        "shopware.customers_seen",
        "{number:,} customer, guests included, at {url} (Shopware {version})",
        "{number:,} customers, guests included, at {url} (Shopware {version})",
        total,
        url=url,
        version=version,
    )


def _recipients(page: Page) -> Message:
    listed = ", ".join(f"{count} {name}" for name, count in sorted(_statuses(page).items()))
    if not listed:
        return say("shopware.recipients_seen", "{total} newsletter recipients", total=page.total)
    return say(
        "shopware.recipients_with_statuses",
        "{total} newsletter recipients; of the first ones {statuses}",
        total=page.total,
        statuses=listed,
    )


def _statuses(page: Page) -> Counter[str]:
    return Counter(str(row.get("status")) for row in page.rows)


def _state(row: RawRow) -> str:
    state = row.get("stateMachineState")
    return str(state.get("technicalName")).lower() if isinstance(state, dict) else ""
