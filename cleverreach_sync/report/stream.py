"""Where results go: bytes in UTF-8, and no fuss when the reader of a pipe has seen enough."""

from __future__ import annotations

import errno
import os
from typing import TextIO


def write(text: str, stream: TextIO) -> None:
    """Write `text` in UTF-8, whatever the encoding of `stream` is (`crsync diff --format json | head` ends quietly).
    Raises OSError once, for a full disk; nothing more is written to the stream then."""
    try:
        stream.flush()
        binary = getattr(stream, "buffer", None)
        if binary is None:
            stream.write(text)
        else:
            binary.write(text.encode())
        stream.flush()
    except OSError as error:
        abandon(stream)
        if not _nobody_reads(error):
            raise


def _nobody_reads(error: OSError) -> bool:
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL)


def abandon(stream: TextIO) -> None:
    """Let everything else written to `stream` go nowhere, so that the exit code stays that of the run."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
