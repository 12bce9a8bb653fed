"""Who makes a request, as Google tells it: behind Cloud Run's own check of ID tokens, or behind Identity-Aware Proxy.

Both check before the request reaches us. What they hand on differs, and so does what it is worth:

- Cloud Run takes the signature off the ID token that it has checked (Google's page "Authenticate service-to-service").
  Such a token proves something only because nobody reaches the service without that check. When a request has
  `X-Serverless-Authorization`, Cloud Run looks at that header alone, so we do the same.
- Identity-Aware Proxy signs a token of its own (Google's page "Securing your app with signed headers"), which is
  verified here against its published keys: it holds even where the proxy was switched off or gone around.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sailplane.api.http import HttpError, Request
from sailplane.api.users import User
from sailplane.cloud import iap
from sailplane.model.errors import SettingsError

SERVERLESS_HEADER = "x-serverless-authorization"
IAP_HEADER = "x-goog-iap-jwt-assertion"
REMOVED_SIGNATURE = "SIGNATURE_REMOVED_BY_GOOGLE"
IAP_AUDIENCE = "SAILPLANE_IAP_AUDIENCE"
"""The variable that names the audience of IAP's tokens where IAP stands on a load balancer, or several, with commas."""
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="Sailplane"'}
_NO_PASSWORDS = "There is no password here: Google says who you are. Send an ID token instead, see docs/access.md"


class CloudRunLogin:
    """Users as the ID token names them that Cloud Run has let in. Only for a service that requires authentication."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def authenticate(self, request: Request) -> User:
        claims = _checked_claims(_bearer(request))
        expires = claims.get("exp")
        if not isinstance(expires, int | float) or expires + iap.SKEW.total_seconds() <= self._clock().timestamp():
            raise HttpError(401, "The ID token has expired", _CHALLENGE)
        return User(name=_name_in(claims))

    def log_in(self, username: str, password: str) -> str:
        raise HttpError(403, _NO_PASSWORDS)


def _bearer(request: Request) -> str:
    """The token that Cloud Run has checked. Raises `HttpError` 401."""
    header = request.headers.get(SERVERLESS_HEADER) or request.headers.get("authorization", "")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise HttpError(401, "No ID token: send `Authorization: Bearer ID_TOKEN`, see docs/access.md", _CHALLENGE)
    return token.strip()


def _checked_claims(token: str) -> dict[str, Any]:
    """The claims of a token without its signature. Raises `HttpError` 401 for none, 403 for one with its signature."""
    header, _, rest = token.partition(".")
    body, _, signature = rest.partition(".")
    if not header or not body or not signature:
        raise HttpError(401, "Not an ID token. An access token does not say who you are", _CHALLENGE)
    if signature != REMOVED_SIGNATURE:
        raise HttpError(403, "Cloud Run has not checked this token: the service must require authentication")
    try:
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError):
        claims = None
    if not isinstance(claims, dict):
        raise HttpError(401, "The ID token cannot be read", _CHALLENGE)
    return claims


def _name_in(claims: Mapping[str, Any]) -> str:
    """The email address, or for an account whose token has none its id. Raises `HttpError` 403."""
    email = claims.get("email")
    if isinstance(email, str) and email and claims.get("email_verified", True) is True:
        return email
    subject = claims.get("sub")
    if isinstance(subject, str) and subject:
        return subject
    raise HttpError(403, "The token names neither an email address nor an account")


class IapLogin:
    """Users as Identity-Aware Proxy names them, in a token that it signs for this service."""

    def __init__(self, audiences: Callable[[], Sequence[str]], keys: iap.Keys) -> None:
        """`audiences` is asked once, with the first request. It raises `SettingsError` or `Unavailable`."""
        self._find_audiences = audiences
        self._audiences: Sequence[str] = ()
        self._keys = keys

    def authenticate(self, request: Request) -> User:
        token = request.headers.get(IAP_HEADER, "")
        if not token:
            raise HttpError(401, "This request did not come through Identity-Aware Proxy, which guards this service")
        try:
            claims = iap.claims_of(token, self._keys, self._expected())
        except iap.InvalidToken as error:
            raise HttpError(401, f"The token of Identity-Aware Proxy is refused: {error}") from error
        return User(name=_name_in(claims))

    def log_in(self, username: str, password: str) -> str:
        raise HttpError(403, _NO_PASSWORDS)

    def _expected(self) -> Sequence[str]:
        if not self._audiences:
            self._audiences = self._find_audiences()
        return self._audiences


def iap_audiences(environment: Mapping[str, str], region: Callable[[], str]) -> Sequence[str]:
    """What IAP's tokens for this service are made out to: as the settings say, else those of IAP on Cloud Run itself.

    `region` gives `projects/NUMBER/regions/REGION`, as the metadata server does. Raises `SettingsError`.
    """
    named = [name.strip() for name in environment.get(IAP_AUDIENCE, "").split(",") if name.strip()]
    if named:
        return named
    service = environment.get("K_SERVICE")
    if not service:
        raise SettingsError(
            f"SAILPLANE_AUTH=iap needs {IAP_AUDIENCE} outside of Cloud Run, such as "
            "/projects/PROJECT_NUMBER/global/backendServices/ID"
        )
    found = region().strip()
    _, number, _, name = found.split("/") if found.count("/") == 3 else ("", "", "", "")
    if not number or not name:
        raise SettingsError(f"the metadata server names the region as {found!r}; set {IAP_AUDIENCE}")
    return [f"/projects/{number}/locations/{name}/services/{service}"]
