"""Databases for tasks, over Python's DB-API."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

from sailplane.authoring.connection import Connection
from sailplane.authoring.exceptions import AirflowException
from sailplane.hooks.base import BaseHook
from sailplane.hooks.extras import load_extra

Parameters = Sequence[Any] | Mapping[str, Any] | None
Handler = Callable[[Any], Any]
"""Gets the cursor of a statement and gives its result."""


def fetch_all_handler(cursor: Any) -> list[Any] | None:
    """All rows; None of a statement that gives none."""
    return list(cursor.fetchall()) if cursor.description is not None else None


def fetch_one_handler(cursor: Any) -> Any:
    """The first row; None of a statement that gives none."""
    return cursor.fetchone() if cursor.description is not None else None


class DbApiHook(BaseHook):
    """Base of hooks for databases: `get_conn` opens one, everything else is here."""

    conn_name_attr = "conn_id"
    placeholder = "%s"
    log_sql = True
    """Whether statements are logged."""
    descriptions: Sequence[Any] = ()
    """Of what each statement of the last `run` gave: its columns, as DB-API's `cursor.description` has them."""

    def __init__(
        self,
        conn_id: str | None = None,
        *,
        schema: str | None = None,
        log_sql: bool = True,
        database: str | None = None,
        **kwargs: Any,
    ) -> None:
        """`schema` is the database, as in Airflow, unless `database` says otherwise."""
        super().__init__()
        given = kwargs.pop(self.conn_name_attr, None) or conn_id or self.default_conn_name
        if kwargs:
            raise TypeError(f"{type(self).__name__}() got the unexpected argument {next(iter(kwargs))!r}")
        self.conn_id: str = given
        self.database, self.log_sql = database or schema, log_sql
        setattr(self, self.conn_name_attr, given)

    def run(
        self,
        sql: str | Iterable[str],
        autocommit: bool = False,
        parameters: Parameters = None,
        handler: Handler | None = None,
        split_statements: bool = False,
        return_last: bool = True,
    ) -> Any:
        """Run one statement, or several in one transaction; `handler` makes their results.

        Of a single text the last result is returned, of several all, unless `return_last`.
        """
        alone = isinstance(sql, str)
        statements = self.split_sql_string(sql) if isinstance(sql, str) and split_statements else _listed(sql)
        if not statements:
            raise ValueError("there is no SQL statement to run: the text is empty")
        results, descriptions = [], []
        with self._transaction(autocommit) as connection:
            for statement in statements:
                if self.log_sql:
                    self.log.info("Running statement: %s, parameters: %s", statement, parameters)
                with closing(connection.cursor()) as cursor:
                    cursor.execute(statement, *([] if parameters is None else [parameters]))
                    descriptions.append(cursor.description)
                    results.append(handler(cursor) if handler is not None else None)
        self.descriptions = descriptions
        if handler is None:
            return None
        return results[-1] if return_last and (alone or len(results) == 1) else results

    @property
    def last_description(self) -> Any:
        """Of the last of `descriptions`; None when there are none."""
        return self.descriptions[-1] if self.descriptions else None

    @contextmanager
    def _transaction(self, autocommit: bool) -> Iterator[Any]:
        with closing(self.get_conn()) as connection:
            self.set_autocommit(connection, autocommit)
            try:
                yield connection
            except BaseException:
                if not autocommit:
                    connection.rollback()
                raise
            if not autocommit:
                connection.commit()

    def set_autocommit(self, connection: Any, autocommit: bool) -> None:
        connection.autocommit = autocommit

    def get_records(self, sql: str | Iterable[str], parameters: Parameters = None) -> list[Any]:
        """All rows."""
        found: list[Any] = self.run(sql, parameters=parameters, handler=fetch_all_handler)
        return found

    def get_first(self, sql: str | Iterable[str], parameters: Parameters = None) -> Any:
        """The first row; None when there is none."""
        return self.run(sql, parameters=parameters, handler=fetch_one_handler)

    def insert_rows(
        self,
        table: str,
        rows: Iterable[Sequence[Any]],
        target_fields: Sequence[str] | None = None,
        commit_every: int = 1000,
    ) -> None:
        """Insert `rows`, in one transaction for each `commit_every` of them; 0: in one for all."""
        fields = f" ({', '.join(target_fields)})" if target_fields else ""
        everything = [tuple(row) for row in rows]
        size = commit_every or max(len(everything), 1)
        for chunk in (everything[start : start + size] for start in range(0, len(everything), size)):
            places = ", ".join([self.placeholder] * len(chunk[0]))
            with self._transaction(autocommit=False) as connection, closing(connection.cursor()) as cursor:
                cursor.executemany(f"INSERT INTO {table}{fields} VALUES ({places})", chunk)

    def split_sql_string(self, sql: str) -> list[str]:
        """The statements of a text, parted at the semicolons that end one."""
        statements, begun = [], ""
        for part in sql.split(";"):
            begun += part
            if sqlite3.complete_statement(f"{begun};"):
                statements.append(begun.strip())
                begun = ""
            else:
                begun += ";"
        return [statement for statement in [*statements, begun.strip("; \n")] if statement]


class SqliteHook(DbApiHook):
    """A SQLite file: the Connection's host is its path."""

    conn_type = "sqlite"
    conn_name_attr = "sqlite_conn_id"
    default_conn_name = "sqlite_default"
    placeholder = "?"

    def get_conn(self) -> sqlite3.Connection:
        found = self.get_connection(self.conn_id)
        return sqlite3.connect(self.database or _sqlite_path(found))

    def set_autocommit(self, connection: Any, autocommit: bool) -> None:
        if autocommit:
            connection.isolation_level = None


class PostgresHook(DbApiHook):
    """A PostgreSQL server. Needs psycopg: `pip install sailplane[postgres]`."""

    conn_type = "postgres"
    conn_name_attr = "postgres_conn_id"
    default_conn_name = "postgres_default"

    def get_conn(self) -> Any:
        found = self.get_connection(self.conn_id)
        fields = {
            "host": found.host,
            "port": found.port,
            "user": found.login,
            "password": found.password,
            "dbname": self.database or found.schema,
        }
        extra = {name: value for name, value in found.extra_dejson.items() if isinstance(value, str | int)}
        return _psycopg().connect(**{name: value for name, value in {**fields, **extra}.items() if value is not None})


def database_hook(conn_id: str, hook_params: Mapping[str, Any]) -> DbApiHook:
    """The hook for the database of a Connection. Raises `AirflowException` when it leads to something else."""
    hook = BaseHook.get_hook(conn_id, dict(hook_params))
    if not isinstance(hook, DbApiHook):
        raise AirflowException(f"the Connection {conn_id!r} leads to no database: its hook is a {type(hook).__name__}")
    return hook


def _psycopg() -> Any:
    return load_extra("psycopg", package="psycopg", extra="postgres", user="PostgresHook")


def _sqlite_path(connection: Connection) -> str:
    if connection.host:
        return connection.host
    if connection.schema:  # What a URI such as sqlite:////data/file.db has.
        return connection.schema
    raise AirflowException(f"the Connection {connection.conn_id!r} names no SQLite file: give its path as host")


def _listed(sql: str | Iterable[str]) -> list[str]:
    return [each for each in ([sql] if isinstance(sql, str) else sql) if each.strip()]
