"""Connections: how to reach a system outside."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from sailplane.authoring.exceptions import AirflowException


@dataclass(kw_only=True)
class Connection:
    """Address and credentials of a system, under Airflow's names."""

    conn_id: str
    conn_type: str = ""
    description: str | None = None
    host: str | None = None
    login: str | None = None
    password: str | None = None
    schema: str | None = None
    port: int | None = None
    extra: str | None = None
    """JSON text."""

    @classmethod
    def parse(cls, conn_id: str, text: str) -> "Connection":
        """The Connection that `text` describes: Airflow's JSON form, or a URI."""
        return cls._from_json(conn_id, text) if text.lstrip().startswith("{") else cls._from_uri(conn_id, text)

    @classmethod
    def _from_json(cls, conn_id: str, text: str) -> "Connection":
        try:
            fields = json.loads(text)
            extra = fields.pop("extra", None)
            port = fields.pop("port", None)
            return cls(
                **{**fields, "conn_id": conn_id},
                port=int(port) if port not in (None, "") else None,
                extra=extra if isinstance(extra, str | None) else json.dumps(extra),
            )
        except (ValueError, TypeError) as error:
            raise AirflowException(
                f"the Connection {conn_id!r} is neither a URI nor JSON of a Connection: {error}"
            ) from None

    @classmethod
    def _from_uri(cls, conn_id: str, text: str) -> "Connection":
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise AirflowException(f"the Connection {conn_id!r} is no URI: {error}") from None
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        extra = query["__extra__"] if "__extra__" in query else json.dumps(query) if query else None
        return cls(
            conn_id=conn_id,
            conn_type=parts.scheme.replace("-", "_"),
            host=unquote(parts.hostname) if parts.hostname else None,
            login=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            schema=unquote(parts.path.lstrip("/")) or None,
            port=port,
            extra=extra,
        )

    @property
    def extra_dejson(self) -> Mapping[str, Any]:
        """`extra` as a dict; empty when it holds none."""
        try:
            value = json.loads(self.extra or "{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def get_uri(self) -> str:
        login = quote(self.login, safe="") if self.login else ""
        password = f":{quote(self.password, safe='')}" if self.password else ""
        at = "@" if login or password else ""
        port = f":{self.port}" if self.port is not None else ""
        query = f"?{urlencode({'__extra__': self.extra})}" if self.extra else ""
        path = f"/{quote(self.schema, safe='')}" if self.schema else ""
        host = quote(self.host or "", safe="")
        return f"{self.conn_type.replace('_', '-')}://{login}{password}{at}{host}{port}{path}{query}"

    def __repr__(self) -> str:
        return f"Connection({self.conn_id!r}, {self.conn_type!r})"
