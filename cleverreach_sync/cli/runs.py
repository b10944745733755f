"""What `sync`, `resync` and `diff` have in common: the same run, asked for differently."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cleverreach_sync.cli.invocation import Invocation, signals
from cleverreach_sync.messages import say

if TYPE_CHECKING:
    from cleverreach_sync.config.schema import Config
    from cleverreach_sync.errors import CrsyncError
    from cleverreach_sync.fleet.choice import Choice, Refused
    from cleverreach_sync.run.context import Options


def carry_out(call: Invocation, paths: list[Path], transfers: list[str], jobs: int, asked: Options) -> None:
    """Runs, prints the result, exits with its code."""
    from cleverreach_sync.cli.process import set_up

    set_up()
    with call.ending():
        choice = call.choice(paths, transfers, refused=None if asked.dry_run else _noting(asked))
        raise typer.Exit(_several(call, choice, jobs, asked) if choice.several else _one(call, choice, asked))


def _noting(asked: Options) -> Refused:
    """Notes a run that lacks its secrets in the history, as every one that could not begin."""

    def refused(config: Config, path: str, error: CrsyncError) -> None:
        from cleverreach_sync.clock import Clock
        from cleverreach_sync.run.pipeline import note

        note(config, asked, Clock(), error, shown_path=path)

    return refused


def _one(call: Invocation, choice: Choice, asked: Options) -> int:
    from cleverreach_sync.clock import Clock, Stop
    from cleverreach_sync.report.forms.text import run_text
    from cleverreach_sync.run.pipeline import run

    stop = Stop()
    with signals(stop), call.progress() as progress:
        finished = run(choice.only, asked, progress, Clock(), stop, shown_path=choice.chosen[0].name.config)
    if finished.document["exit"]["code"]:
        progress.release()
    try:
        call.show(finished.document, run_text)
    except OSError:
        if finished.error is None:  # else that is what matters
            raise
    if finished.error is not None:
        return call.fail(finished.error, document_shown=True)
    return int(finished.document["exit"]["code"])


def _several(call: Invocation, choice: Choice, jobs: int, asked: Options) -> int:
    from dataclasses import replace

    from cleverreach_sync.cli.several import show_several
    from cleverreach_sync.clock import Clock
    from cleverreach_sync.errors import UsageError
    from cleverreach_sync.fleet.engine import Done, Job, Task
    from cleverreach_sync.report.forms.overview import runs_text
    from cleverreach_sync.run.pipeline import run

    if asked.forced and len(choice.chosen) > 1:
        raise UsageError(
            say(
                "choice.force_one",
                "--force is for one transfer at a time, these are {number:,}",
                number=len(choice.chosen),
            ),
            hint=say("choice.name_refused", "look at the one that was refused, then name it with -c and --transfer"),
        )

    def work(task: Task) -> Done:
        options = replace(asked, max_duration=task.left)
        return Done(*run(task.config, options, task.progress, Clock(), task.stop, shown_path=task.path))

    job = Job(asked.command, "runs", work)
    return show_several(call, choice, job, runs_text, jobs=jobs, max_duration=asked.max_duration)
