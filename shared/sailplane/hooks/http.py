"""HTTP for tasks."""

from collections.abc import Mapping
from typing import Any

from sailplane.authoring.connection import Connection
from sailplane.authoring.exceptions import AirflowException, AirflowNotFoundException
from sailplane.hooks.base import BaseHook

DEFAULT_CONNECTION = "http_default"
_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
_SESSION_OPTIONS = ("stream", "verify", "proxies", "cert", "timeout", "allow_redirects")
_OPTIONS = frozenset({*_SESSION_OPTIONS, "check_response"})


class HttpHook(BaseHook):
    """Calls endpoints below the address of a Connection.

    Its host may be an address with scheme; login and password are sent as basic authentication, `headers` in its extra
    (or, as in Airflow, its other keys) as headers. `http_default` need not be set: then endpoints are whole addresses.
    """

    conn_type = "http"
    conn_name_attr = "http_conn_id"
    default_conn_name = DEFAULT_CONNECTION

    def __init__(self, method: str = "POST", http_conn_id: str = DEFAULT_CONNECTION, auth_type: Any = None) -> None:
        super().__init__()
        self.method = method.upper()
        self.http_conn_id = http_conn_id
        self.auth_type = auth_type

    def run(
        self,
        endpoint: str | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        extra_options: Mapping[str, Any] | None = None,
        **request_kwargs: Any,
    ) -> Any:
        """The `requests.Response`. Raises `AirflowException` for an error status, unless `check_response` is False."""
        import requests

        connection = self._connection()
        options = self._options(connection, extra_options)
        check = options.pop("check_response", True)
        payload = {"data" if self.method in _BODY_METHODS else "params": data} if data is not None else {}
        url = self.url_from_endpoint(endpoint, connection)
        try:
            response = requests.request(
                self.method,
                url,
                headers={**_headers(connection), **(headers or {})},
                auth=self._auth(connection),
                timeout=options.pop("timeout", 60),
                **{**payload, **options, **request_kwargs},
            )
        except requests.exceptions.RequestException as error:
            raise AirflowException(f"{self.method} {url} failed: {error}") from error
        if check:
            self.check_response(response)
        return response

    def check_response(self, response: Any) -> None:
        if response.status_code >= 400:
            raise AirflowHttpError(response.status_code, f"{self.method} {response.url}", response.reason)

    def url_from_endpoint(self, endpoint: str | None, connection: Connection | None = None) -> str:
        """The whole address of `endpoint`."""
        endpoint = endpoint or ""
        connection = connection or self._connection()
        if connection is None or "://" in endpoint:
            if "://" not in endpoint:
                raise AirflowException(
                    f"the endpoint {endpoint!r} is no whole address, and the Connection {self.http_conn_id!r} that "
                    "would complete it is not set"
                )
            return endpoint
        base = _base_url(connection)
        return f"{base.rstrip('/')}/{endpoint.lstrip('/')}" if endpoint else base

    def _connection(self) -> Connection | None:
        try:
            return self.get_connection(self.http_conn_id)
        except AirflowNotFoundException:
            if self.http_conn_id == DEFAULT_CONNECTION:
                return None
            raise

    def _auth(self, connection: Connection | None) -> Any:
        if connection is None or not connection.login:
            return self.auth_type() if self.auth_type else None
        login = connection.login, connection.password or ""
        return self.auth_type(*login) if self.auth_type else login

    def _options(self, connection: Connection | None, extra_options: Mapping[str, Any] | None) -> dict[str, Any]:
        known = {name: value for name, value in _extra(connection).items() if name in _OPTIONS}
        given = dict(extra_options or {})
        unknown = sorted(given.keys() - _OPTIONS)
        if unknown:
            raise AirflowException(f"extra_options has {unknown[0]!r}; it may have {', '.join(sorted(_OPTIONS))}")
        return {**known, **given}


class AirflowHttpError(AirflowException):
    """An endpoint answered with an error status."""

    def __init__(self, status: int, request: str, reason: str) -> None:
        super().__init__(f"{request} answered {status}: {reason}")
        self.status = status


def _base_url(connection: Connection) -> str:
    host = connection.host or ""
    if "://" in host:
        base = host
    else:
        scheme = connection.schema or ("https" if connection.conn_type == "https" else "http")
        base = f"{scheme}://{host}"
    return f"{base}:{connection.port}" if connection.port else base


def _extra(connection: Connection | None) -> Mapping[str, Any]:
    return connection.extra_dejson if connection is not None else {}


def _headers(connection: Connection | None) -> dict[str, str]:
    extra = _extra(connection)
    named = extra.get("headers")
    found = named if isinstance(named, Mapping) else {k: v for k, v in extra.items() if k not in _OPTIONS}
    return {str(name): str(value) for name, value in found.items()}
