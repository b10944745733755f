"""How crsync logs in to Salesforce: with the secret of an app, or with a signed statement (JWT bearer)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urlsplit

from cleverreach_sync.errors import AuthError, CrsyncError, UsageError
from cleverreach_sync.http.answer import Answer
from cleverreach_sync.http.client import HttpClient
from cleverreach_sync.http.loopback import is_loopback
from cleverreach_sync.http.request import Request
from cleverreach_sync.http.tokens import Issued, OAuthToken, TokenAnswers, client_credentials
from cleverreach_sync.messages import say
from cleverreach_sync.sources.shop import status_and

if TYPE_CHECKING:
    from cleverreach_sync.sources.salesforce.settings import SalesforceSettings

TOKEN_PATH: Final = "/services/oauth2/token"  # noqa: S105 - a path
_HOSTS: Final = (".salesforce.com", ".force.com", ".salesforce.mil")
_JWT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_STATEMENT_LIVES: Final = 180  # seconds; Salesforce takes five minutes at most


class SalesforceToken(OAuthToken):
    """A session, and the address of the org, which the answer names."""

    def __init__(self, http: HttpClient, settings: SalesforceSettings) -> None:
        secret = settings.client_secret
        sent = {
            "client_id": settings.client_id.get_secret_value(),
            "client_secret": "" if secret is None else secret.get_secret_value(),
        }
        super().__init__(http, client_credentials(TOKEN_PATH, sent), TokenAnswers(self._no_token))
        self._url = settings.url

    def _read(self, token: str, body: Mapping[str, Any]) -> Issued:
        named = body.get("instance_url")
        return super()._read(token, body)._replace(base_url=None if named is None else instance(named, self._url))

    def _no_token(self, answer: Answer) -> CrsyncError:
        if answer.status in (404, 405) or answer.ok:
            return no_org(self._url)
        body = answer.body if isinstance(answer.body, dict) else {}
        words = (body.get(name) for name in ("error", "error_description"))
        said = self._http.redact.excerpt(" ".join(word for word in words if isinstance(word, str)))
        return AuthError(
            say("salesforce.login_refused", "Salesforce refuses the login ({said})", said=status_and(said, answer)),
            hint=say(
                "salesforce.check_app",
                "check source.client_id and what comes with it: in Setup > External Client App Manager the app "
                "needs the scope api, its flow enabled, and a user (Run As) who may use the API; source.url is the "
                "address of Setup > My Domain",
            ),
        )


class JwtToken(SalesforceToken):
    """Likewise, for a statement that is signed anew every time."""

    def __init__(self, http: HttpClient, settings: SalesforceSettings) -> None:
        super().__init__(http, settings)
        key = settings.private_key
        self._key = "" if key is None else key.get_secret_value()
        sandbox = ".sandbox." in (urlsplit(settings.url).hostname or "")
        self._claims = {
            "iss": settings.client_id.get_secret_value(),
            "sub": settings.username or "",
            "aud": "https://test.salesforce.com" if sandbox else "https://login.salesforce.com",
        }

    def _request(self) -> Request:
        now = self._http.context.wall() + (self._http.clock_ahead or 0)
        statement = signed({**self._claims, "exp": int(now) + _STATEMENT_LIVES}, self._key)
        self._http.redact.add_passing(statement)
        return Request("POST", TOKEN_PATH, form={"grant_type": _JWT, "assertion": statement})


def signed(claims: Mapping[str, Any], key: str) -> str:
    """A statement that an RSA key signs. Raises UsageError without the library, and for what is no such key."""
    try:
        import jwt  # noqa: PLC0415 - an extra
    except ImportError:
        raise UsageError(
            say("salesforce.jwt_missing", "JWT bearer needs a library that is not installed"),
            hint=say("salesforce.install_jwt", 'install it: pip install "cleverreach-sync[salesforce]"'),
        ) from None
    try:
        return jwt.encode(dict(claims), key, algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError):
        raise UsageError(
            say("salesforce.odd_key", "source.private_key cannot be used to sign"),
            hint=say("salesforce.expected_key", "it is an RSA key in PEM format: -----BEGIN PRIVATE KEY-----"),
        ) from None


def instance(named: object, configured: str) -> str:
    """The address that requests go to, as a login names it. Raises UsageError for one that is not Salesforce's: the
    session would be given away."""
    parts = _split(named)
    here = urlsplit(configured)
    if parts is not None and parts.hostname:
        host = parts.hostname
        known = parts.scheme == "https" and (host.endswith(_HOSTS) or host == here.hostname)
        at_home = parts.scheme == here.scheme and is_loopback(host) and is_loopback(here.hostname or "")
        if (known or at_home) and parts.username is None and parts.password is None:
            return f"{parts.scheme}://{parts.netloc}"
    raise UsageError(
        say("salesforce.odd_instance", "the login at {url} names an address that is not Salesforce's", url=configured),
        hint=say("salesforce.check_url", "check source.url: it is the address of Setup > My Domain"),
    )


def _split(named: object) -> SplitResult | None:
    try:
        parts = urlsplit(named) if isinstance(named, str) else None
        return parts if parts is not None and (parts.port is None or parts.port > 0) else None
    except ValueError:
        return None


def no_org(url: str) -> UsageError:
    return UsageError(
        say("salesforce.not_there", "there is no Salesforce org at {url}", url=url),
        hint=say("salesforce.where", "source.url is the address of Setup > My Domain"),
    )
