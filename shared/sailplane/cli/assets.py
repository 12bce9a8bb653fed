"""`sailplane assets`."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sailplane.cli import rows
from sailplane.cli.output import Format
from sailplane.cli.session import FormatOption, HomeOption, session_of
from sailplane.model.assets import AliasRecord, AssetRecord, alias_id
from sailplane.model.errors import NotFound, RequestError

if TYPE_CHECKING:
    from sailplane.api.backend import Backend

app = typer.Typer(no_args_is_help=True, help="List and show assets, have one made, tell of an update.")

NameOption = Annotated[str | None, typer.Option("--name", help="Name of the asset.", show_default=False)]
UriOption = Annotated[str | None, typer.Option("--uri", help="URI of the asset.", show_default=False)]
AliasOption = Annotated[bool, typer.Option("--alias", help="Aliases instead of assets.")]
COLUMNS = ("name", "uri", "group", "producers", "scheduled_dags")
ALIAS_COLUMNS = ("name", "group", "scheduled_dags", "assets")
EVENT_COLUMNS = ("id", "name", "timestamp", "extra")


@app.command("list")
def list_assets(
    context: typer.Context, alias: AliasOption = False, form: FormatOption = Format.TABLE, home: HomeOption = None
) -> None:
    """List the assets that DAGs name, or the aliases."""
    session = session_of(context)
    backend = session.backend(home)
    if alias:
        found = sorted(backend.assets.aliases(), key=lambda one: one.name)
        session.output.rows(map(_alias_row, found), ALIAS_COLUMNS, form)
        return
    active = sorted((one for one in backend.assets.all() if one.is_active), key=lambda one: (one.name, one.uri))
    session.output.rows(map(_row, active), COLUMNS, form)


@app.command()
def details(
    context: typer.Context,
    *,
    name: NameOption = None,
    uri: UriOption = None,
    alias: AliasOption = False,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Show an asset, or an alias."""
    session = session_of(context)
    backend = session.backend(home)
    if not alias:
        session.output.record(_row(_find(backend, name, uri)), form)
        return
    if name is None or uri is not None:
        raise typer.BadParameter("an alias has a name, and no URI", param_hint="'--alias'")
    record = backend.assets.alias(alias_id(name))
    if record is None:
        raise NotFound(f"there is no alias {name!r}; `sailplane assets list --alias` shows all")
    session.output.record(_alias_row(record), form)


@app.command()
def materialize(
    context: typer.Context,
    *,
    name: NameOption = None,
    uri: UriOption = None,
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Start a run of the DAG that updates an asset."""
    from sailplane.api.backend import TriggerOrder
    from sailplane.model.states import RunType, TriggeredBy

    session = session_of(context)
    backend = session.backend(home)
    record = _find(backend, name, uri)
    makers = sorted({place.partition("/")[0] for place in record.producers})
    if len(makers) != 1:
        which = f"{', '.join(makers)} do: trigger one of them" if makers else "none does"
        raise RequestError(f"exactly one DAG has to update asset {record.name!r}, and {which}")
    order = TriggerOrder(dag_id=makers[0], run_type=RunType.ASSET_MATERIALIZATION, triggered_by=TriggeredBy.CLI)
    session.output.rows([rows.run_row(backend.trigger(order))], rows.RUN_COLUMNS, form)


@app.command()
def emit(
    context: typer.Context,
    *,
    name: NameOption = None,
    uri: UriOption = None,
    extra: Annotated[str, typer.Option("--extra", help="What to say of the update, as a JSON object.")] = "{}",
    form: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Tell of an update of an asset that no task made: it may start runs."""
    session = session_of(context)
    backend = session.backend(home)
    event = backend.assets.emit(_find(backend, name, uri), _object(extra), None)
    row = {"id": event.id, "name": event.name, "timestamp": event.timestamp, "extra": dict(event.extra)}
    session.output.rows([row], EVENT_COLUMNS, form)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"it is not JSON: {error}", param_hint="'--extra'") from error
    if not isinstance(value, dict):
        raise typer.BadParameter("it must be a JSON object", param_hint="'--extra'")
    return value


def _find(backend: "Backend", name: str | None, uri: str | None) -> AssetRecord:
    if name is None and uri is None:
        raise typer.BadParameter("--name or --uri is needed", param_hint="'--name'")
    found = [one for one in backend.assets.all() if name in (None, one.name) and uri in (None, one.uri)]
    active = [one for one in found if one.is_active] or found
    said = " and ".join(f"{what} {value!r}" for what, value in (("name", name), ("URI", uri)) if value is not None)
    if not active:
        raise NotFound(f"there is no asset with {said}; `sailplane assets list` shows all")
    if len(active) > 1:
        raise RequestError(f"{len(active)} assets have {said}; give both --name and --uri")
    return active[0]


def _row(record: AssetRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "uri": record.uri,
        "group": record.group,
        "extra": dict(record.extra),
        "producers": [place.replace("/", ".") for place in record.producers],
        "readers": [place.replace("/", ".") for place in record.readers],
        "scheduled_dags": list(record.consumers),
        "aliases": list(record.aliases),
        "created_at": record.created_at,
        "updated_at": record.updated_at,
    }


def _alias_row(record: AliasRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "group": record.group,
        "scheduled_dags": list(record.consumers),
        "assets": list(record.assets),
    }
