"""`sailplane pools`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sailplane.cli.output import Format
from sailplane.cli.session import FormatOption, HomeOption, session_of
from sailplane.cli.value_files import read_values, write_values
from sailplane.model.errors import NotFound
from sailplane.model.pools import InvalidPool, Pool, checked
from sailplane.model.states import TaskState

if TYPE_CHECKING:
    from sailplane.api.backend import Backend

app = typer.Typer(no_args_is_help=True, help="List, get, set, delete, import and export pools.")

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
File = Annotated[
    Path, typer.Argument(metavar="FILE", show_default=False, help="A JSON file; - for standard input or output.")
]
_STATES = (TaskState.RUNNING, TaskState.QUEUED, TaskState.SCHEDULED, TaskState.DEFERRED)
COLUMNS = ("pool", "slots", "rate", *_STATES, "open", "description")
_FIELDS = {"slots": int, "description": str, "include_deferred": bool, "rate": str}


@app.command("list")
def list_pools(context: typer.Context, form: FormatOption = Format.TABLE, home: HomeOption = None) -> None:
    """List the pools and what is taken of them; -1 slots are no limit."""
    session = session_of(context)
    backend = session.backend(home)
    session.output.rows([_row(backend, pool) for pool in backend.pools.all()], COLUMNS, form)


def _row(backend: "Backend", pool: Pool) -> dict[str, Any]:
    use = backend.pools.use(pool)
    return {
        "pool": pool.name,
        "slots": pool.slots,
        "rate": pool.rate or None,
        TaskState.RUNNING: use.running,
        TaskState.QUEUED: use.queued,
        TaskState.SCHEDULED: use.scheduled,
        TaskState.DEFERRED: use.deferred,
        "open": use.open,
        "include_deferred": pool.include_deferred,
        "description": pool.description or None,
    }


@app.command()
def get(context: typer.Context, name: Name, form: FormatOption = Format.TABLE, home: HomeOption = None) -> None:
    """Show one pool."""
    session = session_of(context)
    backend = session.backend(home)
    session.output.rows([_row(backend, _find(backend, name))], COLUMNS, form)


@app.command("set", context_settings={"ignore_unknown_options": True})
def set_pool(
    context: typer.Context,
    name: Name,
    slots: Annotated[int, typer.Argument(metavar="SLOTS", help="How many there are; -1: no limit.")],
    description: Annotated[str, typer.Argument(metavar="[DESCRIPTION]", show_default=False)] = "",
    *,
    include_deferred: Annotated[
        bool, typer.Option("--include-deferred", help="Deferred task instances keep their slots.")
    ] = False,
    rate: Annotated[str, typer.Option("--rate", help="How many may start: 10/s, 100/m, 1/30s; default: any.")] = "",
    home: HomeOption = None,
) -> None:
    """Make a pool, or change it to this."""
    session = session_of(context)
    pool = Pool(name=name, slots=slots, description=description, include_deferred=include_deferred, rate=rate)
    session.backend(home).pools.put(pool)
    session.output.note(f"Pool {name} has {_slots(slots)}{f', and starts {rate}' if rate else ''}.")


def _slots(slots: int) -> str:
    return "no limit" if slots < 0 else f"{slots} slot{'' if slots == 1 else 's'}"


@app.command()
def delete(context: typer.Context, name: Name, home: HomeOption = None) -> None:
    """Delete a pool; tasks that name it wait until there is one again."""
    session = session_of(context)
    backend = session.backend(home)
    _find(backend, name)
    backend.pools.delete(name)
    session.output.note(f"Pool {name} is deleted.")


@app.command("import")
def import_pools(context: typer.Context, file: File, home: HomeOption = None) -> None:
    """Set the pools that a JSON file holds, as `export` writes it."""
    session = session_of(context)
    backend = session.backend(home)
    found = [_read(name, fields) for name, fields in read_values(file).items()]
    for pool in found:
        backend.pools.put(pool)
    session.output.note(f"{len(found)} pools set.")


def _read(name: str, fields: Any) -> Pool:
    """The pool that a file describes. Raises `InvalidPool`."""
    if not isinstance(fields, dict) or "slots" not in fields:
        raise InvalidPool(f'pool {name!r}: a pool is written as {{"slots": 5, "description": "..."}}, not {fields!r}')
    for field, value in fields.items():
        kind = _FIELDS.get(field)
        if kind is None:
            raise InvalidPool(f"pool {name!r} has the unknown field {field!r}; there are {', '.join(_FIELDS)}")
        if type(value) is not kind:
            raise InvalidPool(f"pool {name!r}: {field} must be a {kind.__name__}, not {value!r}")
    return checked(Pool(name=name, **fields))


@app.command("export")
def export_pools(context: typer.Context, file: File, home: HomeOption = None) -> None:
    """Write all pools to a JSON file."""
    session = session_of(context)
    found = {pool.name: _written(pool) for pool in session.backend(home).pools.all()}
    write_values(file, json.dumps(found, indent=4, ensure_ascii=False) + "\n")
    session.output.note(f"{len(found)} pools exported to {file}.")


def _written(pool: Pool) -> dict[str, Any]:
    fields = {"slots": pool.slots, "description": pool.description, "include_deferred": pool.include_deferred}
    return fields | ({"rate": pool.rate} if pool.rate else {})


def _find(backend: "Backend", name: str) -> Pool:
    found = next((pool for pool in backend.pools.all() if pool.name == name), None)
    if found is None:
        raise NotFound(f"there is no pool {name!r}; `sailplane pools list` shows all")
    return found
