"""What `crsync check` says about a WooCommerce shop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cleverreach_sync.domain.model import ConsentState
from cleverreach_sync.http.paging import RawRow
from cleverreach_sync.messages import Message, say, say_many
from cleverreach_sync.progress import Finding
from cleverreach_sync.sources.shop import Statuses
from cleverreach_sync.sources.woocommerce.api import WooApi
from cleverreach_sync.sources.woocommerce.consent import MetaRule, mailpoet_state


def look(api: WooApi, rule: MetaRule | None, statuses: Statuses, *, mailpoet: bool) -> Iterator[Finding]:
    """One page of every stream."""
    customers = api.customers(1, meta=rule is not None)
    yield Finding(
        say_many(
            "woocommerce.customers_seen",
            "{number:,} customer at {url}",
            "{number:,} customers at {url}",
            customers.known,
            url=api.url,
        )
    )
    orders = api.orders(1, meta=rule is not None, orderby="id")
    seen = [str(raw.get("status")) for raw in orders.rows]
    yield statuses.finding(seen, orders.total, "source.buyer_statuses")
    if mailpoet:
        yield _of_mailpoet(api)
    elif rule is None:
        yield Finding(
            say("woocommerce.consent_not_asked", "the shop is not asked who subscribed (subscribed_by: none)"),
            say(
                "woocommerce.say_who_subscribed",
                "source.subscribed_by, or a file under consent:, says who did; nobody is a subscriber without it",
            ),
        )
    else:
        yield _of_the_key(rule, (*customers.rows, *orders.rows))


def _of_mailpoet(api: WooApi) -> Finding:
    page = api.subscribers(1)
    yes = sum(mailpoet_state(raw) is ConsentState.YES for raw in page.rows)
    return Finding(
        say_many(
            "woocommerce.subscribers_seen",
            "{number:,} subscriber in MailPoet; of the first {seen} {yes} are subscribed",
            "{number:,} subscribers in MailPoet; of the first {seen} {yes} are subscribed",
            page.known,
            seen=len(page.rows),
            yes=yes,
        )
    )


def _of_the_key(rule: MetaRule, rows: Sequence[RawRow]) -> Finding:
    values = [rule.find(raw.get("meta_data")) for raw in rows]
    stated = [rule.consent(value) for value in values if value is not None]
    yes = sum(consent.state is ConsentState.YES for consent in stated)
    words = say(
        "woocommerce.meta_key_seen",
        "{key}: of the first {seen} customers and orders {stated} have it, {yes} of them say yes",
        key=rule.key,
        seen=len(values),
        stated=len(stated),
        yes=yes,
    )
    return Finding(words, _hint(stated=bool(stated), yes=bool(yes)))


def _hint(*, stated: bool, yes: bool) -> Message | None:
    if not stated:
        return say(
            "woocommerce.no_such_meta_key",
            "is that the key? WooCommerce hides keys that begin with '_' or the table prefix ('wp_')",
        )
    if not yes:
        return say("woocommerce.no_meta_yes", "the values do not mean yes; source.subscribed_values says which do")
    return None
