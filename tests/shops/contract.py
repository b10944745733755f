"""What a fake shop has to be able to do so that `tests/contract/test_sources.py` can try its source on it.

A new source adds its fake to `FAKES`. All fields that are changed or given have the names of person fields.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from tests.shops.magento2 import FakeMagento
from tests.shops.plentymarkets import PlentySystem
from tests.shops.salesforce import FakeSalesforce
from tests.shops.server import Asked, Fault
from tests.shops.shopify import FakeShopify
from tests.shops.shopware5 import FakeShopware5
from tests.shops.shopware6 import FakeShopware
from tests.shops.table_shop import TableShop
from tests.shops.woocommerce import WooShop


class FakeShop(Protocol):
    """A shop on loopback. `now` is its clock in unix seconds; `log` are the requests; `before_page` is called before
    each answer. `planted` are texts in its answers that no source may keep. `tells_consent`: its API says who
    subscribed."""

    now: int
    log: list[Asked]
    before_page: Callable[[Asked], None] | None
    planted: tuple[str, ...]
    tells_consent: bool

    def settings(self, **more: Any) -> dict[str, Any]:
        """The `source:` section, with consent switched on where that is a choice."""
        ...

    def secrets(self) -> tuple[str, ...]: ...
    def add_customer(self, email: str, *, consent: bool | None = None, **fields: str) -> int: ...
    def add_order(self, customer: int, total: str = "10.00") -> int: ...
    def add_guest_order(self, email: str, total: str = "10.00", **fields: str) -> int: ...
    def set_consent(self, customer: int, *, given: bool) -> None: ...
    def change_profile(self, customer: int, **fields: str) -> None: ...
    def delete_customer(self, customer: int) -> None: ...
    def cancel_order(self, order: int) -> None: ...

    def fail(self, kind: str | Fault, times: int = 1, concerns: Callable[[Asked], bool] = ...) -> None:
        """The next requests that `concerns` fail in one of the ways of `server.FAULTS`."""
        ...

    def well(self) -> None:
        """No more failures."""
        ...

    def refuse(self) -> None:
        """From now on the credentials are no good."""
        ...

    def is_page(self, asked: Asked) -> bool:
        """Whether a request asks for rows."""
        ...

    def close(self) -> None: ...


FAKES: dict[str, Callable[[], FakeShop]] = {
    "woocommerce": WooShop,
    "shopify": FakeShopify,
    "shopware6": FakeShopware,
    "shopware5": FakeShopware5,
    "magento2": FakeMagento,
    "plentymarkets": PlentySystem,
    "salesforce": FakeSalesforce,
}
FAKES_OF_SOURCES: dict[str, Callable[[], FakeShop]] = {**FAKES, "corner": TableShop}
"""With the made-up system, which no config knows."""
