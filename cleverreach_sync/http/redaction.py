"""Keeps secrets and addresses out of everything that is shown or logged.

What is redacted comes from servers, so nothing here takes more than linear time, whatever a text looks like.
"""

from __future__ import annotations

import html
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

_AROUND: Final = r"\s\"'<>(),;:/\\\[\]"  # what an address ends at
_ENDS: Final = f"{_AROUND}@"  # what a part of it ends at
# A local part is looked at once, from its beginning, and never again from within.
_ADDRESS: Final = re.compile(rf"(?<![^={_ENDS}])([^={_ENDS}]?+)[^={_ENDS}]*+@([^{_ENDS}]+\.[^{_ENDS}]+)")
_LOCAL: Final = re.compile(rf"[^={_ENDS}]*+@")
_END: Final = re.compile(rf"[{_AROUND}]")
_LONGEST: Final = 200
_LOOKED_AT: Final = 20 * _LONGEST
_LONGEST_LOCAL: Final = 320  # longer than any local part of an address may be
_MOST_TOKENS: Final = 200  # of those that came later: a server may give a new one with every answer
_MOST_PASSING: Final = 100


class Redaction:
    """Replaces known secrets by `***` and masks e-mail addresses."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: tuple[str, ...] = ()
        self._fixed = tuple(form for secret in secrets for form in _forms(secret))
        self._later: deque[str] = deque(maxlen=_MOST_TOKENS)
        self._passing: deque[str] = deque(maxlen=_MOST_PASSING)
        self._sort()

    def add(self, secret: str) -> None:
        """Hides one more secret. Of those added only the last ones are kept."""
        forms = [form for form in _forms(secret) if form not in self._secrets]
        if forms:
            self._later.extend(forms)
            self._sort()

    def add_passing(self, secret: str) -> None:
        """Hides what was good once, a signature, as long as it may come back; however many there are, they make no
        other secret forgotten."""
        self._passing.extend(_forms(secret))
        self._sort()

    def _sort(self) -> None:
        """Longest first. A new tuple: others may be going through the old one."""
        self._secrets = tuple(sorted({*self._fixed, *self._later, *self._passing}, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        hidden = sorted(place for secret in self._secrets for place in _places(text, secret))
        if hidden:
            shown, end = [], 0
            for start, stop in hidden:
                if start >= end:  # what overlaps is hidden as one
                    shown += [text[end:start], "***"]
                end = max(end, stop)
            text = "".join([*shown, text[end:]])
        return _ADDRESS.sub(r"\1***@\2", text.replace("%40", "@"))

    def beginning(self, text: str) -> str:
        """The redacted beginning of a text of any length; it ends before a secret or an address, never within one."""
        if len(text) <= _LOOKED_AT:
            return self(text)
        end = _LOOKED_AT
        word = max((found.end() for found in _END.finditer(text, 0, end)), default=0)
        if text.find("@", word, end) >= 0 or _LOCAL.match(text, end, end + _LONGEST_LOCAL):
            end = word
        before = len(text)
        while end < before:  # one that is left out whole may overlap the end of another
            before = end
            for secret in self._secrets:
                at = text.find(secret, max(0, before - len(secret) + 1), before + len(secret) - 1)
                if 0 <= at < end:
                    end = at
        return self(text[:end])

    def excerpt(self, text: str) -> str:
        """The beginning of a foreign text on one line."""
        line = " ".join(self.beginning(text).split())
        return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _places(text: str, secret: str) -> Iterator[tuple[int, int]]:
    """Where a secret stands in a text, from and to."""
    at = text.find(secret)
    while at >= 0:
        yield at, at + len(secret)
        at = text.find(secret, at + len(secret))


def _forms(secret: str) -> list[str]:
    """A secret as it is, and as it may come back in an address line or a page."""
    forms = (secret, quote(secret, safe=""), quote_plus(secret), html.escape(secret))
    return list(dict.fromkeys(form for form in forms if len(form) > 2)) if len(secret) > 2 else []
