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
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sailplane.api.http import HttpError, Request
from sailplane.api.users import User
from sailplane.model.errors import SettingsError, Unavailable

SERVERLESS_HEADER = "x-serverless-authorization"
IAP_HEADER = "x-goog-iap-jwt-assertion"
REMOVED_SIGNATURE = "SIGNATURE_REMOVED_BY_GOOGLE"
IAP_AUDIENCE = "SAILPLANE_IAP_AUDIENCE"
"""The variable that names the audience of IAP's tokens where IAP stands on a load balancer, or several, with commas."""
_IAP_KEYS_URL = "https://www.gstatic.com/iap/verify/public_key"
_IAP_ISSUER = "https://cloud.google.com/iap"
_IAP_ALGORITHM = "ES256"
_SKEW = timedelta(seconds=30)
"""What Google allows between its clocks and ours."""
_KEYS_LIFE = timedelta(hours=1)
_KEYS_PAUSE = timedelta(seconds=30)
"""The shortest time between two looks for new keys, so that forged key ids make no traffic."""
_TIMEOUT_SECONDS = 5
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="Sailplane"'}
_NO_PASSWORDS = "There is no password here: Google says who you are. Send an ID token instead, see docs/access.md"

Keys = Mapping[str, str]
"""Key id to public key (PEM)."""


class CloudRunLogin:
    """Users as the ID token names them that Cloud Run has let in. Only for a service that requires authentication."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def authenticate(self, request: Request) -> User:
        claims = _checked_claims(_bearer(request))
        expires = claims.get("exp")
        if not isinstance(expires, int | float) or expires + _SKEW.total_seconds() <= self._clock().timestamp():
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

    def __init__(self, audiences: Callable[[], Sequence[str]], keys: "IapKeys") -> None:
        """`audiences` is asked once, with the first request. It raises `SettingsError` or `Unavailable`."""
        self._find_audiences = audiences
        self._audiences: Sequence[str] = ()
        self._keys = keys

    def authenticate(self, request: Request) -> User:
        token = request.headers.get(IAP_HEADER, "")
        if not token:
            raise HttpError(401, "This request did not come through Identity-Aware Proxy, which guards this service")
        return User(name=_name_in(self._claims(token)))

    def log_in(self, username: str, password: str) -> str:
        raise HttpError(403, _NO_PASSWORDS)

    def _claims(self, token: str) -> Mapping[str, Any]:
        """The claims of a token that IAP signed for us. Raises `HttpError` 401 or `Unavailable`."""
        # Imported here: cryptography takes a tenth of a second, which other ways of logging in need not pay.
        from google.auth import jwt
        from google.auth.exceptions import GoogleAuthError

        audiences = self._expected()
        try:
            header = jwt.decode_header(token)
            if header.get("alg") != _IAP_ALGORITHM:
                raise ValueError(f"signed with {header.get('alg')}, not {_IAP_ALGORITHM}")
            claims: Mapping[str, Any] = jwt.decode(
                token,
                certs=self._keys.with_id(str(header.get("kid"))),
                audience=list(audiences),
                clock_skew_in_seconds=int(_SKEW.total_seconds()),
            )
            if claims.get("iss") != _IAP_ISSUER:
                raise ValueError(f"issued by {claims.get('iss')}, not {_IAP_ISSUER}")
        except (ValueError, GoogleAuthError) as error:
            raise HttpError(401, f"The token of Identity-Aware Proxy is refused: {error}") from error
        return claims

    def _expected(self) -> Sequence[str]:
        if not self._audiences:
            self._audiences = self._find_audiences()
        return self._audiences


@dataclass
class _Known:
    keys: Keys
    looked_at: datetime


class IapKeys:
    """IAP's public keys: fetched when first needed, then again each hour, or when a token names one that is new."""

    def __init__(self, fetch: Callable[[], Keys], clock: Callable[[], datetime]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._known: _Known | None = None

    def with_id(self, key_id: str) -> Keys:
        """All keys that are known, the one of that id among them if there is one. Raises `Unavailable`."""
        with self._lock:
            now = self._clock()
            if self._known is None or self._is_stale(self._known, key_id, now):
                self._known = _Known(keys=self._fetch(), looked_at=now)
            return self._known.keys

    @staticmethod
    def _is_stale(known: _Known, key_id: str, now: datetime) -> bool:
        age = now - known.looked_at
        return age >= _KEYS_LIFE or (key_id not in known.keys and age >= _KEYS_PAUSE)


def fetch_iap_keys() -> Keys:
    """The keys as Google publishes them. Raises `Unavailable`."""
    keys: Keys = json.loads(_read(_IAP_KEYS_URL, "the keys of Identity-Aware Proxy"))
    return keys


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


def region_of_instance(environment: Mapping[str, str]) -> str:
    """What the metadata server says of the region. Raises `Unavailable`."""
    host = environment.get("GCE_METADATA_HOST", "metadata.google.internal")
    url = f"http://{host}/computeMetadata/v1/instance/region"
    # No proxy for the world outside knows this server.
    return _read(url, "the metadata server", {"Metadata-Flavor": "Google"}, proxies={}).decode()


def _read(
    url: str, what: str, headers: Mapping[str, str] | None = None, proxies: dict[str, str] | None = None
) -> bytes:
    # Imported here: with all that it brings it takes a tenth of a second, and most instances never need it.
    from urllib.request import ProxyHandler, Request, build_opener

    request = Request(url, headers=dict(headers or {}))
    try:
        with build_opener(ProxyHandler(proxies)).open(request, timeout=_TIMEOUT_SECONDS) as answer:
            body: bytes = answer.read()
            return body
    except OSError as error:  # URLError is one of these.
        raise Unavailable(f"{what} cannot be read: {error}") from error
