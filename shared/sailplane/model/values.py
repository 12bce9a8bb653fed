"""Variables and Connections as the store keeps them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from sailplane.model.errors import RequestError
from sailplane.model.runs import Token
from sailplane.model.secrets import secrets_of_extra

LONGEST_KEY = 250
"""Characters of a Variable's key and a Connection's id, as in Airflow."""
CONNECTION_ID = re.compile(r"^[\w.-]+$")
EXTRA_KEY = "__extra__"
CONNECTION_FIELDS = ("conn_type", "description", "host", "login", "password", "schema", "port", "extra")


class InvalidConnection(RequestError):
    """A text describes no Connection."""


class InvalidVariable(RequestError):
    """A Variable cannot be as it is given."""


@dataclass(frozen=True, kw_only=True)
class Variable:
    """`variables/{key}`."""

    key: str
    value: str
    """Text; JSON where its author made it so."""
    description: str | None = None
    token: Token = ""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """`connections/{conn_id}`: address and credentials of a system, under Airflow's names."""

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
    token: Token = ""

    def fields(self) -> dict[str, Any]:
        """What it says besides its id, `extra` as text."""
        return {name: getattr(self, name) for name in CONNECTION_FIELDS}

    def as_json(self) -> str:
        """Airflow's JSON form, without what is not set."""
        return json.dumps({name: value for name, value in self.fields().items() if value not in (None, "")})

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """`extra` as a dict; empty when it holds none."""
        try:
            value = json.loads(self.extra or "{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def secrets(self) -> list[str]:
        """What of it must not be shown, as it is and as it stands in a URI."""
        found = [*([self.password] if self.password else []), *secrets_of_extra(self.extra)]
        return [*found, *(quoted for secret in found if (quoted := quote(secret, safe="")) != secret)]

    def get_uri(self) -> str:
        """Airflow's URI form."""
        login = quote(self.login, safe="") if self.login is not None else ""
        password = f":{quote(self.password, safe='')}" if self.password is not None else ""
        at = "@" if login or password else ""
        scheme, host = self._address()
        port = f":{self.port}" if self.port else ""
        path = f"/{quote(self.schema, safe='')}" if self.schema else ""
        place = f"{login}{password}{at}{host}{port}" or ("@" if path else "")
        return f"{scheme}{place}{path}{self._query()}"

    def _address(self) -> tuple[str, str]:
        """The URI's beginning and its host; a host that names a protocol keeps it, as in Airflow."""
        scheme = f"{self.conn_type.lower().replace('_', '-')}://" if self.conn_type else "//"
        host = self.host or ""
        if "://" in host:
            protocol, _, rest = host.partition("://")
            if protocol != self.conn_type:
                return f"{scheme}{protocol}://", quote(rest, safe="")
        return scheme, quote(host, safe="")

    def _query(self) -> str:
        if not self.extra:
            return ""
        start = "?" if self.schema else "/?"
        extra = self.extra_dejson
        query = urlencode(extra) if extra else ""
        if query and extra == dict(parse_qsl(query, keep_blank_values=True)):
            return start + query
        return start + urlencode({EXTRA_KEY: self.extra})


def parse_connection(conn_id: str, text: str) -> Connection:
    """The Connection that `text` describes: Airflow's JSON form, or a URI. Raises `InvalidConnection`."""
    if not text.lstrip().startswith("{"):
        return _from_uri(conn_id, text)
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise InvalidConnection(
            f"the Connection {conn_id!r} is neither a URI nor JSON of a Connection: {error}"
        ) from None
    return connection_from(conn_id, fields)


def connection_from(conn_id: str, fields: Mapping[str, Any]) -> Connection:
    """The Connection with these fields, `extra` as text or as an object. Raises `InvalidConnection`."""
    given = {name: value for name, value in fields.items() if name != "conn_id" and value is not None}
    if "extra_dejson" in given:
        given["extra"] = given.pop("extra_dejson")
    unknown = given.keys() - set(CONNECTION_FIELDS)
    if unknown:
        raise InvalidConnection(
            f"the Connection {conn_id!r} has unknown fields {', '.join(sorted(unknown))}; there are "
            f"{', '.join(CONNECTION_FIELDS)}"
        )
    extra = given.pop("extra", None)
    texts = {name: str(value) for name, value in given.items() if name != "port"}
    texts["conn_type"] = normal_type(texts.get("conn_type", ""))
    port = _port(conn_id, given.get("port"))
    return Connection(conn_id=conn_id, port=port, extra=_extra(extra), **texts)


def normal_type(conn_type: str) -> str:
    """As in Airflow: URIs cannot have an underscore in the scheme."""
    plain = conn_type.lower().replace("-", "_")
    return "postgres" if plain == "postgresql" else plain


def _extra(extra: Any) -> str | None:
    return extra or None if isinstance(extra, str | None) else json.dumps(extra)


def _port(conn_id: str, port: Any) -> int | None:
    try:
        return int(port) if port not in (None, "") else None
    except (ValueError, TypeError):
        raise InvalidConnection(f"the port of the Connection {conn_id!r} must be a number, not {port!r}") from None


def _from_uri(conn_id: str, text: str) -> Connection:
    scheme, _, rest = text.partition("://")
    protocol = ""
    if "://" in rest.partition("?")[0]:
        protocol, _, rest = rest.partition("://")
    try:
        parts = urlsplit(f"{scheme}://{rest}" if rest or "://" in text else text)
        port = parts.port
    except ValueError:
        # Python's message may quote a part of the password.
        raise InvalidConnection(
            f"the Connection {conn_id!r} is no URI: in login and password / must be written as %2F, @ as %40, : as %3A "
            "and # as %23, and the port must be a number"
        ) from None
    host = _host(parts.netloc)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    extra = query[EXTRA_KEY] if EXTRA_KEY in query else json.dumps(query) if query else None
    return Connection(
        conn_id=conn_id,
        conn_type=normal_type(parts.scheme),
        host=f"{protocol}://{host}" if protocol and host else host,
        login=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        schema=unquote(parts.path.lstrip("/")) or None,
        port=port,
        extra=extra,
    )


def _host(netloc: str) -> str | None:
    """The host as it is written: `urlsplit` would make it lower case."""
    host = netloc.rpartition("@")[2]
    if host.startswith("["):
        return host.partition("]")[0][1:]
    return unquote(host.partition(":")[0]) or None


def check_key(key: str, what: str) -> None:
    """Raises `InvalidVariable` for a name that cannot be stored."""
    if not key.strip() or len(key) > LONGEST_KEY:
        raise InvalidVariable(f"{what} must have 1 to {LONGEST_KEY} characters, not {len(key)}")
