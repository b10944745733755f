"""A shop with its export, a config and a recipient list, to run commands against as a merchant would.

The time is NOW, for the program and for the sandbox, until a test moves it.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from cleverreach_sync.cli.app import run as command_line
from cleverreach_sync.sandbox.server import RunningSandbox
from cleverreach_sync.sandbox.state import State
from cleverreach_sync.targets.cleverreach.fields import data_fields

NOW: Final = 1_790_000_000  # 2026-09-21T14:13:20Z
DAY: Final = 86400
LIST: Final = "Online shop"
SUBSCRIBER, BUYER, CONTACT = "Shop-Special.Subscriber", "Shop-Special.Buyer", "Shop-Special.Contact"
S, B, C = "subscriber", "buyer", "contact"
OUTCOMES: Final = ("created", "updated", "deactivated", "unchanged", "skipped", "invalid", "rejected")


def at(day: str) -> int:
    """Unix seconds of a day's beginning, UTC."""
    return int(dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC).timestamp())


@dataclass
class Recipient:
    """One recipient of the list. `values` are the data fields that have one."""

    id: str
    active: bool
    tags: set[str]
    values: dict[str, str]
    registered: int
    activated: int
    deactivated: int


@dataclass
class Ran:
    """A command that was run. `sent` are the rows of its write requests, `writes` their number."""

    code: int
    out: str
    err: str
    writes: int
    sent: list[dict[str, Any]]

    @property
    def doc(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def counts(self) -> dict[str, int]:
        """The outcomes that happened: name -> people."""
        return {name: number for name, number in self.doc["counts"].items() if name in OUTCOMES and number}

    @property
    def skipped(self) -> dict[str, int]:
        found: dict[str, int] = self.doc["skipped"]
        return found

    @property
    def changes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.doc["changes"]
        return found

    def guard(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(guard for guard in self.doc["guards"] if guard["name"] == name)
        return found

    def sent_to(self, email: str) -> dict[str, Any]:
        """The one row that was sent about somebody."""
        (row,) = (row for row in self.sent if row.get("email") == email)
        return row


class Shop:
    """`write` replaces the export, `config` changes the config, `sync` and others run a command."""

    def __init__(self, folder: Path, sandbox: RunningSandbox, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.server: State = sandbox.state
        self.now = NOW
        self.server.clock = lambda: self.now
        self.server.switches.stats_every = 0
        self._capture = capture
        self._sent: list[dict[str, Any]] = []
        self.server.before_write = self._note
        self.before_write: Callable[[list[Any]], None] | None = None
        self.settings: dict[str, Any] = {
            "version": 1,
            "source": {"type": "file", "path": "customers.csv"},
            "tags": [S, B],
            "target": {
                "type": "cleverreach",
                "client_id": "id",
                "client_secret": "not-to-be-shown",
                "list": LIST,
                "base_url": sandbox.url,
            },
            "attributes": {"preset": "none", "map": {"firstname": "first_name", "city": "city"}},
        }
        self.list_id = self.server.add_group(LIST)
        self.fields("firstname", "lastname", "city")
        self.config()

    def fields(self, *names: str, kind: str = "text", in_list: bool = False) -> None:
        """Creates data fields in the account, or in the list."""
        for name in names:
            self.server.create_attribute(name, kind, int(self.list_id) if in_list else 0)

    def preset(self, name: str, *, in_list: bool = False) -> None:
        """Creates the data fields of a preset that are missing."""
        group = int(self.list_id) if in_list else 0
        for field in data_fields(name, {}):
            if field.name not in self.server.fields(group):
                self.server.create_attribute(field.name, field.word, group)

    def config(self, **sections: Any) -> None:
        """Lays sections over the config; a mapping is merged key by key, None takes a section or a key out."""
        for name, section in sections.items():
            if section is None:
                self.settings.pop(name, None)
            elif isinstance(section, Mapping) and isinstance(self.settings.get(name), dict):
                merged = {**self.settings[name], **section}
                self.settings[name] = {key: value for key, value in merged.items() if value is not None}
            else:
                self.settings[name] = section
        (self.folder / "sync.yaml").write_text(json.dumps(self.settings), encoding="utf-8")

    def write(self, *rows: Mapping[str, str], name: str = "customers.csv") -> None:
        """Replaces the export. The columns are those of any row; what a row does not have is an empty cell."""
        columns = list(dict.fromkeys(["email", "subscribed", *(key for row in rows for key in row)]))
        text = io.StringIO()
        lines = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        lines.writeheader()
        lines.writerows(rows)
        (self.folder / name).write_text(text.getvalue(), encoding="utf-8")

    def write_json(self, *rows: Mapping[str, Any]) -> None:
        """Replaces the export by JSON Lines, where a value may be missing altogether."""
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (self.folder / "customers.jsonl").write_text(text, encoding="utf-8")
        self.config(source={"path": "customers.jsonl"})

    def later(self, *, days: float = 1) -> None:
        self.now += int(days * DAY)

    def _note(self, _path: str, rows: list[Any]) -> None:
        self._sent.extend(dict(row) for row in rows)
        if self.before_write is not None:
            self.before_write(rows)

    # commands

    def command(self, *arguments: str) -> Ran:
        """Any command, in this process."""
        self.server.traffic.clear()
        self._sent.clear()
        self._capture.readouterr()
        code = command_line([*arguments, "-c", str(self.folder / "sync.yaml")])
        out, err = self._capture.readouterr()
        assert "Traceback" not in err
        assert "not-to-be-shown" not in out + err
        return Ran(code, out, err, self.server.traffic.writes, list(self._sent))

    def run(self, name: str, *options: str, code: int | None = 0) -> Ran:
        """A run with its JSON document, checked for what always holds."""
        before = self.state_files()
        ran = self.command(name, "--format", "json", *options)
        if code is not None:
            assert ran.code == code, ran.err
        if ran.doc["schema"] == "crsync.run/1":
            _check_counts(ran.doc)
            assert ran.doc["exit"]["code"] == ran.code
            if ran.doc["dry_run"]:
                assert ran.writes == 0, "a dry run writes nothing"
        if name == "diff" or "--dry-run" in options:
            assert self.state_files() == before, "a dry run leaves the state as it is"
        return ran

    def sync(self, *options: str, code: int | None = 0) -> Ran:
        return self.run("sync", *options, code=code)

    def resync(self, *options: str, code: int | None = 0) -> Ran:
        return self.run("resync", *options, code=code)

    def diff(self, *options: str, code: int | None = 0) -> Ran:
        return self.run("diff", *options, code=code)

    def agreed_sync(self, *options: str) -> Ran:
        """A sync of which a diff, and a dry run, said before what it would do."""
        told, rehearsed = self.diff(), self.sync("--dry-run", *options)
        ran = self.sync(*options)
        for part in ("counts", "skipped", "invalid", "kinds", "activation"):
            assert told.doc[part] == rehearsed.doc[part] == ran.doc[part], part
        return ran

    def state_files(self) -> dict[str, bytes] | None:
        """Every file of the state folder; None if there is no folder."""
        root = self.folder / ".crsync"
        if not root.exists():
            return None
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def remembered(self, name: str) -> Path:
        """A file of the state."""
        return self.folder / ".crsync" / "sync" / name

    # the list

    def list(self, list_id: str | None = None) -> dict[str, Recipient]:
        """The recipients of the list by address."""
        rows = self.server.receivers(self.list_id if list_id is None else list_id)
        return {
            email: Recipient(
                row["id"],
                row["active"],
                set(row["tags"]),
                {name: v for name, v in {**row["global_attributes"], **row["attributes"]}.items() if v != ""},
                row["registered"],
                row["activated"],
                row["deactivated"],
            )
            for email, row in rows.items()
        }

    def put(self, email: str, **row: Any) -> None:
        """Puts somebody into the list past the program, as a form or an import would."""
        self.server.write(self.list_id, {"email": email, **row})


def _check_counts(doc: dict[str, Any]) -> None:
    counts = doc["counts"]
    assert counts["people"] == sum(counts[name] for name in OUTCOMES)
    for name in ("skipped", "invalid", "rejected"):
        assert counts[name] == sum(doc[name].values()), name
    assert doc["activation"]["created_active"] + doc["activation"]["created_inactive"] == counts["created"]
    assert doc["activation"]["without_consent"] <= doc["activation"]["created_active"]


# People, as rows of the export


def person(email: str, **values: str) -> dict[str, str]:
    return {"email": email, **values}


def subscriber(email: str, **values: str) -> dict[str, str]:
    """Somebody with consent who never bought."""
    return {"email": email, "subscribed": "yes", "orders": "0", **values}


def buyer(email: str, **values: str) -> dict[str, str]:
    """Somebody who bought and never subscribed."""
    return {"email": email, "subscribed": "no", "orders": "2", **values}


def both(email: str, **values: str) -> dict[str, str]:
    return {"email": email, "subscribed": "yes", "orders": "2", **values}


def neither(email: str, **values: str) -> dict[str, str]:
    return {"email": email, "subscribed": "no", "orders": "0", **values}


def opted_out(email: str, **values: str) -> dict[str, str]:
    """Somebody who bought and unsubscribed in the shop."""
    return {"email": email, "subscribed": "opted_out", "orders": "2", **values}
