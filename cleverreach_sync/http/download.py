"""A text of lines from anywhere, some of them at a time: it may take any time as long as it gets on."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from cleverreach_sync.errors import CrsyncError, TemporaryError
from cleverreach_sync.http.body import unpacked
from cleverreach_sync.http.client import HttpClient, host
from cleverreach_sync.http.failures import Refused, TryAgain
from cleverreach_sync.http.foreign import whole
from cleverreach_sync.http.headers import parse_retry_after
from cleverreach_sync.messages import say

if TYPE_CHECKING:
    import httpx

_LONGEST_LINE: Final = 8 << 20
_GETS_ON: Final = 1 << 16  # bytes in the time of the timeout


class LineBlock(NamedTuple):
    """Some lines of a download, without their ends. `done` and `total` are bytes as transmitted, total None if the
    server does not say."""

    lines: list[bytes]
    done: int
    total: int | None


def stream_lines(http: HttpClient, url: str, most: int) -> Generator[LineBlock]:
    """Downloads the text at a full address, without any credentials. It may have `most` bytes.

    Raises TryAgain as `HttpClient.exchange` does, also for an answer cut short and for a server that is busy; Refused
    for one that says no; TemporaryError for a text that is too large, or has a line that is.
    """
    with http.opened(url) as response:
        if not response.is_success:
            raise _no_download(response, url)
        total = whole(response.headers.get("content-length"))
        rest: list[bytes] = []
        size = waiting = 0
        for part in _getting_on(http, response):
            size += len(part)
            *lines, begun = part.split(b"\n")
            if lines:
                lines[0], rest, waiting = b"".join([*rest, lines[0]]), [], 0
            rest.append(begun)
            waiting += len(begun)
            if max(size, response.num_bytes_downloaded) > most or waiting > _LONGEST_LINE:
                raise TemporaryError(
                    say(
                        "download.too_large",
                        "{server} sends a file that is too large, or has no lines",
                        server=host(url),
                    ),
                    hint=say(
                        "download.something_else",
                        "run again; if this keeps happening, something else is at that address",
                    ),
                )
            yield LineBlock(lines, response.num_bytes_downloaded, total)
        if waiting:
            yield LineBlock([b"".join(rest)], response.num_bytes_downloaded, total)


def _getting_on(http: HttpClient, response: httpx.Response) -> Iterator[bytes]:
    """The parts of a download. The time that is spent with them elsewhere does not count."""
    parts = unpacked(response.iter_raw(), response.headers.get("content-encoding", ""))
    left, before = http.timeout, 0
    while True:
        began = time.monotonic()
        with http.within(left):
            part = next(parts, None)
        if part is None:
            return
        left -= time.monotonic() - began
        if response.num_bytes_downloaded - before >= _GETS_ON:
            left, before = http.timeout, response.num_bytes_downloaded
        yield part


def _no_download(response: httpx.Response, url: str) -> CrsyncError:
    status = response.status_code
    if status in (408, 429) or status >= 500:
        after = parse_retry_after(response.headers.get("retry-after"))
        return TryAgain(
            say(
                "download.not_now",
                "{server} does not provide the file at the moment ({status})",
                server=host(url),
                status=status,
            ),
            after=after,
        )
    return Refused(
        say("download.refused", "{server} refuses the download ({status})", server=host(url), status=status),
        status=status,
    )
