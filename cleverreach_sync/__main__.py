"""`crsync` and `python -m cleverreach_sync`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    _open_what_is_closed()
    try:
        from cleverreach_sync.cli.app import run  # noqa: PLC0415 - after the interpreter is known to be usable

        code = run(sys.argv[1:])
        _write_out()
    except KeyboardInterrupt:  # before a command was ready for it
        code = 130
    sys.exit(code)


def _open_what_is_closed() -> None:
    """Who starts a program with `>&-` gets nothing told; without this a file of the state would take the place."""
    if sys.stdin is None:  # what would read from it says so
        os.open(os.devnull, os.O_RDONLY)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(nowhere, "w", encoding="utf-8", closefd=False))


def _write_out() -> None:
    """What goes wrong with the last of it at the very end would cost the exit code."""
    from cleverreach_sync.report.stream import abandon  # noqa: PLC0415

    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # it was told when it was written
            abandon(stream)


if __name__ == "__main__":
    main()
