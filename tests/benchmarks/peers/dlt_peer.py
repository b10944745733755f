"""dlt: pages of customers by several threads, a custom destination that takes batches, several of them at once.

As its pages on performance advise: a transformer that is `parallelized`, files of the load package short enough to be
loaded side by side, and the sessions that dlt brings along.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import dlt
import orjson
from dlt.sources.helpers import requests

from tests.benchmarks.peers.items import BATCH, CUSTOMERS, QUERY, UPSERT, item

_SHOP = os.environ["SHOP_URL"]
_LIST = os.environ["LIST_URL"]
_LOCAL = threading.local()


def _session() -> Any:
    if not hasattr(_LOCAL, "session"):
        _LOCAL.session = requests.Client().session
    return _LOCAL.session


def _page(number: int) -> Any:
    answer = _session().get(_SHOP + CUSTOMERS, params={**QUERY, "page": number}, auth=("ck_0", "cs_0"))
    answer.raise_for_status()
    return answer


@dlt.resource(name="pages")
def pages() -> Iterator[int]:
    """The numbers of all pages."""
    yield from range(1, int(_page(1).headers["x-wp-totalpages"]) + 1)


@dlt.transformer(name="recipients", parallelized=True)
def recipients(number: int) -> Iterator[list[dict[str, Any]]]:
    """A page of recipients."""
    yield [item(customer) for customer in orjson.loads(_page(number).content)]


@dlt.destination(batch_size=BATCH, name="recipient_list")
def recipient_list(items: list[dict[str, Any]], table: Any) -> None:
    """Sends a batch."""
    del table
    answer = _session().post(
        _LIST + UPSERT,
        data=orjson.dumps(items),
        headers={"Content-Type": "application/json", "Authorization": "Bearer t"},
    )
    answer.raise_for_status()


def main() -> None:
    dlt.config["normalize.data_writer.file_max_items"] = 10 * BATCH
    pipeline = dlt.pipeline("shop", destination=recipient_list)
    pipeline.run(pages() | recipients())


if __name__ == "__main__":
    main()
