"""An org of Salesforce without weight: parts of its lists, written before they are asked for.

`python -m tests.benchmarks.salesforce_server CUSTOMERS GUEST_ORDERS` prints its port. Served are logins, descriptions,
and queries for contacts and the roles of contacts in opportunities along `Id`, whole or since a stamp, as rows that have
what is asked for and nothing more. Every second customer subscribed; whoever has bought is a contact, too. A part that
is asked for a second time costs next to nothing.
"""

from __future__ import annotations

import datetime as dt
import random
import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import orjson

from tests.benchmarks.light_shop import run
from tests.benchmarks.shop_server import invented

_BEGAN: Final = dt.datetime(2019, 1, 1, tzinfo=dt.UTC)
_SPAN: Final = 150_000_000  # seconds in which the org grew
_ABOVE: Final = re.compile(r"Id > '(\w+)'")
_UP_TO: Final = re.compile(r"Id <= '(\w+)'")
_SINCE: Final = re.compile(r"(\w+\.)?SystemModstamp >= ([\d:T-]+)Z")
_LIMIT: Final = re.compile(r"LIMIT (\d+)$")


def _contact(number: int, people: int, draw: random.Random) -> dict[str, Any]:
    first, last, billing = invented(f"{number:x}", draw)
    stamp = _time(number, people)
    return {
        "Id": f"{number:018d}",
        "IsDeleted": False,
        "Email": billing["email"],
        "HasOptedOutOfEmail": number % 16 == 8,
        "SystemModstamp": stamp,
        "CreatedDate": stamp,
        "LastModifiedDate": stamp,
        "Salutation": "Frau",
        "FirstName": first,
        "LastName": last,
        "MailingStreet": billing["address_1"],
        "MailingPostalCode": billing["postcode"],
        "MailingCity": billing["city"],
        "MailingState": None,
        "MailingCountry": billing["country"],
        "Phone": billing["phone"],
        "Birthdate": None,
        "AccountId": None,
        "Account": {"Name": billing["company"]} if billing["company"] else None,
    }


def _role(number: int, contact: Mapping[str, Any], draw: random.Random) -> dict[str, Any]:
    stamp = contact["SystemModstamp"]
    return {
        "Id": f"{number:018d}",
        "IsDeleted": False,
        "ContactId": contact["Id"],
        "SystemModstamp": stamp,
        "Contact": {"Email": contact["Email"], "SystemModstamp": stamp},
        "Opportunity": {
            "IsWon": True,
            "Amount": draw.randrange(500, 30000) / 100,
            "CloseDate": stamp[:10],
            "SystemModstamp": stamp,
        },
    }


def _time(number: int, count: int) -> str:
    moment = _BEGAN + dt.timedelta(seconds=int(number * _SPAN / max(count, 1)))
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


class Shop:
    """What the org holds, and the parts that were asked for already. Lists are in the order of every stamp."""

    def __init__(self, customers: int, orders: int) -> None:
        draw = random.Random(1)
        people = [_contact(number, customers + orders, draw) for number in range(customers + orders)]
        bought = people[customers:]
        self._rows = {
            "Contact": people,
            "OpportunityContactRole": [_role(number, each, draw) for number, each in enumerate(bought)],
        }
        self._stamps = {name: [row["SystemModstamp"][:19] for row in rows] for name, rows in self._rows.items()}
        self._idents = {name: [row["Id"] for row in rows] for name, rows in self._rows.items()}
        self._customers = customers
        self._parts: dict[str, bytes] = {}
        self.delay = 0.0
        self.requests = 0

    def begin(self, delay: float, with_orders: bool) -> None:
        """From now on every answer takes `delay` seconds."""
        self.delay, self.requests = delay, 0

    def answer(self, method: str, target: str, host: str, body: bytes) -> bytes:
        """The headers and body of an answer. Raises KeyError for what is not served."""
        self.requests += 1
        found = self._parts.get(target)
        if found is None:
            found = self._parts[target] = self._answered(urlsplit(target), host)
        head = b"content-type: application/json\r\ndate: %b\r\ncontent-length: %d\r\n\r\n"
        return head % (formatdate(usegmt=True).encode(), len(found)) + found

    def _answered(self, target: Any, host: str) -> bytes:
        *_, name, last = target.path.split("/")
        if last == "token":
            return orjson.dumps({"access_token": "00D", "instance_url": f"http://{host}"})
        if last == "describe":
            row = self._rows["Contact"][0]
            names = [*row, "ContactId", "OpportunityId", "IsWon", "Amount", "CloseDate", "Name"]
            return orjson.dumps({"name": name, "queryable": True, "fields": [{"name": each} for each in names]})
        return self._queried(parse_qs(target.query)["q"][0])

    def _queried(self, query: str) -> bytes:
        name = query.partition(" FROM ")[2].split()[0]
        rows, idents, start = self._rows[name], self._idents[name], 0
        end = len(rows)
        if (since := _SINCE.search(query)) is not None:
            start = bisect_left(self._stamps[name], since[2])
        if (above := _ABOVE.search(query)) is not None:
            start = max(start, bisect_right(idents, above[1]))
        if (up_to := _UP_TO.search(query)) is not None:
            end = bisect_right(idents, up_to[1])
        shown = rows[start:end]
        if "Newsletter__c = true" in query:  # who subscribed
            listed = set(re.findall(r"'(\d{18})'", query)) if "Id IN" in query else None
            shown = [
                row
                for row in shown
                if (listed is None or row["Id"] in listed)
                and int(row["Id"]) < self._customers
                and int(row["Id"]) % 2 == 0
                and not row["HasOptedOutOfEmail"]
            ]
        limit = _LIMIT.search(query)
        shown = shown[: int(limit[1])] if limit is not None else shown
        asked = query.partition("SELECT ")[2].partition(" FROM ")[0].split(", ")
        names = dict.fromkeys(path.partition(".")[0] for path in asked)
        records = [{each: row[each] for each in names} for row in shown]
        return orjson.dumps({"totalSize": len(records), "done": True, "records": records})


if __name__ == "__main__":
    run(Shop, __doc__)
