"""A recipient list without weight: answers what a run asks, and little else, at many times the speed of a run.

`python -m tests.benchmarks.server` prints its port. Recipients are kept as JSON ready to be sent. Beside the API there
are `POST /bench/begin` (empties the account, puts people in, sets the delay), `GET /bench/seen` (requests and CPU) and
`GET /bench/held` (how many people there are, and how many of them have a tag).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson

from cleverreach_sync.targets.cleverreach.fields import PRESETS, data_fields

LIST_ID: Final = "1"
LIST_NAME: Final = "Benchmark"
_FIELDS: Final = data_fields("shop", {})
_UNSET: Final = dict.fromkeys(PRESETS["shop"].fields, "")


class Account:
    """One recipient list, by address."""

    def __init__(self) -> None:
        self.there = False
        self.delay = 0.0
        self.rows: dict[str, bytes] = {}
        self.seen: Counter[str] = Counter()

    def begin(self, asked: dict[str, Any]) -> None:
        """`{"delay": seconds, "list": bool, "people": path of addresses or null, "every": n}`: of the addresses every
        n-th is in the list already, as a recipient who never had to do with the shop."""
        self.__init__()  # type: ignore[misc]
        self.delay = asked["delay"]
        self.there = asked["list"]
        if asked["people"] is not None:
            for email in Path(asked["people"]).read_text("utf-8").splitlines()[:: asked["every"]]:
                self._write({"email": email, "tags": ["Newsletter"], "global_attributes": {"firstname": "?"}})

    def _write(self, item: dict[str, Any]) -> bytes:
        email = item["email"]
        known = self.rows.get(email)
        row = self._new(email) if known is None else orjson.loads(known)
        activated = item.get("activated")
        if activated is None:
            activated = row["activated"] if known is not None else int(time.time())
        row["activated"] = activated
        row["active"] = activated > 0
        if known is None:
            row["registered"] = item.get("registered", int(time.time()))
        tags = item.get("tags")
        if tags:
            gone = {tag[1:] for tag in tags if tag[0] == "-"}
            kept = [tag for tag in row["tags"] if tag not in gone]
            row["tags"] = kept + [tag for tag in tags if tag[0] != "-" and tag not in kept]
        row["global_attributes"].update(item.get("global_attributes", ()))
        self.rows[email] = found = orjson.dumps(row)
        return found

    def _new(self, email: str) -> dict[str, Any]:
        return {
            "id": str(len(self.rows) + 1),
            "email": email,
            "imported": 0,
            "bounced": 0,
            "group_id": LIST_ID,
            "activated": 0,
            "registered": 0,
            "deactivated": 0,
            "last_ip": "",
            "last_location": "",
            "last_client": "",
            "last_changed": 0,
            "points": 0,
            "stars": 0,
            "source": "",
            "attributes": {},
            "global_attributes": dict(_UNSET),
            "active": False,
            "conversion_rate": 0,
            "open_rate": 0,
            "click_rate": 0,
            "tags": [],
        }

    def answer(self, method: str, path: str, body: bytes) -> bytes:
        """The JSON of an answer. Raises KeyError for what is not served."""
        asked: Any = orjson.loads(body) if body[:1] in (b"{", b"[") else None
        if path.endswith("/receivers/upsertplus"):
            return b"[" + b",".join([self._write(item) for item in asked]) + b"]"
        if path.endswith("/get_receivers"):
            rows = self.rows
            return b"[" + b",".join([rows[email] for email in asked["email_list"] if email in rows]) + b"]"
        return orjson.dumps(self._SMALL[method, path](self))

    def _groups(self) -> list[dict[str, str]]:
        return [{"id": LIST_ID, "name": LIST_NAME}] if self.there else []

    def _create(self) -> dict[str, str]:
        self.there = True
        return self._groups()[0]

    _SMALL: Final[dict[tuple[str, str], Callable[[Account], Any]]] = {
        ("POST", "/oauth/token.php"): lambda _: {"access_token": "t", "expires_in": 2592000, "token_type": "bearer"},
        ("GET", "/v3/groups"): _groups,
        ("POST", "/v3/groups"): _create,
        ("GET", f"/v3/groups/{LIST_ID}"): lambda self: self._groups()[0],
        ("GET", f"/v3/groups/{LIST_ID}/stats"): lambda self: {"total_count": len(self.rows)},
        ("GET", "/v3/attributes"): lambda _: [
            {"id": str(at), "name": field.name, "type": field.type.value} for at, field in enumerate(_FIELDS, 1)
        ],
        ("GET", "/v3/blacklist"): lambda _: [],
        ("POST", "/v3/receivers/filter"): lambda _: [],
        ("GET", "/v3/tags/count"): lambda _: 0,
    }


class Connection(asyncio.Protocol):
    """HTTP/1.1 as far as one well-behaved client needs it: bodies with a length, connections kept open."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._received = bytearray()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        while (end := received.find(b"\r\n\r\n")) >= 0:
            head = bytes(received[:end])
            size = _length(head)
            if len(received) < end + 4 + size:
                return
            body = bytes(received[end + 4 : end + 4 + size])
            del received[: end + 4 + size]
            self._serve(head, body)

    def _serve(self, head: bytes, body: bytes) -> None:
        method, target, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
        path = target.partition("?")[0]
        account = self._account
        status = b"200 OK"
        if path == "/bench/begin":
            account.begin(orjson.loads(body))
            content = b"{}"
        elif path == "/bench/seen":
            content = orjson.dumps({"requests": account.seen, "cpu": time.process_time()})
        elif path == "/bench/held":
            tagged = sum(b'"tags":[]' not in row for row in account.rows.values())
            content = orjson.dumps({"people": len(account.rows), "tagged": tagged})
        else:
            account.seen[f"{method} {path}"] += 1
            try:
                content = account.answer(method, path, body)
            except KeyError:
                status, content = b"404 Not Found", b'{"error":{"code":404,"message":"Not Found"}}'
        answer = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
            status, len(content), content
        )  # fmt: skip
        if account.delay and not path.startswith("/bench/"):
            asyncio.get_running_loop().call_later(account.delay, self._send, answer)
        else:
            self._send(answer)

    def _send(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def serve() -> None:
    """Serves on a free port of the loopback, told on stdout, until stdin ends or the process is killed."""
    account = Account()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(account), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--core", type=int, help="run on this core only")
    given = options.parse_args()
    if given.core is not None:
        os.sched_setaffinity(0, {given.core})
    asyncio.run(serve())


if __name__ == "__main__":
    main()
