"""What `crsync check` says about a Shopware 5 shop."""

from __future__ import annotations

from collections.abc import Iterator

from cleverreach_sync.messages import Message, say
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources.shop import Statuses
from cleverreach_sync.sources.shopware5.api import Shopware5Api
from cleverreach_sync.sources.shopware5.lists import ShopList


def look(api: Shopware5Api, customers: ShopList, orders: ShopList, statuses: Statuses) -> Iterator[Finding]:
    """The first rows of every list, the first customer alone, and what the API cannot tell."""
    seen = customers.first()
    yield Finding(_customers(seen.total, api.url, api.version()))
    bought = orders.first()
    yield statuses.finding([str(row["orderStatusId"]) for row in bought.rows], bought.total, "source.buyer_statuses")
    yield Finding(
        say("shopware5.consent_not_told", "the API of Shopware 5 does not say who subscribed to the newsletter"),
        say(
            "shopware5.say_who_subscribed",
            "export the recipients (Marketing > Newsletter) and name the file under consent:; nobody is a subscriber "
            "without it",
        ),
    )


def _customers(total: int | None, url: str, version: str) -> Message:
    if not version:
        return say(
            "shopware5.customers_seen_of_unknown",
            "{total} customers, guests included, at {url} (Shopware of unknown version)",
            total=total,
            url=url,
        )
    return say(
        "shopware5.customers_seen",
        "{total} customers, guests included, at {url} (Shopware {version})",
        total=total,
        url=url,
        version=version,
    )
