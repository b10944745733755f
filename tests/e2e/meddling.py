"""What comes between: another checkpoint, a signal."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cleverreach_sync.state import checkpoint
from cleverreach_sync.state.files import LocalDocument
from tests.e2e.program import Program


def change_checkpoint(path: Path, **changes: Any) -> None:
    """Another checkpoint in the place of one, as crsync would have written it."""
    kept = LocalDocument(path)
    known = checkpoint.load(kept)
    assert known is not None
    checkpoint.save(kept, known.model_copy(update=changes))


def interrupt_at(program: Program, process: subprocess.Popen[str], at: int, signum: int = signal.SIGKILL) -> None:
    """Sends a signal at the n-th write, before it is carried out."""
    seen: Iterator[int] = iter(range(1, sys.maxsize))

    def before(_path: str, _rows: Sequence[Any]) -> None:
        if next(seen) == at:
            process.send_signal(signum)

    program.state.before_write = before
