"""A small client of the local REST API and bucket, for the demo: it goes the way that any user's program goes."""

import base64
import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote, urlencode

from sailplane.api.users import Credentials
from sailplane.model.errors import RequestError, Unavailable

TIMEOUT_SECONDS = 60


class ApiClient:
    """Asks `url` with a login. A proxy for the world outside is never asked."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        self._url = url.rstrip("/")
        login = f"{credentials.username}:{credentials.password}".encode()
        self._headers = {"Authorization": f"Basic {base64.b64encode(login).decode()}"}

    def get(self, *parts: str, **query: Any) -> Any:
        return json.loads(send("GET", self._path(*parts, **query), headers=self._headers))

    def post(self, *parts: str, body: Any) -> Any:
        headers = {**self._headers, "Content-Type": "application/json"}
        return json.loads(send("POST", self._path(*parts), json.dumps(body).encode(), headers))

    def _path(self, *parts: str, **query: Any) -> str:
        path = "/".join(quote(part, safe="") for part in parts)
        return f"{self._url}/api/v2/{path}" + (f"?{urlencode(query)}" if query else "")


class BucketClient:
    """Objects of one bucket, over Cloud Storage's JSON API."""

    def __init__(self, url: str, bucket: str) -> None:
        self._url = url.rstrip("/")
        self._bucket = bucket

    def upload(self, name: str, data: bytes, content_type: str) -> None:
        query = urlencode({"uploadType": "media", "name": name})
        url = f"{self._url}/upload/storage/v1/b/{self._bucket}/o?{query}"
        send("POST", url, data, {"Content-Type": content_type})

    def delete(self, name: str) -> None:
        """Delete an object, if it is there."""
        if name in self.names():
            send("DELETE", f"{self._url}/storage/v1/b/{self._bucket}/o/{quote(name, safe='')}")

    def names(self) -> list[str]:
        answer = json.loads(send("GET", f"{self._url}/storage/v1/b/{self._bucket}/o?maxResults=1000"))
        return sorted(item["name"] for item in answer.get("items", ()))


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def send(method: str, url: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
    """The body of a successful answer. Raises `RequestError` or `Unavailable` with what the server said."""
    request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
    try:
        with _OPENER.open(request, timeout=TIMEOUT_SECONDS) as answer:
            body: bytes = answer.read()
            return body
    except urllib.error.HTTPError as error:
        with error:
            raise RequestError(f"{method} {url} was answered {error.code}: {error.read().decode()[:300]}") from error
    except urllib.error.URLError as error:
        raise Unavailable(f"{method} {url} had no answer: {error.reason}") from error
