"""What `crsync check` says about a Magento 2 shop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cleverreach_sync.http.paging import Page, RawRow
from cleverreach_sync.messages import Message, say
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources.magento2.api import MagentoApi, NotAuthorized
from cleverreach_sync.sources.magento2.criteria import CUSTOMER, ORDER, Filter
from cleverreach_sync.sources.magento2.stores import Stores
from cleverreach_sync.sources.shop import Statuses, states_seen

_LOOKED_AT: Final = 50


def look(api: MagentoApi, stores: Stores, statuses: Statuses) -> Iterator[Finding]:
    """The first rows of every list. Raises NotAuthorized with all that the integration may not read."""
    missing: list[NotAuthorized] = []
    limits: dict[str, list[Filter]] = {}
    try:
        limits = {CUSTOMER.path: stores.of_customers(), ORDER.path: stores.of_orders()}
    except NotAuthorized as refused:
        missing.append(refused)
    seen: dict[str, Page] = {}
    for entity in (CUSTOMER, ORDER):
        try:
            seen[entity.path] = api.first(entity, limits.get(entity.path, ()), most=_LOOKED_AT)
        except NotAuthorized as refused:
            missing.append(refused)
    if missing:
        raise NotAuthorized([name for each in missing for name in each.resources], missing[0].advice)
    customers, orders = seen[CUSTOMER.path], seen[ORDER.path]
    yield Finding(say("magento.customers_seen", "{total} customers at {url}", total=customers.total, url=api.url))
    yield _subscribed(customers)
    yield statuses.finding(
        [str(row.get("state")).lower() for row in orders.rows], orders.total, "source.buyer_states", states_seen
    )
    if (chosen := stores.known().websites) is not None:
        yield Finding(say("magento.websites", "only of the websites {codes}", codes=", ".join(sorted(chosen.values()))))


def _subscribed(customers: Page) -> Finding:
    told = [told for row in customers.rows if (told := _told(row)) is not None]
    if customers.rows and not told:
        return Finding(
            say("magento.tells_nothing", "the shop does not tell who subscribed"),
            say(
                "magento.use_consent_file",
                "Magento does since 2.3.4; update it, or give crsync a file under consent:. Nobody is a subscriber "
                "without it",
            ),
        )
    return Finding(_yes(len(told), sum(told)), _others())


def _yes(seen: int, yes: int) -> Message:
    return say(
        "magento.subscribers_seen",
        "of the first {seen} customers {yes} are subscribed to the newsletter",
        seen=seen,
        yes=yes,
    )


def _others() -> Message:
    return say(
        "magento.guests_unseen",
        "Magento shows nobody who subscribed without an account; a file under consent: can",
    )


def _told(row: RawRow) -> bool | None:
    attributes = row.get("extension_attributes")
    told = attributes.get("is_subscribed") if isinstance(attributes, dict) else None
    return None if told is None else str(told).lower() in ("true", "1")
