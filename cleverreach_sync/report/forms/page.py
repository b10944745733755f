"""A page of text on a console: lines that fit its width, and nothing its stream or terminal could choke on."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Self, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text

from cleverreach_sync.messages import spoken
from cleverreach_sync.report.stream import abandon

if TYPE_CHECKING:
    from cleverreach_sync.report.summary import Line

WIDTH: Final = 80
LEAST_WIDTH: Final = 40
_AT_ONCE: Final = 1000  # printing line by line takes rich ten times as long
_JOINERS: Final = "\u200c\u200d"  # part of words in some scripts
_FIRST_OF_THEM: Final = "\u0590"
_SPACES: Final = "\t\n\v\f\r\x85\u2028\u2029"


class PipedConsole(Console):
    """A console that stops quietly when nobody reads it any more, and leaves the exit code alone."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        abandon(self.file)  # type: ignore[arg-type]


class SideConsole(PipedConsole):
    """One for what is told beside the result: that a log is on a full disk ends nothing either."""

    def print(self, *objects: Any, **how: Any) -> None:
        try:
            super().print(*objects, **how)
        except OSError:
            self.on_broken_pipe()


def open_console(stream: TextIO, *, no_color: bool = False, beside: bool = False) -> Console:
    """A console that is 80 columns wide when `stream` is no terminal, and takes no text for markup. `beside`: for
    warnings and errors, which may get lost."""
    return (SideConsole if beside else PipedConsole)(
        file=stream,
        width=None if _is_terminal(stream) else WIDTH,
        # Not even bold: who asks for no colours wants plain text.
        color_system=None if no_color or os.environ.get("NO_COLOR") else "auto",
        highlight=False,
        markup=False,
        emoji=False,
    )


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def printable(text: str, encoding: str = "utf-8") -> str:
    """`text` in the language of the process and on one line, with what steers a terminal or is not seen written out
    (`\\x1b`, `\\u202e`), and stand-ins for what `encoding` lacks (`Ü` -> `U`, `€` -> `?`)."""
    text = spoken(text)
    if text.isascii() and text.isprintable():
        return text
    shown = visible(text, spaces=_SPACES)
    try:
        shown.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_encodable(char, encoding) for char in shown)
    except LookupError:
        return printable(text, "ascii")
    return shown


def visible(text: str, *, spaces: str = "", kept: str = "") -> str:
    """`text` with controls and format characters (bidirectional ones, those without width) written out; those in
    `spaces` become one each, those in `kept` stay."""
    if text.isprintable():
        return text
    return "".join(_visible(text, at, char, spaces, kept) for at, char in enumerate(text))


def _visible(text: str, at: int, char: str, spaces: str, kept: str) -> str:
    if char.isprintable() or char in kept:
        return char
    if char in spaces:
        return " "
    kind = unicodedata.category(char)
    if kind == "Cs":
        return "?"
    if kind not in ("Cc", "Cf", "Zl", "Zp") or (char in _JOINERS and _joins(text, at)):
        return char
    return char.encode("unicode_escape").decode()


def _joins(text: str, at: int) -> bool:
    """Whether a joiner stands between letters of a script that has use for it."""
    around = text[max(at - 1, 0) : at] + text[at + 1 : at + 2]
    return len(around) == 2 and all(each >= _FIRST_OF_THEM and unicodedata.category(each)[0] in "LM" for each in around)


def _encodable(char: str, encoding: str) -> str:
    for form in (char, unicodedata.normalize("NFKD", char)):
        ending = form.encode(encoding, "ignore").decode(encoding)
        if ending and (form != char or ending == char):
            return ending
    return "" if unicodedata.combining(char) else "?"


class Page:
    """Prints lines and tables to `console`, many at a time. Use as a context manager."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.width = max(console.width, LEAST_WIDTH)
        self._waiting: list[Segment] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()

    def shown(self, value: Any) -> str:
        """A message or a foreign value as it may be printed."""
        return printable(value if isinstance(value, str) else str(value), self.console.encoding)

    def line(
        self, text: str = "", style: str = "", *, indent: int = 0, hanging: int = 0, lead: str = "", wraps: bool = True
    ) -> None:
        """One line after `lead`, wrapped at spaces; the lines that follow stand below `lead`, or `hanging` deeper."""
        first = " " * indent + self.shown(lead)
        rest = " " * (indent + hanging + cell_len(self.shown(lead)))
        room = max(self.width - len(rest), 1)
        whole = self.shown(text)
        parts = [whole]
        if wraps and cell_len(whole) > room:
            parts = [part.plain for part in Text(whole).wrap(self.console, room, overflow="fold", tab_size=8)]
        for number, part in enumerate(parts):
            self._put((rest if number else first) + part, style)

    def counted(self, lines: Iterable[Line]) -> None:
        """Labels with their numbers below each other."""
        rows = [(Text("  " * line.depth + self.shown(line.label)), f"{line.people:,}", line.depth) for line in lines]
        column = min(max((cell_len(label.plain) for label, *_ in rows), default=0), self.width - 12)
        digits = max((len(number) for _, number, _ in rows), default=0)
        for label, number, depth in rows:
            label.truncate(column, overflow="ellipsis" if self._has("…") else "crop", pad=True)
            style = "dim" if depth > 1 else "bold" if depth == 0 else ""
            self._put(f"{label.plain}  {number.rjust(digits)}", style)

    def table(
        self, heads: Sequence[str], rows: Iterable[Sequence[Any]], *, numbers: Sequence[str] = (), gap: int = 2
    ) -> None:
        """Columns under `heads` (none shown if all are empty); those in `numbers` are right-aligned, the others
        shrink where there is no room. `gap` spaces are between them."""
        table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold", show_header=any(heads))
        for head in heads:
            right = head in numbers
            table.add_column(
                Text(self.shown(head)), justify="right" if right else "left", no_wrap=right, overflow="fold"
            )
        for row in rows:
            table.add_row(*[Text(self.shown("" if cell is None else cell)) for cell in row])
        options = self.console.options.update(width=self.width)
        for cells in self.console.render_lines(table, options, pad=False):
            self._add([*_trimmed(cells), Segment.line()])

    def _has(self, char: str) -> bool:
        return printable(char, self.console.encoding) == char

    def _put(self, line: str, style: str) -> None:
        self._add([Segment(line.rstrip(), self.console.get_style(style) if style else None), Segment.line()])

    def _add(self, segments: list[Segment]) -> None:
        self._waiting += segments
        if len(self._waiting) >= _AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self.console.print(Segments(waiting), end="", soft_wrap=True)


def _trimmed(cells: list[Segment]) -> list[Segment]:
    """Without the spaces that fill up the last column."""
    kept = list(cells)
    while kept and not kept[-1].text.strip():
        kept.pop()
    if kept:
        kept[-1] = Segment(kept[-1].text.rstrip(), kept[-1].style)
    return kept
