"""The blobs: logs, big XComs and DAG bundles in one Cloud Storage bucket."""

import threading
from collections.abc import Iterable
from functools import cache, cached_property
from typing import Any

from sailplane.cloud.settings import Settings
from sailplane.cloud.tally import Tally
from sailplane.model.errors import NotFound, Unavailable

_MOST_COMPONENTS = 32


class Blobs:
    """Objects by name in the deployment's bucket. Google's client is imported with the first call: it is heavy."""

    def __init__(self, settings: Settings, tally: Tally) -> None:
        self._tally = tally
        self._settings = settings
        self._lock = threading.Lock()

    def read(self, name: str) -> bytes:
        """The object's content. Raises `NotFound`."""
        from google.api_core.exceptions import NotFound as Missing

        self._tally.class_b += 1
        try:
            return bytes(self._call(lambda: self._bucket.blob(name).download_as_bytes()))
        except Missing as error:
            raise NotFound(f"gs://{self._settings.bucket}/{name} does not exist") from error

    def read_file(self, name: str, path: str) -> None:
        """Write the object's content to the file `path`. Raises `NotFound`; then there is no such file."""
        from google.api_core.exceptions import NotFound as Missing

        self._tally.class_b += 1
        try:
            self._call(lambda: self._bucket.blob(name).download_to_filename(path))
        except Missing as error:
            raise NotFound(f"gs://{self._settings.bucket}/{name} does not exist") from error

    def write(self, name: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Write the whole object; the same content again changes nothing."""
        self._tally.class_a += 1
        self._call(lambda: self._bucket.blob(name).upload_from_string(data, content_type=content_type))

    def write_file(self, name: str, path: str, content_type: str) -> None:
        self._tally.class_a += 1
        self._call(lambda: self._bucket.blob(name).upload_from_filename(path, content_type=content_type))

    def exists(self, name: str) -> bool:
        self._tally.class_b += 1
        return bool(self._call(lambda: self._bucket.blob(name).exists()))

    def names(self, prefix: str) -> list[str]:
        """Names of the objects that begin with `prefix`, sorted."""
        self._tally.class_a += 1
        found = self._call(lambda: list(self._client.list_blobs(self._settings.bucket, prefix=prefix)))
        return sorted(blob.name for blob in found)

    def join(self, name: str, parts: list[str], content_type: str) -> None:
        """Make `name` of the contents of `parts`, in order, at most 32."""
        if len(parts) > _MOST_COMPONENTS:
            raise ValueError(f"{len(parts)} parts: Cloud Storage composes {_MOST_COMPONENTS} at most")
        self._tally.class_a += 1
        target = self._bucket.blob(name)
        target.content_type = content_type
        self._call(lambda: target.compose([self._bucket.blob(part) for part in parts]))

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects; one that is gone already does not matter."""
        from google.api_core.exceptions import NotFound as Missing

        for name in names:
            try:
                self._call(lambda name=name: self._bucket.blob(name).delete())
            except Missing:
                continue

    def _call(self, call: Any) -> Any:
        """Run one call. Passing trouble is tried again by Google's client, then told as `Unavailable`."""
        try:
            return call()
        except _passing() as error:
            raise Unavailable(f"Cloud Storage did not answer: {type(error).__name__}: {error}") from error

    @cached_property
    def _bucket(self) -> Any:
        return self._client.bucket(self._settings.bucket)

    @cached_property
    def _client(self) -> Any:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        settings = self._settings
        with self._lock:
            if settings.storage_url is None:
                return storage.Client(project=settings.project)
            # Of the settings, not of the process: a command talks to the standalone that its folder names.
            options = {"api_endpoint": settings.storage_url}
            return storage.Client(project=settings.project, credentials=AnonymousCredentials(), client_options=options)


@cache
def _passing() -> tuple[type[Exception], ...]:
    """What the layers below Google's client let through when a server, a connection or the metadata server fails."""
    from http.client import HTTPException

    import google.auth.exceptions as auth
    import requests.exceptions as requests
    import urllib3.exceptions as urllib3
    from google.api_core.exceptions import RetryError, ServerError, TooManyRequests
    from google.cloud.storage.exceptions import DataCorruption

    served = (RetryError, ServerError, TooManyRequests, DataCorruption)
    # A token that cannot be fetched now: the metadata server's trouble comes as either.
    unauthorized = (auth.TransportError, auth.RefreshError)
    cut_off = (requests.ConnectionError, requests.Timeout, requests.ChunkedEncodingError, requests.ContentDecodingError)
    return (*served, *unauthorized, *cut_off, urllib3.HTTPError, HTTPException, ConnectionError, TimeoutError)
