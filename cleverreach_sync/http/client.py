"""One exchange over HTTP."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx

from cleverreach_sync.errors import TemporaryError, UsageError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.body import Limit, NotPacked, TooMuch, joined, parse, unpacked
from cleverreach_sync.http.credentials import NOBODY, Attempt, Credentials
from cleverreach_sync.http.failures import Redirected
from cleverreach_sync.http.foreign import whole
from cleverreach_sync.http.headers import parse_date
from cleverreach_sync.http.network import Network
from cleverreach_sync.http.opening import open_client
from cleverreach_sync.http.request import Request
from cleverreach_sync.http.transport import in_our_terms
from cleverreach_sync.messages import Message, say

if TYPE_CHECKING:
    from cleverreach_sync.http.context import HttpContext

_BOM: Final = b"\xef\xbb\xbf"
_JSON: Final = re.compile(r"[\[{]\s*[\[{\"]")
_TITLE: Final = re.compile(r"<title>([^<]*)", re.IGNORECASE)
_MARKUP: Final = re.compile(r"(?is)<(title|script|style)\b.*?(?:</\1>|$)|<(?=[a-z!/])[^>]*(?:>|$)")
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});", re.ASCII)
_BEGINNING: Final = 1 << 15  # bytes of an answer that are looked at for words
_LAST_SECONDS: Final = 3.0  # for a request that is made although the run ends


class HttpClient:
    """A client of one server. TLS is always verified, redirects are never followed (credentials would go along).

    `timeout` is for the whole of an exchange, from the name of the server to the last byte of its answer.

    `exchange` raises TryAgain for a timeout, a dropped connection or no connection, UsageError for a certificate that
    cannot be verified, and returns every answer that came, whatever its status. `server_time` is the last `Date` header
    that can be true, in unix seconds, `clock_ahead` by how many seconds the server's clock was ahead of this machine's
    then; both None until a server has told.
    """

    def __init__(self, context: HttpContext, base_url: str, timeout: float, connections: int = 10) -> None:
        self.context = context
        self.base_url = base_url.rstrip("/")
        self.redact = context.redact
        self.traffic = context.traffic
        self.server_time: float | None = None
        self.clock_ahead: float | None = None
        self.timeout = timeout
        self._client = open_client(base_url, timeout, connections)
        self._network = Network(context.wanted)
        self._network.serve(self._client)

    def exchange(self, request: Request, credentials: Credentials = NOBODY) -> Answer:
        """One exchange, and one more if the credentials were refused and renewed, unless the request is the `last`."""
        answer, signed = self._attempt(request, credentials)
        if not request.last and credentials.are_refused(answer) and credentials.renewed(signed, answer):
            answer, _ = self._attempt(request, credentials)
        return answer

    def _attempt(self, request: Request, credentials: Credentials) -> tuple[Answer, Mapping[str, str]]:
        """The answer, and the headers that signed the request."""
        url = request.url_at(credentials.base_url() or self.base_url)
        made = self._built(request, url)
        signed = credentials.sign(Attempt(made.method, str(made.url), made.headers, made.content))
        _check_headers(signed)
        made.headers.update(signed)
        self.traffic.request()
        seconds = min(self.timeout, _LAST_SECONDS) if request.last else self.timeout
        with (
            self._failures(url),
            self.within(seconds, last=request.last),
            closing(self._client.send(made, stream=True)) as response,
        ):
            answer = self._answer(response, request.limit)
        response.stream = httpx.ByteStream(b"")  # lets go of both bodies now, not at the next search for cyclic garbage
        self._note_time(response.headers)
        self.context.log(_exchanged(request.method, urlsplit(url).path, answer.status))
        if 300 <= answer.status < 400:
            raise self._redirected(url, response.headers.get("location", ""))
        return answer, signed

    def _built(self, request: Request, url: str) -> httpx.Request:
        headers = request.own_headers
        _check_headers(headers)
        with self._failures(url):
            return self._client.build_request(
                request.method, url, params=request.params, content=request.content, data=request.form, headers=headers
            )

    def _note_time(self, headers: Mapping[str, str]) -> None:
        told = parse_date(headers.get("date"))
        if told is not None:
            self.server_time = told
            # What lay in a cache says what time it was when it was put there.
            self.clock_ahead = told + (whole(headers.get("age")) or 0) - self.context.wall()

    @contextmanager
    def opened(self, url: str) -> Iterator[httpx.Response]:
        """The answer to a GET of a full address, without any credentials; it is read in parts, each `within` a time.
        Raises TryAgain and others as `exchange` does, also while it is read."""
        self.traffic.request()
        with self._failures(url), ExitStack() as stack:
            with self.within(self.timeout):
                response = stack.enter_context(self._client.stream("GET", url, headers={"accept": "*/*"}))
            self.context.log(_exchanged("GET", f"{host(url)}{urlsplit(url).path}", response.status_code))
            if 300 <= response.status_code < 400:
                raise self._redirected(url, response.headers.get("location", ""))
            yield response

    def within(self, seconds: float, *, last: bool = False) -> AbstractContextManager[None]:
        """What is asked and read has so many seconds for all of it."""
        return self._network.within(seconds, last=last)

    @contextmanager
    def _failures(self, url: str) -> Iterator[None]:
        """Puts what went wrong on the way into the terms of the error tree."""
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL, NotPacked, TooMuch, UnicodeError) as error:
            raise in_our_terms(error, host(url)) from None

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
        return say("http.cut_json", "JSON that is not whole") if rest and not words else words

    def _redirected(self, url: str, location: str) -> Redirected:
        try:
            target = urlsplit(urljoin(url, location))
        except ValueError:
            target, location = urlsplit(url), ""
        where = f"{target.scheme}://{target.netloc}"
        if _origin(target) != _origin(urlsplit(url)):
            hint = say("http.use_that_url", "if {url} is right, put it into the config as the URL", url=where)
        else:
            where = self.redact.excerpt(target.path) if location else _somewhere()
            hint = say(
                "http.answer_directly",
                "the server must answer crsync directly: is there a login, a maintenance or 'coming soon' page, or a "
                "language switch in front of it? If the shop is in a subdirectory, add that to the URL",
            )
        return Redirected(
            say(
                "http.redirects",
                "{server} redirects to {place}; crsync does not follow redirects, because they would pass on the "
                "credentials",
                server=host(url),
                place=where,
            ),
            where=where,
            hint=hint,
        )

    def close(self) -> None:
        self._client.close()


def host(url: str) -> str:
    """The server of an address, as messages name it."""
    return urlsplit(url).netloc or say("http.the_server", "the server")


def _somewhere() -> Message:
    return say("http.somewhere", "somewhere that it does not name")


def _exchanged(method: str, path: str, status: int) -> Message:
    return say("http.exchanged", "{method} {path} -> {status}", method=method, path=path, status=status)


def _check_headers(headers: Mapping[str, str]) -> None:
    """One that cannot be sent is no matter of the network; whoever took it from the config has named the key."""
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise UsageError(
                say(
                    "http.odd_header",
                    "the header {name} cannot be sent: it has a line end, or characters other than ASCII",
                    name=name,
                ),
                hint=say(
                    "http.look_for_umlauts",
                    "look for line ends and umlauts in the credentials, and in the files and variables they come from",
                ),
            )


def without_markup(text: str) -> str:
    """The words of a text that may be HTML, as WordPress' own are."""
    return unescaped(_MARKUP.sub(" ", text[:_BEGINNING])) if "<" in text or "&" in text else text


def unescaped(text: str) -> str:
    """A text without the entities of HTML, each undone once. What only looks like one stays: `html.unescape` fails at a
    number that is endless."""
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text) if "&" in text else text


def _origin(url: SplitResult) -> tuple[str, str, int | None]:
    """What has to be the same so that it is the same server."""
    try:
        port = url.port
    except ValueError:
        port = None
    return url.scheme, (url.hostname or "").lower(), port or {"http": 80, "https": 443}.get(url.scheme)


__all__ = ["HttpClient", "TemporaryError", "host", "unescaped", "without_markup"]
