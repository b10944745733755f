"""What goes wrong between here and a server, in the terms of the error tree."""

from __future__ import annotations

import ssl
from typing import Final

import httpx

from cleverreach_sync.errors import CrsyncError, TemporaryError, UsageError
from cleverreach_sync.http.body import NotPacked, TooMuch
from cleverreach_sync.http.failures import TryAgain
from cleverreach_sync.messages import say

_CHECK_URL: Final = say("http.check_url", "check the URL")


def in_our_terms(error: Exception, server: str) -> CrsyncError:
    """What `error`, of an exchange with `server`, means: TryAgain for whatever may pass, UsageError for what will not.

    The error is one of httpx, or NotPacked, TooMuch or UnicodeError."""
    if isinstance(error, (httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ConnectError, httpx.ProxyError)):
        return _no_connection(error, server)
    if isinstance(error, (httpx.LocalProtocolError, httpx.UnsupportedProtocol)):
        return _not_sent(error, server)
    if isinstance(error, httpx.TimeoutException):
        return TryAgain(
            say("http.timeout", "{server} did not answer in time", server=server), ambiguous=True, timed_out=True
        )
    if isinstance(error, (httpx.TransportError, httpx.DecodingError, NotPacked)):
        kind = type(error).__name__
        return TryAgain(
            say("http.dropped", "the connection to {server} was dropped ({kind})", server=server, kind=kind),
            ambiguous=True,
        )
    if isinstance(error, TooMuch):
        return _too_much(error, server)
    kind = type(error).__name__
    return UsageError(
        say("http.cannot_call_for", "cannot call {server}: {kind}", server=server, kind=kind), hint=_CHECK_URL
    )


def _no_connection(error: Exception, server: str) -> CrsyncError:
    if isinstance(error, httpx.TimeoutException):
        return TryAgain(say("http.connects_too_slowly", "cannot connect to {server} in time", server=server))
    if isinstance(error, httpx.ProxyError):
        return TryAgain(
            say(
                "http.proxy_does_not_connect",
                "the proxy that the environment names does not connect to {server}",
                server=server,
            ),
            hint=say(
                "http.check_proxy",
                "check HTTPS_PROXY or ALL_PROXY, and whether the proxy asks for a user and a password or has to "
                "let this address through; NO_PROXY names what is reached without it",
            ),
        )
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _no_certificate(cause, server)
        cause = cause.__cause__ or cause.__context__
    return TryAgain(say("http.cannot_connect", "cannot connect to {server}", server=server))


def _no_certificate(error: ssl.SSLCertVerificationError, server: str) -> CrsyncError:
    return UsageError(
        say(
            "http.certificate",
            "the certificate of {server} cannot be verified: {reason}",
            server=server,
            reason=error.verify_message,
        ),
        hint=say(
            "http.needs_certificate",
            "the server needs a valid certificate; crsync never switches the check off (a company's own "
            "authority can be added with the variable SSL_CERT_FILE)",
        ),
    )


def _not_sent(error: Exception, server: str) -> CrsyncError:
    if isinstance(error, httpx.UnsupportedProtocol):
        return UsageError(say("http.cannot_call", "cannot call {server}", server=server), hint=_CHECK_URL)
    return UsageError(
        say("http.cannot_send", "what should be sent to {server} cannot be sent", server=server),
        hint=say(
            "http.look_for_line_ends",
            "look for line ends and characters other than ASCII letters, digits and signs in the credentials",
        ),
    )


def _too_much(error: TooMuch, server: str) -> CrsyncError:
    return TemporaryError(
        say("http.too_much", "{server} answers with {amount}", server=server, amount=error.amount),
        hint=say(
            "http.more_than_asked",
            "that is far more than crsync asked for: is something else at this address, or does a plug-in "
            "add to the answers of the API?",
        ),
    )
