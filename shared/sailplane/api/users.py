"""Who makes a request, and how that is found out.

`Authenticator` is the seam: a deployment on Google Cloud puts one of `google_login` there.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from sailplane.api.http import HttpError, Request
from sailplane.model.errors import SettingsError

AUTH = "SAILPLANE_AUTH"
"""The variable that says how users are known: one of `AuthKind`."""
AUTH_FILE = "SAILPLANE_AUTH_FILE"
"""The variable that names the file with the login."""
TOKEN_LIFE = timedelta(hours=24)
_HEADER = {"alg": "HS256", "typ": "JWT"}
_NO_WAY_IN = "No way to log in is configured: set SAILPLANE_AUTH to password, id-token or iap, see docs/access.md"
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Sailplane", charset="UTF-8"'}


class AuthKind(StrEnum):
    """How the web function knows who makes a request."""

    PASSWORD = "password"
    """By the login in the file that `SAILPLANE_AUTH_FILE` names."""
    ID_TOKEN = "id-token"
    """By the ID token that Cloud Run has checked: the service must require authentication."""
    IAP = "iap"
    """By the token that Identity-Aware Proxy signs."""


@dataclass(frozen=True, kw_only=True)
class User:
    name: str


class Authenticator(Protocol):
    def authenticate(self, request: Request) -> User:
        """Who sent it. Raises `HttpError` 401 or 403."""

    def log_in(self, username: str, password: str) -> str:
        """A bearer token. Raises `HttpError` 401."""


class Open:
    """Lets everyone in: for the emulators only, which do so too."""

    def authenticate(self, request: Request) -> User:
        return User(name="anonymous")

    def log_in(self, username: str, password: str) -> str:
        return "open"


class Closed:
    """Lets nobody in: what a deployment is that configured nothing."""

    def authenticate(self, request: Request) -> User:
        raise HttpError(403, _NO_WAY_IN)

    def log_in(self, username: str, password: str) -> str:
        raise HttpError(403, _NO_WAY_IN)


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """One login, and the key that signs its tokens. Kept in a file that only its owner may read."""

    username: str
    password: str
    secret: str

    @classmethod
    def read(cls, file: Path) -> "Credentials":
        """Raises `SettingsError` when the file is not there or not whole."""
        try:
            fields = json.loads(file.read_text())
            return cls(username=fields["username"], password=fields["password"], secret=fields["secret"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SettingsError(f"the login file {file} cannot be read: {error!r}") from error


class PasswordLogin:
    """HTTP Basic with the one login there is, or a bearer token that `log_in` gave."""

    def __init__(self, credentials: Credentials, clock: Callable[[], datetime]) -> None:
        self._credentials = credentials
        self._clock = clock

    def authenticate(self, request: Request) -> User:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return User(name=self._name_in_token(value.strip()))
        if scheme.lower() == "basic":
            username, password = _basic(value.strip())
            self._check(username, password)
            return User(name=username)
        raise HttpError(401, "Not authenticated", _CHALLENGE)

    def log_in(self, username: str, password: str) -> str:
        self._check(username, password)
        expires = self._clock() + TOKEN_LIFE
        return sign({"sub": username, "exp": int(expires.timestamp())}, self._credentials.secret)

    def _check(self, username: str, password: str) -> None:
        right = _same(username, self._credentials.username), _same(password, self._credentials.password)
        if not all(right):
            raise HttpError(401, "Invalid credentials", _CHALLENGE)

    def _name_in_token(self, token: str) -> str:
        claims = verify(token, self._credentials.secret)
        if claims is None or claims.get("exp", 0) <= self._clock().timestamp():
            raise HttpError(401, "Invalid or expired token", _CHALLENGE)
        return str(claims.get("sub", ""))


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


def _basic(value: str) -> tuple[str, str]:
    try:
        username, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise HttpError(401, "Invalid credentials", _CHALLENGE) from None
    return username, password


def sign(claims: Mapping[str, Any], secret: str) -> str:
    """A JSON Web Token (RFC 7519) under HS256."""
    body = f"{_part(_HEADER)}.{_part(claims)}"
    return f"{body}.{_signature(body, secret)}"


def verify(token: str, secret: str) -> dict[str, Any] | None:
    """The claims of a token that `sign` made with this secret; None for any other."""
    body, _, signature = token.rpartition(".")
    if not _same(signature, _signature(body, secret)):
        return None
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body.partition(".")[2] + "=="))
    return claims


def _part(value: Mapping[str, Any]) -> str:
    return _encoded(json.dumps(value, separators=(",", ":")).encode())


def _signature(body: str, secret: str) -> str:
    return _encoded(hmac.new(secret.encode(), body.encode(), hashlib.sha256).digest())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
