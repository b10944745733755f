"""Corner: customers page by page, orders by their number and then by their changes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cleverreach_sync.domain.model import ConsentState, Signal
from cleverreach_sync.errors import AuthError, UsageError
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.context import HttpContext
from cleverreach_sync.http.paging import Listing, Page
from cleverreach_sync.http.shop import TIMEOUT, ShopApi
from cleverreach_sync.http.tokens import FixedToken
from cleverreach_sync.messages import say
from cleverreach_sync.sources import records
from cleverreach_sync.sources.interface import Stream
from cleverreach_sync.sources.mapping import ConsentWords, OrderValues, RowMap
from cleverreach_sync.sources.shop import JsonLists, Refusal, ShopSource, ShopStream, Statuses, explain
from cleverreach_sync.sources.values import utc_text
from cleverreach_sync.sources.walks import ByKey, ByNumber, Cursor, InFull, Stopped, ThenChanges
from tests.shops.corner.settings import CornerSettings

PER_PAGE: Final = 100
CUSTOMERS: Final = RowMap(
    what=records.customer,
    fields={"first_name": "given", "last_name": "family", "city": "address.town", "company": "address.firm"},
    created="made",
    changed="touched",
    consent=ConsentWords(
        "news",
        {"yes": ConsentState.YES, "asked": ConsentState.NO, "no": ConsentState.NO, "left": ConsentState.OPTED_OUT},
        at="news_at",
    ),
)
CHECK: Final = say("corner.check_token", "check source.token: Corner > Settings > API")
ALLOW: Final = say("corner.allow", "give it the right to read: Corner > Settings > API")
WHERE: Final = say("corner.address", "source.url is the address of the shop")
REFUSALS: Final = {
    401: Refusal(
        AuthError, lambda said: say("corner.key", "Corner does not know the token ({said})", said=said), CHECK
    ),
    403: Refusal(AuthError, lambda said: say("corner.no", "the token may not read this ({said})", said=said), ALLOW),
    404: Refusal(UsageError, lambda said: say("corner.gone", "no Corner at this address ({said})", said=said), WHERE),
}


def orders_of(statuses: Statuses) -> RowMap:
    return RowMap(
        what=records.order,
        fields={"first_name": "buyer.given", "last_name": "buyer.family", "city": "buyer.town"},
        created="made",
        changed="touched",
        order=OrderValues("state", statuses, at="made", total="sum", currency="money"),
        owner="customer",
        email="buyer.mail",
    )


def open_source(settings: CornerSettings, base: Path, means: HttpContext) -> ShopSource:
    """The source; nothing is asked of the shop yet."""
    api = ShopApi(
        HttpClient(means, settings.url, TIMEOUT),
        explain=lambda answer: explain(REFUSALS, answer, api.words(answer)),
        credentials=FixedToken(settings.token.get_secret_value()),
    )
    lists = JsonLists(api, rows="rows", total="total")
    orders = orders_of(Statuses(frozenset(settings.buyer_statuses)))

    def customers_of(page: int) -> Page:
        return lists.page(records.CUSTOMERS, "/api/customers", {"page": page, "size": PER_PAGE}, needs=("news",))

    def orders_after(ident: int, since: int | None = None) -> Page:
        query: dict[str, str | int] = {"after": ident, "size": PER_PAGE}
        if since is not None:
            query["since"] = utc_text(since)
        return lists.page(records.ORDERS, "/api/orders", query, needs=("state",))

    def changes(known: Cursor, stopped: Stopped) -> Iterable[Page]:
        return ByKey(lambda after: orders_after(after, known.since), orders.ident_of, size=PER_PAGE)(stopped)

    return ShopSource(
        settings,
        settings.url,
        lists,
        (
            ShopStream(
                Stream("customers", frozenset({Signal.PROFILE, Signal.CONSENT}), full_read=True),
                InFull(
                    ByNumber(customers_of, CUSTOMERS.ident_of, Listing(records.CUSTOMERS, lists.doubts), size=PER_PAGE),
                    Listing(records.CUSTOMERS, lists.doubts),
                ),
                CUSTOMERS.row,
                CUSTOMERS.record,
            ),
            ShopStream(
                Stream(
                    "orders",
                    frozenset({Signal.PROFILE, Signal.PURCHASES}),
                    full_read=False,
                    owners="customers",
                    orphans=True,
                ),
                ThenChanges(
                    ByKey(orders_after, orders.ident_of, size=PER_PAGE),
                    changes,
                    orders.changed_at,
                    Listing(records.ORDERS, lists.doubts),
                ),
                orders.row,
                orders.record,
            ),
        ),
    )
