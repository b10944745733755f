"""`crsync demo`: the main job against a sandbox on this machine, as a user would do it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import typer

from cleverreach_sync.cli import options as opt
from cleverreach_sync.cli.invocation import QUIET, Invocation
from cleverreach_sync.messages import say, spoken

FOLDER: Final = Path("crsync-demo")
_CONFIG: Final = """\
# yaml-language-server: $schema=crsync.schema.json
# The demo's config. The sandbox takes any client ID and secret.
version: 1
source:
  type: file
  path: customers.csv
  name: Shop
tags: [subscriber, buyer]
target:
  type: cleverreach
  base_url: {url}
  client_id: ${{CLEVERREACH_CLIENT_ID:-demo}}
  client_secret: ${{CLEVERREACH_CLIENT_SECRET:-demo-secret}}
  list: Online shop
  create_list: true
attributes:
  map: {{vip: extra.vip}}
exclude: ["*@marketplace.example"]
"""


def demo(
    log_format: opt.Logs = opt.LogFormat.TEXT,
    no_color: opt.NoColor = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    call = Invocation("text", verbose, quiet=quiet, log_format=log_format, no_color=no_color)
    with call.ending():
        from cleverreach_sync.config.json_schema import schema_text
        from cleverreach_sync.errors import UsageError
        from cleverreach_sync.sandbox import sample
        from cleverreach_sync.sandbox.server import RunningSandbox
        from cleverreach_sync.state.files import make_folder, write_private

        export, config = FOLDER / sample.EXPORT_NAME, FOLDER / "sync.yaml"
        try:
            make_folder(FOLDER)
            export.touch(mode=0o600)
        except OSError as error:
            path = FOLDER.absolute()
            raise UsageError(
                say("demo.cannot_write", "cannot write into {folder}: {reason}", folder=path, reason=error.strerror),
                hint=say("demo.own_folder", "run it in a folder of your own, because the demo writes its files there"),
            ) from None
        shutil.rmtree(FOLDER / ".crsync", ignore_errors=True)
        with RunningSandbox() as server:
            sample.write(export)
            write_private(config, _CONFIG.format(url=server.url))
            write_private(FOLDER / "crsync.schema.json", schema_text())
            _Show(call, config, export).all(server.url)


class _Show:
    def __init__(self, call: Invocation, config: Path, export: Path) -> None:
        self._config, self._export = config, export
        self._quiet = call.verbosity == QUIET
        self._how = ["-q"] if self._quiet else ["-v"] * call.verbosity
        # What the user has set for their own configs would spoil it.
        self._env = {name: value for name, value in os.environ.items() if not name.startswith("CRSYNC_")}
        self._env["CRSYNC_LOG_FORMAT"] = call.log_format
        self._env["CRSYNC_NO_COLOR"] = str(int(call.no_color))

    def all(self, url: str) -> None:
        from cleverreach_sync.sandbox import sample

        self._put(
            say("demo.sandbox_runs", "A CleverReach-compatible sandbox runs on {url} while this demo does.", url=url)
        )
        self._put(
            say(
                "demo.wrote",
                "Wrote {config} and an export of a shop, {export}.",
                config=self._config,
                export=self._export,
            )
        )
        self._run("attrs create")
        self._run("diff", "--details", "5")
        self._run("sync")
        self._put(say("demo.the_same_again", "The same again: nothing has changed, nothing is written."))
        self._run("sync")
        sample.write(self._export, later=True)
        self._put(say("demo.next_day", "The next day's export: one subscriber has opted out in the shop."))
        for command in ("diff", "sync", "status"):
            self._run(command)
        self._put(
            say(
                "demo.look_at", "That was it. Look at {config} and {export},", config=self._config, export=self._export
            ),
            say("demo.your_own", "or start with your own shop: crsync init"),
        )

    def _put(self, *lines: str, lead: str = "#") -> None:
        if not self._quiet:
            typer.echo("".join(f"\n{lead} {spoken(line)}" for line in lines))
            sys.stdout.flush()

    def _run(self, command: str, *options: str) -> None:
        """Runs a command as a user would type it. Raises typer.Exit with its code if it fails."""
        words = [*command.split(), "-c", str(self._config), *options, *self._how]
        self._put(f"crsync {' '.join(words)}", lead="$")
        finished = subprocess.run(  # noqa: S603 - this very program
            [sys.executable, "-m", "cleverreach_sync", *words], check=False, env=self._env
        )
        if finished.returncode:
            raise typer.Exit(finished.returncode)
