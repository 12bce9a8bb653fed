"""The base of hooks: what reaches a system outside by a Connection."""

import logging
from importlib import import_module
from typing import Any

from sailplane.authoring.connection import Connection, read_connection
from sailplane.authoring.exceptions import AirflowException

_HOOKS = {
    "gcpbigquery": ("sailplane.hooks.bigquery", "BigQueryHook", "gcp_conn_id"),
    "google_cloud_platform": ("sailplane.hooks.gcs", "GCSHook", "gcp_conn_id"),
    "fs": ("sailplane.hooks.filesystem", "FSHook", "fs_conn_id"),
    "http": ("sailplane.hooks.http", "HttpHook", "http_conn_id"),
    "https": ("sailplane.hooks.http", "HttpHook", "http_conn_id"),
    "postgres": ("sailplane.hooks.sql", "PostgresHook", "postgres_conn_id"),
    "slack": ("sailplane.hooks.slack", "SlackHook", "slack_conn_id"),
    "slackwebhook": ("sailplane.hooks.slack", "SlackWebhookHook", "slack_webhook_conn_id"),
    "smtp": ("sailplane.hooks.smtp", "SmtpHook", "smtp_conn_id"),
    "sqlite": ("sailplane.hooks.sql", "SqliteHook", "sqlite_conn_id"),
}
"""Type of Connection -> module, class, and the argument that takes the Connection's id."""


class BaseHook:
    """Base class of hooks. `get_connection` reads the Connection that a hook is given the id of."""

    conn_type = ""
    conn_name_attr = ""
    default_conn_name = ""
    hook_name = ""

    def __init__(self, logger_name: str | None = None) -> None:
        self._logger_name = logger_name

    @property
    def log(self) -> logging.Logger:
        return logging.getLogger(self._logger_name or f"{type(self).__module__}.{type(self).__qualname__}")

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """The Connection with this id. Raises `AirflowNotFoundException` that says where was looked."""
        return read_connection(conn_id)

    @classmethod
    def get_hook(cls, conn_id: str, hook_params: dict[str, Any] | None = None) -> Any:
        """The hook for the type of this Connection."""
        return cls.get_connection(conn_id).get_hook(hook_params=hook_params)

    def get_conn(self) -> Any:
        """The client of the system outside."""
        raise NotImplementedError(f"{type(self).__name__} has no get_conn()")


def hook_of(connection: Connection, hook_params: dict[str, Any]) -> Any:
    """The hook for `connection`. Raises `AirflowException` for a type that has none."""
    home = _HOOKS.get(connection.conn_type)
    if home is None:
        known = ", ".join(sorted(_HOOKS))
        raise AirflowException(
            f"there is no hook for Connections of the type {connection.conn_type!r}, as {connection.conn_id!r} is; "
            f"there are hooks for {known}"
        )
    module, name, argument = home
    return getattr(import_module(module), name)(**{argument: connection.conn_id}, **hook_params)
