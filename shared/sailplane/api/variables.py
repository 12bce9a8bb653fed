"""Variables of the store, with what is secret in them masked."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
from msgspec import UNSET

from sailplane.api import bulk
from sailplane.api.bulk import BulkCreate, BulkDelete, BulkResponse, BulkUpdate
from sailplane.api.context import Call
from sailplane.api.http import HttpError, Response
from sailplane.api.models import Body
from sailplane.api.paging import Page, Sorting, matches, order
from sailplane.api.routes import Routes
from sailplane.api.value_models import VariableBody, VariableCollectionResponse, VariableResponse
from sailplane.model.secrets import redacted_text, unmasked
from sailplane.model.values import Variable

routes = Routes("/api/v2/variables", "Variable")

SORTING: Sorting[Variable] = {
    "key": lambda variable: variable.key,
    "id": lambda variable: variable.key,
    "_val": lambda variable: variable.value,
    "value": lambda variable: variable.value,
    "description": lambda variable: variable.description,
    "is_encrypted": lambda variable: False,
    "team_name": lambda variable: None,
}


class VariablesQuery(Page, frozen=True, kw_only=True):
    variable_key_pattern: str | None = None
    variable_key_prefix_pattern: str | None = None


class MaskQuery(msgspec.Struct, frozen=True, kw_only=True):
    update_mask: tuple[str, ...] = ()


class VariablesBulkBody(Body, frozen=True, kw_only=True):
    actions: list[BulkCreate[VariableBody] | BulkUpdate[VariableBody] | BulkDelete]


def view(variable: Variable) -> VariableResponse:
    value = redacted_text(variable.value, variable.key)
    return VariableResponse(key=variable.key, value=value, description=variable.description)


@routes.get("")
def get_variables(call: Call, query: VariablesQuery) -> VariableCollectionResponse:
    """List the Variables of the store."""
    found = [
        variable
        for variable in order(call.backend.variables(), query.order_by or ("key",), SORTING)
        if matches(query.variable_key_pattern, variable.key)
        and variable.key.startswith(query.variable_key_prefix_pattern or "")
    ]
    return VariableCollectionResponse(variables=list(map(view, query.cut(found))), total_entries=len(found))


@routes.post("", status=201)
def post_variable(call: Call, body: VariableBody) -> VariableResponse:
    """Create a Variable."""
    made = _made(body)
    call.backend.add_value(made)
    return view(made)


def _made(body: VariableBody) -> Variable:
    if body.value is UNSET:
        raise _missing("value")
    description = None if body.description is UNSET else body.description
    return Variable(key=body.key, value=_text(body.value), description=description)


@routes.patch("")
def bulk_variables(call: Call, body: VariablesBulkBody) -> BulkResponse:
    """Create, update and delete many Variables."""
    return bulk.handle(call, body.actions, KIND)


@routes.get("/{variable_key:path}")
def get_variable(call: Call, variable_key: str) -> VariableResponse:
    """Show a Variable of the store."""
    return view(_find(call, variable_key))


@routes.patch("/{variable_key:path}")
def patch_variable(call: Call, variable_key: str, body: VariableBody, query: MaskQuery) -> VariableResponse:
    """Change a Variable: the fields that the body has, or of those the ones in `update_mask`."""
    if body.key != variable_key:
        raise HttpError(400, "Invalid body, key from request body doesn't match uri parameter")
    new = _changed(_find(call, variable_key), body, query.update_mask)
    call.backend.put_value(new)
    return view(new)


def _changed(old: Variable, body: VariableBody, mask: Sequence[str]) -> Variable:
    changes: dict[str, Any] = {}
    if body.value is not UNSET:
        changes["value"] = unmasked(_text(body.value), old.value, old.key)
    if body.description is not UNSET:
        changes["description"] = body.description
    return replace(old, **{name: value for name, value in changes.items() if not mask or name in mask})


@routes.add("DELETE", "/{variable_key:path}", status=204)
def delete_variable(call: Call, variable_key: str) -> Response:
    """Delete a Variable from the store."""
    call.backend.remove_value(_find(call, variable_key))
    return Response(status=204)


def _find(call: Call, key: str) -> Variable:
    variable = call.backend.variable(key)
    if variable is None:
        raise HttpError(404, f"The Variable with key: `{key}` was not found")
    return variable


def _text(value: msgspec.Raw | Any) -> str:
    """As in Airflow: a text as it is, any other JSON value as its JSON."""
    decoded = msgspec.json.decode(value)
    return decoded if isinstance(decoded, str) else json.dumps(decoded, indent=2)


def _missing(name: str) -> HttpError:
    return HttpError(422, [{"type": "missing", "loc": ["body", name], "msg": "Field required", "input": None}])


KIND: bulk.Kind[VariableBody, Variable] = bulk.Kind(
    name="variables with these keys",
    stored=lambda call: {variable.key: variable for variable in call.backend.variables()},
    name_of=lambda body: body.key,
    made=_made,
    changed=_changed,
    put=lambda call, values: call.backend.put_value(*values),
    remove=lambda call, value: call.backend.remove_value(value),
)
