"""What `crsync check` says about a WooCommerce shop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cleverreach_sync.domain.model import ConsentState
from cleverreach_sync.http.paging import RawRow
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources.shop import Statuses
from cleverreach_sync.sources.woocommerce.api import WooApi
from cleverreach_sync.sources.woocommerce.consent import MetaRule, mailpoet_state


def look(api: WooApi, rule: MetaRule | None, statuses: Statuses, *, mailpoet: bool) -> Iterator[Finding]:
    """One page of every stream."""
    customers = api.customers(1, meta=rule is not None)
    yield Finding(f"{customers.total} customers at {api.url}")
    orders = api.orders(1, meta=rule is not None, orderby="id")
    seen = [str(raw.get("status")) for raw in orders.rows]
    yield statuses.finding(seen, orders.total, "source.buyer_statuses")
    if mailpoet:
        yield _of_mailpoet(api)
    elif rule is None:
        yield Finding(
            "the shop is not asked who subscribed (subscribed_by: none)",
            "source.subscribed_by, or a file under consent:, says who did; nobody is a subscriber without it",
        )
    else:
        yield _of_the_key(rule, (*customers.rows, *orders.rows))


def _of_mailpoet(api: WooApi) -> Finding:
    page = api.subscribers(1)
    yes = sum(mailpoet_state(raw) is ConsentState.YES for raw in page.rows)
    return Finding(f"{page.total} subscribers in MailPoet; of the first {len(page.rows)} {yes} are subscribed")


def _of_the_key(rule: MetaRule, rows: Sequence[RawRow]) -> Finding:
    values = [rule.find(raw.get("meta_data")) for raw in rows]
    stated = [rule.consent(value) for value in values if value is not None]
    yes = sum(consent.state is ConsentState.YES for consent in stated)
    words = f"{rule.key}: of the first {len(values)} customers and orders {len(stated)} have it, {yes} of them say yes"
    if not stated:
        return Finding(words, "is that the key? WooCommerce hides keys that begin with '_' or the table prefix ('wp_')")
    hint = None if yes else "the values do not mean yes; source.subscribed_values says which do"
    return Finding(words, hint)
