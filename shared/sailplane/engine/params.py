"""Checking a run's conf against the DAG's params before anything is created."""

from collections.abc import Mapping
from typing import Any

from sailplane.model.dags import SerializedDag, SerializedParam
from sailplane.model.errors import InvalidConf


def check_conf(dag: SerializedDag, conf: Mapping[str, Any]) -> None:
    """Raise `InvalidConf` when `conf` does not fit the params of `dag`, or leaves out one without a default.

    As in Airflow, keys of `conf` that are no params are let through: tasks read them from `dag_run.conf`.
    """
    for name, param in dag.params.items():
        if name in conf:
            _check(dag.dag_id, name, param, conf[name])
        elif not param.has_value:
            raise InvalidConf(f"DAG {dag.dag_id!r} needs a value for its param {name!r}; give it in conf")


def _check(dag_id: str, name: str, param: SerializedParam, value: Any) -> None:
    if not param.schema:
        return
    import jsonschema

    try:
        jsonschema.validate(value, dict(param.schema), format_checker=jsonschema.FormatChecker())
    except jsonschema.ValidationError as error:
        raise InvalidConf(f"conf[{name!r}] does not fit the param of DAG {dag_id!r}: {error.message}") from error
