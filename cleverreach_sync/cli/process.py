"""How the process is set up for a run: for many small values that come and go, in a few threads."""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import Final

_ARENA_MAX: Final = -8  # M_ARENA_MAX of glibc's malloc.h


def set_up() -> None:
    """Before a run, once everything is imported that it needs from the beginning."""
    # People come and go by the thousand, and none of them is part of a cycle.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    # A thread whose answer has come is not to wait long for the one that is reckoning.
    sys.setswitchinterval(0.001)
    # One heap for all threads: what each has of its own is hardly ever given back. Elsewhere than in glibc there is no
    # such switch, nor the need.
    try:
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
    except (AttributeError, OSError, TypeError):
        return
