"""Routes: which function answers which path, and how its arguments are read from the request.

A handler's annotations are the contract: a parameter named like a part of the path takes it, `query` and `body` are
msgspec structs checked against the request, and the return type is what OpenAPI documents. This small table stands
where a web framework would: the functions framework brings its own server and router, and a second stack behind it
cost half a second of every cold start and more time a request than the store itself.
"""

import inspect
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from sailplane.api.http import JSON, HttpError, Request

Handler = Callable[..., Any]
Signed = TypeVar("Signed", bound=Handler)
_PLACE = re.compile(r"{(\w+)(:path)?}")
_FIELD_OF_ERROR = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<where>.*)`)?$", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method of one path. `template` holds `{name}` for a part and `{name:path}` for all the rest."""

    method: str
    template: str
    handler: Handler
    tag: str
    status: int = 200
    public: bool = False
    """Answered without a login."""
    documented: bool = True

    @cached_property
    def hints(self) -> Mapping[str, Any]:
        return typing.get_type_hints(self.handler)

    @cached_property
    def places(self) -> tuple[str, ...]:
        return tuple(name for name, _rest in _PLACE.findall(self.template))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        parts = (
            f"(?P<{part[1]}>{'.+' if part[2] else '[^/]+'})" if part[1] else re.escape(part[0])
            for part in _split(self.template)
        )
        return re.compile("".join(parts))

    @cached_property
    def query(self) -> type[msgspec.Struct] | None:
        return self.hints.get("query")

    @cached_property
    def body(self) -> type[msgspec.Struct] | None:
        return self.hints.get("body")

    @cached_property
    def summary(self) -> str:
        return (inspect.getdoc(self.handler) or "").partition("\n")[0]

    def arguments(self, parts: Mapping[str, str], request: Request) -> dict[str, Any]:
        """The handler's arguments, checked. Raises `HttpError` 422 or 415."""
        values: dict[str, Any] = {name: _part(name, parts[name], self.hints[name]) for name in self.places}
        if self.query is not None:
            values["query"] = read_query(request, self.query)
        if self.body is not None:
            values["body"] = read_body(request, self.body)
        return values


def _split(template: str) -> Iterable[tuple[str, str, str]]:
    """The template's pieces in order, as (literal, place, rest)."""
    end = 0
    for place in _PLACE.finditer(template):
        yield template[end : place.start()], "", ""
        yield "", place[1], place[2] or ""
        end = place.end()
    yield template[end:], "", ""


def _part(name: str, text: str, wanted: type) -> Any:
    try:
        return msgspec.convert(text, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error, "path", name, text) from error


def read_query(request: Request, wanted: type[msgspec.Struct]) -> msgspec.Struct:
    """The query's fields; unknown ones are passed over, as Airflow does."""
    given: dict[str, Any] = {}
    for info in msgspec.structs.fields(wanted):
        texts = request.query.get(info.encode_name)
        if texts:
            given[info.encode_name] = list(texts) if _is_sequence(info.type) else texts[-1]
    try:
        return msgspec.convert(given, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error, "query", "", given) from error


def _is_sequence(wanted: Any) -> bool:
    return typing.get_origin(wanted) in (list, tuple)


def read_body(request: Request, wanted: type[msgspec.Struct]) -> msgspec.Struct:
    """The JSON body. Its media type must be JSON: a form of some other site cannot send that unasked."""
    if request.content_type != JSON:
        raise HttpError(415, f"Content-Type must be {JSON}, not {request.content_type or 'absent'}")
    try:
        return msgspec.json.decode(request.body or b"{}", type=wanted)
    except msgspec.ValidationError as error:
        raise invalid(error, "body", "", None) from error
    except msgspec.DecodeError as error:
        detail = {"type": "json_invalid", "loc": ["body"], "msg": f"JSON decode error: {error}", "input": {}}
        raise HttpError(422, [detail]) from error


def invalid(error: msgspec.ValidationError, place: str, name: str, given: Any) -> HttpError:
    """422 with the detail list that Airflow's clients know."""
    found = _FIELD_OF_ERROR.match(str(error))
    where = (found["where"] if found else None) or name
    message = found["what"] if found else str(error)
    loc = [place, *(part for part in where.split(".") if part)]
    value = given.get(where) if isinstance(given, dict) else given
    return HttpError(422, [{"type": "value_error", "loc": loc, "msg": message, "input": value}])


class Routes:
    """A list of routes that handlers sign up for."""

    def __init__(self, prefix: str = "", tag: str = "") -> None:
        self._prefix = prefix
        self._tag = tag
        self.all: list[Route] = []

    def get(self, template: str, **options: Any) -> Callable[[Signed], Signed]:
        return self.add("GET", template, **options)

    def post(self, template: str, **options: Any) -> Callable[[Signed], Signed]:
        return self.add("POST", template, **options)

    def patch(self, template: str, **options: Any) -> Callable[[Signed], Signed]:
        return self.add("PATCH", template, **options)

    def add(self, method: str, template: str, **options: Any) -> Callable[[Signed], Signed]:
        def sign_up(handler: Signed) -> Signed:
            path = self._prefix + template
            self.all.append(Route(method=method, template=path, handler=handler, tag=self._tag, **options))
            return handler

        return sign_up


class Router:
    """Finds the route of a request: the first one in order that fits."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        """The route and the path's parts. Raises `HttpError` 404 or 405."""
        wanted = "GET" if method == "HEAD" else method
        allowed = set()
        for route in self.routes:
            match = route.pattern.fullmatch(path)
            if match and route.method == wanted:
                return route, match.groupdict()
            if match:
                allowed.add(route.method)
        if allowed:
            raise HttpError(405, "Method Not Allowed", {"Allow": ", ".join(sorted(allowed))})
        raise HttpError(404, "Not Found")
