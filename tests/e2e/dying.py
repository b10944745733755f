"""crsync as a process that dies at a named point: `python -m tests.e2e.dying MODULE:FUNCTION before|after N ARGUMENTS`.

It is killed around the N-th call of the function, as the kernel kills: nothing is flushed, closed or caught.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from itertools import count
from typing import Any

from cleverreach_sync.cli.app import run


def main() -> int:
    place, when, number, *arguments = sys.argv[1:]
    module, _, path = place.partition(":")
    holder: Any = importlib.import_module(module)
    *owners, name = path.split(".")
    for owner in owners:
        holder = getattr(holder, owner)
    original, calls = getattr(holder, name), count(1)

    def dying(*given: Any, **named: Any) -> Any:
        last = next(calls) == int(number)
        if last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*given, **named)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(holder, name, dying)
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
