"""How a run tells the outside what it is doing. The command line shows it; the pipeline never prints."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from cleverreach_sync.messages import Message


class Progress(Protocol):
    """An observer of a run. Methods are called from the thread that runs the pipeline, unless they say otherwise."""

    def begin(self, phase: str, total: int | None = None, unit: str = "people") -> None:
        """A phase ("read", "decide", "write") starts; `total` is None while unknown."""

    def advance(self, done: int, total: int | None = None) -> None:
        """`done` is absolute; `total` replaces the one given before when it is not None."""

    def end(self) -> None:
        """The phase is over."""

    def warn(self, message: Message) -> None:
        """Something the user should know, without personal data or secrets."""

    def info(self, message: Message) -> None:
        """A step, shown with -v. From any thread."""

    def waiting(self, message: Message, seconds: float) -> None:
        """A request failed and is tried again in so many seconds. From any thread."""


class Silent:
    """Nobody is watching."""

    def begin(self, phase: str, total: int | None = None, unit: str = "people") -> None: ...
    def advance(self, done: int, total: int | None = None) -> None: ...
    def end(self) -> None: ...
    def warn(self, message: Message) -> None: ...
    def info(self, message: Message) -> None: ...
    def waiting(self, message: Message, seconds: float) -> None: ...


class Finding(NamedTuple):
    """What a look at a source or target showed: one line for the user, and what to do if it is not as it should be."""

    message: Message
    hint: Message | None = None
