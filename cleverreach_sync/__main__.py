"""`crsync` and `python -m cleverreach_sync`."""

from __future__ import annotations

import sys


def main() -> None:
    from cleverreach_sync.cli.app import run  # noqa: PLC0415 - after the interpreter is known to be usable

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
