"""crsync as a process that is killed around the N-th call of a function, as the kernel kills: nothing is flushed, closed
or caught.

Where the system can fork, it comes from a process that has imported everything: an interpreter takes longer to start
than the run itself.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from cleverreach_sync.cli.app import run

_ONCE_FOR_ALL: Final = (
    "cleverreach_sync.cli.app",
    "cleverreach_sync.fleet.choice",
    "cleverreach_sync.http.client",
    "cleverreach_sync.report.forms.text",
    "cleverreach_sync.report.live.bars",
    "cleverreach_sync.run.pipeline",
    "cleverreach_sync.sources.file.source",
    "cleverreach_sync.sources.shopware6.source",
    "cleverreach_sync.targets.cleverreach.target",
)


def die(place: str, when: str, number: int, words: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
    """Runs a command line, which is killed `before` or `after` the n-th call of `MODULE:FUNCTION`; how it ended, and what
    it said."""
    context = _context()
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder, "said")
        process = context.Process(target=_dying, args=(said, dict(env), place, when, number, words))
        process.start()
        process.join()
        code = process.exitcode
        process.close()
        assert code is not None
        return code, said.read_text(encoding="utf-8")


@cache
def _context() -> ForkServerContext | SpawnContext:
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_ONCE_FOR_ALL))
    return context


def _dying(said: Path, env: dict[str, str], place: str, when: str, number: int, words: Sequence[str]) -> None:
    handle = os.open(said, os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(handle, stream)
    os.environ.clear()
    os.environ.update(env)
    warnings.simplefilter("error")
    module, _, path = place.partition(":")
    holder: Any = importlib.import_module(f"cleverreach_sync.{module}")
    *owners, name = path.split(".")
    for owner in owners:
        holder = getattr(holder, owner)
    original, calls = getattr(holder, name), count(1)

    def dying(*given: Any, **named: Any) -> Any:
        last = next(calls) == number
        if last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*given, **named)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(holder, name, dying)
    for known in _modules():  # one may have imported the function by its name
        if vars(known).get(name) is original:
            setattr(known, name, dying)
    sys.exit(run(words))


def _modules() -> list[ModuleType]:
    return [module for name, module in sys.modules.items() if name.startswith("cleverreach_sync.")]
