"""`sailplane variables`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sailplane.cli.output import Format
from sailplane.cli.session import FormatOption, HomeOption, session_of
from sailplane.cli.value_files import OnExisting, read_values, variables_text, write_values
from sailplane.model.errors import AlreadyExists, NotFound
from sailplane.model.secrets import redacted_text
from sailplane.model.values import Variable

if TYPE_CHECKING:
    from sailplane.api.backend import Backend

app = typer.Typer(no_args_is_help=True, help="List, get, set, delete, import and export Variables of the store.")

Key = Annotated[str, typer.Argument(metavar="KEY", show_default=False)]
File = Annotated[
    Path, typer.Argument(metavar="FILE", show_default=False, help="A file; - for standard input or output.")
]
JsonOption = Annotated[bool, typer.Option("--json", "-j", help="The value is JSON.")]
ShowValues = Annotated[bool, typer.Option("--show-values", help="Do not mask what is secret.")]
HideSensitive = Annotated[bool, typer.Option("--hide-sensitive", help="Mask it all the same, as without both.")]
COLUMNS = ("key", "value", "description")


@app.command("list")
def list_variables(
    context: typer.Context,
    show_values: ShowValues = False,
    hide_sensitive: HideSensitive = False,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """List the Variables; values with sensitive names are masked."""
    session = session_of(context)
    found = sorted(session.backend(home).variables(), key=lambda one: one.key)
    session.output.rows([_row(variable, show_values and not hide_sensitive) for variable in found], COLUMNS, form)


def _row(variable: Variable, show_values: bool) -> dict[str, Any]:
    value = variable.value if show_values else redacted_text(variable.value, variable.key)
    return {"key": variable.key, "value": value, "description": variable.description}


@app.command()
def get(
    context: typer.Context,
    key: Key,
    *,
    is_json: JsonOption = False,
    default: Annotated[str | None, typer.Option("--default", "-d", help="What to print when it is not set.")] = None,
    home: HomeOption = None,
) -> None:
    """Print the value of a Variable of the store as it is."""
    session = session_of(context)
    found = session.backend(home).variable(key)
    if found is None and default is None:
        raise no_variable(key)
    text = found.value if found is not None else default or ""
    session.output.line(json.dumps(_json(text, f"the Variable {key!r}"), indent=2) if is_json else text)


@app.command("set")
def set_variable(
    context: typer.Context,
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", show_default=False)],
    *,
    description: Annotated[str | None, typer.Option("--description", help="What it is for.")] = None,
    is_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Set a Variable in the store."""
    session = session_of(context)
    if is_json:
        _json(value, "VALUE")
    session.backend(home).put_value(Variable(key=key, value=value, description=description))
    session.output.note(f"Variable {key} is set.")


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"{what} is not JSON: {error}", param_hint="'--json'") from error


@app.command()
def delete(context: typer.Context, key: Key, home: HomeOption = None) -> None:
    """Delete a Variable from the store."""
    session = session_of(context)
    backend = session.backend(home)
    found = backend.variable(key)
    if found is None:
        raise no_variable(key)
    backend.remove_value(found)
    session.output.note(f"Variable {key} is deleted.")


@app.command("import")
def import_variables(
    context: typer.Context,
    file: File,
    *,
    action: Annotated[
        OnExisting, typer.Option("--action-on-existing-key", "-a", help="What to do with a key that is there.")
    ] = OnExisting.OVERWRITE,
    home: HomeOption = None,
) -> None:
    """Set the Variables that a JSON, YAML or .env file holds."""
    from sailplane.engine.value_files import variable_of

    session = session_of(context)
    backend = session.backend(home)
    found = [variable_of(key, value) for key, value in read_values(file).items()]
    existing = _existing(backend, action)
    clash = [variable.key for variable in found if variable.key in existing]
    if action is OnExisting.FAIL and clash:
        raise AlreadyExists(f"nothing was imported: {', '.join(clash)} exist already")
    wanted = [variable for variable in found if variable.key not in existing]
    backend.put_value(*wanted)
    skipped = f", {len(clash)} left as they were" if clash else ""
    session.output.note(f"{len(wanted)} Variables set{skipped}.")


def _existing(backend: "Backend", action: OnExisting) -> frozenset[str]:
    """The keys that an import has to mind."""
    return frozenset() if action is OnExisting.OVERWRITE else frozenset(one.key for one in backend.variables())


@app.command("export")
def export_variables(context: typer.Context, file: File, home: HomeOption = None) -> None:
    """Write all Variables of the store, with their secrets, to a JSON file."""
    session = session_of(context)
    found = session.backend(home).variables()
    write_values(file, variables_text(found))
    session.output.note(f"{len(found)} Variables exported to {file}.")


def no_variable(key: str) -> NotFound:
    return NotFound(f"the store has no Variable {key!r}; `sailplane variables list` shows all")
