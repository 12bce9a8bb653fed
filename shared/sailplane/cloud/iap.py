"""Identity-Aware Proxy: the tokens that it signs for a service, and the keys that they are verified against.

After Google's page "Securing your app with signed headers".
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sailplane.model.errors import RequestError, Unavailable

SKEW = timedelta(seconds=30)
"""What Google allows between its clocks and ours."""
_KEYS_URL = "https://www.gstatic.com/iap/verify/public_key"
_ISSUER = "https://cloud.google.com/iap"
_ALGORITHM = "ES256"
_KEYS_LIFE = timedelta(hours=1)
_KEYS_PAUSE = timedelta(seconds=30)
"""The shortest time between two looks for new keys, so that forged key ids make no traffic."""
_TIMEOUT_SECONDS = 5

PublicKeys = Mapping[str, str]
"""Key id to public key (PEM)."""


class InvalidToken(RequestError):
    """A token is not one that Identity-Aware Proxy made for this service."""


def claims_of(token: str, keys: "Keys", audiences: Sequence[str]) -> Mapping[str, Any]:
    """The claims of a token that is made out to one of `audiences`. Raises `InvalidToken` or `Unavailable`."""
    # Imported here: cryptography takes a tenth of a second, which other ways of logging in need not pay.
    from google.auth import jwt
    from google.auth.exceptions import GoogleAuthError

    try:
        header = jwt.decode_header(token)
        if header.get("alg") != _ALGORITHM:
            raise InvalidToken(f"signed with {header.get('alg')}, not {_ALGORITHM}")
        claims: Mapping[str, Any] = jwt.decode(
            token,
            certs=keys.with_id(str(header.get("kid"))),
            audience=list(audiences),
            clock_skew_in_seconds=int(SKEW.total_seconds()),
        )
    except (ValueError, GoogleAuthError) as error:
        raise InvalidToken(str(error)) from error
    if claims.get("iss") != _ISSUER:
        raise InvalidToken(f"issued by {claims.get('iss')}, not {_ISSUER}")
    return claims


@dataclass(frozen=True, kw_only=True)
class _Known:
    keys: PublicKeys
    looked_at: datetime


class Keys:
    """IAP's public keys: fetched when first needed, then again each hour, or when a token names one that is new."""

    def __init__(self, fetch: Callable[[], PublicKeys], clock: Callable[[], datetime]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._known: _Known | None = None

    def with_id(self, key_id: str) -> PublicKeys:
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


def fetch_keys() -> PublicKeys:
    """The keys as Google publishes them. Raises `Unavailable`."""
    keys: PublicKeys = json.loads(_read(_KEYS_URL, "the keys of Identity-Aware Proxy"))
    return keys


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
