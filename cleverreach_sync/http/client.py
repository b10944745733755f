"""One exchange over HTTP. The only place that knows httpx."""

from __future__ import annotations

import base64
import html
import os
import re
import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx
import orjson

from cleverreach_sync import __version__
from cleverreach_sync.errors import TemporaryError, UsageError
from cleverreach_sync.http.body import ENCODINGS, PAGE, Limit, NotPacked, TooMuch, joined, parse, unpacked
from cleverreach_sync.http.failures import Redirected, Refused, TryAgain
from cleverreach_sync.http.foreign import whole
from cleverreach_sync.http.headers import parse_date, parse_retry_after
from cleverreach_sync.http.network import Network
from cleverreach_sync.http.redaction import Redaction
from cleverreach_sync.settings_types import is_loopback

_BOM: Final = b"\xef\xbb\xbf"
_JSON: Final = re.compile(r"[\[{]\s*[\[{\"]")
_TITLE: Final = re.compile(r"<title>([^<]*)", re.IGNORECASE)
_MARKUP: Final = re.compile(r"(?is)<(title|script|style)\b.*?(?:</\1>|$)|<(?=[a-z!/])[^>]*(?:>|$)")
_BEGINNING: Final = 1 << 15  # bytes of an answer that are looked at for words
_CONNECT_SECONDS: Final = 20.0
_LAST_SECONDS: Final = 3.0  # for a request that is made although the run ends
_LONGEST_LINE: Final = 8 << 20
_GETS_ON: Final = 1 << 16  # bytes in the time of the timeout, so that a download gets on
Query = Mapping[str, str | int | Sequence[str]]
"""The query of a request; a name with several values stands there once for each."""


class Answer(NamedTuple):
    """What came back. `body` is the parsed JSON, None for an empty body or one that is no JSON (`readable` tells).
    `text` is the beginning of one that is no JSON, in words fit for messages; `raw` is all of it."""

    status: int
    headers: Mapping[str, str]
    body: Any
    readable: bool
    text: str
    raw: bytes = b""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def is_page(self, *telling: int) -> bool:
        """Whether this is a refusal by something before the server, a firewall's page, say: one without JSON. `telling`
        are the statuses that say enough by themselves; so does 403 where there are no words to read."""
        if not 400 <= self.status < 500 or self.status in telling:
            return False
        return not self.readable or (self.body is None and self.status != 403)

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, of a `Retry-After` header in either form."""
        return parse_retry_after(self.headers.get("retry-after"))


class LineBlock(NamedTuple):
    """Some lines of a download, without their ends. `done` and `total` are bytes as transmitted, total None if the
    server does not say."""

    lines: list[bytes]
    done: int
    total: int | None


class Traffic:
    """Counts requests; shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = 0
        self.retries = 0

    def request(self) -> None:
        with self._lock:
            self.requests += 1

    def retry(self) -> None:
        with self._lock:
            self.retries += 1


@lru_cache(maxsize=4)
def _trusted(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """The certificates to trust, as these two variables of the environment say. Reading them takes longer than many a
    request, so a call about many shops does it once."""
    return httpx.create_ssl_context()


def _open(base_url: str, timeout: float, connections: int) -> httpx.Client:
    """A client of one server. Raises UsageError where the environment names what cannot be used."""
    try:
        trusted = _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    except OSError:
        raise UsageError(
            "the certificates that the variable SSL_CERT_FILE or SSL_CERT_DIR names cannot be read",
            hint="let it name a file in PEM format, or unset it",
        ) from None
    try:
        return httpx.Client(
            verify=trusted,
            timeout=httpx.Timeout(timeout, connect=_soon(timeout), pool=_soon(timeout)),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # keeps none
            # A proxy is for the world outside: what is at its own loopback address is another machine's.
            trust_env=not is_loopback(urlsplit(base_url).hostname or ""),
            headers={
                "user-agent": f"crsync/{__version__}",
                "accept": "application/json",
                "accept-encoding": ENCODINGS,
            },
        )
    except (ImportError, ValueError, httpx.InvalidURL):
        raise UsageError(
            "the proxy that the environment names cannot be used",
            hint="HTTPS_PROXY, HTTP_PROXY or ALL_PROXY should name one such as http://proxy.example.com:3128",
        ) from None


def _soon(timeout: float) -> float:
    return min(timeout, _CONNECT_SECONDS)


class HttpClient:
    """A client of one server. TLS is always verified, redirects are never followed (credentials would go along).

    `timeout` is for the whole of an exchange, from the name of the server to the last byte of its answer. `wanted` is
    called while it is waited for, and raises where nobody wants the answer any more.

    `exchange` takes the JSON to send as bytes, too. It raises TryAgain for a timeout, a dropped connection or no
    connection, UsageError for a certificate that cannot be verified, and returns every answer that came, whatever its
    status. `server_time` is the last `Date` header that can be true, in unix seconds, `clock_ahead` by how many seconds
    the server's clock was ahead of this machine's (`wall`) then; both None until a server has told.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float,
        redact: Redaction,
        traffic: Traffic,
        connections: int = 10,
        client: httpx.Client | None = None,
        log: Callable[[str], None] | None = None,
        wall: Callable[[], float] = time.time,
        wanted: Callable[[], None] = lambda: None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.redact = redact
        self.traffic = traffic
        self._log = log
        self._wall = wall
        self.server_time: float | None = None
        self.clock_ahead: float | None = None
        self._timeout = timeout
        self._client = client or _open(base_url, timeout, connections)
        self._network = Network(wanted)
        self._network.serve(self._client)

    def exchange(
        self,
        method: str,
        path: str,
        *,
        params: Query | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        basic: tuple[str, str] | None = None,
        limit: Limit = PAGE,
        last: bool = False,
    ) -> Answer:
        """One exchange. `limit` is how large the answer may be. `last`: it is made although the run ends, and gets but
        a few seconds."""
        url = path if path.startswith(("http://", "https://")) else f"{self.base_url}{path}"
        sent = dict(headers or {})
        content: bytes | None = None
        if json is not None:
            content = json if isinstance(json, bytes) else orjson.dumps(json)
            sent["content-type"] = "application/json; charset=utf-8"
        if basic is not None:
            pair = f"{basic[0]}:{basic[1]}".encode()
            self.redact.add(base64.b64encode(pair).decode())  # how it goes over the line, and may come back
        _check_headers(sent)
        self.traffic.request()
        with (
            self._failures(url),
            self._network.within(min(self._timeout, _LAST_SECONDS) if last else self._timeout, last=last),
            self._client.stream(
                method,
                url,
                params=params,
                content=content,
                data=form,
                headers=sent,
                auth=httpx.BasicAuth(*basic) if basic else None,
            ) as response,
        ):
            answer = self._answer(response, limit)
        response.stream = httpx.ByteStream(b"")  # lets go of both bodies now, not at the next search for cyclic garbage
        self._note_time(response.headers)
        if self._log is not None:
            self._log(f"{method} {urlsplit(url).path} -> {answer.status}")
        if 300 <= answer.status < 400:
            raise self._redirected(url, response.headers.get("location", ""))
        return answer

    def _note_time(self, headers: Mapping[str, str]) -> None:
        told = parse_date(headers.get("date"))
        if told is not None:
            self.server_time = told
            # What lay in a cache says what time it was when it was put there.
            self.clock_ahead = told + (whole(headers.get("age")) or 0) - self._wall()

    def stream_lines(self, url: str, most: int) -> Generator[LineBlock]:
        """Downloads a text of lines from a full address, some lines at a time, without any credentials. It may take any
        time as long as it gets on, and have `most` bytes.

        Raises TryAgain as `exchange` does, also for an answer cut short and for a server that is busy; Refused for one
        that says no; TemporaryError for a text that is too large, or has a line that is.
        """
        self.traffic.request()
        with self._failures(url), ExitStack() as stack:
            with self._network.within(self._timeout):
                response = stack.enter_context(self._client.stream("GET", url, headers={"accept": "*/*"}))
            if self._log is not None:
                self._log(f"GET {self._host(url)}{urlsplit(url).path} -> {response.status_code}")
            if not response.is_success:
                raise self._no_download(response, url)
            total = whole(response.headers.get("content-length"))
            rest: list[bytes] = []
            size = waiting = 0
            for part in self._getting_on(response):
                size += len(part)
                *lines, begun = part.split(b"\n")
                if lines:
                    lines[0], rest, waiting = b"".join([*rest, lines[0]]), [], 0
                rest.append(begun)
                waiting += len(begun)
                if max(size, response.num_bytes_downloaded) > most or waiting > _LONGEST_LINE:
                    raise TemporaryError(
                        f"{self._host(url)} sends a file that is too large, or has no lines",
                        hint="run again; if this stays so, something else is at that address",
                    )
                yield LineBlock(lines, response.num_bytes_downloaded, total)
            if waiting:
                yield LineBlock([b"".join(rest)], response.num_bytes_downloaded, total)

    def _getting_on(self, response: httpx.Response) -> Iterator[bytes]:
        """The parts of a download. The time that is spent with them elsewhere does not count."""
        parts = unpacked(response.iter_raw(), response.headers.get("content-encoding", ""))
        left, before = self._timeout, 0
        while True:
            began = time.monotonic()
            with self._network.within(left):
                part = next(parts, None)
            if part is None:
                return
            left -= time.monotonic() - began
            if response.num_bytes_downloaded - before >= _GETS_ON:
                left, before = self._timeout, response.num_bytes_downloaded
            yield part

    def _no_download(self, response: httpx.Response, url: str) -> Exception:
        status = response.status_code
        if 300 <= status < 400:
            return self._redirected(url, response.headers.get("location", ""))
        after = parse_retry_after(response.headers.get("retry-after"))
        if status in (408, 429) or status >= 500:
            return TryAgain(f"{self._host(url)} does not give the file now ({status})", after=after)
        return Refused(f"{self._host(url)} refuses the download ({status})", status=status)

    @contextmanager
    def _failures(self, url: str) -> Iterator[None]:
        """Puts what went wrong on the way into the terms of the error tree."""
        try:
            yield
        except (httpx.ConnectTimeout, httpx.PoolTimeout):
            raise TryAgain(f"cannot connect to {self._host(url)} in time") from None
        except httpx.LocalProtocolError:  # before anything was sent
            raise UsageError(
                f"what should be sent to {self._host(url)} cannot be sent",
                hint="look for line ends and characters other than ASCII letters, digits and signs in the credentials",
            ) from None
        except httpx.TimeoutException:
            raise TryAgain(f"{self._host(url)} did not answer in time", ambiguous=True, timed_out=True) from None
        except httpx.ConnectError as error:
            raise self._no_connection(error, url) from None
        except httpx.ProxyError:
            raise TryAgain(
                f"the proxy that the environment names does not connect to {self._host(url)}",
                hint="check HTTPS_PROXY or ALL_PROXY, and whether the proxy asks for a user and a password or has to "
                "let this address through; NO_PROXY names what is reached without it",
            ) from None
        except httpx.UnsupportedProtocol:
            raise UsageError(f"cannot call {self._host(url)}", hint="check the URL") from None
        except (httpx.TransportError, httpx.DecodingError, NotPacked) as error:
            raise TryAgain(
                f"the connection to {self._host(url)} was dropped ({type(error).__name__})", ambiguous=True
            ) from None
        except (TooMuch, httpx.InvalidURL, httpx.HTTPError, UnicodeError) as error:
            if isinstance(error, TooMuch):
                raise TemporaryError(
                    f"{self._host(url)} answers with {error}",
                    hint="what was asked for is a small part of that: is something else at this address, or a plug-in "
                    "that adds to the answers of the API?",
                ) from None
            raise UsageError(f"cannot call {self._host(url)}: {type(error).__name__}", hint="check the URL") from None

    def _answer(self, response: httpx.Response, limit: Limit) -> Answer:
        content = joined(unpacked(response.iter_raw(), response.headers.get("content-encoding", "")), limit)
        if not content or response.status_code == 204:
            return Answer(response.status_code, response.headers, None, True, "")
        try:
            body = parse(content.removeprefix(_BOM), limit)
            return Answer(response.status_code, response.headers, body, True, "")
        except ValueError:
            text = self._words(content[:_BEGINNING].removeprefix(_BOM).decode("utf-8", "replace"))
            return Answer(response.status_code, response.headers, None, False, text, content)

    def _words(self, text: str) -> str:
        """JSON cut short may hold rows, or a token that nobody knows as a secret yet; words before it do not. Of a page
        of HTML what a browser would show, or its title."""
        before, *rest = _JSON.split(self.redact.beginning(text), 1)
        titled = _TITLE.search(before)
        words = self.redact.excerpt(_MARKUP.sub(" ", before)) or self.redact.excerpt(titled[1] if titled else "")
        return "JSON that is not whole" if rest and not words else words

    def _no_connection(self, error: httpx.ConnectError, url: str) -> Exception:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return UsageError(
                    f"the certificate of {self._host(url)} cannot be verified: {cause.verify_message}",
                    hint="the server needs a valid certificate; crsync never switches the check off "
                    "(a company's own authority can be added with the variable SSL_CERT_FILE)",
                )
            cause = cause.__cause__ or cause.__context__
        return TryAgain(f"cannot connect to {self._host(url)}")

    def _redirected(self, url: str, location: str) -> Redirected:
        try:
            target = urlsplit(urljoin(url, location))
        except ValueError:
            target, location = urlsplit(url), ""
        where = f"{target.scheme}://{target.netloc}"
        if _origin(target) != _origin(urlsplit(url)):
            hint = f"if {where} is right, put it into the config as the URL"
        else:
            where = self.redact.excerpt(target.path) if location else "somewhere that it does not name"
            hint = (
                "the server has to answer crsync without a detour: is there a login, a maintenance or 'coming soon' "
                "page before it, or a switch of languages? If the shop is in a sub directory, that belongs into the URL"
            )
        return Redirected(
            f"{self._host(url)} redirects to {where}; redirects are not followed, credentials would go along",
            where=where,
            hint=hint,
        )

    @staticmethod
    def _host(url: str) -> str:
        return urlsplit(url).netloc or "the server"

    def close(self) -> None:
        self._client.close()


def _check_headers(headers: Mapping[str, str]) -> None:
    """One that cannot be sent is no matter of the network; whoever took it from the config has named the key."""
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise UsageError(
                f"the header {name} cannot be sent: it has a line end, or characters other than ASCII",
                hint="look for line ends and umlauts in the credentials, and in the files and variables they come from",
            )


def without_markup(text: str) -> str:
    """The words of a text that may be HTML, as WordPress' own are."""
    return html.unescape(_MARKUP.sub(" ", text[:_BEGINNING])) if "<" in text or "&" in text else text


def _origin(url: SplitResult) -> tuple[str, str, int | None]:
    """What has to be the same so that it is the same server."""
    try:
        port = url.port
    except ValueError:
        port = None
    return url.scheme, (url.hostname or "").lower(), port or {"http": 80, "https": 443}.get(url.scheme)


__all__ = ["Answer", "HttpClient", "LineBlock", "TemporaryError", "Traffic"]
