"""`sailplane connections`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sailplane.cli.output import Format
from sailplane.cli.session import FormatOption, HomeOption, session_of
from sailplane.cli.value_files import FileForm, connections_text, read_values, write_values
from sailplane.cli.variables import File, HideSensitive, ShowValues
from sailplane.model.errors import NotFound
from sailplane.model.secrets import MASK, redacted_text
from sailplane.model.values import Connection, connection_from, parse_connection

app = typer.Typer(no_args_is_help=True, help="List, get, add, delete, import and export Connections of the store.")

ConnId = Annotated[str, typer.Argument(metavar="CONN_ID", show_default=False)]
COLUMNS = ("conn_id", "conn_type", "host", "port", "schema", "login", "description")


def _text_option(name: str, what: str) -> Any:
    return typer.Option(f"--conn-{name}", help=what)


@app.command("list")
def list_connections(
    context: typer.Context,
    show_values: ShowValues = False,
    hide_sensitive: HideSensitive = False,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """List the Connections; passwords and other secrets are masked."""
    session = session_of(context)
    found = sorted(session.backend(home).connections(), key=lambda one: one.conn_id)
    session.output.rows([_row(connection, show_values and not hide_sensitive) for connection in found], COLUMNS, form)


def _row(connection: Connection, show_values: bool) -> dict[str, Any]:
    fields = {"conn_id": connection.conn_id, **connection.fields()}
    if show_values:
        return {**fields, "uri": connection.get_uri()}
    password = MASK if connection.password is not None else None
    return {**fields, "password": password, "extra": redacted_text(connection.extra) if connection.extra else None}


@app.command()
def get(
    context: typer.Context,
    conn_id: ConnId,
    show_values: ShowValues = False,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Show a Connection of the store."""
    session = session_of(context)
    found = session.backend(home).connection(conn_id)
    if found is None:
        raise no_connection(conn_id)
    session.output.record(_row(found, show_values), form)


@app.command()
def add(
    context: typer.Context,
    conn_id: ConnId,
    *,
    uri: Annotated[str | None, _text_option("uri", "All of it as a URI.")] = None,
    json_text: Annotated[str | None, _text_option("json", "All of it as JSON.")] = None,
    conn_type: Annotated[str | None, _text_option("type", "The type: http, postgres...")] = None,
    host: Annotated[str | None, _text_option("host", "The host.")] = None,
    login: Annotated[str | None, _text_option("login", "The login.")] = None,
    password: Annotated[str | None, _text_option("password", "The password.")] = None,
    schema: Annotated[str | None, _text_option("schema", "The schema, or database.")] = None,
    port: Annotated[int | None, _text_option("port", "The port.")] = None,
    extra: Annotated[str | None, _text_option("extra", "More of it, a JSON object.")] = None,
    description: Annotated[str | None, _text_option("description", "What it is for.")] = None,
    home: HomeOption = None,
) -> None:
    """Add a Connection to the store: as a URI, as JSON, or by its fields."""
    fields = {
        "conn_type": conn_type,
        "host": host,
        "login": login,
        "password": password,
        "schema": schema,
        "port": port,
        "extra": extra,
    }
    made = _made(conn_id, uri or json_text, {**fields, "description": description})
    session = session_of(context)
    session.backend(home).add_value(made)
    session.output.note(f"Connection {conn_id} is added.")


def _made(conn_id: str, text: str | None, fields: dict[str, Any]) -> Connection:
    given = [name for name, value in fields.items() if value is not None and name != "description"]
    if text is None and fields["conn_type"] is None:
        raise _bad("a Connection needs --conn-uri, --conn-json or --conn-type")
    if text is None:
        return connection_from(conn_id, fields)
    if given:
        raise _bad(f"--conn-uri or --conn-json says it all: leave out {', '.join(given)}")
    made = parse_connection(conn_id, text)
    if fields["description"] is None:
        return made
    return connection_from(conn_id, {**made.fields(), "description": fields["description"]})


def _bad(message: str) -> typer.BadParameter:
    return typer.BadParameter(message, param_hint="'CONN_ID'")


@app.command()
def delete(context: typer.Context, conn_id: ConnId, home: HomeOption = None) -> None:
    """Delete a Connection from the store."""
    session = session_of(context)
    backend = session.backend(home)
    found = backend.connection(conn_id)
    if found is None:
        raise no_connection(conn_id)
    backend.remove_value(found)
    session.output.note(f"Connection {conn_id} is deleted.")


@app.command("import")
def import_connections(
    context: typer.Context,
    file: File,
    *,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Also set those that are there already.")] = False,
    home: HomeOption = None,
) -> None:
    """Add the Connections that a JSON, YAML or .env file holds."""
    from sailplane.engine.value_files import connection_of

    session = session_of(context)
    backend = session.backend(home)
    found = [connection_of(conn_id, value, str(file)) for conn_id, value in read_values(file).items()]
    existing = frozenset() if overwrite else frozenset(one.conn_id for one in backend.connections())
    wanted = [connection for connection in found if connection.conn_id not in existing]
    backend.put_value(*wanted)
    left = len(found) - len(wanted)
    more = f", {left} left as they were: --overwrite would set them" if left else ""
    session.output.note(f"{len(wanted)} Connections set{more}.")


@app.command("export")
def export_connections(
    context: typer.Context,
    file: File,
    *,
    file_format: Annotated[
        FileForm | None, typer.Option("--file-format", help="By default as the file is named.")
    ] = None,
    serialization_format: Annotated[
        str, typer.Option("--serialization-format", help="In a file: json, the fields, or uri.")
    ] = "",
    home: HomeOption = None,
) -> None:
    """Write all Connections of the store, with their secrets, to a file."""
    session = session_of(context)
    found = session.backend(home).connections()
    form = file_format or _form_of(file)
    if serialization_format not in ("", "json", "uri"):
        raise typer.BadParameter("must be json or uri", param_hint="'--serialization-format'")
    as_uri = serialization_format == "uri" or (form is FileForm.ENV and not serialization_format)
    write_values(file, connections_text(found, form, as_uri))
    session.output.note(f"{len(found)} Connections exported to {file}.")


def _form_of(file: Path) -> FileForm:
    named = {".env": FileForm.ENV, ".yaml": FileForm.YAML, ".yml": FileForm.YAML}
    return named.get(file.suffix.lower(), FileForm.JSON)


def no_connection(conn_id: str) -> NotFound:
    return NotFound(f"the store has no Connection {conn_id!r}; `sailplane connections list` shows all")
