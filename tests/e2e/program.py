"""The program as a merchant has it: a folder with export and config, and a recipient list at the sandbox."""

from __future__ import annotations

import csv
import io
import json
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from cleverreach_sync.clock import Stop
from cleverreach_sync.config.loading import load_config
from cleverreach_sync.errors import CrsyncError
from cleverreach_sync.run import pipeline
from cleverreach_sync.run.context import Options
from cleverreach_sync.run.pipeline import Finished
from cleverreach_sync.sandbox.server import RunningSandbox
from cleverreach_sync.targets.cleverreach.fields import data_fields
from tests.e2e import running
from tests.e2e.dying import die
from tests.e2e.people import COLUMNS, DAY, NOW, B, S
from tests.e2e.running import Ran, adds_up, counted
from tests.e2e.stand_ins import FakeClock, Said

SECRET = "s3cret-of-the-client"
LIST = "Online shop"


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


class Program:
    """`write` replaces the export, `config` changes the config.

    `sync` and its like run the command line in this process and give its document; `run` calls what is below it, with a
    clock where waiting costs no time; `start` and `cli` make a process of its own.
    """

    columns: Sequence[str] = COLUMNS

    def __init__(self, folder: Path, sandbox: RunningSandbox) -> None:
        self.folder = folder
        self.state = sandbox.state
        self.clock = self._clock()
        self.state.clock = self.clock.wall  # the account's clock goes with this machine's
        self.said = Said()
        self.before_write: Callable[[list[Any]], None] | None = None
        self._sent: list[dict[str, Any]] = []
        self.state.before_write = self._note
        self.config_path = folder / "sync.yaml"
        self.settings = self._settings(sandbox.url)
        self._has_config = False  # until it is first needed
        self._set_up()

    def _clock(self) -> FakeClock:
        return FakeClock()

    def _settings(self, url: str) -> dict[str, Any]:
        return {
            "version": 1,
            "source": {"type": "file", "path": "customers.csv", "name": "Shop"},
            "tags": [S, B],
            "target": {
                "type": "cleverreach",
                "client_id": "id",
                "client_secret": SECRET,
                "list": LIST,
                "create_list": True,
                "base_url": url,
                "batch_size": 50,
            },
            "attributes": {
                "preset": "none",
                "map": {"firstname": "first_name", "lastname": "last_name", "city": "city"},
            },
            "limits": {"max_rejected": "100%", "max_deactivated": "100%", "max_activated": "100%"},
        }

    def _set_up(self) -> None:
        for name in ("firstname", "lastname", "city"):
            self.state.create_attribute(name)
        self.state.traffic.clear()

    def _note(self, _path: str, rows: list[Any]) -> None:
        self._sent.extend(dict(row) for row in rows)
        if self.before_write is not None:
            self.before_write(rows)

    # The shop

    def write(self, *rows: Mapping[str, str], name: str = "customers.csv") -> None:
        """Replaces the export. The columns are `columns` and those of any row; what a row does not have is an empty
        cell."""
        columns = list(dict.fromkeys([*self.columns, *(key for row in rows for key in row)]))
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

    @property
    def export_path(self) -> Path:
        return self.folder / "customers.csv"

    def config(self, **sections: Any) -> None:
        """Lays sections over the config; a mapping is merged key by key, None takes a section or a key out."""
        lay_over(self.settings, sections)
        self._has_config = True
        self.config_path.write_text(yaml.safe_dump(self.settings, sort_keys=False), encoding="utf-8")

    def later(self, *, days: float = 1) -> None:
        self.clock.passed += int(days * DAY)

    @property
    def now(self) -> int:
        return int(self.clock.wall())

    # The command line

    def here(self, *words: str, env: Mapping[str, str] = MappingProxyType({})) -> Ran:
        """In this process."""
        self._configured()
        return running.here(self.folder, words, env, self.clock.wall)

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """As a process of its own."""
        self._configured()
        return running.start(self.folder, words, **options)

    def cli(self, *words: str, **options: Any) -> Ran:
        """As a process of its own, to its end."""
        with self.start(*words, **options) as process:
            out, err = process.communicate(timeout=60)
        return Ran(process.returncode, out, err)

    def killed(self, place: str, when: str = "after", number: int = 1, *, command: str = "sync", **env: str) -> None:
        """As a process of its own, killed `before` or `after` the n-th call of `MODULE:FUNCTION`."""
        self._configured()
        words = [command, "-c", str(self.config_path)]
        code, said = die(place, when, number, words, {**running.environment(), **env})
        assert code == -signal.SIGKILL, said

    def command(self, *arguments: str) -> Ran:
        """In this process and with the path of the config, watched: nothing secret is said, and what is sent is
        noted."""
        self.state.traffic.clear()
        self._sent.clear()
        ran = self.here(*arguments, "-c", str(self.config_path))
        assert "Traceback" not in ran.err, ran.err
        assert SECRET not in ran.out + ran.err
        ran.writes, ran.sent = self.state.traffic.writes, list(self._sent)
        return ran

    def result(self, name: str, *options: str, code: int | None = 0) -> Ran:
        """A command with its JSON document, checked for what always holds."""
        before = self.files()
        ran = self.command(name, "--format", "json", *options)
        if code is not None:
            assert ran.code == code, ran.err
        if ran.doc["schema"] == "crsync.run/1":
            adds_up(ran.doc)
            assert ran.doc["exit"]["code"] == ran.code
            if ran.doc["dry_run"]:
                assert ran.writes == 0, "a dry run writes nothing"
        if name == "diff" or "--dry-run" in options:
            assert self.files() == before, "a dry run leaves the state as it is"
        return ran

    def sync(self, *options: str, code: int | None = 0) -> Ran:
        return self.result("sync", *options, code=code)

    def resync(self, *options: str, code: int | None = 0) -> Ran:
        return self.result("resync", *options, code=code)

    def diff(self, *options: str, code: int | None = 0) -> Ran:
        return self.result("diff", *options, code=code)

    def agreed_sync(self, *options: str) -> Ran:
        """A sync of which a diff, and a dry run, said before what it would do."""
        told, rehearsed = self.diff(), self.sync("--dry-run", *options)
        ran = self.sync(*options)
        for part in ("counts", "skipped", "invalid", "kinds", "activation"):
            assert told.doc[part] == rehearsed.doc[part] == ran.doc[part], part
        return ran

    # What is below the command line

    def run(self, command: str = "sync", *, stop: Stop | None = None, **options: Any) -> Finished:
        """An error before anything was read is raised."""
        self._configured()
        config = load_config(self.config_path, {})
        asked = Options(command=command, dry_run=command == "diff" or options.pop("dry_run", False), **options)
        self.said = Said()
        finished = pipeline.run(config, asked, self.said, self.clock, stop or Stop(), shown_path="sync.yaml")
        adds_up(finished.document)
        return finished

    def failing(self, command: str = "sync", **options: Any) -> CrsyncError:
        """A run that is to fail, before or after something was read; its error."""
        try:
            error = self.run(command, **options).error
        except CrsyncError as raised:
            return raised
        assert error is not None, "the run did not fail"
        return error

    def counts(self, command: str = "sync", **options: Any) -> dict[str, int]:
        """The counts of a run that is to end well, without the zeros."""
        finished = self.run(command, **options)
        assert finished.error is None, finished.error
        return counted(finished.document)

    def _configured(self) -> None:
        if not self._has_config:
            self.config()

    # The list

    @property
    def list_id(self) -> str:
        return next(str(number) for number, group in self.state.groups.items() if group.name == LIST)

    def fields(self, *names: str, kind: str = "text", in_list: bool = False) -> None:
        """Creates data fields in the account, or in the list."""
        for name in names:
            self.state.create_attribute(name, kind, int(self.list_id) if in_list else 0)

    def preset(self, name: str, *, in_list: bool = False) -> None:
        """Creates the data fields of a preset that are missing."""
        group = int(self.list_id) if in_list else 0
        for field in data_fields(name, {}):
            if field.name not in self.state.fields(group):
                self.state.create_attribute(field.name, field.type.value, group)

    def put(self, email: str, **row: Any) -> None:
        """Puts somebody into the list past the program, as a form or an import would."""
        self.state.write(self.list_id, {"email": email, **row})

    def active(self) -> set[str]:
        return {email for email, recipient in self.list().items() if recipient.active}

    # The state

    @property
    def state_path(self) -> Path:
        return self.folder / ".crsync" / "sync"

    def files(self) -> dict[str, bytes]:
        """Every file of the state; none where there is no state."""
        found = sorted(self.state_path.iterdir()) if self.state_path.exists() else []
        return {path.name: path.read_bytes() for path in found if path.is_file()}

    @property
    def checkpoint(self) -> dict[str, Any]:
        return dict(json.loads((self.state_path / "checkpoint.json").read_bytes()))

    @property
    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.state_path / "history.jsonl").read_bytes().splitlines()]

    @property
    def rejects(self) -> list[dict[str, Any]]:
        path = self.state_path / "rejects.jsonl"
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []

    def recorded(self) -> set[str]:
        """The receiver IDs that the ledger takes for sent."""
        with sqlite3.connect(self.state_path / "ledger.sqlite3") as database:
            rows = database.execute("select receiver_id from person where receiver_id is not null").fetchall()
        database.close()
        return {row[0] for row in rows}

    def check_ledger(self) -> None:
        """Recorded as sent is a subset of what the list has."""
        assert self.recorded() <= {recipient.id for recipient in self.list().values()}

    def rows(self, list_id: str | None = None) -> dict[str, dict[str, Any]]:
        """The same as the API shows them."""
        return self.state.receivers(self.list_id if list_id is None else list_id)

    def list(self, list_id: str | None = None) -> dict[str, Recipient]:
        """The recipients of the list by address."""
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
            for email, row in self.rows(list_id).items()
        }


class Shop(Program):
    """A program whose list is there from the beginning, with the limits of every config, at a time that stands still."""

    columns = ("email", "subscribed")

    def _clock(self) -> FakeClock:
        return FakeClock(NOW)

    def _settings(self, url: str) -> dict[str, Any]:
        settings = super()._settings(url)
        del settings["source"]["name"], settings["limits"]
        del settings["target"]["create_list"], settings["target"]["batch_size"]
        settings["attributes"]["map"] = {"firstname": "first_name", "city": "city"}
        return settings

    def _set_up(self) -> None:
        self.state.switches.stats_every = 0
        self._list_id = self.state.add_group(LIST)
        super()._set_up()
        self.config()

    @property
    def list_id(self) -> str:
        """Also that of a list that is gone or called otherwise."""
        return self._list_id


def lay_over(settings: dict[str, Any], sections: Mapping[str, Any]) -> None:
    """Lays sections over a config; a mapping is merged key by key, None takes a section or a key out."""
    for name, section in sections.items():
        if section is None:
            settings.pop(name, None)
        elif isinstance(section, Mapping) and isinstance(settings.get(name), dict):
            merged = {**settings[name], **section}
            settings[name] = {key: value for key, value in merged.items() if value is not None}
        else:
            settings[name] = section
