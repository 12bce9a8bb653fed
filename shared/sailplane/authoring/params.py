"""Params: the inputs of a run, each with a default and a JSON schema."""

import json
from collections.abc import ItemsView, Iterator, Mapping, MutableMapping, ValuesView
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sailplane.authoring.arguments import NOTSET, is_arg_set
from sailplane.authoring.exceptions import ParamValidationError
from sailplane.authoring.xcom_arg import Resolvable

if TYPE_CHECKING:
    from sailplane.authoring.dag import DAG


class Param:
    """A run input: its default, and what a value must be, as JSON schema keywords (`type="integer", minimum=1`)."""

    def __init__(
        self, default: Any = NOTSET, description: str | None = None, source: str | None = None, **kwargs: Any
    ) -> None:
        if is_arg_set(default):
            _check_json(default)
        self.value = default
        self.description = description
        self.source = source
        self.schema: dict[str, Any] = kwargs.pop("schema") if "schema" in kwargs else kwargs

    def __copy__(self) -> "Param":
        return Param(self.value, self.description, self.source, schema=self.schema)

    def __repr__(self) -> str:
        return f"Param({self.value!r}, {', '.join(f'{name}={value!r}' for name, value in self.schema.items())})"

    @property
    def has_value(self) -> bool:
        return is_arg_set(self.value) and self.value is not None

    def resolve(self, value: Any = NOTSET, suppress_exception: bool = False) -> Any:
        """The value, or the default without one, once it fits the schema; else `ParamValidationError` (or None)."""
        try:
            return self._checked(value if is_arg_set(value) else self.value)
        except ParamValidationError:
            if suppress_exception:
                return None
            raise

    def _checked(self, value: Any) -> Any:
        if not is_arg_set(value):
            raise ParamValidationError("it has no default and no value was given")
        _check_json(value)
        if self.schema:
            _check_schema(value, self.schema)
        return value


def _check_json(value: Any) -> None:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        raise ParamValidationError(f"{value!r} is no JSON value: params hold text, numbers, lists and dicts") from None


def _check_schema(value: Any, schema: Mapping[str, Any]) -> None:
    error = next(_validator(json.dumps(schema)).iter_errors(value), None)
    if error is not None:
        place = f" (at {error.json_path})" if error.path else ""
        raise ParamValidationError(f"{error.message}{place}")


@lru_cache(maxsize=256)
def _validator(schema: str) -> Any:
    """The validator of a schema, given as JSON: checking the schema itself takes longer than checking a value."""
    from jsonschema import FormatChecker
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    keywords = json.loads(schema)
    kind = validator_for(keywords)
    try:
        kind.check_schema(keywords)
    except SchemaError as error:
        raise ParamValidationError(f"its JSON schema is wrong: {error.message}") from None
    return kind(keywords, format_checker=FormatChecker())


class ParamsDict(MutableMapping[str, Any]):
    """Params by name. Reading one gives its value, checked; setting one checks the value against its schema.

    Every ParamsDict has its own `Param` objects, so that values set for one run never show in another.
    """

    def __init__(self, params: Mapping[str, Any] | None = None, suppress_exception: bool = False) -> None:
        self._params: dict[str, Param] = {}
        self.suppress_exception = suppress_exception
        self.merge(params)

    def merge(self, params: Mapping[str, Any] | None) -> None:
        """Take over all of `params`; each replaces its namesake."""
        if isinstance(params, ParamsDict):
            params = params._params
        for name, value in (params or {}).items():
            self._params[name] = _as_param(value)

    def __getitem__(self, name: str) -> Any:
        with _naming(name):
            return self._params[name].resolve(suppress_exception=self.suppress_exception)

    def __setitem__(self, name: str, value: Any) -> None:
        if isinstance(value, Param) or name not in self._params:
            self._params[name] = _as_param(value)
            return
        param = self._params[name]
        with _naming(name):
            param.value = param.resolve(value, self.suppress_exception)

    def __delitem__(self, name: str) -> None:
        del self._params[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def __contains__(self, name: object) -> bool:
        return name in self._params

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and self.dump() == (other.dump() if isinstance(other, ParamsDict) else other)

    __hash__ = None  # type: ignore[assignment]  # It is mutable.

    def __repr__(self) -> str:
        return repr(self.dump())

    def items(self) -> ItemsView[str, Any]:
        """Names with their `Param` objects, as in Airflow."""
        return ItemsView(self._params)

    def values(self) -> ValuesView[Any]:
        return ValuesView(self._params)

    def get_param(self, name: str) -> Param:
        return self._params[name]

    def check_schemas(self) -> None:
        """Raise `ParamValidationError` for a schema that is none. The process is then ready to check values."""
        for name, param in self._params.items():
            with _naming(name):
                if param.schema:
                    _validator(json.dumps(param.schema))

    def dump(self) -> dict[str, Any]:
        """The values, None for those that do not fit their schema."""
        return {name: param.resolve(suppress_exception=True) for name, param in self._params.items()}

    def validate(self) -> dict[str, Any]:
        """The values. Raises `ParamValidationError` for the first that does not fit its schema."""
        return {name: self[name] for name in self._params}


@contextmanager
def _naming(name: str) -> Iterator[None]:
    try:
        yield
    except ParamValidationError as error:
        raise ParamValidationError(f"param {name!r}: {error}") from None


def _as_param(value: Any) -> Param:
    return value.__copy__() if isinstance(value, Param) else Param(value)


class DagParam(Resolvable):
    """A value for a task's argument that comes from the run's params: what the arguments of a @dag function are."""

    def __init__(self, current_dag: "DAG", name: str, default: Any = NOTSET) -> None:
        if is_arg_set(default):
            current_dag.params[name] = default
        self._name = name
        self._default = default
        self.current_dag = current_dag

    def resolve(self, context: Mapping[str, Any]) -> Any:
        conf = context["dag_run"].conf or {}
        if self._name in conf:
            return conf[self._name]
        if is_arg_set(self._default):
            return self._default.value if isinstance(self._default, Param) else self._default
        return context["params"][self._name]


def run_params(dag: ParamsDict, task: ParamsDict, conf: Mapping[str, Any]) -> dict[str, Any]:
    """The params that a task sees: the run's conf before the task's own before the DAG's, each checked."""
    if not dag and not task and not conf:
        return {}
    params = ParamsDict(dag)
    params.merge(task)
    for name, value in conf.items():
        params[name] = value
    return params.validate()
