"""Reads JSON as shops and exports write it: half of an emoji costs that letter, not the answer. Pure."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

# Every escape, so that `\\ud83d` is no half; a pair is one match.
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}(?:\\u[dD][c-fC-F][0-9a-fA-F]{2})?|u[dD][c-fC-F][0-9a-fA-F]{2}|.)", re.DOTALL
)
_HALF: Final = 6  # characters; a pair has twice as many


def read_json(content: bytes) -> Any:
    """The value of a JSON text. Half of a pair of surrogates (a text cut within an emoji), and a byte that is no UTF-8,
    become U+FFFD. Raises orjson.JSONDecodeError for what is no JSON even so."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        mended = _ESCAPE.sub(_whole, content.decode("utf-8", "replace").encode())
        if mended == content:
            raise
        return orjson.loads(mended)


def _whole(found: re.Match[bytes]) -> bytes:
    text = found[0]
    return rb"\ufffd" if len(text) == _HALF else text
