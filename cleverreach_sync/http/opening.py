"""A client of one server, as the environment wants it: certificates, a proxy."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final
from urllib.parse import urlsplit

import httpx

from cleverreach_sync import __version__
from cleverreach_sync.errors import UsageError
from cleverreach_sync.http.body import ENCODINGS
from cleverreach_sync.http.loopback import is_loopback
from cleverreach_sync.messages import say

_CONNECT_SECONDS: Final = 20.0


@lru_cache(maxsize=4)
def _trusted(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """The certificates to trust, as these two variables of the environment say. Reading them takes longer than many a
    request, so a call about many shops does it once."""
    return httpx.create_ssl_context()


def open_client(base_url: str, timeout: float, connections: int) -> httpx.Client:
    """A client of one server. Raises UsageError where the environment names what cannot be used."""
    try:
        trusted = _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    except OSError:
        raise UsageError(
            say(
                "http.unreadable_certificates",
                "the certificates that the variable SSL_CERT_FILE or SSL_CERT_DIR names cannot be read",
            ),
            hint=say("http.name_pem_file", "let it name a file in PEM format, or unset it"),
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
            say("http.odd_proxy", "the proxy that the environment names cannot be used"),
            hint=say(
                "http.name_proxy",
                "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY should name one such as http://proxy.example.com:3128",
            ),
        ) from None


def _soon(timeout: float) -> float:
    return min(timeout, _CONNECT_SECONDS)
