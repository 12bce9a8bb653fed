"""The OpenAPI document, made of the routes themselves."""

import typing
from collections.abc import Iterable
from typing import Any

import msgspec

from sailplane.api.http import JSON, Response
from sailplane.api.routes import Route

_REF = "#/components/schemas/{name}"
_ERROR = {"type": "object", "properties": {"detail": {}}, "required": ["detail"]}


def document(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 description of `routes`."""
    shown = [route for route in routes if route.documented]
    shapes = [shape for route in shown for shape in _shapes(route)]
    _out, components = msgspec.json.schema_components(shapes, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in shown:
        path = route.template.replace(":path}", "}")
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sailplane", "version": version, "description": "Compatible with Airflow's REST API v2."},
        "paths": paths,
        "components": {
            "schemas": {**components, "HTTPExceptionResponse": _ERROR},
            "securitySchemes": {
                "HTTPBearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "HTTPBasic": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _shapes(route: Route) -> list[type]:
    body = [route.body] if route.body else []
    return [*body, *_answers(route)]


def _answers(route: Route) -> list[type[msgspec.Struct]]:
    """The structs that the route returns, of a union all."""
    returned = route.hints.get("return")
    options = typing.get_args(returned) or (returned,)
    return [option for option in options if option is not Response and option is not type(None)]


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": [route.tag],
        "summary": route.summary,
        "operationId": route.handler.__name__,
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": _responses(route),
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": _ref(route.body)}}}
    if not route.public:
        operation["security"] = [{"HTTPBearer": []}, {"HTTPBasic": []}]
    return operation


def _responses(route: Route) -> dict[str, Any]:
    schemas = [_ref(answer) for answer in _answers(route)]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    errors = {"404": "Not Found", "422": "Validation Error"}
    if not route.public:
        errors |= {"401": "Unauthorized", "403": "Forbidden"}
    return {
        str(route.status): {"description": "Successful Response", "content": {JSON: {"schema": schema}}},
        **{
            status: {
                "description": text,
                "content": {JSON: {"schema": {"$ref": _REF.format(name="HTTPExceptionResponse")}}},
            }
            for status, text in sorted(errors.items())
        },
    }


def _ref(shape: type) -> dict[str, str]:
    return {"$ref": _REF.format(name=shape.__name__)}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": msgspec.json.schema(route.hints[name])}
        for name in route.places
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    parameters = []
    for info in msgspec.structs.fields(route.query):
        schema = msgspec.json.schema(info.type)
        if info.default is not msgspec.NODEFAULT:
            schema["default"] = msgspec.to_builtins(info.default)
        parameters.append({"name": info.encode_name, "in": "query", "required": False, "schema": schema})
    return parameters
