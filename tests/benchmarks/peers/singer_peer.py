"""Singer: a tap for the shop and a target for the list, made with the SDK, joined by a pipe and so at work side by side.

The quickest that the SDK has: its msgspec reader and writer, types conformed at the root only, records not validated by the
target. Within a stream neither side has requests in parallel.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, ClassVar

import orjson
import requests
from singer_sdk import RESTStream, Tap, Target
from singer_sdk import typing as th
from singer_sdk.authenticators import BasicAuthenticator
from singer_sdk.contrib.msgspec import MsgSpecReader, MsgSpecWriter
from singer_sdk.pagination import BaseAPIPaginator, BasePageNumberPaginator
from singer_sdk.sinks import BatchSink
from singer_sdk.streams.core import TypeConformanceLevel

from tests.benchmarks.peers.items import BATCH, CUSTOMERS, QUERY, UPSERT, item


class _Pages(BasePageNumberPaginator):
    def has_more(self, response: requests.Response) -> bool:
        return self.current_value < int(response.headers["x-wp-totalpages"])


class Recipients(RESTStream):
    """The customers of the shop, as rows for the list."""

    name = "recipients"
    path = CUSTOMERS
    primary_keys: ClassVar[list[str]] = ["email"]
    schema = th.PropertiesList(
        th.Property("email", th.StringType),
        th.Property("tags", th.ArrayType(th.StringType)),
        th.Property("global_attributes", th.ObjectType(additional_properties=th.StringType)),
    ).to_dict()
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.ROOT_ONLY

    @property
    def url_base(self) -> str:
        return self.config["url"]

    @property
    def authenticator(self) -> BasicAuthenticator:
        return BasicAuthenticator(username="ck_0", password="cs_0")

    def get_new_paginator(self) -> BaseAPIPaginator:
        return _Pages(1)

    def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:
        return {**QUERY, "page": next_page_token}

    def parse_response(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        return map(item, orjson.loads(response.content))


class ShopTap(Tap):
    """Configured by TAP_SHOP_URL."""

    name = "tap-shop"
    message_writer_class = MsgSpecWriter
    config_jsonschema = th.PropertiesList(th.Property("url", th.StringType, required=True)).to_dict()

    def discover_streams(self) -> list[Recipients]:
        return [Recipients(self)]


class ListSink(BatchSink):
    """Sends batches."""

    max_size = BATCH

    def setup(self) -> None:
        self._session = requests.Session()
        self._session.headers.update({"Content-Type": "application/json", "Authorization": "Bearer t"})

    def process_batch(self, context: dict[str, Any]) -> None:
        answer = self._session.post(self.config["url"] + UPSERT, data=orjson.dumps(context["records"]))
        answer.raise_for_status()


class ListTarget(Target):
    """Configured by TARGET_LIST_URL and TARGET_LIST_VALIDATE_RECORDS."""

    name = "target-list"
    message_reader_class = MsgSpecReader
    config_jsonschema = th.PropertiesList(th.Property("url", th.StringType, required=True)).to_dict()
    default_sink_class = ListSink


if __name__ == "__main__":
    side = {"tap": ShopTap, "target": ListTarget}[sys.argv.pop(1)]
    side.cli()
