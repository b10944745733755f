"""Many shops, each with a config and an export of its own, driven by the command line."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from cleverreach_sync.sandbox.server import RunningSandbox
from tests.e2e import running
from tests.e2e.people import COLUMNS, customer
from tests.e2e.program import lay_over
from tests.e2e.running import Ran

ALL = "shops/*.yaml"
SECRET = "s3cret-of"


def customers(shop: str, count: int = 3) -> list[dict[str, str]]:
    return [customer(number, email=f"person{number:05}@{shop}.example") for number in range(count)]


class Agency:
    """A folder `shops`. Every shop has its own list, called like the shop."""

    def __init__(self, folder: Path, server: RunningSandbox) -> None:
        self.folder = folder
        self.server = server
        self.state = server.state
        (folder / "shops").mkdir()

    def shop(self, name: str, rows: Iterable[Mapping[str, str]] | None = None, /, **sections: Any) -> Path:
        """Writes export and config of a shop; keys of `sections` are merged. The path of the config."""
        self.export(name, customers(name) if rows is None else rows)
        settings: dict[str, Any] = {
            "version": 1,
            "source": {"type": "file", "path": f"{name}.csv", "name": name},
            "tags": ["subscriber", "buyer"],
            "target": {
                "type": "cleverreach",
                "client_id": "id",
                "client_secret": f"{SECRET}-{name}",
                "list": name,
                "create_list": True,
                "base_url": self.server.url,
            },
            "attributes": {"preset": "none"},
            "limits": {"max_deactivated": "100%", "max_activated": "100%"},
        }
        lay_over(settings, sections)
        path = self.folder / "shops" / f"{name}.yaml"
        path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
        return path

    def export(self, name: str, rows: Iterable[Mapping[str, str]]) -> None:
        with (self.folder / "shops" / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)

    def __call__(self, *words: str) -> Ran:
        """The command line in this process."""
        return running.here(self.folder, words)

    def runs(self, *words: str, code: int = 0) -> dict[str, Any]:
        """The document of a command line that is to end like this."""
        ended = self(*words, "--format", "json")
        assert ended.code == code, ended
        assert ended.doc.get("exit", {"code": 0})["code"] == code
        return ended.doc

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The command line as a process of its own."""
        return running.start(self.folder, words)

    def group(self, name: str) -> str:
        """The ID of a list, empty if there is none."""
        return next((str(number) for number, group in self.state.groups.items() if group.name == name), "")

    def recipients(self, name: str) -> dict[str, dict[str, Any]]:
        """Who is in a list, by address."""
        group = self.group(name)
        return self.state.receivers(group) if group else {}

    def delete(self, name: str, email: str) -> None:
        """Somebody deletes a recipient by hand."""
        members = self.state.groups[int(self.group(name))].members
        del members[next(number for number, member in members.items() if member.person.email == email)]

    def state_of(self, shop: str, *more: str) -> Path:
        return self.folder.joinpath("shops", ".crsync", shop, *more)
